/* How the numbers of an array are distributed, for a histogram in TensorBoard. */
#ifndef STORE_HISTOGRAM_H
#define STORE_HISTOGRAM_H

#include <stddef.h>

#define HISTOGRAM_BUCKETS 30

struct histogram {
  double min, max, num, sum, sum_squares;
  size_t n_buckets;                /* 0: there was no number; 1: all numbers are the same; else HISTOGRAM_BUCKETS */
  double limit[HISTOGRAM_BUCKETS]; /* upper ends, ascending; the first bucket begins at min, the last ends at max */
  double count[HISTOGRAM_BUCKETS];
};

/* Counts n numbers in buckets of equal width between the least and the greatest; leaves out numbers that are not
 * finite.
 */
struct histogram histogram_make(const float *values, size_t n);

#endif
