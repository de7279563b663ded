/* Small models and rollouts for tests. */
#ifndef SUPPORT_MODEL_H
#define SUPPORT_MODEL_H

#include "base/random.h"
#include "experience/trajectory.h"
#include "nn/model.h"
#include "support/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct network_shape {
  size_t obs_dim;
  int32_t actions;
  int activation; /* index into the option's choices: 0 tanh, 1 relu */
  bool share_trunk;
  int32_t layers;
  int64_t hidden[4];
  muster_space_kind kind;  /* of the actions; 0: Discrete with `actions` choices */
  int32_t elements;        /* of a Box or MultiDiscrete action */
  int32_t counts[4];       /* of a MultiDiscrete action */
  const float *low, *high; /* bounds of a Box action, borrowed; NULL: none */
  bool masks;
  int log_std;    /* enum model_log_std */
  int32_t agents; /* 0: one */
  int64_t kernel_size;
  int32_t states;  /* of Discrete observations; 0: they are Box */
  int32_t grid[3]; /* rows, columns and channels of the observations; 0: they have one dimension */
  struct policy_request request;
};

/* Fills n floats with normals times `scale`, from the stream `index` of the seed. */
static inline void fill_normal(float *values, size_t n, double scale, uint64_t seed, uint32_t index) {
  struct random_stream stream = random_stream_start(seed, RANDOM_ENV, index, 0);
  for (size_t i = 0; i < n; i++) values[i] = (float)(scale * muster_random_normal(&stream.base));
}

/* The tensor "<network>/<number>/<part>", which must be there. */
static inline const struct parameter *find_parameter(const struct parameters *parameters, const char *network,
                                                     int number, const char *part) {
  char name[64];
  snprintf(name, sizeof name, "%s/%d/%s", network, number, part);
  for (int i = 0; i < parameters->tensors; i++)
    if (strcmp(parameters->tensor[i].name, name) == 0) return &parameters->tensor[i];
  CU_FAIL_FATAL("no such tensor");
  return NULL;
}

/* The description of environments for such a model: its observation and these actions. Points into the shape. */
static inline muster_env_spec describe_shape(const struct network_shape *shape) {
  muster_space action = {.kind = shape->kind,
                         .rank = 1,
                         .shape = {shape->elements},
                         .counts = shape->counts,
                         .low = shape->low,
                         .high = shape->high};
  if (shape->kind == 0) action = (muster_space){.kind = MUSTER_SPACE_DISCRETE, .counts = &shape->actions};
  muster_space observation = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {(int32_t)shape->obs_dim}};
  if (shape->states > 0) observation = (muster_space){.kind = MUSTER_SPACE_DISCRETE, .counts = &shape->states};
  if (shape->grid[0] > 0) {
    observation.rank = 3;
    memcpy(observation.shape, shape->grid, sizeof shape->grid);
  }
  return (muster_env_spec){
      .observation = observation,
      .action = action,
      .agents = shape->agents > 0 ? shape->agents : 1,
      .masks_actions = shape->masks,
  };
}

/* Creates a rollout for such environments. */
static inline void create_rollout(const struct network_shape *shape, size_t n_envs, size_t n_steps, struct arena *arena,
                                  struct trajectory *rollout) {
  struct {
    struct network_shape shape;
    muster_env_spec spec;
  } * kept; /* the rollout borrows it */
  CHECK_OK_FATAL(ARENA_TAKE(arena, 1, "spec", &kept));
  kept->shape = *shape;
  kept->spec = describe_shape(&kept->shape);
  CHECK_OK_FATAL(trajectory_create(&kept->spec, n_envs, n_steps, arena, rollout));
}

/* Creates a model of this shape (critics: as in model_create()); parameters are zero. */
static inline void create_model(const struct network_shape *shape, const struct model_network_spec *critics,
                                struct arena *arena, struct model *model) {
  struct model_options options = {0};
  CHECK_OK_FATAL(option_set_defaults(&model_option_table, &options));
  options.hidden_sizes.count = shape->layers;
  memcpy(options.hidden_sizes.values, shape->hidden, sizeof shape->hidden);
  options.activation = shape->activation;
  options.share_trunk = shape->share_trunk;
  options.log_std = shape->log_std;
  options.kernel_size = shape->kernel_size;
  options.request = shape->request;
  const muster_env_spec spec = describe_shape(shape);
  CHECK_OK_FATAL(model_create(&options, &spec.observation, &spec.action, critics, arena, model));
}

/* Random weights that keep activations and logits of order one, and packs them. */
static inline void randomize_model(struct model *model, uint64_t seed) {
  for (int i = 0; i < model->parameters.tensors; i++) {
    const struct parameter *tensor = &model->parameters.tensor[i];
    double scale = tensor->rank == 2 ? 1.2 / sqrt((double)tensor->shape[1]) : 0.1;
    float *values = model->parameters.values + tensor->offset;
    fill_normal(values, tensor->count, scale, seed, (uint32_t)i);
    /* a variance is positive, and a mean may be */
    for (size_t k = 0; tensor->is_statistic && k < tensor->count; k++) values[k] = 0.5f + fabsf(values[k]);
  }
  model_pack(model, true);
}

/* Fills n observations: normals, or Discrete ones, all equally likely. */
static inline void fill_observations(const struct model *model, void *observations, size_t n, uint64_t seed,
                                     uint32_t index) {
  const struct encoder *encoder = &model->encoder;
  if (encoder->kind != MUSTER_SPACE_DISCRETE) {
    fill_normal(observations, n * encoder->elements, 1.0, seed, index);
    return;
  }
  struct random_stream stream = random_stream_start(seed, RANDOM_ENV, index, 0);
  for (size_t i = 0; i < n; i++)
    ((int32_t *)observations)[i] = (int32_t)muster_random_below(&stream.base, (uint32_t)encoder->counts[0]);
}

/* Fills a rollout of Box or Discrete observations: random observations and rewards, actions and log-probabilities of
 * `model`, some choices forbidden where actions are masked, some episodes terminated or truncated (with their true last
 * observations). */
static inline void fill_rollout(struct model *model, uint64_t seed, struct trajectory *rollout) {
  size_t n_envs = rollout->n_envs, rows = rollout->n_rows, n_steps = rollout->n_steps;
  size_t bytes = rollout->action_bytes;
  fill_observations(model, rollout->observation, rows * (n_steps + 1), seed, 1);
  fill_normal(rollout->reward, rows * n_steps, 1.0, seed, 2);
  struct random_stream ends = random_stream_start(seed, RANDOM_ENV, 3, 0);
  for (size_t i = 0; i < rows * (n_steps + 1) * rollout->mask_bytes; i++)
    rollout->mask[i] = i % 3 == 0 || muster_random_double(&ends.base) < 0.5;
  rollout->final_observations.count = 0;
  char *actions = calloc(rows, bytes);
  for (size_t t = 0; t < n_steps; t++) {
    struct action_random random = {.seed = seed, .first_row = 0, .step = (uint32_t)t};
    struct model_input input = {trajectory_observation(rollout, t),
                                trajectory_obs_stride(rollout),
                                {trajectory_mask(rollout, t), trajectory_mask_stride(rollout)}};
    model_act(model, rows, &input, &random, actions, rollout->log_prob + t, n_steps);
    for (size_t row = 0; row < rows; row++)
      memcpy((char *)rollout->action + (row * n_steps + t) * bytes, actions + row * bytes, bytes);
    for (size_t n = 0; n < n_envs; n++) {
      double u = muster_random_double(&ends.base);
      rollout->ended[n * n_steps + t] = u < 0.05 ? ENV_TERMINATED : (u < 0.1 ? ENV_TRUNCATED : 0);
      if (rollout->ended[n * n_steps + t] != ENV_TRUNCATED) continue;
      int32_t final = rollout->final_observations.count++;
      rollout->final_observations.environment[final] = (int32_t)n;
      rollout->final_observations.step[final] = (int32_t)t;
      fill_observations(model,
                        (char *)rollout->final_observations.observation +
                            (size_t) final * rollout->agents * rollout->obs_bytes,
                        rollout->agents, seed, (uint32_t)(10 + final));
      for (size_t i = 0; i < rollout->agents * rollout->mask_bytes; i++)
        rollout->final_observations.mask[(size_t) final * rollout->agents * rollout->mask_bytes + i] =
            (i + (size_t) final) % 3 != 1;
    }
  }
  free(actions);
}

/* max |a - b| / max |b| of floats against doubles; max |a| where b is zero; infinity when any is NaN. */
static inline double relative_error(const float *a, const double *b, size_t n) {
  double difference = 0, scale = 0;
  for (size_t i = 0; i < n; i++) {
    if (isnan(a[i]) || isnan(b[i])) return INFINITY;
    difference = fmax(difference, fabs(a[i] - b[i]));
    scale = fmax(scale, fabs(b[i]));
  }
  return scale > 0 ? difference / scale : difference;
}

#endif
