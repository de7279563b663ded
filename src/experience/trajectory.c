#include "experience/trajectory.h"

#include "env/block.h"

#include <string.h>

/* room for as many last observations as there are steps */
static muster_status take_finals(struct trajectory *trajectory, struct arena *arena) {
  struct final_observations *final_observations = &trajectory->final_observations;
  const size_t capacity = trajectory->n_envs * trajectory->n_steps;
  *final_observations = (struct final_observations){.capacity = (int32_t)capacity};
  MUSTER_TRY(ARENA_TAKE(arena, capacity, "final observations", &final_observations->environment));
  MUSTER_TRY(ARENA_TAKE(arena, capacity, "final observations", &final_observations->step));
  return arena_take(arena, capacity * trajectory->agents, trajectory->obs_bytes, "final observations",
                    &final_observations->observation);
}

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
  return take_finals(trajectory, arena);
}

/* an array of a trajectory: its bytes of an environment */
struct array {
  void *base;
  size_t env_bytes;
};

enum { OBSERVATION, MASK, ACTION, LOG_PROB, REWARD, ENDED, LENGTH, ARRAYS };

static void list_arrays(const struct trajectory *trajectory, struct array arrays[ARRAYS]) {
  const size_t agents = trajectory->agents, steps = trajectory->n_steps;
  const struct array all[ARRAYS] = {
      {trajectory->observation, agents * trajectory_obs_stride(trajectory)},
      {trajectory->mask, agents * trajectory_mask_stride(trajectory)},
      {trajectory->action, agents * steps * trajectory->action_bytes},
      {trajectory->log_prob, agents * steps * sizeof(float)},
      {trajectory->reward, agents * steps * sizeof(float)},
      {trajectory->ended, steps},
      {trajectory->length, agents * sizeof(int32_t)},
  };
  memcpy(arrays, all, sizeof all);
}

struct trajectory trajectory_window(const struct trajectory *whole, size_t first, size_t n_envs) {
  struct array arrays[ARRAYS];
  list_arrays(whole, arrays);
  struct trajectory window = *whole;
  window.n_envs = n_envs;
  window.n_rows = n_envs * whole->agents;
  window.first_env = whole->first_env + first;
  window.observation = (char *)whole->observation + first * arrays[OBSERVATION].env_bytes;
  if (whole->mask_bytes > 0) window.mask = whole->mask + first * arrays[MASK].env_bytes;
  window.action = (char *)whole->action + first * arrays[ACTION].env_bytes;
  window.log_prob = whole->log_prob + first * whole->agents * whole->n_steps;
  window.reward = whole->reward + first * whole->agents * whole->n_steps;
  window.ended = whole->ended + first * whole->n_steps;
  window.length = whole->length + first * whole->agents;
  window.final_observations = (struct final_observations){.count = 0};
  return window;
}

muster_status trajectory_view(const struct trajectory *whole, size_t first, size_t n_envs, struct arena *arena,
                              struct trajectory *view) {
  *view = trajectory_window(whole, first, n_envs);
  return take_finals(view, arena);
}

void trajectory_copy_rows(const struct trajectory *part, size_t first, struct trajectory *whole) {
  struct array from[ARRAYS], to[ARRAYS];
  list_arrays(part, from);
  list_arrays(whole, to);
  for (int i = 0; i < ARRAYS; i++)
    if (from[i].env_bytes > 0)
      memcpy((char *)to[i].base + first * to[i].env_bytes, from[i].base, part->n_envs * from[i].env_bytes);
}

void trajectory_append_finals(const struct trajectory *part, struct trajectory *whole) {
  const struct final_observations *from = &part->final_observations;
  struct final_observations *to = &whole->final_observations;
  const size_t bytes = whole->agents * whole->obs_bytes, count = (size_t)from->count, at = (size_t)to->count;
  memcpy(to->environment + at, from->environment, count * sizeof *to->environment);
  memcpy(to->step + at, from->step, count * sizeof *to->step);
  memcpy((char *)to->observation + at * bytes, from->observation, count * bytes);
  to->count += from->count;
}

/* --- as bytes in a row: the number of final_observations, the arrays, the final_observations, each filled up to 8
 * bytes --- */

static size_t padded(size_t bytes) { return (bytes + 7) & ~(size_t)7; }

/* what a final is packed into: environment and step, then the observation */
struct packed_final {
  int32_t environment, step;
};

static size_t final_bytes(const struct trajectory *trajectory) {
  return padded(sizeof(struct packed_final) + trajectory->agents * trajectory->obs_bytes);
}

size_t trajectory_packed_room(const struct trajectory *trajectory, enum trajectory_parts parts) {
  struct array arrays[ARRAYS];
  list_arrays(trajectory, arrays);
  size_t bytes = sizeof(int64_t);
  for (int i = parts == TRAJECTORY_WHOLE ? 0 : REWARD; i < ARRAYS; i++)
    bytes += padded(trajectory->n_envs * arrays[i].env_bytes);
  return bytes +
         (parts == TRAJECTORY_WHOLE ? (size_t)trajectory->final_observations.capacity * final_bytes(trajectory) : 0);
}

size_t trajectory_pack(const struct trajectory *trajectory, enum trajectory_parts parts, void *packed) {
  struct array arrays[ARRAYS];
  list_arrays(trajectory, arrays);
  const struct final_observations *final_observations = &trajectory->final_observations;
  const int64_t count = parts == TRAJECTORY_WHOLE ? final_observations->count : 0;
  char *place = packed;
  memcpy(place, &count, sizeof count);
  place += sizeof count;
  for (int i = parts == TRAJECTORY_WHOLE ? 0 : REWARD; i < ARRAYS; i++) {
    const size_t bytes = trajectory->n_envs * arrays[i].env_bytes;
    if (bytes > 0) memcpy(place, arrays[i].base, bytes);
    place += padded(bytes);
  }
  const size_t bytes = trajectory->agents * trajectory->obs_bytes;
  for (int64_t i = 0; i < count; i++, place += final_bytes(trajectory)) {
    const struct packed_final final = {final_observations->environment[i], final_observations->step[i]};
    memcpy(place, &final, sizeof final);
    memcpy(place + sizeof final, (const char *)final_observations->observation + (size_t)i * bytes, bytes);
  }
  return (size_t)(place - (char *)packed);
}

void trajectory_unpack(const void *packed, enum trajectory_parts parts, size_t n_envs, size_t first_env,
                       struct trajectory *whole, size_t first) {
  struct array arrays[ARRAYS];
  list_arrays(whole, arrays);
  int64_t count;
  const char *place = packed;
  memcpy(&count, place, sizeof count);
  place += sizeof count;
  for (int i = parts == TRAJECTORY_WHOLE ? 0 : REWARD; i < ARRAYS; i++) {
    const size_t bytes = n_envs * arrays[i].env_bytes;
    if (bytes > 0) memcpy((char *)arrays[i].base + first * arrays[i].env_bytes, place, bytes);
    place += padded(bytes);
  }
  struct final_observations *final_observations = &whole->final_observations;
  const size_t bytes = whole->agents * whole->obs_bytes;
  for (int64_t i = 0; i < count; i++, place += final_bytes(whole)) {
    struct packed_final final;
    memcpy(&final, place, sizeof final);
    final_observations->environment[final_observations->count] =
        final.environment - (int32_t)first_env + (int32_t)first;
    final_observations->step[final_observations->count] = final.step;
    memcpy((char *)final_observations->observation + (size_t)final_observations->count++ * bytes, place + sizeof final,
           bytes);
  }
}

size_t trajectory_samples(const struct trajectory *trajectory) {
  size_t samples = 0;
  for (size_t row = 0; row < trajectory->n_rows; row++) samples += (size_t)trajectory->length[row];
  return samples;
}

int64_t trajectory_steps(const struct trajectory *trajectory) {
  return (int64_t)(trajectory_samples(trajectory) / trajectory->agents);
}

/* copies element `from` of each row's T + 1 elements to element `to` */
static void copy_step(const struct trajectory *trajectory, void *array, size_t bytes, size_t from, size_t to) {
  for (size_t row = 0; row < trajectory->n_rows && bytes > 0; row++) {
    char *first = (char *)array + row * (trajectory->n_steps + 1) * bytes;
    memcpy(first + to * bytes, first + from * bytes, bytes);
  }
}

/* copies each row's observation and mask of a step to those of another, and lets so many steps count */
static void move_step(struct trajectory *trajectory, size_t from, size_t to, size_t length) {
  copy_step(trajectory, trajectory->observation, trajectory->obs_bytes, from, to);
  copy_step(trajectory, trajectory->mask, trajectory->mask_bytes, from, to);
  for (size_t row = 0; row < trajectory->n_rows; row++) trajectory->length[row] = (int32_t)length;
}

void trajectory_start(struct trajectory *trajectory) {
  move_step(trajectory, trajectory->n_steps, 0, trajectory->n_steps);
  trajectory->final_observations.count = 0;
}

void trajectory_cut(struct trajectory *trajectory, size_t t) { move_step(trajectory, t, trajectory->n_steps, t); }
