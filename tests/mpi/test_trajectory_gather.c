/* Rollouts of all actors in the learner's batch: every field of the table arrives, and every final observation. Runs
 * with any number of ranks, on one node or, as its argument says (support/everywhere.h), on several. */
#include "experience/trajectory_gather.h"
#include "support/everywhere.h"

#include <string.h>

enum { T = 3, AGENTS = 2, ROUNDS = 3 };

static const int32_t choices = 4;
static const muster_env_spec spec = {
    .observation = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {3}},
    .action = {.kind = MUSTER_SPACE_DISCRETE, .counts = &choices},
    .agents = AGENTS,
    .masks_actions = true,
};

static unsigned char told(size_t env, int array, size_t byte, int round) {
  return (unsigned char)(31 * env + 7 * (size_t)array + byte + 3 * (size_t)round);
}

/* the step at which an environment was truncated */
static int32_t truncated_at(size_t env, int round) { return (int32_t)((env + (size_t)round) % T); }

/* fills it with bytes that show where they come from; every other environment has a final observation */
static void fill(struct trajectory *rollout, int round) {
  struct final_observations *final_observations = &rollout->final_observations;
  const size_t first = rollout->first_env;
  for (int i = 0; i < STEP_FIELD_COUNT; i++) {
    const size_t bytes = trajectory_env_bytes(rollout, i);
    for (size_t b = 0; b < rollout->n_envs * bytes; b++)
      ((unsigned char *)rollout->array[i])[b] = told(first + b / bytes, i, b % bytes, round);
  }
  void *arrays[FINAL_FIELD_COUNT];
  trajectory_list_final_observations(rollout, arrays);
  final_observations->count = 0;
  for (size_t env = first; env < first + rollout->n_envs; env++) {
    if ((env + (size_t)round) % 2 == 0) continue;
    const size_t at = (size_t)final_observations->count++;
    for (int i = 0; i < FINAL_FIELD_COUNT; i++)
      for (size_t b = 0, bytes = trajectory_final_bytes(rollout, i); b < bytes; b++)
        ((unsigned char *)arrays[i])[at * bytes + b] = told(env, STEP_FIELD_COUNT + i, b, round);
    final_observations->environment[at] = (int32_t)env;
    final_observations->step[at] = truncated_at(env, round);
  }
}

/* final observations may come in any order of ranks, so they are compared by the number of their environment */
static bool same_final_observations(const struct trajectory *a, const struct trajectory *b) {
  void *of_a[FINAL_FIELD_COUNT], *of_b[FINAL_FIELD_COUNT];
  trajectory_list_final_observations(a, of_a);
  trajectory_list_final_observations(b, of_b);
  for (int32_t at = 0; at < a->final_observations.count; at++) {
    int32_t other = 0;
    while (other < b->final_observations.count &&
           b->final_observations.environment[other] != a->final_observations.environment[at])
      other++;
    if (other == b->final_observations.count) return false;
    for (int i = 0; i < FINAL_FIELD_COUNT; i++) {
      const size_t bytes = trajectory_final_bytes(a, i);
      if (memcmp((char *)of_a[i] + (size_t)at * bytes, (char *)of_b[i] + (size_t)other * bytes, bytes) != 0)
        return false;
    }
  }
  return a->final_observations.count == b->final_observations.count;
}

static bool same_rows(const struct trajectory *a, const struct trajectory *b) {
  for (int i = 0; i < STEP_FIELD_COUNT; i++)
    if (memcmp(a->array[i], b->array[i], a->n_envs * trajectory_env_bytes(a, i)) != 0) return false;
  return true;
}

static void gather_and_compare(int learner, int n) {
  struct comm *comm = everywhere_comm();
  struct topology topology = topology_create(comm_size(comm), comm_rank(comm), n);
  topology_set_learner(&topology, learner);
  struct env_range range = topology_envs(&topology, topology.rank);
  if (topology.learns) range = (struct env_range){0, n};
  struct arena *arena;
  struct trajectory mine, expected;
  EVERYWHERE_OK(arena_create(&arena));
  EVERYWHERE_OK(trajectory_create(&spec, (size_t)range.count, T, arena, &mine));
  EVERYWHERE_OK(trajectory_create(&spec, (size_t)n, T, arena, &expected));
  mine.first_env = (size_t)range.first;
  struct gather *gather = NULL;
  EVERYWHERE_OK(trajectory_gather_create(comm, &topology, GATHER_ALL, &mine, &mine, &gather));
  muster_status status = MUSTER_OK;
  bool right = true;
  for (int round = 0; round < ROUNDS && status == MUSTER_OK; round++) {
    if (topology.acts) fill(&mine, round);
    fill(&expected, round);
    status = gather_begin(gather);
    if (status == MUSTER_OK) status = gather_end(gather);
    if (topology.learns) right = right && same_rows(&mine, &expected) && same_final_observations(&mine, &expected);
  }
  EVERYWHERE_OK(status);
  EVERYWHERE(right);
  gather_destroy(&gather);
  arena_destroy(&arena);
}

static void test_every_field(void) {
  const int ranks = comm_size(everywhere_comm()), actors = ranks > 1 ? ranks - 1 : 1;
  for (int learner = 0; learner < ranks; learner++) {
    gather_and_compare(learner, actors);
    gather_and_compare(learner, 2 * actors + 1);
  }
}

static const struct check_case cases[] = {
    {"every field and every final observation", test_every_field},
};

int main(int argc, char **argv) {
  return everywhere_main(&argc, &argv, "trajectory gather", cases, sizeof cases / sizeof *cases);
}
