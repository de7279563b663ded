/* What tests of algorithms share: options by their names, as a config has them, and metrics by their columns. */
#ifndef SUPPORT_ALGORITHM_H
#define SUPPORT_ALGORITHM_H

#include "algo/algorithm.h"
#include "support/check.h"

/* Sets an option of the type in the struct of its options; ends the case where it has none of that name. */
static inline void set_algorithm_option(const struct algorithm_type *type, void *options, const char *key,
                                        const char *value) {
  for (const struct option_spec *option = type->options->options; option->key != NULL; option++)
    if (strcmp(option->key, key) == 0) {
      CHECK_OK_FATAL(option_parse(option, value, options));
      return;
    }
  CU_FAIL_FATAL("no such option");
}

/* The metric of this column; ends the case where the type has none. */
static inline double metric_of(const struct algorithm_type *type, const double *metrics, const char *column) {
  for (size_t i = 0; type->metrics[i] != NULL; i++)
    if (strcmp(type->metrics[i], column) == 0) return metrics[i];
  CU_FAIL_FATAL("no such metric");
  return NAN;
}

#endif
