/* Reacher6-v0: where the links are; the mass matrix from numerical Jacobians; accelerations from Lagrange's equations
 * by finite differences of the energies of moving masses; energy over 1,000 steps; stops; targets, rewards, options,
 * state, text. */
#include "env/envs/arm.h"
#include "support/solo.h"

#include <complex.h>
#include <math.h>

enum { N = ARM_JOINTS };

/* ---- a second derivation, in long double, from places and velocities of masses in the plane ---- */

typedef long double real;

/* the link's far end and its middle, as complex numbers */
static void place_link(const struct arm *arm, const real *angle, int link, complex long double *middle,
                       complex long double *end) {
  complex long double at = 0.0L, way = 0.0L;
  real sum = 0.0L;
  for (int i = 0; i <= link; i++) {
    sum += angle[i];
    at += way;
    way = (real)arm->length[i] * cexpl(1.0iL * sum);
  }
  *middle = at + way / 2.0L;
  *end = at + way;
}

/* the velocity of a link's middle: each joint between the base and the link turns it about that joint */
static complex long double middle_velocity(const struct arm *arm, const real *angle, const real *rate, int link) {
  complex long double middle, end, velocity = 0.0L;
  place_link(arm, angle, link, &middle, &end);
  for (int joint = 0; joint <= link; joint++) {
    complex long double pivot = 0.0L, unused;
    if (joint > 0) place_link(arm, angle, joint - 1, &unused, &pivot);
    velocity += 1.0iL * rate[joint] * (middle - pivot);
  }
  return velocity;
}

static real kinetic_energy(const struct arm *arm, const real *angle, const real *rate) {
  real energy = 0.0L, spin = 0.0L;
  for (int i = 0; i < N; i++) {
    real mass = arm->mass[i], length = arm->length[i], speed = cabsl(middle_velocity(arm, angle, rate, i));
    spin += rate[i];
    energy += (mass * speed * speed + mass * length * length / 12.0L * spin * spin) / 2.0L;
    energy += (real)arm->armature[i] * rate[i] * rate[i] / 2.0L;
  }
  return energy;
}

static real potential_energy(const struct arm *arm, const real *angle) {
  real energy = 0.0L;
  for (int i = 0; i < N; i++) {
    complex long double middle, end;
    place_link(arm, angle, i, &middle, &end);
    energy += (real)arm->mass[i] * (real)arm->gravity * cimagl(middle);
  }
  return energy;
}

static real lagrangian(const struct arm *arm, const real *angle, const real *rate) {
  return kinetic_energy(arm, angle, rate) - potential_energy(arm, angle);
}

static double total_energy(const struct arm *arm, const struct arm_state *state) {
  real angle[N], rate[N];
  for (int i = 0; i < N; i++) {
    angle[i] = state->angle[i];
    rate[i] = state->rate[i];
  }
  return (double)(kinetic_energy(arm, angle, rate) + potential_energy(arm, angle));
}

/* ---- arms and states by chance ---- */

static struct arm draw_arm(muster_random *random, bool free_motion) {
  struct arm arm = {.gravity = muster_random_uniform(random, -10.0, 10.0)};
  for (int i = 0; i < N; i++) {
    arm.length[i] = muster_random_uniform(random, 0.05, 0.5);
    arm.mass[i] = muster_random_uniform(random, 0.1, 2.0);
    arm.armature[i] = free_motion ? 0.0 : muster_random_uniform(random, 0.0, 0.1);
    arm.damping[i] = free_motion ? 0.0 : muster_random_uniform(random, 0.0, 0.5);
    arm.limit[i] = 1e6;
  }
  arm_prepare(&arm);
  return arm;
}

static struct arm_state draw_state(muster_random *random, double angle, double rate) {
  struct arm_state state;
  for (int i = 0; i < N; i++) {
    state.angle[i] = muster_random_uniform(random, -angle, angle);
    state.rate[i] = muster_random_uniform(random, -rate, rate);
  }
  return state;
}

static void test_positions(void) {
  struct random_stream stream = random_stream_start(1, RANDOM_ENV, 0, 0);
  double x[N], y[N];
  for (int n = 0; n < 100; n++) {
    struct arm arm = draw_arm(&stream.base, false);
    struct arm_state state = draw_state(&stream.base, 10.0, 0.0);
    real angle[N];
    for (int i = 0; i < N; i++) angle[i] = state.angle[i];
    arm_positions(&arm, state.angle, x, y);
    for (int i = 0; i < N; i++) {
      complex long double middle, end;
      place_link(&arm, angle, i, &middle, &end);
      CHECK_CLOSE(x[i], (double)creall(end), 1e-14);
      CHECK_CLOSE(y[i], (double)cimagl(end), 1e-14);
    }
  }

  /* links like a staircase, and like a hexagon */
  struct arm arm = {.length = {1, 1, 1, 1, 1, 1}};
  const double right = 1.57079632679489661923, sixth = 2.0 * right / 3.0;
  arm_positions(&arm, (const double[N]){0, right, -right, right, -right, right}, x, y);
  CHECK_CLOSE(x[N - 1], 3.0, 1e-14);
  CHECK_CLOSE(y[N - 1], 3.0, 1e-14);
  arm_positions(&arm, (const double[N]){0, sixth, sixth, sixth, sixth, sixth}, x, y);
  CHECK_CLOSE(hypot(x[N - 1], y[N - 1]), 0.0, 1e-14);
}

/* the mass matrix: sum of m J'J + I j'j over the links, J by central differences of places, and the motors' inertia */
static void mass_matrix(const struct arm *arm, const double *angle, double mass[N][N]) {
  const real h = 1e-6L;
  for (int a = 0; a < N; a++)
    for (int b = 0; b < N; b++) mass[a][b] = a == b ? arm->armature[a] : 0.0;
  for (int link = 0; link < N; link++) {
    complex long double column[N] = {0}, before, after, unused;
    for (int joint = 0; joint <= link; joint++) {
      real moved[N];
      for (int i = 0; i < N; i++) moved[i] = angle[i];
      moved[joint] = (real)angle[joint] + h;
      place_link(arm, moved, link, &after, &unused);
      moved[joint] = (real)angle[joint] - h;
      place_link(arm, moved, link, &before, &unused);
      column[joint] = (after - before) / (2.0L * h);
    }
    double inertia = arm->mass[link] * arm->length[link] * arm->length[link] / 12.0;
    for (int a = 0; a <= link; a++)
      for (int b = 0; b <= link; b++)
        mass[a][b] += arm->mass[link] * (double)creall(column[a] * conjl(column[b])) + inertia;
  }
}

/* the inverse of the mass matrix, as the arm computes it: accelerations at rest, without gravity, under unit torques */
static void inverse_mass_matrix(struct arm arm, const double *angle, double inverse[N][N]) {
  struct arm_state state = {{0}, {0}};
  memcpy(state.angle, angle, sizeof state.angle);
  arm.gravity = 0.0;
  for (int i = 0; i < N; i++) {
    double torque[N] = {0}, column[N];
    torque[i] = 1.0;
    arm_accelerations(&arm, &state, torque, column);
    for (int k = 0; k < N; k++) inverse[k][i] = column[k];
  }
}

/* whether a symmetric matrix has a Cholesky factor */
static bool is_positive_definite(double m[N][N]) {
  for (int j = 0; j < N; j++) {
    if (!(m[j][j] > 0.0)) return false;
    for (int i = j + 1; i < N; i++)
      for (int k = j + 1; k < N; k++) m[i][k] -= m[i][j] * m[j][k] / m[j][j];
  }
  return true;
}

static void test_mass_matrix(void) {
  struct random_stream stream = random_stream_start(2, RANDOM_ENV, 0, 0);
  for (int n = 0; n < 100; n++) {
    struct arm arm = draw_arm(&stream.base, n % 2 == 0);
    struct arm_state state = draw_state(&stream.base, 3.0, 0.0);
    double mass[N][N], inverse[N][N], largest = 0.0;
    mass_matrix(&arm, state.angle, mass);
    inverse_mass_matrix(arm, state.angle, inverse);
    for (int a = 0; a < N; a++)
      for (int b = 0; b < N; b++) largest = fmax(largest, fabs(inverse[a][b]));
    for (int a = 0; a < N; a++)
      for (int b = 0; b < N; b++) {
        double product = 0.0;
        for (int k = 0; k < N; k++) product += mass[a][k] * inverse[k][b];
        CHECK_CLOSE(product, a == b ? 1.0 : 0.0, 1e-8);
        CU_ASSERT_TRUE(fabs(inverse[a][b] - inverse[b][a]) <= 1e-11 * largest);
      }
    CU_ASSERT_TRUE(is_positive_definite(mass));
    CU_ASSERT_TRUE(is_positive_definite(inverse));
  }
}

/* the rest of Lagrange's equation for one joint, d/dt dL/drate - dL/dangle - force, by central differences */
static real lagrange_residual(const struct arm *arm, const struct arm_state *state, const double *acceleration,
                              const double *torque, int joint) {
  const real h = 1e-7L;
  real slope = 0.0L;

  /* d/dt of dL/drate along the motion, and dL/dangle at the state */
  for (int side = -1; side <= 1; side += 2) {
    real angle[N], rate[N];
    for (int i = 0; i < N; i++) {
      rate[i] = (real)state->rate[i] + (real)side * h * (real)acceleration[i];
      angle[i] = (real)state->angle[i] + (real)side * h * (real)state->rate[i] + h * h * (real)acceleration[i] / 2.0L;
    }
    /* L is quadratic in the rates, so that this difference is exact at any width */
    real centre = rate[joint];
    rate[joint] = centre + 1.0L;
    real up = lagrangian(arm, angle, rate);
    rate[joint] = centre - 1.0L;
    real down = lagrangian(arm, angle, rate);
    slope += (real)side * (up - down) / 2.0L / (2.0L * h);
  }
  real angle[N], rate[N];
  for (int i = 0; i < N; i++) {
    angle[i] = state->angle[i];
    rate[i] = state->rate[i];
  }
  angle[joint] += h;
  real up = lagrangian(arm, angle, rate);
  angle[joint] -= 2.0L * h;
  real down = lagrangian(arm, angle, rate);
  real force = (real)torque[joint] - (real)arm->damping[joint] * (real)state->rate[joint];
  return slope - (up - down) / (2.0L * h) - force;
}

static void test_accelerations(void) {
  struct random_stream stream = random_stream_start(3, RANDOM_ENV, 0, 0);
  for (int n = 0; n < 100; n++) {
    struct arm arm = draw_arm(&stream.base, n % 2 == 0);
    struct arm_state state = draw_state(&stream.base, 3.0, 2.0);
    double torque[N], acceleration[N];
    for (int i = 0; i < N; i++) torque[i] = muster_random_uniform(&stream.base, -2.0, 2.0);
    arm_accelerations(&arm, &state, torque, acceleration);
    for (int i = 0; i < N; i++)
      CHECK_CLOSE((double)lagrange_residual(&arm, &state, acceleration, torque, i), 0.0, 1e-9);
  }
}

/* ---- energy ---- */

/* the arm of an environment with these lengths and masses for all joints */
static struct arm uniform_arm(double armature, double damping, double gravity) {
  struct arm arm = {.gravity = gravity};
  for (int i = 0; i < N; i++) {
    arm.length[i] = 0.1;
    arm.mass[i] = 0.1;
    arm.armature[i] = armature;
    arm.damping[i] = damping;
    arm.limit[i] = 1e6;
  }
  arm_prepare(&arm);
  return arm;
}

/* what save_state() gives: angles, rates, target */
struct saved {
  struct arm_state arm;
  double target[2];
};

/* the largest change of the energy within 1,000 steps of the environment from one state, as a share of `scale` */
static double energy_drift(const muster_env_setting *options, const struct arm *arm, const struct arm_state *start,
                           double scale) {
  struct solo reacher = solo_open("Reacher6-v0", options);
  struct saved saved = {.arm = *start};
  CU_ASSERT_EQUAL_FATAL(reacher.spec.state_bytes, sizeof saved);
  CU_ASSERT_EQUAL_FATAL(reacher.type->load_state(reacher.env, &saved, &reacher.error), 0);
  const double before = total_energy(arm, start);
  double worst = 0.0;
  for (int step = 0; step < 1000; step++) {
    CU_ASSERT_EQUAL_FATAL(solo_try(&reacher, (const float[N]){0}), 0);
    reacher.type->save_state(reacher.env, &saved);
    worst = fmax(worst, fabs(total_energy(arm, &saved.arm) - before) / scale);
  }
  solo_close(&reacher);
  return worst;
}

static void test_energy(void) {
  struct random_stream stream = random_stream_start(4, RANDOM_ENV, 0, 0);
  struct arm arm = uniform_arm(0.01, 0.0, 0.0), bare = uniform_arm(0.0, 0.0, 0.0), heavy = uniform_arm(0.01, 0.0, 9.81);
  double worst = 0.0, worst_bare = 0.0, worst_heavy = 0.0, worst_halved = 0.0;
  for (int n = 0; n < 10; n++) {
    struct arm_state start = draw_state(&stream.base, 1.0, 1.0);
    double scale = total_energy(&arm, &start);
    worst = fmax(worst, energy_drift(SOLO_OPTIONS({"damping", "0"}, {"joint_limits", "1e6"}), &arm, &start, scale));
    worst_halved =
        fmax(worst_halved, energy_drift(SOLO_OPTIONS({"damping", "0"}, {"joint_limits", "1e6"}, {"substeps", "4"}),
                                        &arm, &start, scale));
    worst_bare =
        fmax(worst_bare, energy_drift(SOLO_OPTIONS({"damping", "0"}, {"joint_limits", "1e6"}, {"armature", "0"}), &bare,
                                      &start, total_energy(&bare, &start)));
    /* the energy under gravity has no natural zero: it is compared with 1.77 J, which lifting the straight arm takes */
    worst_heavy =
        fmax(worst_heavy, energy_drift(SOLO_OPTIONS({"damping", "0"}, {"joint_limits", "1e6"}, {"gravity", "9.81"}),
                                       &heavy, &start, 1.77));
  }
  printf("\n    drift over 1,000 steps: %.1e; half the step %.1e; without armature %.1e; under gravity %.1e\n  ", worst,
         worst_halved, worst_bare, worst_heavy);
  CU_ASSERT_TRUE(worst < 1e-8);
  CU_ASSERT_TRUE(worst_halved < worst / 8.0); /* the method is of order 4, and its drift of order 4 or 5 */
  CU_ASSERT_TRUE(worst_bare < 1e-3);
  CU_ASSERT_TRUE(worst_heavy < 1e-4);
}

static void test_damping(void) {
  struct random_stream stream = random_stream_start(5, RANDOM_ENV, 0, 0);
  struct arm arm = uniform_arm(0.01, 0.1, 0.0);
  for (int n = 0; n < 20; n++) {
    struct arm_state state = draw_state(&stream.base, 2.0, 3.0);
    double first = total_energy(&arm, &state), energy = first;
    for (int step = 0; step < 400; step++) {
      arm_step(&arm, &state, (const double[N]){0}, 0.01);
      double now = total_energy(&arm, &state);
      CU_ASSERT_TRUE(now < energy);
      energy = now;
    }
    CU_ASSERT_TRUE(energy < 1e-2 * first);
  }
}

/* ---- stops ---- */

/* a stop acts on its joint alone, takes energy away, and leaves the joint at the stop, at rest */
static void test_impact(void) {
  struct random_stream stream = random_stream_start(6, RANDOM_ENV, 0, 0);
  for (int n = 0; n < 120; n++) {
    struct arm arm = draw_arm(&stream.base, n % 2 == 0);
    struct arm_state before = draw_state(&stream.base, 1.0, 2.0);
    const int joint = n % N;
    for (int i = 0; i < N; i++) arm.limit[i] = 1.5;
    const double side = n % 4 < 2 ? 1.0 : -1.0;
    before.angle[joint] = side * 1.5 * (1.0 + 1e-15);
    before.rate[joint] = side * fabs(before.rate[joint]);

    struct arm_state after = before;
    arm_step(&arm, &after, (const double[N]){0}, 0.0);
    CU_ASSERT_EQUAL(after.angle[joint], side * 1.5);
    CU_ASSERT_EQUAL(after.rate[joint], 0.0);
    CU_ASSERT_TRUE(total_energy(&arm, &after) < total_energy(&arm, &before));

    double mass[N][N], momentum[N] = {0};
    mass_matrix(&arm, before.angle, mass);
    for (int i = 0; i < N; i++)
      for (int k = 0; k < N; k++) momentum[i] += mass[i][k] * (after.rate[k] - before.rate[k]);
    for (int i = 0; i < N; i++)
      if (i != joint) CU_ASSERT_TRUE(fabs(momentum[i]) < 1e-8 * fabs(momentum[joint]));

    /* a joint that moves away from its stop is left alone */
    before.rate[joint] = -before.rate[joint];
    after = before;
    arm_step(&arm, &after, (const double[N]){0}, 0.0);
    CU_ASSERT_EQUAL(memcmp(after.rate, before.rate, sizeof after.rate), 0);
  }
}

/* full torques in random directions, without damping: no joint leaves its limits, and all of them meet their stops */
static void test_limits(void) {
  struct solo reacher =
      solo_open("Reacher6-v0", SOLO_OPTIONS({"joint_limits", "2.8,2,1.5,1,0.5,0.3"}, {"damping", "0"}));
  struct random_stream stream = random_stream_start(7, RANDOM_ENV, 0, 0);
  const double limit[N] = {2.8, 2.0, 1.5, 1.0, 0.5, 0.3};
  bool met[N] = {false};
  float action[N] = {0};
  solo_reset(&reacher, 0);
  for (int step = 0; step < 3000; step++) {
    for (int i = 0; step % 30 == 0 && i < N; i++) action[i] = muster_random_below(&stream.base, 2) == 0 ? -1.0f : 1.0f;
    CU_ASSERT_EQUAL_FATAL(solo_try(&reacher, action), 0);
    struct saved saved;
    reacher.type->save_state(reacher.env, &saved);
    for (int i = 0; i < N; i++) {
      CU_ASSERT_TRUE(fabs(saved.arm.angle[i]) <= limit[i]);
      CU_ASSERT_TRUE(fabs(saved.arm.rate[i]) < 200.0);
      met[i] |= fabs(saved.arm.angle[i]) == limit[i];
    }
  }
  for (int i = 0; i < N; i++) CU_ASSERT_TRUE(met[i]);
  solo_close(&reacher);
}

/* ---- the task ---- */

/* brings the fingertip as near to the target as turning one joint after the other does, within the limits (cyclic
 * coordinate descent); returns the distance left */
static double reach_for(const struct arm *arm, const double *target, double *angle) {
  double x[N], y[N], distance = INFINITY;
  for (int round = 0; round < 400 && distance > 1e-3; round++)
    for (int joint = N - 1; joint >= 0; joint--) {
      arm_positions(arm, angle, x, y);
      double pivot_x = joint > 0 ? x[joint - 1] : 0.0, pivot_y = joint > 0 ? y[joint - 1] : 0.0;
      double turn = atan2(target[1] - pivot_y, target[0] - pivot_x) - atan2(y[N - 1] - pivot_y, x[N - 1] - pivot_x);
      double wanted = angle[joint] + remainder(turn, 6.283185307179586477);
      angle[joint] = fmin(fmax(wanted, -arm->limit[joint]), arm->limit[joint]);
      arm_positions(arm, angle, x, y);
      distance = hypot(target[0] - x[N - 1], target[1] - y[N - 1]);
    }
  return distance;
}

/* every target can be reached within the limits; observations show what they should */
static void test_targets(void) {
  struct solo reacher = solo_open("Reacher6-v0", NULL);
  struct random_stream stream = random_stream_start(8, RANDOM_ENV, 0, 0);
  struct arm arm = uniform_arm(0.01, 0.1, 0.0);
  for (int i = 0; i < N; i++) arm.limit[i] = 2.8;
  CU_ASSERT_EQUAL(reacher.spec.observation.shape[0], 22);
  double farthest = 0.0, nearest = 1.0;
  for (uint32_t episode = 0; episode < 500; episode++) {
    solo_reset(&reacher, episode);
    struct saved saved;
    reacher.type->save_state(reacher.env, &saved);
    double x[N], y[N], distance = INFINITY;
    arm_positions(&arm, saved.arm.angle, x, y);
    for (int i = 0; i < N; i++) {
      CU_ASSERT_TRUE(fabs(saved.arm.angle[i]) <= 0.1 && saved.arm.rate[i] == 0.0);
      CU_ASSERT_EQUAL(reacher.observation[i], (float)cos(saved.arm.angle[i]));
      CU_ASSERT_EQUAL(reacher.observation[N + i], (float)sin(saved.arm.angle[i]));
      CU_ASSERT_EQUAL(reacher.observation[2 * N + i], 0.0f);
    }
    const double *target = saved.target;
    CU_ASSERT_EQUAL(reacher.observation[18], (float)target[0]);
    CU_ASSERT_EQUAL(reacher.observation[19], (float)target[1]);
    CU_ASSERT_EQUAL(reacher.observation[20], (float)(target[0] - x[N - 1]));
    CU_ASSERT_EQUAL(reacher.observation[21], (float)(target[1] - y[N - 1]));

    for (int attempt = 0; attempt < 20 && distance > 1e-3; attempt++) {
      struct arm_state guess = draw_state(&stream.base, 2.8, 0.0);
      distance = reach_for(&arm, target, guess.angle);
    }
    CU_ASSERT_TRUE(distance <= 1e-3);
    farthest = fmax(farthest, hypot(target[0], target[1]));
    nearest = fmin(nearest, hypot(target[0], target[1]));
  }
  CU_ASSERT_TRUE(farthest < 0.6 && farthest > 0.4 && nearest < 0.1);
  solo_close(&reacher);
}

/* a straight arm at rest, its tip this far from the target, which lies towards the base */
static void set_distance(struct solo *reacher, double distance) {
  const struct saved saved = {.target = {0.6 - distance, 0.0}};
  CU_ASSERT_EQUAL_FATAL(reacher->type->load_state(reacher->env, &saved, &reacher->error), 0);
}

static double step_torques(struct solo *reacher, float first) {
  CU_ASSERT_EQUAL_FATAL(solo_try(reacher, (const float[N]){first}), 0);
  return reacher->reward;
}

/* with a gear of 0 nothing moves, so that the distance is known */
static void test_rewards(void) {
  struct solo reacher = solo_open("Reacher6-v0", SOLO_OPTIONS({"gear", "0"}));
  set_distance(&reacher, 0.3);
  CHECK_CLOSE(step_torques(&reacher, 0.0f), -0.3, 1e-15);
  CHECK_CLOSE(step_torques(&reacher, 0.5f), -0.3 - 0.001 * 0.25, 1e-15);
  CHECK_CLOSE(step_torques(&reacher, -7.0f), -0.3 - 0.001, 1e-15);
  set_distance(&reacher, 0.049);
  CHECK_CLOSE(step_torques(&reacher, 0.0f), 1.0 - 0.049, 1e-15);
  set_distance(&reacher, 0.051);
  CHECK_CLOSE(step_torques(&reacher, 0.0f), -0.051, 1e-15);
  CU_ASSERT_FALSE(reacher.terminated);
  CU_ASSERT_EQUAL(reacher.spec.max_steps, 150);
  solo_close(&reacher);

  reacher = solo_open("Reacher6-v0", SOLO_OPTIONS({"gear", "0"}, {"reward", "sparse"}, {"ends_when_reached", "true"},
                                                  {"tolerance", "0.1"}, {"max_steps", "7"}));
  set_distance(&reacher, 0.101);
  CU_ASSERT_EQUAL(step_torques(&reacher, 1.0f), 0.0);
  CU_ASSERT_FALSE(reacher.terminated);
  set_distance(&reacher, 0.099);
  CU_ASSERT_EQUAL(step_torques(&reacher, 1.0f), 1.0);
  CU_ASSERT_TRUE(reacher.terminated);
  CU_ASSERT_EQUAL(reacher.spec.max_steps, 7);
  solo_close(&reacher);
}

/* actions beyond 1 are clipped; each gear acts on its own joint; torques turn joints as the arm computes */
static void test_torques(void) {
  struct solo reacher = solo_open("Reacher6-v0", SOLO_OPTIONS({"gear", "1,0.8,0.6,0.4,0.2,0.1"}, {"substeps", "3"}));
  struct arm arm = uniform_arm(0.01, 0.1, 0.0);
  const float action[N] = {0.5f, -1.0f, 3.0f, -3.0f, 0.25f, 1.0f};
  const double torque[N] = {0.5, -0.8, 0.6, -0.4, 0.05, 0.1};
  struct saved saved;
  solo_reset(&reacher, 0);
  reacher.type->save_state(reacher.env, &saved);
  struct arm_state state = saved.arm;
  CU_ASSERT_EQUAL(solo_try(&reacher, action), 0);
  for (int i = 0; i < 3; i++) arm_step(&arm, &state, torque, 0.02 / 3);
  reacher.type->save_state(reacher.env, &saved);
  CU_ASSERT_EQUAL(memcmp(&state, &saved.arm, sizeof state), 0);
  for (int i = 0; i < N; i++) CU_ASSERT_EQUAL(reacher.observation[2 * N + i], (float)state.rate[i]);
  solo_close(&reacher);
}

static void test_options(void) {
  const char *const name = "Reacher6-v0";
  const char *const joints[] = {"lengths", "masses", "armature", "damping", "gear", "joint_limits"};
  for (size_t i = 0; i < 6; i++) {
    solo_refuses_options(name, SOLO_OPTIONS({joints[i], "-1"}), joints[i]);
    solo_refuses_options(name, SOLO_OPTIONS({joints[i], "1,1,1"}), "expects one number or 6, got 3");
    solo_refuses_options(name, SOLO_OPTIONS({joints[i], "1,1,1,1,1,1,1"}), "expects 1 to 6 numbers");
  }
  solo_refuses_options(name, SOLO_OPTIONS({"masses", "0"}), "option masses");
  solo_refuses_options(name, SOLO_OPTIONS({"gravity", "down"}), "option gravity");
  solo_refuses_options(name, SOLO_OPTIONS({"time_step", "0"}), "option time_step");
  solo_refuses_options(name, SOLO_OPTIONS({"substeps", "0"}), "option substeps");
  solo_refuses_options(name, SOLO_OPTIONS({"max_steps", "-1"}), "option max_steps");
  solo_refuses_options(name, SOLO_OPTIONS({"reward", "shaped"}), "expects dense or sparse");
  solo_refuses_options(name, SOLO_OPTIONS({"control_cost", "-1"}), "option control_cost");
  solo_refuses_options(name, SOLO_OPTIONS({"bonus", "-1"}), "option bonus");
  solo_refuses_options(name, SOLO_OPTIONS({"tolerance", "-1"}), "option tolerance");
  solo_refuses_options(name, SOLO_OPTIONS({"ends_when_reached", "1"}), "option ends_when_reached");
}

static void test_refusals_and_text(void) {
  struct solo reacher = solo_open("Reacher6-v0", NULL);
  set_distance(&reacher, 0.1);
  solo_shows(&reacher, "O************************X****o");
  solo_shows(&reacher, "distance 0.100 m\n");
  solo_refuses(&reacher, (const float[N]){0, 0, NAN, 0, 0, 0}, "action 2 is nan");
  solo_refuses(&reacher, (const float[N]){0, 0, 0, 0, 0, INFINITY}, "action 5 is inf");

  struct saved saved = {.target = {0.61, 0.0}};
  solo_refuses_state(&reacher, &saved, "farther away than 0.6 m");
  saved.target[0] = 0.0;
  saved.arm.angle[3] = 2.9;
  solo_refuses_state(&reacher, &saved, "the angle of joint 3 is 2.9, not within 2.8");
  saved.arm.angle[3] = 0.0;
  saved.arm.rate[1] = NAN;
  solo_refuses_state(&reacher, &saved, "the rate of joint 1");
  solo_close(&reacher);

  /* options for which no step is small enough are reported, not turned into NaN */
  reacher = solo_open("Reacher6-v0", SOLO_OPTIONS({"damping", "1e6"}));
  solo_reset(&reacher, 0);
  const float push[N] = {1, 1, 1, 1, 1, 1};
  int failed = 0;
  for (int step = 0; step < 100 && !failed; step++) failed = solo_try(&reacher, push);
  CU_ASSERT_TRUE(failed && strstr(reacher.error.text, "diverges at these options") != NULL);
  solo_close(&reacher);
}

static const struct check_case cases[] = {
    {"places of the links", test_positions},
    {"the mass matrix", test_mass_matrix},
    {"accelerations by Lagrange's equations", test_accelerations},
    {"energy is kept", test_energy},
    {"damping takes energy away", test_damping},
    {"impacts at stops", test_impact},
    {"joints stay within their limits", test_limits},
    {"targets can be reached", test_targets},
    {"rewards", test_rewards},
    {"torques", test_torques},
    {"options", test_options},
    {"refusals and text", test_refusals_and_text},
};

CHECK_MAIN("reacher6", cases)
