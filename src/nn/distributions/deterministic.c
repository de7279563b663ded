/* A deterministic policy over a Box with bounds (Silver et al. 2014): x = tanh(output) goes from [-1, 1] to the bounds.
 * It explores by the algorithm's action noise (bounded.h), and has no probabilities: log_prob is 0. */
#include "math/vector.h"
#include "nn/distributions/bounded.h"

#include <string.h>

/* x of one tile: [elements, TILE] */
static float *tanh_of_outputs(const struct policy_head *head, size_t rows, const float *net, size_t net_ld) {
  float *x = head->workspace;
  for (size_t i = 0; i < head->elements; i++)
    for (size_t r = 0; r < TILE; r++) x[i * TILE + r] = r < rows ? net[r * net_ld + i] : 0.0f;
  vector_tanh(head->elements * TILE, x, x);
  return x;
}

static void deterministic_shape(struct policy_head *head, bool state_dependent) {
  (void)state_dependent;
  bounded_shape(head, head->elements, 1);
}

static void deterministic_mode(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                               struct action_mask mask, void *actions) {
  (void)mask;
  float *action = actions;
  const float *x = tanh_of_outputs(head, rows, net, net_ld);
  for (size_t i = 0; i < head->elements; i++)
    for (size_t r = 0; r < rows; r++) action[r * head->elements + i] = bounded_action(head, i, x[i * TILE + r]);
}

static void deterministic_from_noise(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                                     const float *noise, float *actions) {
  (void)noise;
  memset(head->log_prob, 0, TILE * sizeof *head->log_prob);
  deterministic_mode(head, rows, net, net_ld, (struct action_mask){0}, actions);
}

static void deterministic_sample(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                                 struct action_mask mask, const struct action_random *random, void *actions) {
  (void)mask;
  memset(head->log_prob, 0, TILE * sizeof *head->log_prob);
  bounded_explore(head, rows, random, tanh_of_outputs(head, rows, net, net_ld), actions);
}

/* d x / d output = 1 - x^2 */
static void deterministic_pathwise(struct policy_head *head, size_t rows, const float *d_actions,
                                   const float *d_log_prob, float *d_net, size_t d_net_ld) {
  (void)d_log_prob;
  for (size_t i = 0; i < head->elements; i++)
    for (size_t r = 0; r < rows; r++) {
      const float x = head->workspace[i * TILE + r];
      d_net[r * d_net_ld + i] = d_actions[r * head->elements + i] * head->half_width[i] * (1.0f - x * x);
    }
}

static const char *deterministic_onnx(const struct policy_head *head, const struct action_onnx *io) {
  const char *x = onnx_node(io->graph, "Tanh", ONNX_LIST(io->net), NULL);
  return bounded_onnx(head, io->graph, io->noise != NULL ? bounded_noise_onnx(head, io, x) : x);
}

const struct distribution distribution_deterministic = {
    .name = "Deterministic",
    .summary = "tanh of the outputs, scaled to the bounds; where it explores, with the algorithm's action noise",
    .action_kind = MUSTER_SPACE_BOX,
    .is_requested = true,
    .needs_bounds = true,
    .shape = deterministic_shape,
    .sample = deterministic_sample,
    .mode = deterministic_mode,
    .pathwise = deterministic_pathwise,
    .from_noise = deterministic_from_noise,
    .onnx = deterministic_onnx,
};
