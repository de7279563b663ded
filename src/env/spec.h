/* What is checked of every environment before anything is done with it: that its table is complete, that its
 * description makes sense, and that this machine has memory for it. All parts of muster that create environments check
 * it here: training, evaluation, processes of isolated environments, benchmarks and check-env. */
#ifndef ENV_SPEC_H
#define ENV_SPEC_H

#include "base/status.h"
#include "muster/env.h"

/* Checks that a table is of this version and has all required functions. Errors (ENVIRONMENT) do not name the
 * environment: the caller adds its name. */
MUSTER_CHECKED muster_status env_type_check(const muster_env_type *type);

/* Whether options of its environments can be set after creation: where it has block functions, by that of blocks. */
bool env_type_sets_options(const muster_env_type *type);

/* Checks that a description, as describe() has filled it in, can be used: kinds and shapes of its spaces, bounds,
 * choices, agents, limits, sizes. The arrays of its spaces are read only when their lengths are right. Errors
 * (ENVIRONMENT) do not name the environment. */
MUSTER_CHECKED muster_status env_spec_check(const muster_env_type *type, const muster_env_spec *spec);

/* Checks that create() or block_create(), named by `function`, has set a pointer when it returned 0. */
MUSTER_CHECKED muster_status env_handle_check(const char *function, const void *handle);

/* The text of a failed call, ended by a zero; where the environment gave no text, one that says so. Borrowed from
 * `error`. */
const char *env_error_text(muster_env_error *error);

#endif
