/* Epsilon-greedy choice (greedy.h) where the outputs of an action are quantiles of the return (Dabney et al. 2018): its
 * value is their mean. */
#include "nn/distributions/greedy.h"

static void values_of(const struct policy_head *head, const float *outputs, float *values) {
  for (size_t a = 0; a < head->choices; a++) {
    double sum = 0;
    for (size_t k = 0; k < head->atoms; k++) sum += outputs[a * head->atoms + k];
    values[a] = (float)(sum / (double)head->atoms);
  }
}

GREEDY_FUNCTIONS(values_of)

const struct distribution distribution_epsilon_greedy_quantiles = {
    .name = "EpsilonGreedyQuantiles",
    .summary = "the same; the outputs are quantiles of the return after each action, whose mean is its value",
    .action_kind = MUSTER_SPACE_DISCRETE,
    .is_requested = true,
    .shape = greedy_shape,
    .sample = sample,
    .mode = mode,
    .evaluate = evaluate,
    .gradient = greedy_gradient,
    .probabilities = probabilities,
    .values = values,
};
