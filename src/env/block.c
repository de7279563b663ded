#include "env/block.h"

#include "env/isolation.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* ---- creation ---- */

/* what every table must have, before any of its functions is called */
static muster_status check_type(const muster_env_type *type) {
  if (type->abi != MUSTER_ENV_ABI)
    return status_error(MUSTER_ERROR_ENVIRONMENT,
                        "environment %s was built for version %u of the interface, this is version %d: rebuild it",
                        type->name, (unsigned)type->abi, MUSTER_ENV_ABI);
  if (type->create == NULL || type->destroy == NULL || type->describe == NULL || type->reset == NULL ||
      type->step == NULL)
    return status_error(MUSTER_ERROR_ENVIRONMENT,
                        "environment %s lacks one of create, destroy, describe, reset and step", type->name);
  int given = (type->block_create != NULL) + (type->block_destroy != NULL) + (type->block_describe != NULL) +
              (type->block_reset != NULL) + (type->block_step != NULL) + (type->block_save_state != NULL) +
              (type->block_load_state != NULL);
  if (given != 0 && given != 7)
    return status_error(MUSTER_ERROR_ENVIRONMENT, "environment %s has %d of the 7 block functions: give all or none",
                        type->name, given);
  return MUSTER_OK;
}

static bool space_is_sound(const muster_space *space) {
  bool counted = space->kind == MUSTER_SPACE_DISCRETE || space->kind == MUSTER_SPACE_MULTI_DISCRETE;
  if (space->kind < MUSTER_SPACE_BOX || space->kind > MUSTER_SPACE_MULTI_DISCRETE) return false;
  if (space->rank < 0 || space->rank > MUSTER_SPACE_MAX_RANK) return false;
  if ((space->kind == MUSTER_SPACE_DISCRETE && space->rank != 0) || (counted && space->counts == NULL)) return false;
  for (int32_t i = 0; i < space->rank; i++)
    if (space->shape[i] < 1) return false;
  for (size_t i = 0; counted && i < muster_space_elements(space); i++)
    if (space->counts[i] < 1) return false;
  return true;
}

size_t env_block_choices(const muster_space *action) {
  size_t choices = 0;
  if (action->kind != MUSTER_SPACE_DISCRETE && action->kind != MUSTER_SPACE_MULTI_DISCRETE) return 0;
  for (size_t i = 0; i < muster_space_elements(action); i++) choices += (size_t)action->counts[i];
  return choices;
}

static muster_status check_spec(const char *name, const muster_env_spec *spec) {
  if (!space_is_sound(&spec->observation) || !space_is_sound(&spec->action))
    return status_error(MUSTER_ERROR_ENVIRONMENT,
                        "environment %s describes a space of an unknown kind, or with an empty dimension or no counts",
                        name);
  if (spec->agents < 1)
    return status_error(MUSTER_ERROR_ENVIRONMENT, "environment %s has %d agents; expects at least 1", name,
                        (int)spec->agents);
  if (spec->masks_actions && env_block_choices(&spec->action) == 0)
    return status_error(MUSTER_ERROR_ENVIRONMENT,
                        "environment %s masks actions that are not discrete: only Discrete and MultiDiscrete can be "
                        "masked",
                        name);
  if (spec->max_steps < 0)
    return status_error(MUSTER_ERROR_ENVIRONMENT, "environment %s has a limit of %d steps; 0 stands for none", name,
                        (int)spec->max_steps);
  return MUSTER_OK;
}

static muster_status create_environments(struct env_block *block, const muster_env_setting *settings,
                                         struct arena *arena) {
  const muster_env_type *type = block->type;
  muster_env_error error = {""};
  int failed = 0;
  if (type->block_create != NULL) {
    failed = type->block_create(settings, block->count, &block->block, &error);
    if (!failed) type->block_describe(block->block, &block->spec);
  } else {
    MUSTER_TRY(ARENA_TAKE(arena, (size_t)block->count, "environments", &block->envs));
    for (int32_t i = 0; i < block->count && !failed; i++) failed = type->create(settings, &block->envs[i], &error);
    if (!failed) type->describe(block->envs[0], &block->spec);
  }
  if (failed)
    return status_error(MUSTER_ERROR_USAGE, "cannot create %d environments %s: %s", (int)block->count, type->name,
                        error.text);
  MUSTER_TRY(check_spec(type->name, &block->spec));
  return ARENA_TAKE(arena, (size_t)block->spec.agents, "rewards", &block->rewards);
}

muster_status env_block_create(const muster_env_type *type, const muster_env_setting *settings, int32_t count,
                               struct arena *arena, struct env_block *out) {
  MUSTER_TRY(check_type(type));
  struct env_block block = {.type = type, .count = count, .spec = {.struct_size = sizeof block.spec}};
  muster_status status = create_environments(&block, settings, arena);
  if (status != MUSTER_OK) {
    env_block_destroy(&block);
    return status;
  }
  *out = block;
  return MUSTER_OK;
}

void env_block_destroy(struct env_block *block) {
  if (block->block != NULL) block->type->block_destroy(block->block);
  for (int32_t i = 0; block->envs != NULL && i < block->count; i++)
    if (block->envs[i] != NULL) block->type->destroy(block->envs[i]);
  *block = (struct env_block){0};
}

/* ---- reset and step ---- */

/* resets count as well: whoever reads the counter wants to know that the environments go on. Only this thread writes.
 */
static void count_steps(const struct env_block *block, int32_t n) {
  if (block->steps == NULL) return;
  uint64_t steps = atomic_load_explicit(block->steps, memory_order_relaxed);
  atomic_store_explicit(block->steps, steps + (uint64_t)n, memory_order_relaxed);
}

int env_block_reset(struct env_block *block, int32_t row, muster_random *random, void *observation,
                    uint8_t *action_mask, muster_env_error *error) {
  muster_env_result result = {.observation = observation, .reward = block->rewards, .action_mask = action_mask};
  int failed = block->block != NULL ? block->type->block_reset(block->block, row, random, &result, error)
                                    : block->type->reset(block->envs[row], random, &result, error);
  count_steps(block, 1);
  return failed;
}

/* the single functions, row after row */
static int step_each(struct env_block *block, const void *actions, muster_random *const *randoms,
                     muster_env_block_result *result, muster_env_error *error) {
  const size_t agents = (size_t)block->spec.agents, action_bytes = agents * muster_space_bytes(&block->spec.action);
  for (int32_t i = 0; i < block->count; i++) {
    const size_t row = (size_t)i;
    uint8_t *mask = result->action_mask != NULL ? result->action_mask + row * result->action_mask_stride : NULL;
    muster_env_result one = {.observation = (char *)result->observation + row * result->observation_stride,
                             .reward = block->rewards,
                             .action_mask = mask};
    for (size_t agent = 0; agent < agents; agent++) block->rewards[agent] = 0.0;
    if (block->type->step(block->envs[i], (const char *)actions + row * action_bytes, randoms[i], &one, error) != 0) {
      result->failed_row = i;
      return 1;
    }
    float *reward = (float *)((char *)result->reward + row * result->reward_stride);
    for (size_t agent = 0; agent < agents; agent++) reward[agent] = (float)block->rewards[agent];
    result->terminated[i] = one.terminated;
    result->truncated[i] = one.truncated;
    count_steps(block, 1);
  }
  return 0;
}

int env_block_step(struct env_block *block, const void *actions, muster_random *const *randoms,
                   muster_env_block_result *result, muster_env_error *error) {
  result->failed_row = -1;
  if (block->block == NULL) return step_each(block, actions, randoms, result, error);
  memset(result->terminated, 0, (size_t)block->count);
  memset(result->truncated, 0, (size_t)block->count);
  int failed = block->type->block_step(block->block, actions, randoms, result, error);
  count_steps(block, block->count);
  return failed;
}

/* ---- state and text ---- */

bool env_block_can_save(const struct env_block *block) {
  if (block->spec.state_bytes == 0) return false;
  return block->block != NULL || (block->type->save_state != NULL && block->type->load_state != NULL);
}

bool env_block_save(const struct env_block *block, int32_t row, void *bytes) {
  if (block->block == NULL) {
    block->type->save_state(block->envs[row], bytes);
    return true;
  }
  block->type->block_save_state(block->block, row, bytes);
  return isolation_has_saved(block->type, block->block);
}

int env_block_load(struct env_block *block, int32_t row, const void *bytes, muster_env_error *error) {
  if (block->block != NULL) return block->type->block_load_state(block->block, row, bytes, error);
  return block->type->load_state(block->envs[row], bytes, error);
}

/* who shows a row: its own environment, or, for a block, a single one that is given the row's state; NULL: nobody can
 */
static void *open_viewer(const struct env_block *block, const muster_env_setting *settings, int32_t row) {
  const muster_env_type *type = block->type;
  if (block->envs != NULL) return block->envs[row];
  if (type->load_state == NULL || !env_block_can_save(block)) return NULL;
  muster_env_error error;
  void *viewer = NULL;
  void *bytes = malloc(block->spec.state_bytes);
  if (bytes != NULL && type->create(settings, &viewer, &error) == 0 &&
      (!env_block_save(block, row, bytes) || type->load_state(viewer, bytes, &error) != 0)) {
    type->destroy(viewer);
    viewer = NULL;
  }
  free(bytes);
  return viewer;
}

static void close_viewer(const struct env_block *block, void *viewer) {
  if (block->envs == NULL) block->type->destroy(viewer);
}

void env_block_render_text(const struct env_block *block, const muster_env_setting *settings, int32_t row, char *text,
                           size_t size) {
  if (size == 0) return;
  text[0] = '\0';
  void *viewer = block->type->render_text != NULL ? open_viewer(block, settings, row) : NULL;
  if (viewer == NULL) return;
  block->type->render_text(viewer, text, size);
  close_viewer(block, viewer);
}

bool env_block_render_picture(const struct env_block *block, const muster_env_setting *settings, int32_t row,
                              muster_canvas *canvas) {
  void *viewer = block->type->render_picture != NULL ? open_viewer(block, settings, row) : NULL;
  if (viewer == NULL) return false;
  block->type->render_picture(viewer, canvas);
  close_viewer(block, viewer);
  return true;
}
