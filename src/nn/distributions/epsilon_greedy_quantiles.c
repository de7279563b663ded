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

static const char *values_onnx(const struct policy_head *head, const struct action_onnx *io) {
  const int64_t shape[] = {-1, (int64_t)head->choices, (int64_t)head->atoms};
  const char *quantiles = onnx_shape(io->graph, io->net, 3, shape);
  const char *means = onnx_node(io->graph, "ReduceMean", ONNX_LIST(quantiles),
                                ONNX_ATTRIBUTES(ONNX_INTS("axes", (int64_t[]){2}, 1), ONNX_INT("keepdims", 0)));
  return greedy_onnx(head, io, means);
}

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
    .onnx = values_onnx,
    .noise = DISTRIBUTION_NOISE_UNIFORM,
    .noise_numbers = GREEDY_NOISE_NUMBERS,
};
