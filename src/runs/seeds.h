/* Runs of one setting that have the same seed are repetitions of one experiment: together they stand for one seed. */
#ifndef RUNS_SEEDS_H
#define RUNS_SEEDS_H

#include "base/statistics.h"

#include <stdint.h>

/* Puts in the place of values[n], one for each run with its seed, one for each seed: the mean over its runs. Of values
 * that are NAN nothing is known; they do not count, nor does a seed that has no other. Returns the number of seeds. */
size_t seeds_merge(size_t n, const int64_t *seeds, double *values);

/* How many different seeds there are. */
size_t seeds_count(size_t n, const int64_t *seeds);

#endif
