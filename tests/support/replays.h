/* Copies of replays, as a checkpoint makes them. */
#ifndef SUPPORT_REPLAYS_H
#define SUPPORT_REPLAYS_H

#include "experience/replay_log.h"
#include "support/check.h"

#include <string.h>

/* Makes a new replay, and its log, hold what another one does. Every segment of that log must still wait, and none does
 * afterwards. */
static inline void copy_replay(struct replay_log *from, struct replay_log *to) {
  const struct replay_segment *segment;
  struct replay_segment tail;
  memcpy(to->replay->written, from->replay->written, from->replay->n_envs * sizeof *to->replay->written);
  for (; (segment = replay_log_waiting(from)) != NULL; replay_log_forget_waiting(from))
    replay_segment_put(segment, to->replay);
  replay_log_view_tail(from, &tail);
  CHECK_OK_FATAL(replay_segment_check_places(&tail));
  CHECK_OK_FATAL(replay_segment_check_values(from->replay, &tail));
  CHECK_OK_FATAL(replay_log_check_tail(to, &tail));
  replay_segment_put(&tail, to->replay);
  replay_log_restore(to, &tail);
}

#endif
