#include "env/options.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

/* ---- the nearest name ---- */

#define NAME_MAX_COMPARED 63 /* longer names are compared by their beginnings */

/* edits (insert, delete, replace) that turn a into b (Levenshtein 1966), row by row */
static size_t edit_distance(const char *a, const char *b) {
  size_t rows[2][NAME_MAX_COMPARED + 1];
  size_t a_length = strnlen(a, NAME_MAX_COMPARED), b_length = strnlen(b, NAME_MAX_COMPARED);
  for (size_t j = 0; j <= b_length; j++) rows[0][j] = j;
  for (size_t i = 1; i <= a_length; i++) {
    const size_t *above = rows[(i - 1) % 2];
    size_t *row = rows[i % 2];
    row[0] = i;
    for (size_t j = 1; j <= b_length; j++) {
      size_t replaced = above[j - 1] + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));
      size_t moved = (above[j] < row[j - 1] ? above[j] : row[j - 1]) + 1;
      row[j] = replaced < moved ? replaced : moved;
    }
  }
  return rows[a_length % 2][b_length];
}

struct env_nearest env_nearest_start(const char *wanted) {
  return (struct env_nearest){.wanted = wanted, .name = NULL, .distance = SIZE_MAX};
}

void env_nearest_offer(struct env_nearest *nearest, const char *name) {
  size_t distance = edit_distance(nearest->wanted, name);
  if (distance >= nearest->distance) return;
  nearest->name = name;
  nearest->distance = distance;
}

/* ---- matching ---- */

static muster_status copy_string(struct arena *arena, const char *text, const char **out) {
  char *copy;
  MUSTER_TRY(ARENA_TAKE(arena, strlen(text) + 1, "environment options", &copy));
  strcpy(copy, text);
  *out = copy;
  return MUSTER_OK;
}

static muster_status check_keys(const muster_env_type *type, const muster_env_setting *user) {
  for (const muster_env_setting *given = user; given->key != NULL; given++) {
    if (type->options == NULL || type->options->key == NULL)
      return status_error(MUSTER_ERROR_USAGE, "unknown option '%s': the environment %s takes none", given->key,
                          type->name);
    struct env_nearest nearest = env_nearest_start(given->key);
    bool known = false;
    for (const muster_env_option *option = type->options; option->key != NULL; option++) {
      known |= strcmp(option->key, given->key) == 0;
      env_nearest_offer(&nearest, option->key);
    }
    if (!known)
      return status_error(MUSTER_ERROR_USAGE, "unknown option '%s' of the environment %s; the nearest one is '%s'",
                          given->key, type->name, nearest.name);
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
    for (const muster_env_setting *given = user; given != NULL && given->key != NULL; given++)
      if (strcmp(given->key, type->options[i].key) == 0) value = given->value;
    MUSTER_TRY(copy_string(arena, type->options[i].key, &settings[i].key));
    MUSTER_TRY(copy_string(arena, value, &settings[i].value));
  }
  *out = settings;
  return MUSTER_OK;
}
