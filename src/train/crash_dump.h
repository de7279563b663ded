/* Evidence of a numerical fault: an HDF5 file in <run>/forensics with what a person needs to find its cause. */
#ifndef TRAIN_CRASH_DUMP_H
#define TRAIN_CRASH_DUMP_H

#include "nn/model.h"
#include "store/checkpoint.h"
#include "train/run.h"

/* how many files a rank of a run writes that skips faults */
#define CRASH_DUMP_FILES 3

/* Of an iteration: writes a rollout (the rank's own, or the batch that it learns from), the model's parameters as they
 * are (those before the failing step), further tensors (n of them) and the reason to
 * <run>/forensics/rank-<R>-iteration-<I>.h5, and logs where it is. A failure to write is only logged: the fault itself
 * is the news. The container is that of a checkpoint: docs/checkpoint-format.md. */
void crash_dump_write(const struct run *run, int64_t iteration, const struct trajectory *rollout,
                      const struct model *model, const struct tensor *further, int n, const char *reason);

#endif
