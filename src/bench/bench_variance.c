/* The variance of the policy gradient's estimate under different weights of the same samples, on a fixed policy.
 *
 * A policy and a critic are trained on CartPole-v1 for a while; then the policy is held fixed, the critic goes on to
 * learn its values, and many gradients are estimated, each from the whole episodes of one rollout:
 *   g = 1 / episodes * sum over all steps of weight * grad log pi,    variance = trace of the covariance of g.
 * The limit of each figure is the variance without a baseline (return-to-go), so the ratio says by which factor the
 * weight lessens it. Nothing here is a time. */
#include "algo/ppo.h"
#include "algo/reinforce.h"
#include "base/statistics.h"
#include "bench/parts.h"
#include "bench/single_rank.h"
#include "train/actor.h"

#include <stdio.h>
#include <string.h>

#define EPISODES 32
#define GRADIENTS 40 /* in each repetition */

enum weight { TOTAL_RETURN, RETURN_TO_GO, BATCH_MEAN, VALUE, GAE, TD_RESIDUAL, WEIGHTS };
static const char *const weight_names[WEIGHTS] = {"total_return",   "no_baseline", "batch_mean",
                                                  "value_baseline", "gae_0.95",    "td_residual"};

static const struct bench_unit unit_variance = {"variance", false, 1.0};
static const double gamma_of_returns = 0.99;

struct variance {
  struct single_rank single;
  struct model model;
  struct actor actor;
  struct ppo_options options;
  const struct algorithm_type *type;
  struct policy_gradient *ppo;
  float *policy;           /* [policy_count] the fixed one */
  double *mean[WEIGHTS];   /* [policy_count] of the gradients */
  double squares[WEIGHTS]; /* sums of the squared distances from the mean, over all elements */
};

static muster_status create(struct variance *v) {
  char config[256];
  snprintf(config, sizeof config,
           "env: {name: CartPole-v1, num_envs: %d}\nalgorithm: {name: reinforce, n_steps: 500}\n"
           "policy: {hidden_sizes: [64, 64]}\n",
           EPISODES);
  struct single_rank *single = &v->single;
  struct run *run = &single->run;
  MUSTER_TRY(single_rank_create(config, single));
  const muster_env_spec *spec = env_pool_spec(run->pool);
  MUSTER_TRY(
      model_create(&run->config.policy, &spec->observation, &spec->action, model_critic_v, run->arena, &v->model));
  MUSTER_TRY(model_initialize(&v->model, &run->config.policy, 1));
  model_pack(&v->model, true);
  MUSTER_TRY(actor_create(&single->gathering, &single->transport, &v->model, &v->actor));
  MUSTER_TRY(actor_start_envs(&v->actor, false));

  MUSTER_TRY(algorithm_find("ppo", &v->type));
  MUSTER_TRY(option_set_defaults(v->type->options, &v->options));
  v->options.settings.learning_rate.initial = 0.001;
  v->options.settings.gamma = gamma_of_returns;
  v->options.gae_lambda = 1.0;
  v->options.batch_size = 256;
  const struct algorithm_context context = {
      .options = &v->options, .model = &v->model, .rollout = &single->gathering.batch, .seed = 1, .arena = run->arena};
  MUSTER_TRY(algorithm_create(v->type, &context, (void **)&v->ppo));
  MUSTER_TRY(ARENA_TAKE(run->arena, v->model.policy_count, "policy", &v->policy));
  for (int w = 0; w < WEIGHTS; w++) MUSTER_TRY(ARENA_TAKE(run->arena, v->model.policy_count, "gradients", &v->mean[w]));
  return MUSTER_OK;
}

static muster_status roll_out(struct variance *v) {
  MUSTER_TRY(actor_roll_out(&v->actor));
  v->single.transport.command->iteration++;
  return MUSTER_OK;
}

/* trains both for a while, then the critic alone: after each update the policy is put back */
static muster_status train(struct variance *v, int policy_updates, int critic_updates) {
  const size_t bytes = v->model.policy_count * sizeof(float);
  double metrics[ALGORITHM_MAX_METRICS];
  for (int i = 0; i < policy_updates + critic_updates; i++) {
    MUSTER_TRY(roll_out(v));
    MUSTER_TRY(v->type->update(v->ppo, 1.0, metrics));
    if (i < policy_updates) memcpy(v->policy, v->model.parameters.values, bytes);
    memcpy(v->model.parameters.values, v->policy, bytes);
    model_pack(&v->model, true);
  }
  return MUSTER_OK;
}

/* the weights of the samples of the rollout, from whole returns */
static void weigh_by_returns(struct batch *batch, enum weight weight) {
  reinforce_returns(batch, weight == TOTAL_RETURN ? REINFORCE_TOTAL_RETURN : REINFORCE_RETURN_TO_GO, gamma_of_returns);
  double mean = 0;
  for (size_t i = 0; i < batch->count; i++) mean += batch->advantages[batch->sample[i]] / (double)batch->count;
  for (size_t i = 0; weight == BATCH_MEAN && i < batch->count; i++) batch->advantages[batch->sample[i]] -= (float)mean;
}

/* the weights of the samples, of any kind */
static muster_status weigh(struct batch *batch, struct model *model, enum weight weight) {
  const double gamma = gamma_of_returns;
  switch (weight) {
  case VALUE: return batch_estimate_advantages(batch, model, ADVANTAGE_BASELINE, gamma, 1.0);
  case GAE: return batch_estimate_advantages(batch, model, ADVANTAGE_GAE, gamma, 0.95);
  case TD_RESIDUAL: return batch_estimate_advantages(batch, model, ADVANTAGE_TD_RESIDUAL, gamma, 0.0);
  default: weigh_by_returns(batch, weight); return MUSTER_OK;
  }
}

/* makes rollout `number`, counted from 1, and adds its gradient under each weight */
static muster_status add_gradients(struct variance *v, int number) {
  struct policy_gradient *policy = v->ppo;
  struct batch *batch = &policy->batch;
  const struct tile_loss loss = {.policy = policy_loss_log_prob};
  MUSTER_TRY(roll_out(v));
  batch_list_samples(batch);
  for (int w = 0; w < WEIGHTS; w++) {
    struct losses losses;
    MUSTER_TRY(weigh(batch, &v->model, (enum weight)w));
    MUSTER_TRY(policy_gradient_gradient(policy, &loss, batch->sample, batch->count, &losses));
    /* converts the mean over steps to that over episodes */
    double scale = (double)batch->count / EPISODES;
    for (size_t i = 0; i < v->model.policy_count; i++)
      statistics_add(scale * v->model.parameters.gradients[i], number, &v->mean[w][i], &v->squares[w]);
  }
  return MUSTER_OK;
}

/* estimates the unbiased variances from n gradients */
static muster_status estimate(struct variance *v, int n, double variances[WEIGHTS]) {
  for (int w = 0; w < WEIGHTS; w++) {
    memset(v->mean[w], 0, v->model.policy_count * sizeof *v->mean[w]);
    v->squares[w] = 0;
  }
  for (int i = 1; i <= n; i++) MUSTER_TRY(add_gradients(v, i));
  for (int w = 0; w < WEIGHTS; w++) variances[w] = v->squares[w] / (n - 1);
  return MUSTER_OK;
}

static muster_status measure(struct bench *bench, struct variance *v) {
  struct bench_series series[WEIGHTS] = {0};
  MUSTER_TRY(create(v));
  MUSTER_TRY(train(v, bench->quick ? 1 : 8, bench->quick ? 1 : 60));
  /* weights are not normalised, which would hide their size */
  v->ppo->settings.normalize_advantage = false;
  for (int i = 0; i < bench->repeats; i++) {
    double variances[WEIGHTS];
    MUSTER_TRY(estimate(v, bench->quick ? 4 : GRADIENTS, variances));
    for (int w = 0; w < WEIGHTS; w++) series[w].at[i] = variances[w];
  }
  for (int w = 0; w < WEIGHTS; w++)
    MUSTER_TRY(bench_add(bench, &unit_variance, series[w], series[RETURN_TO_GO], "variance/%s", weight_names[w]));
  return MUSTER_OK;
}

muster_status bench_variance(struct bench *bench) {
  struct variance variance = {0};
  muster_status status = measure(bench, &variance);
  single_rank_release(&variance.single);
  return status;
}
