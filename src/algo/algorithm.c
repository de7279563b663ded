#include "algo/algorithm.h"

#include "base/nearest.h"

#include <string.h>

extern const struct algorithm_type algorithm_a2c, algorithm_a3c, algorithm_actor_critic, algorithm_appo, algorithm_grpo,
    algorithm_impala, algorithm_ppo, algorithm_reinforce, algorithm_reinforce_baseline;

/* the registry: one line an algorithm, in the order in which they build on each other */
static const struct algorithm_type *const algorithms[] = {
    &algorithm_reinforce,    &algorithm_reinforce_baseline,
    &algorithm_actor_critic, &algorithm_a2c,
    &algorithm_ppo,          &algorithm_grpo,
    &algorithm_a3c,          &algorithm_impala,
    &algorithm_appo,         NULL,
};

const struct algorithm_type *const *algorithm_list(void) { return algorithms; }

muster_status algorithm_find(const char *name, const struct algorithm_type **out) {
  struct nearest nearest = nearest_start(name);
  for (const struct algorithm_type *const *type = algorithms; *type != NULL; type++) {
    nearest_offer(&nearest, (*type)->name);
    if (strcmp((*type)->name, name) != 0) continue;
    *out = *type;
    return MUSTER_OK;
  }
  return status_error(MUSTER_ERROR_USAGE, "unknown algorithm '%s'; the nearest one is '%s'", name, nearest.name);
}
