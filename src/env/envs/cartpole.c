/* CartPole-v1: a cart balances a pole by being pushed left or right (Barto, Sutton and Anderson 1983, figure 3), with
 * the dynamics, limits and start of Gymnasium's CartPole-v1 in float64.
 *
 * There are two forms. The single environment follows Gymnasium operation by operation, with sin and cos of libm. The
 * block keeps one array for each state variable and evaluates sin and cos by polynomials, so that the compiler turns
 * the loops into vector code; the states of a step differ from the single form by rounding only (below 1e-15). */
#include "env/envs/simd_rows.h"
#include "env/envs/sincos.h"
#include "muster/env.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define GRAVITY 9.8                                /* m/s^2 */
#define CART_MASS 1.0                              /* kg */
#define POLE_MASS 0.1                              /* kg */
#define TOTAL_MASS (CART_MASS + POLE_MASS)         /* kg */
#define HALF_LENGTH 0.5                            /* m, from the hinge to the pole's centre of mass */
#define POLE_MASS_LENGTH (POLE_MASS * HALF_LENGTH) /* kg m */
#define FORCE 10.0                                 /* N, the push */
#define TAU 0.02                                   /* s, one step */
#define POSITION_LIMIT 2.4                         /* m, to either side */
#define ANGLE_LIMIT 0.20943951023931953            /* rad, 12 degrees to either side */
#define START_LIMIT 0.05                           /* each state variable starts in [-0.05, 0.05) */
#define STATE_LIMIT 1e3                            /* no variable comes near this within the limits above */

/* position in m, velocity in m/s, angle in rad (0: upright), angular velocity in rad/s */
enum { POSITION, VELOCITY, ANGLE, SPIN, STATE_SIZE };

/* ---- what the single environment and the block share ---- */

static const float observation_high[STATE_SIZE] = {4.8f, INFINITY, 0.41887903f, INFINITY};
static const float observation_low[STATE_SIZE] = {-4.8f, -INFINITY, -0.41887903f, -INFINITY};
static const int32_t action_counts[1] = {2};

static void cartpole_describe(const void *env, muster_env_spec *spec) {
  (void)env;
  spec->observation = (muster_space){
      .kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {STATE_SIZE}, .low = observation_low, .high = observation_high};
  spec->action = (muster_space){.kind = MUSTER_SPACE_DISCRETE, .counts = action_counts};
  spec->agents = 1;
  spec->max_steps = 500;
  spec->reward_threshold = 475.0;
  spec->masks_actions = false;
  spec->state_bytes = STATE_SIZE * sizeof(double);
}

static void draw_start(muster_random *random, double state[STATE_SIZE]) {
  for (int i = 0; i < STATE_SIZE; i++) state[i] = muster_random_uniform(random, -START_LIMIT, START_LIMIT);
}

static void write_observation(const double state[STATE_SIZE], void *observation) {
  float values[STATE_SIZE];
  for (int i = 0; i < STATE_SIZE; i++) values[i] = (float)state[i];
  memcpy(observation, values, sizeof values);
}

static int read_state(const void *bytes, double state[STATE_SIZE], muster_env_error *error) {
  memcpy(state, bytes, STATE_SIZE * sizeof *state);
  for (int i = 0; i < STATE_SIZE; i++)
    if (!(fabs(state[i]) <= STATE_LIMIT))
      return muster_env_fail(error, "state variable %d is %g, not within %g either way", i, state[i], STATE_LIMIT);
  return 0;
}

static int refuse_action(int32_t action, muster_env_error *error) {
  return muster_env_fail(error, "action %d is neither 0 (push left) nor 1 (push right)", (int)action);
}

/* ---- one environment ---- */

struct cartpole {
  double state[STATE_SIZE];
};

static int cartpole_create(const muster_env_setting *settings, void **env, muster_env_error *error) {
  (void)settings;
  struct cartpole *cartpole = calloc(1, sizeof *cartpole);
  if (cartpole == NULL) return muster_env_fail(error, "out of memory");
  *env = cartpole;
  return 0;
}

static void cartpole_destroy(void *env) { free(env); }

static int cartpole_reset(void *env, muster_random *random, muster_env_result *result, muster_env_error *error) {
  (void)error;
  struct cartpole *cartpole = env;
  draw_start(random, cartpole->state);
  write_observation(cartpole->state, result->observation);
  return 0;
}

static int cartpole_step(void *env, const void *action, muster_random *random, muster_env_result *result,
                         muster_env_error *error) {
  (void)random;
  double *state = ((struct cartpole *)env)->state;
  int32_t push = *(const int32_t *)action;
  if (push != 0 && push != 1) return refuse_action(push, error);

  /* accelerations (Florian 2007, equations 23 and 24, without friction), in Gymnasium's order of operations */
  double force = push == 1 ? FORCE : -FORCE;
  double cosine = cos(state[ANGLE]), sine = sin(state[ANGLE]);
  double temp = (force + POLE_MASS_LENGTH * (state[SPIN] * state[SPIN]) * sine) / TOTAL_MASS;
  double spin_rate =
      (GRAVITY * sine - cosine * temp) / (HALF_LENGTH * (4.0 / 3.0 - POLE_MASS * (cosine * cosine) / TOTAL_MASS));
  double acceleration = temp - POLE_MASS_LENGTH * spin_rate * cosine / TOTAL_MASS;

  /* explicit Euler: positions move with the old velocities */
  state[POSITION] += TAU * state[VELOCITY];
  state[VELOCITY] += TAU * acceleration;
  state[ANGLE] += TAU * state[SPIN];
  state[SPIN] += TAU * spin_rate;

  write_observation(state, result->observation);
  result->reward[0] = 1.0;
  result->terminated = fabs(state[POSITION]) > POSITION_LIMIT || fabs(state[ANGLE]) > ANGLE_LIMIT;
  return 0;
}

static void cartpole_save_state(const void *env, void *bytes) {
  const struct cartpole *cartpole = env;
  memcpy(bytes, cartpole->state, sizeof cartpole->state);
}

static int cartpole_load_state(void *env, const void *bytes, muster_env_error *error) {
  return read_state(bytes, ((struct cartpole *)env)->state, error);
}

/* a side view: the pole over the cart over the track, 4.8 m wide */
static void cartpole_render_text(const void *env, char *text, size_t size) {
  enum { WIDTH = 49, POLE_ROWS = 5, ROWS = POLE_ROWS + 2 };
  const double *state = ((const struct cartpole *)env)->state;
  char canvas[ROWS][WIDTH];
  memset(canvas, ' ', sizeof canvas);
  memset(canvas[ROWS - 1], '-', WIDTH);

  /* the pole leans by two columns for each row, since a character is about twice as high as wide */
  int cart = (int)lround((state[POSITION] / POSITION_LIMIT + 1.0) * (WIDTH - 1) / 2.0);
  for (int height = 1; height <= POLE_ROWS; height++) {
    long column = cart + lround(2.0 * height * sin(state[ANGLE]));
    if (column >= 0 && column < WIDTH) canvas[POLE_ROWS - height][column] = '|';
  }
  for (int column = cart - 2; column <= cart + 2; column++)
    if (column >= 0 && column < WIDTH) canvas[POLE_ROWS][column] = '#';

  int used = 0;
  for (int row = 0; row < ROWS && (size_t)used < size; row++)
    used += snprintf(text + used, size - (size_t)used, "%.*s\n", WIDTH, canvas[row]);
  if ((size_t)used < size)
    snprintf(text + used, size - (size_t)used, "position %+.3f m, angle %+.2f degrees\n", state[POSITION],
             state[ANGLE] * (180.0 / 3.14159265358979323846));
}

/* the same as a picture, with the sizes and colors of Gymnasium */
static void cartpole_render_picture(const void *env, muster_canvas *canvas) {
  const double *state = ((const struct cartpole *)env)->state;
  const double x = state[POSITION], axle = 0.06, half_width = 0.04; /* m; the axle is above the cart's middle */
  const double across = half_width * cos(state[ANGLE]), down = half_width * sin(state[ANGLE]);
  const double foot_x = x - down, foot_y = axle - across; /* half a width below the axle */
  const double tip_x = foot_x + 2.0 * HALF_LENGTH * sin(state[ANGLE]);
  const double tip_y = foot_y + 2.0 * HALF_LENGTH * cos(state[ANGLE]);
  const double pole[] = {foot_x - across, foot_y + down, tip_x - across,  tip_y + down,
                         tip_x + across,  tip_y - down,  foot_x + across, foot_y - down};
  const double track[] = {-POSITION_LIMIT, 0.0, POSITION_LIMIT, 0.0};

  canvas->view(canvas, -POSITION_LIMIT, POSITION_LIMIT, -0.8, 2.4, 0xffffff);
  canvas->line(canvas, 2, track, 0.008, 0x000000);
  muster_canvas_rectangle(canvas, x - 0.2, x + 0.2, -0.12, 0.12, 0x000000);
  canvas->polygon(canvas, 4, pole, 0xca9865);
  canvas->circle(canvas, x, axle, half_width, 0x8184cb);
}

/* ---- a block of environments ---- */

/* steps the group of rows from `start`; the equations of cartpole_step() with divisions by constants turned into
 * products */
SIMD_ROWS_INLINE void group_step(struct simd_rows *block, size_t start, const int32_t *action, float *observation,
                                 uint8_t *terminated) {
  double *restrict position = block->values[POSITION] + start, *restrict velocity = block->values[VELOCITY] + start;
  double *restrict angle = block->values[ANGLE] + start, *restrict spin = block->values[SPIN] + start;
  double sine[SIMD_ROWS_GROUP], cosine[SIMD_ROWS_GROUP];
  sincos_small(SIMD_ROWS_GROUP, angle, sine, cosine);

  for (int i = 0; i < SIMD_ROWS_GROUP; i++) {
    double force = (double)(2 * action[i] - 1) * (FORCE / TOTAL_MASS);
    double temp = force + (POLE_MASS_LENGTH / TOTAL_MASS) * (spin[i] * spin[i]) * sine[i];
    double spin_rate = (GRAVITY * sine[i] - cosine[i] * temp) /
                       (HALF_LENGTH * 4.0 / 3.0 - (HALF_LENGTH * POLE_MASS / TOTAL_MASS) * (cosine[i] * cosine[i]));
    double acceleration = temp - (POLE_MASS_LENGTH / TOTAL_MASS) * spin_rate * cosine[i];
    position[i] += TAU * velocity[i];
    velocity[i] += TAU * acceleration;
    angle[i] += TAU * spin[i];
    spin[i] += TAU * spin_rate;
  }
  for (int i = 0; i < SIMD_ROWS_GROUP; i++) {
    observation[STATE_SIZE * i + POSITION] = (float)position[i];
    observation[STATE_SIZE * i + VELOCITY] = (float)velocity[i];
    observation[STATE_SIZE * i + ANGLE] = (float)angle[i];
    observation[STATE_SIZE * i + SPIN] = (float)spin[i];
  }
  for (int i = 0; i < SIMD_ROWS_GROUP; i++)
    terminated[i] = (fabs(position[i]) > POSITION_LIMIT) | (fabs(angle[i]) > ANGLE_LIMIT);
}

/* steps all rows, group by group; every step earns one point */
SIMD_ROWS_INLINE void advance_rows(struct simd_rows *block, const void *actions, muster_env_block_result *result) {
  float reward[SIMD_ROWS_GROUP];
  for (int i = 0; i < SIMD_ROWS_GROUP; i++) reward[i] = 1.0f;
  for (size_t start = 0; start < (size_t)block->n; start += SIMD_ROWS_GROUP) {
    size_t rows = simd_rows_in_group(block, start);
    int32_t action[SIMD_ROWS_GROUP];
    float observation[SIMD_ROWS_GROUP * STATE_SIZE];
    uint8_t terminated[SIMD_ROWS_GROUP];
    simd_rows_load(action, actions, start, rows);
    group_step(block, start, action, observation, terminated);
    simd_rows_store(block, start, rows, STATE_SIZE, observation, reward, terminated, result);
  }
}
SIMD_ROWS_TARGETS(advance_rows)

static int cartpole_block_create(const muster_env_setting *settings, int32_t n, void **out, muster_env_error *error) {
  (void)settings;
  return simd_rows_create(n, STATE_SIZE, 0.0, advance_rows_choose(), out, error);
}

static int cartpole_block_reset(void *self, int32_t row, muster_random *random, muster_env_result *result,
                                muster_env_error *error) {
  (void)error;
  double state[STATE_SIZE];
  draw_start(random, state);
  simd_rows_set_row(self, row, state);
  write_observation(state, result->observation);
  return 0;
}

static int cartpole_block_step(void *self, const void *actions, muster_random *const *randoms,
                               muster_env_block_result *result, muster_env_error *error) {
  (void)randoms;
  struct simd_rows *block = self;

  /* refuse a wrong action before any row is stepped */
  result->failed_row = simd_rows_wrong_choice(block->n, actions, action_counts[0]);
  if (result->failed_row >= 0) return refuse_action(((const int32_t *)actions)[result->failed_row], error);
  block->advance(block, actions, result);
  return 0;
}

static int cartpole_block_load_state(void *self, int32_t row, const void *bytes, muster_env_error *error) {
  double state[STATE_SIZE];
  if (read_state(bytes, state, error) != 0) return 1;
  simd_rows_set_row(self, row, state);
  return 0;
}

const muster_env_type env_cartpole = {
    .abi = MUSTER_ENV_ABI,
    .struct_size = sizeof(muster_env_type),
    .name = "CartPole-v1",
    .summary = "push a cart left or right to balance a pole; 1 point a step, 500 steps at most",
    .create = cartpole_create,
    .destroy = cartpole_destroy,
    .describe = cartpole_describe,
    .reset = cartpole_reset,
    .step = cartpole_step,
    .save_state = cartpole_save_state,
    .load_state = cartpole_load_state,
    .render_text = cartpole_render_text,
    .block_create = cartpole_block_create,
    .block_destroy = simd_rows_destroy,
    .block_describe = cartpole_describe,
    .block_reset = cartpole_block_reset,
    .block_step = cartpole_block_step,
    .block_save_state = simd_rows_save_state,
    .block_load_state = cartpole_block_load_state,
    .render_picture = cartpole_render_picture,
    .render_fps = 1.0 / TAU,
};
