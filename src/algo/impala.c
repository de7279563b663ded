/* Importance weighted actor-learner (Espeholt et al. 2018, IMPALA): actors never wait, and V-trace corrects for their
 * older policies.
 *
 *   w_t = pi(a_t | s_t) / mu(a_t | s_t),   rho_t = min(pg_rho_bar, w_t),   v by V-trace with rho_bar and c_bar (eq. 1)
 *   A_t = r_t + gamma v_{t+1} - V(s_t)
 *   L   = -mean rho_t A_t log pi(a_t | s_t) + vf_coef * mean (v_t - V(s_t))^2 - ent_coef * mean H
 *
 * What changes against A2C (a2c.c): a batch holds trajectories of several policies mu, none of which need be the one
 * that learns; targets and advantages are V-trace's. On trajectories of the policy that learns it is A2C, bit for bit.
 */
#include "algo/a2c.h"
#include "algo/off_policy.h"
#include "algo/options.h"

struct impala_options {
  struct policy_gradient_settings settings;
  double pg_rho_bar;
  struct off_policy_options off_policy;
};

/* --- options --- */

static const struct option_spec impala_option_list[] = {
    ROW_N_STEPS(struct impala_options, "20"),
    ROWS_OFF_POLICY(struct impala_options),
    {ROW(struct impala_options, pg_rho_bar), .type = OPTION_FLOAT, .default_value = "1", .min = 0,
     .min_exclusive = true, .max = OPTION_NO_MAX, .help = "clip of the ratio that weighs the policy gradient"},
    ROW_GAMMA(struct impala_options, "0.99"),
    ROW_LEARNING_RATE(struct impala_options, "0.002"),
    ROW_ENT_COEF(struct impala_options, "0"),
    ROW_VF_COEF(struct impala_options, "0.5"),
    ROW_MAX_GRAD_NORM(struct impala_options, "0.5"),
    ROW_NORMALIZE_ADVANTAGE(struct impala_options, "false"),
    ROW_OPTIMIZER(struct impala_options, "rmsprop"),
    ROW_OPTIMIZER_EPSILON(struct impala_options, "0.01"),
    {.key = NULL},
};

static muster_status impala_check(const struct document *document, const void *object, int64_t num_envs) {
  const struct impala_options *options = object;
  return off_policy_check(document, &options->off_policy, options->settings.n_steps, num_envs);
}

static void impala_needs(const void *options, struct rollout_needs *needs) {
  off_policy_needs(&((const struct impala_options *)options)->off_policy, needs);
}

/* --- state --- */

struct impala {
  struct policy_gradient base;
  struct off_policy off_policy;
};

static muster_status impala_create(const struct algorithm_context *context, void *algorithm) {
  const struct impala_options *options = context->options;
  struct impala *impala = algorithm;
  return off_policy_create(&options->off_policy, options->settings.gamma, options->pg_rho_bar,
                           impala->base.batch.capacity, context->arena, &impala->off_policy);
}

/* --- the update --- */

enum { METRIC_OFF_POLICY = METRICS_COMMON, METRICS = METRIC_OFF_POLICY + OFF_POLICY_METRICS };
static const char *const impala_metrics[METRICS + 1] = {METRIC_NAMES_COMMON, METRIC_NAMES_OFF_POLICY, NULL};

static muster_status impala_update(void *algorithm, double progress_remaining, double *metrics) {
  struct impala *impala = algorithm;
  struct policy_gradient *policy = &impala->base;

  /* targets and advantages, then one step over all samples */
  const struct off_policy_summary summary = off_policy_estimate(&impala->off_policy, policy);
  MUSTER_TRY(policy_gradient_single_update(policy, &a2c_loss, progress_remaining, metrics));
  off_policy_fill(&summary, metrics + METRIC_OFF_POLICY);
  return MUSTER_OK;
}

const struct algorithm_type algorithm_impala = {
    .name = "impala",
    .summary = "actors that never wait, corrected by V-trace (Espeholt et al. 2018)",
    .base = &policy_gradient_base,
    .options = OPTION_TABLE("impala", impala_option_list),
    .options_size = sizeof(struct impala_options),
    .size = sizeof(struct impala),
    .metrics = impala_metrics,
    .check = impala_check,
    .needs = impala_needs,
    .create = impala_create,
    .update = impala_update,
};
