/* Who does what: which rank learns, which act, and which environments each actor has. Pure arithmetic, the same on
 * every rank. */
#ifndef COMM_TOPOLOGY_H
#define COMM_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

struct topology {
  int ranks, rank;
  int learner;       /* the rank that learns */
  int actors;        /* ranks that act; with one rank it acts and learns */
  int32_t num_envs;  /* global */
  bool acts, learns; /* this rank */
};

/* A contiguous range of global environment indices. */
struct env_range {
  int32_t first, count;
};

/* Rank 0 learns and the others act; a single rank does both. */
struct topology topology_create(int ranks, int rank, int32_t num_envs);

bool topology_rank_acts(const struct topology *topology, int rank);

/* "learner", "actor", "learner and actor". */
const char *topology_role(const struct topology *topology, int rank);

/* The environments of a rank: ranges in the order of ranks, whose sizes differ by one at most; count 0 for a rank that
 * does not act. */
struct env_range topology_envs(const struct topology *topology, int rank);

#endif
