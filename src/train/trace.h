/* The trace: every rank's stages over time, as a file for chrome://tracing and Perfetto (the Trace Event Format). A
 * host is a process of it, a rank a thread; an iteration is a slice with the stages inside; arrows lead from a command
 * to the actors and from their rollouts to the learner. Times are those of the learner's clock. */
#ifndef TRAIN_TRACE_H
#define TRAIN_TRACE_H

#include "train/run.h"

/* Where run.trace asks for a trace: takes the memory for this rank's events and measures the offset of its clock.
 * `zero`, `iteration`: as in struct trace_base, only from the learner. Collective; comes before run_start_clock().
 */
MUSTER_CHECKED muster_status trace_prepare(struct run *run, double zero, int64_t iteration);

/* After timings_collect(): writes the newest run.trace_iterations of all ranks into the first of trace.json,
 * trace-2.json, ... that is not there yet; on the learner `path` [size] is its name, or "" when no trace was asked for.
 * Collective. A file that cannot be written costs a warning. */
MUSTER_CHECKED muster_status trace_write(struct run *run, char *path, size_t size);

/* The learner's part alone: for a run that fails, whose other ranks cannot be asked. */
void trace_write_alone(struct run *run);

#endif
