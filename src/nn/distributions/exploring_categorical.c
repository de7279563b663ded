/* The categorical distribution (categorical.c) of algorithms that begin with random actions: while the one parameter of
 * its own, policy/random, is above 0, all logits count as equal, so that every allowed choice is equally likely. The
 * algorithm sets it; it has no gradient. */
#include "nn/distribution.h"
#include "nn/layer.h"

extern const struct distribution distribution_categorical;

/* behind the workspace of the other one there are logits of 0, [TILE, choices], which nobody writes */
static void exploring_shape(struct policy_head *head, bool state_dependent) {
  distribution_categorical.shape(head, state_dependent);
  head->workspace_floats += TILE * head->choices;
  head->own_name = "random";
  head->own_count = 1;
}

/* the logits that count: those of the network, or as long as it acts randomly the zeros */
static const float *logits_of(const struct policy_head *head, const float *net, size_t *net_ld) {
  if (!(head->own[0] > 0)) return net;
  *net_ld = head->choices;
  return head->workspace + head->workspace_floats - TILE * head->choices;
}

static void exploring_sample(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                             struct action_mask mask, const struct action_random *random, void *actions) {
  const float *logits = logits_of(head, net, &net_ld);
  distribution_categorical.sample(head, rows, logits, net_ld, mask, random, actions);
}

static void exploring_probabilities(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                                    struct action_mask mask, float *probabilities) {
  const float *logits = logits_of(head, net, &net_ld);
  distribution_categorical.probabilities(head, rows, logits, net_ld, mask, probabilities);
}

static void exploring_mode(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                           struct action_mask mask, void *actions) {
  distribution_categorical.mode(head, rows, net, net_ld, mask, actions);
}

static const char *exploring_onnx(const struct policy_head *head, const struct action_onnx *io) {
  return distribution_categorical.onnx(head, io);
}

const struct distribution distribution_exploring_categorical = {
    .name = "ExploringCategorical",
    .summary = "one of several choices, whose logits are the outputs, or before anything is learned any one",
    .action_kind = MUSTER_SPACE_DISCRETE,
    .is_requested = true,
    .shape = exploring_shape,
    .sample = exploring_sample,
    .mode = exploring_mode,
    .probabilities = exploring_probabilities,
    .onnx = exploring_onnx,
    .noise = DISTRIBUTION_NOISE_UNIFORM,
};
