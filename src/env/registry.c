#include "env/registry.h"

#include "base/nearest.h"

#include "env/options.h"

#include <string.h>

/* one line for each environment, in the order of their names: the table that its file defines */
#define ENVIRONMENTS(ENTRY)                                                                                            \
  ENTRY(env_acrobot)                                                                                                   \
  ENTRY(env_bandit)                                                                                                    \
  ENTRY(env_cartpole)                                                                                                  \
  ENTRY(env_cliff_walking_v0)                                                                                          \
  ENTRY(env_cliff_walking_v1)                                                                                          \
  ENTRY(env_frozen_lake)                                                                                               \
  ENTRY(env_frozen_lake_8x8)                                                                                           \
  ENTRY(env_minesweeper)                                                                                               \
  ENTRY(env_mountain_car)                                                                                              \
  ENTRY(env_mountain_car_continuous)                                                                                   \
  ENTRY(env_pendulum)                                                                                                  \
  ENTRY(env_probe)                                                                                                     \
  ENTRY(env_reacher6)                                                                                                  \
  ENTRY(env_rock_paper_scissors)                                                                                       \
  ENTRY(env_taxi)                                                                                                      \
  ENTRY(env_token_copy)                                                                                                \
  ENTRY(env_token_reverse)

#define DECLARE(type) extern const muster_env_type type;
#define LIST(type) &type,

ENVIRONMENTS(DECLARE)

static const muster_env_type *const types[] = {ENVIRONMENTS(LIST) NULL};

const muster_env_type *const *env_registry_list(void) { return types; }

muster_status env_registry_find(const char *name, const muster_env_type **out) {
  struct nearest nearest = nearest_start(name);
  for (const muster_env_type *const *type = types; *type != NULL; type++) {
    if (strcmp((*type)->name, name) == 0) {
      *out = *type;
      return MUSTER_OK;
    }
    nearest_offer(&nearest, (*type)->name);
  }
  return status_error(MUSTER_ERROR_USAGE, "unknown environment '%s'; %s", name, nearest_advise(&nearest).text);
}
