#include "run/timings.h"

#include "comm/collect.h"

#include <stdlib.h>
#include <string.h>

/* more actors than these are told of by their least, median and largest */
#define MAX_ACTOR_COLUMNS 4

static muster_status keep_rank(void *context, int rank, const void *data, size_t bytes) {
  memcpy(&((struct timings *)context)->rank[rank], data, bytes);
  return MUSTER_OK;
}

muster_status timings_collect(struct worker *worker, struct timings *timings) {
  const struct topology *topology = &worker->topology;
  *timings = (struct timings){.topology = topology};
  if (topology->learns) {
    timings->rank = calloc((size_t)topology->ranks, sizeof *timings->rank);
    if (timings->rank == NULL)
      return status_error(MUSTER_ERROR_MEMORY, "out of memory: timings of %d ranks", topology->ranks);
  }
  struct rank_timing own = {.total = stages_total(&worker->stages)};
  snprintf(own.host, sizeof own.host, "%s", comm_host(worker->comm));
  memcpy(own.seconds, worker->stages.seconds, sizeof own.seconds);
  return comm_collect(worker->comm, topology->learner, &own, sizeof own, keep_rank, timings);
}

void timings_release(struct timings *timings) {
  free(timings->rank);
  timings->rank = NULL;
}

/* --- the table --- */

/* a column: what each stage took, and of how much */
struct column {
  char head[3][32];
  double seconds[STAGES + 1], total[STAGES + 1]; /* the last row is the total */
};

static double figure(const struct rank_timing *rank, int row) {
  return row == STAGES ? rank->total : rank->seconds[row];
}

static struct column rank_column(const struct timings *timings, int rank) {
  const struct rank_timing *timing = &timings->rank[rank];
  struct column column;
  snprintf(column.head[0], sizeof column.head[0], "rank %d", rank);
  snprintf(column.head[1], sizeof column.head[1], "%s", topology_role(timings->topology, rank));
  snprintf(column.head[2], sizeof column.head[2], "%.17s", timing->host);
  for (int row = 0; row <= STAGES; row++) {
    column.seconds[row] = figure(timing, row);
    column.total[row] = timing->total;
  }
  return column;
}

/* one actor's figures of a stage */
struct share {
  double seconds, total;
};

static int compare_shares(const void *a, const void *b) {
  double left = ((const struct share *)a)->seconds, right = ((const struct share *)b)->seconds;
  return (left > right) - (left < right);
}

/* three columns: of the actors sorted anew in each row, the first, the middle and the last; `shares`: [actors] */
static void actor_columns(const struct timings *timings, struct share *shares, struct column columns[3]) {
  static const char *const heads[] = {"least", "median", "largest"};
  const struct topology *topology = timings->topology;
  for (int i = 0; i < 3; i++) {
    columns[i] = (struct column){.head[1] = ""};
    snprintf(columns[i].head[0], sizeof columns[i].head[0], "%s of", heads[i]);
    snprintf(columns[i].head[1], sizeof columns[i].head[1], "%d actors", topology->actors);
  }
  for (int row = 0; row <= STAGES; row++) {
    int n = 0;
    for (int rank = 0; rank < topology->ranks; rank++)
      if (topology_rank_acts(topology, rank))
        shares[n++] = (struct share){figure(&timings->rank[rank], row), timings->rank[rank].total};
    qsort(shares, (size_t)n, sizeof *shares, compare_shares);
    const struct share chosen[] = {shares[0], shares[n / 2], shares[n - 1]};
    for (int i = 0; i < 3; i++) {
      columns[i].seconds[row] = chosen[i].seconds;
      columns[i].total[row] = chosen[i].total;
    }
  }
}

static void print_columns(FILE *file, const struct column *columns, int n) {
  for (int line = 0; line < 3; line++) {
    fprintf(file, "%-11s", line == 0 ? "where time" : line == 1 ? "went (s)" : "");
    for (int i = 0; i < n; i++) fprintf(file, " %17s", columns[i].head[line]);
    fputc('\n', file);
  }
  for (int row = 0; row <= STAGES; row++) {
    bool is_empty = true;
    for (int i = 0; i < n; i++) is_empty &= columns[i].seconds[row] == 0;
    if (is_empty) continue;
    fprintf(file, "%-11s", row == STAGES ? "total" : stage_names[row]);
    for (int i = 0; i < n; i++)
      fprintf(file, " %9.2f %5.1f %%", columns[i].seconds[row],
              100.0 * columns[i].seconds[row] / columns[i].total[row]);
    fputc('\n', file);
  }
}

void timings_print(FILE *file, const struct timings *timings) {
  const struct topology *topology = timings->topology;
  struct column columns[1 + MAX_ACTOR_COLUMNS];
  int n = 0;
  columns[n++] = rank_column(timings, topology->learner);
  if (topology->ranks - 1 <= MAX_ACTOR_COLUMNS) {
    for (int rank = 0; rank < topology->ranks; rank++)
      if (rank != topology->learner) columns[n++] = rank_column(timings, rank);
  } else {
    struct share *shares = calloc((size_t)topology->actors, sizeof *shares);
    if (shares == NULL) return;
    actor_columns(timings, shares, columns + n);
    n += 3;
    free(shares);
  }
  print_columns(file, columns, n);
}

/* --- the summary --- */

static void write_seconds(struct json *json, const struct rank_timing *timing) {
  for (int stage = 0; stage < STAGES; stage++) json_number(json, stage_names[stage], timing->seconds[stage]);
}

void timings_write(struct json *json, const struct timings *timings) {
  json_open_object(json, "stage_seconds");
  write_seconds(json, &timings->rank[timings->topology->learner]);
  json_close_object(json);
  json_open_array(json, "ranks_seconds");
  for (int rank = 0; rank < timings->topology->ranks; rank++) {
    const struct rank_timing *timing = &timings->rank[rank];
    json_open_line(json, NULL);
    json_int(json, "rank", rank);
    json_string(json, "role", topology_role(timings->topology, rank));
    json_string(json, "host", timing->host);
    json_number(json, "total", timing->total);
    write_seconds(json, timing);
    json_close_object(json);
  }
  json_close_array(json);
}
