/* The options of an environment type: the user's keys and values, matched against the type's table. */
#ifndef ENV_OPTIONS_H
#define ENV_OPTIONS_H

#include "base/arena.h"
#include "base/status.h"
#include "muster/env.h"

#include <stddef.h>

/* Builds the settings for create(): every option that the type lists, with the user's value or the default, and, where
 * the type takes any (MUSTER_ENV_ANY_OPTION), those that the user gave, ended by a NULL key. `user` ends with a NULL
 * key, or is NULL. Strings and array are copied into `arena`. An unknown or repeated key is a USAGE error, which names
 * the most similar key. */
MUSTER_CHECKED muster_status env_options_match(const muster_env_type *type, const muster_env_setting *user,
                                               struct arena *arena, const muster_env_setting **out);

/* Checks that the type takes an option of that key; the USAGE error names the most similar one. */
MUSTER_CHECKED muster_status env_options_check_key(const muster_env_type *type, const char *key);

#endif
