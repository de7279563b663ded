/* REINFORCE (Williams 1992): the policy gradient with nothing but the returns of whole episodes.
 *
 *   G_t = r_t + gamma G_{t+1}
 *   L   = -mean G_t log pi(a_t | s_t) - ent_coef * mean H
 *
 * An update is one gradient over all steps of one episode of every environment, and one step of the optimizer. The mean
 * is over steps, so the step size does not depend on the length of the episodes. Every other algorithm of this folder
 * changes something of this one: read reinforce_baseline.c, actor_critic.c, a2c.c, ppo.c and grpo.c next. */
#include "algo/reinforce.h"

#include "algo/options.h"

/* --- options --- */

static const char *const estimator_names[] = {"return_to_go", "total_return", NULL};

static const struct option_spec reinforce_option_list[] = {
    ROW_EPISODE_STEPS(struct reinforce_options, "500"),
    ROW_GAMMA(struct reinforce_options, "0.99"),
    {.key = "advantage.estimator",
     .offset = offsetof(struct reinforce_options, estimator),
     .type = OPTION_CHOICE,
     .default_value = "return_to_go",
     .choices = estimator_names,
     .help = "weight of the policy gradient: the return from the step on, or that of the whole episode"},
    {.key = "normalize_returns",
     .offset = offsetof(struct reinforce_options, settings.normalize_advantage),
     .type = OPTION_BOOL,
     .default_value = "false",
     .help = "whether the weights of an update are normalised to mean 0 and deviation 1"},
    ROW_LEARNING_RATE(struct reinforce_options, "0.001"),
    ROW_ENT_COEF(struct reinforce_options, "0"),
    ROW_MAX_GRAD_NORM(struct reinforce_options, "0.5"),
    ROW_OPTIMIZER(struct reinforce_options, "adam"),
    ROW_OPTIMIZER_EPSILON(struct reinforce_options, "1e-5"),
    {.key = NULL},
};

void reinforce_needs(const void *options, struct rollout_needs *needs) {
  (void)options;
  needs->whole_episodes = true;
}

/* --- the update --- */

void reinforce_returns(struct batch *batch, enum reinforce_estimator estimator, double gamma) {
  size_t n_steps = batch->rollout->n_steps;
  batch_list_samples(batch);
  for (size_t row = 0; row < batch->rollout->n_rows; row++) {
    /* G_t = r_t + gamma G_{t+1} */
    const struct advantage_row episode = batch_row(batch, row);
    float *returns = batch->returns + row * n_steps;
    if (estimator == REINFORCE_TOTAL_RETURN)
      advantage_total_return(&episode, (float)gamma, returns);
    else
      advantage_return_to_go(&episode, (float)gamma, returns);
    for (size_t t = 0; t < episode.n_steps; t++) batch->advantages[row * n_steps + t] = returns[t];
  }
}

static muster_status reinforce_update(void *algorithm, double progress_remaining, double *metrics) {
  struct policy_gradient *policy = algorithm;
  const struct reinforce_options *options = policy->options;
  model_pack(policy->model, true);
  reinforce_returns(&policy->batch, (enum reinforce_estimator)options->estimator, options->settings.gamma);
  const struct tile_loss loss = {.policy = policy_loss_log_prob};
  return policy_gradient_single_update(policy, &loss, progress_remaining, metrics);
}

const struct algorithm_type algorithm_reinforce = {
    .name = "reinforce",
    .summary = "REINFORCE: Monte-Carlo policy gradient over whole episodes (Williams 1992)",
    .base = &policy_gradient_base,
    .options = OPTION_TABLE("reinforce", reinforce_option_list),
    .options_size = sizeof(struct reinforce_options),
    .metrics = policy_gradient_metrics,
    .needs = reinforce_needs,
    .update = reinforce_update,
    .networks = policy_gradient_no_critic,
};
