/* A rollout of N environments with A agents each over T steps, row-major: what an actor fills and a learner trains on.
 *
 * Row = environment * A + agent. The arrays of a learner hold all environments, those of an actor its own range.
 * Row-major order keeps each environment's rollout in one piece, so that any range of environments is one piece of each
 * array, however the environments are split over the actors. Observations and actions are raw: as the environment wrote
 * them, and as the policy drew them. */
#ifndef EXPERIENCE_TRAJECTORY_H
#define EXPERIENCE_TRAJECTORY_H

#include "base/arena.h"
#include "env/pool.h"
#include "experience/fields.h"

#include <stddef.h>
#include <stdint.h>

struct trajectory {
  size_t n_envs, agents, n_rows, n_steps; /* N, A, N * A, T */
  size_t first_env; /* number of its first environment in the run; final_observations use the same numbers */
  size_t obs_bytes, action_bytes; /* of one row at one step */
  size_t mask_bytes;              /* choices of an action; 0: actions are not masked */
  /* one array for each line of STEP_FIELDS, [rows, entries, elements], reached by its name or by its place in the
   * table: observation, mask, action, log_prob, reward, ended, length and so on */
  union {
    struct {
      STEP_FIELDS(FIELD_MEMBER)
    };
    void *array[STEP_FIELD_COUNT];
  };
  struct final_observations final_observations; /* true last observations of truncated episodes, room for N * T */
  struct field field[STEP_FIELD_COUNT], final_field[FINAL_FIELD_COUNT]; /* types and sizes of the arrays */
};

/* Makes room for a rollout of environments of this `spec` (borrowed); at first all steps count. USAGE error when there
 * are too many samples to count. */
MUSTER_CHECKED muster_status trajectory_create(const muster_env_spec *spec, size_t n_envs, size_t n_steps,
                                               struct arena *arena, struct trajectory *trajectory);

/* The environments first .. first + n_envs - 1 of `whole` as a trajectory that shares the rows of `whole`. A window has
 * no final_observations; a view has its own, from the arena. */
struct trajectory trajectory_window(const struct trajectory *whole, size_t first, size_t n_envs);
MUSTER_CHECKED muster_status trajectory_view(const struct trajectory *whole, size_t first, size_t n_envs,
                                             struct arena *arena, struct trajectory *view);

/* trajectory_copy_rows() copies the rows of `part` to `whole`, to the environments from `first` on.
 * trajectory_append_final_observations() appends the final_observations of `part`, as far as there is room; `part` must
 * number its environments as `whole` does. */
void trajectory_copy_rows(const struct trajectory *part, size_t first, struct trajectory *whole);
void trajectory_append_final_observations(const struct trajectory *part, struct trajectory *whole);

/* A trajectory packed into consecutive bytes: all of it, or only its FIELD_OUTCOME fields. trajectory_packed_room() is
 * how many bytes a trajectory of this size takes at most. */
enum trajectory_parts { TRAJECTORY_WHOLE, TRAJECTORY_OUTCOME };
size_t trajectory_packed_room(const struct trajectory *trajectory, enum trajectory_parts parts);
/* Packs it; returns how many bytes were written, a multiple of 8. */
size_t trajectory_pack(const struct trajectory *trajectory, enum trajectory_parts parts, void *packed);
/* Unpacks n_envs environments, whose numbers in the run begin with first_env, into the environments of `whole` from
 * `first` on, and appends the final_observations, with environments numbered as in `whole`. `whole` must have room for
 * all of it. */
void trajectory_unpack(const void *packed, enum trajectory_parts parts, size_t n_envs, size_t first_env,
                       struct trajectory *whole, size_t first);

/* Bytes of one environment in array i (0: this run has no such array), and of one item in array i of the final
 * observations. */
size_t trajectory_env_bytes(const struct trajectory *trajectory, int i);
size_t trajectory_final_bytes(const struct trajectory *trajectory, int i);

/* trajectory_list_final_observations() lists the arrays of the final observations; trajectory_end() tells where the
 * last of these that are in use ends. In the arena, nothing of the trajectory follows after that. */
void trajectory_list_final_observations(const struct trajectory *trajectory, void *arrays[FINAL_FIELD_COUNT]);
const char *trajectory_end(const struct trajectory *trajectory);

/* Lists all arrays as tensors of these names: those of STEP_FIELDS, then those of FINAL_FIELDS; made by field_tensor()
 * or, with `by_rows`, by field_row_tensor(). */
#define TRAJECTORY_TENSORS (STEP_FIELD_COUNT + FINAL_FIELD_COUNT)
void trajectory_list_tensors(const struct trajectory *trajectory, const char *const names[TRAJECTORY_TENSORS],
                             bool by_rows, struct tensor list[TRAJECTORY_TENSORS]);

/* Bytes from one row's first observation, or mask, to that of the next row. */
static inline size_t trajectory_obs_stride(const struct trajectory *trajectory) {
  return (trajectory->n_steps + 1) * trajectory->obs_bytes;
}
static inline size_t trajectory_mask_stride(const struct trajectory *trajectory) {
  return (trajectory->n_steps + 1) * trajectory->mask_bytes;
}

/* The first row's observation at step t, and its mask, NULL where actions are not masked. */
static inline void *trajectory_observation(const struct trajectory *trajectory, size_t t) {
  return (char *)trajectory->observation + t * trajectory->obs_bytes;
}
static inline uint8_t *trajectory_mask(const struct trajectory *trajectory, size_t t) {
  return trajectory->mask_bytes > 0 ? trajectory->mask + t * trajectory->mask_bytes : NULL;
}

/* How many steps of environments count, the sum of their lengths; and how many samples, which are the steps of all
 * agents. */
int64_t trajectory_steps(const struct trajectory *trajectory);
size_t trajectory_samples(const struct trajectory *trajectory);

/* Moves each row's last observation and mask to the front, where the next rollout starts, empties final_observations,
 * and lets all steps count. */
void trajectory_start(struct trajectory *trajectory);

/* Ends a rollout after t < T steps: only these count, and the next rollout starts where they end. */
void trajectory_cut(struct trajectory *trajectory, size_t t);

#endif
