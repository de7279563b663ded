/* Roles and ranges of environments. */
#include "comm/topology.h"
#include "support/check.h"

/* checks that the ranges follow each other, cover all environments, and differ in size by one at most */
static void check_ranges(int ranks, int32_t num_envs) {
  int32_t next = 0, least = num_envs, most = 0;
  int actors = 0, learners = 0;
  for (int rank = 0; rank < ranks; rank++) {
    struct topology topology = topology_create(ranks, rank, num_envs);
    struct env_range range = topology_envs(&topology, rank);
    CU_ASSERT_TRUE(topology.ranks == ranks && topology.rank == rank && topology.num_envs == num_envs);
    CU_ASSERT_TRUE(topology.acts || topology.learns);
    CU_ASSERT_EQUAL(topology.learns, rank == topology.learner);
    CU_ASSERT_EQUAL(topology.actors, ranks == 1 ? 1 : ranks - 1);
    learners += topology.learns;

    /* every rank knows the same about all the others */
    for (int other = 0; other < ranks; other++) {
      struct topology theirs = topology_create(ranks, other, num_envs);
      struct env_range seen = topology_envs(&theirs, rank);
      CU_ASSERT_TRUE(seen.first == range.first && seen.count == range.count);
      CU_ASSERT_EQUAL(topology_rank_acts(&theirs, rank), topology.acts);
    }
    if (!topology.acts) {
      CU_ASSERT_EQUAL(range.count, 0);
      continue;
    }
    actors++;
    CU_ASSERT_EQUAL(range.first, next);
    next += range.count;
    if (range.count < least) least = range.count;
    if (range.count > most) most = range.count;
  }
  CU_ASSERT_EQUAL(next, num_envs);
  CU_ASSERT_TRUE(most - least <= 1);
  CU_ASSERT_EQUAL(learners, 1);
  CU_ASSERT_EQUAL(actors, ranks == 1 ? 1 : ranks - 1);
}

static void test_ranges(void) {
  for (int ranks = 1; ranks <= 12; ranks++)
    for (int32_t num_envs = 1; num_envs <= 70; num_envs++) check_ranges(ranks, num_envs);
  check_ranges(12, 2147483647);
}

/* 8 environments on 7 actors: the first has two */
static void test_eight_on_seven(void) {
  struct topology topology = topology_create(8, 3, 8);
  struct env_range learner = topology_envs(&topology, 0), first = topology_envs(&topology, 1);
  CU_ASSERT_EQUAL(learner.count, 0);
  CU_ASSERT_TRUE(first.first == 0 && first.count == 2);
  for (int rank = 2; rank < 8; rank++) {
    struct env_range range = topology_envs(&topology, rank);
    CU_ASSERT_TRUE(range.first == rank && range.count == 1);
  }
}

/* one rank acts and learns */
static void test_one_rank(void) {
  struct topology topology = topology_create(1, 0, 5);
  struct env_range range = topology_envs(&topology, 0);
  CU_ASSERT_TRUE(topology.acts && topology.learns);
  CU_ASSERT_TRUE(range.first == 0 && range.count == 5);
}

/* any rank may learn: the others get the ranges in the order of ranks */
static void test_learner(void) {
  for (int learner = 0; learner < 5; learner++) {
    int32_t next = 0;
    for (int rank = 0; rank < 5; rank++) {
      struct topology topology = topology_create(5, rank, 10);
      topology_set_learner(&topology, learner);
      CU_ASSERT_TRUE(topology.learns == (rank == learner) && topology.acts == (rank != learner));
      struct env_range range = topology_envs(&topology, rank);
      CU_ASSERT_EQUAL(range.count, rank == learner ? 0 : (next == 0 || next == 3 ? 3 : 2));
      if (rank == learner) continue;
      CU_ASSERT_EQUAL(range.first, next);
      next += range.count;
    }
    CU_ASSERT_EQUAL(next, 10);
  }
}

/* two hosts of three ranks: rank 1 learns, 7 environments go to ranks 0, 3, 4, 2, 5 */
static void test_spread(void) {
  const int local_ranks[] = {0, 1, 2, 0, 1, 2};
  const struct env_range expected[] = {{0, 2}, {0, 0}, {5, 1}, {2, 2}, {4, 1}, {6, 1}};
  struct topology topology = topology_create(6, 4, 7);
  int turns[6];
  topology_set_learner(&topology, 1);
  topology_spread(&topology, local_ranks, turns);
  for (int rank = 0; rank < 6; rank++) {
    struct env_range range = topology_envs(&topology, rank);
    CU_ASSERT_EQUAL(range.count, expected[rank].count);
    if (rank != 1) CU_ASSERT_EQUAL(range.first, expected[rank].first);
  }
}

/* several ranks learn: either the others act, or all of them act; the first of the group leads */
static void test_group(void) {
  const int group[] = {2, 0, 3};
  for (int colocated = 0; colocated < 2; colocated++) {
    int32_t next = 0;
    for (int rank = 0; rank < 5; rank++) {
      struct topology topology = topology_create(5, rank, 9);
      topology_set_group(&topology, group, 3, colocated);
      bool learns = rank == 2 || rank == 0 || rank == 3;
      CU_ASSERT_EQUAL(topology.leads, rank == 2);
      CU_ASSERT_EQUAL(topology.learns, learns);
      CU_ASSERT_EQUAL(topology.acts, colocated || !learns);
      CU_ASSERT_EQUAL(topology.actors, colocated ? 5 : 2);
      CU_ASSERT_TRUE(topology_has_pure_actors(&topology));
      CU_ASSERT_STRING_EQUAL(topology_role(&topology, rank),
                             learns ? (colocated ? "learner and actor" : "learner") : "actor");
      /* the ranges follow each other in the order of ranks, with turns and without */
      int turns[5];
      struct env_range range = topology_envs(&topology, rank);
      topology_pack(&topology, turns);
      struct env_range packed = topology_envs(&topology, rank);
      CU_ASSERT_TRUE(range.first == packed.first && range.count == packed.count);
      CU_ASSERT_EQUAL(range.count > 0, topology.acts);
      if (topology.acts) CU_ASSERT_EQUAL(range.first, next);
      next += range.count;
    }
    CU_ASSERT_EQUAL(next, 9);
  }
  const int all[] = {0, 1};
  struct topology topology = topology_create(2, 1, 4);
  topology_set_group(&topology, all, 2, true);
  CU_ASSERT_FALSE(topology_has_pure_actors(&topology));
}

static const struct check_case cases[] = {
    {"ranges", test_ranges},     {"8 environments on 7 actors", test_eight_on_seven},
    {"one rank", test_one_rank}, {"another learner", test_learner},
    {"spread", test_spread},     {"several learners", test_group},
};

CHECK_MAIN("topology", cases)
