#include "nn/distribution.h"

extern const struct distribution distribution_categorical;

/* the registry: one line a distribution */
static const struct distribution *const distributions[] = {
    &distribution_categorical,
    NULL,
};

const struct distribution *const *distribution_list(void) { return distributions; }

muster_status distribution_for(const muster_space *action, const struct distribution **out) {
  for (const struct distribution *const *entry = distributions; *entry != NULL; entry++) {
    if ((*entry)->action_kind != action->kind) continue;
    *out = *entry;
    return MUSTER_OK;
  }
  return status_error(MUSTER_ERROR_USAGE,
                      "no policy for this kind of action space yet: Discrete actions are supported");
}
