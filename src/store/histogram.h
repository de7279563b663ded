/* How the numbers of an array are spread: what TensorBoard shows as a histogram. */
#ifndef STORE_HISTOGRAM_H
#define STORE_HISTOGRAM_H

#include <stddef.h>

#define HISTOGRAM_BUCKETS 30

struct histogram {
  double min, max, num, sum, sum_squares;
  size_t n_buckets;                /* 0: there was no number; 1: they are all the same; else HISTOGRAM_BUCKETS */
  double limit[HISTOGRAM_BUCKETS]; /* upper ends, ascending; the first bucket begins at min, the last ends at max */
  double count[HISTOGRAM_BUCKETS];
};

/* Counts n numbers in buckets of one width between the least and the greatest; those that are not finite do not count.
 */
struct histogram histogram_make(const float *values, size_t n);

#endif
