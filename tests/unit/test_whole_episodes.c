/* Rollouts of whole episodes: the first one of every environment, the same whatever the range of a pool, without the
 * bias towards short episodes; and groups that start in the same state. */
#include "env/pool.h"
#include "env/registry.h"
#include "support/check.h"
#include "support/model.h"
#include "train/actor.h"

#include <stdlib.h>

enum { ENVS = 64, ITERATIONS = 40, T = 300 };

static const char config_text[] = "seed: 3\n"
                                  "env: {name: CartPole-v1, num_envs: 64}\n"
                                  "algorithm: {name: reinforce, n_steps: 300}\n"
                                  "policy: {hidden_sizes: [8]}\n";

/* an actor of CartPole whose policy has hardly any preference */
struct fixture {
  struct run run;
  struct gathering gathering;
  struct transport transport;
  struct model model;
  struct actor actor;
  struct comm *comm;
};

static void setup(struct fixture *f, const char *text) {
  struct run_config config;
  *f = (struct fixture){0};
  CHECK_OK_FATAL(run_config_parse("test", text, &config));
  CHECK_OK_FATAL(comm_create_alone(&f->comm));
  CHECK_OK_FATAL(run_create(&config, NULL, "", f->comm, &f->run));
  CHECK_OK_FATAL(gathering_create(&f->run, &f->gathering));
  const muster_env_spec *spec = env_pool_spec(f->run.pool);
  CHECK_OK_FATAL(model_create(&config.policy, &spec->observation, &spec->action, NULL, f->run.arena, &f->model));
  CHECK_OK_FATAL(model_initialize(&f->model, &config.policy, 3));
  model_pack(&f->model, false);
  CHECK_OK_FATAL(actor_create(&f->gathering, &f->transport, &f->model, &f->actor));
  CHECK_OK_FATAL(transport_create(NULL, &f->gathering, &f->actor, &f->transport));
  CHECK_OK_FATAL(actor_start_envs(&f->actor, false));
}

static void teardown(struct fixture *f) {
  transport_release(&f->transport);
  gathering_release(&f->gathering);
  run_release(&f->run);
  comm_destroy(&f->comm);
}

/* each row is one episode: it ends at its length and not earlier */
static void test_first_episodes(void) {
  struct fixture f;
  setup(&f, config_text);
  const struct trajectory *rollout = f.actor.rollout;
  CHECK_OK_FATAL(actor_roll_out(&f.actor));
  int64_t steps = 0;
  for (size_t n = 0; n < ENVS; n++) {
    size_t length = (size_t)rollout->length[n];
    CU_ASSERT_TRUE_FATAL(length >= 1 && length < T);
    for (size_t t = 0; t < length; t++) CU_ASSERT_EQUAL(rollout->ended[n * T + t] != 0, t + 1 == length);
    steps += rollout->length[n];
  }
  CU_ASSERT_EQUAL(trajectory_steps(rollout), steps);
  teardown(&f);
}

/* Cut after two steps, every episode is truncated there and counted whole. */
static void test_cut(void) {
  struct fixture f;
  setup(&f, "env: {name: CartPole-v1, num_envs: 3}\nalgorithm: {name: reinforce, n_steps: 2}\n");
  CHECK_OK_FATAL(actor_roll_out(&f.actor));
  for (size_t n = 0; n < 3; n++) {
    CU_ASSERT_EQUAL(f.actor.rollout->length[n], 2);
    CU_ASSERT_EQUAL(f.actor.rollout->ended[2 * n + 1], ENV_TRUNCATED);
  }
  teardown(&f);
}

static int compare_lengths(const void *a, const void *b) { return *(const int32_t *)a - *(const int32_t *)b; }

/* The mean length of the episodes that count is that of all episodes played one by one (here: the same policy, each
 * environment to the end of its first episode, with other random numbers), within four standard errors; the half of
 * them that ends first, from which an algorithm would learn if a rollout ended with it, is shorter by far more than
 * that. */
static void test_no_bias(void) {
  struct fixture f, other;
  setup(&f, config_text);
  setup(&other, "seed: 4\nenv: {name: CartPole-v1, num_envs: 1}\nalgorithm: {name: reinforce, n_steps: 300}\n"
                "policy: {hidden_sizes: [8]}\n");
  memcpy(other.model.parameters.values, f.model.parameters.values, f.model.parameters.count * sizeof(float));
  model_pack(&other.model, false);
  double sum = 0, squares = 0, single = 0, single_squares = 0, early = 0, n = ENVS * ITERATIONS;
  for (int i = 0; i < ITERATIONS; i++, f.transport.command->iteration++) {
    CHECK_OK_FATAL(actor_roll_out(&f.actor));
    for (size_t k = 0; k < ENVS; k++) {
      double length = f.actor.rollout->length[k];
      sum += length / n;
      squares += length * length / n;
    }
    int32_t lengths[ENVS];
    memcpy(lengths, f.actor.rollout->length, sizeof lengths);
    qsort(lengths, ENVS, sizeof *lengths, compare_lengths);
    for (size_t k = 0; k < ENVS / 2; k++) early += 2 * lengths[k] / n;
  }
  for (int i = 0; i < ENVS * ITERATIONS; i++, other.transport.command->iteration++) {
    CHECK_OK_FATAL(actor_roll_out(&other.actor));
    double length = other.actor.rollout->length[0];
    single += length / n;
    single_squares += length * length / n;
  }
  double error = sqrt((squares - sum * sum + single_squares - single * single) / n);
  CU_ASSERT_TRUE(fabs(sum - single) <= 4 * error);

  /* the half of each rollout that ends first */
  CU_ASSERT_TRUE(early < sum - 20 * error);
  teardown(&f);
  teardown(&other);
}

/* a pool's environments start as those of the same index in any other pool; restarts depend on their number alone */
static void test_restart(void) {
  const muster_env_type *type;
  struct env_pool *whole, *part;
  float observation[8][4], other[3][4];
  CHECK_OK_FATAL(env_registry_find("CartPole-v1", &type));
  CHECK_OK_FATAL(env_pool_create(type, NULL, 9, 0, 8, &whole));
  CHECK_OK_FATAL(env_pool_create(type, NULL, 9, 5, 3, &part));
  CHECK_OK_FATAL(env_pool_reset(whole, observation, sizeof observation[0]));
  for (uint32_t episode = 3; episode < 6; episode++) CHECK_OK_FATAL(env_pool_restart(whole, episode));
  CHECK_OK_FATAL(env_pool_restart(part, 5));
  env_pool_observe(whole, observation, sizeof observation[0], NULL, 0);
  env_pool_observe(part, other, sizeof other[0], NULL, 0);
  CU_ASSERT_EQUAL(memcmp(observation[5], other, sizeof other), 0);
  env_pool_destroy(&whole);
  env_pool_destroy(&part);
}

/* with groups of four, equal starts within a group and different ones across groups and episodes, on any split of a
 * group over pools */
static void test_groups(void) {
  enum { COUNT = 8, SIZE = 4 };
  const muster_env_type *type;
  struct env_pool *pool, *part;
  const struct env_wrappers wrappers = {.group_size = SIZE};
  float first[COUNT][4], next[COUNT][4], other[COUNT][4];
  CHECK_OK_FATAL(env_registry_find("CartPole-v1", &type));
  CHECK_OK_FATAL(env_pool_create(type, NULL, 9, 0, COUNT, &pool));
  CHECK_OK_FATAL(env_pool_wrap(pool, &wrappers));
  CHECK_OK_FATAL(env_pool_reset(pool, first, sizeof first[0]));
  CHECK_OK_FATAL(env_pool_reset(pool, next, sizeof next[0]));
  for (size_t n = 0; n < COUNT; n++) {
    CU_ASSERT_EQUAL(memcmp(first[n], first[n / SIZE * SIZE], sizeof first[n]), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(first[n], first[(n + SIZE) % COUNT], sizeof first[n]), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(first[n], next[n], sizeof first[n]), 0);
  }
  CHECK_OK_FATAL(env_pool_create(type, NULL, 9, 3, 2, &part));
  CHECK_OK_FATAL(env_pool_wrap(part, &wrappers));
  CHECK_OK_FATAL(env_pool_reset(part, other, sizeof other[0]));
  CU_ASSERT_EQUAL(memcmp(first[3], other, 2 * sizeof other[0]), 0);
  env_pool_destroy(&pool);
  env_pool_destroy(&part);
}

/* after the common start, each environment of a group has random numbers of its own: on the ice of FrozenLake, the same
 * actions lead to different places */
static void test_steps_of_a_group(void) {
  enum { COUNT = 4 };
  const muster_env_type *type;
  struct env_pool *pool;
  const struct env_wrappers wrappers = {.group_size = COUNT};
  int32_t observation[COUNT], actions[COUNT] = {2, 2, 2, 2};
  float reward[COUNT];
  uint8_t ended[COUNT];
  CHECK_OK_FATAL(env_registry_find("FrozenLake-v1", &type));
  CHECK_OK_FATAL(env_pool_create(type, NULL, 9, 0, COUNT, &pool));
  CHECK_OK_FATAL(env_pool_wrap(pool, &wrappers));
  CHECK_OK_FATAL(env_pool_reset(pool, observation, sizeof *observation));
  struct env_pool_result result = {observation, sizeof *observation, reward, sizeof *reward, ended, 1, NULL};
  bool differ = false;
  for (int32_t t = 0; t < 5; t++) {
    CHECK_OK_FATAL(env_pool_step(pool, actions, t, &result));
    for (size_t n = 1; n < COUNT; n++) differ |= observation[n] != observation[0];
  }
  CU_ASSERT_TRUE(differ);
  env_pool_destroy(&pool);
}

static const struct check_case cases[] = {
    {"the first episode of every environment", test_first_episodes},
    {"episodes that are too long are cut", test_cut},
    {"no bias towards short episodes", test_no_bias},
    {"restarts", test_restart},
    {"groups", test_groups},
    {"steps of a group", test_steps_of_a_group},
};

CHECK_MAIN("whole_episodes", cases)
