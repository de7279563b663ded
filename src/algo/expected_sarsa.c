/* Expected SARSA in a table (van Seijen et al. 2009; Sutton and Barto 2018, section 6.6): the values of the policy that
 * acts, with the mean over its actions in place of the one that it takes.
 *
 *   policy  pi(a | s): epsilon-greedy over Q(s, .)
 *   target  y = r + gamma sum over a of pi(a | s') Q(s', a)                                   (equation 6.9)
 *
 * With n_steps > 1 the rewards of n steps come before the mean, uncorrected, (section 7.2); with a trace an error
 * reaches earlier steps as in SARSA(lambda). */
#include "algo/options.h"
#include "algo/table_learning.h"

struct expected_sarsa_options {
  struct table_learning_settings settings;
};

static const struct option_spec expected_sarsa_option_list[] = {
    ROWS_OF_TABLE_LEARNING(struct expected_sarsa_options),
    ROWS_OF_TRACES(struct expected_sarsa_options),
    {.key = NULL},
};

/* epsilon (mean over the n allowed a of Q(s', a)) + (1 - epsilon) max over a of Q(s', a) */
static double mean_value(const struct table_learning *learning, const struct table_next *next) {
  const double *values = table_values(learning, 0, next->state), epsilon = learning->exploration_rate;
  double sum = 0, allowed = 0;
  for (size_t a = 0; a < learning->actions; a++) {
    if (next->mask != NULL && next->mask[a] == 0) continue;
    sum += values[a];
    allowed++;
  }
  const double greatest = values[table_greedy(learning, values, next->mask)];
  return (allowed > 0 ? epsilon * sum / allowed : 0) + (1 - epsilon) * greatest;
}

static muster_status expected_sarsa_create(const struct algorithm_context *context, void *algorithm) {
  (void)context;
  struct table_learning *learning = algorithm;
  learning->value = mean_value;
  return MUSTER_OK;
}

const struct algorithm_type algorithm_expected_sarsa = {
    .name = "expected-sarsa",
    .summary = "expected SARSA in a table, Discrete observations and actions (van Seijen et al. 2009)",
    .base = &table_learning_base,
    .options = OPTION_TABLE("expected-sarsa", expected_sarsa_option_list),
    .options_size = sizeof(struct expected_sarsa_options),
    .corrects_lag = true,
    .metrics = table_learning_metrics,
    .policy = TABLE_POLICY("expected-sarsa"),
    .request = table_learning_request,
    .create = expected_sarsa_create,
    .update = table_learning_update,
};
