/* REINFORCE with a baseline (Williams 1992, section 4; Sutton and Barto 2018, section 13.4): what does not depend on
 * the action may be taken off the return without changing the gradient's mean, and lessens its variance.
 *
 *   A_t = G_t - b,   b = V(s_t), learned | the mean of G over the batch | 0
 *   L   = -mean A_t log pi(a_t | s_t) + vf_coef * mean (G_t - V(s_t))^2 - ent_coef * mean H
 *
 * What changes against REINFORCE (reinforce.c): the subtraction, and the critic with its loss. */
#include "algo/options.h"
#include "algo/reinforce.h"

enum baseline { BASELINE_VALUE, BASELINE_BATCH_MEAN, BASELINE_NONE };

struct reinforce_baseline_options {
  int64_t n_steps;
  double gamma;
  struct option_schedule learning_rate;
  int baseline; /* enum baseline */
  struct policy_gradient_settings settings;
};

/* --- options --- */

static const char *const baseline_names[] = {"value", "batch_mean", "none", NULL};

static const struct option_spec baseline_option_list[] = {
    ROW_EPISODE_STEPS(struct reinforce_baseline_options, "500"),
    ROW_GAMMA(struct reinforce_baseline_options, "0.99"),
    {ROW(struct reinforce_baseline_options, baseline), .type = OPTION_CHOICE, .default_value = "value",
     .choices = baseline_names,
     .help = "what is taken off the returns: a learned V(s), their mean over the batch, or nothing"},
    ROW_LEARNING_RATE(struct reinforce_baseline_options, "0.001"),
    ROW_ENT_COEF(struct reinforce_baseline_options, "0"),
    ROW_VF_COEF(struct reinforce_baseline_options, "0.5"),
    ROW_MAX_GRAD_NORM(struct reinforce_baseline_options, "0.5"),
    ROW_NORMALIZE_ADVANTAGE(struct reinforce_baseline_options, "false"),
    ROW_OPTIMIZER(struct reinforce_baseline_options, "adam"),
    ROW_OPTIMIZER_EPSILON(struct reinforce_baseline_options, "1e-5"),
    {.key = NULL},
};

static const struct option_table baseline_option_table = {
    .section = "algorithm", .owner = "reinforce-baseline", .options = baseline_option_list};

static muster_status baseline_check(const struct document *document, const void *object, int64_t num_envs) {
  return algorithm_check_size(document, ((const struct reinforce_baseline_options *)object)->n_steps, num_envs);
}

static struct rollout_plan baseline_plan(const void *object) {
  const struct reinforce_baseline_options *options = object;
  return (struct rollout_plan){.n_steps = (size_t)options->n_steps, .whole_episodes = true};
}

static enum model_critic baseline_critic(const void *object) {
  const struct reinforce_baseline_options *options = object;
  return options->baseline == BASELINE_VALUE ? MODEL_CRITIC_V : MODEL_NO_CRITIC;
}

static double baseline_discount(const void *object) {
  return ((const struct reinforce_baseline_options *)object)->gamma;
}

/* --- state --- */

struct reinforce_baseline {
  const struct reinforce_baseline_options *options;
  struct policy_gradient learner;
};

static muster_status baseline_create(const struct algorithm_context *context, void **out) {
  const struct reinforce_baseline_options *options = context->options;
  struct reinforce_baseline *baseline;
  MUSTER_TRY(ARENA_TAKE(context->arena, 1, "reinforce-baseline", &baseline));
  baseline->options = options;
  *out = baseline;
  return policy_gradient_create(context, &options->settings, &baseline->learner);
}

static int baseline_state(void *algorithm, struct tensor list[ALGORITHM_MAX_STATE]) {
  return policy_gradient_state(&((struct reinforce_baseline *)algorithm)->learner, list);
}

static int baseline_intermediates(void *algorithm, struct tensor list[ALGORITHM_MAX_STATE]) {
  return batch_tensors(&((struct reinforce_baseline *)algorithm)->learner.batch, list);
}

/* --- the update --- */

/* A_t = G_t - V(s_t) */
static void subtract_values(struct batch *batch, struct model *model) {
  const struct trajectory *rollout = batch->rollout;
  size_t n_steps = rollout->n_steps;
  for (size_t row = 0; row < rollout->n_rows; row++) {
    const char *observations = (const char *)rollout->observation + row * trajectory_obs_stride(rollout);
    float *values = batch->values + row * (n_steps + 1), *advantages = batch->advantages + row * n_steps;
    model_values(model, (size_t)rollout->length[row], observations, rollout->obs_bytes, values);
    for (size_t t = 0; t < (size_t)rollout->length[row]; t++) advantages[t] -= values[t];
  }
}

/* A_t = G_t - mean G */
static void subtract_mean(struct batch *batch) {
  double sum = 0;
  for (size_t i = 0; i < batch->count; i++) sum += batch->returns[batch->sample[i]];
  float mean = (float)(sum / (double)batch->count);
  for (size_t i = 0; i < batch->count; i++) batch->advantages[batch->sample[i]] -= mean;
}

static muster_status baseline_update(void *algorithm, double progress_remaining, double *metrics) {
  struct reinforce_baseline *baseline = algorithm;
  const struct reinforce_baseline_options *options = baseline->options;
  struct policy_gradient *learner = &baseline->learner;
  double learning_rate = option_schedule_value(&options->learning_rate, progress_remaining);
  bool has_critic = options->baseline == BASELINE_VALUE;

  model_pack(learner->model, true);
  reinforce_returns(&learner->batch, REINFORCE_RETURN_TO_GO, options->gamma);
  if (has_critic) subtract_values(&learner->batch, learner->model);
  if (options->baseline == BASELINE_BATCH_MEAN) subtract_mean(&learner->batch);
  const struct tile_loss loss = {.policy = policy_loss_log_prob, .value = has_critic ? value_loss_squared : NULL};
  struct progress progress;
  MUSTER_TRY(policy_gradient_single_step(learner, &loss, learning_rate, &progress));
  policy_gradient_fill_common(learner, &progress, learning_rate, metrics);
  return MUSTER_OK;
}

const struct algorithm_type algorithm_reinforce_baseline = {
    .name = "reinforce-baseline",
    .summary = "REINFORCE with a learned value, or the batch's mean, taken off the returns",
    .options = &baseline_option_table,
    .options_size = sizeof(struct reinforce_baseline_options),
    .metrics = policy_gradient_metrics,
    .check = baseline_check,
    .plan = baseline_plan,
    .critic = baseline_critic,
    .discount = baseline_discount,
    .create = baseline_create,
    .update = baseline_update,
    .intermediates = baseline_intermediates,
    .state = baseline_state,
};
