/* The part of `muster inspect` for checkpoints of algorithms with a replay. */
#ifndef CLI_INSPECT_REPLAY_H
#define CLI_INSPECT_REPLAY_H

#include "store/checkpoint.h"
#include "store/json.h"

/* Shows what the checkpoint at `path` holds of the replay, and the files of the run folder that it needs: whether each
 * is there and whole. As lines, or, where `json` is not NULL, as a member "replay". Shows nothing where there is no
 * replay. */
MUSTER_CHECKED muster_status inspect_replay(struct checkpoint_reader *reader, const char *path, struct json *json);

#endif
