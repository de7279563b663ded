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
  struct policy_gradient_settings settings;
  int baseline; /* enum baseline */
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

static const struct model_network_spec *baseline_critic(const void *object) {
  const struct reinforce_baseline_options *options = object;
  return options->baseline == BASELINE_VALUE ? model_critic_v : model_no_critic;
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
  struct policy_gradient *policy = algorithm;
  const struct reinforce_baseline_options *options = policy->options;
  bool has_critic = options->baseline == BASELINE_VALUE;

  model_pack(policy->model, true);
  reinforce_returns(&policy->batch, REINFORCE_RETURN_TO_GO, options->settings.gamma);
  if (has_critic) subtract_values(&policy->batch, policy->model);
  if (options->baseline == BASELINE_BATCH_MEAN) subtract_mean(&policy->batch);
  const struct tile_loss loss = {.policy = policy_loss_log_prob, .value = has_critic ? value_loss_squared : NULL};
  return policy_gradient_single_update(policy, &loss, progress_remaining, metrics);
}

const struct algorithm_type algorithm_reinforce_baseline = {
    .name = "reinforce-baseline",
    .summary = "REINFORCE with a learned value, or the batch's mean, taken off the returns",
    .base = &policy_gradient_base,
    .options = OPTION_TABLE("reinforce-baseline", baseline_option_list),
    .options_size = sizeof(struct reinforce_baseline_options),
    .metrics = policy_gradient_metrics,
    .needs = reinforce_needs,
    .networks = baseline_critic,
    .update = baseline_update,
};
