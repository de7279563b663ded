#include "store/metrics_read.h"

#include "base/file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

/* a file that is being read, line after line */
struct scan {
  const char *path;
  FILE *file;
  char *line; /* owned, by getline() */
  size_t size, number;
  size_t capacity; /* rows that the columns have room for */
  struct metrics_table *table;
};

static muster_status out_of_memory(const struct scan *scan) {
  return status_error(MUSTER_ERROR_MEMORY, "out of memory: cannot read '%s'", scan->path);
}

/* the next complete line, without its end; false after the last one */
static bool next_line(struct scan *scan) {
  ssize_t length = getline(&scan->line, &scan->size, scan->file);
  if (length <= 0) return false;
  scan->number++;
  if (scan->line[length - 1] != '\n') {
    scan->table->torn = true;
    return false;
  }
  scan->line[--length] = '\0';
  if (length > 0 && scan->line[length - 1] == '\r') scan->line[length - 1] = '\0';
  return true;
}

/* an empty line, which somebody may have left, is not a row; but with one column it is a row without its value */
static bool is_blank(const struct scan *scan) {
  return scan->table->n_columns > 1 && scan->line[strspn(scan->line, " \t")] == '\0';
}

static muster_status read_header(struct scan *scan) {
  struct metrics_table *table = scan->table;
  size_t n = 1;
  for (const char *at = scan->line; *at != '\0'; at++) n += *at == ',';
  table->names = calloc(n, sizeof *table->names);
  table->columns = calloc(n, sizeof *table->columns);
  if (table->names == NULL || table->columns == NULL) return out_of_memory(scan);
  char *rest = scan->line;
  for (char *name; (name = strsep(&rest, ",")) != NULL;) {
    if (metrics_table_column(table, name) != NULL)
      return status_error(MUSTER_ERROR_FORMAT, "%s:1: the column %s is there twice", scan->path, name);
    size_t i = table->n_columns++;
    table->names[i] = strdup(name);
    table->columns[i] = malloc(sizeof **table->columns);
    if (table->names[i] == NULL || table->columns[i] == NULL) return out_of_memory(scan);
  }
  scan->capacity = 1;
  return MUSTER_OK;
}

/* makes room for one more row */
static muster_status reserve(struct scan *scan) {
  struct metrics_table *table = scan->table;
  if (table->n_rows < scan->capacity) return MUSTER_OK;
  size_t capacity = 2 * scan->capacity;
  for (size_t i = 0; i < table->n_columns; i++) {
    double *column = realloc(table->columns[i], capacity * sizeof *column);
    if (column == NULL) return out_of_memory(scan);
    table->columns[i] = column;
  }
  scan->capacity = capacity;
  return MUSTER_OK;
}

static muster_status read_row(struct scan *scan) {
  struct metrics_table *table = scan->table;
  MUSTER_TRY(reserve(scan));
  size_t n = 0;
  char *rest = scan->line;
  for (char *text; (text = strsep(&rest, ",")) != NULL; n++) {
    if (n >= table->n_columns) continue;
    char *end;
    double value = strtod(text, &end);
    if (*end != '\0')
      return status_error(MUSTER_ERROR_FORMAT, "%s:%zu: %s: '%.40s' is not a number", scan->path, scan->number,
                          table->names[n], text);
    table->columns[n][table->n_rows] = end == text ? (double)NAN : value;
  }
  if (n != table->n_columns)
    return status_error(MUSTER_ERROR_FORMAT, "%s:%zu: %zu values, but the header has %zu columns", scan->path,
                        scan->number, n, table->n_columns);
  table->n_rows++;
  return MUSTER_OK;
}

static muster_status read_lines(struct scan *scan) {
  if (next_line(scan)) {
    MUSTER_TRY(read_header(scan));
    while (next_line(scan))
      if (!is_blank(scan)) MUSTER_TRY(read_row(scan));
  }
  return ferror(scan->file) ? status_errno(MUSTER_ERROR_IO, "cannot read '%s'", scan->path) : MUSTER_OK;
}

muster_status metrics_read(const char *path, struct metrics_table **out) {
  struct scan scan = {.path = path, .table = calloc(1, sizeof *scan.table)};
  if (scan.table == NULL) return out_of_memory(&scan);
  muster_status status = file_open_stream(path, "r", &scan.file);
  if (status == MUSTER_OK) status = read_lines(&scan);
  if (scan.file != NULL) fclose(scan.file);
  free(scan.line);
  if (status != MUSTER_OK)
    metrics_table_destroy(&scan.table);
  else
    *out = scan.table;
  return status;
}

void metrics_table_destroy(struct metrics_table **table) {
  if (*table == NULL) return;
  for (size_t i = 0; i < (*table)->n_columns; i++) {
    free((*table)->names[i]);
    free((*table)->columns[i]);
  }
  free((*table)->names);
  free((*table)->columns);
  free(*table);
  *table = NULL;
}

const double *metrics_table_column(const struct metrics_table *table, const char *name) {
  for (size_t i = 0; i < table->n_columns; i++)
    if (strcmp(table->names[i], name) == 0) return table->columns[i];
  return NULL;
}

double metrics_table_last(const struct metrics_table *table, const char *name) {
  const double *column = metrics_table_column(table, name);
  for (size_t i = table->n_rows; column != NULL && i > 0; i--)
    if (!isnan(column[i - 1])) return column[i - 1];
  return NAN;
}
