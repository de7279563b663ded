#include "experience/normalizer.h"

#include <math.h>
#include <string.h>

#define START_COUNT 1e-4
#define DEFAULT_CLIP 10.0

#define FIELD(name) .key = #name, .offset = offsetof(struct normalize_options, name)

static const struct option_spec normalize_options[] = {
    {FIELD(norm_obs), .type = OPTION_BOOL, .default_value = "false",
     .help = "whether Box observations are normalised by their running mean and variance"},
    {FIELD(norm_reward), .type = OPTION_BOOL, .default_value = "false",
     .help = "whether rewards are divided by the running deviation of the discounted returns"},
    {FIELD(clip_obs), .type = OPTION_MAYBE_FLOAT, .default_value = "null", .min = 0, .min_exclusive = true,
     .max = OPTION_NO_MAX, .help = "Box observations are clipped to +- this; null: 10 with norm_obs, else not at all"},
    {FIELD(clip_reward), .type = OPTION_MAYBE_FLOAT, .default_value = "null", .min = 0, .min_exclusive = true,
     .max = OPTION_NO_MAX, .help = "rewards are clipped to +- this; null: 10 with norm_reward, else not at all"},
    {FIELD(epsilon), .type = OPTION_FLOAT, .default_value = "1e-8", .min = 0, .min_exclusive = true, .max = 1,
     .help = "added to a variance before its root is taken"},
    {.key = NULL},
};

const struct option_table normalize_option_table = {.section = "normalize", .options = normalize_options};

/* the value of a clip option: as given, else 10 where values are normalised */
static double resolve_clip(double clip, bool normalizes) {
  if (!isnan(clip)) return clip;
  return normalizes ? DEFAULT_CLIP : INFINITY;
}

muster_status normalizer_check(const struct normalize_options *options, muster_space_kind observation) {
  const float clip = (float)resolve_clip(options->clip_obs, options->norm_obs);
  return encoder_check_scale(observation, options->norm_obs, clip);
}

muster_status normalizer_prepare(const struct normalize_options *options, struct arena *arena,
                                 struct encoder *encoder) {
  return encoder_scale(encoder, options->norm_obs, (float)resolve_clip(options->clip_obs, options->norm_obs), arena);
}

void normalizer_publish(const struct normalizer *normalizer) {
  if (!normalizer->options->norm_obs) return;
  struct encoder *encoder = normalizer->encoder;
  for (size_t i = 0; i < encoder->elements; i++) {
    encoder->statistics[i] = (float)normalizer->obs_mean[i];
    encoder->statistics[encoder->elements + i] =
        (float)(1.0 / sqrt(normalizer->obs_variance[i] + normalizer->options->epsilon));
  }
}

muster_status normalizer_create(const struct normalize_options *options, struct encoder *encoder, size_t rows,
                                double gamma, struct arena *arena, struct normalizer *normalizer) {
  size_t elements = options->norm_obs ? encoder->elements : 0;
  *normalizer = (struct normalizer){
      .options = options,
      .encoder = encoder,
      .gamma = gamma,
      .obs_count = START_COUNT,
      .rows = rows,
      .return_variance = 1.0,
      .return_count = START_COUNT,
  };
  MUSTER_TRY(ARENA_TAKE(arena, elements, "mean of observations", &normalizer->obs_mean));
  MUSTER_TRY(ARENA_TAKE(arena, elements, "variance of observations", &normalizer->obs_variance));
  MUSTER_TRY(ARENA_TAKE(arena, elements, "mean of observations", &normalizer->rollout_mean));
  MUSTER_TRY(ARENA_TAKE(arena, elements, "variance of observations", &normalizer->rollout_square));
  for (size_t i = 0; i < elements; i++) normalizer->obs_variance[i] = 1.0;
  normalizer_publish(normalizer);
  return ARENA_TAKE(arena, options->norm_reward ? normalizer->rows : 0, "discounted returns", &normalizer->returns);
}

/* merges n values into a running mean and variance over `count` (Chan et al. 1979, eq. 2.1) */
static void merge(double *mean, double *variance, double count, double new_mean, double new_variance, double n) {
  double delta = new_mean - *mean, total = count + n;
  double squares = *variance * count + new_variance * n + delta * delta * count * n / total;
  *mean += delta * n / total;
  *variance = squares / total;
}

/* --- rewards --- */

/* Carries the discounted returns of all rows through the rollout, and sums them up; the last pass sums their squared
 * differences from the mean instead. */
static double sum_returns(struct normalizer *normalizer, const struct trajectory *rollout, bool last_pass,
                          double mean) {
  size_t n_steps = rollout->n_steps;
  double sum = 0.0;
  for (size_t row = 0; row < rollout->n_rows; row++) {
    const float *reward = rollout->reward + row * n_steps;
    const uint8_t *ended = rollout->ended + row / rollout->agents * n_steps;
    double *running = &normalizer->returns[rollout->first_env * rollout->agents + row], discounted = *running;
    for (size_t t = 0; t < (size_t)rollout->length[row]; t++) {
      discounted = discounted * normalizer->gamma + reward[t];
      sum += last_pass ? (discounted - mean) * (discounted - mean) : discounted;
      if (ended[t] != 0) discounted = 0.0;
    }
    if (last_pass) *running = discounted;
  }
  return sum;
}

static void observe_returns(struct normalizer *normalizer, const struct trajectory *rollout) {
  double n = (double)trajectory_samples(rollout);
  double mean = sum_returns(normalizer, rollout, false, 0.0) / n;
  double variance = sum_returns(normalizer, rollout, true, mean) / n;
  merge(&normalizer->return_mean, &normalizer->return_variance, normalizer->return_count, mean, variance, n);
  normalizer->return_count += n;
}

void normalizer_scale_rewards(struct normalizer *normalizer, struct trajectory *rollout) {
  const struct normalize_options *options = normalizer->options;
  double clip = resolve_clip(options->clip_reward, options->norm_reward), scale = 1.0;
  if (!options->norm_reward && isinf(clip)) return;
  if (options->norm_reward) {
    observe_returns(normalizer, rollout);
    scale = 1.0 / sqrt(normalizer->return_variance + options->epsilon);
  }
  for (size_t i = 0; i < rollout->n_rows * rollout->n_steps; i++) {
    double reward = rollout->reward[i] * scale;
    rollout->reward[i] = (float)(reward > clip ? clip : (reward < -clip ? -clip : reward));
  }
}

void normalizer_restart(struct normalizer *normalizer) {
  /* without norm_reward the array is empty, though it has an address */
  if (normalizer->options->norm_reward) memset(normalizer->returns, 0, normalizer->rows * sizeof *normalizer->returns);
}

/* --- observations --- */

/* adds the observations of the rollout to sums, element by element: x - shift, or its square */
static void sum_observations(const struct trajectory *rollout, size_t elements, const double *shift, double *sums) {
  memset(sums, 0, elements * sizeof *sums);
  for (size_t row = 0; row < rollout->n_rows; row++) {
    const float *x = (const float *)rollout->observation + row * (rollout->n_steps + 1) * elements;
    for (size_t t = 0; t < (size_t)rollout->length[row]; t++, x += elements)
      for (size_t i = 0; i < elements; i++) sums[i] += shift == NULL ? x[i] : (x[i] - shift[i]) * (x[i] - shift[i]);
  }
}

void normalizer_observe(struct normalizer *normalizer, const struct trajectory *rollout) {
  if (!normalizer->options->norm_obs) return;
  size_t elements = normalizer->encoder->elements;
  double n = (double)trajectory_samples(rollout), *mean = normalizer->rollout_mean;
  sum_observations(rollout, elements, NULL, mean);
  for (size_t i = 0; i < elements; i++) mean[i] /= n;
  sum_observations(rollout, elements, mean, normalizer->rollout_square);
  for (size_t i = 0; i < elements; i++)
    merge(&normalizer->obs_mean[i], &normalizer->obs_variance[i], normalizer->obs_count, mean[i],
          normalizer->rollout_square[i] / n, n);
  normalizer->obs_count += n;
  normalizer_publish(normalizer);
}

/* --- state --- */

int normalizer_state(struct normalizer *normalizer, struct tensor list[NORMALIZER_STATE]) {
  int n = 0;
  if (normalizer->options->norm_obs) {
    size_t elements = normalizer->encoder->elements;
    list[n++] = (struct tensor){"normalizer/obs_mean", TENSOR_F64, 1, {elements}, normalizer->obs_mean, RANGE_FINITE};
    list[n++] = (struct tensor){"normalizer/obs_variance", TENSOR_F64,       1, {elements},
                                normalizer->obs_variance,  RANGE(0, DBL_MAX)};
    list[n++] = (struct tensor){
        "normalizer/obs_count", TENSOR_F64, 0, {0}, &normalizer->obs_count, RANGE(START_COUNT, RANGE_COUNT_MAX)};
  }
  if (normalizer->options->norm_reward) {
    list[n++] =
        (struct tensor){"normalizer/returns", TENSOR_F64, 1, {normalizer->rows}, normalizer->returns, RANGE_SUM};
    list[n++] = (struct tensor){"normalizer/return_mean", TENSOR_F64, 0, {0}, &normalizer->return_mean, RANGE_SUM};
    list[n++] = (struct tensor){"normalizer/return_variance", TENSOR_F64,       0, {0},
                                &normalizer->return_variance, RANGE(0, DBL_MAX)};
    list[n++] = (struct tensor){"normalizer/return_count",          TENSOR_F64, 0, {0}, &normalizer->return_count,
                                RANGE(START_COUNT, RANGE_COUNT_MAX)};
  }
  return n;
}
