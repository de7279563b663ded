/* Which segments of the replay (train/replay_files.h) a checkpoint needs, as the checkpoint holds it. */
#ifndef TRAIN_REPLAY_LIST_H
#define TRAIN_REPLAY_LIST_H

#include "store/checkpoint.h"

struct replay_list {
  size_t n;
  int64_t *number, *slots; /* [n] owned; in ascending order; slots of all environments */
  uint8_t *seal;           /* [n, CHECKPOINT_SEAL_BYTES] owned; the digests of the files */
};

/* Zeroed. MEMORY error. */
MUSTER_CHECKED muster_status replay_list_create(size_t n, struct replay_list *list);
void replay_list_release(struct replay_list *list);

/* Lists it as tensors "replay/segments/...". The numbers of the files come first; they are no part of what is
 * learned. */
#define REPLAY_LIST_NUMBERS "replay/segments/number"
#define REPLAY_LIST_TENSORS 3
void replay_list_tensors(const struct replay_list *list, struct tensor tensors[REPLAY_LIST_TENSORS]);

/* Reads the list of a checkpoint. FORMAT error where no run can have written it. */
MUSTER_CHECKED muster_status replay_list_read(struct checkpoint_reader *reader, struct replay_list *list);

#endif
