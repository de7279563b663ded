/* The harness that every part of the benchmark uses: warm up, repeat, and compare each figure with its limit.
 *
 * Works that are to be compared are timed in turn (limit, figure, limit, figure, ...), so that other load on the
 * machine affects them alike. A work's seconds are converted to seconds per item, and these to a figure in some
 * unit. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "base/status.h"
#include "comm/comm.h"

#include <stdbool.h>
#include <stddef.h>

#define BENCH_MAX_REPEATS 11

/* Something to be timed: run() does it once. */
struct bench_work {
  muster_status (*run)(void *context);
  void *context;
  size_t calls;                      /* calls in a sample, found while warming up */
  double seconds[BENCH_MAX_REPEATS]; /* seconds of one call, in each sample */
};

/* One number for each sample: seconds per item of work. */
struct bench_series {
  double at[BENCH_MAX_REPEATS];
};

/* The unit in which seconds per item are printed: scale / seconds for a rate, else scale * seconds. */
struct bench_unit {
  const char *name;
  bool is_rate;
  double scale;
};

extern const struct bench_unit unit_gflops, unit_gigabytes, unit_megabytes, unit_msteps, unit_updates; /* rates */
extern const struct bench_unit unit_ns_element, unit_us_sample, unit_us, unit_ms;                      /* times */

struct bench_row {
  char name[64];
  const struct bench_unit *unit;
  double value, min, max; /* median and extremes over the samples */
  double limit;           /* median */
  double ratio;           /* share of the limit that is reached, computed for each sample; the median of these shares */
};

struct bench {
  struct comm *comm; /* borrowed */
  bool json, quick;
  bool collective; /* all ranks take part in the present part, and rank 0's clock counts */
  int repeats;
  double sample_seconds; /* the shortest time of a sample */
  struct bench_row *rows;
  size_t n_rows, capacity;
};

/* Warms up each work, then takes `repeats` samples of all in turn. */
MUSTER_CHECKED muster_status bench_measure(const struct bench *bench, struct bench_work *const *works, int n);

/* Seconds per item of a work that handles `items` items in one call (any positive number); and the sum of two
 * series. */
struct bench_series bench_per_item(const struct bench_work *work, double items);
struct bench_series bench_sum(struct bench_series a, struct bench_series b);

/* The median of the samples. */
double bench_median(const struct bench *bench, const struct bench_series *series);

/* Adds a figure on rank 0, and prints it when the output is a table. For a limit itself, pass the same series twice. */
MUSTER_PRINTF(5, 6)
MUSTER_CHECKED muster_status bench_add(struct bench *bench, const struct bench_unit *unit, struct bench_series figure,
                                       struct bench_series limit, const char *name, ...);

/* Writes all figures as one JSON array on standard output. */
void bench_print_json(const struct bench *bench);

#endif
