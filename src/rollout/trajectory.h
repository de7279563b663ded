/* A rollout of N environments over T steps, environment-major: what an actor fills and a learner trains on.
 *
 * The arrays of a learner hold all environments, those of an actor its own range. Environment-major order keeps each
 * environment's rollout in one piece, so that any range of environments is one piece of each array, whatever the split
 * over the actors. */
#ifndef ROLLOUT_TRAJECTORY_H
#define ROLLOUT_TRAJECTORY_H

#include "base/arena.h"
#include "env/pool.h"

#include <stddef.h>
#include <stdint.h>

struct trajectory {
  size_t n_envs, n_steps;       /* N, T */
  size_t obs_dim, act_elements; /* of one step */
  float *observation;           /* [N, T + 1, obs_dim]; the last is where the next rollout starts */
  int32_t *action;              /* [N, T, act_elements], int32 or float bits after the action space */
  float *log_prob;              /* [N, T] of the action under the policy that took it */
  float *reward;                /* [N, T] */
  uint8_t *ended;               /* [N, T] ENV_TERMINATED, ENV_TRUNCATED */
  struct env_finals finals;     /* true last observations of truncated episodes, room for N * T */
};

MUSTER_CHECKED muster_status trajectory_create(size_t n_envs, size_t n_steps, size_t obs_dim, size_t act_elements,
                                               struct arena *arena, struct trajectory *trajectory);

/* Floats from one environment's first observation to the next one's. */
static inline size_t trajectory_obs_ld(const struct trajectory *trajectory) {
  return (trajectory->n_steps + 1) * trajectory->obs_dim;
}

/* Moves each environment's last observation to the front, where the next rollout starts, and forgets the finals. */
void trajectory_start(struct trajectory *trajectory);

#endif
