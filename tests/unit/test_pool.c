/* The pool of environments: counting, truncation, automatic reset, streams, errors, save and load. */
#include "base/outcall.h"
#include "base/random.h"
#include "env/block.h"
#include "env/pool.h"
#include "env/registry.h"
#include "support/check.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* ---- a tiny environment: no block functions, no save_state; the action says what happens ---- */

enum { GO_ON, TERMINATE, TRUNCATE, TERMINATE_AND_TRUNCATE, FAIL, NAN_OBSERVATION, HUGE_REWARD };

struct tiny {
  float episode, step, draw;
};

static int tiny_create(const muster_env_setting *settings, void **env, muster_env_error *error) {
  if (settings[0].key != NULL) return muster_env_fail(error, "has settings");
  *env = calloc(1, sizeof(struct tiny));
  return *env == NULL;
}

static void tiny_describe(const void *env, muster_env_spec *spec) {
  (void)env;
  static const int32_t counts[] = {7};
  spec->observation = (muster_space){.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {3}};
  spec->action = (muster_space){.kind = MUSTER_SPACE_DISCRETE, .counts = counts};
  spec->agents = 1;
  spec->max_steps = 5;
  spec->reward_threshold = NAN;
}

static void tiny_show(struct tiny *tiny, muster_random *random, void *observation) {
  tiny->draw = (float)muster_random_double(random);
  memcpy(observation, tiny, sizeof *tiny);
}

static int tiny_reset(void *env, muster_random *random, muster_env_result *result, muster_env_error *error) {
  (void)error;
  struct tiny *tiny = env;
  tiny->episode++;
  tiny->step = 0;
  tiny_show(tiny, random, result->observation);
  return 0;
}

static int tiny_step(void *env, const void *action, muster_random *random, muster_env_result *result,
                     muster_env_error *error) {
  struct tiny *tiny = env;
  int32_t what = *(const int32_t *)action;
  tiny->step++;
  tiny_show(tiny, random, result->observation);
  result->reward[0] = what == HUGE_REWARD ? 1e300 : 0.1 * tiny->step;
  result->terminated = what == TERMINATE || what == TERMINATE_AND_TRUNCATE;
  result->truncated = what == TRUNCATE || what == TERMINATE_AND_TRUNCATE;
  if (what == NAN_OBSERVATION) ((float *)result->observation)[1] = NAN;
  return what == FAIL ? muster_env_fail(error, "out of %s", "luck") : 0;
}

static const muster_env_type tiny_type = {.abi = MUSTER_ENV_ABI,
                                          .struct_size = sizeof(muster_env_type),
                                          .name = "Tiny",
                                          .summary = "for this test",
                                          .create = tiny_create,
                                          .destroy = free,
                                          .describe = tiny_describe,
                                          .reset = tiny_reset,
                                          .step = tiny_step};

/* ---- a pool with its buffers ---- */

enum { MAX_ENVS = 16, MAX_ELEMENTS = 256, MAX_FINALS = 64 };

struct bench {
  struct env_pool *pool;
  int32_t count;
  size_t elements;
  float observation[MAX_ENVS * MAX_ELEMENTS], reward[MAX_ENVS];
  uint8_t ended[MAX_ENVS];
  int32_t final_environment[MAX_FINALS], final_step[MAX_FINALS];
  float final_observation[MAX_FINALS * MAX_ELEMENTS];
  struct final_observations final_observations;
};

static void bench_open(struct bench *bench, const muster_env_type *type, const muster_env_setting *options,
                       uint64_t seed, int32_t first, int32_t count) {
  memset(bench, 0, sizeof *bench);
  bench->count = count;
  CHECK_OK_FATAL(env_pool_create(type, options, seed, first, count, &bench->pool));
  bench->elements = muster_space_elements(&env_pool_spec(bench->pool)->observation);
  bench->final_observations = (struct final_observations){.capacity = MAX_FINALS,
                                                          .environment = bench->final_environment,
                                                          .step = bench->final_step,
                                                          .observation = bench->final_observation};
}

static void bench_reset(struct bench *bench) {
  CHECK_OK_FATAL(env_pool_reset(bench->pool, bench->observation, bench->elements * sizeof(float)));
}

static muster_status bench_step(struct bench *bench, const void *actions, int32_t time) {
  struct env_pool_result result = {.observation = bench->observation,
                                   .observation_stride = bench->elements * sizeof(float),
                                   .reward = bench->reward,
                                   .reward_stride = sizeof(float),
                                   .ended = bench->ended,
                                   .ended_stride = 1,
                                   .final_observations = &bench->final_observations};
  return env_pool_step(bench->pool, actions, time, &result);
}

static const muster_env_type *find(const char *name) {
  const muster_env_type *type = NULL;
  CHECK_OK_FATAL(env_registry_find(name, &type));
  return type;
}

/* action of environment `index` at a time, the same in whichever pool it lives */
static int32_t scripted_action(int32_t index, int32_t time, uint32_t choices) {
  uint32_t words[4];
  random_words(99, RANDOM_ACTION, (uint32_t)index, (uint32_t)time, 0, words);
  return (int32_t)(words[0] % choices);
}

/* ---- episodes ---- */

/* the limit cuts at step 5 exactly; the final observation is the true last, the next one that of the new episode */
static void test_truncates_at_limit(void) {
  struct bench bench;
  bench_open(&bench, &tiny_type, NULL, 1, 10, 3);
  bench_reset(&bench);
  const int32_t actions[3] = {GO_ON, GO_ON, GO_ON};
  for (int32_t t = 1; t <= 12; t++) {
    CHECK_OK_FATAL(bench_step(&bench, actions, 100 + t));
    for (int32_t i = 0; i < 3; i++) {
      bool cut = t % 5 == 0;
      CU_ASSERT_EQUAL(bench.ended[i], cut ? ENV_TRUNCATED : 0);
      CU_ASSERT_EQUAL(bench.observation[3 * i], 1.0f + (float)(t / 5));
      CU_ASSERT_EQUAL(bench.observation[3 * i + 1], (float)(t % 5));
      CU_ASSERT_EQUAL(bench.reward[i], (float)(0.1 * (cut ? 5 : t % 5)));
    }
  }
  CU_ASSERT_EQUAL_FATAL(bench.final_observations.count, 6);
  for (int32_t k = 0; k < 6; k++) {
    CU_ASSERT_EQUAL(bench.final_environment[k], 10 + k % 3);
    CU_ASSERT_EQUAL(bench.final_step[k], k < 3 ? 105 : 110);
    CU_ASSERT_EQUAL(bench.final_observation[3 * k], k < 3 ? 1.0f : 2.0f);
    CU_ASSERT_EQUAL(bench.final_observation[3 * k + 1], 5.0f);
  }
  env_pool_destroy(&bench.pool);
  CU_ASSERT_PTR_NULL(bench.pool);
}

/* the two flags stay apart; what terminated at the limit counts as terminated and keeps no final observation */
static void test_termination_is_not_truncation(void) {
  struct bench bench;
  bench_open(&bench, &tiny_type, NULL, 1, 0, 4);
  bench_reset(&bench);
  CHECK_OK_FATAL(bench_step(&bench, (int32_t[]){GO_ON, TERMINATE, TRUNCATE, TERMINATE_AND_TRUNCATE}, 0));
  CU_ASSERT_EQUAL(bench.ended[0], 0);
  CU_ASSERT_EQUAL(bench.ended[1], ENV_TERMINATED);
  CU_ASSERT_EQUAL(bench.ended[2], ENV_TRUNCATED);
  CU_ASSERT_EQUAL(bench.ended[3], ENV_TERMINATED | ENV_TRUNCATED);
  CU_ASSERT_EQUAL(bench.final_observations.count, 1);
  CU_ASSERT_EQUAL(bench.final_environment[0], 2);
  CU_ASSERT_EQUAL(bench.observation[1], 1.0f);
  for (int32_t i = 1; i < 4; i++) CU_ASSERT_EQUAL(bench.observation[3 * i + 1], 0.0f);

  for (int32_t t = 1; t <= 3; t++) CHECK_OK_FATAL(bench_step(&bench, (int32_t[]){0, 0, 0, 0}, t));
  CHECK_OK_FATAL(bench_step(&bench, (int32_t[]){TERMINATE, GO_ON, GO_ON, GO_ON}, 4));
  CU_ASSERT_EQUAL(bench.ended[0], ENV_TERMINATED | ENV_TRUNCATED);
  CU_ASSERT_EQUAL(bench.ended[1], 0);
  CU_ASSERT_EQUAL(bench.final_observations.count, 1);
  env_pool_destroy(&bench.pool);
}

static int32_t balance(const float *observation) {
  return observation[2] + 0.5f * observation[3] + 0.02f * observation[0] + 0.05f * observation[1] > 0;
}

/* CartPole under a controller: cut at exactly 500, with the observation that the simulator itself gives at that step */
static void test_cartpole_truncates_at_500(void) {
  enum { N = 11 };
  const muster_env_type *type = find("CartPole-v1");
  struct bench bench;
  bench_open(&bench, type, NULL, 21, 40, N);
  bench_reset(&bench);
  muster_env_error error;
  void *block = NULL;
  float truth[4 * N], rewards[N];
  uint8_t terminated[N] = {0}, truncated[N] = {0};
  CU_ASSERT_EQUAL_FATAL(type->block_create(NULL, N, &block, &error), 0);
  for (int32_t i = 0; i < N; i++) {
    struct random_stream stream = random_stream_start(21, RANDOM_ENV, (uint32_t)(40 + i), 0);
    muster_env_result result = {.observation = truth + 4 * i};
    CU_ASSERT_EQUAL(type->block_reset(block, i, &stream.base, &result, &error), 0);
  }
  CU_ASSERT_EQUAL(memcmp(truth, bench.observation, sizeof truth), 0);

  for (int32_t t = 1; t <= 500; t++) {
    int32_t actions[N];
    for (int32_t i = 0; i < N; i++) actions[i] = balance(bench.observation + 4 * i);
    muster_env_block_result result = {truth, 16, rewards, 4, NULL, 0, terminated, truncated, -1};
    CU_ASSERT_EQUAL(type->block_step(block, actions, NULL, &result, &error), 0);
    CHECK_OK_FATAL(bench_step(&bench, actions, t));
    for (int32_t i = 0; i < N; i++) {
      CU_ASSERT_EQUAL(terminated[i], 0);
      CU_ASSERT_EQUAL(bench.ended[i], t == 500 ? ENV_TRUNCATED : 0);
      CU_ASSERT_EQUAL(bench.reward[i], 1.0f);
    }
  }
  CU_ASSERT_EQUAL_FATAL(bench.final_observations.count, N);
  CU_ASSERT_EQUAL(memcmp(bench.final_observation, truth, sizeof truth), 0);
  for (int32_t i = 0; i < N; i++) {
    struct random_stream stream = random_stream_start(21, RANDOM_ENV, (uint32_t)(40 + i), 1);
    muster_env_result result = {.observation = truth + 4 * i};
    CU_ASSERT_EQUAL(type->block_reset(block, i, &stream.base, &result, &error), 0);
    CU_ASSERT_EQUAL(bench.final_environment[i], 40 + i);
    CU_ASSERT_EQUAL(bench.final_step[i], 500);
  }
  CU_ASSERT_EQUAL(memcmp(bench.observation, truth, sizeof truth), 0);
  type->block_destroy(block);
  env_pool_destroy(&bench.pool);
}

/* every episode has its own stream, and another env_pool_reset() goes on to the next episode */
static void test_episodes_differ(void) {
  struct bench bench;
  bench_open(&bench, find("CartPole-v1"), NULL, 3, 0, 2);
  float starts[3][8];
  for (int i = 0; i < 3; i++) {
    bench_reset(&bench);
    memcpy(starts[i], bench.observation, sizeof starts[i]);
  }
  CU_ASSERT_NOT_EQUAL(memcmp(starts[0], starts[1], sizeof starts[0]), 0);
  CU_ASSERT_NOT_EQUAL(memcmp(starts[1], starts[2], sizeof starts[0]), 0);
  CU_ASSERT_NOT_EQUAL(memcmp(starts[0], starts[0] + 4, 4 * sizeof(float)), 0);
  env_pool_destroy(&bench.pool);

  /* another seed gives other numbers; the same seed gives the same */
  bench_open(&bench, find("CartPole-v1"), NULL, 4, 0, 2);
  bench_reset(&bench);
  CU_ASSERT_NOT_EQUAL(memcmp(starts[0], bench.observation, sizeof starts[0]), 0);
  env_pool_destroy(&bench.pool);
  bench_open(&bench, find("CartPole-v1"), NULL, 3, 0, 2);
  bench_reset(&bench);
  CU_ASSERT_EQUAL(memcmp(starts[0], bench.observation, sizeof starts[0]), 0);
  env_pool_destroy(&bench.pool);
}

/* rows with gaps between them in memory: the gaps stay untouched */
static void test_strides(void) {
  struct bench packed;
  bench_open(&packed, find("CartPole-v1"), NULL, 5, 0, 9);
  bench_reset(&packed);
  struct env_pool *pool = NULL;
  CHECK_OK_FATAL(env_pool_create(find("CartPole-v1"), NULL, 5, 0, 9, &pool));
  float observation[9 * 16], reward[9 * 3];
  uint8_t ended[9 * 2];
  memset(observation, 0x55, sizeof observation);
  memset(reward, 0x55, sizeof reward);
  memset(ended, 0x55, sizeof ended);
  CHECK_OK(env_pool_reset(pool, observation, 16 * sizeof(float)));
  struct env_pool_result result = {observation, 16 * sizeof(float), reward, 3 * sizeof(float), ended, 2, NULL};
  for (int32_t t = 0; t < 60; t++) {
    int32_t actions[9];
    for (int32_t i = 0; i < 9; i++) actions[i] = scripted_action(i, t, 2);
    CHECK_OK_FATAL(bench_step(&packed, actions, t));
    CHECK_OK_FATAL(env_pool_step(pool, actions, t, &result));
    for (size_t i = 0; i < 9; i++) {
      float filler;
      memset(&filler, 0x55, sizeof filler);
      CU_ASSERT_EQUAL(memcmp(observation + 16 * i, packed.observation + 4 * i, 4 * sizeof(float)), 0);
      for (size_t k = 4; k < 16; k++) CU_ASSERT_EQUAL(observation[16 * i + k], filler);
      CU_ASSERT_TRUE(reward[3 * i] == packed.reward[i] && reward[3 * i + 1] == filler && reward[3 * i + 2] == filler);
      CU_ASSERT_TRUE(ended[2 * i] == packed.ended[i] && ended[2 * i + 1] == 0x55);
    }
  }
  env_pool_destroy(&pool);
  env_pool_destroy(&packed.pool);
}

/* ---- any split of the environments, and any moment of saving, gives the same bits ---- */

/* steps one pool that holds environments 0..7 and two that split them, and compares every bit */
static void step_together(struct bench *whole, struct bench *left, struct bench *right, int32_t from, int32_t to,
                          uint32_t choices) {
  const size_t row = whole->elements * sizeof(float);
  for (int32_t t = from; t < to; t++) {
    int32_t actions[8];
    for (int32_t i = 0; i < 8; i++) actions[i] = scripted_action(i, t, choices);
    whole->final_observations.count = left->final_observations.count = right->final_observations.count = 0;
    CHECK_OK_FATAL(bench_step(whole, actions, t));
    CHECK_OK_FATAL(bench_step(left, actions, t));
    CHECK_OK_FATAL(bench_step(right, actions + left->count, t));
    struct bench *parts[2] = {left, right};
    int32_t first = 0, final_observations = 0;
    for (int p = 0; p < 2; p++) {
      const size_t n = (size_t)parts[p]->count, f = (size_t)parts[p]->final_observations.count;
      CU_ASSERT_EQUAL(memcmp(whole->observation + (size_t)first * whole->elements, parts[p]->observation, n * row), 0);
      CU_ASSERT_EQUAL(memcmp(whole->reward + first, parts[p]->reward, n * sizeof(float)), 0);
      CU_ASSERT_EQUAL(memcmp(whole->ended + first, parts[p]->ended, n), 0);
      CU_ASSERT_EQUAL(
          memcmp(whole->final_environment + final_observations, parts[p]->final_environment, f * sizeof(int32_t)), 0);
      CU_ASSERT_EQUAL(memcmp(whole->final_observation + (size_t)final_observations * whole->elements,
                             parts[p]->final_observation, f * row),
                      0);
      first += parts[p]->count;
      final_observations += parts[p]->final_observations.count;
    }
    CU_ASSERT_EQUAL(final_observations, whole->final_observations.count);
  }
}

/* passes the state of `whole` on to the parts, as bytes, and checks that these save the same bytes again */
static void hand_over(const struct bench *whole, struct bench *part, int32_t first) {
  const size_t size = env_pool_state_bytes(whole->pool);
  CU_ASSERT_EQUAL_FATAL(env_pool_state_bytes(part->pool), size);
  unsigned char *bytes = malloc(size), *again = malloc(size);
  for (int32_t i = 0; i < part->count; i++) {
    bool restarted = true;
    memset(bytes, 0xab, size);
    memset(again, 0xcd, size);
    env_pool_save(whole->pool, first + i, bytes);
    CHECK_OK_FATAL(env_pool_load(part->pool, i, bytes, part->observation + (size_t)i * part->elements, &restarted));
    CU_ASSERT_FALSE(restarted);
    CU_ASSERT_EQUAL(memcmp(part->observation + (size_t)i * part->elements,
                           whole->observation + (size_t)(first + i) * whole->elements, whole->elements * sizeof(float)),
                    0);
    env_pool_save(part->pool, i, again);
    CU_ASSERT_EQUAL(memcmp(bytes, again, size), 0);
  }
  free(bytes);
  free(again);
}

static void check_save_and_load(const char *name, const muster_env_setting *options, uint32_t choices, int32_t moment) {
  struct bench whole, left, right;
  bench_open(&whole, find(name), options, 31, 0, 8);
  bench_open(&left, find(name), options, 31, 0, 3);
  bench_open(&right, find(name), options, 31, 3, 5);
  bench_reset(&whole);
  bench_reset(&left);
  bench_reset(&right);
  step_together(&whole, &left, &right, 0, moment, choices);
  env_pool_destroy(&left.pool);
  env_pool_destroy(&right.pool);

  /* fresh pools with another split take over in the middle of the episodes */
  bench_open(&left, find(name), options, 31, 0, 6);
  bench_open(&right, find(name), options, 31, 6, 2);
  hand_over(&whole, &left, 0);
  hand_over(&whole, &right, 6);
  step_together(&whole, &left, &right, moment, moment + 260, choices);
  env_pool_destroy(&whole.pool);
  env_pool_destroy(&left.pool);
  env_pool_destroy(&right.pool);
}

static void test_save_and_load_cartpole(void) { check_save_and_load("CartPole-v1", NULL, 2, 137); }

/* Probe draws at each step: these moments meet its streams at every position in a block of four words */
static void test_save_and_load_probe(void) {
  const muster_env_setting options[] = {{"episode_length", "13"}, {"truncates", "1"}, {"obs_dim", "5"}, {NULL, NULL}};
  for (int32_t moment = 137; moment <= 140; moment++) check_save_and_load("Probe-v0", options, 5, moment);
}

/* a state belongs to one global index; damage is detected */
static void test_load_refuses(void) {
  struct bench bench;
  bench_open(&bench, find("CartPole-v1"), NULL, 31, 4, 2);
  bench_reset(&bench);
  unsigned char bytes[256];
  CU_ASSERT_TRUE_FATAL(env_pool_state_bytes(bench.pool) <= sizeof bytes);
  bool restarted;
  env_pool_save(bench.pool, 0, bytes);
  CHECK_FAILS(env_pool_load(bench.pool, 1, bytes, bench.observation, &restarted), MUSTER_ERROR_FORMAT,
              "of environment 4 was offered to environment 5");
  memset(bytes + sizeof(uint32_t) * 10, 0xff, 8); /* the first state variable becomes a NaN */
  CHECK_FAILS(env_pool_load(bench.pool, 0, bytes, bench.observation, &restarted), MUSTER_ERROR_FORMAT,
              "environment 4 (CartPole-v1) cannot take the saved state");
  env_pool_destroy(&bench.pool);
}

/* an environment that cannot save its state goes on with its next episode */
static void test_load_without_state(void) {
  struct bench bench, fresh;
  bench_open(&bench, &tiny_type, NULL, 8, 0, 2);
  bench_open(&fresh, &tiny_type, NULL, 8, 0, 2);
  bench_reset(&bench);
  for (int32_t t = 0; t < 7; t++) CHECK_OK_FATAL(bench_step(&bench, (int32_t[]){GO_ON, GO_ON}, t));
  unsigned char bytes[256];
  CU_ASSERT_TRUE_FATAL(env_pool_state_bytes(bench.pool) <= sizeof bytes);
  env_pool_save(bench.pool, 1, bytes);
  bool restarted = false;
  CHECK_OK(env_pool_load(fresh.pool, 1, bytes, fresh.observation + 3, &restarted));
  CU_ASSERT_TRUE(restarted);
  CU_ASSERT_EQUAL(fresh.observation[4], 0.0f);

  /* episodes 0 and 1 had begun: the fresh environment draws from the stream of episode 2 */
  struct random_stream stream = random_stream_start(8, RANDOM_ENV, 1, 2);
  CU_ASSERT_EQUAL(fresh.observation[5], (float)muster_random_double(&stream.base));
  env_pool_destroy(&bench.pool);
  env_pool_destroy(&fresh.pool);
}

/* a state that was lost starts the episode that it names, whether or not the environment can save others */
static void test_load_lost_state(void) {
  struct bench lost, restarted;
  bench_open(&lost, find("CartPole-v1"), NULL, 8, 3, 2);
  bench_open(&restarted, find("CartPole-v1"), NULL, 8, 3, 2);
  bench_reset(&lost);
  bench_reset(&restarted);
  unsigned char bytes[256];
  CU_ASSERT_TRUE_FATAL(env_pool_state_bytes(lost.pool) <= sizeof bytes);
  env_pool_save(lost.pool, 1, bytes);
  CU_ASSERT_FALSE(env_pool_is_lost(bytes));
  for (int32_t env = 0; env < 2; env++) {
    bool is_fresh = false;
    env_pool_save_lost(lost.pool, 3 + env, 9, bytes);
    CU_ASSERT_TRUE(env_pool_is_lost(bytes));
    CHECK_OK(env_pool_load(lost.pool, env, bytes, lost.observation + 4 * env, &is_fresh));
    CU_ASSERT_TRUE(is_fresh);
  }
  CHECK_OK(env_pool_restart(restarted.pool, 9));
  env_pool_observe(restarted.pool, restarted.observation, 4 * sizeof(float), NULL, 0);
  CU_ASSERT_EQUAL(memcmp(lost.observation, restarted.observation, 8 * sizeof(float)), 0);
  env_pool_destroy(&lost.pool);
  env_pool_destroy(&restarted.pool);
}

/* what another thread can see of a call, of single functions and of blocks */
static void test_calls_are_recorded(void) {
  const muster_env_type *types[] = {&tiny_type, find("CartPole-v1")};
  for (size_t i = 0; i < 2; i++) {
    const uint64_t before = outcall_state.steps, serial = outcall_state.serial;
    struct bench bench;
    bench_open(&bench, types[i], NULL, 8, 0, 3);
    bench_reset(&bench);
    CU_ASSERT_EQUAL(outcall_state.steps - before, 3);
    for (int32_t t = 0; t < 4; t++) CHECK_OK_FATAL(bench_step(&bench, (int32_t[]){0, 0, 0}, t));
    CU_ASSERT_EQUAL(outcall_state.steps - before, 15);
    CU_ASSERT(outcall_state.serial - serial >= 2 * (1 + 3 + 4));
    CU_ASSERT_EQUAL(outcall_now().call, OUTCALL_NONE);
    env_pool_destroy(&bench.pool);
  }
}

/* ---- errors ---- */

static void test_options(void) {
  struct env_pool *pool = NULL;
  const muster_env_type *probe = find("Probe-v0"), *cartpole = find("CartPole-v1");
  const muster_env_setting misspelt[] = {{"obs_dim", "3"}, {"episode_lenght", "9"}, {NULL, NULL}};
  CHECK_FAILS(env_pool_create(probe, misspelt, 1, 0, 1, &pool), MUSTER_ERROR_USAGE,
              "unknown option 'episode_lenght' of the environment Probe-v0; the nearest one is 'episode_length'");
  const muster_env_setting twice[] = {{"obs_dim", "3"}, {"obs_dim", "4"}, {NULL, NULL}};
  CHECK_FAILS(env_pool_create(probe, twice, 1, 0, 1, &pool), MUSTER_ERROR_USAGE, "'obs_dim' of the environment Probe");
  CHECK_FAILS(env_pool_create(cartpole, misspelt, 1, 0, 1, &pool), MUSTER_ERROR_USAGE, "CartPole-v1 takes none");
  const muster_env_setting wrong[] = {{"obs_dim", "many"}, {NULL, NULL}};
  CHECK_FAILS(env_pool_create(probe, wrong, 1, 0, 1, &pool), MUSTER_ERROR_USAGE, "obs_dim: expects an integer");
  CU_ASSERT_PTR_NULL(pool);

  const muster_env_setting right[] = {{"obs_dim", "6"}, {NULL, NULL}};
  CHECK_OK_FATAL(env_pool_create(probe, right, 1, 0, 1, &pool));
  CU_ASSERT_EQUAL(muster_space_elements(&env_pool_spec(pool)->observation), 6);
  env_pool_destroy(&pool);
}

/* steps three Probes, the last one with action 2, until one fails; the error must contain `part` and name the place */
static void check_fault(const char *option, muster_code code, const char *part) {
  const muster_env_setting options[] = {{"episode_length", "3"}, {option, "8"}, {NULL, NULL}};
  struct bench bench;
  bench_open(&bench, find("Probe-v0"), options, 77, 4, 3);
  bench_reset(&bench);
  const int32_t actions[3] = {1, 0, 2};
  for (int32_t t = 1; t < 8; t++) CHECK_OK(bench_step(&bench, actions, t));
  /* step 8 of its life is step 2 of episode 2 */
  muster_status status = bench_step(&bench, actions, 8);
  CU_ASSERT_PTR_NOT_NULL(
      strstr(muster_status_message(status), "environment 4 (Probe-v0, seed 77), episode 2, step 2, action 1: "));
  CHECK_FAILS(status, code, part);
  env_pool_destroy(&bench.pool);
}

static void test_probe_faults(void) {
  check_fault("fail_at_step", MUSTER_ERROR_ENVIRONMENT, "told to fail at step 8 of its life");
  check_fault("nan_at_step", MUSTER_ERROR_NUMERIC, "element 0 of the observation is nan, not a finite number");
  check_fault("nan_reward_at_step", MUSTER_ERROR_NUMERIC, "the reward is nan, not a finite number");
}

/* the row with the fault is found wherever it is */
static void test_faults_of_rows(void) {
  static const struct {
    int32_t action;
    muster_code code;
    const char *part;
  } faults[] = {{FAIL, MUSTER_ERROR_ENVIRONMENT, "action 4: out of luck"},
                {NAN_OBSERVATION, MUSTER_ERROR_NUMERIC, "action 5: element 1 of the observation is nan"},
                {HUGE_REWARD, MUSTER_ERROR_NUMERIC, "action 6: the reward is inf"}};
  for (size_t f = 0; f < 3; f++)
    for (int32_t row = 0; row < 5; row++) {
      struct bench bench;
      char place[64];
      int32_t actions[5] = {0};
      bench_open(&bench, &tiny_type, NULL, 2, 100, 5);
      bench_reset(&bench);
      actions[row] = faults[f].action;
      snprintf(place, sizeof place, "environment %d (Tiny, seed 2), episode 0, step 1,", 100 + (int)row);
      muster_status status = bench_step(&bench, actions, 0);
      CU_ASSERT_PTR_NOT_NULL(strstr(muster_status_message(status), place));
      CHECK_FAILS(status, faults[f].code, faults[f].part);
      env_pool_destroy(&bench.pool);
    }

  /* block functions name their row, too */
  struct bench bench;
  bench_open(&bench, find("CartPole-v1"), NULL, 2, 100, 5);
  bench_reset(&bench);
  CHECK_FAILS(bench_step(&bench, (int32_t[]){0, 1, 0, 7, 1}, 0), MUSTER_ERROR_ENVIRONMENT,
              "environment 103 (CartPole-v1, seed 2), episode 0, step 1, action 7: action 7 is neither");
  env_pool_destroy(&bench.pool);
}

static void test_final_observations_overflow(void) {
  struct bench bench;
  bench_open(&bench, &tiny_type, NULL, 1, 0, 3);
  bench.final_observations.capacity = 2;
  bench_reset(&bench);
  CHECK_FAILS(bench_step(&bench, (int32_t[]){TRUNCATE, TRUNCATE, TRUNCATE}, 0), MUSTER_ERROR_INTERNAL,
              "more than 2 last observations");
  env_pool_destroy(&bench.pool);
}

static void describe_no_agents(const void *env, muster_env_spec *spec) {
  tiny_describe(env, spec);
  spec->agents = 0;
}

static void describe_masked_box(const void *env, muster_env_spec *spec) {
  tiny_describe(env, spec);
  spec->action = spec->observation;
  spec->masks_actions = true;
}

static void describe_nothing(const void *env, muster_env_spec *spec) {
  (void)env;
  (void)spec;
}

/* tables that break the contract are refused before anything runs */
static void test_contract(void) {
  struct env_pool *pool = NULL;
  muster_env_type type = tiny_type;
  type.abi = MUSTER_ENV_ABI + 1;
  CHECK_FAILS(env_pool_create(&type, NULL, 1, 0, 2, &pool), MUSTER_ERROR_ENVIRONMENT, "rebuild it");
  type = tiny_type;
  type.step = NULL;
  CHECK_FAILS(env_pool_create(&type, NULL, 1, 0, 2, &pool), MUSTER_ERROR_ENVIRONMENT,
              "environment Tiny: the table lacks step: ");
  type = tiny_type;
  type.block_step = find("CartPole-v1")->block_step;
  CHECK_FAILS(env_pool_create(&type, NULL, 1, 0, 2, &pool), MUSTER_ERROR_ENVIRONMENT,
              "lacks block_create, and has 1 of the 7 block functions");
  type = tiny_type;
  type.describe = describe_no_agents;
  CHECK_FAILS(env_pool_create(&type, NULL, 1, 0, 2, &pool), MUSTER_ERROR_ENVIRONMENT, ": describe() gives 0 agents");
  type.describe = describe_masked_box;
  CHECK_FAILS(env_pool_create(&type, NULL, 1, 0, 2, &pool), MUSTER_ERROR_ENVIRONMENT,
              "only Discrete and MultiDiscrete");
  type.describe = describe_nothing;
  CHECK_FAILS(env_pool_create(&type, NULL, 1, 0, 2, &pool), MUSTER_ERROR_ENVIRONMENT,
              "the observation space is of an unknown kind, 0");
  CU_ASSERT_PTR_NULL(pool);
}

static void test_text(void) {
  struct bench bench;
  char text[1024] = "old";
  bench_open(&bench, find("CartPole-v1"), NULL, 1, 0, 3);
  bench_reset(&bench);
  env_pool_render_text(bench.pool, 2, text, sizeof text);
  char expected[64];
  snprintf(expected, sizeof expected, "position %+.3f m", (double)bench.observation[8]);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, expected));
  env_pool_destroy(&bench.pool);
  bench_open(&bench, &tiny_type, NULL, 1, 0, 1);
  env_pool_render_text(bench.pool, 0, text, sizeof text);
  CU_ASSERT_STRING_EQUAL(text, "");
  env_pool_destroy(&bench.pool);
}

/* what a viewer has seen of one environment */
struct seen {
  int resets, looks, ends;
  double angle_at_end; /* degrees */
};

static muster_status watch_cartpole(void *context, const struct env_pool *pool, const int32_t *steps,
                                    const float *rewards, const uint8_t *ended) {
  struct seen *seen = context;
  char text[1024];
  if (rewards == NULL) {
    seen->resets++;
    CU_ASSERT_EQUAL(steps[0], 0);
    CU_ASSERT_EQUAL(ended[0], 0);
  }
  seen->looks++;
  if (ended[0] == 0) return MUSTER_OK;
  CU_ASSERT_EQUAL(ended[0], ENV_TERMINATED);
  CU_ASSERT_EQUAL(rewards[0], 1.0f);
  CU_ASSERT_EQUAL(steps[0], seen->looks - 1);
  env_pool_render_text(pool, 0, text, sizeof text);
  const char *angle = strstr(text, "angle ");
  CU_ASSERT_PTR_NOT_NULL_FATAL(angle);
  seen->angle_at_end = strtod(angle + strlen("angle "), NULL);
  seen->ends++;
  return MUSTER_OK;
}

static muster_status watch_nothing(void *context, const struct env_pool *pool, const int32_t *steps,
                                   const float *rewards, const uint8_t *ended) {
  (void)context, (void)pool, (void)steps, (void)ended;
  return rewards == NULL ? MUSTER_OK : status_error(MUSTER_ERROR_IO, "seen enough");
}

/* a viewer is shown the last state of an episode, which no observation of env_pool_step() contains */
static void test_viewer(void) {
  struct bench bench;
  struct seen seen = {0};
  const struct env_viewer viewer = {.look = watch_cartpole, .context = &seen}, fails = {.look = watch_nothing};
  bench_open(&bench, find("CartPole-v1"), NULL, 1, 0, 1);
  env_pool_view(bench.pool, &viewer);
  bench_reset(&bench);
  int steps = 0;
  for (const int32_t push = 1; seen.ends == 0 && steps < 500; steps++) CHECK_OK_FATAL(bench_step(&bench, &push, steps));
  CU_ASSERT_EQUAL(seen.resets, 1);
  CU_ASSERT_EQUAL(seen.looks, steps + 1);
  CU_ASSERT_EQUAL(seen.ends, 1);
  CU_ASSERT_TRUE(fabs(seen.angle_at_end) > 12.0);

  /* an error of the viewer ends the step */
  env_pool_view(bench.pool, &fails);
  CHECK_FAILS(bench_step(&bench, (int32_t[]){0}, 0), MUSTER_ERROR_IO, "seen enough");
  env_pool_destroy(&bench.pool);
}

/* ---- every environment that is registered ---- */

/* an action of environment `index` at a time, whatever the space: between its bounds, or one of its choices */
static void script_action(const muster_space *space, int32_t index, int32_t time, void *action) {
  for (size_t i = 0; i < muster_space_elements(space); i++) {
    uint32_t words[4];
    random_words(99, RANDOM_ACTION, (uint32_t)index, (uint32_t)time, (uint32_t)i, words);
    if (space->kind == MUSTER_SPACE_BOX) {
      float low = space->low != NULL ? space->low[i] : -1.0f, high = space->high != NULL ? space->high[i] : 1.0f;
      ((float *)action)[i] = low + (high - low) * random_unit_float(words[0]);
    } else {
      ((int32_t *)action)[i] = (int32_t)(words[0] % (uint32_t)space->counts[i]);
    }
  }
}

/* whether every element of the pool's observations lies within the space */
static bool observations_hold(const struct bench *bench, const muster_space *space) {
  for (size_t i = 0; i < (size_t)bench->count * bench->elements; i++) {
    const size_t k = i % bench->elements;
    int32_t number;
    memcpy(&number, &bench->observation[i], sizeof number);
    bool holds = space->kind == MUSTER_SPACE_BOX ? (space->low == NULL || bench->observation[i] >= space->low[k]) &&
                                                       (space->high == NULL || bench->observation[i] <= space->high[k])
                                                 : number >= 0 && number < space->counts[k];
    if (!holds) return false;
  }
  return true;
}

static bool benches_agree(const struct bench *one, const struct bench *two) {
  return memcmp(one->observation, two->observation, sizeof one->observation) == 0 &&
         memcmp(one->reward, two->reward, sizeof one->reward) == 0 &&
         memcmp(one->ended, two->ended, sizeof one->ended) == 0;
}

/* loads all rows of one pool into another; tells whether the type can be saved */
static bool copy_pool(const struct bench *from, struct bench *to) {
  void *bytes = malloc(env_pool_state_bytes(from->pool));
  bool restarted = false;
  for (int32_t row = 0; row < from->count; row++) {
    env_pool_save(from->pool, row, bytes);
    CHECK_OK_FATAL(env_pool_load(to->pool, row, bytes, &to->observation[(size_t)row * to->elements], &restarted));
  }
  free(bytes);
  return !restarted;
}

/* environments without a step limit of their own have an option that sets one */
static const muster_env_setting *limit_steps(const muster_env_type *type) {
  static const muster_env_setting limited[] = {{"max_steps", "100"}, {NULL, NULL}};
  for (const muster_env_option *option = type->options; option != NULL && option->key != NULL; option++)
    if (strcmp(option->key, "max_steps") == 0) return limited;
  return NULL;
}

/* takes random steps until episodes must have ended: observations lie in their spaces, two pools of the same seed
 * agree, and so does a third one that the saved states were loaded into halfway */
static void walk_type(const muster_env_type *type) {
  struct bench one, two, resumed;
  bench_open(&one, type, limit_steps(type), 55, 7, 3);
  bench_open(&two, type, limit_steps(type), 55, 7, 3);
  bench_open(&resumed, type, limit_steps(type), 55, 7, 3);
  const muster_env_spec *spec = env_pool_spec(one.pool);
  const size_t action_bytes = muster_space_bytes(&spec->action);
  CU_ASSERT_TRUE_FATAL(one.elements <= MAX_ELEMENTS && action_bytes <= 64);
  bench_reset(&one);
  bench_reset(&two);
  bool can_save = false;
  int ends = 0;
  const int32_t steps = spec->max_steps > 250 ? spec->max_steps + 50 : 300;
  for (int32_t t = 0; t < steps; t++) {
    _Alignas(4) char actions[3 * 64];
    for (int32_t i = 0; i < 3; i++) script_action(&spec->action, i, t, actions + (size_t)i * action_bytes);
    if (t == steps / 2) can_save = copy_pool(&one, &resumed);
    one.final_observations.count = two.final_observations.count = resumed.final_observations.count = 0;
    CHECK_OK_FATAL(bench_step(&one, actions, t));
    CHECK_OK_FATAL(bench_step(&two, actions, t));
    CU_ASSERT_TRUE(benches_agree(&one, &two));
    CU_ASSERT_TRUE(observations_hold(&one, &spec->observation));
    if (can_save) CHECK_OK_FATAL(bench_step(&resumed, actions, t));
    if (can_save) CU_ASSERT_TRUE(benches_agree(&one, &resumed));
    for (size_t i = 0; i < 3; i++) ends += one.ended[i] != 0;
  }
  CU_ASSERT_TRUE(ends > 0);
  CU_ASSERT_EQUAL(can_save, type->save_state != NULL);
  env_pool_destroy(&one.pool);
  env_pool_destroy(&two.pool);
  env_pool_destroy(&resumed.pool);
}

static void test_every_type(void) {
  for (const muster_env_type *const *type = env_registry_list(); *type != NULL; type++) walk_type(*type);
}

enum { WALK_ENVS = 3, WALK_ROWS = 24, WALK_BYTES = 4096 };

/* a pool with room for any space */
struct walk {
  struct env_pool *pool;
  char observation[WALK_ROWS * WALK_BYTES], final_observation[WALK_ROWS * WALK_BYTES];
  uint8_t mask[WALK_ROWS * WALK_BYTES], ended[WALK_ENVS];
  float reward[WALK_ROWS];
  int32_t final_environment[WALK_ENVS], final_step[WALK_ENVS];
};

/* an action that the mask allows, the same in both pools */
static void draw_actions(const muster_env_spec *spec, const uint8_t *mask, muster_random *random, void *actions) {
  size_t elements = muster_space_elements(&spec->action);
  for (size_t i = 0; i < (size_t)(WALK_ENVS * spec->agents) * elements; i++) {
    if (spec->action.kind == MUSTER_SPACE_BOX) {
      ((float *)actions)[i] = (float)muster_random_uniform(random, -3.0, 3.0);
      continue;
    }
    int32_t count = spec->action.counts[i % elements], choice = (int32_t)muster_random_below(random, (uint32_t)count);
    while (spec->masks_actions && mask[choice] == 0) choice = (choice + 1) % count;
    ((int32_t *)actions)[i] = choice;
    mask += count;
  }
}

static bool observation_is_sound(const muster_space *space, const char *observation, size_t rows) {
  size_t elements = muster_space_elements(space);
  for (size_t i = 0; i < rows * elements && space->kind != MUSTER_SPACE_BOX_U8; i++) {
    size_t k = i % elements;
    float value = ((const float *)observation)[i];
    if (space->kind == MUSTER_SPACE_BOX && space->high != NULL && !(value >= space->low[k] && value <= space->high[k]))
      return false;
    int32_t choice = ((const int32_t *)observation)[i];
    if (space->kind != MUSTER_SPACE_BOX && (choice < 0 || choice >= space->counts[k])) return false;
  }
  return true;
}

/* takes 600 random steps: observations lie in their spaces, and two pools of the same seed agree */
static void check_walk(const muster_env_type *type, const muster_env_setting *options,
                       const struct env_wrappers *wrappers) {
  static struct walk walks[2];
  static char actions[WALK_ROWS * WALK_BYTES];
  memset(walks, 0, sizeof walks);
  struct random_stream stream = random_stream_start(5, RANDOM_ACTION, 0, 0);
  const muster_env_spec *spec = NULL;
  size_t rows = 0, bytes = 0;
  for (int k = 0; k < 2; k++) {
    CHECK_OK_FATAL(env_pool_create(type, options, 55, 7, WALK_ENVS, &walks[k].pool));
    CHECK_OK_FATAL(env_pool_wrap(walks[k].pool, wrappers));
    spec = env_pool_spec(walks[k].pool);
    rows = (size_t)(WALK_ENVS * spec->agents);
    bytes = muster_space_bytes(&spec->observation);
    CU_ASSERT_FATAL(rows <= WALK_ROWS && bytes <= WALK_BYTES && muster_space_bytes(&spec->action) <= WALK_BYTES);
    CHECK_OK_FATAL(env_pool_reset(walks[k].pool, walks[k].observation, bytes));
  }
  size_t choices = spec->masks_actions ? env_block_choices(&spec->action) : 0;
  for (int32_t t = 0; t < 600; t++) {
    for (int k = 0; k < 2; k++) {
      struct walk *walk = &walks[k];
      env_pool_observe(walk->pool, NULL, 0, choices > 0 ? walk->mask : NULL, choices);
      if (k == 0) draw_actions(spec, walk->mask, &stream.base, actions);
      struct final_observations final_observations = {
          0, WALK_ENVS, walk->final_environment, walk->final_step, walk->final_observation, NULL};
      struct env_pool_result result = {walk->observation, bytes, walk->reward,       sizeof(float),
                                       walk->ended,       1,     &final_observations};
      CHECK_OK_FATAL(env_pool_step(walk->pool, actions, t, &result));
    }
    struct env_pool *pool = walks[0].pool;
    CU_ASSERT_TRUE_FATAL(observation_is_sound(&spec->observation, walks[0].observation, rows));
    walks[0].pool = walks[1].pool;
    CU_ASSERT_EQUAL(memcmp(&walks[0], &walks[1], sizeof walks[0]), 0);
    walks[0].pool = pool;
  }
  env_pool_destroy(&walks[0].pool);
  env_pool_destroy(&walks[1].pool);
}

/* with a shorter limit and stacked frames */
static void test_every_type_wrapped(void) {
  const struct env_wrappers wrappers = {.max_steps = 7, .frame_stack = 3};
  for (const muster_env_type *const *type = env_registry_list(); *type != NULL; type++) {
    struct env_pool *pool;
    CHECK_OK_FATAL(env_pool_create(*type, NULL, 55, 7, WALK_ENVS, &pool));
    muster_space_kind kind = env_pool_spec(pool)->observation.kind;
    env_pool_destroy(&pool);
    bool stacks = kind == MUSTER_SPACE_BOX || kind == MUSTER_SPACE_BOX_U8;
    check_walk(*type, NULL, stacks ? &wrappers : &(struct env_wrappers){.max_steps = 7});
  }
}

/* ---- kinds of spaces, agents, masks ---- */

static const char *const observation_kinds[] = {"box", "discrete", "image"};
static const char *const action_kinds[] = {"discrete", "multi_discrete", "box"};

/* Probe in all its kinds; it refuses masked choices and actions beyond their bounds itself */
static void test_every_kind(void) {
  for (int i = 0; i < 3 * 3 * 2 * 2; i++) {
    const char *masks = i / 9 % 2 == 1 ? "1" : "0", *agents = i / 18 == 1 ? "3" : "1";
    const muster_env_setting options[] = {{"observation", observation_kinds[i % 3]},
                                          {"action_space", action_kinds[i / 3 % 3]},
                                          {"masks", masks},
                                          {"agents", agents},
                                          {"truncates", "1"},
                                          {"obs_dim", "6"},
                                          {NULL, NULL}};
    if (i / 3 % 3 == 2 && masks[0] == '1') continue;
    check_walk(find("Probe-v0"), options, &(struct env_wrappers){0});
  }
}

/* rewards, last observations and masks of three agents are where they belong, in strided rows */
static void test_agents(void) {
  enum { AGENTS = 3, ENVS = 2, ROWS = AGENTS * ENVS, N = 4 };
  const muster_env_setting options[] = {
      {"agents", "3"}, {"masks", "1"}, {"truncates", "1"}, {"episode_length", "5"}, {NULL, NULL}};
  struct env_pool *pool;
  CHECK_OK_FATAL(env_pool_create(find("Probe-v0"), options, 3, 20, ENVS, &pool));
  float observation[ROWS * (N + 1)], reward[ROWS], last[ENVS * AGENTS * N];
  uint8_t mask[ROWS * N], ended[ENVS];
  int32_t environments[ENVS], steps[ENVS], actions[ROWS];
  uint8_t last_mask[ENVS * AGENTS * N];
  struct final_observations final_observations = {0, ENVS, environments, steps, last, last_mask};
  const size_t stride = (N + 1) * sizeof(float);
  int forbidden = 0;
  CHECK_OK_FATAL(env_pool_reset(pool, observation, stride));
  for (int32_t t = 1; t <= 10; t++) {
    int32_t target[ROWS];
    env_pool_observe(pool, NULL, 0, mask, N);
    for (int32_t row = 0; row < ROWS; row++) {
      target[row] = 0;
      while (observation[row * (N + 1) + target[row]] != 1.0f) target[row]++;
      CU_ASSERT_EQUAL(mask[row * N + target[row]], 1);
      /* every second row names its target, the others another choice that is allowed, where there is one */
      actions[row] = target[row];
      for (int32_t a = 0; a < N && row % 2 == 1; a++)
        if (a != target[row] && mask[row * N + a]) actions[row] = a;
    }
    struct env_pool_result result = {observation, stride, reward, sizeof(float), ended, 1, &final_observations};
    final_observations.count = 0;
    CHECK_OK_FATAL(env_pool_step(pool, actions, t, &result));
    for (int32_t row = 0; row < ROWS; row++) CU_ASSERT_EQUAL(reward[row], actions[row] == target[row] ? 1.0f : 0.0f);
    CU_ASSERT_EQUAL(final_observations.count, t % 5 == 0 ? ENVS : 0);
    for (int32_t k = 0; k < final_observations.count; k++) {
      CU_ASSERT_TRUE(environments[k] == 20 + k && steps[k] == t && ended[k] == ENV_TRUNCATED);
      for (int32_t agent = 0; agent < AGENTS; agent++) {
        float sum = 0;
        for (int32_t a = 0; a < N; a++) sum += last[(k * AGENTS + agent) * N + a];
        CU_ASSERT_EQUAL(sum, 1.0f);
        /* the mask is that of the last observation, which allows its target, and in some rows not everything */
        for (int32_t a = 0; a < N; a++) {
          const size_t at = (size_t)(k * AGENTS + agent) * N + (size_t)a;
          CU_ASSERT_TRUE(last[at] != 1.0f || last_mask[at] == 1);
          forbidden += last_mask[at] == 0;
        }
      }
    }
  }
  CU_ASSERT_TRUE(forbidden > 0);
  env_pool_destroy(&pool);
}

/* a mask that allows nothing is a fault of the environment, and the message names it */
static int step_masked(void *env, const void *action, muster_random *random, muster_env_result *result,
                       muster_env_error *error) {
  int32_t what = *(const int32_t *)action;
  memset(result->action_mask, what == FAIL ? 0 : 1, 7);
  return tiny_step(env, &(int32_t){GO_ON}, random, result, error);
}

static int reset_masked(void *env, muster_random *random, muster_env_result *result, muster_env_error *error) {
  memset(result->action_mask, 1, 7);
  return tiny_reset(env, random, result, error);
}

static void describe_masks(const void *env, muster_env_spec *spec) {
  tiny_describe(env, spec);
  spec->masks_actions = true;
}

static void test_mask_allows_nothing(void) {
  muster_env_type type = tiny_type;
  type.step = step_masked;
  type.reset = reset_masked;
  type.describe = describe_masks;
  struct bench bench;
  bench_open(&bench, &type, NULL, 2, 100, 3);
  bench_reset(&bench);
  CHECK_OK(bench_step(&bench, (int32_t[]){0, 0, 0}, 0));
  CHECK_FAILS(bench_step(&bench, (int32_t[]){0, FAIL, 0}, 1), MUSTER_ERROR_ENVIRONMENT,
              "environment 101 (Tiny, seed 2), episode 0, step 2, action 4: the mask of agent 0 allows no choice");
  env_pool_destroy(&bench.pool);
}

/* ---- wrappers ---- */

/* three frames, oldest first; a reset fills all of them, and the last observation of an episode keeps its own frames */
static void test_frame_stack(void) {
  enum { ENVS = 2, FRAME = 3, FRAMES = 3, STACK = FRAME * FRAMES };
  struct bench bench;
  bench_open(&bench, &tiny_type, NULL, 1, 0, ENVS);
  CHECK_OK_FATAL(env_pool_wrap(bench.pool, &(struct env_wrappers){.max_steps = 4, .frame_stack = FRAMES}));
  const muster_env_spec *spec = env_pool_spec(bench.pool);
  CU_ASSERT_TRUE(spec->observation.rank == 1 && spec->observation.shape[0] == STACK && spec->max_steps == 4);
  float observation[ENVS * STACK], last[ENVS * STACK], reward[ENVS];
  uint8_t ended[ENVS];
  int32_t environments[ENVS], steps[ENVS];
  struct final_observations final_observations = {0, ENVS, environments, steps, last, NULL};
  struct env_pool_result result = {observation, sizeof observation / ENVS, reward, sizeof(float), ended,
                                   1,           &final_observations};
  CHECK_OK_FATAL(env_pool_reset(bench.pool, observation, sizeof observation / ENVS));
  for (int32_t t = 0; t <= 9; t++) {
    if (t > 0) CHECK_OK_FATAL(env_pool_step(bench.pool, (int32_t[]){0, 0}, t, &result));
    for (int32_t env = 0; env < ENVS; env++)
      for (int32_t k = 0; k < FRAMES; k++) {
        const float *frame = observation + env * STACK + k * FRAME;
        int32_t step = t % 4 - (FRAMES - 1 - k);
        CU_ASSERT_TRUE(frame[0] == (float)(1 + t / 4) && frame[1] == (float)(step > 0 ? step : 0));
        const float *final = last + env * STACK + k * FRAME;
        if (t > 0 && t % 4 == 0) CU_ASSERT_TRUE(final[0] == (float)(t / 4) && final[1] == (float)(2 + k));
      }
    if (t > 0) CU_ASSERT_EQUAL(final_observations.count, t % 4 == 0 ? ENVS : 0);
    final_observations.count = 0;
  }
  env_pool_destroy(&bench.pool);

  const muster_env_setting discrete[] = {{"observation", "discrete"}, {NULL, NULL}};
  bench_open(&bench, find("Probe-v0"), discrete, 1, 0, 1);
  CHECK_FAILS(env_pool_wrap(bench.pool, &(struct env_wrappers){.frame_stack = 2}), MUSTER_ERROR_USAGE, "frame_stack");
  env_pool_destroy(&bench.pool);
}

/* in images each cell has the channels of all frames, oldest first */
static void test_image_stack(void) {
  enum { FRAMES = 3, STEPS = 4, MAX_FLOATS = 2048 };
  static float frames[STEPS + 1][MAX_FLOATS], stack[MAX_FLOATS], last[MAX_FLOATS];
  struct bench plain, stacked;
  bench_open(&plain, find("Minesweeper-v0"), NULL, 1, 0, 1);
  bench_open(&stacked, find("Minesweeper-v0"), NULL, 1, 0, 1);
  CHECK_OK_FATAL(env_pool_wrap(stacked.pool, &(struct env_wrappers){.frame_stack = FRAMES}));
  const muster_space one = env_pool_spec(plain.pool)->observation, all = env_pool_spec(stacked.pool)->observation;
  const size_t floats = muster_space_elements(&one), channels = (size_t)one.shape[2];
  CU_ASSERT_TRUE_FATAL(one.rank == 3 && one.kind == MUSTER_SPACE_BOX && floats * FRAMES <= MAX_FLOATS);
  CU_ASSERT_TRUE(all.rank == 3 && all.shape[0] == one.shape[0] && all.shape[1] == one.shape[1]);
  CU_ASSERT_EQUAL(all.shape[2], FRAMES * one.shape[2]);
  CHECK_OK_FATAL(env_pool_reset(plain.pool, frames[0], floats * sizeof(float)));
  CHECK_OK_FATAL(env_pool_reset(stacked.pool, stack, FRAMES * floats * sizeof(float)));
  int steps = 0;
  for (uint8_t ended = 0; steps <= STEPS; steps++) {
    const int32_t action = 6 * steps; /* tiles far apart, until a mine ends the game */
    int32_t environment, step;
    float reward;
    struct final_observations final_observations = {0, 1, &environment, &step, last, NULL};
    struct env_pool_result result = {frames[steps],      floats * sizeof(float), &reward, sizeof(float), &ended, 1,
                                     &final_observations};
    if (steps > 0) CHECK_OK_FATAL(env_pool_step(plain.pool, &action, steps, &result));
    if (ended) break;
    result.observation = stack;
    result.observation_stride = FRAMES * floats * sizeof(float);
    if (steps > 0) CHECK_OK_FATAL(env_pool_step(stacked.pool, &action, steps, &result));
    for (size_t i = 0; i < FRAMES * floats; i++) {
      const size_t cell = i / (FRAMES * channels), frame = i / channels % FRAMES;
      const int from = steps - (FRAMES - 1) + (int)frame;
      CU_ASSERT_EQUAL(stack[i], frames[from > 0 ? from : 0][cell * channels + i % channels]);
    }
  }
  CU_ASSERT_TRUE(steps >= 2);
  env_pool_destroy(&plain.pool);
  env_pool_destroy(&stacked.pool);
}

/* stacks and masks are part of the state */
static void test_save_and_load_wrapped(void) {
  const muster_env_setting options[] = {{"agents", "2"}, {"masks", "1"}, {"observation", "image"}, {NULL, NULL}};
  const struct env_wrappers wrappers = {.frame_stack = 3, .max_steps = 11};
  struct env_pool *pools[2];
  static char observation[2][2 * 2 * 12];
  uint8_t mask[2][2 * 2 * 4];
  float reward[2][4];
  uint8_t ended[2][2];
  for (int k = 0; k < 2; k++) {
    CHECK_OK_FATAL(env_pool_create(find("Probe-v0"), options, 9, 4, 2, &pools[k]));
    CHECK_OK_FATAL(env_pool_wrap(pools[k], &wrappers));
    CHECK_OK_FATAL(env_pool_reset(pools[k], observation[k], 12));
  }
  for (int32_t t = 0; t < 60; t++) {
    if (t == 25) {
      char bytes[512];
      bool restarted;
      CU_ASSERT_FATAL(env_pool_state_bytes(pools[0]) <= sizeof bytes);
      env_pool_destroy(&pools[1]);
      CHECK_OK_FATAL(env_pool_create(find("Probe-v0"), options, 9, 4, 2, &pools[1]));
      CHECK_OK_FATAL(env_pool_wrap(pools[1], &wrappers));
      for (int32_t env = 0; env < 2; env++) {
        env_pool_save(pools[0], env, bytes);
        CHECK_OK_FATAL(env_pool_load(pools[1], env, bytes, NULL, &restarted));
        CU_ASSERT_FALSE(restarted);
      }
    }
    for (int k = 0; k < 2; k++) env_pool_observe(pools[k], observation[k], 12, mask[k], 4);
    CU_ASSERT_EQUAL(memcmp(observation[0], observation[1], sizeof observation[0]), 0);
    CU_ASSERT_EQUAL(memcmp(mask[0], mask[1], sizeof mask[0]), 0);
    int32_t actions[4];
    for (int row = 0; row < 4; row++) {
      actions[row] = scripted_action(row, t, 4);
      while (mask[0][row * 4 + actions[row]] == 0) actions[row] = (actions[row] + 1) % 4;
    }
    for (int k = 0; k < 2; k++) {
      struct env_pool_result result = {observation[k], 12, reward[k], sizeof(float), ended[k], 1, NULL};
      CHECK_OK_FATAL(env_pool_step(pools[k], actions, t, &result));
    }
    CU_ASSERT_TRUE(memcmp(reward[0], reward[1], sizeof reward[0]) == 0 && memcmp(ended[0], ended[1], 2) == 0);
  }
  env_pool_destroy(&pools[0]);
  env_pool_destroy(&pools[1]);
}

/* actions drawn anywhere reach the environment within [-2, 2], as its reward shows */
static void test_action_bounds(void) {
  static const struct {
    enum action_bounds bounds;
    float drawn, sent;
  } cases[] = {{ACTION_BOUNDS_CLIP, 1.5f, 1.5f},      {ACTION_BOUNDS_CLIP, 2.5f, 2.0f},
               {ACTION_BOUNDS_CLIP, -70.0f, -2.0f},   {ACTION_BOUNDS_RESCALE, 0.25f, 0.5f},
               {ACTION_BOUNDS_RESCALE, 1.5f, 2.0f},   {ACTION_BOUNDS_RESCALE, -1.0f, -2.0f},
               {ACTION_BOUNDS_RESCALE, -9.0f, -2.0f}, {ACTION_BOUNDS_NONE, -1.25f, -1.25f}};
  const muster_env_setting options[] = {{"action_space", "box"}, {"obs_dim", "1"}, {NULL, NULL}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct bench bench;
    bench_open(&bench, find("Probe-v0"), options, 1, 0, 1);
    CHECK_OK_FATAL(env_pool_wrap(bench.pool, &(struct env_wrappers){.action_bounds = cases[i].bounds}));
    bench_reset(&bench);
    float drawn = cases[i].drawn;
    struct env_pool_result result = {bench.observation, 4, bench.reward, 4, bench.ended, 1, NULL};
    CHECK_OK_FATAL(env_pool_step(bench.pool, &drawn, 0, &result));
    CHECK_CLOSE(bench.reward[0], 1.0 - (cases[i].sent + 2.0) / 4.0, 1e-6);
    CU_ASSERT_EQUAL(drawn, cases[i].drawn);
    env_pool_destroy(&bench.pool);
  }

  /* where the pool does not bring actions within bounds, the environment handles them itself */
  struct bench bench;
  bench_open(&bench, find("Probe-v0"), options, 1, 0, 1);
  CHECK_OK_FATAL(env_pool_wrap(bench.pool, &(struct env_wrappers){.action_bounds = ACTION_BOUNDS_NONE}));
  bench_reset(&bench);
  struct env_pool_result result = {bench.observation, 4, bench.reward, 4, bench.ended, 1, NULL};
  CHECK_FAILS(env_pool_step(bench.pool, &(float){2.5f}, 0, &result), MUSTER_ERROR_ENVIRONMENT, "action 2.5 is not in");
  env_pool_destroy(&bench.pool);

  /* actions cannot be rescaled to half-open or missing bounds */
  const float low[] = {0, -INFINITY}, high[] = {1, 1};
  const muster_space half = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {2}, .low = low, .high = high};
  const muster_space open = {.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {2}};
  bool changes;
  CHECK_FAILS(action_bounds_check(ACTION_BOUNDS_RESCALE, &half, &changes), MUSTER_ERROR_USAGE, "element 1");
  CHECK_FAILS(action_bounds_check(ACTION_BOUNDS_RESCALE, &open, &changes), MUSTER_ERROR_USAGE, "finite bounds");
  CHECK_OK(action_bounds_check(ACTION_BOUNDS_CLIP, &open, &changes));
  CU_ASSERT_FALSE(changes);
}

static const struct check_case cases[] = {
    {"truncates at the limit, keeps the last observation", test_truncates_at_limit},
    {"termination is not truncation", test_termination_is_not_truncation},
    {"CartPole is truncated at 500", test_cartpole_truncates_at_500},
    {"episodes draw from streams of their own", test_episodes_differ},
    {"strides", test_strides},
    {"save and load: CartPole", test_save_and_load_cartpole},
    {"save and load: Probe", test_save_and_load_probe},
    {"load refuses another's state and damage", test_load_refuses},
    {"load without a state starts the next episode", test_load_without_state},
    {"load a lost state", test_load_lost_state},
    {"calls are recorded", test_calls_are_recorded},
    {"options", test_options},
    {"faults of Probe are named", test_probe_faults},
    {"faults of rows are named", test_faults_of_rows},
    {"more last observations than room", test_final_observations_overflow},
    {"types that break the contract", test_contract},
    {"text", test_text},
    {"a viewer sees the last state of an episode", test_viewer},
    {"every registered environment", test_every_type},
    {"every registered environment, wrapped", test_every_type_wrapped},
    {"every kind of space", test_every_kind},
    {"agents", test_agents},
    {"a mask that allows nothing", test_mask_allows_nothing},
    {"stacked frames", test_frame_stack},
    {"stacked images", test_image_stack},
    {"save and load: wrappers, agents, masks", test_save_and_load_wrapped},
    {"actions within their bounds", test_action_bounds},
};

CHECK_MAIN("pool", cases)
