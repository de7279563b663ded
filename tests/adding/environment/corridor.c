/* Corridor-v0: a row of cells with a door at its right end. One sees the place, from 0 at the left end to 1 at the
 * door, and goes left or right. A step costs 1 / length, and the door ends the episode and pays 1: the best mean return
 * is 0.5 at any length. */
#include "env/envs/settings.h"

static const muster_env_option corridor_options[] = {{"length", "8", "cells, the door among them; 2 to 1000"},
                                                     {NULL, NULL, NULL}};
static const float low[] = {0.0f}, high[] = {1.0f};
static const int32_t choices[] = {2};

struct corridor {
  int32_t length, cell; /* save_state() keeps the cell */
};

static int corridor_create(const muster_env_setting *settings, void **env, muster_env_error *error) {
  int32_t length = 0;
  if (setting_integer(settings, "length", 2, 1000, &length, error) != 0) return 1;
  struct corridor *corridor = malloc(sizeof *corridor);
  if (corridor == NULL) return muster_env_fail(error, "out of memory");
  *corridor = (struct corridor){length, 0};
  *env = corridor;
  return 0;
}

static void corridor_destroy(void *env) { free(env); }

static void corridor_describe(const void *env, muster_env_spec *spec) {
  const struct corridor *corridor = env;
  spec->observation = (muster_space){.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {1}, .low = low, .high = high};
  spec->action = (muster_space){.kind = MUSTER_SPACE_DISCRETE, .counts = choices};
  spec->agents = 1;
  spec->max_steps = 10 * corridor->length;
  spec->reward_threshold = 0.45;
  spec->state_bytes = sizeof corridor->cell;
}

static void observe(const struct corridor *corridor, muster_env_result *result) {
  *(float *)result->observation = (float)corridor->cell / (float)(corridor->length - 1);
}

/* anywhere but at the door */
static int corridor_reset(void *env, muster_random *random, muster_env_result *result, muster_env_error *error) {
  (void)error;
  struct corridor *corridor = env;
  corridor->cell = (int32_t)muster_random_below(random, (uint32_t)corridor->length - 1);
  observe(corridor, result);
  return 0;
}

static int corridor_step(void *env, const void *action, muster_random *random, muster_env_result *result,
                         muster_env_error *error) {
  (void)random;
  (void)error;
  struct corridor *corridor = env;
  const bool goes_right = *(const int32_t *)action == 1;
  corridor->cell += goes_right ? 1 : corridor->cell > 0 ? -1 : 0;
  result->terminated = corridor->cell == corridor->length - 1;
  result->reward[0] = (result->terminated ? 1.0 : 0.0) - 1.0 / corridor->length;
  observe(corridor, result);
  return 0;
}

static void corridor_save_state(const void *env, void *bytes) {
  memcpy(bytes, &((const struct corridor *)env)->cell, sizeof(int32_t));
}

static int corridor_load_state(void *env, const void *bytes, muster_env_error *error) {
  struct corridor *corridor = env;
  int32_t cell;
  memcpy(&cell, bytes, sizeof cell);
  if (cell < 0 || cell >= corridor->length) return muster_env_fail(error, "there is no cell %d", (int)cell);
  corridor->cell = cell;
  return 0;
}

const muster_env_type env_corridor = {
    .abi = MUSTER_ENV_ABI,
    .struct_size = sizeof(muster_env_type),
    .name = "Corridor-v0",
    .summary = "find the door at the right end of a corridor",
    .options = corridor_options,
    .create = corridor_create,
    .destroy = corridor_destroy,
    .describe = corridor_describe,
    .reset = corridor_reset,
    .step = corridor_step,
    .save_state = corridor_save_state,
    .load_state = corridor_load_state,
};
