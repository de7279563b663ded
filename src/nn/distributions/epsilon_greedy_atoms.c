/* Epsilon-greedy choice (greedy.h) where the outputs of an action are the logits of a distribution over fixed returns,
 * the atoms z_k from `low` to `high` (Bellemare et al. 2017): its value is sum_k z_k softmax_k. */
#include "nn/distributions/greedy.h"

#include <math.h>

/* how far apart the atoms are */
static double step_of(const struct policy_head *head) {
  return (head->high - head->low) / (double)(head->atoms > 1 ? head->atoms - 1 : 1);
}

static void values_of(const struct policy_head *head, const float *outputs, float *values) {
  const double step = step_of(head);
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

/* sum_k k softmax_k, times the step, plus `low`: so numbers stay exact where `low` is large */
static const char *values_onnx(const struct policy_head *head, const struct action_onnx *io) {
  struct onnx *graph = io->graph;
  const int64_t atoms = (int64_t)head->atoms, shape[] = {-1, (int64_t)head->choices, atoms};
  const char *logits = onnx_shape(graph, io->net, 3, shape);
  const char *shares = onnx_node(graph, "Softmax", ONNX_LIST(logits), ONNX_ATTRIBUTES(ONNX_INT("axis", 2)));
  const char *first = onnx_number(graph, 0), *end = onnx_number(graph, (float)atoms), *one = onnx_number(graph, 1);
  const char *numbers = onnx_node(graph, "Range", ONNX_LIST(first, end, one), NULL);
  const char *weighted = onnx_node(graph, "Mul", ONNX_LIST(shares, numbers), NULL);
  const char *axis = onnx_integers(graph, 1, (int64_t[]){2});
  const char *means =
      onnx_node(graph, "ReduceSum", ONNX_LIST(weighted, axis), ONNX_ATTRIBUTES(ONNX_INT("keepdims", 0)));
  means = onnx_node(graph, "Mul", ONNX_LIST(means, onnx_number(graph, (float)step_of(head))), NULL);
  means = onnx_node(graph, "Add", ONNX_LIST(means, onnx_number(graph, (float)head->low)), NULL);
  return greedy_onnx(head, io, means);
}

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
    .onnx = values_onnx,
    .noise = DISTRIBUTION_NOISE_UNIFORM,
    .noise_numbers = GREEDY_NOISE_NUMBERS,
};
