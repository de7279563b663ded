#include "experience/trajectory.h"

#include "env/block.h"

#include <string.h>

size_t trajectory_env_bytes(const struct trajectory *trajectory, int i) {
  const struct field *field = &trajectory->field[i];
  return field_row_count(field, 1, trajectory->agents) * field_entries(field, trajectory->n_steps) * field->bytes;
}

size_t trajectory_final_bytes(const struct trajectory *trajectory, int i) {
  const struct field *field = &trajectory->final_field[i];
  return field_row_count(field, 1, trajectory->agents) * field->bytes;
}

void trajectory_list_final_observations(const struct trajectory *trajectory, void *arrays[FINAL_FIELD_COUNT]) {
#define LIST(c_type, id, ...) trajectory->final_observations.id,
  void *all[] = {FINAL_FIELDS(LIST)};
  memcpy(arrays, all, sizeof all);
}

const char *trajectory_end(const struct trajectory *trajectory) {
  const int last = FINAL_FIELD_COUNT - 1;
  void *final_arrays[FINAL_FIELD_COUNT];
  trajectory_list_final_observations(trajectory, final_arrays);
  return (char *)final_arrays[last] +
         (size_t)trajectory->final_observations.count * trajectory_final_bytes(trajectory, last);
}

/* room for as many last observations as there are steps */
static muster_status take_final_observations(struct trajectory *trajectory, struct arena *arena) {
  const size_t capacity = trajectory->n_envs * trajectory->n_steps;
  trajectory->final_observations = (struct final_observations){.capacity = (int32_t)capacity};
#define LIST_PLACE(c_type, id, ...) (void **)&trajectory->final_observations.id,
  void **places[] = {FINAL_FIELDS(LIST_PLACE)};
  for (int i = 0; i < FINAL_FIELD_COUNT; i++)
    MUSTER_TRY(
        arena_take(arena, capacity, trajectory_final_bytes(trajectory, i), trajectory->final_field[i].what, places[i]));
  return MUSTER_OK;
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
  step_fields_list(spec, n_steps, trajectory->field);
  final_fields_list(spec, n_steps, trajectory->final_field);
  for (int i = 0; i < STEP_FIELD_COUNT; i++)
    MUSTER_TRY(arena_take(arena, n_envs, trajectory_env_bytes(trajectory, i), trajectory->field[i].what,
                          &trajectory->array[i]));
  for (size_t row = 0; row < rows; row++) trajectory->length[row] = (int32_t)n_steps;
  return take_final_observations(trajectory, arena);
}

struct trajectory trajectory_window(const struct trajectory *whole, size_t first, size_t n_envs) {
  struct trajectory window = *whole;
  window.n_envs = n_envs;
  window.n_rows = n_envs * whole->agents;
  window.first_env = whole->first_env + first;
  window.final_observations = (struct final_observations){.count = 0};
  for (int i = 0; i < STEP_FIELD_COUNT; i++)
    window.array[i] = (char *)whole->array[i] + first * trajectory_env_bytes(whole, i);
  return window;
}

muster_status trajectory_view(const struct trajectory *whole, size_t first, size_t n_envs, struct arena *arena,
                              struct trajectory *view) {
  *view = trajectory_window(whole, first, n_envs);
  return take_final_observations(view, arena);
}

void trajectory_copy_rows(const struct trajectory *part, size_t first, struct trajectory *whole) {
  for (int i = 0; i < STEP_FIELD_COUNT; i++) {
    const size_t bytes = trajectory_env_bytes(whole, i);
    memcpy((char *)whole->array[i] + first * bytes, part->array[i], part->n_envs * bytes);
  }
}

void trajectory_append_final_observations(const struct trajectory *part, struct trajectory *whole) {
  void *from[FINAL_FIELD_COUNT], *to[FINAL_FIELD_COUNT];
  const size_t count = (size_t)part->final_observations.count, at = (size_t)whole->final_observations.count;
  trajectory_list_final_observations(part, from);
  trajectory_list_final_observations(whole, to);
  for (int i = 0; i < FINAL_FIELD_COUNT; i++) {
    const size_t bytes = trajectory_final_bytes(whole, i);
    memcpy((char *)to[i] + at * bytes, from[i], count * bytes);
  }
  whole->final_observations.count += part->final_observations.count;
}

/* --- packed: the number of final observations; then the arrays, and the arrays of the final observations, each padded
 * to a multiple of 8 bytes --- */

static size_t padded(size_t bytes) { return (bytes + 7) & ~(size_t)7; }

static bool is_packed(const struct trajectory *trajectory, enum trajectory_parts parts, int i) {
  return parts == TRAJECTORY_WHOLE || (trajectory->field[i].uses & FIELD_OUTCOME) != 0;
}

size_t trajectory_packed_room(const struct trajectory *trajectory, enum trajectory_parts parts) {
  const size_t items = parts == TRAJECTORY_WHOLE ? (size_t)trajectory->final_observations.capacity : 0;
  size_t bytes = sizeof(int64_t);
  for (int i = 0; i < STEP_FIELD_COUNT; i++)
    if (is_packed(trajectory, parts, i)) bytes += padded(trajectory->n_envs * trajectory_env_bytes(trajectory, i));
  for (int i = 0; i < FINAL_FIELD_COUNT; i++) bytes += padded(items * trajectory_final_bytes(trajectory, i));
  return bytes;
}

/* writes bytes at `place`; returns the place after them */
static char *pack_bytes(char *place, const void *from, size_t bytes) {
  memcpy(place, from, bytes);
  return place + padded(bytes);
}

size_t trajectory_pack(const struct trajectory *trajectory, enum trajectory_parts parts, void *packed) {
  void *final_arrays[FINAL_FIELD_COUNT];
  trajectory_list_final_observations(trajectory, final_arrays);
  const int64_t count = parts == TRAJECTORY_WHOLE ? trajectory->final_observations.count : 0;
  char *place = pack_bytes(packed, &count, sizeof count);
  for (int i = 0; i < STEP_FIELD_COUNT; i++)
    if (is_packed(trajectory, parts, i))
      place = pack_bytes(place, trajectory->array[i], trajectory->n_envs * trajectory_env_bytes(trajectory, i));
  for (int i = 0; i < FINAL_FIELD_COUNT; i++)
    place = pack_bytes(place, final_arrays[i], (size_t)count * trajectory_final_bytes(trajectory, i));
  return (size_t)(place - (char *)packed);
}

/* reads bytes from `place` into item `at` of an array; returns the place after them */
static const char *unpack_items(const char *place, size_t items, size_t item_bytes, void *array, size_t at) {
  memcpy((char *)array + at * item_bytes, place, items * item_bytes);
  return place + padded(items * item_bytes);
}

void trajectory_unpack(const void *packed, enum trajectory_parts parts, size_t n_envs, size_t first_env,
                       struct trajectory *whole, size_t first) {
  struct final_observations *final_observations = &whole->final_observations;
  void *final_arrays[FINAL_FIELD_COUNT];
  trajectory_list_final_observations(whole, final_arrays);
  int64_t count;
  const char *place = unpack_items(packed, 1, sizeof count, &count, 0);
  for (int i = 0; i < STEP_FIELD_COUNT; i++)
    if (is_packed(whole, parts, i))
      place = unpack_items(place, n_envs, trajectory_env_bytes(whole, i), whole->array[i], first);
  const size_t at = (size_t)final_observations->count;
  for (int i = 0; i < FINAL_FIELD_COUNT; i++)
    place = unpack_items(place, (size_t)count, trajectory_final_bytes(whole, i), final_arrays[i], at);
  for (size_t i = at; i < at + (size_t)count; i++)
    final_observations->environment[i] += (int32_t)(whole->first_env + first) - (int32_t)first_env;
  final_observations->count += (int32_t)count;
}

/* an array of final observations as a tensor: [count], [agents] where each agent has its own, [elements] unless it is a
 * number */
static struct tensor final_tensor(const struct trajectory *trajectory, int i, const char *name, void *array) {
  const struct field *field = &trajectory->final_field[i];
  struct tensor tensor = field_tensor(field, name, array, (size_t)trajectory->final_observations.count, 0);
  if (field->rows != FIELD_OF_AGENT) return tensor;
  tensor.shape[2] = tensor.shape[1];
  tensor.shape[1] = trajectory->agents;
  tensor.rank++;
  return tensor;
}

void trajectory_list_tensors(const struct trajectory *trajectory, const char *const names[TRAJECTORY_TENSORS],
                             bool by_rows, struct tensor list[TRAJECTORY_TENSORS]) {
  void *final_arrays[FINAL_FIELD_COUNT];
  trajectory_list_final_observations(trajectory, final_arrays);
  for (int i = 0; i < TRAJECTORY_TENSORS; i++) {
    const int final = i - STEP_FIELD_COUNT;
    const struct field *field = final < 0 ? &trajectory->field[i] : &trajectory->final_field[final];
    const size_t rows = field_row_count(field, trajectory->n_envs, trajectory->agents);
    list[i] = final < 0 ? field_tensor(field, names[i], trajectory->array[i], rows, trajectory->n_steps)
                        : final_tensor(trajectory, final, names[i], final_arrays[final]);
    if (by_rows) list[i] = field_row_tensor(field, &list[i]);
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

/* copies each row's entry of one step to another step, in all fields that the next rollout continues, and sets how many
 * steps count */
static void move_step(struct trajectory *trajectory, size_t from, size_t to, size_t length) {
  for (int i = 0; i < STEP_FIELD_COUNT; i++) {
    const struct field *field = &trajectory->field[i];
    if (field->steps != FIELD_EACH_AND_NEXT || field->bytes == 0) continue;
    const size_t rows = field_row_count(field, trajectory->n_envs, trajectory->agents);
    for (size_t row = 0; row < rows; row++) {
      char *entries = (char *)trajectory->array[i] + row * (trajectory->n_steps + 1) * field->bytes;
      memcpy(entries + to * field->bytes, entries + from * field->bytes, field->bytes);
    }
  }
  for (size_t row = 0; row < trajectory->n_rows; row++) trajectory->length[row] = (int32_t)length;
}

void trajectory_start(struct trajectory *trajectory) {
  move_step(trajectory, trajectory->n_steps, 0, trajectory->n_steps);
  trajectory->final_observations.count = 0;
}

void trajectory_cut(struct trajectory *trajectory, size_t t) { move_step(trajectory, t, trajectory->n_steps, t); }
