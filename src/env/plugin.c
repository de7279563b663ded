#include "env/plugin.h"

#include "base/arena.h"
#include "base/nearest.h"
#include "env/foreign.h"
#include "env/spec.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct env_plugin {
  char *path;
  void *library;
  int (*find)(const char *name, const muster_env_type **type, muster_env_error *error); /* NULL: it lists all */
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

static muster_status find_path(const char *what, const char *path, const char *folder, char *found, size_t size) {
  if (resolve(path, found, size)) return MUSTER_OK;
  char in_folder[PATH_MAX] = "";
  if (folder != NULL && path[0] != '/') {
    snprintf(in_folder, sizeof in_folder, "%s/%s", folder, path);
    if (resolve(in_folder, found, size)) return MUSTER_OK;
  }
  char here[PATH_MAX] = "?";
  if (path[0] == '/' || getcwd(here, sizeof here) == NULL)
    return status_error(MUSTER_ERROR_USAGE, "there is no %s %s", what, path);
  return status_error(MUSTER_ERROR_USAGE, "there is no %s %s in the working directory %s%s%s", what, path, here,
                      in_folder[0] != '\0' ? ", nor is there " : "", in_folder);
}

muster_status env_plugin_locate(const char *path, const char *folder, char *found, size_t size) {
  return find_path("plug-in", path, folder, found, size);
}

muster_status env_plugin_locate_environment(const char *path, const char *folder, char *found, size_t size) {
  return find_path("virtual environment", path, folder, found, size);
}

/* ---- Python's environments ---- */

#define PYTHON_PLUGIN "muster-gymnasium.so"

bool env_plugin_is_python(const char *name) {
  static const char *const prefixes[] = {"gymnasium:", "gymnasium-vector:", "envpool:"};
  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
    if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) return true;
  return false;
}

/* looks beside a program or library of muster, and where an installation has plug-ins */
static bool find_beside(const char *object, char *found, size_t size) {
  static const char *const folders[] = {"", "muster/", "../" MUSTER_LIBRARY_FOLDER "/muster/"};
  char path[PATH_MAX];
  const char *slash = strrchr(object, '/');
  const int length = slash != NULL ? (int)(slash - object) + 1 : 0;
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
    int needed = snprintf(path, sizeof path, "%.*s%s%s", length, object, folders[i], PYTHON_PLUGIN);
    if (needed < (int)sizeof path && resolve(path, found, size)) return true;
  }
  return false;
}

muster_status env_plugin_locate_python(char *found, size_t size) {
  static const char here = 0; /* lies in the program or in the library that this code is part of */
  char program[PATH_MAX];
  Dl_info info;
  if (resolve("/proc/self/exe", program, sizeof program) && find_beside(program, found, size)) return MUSTER_OK;
  if (dladdr(&here, &info) != 0 && find_beside(info.dli_fname, found, size)) return MUSTER_OK;
  return status_error(MUSTER_ERROR_USAGE,
                      "this muster has no " PYTHON_PLUGIN
                      ", which environments of Python take: install Python's headers (apt-get install python3-dev) "
                      "and build it again");
}

/* ---- loading ---- */

typedef const muster_env_type *const *list_types(void);
typedef int find_type(const char *name, const muster_env_type **type, muster_env_error *error);

/* dlsym() returns a pointer to an object; POSIX guarantees that it can hold a pointer to a function */
union symbol {
  void *object;
  list_types *list;
  find_type *find;
};

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
  if (n == 0 && plugin->find == NULL) return status_error(MUSTER_ERROR_USAGE, "%s lists no environments", plugin->path);
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
  const union symbol list = {.object = dlsym(plugin->library, "muster_env_types")};
  const union symbol find = {.object = dlsym(plugin->library, "muster_env_find")};
  plugin->find = find.find;
  if (list.object == NULL)
    return status_error(MUSTER_ERROR_USAGE,
                        "%s has no function muster_env_types(): end one of its sources with "
                        "MUSTER_ENV_PLUGIN(&your_type)",
                        plugin->path);
  foreign_enter(&foreign, OUTCALL_OPEN, -1);
  const muster_env_type *const *listed = list.list();
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

/* asks a plug-in for an environment that it does not list */
static muster_status ask(const struct env_plugin *plugin, const char *name, const muster_env_type **out) {
  struct foreign foreign = {.name = plugin->path};
  const muster_env_type *found = NULL;
  muster_env_error error = {""};
  foreign_enter(&foreign, OUTCALL_OPEN, -1);
  int failed = plugin->find(name, &found, &error);
  foreign_leave(&foreign, true);
  if (failed || found == NULL)
    return status_error(MUSTER_ERROR_USAGE, "no environment '%s': %s", name, env_error_text(&error));
  muster_env_type *copy;
  MUSTER_TRY(ARENA_TAKE(plugin->arena, 1, "tables of environments", &copy));
  MUSTER_TRY(copy_table(plugin->path, found, copy));
  *out = copy;
  return MUSTER_OK;
}

muster_status env_plugin_find(const struct env_plugin *plugin, const char *name, const muster_env_type **out) {
  struct nearest nearest = nearest_start(name);
  for (const muster_env_type **type = plugin->types; *type != NULL; type++) {
    if (strcmp((*type)->name, name) == 0) {
      *out = *type;
      return MUSTER_OK;
    }
    nearest_offer(&nearest, (*type)->name);
  }
  if (plugin->find != NULL) return ask(plugin, name, out);
  return status_error(MUSTER_ERROR_USAGE, "the plug-in %s has no environment '%s'; %s", plugin->path, name,
                      nearest_advise(&nearest).text);
}
