/* Environments from shared objects: somebody's simulator, loaded by dlopen(). */
#ifndef ENV_PLUGIN_H
#define ENV_PLUGIN_H

#include "base/status.h"
#include "muster/env.h"

#include <stdbool.h>
#include <stddef.h>

struct env_plugin;

/* Writes the absolute path of a plug-in into found[size]. A relative `path` is looked up in the working directory and,
 * if it is not there, in `folder` (that of the config file; NULL: none). The USAGE error names both places.
 */
MUSTER_CHECKED muster_status env_plugin_locate(const char *path, const char *folder, char *found, size_t size);

/* Whether an environment is one of Python, by its name: "gymnasium:CartPole-v1", "gymnasium-vector:ID", "envpool:ID".
 */
bool env_plugin_is_python(const char *name);

/* Writes the absolute path of muster's own plug-in for these into found[size]. USAGE error where it was not built. */
MUSTER_CHECKED muster_status env_plugin_locate_python(char *found, size_t size);

/* Does for a virtual environment of Python what env_plugin_locate() does for a plug-in. */
MUSTER_CHECKED muster_status env_plugin_locate_environment(const char *path, const char *folder, char *found,
                                                           size_t size);

/* Loads a plug-in and checks its tables. USAGE errors, which name the file: it does not exist, is not a shared object,
 * has no muster_env_types(), was built for another version of the interface, has no environments or one without a
 * name. */
MUSTER_CHECKED muster_status env_plugin_open(const char *path, struct env_plugin **out);

/* Frees the handle; does nothing where *plugin is NULL. The code stays loaded, since a simulator may have started
 * threads. */
void env_plugin_close(struct env_plugin **plugin);

/* All types, ended by NULL. Tables have all fields, whichever version the plug-in was built with. Borrowed. */
const muster_env_type *const *env_plugin_types(const struct env_plugin *plugin);

/* Finds a type by name, among those that are listed, or else asks the plug-in's muster_env_find(). The error (USAGE)
 * names the type with the most similar name, and the file, or has the plug-in's text. */
MUSTER_CHECKED muster_status env_plugin_find(const struct env_plugin *plugin, const char *name,
                                             const muster_env_type **out);

#endif
