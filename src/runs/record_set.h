/* Several runs as their folders tell them, and which of them are the same but for the seed. */
#ifndef RUNS_RECORD_SET_H
#define RUNS_RECORD_SET_H

#include "runs/record.h"

#define RECORD_LABEL_SIZE 160

/* Runs with the same config, but for the seed and the folder, and the same number of ranks. */
struct record_group {
  size_t *members; /* [n_members] places among the records, in the order given */
  int64_t *seeds;  /* [n_members] of the members: several of one seed are repetitions, and count as one */
  size_t n_members, n_seeds;
  char label[RECORD_LABEL_SIZE]; /* what tells it from the other groups */
};

struct record_set {
  struct run_record **records; /* [n] */
  size_t n;
  struct record_group *groups; /* [n_groups] in the order of their first members */
  size_t n_groups;
};

/* Reads n run folders. Errors: IO, FORMAT, USAGE (no run folder, one that
 * is given twice), each with the path. */
MUSTER_CHECKED muster_status record_set_read(const char *const *paths, size_t n, struct record_set **out);
void record_set_destroy(struct record_set **set); /* accepts NULL inside */

/* "CartPole-v1, ppo": the environment and the algorithm, where all runs share them. */
void record_set_title(const struct record_set *set, char title[RECORD_LABEL_SIZE]);

#endif
