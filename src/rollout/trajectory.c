#include "rollout/trajectory.h"

#include "env/block.h"

#include <string.h>

muster_status trajectory_create(const muster_env_spec *spec, size_t n_envs, size_t n_steps, struct arena *arena,
                                struct trajectory *trajectory) {
  size_t agents = (size_t)spec->agents, rows = n_envs * agents, steps = rows * n_steps;
  if (steps > INT32_MAX)
    return status_error(MUSTER_ERROR_USAGE,
                        "algorithm.n_steps: %zu steps of %zu environments with %zu agents make a rollout of more than "
                        "%d samples",
                        n_steps, n_envs, agents, INT32_MAX);
  *trajectory = (struct trajectory){
      .n_envs = n_envs,
      .agents = agents,
      .n_rows = rows,
      .n_steps = n_steps,
      .obs_bytes = muster_space_bytes(&spec->observation),
      .action_bytes = muster_space_bytes(&spec->action),
      .mask_bytes = spec->masks_actions ? env_block_choices(&spec->action) : 0,
  };
  MUSTER_TRY(arena_take(arena, rows * (n_steps + 1), trajectory->obs_bytes, "observations", &trajectory->observation));
  MUSTER_TRY(ARENA_TAKE(arena, rows * (n_steps + 1) * trajectory->mask_bytes, "action masks", &trajectory->mask));
  MUSTER_TRY(arena_take(arena, steps, trajectory->action_bytes, "actions", &trajectory->action));
  MUSTER_TRY(ARENA_TAKE(arena, steps, "log-probabilities", &trajectory->log_prob));
  MUSTER_TRY(ARENA_TAKE(arena, steps, "rewards", &trajectory->reward));
  MUSTER_TRY(ARENA_TAKE(arena, n_envs * n_steps, "episode ends", &trajectory->ended));
  MUSTER_TRY(ARENA_TAKE(arena, rows, "lengths", &trajectory->length));
  for (size_t row = 0; row < rows; row++) trajectory->length[row] = (int32_t)n_steps;
  struct env_finals *finals = &trajectory->finals;
  finals->capacity = (int32_t)(n_envs * n_steps);
  MUSTER_TRY(ARENA_TAKE(arena, n_envs * n_steps, "final observations", &finals->environment));
  MUSTER_TRY(ARENA_TAKE(arena, n_envs * n_steps, "final observations", &finals->step));
  return arena_take(arena, steps, trajectory->obs_bytes, "final observations", &finals->observation);
}

size_t trajectory_samples(const struct trajectory *trajectory) {
  size_t samples = 0;
  for (size_t row = 0; row < trajectory->n_rows; row++) samples += (size_t)trajectory->length[row];
  return samples;
}

int64_t trajectory_steps(const struct trajectory *trajectory) {
  return (int64_t)(trajectory_samples(trajectory) / trajectory->agents);
}

/* moves the last of each row's T + 1 elements to the front */
static void wrap_rows(void *array, size_t rows, size_t n_steps, size_t bytes) {
  for (size_t row = 0; row < rows; row++) {
    char *first = (char *)array + row * (n_steps + 1) * bytes;
    memcpy(first, first + n_steps * bytes, bytes);
  }
}

void trajectory_start(struct trajectory *trajectory) {
  wrap_rows(trajectory->observation, trajectory->n_rows, trajectory->n_steps, trajectory->obs_bytes);
  if (trajectory->mask_bytes > 0)
    wrap_rows(trajectory->mask, trajectory->n_rows, trajectory->n_steps, trajectory->mask_bytes);
  trajectory->finals.count = 0;
  for (size_t row = 0; row < trajectory->n_rows; row++) trajectory->length[row] = (int32_t)trajectory->n_steps;
}
