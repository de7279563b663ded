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

/* allocations of a whole run of this many iterations of 256 steps */
static long count_run(int iterations, const char *const kind[4]) {
  char folder[1100], steps[64], config[1100];
  snprintf(folder, sizeof folder, "%s/run", check_folder("allocations"));
  snprintf(steps, sizeof steps, "total_steps=%d", 256 * iterations);
  snprintf(config, sizeof config, "%s/../configs/CartPole-v1/ppo.yaml", TEST_SOURCE_DIR);
  const char *sets[] = {steps,
                        "env.num_envs=8",
                        "algorithm.n_steps=32",
                        "algorithm.batch_size=256",
                        "algorithm.n_epochs=2",
                        "evaluation.episodes=1",
                        kind[0],
                        kind[1],
                        kind[2],
                        kind[3]};
  struct train_request request = {
      .config_path = config, .sets = sets, .n_sets = sizeof sets / sizeof *sets, .run_dir = folder};
  struct train_outcome outcome;
  long before = allocations;
  CHECK_OK_FATAL(train(comm, &request, &outcome));
  const long made = allocations - before;
  train_release(&outcome, comm);
  return made;
}

static void test_steady_state(void) {
  static const char *const kinds[][4] = {
      {"env.name=CartPole-v1", "env.options=null", "normalize.norm_obs=false", "run.trace=false"},
      {"env.name=Probe-v0", "env.options={agents: 2, action_space: box, truncates: 1}", "normalize.norm_obs=true",
       "run.trace=false"},
      {"env.name=Probe-v0", "env.options={masks: 1, action_space: multi_discrete}", "normalize.norm_reward=true",
       "run.trace=true"},
  };
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    long few = count_run(10, kinds[i]);
    long many = count_run(110, kinds[i]);
    printf("\n    %ld allocations in a run of 10 iterations, %ld in one of 110 ", few, many);
    CU_ASSERT_EQUAL(few, many);
    CU_ASSERT_TRUE(few > 0);
  }
}

static const struct check_case cases[] = {{"the main loop allocates nothing", test_steady_state}};

int main(int argc, char **argv) {
  muster_status status = comm_create(&argc, &argv, &comm);
  if (status != MUSTER_OK) {
    printf("%s\n", muster_status_message(status));
    return 1;
  }
  int result = check_main("allocations", cases, 1);
  comm_destroy(&comm);
  return result;
}
