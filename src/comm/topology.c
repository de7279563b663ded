#include "comm/topology.h"

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

bool topology_rank_acts(const struct topology *topology, int rank) {
  return topology->ranks == 1 || rank != topology->learner;
}

const char *topology_role(const struct topology *topology, int rank) {
  if (rank != topology->learner) return "actor";
  return topology_rank_acts(topology, rank) ? "learner and actor" : "learner";
}

struct env_range topology_envs(const struct topology *topology, int rank) {
  if (!topology_rank_acts(topology, rank)) return (struct env_range){0, 0};
  int32_t actor = topology->ranks == 1 ? 0 : rank - (rank > topology->learner);
  int32_t share = topology->num_envs / topology->actors, larger = topology->num_envs % topology->actors;
  return (struct env_range){
      .first = actor * share + (actor < larger ? actor : larger),
      .count = share + (actor < larger ? 1 : 0),
  };
}
