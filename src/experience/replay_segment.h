/* A part of what a replay has seen: consecutive slots of every environment (experience/replay.h), field by field. Files
 * hold a replay as such segments, one after the other, and it is filled from them again.
 *
 * Environments may have different numbers of slots in it: those of environment n are at the places offset[n] to
 * offset[n + 1] - 1 of every array.
 *
 *   environment      0    0    0    1    1    2    2    2    2
 *   place            0    1    2    3    4    5    6    7    8      offset 0 3 5 9
 *   slot           100  101  102   98   99  100  101  102  103      first 100 98 100 */
#ifndef EXPERIENCE_REPLAY_SEGMENT_H
#define EXPERIENCE_REPLAY_SEGMENT_H

#include "experience/replay.h"

struct replay_segment {
  size_t n_envs, agents;
  size_t slots;    /* of all environments together */
  int64_t *first;  /* [N] number of each environment's first slot in it */
  int64_t *offset; /* [N + 1] */
  uint8_t *ended;  /* [slots] */
  /* [slots, agents, elements] of each field that the replay keeps, by its place in STEP_FIELDS; otherwise NULL. What a
   * slot does not have is 0: of a last observation and of an open slot, all that depends on an action. */
  void *array[STEP_FIELD_COUNT];
};

/* How many bytes of memory the arrays of a segment take. */
size_t replay_segment_bytes(const struct replay *replay, size_t slots);

/* Lays out the arrays in `memory` (borrowed), of so many bytes, aligned to 64. */
void replay_segment_lay_out(const struct replay *replay, size_t slots, void *memory, struct replay_segment *segment);

/* Lists all arrays as tensors, whose names begin with one of these; returns how many there are. The first three are
 * "first", "offsets" and "ended", on which the shapes of the others depend. */
enum replay_segment_names { REPLAY_SEGMENT, REPLAY_TAIL }; /* "replay/first" ...; "replay/tail/first" ... */
#define REPLAY_SEGMENT_TENSORS (2 + STEP_FIELD_COUNT)
int replay_segment_list(const struct replay *replay, const struct replay_segment *segment,
                        enum replay_segment_names names, struct tensor list[REPLAY_SEGMENT_TENSORS]);

/* Checks `first` and `offset`, which were read from a file, against the number of slots; and that all values are of
 * their spaces. FORMAT errors that name the tensor. */
MUSTER_CHECKED muster_status replay_segment_check_places(const struct replay_segment *segment);
MUSTER_CHECKED muster_status replay_segment_check_values(const struct replay *replay,
                                                         const struct replay_segment *segment);

/* The number of the slot after the last one that an environment has in it. */
static inline int64_t replay_segment_end(const struct replay_segment *segment, size_t env) {
  return segment->first[env] + segment->offset[env + 1] - segment->offset[env];
}

/* Fills the replay's slots from it, but for those that are overwritten when replay->written[env] slots were begun. */
void replay_segment_put(const struct replay_segment *segment, struct replay *replay);

#endif
