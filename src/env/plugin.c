#include "env/plugin.h"

#include "base/arena.h"
#include "base/nearest.h"
#include "env/foreign.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct env_plugin {
  char *path;
  void *library;
  struct arena *arena;
  muster_env_type *tables;       /* [n] copies of the plug-in's tables, padded with NULL where those are shorter */
  const muster_env_type **types; /* [n + 1], ended by NULL */
};

/* ---- finding the file ---- */

/* writes the absolute path of an existing file, at most `size` bytes */
static bool resolve(const char *path, char *found, size_t size) {
  char *absolute = realpath(path, NULL);
  bool fits = absolute != NULL && strlen(absolute) < size;
  if (fits) strcpy(found, absolute);
  free(absolute);
  return fits;
}

muster_status env_plugin_locate(const char *path, const char *folder, char *found, size_t size) {
  if (resolve(path, found, size)) return MUSTER_OK;
  char in_folder[PATH_MAX] = "";
  if (folder != NULL && path[0] != '/') {
    snprintf(in_folder, sizeof in_folder, "%s/%s", folder, path);
    if (resolve(in_folder, found, size)) return MUSTER_OK;
  }
  char here[PATH_MAX] = "?";
  if (path[0] == '/' || getcwd(here, sizeof here) == NULL)
    return status_error(MUSTER_ERROR_USAGE, "there is no plug-in %s", path);
  return status_error(MUSTER_ERROR_USAGE, "there is no plug-in %s in the working directory %s%s%s", path, here,
                      in_folder[0] != '\0' ? ", nor is there " : "", in_folder);
}

/* ---- loading ---- */

typedef const muster_env_type *const *list_types(void);

/* dlsym() returns a pointer to an object; POSIX guarantees that it can hold a pointer to a function */
static list_types *find_function(void *library) {
  union {
    void *object;
    list_types *function;
  } symbol = {.object = dlsym(library, "muster_env_types")};
  return symbol.function;
}

/* copies a table up to its own length, so that fields which it does not have are NULL */
static muster_status copy_table(const char *path, const muster_env_type *table, muster_env_type *copy) {
  if (table->abi != MUSTER_ENV_ABI)
    return status_error(MUSTER_ERROR_USAGE,
                        "%s was built for version %u of the interface of environments, this muster has version %d: "
                        "build it again with this muster's muster/env.h",
                        path, (unsigned)table->abi, MUSTER_ENV_ABI);
  if (table->struct_size < offsetof(muster_env_type, save_state))
    return status_error(MUSTER_ERROR_USAGE,
                        "%s has a table of environment whose struct_size is %zu bytes: set it to "
                        "sizeof(muster_env_type)",
                        path, table->struct_size);
  size_t bytes = table->struct_size < sizeof *copy ? table->struct_size : sizeof *copy;
  memset(copy, 0, sizeof *copy);
  memcpy(copy, table, bytes);
  copy->struct_size = sizeof *copy;
  if (copy->name == NULL || copy->name[0] == '\0')
    return status_error(MUSTER_ERROR_USAGE, "%s has an environment without a name", path);
  if (copy->summary == NULL) copy->summary = "";
  return MUSTER_OK;
}

static muster_status copy_tables(struct env_plugin *plugin, const muster_env_type *const *listed) {
  size_t n = 0;
  while (listed != NULL && listed[n] != NULL) n++;
  if (n == 0) return status_error(MUSTER_ERROR_USAGE, "%s lists no environments", plugin->path);
  MUSTER_TRY(ARENA_TAKE(plugin->arena, n, "tables of environments", &plugin->tables));
  MUSTER_TRY(ARENA_TAKE(plugin->arena, n + 1, "tables of environments", &plugin->types));
  for (size_t i = 0; i < n; i++) {
    MUSTER_TRY(copy_table(plugin->path, listed[i], &plugin->tables[i]));
    plugin->types[i] = &plugin->tables[i];
  }
  return MUSTER_OK;
}

static muster_status load(struct env_plugin *plugin) {
  MUSTER_TRY(arena_create(&plugin->arena));

  /* from a pipe dlopen() would wait for data */
  struct stat info;
  if (stat(plugin->path, &info) == 0 && !S_ISREG(info.st_mode))
    return status_error(MUSTER_ERROR_USAGE, "the plug-in cannot be loaded: %s is not a regular file", plugin->path);

  /* resolves all symbols now, so that a missing one is told here, and not in the middle of a run */
  struct foreign foreign = {.name = plugin->path};
  foreign_enter(&foreign, OUTCALL_OPEN, -1);
  plugin->library = dlopen(plugin->path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  foreign_leave(&foreign, true);
  if (plugin->library == NULL) return status_error(MUSTER_ERROR_USAGE, "the plug-in cannot be loaded: %s", dlerror());
  list_types *function = find_function(plugin->library);
  if (function == NULL)
    return status_error(MUSTER_ERROR_USAGE,
                        "%s has no function muster_env_types(): end one of its sources with "
                        "MUSTER_ENV_PLUGIN(&your_type)",
                        plugin->path);
  foreign_enter(&foreign, OUTCALL_OPEN, -1);
  const muster_env_type *const *listed = function();
  foreign_leave(&foreign, true);
  return copy_tables(plugin, listed);
}

muster_status env_plugin_open(const char *path, struct env_plugin **out) {
  struct env_plugin *plugin = calloc(1, sizeof *plugin);
  if (plugin != NULL) plugin->path = strdup(path);
  if (plugin == NULL || plugin->path == NULL) {
    free(plugin);
    return status_error(MUSTER_ERROR_MEMORY, "out of memory: the plug-in %s", path);
  }
  muster_status status = load(plugin);
  if (status != MUSTER_OK)
    env_plugin_close(&plugin);
  else
    *out = plugin;
  return status;
}

void env_plugin_close(struct env_plugin **handle) {
  struct env_plugin *plugin = *handle;
  if (plugin == NULL) return;
  if (plugin->library != NULL) dlclose(plugin->library);
  arena_destroy(&plugin->arena);
  free(plugin->path);
  free(plugin);
  *handle = NULL;
}

const muster_env_type *const *env_plugin_types(const struct env_plugin *plugin) { return plugin->types; }

muster_status env_plugin_find(const struct env_plugin *plugin, const char *name, const muster_env_type **out) {
  struct nearest nearest = nearest_start(name);
  for (const muster_env_type **type = plugin->types; *type != NULL; type++) {
    if (strcmp((*type)->name, name) == 0) {
      *out = *type;
      return MUSTER_OK;
    }
    nearest_offer(&nearest, (*type)->name);
  }
  return status_error(MUSTER_ERROR_USAGE, "the plug-in %s has no environment '%s'; %s", plugin->path, name,
                      nearest_advise(&nearest).text);
}
