#include "experience/trajectory_gather.h"

muster_status trajectory_gather_create(struct comm *comm, const struct topology *topology, enum gather_rows which,
                                       const struct trajectory *rows, struct trajectory *final_part,
                                       struct gather **out) {
  struct gather_field fields[STEP_FIELD_COUNT], items[FINAL_FIELD_COUNT];
  void *arrays[FINAL_FIELD_COUNT];
  int n = 0;
  for (int i = 0; i < STEP_FIELD_COUNT; i++)
    if (trajectory_env_bytes(rows, i) > 0)
      fields[n++] = (struct gather_field){rows->array[i], trajectory_env_bytes(rows, i)};
  trajectory_list_final_observations(final_part, arrays);
  int n_items = 0;
  for (int i = 0; i < FINAL_FIELD_COUNT; i++)
    if (trajectory_final_bytes(rows, i) > 0)
      items[n_items++] = (struct gather_field){arrays[i], trajectory_final_bytes(rows, i)};
  const struct gather_list list = {.count = &final_part->final_observations.count,
                                   .capacity = final_part->final_observations.capacity,
                                   .n_fields = n_items,
                                   .field = items};
  return gather_create(comm, topology, which, fields, n, &list, out);
}
