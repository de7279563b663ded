#include "algo/algorithm.h"

#include "base/text.h"

#include <string.h>

extern const struct algorithm_type algorithm_ppo;

/* the registry: one line an algorithm */
static const struct algorithm_type *const algorithms[] = {
    &algorithm_ppo,
    NULL,
};

const struct algorithm_type *const *algorithm_list(void) { return algorithms; }

muster_status algorithm_find(const char *name, const struct algorithm_type **out) {
  const char *known[sizeof algorithms / sizeof *algorithms];
  size_t n = 0;
  for (; algorithms[n] != NULL; n++) {
    if (strcmp(algorithms[n]->name, name) == 0) {
      *out = algorithms[n];
      return MUSTER_OK;
    }
    known[n] = algorithms[n]->name;
  }
  return status_error(MUSTER_ERROR_USAGE, "unknown algorithm \"%s\"; the nearest is \"%s\" (see `muster algos`)", name,
                      text_nearest(name, known, n));
}
