/* Group-relative policy optimization (Shao et al. 2024, eq. 3 and 4): PPO without a critic.
 *
 *   group_size episodes from the same start state, with returns R_1 .. R_G
 *   A   = (R_i - mean R) / (std R + 1e-8)       for every step of episode i
 *   L   = -mean min(r_t A, clip(r_t, 1 - eps, 1 + eps) A) + kl_coef * mean k3 - ent_coef * mean H
 *   k3  = pi_ref / pi - log(pi_ref / pi) - 1    (Schulman, http://joschu.net/blog/kl-approx.html)
 *
 * What changes against PPO (ppo.c): whole episodes; the other episodes of the group in place of the critic; and, if
 * wished, a pull towards a frozen reference policy. The standard deviation is that of the population. */
#include "algo/options.h"
#include "algo/reinforce.h"
#include "math/vector.h"

#include <math.h>
#include <string.h>

struct grpo_options {
  struct policy_gradient_settings settings;
  int64_t group_size, batch_size, n_epochs, reference_every;
  double kl_coef;
  struct option_schedule clip_range;
};

/* --- options --- */

static const struct option_spec grpo_option_list[] = {
    ROW_EPISODE_STEPS(struct grpo_options, "500"),
    {ROW(struct grpo_options, group_size), .type = OPTION_INT, .default_value = "8", .min = 2, .max = 1e6,
     .help = "episodes from the same start state; env.num_envs is a multiple of it"},
    ROW_BATCH_SIZE(struct grpo_options, "256"),
    ROW_N_EPOCHS(struct grpo_options, "4"),
    ROW_GAMMA(struct grpo_options, "1"),
    ROW_LEARNING_RATE(struct grpo_options, "0.001"),
    ROW_CLIP_RANGE(struct grpo_options, "0.2"),
    {ROW(struct grpo_options, kl_coef), .type = OPTION_FLOAT, .default_value = "0", .min = 0, .max = OPTION_NO_MAX,
     .help = "weight of the divergence from the reference policy; 0: there is none"},
    {ROW(struct grpo_options, reference_every), .type = OPTION_INT, .default_value = "0", .min = 0, .max = 1e15,
     .only_when = "kl_coef is not 0",
     .help = "updates after which the reference becomes the policy of the moment; 0: it stays the initial one"},
    ROW_ENT_COEF(struct grpo_options, "0"),
    ROW_MAX_GRAD_NORM(struct grpo_options, "0.5"),
    ROW_OPTIMIZER(struct grpo_options, "adam"),
    ROW_OPTIMIZER_EPSILON(struct grpo_options, "1e-5"),
    {.key = NULL},
};

static muster_status grpo_check(const struct document *document, const void *object, int64_t num_envs) {
  const struct grpo_options *options = object;
  if (num_envs % options->group_size == 0) return MUSTER_OK;
  return document_error(document, "algorithm.group_size",
                        "does not divide env.num_envs %lld: every group needs as many environments",
                        (long long)num_envs);
}

static void grpo_needs(const void *options, struct rollout_needs *needs) {
  needs->whole_episodes = true;
  needs->group_size = (int32_t)((const struct grpo_options *)options)->group_size;
}

/* --- state --- */

struct grpo {
  struct policy_gradient base;
  int64_t updates;
  float *reference;          /* [parameters] of the reference policy; NULL: there is none */
  float *present;            /* [parameters] room for those of the policy meanwhile */
  float *reference_log_prob; /* [rows * T] */
};

static const struct grpo_options *options_of(const struct grpo *grpo) { return grpo->base.options; }

static muster_status create_reference(struct grpo *grpo, struct arena *arena) {
  const struct parameters *parameters = &grpo->base.model->parameters;
  MUSTER_TRY(ARENA_TAKE(arena, parameters->count, "reference policy", &grpo->reference));
  MUSTER_TRY(ARENA_TAKE(arena, parameters->count, "reference policy", &grpo->present));
  memcpy(grpo->reference, parameters->values, parameters->count * sizeof(float));
  return ARENA_TAKE(arena, grpo->base.batch.capacity, "reference policy", &grpo->reference_log_prob);
}

static muster_status grpo_create(const struct algorithm_context *context, void *algorithm) {
  const struct grpo_options *options = context->options;
  return options->kl_coef > 0 ? create_reference(algorithm, context->arena) : MUSTER_OK;
}

static int grpo_state(void *algorithm, struct tensor *list) {
  struct grpo *grpo = algorithm;
  int n = 0;
  list[n++] = (struct tensor){"algorithm/updates", TENSOR_I64, 0, {0}, &grpo->updates, RANGE_COUNT};
  if (grpo->reference != NULL)
    list[n++] = (struct tensor){"algorithm/reference", TENSOR_F32,  1, {grpo->base.model->parameters.count},
                                grpo->reference,       RANGE_FINITE};
  return n;
}

/* --- advantages --- */

/* A = (R_i - mean R) / (std R + 1e-8) for all steps of rows first..last-1, a group; returns std R */
static double estimate_group(struct batch *batch, size_t first, size_t last) {
  size_t n_steps = batch->rollout->n_steps;
  double sum = 0, squares = 0, n = (double)(last - first);
  for (size_t row = first; row < last; row++) sum += batch->returns[row * n_steps];
  for (size_t row = first; row < last; row++) {
    double difference = batch->returns[row * n_steps] - sum / n;
    squares += difference * difference;
  }
  double deviation = sqrt(squares / n);
  for (size_t row = first; row < last; row++) {
    float advantage = (float)((batch->returns[row * n_steps] - sum / n) / (deviation + 1e-8));
    for (size_t t = 0; t < (size_t)batch->rollout->length[row]; t++) batch->advantages[row * n_steps + t] = advantage;
  }
  return deviation;
}

/* lists the samples and fills their advantages; returns the mean of the groups' standard deviations */
static double estimate_advantages(struct grpo *grpo) {
  struct batch *batch = &grpo->base.batch;
  reinforce_returns(batch, REINFORCE_RETURN_TO_GO, grpo->base.settings.gamma);
  size_t rows = batch->rollout->n_rows, size = (size_t)options_of(grpo)->group_size * batch->rollout->agents,
         groups = 0;
  double deviations = 0;
  for (size_t first = 0; first < rows; first += size, groups++)
    deviations += estimate_group(batch, first, rows - first < size ? rows : first + size);
  return deviations / (double)groups;
}

/* --- the loss --- */

/* log-probabilities of the batch under the reference policy, where kl_coef wants them */
static void evaluate_reference(struct grpo *grpo) {
  if (grpo->reference == NULL) return;
  struct model *model = grpo->base.model;
  size_t bytes = model->parameters.count * sizeof(float);
  memcpy(grpo->present, model->parameters.values, bytes);
  memcpy(model->parameters.values, grpo->reference, bytes);
  model_pack(model, true);
  policy_gradient_log_probs(&grpo->base, grpo->reference_log_prob);
  memcpy(model->parameters.values, grpo->present, bytes);
  model_pack(model, true);
}

struct grpo_context {
  float clip_range, kl_coef;
  const float *reference_log_prob; /* NULL: no reference */
};

static void policy_loss_grpo(struct policy_gradient *policy, const float *weight, float inverse_n, const void *object,
                             struct losses *losses) {
  const struct grpo_context *context = object;
  const struct batch_tile *tile = &policy->tile;
  policy_loss_clipped(policy, weight, inverse_n, &context->clip_range, losses);
  if (context->reference_log_prob == NULL) return;

  /* k3 = q - log q - 1 with q = pi_ref / pi, whose derivative by log pi is 1 - q */
  float log_q[TILE], q[TILE];
  for (size_t r = 0; r < tile->rows; r++)
    log_q[r] = context->reference_log_prob[policy->tile_samples[r]] - policy->model->head.log_prob[r];
  vector_exp(tile->rows, log_q, q);
  for (size_t r = 0; r < tile->rows; r++) {
    double k3 = (double)q[r] - log_q[r] - 1.0;
    losses->reference_kl += k3;
    losses->policy += (double)context->kl_coef * k3;
    policy->d_log_prob[r] += context->kl_coef * (1.0f - q[r]) * inverse_n;
  }
}

/* --- the update --- */

enum { METRIC_REFERENCE_KL = METRICS_RATIO, METRIC_GROUP_STD, METRICS };
static const char *const grpo_metrics[METRICS + 1] = {METRIC_NAMES_RATIO, "train/reference_kl", "train/group_std",
                                                      NULL};

/* every reference_every updates the policy of the moment becomes the reference */
static void renew_reference(struct grpo *grpo) {
  const struct parameters *parameters = &grpo->base.model->parameters;
  grpo->updates++;
  int64_t every = options_of(grpo)->reference_every;
  if (grpo->reference == NULL || every == 0 || grpo->updates % every != 0) return;
  memcpy(grpo->reference, parameters->values, parameters->count * sizeof(float));
}

static muster_status grpo_update(void *algorithm, double progress_remaining, double *metrics) {
  struct grpo *grpo = algorithm;
  const struct grpo_options *options = options_of(grpo);
  const struct epochs_settings epochs = {
      .n_epochs = options->n_epochs,
      .batch_size = options->batch_size,
      .learning_rate = option_schedule_value(&options->settings.learning_rate, progress_remaining),
      .target_kl = (double)NAN,
  };
  double clip_range = option_schedule_value(&options->clip_range, progress_remaining);

  model_pack(grpo->base.model, true);
  double group_std = estimate_advantages(grpo);
  evaluate_reference(grpo);
  const struct grpo_context context = {(float)clip_range, (float)options->kl_coef, grpo->reference_log_prob};
  const struct tile_loss loss = {.policy = policy_loss_grpo, .context = &context};
  struct update_totals totals;
  policy_gradient_begin_update(&grpo->base, progress_remaining);
  MUSTER_TRY(policy_gradient_epochs(&grpo->base, &loss, &epochs, &totals));
  renew_reference(grpo);

  policy_gradient_fill_common(&grpo->base, &totals, epochs.learning_rate, metrics);
  policy_gradient_fill_ratio(&totals, clip_range, metrics);
  bool has_reference = grpo->reference != NULL;
  metrics[METRIC_REFERENCE_KL] = has_reference ? totals.sums.reference_kl / (double)totals.minibatches : (double)NAN;
  metrics[METRIC_GROUP_STD] = group_std;
  return MUSTER_OK;
}

const struct algorithm_type algorithm_grpo = {
    .name = "grpo",
    .summary = "group-relative policy optimization: PPO without a critic (Shao et al. 2024)",
    .base = &policy_gradient_base,
    .options = OPTION_TABLE("grpo", grpo_option_list),
    .options_size = sizeof(struct grpo_options),
    .size = sizeof(struct grpo),
    .corrects_lag = true,
    .metrics = grpo_metrics,
    .check = grpo_check,
    .needs = grpo_needs,
    .create = grpo_create,
    .update = grpo_update,
    .state = grpo_state,
    .networks = policy_gradient_no_critic,
};
