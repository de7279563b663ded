/* A learning curve: one metric of a group of runs over a common grid, as a mean and a band. */
#ifndef VIEW_CURVE_H
#define VIEW_CURVE_H

#include "runs/groups.h"

enum curve_band {
  BAND_STD,     /* mean +- the standard deviation of the sample (n - 1), over seeds */
  BAND_MIN_MAX, /* from the lowest to the highest seed */
  BAND_NONE
};

struct curve_request {
  const char *x, *y;    /* columns of metrics.csv */
  enum curve_band band; /* over the seeds */
  size_t smooth;        /* each value becomes the mean of the last `smooth` values of its run; 1: no smoothing */
};

struct curve {
  size_t n;                /* 0: none of the runs has a value */
  double *x;               /* [n], rising, evenly spaced */
  double *mean;            /* [n] */
  double *low, *high;      /* [n], the band; equal to the mean where only one seed has a value */
  size_t n_seeds, longest; /* number of seeds that have values; largest number of values in a run */
};

/* Builds the curve of a group. Rows without a finite x or y do not count. The grid reaches from the first x to the
 * last. It has as many points as the run with the most values, or a half, a third, ... of that, so that there are at
 * most 500. At a point a run's value is the mean of its values within half a step of the grid, or, where there are
 * none, lies on the straight line between its neighbours; before its first and after its last value a run has none. A
 * seed's value is the mean of those of its runs. The curve ends where fewer than half of the seeds continue. Error
 * MEMORY. */
MUSTER_CHECKED muster_status curve_create(const struct grouped_runs *runs, const struct run_group *group,
                                          const struct curve_request *request, struct curve *curve);
void curve_release(struct curve *curve);

#endif
