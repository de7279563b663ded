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

static void exploring_sample(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                             struct action_mask mask, const struct action_random *random, void *actions) {
  const size_t zeros = TILE * head->choices;
  const bool is_random = head->own[0] > 0;
  distribution_categorical.sample(head, rows, is_random ? head->workspace + head->workspace_floats - zeros : net,
                                  is_random ? head->choices : net_ld, mask, random, actions);
}

static void exploring_mode(struct policy_head *head, size_t rows, const float *net, size_t net_ld,
                           struct action_mask mask, void *actions) {
  distribution_categorical.mode(head, rows, net, net_ld, mask, actions);
}

const struct distribution distribution_exploring_categorical = {
    .name = "ExploringCategorical",
    .summary = "one of several choices, whose logits are the outputs, or before anything is learned any one",
    .action_kind = MUSTER_SPACE_DISCRETE,
    .is_requested = true,
    .shape = exploring_shape,
    .sample = exploring_sample,
    .mode = exploring_mode,
};
