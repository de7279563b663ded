/* Runs, read from their folders and sorted into groups whose members differ in nothing but the seed. The one rule for
 * which runs belong together: `muster summary`, `muster plot` and `muster report` all go by it. */
#ifndef RUNS_GROUPS_H
#define RUNS_GROUPS_H

#include "runs/info.h"

#define RUN_LABEL_SIZE 160
#define RUN_DIFFERENCES_SIZE 1024

/* Runs belong together if they had the same number of ranks and the same value of every option, defaults filled in.
 * These options do not count, since they change neither the result of a run nor its speed:
 *
 *   seed, run.*, checkpoint.*, evaluation.every, ranks.learner_host, env.plugin, evaluation.env.plugin,
 *   and ranks.learners and ranks.colocate where ranks.layout is auto.
 *
 * Where this version does not understand a config, its options are compared as they are written. A run without a config
 * is a group of its own. */
struct run_group {
  size_t *members; /* [n_members] indices into `info`, ordered by seed, then by path */
  int64_t *seeds;  /* [n_members] of the members: several of one seed are repetitions, and count as one */
  size_t n_members, n_seeds;
  struct entry_list settings;             /* the options that count, with the values that all members share; empty: no
                                             config */
  char label[RUN_LABEL_SIZE];             /* for a legend: "ppo, n_steps 128 (3 runs)"; no other group has it */
  char differences[RUN_DIFFERENCES_SIZE]; /* "algorithm.gamma=0.9 ranks=2": what distinguishes it from the groups of the
                                             same environment and algorithm; "" where nothing does; cut if too long */
  double *scratch;                        /* [n_members] for run_group_statistics() */
};

struct grouped_runs {
  struct run_info **info; /* [n] in the order given */
  size_t n;
  struct run_group *groups; /* [n_groups] in the order of their first runs */
  size_t n_groups;
};

/* Reads n run folders. Errors: IO, FORMAT, USAGE (not a run folder, or given twice), each with the path. */
MUSTER_CHECKED muster_status grouped_runs_read(const char *const *paths, size_t n, struct grouped_runs **out);

/* Reads n paths: run folders, or folders that contain runs some levels below. A run that has no config.yaml yet is left
 * out, and one that is found twice is listed once. Errors: IO (no such folder, no run below it), and those of a run's
 * file that cannot be read or understood. */
MUSTER_CHECKED muster_status grouped_runs_find(const char *const *paths, size_t n, struct grouped_runs **out);
void grouped_runs_destroy(struct grouped_runs **runs); /* accepts NULL inside */

/* "CartPole-v1, ppo": the environment and the algorithm, where all runs share them. */
void grouped_runs_title(const struct grouped_runs *runs, char title[RUN_LABEL_SIZE]);

/* Replaces values[n_members], one for each run of a group, by one for each seed: the mean over its runs. A NAN is an
 * unknown value and does not count, nor does a seed that has only NANs. Returns the number of seeds that count. */
size_t run_group_merge_seeds(const struct run_group *group, double *values);

/* Statistics over seeds. Several runs of one seed count as one, by the mean of their known values. */
struct seed_statistics {
  size_t count;             /* seeds with a known value */
  double mean, std, median; /* std is that of the sample (n - 1), NAN for fewer than two seeds; mean and median are NAN
                               without any */
};

/* Statistics of the double at `offset` in struct run_info, over the runs of a group. */
struct seed_statistics run_group_statistics(const struct grouped_runs *runs, const struct run_group *group,
                                            size_t offset);

#endif
