/* The valley in which MountainCar-v0 and MountainCarContinuous-v0 drive (Moore 1990): how the car moves, starts, is
 * saved and looks. float64 state; positions in the units of Gymnasium. */
#ifndef ENV_ENVS_MOUNTAIN_H
#define ENV_ENVS_MOUNTAIN_H

#include "env/envs/canvas.h"
#include "env/envs/settings.h"
#include "env/envs/simd_rows.h"
#include "env/envs/sincos.h"
#include "muster/env.h"

#include <math.h>
#include <string.h>

#define MOUNTAIN_GRAVITY 0.0025
#define MOUNTAIN_MIN_POSITION (-1.2)
#define MOUNTAIN_MAX_POSITION 0.6
#define MOUNTAIN_MAX_SPEED 0.07
#define MOUNTAIN_SLACK 1e-7       /* so much that a state rounded to float32 is accepted */
#define MOUNTAIN_START_LOW (-0.6) /* starts at rest, in [-0.6, -0.4) */
#define MOUNTAIN_START_HIGH (-0.4)

enum { MOUNTAIN_POSITION, MOUNTAIN_VELOCITY, MOUNTAIN_STATE_SIZE };

#define MOUNTAIN_OPTIONS                                                                                               \
  {"goal_velocity", "0", "how fast the car has to be at the flag, in units of position a step"}, { NULL, NULL, NULL }

/* the observation is the state */
static const float mountain_low[MOUNTAIN_STATE_SIZE] = {-1.2f, -0.07f};
static const float mountain_high[MOUNTAIN_STATE_SIZE] = {0.6f, 0.07f};

static inline muster_space mountain_observation_space(void) {
  return (muster_space){
      .kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {MOUNTAIN_STATE_SIZE}, .low = mountain_low, .high = mountain_high};
}

static inline int mountain_read_options(const muster_env_setting *settings, double *goal_velocity,
                                        muster_env_error *error) {
  return setting_number(settings, "goal_velocity", -MOUNTAIN_MAX_SPEED, MOUNTAIN_MAX_SPEED, goal_velocity, error);
}

static inline void mountain_draw_start(muster_random *random, double state[MOUNTAIN_STATE_SIZE]) {
  state[MOUNTAIN_POSITION] = muster_random_uniform(random, MOUNTAIN_START_LOW, MOUNTAIN_START_HIGH);
  state[MOUNTAIN_VELOCITY] = 0.0;
}

static inline void mountain_write_observation(const double state[MOUNTAIN_STATE_SIZE], void *observation) {
  const float values[MOUNTAIN_STATE_SIZE] = {(float)state[MOUNTAIN_POSITION], (float)state[MOUNTAIN_VELOCITY]};
  memcpy(observation, values, sizeof values);
}

static inline int mountain_read_state(const void *bytes, double state[MOUNTAIN_STATE_SIZE], muster_env_error *error) {
  memcpy(state, bytes, MOUNTAIN_STATE_SIZE * sizeof *state);
  double position = state[MOUNTAIN_POSITION], velocity = state[MOUNTAIN_VELOCITY];
  if (!(position >= MOUNTAIN_MIN_POSITION - MOUNTAIN_SLACK && position <= MOUNTAIN_MAX_POSITION + MOUNTAIN_SLACK))
    return muster_env_fail(error, "position %g is not from %g to %g", position, MOUNTAIN_MIN_POSITION,
                           MOUNTAIN_MAX_POSITION);
  if (!(fabs(velocity) <= MOUNTAIN_MAX_SPEED + MOUNTAIN_SLACK))
    return muster_env_fail(error, "velocity %g is not within %g either way", velocity, MOUNTAIN_MAX_SPEED);
  return 0;
}

/* one step: `push` is the engine's acceleration, `cosine` is cos(3 position) */
SIMD_ROWS_INLINE void mountain_move(double *position, double *velocity, double push, double cosine) {
  double v = *velocity + (push - MOUNTAIN_GRAVITY * cosine);
  v = v > MOUNTAIN_MAX_SPEED ? MOUNTAIN_MAX_SPEED : v;
  v = v < -MOUNTAIN_MAX_SPEED ? -MOUNTAIN_MAX_SPEED : v;
  double x = *position + v;
  x = x > MOUNTAIN_MAX_POSITION ? MOUNTAIN_MAX_POSITION : x;
  x = x < MOUNTAIN_MIN_POSITION ? MOUNTAIN_MIN_POSITION : x;

  /* the wall on the left stops the car */
  bool stopped = (x == MOUNTAIN_MIN_POSITION) & (v < 0.0);
  *velocity = stopped ? 0.0 : v;
  *position = x;
}

/* mountain_move() for the group of rows from `start`, and their observations; `push`: [SIMD_ROWS_GROUP] */
SIMD_ROWS_INLINE void mountain_move_group(struct simd_rows *block, size_t start, const double *push,
                                          float *observation) {
  double *restrict position = block->values[MOUNTAIN_POSITION] + start;
  double *restrict velocity = block->values[MOUNTAIN_VELOCITY] + start;
  double angle[SIMD_ROWS_GROUP], sine[SIMD_ROWS_GROUP], cosine[SIMD_ROWS_GROUP];
  for (int i = 0; i < SIMD_ROWS_GROUP; i++) angle[i] = 3.0 * position[i];
  sincos_any(SIMD_ROWS_GROUP, angle, sine, cosine);
  for (int i = 0; i < SIMD_ROWS_GROUP; i++) mountain_move(&position[i], &velocity[i], push[i], cosine[i]);
  for (int i = 0; i < SIMD_ROWS_GROUP; i++) {
    observation[MOUNTAIN_STATE_SIZE * i + MOUNTAIN_POSITION] = (float)position[i];
    observation[MOUNTAIN_STATE_SIZE * i + MOUNTAIN_VELOCITY] = (float)velocity[i];
  }
}

/* a side view: the car # on the slope, the flag P at the goal */
static inline void mountain_render_text(const double state[MOUNTAIN_STATE_SIZE], double goal, char *text, size_t size) {
  const double width = MOUNTAIN_MAX_POSITION - MOUNTAIN_MIN_POSITION;
  struct canvas canvas;
  canvas_clear(&canvas);
  for (int i = 0; i < CANVAS_COLUMNS; i++) {
    double part = (double)i / (CANVAS_COLUMNS - 1), x = MOUNTAIN_MIN_POSITION + part * width;
    canvas_put(&canvas, part, 0.4 + 0.4 * sin(3.0 * x), '.');
  }
  const double x = state[MOUNTAIN_POSITION];
  canvas_put(&canvas, (goal - MOUNTAIN_MIN_POSITION) / width, 0.5 + 0.4 * sin(3.0 * goal), 'P');
  canvas_put(&canvas, (x - MOUNTAIN_MIN_POSITION) / width, 0.4 + 0.4 * sin(3.0 * x), '#');
  char caption[80];
  snprintf(caption, sizeof caption, "position %+.3f, velocity %+.4f", x, state[MOUNTAIN_VELOCITY]);
  canvas_write(&canvas, caption, text, size);
}

/* a point of the car, given by its distances from where the wheels stand, along the slope and upwards */
static inline void mountain_place(double position, double along, double up, double *point) {
  const double steepness = atan(3.0 * 0.45 * cos(3.0 * position)), cosine = cos(steepness), sine = sin(steepness);
  point[0] = position + along * cosine - up * sine;
  point[1] = 0.55 + 0.45 * sin(3.0 * position) + along * sine + up * cosine;
}

/* the same as a picture, with the sizes and colors of Gymnasium */
static inline void mountain_render_picture(const double state[MOUNTAIN_STATE_SIZE], double goal,
                                           muster_canvas *canvas) {
  enum { POINTS = 101 };
  double ground[2 * (POINTS + 2)], body[8], wheel[2];
  for (int i = 0; i < POINTS; i++) {
    double x = MOUNTAIN_MIN_POSITION + i * (MOUNTAIN_MAX_POSITION - MOUNTAIN_MIN_POSITION) / (POINTS - 1);
    mountain_place(x, 0.0, 0.0, &ground[2 * i]);
  }
  const double corners[] = {MOUNTAIN_MAX_POSITION, 0.0, MOUNTAIN_MIN_POSITION, 0.0};
  memcpy(&ground[2 * POINTS], corners, sizeof corners);

  canvas->view(canvas, MOUNTAIN_MIN_POSITION, MOUNTAIN_MAX_POSITION, 0.0, 1.2, 0xffffff);
  canvas->polygon(canvas, POINTS + 2, ground, 0xeeeee6);
  canvas->line(canvas, POINTS, ground, 0.004, 0x000000);
  const double foot = 0.55 + 0.45 * sin(3.0 * goal), top = foot + 0.15;
  const double pole[] = {goal, foot, goal, top}, cloth[] = {goal, top, goal + 0.075, top - 0.015, goal, top - 0.03};
  canvas->line(canvas, 2, pole, 0.004, 0x000000);
  canvas->polygon(canvas, 3, cloth, 0xcccc00);

  const double x = state[MOUNTAIN_POSITION];
  const double outline[][2] = {{-0.06, 0.03}, {-0.06, 0.09}, {0.06, 0.09}, {0.06, 0.03}};
  for (int i = 0; i < 4; i++) mountain_place(x, outline[i][0], outline[i][1], &body[2 * i]);
  canvas->polygon(canvas, 4, body, 0x000000);
  for (int side = -1; side <= 1; side += 2) {
    mountain_place(x, 0.03 * side, 0.024, wheel);
    canvas->circle(canvas, wheel[0], wheel[1], 0.024, 0x808080);
  }
}

#define MOUNTAIN_FPS 30.0 /* a step has no length in seconds, so this only suits the eye */

/* ---- functions of a block that both environments share ---- */

static inline int mountain_block_reset(void *self, int32_t row, muster_random *random, muster_env_result *result,
                                       muster_env_error *error) {
  (void)error;
  double state[MOUNTAIN_STATE_SIZE];
  mountain_draw_start(random, state);
  simd_rows_set_row(self, row, state);
  mountain_write_observation(state, result->observation);
  return 0;
}

static inline int mountain_block_load_state(void *self, int32_t row, const void *bytes, muster_env_error *error) {
  double state[MOUNTAIN_STATE_SIZE];
  if (mountain_read_state(bytes, state, error) != 0) return 1;
  simd_rows_set_row(self, row, state);
  return 0;
}

#endif
