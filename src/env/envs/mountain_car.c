/* MountainCar-v0: a car too weak for the slope swings out of a valley, driven left, right or not at all (Moore 1990),
 * with the dynamics, limits and start of Gymnasium's MountainCar-v0 in float64. */
#include "env/envs/mountain.h"

#include <stdint.h>
#include <stdlib.h>

#define FORCE 0.001 /* acceleration of the engine, units of position a step squared */
#define GOAL_POSITION 0.5

static const muster_env_option mountain_car_options[] = {MOUNTAIN_OPTIONS};
static const int32_t action_counts[1] = {3};

static void mountain_car_describe(const void *env, muster_env_spec *spec) {
  (void)env;
  spec->observation = mountain_observation_space();
  spec->action = (muster_space){.kind = MUSTER_SPACE_DISCRETE, .counts = action_counts};
  spec->agents = 1;
  spec->max_steps = 200;
  spec->reward_threshold = -110.0;
  spec->masks_actions = false;
  spec->state_bytes = MOUNTAIN_STATE_SIZE * sizeof(double);
}

static int refuse_action(int32_t action, muster_env_error *error) {
  return muster_env_fail(error, "action %d is not 0 (drive left), 1 (none) or 2 (drive right)", (int)action);
}

/* ---- one environment ---- */

struct mountain_car {
  double goal_velocity;
  double state[MOUNTAIN_STATE_SIZE];
};

static int mountain_car_create(const muster_env_setting *settings, void **env, muster_env_error *error) {
  double goal_velocity = 0.0;
  if (mountain_read_options(settings, &goal_velocity, error) != 0) return 1;
  struct mountain_car *car = calloc(1, sizeof *car);
  if (car == NULL) return muster_env_fail(error, "out of memory");
  car->goal_velocity = goal_velocity;
  *env = car;
  return 0;
}

static void mountain_car_destroy(void *env) { free(env); }

static int mountain_car_reset(void *env, muster_random *random, muster_env_result *result, muster_env_error *error) {
  (void)error;
  struct mountain_car *car = env;
  mountain_draw_start(random, car->state);
  mountain_write_observation(car->state, result->observation);
  return 0;
}

static int mountain_car_step(void *env, const void *action, muster_random *random, muster_env_result *result,
                             muster_env_error *error) {
  (void)random;
  struct mountain_car *car = env;
  double *position = &car->state[MOUNTAIN_POSITION], *velocity = &car->state[MOUNTAIN_VELOCITY];
  int32_t choice = *(const int32_t *)action;
  if (choice < 0 || choice >= action_counts[0]) return refuse_action(choice, error);

  mountain_move(position, velocity, (double)(choice - 1) * FORCE, cos(3.0 * *position));
  mountain_write_observation(car->state, result->observation);
  result->terminated = *position >= GOAL_POSITION && *velocity >= car->goal_velocity;
  result->reward[0] = -1.0;
  return 0;
}

static void mountain_car_save_state(const void *env, void *bytes) {
  memcpy(bytes, ((const struct mountain_car *)env)->state, MOUNTAIN_STATE_SIZE * sizeof(double));
}

static int mountain_car_load_state(void *env, const void *bytes, muster_env_error *error) {
  double state[MOUNTAIN_STATE_SIZE];
  if (mountain_read_state(bytes, state, error) != 0) return 1;
  memcpy(((struct mountain_car *)env)->state, state, sizeof state);
  return 0;
}

static void mountain_car_render_text(const void *env, char *text, size_t size) {
  mountain_render_text(((const struct mountain_car *)env)->state, GOAL_POSITION, text, size);
}

static void mountain_car_render_picture(const void *env, muster_canvas *canvas) {
  mountain_render_picture(((const struct mountain_car *)env)->state, GOAL_POSITION, canvas);
}

/* ---- a block of environments: the parameter is the goal velocity ---- */

SIMD_ROWS_INLINE void advance_rows(struct simd_rows *block, const void *actions, muster_env_block_result *result) {
  float reward[SIMD_ROWS_GROUP];
  for (int i = 0; i < SIMD_ROWS_GROUP; i++) reward[i] = -1.0f;
  for (size_t start = 0; start < (size_t)block->n; start += SIMD_ROWS_GROUP) {
    size_t rows = simd_rows_in_group(block, start);
    int32_t action[SIMD_ROWS_GROUP];
    double push[SIMD_ROWS_GROUP];
    float observation[SIMD_ROWS_GROUP * MOUNTAIN_STATE_SIZE];
    uint8_t terminated[SIMD_ROWS_GROUP];
    simd_rows_load(action, actions, start, rows);
    for (int i = 0; i < SIMD_ROWS_GROUP; i++) push[i] = (double)(action[i] - 1) * FORCE;
    mountain_move_group(block, start, push, observation);

    const double *position = block->values[MOUNTAIN_POSITION] + start;
    const double *velocity = block->values[MOUNTAIN_VELOCITY] + start;
    for (int i = 0; i < SIMD_ROWS_GROUP; i++)
      terminated[i] = (position[i] >= GOAL_POSITION) & (velocity[i] >= block->parameter);
    simd_rows_store(block, start, rows, MOUNTAIN_STATE_SIZE, observation, reward, terminated, result);
  }
}
SIMD_ROWS_TARGETS(advance_rows)

static int mountain_car_block_create(const muster_env_setting *settings, int32_t n, void **out,
                                     muster_env_error *error) {
  double goal_velocity = 0.0;
  if (mountain_read_options(settings, &goal_velocity, error) != 0) return 1;
  return simd_rows_create(n, MOUNTAIN_STATE_SIZE, goal_velocity, advance_rows_choose(), out, error);
}

static int mountain_car_block_step(void *self, const void *actions, muster_random *const *randoms,
                                   muster_env_block_result *result, muster_env_error *error) {
  (void)randoms;
  struct simd_rows *block = self;
  result->failed_row = simd_rows_wrong_choice(block->n, actions, action_counts[0]);
  if (result->failed_row >= 0) return refuse_action(((const int32_t *)actions)[result->failed_row], error);
  block->advance(block, actions, result);
  return 0;
}

const muster_env_type env_mountain_car = {
    .abi = MUSTER_ENV_ABI,
    .struct_size = sizeof(muster_env_type),
    .name = "MountainCar-v0",
    .summary = "swing a weak car out of a valley; -1 a step, 200 steps at most",
    .options = mountain_car_options,
    .create = mountain_car_create,
    .destroy = mountain_car_destroy,
    .describe = mountain_car_describe,
    .reset = mountain_car_reset,
    .step = mountain_car_step,
    .save_state = mountain_car_save_state,
    .load_state = mountain_car_load_state,
    .render_text = mountain_car_render_text,
    .block_create = mountain_car_block_create,
    .block_destroy = simd_rows_destroy,
    .block_describe = mountain_car_describe,
    .block_reset = mountain_block_reset,
    .block_step = mountain_car_block_step,
    .block_save_state = simd_rows_save_state,
    .block_load_state = mountain_block_load_state,
    .render_picture = mountain_car_render_picture,
    .render_fps = MOUNTAIN_FPS,
};
