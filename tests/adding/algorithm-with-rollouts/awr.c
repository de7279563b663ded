/* Advantage-weighted regression (Peng et al. 2019), on rollouts of the newest policy alone: actions are imitated, the
 * more the better they were than the critic had expected.
 *
 *   w_t = min(exp(A_t / beta), max_weight)
 *   L   = -mean w_t log pi(a_t | s_t) + vf_coef * mean (R_t - V(s_t))^2 - ent_coef * mean H
 *
 * What changes against A2C (a2c.c): the weights, which are positive, so that no action is pushed away. */
#include "algo/options.h"
#include "algo/policy_gradient.h"
#include "math/vector.h"

struct awr_options {
  struct policy_gradient_settings settings;
  double gae_lambda, beta, max_weight;
};

/* --- options --- */

static const struct option_spec awr_option_list[] = {
    ROW_N_STEPS(struct awr_options, "64"),
    ROW_GAMMA(struct awr_options, "0.99"),
    ROW_GAE_LAMBDA(struct awr_options, "0.95", NULL),
    {ROW(struct awr_options, beta), .type = OPTION_FLOAT, .default_value = "1", .min = 0, .min_exclusive = true,
     .max = OPTION_NO_MAX, .help = "temperature of the weights: the smaller, the more the best actions count"},
    {ROW(struct awr_options, max_weight), .type = OPTION_FLOAT, .default_value = "20", .min = 0, .min_exclusive = true,
     .max = OPTION_NO_MAX, .help = "the most that one action counts"},
    ROW_LEARNING_RATE(struct awr_options, "0.001"),
    ROW_ENT_COEF(struct awr_options, "0"),
    ROW_VF_COEF(struct awr_options, "0.5"),
    ROW_MAX_GRAD_NORM(struct awr_options, "0.5"),
    ROW_OPTIMIZER(struct awr_options, "adam"),
    ROW_OPTIMIZER_EPSILON(struct awr_options, "1e-5"),
    {.key = NULL},
};

/* --- the update --- */

/* puts w_t in the place of A_t; what is not finite stays so */
static void weigh(struct batch *batch, const struct awr_options *options) {
  const size_t n = batch->rollout->n_rows * batch->rollout->n_steps;
  const float inverse_beta = (float)(1.0 / options->beta), most = (float)options->max_weight;
  float *weights = batch->advantages;
  for (size_t i = 0; i < n; i++) weights[i] *= inverse_beta;
  vector_exp(n, weights, weights);
  for (size_t i = 0; i < n; i++) weights[i] = weights[i] > most ? most : weights[i];
}

static muster_status awr_update(void *algorithm, double progress_remaining, double *metrics) {
  static const struct tile_loss loss = {.policy = policy_loss_log_prob, .value = value_loss_squared};
  struct policy_gradient *policy = algorithm;
  const struct awr_options *options = policy->options;
  model_pack(policy->model, true);
  batch_list_samples(&policy->batch);
  MUSTER_TRY(batch_estimate_advantages(&policy->batch, policy->model, ADVANTAGE_GAE, options->settings.gamma,
                                       options->gae_lambda));
  weigh(&policy->batch, options);
  return policy_gradient_single_update(policy, &loss, progress_remaining, metrics);
}

const struct algorithm_type algorithm_awr = {
    .name = "awr",
    .summary = "advantage-weighted regression on its own rollouts (Peng et al. 2019)",
    .base = &policy_gradient_base,
    .options = OPTION_TABLE("awr", awr_option_list),
    .options_size = sizeof(struct awr_options),
    .metrics = policy_gradient_metrics,
    .update = awr_update,
};
