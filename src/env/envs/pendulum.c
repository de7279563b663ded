/* Pendulum-v1: swing a rod up by a torque too weak to lift it, and hold it there, with the dynamics, limits and start
 * of Gymnasium's Pendulum-v1 in float64. The angle is kept unwrapped, and the reward looks at the state before the
 * step, both as in Gymnasium. */
#include "env/envs/canvas.h"
#include "env/envs/settings.h"
#include "env/envs/simd_rows.h"
#include "env/envs/sincos.h"
#include "muster/env.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846
#define MASS 1.0         /* kg */
#define LENGTH 1.0       /* m */
#define TAU 0.05         /* s, one step */
#define TORQUE_LIMIT 2.0 /* N m, either way */
#define SPIN_LIMIT 8.0   /* rad/s, either way */
#define START_SPIN 1.0   /* starts at any angle, with a rate in [-1, 1) */
#define ANGLE_LIMIT 1e9  /* rad: more than an episode of 2^31 steps can turn */

/* angle in rad (0: upright), angular velocity in rad/s */
enum { ANGLE, SPIN, STATE_SIZE };
enum { OBSERVATION_SIZE = 3 };

static const muster_env_option pendulum_options[] = {{"g", "10", "gravity, m/s^2"}, {NULL, NULL, NULL}};

/* ---- what the single environment and the block share ---- */

static const float observation_high[OBSERVATION_SIZE] = {1.0f, 1.0f, (float)SPIN_LIMIT};
static const float observation_low[OBSERVATION_SIZE] = {-1.0f, -1.0f, -(float)SPIN_LIMIT};
static const float action_high[1] = {(float)TORQUE_LIMIT}, action_low[1] = {-(float)TORQUE_LIMIT};

static void pendulum_describe(const void *env, muster_env_spec *spec) {
  (void)env;
  spec->observation = (muster_space){.kind = MUSTER_SPACE_BOX,
                                     .rank = 1,
                                     .shape = {OBSERVATION_SIZE},
                                     .low = observation_low,
                                     .high = observation_high};
  spec->action =
      (muster_space){.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {1}, .low = action_low, .high = action_high};
  spec->agents = 1;
  spec->max_steps = 200;
  spec->reward_threshold = NAN;
  spec->masks_actions = false;
  spec->state_bytes = STATE_SIZE * sizeof(double);
}

static int read_options(const muster_env_setting *settings, double *gravity, muster_env_error *error) {
  return setting_number(settings, "g", 0.0, 1000.0, gravity, error);
}

static void draw_start(muster_random *random, double state[STATE_SIZE]) {
  state[ANGLE] = muster_random_uniform(random, -PI, PI);
  state[SPIN] = muster_random_uniform(random, -START_SPIN, START_SPIN);
}

static void write_observation(const double state[STATE_SIZE], void *observation) {
  const float values[OBSERVATION_SIZE] = {(float)cos(state[ANGLE]), (float)sin(state[ANGLE]), (float)state[SPIN]};
  memcpy(observation, values, sizeof values);
}

static int read_state(const void *bytes, double state[STATE_SIZE], muster_env_error *error) {
  memcpy(state, bytes, STATE_SIZE * sizeof *state);
  if (!(fabs(state[ANGLE]) <= ANGLE_LIMIT))
    return muster_env_fail(error, "angle %g is not within %g either way", state[ANGLE], ANGLE_LIMIT);
  if (!(fabs(state[SPIN]) <= SPIN_LIMIT))
    return muster_env_fail(error, "angular velocity %g is not within %g either way", state[SPIN], SPIN_LIMIT);
  return 0;
}

static int refuse_action(float action, muster_env_error *error) {
  return muster_env_fail(error, "action %g is not a finite number", (double)action);
}

SIMD_ROWS_INLINE double clip(double value, double limit) {
  value = value > limit ? limit : value;
  return value < -limit ? -limit : value;
}

/* one step of the state, given the sine of its angle; returns the reward. `wrapped`: the angle in [-pi, pi] */
SIMD_ROWS_INLINE double swing(double gravity, double action, double sine, double wrapped, double *angle, double *spin) {
  double torque = clip(action, TORQUE_LIMIT);
  double cost = wrapped * wrapped + 0.1 * (*spin * *spin) + 0.001 * (torque * torque);
  double rate = 3.0 * gravity / (2.0 * LENGTH) * sine + 3.0 / (MASS * (LENGTH * LENGTH)) * torque;
  *spin = clip(*spin + rate * TAU, SPIN_LIMIT);
  *angle += *spin * TAU;
  return -cost;
}

/* ---- one environment ---- */

struct pendulum {
  double gravity;
  double state[STATE_SIZE];
};

static int pendulum_create(const muster_env_setting *settings, void **env, muster_env_error *error) {
  double gravity = 0.0;
  if (read_options(settings, &gravity, error) != 0) return 1;
  struct pendulum *pendulum = calloc(1, sizeof *pendulum);
  if (pendulum == NULL) return muster_env_fail(error, "out of memory");
  pendulum->gravity = gravity;
  *env = pendulum;
  return 0;
}

static void pendulum_destroy(void *env) { free(env); }

static int pendulum_reset(void *env, muster_random *random, muster_env_result *result, muster_env_error *error) {
  (void)error;
  struct pendulum *pendulum = env;
  draw_start(random, pendulum->state);
  write_observation(pendulum->state, result->observation);
  return 0;
}

/* Gymnasium's wrapping: the floored remainder */
static double wrap(double angle) {
  double rest = fmod(angle + PI, 2.0 * PI);
  return (rest < 0.0 ? rest + 2.0 * PI : rest) - PI;
}

static int pendulum_step(void *env, const void *action, muster_random *random, muster_env_result *result,
                         muster_env_error *error) {
  (void)random;
  struct pendulum *pendulum = env;
  double *angle = &pendulum->state[ANGLE], *spin = &pendulum->state[SPIN];
  float torque = *(const float *)action;
  if (!isfinite(torque)) return refuse_action(torque, error);

  result->reward[0] = swing(pendulum->gravity, (double)torque, sin(*angle), wrap(*angle), angle, spin);
  write_observation(pendulum->state, result->observation);
  return 0;
}

static void pendulum_save_state(const void *env, void *bytes) {
  memcpy(bytes, ((const struct pendulum *)env)->state, STATE_SIZE * sizeof(double));
}

static int pendulum_load_state(void *env, const void *bytes, muster_env_error *error) {
  double state[STATE_SIZE];
  if (read_state(bytes, state, error) != 0) return 1;
  memcpy(((struct pendulum *)env)->state, state, sizeof state);
  return 0;
}

/* the rod from its pivot O */
static void pendulum_render_text(const void *env, char *text, size_t size) {
  const double *state = ((const struct pendulum *)env)->state;
  const double high = 2.2 * LENGTH, wide = high * CANVAS_COLUMNS / (2.0 * CANVAS_ROWS);
  struct canvas canvas;
  canvas_clear(&canvas);
  canvas_line(&canvas, 0.5, 0.5, 0.5 - LENGTH * sin(state[ANGLE]) / wide, 0.5 + LENGTH * cos(state[ANGLE]) / high, '#');
  canvas_put(&canvas, 0.5, 0.5, 'O');
  char caption[80];
  snprintf(caption, sizeof caption, "angle %+.1f degrees from upright, %+.3f rad/s", wrap(state[ANGLE]) * (180.0 / PI),
           state[SPIN]);
  canvas_write(&canvas, caption, text, size);
}

/* the same as a picture, with the sizes and colors of Gymnasium */
static void pendulum_render_picture(const void *env, muster_canvas *canvas) {
  const double *state = ((const struct pendulum *)env)->state;
  const double rod[] = {0.0, 0.0, -LENGTH * sin(state[ANGLE]), LENGTH * cos(state[ANGLE])}, reach = 2.2 * LENGTH;
  canvas->view(canvas, -reach, reach, -reach, reach, 0xffffff);
  canvas->line(canvas, 2, rod, 0.2, 0xcc4d4d);
  canvas->circle(canvas, 0.0, 0.0, 0.05, 0x000000);
}

/* ---- a block of environments: the parameter is the gravity ---- */

SIMD_ROWS_INLINE void group_step(struct simd_rows *block, size_t start, const float *action, float *observation,
                                 float *reward) {
  double *restrict angle = block->values[ANGLE] + start, *restrict spin = block->values[SPIN] + start;
  const double gravity = block->parameter;
  double sine[SIMD_ROWS_GROUP], cosine[SIMD_ROWS_GROUP];
  sincos_any(SIMD_ROWS_GROUP, angle, sine, cosine);
  for (int i = 0; i < SIMD_ROWS_GROUP; i++)
    reward[i] = (float)swing(gravity, (double)action[i], sine[i], sincos_wrap(angle[i]), &angle[i], &spin[i]);

  sincos_any(SIMD_ROWS_GROUP, angle, sine, cosine);
  for (int i = 0; i < SIMD_ROWS_GROUP; i++) {
    observation[OBSERVATION_SIZE * i] = (float)cosine[i];
    observation[OBSERVATION_SIZE * i + 1] = (float)sine[i];
    observation[OBSERVATION_SIZE * i + 2] = (float)spin[i];
  }
}

/* steps all rows, group by group; no step terminates an episode */
SIMD_ROWS_INLINE void advance_rows(struct simd_rows *block, const void *actions, muster_env_block_result *result) {
  const uint8_t terminated[SIMD_ROWS_GROUP] = {0};
  for (size_t start = 0; start < (size_t)block->n; start += SIMD_ROWS_GROUP) {
    size_t rows = simd_rows_in_group(block, start);
    float action[SIMD_ROWS_GROUP], observation[SIMD_ROWS_GROUP * OBSERVATION_SIZE], reward[SIMD_ROWS_GROUP];
    simd_rows_load(action, actions, start, rows);
    group_step(block, start, action, observation, reward);
    simd_rows_store(block, start, rows, OBSERVATION_SIZE, observation, reward, terminated, result);
  }
}
SIMD_ROWS_TARGETS(advance_rows)

static int pendulum_block_create(const muster_env_setting *settings, int32_t n, void **out, muster_env_error *error) {
  double gravity = 0.0;
  if (read_options(settings, &gravity, error) != 0) return 1;
  return simd_rows_create(n, STATE_SIZE, gravity, advance_rows_choose(), out, error);
}

static int pendulum_block_reset(void *self, int32_t row, muster_random *random, muster_env_result *result,
                                muster_env_error *error) {
  (void)error;
  double state[STATE_SIZE];
  draw_start(random, state);
  simd_rows_set_row(self, row, state);
  write_observation(state, result->observation);
  return 0;
}

static int pendulum_block_step(void *self, const void *actions, muster_random *const *randoms,
                               muster_env_block_result *result, muster_env_error *error) {
  (void)randoms;
  struct simd_rows *block = self;
  result->failed_row = simd_rows_wrong_number(block->n, actions);
  if (result->failed_row >= 0) return refuse_action(((const float *)actions)[result->failed_row], error);
  block->advance(block, actions, result);
  return 0;
}

static int pendulum_block_load_state(void *self, int32_t row, const void *bytes, muster_env_error *error) {
  double state[STATE_SIZE];
  if (read_state(bytes, state, error) != 0) return 1;
  simd_rows_set_row(self, row, state);
  return 0;
}

const muster_env_type env_pendulum = {
    .abi = MUSTER_ENV_ABI,
    .struct_size = sizeof(muster_env_type),
    .name = "Pendulum-v1",
    .summary = "swing a rod up by a weak torque and hold it upright; costs angle, speed and torque, 200 steps",
    .options = pendulum_options,
    .create = pendulum_create,
    .destroy = pendulum_destroy,
    .describe = pendulum_describe,
    .reset = pendulum_reset,
    .step = pendulum_step,
    .save_state = pendulum_save_state,
    .load_state = pendulum_load_state,
    .render_text = pendulum_render_text,
    .block_create = pendulum_block_create,
    .block_destroy = simd_rows_destroy,
    .block_describe = pendulum_describe,
    .block_reset = pendulum_block_reset,
    .block_step = pendulum_block_step,
    .block_save_state = simd_rows_save_state,
    .block_load_state = pendulum_block_load_state,
    .render_picture = pendulum_render_picture,
    .render_fps = 1.0 / TAU,
};
