#include "experience/replay_segment.h"

#include "env/values.h"

#define ALIGNMENT 64

static size_t align(size_t bytes) { return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

size_t replay_segment_bytes(const struct replay *replay, size_t slots) {
  size_t bytes = align(replay->n_envs * sizeof(int64_t)) + align((replay->n_envs + 1) * sizeof(int64_t)) + align(slots);
  for (int k = 0; k < replay->n_kept; k++) bytes += align(slots * replay->agents * replay->kept[k].bytes);
  return bytes;
}

/* hands out the next bytes of the memory */
static void *take(char **memory, size_t bytes) {
  void *taken = *memory;
  *memory += align(bytes);
  return taken;
}

void replay_segment_lay_out(const struct replay *replay, size_t slots, void *memory, struct replay_segment *segment) {
  char *place = memory;
  *segment = (struct replay_segment){.n_envs = replay->n_envs, .agents = replay->agents, .slots = slots};
  segment->first = take(&place, replay->n_envs * sizeof *segment->first);
  segment->offset = take(&place, (replay->n_envs + 1) * sizeof *segment->offset);
  segment->ended = take(&place, slots);
  for (int k = 0; k < replay->n_kept; k++)
    segment->array[replay->kept[k].place] = take(&place, slots * replay->agents * replay->kept[k].bytes);
}

int replay_segment_list(const struct replay *replay, const struct replay_segment *segment,
                        enum replay_segment_names names, struct tensor list[REPLAY_SEGMENT_TENSORS]) {
#define SEGMENT_NAME(c_type, id, ...) {"replay/" #id, "replay/tail/" #id},
  static const char *const field_names[STEP_FIELD_COUNT][2] = {STEP_FIELDS(SEGMENT_NAME)};
  static const char *const first[] = {"replay/first", "replay/tail/first"},
                           *const offsets[] = {"replay/offsets", "replay/tail/offsets"},
                           *const ended[] = {"replay/ended", "replay/tail/ended"};
  list[0] = (struct tensor){first[names], TENSOR_I64, 1, {segment->n_envs}, segment->first, RANGE_COUNT};
  list[1] = (struct tensor){offsets[names], TENSOR_I64, 1, {segment->n_envs + 1}, segment->offset, RANGE_COUNT};
  list[2] = (struct tensor){ended[names], TENSOR_U8, 1, {segment->slots}, segment->ended, RANGE(0, REPLAY_LAST)};
  int n = 3;
  for (int k = 0; k < replay->n_kept; k++, n++) {
    const int place = replay->kept[k].place;
    const struct field *field = &replay->field[place];
    list[n] = (struct tensor){.name = field_names[place][names],
                              .type = field->type,
                              .rank = field->is_number ? 2 : 3,
                              .shape = {segment->slots, segment->agents, field->is_number ? 0 : field->elements},
                              .data = segment->array[place],
                              .range = field->range};
  }
  return n;
}

/* --- what a file may hold --- */

muster_status replay_segment_check_places(const struct replay_segment *segment) {
  const int64_t *offset = segment->offset;
  const size_t n = segment->n_envs;
  for (size_t env = 0; env < n; env++)
    if (offset[env + 1] < offset[env])
      return status_error(MUSTER_ERROR_FORMAT, "offsets of the replay: %lld after %lld; they never fall",
                          (long long)offset[env + 1], (long long)offset[env]);
  if (offset[0] != 0 || offset[n] != (int64_t)segment->slots)
    return status_error(MUSTER_ERROR_FORMAT, "offsets of the replay go from %lld to %lld, not from 0 to %zu slots",
                        (long long)offset[0], (long long)offset[n], segment->slots);
  return MUSTER_OK;
}

muster_status replay_segment_check_values(const struct replay *replay, const struct replay_segment *segment) {
  for (int k = 0; k < replay->n_kept; k++) {
    const struct field *field = &replay->field[replay->kept[k].place];
    const void *values = segment->array[replay->kept[k].place];
    const size_t n = segment->slots * segment->agents * field->elements;
    const size_t wrong = field->space != NULL ? space_find_wrong(field->space, values, n) : n;
    if (wrong == n) continue;
    char what[64];
    space_describe_wrong(field->space, values, wrong, what, sizeof what);
    return status_error(MUSTER_ERROR_FORMAT, "replay/%s: value %zu is %s", field->name, wrong, what);
  }
  return MUSTER_OK;
}

/* --- into the replay --- */

void replay_segment_put(const struct replay_segment *segment, struct replay *replay) {
  for (size_t env = 0; env < segment->n_envs; env++) {
    const int64_t oldest = replay->written[env] - (int64_t)replay->slots;
    for (int64_t place = segment->offset[env]; place < segment->offset[env + 1]; place++) {
      const int64_t number = segment->first[env] + place - segment->offset[env];
      if (number < oldest || number >= replay->written[env]) continue;
      const void *entry[STEP_FIELD_COUNT] = {NULL};
      for (int k = 0; k < replay->n_kept; k++) {
        const struct replay_field *kept = &replay->kept[k];
        entry[kept->place] = (const char *)segment->array[kept->place] + (size_t)place * segment->agents * kept->bytes;
      }
      replay_put(replay, env, number, segment->ended[place], entry);
    }
  }
}
