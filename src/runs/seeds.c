#include "runs/seeds.h"

#include <math.h>
#include <stdbool.h>

/* whether a run before this one has its seed */
static bool was_met(const int64_t *seeds, size_t at) {
  for (size_t i = 0; i < at; i++)
    if (seeds[i] == seeds[at]) return true;
  return false;
}

size_t seeds_count(size_t n, const int64_t *seeds) {
  size_t count = 0;
  for (size_t i = 0; i < n; i++) count += !was_met(seeds, i);
  return count;
}

size_t seeds_merge(size_t n, const int64_t *seeds, double *values) {
  size_t count = 0;
  for (size_t first = 0; first < n; first++) {
    if (was_met(seeds, first)) continue;
    double mean = 0, known = 0;
    for (size_t i = first; i < n; i++)
      if (seeds[i] == seeds[first] && !isnan(values[i])) mean += (values[i] - mean) / ++known;
    if (known > 0) values[count++] = mean; // count <= first: what stood there is used up
  }
  return count;
}
