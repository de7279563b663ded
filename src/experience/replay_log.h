/* What is new in a replay, for checkpoints: every rollout that is appended to the replay is appended to this log, too.
 * It keeps a tail, the slots since the last boundary. A boundary comes after the rollout that makes the tail long
 * enough; the slots before it then become a segment (experience/replay_segment.h), which never changes again and waits
 * to be written to a file of its own. So a checkpoint needs to hold the tail alone, and names the segments before it.
 *
 *   rollouts   ------------ segment 1 ------------|------------ segment 2 ------------|---- tail ----
 *   replay              (overwritten) |<---------------- the slots of the ring -------------------->|
 *
 * Where boundaries are depends on the rollouts alone, and only the rank that writes checkpoints keeps a log. The open
 * slot of each environment is always in the tail. */
#ifndef EXPERIENCE_REPLAY_LOG_H
#define EXPERIENCE_REPLAY_LOG_H

#include "experience/replay_segment.h"

/* A segment has at least so many rows (slots of agents); fewer where the replay has fewer, or where these would take
 * more than so many bytes. */
#define REPLAY_SEGMENT_ROWS 65536
#define REPLAY_SEGMENT_BYTES ((size_t)1 << 26)

/* What it knows of one environment. */
struct replay_log_env {
  int64_t slots; /* in the tail, the open one included; 0: nothing of it has come yet */
  size_t open;   /* place of the open slot */
  size_t next;   /* while a rollout is appended: the place of the slot after that of its first step */
  int32_t lasts; /* and how many of its last observations are appended */
};

/* A segment that waits to be written. */
struct replay_waiting {
  struct replay_segment segment;
  struct replay_waiting *next;
};

struct replay_log {
  struct replay *replay; /* borrowed */
  bool is_kept;          /* false: there is no tail, and what is appended is forgotten */
  size_t least;          /* slots of a segment */
  size_t room;           /* slots that the tail and a segment have room for */
  /* The tail: in the order in which slots came, so that `offset` is not used. The first N places are for the slots that
   * were open at the last boundary. */
  struct replay_segment tail;
  int32_t *env_of;            /* [room] the environment of each place */
  struct replay_log_env *env; /* [N] */
  size_t *places;             /* [room] where the slots of the tail go in a segment */
  int64_t *next_place;        /* [N] */
  struct replay_waiting spare, *waiting, *last_waiting;
  bool spare_waits;
  void *spare_memory;
};

/* For a replay of such rollouts. Without `is_kept` it takes no memory. */
MUSTER_CHECKED muster_status replay_log_create(struct replay *replay, const struct trajectory *rollout, bool is_kept,
                                               struct arena *arena, struct replay_log *log);

/* Appends the rollout that was just appended to the replay. MEMORY error where segments wait, since they could not be
 * written, and there is no room for another one. */
MUSTER_CHECKED muster_status replay_log_append(struct replay_log *log, const struct trajectory *rollout);

/* The segment that waits longest; NULL: none does. And an end to that: it is written, or not needed any more. */
const struct replay_segment *replay_log_waiting(const struct replay_log *log);
void replay_log_forget_waiting(struct replay_log *log);

/* Views the tail as a segment, with its open slots; valid until the next rollout is appended. No segment may wait. */
void replay_log_view_tail(struct replay_log *log, struct replay_segment *tail);

/* Whether this can be the tail of a log whose replay has begun replay->written slots: FORMAT error. */
MUSTER_CHECKED muster_status replay_log_check_tail(const struct replay_log *log, const struct replay_segment *tail);

/* Makes this the tail, as it was viewed. */
void replay_log_restore(struct replay_log *log, const struct replay_segment *tail);

/* Frees what waits. */
void replay_log_release(struct replay_log *log);

#endif
