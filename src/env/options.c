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

/* an option that says that the type takes any others, too */
static bool is_any(const muster_env_option *option) { return strcmp(option->key, MUSTER_ENV_ANY_OPTION) == 0; }

muster_status env_options_check_key(const muster_env_type *type, const char *key) {
  if (type->options == NULL || type->options->key == NULL)
    return status_error(MUSTER_ERROR_USAGE, "unknown option '%s': the environment %s takes none", key, type->name);
  struct nearest nearest = nearest_start(key);
  for (const muster_env_option *option = type->options; option->key != NULL; option++) {
    if (strcmp(option->key, key) == 0 || is_any(option)) return MUSTER_OK;
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

static const char *find_value(const muster_env_setting *settings, const char *key) {
  for (; settings != NULL && settings->key != NULL; settings++)
    if (strcmp(settings->key, key) == 0) return settings->value;
  return NULL;
}

static bool is_listed(const muster_env_type *type, const char *key) {
  for (const muster_env_option *option = type->options; option != NULL && option->key != NULL; option++)
    if (strcmp(option->key, key) == 0) return true;
  return false;
}

static muster_status copy_setting(struct arena *arena, const char *key, const char *value, muster_env_setting *out) {
  MUSTER_TRY(copy_string(arena, key, &out->key));
  return copy_string(arena, value, &out->value);
}

/* the options that the type lists */
static muster_status match_listed(const muster_env_type *type, const muster_env_setting *user, struct arena *arena,
                                  muster_env_setting **next) {
  for (const muster_env_option *option = type->options; option != NULL && option->key != NULL; option++) {
    if (is_any(option)) continue;
    const char *given = find_value(user, option->key), *value = given != NULL ? given : option->default_value;
    if (option->default_value == NULL)
      return status_error(MUSTER_ERROR_ENVIRONMENT,
                          "environment %s: option %s has no default_value: give the text of its default, or \"\"",
                          type->name, option->key);
    MUSTER_TRY(copy_setting(arena, option->key, value, (*next)++));
  }
  return MUSTER_OK;
}

static size_t count_settings(const muster_env_type *type, const muster_env_setting *user) {
  size_t n = 0;
  for (const muster_env_option *option = type->options; option != NULL && option->key != NULL; option++) n++;
  for (; user != NULL && user->key != NULL; user++) n++;
  return n;
}

muster_status env_options_match(const muster_env_type *type, const muster_env_setting *user, struct arena *arena,
                                const muster_env_setting **out) {
  if (user != NULL) MUSTER_TRY(check_keys(type, user));
  muster_env_setting *settings;
  MUSTER_TRY(ARENA_TAKE(arena, count_settings(type, user) + 1, "environment options", &settings));
  muster_env_setting *next = settings;
  MUSTER_TRY(match_listed(type, user, arena, &next));
  /* all others are for a type that takes any, since their keys were checked */
  for (; user != NULL && user->key != NULL; user++)
    if (!is_listed(type, user->key)) MUSTER_TRY(copy_setting(arena, user->key, user->value, next++));
  *out = settings;
  return MUSTER_OK;
}
