/* Epsilon-greedy choice (greedy.h) where the outputs of an action are the logits of a distribution over fixed returns,
 * the atoms z_k from `low` to `high` (Bellemare et al. 2017): its value is sum_k z_k softmax_k. */
#include "nn/distributions/greedy.h"

#include <math.h>

static void values_of(const struct policy_head *head, const float *outputs, float *values) {
  const double step = (head->high - head->low) / (double)(head->atoms > 1 ? head->atoms - 1 : 1);
  for (size_t a = 0; a < head->choices; a++) {
    const float *logit = outputs + a * head->atoms;
    double most = -INFINITY, sum = 0, weighted = 0;
    for (size_t k = 0; k < head->atoms; k++) most = fmax(most, logit[k]);
    for (size_t k = 0; k < head->atoms; k++) {
      const double weight = exp(logit[k] - most);
      sum += weight;
      weighted += weight * (head->low + (double)k * step);
    }
    values[a] = (float)(weighted / sum);
  }
}

GREEDY_FUNCTIONS(values_of)

const struct distribution distribution_epsilon_greedy_atoms = {
    .name = "EpsilonGreedyAtoms",
    .summary = "the same; the outputs are logits of fixed returns after each action, whose expectation is its value",
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
