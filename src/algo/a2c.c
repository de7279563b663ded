/* Advantage actor-critic (Mnih et al. 2016, algorithm S3, run in step), as Stable-Baselines3 does it.
 *
 *   L = -mean A_t log pi(a_t | s_t) + vf_coef * mean (R_t - V(s_t))^2 - ent_coef * mean H
 *
 * What changes against REINFORCE with a baseline (reinforce_baseline.c): a rollout is n_steps of every environment, not
 * a whole episode; the critic's value stands for the rewards after it, by GAE (lambda 1: the n-step return minus the
 * value). */
#include "algo/a2c.h"

#include "algo/options.h"

#include <math.h>

/* --- options --- */

static const struct option_spec a2c_option_list[] = {
    ROW_N_STEPS(struct a2c_options, "5"),
    ROW_GAMMA(struct a2c_options, "0.99"),
    ROW_GAE_LAMBDA(struct a2c_options, "1", USES_GAE),
    ROW_ESTIMATOR(struct a2c_options),
    ROW_LAMBDA(struct a2c_options),
    ROW_LEARNING_RATE(struct a2c_options, "0.0007"),
    ROW_ENT_COEF(struct a2c_options, "0"),
    ROW_VF_COEF(struct a2c_options, "0.5"),
    ROW_MAX_GRAD_NORM(struct a2c_options, "0.5"),
    ROW_NORMALIZE_ADVANTAGE(struct a2c_options, "false"),
    ROW_OPTIMIZER(struct a2c_options, "rmsprop"),
    {.key = "rms_prop_eps",
     .offset = offsetof(struct a2c_options, settings.optimizer_epsilon),
     .type = OPTION_FLOAT,
     .default_value = "1e-5",
     .min = 0,
     .min_exclusive = true,
     .max = 1,
     .help = "keeps the optimizer's division finite, RMSprop's or Adam's"},
    {.key = NULL},
};

/* --- the update --- */

const struct tile_loss a2c_loss = {.policy = policy_loss_log_prob, .value = value_loss_squared};

static muster_status a2c_update(void *algorithm, double progress_remaining, double *metrics) {
  struct policy_gradient *policy = algorithm;
  const struct a2c_options *options = policy->options;

  /* values and advantages, then one step over all samples */
  model_pack(policy->model, true);
  batch_list_samples(&policy->batch);
  MUSTER_TRY(batch_estimate_advantages(&policy->batch, policy->model, (enum advantage_estimator)options->estimator,
                                       options->settings.gamma,
                                       isnan(options->lambda) ? options->gae_lambda : options->lambda));
  return policy_gradient_single_update(policy, &a2c_loss, progress_remaining, metrics);
}

const struct algorithm_type algorithm_a2c = {
    .name = "a2c",
    .summary = "advantage actor-critic, n-step or GAE (Mnih et al. 2016)",
    .base = &policy_gradient_base,
    .options = OPTION_TABLE("a2c", a2c_option_list),
    .options_size = sizeof(struct a2c_options),
    .metrics = policy_gradient_metrics,
    .update = a2c_update,
};
