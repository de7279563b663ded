/* The crash dump of a numerical fault: an HDF5 file in <run>/forensics with what a person needs to find the cause. */
#ifndef TRAIN_CRASH_DUMP_H
#define TRAIN_CRASH_DUMP_H

#include "nn/model.h"
#include "store/checkpoint.h"
#include "train/run.h"

/* how many a rank writes of a run that goes on after faults */
#define CRASH_DUMP_FILES 3

/* Writes <run>/forensics/rank-<R>-iteration-<I>.h5 and logs its path. It holds a rollout (the rank's own, or the batch
 * that it learns from), the model's parameters as they are, before the failing step, `further` tensors [n], and the
 * reason. A failure to write is only logged, since the fault itself matters more. The format is that of a checkpoint:
 * docs/checkpoint-format.md. */
void crash_dump_write(const struct run *run, int64_t iteration, const struct trajectory *rollout,
                      const struct model *model, const struct tensor *further, int n, const char *reason);

#endif
