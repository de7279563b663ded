/* Reacher6-v0: an arm of six joints, driven by six torques, brings its fingertip to a target. The dynamics are those of
 * arm.h: a rigid chain with inertia, damped joints that stop at their limits, no gravity unless asked for.
 *
 * The target is where the fingertip is in a posture with angles drawn within the joints' limits, so that it can be
 * reached. Actions outside of [-1, 1] are clipped, so `gear` is each motor's limit. Rewards depend on the fingertip's
 * distance from the target after the step. Dense: minus the distance in m, minus `control_cost` times the squared
 * action, plus `bonus` within `tolerance`. Sparse: 1 within `tolerance` and 0 elsewhere.
 *
 * Without damping and torques the energy of motion should stay the same: over 1,000 steps it changes by less than 1e-8
 * of itself, from angles and rates up to 1 rad and 1 rad/s; without the motors' inertia, where the outer links move
 * much faster, by less than 1e-3. */
#include "env/envs/arm.h"
#include "env/envs/canvas.h"
#include "env/envs/number_list.h"
#include "env/envs/settings.h"
#include "muster/env.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define START_ANGLE 0.1 /* rad: starts at rest, nearly straight, each angle in [-0.1, 0.1) */
#define RATE_LIMIT 1e6  /* rad/s: no saved rate is beyond that */

/* the observation: cosines and sines of joint angles, their rates in rad/s, the target's place in m, and the vector
 * from the fingertip to it */
enum {
  COSINES = 0,
  SINES = ARM_JOINTS,
  RATES = 2 * ARM_JOINTS,
  TARGET = 3 * ARM_JOINTS,
  WAY = TARGET + 2,
  OBSERVATION_SIZE = WAY + 2
};

static const muster_env_option reacher6_options[] = {
    {"lengths", "0.1", "m, of the links: one number for all, or six with commas between them"},
    {"masses", "0.1", "kg, of the links, likewise"},
    {"armature", "0.01", "kg m^2, inertia of the motors about their joints, likewise"},
    {"damping", "0.1", "N m s/rad, of the joints, likewise"},
    {"gear", "0.5", "N m, torque of the motors at action 1, likewise"},
    {"joint_limits", "2.8", "rad, how far the joints turn either way, likewise"},
    {"gravity", "0", "m/s^2, in the plane of the arm, along -y"},
    {"time_step", "0.02", "s, one step"},
    {"substeps", "2", "steps of the Runge-Kutta method in one step"},
    {"max_steps", "150", "steps of an episode, 0 for no limit"},
    {"reward", "dense", "dense or sparse"},
    {"control_cost", "0.001", "of the dense reward: price of the squared action"},
    {"bonus", "1", "of the dense reward: what each step within the tolerance earns"},
    {"tolerance", "0.05", "m, distance from which on the target counts as reached"},
    {"ends_when_reached", "false", "whether an episode ends when the target is reached"},
    {NULL, NULL, NULL}};

/* what save_state() writes; it has only doubles, so no padding */
struct reacher6_state {
  struct arm_state arm;
  double target[2]; /* m */
};

struct reacher6 {
  struct arm arm;
  double gear[ARM_JOINTS]; /* N m */
  double time_step;        /* s */
  int32_t substeps, max_steps;
  bool sparse, ends_when_reached;
  double control_cost, bonus, tolerance;
  struct reacher6_state state;
  double tip[2]; /* m; follows from the state */
};

/* ---- life ---- */

/* reads six numbers, or one for all joints */
static int read_joints(const muster_env_setting *settings, const char *key, double min, double max, double *out,
                       muster_env_error *error) {
  int32_t count = 0;
  if (setting_numbers(settings, key, min, max, ARM_JOINTS, out, &count, error) != 0) return 1;
  if (count != 1 && count != ARM_JOINTS)
    return muster_env_fail(error, "option %s: expects one number or %d, got %d", key, ARM_JOINTS, (int)count);
  for (int32_t i = count; i < ARM_JOINTS; i++) out[i] = out[0];
  return 0;
}

static int read_arm(const muster_env_setting *settings, struct reacher6 *reacher, muster_env_error *error) {
  struct arm *arm = &reacher->arm;
  if (read_joints(settings, "lengths", 1e-3, 1e3, arm->length, error) != 0) return 1;
  if (read_joints(settings, "masses", 1e-6, 1e6, arm->mass, error) != 0) return 1;
  if (read_joints(settings, "armature", 0.0, 1e6, arm->armature, error) != 0) return 1;
  if (read_joints(settings, "damping", 0.0, 1e6, arm->damping, error) != 0) return 1;
  if (read_joints(settings, "gear", 0.0, 1e6, reacher->gear, error) != 0) return 1;
  if (read_joints(settings, "joint_limits", START_ANGLE, 1e6, arm->limit, error) != 0) return 1;
  return setting_number(settings, "gravity", -1e3, 1e3, &arm->gravity, error);
}

static int read_task(const muster_env_setting *settings, struct reacher6 *reacher, muster_env_error *error) {
  static const char *const rewards[] = {"dense", "sparse", NULL};
  int reward = 0;
  if (setting_number(settings, "time_step", 1e-6, 1.0, &reacher->time_step, error) != 0) return 1;
  if (setting_integer(settings, "substeps", 1, 1000, &reacher->substeps, error) != 0) return 1;
  if (setting_integer(settings, "max_steps", 0, INT32_MAX, &reacher->max_steps, error) != 0) return 1;
  if (setting_choice(settings, "reward", rewards, &reward, error) != 0) return 1;
  if (setting_number(settings, "control_cost", 0.0, 1e6, &reacher->control_cost, error) != 0) return 1;
  if (setting_number(settings, "bonus", 0.0, 1e6, &reacher->bonus, error) != 0) return 1;
  if (setting_number(settings, "tolerance", 0.0, 1e6, &reacher->tolerance, error) != 0) return 1;
  reacher->sparse = reward == 1;
  return setting_bool(settings, "ends_when_reached", &reacher->ends_when_reached, error);
}

static void place_tip(struct reacher6 *reacher) {
  double x[ARM_JOINTS], y[ARM_JOINTS];
  arm_positions(&reacher->arm, reacher->state.arm.angle, x, y);
  reacher->tip[0] = x[ARM_JOINTS - 1];
  reacher->tip[1] = y[ARM_JOINTS - 1];
}

static int reacher6_create(const muster_env_setting *settings, void **env, muster_env_error *error) {
  struct reacher6 *reacher = calloc(1, sizeof *reacher);
  if (reacher == NULL) return muster_env_fail(error, "out of memory");
  if (read_arm(settings, reacher, error) != 0 || read_task(settings, reacher, error) != 0) {
    free(reacher);
    return 1;
  }
  arm_prepare(&reacher->arm);
  place_tip(reacher);
  *env = reacher;
  return 0;
}

static void reacher6_destroy(void *env) { free(env); }

static void reacher6_describe(const void *env, muster_env_spec *spec) {
  static const float minus_one[ARM_JOINTS] = {-1, -1, -1, -1, -1, -1}, one[ARM_JOINTS] = {1, 1, 1, 1, 1, 1};
  const struct reacher6 *reacher = env;
  spec->observation = (muster_space){.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {OBSERVATION_SIZE}};
  spec->action =
      (muster_space){.kind = MUSTER_SPACE_BOX, .rank = 1, .shape = {ARM_JOINTS}, .low = minus_one, .high = one};
  spec->agents = 1;
  spec->max_steps = reacher->max_steps;
  spec->reward_threshold = NAN;
  spec->masks_actions = false;
  spec->state_bytes = sizeof(struct reacher6_state);
}

/* ---- episodes ---- */

static void write_observation(const struct reacher6 *reacher, float *observation) {
  const struct reacher6_state *state = &reacher->state;
  for (int i = 0; i < ARM_JOINTS; i++) {
    observation[COSINES + i] = (float)cos(state->arm.angle[i]);
    observation[SINES + i] = (float)sin(state->arm.angle[i]);
    observation[RATES + i] = (float)state->arm.rate[i];
  }
  for (int i = 0; i < 2; i++) {
    observation[TARGET + i] = (float)state->target[i];
    observation[WAY + i] = (float)(state->target[i] - reacher->tip[i]);
  }
}

static int reacher6_reset(void *env, muster_random *random, muster_env_result *result, muster_env_error *error) {
  (void)error;
  struct reacher6 *reacher = env;
  struct arm_state *arm = &reacher->state.arm;

  /* draws the target, as the place of the fingertip in a random posture */
  for (int i = 0; i < ARM_JOINTS; i++)
    arm->angle[i] = muster_random_uniform(random, -reacher->arm.limit[i], reacher->arm.limit[i]);
  place_tip(reacher);
  memcpy(reacher->state.target, reacher->tip, sizeof reacher->tip);

  for (int i = 0; i < ARM_JOINTS; i++) {
    arm->angle[i] = muster_random_uniform(random, -START_ANGLE, START_ANGLE);
    arm->rate[i] = 0.0;
  }
  place_tip(reacher);
  write_observation(reacher, result->observation);
  return 0;
}

/* moves the arm under the action; 0, or 1 with a text */
static int drive(struct reacher6 *reacher, const float *action, muster_env_error *error) {
  double torque[ARM_JOINTS], sum = 0.0;
  for (int i = 0; i < ARM_JOINTS; i++) torque[i] = reacher->gear[i] * fmin(fmax((double)action[i], -1.0), 1.0);
  for (int32_t i = 0; i < reacher->substeps; i++)
    arm_step(&reacher->arm, &reacher->state.arm, torque, reacher->time_step / reacher->substeps);
  for (int i = 0; i < ARM_JOINTS; i++) sum += fabs(reacher->state.arm.angle[i]) + fabs(reacher->state.arm.rate[i]);
  if (!isfinite(sum))
    return muster_env_fail(error, "the arm's motion diverges at these options: choose more substeps, a smaller gear or "
                                  "larger masses");
  return 0;
}

static double reward_of(const struct reacher6 *reacher, const float *action, double distance) {
  bool reached = distance <= reacher->tolerance;
  if (reacher->sparse) return reached ? 1.0 : 0.0;
  double effort = 0.0;
  for (int i = 0; i < ARM_JOINTS; i++) {
    double clipped = fmin(fmax((double)action[i], -1.0), 1.0);
    effort += clipped * clipped;
  }
  return (reached ? reacher->bonus : 0.0) - distance - reacher->control_cost * effort;
}

static int reacher6_step(void *env, const void *action, muster_random *random, muster_env_result *result,
                         muster_env_error *error) {
  (void)random;
  struct reacher6 *reacher = env;
  const float *torques = action;
  for (int i = 0; i < ARM_JOINTS; i++)
    if (!isfinite(torques[i]))
      return muster_env_fail(error, "action %d is %g, not a finite number", i, (double)torques[i]);

  if (drive(reacher, torques, error) != 0) return 1;
  place_tip(reacher);
  const double *target = reacher->state.target, *tip = reacher->tip;
  double distance = hypot(target[0] - tip[0], target[1] - tip[1]);
  result->reward[0] = reward_of(reacher, torques, distance);
  result->terminated = reacher->ends_when_reached && distance <= reacher->tolerance;
  write_observation(reacher, result->observation);
  return 0;
}

/* ---- state and text ---- */

static void reacher6_save_state(const void *env, void *bytes) {
  memcpy(bytes, &((const struct reacher6 *)env)->state, sizeof(struct reacher6_state));
}

static int reacher6_load_state(void *env, const void *bytes, muster_env_error *error) {
  struct reacher6 *reacher = env;
  struct reacher6_state state;
  memcpy(&state, bytes, sizeof state);
  double reach = 0.0;
  for (int i = 0; i < ARM_JOINTS; i++) {
    if (!(fabs(state.arm.angle[i]) <= reacher->arm.limit[i]))
      return muster_env_fail(error, "the angle of joint %d is %g, not within %g either way", i, state.arm.angle[i],
                             reacher->arm.limit[i]);
    if (!(fabs(state.arm.rate[i]) <= RATE_LIMIT))
      return muster_env_fail(error, "the rate of joint %d is %g, not within %g either way", i, state.arm.rate[i],
                             RATE_LIMIT);
    reach += reacher->arm.length[i];
  }
  if (!(hypot(state.target[0], state.target[1]) <= reach * (1.0 + 1e-9)))
    return muster_env_fail(error, "the target (%g, %g) is farther away than %g m, the arm's reach", state.target[0],
                           state.target[1], reach);
  reacher->state = state;
  place_tip(reacher);
  return 0;
}

/* the arm from above: O the base, * the links, o the fingertip, X the target */
static void reacher6_render_text(const void *env, char *text, size_t size) {
  const struct reacher6 *reacher = env;
  double x[ARM_JOINTS], y[ARM_JOINTS], reach = 0.0, from_x = 0.5, from_y = 0.5;
  arm_positions(&reacher->arm, reacher->state.arm.angle, x, y);
  for (int i = 0; i < ARM_JOINTS; i++) reach += reacher->arm.length[i];

  struct canvas canvas;
  canvas_clear(&canvas);
  for (int i = 0; i < ARM_JOINTS; i++) {
    double to_x = 0.5 + 0.5 * x[i] / reach, to_y = 0.5 + 0.5 * y[i] / reach;
    canvas_line(&canvas, from_x, from_y, to_x, to_y, '*');
    from_x = to_x;
    from_y = to_y;
  }
  canvas_put(&canvas, 0.5, 0.5, 'O');
  canvas_put(&canvas, from_x, from_y, 'o');
  const double *target = reacher->state.target;
  canvas_put(&canvas, 0.5 + 0.5 * target[0] / reach, 0.5 + 0.5 * target[1] / reach, 'X');
  char caption[80];
  snprintf(caption, sizeof caption, "distance %.3f m", hypot(target[0] - reacher->tip[0], target[1] - reacher->tip[1]));
  canvas_write(&canvas, caption, text, size);
}

/* the same as a picture; the target is as large as the tolerance */
static void reacher6_render_picture(const void *env, muster_canvas *canvas) {
  const struct reacher6 *reacher = env;
  double x[ARM_JOINTS], y[ARM_JOINTS], reach = 0.0, links[2 * ARM_JOINTS + 2] = {0.0, 0.0};
  arm_positions(&reacher->arm, reacher->state.arm.angle, x, y);
  for (int i = 0; i < ARM_JOINTS; i++) {
    reach += reacher->arm.length[i];
    links[2 * i + 2] = x[i];
    links[2 * i + 3] = y[i];
  }
  const double side = 1.1 * reach, radius = 0.03 * reach;
  const double *target = reacher->state.target;
  canvas->view(canvas, -side, side, -side, side, 0xffffff);
  canvas->circle(canvas, 0.0, 0.0, reach, 0xf4f6f8);
  canvas->circle(canvas, target[0], target[1], fmax(reacher->tolerance, 0.5 * radius), 0xe05a4f);
  canvas->line(canvas, ARM_JOINTS + 1, links, 1.6 * radius, 0x4f7cac);
  for (int i = 0; i < ARM_JOINTS; i++) canvas->circle(canvas, links[2 * i], links[2 * i + 1], radius, 0x23395b);
  canvas->circle(canvas, x[ARM_JOINTS - 1], y[ARM_JOINTS - 1], 0.8 * radius, 0xf2b134);
}

const muster_env_type env_reacher6 = {
    .abi = MUSTER_ENV_ABI,
    .struct_size = sizeof(muster_env_type),
    .name = "Reacher6-v0",
    .summary = "bring the fingertip of an arm of six joints to a target by six torques; 150 steps at most",
    .options = reacher6_options,
    .create = reacher6_create,
    .destroy = reacher6_destroy,
    .describe = reacher6_describe,
    .reset = reacher6_reset,
    .step = reacher6_step,
    .save_state = reacher6_save_state,
    .load_state = reacher6_load_state,
    .render_text = reacher6_render_text,
    .render_picture = reacher6_render_picture,
    .render_fps = 50.0, /* at the default of time_step */
};
