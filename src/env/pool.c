#include "env/pool.h"

#include "base/arena.h"
#include "base/copy.h"
#include "base/random.h"
#include "env/block.h"
#include "env/isolation.h"
#include "env/options.h"
#include "env/values.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Arrays have one entry for each environment of the pool, or, where [rows] is noted, one for each row. The environments
 * write into arrays of the pool, and each step copies these to the caller's rows. So the current observations are kept
 * for env_pool_save(), and the checks run over contiguous memory. */
struct env_pool {
  struct arena *arena;
  struct env_block block;
  muster_env_spec spec; /* the description of the environments with the wrappers applied */
  const muster_env_setting *settings;
  uint64_t seed;
  int32_t first, count;
  int32_t *index;              /* global index of the episode that each environment plays */
  int32_t list_next, list_end; /* the next index of the list to be played, and the end of the list */
  bool plays_list, falls_back;
  uint8_t *rests;                /* whether the environment found no episode left in the list */
  int32_t max_steps;             /* INT32_MAX: no limit */
  size_t agents, rows;           /* rows = count * agents */
  size_t frame_elements, frames; /* bytes of one observation as the environment writes it, and how many are stacked */
  size_t pieces;                 /* parts of a frame, each stacked by itself: the cells of an image; else one */
  size_t frame_bytes, observation_bytes;
  size_t choices; /* bytes of one row's mask; 0: actions are not masked */
  enum action_bounds action_bounds;
  int32_t group_size;
  bool bounds_actions;

  char *frame; /* [rows, frame_bytes] as the environments wrote them; `observation` itself where none are stacked */
  char *observation; /* [rows, observation_bytes] the current observations, stacked */
  uint8_t *mask;     /* [rows, choices] the current masks */
  float *bounded;    /* [rows, action elements] actions within their bounds */
  float *reward;     /* [rows] */
  uint8_t *terminated, *truncated, *ended;
  int32_t *step;          /* steps of the running episode */
  uint32_t *next_episode; /* number of the episode that the environment's next reset starts */
  bool tolerates_faults;
  int32_t faults;
  char first_fault[512];
  struct env_restarts restarts; /* since env_pool_take_restarts() was last called */
  struct random_stream *streams;
  muster_random **randoms;         /* the streams as they are handed to the environments */
  const struct env_viewer *viewer; /* NULL: there is none */
};

/* ---- errors ---- */

/* the actions of all agents of one environment */
static void format_actions(const struct env_pool *pool, const void *actions, int32_t env, char *text, size_t size) {
  const muster_space *space = &pool->spec.action;
  size_t elements = pool->agents * muster_space_elements(space), used = 0;
  const char *bytes = (const char *)actions + (size_t)env * pool->agents * muster_space_bytes(space);
  for (size_t i = 0; i < elements && used < size; i++) {
    const char *gap = i > 0 ? " " : "";
    if (space->kind == MUSTER_SPACE_BOX)
      used += (size_t)snprintf(text + used, size - used, "%s%g", gap, (double)((const float *)bytes)[i]);
    else if (space->kind == MUSTER_SPACE_BOX_U8)
      used += (size_t)snprintf(text + used, size - used, "%s%d", gap, ((const uint8_t *)bytes)[i]);
    else
      used += (size_t)snprintf(text + used, size - used, "%s%d", gap, (int)((const int32_t *)bytes)[i]);
  }
}

/* an error of one environment: at its reset when `actions` is NULL, else at its step */
static muster_status env_error(const struct env_pool *pool, muster_code code, int32_t env, const void *actions,
                               const char *what) {
  char action[128] = "", moment[192] = "at reset";
  if (actions != NULL) {
    format_actions(pool, actions, env, action, sizeof action);
    snprintf(moment, sizeof moment, "step %d, action %s", (int)pool->step[env], action);
  }
  return status_error(code, "environment %d (%s, seed %llu), episode %u, %s: %s", (int)pool->index[env],
                      pool->block.type->name, (unsigned long long)pool->seed, (unsigned)(pool->next_episode[env] - 1),
                      moment, what);
}

/* says what is wrong with element i of the frames from environment `first` on */
static muster_status frame_error(const struct env_pool *pool, muster_code code, int32_t first, size_t i,
                                 const void *actions, const char *what) {
  char text[160];
  size_t per_env = pool->agents * pool->frame_elements;
  snprintf(text, sizeof text, "element %zu of the observation is %s", i % pool->frame_elements, what);
  return env_error(pool, code, first + (int32_t)(i / per_env), actions, text);
}

/* checks that observations of the environments first..last are finite, and discrete ones below their counts */
static muster_status check_observations(const struct env_pool *pool, int32_t first, int32_t last, const void *actions) {
  const size_t n = (size_t)(last - first + 1) * pool->agents * pool->frame_elements;
  const void *frames = pool->frame + (size_t)first * pool->agents * pool->frame_bytes;
  const muster_space *space = &pool->block.spec.observation;
  const size_t wrong = space_find_wrong(space, frames, n);
  if (wrong == n) return MUSTER_OK;
  char what[64];
  space_describe_wrong(space, frames, wrong, what, sizeof what);
  muster_code code = space->kind == MUSTER_SPACE_BOX ? MUSTER_ERROR_NUMERIC : MUSTER_ERROR_ENVIRONMENT;
  return frame_error(pool, code, first, wrong, actions, what);
}

static muster_status check_rewards(const struct env_pool *pool, const void *actions) {
  if (values_are_finite(pool->reward, pool->rows)) return MUSTER_OK;
  size_t row = 0;
  while (isfinite(pool->reward[row])) row++;
  char what[64];
  snprintf(what, sizeof what, "the reward is %g, not a finite number", (double)pool->reward[row]);
  return env_error(pool, MUSTER_ERROR_NUMERIC, (int32_t)(row / pool->agents), actions, what);
}

/* the masks of the environments first..last must allow a choice of each element */
static muster_status check_masks(const struct env_pool *pool, int32_t first, int32_t last, const void *actions) {
  if (pool->choices == 0) return MUSTER_OK;
  const muster_space *space = &pool->spec.action;
  const size_t begin = (size_t)first * pool->agents, end = (size_t)(last + 1) * pool->agents;
  const uint8_t *mask = pool->mask + begin * pool->choices;
  for (size_t row = begin; row < end; row++)
    for (size_t i = 0; i < muster_space_elements(space); i++) {
      uint8_t allowed = 0;
      for (int32_t a = 0; a < space->counts[i]; a++) allowed |= *mask++;
      if (allowed != 0) continue;
      int32_t env = (int32_t)(row / pool->agents);
      char what[128];
      snprintf(what, sizeof what, "the mask of agent %zu allows no choice of element %zu of the action",
               row % pool->agents, i);
      return env_error(pool, MUSTER_ERROR_ENVIRONMENT, env, actions, what);
    }
  return MUSTER_OK;
}

/* ---- creation and destruction ---- */

static muster_status take_arrays(struct env_pool *pool) {
  const size_t n = (size_t)pool->count;
  MUSTER_TRY(arena_take(pool->arena, pool->rows, pool->frame_bytes, "observations", (void **)&pool->frame));
  pool->observation = pool->frame;
  MUSTER_TRY(ARENA_TAKE(pool->arena, pool->rows * pool->choices, "action masks", &pool->mask));
  MUSTER_TRY(ARENA_TAKE(pool->arena, pool->rows, "rewards", &pool->reward));
  MUSTER_TRY(ARENA_TAKE(pool->arena, n, "environment flags", &pool->terminated));
  MUSTER_TRY(ARENA_TAKE(pool->arena, n, "environment flags", &pool->truncated));
  MUSTER_TRY(ARENA_TAKE(pool->arena, n, "environment flags", &pool->ended));
  MUSTER_TRY(ARENA_TAKE(pool->arena, n, "environment flags", &pool->rests));
  MUSTER_TRY(ARENA_TAKE(pool->arena, n, "environment indices", &pool->index));
  MUSTER_TRY(ARENA_TAKE(pool->arena, n, "step counters", &pool->step));
  MUSTER_TRY(ARENA_TAKE(pool->arena, n, "episode counters", &pool->next_episode));
  MUSTER_TRY(ARENA_TAKE(pool->arena, n, "random streams", &pool->streams));
  MUSTER_TRY(ARENA_TAKE(pool->arena, n, "random streams", &pool->randoms));
  for (size_t i = 0; i < n; i++) {
    pool->randoms[i] = &pool->streams[i].base;
    pool->index[i] = pool->first + (int32_t)i;
  }
  pool->block.rests = pool->rests;
  pool->block.foreign->index = pool->index;
  pool->block.foreign->step = pool->step;
  pool->block.foreign->next_episode = pool->next_episode;
  return MUSTER_OK;
}

static muster_status open_pool(struct env_pool *pool, const muster_env_type *type, const muster_env_setting *options) {
  MUSTER_TRY(arena_create(&pool->arena));
  MUSTER_TRY(env_options_match(type, options, pool->arena, &pool->settings));
  const struct foreign who = {.seed = pool->seed, .first = pool->first};
  MUSTER_TRY(env_block_create(type, pool->settings, pool->count, &who, pool->arena, &pool->block));
  pool->spec = pool->block.spec;
  const muster_env_spec *spec = &pool->spec;
  pool->agents = (size_t)spec->agents;
  pool->rows = (size_t)pool->count * pool->agents;
  pool->frames = pool->pieces = 1;
  pool->frame_elements = muster_space_elements(&spec->observation);
  pool->frame_bytes = pool->observation_bytes = muster_space_bytes(&spec->observation);
  pool->choices = spec->masks_actions ? env_block_choices(&spec->action) : 0;
  MUSTER_TRY(take_arrays(pool));
  return env_pool_wrap(pool, &(struct env_wrappers){0});
}

muster_status env_pool_create(const muster_env_type *type, const muster_env_setting *options, uint64_t seed,
                              int32_t first, int32_t count, struct env_pool **out) {
  assert(first >= 0 && count >= 1);
  struct env_pool *pool = calloc(1, sizeof *pool);
  if (pool == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory for a pool of environments");
  pool->seed = seed;
  pool->first = first;
  pool->count = count;
  muster_status status = open_pool(pool, type, options);
  if (status != MUSTER_OK) {
    env_pool_destroy(&pool);
    return status;
  }
  *out = pool;
  return MUSTER_OK;
}

void env_pool_destroy(struct env_pool **pool) {
  if (*pool == NULL) return;
  env_block_destroy(&(*pool)->block);
  arena_destroy(&(*pool)->arena);
  free(*pool);
  *pool = NULL;
}

const muster_env_spec *env_pool_spec(const struct env_pool *pool) { return &pool->spec; }

const int32_t *env_pool_steps(const struct env_pool *pool) { return pool->step; }

void env_pool_render_text(const struct env_pool *pool, int32_t env, char *text, size_t size) {
  env_block_render_text(&pool->block, pool->settings, env, text, size);
}

void env_pool_render_policy(const struct env_pool *pool, const int32_t *actions, char *text, size_t size) {
  env_block_render_policy(&pool->block, pool->settings, actions, text, size);
}

bool env_pool_render_picture(const struct env_pool *pool, int32_t env, muster_canvas *canvas) {
  return env_block_render_picture(&pool->block, pool->settings, env, canvas);
}

void env_pool_view(struct env_pool *pool, const struct env_viewer *viewer) { pool->viewer = viewer; }

static muster_status show(const struct env_pool *pool, const float *rewards) {
  if (pool->viewer == NULL) return MUSTER_OK;
  return pool->viewer->look(pool->viewer->context, pool, pool->step, rewards, pool->ended);
}

/* ---- wrappers ---- */

/* repeats the bounds of each piece of a frame, once for each stacked frame */
static muster_status repeat_bounds(struct env_pool *pool, const float **bounds) {
  const float *frame = *bounds;
  if (frame == NULL) return MUSTER_OK;
  const size_t piece = pool->frame_elements / pool->pieces, stack = pool->frames * piece;
  float *stacked;
  MUSTER_TRY(ARENA_TAKE(pool->arena, pool->frames * pool->frame_elements, "bounds", &stacked));
  for (size_t i = 0; i < pool->frames * pool->frame_elements; i++)
    stacked[i] = frame[i / stack * piece + i % stack % piece];
  *bounds = stacked;
  return MUSTER_OK;
}

/* frames are stacked along the first dimension; those of images [rows, columns, channels] along the channels, so that
 * each cell has all frames */
static muster_status stack_frames(struct env_pool *pool, int32_t frames) {
  muster_space *space = &pool->spec.observation;
  if (space->kind != MUSTER_SPACE_BOX && space->kind != MUSTER_SPACE_BOX_U8)
    return status_error(MUSTER_ERROR_USAGE,
                        "env.frame_stack: the observations of %s are discrete; only float32 and uint8 are stacked",
                        pool->block.type->name);
  const int along = space->rank == 3 ? 2 : 0;
  int32_t length = space->rank > 0 ? space->shape[along] : 1;
  if ((int64_t)length * frames > INT32_MAX)
    return status_error(MUSTER_ERROR_USAGE, "env.frame_stack: %d frames are too many", (int)frames);
  if (space->rank == 3) pool->pieces = (size_t)space->shape[0] * (size_t)space->shape[1];
  if (space->rank == 0) space->rank = 1;
  space->shape[along] = length * frames;
  pool->frames = (size_t)frames;
  pool->observation_bytes = pool->frames * pool->frame_bytes;
  MUSTER_TRY(repeat_bounds(pool, &space->low));
  MUSTER_TRY(repeat_bounds(pool, &space->high));
  return arena_take(pool->arena, pool->rows, pool->observation_bytes, "stacked observations",
                    (void **)&pool->observation);
}

muster_status env_pool_wrap(struct env_pool *pool, const struct env_wrappers *wrappers) {
  if (wrappers->max_steps > 0) pool->spec.max_steps = wrappers->max_steps;
  pool->falls_back = pool->spec.max_steps == 0 && wrappers->fallback_steps > 0;
  if (pool->falls_back) pool->spec.max_steps = wrappers->fallback_steps;
  pool->max_steps = pool->spec.max_steps > 0 ? pool->spec.max_steps : INT32_MAX;
  if (wrappers->frame_stack > 1) MUSTER_TRY(stack_frames(pool, wrappers->frame_stack));

  pool->group_size = wrappers->group_size;
  pool->action_bounds = wrappers->action_bounds;
  MUSTER_TRY(action_bounds_check(pool->action_bounds, &pool->spec.action, &pool->bounds_actions));
  size_t elements = pool->bounds_actions ? pool->rows * muster_space_elements(&pool->spec.action) : 0;
  return ARENA_TAKE(pool->arena, elements, "actions within bounds", &pool->bounded);
}

/* moves the frames of rows first..last forward by one, piece by piece, and puts the newest behind them; or, in a fresh
 * episode, fills all places with it */
static void push_frames(struct env_pool *pool, size_t first, size_t last, bool fresh) {
  const size_t bytes = pool->frame_bytes / pool->pieces, older = (pool->frames - 1) * bytes;
  const char *piece = pool->frame + first * pool->frame_bytes;
  char *stack = pool->observation + first * pool->observation_bytes;
  for (size_t k = 0; k < (last - first + 1) * pool->pieces; k++, piece += bytes, stack += older + bytes) {
    memmove(stack, stack + bytes, older);
    memcpy(stack + older, piece, bytes);
    for (size_t i = 0; fresh && i + 1 < pool->frames; i++) memcpy(stack + i * bytes, piece, bytes);
  }
}

/* the actions, brought within their bounds, as the environments get them */
static const void *bound_actions(struct env_pool *pool, const void *actions) {
  if (!pool->bounds_actions) return actions;
  action_bounds_apply(pool->action_bounds, &pool->spec.action, pool->rows, actions, pool->bounded);
  return pool->bounded;
}

/* ---- options ---- */

muster_status env_pool_set_option(struct env_pool *pool, const char *key, double value) {
  const muster_env_type *type = pool->block.type;
  muster_env_error error = {""};
  if (!env_block_has_options(&pool->block))
    return status_error(MUSTER_ERROR_USAGE,
                        "the environment %s has no function set_option(): its options stay as they "
                        "are",
                        type->name);
  MUSTER_TRY(env_options_check_key(type, key));
  if (env_block_set_option(&pool->block, key, value, &error) == 0) return MUSTER_OK;
  return status_error(MUSTER_ERROR_USAGE, "the environment %s refuses the value %g: %s", type->name, value, error.text);
}

/* ---- rows ---- */

/* where the observations and masks of one environment are: [agents] rows */
static char *env_observation(const struct env_pool *pool, int32_t env) {
  return pool->observation + (size_t)env * pool->agents * pool->observation_bytes;
}

static uint8_t *env_mask(const struct env_pool *pool, int32_t env) {
  return pool->choices > 0 ? pool->mask + (size_t)env * pool->agents * pool->choices : NULL;
}

/* copies n rows of `bytes` bytes, packed, to rows `stride` bytes apart */
static void copy_rows(void *to, size_t stride, const void *from, size_t bytes, size_t n) {
  char *target = to;
  const char *source = from;
  if (n > 1 && stride == bytes)
    memcpy(target, source, n * bytes);
  else
    for (size_t i = 0; i < n; i++) copy_bytes(target + i * stride, source + i * bytes, bytes);
}

/* the random stream of the running episode of one environment, at its start */
static struct random_stream own_stream(const struct env_pool *pool, int32_t env) {
  return random_stream_start(pool->seed, RANDOM_ENV, (uint32_t)pool->index[env], pool->next_episode[env] - 1);
}

/* whether an environment is not stepped: because it rests, and is not part of a block, whose rows are stepped
 * together */
static bool is_left_out(const struct env_pool *pool, int32_t env) {
  return pool->rests[env] != 0 && pool->block.block == NULL;
}

/* Takes the next index of the list. An environment that finds none rests; if it cannot be left out of the steps, it
 * plays its last episode again. */
static void take_from_list(struct env_pool *pool, int32_t env) {
  pool->next_episode[env] = 0;
  pool->rests[env] = pool->list_next >= pool->list_end;
  if (!pool->rests[env]) pool->index[env] = pool->list_next++;
}

/* the checks still read the results of an environment that is left out, so these have to be valid */
static void leave_out(struct env_pool *pool, int32_t env) {
  const size_t row = (size_t)env * pool->agents;
  memset(pool->frame + row * pool->frame_bytes, 0, pool->agents * pool->frame_bytes);
  if (pool->choices > 0) memset(env_mask(pool, env), 1, pool->agents * pool->choices);
}

/* begins the next episode of one environment, with its own random stream; environments of a group share the start */
static void begin_episode(struct env_pool *pool, int32_t env) {
  if (pool->plays_list) take_from_list(pool, env);
  uint32_t episode = pool->next_episode[env]++, index = (uint32_t)pool->index[env];
  pool->streams[env] = pool->group_size > 1
                           ? random_stream_start(pool->seed, RANDOM_GROUP, index / (uint32_t)pool->group_size, episode)
                           : own_stream(pool, env);
  pool->step[env] = 0;
}

/* resets an environment whose episode has begun */
static muster_status reset_environment(struct env_pool *pool, int32_t env) {
  size_t row = (size_t)env * pool->agents;
  muster_env_error error = {""};
  if (env_block_reset(&pool->block, env, pool->randoms[env], pool->frame + row * pool->frame_bytes, env_mask(pool, env),
                      &error) != 0)
    return env_error(pool, MUSTER_ERROR_ENVIRONMENT, env, NULL, error.text);
  if (pool->group_size > 1) pool->streams[env] = own_stream(pool, env);
  MUSTER_TRY(check_observations(pool, env, env, NULL));
  MUSTER_TRY(check_masks(pool, env, env, NULL));
  if (pool->frames > 1) push_frames(pool, row, row + pool->agents - 1, true);
  return MUSTER_OK;
}

static muster_status start_episode(struct env_pool *pool, int32_t env) {
  begin_episode(pool, env);
  return reset_environment(pool, env);
}

void env_pool_play_list(struct env_pool *pool, int32_t first, int32_t count) {
  pool->plays_list = true;
  pool->list_next = first;
  pool->list_end = first + count;
}

bool env_pool_falls_back(const struct env_pool *pool) { return pool->falls_back; }

int32_t env_pool_episode(const struct env_pool *pool, int32_t env) { return pool->rests[env] ? -1 : pool->index[env]; }

void env_pool_observe(const struct env_pool *pool, void *observation, size_t observation_stride, uint8_t *action_mask,
                      size_t action_mask_stride) {
  if (observation != NULL)
    copy_rows(observation, observation_stride, pool->observation, pool->observation_bytes, pool->rows);
  if (action_mask != NULL) copy_rows(action_mask, action_mask_stride, pool->mask, pool->choices, pool->rows);
}

muster_status env_pool_reset(struct env_pool *pool, void *observation, size_t observation_stride) {
  for (int32_t env = 0; env < pool->count; env++) MUSTER_TRY(start_episode(pool, env));
  foreign_look();
  env_pool_observe(pool, observation, observation_stride, NULL, 0);
  memset(pool->ended, 0, (size_t)pool->count);
  return show(pool, NULL);
}

muster_status env_pool_restart(struct env_pool *pool, uint32_t episode) {
  for (int32_t env = 0; env < pool->count; env++) {
    pool->next_episode[env] = episode;
    MUSTER_TRY(start_episode(pool, env));
  }
  return MUSTER_OK;
}

/* ---- step ---- */

static muster_status step_environments(struct env_pool *pool, const void *actions) {
  muster_env_block_result result = {.observation = pool->frame,
                                    .observation_stride = pool->agents * pool->frame_bytes,
                                    .reward = pool->reward,
                                    .reward_stride = pool->agents * sizeof *pool->reward,
                                    .action_mask = env_mask(pool, 0),
                                    .action_mask_stride = pool->agents * pool->choices,
                                    .terminated = pool->terminated,
                                    .truncated = pool->truncated};
  muster_env_error error = {""};
  if (env_block_step(&pool->block, actions, pool->randoms, &result, &error) == 0) return MUSTER_OK;
  if (result.failed_row >= 0 && result.failed_row < pool->count)
    return env_error(pool, MUSTER_ERROR_ENVIRONMENT, result.failed_row, actions, error.text);
  return status_error(MUSTER_ERROR_ENVIRONMENT, "one of the environments %d to %d (%s, seed %llu): %s",
                      (int)pool->first, (int)(pool->first + pool->count - 1), pool->block.type->name,
                      (unsigned long long)pool->seed, error.text);
}

/* notes what happened to the processes of isolated environments, for the report */
static void note_losses(struct env_pool *pool, const void *actions) {
  struct env_restarts *restarts = &pool->restarts;
  struct env_loss loss;
  while (isolation_take_loss(pool->block.type, pool->block.block, &loss)) {
    restarts->count += loss.restarts;
    restarts->stays_dead |= loss.stays_dead;
    if (restarts->texts == ENV_RESTART_TEXTS) continue;
    char what[600];
    snprintf(what, sizeof what, "%s%s; %d running episodes are lost%s", loss.text,
             loss.is_row_known ? "" : " (of this environment or another one of its process)", (int)loss.count,
             loss.stays_dead ? ", and env.max_restarts is reached" : ", the process is started again");
    muster_status status = env_error(pool, MUSTER_ERROR_ENVIRONMENT, loss.row, actions, what);
    snprintf(restarts->text[restarts->texts], sizeof restarts->text[0], "%s", muster_status_message(status));
    restarts->texts++;
    muster_status_clear(&status);
  }
}

/* handles the error of a check: ends the episode of each environment with a fault, and keeps the text of the first
 * fault */
static void tolerate(struct env_pool *pool, muster_status status) {
  if (pool->faults == 0) snprintf(pool->first_fault, sizeof pool->first_fault, "%s", muster_status_message(status));
  muster_status_clear(&status);
  const size_t elements = pool->agents * pool->frame_elements;
  for (int32_t env = 0; env < pool->count; env++) {
    bool has_floats = pool->block.spec.observation.kind == MUSTER_SPACE_BOX;
    float *reward = pool->reward + (size_t)env * pool->agents;
    const float *frames = (const float *)(pool->frame + (size_t)env * pool->agents * pool->frame_bytes);
    if (values_are_finite(reward, pool->agents) && (!has_floats || values_are_finite(frames, elements))) continue;
    pool->faults++;
    for (size_t agent = 0; agent < pool->agents; agent++) reward[agent] = 0.0f;
    pool->terminated[env] = 1;
  }
}

/* rewards and observations have to be valid, unless faults are tolerated */
static muster_status check_results(struct env_pool *pool, const void *actions) {
  muster_status status = check_rewards(pool, actions);
  if (status == MUSTER_OK) status = check_observations(pool, 0, pool->count - 1, actions);
  if (muster_status_code(status) != MUSTER_ERROR_NUMERIC || !pool->tolerates_faults) return status;
  tolerate(pool, status);
  return MUSTER_OK;
}

/* merges the flags of the environments with the step limit into `ended`; tells whether any episode ended */
static bool mark_ended(struct env_pool *pool) {
  const uint8_t *restrict terminated = pool->terminated, *restrict truncated = pool->truncated;
  const int32_t *restrict step = pool->step, limit = pool->max_steps;
  uint8_t *restrict ended = pool->ended, any = 0;
  const size_t n = (size_t)pool->count;
  for (size_t i = 0; i < n; i++) {
    const uint8_t is_terminated = terminated[i] != 0, is_truncated = (truncated[i] != 0) | (step[i] >= limit);
    ended[i] = (uint8_t)(is_terminated * ENV_TERMINATED | is_truncated * ENV_TRUNCATED);
    any |= ended[i];
  }
  return any != 0;
}

/* the masks of an environment at the end of an episode, where an environment need not say anything */
static void copy_final_masks(const struct env_pool *pool, int32_t env, uint8_t *out) {
  const muster_space *space = &pool->spec.action;
  const uint8_t *mask = env_mask(pool, env);
  for (size_t agent = 0; agent < pool->agents; agent++)
    for (size_t i = 0; i < muster_space_elements(space); i++) {
      const size_t n = (size_t)space->counts[i];
      uint8_t allowed = 0;
      for (size_t a = 0; a < n; a++) allowed |= mask[a];
      for (size_t a = 0; a < n; a++) out[a] = allowed != 0 ? mask[a] : 1;
      mask += n;
      out += n;
    }
}

static muster_status append_final(const struct env_pool *pool, int32_t env, int32_t time,
                                  struct final_observations *final_observations) {
  if (final_observations->count >= final_observations->capacity)
    return status_error(MUSTER_ERROR_INTERNAL, "more than %d last observations in one rollout",
                        (int)final_observations->capacity);
  const size_t bytes = pool->agents * pool->observation_bytes;
  final_observations->environment[final_observations->count] = pool->first + env;
  final_observations->step[final_observations->count] = time;
  memcpy((char *)final_observations->observation + (size_t)final_observations->count * bytes,
         env_observation(pool, env), bytes);
  if (pool->choices > 0 && final_observations->mask != NULL)
    copy_final_masks(pool, env,
                     final_observations->mask + (size_t)final_observations->count * pool->agents * pool->choices);
  final_observations->count++;
  return MUSTER_OK;
}

/* keeps the last observations of truncated episodes, then starts the next episode where one ended */
static muster_status finish_episodes(struct env_pool *pool, int32_t time,
                                     struct final_observations *final_observations) {
  for (int32_t env = 0; env < pool->count; env++) {
    if (pool->ended[env] == 0) continue;
    if (pool->ended[env] == ENV_TRUNCATED && final_observations != NULL)
      MUSTER_TRY(append_final(pool, env, time, final_observations));
    begin_episode(pool, env);
  }
  isolation_reset_ended(pool->block.type, pool->block.block, pool->ended, pool->randoms);
  for (int32_t env = 0; env < pool->count; env++) {
    if (pool->ended[env] == 0) continue;
    if (is_left_out(pool, env))
      leave_out(pool, env);
    else
      MUSTER_TRY(reset_environment(pool, env));
  }
  return MUSTER_OK;
}

/* counts a step of each environment that is stepped */
static void count_step(struct env_pool *pool) {
  int32_t *restrict step = pool->step;
  const uint8_t *restrict rests = pool->rests;
  const size_t n = (size_t)pool->count;
  if (pool->block.block != NULL)
    for (size_t i = 0; i < n; i++) step[i]++;
  else
    for (size_t i = 0; i < n; i++) step[i] += rests[i] == 0;
}

muster_status env_pool_step(struct env_pool *pool, const void *actions, int32_t time, struct env_pool_result *result) {
  const size_t n = (size_t)pool->count;
  count_step(pool);
  const void *bounded = bound_actions(pool, actions);
  MUSTER_TRY(step_environments(pool, bounded));
  if (isolation_wraps(pool->block.type)) note_losses(pool, bounded);
  MUSTER_TRY(check_results(pool, bounded));
  if (pool->frames > 1) push_frames(pool, 0, pool->rows - 1, false);
  bool any_ended = mark_ended(pool);
  MUSTER_TRY(show(pool, pool->reward));
  if (any_ended) MUSTER_TRY(finish_episodes(pool, time, result->final_observations));
  MUSTER_TRY(check_masks(pool, 0, pool->count - 1, bounded));

  env_pool_observe(pool, result->observation, result->observation_stride, NULL, 0);
  copy_rows(result->reward, result->reward_stride, pool->reward, sizeof *pool->reward, pool->rows);
  copy_rows(result->ended, result->ended_stride, pool->ended, sizeof *pool->ended, n);
  return MUSTER_OK;
}

/* ---- faults that are tolerated ---- */

void env_pool_tolerate_faults(struct env_pool *pool) { pool->tolerates_faults = true; }

int32_t env_pool_take_faults(struct env_pool *pool, const char **first) {
  int32_t faults = pool->faults;
  if (faults == 0) pool->first_fault[0] = '\0';
  pool->faults = 0;
  *first = pool->first_fault;
  return faults;
}

void env_pool_take_restarts(struct env_pool *pool, struct env_restarts *out) {
  *out = pool->restarts;
  pool->restarts = (struct env_restarts){0};
}

/* ---- state ---- */

/* the head of a saved environment, in the byte order of the host; the simulator's state, the observations and the masks
 * follow
 */
struct saved_head {
  uint32_t environment; /* global index */
  uint32_t has_state;   /* 0: the type can't save, and the bytes of its state are zero */
  uint32_t next_episode;
  int32_t step;
  uint32_t stream_counter, stream_remaining, stream_block[4];
};

size_t env_pool_state_bytes(const struct env_pool *pool) {
  return sizeof(struct saved_head) + pool->spec.state_bytes + pool->agents * (pool->observation_bytes + pool->choices);
}

void env_pool_save(const struct env_pool *pool, int32_t env, void *bytes) {
  const struct random_stream *stream = &pool->streams[env];
  struct saved_head head = {.environment = (uint32_t)pool->index[env],
                            .has_state = env_block_can_save(&pool->block),
                            .next_episode = pool->next_episode[env],
                            .step = pool->step[env],
                            .stream_counter = stream->counter,
                            .stream_remaining = stream->remaining};
  memcpy(head.stream_block, stream->block, sizeof head.stream_block);
  const size_t observations = pool->agents * pool->observation_bytes;
  char *state = (char *)bytes + sizeof head, *seen = state + pool->spec.state_bytes;
  memset(bytes, 0, env_pool_state_bytes(pool));
  if (head.has_state) head.has_state = env_block_save(&pool->block, env, state);
  memcpy(bytes, &head, sizeof head);
  memcpy(seen, env_observation(pool, env), observations);
  if (pool->choices > 0) memcpy(seen + observations, env_mask(pool, env), pool->agents * pool->choices);
}

void env_pool_save_lost(const struct env_pool *pool, int32_t env, uint32_t episode, void *bytes) {
  const struct saved_head head = {.environment = (uint32_t)env, .next_episode = episode};
  memset(bytes, 0, env_pool_state_bytes(pool));
  memcpy(bytes, &head, sizeof head);
}

void env_pool_forget(const struct env_pool *pool, void *bytes) {
  struct saved_head head;
  memcpy(&head, bytes, sizeof head);
  env_pool_save_lost(pool, (int32_t)head.environment, head.next_episode, bytes);
}

bool env_pool_is_lost(const void *bytes) {
  struct saved_head head;
  memcpy(&head, bytes, sizeof head);
  return !head.has_state;
}

/* the error where a saved number of the pool has a value that no pool could have saved */
static muster_status saved_error(const struct env_pool *pool, int32_t env, const char *what, long long value,
                                 long long least, long long most) {
  return status_error(MUSTER_ERROR_FORMAT, "%s of the saved environment %d (%s) is %lld, not in %lld to %lld", what,
                      (int)(pool->first + env), pool->block.type->name, value, least, most);
}

static muster_status check_head(const struct env_pool *pool, int32_t env, const struct saved_head *head) {
  if (head->has_state > 1) return saved_error(pool, env, "has_state", head->has_state, 0, 1);
  if (!head->has_state) return MUSTER_OK;
  if (head->next_episode == 0) return saved_error(pool, env, "the next episode", 0, 1, UINT32_MAX);
  if (head->step < 0 || head->step >= pool->max_steps)
    return saved_error(pool, env, "the step", head->step, 0, pool->max_steps - 1);
  if (head->stream_remaining > 4)
    return saved_error(pool, env, "the rest of the random numbers", head->stream_remaining, 0, 4);
  return MUSTER_OK;
}

/* restores observations [agents, frames] and masks as they were saved, since the environment does not write them
 * again */
static muster_status check_seen(const struct env_pool *pool, int32_t env) {
  const void *observation = env_observation(pool, env);
  const muster_space *space = &pool->spec.observation;
  const size_t n = pool->agents * muster_space_elements(space), wrong = space_find_wrong(space, observation, n);
  if (wrong == n) return check_masks(pool, env, env, NULL);
  char what[64];
  space_describe_wrong(space, observation, wrong, what, sizeof what);
  return status_error(MUSTER_ERROR_FORMAT, "element %zu of the observation of the saved environment %d (%s) is %s",
                      wrong, (int)(pool->first + env), pool->block.type->name, what);
}

/* puts one environment into the saved state, in the middle of its episode */
static muster_status restore(struct env_pool *pool, int32_t env, const struct saved_head *head, const char *state) {
  muster_env_error error = {""};
  if (env_block_load(&pool->block, env, state, &error) != 0)
    return status_error(MUSTER_ERROR_FORMAT, "environment %d (%s) cannot take the saved state: %s",
                        (int)pool->index[env], pool->block.type->name, error.text);
  pool->step[env] = head->step;
  struct random_stream *stream = &pool->streams[env];
  *stream = random_stream_start(pool->seed, RANDOM_ENV, head->environment, head->next_episode - 1);
  stream->counter = head->stream_counter;
  stream->remaining = head->stream_remaining;
  memcpy(stream->block, head->stream_block, sizeof head->stream_block);
  const size_t observations = pool->agents * pool->observation_bytes;
  const char *seen = state + pool->spec.state_bytes;
  memcpy(env_observation(pool, env), seen, observations);
  if (pool->choices > 0) memcpy(env_mask(pool, env), seen + observations, pool->agents * pool->choices);
  return check_seen(pool, env);
}

muster_status env_pool_load(struct env_pool *pool, int32_t env, const void *bytes, void *observation, bool *restarted) {
  struct saved_head head;
  memcpy(&head, bytes, sizeof head);
  if (head.environment != (uint32_t)pool->index[env])
    return status_error(MUSTER_ERROR_FORMAT, "the saved state of environment %u was offered to environment %d",
                        (unsigned)head.environment, (int)pool->index[env]);
  MUSTER_TRY(check_head(pool, env, &head));
  pool->next_episode[env] = head.next_episode;
  *restarted = !(head.has_state && env_block_can_save(&pool->block));
  if (*restarted)
    MUSTER_TRY(start_episode(pool, env));
  else
    MUSTER_TRY(restore(pool, env, &head, (const char *)bytes + sizeof head));
  if (observation != NULL) memcpy(observation, env_observation(pool, env), pool->agents * pool->observation_bytes);
  return MUSTER_OK;
}
