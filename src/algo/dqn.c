/* Deep Q-networks (Mnih et al. 2015): Q(s, a) of all Discrete actions, learned from a replay towards the values that an
 * older copy of the network, the target network, has for the next observation.
 *
 *   policy  epsilon-greedy over Q(s, .)
 *   target  y = R + discount * Q(next s, a*; target network),  R and discount of a window of n_steps
 *           a* = argmax over a of Q(next s, a; target network), or, with `double`, of Q(next s, a; learned network)
 *           (van Hasselt et al. 2016, equation 4)
 *   loss    L = mean w H(Q(s, a) - y),  w = 1, or the weights of prioritized_replay.h
 *           Huber's H(d) = d^2 / 2 within [-1, 1], |d| - 1/2 outside: the error term is clipped to [-1, 1]
 *
 * epsilon falls linearly from exploration_initial_eps to exploration_final_eps over the first exploration_fraction of
 * the run. Before learning_starts steps actions are drawn uniformly. target_update_interval counts steps of all
 * environments, as in Stable-Baselines3. */
#include "algo/exploration.h"
#include "algo/options.h"
#include "algo/return_distribution.h"
#include "algo/value_learning.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct dqn_options {
  struct replay_learning_settings settings;
  struct exploration exploration;
  double exploration_alpha;
  bool double_q, dueling;
  int distributional; /* enum distributional */
  int64_t n_quantiles, n_atoms;
  double v_min, v_max;
};

/* what is learned of the return: its mean, quantiles (QR-DQN), or the probabilities of fixed values (C51) */
enum distributional { DISTRIBUTIONAL_NONE, DISTRIBUTIONAL_QR, DISTRIBUTIONAL_C51 };

struct dqn {
  struct value_learning base;
  double exploration_rate; /* epsilon by its schedule */
};

/* --- options --- */

static const char *const distributional_names[] = {"none", "qr", "c51", NULL};

static const struct option_spec dqn_option_list[] = {
    ROW_BUFFER_SIZE(struct dqn_options, "1000000"),
    ROW_LEARNING_STARTS(struct dqn_options, "100"),
    ROW_TRAIN_FREQ(struct dqn_options, "4"),
    ROW_GRADIENT_STEPS(struct dqn_options, "1"),
    ROW_REPLAY_BATCH_SIZE(struct dqn_options, "32"),
    ROW_REPLAY_N_STEPS(struct dqn_options, "1"),
    ROW_GAMMA(struct dqn_options, "0.99"),
    ROW_TAU(struct dqn_options, "1"),
    {ROW_SETTING(struct dqn_options, target_update_interval), .type = OPTION_INT, .default_value = "10000", .min = 1,
     .max = 1e12, .help = "steps of all environments after which the target network is renewed"},
    ROW_EXPLORATION_FRACTION(struct dqn_options, exploration, "0.1"),
    ROW_EXPLORATION_INITIAL_EPS(struct dqn_options, exploration, "1"),
    ROW_EXPLORATION_FINAL_EPS(struct dqn_options, exploration, "0.05"),
    ROW_EXPLORATION_EPS(struct dqn_options, exploration),
    {ROW(struct dqn_options, exploration_alpha), .type = OPTION_FLOAT, .default_value = "0", .min = 0, .max = 100,
     .help = "how much less later environments explore: environment i of n has the exploration rate to the power "
             "1 + exploration_alpha i / (n - 1) (Ape-X: 7); 0: all the same"},
    {.key = "double",
     .offset = offsetof(struct dqn_options, double_q),
     .type = OPTION_BOOL,
     .default_value = "false",
     .help = "whether the learned network chooses the next action, which the target network then values"},
    {ROW(struct dqn_options, dueling), .type = OPTION_BOOL, .default_value = "false",
     .help = "whether the last layers divide into a value and advantages, each of the last hidden layer's width"},
    {ROW(struct dqn_options, distributional), .type = OPTION_CHOICE, .default_value = "none",
     .choices = distributional_names,
     .help = "what is learned of the return: its mean (none), n_quantiles (qr), or n_atoms probabilities (c51)"},
    {ROW(struct dqn_options, n_quantiles), .type = OPTION_INT, .default_value = "200", .min = 1,
     .max = RETURN_ATOMS_MAX, .only_when = "distributional is qr", .help = "quantiles for each action"},
    {ROW(struct dqn_options, n_atoms), .type = OPTION_INT, .default_value = "51", .min = 2, .max = RETURN_ATOMS_MAX,
     .only_when = "distributional is c51",
     .help = "returns that have a probability for each action, evenly from v_min to v_max"},
    {ROW(struct dqn_options, v_min), .type = OPTION_FLOAT, .default_value = "-10", .min = -OPTION_NO_MAX,
     .max = OPTION_NO_MAX, .only_when = "distributional is c51",
     .help = "the least return; smaller ones count as this"},
    {ROW(struct dqn_options, v_max), .type = OPTION_FLOAT, .default_value = "10", .min = -OPTION_NO_MAX,
     .max = OPTION_NO_MAX, .only_when = "distributional is c51",
     .help = "the largest return; larger ones count as this"},
    ROWS_PRIORITIZED(struct dqn_options),
    ROWS_ASYNCHRONOUS(struct dqn_options),
    ROW_LEARNING_RATE(struct dqn_options, "0.0001"),
    ROW_MAX_GRAD_NORM(struct dqn_options, "10"),
    ROW_OPTIMIZER(struct dqn_options, "adam"),
    ROW_OPTIMIZER_EPSILON(struct dqn_options, "1e-8"),
    {.key = NULL},
};

static void dqn_request(const void *object, struct policy_request *request) {
  static const char *const names[] = {"EpsilonGreedy", "EpsilonGreedyQuantiles", "EpsilonGreedyAtoms"};
  const struct dqn_options *options = object;
  const int64_t atoms[] = {1, options->n_quantiles, options->n_atoms};
  snprintf(request->distribution, sizeof request->distribution, "%s", names[options->distributional]);
  request->atoms = atoms[options->distributional];
  request->low = options->v_min;
  request->high = options->v_max;
  request->dueling = options->dueling;
  request->exploration_alpha = options->exploration_alpha;
}

static muster_status dqn_check(const struct document *document, const void *object, int64_t num_envs) {
  const struct dqn_options *options = object;
  if (options->exploration_alpha > 0 && num_envs == 1)
    return document_error(document, "algorithm.exploration_alpha",
                          "has no effect: it makes environments explore differently, and there is one (env.num_envs); "
                          "expects 0");
  if (options->distributional != DISTRIBUTIONAL_C51 || options->v_min < options->v_max) return MUSTER_OK;
  return document_error(document, "algorithm.v_max", "is %g, and v_min is %g; expects more than v_min", options->v_max,
                        options->v_min);
}

/* --- exploration --- */

static void set_epsilon(struct dqn *dqn, double progress_remaining) {
  const struct dqn_options *options = dqn->base.base.options;
  const bool has_begun = dqn->base.base.steps >= dqn->base.base.settings.learning_starts;
  dqn->exploration_rate = exploration_rate(&options->exploration, progress_remaining);
  exploration_set(dqn->base.base.model, has_begun ? dqn->exploration_rate : 1.0);
}

static muster_status dqn_create(const struct algorithm_context *context, void *algorithm) {
  struct dqn *dqn = algorithm;
  (void)context;
  const struct dqn_options *options = dqn->base.base.options;
  dqn->base.chooses_next = options->double_q ? CHOICE_BY_LEARNED : CHOICE_BY_TARGET;
  dqn->base.counts_steps_to_target = true;
  set_epsilon(dqn, 1.0);
  return MUSTER_OK;
}

static muster_status dqn_take_rollout(void *algorithm, double progress_remaining, int64_t *updates) {
  MUSTER_TRY(value_learning_take_rollout(algorithm, progress_remaining, updates));
  set_epsilon(algorithm, progress_remaining);
  return MUSTER_OK;
}

/* --- the update --- */

static void dqn_loss(struct value_learning *learning, const struct value_pass *pass, struct value_losses *losses) {
  const struct replay_tile *tile = &learning->base.tile;
  const int32_t *actions = tile->step.action;
  for (size_t r = 0; r < tile->rows; r++) {
    const size_t action = (size_t)actions[r], next = (size_t)pass->next_actions[r];
    const float value = pass->values[r * pass->ld + action];
    /* a next value of an episode that has terminated is not looked at, whatever it is */
    const float rest = tile->discount[r] > 0 ? tile->discount[r] * pass->next_values[r * pass->next_ld + next] : 0.0f;
    const float error = value - (tile->step.reward[r] + rest), size = fabsf(error);
    losses->loss += pass->weights[r] * (size < 1 ? 0.5 * (double)error * error : size - 0.5);
    losses->value += value;
    learning->d_values[r * learning->d_ld + action] =
        pass->weights[r] * fminf(fmaxf(error, -1.0f), 1.0f) * pass->inverse_n;
    pass->errors[r] = size;
  }
}

enum { METRIC_EXPLORATION_RATE = VALUE_METRICS, METRICS };

static const char *const dqn_metrics[METRICS + 1] = {VALUE_METRIC_NAMES, "rollout/exploration_rate", NULL};

static muster_status dqn_update(void *algorithm, double progress_remaining, double *metrics) {
  static const value_loss losses[] = {dqn_loss, quantile_regression_loss, categorical_loss};
  const struct dqn *dqn = algorithm;
  const struct dqn_options *options = dqn->base.base.options;
  return value_learning_update(algorithm, losses[options->distributional], progress_remaining, metrics);
}

static void dqn_measure(const void *algorithm, double *metrics) {
  metrics[METRIC_EXPLORATION_RATE] = ((const struct dqn *)algorithm)->exploration_rate;
}

const struct algorithm_type algorithm_dqn = {
    .name = "dqn",
    .summary = "deep Q-networks from a replay, Discrete actions (Mnih et al. 2015)",
    .base = &value_learning_base,
    .options = OPTION_TABLE("dqn", dqn_option_list),
    .options_size = sizeof(struct dqn_options),
    .size = sizeof(struct dqn),
    .corrects_lag = true,
    .metrics = dqn_metrics,
    .policy = MODEL_DEFAULTS("dqn", "[64, 64]", "relu", "false"),
    .check = dqn_check,
    .request = dqn_request,
    .create = dqn_create,
    .take_rollout = dqn_take_rollout,
    .update = dqn_update,
    .measure = dqn_measure,
};
