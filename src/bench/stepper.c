#include "bench/stepper.h"

#include "env/options.h"

#include <string.h>

/* --- buffers --- */

#define ROUNDS 64 /* number of action sets that are drawn */

/* draws one action of the space */
static void draw_action(const muster_space *space, muster_random *random, void *action) {
  for (size_t i = 0; i < muster_space_elements(space); i++) {
    if (space->kind == MUSTER_SPACE_BOX) {
      ((float *)action)[i] = action_bounds_draw(space, i, random);
    } else {
      ((int32_t *)action)[i] = (int32_t)muster_random_below(random, (uint32_t)space->counts[i]);
    }
  }
}

static muster_status create_buffers(const muster_env_spec *spec, int32_t n_envs, struct arena *arena,
                                    struct step_buffers *buffers) {
  size_t n = (size_t)n_envs, rows = n * (size_t)spec->agents, action_bytes = muster_space_bytes(&spec->action);
  *buffers = (struct step_buffers){
      .n_envs = n_envs,
      .agents = spec->agents,
      .rounds = ROUNDS,
      .round_bytes = rows * action_bytes,
      .observation_bytes = (size_t)spec->agents * muster_space_bytes(&spec->observation),
      .mask_bytes = spec->masks_actions ? (size_t)spec->agents * env_block_choices(&spec->action) : 0,
  };
  MUSTER_TRY(ARENA_TAKE(arena, ROUNDS * buffers->round_bytes, "actions", &buffers->actions));
  MUSTER_TRY(ARENA_TAKE(arena, n * buffers->observation_bytes, "observations", &buffers->observation));
  MUSTER_TRY(ARENA_TAKE(arena, rows, "rewards", &buffers->reward));
  MUSTER_TRY(ARENA_TAKE(arena, n * buffers->mask_bytes, "action masks", &buffers->mask));
  MUSTER_TRY(ARENA_TAKE(arena, n, "episode ends", &buffers->ended));
  MUSTER_TRY(ARENA_TAKE(arena, n, "episode ends", &buffers->ended_2));
  struct random_stream stream = random_stream_start(1, RANDOM_ACTION, 0, 0);
  for (size_t i = 0; i < ROUNDS * rows; i++)
    draw_action(&spec->action, &stream.base, buffers->actions + i * action_bytes);
  return MUSTER_OK;
}

size_t stepper_step_bytes(const struct step_buffers *buffers) {
  return buffers->round_bytes / (size_t)buffers->n_envs + buffers->observation_bytes +
         (size_t)buffers->agents * sizeof(float) + 1;
}

/* --- through the pool --- */

static muster_status step_pool(void *context) {
  struct pool_stepper *stepper = context;
  struct step_buffers *buffers = &stepper->buffers;
  struct env_pool_result result = {
      .observation = buffers->observation,
      .observation_stride = buffers->observation_bytes / (size_t)buffers->agents,
      .reward = buffers->reward,
      .reward_stride = sizeof(float),
      .ended = buffers->ended,
      .ended_stride = 1,
      .final_observations = &stepper->final_observations,
  };
  for (size_t round = 0; round < buffers->rounds; round++) {
    stepper->final_observations.count = 0;
    MUSTER_TRY(env_pool_step(stepper->pool, buffers->actions + round * buffers->round_bytes, (int32_t)round, &result));
  }
  return MUSTER_OK;
}

muster_status pool_stepper_create(const muster_env_type *type, int32_t n_envs, struct arena *arena,
                                  struct pool_stepper *stepper) {
  *stepper = (struct pool_stepper){.work = {.run = step_pool, .context = stepper}};
  MUSTER_TRY(env_pool_create(type, NULL, 1, 0, n_envs, &stepper->pool));
  struct step_buffers *buffers = &stepper->buffers;
  MUSTER_TRY(create_buffers(env_pool_spec(stepper->pool), n_envs, arena, buffers));
  struct final_observations *final_observations = &stepper->final_observations;
  size_t n = (size_t)n_envs;
  final_observations->capacity = n_envs;
  MUSTER_TRY(ARENA_TAKE(arena, n, "final observations", &final_observations->environment));
  MUSTER_TRY(ARENA_TAKE(arena, n, "final observations", &final_observations->step));
  MUSTER_TRY(arena_take(arena, n, buffers->observation_bytes, "final observations", &final_observations->observation));
  return env_pool_reset(stepper->pool, buffers->observation, buffers->observation_bytes / (size_t)buffers->agents);
}

void pool_stepper_destroy(struct pool_stepper *stepper) { env_pool_destroy(&stepper->pool); }

/* --- the environment's own functions --- */

static muster_status failed(const struct block_stepper *stepper, const muster_env_error *error) {
  return status_error(MUSTER_ERROR_ENVIRONMENT, "%s: %s", stepper->block.type->name, error->text);
}

static muster_status reset_row(struct block_stepper *stepper, int32_t row) {
  struct step_buffers *buffers = &stepper->buffers;
  muster_env_error error = {""};
  void *observation = buffers->observation + (size_t)row * buffers->observation_bytes;
  uint8_t *mask = buffers->mask_bytes > 0 ? buffers->mask + (size_t)row * buffers->mask_bytes : NULL;
  if (env_block_reset(&stepper->block, row, stepper->randoms[row], observation, mask, &error) != 0)
    return failed(stepper, &error);
  return MUSTER_OK;
}

/* starts a new episode where one ended; looks at eight environments at once */
static muster_status reset_ended(struct block_stepper *stepper) {
  const uint8_t *terminated = stepper->buffers.ended, *truncated = stepper->buffers.ended_2;
  int32_t n = stepper->buffers.n_envs;
  for (int32_t first = 0; first < n; first += 8) {
    int32_t count = n - first < 8 ? n - first : 8;
    uint64_t a = 0, b = 0;
    memcpy(&a, terminated + first, (size_t)count);
    memcpy(&b, truncated + first, (size_t)count);
    if ((a | b) == 0) continue;
    for (int32_t row = first; row < first + count; row++)
      if (terminated[row] || truncated[row]) MUSTER_TRY(reset_row(stepper, row));
  }
  return MUSTER_OK;
}

static muster_status step_block(void *context) {
  struct block_stepper *stepper = context;
  struct step_buffers *buffers = &stepper->buffers;
  muster_env_block_result result = {
      .observation = buffers->observation,
      .observation_stride = buffers->observation_bytes,
      .reward = buffers->reward,
      .reward_stride = (size_t)buffers->agents * sizeof(float),
      .action_mask = buffers->mask_bytes > 0 ? buffers->mask : NULL,
      .action_mask_stride = buffers->mask_bytes,
      .terminated = buffers->ended,
      .truncated = buffers->ended_2,
  };
  for (size_t round = 0; round < buffers->rounds; round++) {
    muster_env_error error = {""};
    const void *actions = buffers->actions + round * buffers->round_bytes;
    if (env_block_step(&stepper->block, actions, stepper->randoms, &result, &error) != 0)
      return failed(stepper, &error);
    MUSTER_TRY(reset_ended(stepper));
  }
  return MUSTER_OK;
}

muster_status block_stepper_create(const muster_env_type *type, int32_t n_envs, struct arena *arena,
                                   struct block_stepper *stepper) {
  *stepper = (struct block_stepper){.work = {.run = step_block, .context = stepper}};
  const muster_env_setting *settings;
  MUSTER_TRY(env_options_match(type, NULL, arena, &settings));
  MUSTER_TRY(env_block_create(type, settings, n_envs, NULL, arena, &stepper->block));
  MUSTER_TRY(create_buffers(&stepper->block.spec, n_envs, arena, &stepper->buffers));
  MUSTER_TRY(ARENA_TAKE(arena, (size_t)n_envs, "random streams", &stepper->streams));
  MUSTER_TRY(ARENA_TAKE(arena, (size_t)n_envs, "random streams", &stepper->randoms));
  for (int32_t row = 0; row < n_envs; row++) {
    stepper->streams[row] = random_stream_start(1, RANDOM_ENV, (uint32_t)row, 0);
    stepper->randoms[row] = &stepper->streams[row].base;
    MUSTER_TRY(reset_row(stepper, row));
  }
  return MUSTER_OK;
}

void block_stepper_destroy(struct block_stepper *stepper) { env_block_destroy(&stepper->block); }
