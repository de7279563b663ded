#include "store/metrics.h"

#include "base/file.h"
#include "store/appender.h"
#include "store/number.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct metrics {
  struct appender file;       /* its pieces are lines */
  const char *const *columns; /* [n], borrowed */
  int n;
  double *row;      /* [n], owned; NAN where nothing is set */
  size_t line_size; /* the longest line: the header or a row */
  int64_t rows;     /* complete rows in the file, and rows that wait */
  off_t last_row;   /* where the last row of the file began when it was opened; -1: other rows have followed */
  bool is_reopened; /* whether that row is the current one */
};

/* where no line waits, the room for the next one holds the header */
static size_t print_header(struct metrics *metrics) {
  size_t length = 0;
  for (int i = 0; i < metrics->n; i++) {
    assert(strpbrk(metrics->columns[i], ",\"\r\n") == NULL);
    length +=
        (size_t)sprintf(metrics->file.waiting + length, "%s%c", metrics->columns[i], i + 1 < metrics->n ? ',' : '\n');
  }
  return length;
}

/* --- opening --- */

/* compares the file's first line with our header[length] */
static muster_status check_header(const struct metrics *metrics, const char *line, size_t length) {
  if (strlen(line) == length && memcmp(line, metrics->file.waiting, length) == 0) return MUSTER_OK;
  return status_error(MUSTER_ERROR_FORMAT,
                      "'%s' has other columns than this run; rename it, or go on with the version of muster that wrote "
                      "it; there: %.*s; here: %.*s",
                      metrics->file.path, (int)strcspn(line, "\n"), line, (int)length - 1, metrics->file.waiting);
}

/* an empty line, which somebody may have left, is not a row; but with one column it is a row without its value */
static bool is_blank(const struct metrics *metrics, const char *line) {
  return metrics->n > 1 && line[strspn(line, " \t\r")] == '\n';
}

/* counts complete rows up to keep_rows (all when negative) and finds where they end; an incomplete last line is not
 * counted */
static muster_status scan(struct metrics *metrics, FILE *stream, size_t header_length, int64_t keep_rows, off_t *end) {
  char *line = NULL;
  size_t size = 0;
  ssize_t length;
  bool in_header = true;
  muster_status status = MUSTER_OK;
  while (status == MUSTER_OK && (in_header || keep_rows < 0 || metrics->rows < keep_rows) &&
         (length = getline(&line, &size, stream)) > 0) {
    bool whole = line[length - 1] == '\n';
    // an incomplete header is written again, as in a new file
    if (in_header && (whole || strncmp(line, metrics->file.waiting, (size_t)length) != 0))
      status = check_header(metrics, line, header_length);
    if (status != MUSTER_OK || !whole) break;
    if (!in_header && !is_blank(metrics, line)) {
      metrics->rows++;
      metrics->last_row = *end;
    }
    *end += length;
    in_header = false;
  }
  if (status == MUSTER_OK && ferror(stream))
    status = status_errno(MUSTER_ERROR_IO, "cannot read '%s'", metrics->file.path);
  free(line);
  return status;
}

/* reads the file, cuts it back, and writes the header if it is empty */
static muster_status resume(struct metrics *metrics, int64_t keep_rows) {
  size_t header_length = print_header(metrics);
  int copy = dup(metrics->file.file);
  FILE *stream = copy < 0 ? NULL : fdopen(copy, "r");
  if (stream == NULL) {
    muster_status status = status_errno(MUSTER_ERROR_IO, "cannot read '%s'", metrics->file.path);
    if (copy >= 0) close(copy);
    return status;
  }
  off_t end = 0;
  muster_status status = scan(metrics, stream, header_length, keep_rows, &end);
  fclose(stream);
  MUSTER_TRY(status);
  MUSTER_TRY(appender_cut(&metrics->file, end));
  if (end > 0) return MUSTER_OK;
  appender_add(&metrics->file, header_length);
  return appender_flush(&metrics->file);
}

muster_status metrics_open(const char *path, const char *const *columns, int n, int64_t keep_rows,
                           struct metrics **out) {
  assert(n > 0);
  struct metrics *metrics = malloc(sizeof *metrics);
  if (metrics == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: cannot open '%s'", path);

  // a line has room for the header and for any row
  size_t line_size = 2;
  for (int i = 0; i < n; i++) line_size += strlen(columns[i]) + 1 + NUMBER_SIZE;
  *metrics = (struct metrics){.columns = columns,
                              .n = n,
                              .row = malloc((size_t)n * sizeof *metrics->row),
                              .line_size = line_size,
                              .last_row = -1};
  muster_status status = appender_open(&metrics->file, path, line_size);
  if (status == MUSTER_OK && metrics->row == NULL)
    status = status_error(MUSTER_ERROR_MEMORY, "out of memory: cannot open '%s'", path);
  for (int i = 0; i < n && status == MUSTER_OK; i++) metrics->row[i] = NAN;
  if (status == MUSTER_OK) status = resume(metrics, keep_rows);
  if (status != MUSTER_OK)
    metrics_close(&metrics);
  else
    *out = metrics;
  return status;
}

void metrics_close(struct metrics **metrics) {
  if (*metrics == NULL) return;
  appender_close(&(*metrics)->file);
  free((*metrics)->row);
  free(*metrics);
  *metrics = NULL;
}

/* whether a header, which is changed, has the column */
static bool header_has(char *header, const char *column) {
  bool has = false;
  header[strcspn(header, "\r\n")] = '\0';
  for (char *name; !has && (name = strsep(&header, ",")) != NULL;) has = strcmp(name, column) == 0;
  return has;
}

muster_status metrics_has_column(const char *path, const char *column, bool *has) {
  FILE *stream;
  if (access(path, F_OK) != 0 && errno == ENOENT) return MUSTER_OK;
  MUSTER_TRY(file_open_stream(path, "r", &stream));
  char *line = NULL;
  size_t size = 0;
  const ssize_t length = getline(&line, &size, stream);
  muster_status status = MUSTER_OK;
  if (ferror(stream)) status = status_errno(MUSTER_ERROR_IO, "cannot read '%s'", path);
  if (length > 0 && line[length - 1] == '\n') *has = header_has(line, column);
  fclose(stream);
  free(line);
  return status;
}

/* --- rows --- */

static int find_column(const struct metrics *metrics, const char *column) {
  int i = 0;
  while (i < metrics->n && strcmp(metrics->columns[i], column) != 0) i++;
  assert(i < metrics->n);
  return i;
}

void metrics_set(struct metrics *metrics, const char *column, double value) {
  metrics->row[find_column(metrics, column)] = value;
}

double metrics_get(const struct metrics *metrics, const char *column) {
  return metrics->row[find_column(metrics, column)];
}

const double *metrics_row(const struct metrics *metrics) { return metrics->row; }

/* writes the current row as a line, returns its length, and starts a new row */
static size_t print_row(struct metrics *metrics, char *line) {
  char *end = line;
  for (int i = 0; i < metrics->n; i++) {
    if (!isnan(metrics->row[i])) end += number_print(metrics->row[i], end);
    *end++ = i + 1 < metrics->n ? ',' : '\n';
    metrics->row[i] = NAN;
  }
  return (size_t)(end - line);
}

muster_status metrics_end_row(struct metrics *metrics) {
  char *line;
  MUSTER_TRY(appender_reserve(&metrics->file, metrics->line_size, &line));
  const size_t length = print_row(metrics, line);
  if (metrics->is_reopened) {
    metrics->is_reopened = false;
    return appender_replace(&metrics->file, metrics->last_row, line, length);
  }
  appender_add(&metrics->file, length);
  metrics->rows++;
  metrics->last_row = -1;
  return appender_flush(&metrics->file);
}

/* reads the values of a line, NAN where there is none, and changes the line; false where it is not a row of these
 * columns */
static bool read_line(const struct metrics *metrics, char *line, double *values) {
  int n = 0;
  line[strcspn(line, "\r\n")] = '\0';
  for (char *text; (text = strsep(&line, ",")) != NULL; n++) {
    char *end;
    if (n == metrics->n) return false;
    values[n] = strtod(text, &end);
    if (*end != '\0') return false;
    if (end == text) values[n] = NAN;
  }
  return n == metrics->n;
}

/* reads the last row; `*is_it`: whether it is valid and has this value in the column */
static muster_status read_last_row(const struct metrics *metrics, int column, double value, double *values,
                                   bool *is_it) {
  const size_t length = (size_t)(metrics->file.end - metrics->last_row);
  char *line = calloc(length + 1, 1);
  if (line == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: rows of '%s'", metrics->file.path);
  const bool is_read = pread(metrics->file.file, line, length, metrics->last_row) == (ssize_t)length;
  muster_status status = is_read ? MUSTER_OK : status_errno(MUSTER_ERROR_IO, "cannot read '%s'", metrics->file.path);
  *is_it = is_read && read_line(metrics, line, values) && values[column] == value;
  free(line);
  return status;
}

muster_status metrics_reopen_row(struct metrics *metrics, const char *column, double value, bool *is_open) {
  *is_open = false;
  if (metrics->last_row < 0) return MUSTER_OK;
  double *values = calloc((size_t)metrics->n, sizeof *values);
  if (values == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: rows of '%s'", metrics->file.path);
  muster_status status = read_last_row(metrics, find_column(metrics, column), value, values, is_open);
  if (*is_open) memcpy(metrics->row, values, (size_t)metrics->n * sizeof *values);
  metrics->is_reopened = *is_open;
  free(values);
  return status;
}

muster_status metrics_sync(struct metrics *metrics) { return appender_sync(&metrics->file); }

int64_t metrics_rows(const struct metrics *metrics) { return metrics->rows; }
