/* Parallelised Q-network (Gallici et al. 2024, algorithm 1): Q(s, a) of all Discrete actions, learned from the rollouts
 * of many environments alone, without a replay and without a target network. Layer normalisation keeps it stable.
 *
 *   policy  epsilon-greedy over Q(s, .)
 *   target  G_t = r_t + gamma ((1 - lambda) max_a Q(s_{t+1}, a) + lambda G_{t+1})  (Peng and Williams 1996)
 *           after the last step of a rollout, and at a truncation, max_a Q alone; at a termination G_t = r_t
 *   loss    L = mean (Q(s_t, a_t) - G_t)^2 / 2
 *
 * Traces are not cut where an action was not greedy, as in the authors' program. With V(s) = max_a Q(s, a) the targets
 * are the returns A_t + V(s_t) of generalized advantage estimation (experience/advantage.h): with
 * A_t = r_t + gamma V(s_{t+1}) - V(s_t) + gamma lambda A_{t+1} both obey the same recursion.
 *
 * What changes against PPO (ppo.c): the policy network's outputs are values, the greatest of them stands for the
 * critic, and their squared error for the surrogate. epsilon falls as DQN's does (exploration.h). */
#include "algo/pqn.h"

#include "algo/options.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- options --- */

static const struct option_spec pqn_option_list[] = {
    ROW_N_STEPS(struct pqn_options, "128"),
    ROW_BATCH_SIZE(struct pqn_options, "128"),
    ROW_N_EPOCHS(struct pqn_options, "4"),
    ROW_GAMMA(struct pqn_options, "0.99"),
    {ROW(struct pqn_options, q_lambda), .type = OPTION_FLOAT, .default_value = "0.65", .min = 0, .max = 1,
     .help = "how far returns look ahead: 0 is one reward and the next value, 1 all rewards of the rollout"},
    ROW_EXPLORATION_FRACTION(struct pqn_options, exploration, "0.5"),
    ROW_EXPLORATION_INITIAL_EPS(struct pqn_options, exploration, "1"),
    ROW_EXPLORATION_FINAL_EPS(struct pqn_options, exploration, "0.05"),
    ROW_EXPLORATION_EPS(struct pqn_options, exploration),
    {ROW(struct pqn_options, layer_norm), .type = OPTION_BOOL, .default_value = "true",
     .help = "whether each hidden layer of policy.hidden_sizes is normalised before its activation"},
    ROW_LEARNING_RATE(struct pqn_options, "0.00025"),
    ROW_MAX_GRAD_NORM(struct pqn_options, "10"),
    ROW_OPTIMIZER(struct pqn_options, "radam"),
    ROW_OPTIMIZER_EPSILON(struct pqn_options, "1e-8"),
    {.key = NULL},
};

static muster_status pqn_check(const struct document *document, const void *object, int64_t num_envs) {
  const struct pqn_options *options = object;
  const int64_t n_steps = options->settings.n_steps, samples = n_steps * num_envs;
  if (options->batch_size <= samples) return MUSTER_OK;
  return document_error(document, "algorithm.batch_size",
                        "is larger than the batch: n_steps %lld x num_envs %lld = %lld samples; expects at most %lld",
                        (long long)n_steps, (long long)num_envs, (long long)samples, (long long)samples);
}

static void pqn_request(const void *object, struct policy_request *request) {
  snprintf(request->distribution, sizeof request->distribution, "EpsilonGreedy");
  request->hidden.layer_norm = ((const struct pqn_options *)object)->layer_norm;
}

/* --- targets and loss --- */

/* values[n]: max_a Q(s, a) over the actions that are allowed */
static void greatest_values(struct model *model, size_t n, const void *observations, size_t stride,
                            struct action_mask mask, float *values) {
  struct policy_head *head = &model->head;
  int32_t greedy[TILE];
  for (size_t first = 0; first < n; first += TILE) {
    const size_t rows = n - first < TILE ? n - first : TILE;
    const struct action_mask tile_mask = {mask.bytes != NULL ? mask.bytes + first * mask.stride : NULL, mask.stride};
    size_t ld;
    const float *q = model_policy(model, rows, (const char *)observations + first * stride, stride, &ld);
    head->distribution->mode(head, rows, q, ld, tile_mask, greedy);
    for (size_t r = 0; r < rows; r++) values[first + r] = q[r * ld + (size_t)greedy[r]];
  }
}

muster_status pqn_estimate_returns(struct policy_gradient *pqn) {
  const struct pqn_options *options = pqn->options;
  batch_list_samples(&pqn->batch);
  return batch_estimate_advantages(&pqn->batch, pqn->model, ADVANTAGE_GAE, options->settings.gamma, options->q_lambda);
}

/* (Q(s, a) - G)^2 / 2: the other actions' values have no gradient */
static void pqn_loss(struct policy_gradient *pqn, const float *q, size_t q_ld, float inverse_n, struct losses *losses) {
  const struct batch_tile *tile = &pqn->tile;
  const int32_t *action = tile->action;
  const size_t ld = linear_padded(pqn->model->head.outputs);
  memset(pqn->d_net, 0, tile->padded_rows * ld * sizeof *pqn->d_net);
  for (size_t r = 0; r < tile->rows; r++) {
    const float value = q[r * q_ld + (size_t)action[r]], error = value - tile->returns[r];
    losses->policy += 0.5 * (double)error * error;
    losses->value += value;
    pqn->d_net[r * ld + (size_t)action[r]] = error * inverse_n;
  }
}

static const struct tile_loss pqn_tile_loss = {.outputs = pqn_loss};

muster_status pqn_minibatch_gradient(struct policy_gradient *pqn, const uint32_t *index, size_t n,
                                     struct losses *losses) {
  return policy_gradient_gradient(pqn, &pqn_tile_loss, index, n, losses);
}

/* --- the update --- */

static void set_epsilon(struct policy_gradient *pqn, double progress_remaining) {
  const struct pqn_options *options = pqn->options;
  exploration_set(pqn->model, exploration_rate(&options->exploration, progress_remaining));
}

static muster_status pqn_create(const struct algorithm_context *context, void *algorithm) {
  (void)context;
  struct policy_gradient *pqn = algorithm;
  pqn->batch.valuation = greatest_values;
  set_epsilon(pqn, 1.0);
  return MUSTER_OK;
}

static muster_status pqn_take_rollout(void *algorithm, double progress_remaining, int64_t *updates) {
  set_epsilon(algorithm, progress_remaining);
  *updates = 1;
  return MUSTER_OK;
}

enum {
  METRIC_Q_LOSS,
  METRIC_Q_VALUE,
  METRIC_Q_EXPLAINED_VARIANCE,
  METRIC_Q_GRADIENT_NORM,
  METRIC_Q_LEARNING_RATE,
  METRIC_Q_N_UPDATES,
  METRIC_EXPLORATION_RATE,
  METRICS
};

static const char *const pqn_metrics[METRICS + 1] = {
    "train/loss",          "train/q_value",   "train/explained_variance", "train/gradient_norm",
    "train/learning_rate", "train/n_updates", "rollout/exploration_rate", NULL};

static muster_status pqn_update(void *algorithm, double progress_remaining, double *metrics) {
  struct policy_gradient *pqn = algorithm;
  const struct pqn_options *options = pqn->options;
  const struct epochs_settings epochs = {
      .n_epochs = options->n_epochs,
      .batch_size = options->batch_size,
      .learning_rate = option_schedule_value(&options->settings.learning_rate, progress_remaining),
      .target_kl = (double)NAN,
  };
  struct update_totals totals;
  model_pack(pqn->model, true);
  MUSTER_TRY(pqn_estimate_returns(pqn));
  MUSTER_TRY(policy_gradient_epochs(pqn, &pqn_tile_loss, &epochs, &totals));

  metrics[METRIC_Q_LOSS] = totals.sums.policy / (double)totals.minibatches;
  metrics[METRIC_Q_VALUE] = totals.sums.value / (double)totals.minibatches;
  metrics[METRIC_Q_EXPLAINED_VARIANCE] = batch_explained_variance(&pqn->batch);
  metrics[METRIC_Q_GRADIENT_NORM] = totals.gradient_norm / (double)totals.steps;
  metrics[METRIC_Q_LEARNING_RATE] = epochs.learning_rate;
  metrics[METRIC_Q_N_UPDATES] = (double)pqn->epochs;
  metrics[METRIC_EXPLORATION_RATE] = exploration_rate(&options->exploration, progress_remaining);
  return MUSTER_OK;
}

const struct algorithm_type algorithm_pqn = {
    .name = "pqn",
    .summary = "parallelised Q-network: Q-learning without replay or target network (Gallici et al. 2024)",
    .base = &policy_gradient_base,
    .options = OPTION_TABLE("pqn", pqn_option_list),
    .options_size = sizeof(struct pqn_options),
    .policy = MODEL_DEFAULTS("pqn", "[120, 84]", "relu", "false"),
    .corrects_lag = true,
    .metrics = pqn_metrics,
    .check = pqn_check,
    .request = pqn_request,
    .networks = policy_gradient_no_critic,
    .create = pqn_create,
    .take_rollout = pqn_take_rollout,
    .update = pqn_update,
};
