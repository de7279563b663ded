/* Observations, rewards and ends as in gymnasium/envs/mujoco/NAME_v5.py of Gymnasium 1.4.0, in the same order of
 * operations. Sums of squares of actions are taken in float32, since actions are float32 there as well. */
#include "tasks.h"

#include <math.h>

/* ---- pieces that several tasks are made of ---- */

static float *put(float *out, const mjtNum *values, mjtSize n) {
  for (mjtSize i = 0; i < n; i++) out[i] = (float)values[i];
  return out + n;
}

static double clip(double value, double low, double high) { return value < low ? low : value > high ? high : value; }

static float *put_clipped(float *out, const mjtNum *values, mjtSize n, double low, double high) {
  for (mjtSize i = 0; i < n; i++) out[i] = (float)clip(values[i], low, high);
  return out + n;
}

/* qpos without the first `places` elements, if the option says so */
static float *put_positions(const struct simulation *self, const mjData *data, int places, float *out) {
  const int skipped = self->parameters.exclude_current_positions_from_observation ? places : 0;
  return put(out, data->qpos + skipped, self->model->nq - skipped);
}

/* sum of squares in NumPy's order: eight sums from eight elements on, halves of halves above 128 */
static float sum_of_squares(const float *values, mjtSize n) {
  if (n > 128) {
    const mjtSize half = n / 2 - n / 2 % 8;
    return sum_of_squares(values, half) + sum_of_squares(values + half, n - half);
  }
  float sums[8] = {0}, total = 0.0f;
  const mjtSize even = n - n % 8;
  for (mjtSize i = 0; i < even; i++) sums[i % 8] += values[i] * values[i];
  if (even > 0) total = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
  for (mjtSize i = even; i < n; i++) total += values[i] * values[i];
  return total;
}

static double action_cost(const struct simulation *self, const float *action, double weight) {
  return (float)weight * sum_of_squares(action, self->model->nu);
}

static bool inside(double value, struct range range) { return range.low < value && value < range.high; }

static bool all_finite(const mjtNum *values, mjtSize n) {
  for (mjtSize i = 0; i < n; i++)
    if (!isfinite(values[i])) return false;
  return true;
}

static bool all_inside(const mjtNum *values, mjtSize n, struct range range) {
  for (mjtSize i = 0; i < n; i++)
    if (!inside(values[i], range)) return false;
  return true;
}

/* what a robot earns by staying healthy; if it is not, the task may end */
static double judge_health(const struct simulation *self, bool healthy, bool *terminated) {
  *terminated = !healthy && self->parameters.terminate_when_unhealthy;
  return healthy ? self->parameters.healthy_reward : 0.0;
}

static void locate_by_qpos(const struct simulation *self, const mjData *data, double place[2]) {
  (void)self;
  place[0] = data->qpos[0];
  place[1] = data->qpos[1];
}

/* for tasks without a reward for speed */
static void locate_nowhere(const struct simulation *self, const mjData *data, double place[2]) {
  (void)self;
  (void)data;
  place[0] = place[1] = 0.0;
}

/* forward speed less the cost of the action */
static double reward_runner(const struct simulation *self, const mjData *data, const float *action, double velocity,
                            bool *terminated) {
  (void)data;
  (void)terminated;
  const struct parameters *p = &self->parameters;
  return p->forward_reward_weight * velocity - action_cost(self, action, p->ctrl_cost_weight);
}

/* ---- Hopper, Walker2d: x, z and angle of the torso come first in qpos ---- */

static float *observe_walker(const struct simulation *self, const mjData *data, float *out) {
  out = put_positions(self, data, 1, out);
  return put_clipped(out, data->qvel, self->model->nv, -10.0, 10.0);
}

static double reward_walker(const struct simulation *self, const float *action, double velocity, bool healthy,
                            bool *terminated) {
  const struct parameters *p = &self->parameters;
  const double alive = judge_health(self, healthy, terminated);
  return p->forward_reward_weight * velocity + alive - action_cost(self, action, p->ctrl_cost_weight);
}

static double reward_walker2d(const struct simulation *self, const mjData *data, const float *action, double velocity,
                              bool *terminated) {
  const struct parameters *p = &self->parameters;
  const bool healthy = inside(data->qpos[1], p->healthy_z_range) && inside(data->qpos[2], p->healthy_angle_range);
  return reward_walker(self, action, velocity, healthy, terminated);
}

static double reward_hopper(const struct simulation *self, const mjData *data, const float *action, double velocity,
                            bool *terminated) {
  const struct parameters *p = &self->parameters;
  const bool healthy = all_inside(data->qpos + 2, self->model->nq - 2, p->healthy_state_range) &&
                       all_inside(data->qvel, self->model->nv, p->healthy_state_range) &&
                       inside(data->qpos[1], p->healthy_z_range) && inside(data->qpos[2], p->healthy_angle_range);
  return reward_walker(self, action, velocity, healthy, terminated);
}

const struct task task_hopper = {
    .name = "Hopper-v5",
    .max_steps = 1000,
    .reward_threshold = 3800.0,
    .needs = {.nq = 3, .nv = 1},
    .view = {.width = 4.0, .bottom = -0.3, .top = 2.0, .tile = 0.5, .follows = true, .has_ground = true},
    .observe = observe_walker,
    .locate = locate_by_qpos,
    .reward = reward_hopper};

const struct task task_walker2d = {
    .name = "Walker2d-v5",
    .max_steps = 1000,
    .reward_threshold = NAN,
    .needs = {.nq = 3, .nv = 1},
    .view = {.width = 4.0, .bottom = -0.3, .top = 2.0, .tile = 0.5, .follows = true, .has_ground = true},
    .observe = observe_walker,
    .locate = locate_by_qpos,
    .reward = reward_walker2d};

/* ---- HalfCheetah, Swimmer ---- */

static float *observe_half_cheetah(const struct simulation *self, const mjData *data, float *out) {
  return put(put_positions(self, data, 1, out), data->qvel, self->model->nv);
}

static float *observe_swimmer(const struct simulation *self, const mjData *data, float *out) {
  return put(put_positions(self, data, 2, out), data->qvel, self->model->nv);
}

const struct task task_half_cheetah = {
    .name = "HalfCheetah-v5",
    .max_steps = 1000,
    .reward_threshold = 4800.0,
    .needs = {.nq = 2, .nv = 1},
    .normal_velocities = true,
    .view = {.width = 4.0, .bottom = -0.3, .top = 1.7, .tile = 0.5, .follows = true, .has_ground = true},
    .observe = observe_half_cheetah,
    .locate = locate_by_qpos,
    .reward = reward_runner};

const struct task task_swimmer = {.name = "Swimmer-v5",
                                  .max_steps = 1000,
                                  .reward_threshold = 360.0,
                                  .needs = {.nq = 3, .nv = 1},
                                  .view = {.width = 6.0,
                                           .bottom = -2.0,
                                           .top = 2.0,
                                           .tile = 1.0,
                                           .from_above = true,
                                           .follows = true,
                                           .has_ground = true},
                                  .observe = observe_swimmer,
                                  .locate = locate_by_qpos,
                                  .reward = reward_runner};

/* ---- Ant. The world, body 0, is left out of observations, but not of the cost ---- */

static float *observe_ant(const struct simulation *self, const mjData *data, float *out) {
  const struct parameters *p = &self->parameters;
  out = put(put_positions(self, data, 2, out), data->qvel, self->model->nv);
  if (!p->include_cfrc_ext_in_observation) return out;
  const struct range range = p->contact_force_range;
  return put_clipped(out, data->cfrc_ext + 6, 6 * (self->model->nbody - 1), range.low, range.high);
}

static void locate_by_main_body(const struct simulation *self, const mjData *data, double place[2]) {
  place[0] = data->xpos[3 * self->main_body];
  place[1] = data->xpos[3 * self->main_body + 1];
}

/* sum of the squares of all forces and torques at contacts, each clipped to a range */
static double contact_forces(const struct simulation *self, const mjData *data, struct range range) {
  double sum = 0.0;
  for (mjtSize i = 0; i < 6 * self->model->nbody; i++) {
    const double force = clip(data->cfrc_ext[i], range.low, range.high);
    sum += force * force;
  }
  return sum;
}

static double reward_ant(const struct simulation *self, const mjData *data, const float *action, double velocity,
                         bool *terminated) {
  const struct parameters *p = &self->parameters;
  const double z = data->qpos[2];
  const bool healthy = all_finite(data->qpos, self->model->nq) && all_finite(data->qvel, self->model->nv) &&
                       p->healthy_z_range.low <= z && z <= p->healthy_z_range.high;
  const double alive = judge_health(self, healthy, terminated);
  const double contact_cost = p->contact_cost_weight * contact_forces(self, data, p->contact_force_range);
  return velocity * p->forward_reward_weight + alive - (action_cost(self, action, p->ctrl_cost_weight) + contact_cost);
}

const struct task task_ant = {.name = "Ant-v5",
                              .max_steps = 1000,
                              .reward_threshold = 6000.0,
                              .needs = {.nq = 3, .nv = 1},
                              .normal_velocities = true,
                              .view = {.width = 6.0,
                                       .bottom = -2.0,
                                       .top = 2.0,
                                       .tile = 1.0,
                                       .from_above = true,
                                       .follows = true,
                                       .has_ground = true},
                              .observe = observe_ant,
                              .locate = locate_by_main_body,
                              .reward = reward_ant};

/* ---- Humanoid. The first six velocities are those of its free joint ---- */

static float *observe_humanoid(const struct simulation *self, const mjData *data, float *out) {
  const struct parameters *p = &self->parameters;
  const mjtSize bodies = self->model->nbody - 1, nv = self->model->nv;
  out = put(put_positions(self, data, 2, out), data->qvel, nv);
  if (p->include_cinert_in_observation) out = put(out, data->cinert + 10, 10 * bodies);
  if (p->include_cvel_in_observation) out = put(out, data->cvel + 6, 6 * bodies);
  if (p->include_qfrc_actuator_in_observation) out = put(out, data->qfrc_actuator + 6, nv - 6);
  if (p->include_cfrc_ext_in_observation) out = put(out, data->cfrc_ext + 6, 6 * bodies);
  return out;
}

static void locate_by_center_of_mass(const struct simulation *self, const mjData *data, double place[2]) {
  const mjtNum *mass = self->model->body_mass;
  double moment[2] = {0.0, 0.0}, total = 0.0;
  for (mjtSize i = 0; i < self->model->nbody; i++) {
    moment[0] += mass[i] * data->xipos[3 * i];
    moment[1] += mass[i] * data->xipos[3 * i + 1];
    total += mass[i];
  }
  place[0] = moment[0] / total;
  place[1] = moment[1] / total;
}

static double reward_humanoid(const struct simulation *self, const mjData *data, const float *action, double velocity,
                              bool *terminated) {
  (void)action;
  const struct parameters *p = &self->parameters;
  const double alive = judge_health(self, inside(data->qpos[2], p->healthy_z_range), terminated);
  double squares = 0.0;
  for (mjtSize i = 0; i < self->model->nu; i++) squares += data->ctrl[i] * data->ctrl[i];
  const double forces = contact_forces(self, data, (struct range){-INFINITY, INFINITY});
  const double contact_cost =
      clip(p->contact_cost_weight * forces, p->contact_cost_range.low, p->contact_cost_range.high);
  return p->forward_reward_weight * velocity + alive - (p->ctrl_cost_weight * squares + contact_cost);
}

const struct task task_humanoid = {
    .name = "Humanoid-v5",
    .max_steps = 1000,
    .reward_threshold = NAN,
    .needs = {.nq = 3, .nv = 6},
    .view = {.width = 4.0, .bottom = -0.3, .top = 2.2, .tile = 0.5, .follows = true, .has_ground = true},
    .observe = observe_humanoid,
    .locate = locate_by_center_of_mass,
    .reward = reward_humanoid};

/* ---- InvertedPendulum ---- */

static float *observe_pendulum(const struct simulation *self, const mjData *data, float *out) {
  return put(put(out, data->qpos, self->model->nq), data->qvel, self->model->nv);
}

static double reward_pendulum(const struct simulation *self, const mjData *data, const float *action, double velocity,
                              bool *terminated) {
  (void)action;
  (void)velocity;
  *terminated =
      !all_finite(data->qpos, self->model->nq) || !all_finite(data->qvel, self->model->nv) || fabs(data->qpos[1]) > 0.2;
  return *terminated ? 0.0 : 1.0;
}

const struct task task_inverted_pendulum = {.name = "InvertedPendulum-v5",
                                            .max_steps = 1000,
                                            .reward_threshold = 950.0,
                                            .needs = {.nq = 2, .nv = 1},
                                            .view = {.width = 3.0, .bottom = -0.5, .top = 1.0},
                                            .observe = observe_pendulum,
                                            .locate = locate_nowhere,
                                            .reward = reward_pendulum};

/* ---- InvertedDoublePendulum: the first site is the tip ---- */

static float *observe_double_pendulum(const struct simulation *self, const mjData *data, float *out) {
  const mjtSize angles = self->model->nq - 1;
  out = put(out, data->qpos, 1);
  for (mjtSize i = 0; i < angles; i++) {
    out[i] = (float)sin(data->qpos[1 + i]);
    out[angles + i] = (float)cos(data->qpos[1 + i]);
  }
  out = put_clipped(out + 2 * angles, data->qvel, self->model->nv, -10.0, 10.0);
  return put_clipped(out, data->qfrc_constraint, 1, -10.0, 10.0);
}

static double reward_double_pendulum(const struct simulation *self, const mjData *data, const float *action,
                                     double velocity, bool *terminated) {
  (void)action;
  (void)velocity;
  const double x = data->site_xpos[0], y = data->site_xpos[2], v1 = data->qvel[1], v2 = data->qvel[2];
  *terminated = y <= 1.0;
  const double distance_penalty = 0.01 * (x * x) + (y - 2.0) * (y - 2.0);
  const double velocity_penalty = 1e-3 * (v1 * v1) + 5e-3 * (v2 * v2);
  return (*terminated ? 0.0 : self->parameters.healthy_reward) - distance_penalty - velocity_penalty;
}

const struct task task_inverted_double_pendulum = {.name = "InvertedDoublePendulum-v5",
                                                   .max_steps = 1000,
                                                   .reward_threshold = 9100.0,
                                                   .needs = {.nq = 2, .nv = 3, .nsite = 1},
                                                   .normal_velocities = true,
                                                   .view = {.width = 4.0, .bottom = -0.6, .top = 1.8},
                                                   .observe = observe_double_pendulum,
                                                   .locate = locate_nowhere,
                                                   .reward = reward_double_pendulum};

/* ---- Reacher: the last two elements of qpos and qvel belong to the target ---- */

/* the target is anywhere in a disc */
static void start_reacher(const struct simulation *self, mjData *data, muster_random *random) {
  const mjtSize nq = self->model->nq, nv = self->model->nv;
  for (mjtSize i = 0; i < nq; i++) data->qpos[i] += muster_random_uniform(random, -0.1, 0.1);
  double *goal = data->qpos + nq - 2;
  do {
    goal[0] = muster_random_uniform(random, -0.2, 0.2);
    goal[1] = muster_random_uniform(random, -0.2, 0.2);
  } while (sqrt(goal[0] * goal[0] + goal[1] * goal[1]) >= 0.2);
  for (mjtSize i = 0; i < nv - 2; i++) data->qvel[i] += muster_random_uniform(random, -0.005, 0.005);
  data->qvel[nv - 2] = data->qvel[nv - 1] = 0.0;
}

/* from target to fingertip */
static void reach(const struct simulation *self, const mjData *data, double way[3]) {
  for (int i = 0; i < 3; i++) way[i] = data->xpos[3 * self->body[0] + i] - data->xpos[3 * self->body[1] + i];
}

static float *observe_reacher(const struct simulation *self, const mjData *data, float *out) {
  for (int i = 0; i < 2; i++) {
    out[i] = (float)cos(data->qpos[i]);
    out[2 + i] = (float)sin(data->qpos[i]);
  }
  out = put(out + 4, data->qpos + 2, self->model->nq - 2);
  out = put(out, data->qvel, 2);
  double way[3];
  reach(self, data, way);
  return put(out, way, 2);
}

static double reward_reacher(const struct simulation *self, const mjData *data, const float *action, double velocity,
                             bool *terminated) {
  (void)velocity;
  (void)terminated;
  const struct parameters *p = &self->parameters;
  double way[3];
  reach(self, data, way);
  const double distance = sqrt(way[0] * way[0] + way[1] * way[1] + way[2] * way[2]);
  return -distance * p->reward_dist_weight - action_cost(self, action, p->reward_control_weight);
}

const struct task task_reacher = {.name = "Reacher-v5",
                                  .max_steps = 50,
                                  .reward_threshold = -3.75,
                                  .needs = {.nq = 4, .nv = 4, .bodies = {"fingertip", "target"}},
                                  .start = start_reacher,
                                  .view = {.width = 0.6, .bottom = -0.25, .top = 0.25, .from_above = true},
                                  .observe = observe_reacher,
                                  .locate = locate_nowhere,
                                  .reward = reward_reacher};
