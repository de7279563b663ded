#include "env/options.h"

#include "base/nearest.h"

#include <string.h>

static muster_status copy_string(struct arena *arena, const char *text, const char **out) {
  char *copy;
  MUSTER_TRY(ARENA_TAKE(arena, strlen(text) + 1, "environment options", &copy));
  strcpy(copy, text);
  *out = copy;
  return MUSTER_OK;
}

muster_status env_options_check_key(const muster_env_type *type, const char *key) {
  if (type->options == NULL || type->options->key == NULL)
    return status_error(MUSTER_ERROR_USAGE, "unknown option '%s': the environment %s takes none", key, type->name);
  struct nearest nearest = nearest_start(key);
  for (const muster_env_option *option = type->options; option->key != NULL; option++) {
    if (strcmp(option->key, key) == 0) return MUSTER_OK;
    nearest_offer(&nearest, option->key);
  }
  return status_error(MUSTER_ERROR_USAGE, "unknown option '%s' of the environment %s; %s", key, type->name,
                      nearest_advise(&nearest).text);
}

static muster_status check_keys(const muster_env_type *type, const muster_env_setting *user) {
  for (const muster_env_setting *given = user; given->key != NULL; given++) {
    MUSTER_TRY(env_options_check_key(type, given->key));
    for (const muster_env_setting *earlier = user; earlier != given; earlier++)
      if (strcmp(earlier->key, given->key) == 0)
        return status_error(MUSTER_ERROR_USAGE, "option '%s' of the environment %s is given twice", given->key,
                            type->name);
  }
  return MUSTER_OK;
}

muster_status env_options_match(const muster_env_type *type, const muster_env_setting *user, struct arena *arena,
                                const muster_env_setting **out) {
  if (user != NULL) MUSTER_TRY(check_keys(type, user));
  size_t n = 0;
  while (type->options != NULL && type->options[n].key != NULL) n++;
  muster_env_setting *settings;
  MUSTER_TRY(ARENA_TAKE(arena, n + 1, "environment options", &settings));
  for (size_t i = 0; i < n; i++) {
    const char *value = type->options[i].default_value;
    if (value == NULL)
      return status_error(MUSTER_ERROR_ENVIRONMENT,
                          "environment %s: option %s has no default_value: give the text of its default, or \"\"",
                          type->name, type->options[i].key);
    for (const muster_env_setting *given = user; given != NULL && given->key != NULL; given++)
      if (strcmp(given->key, type->options[i].key) == 0) value = given->value;
    MUSTER_TRY(copy_string(arena, type->options[i].key, &settings[i].key));
    MUSTER_TRY(copy_string(arena, value, &settings[i].value));
  }
  *out = settings;
  return MUSTER_OK;
}
