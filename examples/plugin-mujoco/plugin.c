/* Gymnasium's MuJoCo tasks, version 5, as environments of muster. */
#include "picture.h"
#include "tasks.h"

#include <stddef.h>

/* ---- the interface's functions, which are the same for all tasks ---- */

static void destroy(void *block) { simulation_destroy(block); }

static void describe(const void *block, muster_env_spec *spec) { simulation_describe(block, spec); }

static int reset_row(void *block, int32_t row, muster_random *random, muster_env_result *result,
                     muster_env_error *error) {
  return simulation_reset(block, row, random, result->observation, error);
}

static int reset(void *env, muster_random *random, muster_env_result *result, muster_env_error *error) {
  return simulation_reset(env, 0, random, result->observation, error);
}

static int step(void *env, const void *action, muster_random *random, muster_env_result *result,
                muster_env_error *error) {
  (void)random;
  return simulation_step(env, 0, action, result->observation, result->reward, &result->terminated, error);
}

static int step_block(void *block, const void *actions, muster_random *const *randoms, muster_env_block_result *result,
                      muster_env_error *error) {
  (void)randoms;
  struct simulation *self = block;
  for (int32_t row = 0; row < self->n; row++) {
    const float *action = (const float *)actions + (size_t)row * (size_t)self->model->nu;
    float *observation = (float *)((char *)result->observation + (size_t)row * result->observation_stride);
    double reward = 0.0;
    bool terminated = false;
    result->failed_row = row;
    if (simulation_step(self, row, action, observation, &reward, &terminated, error)) return 1;
    *(float *)((char *)result->reward + (size_t)row * result->reward_stride) = (float)reward;
    result->terminated[row] = terminated;
  }
  result->failed_row = -1;
  return 0;
}

static void save_row(const void *block, int32_t row, void *bytes) { simulation_save(block, row, bytes); }
static void save(const void *env, void *bytes) { simulation_save(env, 0, bytes); }

static int load_row(void *block, int32_t row, const void *bytes, muster_env_error *error) {
  return simulation_load(block, row, bytes, error);
}

static int load(void *env, const void *bytes, muster_env_error *error) { return simulation_load(env, 0, bytes, error); }

/* a weight counts from the next step on, noise from the next reset on */
static int set_option(void *block, const char *key, double value, muster_env_error *error) {
  struct simulation *self = block;
  return parameters_set(&self->parameters, key, value, error);
}

static void draw(const void *env, muster_canvas *canvas) { picture_draw(env, canvas); }

static int create_block(const struct task *task, const muster_env_setting *settings, int32_t n, void **block,
                        muster_env_error *error) {
  struct simulation *self = NULL;
  if (simulation_create(task, settings, n, &self, error)) return 1;
  *block = self;
  return 0;
}

/* a type with functions that create it; `identifier` names task, options and type */
#define ENVIRONMENT(identifier, title, text, fps)                                                                      \
  static int create_##identifier(const muster_env_setting *settings, void **env, muster_env_error *error) {            \
    return create_block(&task_##identifier, settings, 1, env, error);                                                  \
  }                                                                                                                    \
  static int create_block_##identifier(const muster_env_setting *settings, int32_t n, void **block,                    \
                                       muster_env_error *error) {                                                      \
    return create_block(&task_##identifier, settings, n, block, error);                                                \
  }                                                                                                                    \
  static const muster_env_type identifier = {.abi = MUSTER_ENV_ABI,                                                    \
                                             .struct_size = sizeof(muster_env_type),                                   \
                                             .name = title,                                                            \
                                             .summary = text,                                                          \
                                             .options = options_##identifier,                                          \
                                             .create = create_##identifier,                                            \
                                             .destroy = destroy,                                                       \
                                             .describe = describe,                                                     \
                                             .reset = reset,                                                           \
                                             .step = step,                                                             \
                                             .save_state = save,                                                       \
                                             .load_state = load,                                                       \
                                             .block_create = create_block_##identifier,                                \
                                             .block_destroy = destroy,                                                 \
                                             .block_describe = describe,                                               \
                                             .block_reset = reset_row,                                                 \
                                             .block_step = step_block,                                                 \
                                             .block_save_state = save_row,                                             \
                                             .block_load_state = load_row,                                             \
                                             .render_picture = draw,                                                   \
                                             .render_fps = fps,                                                        \
                                             .set_option = set_option,                                                 \
                                             .block_set_option = set_option};

/* ---- options: names, meanings and defaults of Gymnasium's keyword arguments ---- */

#define MODEL(file, frames)                                                                                            \
  {"xml_file", file, "the model: a file of the folder assets, or a path that begins with . / or ~"},                   \
      {"assets", MUJOCO_ASSETS, "folder of Gymnasium's models"}, {                                                     \
    "frame_skip", frames, "steps of MuJoCo in one step of the environment"                                             \
  }
#define FORWARD(weight)                                                                                                \
  { "forward_reward_weight", weight, "reward for each m/s forwards" }
#define CONTROL(weight)                                                                                                \
  { "ctrl_cost_weight", weight, "cost of the sum of the action's squares" }
#define CONTACT(weight)                                                                                                \
  { "contact_cost_weight", weight, "cost of the sum of the squares of forces and torques at contacts" }
#define HEALTHY(reward)                                                                                                \
  { "healthy_reward", reward, "reward of a step after which the robot is healthy" }
#define TERMINATE                                                                                                      \
  { "terminate_when_unhealthy", "true", "whether the task ends when the robot is not healthy" }
#define HEALTHY_Z(range)                                                                                               \
  { "healthy_z_range", range, "m, heights of the torso that are healthy" }
#define HEALTHY_ANGLE(range)                                                                                           \
  { "healthy_angle_range", range, "rad, angles of the torso that are healthy" }
#define NOISE(scale)                                                                                                   \
  { "reset_noise_scale", scale, "how far positions and velocities are from the model's at a start" }
#define EXCLUDE(what)                                                                                                  \
  { "exclude_current_positions_from_observation", "true", "whether observations leave out " what }
#define INCLUDE(name, what)                                                                                            \
  { "include_" name "_in_observation", "true", "whether observations have " what }
#define FORCES INCLUDE("cfrc_ext", "forces and torques at contacts of all bodies")

static const muster_env_option options_ant[] = {
    MODEL("ant.xml", "5"),
    FORWARD("1"),
    CONTROL("0.5"),
    CONTACT("5e-4"),
    HEALTHY("1"),
    {"main_body", "1", "number or name of the body whose speed counts"},
    TERMINATE,
    HEALTHY_Z("0.2, 1"),
    {"contact_force_range", "-1, 1", "what forces and torques at contacts are clipped to"},
    NOISE("0.1"),
    EXCLUDE("x and y"),
    FORCES,
    {0}};
static const muster_env_option options_half_cheetah[] = {
    MODEL("half_cheetah.xml", "5"), FORWARD("1"), CONTROL("0.1"), NOISE("0.1"), EXCLUDE("x"), {0}};
static const muster_env_option options_hopper[] = {
    MODEL("hopper.xml", "4"),
    FORWARD("1"),
    CONTROL("1e-3"),
    HEALTHY("1"),
    TERMINATE,
    {"healthy_state_range", "-100, 100", "what is healthy of all positions and velocities but x and z"},
    HEALTHY_Z("0.7, inf"),
    HEALTHY_ANGLE("-0.2, 0.2"),
    NOISE("5e-3"),
    EXCLUDE("x"),
    {0}};
static const muster_env_option options_humanoid[] = {
    MODEL("humanoid.xml", "5"),
    FORWARD("1.25"),
    CONTROL("0.1"),
    CONTACT("5e-7"),
    {"contact_cost_range", "-inf, 10", "what the cost of contacts is clipped to"},
    HEALTHY("5"),
    TERMINATE,
    HEALTHY_Z("1, 2"),
    NOISE("1e-2"),
    EXCLUDE("x and y"),
    INCLUDE("cinert", "inertia and mass of all bodies"),
    INCLUDE("cvel", "velocities of all bodies"),
    INCLUDE("qfrc_actuator", "the actuators' torques"),
    FORCES,
    {0}};
static const muster_env_option options_inverted_double_pendulum[] = {
    MODEL("inverted_double_pendulum.xml", "5"), HEALTHY("10"), NOISE("0.1"), {0}};
static const muster_env_option options_inverted_pendulum[] = {MODEL("inverted_pendulum.xml", "2"), NOISE("0.01"), {0}};
static const muster_env_option options_reacher[] = {
    MODEL("reacher.xml", "2"),
    {"reward_dist_weight", "1", "cost of each m between fingertip and target"},
    {"reward_control_weight", "1", "cost of the sum of the action's squares"},
    {0}};
static const muster_env_option options_swimmer[] = {
    MODEL("swimmer.xml", "4"), FORWARD("1"), CONTROL("1e-4"), NOISE("0.1"), EXCLUDE("x and y"), {0}};
static const muster_env_option options_walker2d[] = {
    MODEL("walker2d_v5.xml", "4"), FORWARD("1"),           CONTROL("1e-3"), HEALTHY("1"), TERMINATE,
    HEALTHY_Z("0.8, 2"),           HEALTHY_ANGLE("-1, 1"), NOISE("5e-3"),   EXCLUDE("x"), {0}};

/* the last number: steps a second, one divided by the time of a step */
ENVIRONMENT(ant, "Ant-v5", "four legs: run forwards and do not fall", 20)
ENVIRONMENT(half_cheetah, "HalfCheetah-v5", "two legs in a plane: run forwards", 20)
ENVIRONMENT(hopper, "Hopper-v5", "one leg in a plane: hop forwards and do not fall", 125)
ENVIRONMENT(humanoid, "Humanoid-v5", "a humanoid: walk forwards and do not fall", 67)
ENVIRONMENT(inverted_double_pendulum, "InvertedDoublePendulum-v5", "balance two poles, one on the other, on a cart", 20)
ENVIRONMENT(inverted_pendulum, "InvertedPendulum-v5", "balance a pole on a cart", 25)
ENVIRONMENT(reacher, "Reacher-v5", "reach a target with an arm of two links", 50)
ENVIRONMENT(swimmer, "Swimmer-v5", "three links in a viscous fluid: swim forwards", 25)
ENVIRONMENT(walker2d, "Walker2d-v5", "two legs in a plane: walk forwards and do not fall", 125)

MUSTER_ENV_PLUGIN(&ant, &half_cheetah, &hopper, &humanoid, &inverted_double_pendulum, &inverted_pendulum, &reacher,
                  &swimmer, &walker2d)
