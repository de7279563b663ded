/* Reads metrics.csv, of a run that has ended or still writes it, into columns of numbers by name. */
#ifndef STORE_METRICS_READ_H
#define STORE_METRICS_READ_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

struct metrics_table {
  char **names;     /* [n_columns], as in the header */
  double **columns; /* [n_columns][n_rows]; NAN where the file has nothing */
  size_t n_columns, n_rows;
  bool torn; /* whether the last line is incomplete, because it is being written or was cut off; it is left out */
};

/* Reads the complete lines of <path>. A file that is empty, or ends within the header, has no columns and no rows: the
 * run has just begun. Errors: IO (missing, unreadable), FORMAT (a row with more or fewer values than the header, a
 * value that is no number, a column twice), with file and line. */
MUSTER_CHECKED muster_status metrics_read(const char *path, struct metrics_table **out);
void metrics_table_destroy(struct metrics_table **table); /* does nothing where *table is NULL */

/* The values of a column, [n_rows], borrowed; NULL where there is none of that name. */
const double *metrics_table_column(const struct metrics_table *table, const char *name);
/* The newest value of a column that is not NAN; NAN where there is none, or no such column. */
double metrics_table_last(const struct metrics_table *table, const char *name);

#endif
