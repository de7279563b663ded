#include "env/block.h"

#include "base/outcall.h"
#include "env/isolation.h"
#include "env/spec.h"

#include <stdlib.h>
#include <string.h>

/* ---- creation ---- */

size_t env_block_choices(const muster_space *action) {
  size_t choices = 0;
  if (action->kind != MUSTER_SPACE_DISCRETE && action->kind != MUSTER_SPACE_MULTI_DISCRETE) return 0;
  for (size_t i = 0; i < muster_space_elements(action); i++) choices += (size_t)action->counts[i];
  return choices;
}

/* a refusal of create(), with its text; that of an isolated environment says already who refuses what */
static muster_status refuse(const struct env_block *block, int failed, muster_env_error *error) {
  const char *name = block->type->name, *text = env_error_text(error);
  if (isolation_wraps(block->type))
    return status_error(failed == ISOLATION_NO_PROCESS ? MUSTER_ERROR_ENVIRONMENT : MUSTER_ERROR_USAGE, "%s", text);
  if (block->count == 1) return status_error(MUSTER_ERROR_USAGE, "cannot create the environment %s: %s", name, text);
  return status_error(MUSTER_ERROR_USAGE, "cannot create %d environments %s: %s", (int)block->count, name, text);
}

/* the place of a call for all rows at once */
static struct outcall_place begin_all(const struct env_block *block, enum outcall call) {
  return outcall_begin(call, block->count == 1 ? block->first : -1);
}

static struct outcall_place begin_row(const struct env_block *block, enum outcall call, int32_t row) {
  return outcall_begin(call, block->first + row);
}

static void describe(struct env_block *block) {
  const struct outcall_place before = begin_all(block, OUTCALL_DESCRIBE);
  if (block->envs != NULL)
    block->type->describe(block->envs[0], &block->spec);
  else
    block->type->block_describe(block->block, &block->spec);
  outcall_end(before);
}

static muster_status create_each(struct env_block *block, const muster_env_setting *settings, struct arena *arena) {
  muster_env_error error = {""};
  MUSTER_TRY(ARENA_TAKE(arena, (size_t)block->count, "environments", &block->envs));
  for (int32_t i = 0; i < block->count; i++) {
    const struct outcall_place before = begin_row(block, OUTCALL_CREATE, i);
    int failed = block->type->create(settings, &block->envs[i], &error);
    outcall_end(before);
    if (failed) {
      block->envs[i] = NULL;
      return refuse(block, failed, &error);
    }
    MUSTER_TRY(env_handle_check("create()", block->envs[i]));
  }
  describe(block);
  return MUSTER_OK;
}

static muster_status create_whole(struct env_block *block, const muster_env_setting *settings) {
  muster_env_error error = {""};
  const struct outcall_place before = begin_all(block, OUTCALL_CREATE);
  int failed = block->type->block_create(settings, block->count, &block->block, &error);
  outcall_end(before);
  if (failed) {
    block->block = NULL;
    return refuse(block, failed, &error);
  }
  MUSTER_TRY(env_handle_check("block_create()", block->block));
  describe(block);
  return MUSTER_OK;
}

/* adds whose fault it is to what a check has found */
static muster_status blame(const char *name, muster_status status) {
  return muster_status_code(status) == MUSTER_ERROR_ENVIRONMENT ? status_wrap(status, "environment %s", name) : status;
}

static muster_status create_environments(struct env_block *block, const muster_env_setting *settings,
                                         struct arena *arena) {
  const muster_env_type *type = block->type;
  MUSTER_TRY(blame(type->name, env_type_check(type)));
  bool is_block = type->block_create != NULL;
  MUSTER_TRY(blame(type->name, is_block ? create_whole(block, settings) : create_each(block, settings, arena)));
  MUSTER_TRY(blame(type->name, env_spec_check(type, &block->spec)));
  return ARENA_TAKE(arena, (size_t)block->spec.agents, "rewards", &block->rewards);
}

muster_status env_block_create(const muster_env_type *type, const muster_env_setting *settings, int32_t first,
                               int32_t count, struct arena *arena, struct env_block *out) {
  struct env_block block = {.type = type, .first = first, .count = count, .spec = {.struct_size = sizeof block.spec}};
  muster_status status = create_environments(&block, settings, arena);
  if (status != MUSTER_OK) {
    env_block_destroy(&block);
    return status;
  }
  *out = block;
  return MUSTER_OK;
}

void env_block_destroy(struct env_block *block) {
  if (block->block != NULL) {
    const struct outcall_place before = begin_all(block, OUTCALL_DESTROY);
    block->type->block_destroy(block->block);
    outcall_end(before);
  }
  for (int32_t i = 0; block->envs != NULL && i < block->count; i++) {
    if (block->envs[i] == NULL) continue;
    const struct outcall_place before = begin_row(block, OUTCALL_DESTROY, i);
    block->type->destroy(block->envs[i]);
    outcall_end(before);
  }
  *block = (struct env_block){0};
}

/* ---- reset and step ---- */

/* what a function of the environment has returned; a failure always has a text */
static int told(int failed, muster_env_error *error) {
  if (failed) env_error_text(error);
  return failed;
}

int env_block_reset(struct env_block *block, int32_t row, muster_random *random, void *observation,
                    uint8_t *action_mask, muster_env_error *error) {
  muster_env_result result = {.observation = observation, .reward = block->rewards, .action_mask = action_mask};
  const struct outcall_place before = begin_row(block, OUTCALL_RESET, row);
  int failed = block->block != NULL ? block->type->block_reset(block->block, row, random, &result, error)
                                    : block->type->reset(block->envs[row], random, &result, error);
  outcall_end(before);
  outcall_count(1);
  return told(failed, error);
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
    const struct outcall_place before = begin_row(block, OUTCALL_STEP, i);
    int failed = block->type->step(block->envs[i], (const char *)actions + row * action_bytes, randoms[i], &one, error);
    outcall_end(before);
    if (failed) {
      result->failed_row = i;
      return told(1, error);
    }
    float *reward = (float *)((char *)result->reward + row * result->reward_stride);
    for (size_t agent = 0; agent < agents; agent++) reward[agent] = (float)block->rewards[agent];
    result->terminated[i] = one.terminated;
    result->truncated[i] = one.truncated;
    outcall_count(1);
  }
  return 0;
}

int env_block_step(struct env_block *block, const void *actions, muster_random *const *randoms,
                   muster_env_block_result *result, muster_env_error *error) {
  result->failed_row = -1;
  if (block->block == NULL) return step_each(block, actions, randoms, result, error);
  memset(result->terminated, 0, (size_t)block->count);
  memset(result->truncated, 0, (size_t)block->count);
  const struct outcall_place before = begin_all(block, OUTCALL_STEP);
  int failed = block->type->block_step(block->block, actions, randoms, result, error);
  outcall_end(before);
  outcall_count(block->count);
  return told(failed, error);
}

/* ---- state and text ---- */

bool env_block_can_save(const struct env_block *block) {
  if (block->spec.state_bytes == 0) return false;
  return block->block != NULL || (block->type->save_state != NULL && block->type->load_state != NULL);
}

bool env_block_save(const struct env_block *block, int32_t row, void *bytes) {
  const struct outcall_place before = begin_row(block, OUTCALL_SAVE, row);
  if (block->block == NULL)
    block->type->save_state(block->envs[row], bytes);
  else
    block->type->block_save_state(block->block, row, bytes);
  outcall_end(before);
  return block->block == NULL || isolation_has_saved(block->type, block->block);
}

int env_block_load(struct env_block *block, int32_t row, const void *bytes, muster_env_error *error) {
  const struct outcall_place before = begin_row(block, OUTCALL_LOAD, row);
  int failed = block->block != NULL ? block->type->block_load_state(block->block, row, bytes, error)
                                    : block->type->load_state(block->envs[row], bytes, error);
  outcall_end(before);
  return told(failed, error);
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
  const struct outcall_place before = begin_row(block, OUTCALL_RENDER, row);
  void *viewer = block->type->render_text != NULL ? open_viewer(block, settings, row) : NULL;
  if (viewer != NULL) {
    block->type->render_text(viewer, text, size);
    close_viewer(block, viewer);
  }
  outcall_end(before);
}

bool env_block_render_picture(const struct env_block *block, const muster_env_setting *settings, int32_t row,
                              muster_canvas *canvas) {
  const struct outcall_place before = begin_row(block, OUTCALL_RENDER, row);
  void *viewer = block->type->render_picture != NULL ? open_viewer(block, settings, row) : NULL;
  if (viewer != NULL) {
    block->type->render_picture(viewer, canvas);
    close_viewer(block, viewer);
  }
  outcall_end(before);
  return viewer != NULL;
}
