/* A planar arm: a chain of six uniform rods from a fixed base at the origin, with a motor at each joint. Joint angles
 * are relative: the first against the x axis, each other one against the link before; rad, counter-clockwise, 0 is
 * straight on. All is in float64 and SI units. */
#ifndef ENV_ENVS_ARM_H
#define ENV_ENVS_ARM_H

enum { ARM_JOINTS = 6 };

struct arm {
  /* chosen by the user, for each joint and the link behind it */
  double length[ARM_JOINTS];   /* m */
  double mass[ARM_JOINTS];     /* kg */
  double armature[ARM_JOINTS]; /* kg m^2, inertia of the motor about its joint */
  double damping[ARM_JOINTS];  /* N m s/rad */
  double limit[ARM_JOINTS];    /* rad, to either side: where the joint stops */
  double gravity;              /* m/s^2, along -y */

  /* what arm_prepare() derives */
  double coupling[ARM_JOINTS][ARM_JOINTS]; /* kg m^2: of links i and j; times the cosine of the angle between them */
  double weight[ARM_JOINTS];               /* kg m: what gravity pulls at; times the cosine of the link's angle */
};

struct arm_state {
  double angle[ARM_JOINTS], rate[ARM_JOINTS]; /* rad, rad/s */
};

/* Derives the constants of the dynamics from what the user chose. */
void arm_prepare(struct arm *arm);

/* Where the links end: x, y [ARM_JOINTS], m; the last one is the fingertip. */
void arm_positions(const struct arm *arm, const double *angle, double *x, double *y);

/* Joint accelerations [ARM_JOINTS], rad/s^2, under the motors' torques [ARM_JOINTS], N m. The joints' stops are
 * ignored. */
void arm_accelerations(const struct arm *arm, const struct arm_state *state, const double *torque,
                       double *acceleration);

/* One step of the classic Runge-Kutta method over `seconds`; then a joint beyond a stop is put at the stop, and when it
 * moves outwards it is halted by an impulse of the stop, which moves the other joints as well (inelastic impact). */
void arm_step(const struct arm *arm, struct arm_state *state, const double *torque, double seconds);

#endif
