/* Straggler-v0, a plug-in for tests: the task is to name the hot one of four elements. A step sleeps, and on one rank
 * of the job it sleeps a multiple of that time; what is learned from the same actions does not depend on it. */
#define _POSIX_C_SOURCE 200809L /* nanosleep() */

#include "muster/env.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TARGETS 4

static const int32_t counts[] = {TARGETS};
static const muster_env_option options[] = {{"sleep_us", "0", "microseconds that a step sleeps"},
                                            {"slow_rank", "-1", "rank whose steps take longer; -1: none"},
                                            {"slow_factor", "10", "so many times"},
                                            {NULL, NULL, NULL}};

struct state {
  int32_t target, steps;
};

struct straggler {
  int64_t sleep_us;
  struct state state;
};

static int create(const muster_env_setting *settings, void **env, muster_env_error *error) {
  struct straggler *self = calloc(1, sizeof *self);
  if (self == NULL) return muster_env_fail(error, "out of memory");
  const char *rank = getenv("OMPI_COMM_WORLD_RANK");
  self->sleep_us = strtoll(settings[0].value, NULL, 10);
  if (rank != NULL && strcmp(rank, settings[1].value) == 0) self->sleep_us *= strtoll(settings[2].value, NULL, 10);
  *env = self;
  return 0;
}

static void destroy(void *env) { free(env); }

static void describe(const void *env, muster_env_spec *spec) {
  (void)env;
  spec->observation = (muster_space){.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {TARGETS}};
  spec->action = (muster_space){.kind = MUSTER_SPACE_DISCRETE, .counts = counts};
  spec->agents = 1;
  spec->max_steps = 7;
  spec->state_bytes = sizeof(struct state);
}

static void show_next_target(struct straggler *self, muster_random *random, float *observation) {
  self->state.target = (int32_t)muster_random_below(random, TARGETS);
  for (int32_t i = 0; i < TARGETS; i++) observation[i] = i == self->state.target ? 1.0f : 0.0f;
}

static int reset(void *env, muster_random *random, muster_env_result *result, muster_env_error *error) {
  (void)error;
  struct straggler *self = env;
  self->state.steps = 0;
  show_next_target(self, random, result->observation);
  return 0;
}

static int step(void *env, const void *action, muster_random *random, muster_env_result *result,
                muster_env_error *error) {
  (void)error;
  struct straggler *self = env;
  nanosleep(&(struct timespec){self->sleep_us / 1000000, self->sleep_us % 1000000 * 1000}, NULL);
  result->reward[0] = *(const int32_t *)action == self->state.target;
  self->state.steps++;
  show_next_target(self, random, result->observation);
  return 0;
}

static void save_state(const void *env, void *bytes) {
  memcpy(bytes, &((const struct straggler *)env)->state, sizeof(struct state));
}

static int load_state(void *env, const void *bytes, muster_env_error *error) {
  (void)error;
  memcpy(&((struct straggler *)env)->state, bytes, sizeof(struct state));
  return 0;
}

static const muster_env_type straggler = {.abi = MUSTER_ENV_ABI,
                                          .struct_size = sizeof(muster_env_type),
                                          .name = "Straggler-v0",
                                          .summary = "name the hot element, slower on one rank",
                                          .options = options,
                                          .create = create,
                                          .destroy = destroy,
                                          .describe = describe,
                                          .reset = reset,
                                          .step = step,
                                          .save_state = save_state,
                                          .load_state = load_state};

MUSTER_ENV_PLUGIN(&straggler)
