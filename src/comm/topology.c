#include "comm/topology.h"

#include <stddef.h>

/* fills in what follows from the ranks that lead, learn and act */
static void derive(struct topology *topology) {
  bool all_act = topology->colocated || topology->ranks == 1;
  topology->actors = all_act ? topology->ranks : topology->ranks - topology->learners;
  topology->leads = topology->rank == topology->learner;
  topology->learns = topology_rank_learns(topology, topology->rank);
  topology->acts = topology_rank_acts(topology, topology->rank);
}

struct topology topology_create(int ranks, int rank, int32_t num_envs) {
  struct topology topology = {.ranks = ranks, .rank = rank, .learner = 0, .learners = 1, .num_envs = num_envs};
  derive(&topology);
  return topology;
}

void topology_set_learner(struct topology *topology, int learner) {
  topology->learner = learner;
  derive(topology);
}

void topology_set_group(struct topology *topology, const int *group, int n, bool colocated) {
  topology->group = group;
  topology->learner = group[0];
  topology->learners = n;
  topology->colocated = colocated;
  derive(topology);
}

void topology_pack(struct topology *topology, int *turns) {
  int next = 0;
  for (int rank = 0; rank < topology->ranks; rank++)
    if (topology_rank_acts(topology, rank)) turns[rank] = next++;
  topology->turns = turns;
}

void topology_spread(struct topology *topology, const int *local_ranks, int *turns) {
  int next = 0;
  for (int local = 0; next < topology->actors; local++)
    for (int rank = 0; rank < topology->ranks; rank++)
      if (local_ranks[rank] == local && topology_rank_acts(topology, rank)) turns[rank] = next++;
  topology->turns = turns;
}

bool topology_rank_learns(const struct topology *topology, int rank) {
  for (int i = 0; topology->group != NULL && i < topology->learners; i++)
    if (topology->group[i] == rank) return true;
  return rank == topology->learner;
}

bool topology_rank_acts(const struct topology *topology, int rank) {
  return topology->ranks == 1 || topology->colocated || !topology_rank_learns(topology, rank);
}

bool topology_has_pure_actors(const struct topology *topology) { return topology->learners < topology->ranks; }

/* the turn of an actor when environments are dealt out */
static int actor_turn(const struct topology *topology, int rank) {
  if (topology->turns != NULL) return topology->turns[rank];
  int turn = 0;
  for (int before = 0; before < rank; before++) turn += topology_rank_acts(topology, before);
  return turn;
}

const char *topology_role(const struct topology *topology, int rank) {
  if (!topology_rank_learns(topology, rank)) return "actor";
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
