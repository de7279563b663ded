/* Mean, deviation, range and median of numbers: the one place where muster computes a standard deviation of results. */
#ifndef BASE_STATISTICS_H
#define BASE_STATISTICS_H

#include <stddef.h>

struct statistics {
  size_t count;      /* numbers; a NAN does not count */
  double mean;       /* NAN without any */
  double std;        /* of the population, divided by n: for episodes and other repetitions that are all there is */
  double sample_std; /* of the sample, divided by n - 1: for seeds, which stand for all others; NAN of fewer than two */
  double min, max;   /* NAN without any */
};

/* Statistics of values[n], of which those that are NAN do not count. Two passes: the mean, then the squares about it,
 * with the correction of Chan, Golub & LeVeque 1983, eq. 1.7, so that a deviation that is small compared with the mean
 * is not lost. Results are finite where the values are, and where a double can hold the result. */
struct statistics statistics_of(size_t n, const double *values);

/* The median, of an even number the mean of the two in the middle; NAN values do not count; returns NAN where there is
 * no value. Sorts values[n]. */
double statistics_median(size_t n, double *values);

/* Adds one value to a running mean and the sum of squares about it, which start at 0 (Welford 1962). `count` includes
 * this value: 1 for the first. For streams that are too long to be kept. */
void statistics_add(double value, double count, double *mean, double *squares);

#endif
