/* MountainCarContinuous-v0: a car too weak for the slope swings out of a valley, driven by a force from -1 to 1, with
 * the dynamics, limits and start of Gymnasium's MountainCarContinuous-v0. Gymnasium rounds the state to float32 after
 * each step; here it stays float64. */
#include "env/envs/mountain.h"

#include <stdint.h>
#include <stdlib.h>

#define POWER 0.0015 /* acceleration of the engine at full force, units of position a step squared */
#define GOAL_POSITION 0.45
#define GOAL_REWARD 100.0
#define ACTION_COST 0.1 /* cost of a step, times the square of the action as given */

static const muster_env_option mountain_car_continuous_options[] = {MOUNTAIN_OPTIONS};
static const float action_low[1] = {-1.0f}, action_high[1] = {1.0f};

static void mountain_car_continuous_describe(const void *env, muster_env_spec *spec) {
  (void)env;
  spec->observation = mountain_observation_space();
  spec->action =
      (muster_space){.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {1}, .low = action_low, .high = action_high};
  spec->agents = 1;
  spec->max_steps = 999;
  spec->reward_threshold = 90.0;
  spec->masks_actions = false;
  spec->state_bytes = MOUNTAIN_STATE_SIZE * sizeof(double);
}

static int refuse_action(float action, muster_env_error *error) {
  return muster_env_fail(error, "action %g is not a finite number", (double)action);
}

/* the acceleration that an action causes: beyond -1 and 1 it has no more effect */
SIMD_ROWS_INLINE double push_of(float action) {
  double force = action > 1.0f ? 1.0 : (double)action;
  return (force < -1.0 ? -1.0 : force) * POWER;
}

/* the reward of a step */
SIMD_ROWS_INLINE double reward_of(float action, bool at_goal) {
  return (at_goal ? GOAL_REWARD : 0.0) - (double)action * (double)action * ACTION_COST;
}

/* ---- one environment ---- */

struct mountain_car_continuous {
  double goal_velocity;
  double state[MOUNTAIN_STATE_SIZE];
};

static int mountain_car_continuous_create(const muster_env_setting *settings, void **env, muster_env_error *error) {
  double goal_velocity = 0.0;
  if (mountain_read_options(settings, &goal_velocity, error) != 0) return 1;
  struct mountain_car_continuous *car = calloc(1, sizeof *car);
  if (car == NULL) return muster_env_fail(error, "out of memory");
  car->goal_velocity = goal_velocity;
  *env = car;
  return 0;
}

static void mountain_car_continuous_destroy(void *env) { free(env); }

static int mountain_car_continuous_reset(void *env, muster_random *random, muster_env_result *result,
                                         muster_env_error *error) {
  (void)error;
  struct mountain_car_continuous *car = env;
  mountain_draw_start(random, car->state);
  mountain_write_observation(car->state, result->observation);
  return 0;
}

static int mountain_car_continuous_step(void *env, const void *action, muster_random *random, muster_env_result *result,
                                        muster_env_error *error) {
  (void)random;
  struct mountain_car_continuous *car = env;
  double *position = &car->state[MOUNTAIN_POSITION], *velocity = &car->state[MOUNTAIN_VELOCITY];
  float force = *(const float *)action;
  if (!isfinite(force)) return refuse_action(force, error);

  mountain_move(position, velocity, push_of(force), cos(3.0 * *position));
  mountain_write_observation(car->state, result->observation);
  result->terminated = *position >= GOAL_POSITION && *velocity >= car->goal_velocity;
  result->reward[0] = reward_of(force, result->terminated);
  return 0;
}

static void mountain_car_continuous_save_state(const void *env, void *bytes) {
  memcpy(bytes, ((const struct mountain_car_continuous *)env)->state, MOUNTAIN_STATE_SIZE * sizeof(double));
}

static int mountain_car_continuous_load_state(void *env, const void *bytes, muster_env_error *error) {
  double state[MOUNTAIN_STATE_SIZE];
  if (mountain_read_state(bytes, state, error) != 0) return 1;
  memcpy(((struct mountain_car_continuous *)env)->state, state, sizeof state);
  return 0;
}

static void mountain_car_continuous_render_text(const void *env, char *text, size_t size) {
  mountain_render_text(((const struct mountain_car_continuous *)env)->state, GOAL_POSITION, text, size);
}

static void mountain_car_continuous_render_picture(const void *env, muster_canvas *canvas) {
  mountain_render_picture(((const struct mountain_car_continuous *)env)->state, GOAL_POSITION, canvas);
}

/* ---- a block of environments: the parameter is the goal velocity ---- */

SIMD_ROWS_INLINE void advance_rows(struct simd_rows *block, const void *actions, muster_env_block_result *result) {
  for (size_t start = 0; start < (size_t)block->n; start += SIMD_ROWS_GROUP) {
    size_t rows = simd_rows_in_group(block, start);
    float action[SIMD_ROWS_GROUP], reward[SIMD_ROWS_GROUP];
    double push[SIMD_ROWS_GROUP];
    float observation[SIMD_ROWS_GROUP * MOUNTAIN_STATE_SIZE];
    uint8_t terminated[SIMD_ROWS_GROUP];
    simd_rows_load(action, actions, start, rows);
    for (int i = 0; i < SIMD_ROWS_GROUP; i++) push[i] = push_of(action[i]);
    mountain_move_group(block, start, push, observation);

    const double *position = block->values[MOUNTAIN_POSITION] + start;
    const double *velocity = block->values[MOUNTAIN_VELOCITY] + start;
    for (int i = 0; i < SIMD_ROWS_GROUP; i++) {
      int at_goal = (position[i] >= GOAL_POSITION) & (velocity[i] >= block->parameter);
      terminated[i] = (uint8_t)at_goal;
      reward[i] = (float)reward_of(action[i], at_goal);
    }
    simd_rows_store(block, start, rows, MOUNTAIN_STATE_SIZE, observation, reward, terminated, result);
  }
}
SIMD_ROWS_TARGETS(advance_rows)

static int mountain_car_continuous_block_create(const muster_env_setting *settings, int32_t n, void **out,
                                                muster_env_error *error) {
  double goal_velocity = 0.0;
  if (mountain_read_options(settings, &goal_velocity, error) != 0) return 1;
  return simd_rows_create(n, MOUNTAIN_STATE_SIZE, goal_velocity, advance_rows_choose(), out, error);
}

static int mountain_car_continuous_block_step(void *self, const void *actions, muster_random *const *randoms,
                                              muster_env_block_result *result, muster_env_error *error) {
  (void)randoms;
  struct simd_rows *block = self;
  result->failed_row = simd_rows_wrong_number(block->n, actions);
  if (result->failed_row >= 0) return refuse_action(((const float *)actions)[result->failed_row], error);
  block->advance(block, actions, result);
  return 0;
}

const muster_env_type env_mountain_car_continuous = {
    .abi = MUSTER_ENV_ABI,
    .struct_size = sizeof(muster_env_type),
    .name = "MountainCarContinuous-v0",
    .summary = "swing a weak car out of a valley by a force; 100 at the flag, less the work, 999 steps at most",
    .options = mountain_car_continuous_options,
    .create = mountain_car_continuous_create,
    .destroy = mountain_car_continuous_destroy,
    .describe = mountain_car_continuous_describe,
    .reset = mountain_car_continuous_reset,
    .step = mountain_car_continuous_step,
    .save_state = mountain_car_continuous_save_state,
    .load_state = mountain_car_continuous_load_state,
    .render_text = mountain_car_continuous_render_text,
    .block_create = mountain_car_continuous_block_create,
    .block_destroy = simd_rows_destroy,
    .block_describe = mountain_car_continuous_describe,
    .block_reset = mountain_block_reset,
    .block_step = mountain_car_continuous_block_step,
    .block_save_state = simd_rows_save_state,
    .block_load_state = mountain_block_load_state,
    .render_picture = mountain_car_continuous_render_picture,
    .render_fps = MOUNTAIN_FPS,
};
