/* Runs as their folders tell them, sorted into groups that differ in nothing but the seed. The one rule for which runs
 * belong together: `muster summary`, `muster plot` and `muster report` all go by it. */
#ifndef RUNS_GROUPS_H
#define RUNS_GROUPS_H

#include "runs/info.h"

#define RUN_LABEL_SIZE 160
#define RUN_DIFFERENCES_SIZE 1024

/* Runs belong together that had the same number of ranks and the same value of every option, defaults filled in, but
 * for these, which change neither what a run comes to nor how fast it gets there:
 *
 *   seed, run.*, checkpoint.*, evaluation.every, ranks.learner_host, env.plugin, evaluation.env.plugin,
 *   and ranks.learners and ranks.colocate where ranks.layout is auto.
 *
 * Where this version does not understand a config, its options count as they are written. A run without a config
 * belongs to no other. */
struct run_group {
  size_t *members; /* [n_members] indices into `info`, by seed, runs of one seed by path */
  int64_t *seeds;  /* [n_members] of the members: several of one seed are repetitions, and count as one */
  size_t n_members, n_seeds;
  struct entry_list settings;             /* the options that count, as all members have them; empty: no config */
  char label[RUN_LABEL_SIZE];             /* for a legend: "ppo, n_steps 128 (3 runs)"; no other group has it */
  char differences[RUN_DIFFERENCES_SIZE]; /* "algorithm.gamma=0.9 ranks=2": what tells it from the groups of the same
                                             environment and algorithm; "" where there is nothing; cut */
  double *scratch;                        /* [n_members] for run_group_statistics() */
};

struct grouped_runs {
  struct run_info **info; /* [n] in the order given */
  size_t n;
  struct run_group *groups; /* [n_groups] in the order of their first runs */
  size_t n_groups;
};

/* Reads n run folders. Errors: IO, FORMAT, USAGE (no run folder, one that is given twice), each with the path. */
MUSTER_CHECKED muster_status grouped_runs_read(const char *const *paths, size_t n, struct grouped_runs **out);

/* Reads n run folders or all runs some levels below folders; one that has no config.yaml yet is left out, one that
 * is found twice is there once. Errors: IO
 * (no such folder, no run below it), and a file of a run that cannot be read or understood. */
MUSTER_CHECKED muster_status grouped_runs_find(const char *const *paths, size_t n, struct grouped_runs **out);
void grouped_runs_destroy(struct grouped_runs **runs); /* accepts NULL inside */

/* "CartPole-v1, ppo": the environment and the algorithm, where all runs share them. */
void grouped_runs_title(const struct grouped_runs *runs, char title[RUN_LABEL_SIZE]);

/* Puts in the place of values[n_members] of a group's runs one for each seed: the mean over its runs. NAN stands for
 * what is not known: it does not count, nor does a seed that has nothing else. Returns the number of seeds. */
size_t run_group_merge_seeds(const struct run_group *group, double *values);

/* Over seeds; what is known of several runs of one seed is their mean, which counts once. */
struct seed_statistics {
  size_t count;             /* seeds of which there is a value */
  double mean, std, median; /* std of the sample (n - 1), NAN of fewer than two; mean and median NAN without any */
};

/* Statistics of what the runs of a group have at `offset`, which is that of a double in struct run_info. */
struct seed_statistics run_group_statistics(const struct grouped_runs *runs, const struct run_group *group,
                                            size_t offset);

#endif
