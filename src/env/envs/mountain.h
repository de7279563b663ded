/* The valley in which MountainCar-v0 and MountainCarContinuous-v0 drive (Moore 1990): how the car moves, starts, is
 * saved and looks. float64 state; positions in the units of Gymnasium. */
#ifndef ENV_ENVS_MOUNTAIN_H
#define ENV_ENVS_MOUNTAIN_H

#include "env/envs/canvas.h"
#include "env/envs/lanes.h"
#include "env/envs/settings.h"
#include "env/envs/sincos.h"
#include "muster/env.h"

#include <math.h>
#include <string.h>

#define MOUNTAIN_GRAVITY 0.0025
#define MOUNTAIN_MIN_POSITION (-1.2)
#define MOUNTAIN_MAX_POSITION 0.6
#define MOUNTAIN_MAX_SPEED 0.07
#define MOUNTAIN_SLACK 1e-7       /* a state that was rounded to float32 is accepted */
#define MOUNTAIN_START_LOW (-0.6) /* starts at rest, in [-0.6, -0.4) */
#define MOUNTAIN_START_HIGH (-0.4)

enum { MOUNTAIN_POSITION, MOUNTAIN_VELOCITY, MOUNTAIN_STATE_SIZE };

#define MOUNTAIN_OPTIONS                                                                                               \
  {"goal_velocity", "0", "how fast the car has to be at the flag, in units of position a step"}, { NULL, NULL, NULL }

/* what the car sees is its state */
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
LANES_INLINE void mountain_move(double *position, double *velocity, double push, double cosine) {
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

/* mountain_move() for the group of rows from `start`, and their observations; `push`: [LANES_GROUP] */
LANES_INLINE void mountain_move_group(struct lanes *lanes, size_t start, const double *push, float *observation) {
  double *restrict position = lanes->values[MOUNTAIN_POSITION] + start;
  double *restrict velocity = lanes->values[MOUNTAIN_VELOCITY] + start;
  double angle[LANES_GROUP], sine[LANES_GROUP], cosine[LANES_GROUP];
  for (int i = 0; i < LANES_GROUP; i++) angle[i] = 3.0 * position[i];
  sincos_any(LANES_GROUP, angle, sine, cosine);
  for (int i = 0; i < LANES_GROUP; i++) mountain_move(&position[i], &velocity[i], push[i], cosine[i]);
  for (int i = 0; i < LANES_GROUP; i++) {
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

/* ---- functions of a block that are the same for both ---- */

static inline int mountain_block_reset(void *self, int32_t row, muster_random *random, muster_env_result *result,
                                       muster_env_error *error) {
  (void)error;
  double state[MOUNTAIN_STATE_SIZE];
  mountain_draw_start(random, state);
  lanes_set_row(self, row, state);
  mountain_write_observation(state, result->observation);
  return 0;
}

static inline int mountain_block_load_state(void *self, int32_t row, const void *bytes, muster_env_error *error) {
  double state[MOUNTAIN_STATE_SIZE];
  if (mountain_read_state(bytes, state, error) != 0) return 1;
  lanes_set_row(self, row, state);
  return 0;
}

#endif
