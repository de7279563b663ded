#include "env/pool.h"

#include "base/arena.h"
#include "base/random.h"
#include "env/block.h"
#include "env/options.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Arrays have one entry for each environment of the pool. The environments write into arrays of the pool, which keeps
 * the current observations for env_pool_save() and lets the checks run over contiguous memory; each step copies them
 * out to the caller's rows. */
struct env_pool {
  struct arena *arena;
  struct env_block block;
  const muster_env_setting *settings;
  uint64_t seed;
  int32_t first, count;
  int32_t max_steps; /* INT32_MAX: no limit */
  size_t observation_elements, observation_bytes;

  char *observation; /* [count, observation elements] the current one */
  float *reward;
  uint8_t *terminated, *truncated, *ended;
  int32_t *step;          /* steps of the running episode */
  uint32_t *next_episode; /* number of the episode that the next reset starts */
  bool tolerates_faults;
  int32_t faults;
  char first_fault[512];
  struct random_stream *streams;
  muster_random **randoms; /* the streams as the environments see them */
};

/* ---- errors ---- */

static void format_action(const muster_space *space, const void *actions, int32_t row, char *text, size_t size) {
  size_t elements = muster_space_elements(space), used = 0;
  const char *bytes = (const char *)actions + (size_t)row * muster_space_bytes(space);
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

/* an error of one environment, at its reset when `actions` is NULL */
static muster_status row_error(const struct env_pool *pool, muster_code code, int32_t row, const void *actions,
                               const char *what) {
  char action[128] = "", moment[192] = "at reset";
  if (actions != NULL) {
    format_action(&pool->block.spec.action, actions, row, action, sizeof action);
    snprintf(moment, sizeof moment, "step %d, action %s", (int)pool->step[row], action);
  }
  return status_error(code, "environment %d (%s, seed %llu), episode %u, %s: %s", (int)(pool->first + row),
                      pool->block.type->name, (unsigned long long)pool->seed, (unsigned)(pool->next_episode[row] - 1),
                      moment, what);
}

static bool all_finite(const float *values, size_t n) {
  size_t finite = 0;
  for (size_t i = 0; i < n; i++) finite += fabsf(values[i]) <= FLT_MAX;
  return finite == n;
}

/* names the first element that is not finite in the observations of rows first..last */
static muster_status check_observations(const struct env_pool *pool, int32_t first, int32_t last, const void *actions) {
  if (pool->block.spec.observation.kind != MUSTER_SPACE_BOX) return MUSTER_OK;
  const size_t elements = pool->observation_elements;
  const float *values = (const float *)pool->observation + (size_t)first * elements;
  const size_t n = (size_t)(last - first + 1) * elements;
  if (all_finite(values, n)) return MUSTER_OK;
  size_t i = 0;
  while (isfinite(values[i])) i++;
  char what[96];
  snprintf(what, sizeof what, "element %zu of the observation is %g, not a finite number", i % elements,
           (double)values[i]);
  return row_error(pool, MUSTER_ERROR_NUMERIC, first + (int32_t)(i / elements), actions, what);
}

static muster_status check_rewards(const struct env_pool *pool, const void *actions) {
  if (all_finite(pool->reward, (size_t)pool->count)) return MUSTER_OK;
  int32_t row = 0;
  while (isfinite(pool->reward[row])) row++;
  char what[64];
  snprintf(what, sizeof what, "the reward is %g, not a finite number", (double)pool->reward[row]);
  return row_error(pool, MUSTER_ERROR_NUMERIC, row, actions, what);
}

/* ---- life ---- */

static muster_status take_arrays(struct env_pool *pool) {
  const size_t n = (size_t)pool->count;
  MUSTER_TRY(arena_take(pool->arena, n, pool->observation_bytes, "observations", (void **)&pool->observation));
  MUSTER_TRY(ARENA_TAKE(pool->arena, n, "rewards", &pool->reward));
  MUSTER_TRY(ARENA_TAKE(pool->arena, n, "environment flags", &pool->terminated));
  MUSTER_TRY(ARENA_TAKE(pool->arena, n, "environment flags", &pool->truncated));
  MUSTER_TRY(ARENA_TAKE(pool->arena, n, "environment flags", &pool->ended));
  MUSTER_TRY(ARENA_TAKE(pool->arena, n, "step counters", &pool->step));
  MUSTER_TRY(ARENA_TAKE(pool->arena, n, "episode counters", &pool->next_episode));
  MUSTER_TRY(ARENA_TAKE(pool->arena, n, "random streams", &pool->streams));
  MUSTER_TRY(ARENA_TAKE(pool->arena, n, "random streams", &pool->randoms));
  for (size_t i = 0; i < n; i++) pool->randoms[i] = &pool->streams[i].base;
  return MUSTER_OK;
}

static muster_status open_pool(struct env_pool *pool, const muster_env_type *type, const muster_env_setting *options) {
  MUSTER_TRY(arena_create(&pool->arena));
  MUSTER_TRY(env_options_match(type, options, pool->arena, &pool->settings));
  MUSTER_TRY(env_block_create(type, pool->settings, pool->count, pool->arena, &pool->block));
  const muster_env_spec *spec = &pool->block.spec;
  pool->max_steps = spec->max_steps > 0 ? spec->max_steps : INT32_MAX;
  pool->observation_elements = muster_space_elements(&spec->observation);
  pool->observation_bytes = muster_space_bytes(&spec->observation);
  return take_arrays(pool);
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

const muster_env_spec *env_pool_spec(const struct env_pool *pool) { return &pool->block.spec; }

void env_pool_render_text(const struct env_pool *pool, int32_t row, char *text, size_t size) {
  env_block_render_text(&pool->block, pool->settings, row, text, size);
}

/* ---- rows ---- */

static char *observation_row(const struct env_pool *pool, int32_t row) {
  return pool->observation + (size_t)row * pool->observation_bytes;
}

/* copies n rows of `bytes` bytes, packed, to rows `stride` bytes apart */
static void copy_rows(void *to, size_t stride, const void *from, size_t bytes, size_t n) {
  if (stride == bytes) {
    memcpy(to, from, n * bytes);
    return;
  }
  for (size_t i = 0; i < n; i++) {
    char *target = (char *)to + i * stride;
    const char *source = (const char *)from + i * bytes;
    /* whole 16-byte pieces first: a short row then takes no call of memcpy() */
    size_t done = 0;
    for (; bytes <= 256 && done + 16 <= bytes; done += 16) memcpy(target + done, source + done, 16);
    if (done < bytes) memcpy(target + done, source + done, bytes - done);
  }
}

/* starts the next episode of one environment, on a random stream of its own */
static muster_status start_episode(struct env_pool *pool, int32_t row) {
  uint32_t episode = pool->next_episode[row]++;
  pool->streams[row] = random_stream_start(pool->seed, RANDOM_ENV, (uint32_t)(pool->first + row), episode);
  pool->step[row] = 0;
  muster_env_error error = {""};
  if (env_block_reset(&pool->block, row, pool->randoms[row], observation_row(pool, row), &error) != 0)
    return row_error(pool, MUSTER_ERROR_ENVIRONMENT, row, NULL, error.text);
  return check_observations(pool, row, row, NULL);
}

muster_status env_pool_reset(struct env_pool *pool, void *observation, size_t observation_stride) {
  for (int32_t row = 0; row < pool->count; row++) MUSTER_TRY(start_episode(pool, row));
  copy_rows(observation, observation_stride, pool->observation, pool->observation_bytes, (size_t)pool->count);
  return MUSTER_OK;
}

/* ---- step ---- */

static muster_status step_environments(struct env_pool *pool, const void *actions) {
  muster_env_block_result result = {.observation = pool->observation,
                                    .observation_stride = pool->observation_bytes,
                                    .reward = pool->reward,
                                    .reward_stride = sizeof *pool->reward,
                                    .terminated = pool->terminated,
                                    .truncated = pool->truncated};
  muster_env_error error = {""};
  if (env_block_step(&pool->block, actions, pool->randoms, &result, &error) == 0) return MUSTER_OK;
  if (result.failed_row >= 0 && result.failed_row < pool->count)
    return row_error(pool, MUSTER_ERROR_ENVIRONMENT, result.failed_row, actions, error.text);
  return status_error(MUSTER_ERROR_ENVIRONMENT, "one of the environments %d to %d (%s, seed %llu): %s",
                      (int)pool->first, (int)(pool->first + pool->count - 1), pool->block.type->name,
                      (unsigned long long)pool->seed, error.text);
}

/* takes the error of a check: ends the episode of each row with a fault, and keeps the text of the first one */
static void tolerate(struct env_pool *pool, muster_status status) {
  if (pool->faults == 0) snprintf(pool->first_fault, sizeof pool->first_fault, "%s", muster_status_message(status));
  muster_status_clear(&status);
  for (int32_t row = 0; row < pool->count; row++) {
    const float *observation = (const float *)observation_row(pool, row);
    bool has_floats = pool->block.spec.observation.kind == MUSTER_SPACE_BOX;
    if (isfinite(pool->reward[row]) && (!has_floats || all_finite(observation, pool->observation_elements))) continue;
    pool->faults++;
    pool->reward[row] = 0.0f;
    pool->terminated[row] = 1;
  }
}

/* rewards and observations have to be finite, unless faults are tolerated */
static muster_status check_results(struct env_pool *pool, const void *actions) {
  muster_status status = check_rewards(pool, actions);
  if (status == MUSTER_OK) status = check_observations(pool, 0, pool->count - 1, actions);
  if (status == MUSTER_OK || !pool->tolerates_faults) return status;
  tolerate(pool, status);
  return MUSTER_OK;
}

/* merges the flags of the environments with the step limit into `ended`; tells whether any episode ended */
static bool mark_ended(struct env_pool *pool) {
  uint8_t any = 0;
  for (int32_t i = 0; i < pool->count; i++) {
    uint8_t terminated = pool->terminated[i] != 0;
    uint8_t truncated = (pool->truncated[i] != 0) | (pool->step[i] >= pool->max_steps);
    pool->ended[i] = (uint8_t)(terminated * ENV_TERMINATED | truncated * ENV_TRUNCATED);
    any |= pool->ended[i];
  }
  return any != 0;
}

static muster_status append_final(const struct env_pool *pool, int32_t row, int32_t time, struct env_finals *finals) {
  if (finals->count >= finals->capacity)
    return status_error(MUSTER_ERROR_INTERNAL, "more than %d last observations in one rollout", (int)finals->capacity);
  finals->environment[finals->count] = pool->first + row;
  finals->step[finals->count] = time;
  memcpy((char *)finals->observation + (size_t)finals->count * pool->observation_bytes, observation_row(pool, row),
         pool->observation_bytes);
  finals->count++;
  return MUSTER_OK;
}

/* keeps the last observations of truncated episodes, then starts the next episode where one ended */
static muster_status finish_episodes(struct env_pool *pool, int32_t time, struct env_finals *finals) {
  for (int32_t row = 0; row < pool->count; row++) {
    if (pool->ended[row] == 0) continue;
    if (pool->ended[row] == ENV_TRUNCATED && finals != NULL) MUSTER_TRY(append_final(pool, row, time, finals));
    MUSTER_TRY(start_episode(pool, row));
  }
  return MUSTER_OK;
}

muster_status env_pool_step(struct env_pool *pool, const void *actions, int32_t time, struct env_pool_result *result) {
  const size_t n = (size_t)pool->count;
  for (size_t i = 0; i < n; i++) pool->step[i]++;
  MUSTER_TRY(step_environments(pool, actions));
  MUSTER_TRY(check_results(pool, actions));
  if (mark_ended(pool)) MUSTER_TRY(finish_episodes(pool, time, result->finals));

  copy_rows(result->observation, result->observation_stride, pool->observation, pool->observation_bytes, n);
  copy_rows(result->reward, result->reward_stride, pool->reward, sizeof *pool->reward, n);
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

/* ---- state ---- */

/* the head of a saved environment, followed by the simulator's state and the observation; host byte order */
struct saved_head {
  uint32_t environment; /* global index */
  uint32_t has_state;   /* 0: the type can't save, and the bytes of its state are zero */
  uint32_t next_episode;
  int32_t step;
  uint32_t stream_counter, stream_remaining, stream_block[4];
};

size_t env_pool_state_bytes(const struct env_pool *pool) {
  return sizeof(struct saved_head) + pool->block.spec.state_bytes + pool->observation_bytes;
}

void env_pool_save(const struct env_pool *pool, int32_t row, void *bytes) {
  const struct random_stream *stream = &pool->streams[row];
  struct saved_head head = {.environment = (uint32_t)(pool->first + row),
                            .has_state = env_block_can_save(&pool->block),
                            .next_episode = pool->next_episode[row],
                            .step = pool->step[row],
                            .stream_counter = stream->counter,
                            .stream_remaining = stream->remaining};
  memcpy(head.stream_block, stream->block, sizeof head.stream_block);
  char *state = (char *)bytes + sizeof head;
  memset(bytes, 0, env_pool_state_bytes(pool));
  memcpy(bytes, &head, sizeof head);
  if (head.has_state) env_block_save(&pool->block, row, state);
  memcpy(state + pool->block.spec.state_bytes, observation_row(pool, row), pool->observation_bytes);
}

/* puts one environment where the saved one was, in the middle of its episode */
static muster_status restore(struct env_pool *pool, int32_t row, const struct saved_head *head, const char *state) {
  if (head->stream_remaining > 4)
    return status_error(MUSTER_ERROR_FORMAT, "the saved random stream of environment %d is damaged",
                        (int)(pool->first + row));
  muster_env_error error = {""};
  if (env_block_load(&pool->block, row, state, &error) != 0)
    return status_error(MUSTER_ERROR_FORMAT, "environment %d (%s) cannot take the saved state: %s",
                        (int)(pool->first + row), pool->block.type->name, error.text);
  pool->step[row] = head->step;
  struct random_stream *stream = &pool->streams[row];
  *stream = random_stream_start(pool->seed, RANDOM_ENV, head->environment, head->next_episode - 1);
  stream->counter = head->stream_counter;
  stream->remaining = head->stream_remaining;
  memcpy(stream->block, head->stream_block, sizeof head->stream_block);
  memcpy(observation_row(pool, row), state + pool->block.spec.state_bytes, pool->observation_bytes);
  return MUSTER_OK;
}

muster_status env_pool_load(struct env_pool *pool, int32_t row, const void *bytes, void *observation, bool *restarted) {
  struct saved_head head;
  memcpy(&head, bytes, sizeof head);
  if (head.environment != (uint32_t)(pool->first + row))
    return status_error(MUSTER_ERROR_FORMAT, "the saved state of environment %u was offered to environment %d",
                        (unsigned)head.environment, (int)(pool->first + row));
  pool->next_episode[row] = head.next_episode;
  *restarted = !(head.has_state && env_block_can_save(&pool->block));
  if (*restarted)
    MUSTER_TRY(start_episode(pool, row));
  else
    MUSTER_TRY(restore(pool, row, &head, (const char *)bytes + sizeof head));
  memcpy(observation, observation_row(pool, row), pool->observation_bytes);
  return MUSTER_OK;
}
