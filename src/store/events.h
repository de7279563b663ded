/* Event files of TensorBoard: the values of metrics.csv, hyper-parameters and histograms, in the form that
 * TensorBoard's tabs read.
 *
 * As with TensorFlow, each process that works on a run begins a file of its own in the run's folder, whose name sorts
 * after those of earlier files. When a run goes on from an earlier step, the file tells a program that reads meanwhile
 * to forget later events. */
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

/* Cuts the event files of a folder back to the first `last_step` steps: drops everything from the first event of a
 * later step, the end of a session, or an incomplete record on. Errors: IO, MEMORY. */
MUSTER_CHECKED muster_status events_cut_back(const char *folder, int64_t last_step);
/* Removes all event files of a folder; a file that cannot be removed stays. */
void events_remove(const char *folder);

/* Begins a new file with the hyper-parameters. `after_step`: the steps of the run so far; a reader is told to forget
 * later ones. Negative: the run begins. `max_scalars`: the largest number of scalars in an event. Errors: IO,
 * MEMORY. */
MUSTER_CHECKED muster_status events_open(const char *folder, const struct hyperparameter *hyperparameters, size_t n,
                                         int64_t after_step, size_t max_scalars, struct events **out);
void events_close(struct events **events); /* does nothing where *events is NULL */

/* The functions below add events to those that wait in memory, until events_flush() writes them. Error MEMORY.
 *
 * Adds values[n] under tags[n] (borrowed), as floats; a NAN is left out. */
MUSTER_CHECKED muster_status events_add_scalars(struct events *events, int64_t step, const char *const *tags,
                                                const double *values, size_t n);
/* Adds nothing for a histogram without numbers. */
MUSTER_CHECKED muster_status events_add_histogram(struct events *events, int64_t step, const char *tag,
                                                  const struct histogram *histogram);
/* Says that the run has come to its end. */
MUSTER_CHECKED muster_status events_add_end(struct events *events, int64_t step);

/* Writes the events that wait. On error IO they go on waiting. */
MUSTER_CHECKED muster_status events_flush(struct events *events);
/* The same, and brings the file to the disk: before a checkpoint is written that counts on it. */
MUSTER_CHECKED muster_status events_sync(struct events *events);

#endif
