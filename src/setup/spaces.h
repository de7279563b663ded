/* Spaces as checkpoints keep them: int32 [2 + SPACE_MAX_RANK + counts], kind, rank, shape, then the counts of discrete
 * kinds. The bounds of a Box, where it has any, stand next to it under its name with "_low" and "_high": float32
 * [elements]. */
#ifndef SETUP_SPACES_H
#define SETUP_SPACES_H

#include "base/arena.h"
#include "muster/space.h"
#include "store/checkpoint.h"

MUSTER_CHECKED muster_status spaces_write(struct checkpoint_writer *writer, const char *name,
                                          const muster_space *space);

/* Reads a space and checks that it makes sense; counts and bounds are taken from the arena. */
MUSTER_CHECKED muster_status spaces_read(struct checkpoint_reader *reader, const char *name, struct arena *arena,
                                         muster_space *space);

#endif
