/* What became of runs, read back from their folders, and statistics over those that differ in their seed alone. */
#ifndef RUN_SUMMARY_H
#define RUN_SUMMARY_H

#include "run/config.h"
#include "run/folder.h"

enum run_state {
  RUN_FINISHED,    /* all steps are done, and it was evaluated */
  RUN_INTERRUPTED, /* there is more to do, and nobody does it */
  RUN_RUNNING      /* a process holds the folder's lock; on a file system without locks it seems interrupted */
};

/* Numbers that are not known, or not yet, are NAN. */
struct run_summary {
  char path[RUN_PATH_SIZE];
  struct run_config config;
  enum run_state state;
  int64_t total_steps;                      /* so far; of a run without a summary those of its newest checkpoint */
  double mean_return, std_return;           /* of the last hundred episodes of training */
  double evaluation_return, evaluation_std; /* of the final evaluation */
  double solved_at_steps, steps_per_second;
  size_t group; /* index into run_list.groups */
};

/* Over the values that are known; std of the population, as NumPy's default; NAN without any. */
struct run_statistics {
  size_t count;
  double mean, std, median;
};

/* Runs of the same config, seed aside. */
struct run_group {
  size_t first; /* index of its first run */
  size_t runs, finished;
  struct run_statistics mean_return, evaluation_return, solved_at_steps, steps_per_second;
  char settings[OPTION_STRING_SIZE]; /* "key=value ...": what tells it from the groups of the same algorithm; cut */
};

struct run_list {
  struct run_summary *runs; /* [count]: group by group, and by seed in each */
  struct run_group *groups; /* [n_groups], in the order in which they were found */
  size_t count, n_groups;
};

/* Adds a run folder, or all those below a folder, down to some levels, in the order of their names. Errors: IO (no such
 * folder, no run below it), USAGE (a file of a run that cannot be understood). */
MUSTER_CHECKED muster_status run_list_add(struct run_list *list, const char *path);

/* Sorts the runs and fills the groups: once, when all runs are there. */
MUSTER_CHECKED muster_status run_list_group(struct run_list *list);

/* Releases all; a list of zeros is empty. */
void run_list_clear(struct run_list *list);

const char *run_state_name(enum run_state state);

#endif
