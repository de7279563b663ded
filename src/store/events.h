/* Event files of TensorBoard: what metrics.csv says, hyper-parameters and histograms, in the form that its tabs read.
 *
 * Each process that works on a run begins a file of its own in the run's folder, as TensorFlow does, whose name comes
 * after those that are there. A program that reads meanwhile is told to forget what was taken back. */
#ifndef STORE_EVENTS_H
#define STORE_EVENTS_H

#include "base/status.h"
#include "store/histogram.h"

#include <stddef.h>
#include <stdint.h>

/* One hyper-parameter of a run. */
enum hyperparameter_kind { HYPERPARAMETER_NUMBER, HYPERPARAMETER_BOOL, HYPERPARAMETER_TEXT };
struct hyperparameter {
  char name[320]; /* "algorithm.gamma" */
  enum hyperparameter_kind kind;
  double number; /* a bool: 0 or 1 */
  char text[512];
};

struct events;

/* Cuts the event files of a folder back to what belongs to the first `last_step` steps: what follows the first event of
 * a later step, the end of a session, or a torn record is dropped. Errors: IO, MEMORY. */
MUSTER_CHECKED muster_status events_cut_back(const char *folder, int64_t last_step);
/* Removes all of them; what cannot be removed stays. */
void events_remove(const char *folder);

/* Begins a new file with the hyper-parameters. `after_step`: the steps of the run so far, of which a reader is to
 * forget later ones; negative: the run begins. `max_scalars`: most that an event will have. Errors: IO, MEMORY. */
MUSTER_CHECKED muster_status events_open(const char *folder, const struct hyperparameter *hyperparameters, size_t n,
                                         int64_t after_step, size_t max_scalars, struct events **out);
void events_close(struct events **events); /* accepts NULL inside */

/* What follows adds to what waits in memory, for events_flush() to write. Error MEMORY.
 *
 * values[n] under tags[n] (borrowed), as floats; NAN leaves one out. */
MUSTER_CHECKED muster_status events_add_scalars(struct events *events, int64_t step, const char *const *tags,
                                                const double *values, size_t n);
/* Adds nothing for a histogram without numbers. */
MUSTER_CHECKED muster_status events_add_histogram(struct events *events, int64_t step, const char *tag,
                                                  const struct histogram *histogram);
/* Says that the run has come to its end. */
MUSTER_CHECKED muster_status events_add_end(struct events *events, int64_t step);

/* Writes what waits. On error IO it waits on. */
MUSTER_CHECKED muster_status events_flush(struct events *events);
/* The same, and brings the file to the disk: before a checkpoint is written that counts on it. */
MUSTER_CHECKED muster_status events_sync(struct events *events);

#endif
