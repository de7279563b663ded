#include "nn/distribution.h"

#include "nn/layer.h"

#include <string.h>

extern const struct distribution distribution_categorical;
extern const struct distribution distribution_multi_categorical;
extern const struct distribution distribution_gaussian;

/* the registry: one line a distribution */
static const struct distribution *const distributions[] = {
    &distribution_categorical,
    &distribution_multi_categorical,
    &distribution_gaussian,
    NULL,
};

const struct distribution *const *distribution_list(void) { return distributions; }

const char *distribution_lacks(const struct distribution *distribution) {
  if (distribution->name == NULL) return "name";
  if (distribution->shape == NULL) return "shape";
  if (distribution->sample == NULL) return "sample";
  if (distribution->mode == NULL) return "mode";
  if (distribution->evaluate == NULL) return "evaluate";
  return distribution->gradient == NULL ? "gradient" : NULL;
}

static muster_status find_distribution(const muster_space *action, const struct distribution **out) {
  for (const struct distribution *const *entry = distributions; *entry != NULL; entry++) {
    if ((*entry)->action_kind != action->kind) continue;
    const char *lack = distribution_lacks(*entry);
    if (lack != NULL)
      return status_error(MUSTER_ERROR_INTERNAL, "the distribution of kind %d is not whole: its table lacks %s",
                          (int)action->kind, lack);
    *out = *entry;
    return MUSTER_OK;
  }
  return status_error(MUSTER_ERROR_USAGE,
                      "no policy for this kind of action space: Discrete, MultiDiscrete and Box (float32) actions are "
                      "supported");
}

muster_status policy_head_create(const muster_space *action, bool state_dependent, struct arena *arena,
                                 struct policy_head *head) {
  *head = (struct policy_head){.elements = muster_space_elements(action)};
  MUSTER_TRY(find_distribution(action, &head->distribution));
  if (action->kind != MUSTER_SPACE_BOX) {
    MUSTER_TRY(ARENA_TAKE(arena, head->elements, "choices of actions", &head->counts));
    memcpy(head->counts, action->counts, head->elements * sizeof *head->counts);
    for (size_t i = 0; i < head->elements; i++) head->choices += (size_t)head->counts[i];
  }
  head->distribution->shape(head, state_dependent);
  MUSTER_TRY(ARENA_TAKE(arena, TILE, "log-probabilities", &head->log_prob));
  MUSTER_TRY(ARENA_TAKE(arena, TILE, "entropies", &head->entropy));
  return ARENA_TAKE(arena, head->workspace_floats, "distribution workspace", &head->workspace);
}
