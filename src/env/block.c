#include "env/block.h"

#include "env/isolation.h"
#include "env/spec.h"

#include <stdlib.h>
#include <string.h>

/* a single environment that is given the state of a block's row, to render it; it stays, since it may take long to make
 */
struct block_viewer {
  void *env;   /* NULL: not made yet */
  void *bytes; /* [state_bytes], of the arena */
};

/* ---- creation ---- */

size_t env_block_choices(const muster_space *action) {
  size_t choices = 0;
  if (action->kind != MUSTER_SPACE_DISCRETE && action->kind != MUSTER_SPACE_MULTI_DISCRETE) return 0;
  for (size_t i = 0; i < muster_space_elements(action); i++) choices += (size_t)action->counts[i];
  return choices;
}

/* the error when create() refuses its settings, with its text; that of an isolated environment names the environment
 * already */
static muster_status refuse(const struct env_block *block, int failed, muster_env_error *error) {
  const char *name = block->type->name, *text = env_error_text(error);
  if (isolation_wraps(block->type))
    return status_error(failed == ISOLATION_NO_PROCESS ? MUSTER_ERROR_ENVIRONMENT : MUSTER_ERROR_USAGE, "%s", text);
  if (failed == MUSTER_ENV_NO_OPTION_TO_BLAME)
    return status_error(MUSTER_ERROR_ENVIRONMENT, "it cannot be created: %s", text);
  if (block->count == 1) return status_error(MUSTER_ERROR_USAGE, "cannot create the environment %s: %s", name, text);
  return status_error(MUSTER_ERROR_USAGE, "cannot create %d environments %s: %s", (int)block->count, name, text);
}

/* names one environment, or the whole block where `row` is -1 */
static muster_status create_one(struct env_block *block, const muster_env_setting *settings, int32_t row) {
  void **made = row < 0 ? &block->block : &block->envs[row];
  muster_env_error error = {""};
  foreign_enter(block->foreign, OUTCALL_CREATE, row);
  int failed = row < 0 ? block->type->block_create(settings, block->count, made, &error)
                       : block->type->create(settings, made, &error);
  foreign_leave(block->foreign, true);
  if (!failed) return env_handle_check(row < 0 ? "block_create()" : "create()", *made);
  *made = NULL;
  return refuse(block, failed, &error);
}

static muster_status create_each(struct env_block *block, const muster_env_setting *settings, struct arena *arena) {
  MUSTER_TRY(ARENA_TAKE(arena, (size_t)block->count, "environments", &block->envs));
  for (int32_t i = 0; i < block->count; i++) MUSTER_TRY(create_one(block, settings, i));
  foreign_enter(block->foreign, OUTCALL_DESCRIBE, 0);
  block->type->describe(block->envs[0], &block->spec);
  foreign_leave(block->foreign, true);
  return MUSTER_OK;
}

static muster_status create_whole(struct env_block *block, const muster_env_setting *settings) {
  MUSTER_TRY(create_one(block, settings, -1));
  foreign_enter(block->foreign, OUTCALL_DESCRIBE, -1);
  block->type->block_describe(block->block, &block->spec);
  foreign_leave(block->foreign, true);
  return MUSTER_OK;
}

/* adds to an error of a check which environment is at fault */
static muster_status blame(const char *name, muster_status status) {
  return muster_status_code(status) == MUSTER_ERROR_ENVIRONMENT ? status_wrap(status, "environment %s", name) : status;
}

static muster_status take_viewer(struct env_block *block, struct arena *arena) {
  MUSTER_TRY(ARENA_TAKE(arena, 1, "environments", &block->viewer));
  return arena_take(arena, block->spec.state_bytes, 1, "a state", &block->viewer->bytes);
}

static muster_status create_environments(struct env_block *block, const muster_env_setting *settings,
                                         struct arena *arena) {
  const muster_env_type *type = block->type;
  MUSTER_TRY(blame(type->name, env_type_check(type)));
  bool is_block = type->block_create != NULL;
  MUSTER_TRY(blame(type->name, is_block ? create_whole(block, settings) : create_each(block, settings, arena)));
  MUSTER_TRY(blame(type->name, env_spec_check(type, &block->spec)));
  if (is_block) MUSTER_TRY(take_viewer(block, arena));
  if (env_block_has_options(block)) MUSTER_TRY(ARENA_TAKE(arena, ENV_OPTION_VALUES, "options", &block->options));
  return ARENA_TAKE(arena, (size_t)block->spec.agents, "rewards", &block->rewards);
}

muster_status env_block_create(const muster_env_type *type, const muster_env_setting *settings, int32_t count,
                               const struct foreign *who, struct arena *arena, struct env_block *out) {
  struct env_block block = {.type = type, .count = count, .spec = {.struct_size = sizeof block.spec}};
  MUSTER_TRY(ARENA_TAKE(arena, 1, "environments", &block.foreign));
  if (who != NULL) *block.foreign = *who;
  block.foreign->name = type->name;
  block.foreign->count = count;
  block.foreign->is_block = type->block_create != NULL;
  muster_status status = create_environments(&block, settings, arena);
  if (status != MUSTER_OK) {
    env_block_destroy(&block);
    return status;
  }
  *out = block;
  return MUSTER_OK;
}

static void destroy_viewer(const struct env_block *block) {
  if (block->viewer == NULL || block->viewer->env == NULL) return;
  foreign_enter(block->foreign, OUTCALL_DESTROY, -1);
  block->type->destroy(block->viewer->env);
  foreign_leave(block->foreign, true);
}

void env_block_destroy(struct env_block *block) {
  destroy_viewer(block);
  for (int32_t i = block->block != NULL ? -1 : 0; i < (block->envs != NULL ? block->count : 0); i++) {
    if (i >= 0 && block->envs[i] == NULL) continue;
    foreign_enter(block->foreign, OUTCALL_DESTROY, i);
    if (i < 0)
      block->type->block_destroy(block->block);
    else
      block->type->destroy(block->envs[i]);
    foreign_leave(block->foreign, true);
  }
  *block = (struct env_block){0};
}

/* ---- reset and step ---- */

/* passes on what a function of the environment has returned, and gives a failure without a text one */
static int told(int failed, muster_env_error *error) {
  if (failed) env_error_text(error);
  return failed;
}

int env_block_reset(struct env_block *block, int32_t row, muster_random *random, void *observation,
                    uint8_t *action_mask, muster_env_error *error) {
  muster_env_result result = {.observation = observation, .reward = block->rewards, .action_mask = action_mask};
  const bool is_block = block->block != NULL;
  foreign_enter(block->foreign, OUTCALL_RESET, row);
  int failed = is_block ? block->type->block_reset(block->block, row, random, &result, error)
                        : block->type->reset(block->envs[row], random, &result, error);
  foreign_leave(block->foreign, false);
  outcall_count(1);
  return told(failed, error);
}

/* steps by the single functions, row after row */
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
    const void *action = (const char *)actions + row * action_bytes;
    const bool rests = block->rests != NULL && block->rests[row] != 0;
    if (!rests) foreign_enter_row(block->foreign, i);
    int failed = rests ? 0 : block->type->step(block->envs[i], action, randoms[i], &one, error);
    if (!rests) foreign_leave_row(block->foreign);
    if (failed) {
      result->failed_row = i;
      return told(1, error);
    }
    float *reward = (float *)((char *)result->reward + row * result->reward_stride);
    for (size_t agent = 0; agent < agents; agent++) reward[agent] = (float)block->rewards[agent];
    result->terminated[i] = one.terminated;
    result->truncated[i] = one.truncated;
    outcall_count(!rests);
  }
  return 0;
}

/* steps by the block function, all rows at once */
static int step_together(struct env_block *block, const void *actions, muster_random *const *randoms,
                         muster_env_block_result *result, muster_env_error *error) {
  memset(result->terminated, 0, (size_t)block->count);
  memset(result->truncated, 0, (size_t)block->count);
  int failed = block->type->block_step(block->block, actions, randoms, result, error);
  outcall_count(block->count);
  return failed;
}

int env_block_step(struct env_block *block, const void *actions, muster_random *const *randoms,
                   muster_env_block_result *result, muster_env_error *error) {
  result->failed_row = -1;
  foreign_enter(block->foreign, OUTCALL_STEP, -1);
  int failed = block->block != NULL ? step_together(block, actions, randoms, result, error)
                                    : step_each(block, actions, randoms, result, error);
  foreign_leave(block->foreign, false);
  return told(failed, error);
}

/* ---- options ---- */

bool env_block_has_options(const struct env_block *block) { return env_type_sets_options(block->type); }

/* where the value of an option is kept; NULL: there is no room */
static struct env_option_value *find_option(struct env_block *block, const char *key, bool *is_new) {
  int32_t i = 0;
  while (i < block->n_options && strcmp(block->options[i].key, key) != 0) i++;
  *is_new = i == block->n_options;
  return i < ENV_OPTION_VALUES && strlen(key) < sizeof block->options[i].key ? &block->options[i] : NULL;
}

/* sets an option of one environment, or of the whole block where `row` is -1 */
static int set_one(const struct env_block *block, void *env, int32_t row, const struct env_option_value *option,
                   muster_env_error *error) {
  foreign_enter(block->foreign, OUTCALL_OPTION, row);
  int failed = row < 0 ? block->type->block_set_option(env, option->key, option->value, error)
                       : block->type->set_option(env, option->key, option->value, error);
  foreign_leave(block->foreign, true);
  return told(failed, error);
}

/* gives options that were set before their present values again: a state may hold those of when it was saved */
static int set_again(const struct env_block *block, int32_t row, muster_env_error *error) {
  const bool is_block = block->block != NULL;
  if (isolation_wraps(block->type)) return 0; /* the process that has loaded it has done that */
  for (int32_t i = 0; i < block->n_options; i++)
    if (set_one(block, is_block ? block->block : block->envs[row], is_block ? -1 : row, &block->options[i], error) != 0)
      return 1;
  return 0;
}

int env_block_set_option(struct env_block *block, const char *key, double value, muster_env_error *error) {
  bool is_new;
  struct env_option_value *kept = find_option(block, key, &is_new);
  if (kept == NULL) return muster_env_fail(error, "more than %d options, or one of a longer name", ENV_OPTION_VALUES);
  if (!is_new && kept->value == value) return 0;
  struct env_option_value option = {.value = value};
  strcpy(option.key, key);
  const bool is_block = block->block != NULL;
  for (int32_t row = is_block ? -1 : 0; row < (is_block ? 0 : block->count); row++)
    if (set_one(block, is_block ? block->block : block->envs[row], row, &option, error) != 0) return 1;
  *kept = option;
  block->n_options += is_new;
  return 0;
}

/* ---- state and text ---- */

bool env_block_can_save(const struct env_block *block) {
  if (block->spec.state_bytes == 0) return false;
  return block->block != NULL || (block->type->save_state != NULL && block->type->load_state != NULL);
}

bool env_block_save(const struct env_block *block, int32_t row, void *bytes) {
  const bool is_block = block->block != NULL;
  foreign_enter(block->foreign, OUTCALL_SAVE, row);
  if (is_block)
    block->type->block_save_state(block->block, row, bytes);
  else
    block->type->save_state(block->envs[row], bytes);
  foreign_leave(block->foreign, row == block->count - 1); /* the caller may write files next */
  if (is_block) return isolation_has_saved(block->type, block->block);
  return block->type->has_saved == NULL || block->type->has_saved(block->envs[row]);
}

int env_block_load(struct env_block *block, int32_t row, const void *bytes, muster_env_error *error) {
  const bool is_block = block->block != NULL;
  foreign_enter(block->foreign, OUTCALL_LOAD, row);
  int failed = is_block ? block->type->block_load_state(block->block, row, bytes, error)
                        : block->type->load_state(block->envs[row], bytes, error);
  foreign_leave(block->foreign, false);
  return failed ? told(failed, error) : set_again(block, row, error);
}

static bool make_viewer(const struct env_block *block, const muster_env_setting *settings) {
  struct block_viewer *viewer = block->viewer;
  muster_env_error error;
  if (viewer->env != NULL) return true;
  foreign_enter(block->foreign, OUTCALL_RENDER, -1);
  const int failed = block->type->create(settings, &viewer->env, &error);
  foreign_leave(block->foreign, true);
  if (failed) viewer->env = NULL;
  return viewer->env != NULL;
}

/* gives the viewer the options that the block has by now */
static bool set_in_viewer(const struct env_block *block, int32_t row) {
  muster_env_error error;
  if (block->n_options > 0 && block->type->set_option == NULL) return false;
  for (int32_t i = 0; i < block->n_options; i++)
    if (set_one(block, block->viewer->env, row, &block->options[i], &error) != 0) return false;
  return true;
}

/* the environment that renders a row: its own, or, for a block, the viewer with the row's state; NULL: there is none */
static void *view_row(const struct env_block *block, const muster_env_setting *settings, int32_t row) {
  muster_env_error error;
  if (block->envs != NULL) return block->envs[row];
  if (block->type->load_state == NULL || !env_block_can_save(block)) return NULL;
  if (!env_block_save(block, row, block->viewer->bytes) || !make_viewer(block, settings)) return NULL;
  foreign_enter(block->foreign, OUTCALL_RENDER, row);
  const int failed = block->type->load_state(block->viewer->env, block->viewer->bytes, &error);
  foreign_leave(block->foreign, true);
  return failed || !set_in_viewer(block, row) ? NULL : block->viewer->env;
}

void env_block_render_text(const struct env_block *block, const muster_env_setting *settings, int32_t row, char *text,
                           size_t size) {
  if (size == 0) return;
  text[0] = '\0';
  void *viewer = block->type->render_text != NULL ? view_row(block, settings, row) : NULL;
  if (viewer == NULL) return;
  foreign_enter(block->foreign, OUTCALL_RENDER, row);
  block->type->render_text(viewer, text, size);
  foreign_leave(block->foreign, true);
}

void env_block_render_policy(const struct env_block *block, const muster_env_setting *settings, const int32_t *actions,
                             char *text, size_t size) {
  if (size == 0) return;
  text[0] = '\0';
  void *viewer = block->type->render_policy != NULL ? view_row(block, settings, 0) : NULL;
  if (viewer == NULL) return;
  foreign_enter(block->foreign, OUTCALL_RENDER, 0);
  block->type->render_policy(viewer, actions, text, size);
  foreign_leave(block->foreign, true);
}

bool env_block_render_picture(const struct env_block *block, const muster_env_setting *settings, int32_t row,
                              muster_canvas *canvas) {
  void *viewer = block->type->render_picture != NULL ? view_row(block, settings, row) : NULL;
  if (viewer == NULL) return false;
  foreign_enter(block->foreign, OUTCALL_RENDER, row);
  block->type->render_picture(viewer, canvas);
  foreign_leave(block->foreign, true);
  return true;
}
