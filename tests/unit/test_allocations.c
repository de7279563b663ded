/* A steady state allocates nothing: two runs of different length make the same number of allocations. The calls of this
 * program and of libmuster are counted by the linker's --wrap; those inside MPI and HDF5 are not. */
#include "base/arena.h"
#include "comm/comm.h"
#include "support/check.h"
#include "train/train.h"

#include <stdio.h>
#include <stdlib.h>

static struct comm *comm;
static long allocations;

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
muster_status __wrap_arena_take(struct arena *arena, size_t count, size_t size, const char *what, void **out);
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
muster_status __real_arena_take(struct arena *arena, size_t count, size_t size, const char *what, void **out);

void *__wrap_malloc(size_t size) {
  allocations++;
  return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
  allocations++;
  return __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size) {
  allocations++;
  return __real_realloc(block, size);
}

/* what an arena hands out of a stretch of pages, no allocator sees */
muster_status __wrap_arena_take(struct arena *arena, size_t count, size_t size, const char *what, void **out) {
  allocations++;
  return __real_arena_take(arena, count, size, what, out);
}

#define SETS 11

/* allocations of a whole run with this config, whose `sets` begin with the number of steps */
static long count_run(const char *config, const char *const sets[SETS], size_t n_sets) {
  char folder[1100];
  snprintf(folder, sizeof folder, "%s/run", check_folder("allocations"));
  const struct train_request request = {.config_path = config, .sets = sets, .n_sets = n_sets, .run_dir = folder};
  struct train_outcome outcome;
  long before = allocations;
  CHECK_OK_FATAL(train(comm, &request, &outcome));
  const long made = allocations - before;
  train_release(&outcome, comm);
  return made;
}

/* runs of `few` and of 110 iterations allocate the same */
static void compare_runs(const char *config, int few, int steps_of_iteration, const char *sets[SETS], size_t n_sets) {
  char few_steps[64], many_steps[64];
  snprintf(few_steps, sizeof few_steps, "total_steps=%d", few * steps_of_iteration);
  snprintf(many_steps, sizeof many_steps, "total_steps=%d", 110 * steps_of_iteration);
  sets[0] = few_steps;
  const long made_by_few = count_run(config, sets, n_sets);
  sets[0] = many_steps;
  const long made_by_many = count_run(config, sets, n_sets);
  printf("\n    %ld allocations in a run of %d iterations, %ld in one of 110 ", made_by_few, few, made_by_many);
  CU_ASSERT_EQUAL(made_by_few, made_by_many);
  CU_ASSERT_TRUE(made_by_few > 0);
}

static void test_steady_state(void) {
  static const char *const kinds[][4] = {
      {"env.name=CartPole-v1", "env.options=null", "normalize.norm_obs=false", "run.trace=false"},
      {"env.name=Probe-v0", "env.options={agents: 2, action_space: box, truncates: 1}", "normalize.norm_obs=true",
       "run.trace=false"},
      {"env.name=Probe-v0", "env.options={masks: 1, action_space: multi_discrete}", "normalize.norm_reward=true",
       "run.trace=true"},
  };
  char config[1100];
  snprintf(config, sizeof config, "%s/../configs/CartPole-v1/ppo.yaml", TEST_SOURCE_DIR);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    const char *sets[SETS] = {"",
                              "env.num_envs=8",
                              "algorithm.n_steps=32",
                              "algorithm.batch_size=256",
                              "algorithm.n_epochs=2",
                              "evaluation.episodes=1",
                              kinds[i][0],
                              kinds[i][1],
                              kinds[i][2],
                              kinds[i][3]};
    compare_runs(config, 10, 256, sets, 10);
  }
}

/* With a replay, which is not so small that parts of it are written to files, and minibatches whose statistics go
 * through the networks. The last checkpoints of both runs are of like size, so that the longer one takes no more
 * room. */
static void test_steady_state_of_replay(void) {
  static const char *const kinds[][2] = {
      {"algorithm={name: dqn, n_steps: 3, replay: {prioritized: true}}", "env.name=CartPole-v1"},
      {"algorithm={name: td3, policy_delay: 3}", "env.name=Pendulum-v1"},
      {"algorithm={name: sac, policy_delay: 3}", "env.name=Pendulum-v1"},
      {"algorithm={name: sac, batch_norm: true, policy_delay: 3}", "env.name=Pendulum-v1"},
  };
  char config[1100];
  snprintf(config, sizeof config, "%s/replay.yaml", check_folder("allocations-configs"));
  FILE *file = fopen(config, "w");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  fputs("seed: 1\n", file);
  fclose(file);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    const char *sets[SETS] = {"",
                              kinds[i][1],
                              "env.num_envs=4",
                              kinds[i][0],
                              "algorithm.learning_starts=32",
                              "algorithm.buffer_size=4000",
                              "algorithm.batch_size=70",
                              "algorithm.train_freq=8",
                              "algorithm.gradient_steps=2",
                              "policy.hidden_sizes=[16]",
                              "evaluation.episodes=1"};
    compare_runs(config, 90, 32, sets, SETS);
  }
}

static const struct check_case cases[] = {
    {"the main loop allocates nothing", test_steady_state},
    {"nor does one with a replay", test_steady_state_of_replay},
};

int main(int argc, char **argv) {
  muster_status status = comm_create(&argc, &argv, &comm);
  if (status != MUSTER_OK) {
    printf("%s\n", muster_status_message(status));
    return 1;
  }
  int result = check_main("allocations", cases, sizeof cases / sizeof *cases);
  comm_destroy(&comm);
  return result;
}
