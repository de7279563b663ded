/* What every environment must be before anything is done with it: its table whole, its description sound, its sizes
 * such that this machine can hold them. One place for all who take environments: training, evaluation, processes of
 * isolated environments, benchmarks and check-env. */
#ifndef ENV_SPEC_H
#define ENV_SPEC_H

#include "base/status.h"
#include "muster/env.h"

/* Whether a table is of this version and has all functions that it must have. Errors (ENVIRONMENT) do not name the
 * environment, which the caller adds. */
MUSTER_CHECKED muster_status env_type_check(const muster_env_type *type);

/* Whether a description that a type's describe() has filled in can be used: kinds and shapes of its spaces, bounds,
 * choices, agents, limits, sizes. The arrays of its spaces are read only when their lengths are sound. Errors
 * (ENVIRONMENT) do not name the environment. */
MUSTER_CHECKED muster_status env_spec_check(const muster_env_type *type, const muster_env_spec *spec);

/* Whether create() or block_create(), named by `function`, has given the environment that it said it would. */
MUSTER_CHECKED muster_status env_handle_check(const char *function, const void *handle);

/* The text of a failed call, ended and never blank: one that says so stands for none. Borrowed from `error`. */
const char *env_error_text(muster_env_error *error);

#endif
