/* Where the environments of a run come from: built in or from a plug-in, in this process or in child processes. */
#ifndef ENV_SOURCE_H
#define ENV_SOURCE_H

#include "base/status.h"
#include "env/isolation.h"
#include "muster/env.h"

#include <stdbool.h>

/* Strings are borrowed while the source is open. */
struct env_source_request {
  const char *plugin; /* path of a shared object, as dlopen() gets it; NULL or "": a built-in environment, or one of
                         Python, by its name */
  const char *name;   /* of the environment */
  bool isolates;      /* in child processes */
  struct isolation_options isolation;
};

struct env_source {
  const muster_env_type *type; /* for env_pool_create(); borrowed */
  struct env_plugin *plugin;   /* NULL for a built-in one */
  struct isolation *isolation; /* NULL in this process */
};

/* Finds the environment. USAGE errors as of env_registry_find() and env_plugin_open(). On failure *out is zeroed. */
MUSTER_CHECKED muster_status env_source_open(const struct env_source_request *request, struct env_source *out);

/* Closes it. Destroy all pools with its type before. Does nothing to a zeroed one. */
void env_source_close(struct env_source *source);

#endif
