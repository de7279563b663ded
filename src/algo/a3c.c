/* Asynchronous advantage actor-critic (Mnih et al. 2016, algorithm S3): each actor computes the gradient of its own n
 * steps, and the learner takes a step with each gradient as it arrives.
 *
 *   L = -mean A_t log pi(a_t | s_t) + vf_coef * mean (R_t - V(s_t))^2 - ent_coef * mean H
 *
 * What changes against A2C (a2c.c), whose loss it has: the update has two halves, a gradient on the actor that has the
 * rollout, and a step on the learner that has the parameters. The parameters may have changed since the gradient was
 * computed; nothing corrects for that. There is one set of the optimizer's moments for all, as the paper found best.
 * With one rank it is A2C, bit for bit. */
#include "algo/a2c.h"
#include "algo/options.h"

#include <math.h>
#include <string.h>

struct a3c_options {
  struct policy_gradient_settings settings;
  double gae_lambda;
};

/* --- options --- */

static const struct option_spec a3c_option_list[] = {
    ROW_N_STEPS(struct a3c_options, "5"),
    ROW_GAMMA(struct a3c_options, "0.99"),
    ROW_GAE_LAMBDA(struct a3c_options, "1", NULL),
    ROW_LEARNING_RATE(struct a3c_options, "0.002"),
    ROW_ENT_COEF(struct a3c_options, "0"),
    ROW_VF_COEF(struct a3c_options, "0.5"),
    ROW_MAX_GRAD_NORM(struct a3c_options, "0.5"),
    ROW_OPTIMIZER(struct a3c_options, "rmsprop"),
    ROW_OPTIMIZER_EPSILON(struct a3c_options, "0.01"),
    {.key = NULL},
};

/* the gradients are computed by actors, which do not know how far the run is */
static muster_status a3c_check(const struct document *document, const void *options, int64_t num_envs) {
  (void)num_envs;
  if (schedule_is_constant(&((const struct a3c_options *)options)->settings.ent_coef)) return MUSTER_OK;
  return document_error(document, "algorithm.ent_coef",
                        "changes over the run, but actors of a3c compute gradients on their own; expects a number");
}

static void a3c_needs(const void *options, struct rollout_needs *needs) {
  (void)options;
  needs->asynchronous = ASYNCHRONOUS_GRADIENTS;
}

/* --- the update, in two halves --- */

enum { TERM_POLICY, TERM_VALUE, TERM_ENTROPY, TERM_EXPLAINED_VARIANCE };

/* the loss as a whole, from its parts */
static double whole_loss(const struct policy_gradient *policy, const struct losses *losses) {
  return losses->policy + policy->ent_coef * losses->entropy + policy->settings.vf_coef * losses->value;
}

static muster_status a3c_gradient(void *algorithm, double terms[ALGORITHM_MAX_TERMS]) {
  struct policy_gradient *policy = algorithm;
  const struct a3c_options *options = policy->options;
  struct batch *batch = &policy->batch;

  /* values and advantages, then one gradient over all samples */
  model_pack(policy->model, true);
  batch_list_samples(batch);
  MUSTER_TRY(
      batch_estimate_advantages(batch, policy->model, ADVANTAGE_GAE, options->settings.gamma, options->gae_lambda));
  stages_enter(policy->stages, STAGE_UPDATE);
  struct losses losses;
  MUSTER_TRY(policy_gradient_gradient(policy, &a2c_loss, batch->sample, batch->count, &losses));
  if (!isfinite(whole_loss(policy, &losses))) return policy_gradient_loss_error(policy, &losses, 0);
  memset(terms, 0, ALGORITHM_MAX_TERMS * sizeof *terms);
  terms[TERM_POLICY] = losses.policy;
  terms[TERM_VALUE] = losses.value;
  terms[TERM_ENTROPY] = losses.entropy;
  terms[TERM_EXPLAINED_VARIANCE] = batch_explained_variance(batch);
  return MUSTER_OK;
}

/* the gradient of an actor, whose steps are made elsewhere */
static muster_status a3c_gradient_to_send(void *algorithm, double terms[ALGORITHM_MAX_TERMS]) {
  MUSTER_TRY(a3c_gradient(algorithm, terms));
  ((struct policy_gradient *)algorithm)->gradients_sent++;
  return MUSTER_OK;
}

static muster_status a3c_apply(void *algorithm, double progress_remaining, const double terms[ALGORITHM_MAX_TERMS],
                               double *metrics) {
  struct policy_gradient *policy = algorithm;
  double learning_rate = option_schedule_value(&policy->settings.learning_rate, progress_remaining);
  struct update_totals totals = {
      .minibatches = 1,
      .steps = 1,
      .sums = {.policy = terms[TERM_POLICY], .value = terms[TERM_VALUE], .entropy = terms[TERM_ENTROPY]},
  };
  totals.last_loss = whole_loss(policy, &totals.sums);
  stages_enter(policy->stages, STAGE_UPDATE);
  MUSTER_TRY(policy_gradient_optimizer_step(policy, learning_rate, &totals.gradient_norm));
  policy->epochs++;
  policy_gradient_fill_common(policy, &totals, learning_rate, metrics);
  metrics[METRIC_EXPLAINED_VARIANCE] = terms[TERM_EXPLAINED_VARIANCE];
  return MUSTER_OK;
}

static muster_status a3c_update(void *algorithm, double progress_remaining, double *metrics) {
  double terms[ALGORITHM_MAX_TERMS];
  MUSTER_TRY(a3c_gradient(algorithm, terms));
  return a3c_apply(algorithm, progress_remaining, terms, metrics);
}

const struct algorithm_type algorithm_a3c = {
    .name = "a3c",
    .summary = "asynchronous advantage actor-critic: actors send gradients (Mnih et al. 2016)",
    .base = &policy_gradient_base,
    .options = OPTION_TABLE("a3c", a3c_option_list),
    .options_size = sizeof(struct a3c_options),
    .metrics = policy_gradient_metrics,
    .check = a3c_check,
    .needs = a3c_needs,
    .update = a3c_update,
    .gradient = a3c_gradient_to_send,
    .apply = a3c_apply,
};
