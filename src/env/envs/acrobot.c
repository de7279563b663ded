/* Acrobot-v1: a pendulum of two links, driven at the joint between them, swings its tip above a line one link over the
 * pivot (Sutton 1996; Sutton and Barto 2018, example 11.1), with the dynamics, limits and start of Gymnasium's
 * Acrobot-v1 in float64. Integrated by one step of the classic Runge-Kutta method. */
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
#define GRAVITY 9.8                     /* m/s^2 */
#define MASS_1 1.0                      /* kg, of the upper link */
#define MASS_2 1.0                      /* kg, of the lower link */
#define LENGTH_1 1.0                    /* m */
#define CENTRE_1 0.5                    /* m, from the pivot to the upper link's centre of mass */
#define CENTRE_2 0.5                    /* m, from the joint to the lower link's centre of mass */
#define INERTIA 1.0                     /* kg m^2, of each link */
#define TAU 0.2                         /* s, one step */
#define SPIN_1_LIMIT 12.566370614359172 /* rad/s, 4 pi */
#define SPIN_2_LIMIT 28.274333882308138 /* rad/s, 9 pi */
#define START_LIMIT 0.1                 /* each state variable starts in [-0.1, 0.1) */
#define ANGLE_SLACK 1e-9                /* rad; wrapped angles may exceed pi by rounding */

/* angles in rad (first: of the upper link, 0 hangs down; second: of the lower link against the upper one), then their
 * rates in rad/s */
enum { ANGLE_1, ANGLE_2, SPIN_1, SPIN_2, STATE_SIZE };
enum { OBSERVATION_SIZE = 6 };

static const muster_env_option acrobot_options[] = {
    {"book_or_nips", "book", "equations of motion: book (Sutton and Barto) or nips (Sutton 1996)"}, {NULL, NULL, NULL}};

/* ---- what the single environment and the block share ---- */

static const float observation_high[OBSERVATION_SIZE] = {1.0f, 1.0f, 1.0f, 1.0f, 12.566371f, 28.274334f};
static const float observation_low[OBSERVATION_SIZE] = {-1.0f, -1.0f, -1.0f, -1.0f, -12.566371f, -28.274334f};
static const int32_t action_counts[1] = {3};

static void acrobot_describe(const void *env, muster_env_spec *spec) {
  (void)env;
  spec->observation = (muster_space){.kind = MUSTER_SPACE_BOX,
                                     .rank = 1,
                                     .shape = {OBSERVATION_SIZE},
                                     .low = observation_low,
                                     .high = observation_high};
  spec->action = (muster_space){.kind = MUSTER_SPACE_DISCRETE, .counts = action_counts};
  spec->agents = 1;
  spec->max_steps = 500;
  spec->reward_threshold = -100.0;
  spec->masks_actions = false;
  spec->state_bytes = STATE_SIZE * sizeof(double);
}

static int read_options(const muster_env_setting *settings, bool *nips, muster_env_error *error) {
  static const char *const names[] = {"book", "nips", NULL};
  int index = 0;
  if (setting_choice(settings, "book_or_nips", names, &index, error) != 0) return 1;
  *nips = index == 1;
  return 0;
}

static void draw_start(muster_random *random, double state[STATE_SIZE]) {
  for (int i = 0; i < STATE_SIZE; i++) state[i] = muster_random_uniform(random, -START_LIMIT, START_LIMIT);
}

static void write_observation(const double state[STATE_SIZE], void *observation) {
  const float values[OBSERVATION_SIZE] = {(float)cos(state[ANGLE_1]), (float)sin(state[ANGLE_1]),
                                          (float)cos(state[ANGLE_2]), (float)sin(state[ANGLE_2]),
                                          (float)state[SPIN_1],       (float)state[SPIN_2]};
  memcpy(observation, values, sizeof values);
}

static int read_state(const void *bytes, double state[STATE_SIZE], muster_env_error *error) {
  static const double limits[STATE_SIZE] = {PI + ANGLE_SLACK, PI + ANGLE_SLACK, SPIN_1_LIMIT, SPIN_2_LIMIT};
  memcpy(state, bytes, STATE_SIZE * sizeof *state);
  for (int i = 0; i < STATE_SIZE; i++)
    if (!(fabs(state[i]) <= limits[i]))
      return muster_env_fail(error, "state variable %d is %g, not within %g either way", i, state[i], limits[i]);
  return 0;
}

static int refuse_action(int32_t action, muster_env_error *error) {
  return muster_env_fail(error, "action %d is not 0 (torque -1), 1 (none) or 2 (torque +1)", (int)action);
}

/* angular accelerations of both links (Sutton and Barto, example 11.1). `sine`, `cosine`: of the second angle;
 * `pull_1`, `pull_2`: cos(angle - pi / 2) of the first angle and of the sum of both */
SIMD_ROWS_INLINE void accelerations(bool nips, double torque, double spin_1, double spin_2, double sine, double cosine,
                                    double pull_1, double pull_2, double *rate_1, double *rate_2) {
  double d1 = MASS_1 * (CENTRE_1 * CENTRE_1) +
              MASS_2 * (LENGTH_1 * LENGTH_1 + CENTRE_2 * CENTRE_2 + 2.0 * LENGTH_1 * CENTRE_2 * cosine) + INERTIA +
              INERTIA;
  double d2 = MASS_2 * (CENTRE_2 * CENTRE_2 + LENGTH_1 * CENTRE_2 * cosine) + INERTIA;
  double phi2 = MASS_2 * CENTRE_2 * GRAVITY * pull_2;
  double phi1 = -MASS_2 * LENGTH_1 * CENTRE_2 * (spin_2 * spin_2) * sine -
                2.0 * MASS_2 * LENGTH_1 * CENTRE_2 * spin_2 * spin_1 * sine +
                (MASS_1 * CENTRE_1 + MASS_2 * LENGTH_1) * GRAVITY * pull_1 + phi2;
  double centrifugal = nips ? 0.0 : MASS_2 * LENGTH_1 * CENTRE_2 * (spin_1 * spin_1) * sine;
  *rate_2 = (torque + d2 / d1 * phi1 - centrifugal - phi2) / (MASS_2 * (CENTRE_2 * CENTRE_2) + INERTIA - d2 * d2 / d1);
  *rate_1 = -(d2 * *rate_2 + phi1) / d1;
}

SIMD_ROWS_INLINE double clip(double value, double limit) {
  value = value > limit ? limit : value;
  return value < -limit ? -limit : value;
}

/* ---- one environment ---- */

struct acrobot {
  bool nips;
  double state[STATE_SIZE];
};

static int acrobot_create(const muster_env_setting *settings, void **env, muster_env_error *error) {
  bool nips = false;
  if (read_options(settings, &nips, error) != 0) return 1;
  struct acrobot *acrobot = calloc(1, sizeof *acrobot);
  if (acrobot == NULL) return muster_env_fail(error, "out of memory");
  acrobot->nips = nips;
  *env = acrobot;
  return 0;
}

static void acrobot_destroy(void *env) { free(env); }

static int acrobot_reset(void *env, muster_random *random, muster_env_result *result, muster_env_error *error) {
  (void)error;
  struct acrobot *acrobot = env;
  draw_start(random, acrobot->state);
  write_observation(acrobot->state, result->observation);
  return 0;
}

static void derivative(bool nips, const double state[STATE_SIZE], double torque, double rate[STATE_SIZE]) {
  rate[ANGLE_1] = state[SPIN_1];
  rate[ANGLE_2] = state[SPIN_2];
  accelerations(nips, torque, state[SPIN_1], state[SPIN_2], sin(state[ANGLE_2]), cos(state[ANGLE_2]),
                cos(state[ANGLE_1] - PI / 2.0), cos(state[ANGLE_1] + state[ANGLE_2] - PI / 2.0), &rate[SPIN_1],
                &rate[SPIN_2]);
}

/* the classic Runge-Kutta step of order 4 over TAU, in Gymnasium's order of operations */
static void integrate(bool nips, double state[STATE_SIZE], double torque) {
  double k1[STATE_SIZE], k2[STATE_SIZE], k3[STATE_SIZE], k4[STATE_SIZE], at[STATE_SIZE];
  derivative(nips, state, torque, k1);
  for (int i = 0; i < STATE_SIZE; i++) at[i] = state[i] + TAU / 2.0 * k1[i];
  derivative(nips, at, torque, k2);
  for (int i = 0; i < STATE_SIZE; i++) at[i] = state[i] + TAU / 2.0 * k2[i];
  derivative(nips, at, torque, k3);
  for (int i = 0; i < STATE_SIZE; i++) at[i] = state[i] + TAU * k3[i];
  derivative(nips, at, torque, k4);
  for (int i = 0; i < STATE_SIZE; i++) state[i] += TAU / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]);
}

static double wrap(double angle) {
  while (angle > PI) angle -= 2.0 * PI;
  while (angle < -PI) angle += 2.0 * PI;
  return angle;
}

static int acrobot_step(void *env, const void *action, muster_random *random, muster_env_result *result,
                        muster_env_error *error) {
  (void)random;
  struct acrobot *acrobot = env;
  double *state = acrobot->state;
  int32_t choice = *(const int32_t *)action;
  if (choice < 0 || choice >= action_counts[0]) return refuse_action(choice, error);

  integrate(acrobot->nips, state, (double)(choice - 1));
  state[ANGLE_1] = wrap(state[ANGLE_1]);
  state[ANGLE_2] = wrap(state[ANGLE_2]);
  state[SPIN_1] = clip(state[SPIN_1], SPIN_1_LIMIT);
  state[SPIN_2] = clip(state[SPIN_2], SPIN_2_LIMIT);

  write_observation(state, result->observation);
  result->terminated = -cos(state[ANGLE_1]) - cos(state[ANGLE_2] + state[ANGLE_1]) > 1.0;
  result->reward[0] = result->terminated ? 0.0 : -1.0;
  return 0;
}

static void acrobot_save_state(const void *env, void *bytes) {
  memcpy(bytes, ((const struct acrobot *)env)->state, STATE_SIZE * sizeof(double));
}

static int acrobot_load_state(void *env, const void *bytes, muster_env_error *error) {
  double state[STATE_SIZE];
  if (read_state(bytes, state, error) != 0) return 1;
  memcpy(((struct acrobot *)env)->state, state, sizeof state);
  return 0;
}

/* the two links below the pivot O, and the line that the tip must pass */
static void acrobot_render_text(const void *env, char *text, size_t size) {
  const double *state = ((const struct acrobot *)env)->state;
  double bend = state[ANGLE_1] + state[ANGLE_2];
  double joint_x = sin(state[ANGLE_1]), joint_y = -cos(state[ANGLE_1]);
  double tip_x = joint_x + sin(bend), tip_y = joint_y - cos(bend);

  /* 4.4 m high; a cell is 0.37 m high and half as wide */
  const double high = 4.4, wide = high * CANVAS_COLUMNS / (2.0 * CANVAS_ROWS);
  struct canvas canvas;
  canvas_clear(&canvas);
  canvas_line(&canvas, 0.0, 0.5 + 1.0 / high, 1.0, 0.5 + 1.0 / high, '-');
  canvas_line(&canvas, 0.5, 0.5, 0.5 + joint_x / wide, 0.5 + joint_y / high, '#');
  canvas_line(&canvas, 0.5 + joint_x / wide, 0.5 + joint_y / high, 0.5 + tip_x / wide, 0.5 + tip_y / high, '*');
  canvas_put(&canvas, 0.5, 0.5, 'O');
  char caption[96];
  snprintf(caption, sizeof caption, "angles %+.1f and %+.1f degrees, tip %+.3f m above the pivot",
           state[ANGLE_1] * (180.0 / PI), state[ANGLE_2] * (180.0 / PI), tip_y);
  canvas_write(&canvas, caption, text, size);
}

/* the same as a picture, with the sizes and colors of Gymnasium */
static void acrobot_render_picture(const void *env, muster_canvas *canvas) {
  const double *state = ((const struct acrobot *)env)->state;
  const double bend = state[ANGLE_1] + state[ANGLE_2], reach = 2.0 * LENGTH_1 + 0.2;
  const double joint_x = LENGTH_1 * sin(state[ANGLE_1]), joint_y = -LENGTH_1 * cos(state[ANGLE_1]);
  const double links[] = {0.0, 0.0, joint_x, joint_y, joint_x + LENGTH_1 * sin(bend), joint_y - LENGTH_1 * cos(bend)};
  const double line[] = {-reach, LENGTH_1, reach, LENGTH_1};

  canvas->view(canvas, -reach, reach, -reach, reach, 0xffffff);
  canvas->line(canvas, 2, line, 0.01, 0x000000);
  for (int i = 0; i < 2; i++) {
    canvas->line(canvas, 2, &links[2 * i], 0.2, 0x00cccc);
    canvas->circle(canvas, links[2 * i], links[2 * i + 1], 0.1, 0xcccc00);
  }
}

/* ---- a block of environments: the parameter is 1 for the equations of `nips` ---- */

typedef double group_state[STATE_SIZE][SIMD_ROWS_GROUP];

SIMD_ROWS_INLINE void group_derivative(bool nips, group_state state, const double *torque, group_state rate) {
  double both[SIMD_ROWS_GROUP], sine_1[SIMD_ROWS_GROUP], sine_2[SIMD_ROWS_GROUP], cosine_2[SIMD_ROWS_GROUP],
      sine_both[SIMD_ROWS_GROUP];
  double unused[SIMD_ROWS_GROUP];
  for (int i = 0; i < SIMD_ROWS_GROUP; i++) both[i] = state[ANGLE_1][i] + state[ANGLE_2][i];
  sincos_any(SIMD_ROWS_GROUP, state[ANGLE_1], sine_1, unused);
  sincos_any(SIMD_ROWS_GROUP, state[ANGLE_2], sine_2, cosine_2);
  sincos_any(SIMD_ROWS_GROUP, both, sine_both, unused);

  /* cos(x - pi / 2) is sin(x) */
  for (int i = 0; i < SIMD_ROWS_GROUP; i++) {
    rate[ANGLE_1][i] = state[SPIN_1][i];
    rate[ANGLE_2][i] = state[SPIN_2][i];
    accelerations(nips, torque[i], state[SPIN_1][i], state[SPIN_2][i], sine_2[i], cosine_2[i], sine_1[i], sine_both[i],
                  &rate[SPIN_1][i], &rate[SPIN_2][i]);
  }
}

/* as integrate(): the rates of the four stages are summed with weights 1, 2, 2, 1 */
SIMD_ROWS_INLINE void group_integrate(bool nips, group_state state, const double *torque) {
  static const double weights[4] = {1.0, 2.0, 2.0, 1.0}, reaches[4] = {TAU / 2.0, TAU / 2.0, TAU, 0.0};
  group_state at, rate, sum = {{0.0}};
  memcpy(at, state, sizeof at);
  for (int stage = 0; stage < 4; stage++) {
    group_derivative(nips, at, torque, rate);
    for (int k = 0; k < STATE_SIZE; k++)
      for (int i = 0; i < SIMD_ROWS_GROUP; i++) {
        sum[k][i] += weights[stage] * rate[k][i];
        at[k][i] = state[k][i] + reaches[stage] * rate[k][i];
      }
  }
  for (int k = 0; k < STATE_SIZE; k++)
    for (int i = 0; i < SIMD_ROWS_GROUP; i++) state[k][i] += TAU / 6.0 * sum[k][i];
}

/* the observations and flags of a group, from the state after the step */
SIMD_ROWS_INLINE void group_observe(group_state state, float *observation, float *reward, uint8_t *terminated) {
  double sine_1[SIMD_ROWS_GROUP], cosine_1[SIMD_ROWS_GROUP], sine_2[SIMD_ROWS_GROUP], cosine_2[SIMD_ROWS_GROUP];
  sincos_any(SIMD_ROWS_GROUP, state[ANGLE_1], sine_1, cosine_1);
  sincos_any(SIMD_ROWS_GROUP, state[ANGLE_2], sine_2, cosine_2);
  for (int i = 0; i < SIMD_ROWS_GROUP; i++) {
    observation[OBSERVATION_SIZE * i] = (float)cosine_1[i];
    observation[OBSERVATION_SIZE * i + 1] = (float)sine_1[i];
    observation[OBSERVATION_SIZE * i + 2] = (float)cosine_2[i];
    observation[OBSERVATION_SIZE * i + 3] = (float)sine_2[i];
    observation[OBSERVATION_SIZE * i + 4] = (float)state[SPIN_1][i];
    observation[OBSERVATION_SIZE * i + 5] = (float)state[SPIN_2][i];
  }
  for (int i = 0; i < SIMD_ROWS_GROUP; i++) {
    double height = -cosine_1[i] - (cosine_1[i] * cosine_2[i] - sine_1[i] * sine_2[i]);
    terminated[i] = height > 1.0;
    reward[i] = height > 1.0 ? 0.0f : -1.0f;
  }
}

SIMD_ROWS_INLINE void advance_rows(struct simd_rows *block, const void *actions, muster_env_block_result *result) {
  const bool nips = block->parameter != 0.0;
  for (size_t start = 0; start < (size_t)block->n; start += SIMD_ROWS_GROUP) {
    size_t rows = simd_rows_in_group(block, start);
    int32_t action[SIMD_ROWS_GROUP];
    double torque[SIMD_ROWS_GROUP];
    group_state state;
    float observation[SIMD_ROWS_GROUP * OBSERVATION_SIZE], reward[SIMD_ROWS_GROUP];
    uint8_t terminated[SIMD_ROWS_GROUP];
    simd_rows_load(action, actions, start, rows);
    for (int i = 0; i < SIMD_ROWS_GROUP; i++) torque[i] = (double)(action[i] - 1);
    for (int k = 0; k < STATE_SIZE; k++) memcpy(state[k], block->values[k] + start, sizeof state[k]);

    group_integrate(nips, state, torque);
    for (int i = 0; i < SIMD_ROWS_GROUP; i++) {
      state[ANGLE_1][i] = sincos_wrap(state[ANGLE_1][i]);
      state[ANGLE_2][i] = sincos_wrap(state[ANGLE_2][i]);
      state[SPIN_1][i] = clip(state[SPIN_1][i], SPIN_1_LIMIT);
      state[SPIN_2][i] = clip(state[SPIN_2][i], SPIN_2_LIMIT);
    }
    group_observe(state, observation, reward, terminated);
    for (int k = 0; k < STATE_SIZE; k++) memcpy(block->values[k] + start, state[k], sizeof state[k]);
    simd_rows_store(block, start, rows, OBSERVATION_SIZE, observation, reward, terminated, result);
  }
}
SIMD_ROWS_TARGETS(advance_rows)

static int acrobot_block_create(const muster_env_setting *settings, int32_t n, void **out, muster_env_error *error) {
  bool nips = false;
  if (read_options(settings, &nips, error) != 0) return 1;
  return simd_rows_create(n, STATE_SIZE, nips ? 1.0 : 0.0, advance_rows_choose(), out, error);
}

static int acrobot_block_reset(void *self, int32_t row, muster_random *random, muster_env_result *result,
                               muster_env_error *error) {
  (void)error;
  double state[STATE_SIZE];
  draw_start(random, state);
  simd_rows_set_row(self, row, state);
  write_observation(state, result->observation);
  return 0;
}

static int acrobot_block_step(void *self, const void *actions, muster_random *const *randoms,
                              muster_env_block_result *result, muster_env_error *error) {
  (void)randoms;
  struct simd_rows *block = self;
  result->failed_row = simd_rows_wrong_choice(block->n, actions, action_counts[0]);
  if (result->failed_row >= 0) return refuse_action(((const int32_t *)actions)[result->failed_row], error);
  block->advance(block, actions, result);
  return 0;
}

static int acrobot_block_load_state(void *self, int32_t row, const void *bytes, muster_env_error *error) {
  double state[STATE_SIZE];
  if (read_state(bytes, state, error) != 0) return 1;
  simd_rows_set_row(self, row, state);
  return 0;
}

const muster_env_type env_acrobot = {
    .abi = MUSTER_ENV_ABI,
    .struct_size = sizeof(muster_env_type),
    .name = "Acrobot-v1",
    .summary = "swing the tip of a two-link pendulum up by the torque of its joint; -1 a step, 500 steps at most",
    .options = acrobot_options,
    .create = acrobot_create,
    .destroy = acrobot_destroy,
    .describe = acrobot_describe,
    .reset = acrobot_reset,
    .step = acrobot_step,
    .save_state = acrobot_save_state,
    .load_state = acrobot_load_state,
    .render_text = acrobot_render_text,
    .block_create = acrobot_block_create,
    .block_destroy = simd_rows_destroy,
    .block_describe = acrobot_describe,
    .block_reset = acrobot_block_reset,
    .block_step = acrobot_block_step,
    .block_save_state = simd_rows_save_state,
    .block_load_state = acrobot_block_load_state,
    .render_picture = acrobot_render_picture,
    .render_fps = 1.0 / TAU,
};
