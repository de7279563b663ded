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
  const int *turns;  /* [ranks] an actor's turn when environments are dealt out; NULL: actors in the order of ranks */
};

/* A contiguous range of global environment indices. */
struct env_range {
  int32_t first, count;
};

/* Rank 0 learns and the others act; a single rank does both. */
struct topology topology_create(int ranks, int rank, int32_t num_envs);

/* Another rank learns, and rank 0 acts. */
void topology_set_learner(struct topology *topology, int learner);

/* Deals the environments out over the hosts in turn: to the first rank of each host, then to the second of each, and so
 * on; whoever learns is left out. So neighbouring ranges lie on different hosts where there are several, and the ranges
 * that are larger by one are shared out evenly over the hosts. `local_ranks` [ranks]: each rank's number among those of
 * its host. Fills `turns` [ranks], borrowed. */
void topology_spread(struct topology *topology, const int *local_ranks, int *turns);

bool topology_rank_acts(const struct topology *topology, int rank);

/* "learner", "actor", "learner and actor". */
const char *topology_role(const struct topology *topology, int rank);

/* The environments of a rank: ranges in the order of turns, whose sizes differ by one at most, the larger ones first;
 * count 0 for a rank that does not act. */
struct env_range topology_envs(const struct topology *topology, int rank);

#endif
