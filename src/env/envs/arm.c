/* Dynamics of the planar arm. In the absolute angles p_i of the links and their rates w_i,
 *
 *     T = 1/2 sum_ij a_ij cos(p_i - p_j) w_i w_j,    V = g sum_i b_i sin(p_i),
 *
 * so that Lagrange's equations are  sum_j a_ij cos(p_i - p_j) w'_j + sum_j a_ij sin(p_i - p_j) w_j^2 + g b_i cos(p_i)
 * = Q_i  (Featherstone 2008, chapter 3, for the form in general). The motor of joint i turns link i and, as a reaction,
 * link i - 1: Q_i = torque_i - torque_i+1; likewise the inertia of motors couples neighbours. The mass matrix is built
 * in O(n^2) operations and solved in O(n^3) by L D L^T, a Cholesky factorisation without roots. */
#include "env/envs/arm.h"

#include "env/envs/sincos.h"

#include <math.h>
#include <stdbool.h>

enum { N = ARM_JOINTS };

void arm_prepare(struct arm *arm) {
  double beyond = 0.0; /* mass of the links behind link i */
  for (int i = N - 1; i >= 0; i--) {
    double length = arm->length[i], mass = arm->mass[i];
    arm->weight[i] = (0.5 * mass + beyond) * length;
    arm->coupling[i][i] = (mass / 3.0 + beyond) * length * length;
    for (int j = 0; j < i; j++) arm->coupling[i][j] = arm->coupling[j][i] = arm->weight[i] * arm->length[j];
    beyond += mass;
  }
}

/* ---- where the links are ---- */

/* absolute angles of the links, from those of the joints; the same for rates */
SINCOS_INLINE void add_up(const double *joint, double *link) {
  double sum = 0.0;
  for (int i = 0; i < N; i++) link[i] = sum += joint[i];
}

void arm_positions(const struct arm *arm, const double *angle, double *x, double *y) {
  double link[N], sine[N], cosine[N], at_x = 0.0, at_y = 0.0;
  add_up(angle, link);
  sincos_any(N, link, sine, cosine);
  for (int i = 0; i < N; i++) {
    x[i] = at_x += arm->length[i] * cosine[i];
    y[i] = at_y += arm->length[i] * sine[i];
  }
}

/* ---- the mass matrix ---- */

/* the mass matrix in absolute angles as L D L^T: L below the diagonal, 1 / D on it */
struct factors {
  double entry[N][N];
};

/* the lower half of the mass matrix, with the inertia of the motors */
SINCOS_INLINE void fill_mass(const struct arm *arm, const double *sine, const double *cosine, struct factors *mass) {
  for (int i = 0; i < N; i++)
    for (int j = 0; j <= i; j++) mass->entry[i][j] = arm->coupling[i][j] * (cosine[i] * cosine[j] + sine[i] * sine[j]);
  for (int i = 0; i < N; i++) mass->entry[i][i] += arm->armature[i];
  for (int i = 1; i < N; i++) {
    mass->entry[i - 1][i - 1] += arm->armature[i];
    mass->entry[i][i - 1] -= arm->armature[i];
  }
}

/* replaces the matrix by its factors */
SINCOS_INLINE void factorize(struct factors *factors) {
  double(*m)[N] = factors->entry;
  for (int j = 0; j < N; j++) {
    double inverse = 1.0 / m[j][j], column[N];
    for (int i = j + 1; i < N; i++) column[i] = m[i][j] * inverse;
    for (int i = j + 1; i < N; i++)
      for (int k = j + 1; k <= i; k++) m[i][k] -= column[i] * m[k][j];
    for (int i = j + 1; i < N; i++) m[i][j] = column[i];
    m[j][j] = inverse;
  }
}

/* replaces the right-hand side by the solution */
SINCOS_INLINE void solve(const struct factors *factors, double *x) {
  const double(*m)[N] = factors->entry;
  for (int j = 0; j < N; j++)
    for (int i = j + 1; i < N; i++) x[i] -= m[i][j] * x[j];
  for (int i = 0; i < N; i++) x[i] *= m[i][i];
  for (int i = N - 1; i >= 0; i--)
    for (int j = 0; j < i; j++) x[j] -= m[i][j] * x[i];
}

/* turns torques of joints into those on links (absolute angles), and accelerations of links into those of joints */
SINCOS_INLINE void to_links(const double *joint, double *link) {
  for (int i = 0; i < N - 1; i++) link[i] = joint[i] - joint[i + 1];
  link[N - 1] = joint[N - 1];
}

SINCOS_INLINE void to_joints(const double *link, double *joint) {
  joint[0] = link[0];
  for (int i = 1; i < N; i++) joint[i] = link[i] - link[i - 1];
}

/* ---- motion ---- */

void arm_accelerations(const struct arm *arm, const struct arm_state *state, const double *torque,
                       double *acceleration) {
  double angle[N], rate[N], sine[N], cosine[N], acting[N], force[N];
  add_up(state->angle, angle);
  add_up(state->rate, rate);
  sincos_any(N, angle, sine, cosine);
  for (int i = 0; i < N; i++) acting[i] = torque[i] - arm->damping[i] * state->rate[i];
  to_links(acting, force);

  /* centrifugal terms, and gravity */
  for (int i = 0; i < N; i++) {
    double sum = arm->gravity * arm->weight[i] * cosine[i];
    for (int j = 0; j < N; j++)
      sum += arm->coupling[i][j] * (sine[i] * cosine[j] - cosine[i] * sine[j]) * (rate[j] * rate[j]);
    force[i] -= sum;
  }

  struct factors factors;
  fill_mass(arm, sine, cosine, &factors);
  factorize(&factors);
  solve(&factors, force);
  to_joints(force, acceleration);
}

/* halts each joint that moves outwards at its stop by an impulse there, one after the other */
static void strike_stops(const struct arm *arm, struct arm_state *state, const bool *at_stop) {
  double angle[N], sine[N], cosine[N];
  struct factors factors;
  add_up(state->angle, angle);
  sincos_any(N, angle, sine, cosine);
  fill_mass(arm, sine, cosine, &factors);
  factorize(&factors);
  for (int i = 0; i < N; i++) {
    if (!at_stop[i] || state->rate[i] * state->angle[i] <= 0.0) continue;
    double impulse[N] = {0}, response[N], change[N];
    impulse[i] = 1.0;
    to_links(impulse, response);
    solve(&factors, response);
    to_joints(response, change);
    double strength = state->rate[i] / change[i];
    for (int k = 0; k < N; k++) state->rate[k] -= strength * change[k];
    state->rate[i] = 0.0;
  }
}

static void keep_limits(const struct arm *arm, struct arm_state *state) {
  bool at_stop[N], any = false;
  for (int i = 0; i < N; i++) {
    at_stop[i] = fabs(state->angle[i]) > arm->limit[i];
    if (at_stop[i]) state->angle[i] = copysign(arm->limit[i], state->angle[i]);
    any |= at_stop[i];
  }
  if (any) strike_stops(arm, state, at_stop);
}

/* the state after `seconds` at the given rates and accelerations, from `state` */
SINCOS_INLINE struct arm_state move(const struct arm_state *state, const double *rate, const double *acceleration,
                                    double seconds) {
  struct arm_state moved;
  for (int i = 0; i < N; i++) {
    moved.angle[i] = state->angle[i] + seconds * rate[i];
    moved.rate[i] = state->rate[i] + seconds * acceleration[i];
  }
  return moved;
}

void arm_step(const struct arm *arm, struct arm_state *state, const double *torque, double seconds) {
  double a1[N], a2[N], a3[N], a4[N], rate[N], acceleration[N];
  arm_accelerations(arm, state, torque, a1);
  struct arm_state second = move(state, state->rate, a1, seconds / 2.0);
  arm_accelerations(arm, &second, torque, a2);
  struct arm_state third = move(state, second.rate, a2, seconds / 2.0);
  arm_accelerations(arm, &third, torque, a3);
  struct arm_state fourth = move(state, third.rate, a3, seconds);
  arm_accelerations(arm, &fourth, torque, a4);

  /* the mean of the four slopes */
  for (int i = 0; i < N; i++) {
    rate[i] = (state->rate[i] + 2.0 * (second.rate[i] + third.rate[i]) + fourth.rate[i]) / 6.0;
    acceleration[i] = (a1[i] + 2.0 * (a2[i] + a3[i]) + a4[i]) / 6.0;
  }
  *state = move(state, rate, acceleration, seconds);
  keep_limits(arm, state);
}
