/* Hangs-v0, a plug-in for tests: the task is to name the hot one of four elements. One of its functions never returns,
 * or ends the process, or fails; the options say on which rank, in which function and at which call. Its states can be
 * saved. */
#define _POSIX_C_SOURCE 200809L /* pause() */

#include "muster/env.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TARGETS 4

static const int32_t counts[] = {TARGETS};
static const muster_env_option options[] = {
    {"place", "", "which function: create, describe, reset, step, save_state, load_state or destroy; empty: none"},
    {"call", "1", "which call of it in this process, from 1 on"},
    {"rank", "-1", "on which rank of the job; -1: on all"},
    {"crashes", "0", "1: ends the process, instead of hanging"},
    {"fails", "0", "1: fails, where a function can, instead of hanging"},
    {"mark", "", "a file that is made when the place is reached"},
    {NULL, NULL, NULL}};

struct state {
  int32_t target, steps;
};

struct hangs {
  char place[16], mark[1024];
  int64_t call;
  int crashes, fails;
  struct state state;
};

/* does what the options say if this is the function and the call that they name; returns 1 if it has to fail */
static int visit(const struct hangs *self, const char *place) {
  static int calls; /* calls of this function in this process */
  if (strcmp(self->place, place) != 0 || ++calls < self->call) return 0;
  if (self->mark[0] != '\0') close(open(self->mark, O_CREAT | O_WRONLY, 0600));
  if (self->fails) return 1;
  if (self->crashes) abort();
  for (;;) pause();
}

static int create(const muster_env_setting *settings, void **env, muster_env_error *error) {
  struct hangs *self = calloc(1, sizeof *self);
  const char *rank = getenv("OMPI_COMM_WORLD_RANK"), *wanted = settings[2].value;
  if (self == NULL) return muster_env_fail(error, "out of memory");
  if (strcmp(wanted, "-1") == 0 || strcmp(wanted, rank != NULL ? rank : "0") == 0)
    strncpy(self->place, settings[0].value, sizeof self->place - 1);
  self->call = strtoll(settings[1].value, NULL, 10);
  self->crashes = settings[3].value[0] == '1';
  self->fails = settings[4].value[0] == '1';
  strncpy(self->mark, settings[5].value, sizeof self->mark - 1);
  if (visit(self, "create") != 0) {
    free(self);
    return muster_env_fail(error, "told to fail in create");
  }
  *env = self;
  return 0;
}

static void destroy(void *env) {
  visit(env, "destroy");
  free(env);
}

static void describe(const void *env, muster_env_spec *spec) {
  visit(env, "describe");
  spec->observation = (muster_space){.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {TARGETS}};
  spec->action = (muster_space){.kind = MUSTER_SPACE_DISCRETE, .counts = counts};
  spec->agents = 1;
  spec->max_steps = 7;
  spec->state_bytes = sizeof(struct state);
}

static void show_next_target(struct hangs *self, muster_random *random, float *observation) {
  self->state.target = (int32_t)muster_random_below(random, TARGETS);
  for (int32_t i = 0; i < TARGETS; i++) observation[i] = i == self->state.target ? 1.0f : 0.0f;
}

static int reset(void *env, muster_random *random, muster_env_result *result, muster_env_error *error) {
  struct hangs *self = env;
  if (visit(self, "reset") != 0) return muster_env_fail(error, "told to fail in reset");
  self->state.steps = 0;
  show_next_target(self, random, result->observation);
  return 0;
}

static int step(void *env, const void *action, muster_random *random, muster_env_result *result,
                muster_env_error *error) {
  struct hangs *self = env;
  if (visit(self, "step") != 0) return muster_env_fail(error, "told to fail in step");
  result->reward[0] = *(const int32_t *)action == self->state.target;
  self->state.steps++;
  show_next_target(self, random, result->observation);
  return 0;
}

static void save_state(const void *env, void *bytes) {
  visit(env, "save_state");
  memcpy(bytes, &((const struct hangs *)env)->state, sizeof(struct state));
}

static int load_state(void *env, const void *bytes, muster_env_error *error) {
  struct hangs *self = env;
  if (visit(self, "load_state") != 0) return muster_env_fail(error, "told to fail in load_state");
  memcpy(&self->state, bytes, sizeof(struct state));
  return 0;
}

static const muster_env_type hangs = {.abi = MUSTER_ENV_ABI,
                                      .struct_size = sizeof(muster_env_type),
                                      .name = "Hangs-v0",
                                      .summary = "name the hot element, and hang",
                                      .options = options,
                                      .create = create,
                                      .destroy = destroy,
                                      .describe = describe,
                                      .reset = reset,
                                      .step = step,
                                      .save_state = save_state,
                                      .load_state = load_state};

MUSTER_ENV_PLUGIN(&hangs)
