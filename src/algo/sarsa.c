/* SARSA in a table (Rummery and Niranjan 1994; Sutton and Barto 2018, section 6.4): the values of the policy that acts,
 * with its exploration.
 *
 *   policy  epsilon-greedy over Q(s, .)
 *   target  y = r + gamma Q(s', a'),  a' the action that the policy takes next                (equation 6.7)
 *
 * So a step is learned from when the step after it has begun. With n_steps > 1 it is n-step SARSA (section 7.2), with a
 * trace SARSA(lambda) (Sutton and Barto 1998, figure 7.11; 2018, section 12.7). */
#include "algo/options.h"
#include "algo/table_learning.h"

struct sarsa_options {
  struct table_learning_settings settings;
};

static const struct option_spec sarsa_option_list[] = {
    ROWS_OF_TABLE_LEARNING(struct sarsa_options),
    ROWS_OF_TRACES(struct sarsa_options),
    {.key = NULL},
};

/* Q(s', a') */
static double value_of_action(const struct table_learning *learning, const struct table_next *next) {
  return table_values(learning, 0, next->state)[next->action];
}

static muster_status sarsa_create(const struct algorithm_context *context, void *algorithm) {
  (void)context;
  struct table_learning *learning = algorithm;
  learning->value = value_of_action;
  learning->awaits_action = true;
  return MUSTER_OK;
}

const struct algorithm_type algorithm_sarsa = {
    .name = "sarsa",
    .summary = "SARSA in a table, Discrete observations and actions (Rummery and Niranjan 1994)",
    .base = &table_learning_base,
    .options = OPTION_TABLE("sarsa", sarsa_option_list),
    .options_size = sizeof(struct sarsa_options),
    .metrics = table_learning_metrics,
    .policy = TABLE_POLICY("sarsa"),
    .request = table_learning_request,
    .create = sarsa_create,
    .update = table_learning_update,
};
