/* Steady state allocates nothing: two runs of different length make the same number of allocations. The calls of this
 * program and of libmuster are counted by the linker's --wrap; those inside MPI and HDF5 are not. */
#include "comm/comm.h"
#include "run/train.h"
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>

static struct comm *comm;
static long allocations;

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);

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

/* allocations of a whole run of so many iterations of 256 steps */
static long count_run(int iterations) {
  char folder[1100], steps[64], config[1100];
  snprintf(folder, sizeof folder, "%s/run", check_folder("allocations"));
  snprintf(steps, sizeof steps, "total_steps=%d", 256 * iterations);
  snprintf(config, sizeof config, "%s/../configs/CartPole-v1/ppo.yaml", TEST_SOURCE_DIR);
  const char *sets[] = {steps,
                        "env.num_envs=8",
                        "algorithm.n_steps=32",
                        "algorithm.batch_size=256",
                        "algorithm.n_epochs=2",
                        "evaluation.episodes=1"};
  struct train_request request = {
      .config_path = config, .sets = sets, .n_sets = sizeof sets / sizeof *sets, .run_dir = folder};
  struct train_outcome outcome;
  long before = allocations;
  CHECK_OK_FATAL(train(comm, &request, &outcome));
  return allocations - before;
}

static void test_steady_state(void) {
  long few = count_run(10), many = count_run(110);
  printf("\n    %ld allocations in a run of 10 iterations, %ld in one of 110 ", few, many);
  CU_ASSERT_EQUAL(few, many);
  CU_ASSERT_TRUE(few > 0);
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
