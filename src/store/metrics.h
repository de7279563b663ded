/* The metrics of a run: one row for each report, with columns that are fixed when the run starts, written to
 * metrics.csv. */
#ifndef STORE_METRICS_H
#define STORE_METRICS_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct metrics;

/* Opens <path> for appending rows; writes the header into a new file. When the file exists its header must have the
 * same columns (n of them, borrowed for the life of the object); an incomplete last line is dropped. With keep_rows >=
 * 0 the file is first cut back to its header and keep_rows rows, so that a resumed run writes no row twice;
 * metrics_rows() tells whether it had that many. Errors: IO, FORMAT (other columns). */
MUSTER_CHECKED muster_status metrics_open(const char *path, const char *const *columns, int n, int64_t keep_rows,
                                          struct metrics **out);
void metrics_close(struct metrics **metrics); /* does nothing where *metrics is NULL */

/* Whether the first line of <path> names the column. A file that is missing, or whose first line is not complete,
 * leaves
 * `*has` as it is: its header is still to be written. IO error when it cannot be read. */
MUSTER_CHECKED muster_status metrics_has_column(const char *path, const char *column, bool *has);

/* Sets a column of the current row, by name; an unknown name is a programming error (an assertion fails). NAN leaves it
 * empty. */
void metrics_set(struct metrics *metrics, const char *column, double value);
/* The value set in the current row, NAN where none. */
double metrics_get(const struct metrics *metrics, const char *column);
/* All values of the current row, in the order of the columns, NAN where none is set. */
const double *metrics_row(const struct metrics *metrics);
/* Appends the current row, each value in the shortest form that reads back to the same double, in one write, and starts
 * a new one. On error IO the file is cut back to the rows before, and the row waits in memory to be written with the
 * next one, or by metrics_sync(). Error MEMORY: there is no memory in which it could wait. */
MUSTER_CHECKED muster_status metrics_end_row(struct metrics *metrics);
/* Call it right after metrics_open(). Makes the last row of the file the current one again, if it has this value in
 * `column`; metrics_end_row() then replaces it in the file, or on error IO leaves the file as it is. `*is_open`:
 * whether it is the current row now; if not, the current row is empty as before. */
MUSTER_CHECKED muster_status metrics_reopen_row(struct metrics *metrics, const char *column, double value,
                                                bool *is_open);
/* Brings all rows to the disk, also those that wait. Call it before a checkpoint is written, which relies on them. */
MUSTER_CHECKED muster_status metrics_sync(struct metrics *metrics);
/* How many rows there are, without the header: in the file, and waiting. */
int64_t metrics_rows(const struct metrics *metrics);

#endif
