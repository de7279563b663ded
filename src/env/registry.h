/* The environments that are built in. */
#ifndef ENV_REGISTRY_H
#define ENV_REGISTRY_H

#include "base/status.h"
#include "muster/env.h"

/* All types in the order of their names, ended by NULL. */
const muster_env_type *const *env_registry_list(void);

/* Finds a type by name. The error (USAGE) names the type with the most similar name. */
MUSTER_CHECKED muster_status env_registry_find(const char *name, const muster_env_type **out);

#endif
