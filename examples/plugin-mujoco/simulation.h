/* A block of robots that share one MuJoCo model, and the tasks that they may have. A single environment is a block of
 * one. */
#ifndef SIMULATION_H
#define SIMULATION_H

#include "parameters.h"

#include <mujoco/mujoco.h>

struct simulation;
struct renderer;

/* What a task asks of a model, at least. */
struct needs {
  int nq, nv, nsite;
  const char *bodies[2]; /* names, or NULL */
};

/* What a picture shows, m: a part of the plane of x and z, or of x and y. */
struct view {
  double width, bottom, top; /* bottom and top from the middle, which is 0 or follows the robot */
  double tile;               /* length of a stripe or square of the ground */
  bool from_above, follows, has_ground;
};

/* A task of Gymnasium's. All functions read a row's mjData as the last step or reset left it. */
struct task {
  const char *name;
  int32_t max_steps;
  double reward_threshold; /* NAN: none */
  struct needs needs;
  struct view view;
  bool normal_velocities; /* the velocities of a reset get normal noise, not uniform */

  /* Sets qpos and qvel for a new episode; NULL: the model's own, and noise of reset_noise_scale. */
  void (*start)(const struct simulation *self, mjData *data, muster_random *random);
  /* Writes the observation, and returns where it ends. */
  float *(*observe)(const struct simulation *self, const mjData *data, float *out);
  /* Where the robot is, m: its velocity is the difference of two places over the time of a step. */
  void (*locate)(const struct simulation *self, const mjData *data, double place[2]);
  /* The reward of a step and whether it ends the task; `velocity`: m/s along x. */
  double (*reward)(const struct simulation *self, const mjData *data, const float *action, double velocity,
                   bool *terminated);
};

struct robot {
  mjData *data;    /* owned */
  double place[2]; /* after the last step or reset. Part of the state: MuJoCo's own places of bodies are those of
                      before the step's last integration, and cannot be had from qpos */
};

struct simulation {
  const struct task *task;
  struct parameters parameters;
  mjModel *model;              /* owned */
  double seconds;              /* of a step */
  float *action_low;           /* [2, nu] with action_high behind it, owned */
  int32_t obs_dim, state_size; /* floats; doubles */
  int body[2];                 /* ids of needs.bodies */
  int main_body;               /* id */
  double *scratch;             /* [state_size], owned: a state on its way, where doubles are aligned */
  struct renderer *renderer;   /* of pictures, owned */
  int32_t n;
  struct robot *robots; /* [n], owned */
};

/* `settings` is borrowed for the call. */
int simulation_create(const struct task *task, const muster_env_setting *settings, int32_t n, struct simulation **out,
                      muster_env_error *error);
void simulation_destroy(struct simulation *self); /* accepts NULL */
void simulation_describe(const struct simulation *self, muster_env_spec *spec);

/* For one row. `action`: [nu]; `observation`: [obs_dim]; `state`: [state_size] doubles, aligned or not. */
int simulation_reset(struct simulation *self, int32_t row, muster_random *random, float *observation,
                     muster_env_error *error);
int simulation_step(struct simulation *self, int32_t row, const float *action, float *observation, double *reward,
                    bool *terminated, muster_env_error *error);
void simulation_save(const struct simulation *self, int32_t row, void *state);
int simulation_load(struct simulation *self, int32_t row, const void *state, muster_env_error *error);

#endif
