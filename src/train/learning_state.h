/* Which tensors of a checkpoint are the state of learning, that of which `muster inspect --digest` gives one hash. */
#ifndef TRAIN_LEARNING_STATE_H
#define TRAIN_LEARNING_STATE_H

#include <stdbool.h>

/* Whether a tensor of a checkpoint is part of what is learned: all are, except for times, rows
 * of metrics.csv, the best policy, and an evaluation that is due. `muster inspect --digest` hashes those that are. */
bool learning_state_has(const char *tensor);

#endif
