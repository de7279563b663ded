/* CartPole-v1: a cart balances a pole by being pushed left or right (Barto, Sutton and Anderson 1983, figure 3), with
 * the dynamics, limits and start of Gymnasium's CartPole-v1 in float64.
 *
 * There are two forms. The single environment follows Gymnasium operation by operation, with sin and cos of libm. The
 * block keeps one array for each state variable and evaluates sin and cos by polynomials, so that the compiler turns
 * the loops into vector code; the states of a step differ from the single form by rounding only (below 1e-15). */
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
#define POSITION_LIMIT 2.4                         /* m, either way */
#define ANGLE_LIMIT 0.20943951023931953            /* rad, 12 degrees either way */
#define START_LIMIT 0.05                           /* each state variable starts in [-0.05, 0.05) */

/* position in m, velocity in m/s, angle in rad (0: upright), angular velocity in rad/s */
enum { POSITION, VELOCITY, ANGLE, SPIN, STATE_SIZE };

/* ---- what both forms share ---- */

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
    if (!isfinite(state[i])) return muster_env_fail(error, "state variable %d is %g, not a finite number", i, state[i]);
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

/* ---- a block of environments ---- */

/* rows are stepped in whole groups of this many, so that a row's numbers depend neither on n nor on its place */
#define GROUP 16

/* the polynomials below hold for |angle| up to this, in rad; an episode ends long before */
#define POLYNOMIAL_LIMIT 0.785

struct cartpole_block;
typedef void advance_function(struct cartpole_block *block, const int32_t *actions, muster_env_block_result *result);

struct cartpole_block {
  int32_t n;                  /* environments */
  advance_function *advance;  /* the loops, compiled for this processor */
  double *values[STATE_SIZE]; /* one array for each state variable, [n rounded up to a multiple of GROUP] */
};

/* sin and cos of GROUP angles: the minimax polynomials of fdlibm (Sun Microsystems 1993, k_sin.c and k_cos.c), below
 * one ulp for |angle| <= pi/4; libm beyond */
static inline __attribute__((always_inline)) void group_sincos(const double *angle, double *sine, double *cosine) {
  int beyond = 0;
  for (int i = 0; i < GROUP; i++) {
    double z = angle[i] * angle[i];
    double odd = -1.66666666666666324348e-01 +
                 z * (8.33333333332248946124e-03 +
                      z * (-1.98412698298579493134e-04 +
                           z * (2.75573137070700676789e-06 +
                                z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10))));
    double even = 4.16666666666666019037e-02 +
                  z * (-1.38888888888741095749e-03 +
                       z * (2.48015872894767294178e-05 +
                            z * (-2.75573143513906633035e-07 +
                                 z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11))));
    sine[i] = angle[i] + angle[i] * z * odd;
    cosine[i] = 1.0 - (0.5 * z - z * z * even);
    beyond |= !(fabs(angle[i]) <= POLYNOMIAL_LIMIT);
  }
  if (!beyond) return;
  for (int i = 0; i < GROUP; i++) {
    if (fabs(angle[i]) <= POLYNOMIAL_LIMIT) continue;
    sine[i] = sin(angle[i]);
    cosine[i] = cos(angle[i]);
  }
}

/* steps GROUP rows from `start`; the equations of cartpole_step() with divisions by constants turned into products */
static inline __attribute__((always_inline)) void
group_step(struct cartpole_block *block, size_t start, const int32_t *action, float *observation, uint8_t *terminated) {
  double *restrict position = block->values[POSITION] + start, *restrict velocity = block->values[VELOCITY] + start;
  double *restrict angle = block->values[ANGLE] + start, *restrict spin = block->values[SPIN] + start;
  double sine[GROUP], cosine[GROUP];
  group_sincos(angle, sine, cosine);

  for (int i = 0; i < GROUP; i++) {
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
  for (int i = 0; i < GROUP; i++) {
    observation[STATE_SIZE * i + POSITION] = (float)position[i];
    observation[STATE_SIZE * i + VELOCITY] = (float)velocity[i];
    observation[STATE_SIZE * i + ANGLE] = (float)angle[i];
    observation[STATE_SIZE * i + SPIN] = (float)spin[i];
  }
  for (int i = 0; i < GROUP; i++) terminated[i] = (fabs(position[i]) > POSITION_LIMIT) | (fabs(angle[i]) > ANGLE_LIMIT);
}

/* steps all rows, group by group; rows beyond n are stepped along from rest, and thrown away */
static inline __attribute__((always_inline)) void advance_rows(struct cartpole_block *block, const int32_t *actions,
                                                               muster_env_block_result *result) {
  for (size_t start = 0; start < (size_t)block->n; start += GROUP) {
    size_t rows = (size_t)block->n - start < GROUP ? (size_t)block->n - start : GROUP;
    int32_t action[GROUP] = {0};
    float observation[GROUP * STATE_SIZE];
    uint8_t terminated[GROUP];
    if (rows == GROUP)
      memcpy(action, actions + start, sizeof action);
    else
      memcpy(action, actions + start, rows * sizeof *action);
    group_step(block, start, action, observation, terminated);

    char *out = (char *)result->observation + start * result->observation_stride;
    char *reward = (char *)result->reward + start * result->reward_stride;
    for (size_t i = 0; i < rows; i++) {
      memcpy(out + i * result->observation_stride, observation + STATE_SIZE * i, STATE_SIZE * sizeof *observation);
      *(float *)(reward + i * result->reward_stride) = 1.0f;
    }
    for (size_t i = 0; i < rows; i++) result->terminated[start + i] = terminated[i];
    for (size_t i = rows; i < GROUP; i++)
      for (int variable = 0; variable < STATE_SIZE; variable++) block->values[variable][start + i] = 0.0;
  }
}

/* the same loops for several instruction sets; none fuses a product with a sum, so all give the same bits */
static void advance_baseline(struct cartpole_block *block, const int32_t *actions, muster_env_block_result *result) {
  advance_rows(block, actions, result);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void advance_avx2(struct cartpole_block *block, const int32_t *actions,
                                                         muster_env_block_result *result) {
  advance_rows(block, actions, result);
}

__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))) static void
advance_avx512(struct cartpole_block *block, const int32_t *actions, muster_env_block_result *result) {
  advance_rows(block, actions, result);
}

static advance_function *choose_advance(void) {
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    return advance_avx512;
  return __builtin_cpu_supports("avx2") ? advance_avx2 : advance_baseline;
}
#else
static advance_function *choose_advance(void) { return advance_baseline; }
#endif

static int cartpole_block_create(const muster_env_setting *settings, int32_t n, void **out, muster_env_error *error) {
  (void)settings;
  size_t padded = ((size_t)n + GROUP - 1) / GROUP * GROUP;
  struct cartpole_block *block = malloc(sizeof *block);
  double *values = aligned_alloc(64, STATE_SIZE * padded * sizeof *values);
  if (block == NULL || values == NULL) {
    free(block);
    free(values);
    return muster_env_fail(error, "out of memory for %d environments", (int)n);
  }
  memset(values, 0, STATE_SIZE * padded * sizeof *values);
  *block = (struct cartpole_block){.n = n, .advance = choose_advance()};
  for (size_t i = 0; i < STATE_SIZE; i++) block->values[i] = values + i * padded;
  *out = block;
  return 0;
}

static void cartpole_block_destroy(void *self) {
  struct cartpole_block *block = self;
  if (block == NULL) return;
  free(block->values[0]);
  free(block);
}

static void set_row(struct cartpole_block *block, int32_t row, const double state[STATE_SIZE]) {
  for (int i = 0; i < STATE_SIZE; i++) block->values[i][row] = state[i];
}

static int cartpole_block_reset(void *self, int32_t row, muster_random *random, muster_env_result *result,
                                muster_env_error *error) {
  (void)error;
  double state[STATE_SIZE];
  draw_start(random, state);
  set_row(self, row, state);
  write_observation(state, result->observation);
  return 0;
}

static int cartpole_block_step(void *self, const void *actions, muster_random *const *randoms,
                               muster_env_block_result *result, muster_env_error *error) {
  (void)randoms;
  struct cartpole_block *block = self;
  const int32_t *pushes = actions;

  /* refuse a wrong action before anything moves */
  int32_t wrong = 0;
  for (int32_t i = 0; i < block->n; i++) wrong |= pushes[i] & ~1;
  for (int32_t i = 0; wrong != 0 && i < block->n; i++) {
    if ((pushes[i] & ~1) == 0) continue;
    result->failed_row = i;
    return refuse_action(pushes[i], error);
  }
  block->advance(block, pushes, result);
  return 0;
}

static void cartpole_block_save_state(const void *self, int32_t row, void *bytes) {
  const struct cartpole_block *block = self;
  double state[STATE_SIZE];
  for (int i = 0; i < STATE_SIZE; i++) state[i] = block->values[i][row];
  memcpy(bytes, state, sizeof state);
}

static int cartpole_block_load_state(void *self, int32_t row, const void *bytes, muster_env_error *error) {
  double state[STATE_SIZE];
  if (read_state(bytes, state, error) != 0) return 1;
  set_row(self, row, state);
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
    .block_destroy = cartpole_block_destroy,
    .block_describe = cartpole_describe,
    .block_reset = cartpole_block_reset,
    .block_step = cartpole_block_step,
    .block_save_state = cartpole_block_save_state,
    .block_load_state = cartpole_block_load_state,
};
