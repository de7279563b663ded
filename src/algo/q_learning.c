/* Q-learning in a table (Watkins 1989; Sutton and Barto 2018, section 6.5): the values of the greedy policy, whatever
 * acts.
 *
 *   policy  epsilon-greedy over Q(s, .)
 *   target  y = r + gamma max over a of Q(s', a)                                              (equation 6.8)
 *
 * With n_steps > 1 the rewards of n steps come before the maximum, uncorrected for actions that were not greedy, as in
 * `dqn`. With a trace it is Watkins's Q(lambda) (Sutton and Barto 1998, figure 7.14): traces end where the action that
 * comes next is not greedy, so an error waits for that action. */
#include "algo/options.h"
#include "algo/table_learning.h"

struct q_learning_options {
  struct table_learning_settings settings;
};

static const struct option_spec q_learning_option_list[] = {
    ROWS_OF_TABLE_LEARNING(struct q_learning_options),
    ROWS_OF_TRACES(struct q_learning_options),
    {.key = NULL},
};

/* max over a of Q(s', a) */
static double greatest_value(const struct table_learning *learning, const struct table_next *next) {
  const double *values = table_values(learning, 0, next->state);
  return values[table_greedy(learning, values, next->mask)];
}

static muster_status q_learning_create(const struct algorithm_context *context, void *algorithm) {
  (void)context;
  struct table_learning *learning = algorithm;
  learning->value = greatest_value;
  learning->awaits_action = learning->cuts_traces = learning->settings.trace != TRACE_NONE;
  return MUSTER_OK;
}

const struct algorithm_type algorithm_q_learning = {
    .name = "q-learning",
    .summary = "Q-learning in a table, Discrete observations and actions (Watkins 1989)",
    .base = &table_learning_base,
    .options = OPTION_TABLE("q-learning", q_learning_option_list),
    .options_size = sizeof(struct q_learning_options),
    .corrects_lag = true,
    .metrics = table_learning_metrics,
    .policy = TABLE_POLICY("q-learning"),
    .request = table_learning_request,
    .create = q_learning_create,
    .update = table_learning_update,
};
