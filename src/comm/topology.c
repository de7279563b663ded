#include "comm/topology.h"

#include <stddef.h>

struct topology topology_create(int ranks, int rank, int32_t num_envs) {
  return (struct topology){
      .ranks = ranks,
      .rank = rank,
      .learner = 0,
      .actors = ranks > 1 ? ranks - 1 : 1,
      .num_envs = num_envs,
      .acts = ranks == 1 || rank != 0,
      .learns = rank == 0,
  };
}

void topology_set_learner(struct topology *topology, int learner) {
  topology->learner = learner;
  topology->learns = topology->rank == learner;
  topology->acts = topology_rank_acts(topology, topology->rank);
}

void topology_spread(struct topology *topology, const int *local_ranks, int *turns) {
  int next = 0;
  for (int local = 0; next < topology->actors; local++)
    for (int rank = 0; rank < topology->ranks; rank++)
      if (local_ranks[rank] == local && topology_rank_acts(topology, rank)) turns[rank] = next++;
  topology->turns = turns;
}

bool topology_rank_acts(const struct topology *topology, int rank) {
  return topology->ranks == 1 || rank != topology->learner;
}

/* an actor's turn when environments are dealt out */
static int actor_turn(const struct topology *topology, int rank) {
  if (topology->ranks == 1) return 0;
  if (topology->turns != NULL) return topology->turns[rank];
  return rank < topology->learner ? rank : rank - 1;
}

const char *topology_role(const struct topology *topology, int rank) {
  if (rank != topology->learner) return "actor";
  return topology_rank_acts(topology, rank) ? "learner and actor" : "learner";
}

struct env_range topology_envs(const struct topology *topology, int rank) {
  if (!topology_rank_acts(topology, rank)) return (struct env_range){0, 0};
  int32_t actor = actor_turn(topology, rank);
  int32_t share = topology->num_envs / topology->actors, larger = topology->num_envs % topology->actors;
  return (struct env_range){
      .first = actor * share + (actor < larger ? actor : larger),
      .count = share + (actor < larger ? 1 : 0),
  };
}
