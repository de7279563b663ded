/* Mean, deviation, range and median of numbers: the one place where muster computes a standard deviation of results. */
#ifndef BASE_STATISTICS_H
#define BASE_STATISTICS_H

#include <stddef.h>

struct statistics {
  size_t count;      /* of numbers; NAN is none */
  double mean;       /* NAN without any */
  double std;        /* of the population, divided by n: for episodes and other repetitions that are all there is */
  double sample_std; /* of the sample, divided by n - 1: for seeds, which stand for all others; NAN of fewer than two */
  double min, max;   /* NAN without any */
};

/* Statistics of values[n], of which those that are NAN do not count. Two passes: the mean, then the squares about it,
 * with the correction of Chan, Golub & LeVeque 1983, eq. 1.7, so that a deviation that is small compared with the mean
 * is not lost. All is finite where the values are and the result has a finite double. */
struct statistics statistics_of(size_t n, const double *values);

/* The median, of an even number the mean of the two in the middle; NAN counts for nothing, and is what comes of no
 * value. Sorts values[n]. */
double statistics_median(size_t n, double *values);

/* One more value towards a mean and the sum of squares about it, which start at 0; count: values with this one, 1 at
 * the first (Welford 1962). For streams that are too long to be kept. */
void statistics_add(double value, double count, double *mean, double *squares);

#endif
