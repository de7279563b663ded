#include "store/metrics.h"

#include "store/number.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

struct metrics {
  char *path;                 /* owned */
  const char *const *columns; /* [n], borrowed */
  int n;
  double *row;      /* [n], owned; NAN where nothing is set */
  char *line;       /* owned, [capacity]: whole lines that are not in the file yet, one after the other */
  size_t line_size; /* the longest line: the header or a row */
  size_t length, capacity;
  int file;
  int64_t rows; /* whole rows in the file and in `line` */
  off_t end;    /* bytes of the file's whole lines */
};

/* makes room for one more line behind those that wait */
static muster_status reserve(struct metrics *metrics) {
  if (metrics->capacity - metrics->length >= metrics->line_size) return MUSTER_OK;
  size_t capacity = 2 * (metrics->length + metrics->line_size);
  char *line = realloc(metrics->line, capacity);
  if (line == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: rows of '%s'", metrics->path);
  metrics->line = line;
  metrics->capacity = capacity;
  return MUSTER_OK;
}

/* writes the lines that wait, in one write; when it fails, the file is cut back to whole lines and they wait on */
static muster_status flush(struct metrics *metrics) {
  ssize_t written;
  if (metrics->length == 0) return MUSTER_OK;
  do {
    written = write(metrics->file, metrics->line, metrics->length);
  } while (written < 0 && errno == EINTR);
  if (written == (ssize_t)metrics->length) {
    metrics->end += written;
    metrics->length = 0;
    return MUSTER_OK;
  }
  // a write that stops short tells no reason: the disk is full
  if (written >= 0) errno = ENOSPC;
  muster_status status = status_errno(MUSTER_ERROR_IO, "cannot write a row to '%s'", metrics->path);
  if (ftruncate(metrics->file, metrics->end) != 0)
    status = status_wrap(status, "the last line of '%s' is torn", metrics->path);
  return status;
}

static size_t print_header(struct metrics *metrics) {
  size_t length = 0;
  for (int i = 0; i < metrics->n; i++) {
    assert(strpbrk(metrics->columns[i], ",\"\r\n") == NULL);
    length += (size_t)sprintf(metrics->line + length, "%s%c", metrics->columns[i], i + 1 < metrics->n ? ',' : '\n');
  }
  return length;
}

/* --- opening --- */

/* compares the file's first line with our header[length] */
static muster_status check_header(const struct metrics *metrics, const char *line, size_t length) {
  if (strlen(line) == length && memcmp(line, metrics->line, length) == 0) return MUSTER_OK;
  return status_error(MUSTER_ERROR_FORMAT,
                      "'%s' has other columns than this run; rename it, or go on with the version of muster that wrote "
                      "it\n  there: %.*s\n  here:  %.*s",
                      metrics->path, (int)strcspn(line, "\n"), line, (int)length - 1, metrics->line);
}

/* counts whole lines up to keep_rows (all when negative) and finds where they end; a torn last line is not counted */
static muster_status scan(struct metrics *metrics, FILE *stream, size_t header_length, int64_t keep_rows) {
  char *line = NULL;
  size_t size = 0;
  ssize_t length;
  bool in_header = true;
  muster_status status = MUSTER_OK;
  while (status == MUSTER_OK && (in_header || keep_rows < 0 || metrics->rows < keep_rows) &&
         (length = getline(&line, &size, stream)) > 0) {
    bool whole = line[length - 1] == '\n';
    // a header that was torn off is written anew, as the start of a new file
    if (in_header && (whole || strncmp(line, metrics->line, (size_t)length) != 0))
      status = check_header(metrics, line, header_length);
    if (status != MUSTER_OK || !whole) break;
    metrics->end += length;
    metrics->rows += in_header ? 0 : 1;
    in_header = false;
  }
  if (status == MUSTER_OK && ferror(stream)) status = status_errno(MUSTER_ERROR_IO, "cannot read '%s'", metrics->path);
  free(line);
  return status;
}

/* reads what the file holds, cuts it back, and writes the header into an empty one */
static muster_status resume(struct metrics *metrics, int64_t keep_rows) {
  size_t header_length = print_header(metrics);
  int copy = dup(metrics->file);
  FILE *stream = copy < 0 ? NULL : fdopen(copy, "r");
  if (stream == NULL) {
    muster_status status = status_errno(MUSTER_ERROR_IO, "cannot read '%s'", metrics->path);
    if (copy >= 0) close(copy);
    return status;
  }
  muster_status status = scan(metrics, stream, header_length, keep_rows);
  fclose(stream);
  MUSTER_TRY(status);
  if (ftruncate(metrics->file, metrics->end) != 0)
    return status_errno(MUSTER_ERROR_IO, "cannot cut '%s' back to %lld rows", metrics->path, (long long)metrics->rows);
  if (metrics->end > 0) return MUSTER_OK;
  metrics->length = header_length;
  return flush(metrics);
}

muster_status metrics_open(const char *path, const char *const *columns, int n, int64_t keep_rows,
                           struct metrics **out) {
  assert(n > 0);
  struct metrics *metrics = malloc(sizeof *metrics);
  if (metrics == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: cannot open '%s'", path);

  // a line has room for the header and for any row
  size_t line_size = 2;
  for (int i = 0; i < n; i++) line_size += strlen(columns[i]) + 1 + NUMBER_SIZE;
  *metrics = (struct metrics){.path = strdup(path),
                              .columns = columns,
                              .n = n,
                              .row = malloc((size_t)n * sizeof *metrics->row),
                              .line = malloc(line_size),
                              .line_size = line_size,
                              .capacity = line_size,
                              .file = -1};
  muster_status status = MUSTER_OK;
  if (metrics->path == NULL || metrics->row == NULL || metrics->line == NULL) {
    status = status_error(MUSTER_ERROR_MEMORY, "out of memory: cannot open '%s'", path);
  } else {
    for (int i = 0; i < n; i++) metrics->row[i] = NAN;
    metrics->file = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (metrics->file < 0)
      status = status_errno(MUSTER_ERROR_IO, "cannot open '%s'", path);
    else
      status = resume(metrics, keep_rows);
  }
  if (status != MUSTER_OK)
    metrics_close(&metrics);
  else
    *out = metrics;
  return status;
}

void metrics_close(struct metrics **metrics) {
  if (*metrics == NULL) return;
  if ((*metrics)->file >= 0) close((*metrics)->file);
  free((*metrics)->line);
  free((*metrics)->row);
  free((*metrics)->path);
  free(*metrics);
  *metrics = NULL;
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

muster_status metrics_end_row(struct metrics *metrics) {
  MUSTER_TRY(reserve(metrics));
  for (int i = 0; i < metrics->n; i++) {
    char *end = metrics->line + metrics->length;
    if (!isnan(metrics->row[i])) end += number_print(metrics->row[i], end);
    *end++ = i + 1 < metrics->n ? ',' : '\n';
    metrics->length = (size_t)(end - metrics->line);
    metrics->row[i] = NAN;
  }
  metrics->rows++;
  return flush(metrics);
}

muster_status metrics_sync(struct metrics *metrics) {
  MUSTER_TRY(flush(metrics));
  if (fsync(metrics->file) != 0) return status_errno(MUSTER_ERROR_IO, "cannot bring '%s' to the disk", metrics->path);
  return MUSTER_OK;
}

int64_t metrics_rows(const struct metrics *metrics) { return metrics->rows; }
