/* Registries: lists of tables of functions, one line for each. What they say of a table that is not whole. */
#ifndef BASE_REGISTRY_H
#define BASE_REGISTRY_H

#include "base/status.h"

/* INTERNAL error "the layer 'dense' is not whole: its table lacks forward"; none where `lack` is NULL. `name`: NULL
 * where that is what it lacks. */
MUSTER_CHECKED muster_status registry_check_entry(const char *kind, const char *name, const char *lack);

#endif
