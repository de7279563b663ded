/* Advantage actor-critic (Mnih et al. 2016, algorithm S3, run in step), as Stable-Baselines3 does it.
 *
 *   L = -mean A_t log pi(a_t | s_t) + vf_coef * mean (R_t - V(s_t))^2 - ent_coef * mean H
 *
 * What changes against REINFORCE with a baseline (reinforce_baseline.c): a rollout is n_steps of every environment, not
 * a whole episode; what is cut off is valued by the critic, in GAE (lambda 1: the n-step return minus the value). */
#include "algo/a2c.h"

#include "algo/options.h"

#include <math.h>

/* --- options --- */

static const struct option_spec a2c_option_list[] = {
    ROW_N_STEPS(struct a2c_options, "5"),
    ROW_GAMMA(struct a2c_options, "0.99"),
    ROW_GAE_LAMBDA(struct a2c_options, "1"),
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

static const struct option_table a2c_option_table = {
    .section = "algorithm", .owner = "a2c", .options = a2c_option_list};

static muster_status a2c_check(const struct document *document, const void *object, int64_t num_envs) {
  return algorithm_check_size(document, ((const struct a2c_options *)object)->n_steps, num_envs);
}

static struct rollout_plan a2c_plan(const void *object) {
  return (struct rollout_plan){.n_steps = (size_t)((const struct a2c_options *)object)->n_steps};
}

static double a2c_discount(const void *object) { return ((const struct a2c_options *)object)->gamma; }

/* --- state --- */

struct a2c {
  const struct a2c_options *options;
  struct policy_gradient learner;
};

struct policy_gradient *a2c_learner(void *algorithm) {
  return &((struct a2c *)algorithm)->learner;
}

static muster_status a2c_create(const struct algorithm_context *context, void **out) {
  const struct a2c_options *options = context->options;
  struct a2c *a2c;
  MUSTER_TRY(ARENA_TAKE(context->arena, 1, "a2c", &a2c));
  a2c->options = options;
  *out = a2c;
  return policy_gradient_create(context, &options->settings, &a2c->learner);
}

static int a2c_state(void *algorithm, struct tensor list[ALGORITHM_MAX_STATE]) {
  return policy_gradient_state(a2c_learner(algorithm), list);
}

static int a2c_intermediates(void *algorithm, struct tensor list[ALGORITHM_MAX_STATE]) {
  return batch_tensors(&a2c_learner(algorithm)->batch, list);
}

/* --- the update --- */

const struct tile_loss a2c_loss = {.policy = policy_loss_log_prob, .value = value_loss_squared};

static muster_status a2c_update(void *algorithm, double progress_remaining, double *metrics) {
  struct a2c *a2c = algorithm;
  const struct a2c_options *options = a2c->options;
  struct policy_gradient *learner = &a2c->learner;
  double learning_rate = option_schedule_value(&options->learning_rate, progress_remaining);

  /* values and advantages, then one step over all samples */
  model_pack(learner->model, true);
  batch_list_samples(&learner->batch);
  MUSTER_TRY(batch_estimate_advantages(&learner->batch, learner->model, (enum advantage_estimator)options->estimator,
                                       options->gamma, isnan(options->lambda) ? options->gae_lambda : options->lambda));
  struct progress progress;
  MUSTER_TRY(policy_gradient_single_step(learner, &a2c_loss, learning_rate, &progress));
  policy_gradient_fill_common(learner, &progress, learning_rate, metrics);
  return MUSTER_OK;
}

const struct algorithm_type algorithm_a2c = {
    .name = "a2c",
    .summary = "advantage actor-critic, n-step or GAE (Mnih et al. 2016)",
    .options = &a2c_option_table,
    .options_size = sizeof(struct a2c_options),
    .metrics = policy_gradient_metrics,
    .check = a2c_check,
    .plan = a2c_plan,
    .critic = algorithm_critic_v,
    .discount = a2c_discount,
    .create = a2c_create,
    .update = a2c_update,
    .intermediates = a2c_intermediates,
    .state = a2c_state,
};
