#include "base/statistics.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* the power of two by which values are divided, so that neither their sum nor their squares leave the range of double;
 * this scaling changes no digit of values far from the ends of that range. Its inverse is a double, too. */
static int find_exponent(double min, double max) {
  int exponent = 0;
  double largest = fmax(fabs(min), fabs(max));
  if (isfinite(largest)) frexp(largest, &exponent);
  return exponent > 1 - DBL_MAX_EXP ? exponent : 1 - DBL_MAX_EXP;
}

struct statistics statistics_of(size_t n, const double *values) {
  struct statistics out = {0, NAN, NAN, NAN, NAN, NAN};
  for (size_t i = 0; i < n; i++) {
    if (isnan(values[i])) continue;
    out.count++;
    if (!(out.min <= values[i])) out.min = values[i]; // the first one, too
    if (!(out.max >= values[i])) out.max = values[i];
  }
  if (out.count == 0) return out;
  const int exponent = find_exponent(out.min, out.max);
  const double count = (double)out.count, scale = ldexp(1, -exponent); // a product is ldexp(), and many times faster

  double sum = 0;
  for (size_t i = 0; i < n; i++)
    if (!isnan(values[i])) sum += values[i] * scale;
  const double mean = sum / count;

  /* the mean is rounded, so the distances from it do not sum to 0: their sum is taken off */
  double distances = 0, squares = 0;
  for (size_t i = 0; i < n; i++) {
    if (isnan(values[i])) continue;
    double distance = values[i] * scale - mean;
    distances += distance;
    squares += distance * distance;
  }
  squares -= distances * distances / count;
  if (squares < 0) squares = 0; // rounding
  out.mean = ldexp(mean, exponent);
  out.std = ldexp(sqrt(squares / count), exponent);
  if (out.count > 1) out.sample_std = ldexp(sqrt(squares / (count - 1)), exponent);
  return out;
}

static int compare_doubles(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double statistics_median(size_t n, double *values) {
  size_t count = 0;
  for (size_t i = 0; i < n; i++)
    if (!isnan(values[i])) values[count++] = values[i];
  if (count == 0) return NAN;
  qsort(values, count, sizeof *values, compare_doubles);
  double low = values[(count - 1) / 2], high = values[count / 2];
  return low == high ? low : low / 2 + high / 2;
}

void statistics_add(double value, double count, double *mean, double *squares) {
  double distance = value - *mean;
  *mean += distance / count;
  *squares += distance * (value - *mean);
}
