/* Which segments of the replay (train/replay_files.h) the checkpoints of a folder need. A checkpoint never changes:
 * each is read once. */
#ifndef TRAIN_REPLAY_NEEDS_H
#define TRAIN_REPLAY_NEEDS_H

#include "train/replay_list.h"

struct replay_need;

struct replay_needs {
  struct replay_need *need; /* [n] owned; of each checkpoint in the folder */
  size_t n;
};

/* Looks through all files "*.h5" of the folder of checkpoints: also best.h5, and copies of any name. A damaged one
 * needs nothing, since no run can continue from it. IO or FORMAT error where one cannot be read: then it may need
 * anything. */
MUSTER_CHECKED muster_status replay_needs_look(struct replay_needs *needs, const char *folder);

/* Whether any of them needs the segment of this number. */
bool replay_needs_has(const struct replay_needs *needs, int64_t number);

void replay_needs_release(struct replay_needs *needs);

#endif
