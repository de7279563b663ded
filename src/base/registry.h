/* Registries: lists of tables of functions, one line for each. This is their message about a table that is
 * incomplete. */
#ifndef BASE_REGISTRY_H
#define BASE_REGISTRY_H

#include "base/status.h"

/* INTERNAL error "the layer 'dense' is not whole: its table lacks forward"; no error where `lack` is NULL. `name` is
 * NULL where the name itself is missing. */
MUSTER_CHECKED muster_status registry_check_entry(const char *kind, const char *name, const char *lack);

#endif
