/* A list of numbers as the value of an option, "0.1,0.5,0.9", in addition to the single values of settings.h. */
#ifndef ENV_ENVS_NUMBER_LIST_H
#define ENV_ENVS_NUMBER_LIST_H

#include "env/envs/settings.h"

/* Reads 1 to `most` numbers, each from min to max, with commas between them; blanks are skipped. `out`: [most]. Returns
 * 0, or 1 with a text that names the option, what it expects and what it got. */
static inline int setting_numbers(const muster_env_setting *settings, const char *key, double min, double max,
                                  int32_t most, double *out, int32_t *count, muster_env_error *error) {
  const char *text = setting_value(settings, key), *at = text;
  int32_t n = 0;
  for (;;) {
    char *end;
    double value = strtod(at, &end);
    if (end == at || n == most || !(value >= min && value <= max)) break;
    out[n++] = value;
    at = end + strspn(end, " ");
    if (*at == '\0') {
      *count = n;
      return 0;
    }
    if (*at++ != ',') break;
  }
  return muster_env_fail(error,
                         "option %s: expects 1 to %d numbers from %g to %g, with commas between them, got \"%s\"", key,
                         (int)most, min, max, text);
}

#endif
