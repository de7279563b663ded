/* Who does what: which ranks learn, which act, and which environments each actor has. Pure arithmetic, the same on
 * every rank. */
#ifndef COMM_TOPOLOGY_H
#define COMM_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

struct topology {
  int ranks, rank;
  int learner;       /* the rank that leads: it learns, gives the commands, and is the only one that writes to the run
                        folder */
  int learners;      /* ranks that learn together, the leading one among them */
  bool colocated;    /* learners also act */
  int actors;        /* ranks that act; a single rank acts and learns */
  int32_t num_envs;  /* global */
  bool acts, learns; /* this rank */
  bool leads;        /* whether this rank is `learner` */
  const int *turns;  /* [ranks] an actor's turn when environments are dealt out; NULL: actors in the order of ranks */
  const int *group;  /* [learners] the ranks that learn, the leading one first; NULL: only the leading one */
};

/* A contiguous range of global environment indices. */
struct env_range {
  int32_t first, count;
};

/* Rank 0 learns and the others act; a single rank does both. */
struct topology topology_create(int ranks, int rank, int32_t num_envs);

/* Another rank leads, and rank 0 acts. */
void topology_set_learner(struct topology *topology, int learner);

/* Several ranks learn: group [n] (borrowed), whose first one leads. With `colocated` they act as well. */
void topology_set_group(struct topology *topology, const int *group, int n, bool colocated);

/* Deals the environments out in the order of ranks. The result is the same as without turns, but look-ups are faster.
 * Fills `turns` [ranks], borrowed. To be called after the group is set. */
void topology_pack(struct topology *topology, int *turns);

/* Deals the environments out over the hosts in turn: to the first rank of each host, then to the second of each, and so
 * on; ranks that do not act are left out. So neighbouring ranges lie on different hosts where there are several, and
 * the ranges that are larger by one are shared out evenly over the hosts. `local_ranks` [ranks]: each rank's number
 * among those of its host. Fills `turns` [ranks], borrowed. To be called after the group is set. */
void topology_spread(struct topology *topology, const int *local_ranks, int *turns);

bool topology_rank_acts(const struct topology *topology, int rank);
bool topology_rank_learns(const struct topology *topology, int rank);

/* Whether some ranks act and do not learn: they need the policy of every command. */
bool topology_has_pure_actors(const struct topology *topology);

/* The environments of a rank: ranges in the order of turns, whose sizes differ by one at most, the larger ones first;
 * count 0 for a rank that does not act. */
struct env_range topology_envs(const struct topology *topology, int rank);

/* "learner", "actor", "learner and actor". */
const char *topology_role(const struct topology *topology, int rank);

#endif
