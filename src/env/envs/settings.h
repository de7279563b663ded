/* Reads values of an environment's options, as create() gets them. All functions return 0, or 1 with a text that names
 * the option, what it expects and what it got. Every key is one that the type lists. */
#ifndef ENV_ENVS_SETTINGS_H
#define ENV_ENVS_SETTINGS_H

#include "muster/env.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static inline const char *setting_value(const muster_env_setting *settings, const char *key) {
  while (strcmp(settings->key, key) != 0) settings++;
  return settings->value;
}

/* A finite number from min to max. */
static inline int setting_number(const muster_env_setting *settings, const char *key, double min, double max,
                                 double *out, muster_env_error *error) {
  const char *text = setting_value(settings, key);
  char *end;
  double value = strtod(text, &end);
  if (end == text || *end != '\0' || !(value >= min && value <= max))
    return muster_env_fail(error, "option %s: expects a number from %g to %g, got \"%s\"", key, min, max, text);
  *out = value;
  return 0;
}

/* An integer from min to max. */
static inline int setting_integer(const muster_env_setting *settings, const char *key, int32_t min, int32_t max,
                                  int32_t *out, muster_env_error *error) {
  const char *text = setting_value(settings, key);
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  if (end == text || *end != '\0' || errno != 0 || value < min || value > max)
    return muster_env_fail(error, "option %s: expects an integer from %d to %d, got \"%s\"", key, (int)min, (int)max,
                           text);
  *out = (int32_t)value;
  return 0;
}

/* The index of the value in `names`, a list that ends with NULL. */
static inline int setting_choice(const muster_env_setting *settings, const char *key, const char *const *names,
                                 int *out, muster_env_error *error) {
  const char *text = setting_value(settings, key);
  for (int i = 0; names[i] != NULL; i++) {
    if (strcmp(text, names[i]) != 0) continue;
    *out = i;
    return 0;
  }
  char list[128] = "";
  for (size_t i = 0, used = 0; names[i] != NULL && used < sizeof list; i++)
    used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? " or " : "", names[i]);
  return muster_env_fail(error, "option %s: expects %s, got \"%s\"", key, list, text);
}

/* true or false. */
static inline int setting_bool(const muster_env_setting *settings, const char *key, bool *out,
                               muster_env_error *error) {
  static const char *const names[] = {"false", "true", NULL};
  int index = 0;
  if (setting_choice(settings, key, names, &index, error) != 0) return 1;
  *out = index == 1;
  return 0;
}

#endif
