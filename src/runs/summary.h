/* What became of runs, and statistics over those that differ in their seed alone. */
#ifndef RUNS_SUMMARY_H
#define RUNS_SUMMARY_H

#include "runs/list.h"
#include "setup/config.h"

struct summary_run {
  const struct run_record *record; /* of summary.list */
  struct run_config config;
  size_t group; /* index into summary.groups */
};

/* Over seeds. What is known of several runs of one seed is their mean, which counts once. */
struct run_statistics {
  size_t count;             /* seeds of which there is a value */
  double mean, std, median; /* std of the sample (n - 1), NAN of fewer than two; mean and median NAN without any */
};

/* Runs of the same config, seed aside. */
struct summary_group {
  size_t first; /* index of its first run */
  size_t runs, finished, seeds;
  struct run_statistics mean_return, evaluation_return, solved_at_steps, steps_per_second;
  char settings[OPTION_STRING_SIZE]; /* "key=value ...": what tells it from the groups of the same algorithm; cut */
};

struct summary {
  struct run_list list;
  struct summary_run *runs;     /* [n]: group by group, and by seed in each */
  struct summary_group *groups; /* [n_groups], in the order in which they were found */
  size_t n, n_groups;
};

/* Reads run folders, or all those below a folder, down to some levels; a run that has no config.yaml yet is left out.
 * Errors: IO (no such folder, no run below it), and a file of a run that cannot be read or understood. */
MUSTER_CHECKED muster_status summary_read(const char *const *paths, int n, struct summary **out);
void summary_destroy(struct summary **summary); /* accepts NULL inside */

#endif
