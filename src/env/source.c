#include "env/source.h"

#include "env/plugin.h"
#include "env/registry.h"

#include <limits.h>
#include <stddef.h>

static muster_status find(const struct env_source_request *request, struct env_source *out) {
  char python[PATH_MAX] = "";
  const char *plugin = request->plugin != NULL ? request->plugin : "";
  if (plugin[0] == '\0' && env_plugin_is_python(request->name)) {
    MUSTER_TRY(env_plugin_locate_python(python, sizeof python));
    plugin = python;
  }
  if (plugin[0] == '\0') return env_registry_find(request->name, &out->type);
  MUSTER_TRY(env_plugin_open(plugin, &out->plugin));
  return env_plugin_find(out->plugin, request->name, &out->type);
}

static muster_status isolate(const struct env_source_request *request, struct env_source *out) {
  const char *plugin = request->plugin != NULL ? request->plugin : "";
  MUSTER_TRY(isolation_open(out->type, plugin, request->name, &request->isolation, &out->isolation));
  out->type = isolation_type(out->isolation);
  return MUSTER_OK;
}

muster_status env_source_open(const struct env_source_request *request, struct env_source *out) {
  *out = (struct env_source){0};
  muster_status status = find(request, out);
  if (status == MUSTER_OK && request->isolates) status = isolate(request, out);
  if (status != MUSTER_OK) env_source_close(out);
  return status;
}

void env_source_close(struct env_source *source) {
  isolation_close(&source->isolation);
  env_plugin_close(&source->plugin);
  *source = (struct env_source){0};
}
