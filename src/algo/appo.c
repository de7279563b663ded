/* Asynchronous PPO (as in Petrenko et al. 2020, Sample Factory, and RLlib): actors as in IMPALA, the loss of PPO.
 *
 *   w_t = pi(a_t | s_t) / mu(a_t | s_t)
 *   A_t = r_t + gamma v_{t+1} - V(s_t),   v by V-trace with rho_bar and c_bar, once at the start of the update
 *   L   = -mean min(w_t A_t, clip(w_t, 1 - eps, 1 + eps) A_t) + vf_coef * mean (v_t - V(s_t))^2 - ent_coef * mean H
 *
 * What changes against PPO (ppo.c): the policies mu that acted are older than the one that the update begins with, so
 * ratios differ from 1 from the first minibatch on, and targets and advantages are V-trace's. Against IMPALA
 * (impala.c): the ratio is in the loss, clipped, and therefore not in the advantage. */
#include "algo/off_policy.h"
#include "algo/options.h"

struct appo_options {
  struct policy_gradient_settings settings;
  int64_t batch_size, n_epochs;
  struct off_policy_options off_policy;
  struct option_schedule clip_range;
  double target_kl; /* NAN: no early stop */
};

/* --- options --- */

static const struct option_spec appo_option_list[] = {
    ROW_N_STEPS(struct appo_options, "128"),
    ROWS_OFF_POLICY(struct appo_options),
    ROW_BATCH_SIZE(struct appo_options, "256"),
    ROW_N_EPOCHS(struct appo_options, "4"),
    ROW_GAMMA(struct appo_options, "0.99"),
    ROW_LEARNING_RATE(struct appo_options, "0.0003"),
    ROW_CLIP_RANGE(struct appo_options, "0.2"),
    ROW_ENT_COEF(struct appo_options, "0"),
    ROW_VF_COEF(struct appo_options, "0.5"),
    ROW_MAX_GRAD_NORM(struct appo_options, "0.5"),
    ROW_NORMALIZE_ADVANTAGE(struct appo_options, "true"),
    ROW_TARGET_KL(struct appo_options),
    ROW_OPTIMIZER(struct appo_options, "adam"),
    ROW_OPTIMIZER_EPSILON(struct appo_options, "1e-5"),
    {.key = NULL},
};

static muster_status appo_check(const struct document *document, const void *object, int64_t num_envs) {
  const struct appo_options *options = object;
  MUSTER_TRY(off_policy_check(document, &options->off_policy, options->settings.n_steps, num_envs));
  const int64_t n_steps = options->settings.n_steps, samples = n_steps * options->off_policy.batch;
  if (options->batch_size > samples)
    return document_error(document, "algorithm.batch_size",
                          "is larger than the batch: n_steps %lld x batch %lld = %lld samples; expects at most %lld",
                          (long long)n_steps, (long long)options->off_policy.batch, (long long)samples,
                          (long long)samples);
  if (samples < 2 && options->settings.normalize_advantage)
    return document_error(document, "algorithm.batch",
                          "makes batches of one sample, whose advantage cannot be normalised; expects at least 2");
  return MUSTER_OK;
}

static void appo_needs(const void *options, struct rollout_needs *needs) {
  off_policy_needs(&((const struct appo_options *)options)->off_policy, needs);
}

/* --- state --- */

struct appo {
  struct policy_gradient base;
  struct off_policy off_policy;
};

static muster_status appo_create(const struct algorithm_context *context, void *algorithm) {
  const struct appo_options *options = context->options;
  struct appo *appo = algorithm;
  return off_policy_create(&options->off_policy, options->settings.gamma, (double)NAN, appo->base.batch.capacity,
                           context->arena, &appo->off_policy);
}

/* --- the update --- */

enum { METRIC_OFF_POLICY = METRICS_RATIO, METRICS = METRIC_OFF_POLICY + OFF_POLICY_METRICS };
static const char *const appo_metrics[METRICS + 1] = {METRIC_NAMES_RATIO, METRIC_NAMES_OFF_POLICY, NULL};

static muster_status appo_update(void *algorithm, double progress_remaining, double *metrics) {
  struct appo *appo = algorithm;
  struct policy_gradient *policy = &appo->base;
  const struct appo_options *options = policy->options;
  const struct epochs_settings epochs = {
      .n_epochs = options->n_epochs,
      .batch_size = options->batch_size,
      .learning_rate = option_schedule_value(&options->settings.learning_rate, progress_remaining),
      .target_kl = options->target_kl,
  };
  double clip_range = option_schedule_value(&options->clip_range, progress_remaining);
  const float context = (float)clip_range;
  const struct tile_loss loss = {.policy = policy_loss_clipped, .value = value_loss_squared, .context = &context};

  /* targets and advantages, then epochs over random minibatches */
  const struct off_policy_summary summary = off_policy_estimate(&appo->off_policy, policy);
  struct update_totals totals;
  policy_gradient_begin_update(policy, progress_remaining);
  MUSTER_TRY(policy_gradient_epochs(policy, &loss, &epochs, &totals));
  policy_gradient_fill_common(policy, &totals, epochs.learning_rate, metrics);
  policy_gradient_fill_ratio(&totals, clip_range, metrics);
  off_policy_fill(&summary, metrics + METRIC_OFF_POLICY);
  return MUSTER_OK;
}

const struct algorithm_type algorithm_appo = {
    .name = "appo",
    .summary = "IMPALA's actors with PPO's clipped surrogate on V-trace targets",
    .base = &policy_gradient_base,
    .options = OPTION_TABLE("appo", appo_option_list),
    .options_size = sizeof(struct appo_options),
    .size = sizeof(struct appo),
    .metrics = appo_metrics,
    .check = appo_check,
    .needs = appo_needs,
    .create = appo_create,
    .update = appo_update,
};
