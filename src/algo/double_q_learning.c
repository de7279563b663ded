/* Double Q-learning in two tables (van Hasselt 2010; Sutton and Barto 2018, section 6.7): one chooses the greedy
 * action, the other one values it, so that values are not too large where rewards are uncertain.
 *
 *   policy  epsilon-greedy over the mean of Q_1(s, .) and Q_2(s, .)
 *   target  of Q_i, the toss of a coin says which:  y = r + gamma Q_j(s', argmax over a of Q_i(s', a)),  j the other
 * one (equation 6.10)
 *
 * With n_steps > 1 the rewards of n steps come before that value, uncorrected for actions that were not greedy. */
#include "algo/options.h"
#include "algo/table_learning.h"

struct double_q_learning_options {
  struct table_learning_settings settings;
};

static const struct option_spec double_q_learning_option_list[] = {
    ROWS_OF_TABLE_LEARNING(struct double_q_learning_options),
    {.key = NULL},
};

/* Q_j(s', argmax over a of Q_i(s', a)) */
static double value_by_other(const struct table_learning *learning, const struct table_next *next) {
  const double *choosing = table_values(learning, learning->turn, next->state);
  return table_values(learning, 1 - learning->turn, next->state)[table_greedy(learning, choosing, next->mask)];
}

static void add_needs(const void *options, struct rollout_needs *needs) {
  (void)options;
  needs->pair_bytes += sizeof(double);
}

static muster_status double_q_learning_create(const struct algorithm_context *context, void *algorithm) {
  struct table_learning *learning = algorithm;
  learning->value = value_by_other;
  return table_learning_add_table(learning, context->arena);
}

const struct algorithm_type algorithm_double_q_learning = {
    .name = "double-q-learning",
    .summary = "double Q-learning in two tables, Discrete observations and actions (van Hasselt 2010)",
    .base = &table_learning_base,
    .options = OPTION_TABLE("double-q-learning", double_q_learning_option_list),
    .options_size = sizeof(struct double_q_learning_options),
    .corrects_lag = true,
    .metrics = table_learning_metrics,
    .policy = TABLE_POLICY("double-q-learning"),
    .needs = add_needs,
    .request = table_learning_request,
    .create = double_q_learning_create,
    .update = table_learning_update,
};
