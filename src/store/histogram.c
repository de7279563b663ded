#include "store/histogram.h"

#include <math.h>

/* everything except the buckets */
static struct histogram measure(const float *values, size_t n) {
  struct histogram histogram = {.min = INFINITY, .max = -INFINITY};
  for (size_t i = 0; i < n; i++) {
    double value = values[i];
    if (!isfinite(value)) continue;
    histogram.min = fmin(histogram.min, value);
    histogram.max = fmax(histogram.max, value);
    histogram.num += 1;
    histogram.sum += value;
    histogram.sum_squares += value * value;
  }
  return histogram;
}

struct histogram histogram_make(const float *values, size_t n) {
  struct histogram histogram = measure(values, n);
  if (histogram.num == 0) return (struct histogram){0};
  double width = (histogram.max - histogram.min) / HISTOGRAM_BUCKETS;
  if (histogram.min == histogram.max) {
    histogram.n_buckets = 1;
    histogram.limit[0] = histogram.max;
    histogram.count[0] = histogram.num;
    return histogram;
  }
  histogram.n_buckets = HISTOGRAM_BUCKETS;
  for (size_t i = 0; i + 1 < HISTOGRAM_BUCKETS; i++) histogram.limit[i] = histogram.min + width * (double)(i + 1);
  histogram.limit[HISTOGRAM_BUCKETS - 1] = histogram.max;
  for (size_t i = 0; i < n; i++) {
    if (!isfinite(values[i])) continue;
    size_t bucket = (size_t)((values[i] - histogram.min) / width);
    histogram.count[bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1] += 1;
  }
  return histogram;
}
