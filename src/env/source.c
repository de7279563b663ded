#include "env/source.h"

#include "env/plugin.h"
#include "env/registry.h"

#include <stddef.h>

muster_status env_source_open(const struct env_source_request *request, struct env_source *out) {
  *out = (struct env_source){0};
  if (request->plugin == NULL || request->plugin[0] == '\0') return env_registry_find(request->name, &out->type);
  MUSTER_TRY(env_plugin_open(request->plugin, &out->plugin));
  muster_status status = env_plugin_find(out->plugin, request->name, &out->type);
  if (status != MUSTER_OK) env_source_close(out);
  return status;
}

void env_source_close(struct env_source *source) {
  env_plugin_close(&source->plugin);
  *source = (struct env_source){0};
}
