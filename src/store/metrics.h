/* The metrics of a run: one row per report, columns fixed when the run starts, written to metrics.csv. */
#ifndef STORE_METRICS_H
#define STORE_METRICS_H

#include "base/status.h"

#include <stdint.h>

struct metrics;

/* Opens <path> for appending rows; writes the header into a new file. When the file exists its header must be the same
 * columns (n of them, borrowed for the life of the object). With keep_rows >= 0 the file is first cut back to its header
 * and so many rows (resume: no row is doubled or missing). */
MUSTER_CHECKED muster_status metrics_open(const char *path, const char *const *columns, int n, int64_t keep_rows,
                                          struct metrics **out);
void metrics_close(struct metrics **metrics); /* accepts NULL inside */

/* Sets a column of the current row, by name; an unknown name is a programmer's error (asserts). NAN leaves it empty. */
void metrics_set(struct metrics *metrics, const char *column, double value);
/* The value set in the current row, NAN where none. */
double metrics_get(const struct metrics *metrics, const char *column);
/* Writes the current row in shortest form that reads back to the same double, flushes, and starts a new one. */
MUSTER_CHECKED muster_status metrics_end_row(struct metrics *metrics);
/* Rows in the file so far, without the header. */
int64_t metrics_rows(const struct metrics *metrics);

#endif
