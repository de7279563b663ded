/* Reads a replay back from the tail in a checkpoint and the segments that it names (train/replay_files.h): file by
 * file, so that no more than one of them is in memory besides the replay. */
#ifndef TRAIN_REPLAY_RESTORE_H
#define TRAIN_REPLAY_RESTORE_H

#include "comm/group.h"
#include "train/replay_files.h"

/* Whether all segments that a checkpoint names are there and whole. FORMAT error that names the file where one is
 * missing, damaged, or another one than the checkpoint was written with; IO error where one cannot be read. */
MUSTER_CHECKED muster_status replay_check(const struct replay_files *files, struct checkpoint_reader *reader);

/* The same for the entry i of a list, in a folder of segments. */
MUSTER_CHECKED muster_status replay_check_file(const char *folder, const struct replay_list *list, size_t i);

/* Fills the log, and its replay, whose `written` must have been restored. FORMAT error where a file holds what no run
 * can have written. */
MUSTER_CHECKED muster_status replay_restore(struct replay_files *files, struct checkpoint_reader *reader);

/* Fills the replays of all that learn together as the leading rank's is; `is_restored` counts there alone. Their other
 * state must have been restored on all of them. Collective over the group. */
MUSTER_CHECKED muster_status replay_share(struct replay_files *files, bool is_restored, struct group *group);

#endif
