#include "rollout/trajectory.h"

#include <string.h>

muster_status trajectory_create(size_t n_envs, size_t n_steps, size_t obs_dim, size_t act_elements, struct arena *arena,
                                struct trajectory *trajectory) {
  *trajectory =
      (struct trajectory){.n_envs = n_envs, .n_steps = n_steps, .obs_dim = obs_dim, .act_elements = act_elements};
  size_t steps = n_envs * n_steps;
  MUSTER_TRY(ARENA_TAKE(arena, n_envs * (n_steps + 1) * obs_dim, "observations", &trajectory->observation));
  MUSTER_TRY(ARENA_TAKE(arena, steps * act_elements, "actions", &trajectory->action));
  MUSTER_TRY(ARENA_TAKE(arena, steps, "log-probabilities", &trajectory->log_prob));
  MUSTER_TRY(ARENA_TAKE(arena, steps, "rewards", &trajectory->reward));
  MUSTER_TRY(ARENA_TAKE(arena, steps, "episode ends", &trajectory->ended));
  struct env_finals *finals = &trajectory->finals;
  finals->capacity = (int32_t)steps;
  MUSTER_TRY(ARENA_TAKE(arena, steps, "final observations", &finals->environment));
  MUSTER_TRY(ARENA_TAKE(arena, steps, "final observations", &finals->step));
  return arena_take(arena, steps * obs_dim, sizeof(float), "final observations", &finals->observation);
}

void trajectory_start(struct trajectory *trajectory) {
  size_t ld = trajectory_obs_ld(trajectory), bytes = trajectory->obs_dim * sizeof(float);
  for (size_t n = 0; n < trajectory->n_envs; n++) {
    float *first = trajectory->observation + n * ld;
    memcpy(first, first + trajectory->n_steps * trajectory->obs_dim, bytes);
  }
  trajectory->finals.count = 0;
}
