/* Epsilon-greedy choice (greedy.h) where the outputs are the values of the actions. */
#include "nn/distributions/greedy.h"

#include <string.h>

static void values_of(const struct policy_head *head, const float *outputs, float *values) {
  memcpy(values, outputs, head->choices * sizeof *values);
}

GREEDY_FUNCTIONS(values_of)

static const char *values_onnx(const struct policy_head *head, const struct action_onnx *io) {
  return greedy_onnx(head, io, io->net);
}

const struct distribution distribution_epsilon_greedy = {
    .name = "EpsilonGreedy",
    .summary = "the action of the greatest value, or with probability epsilon any one; the outputs are the values",
    .action_kind = MUSTER_SPACE_DISCRETE,
    .is_requested = true,
    .shape = greedy_shape,
    .sample = sample,
    .mode = mode,
    .evaluate = evaluate,
    .gradient = greedy_gradient,
    .probabilities = probabilities,
    .values = values,
    .onnx = values_onnx,
    .noise = DISTRIBUTION_NOISE_UNIFORM,
    .noise_numbers = GREEDY_NOISE_NUMBERS,
};
