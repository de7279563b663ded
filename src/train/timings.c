#include "train/timings.h"

#include "comm/collect.h"

#include <stdlib.h>
#include <string.h>

/* of more actors than these the table shows the least, the median and the largest */
#define MAX_ACTOR_COLUMNS 4

static muster_status keep_rank(void *context, int rank, const void *data, size_t bytes) {
  memcpy(&((struct timings *)context)->rank[rank], data, bytes);
  return MUSTER_OK;
}

/* ends the last stage of the clock: what followed the last iteration */
static struct rank_timing make_timing(struct run *run) {
  struct stages *clock = &run->phases->clock;
  stages_end_iteration(clock, 0);
  struct rank_timing timing = {0};
  double *seconds = timing.seconds;
  snprintf(timing.host, sizeof timing.host, "%s", comm_host(run->comm));
  seconds[TIMING_TOTAL] = clock->since - clock->start;
  memcpy(seconds, clock->seconds, sizeof clock->seconds);
  double looked_at = run->looked_at.policy + run->looked_at.environments;
  if (looked_at > 0) seconds[TIMING_POLICY] = seconds[STAGE_ROLLOUT] * run->looked_at.policy / looked_at;
  seconds[TIMING_ENVIRONMENTS] = seconds[STAGE_ROLLOUT] - seconds[TIMING_POLICY];
  return timing;
}

muster_status timings_collect(struct run *run, struct timings *timings) {
  const struct topology *topology = &run->topology;
  *timings = (struct timings){.topology = topology};
  if (topology->leads) {
    timings->rank = calloc((size_t)topology->ranks, sizeof *timings->rank);
    if (timings->rank == NULL)
      return status_error(MUSTER_ERROR_MEMORY, "out of memory: timings of %d ranks", topology->ranks);
  }
  const struct rank_timing own = make_timing(run);
  return comm_collect(run->comm, topology->learner, &own, sizeof own, keep_rank, timings);
}

void timings_release(struct timings *timings) {
  free(timings->rank);
  timings->rank = NULL;
}

/* --- the table --- */

static const struct {
  const char *name;
  int timing;
} rows[] = {
    {"rollout", STAGE_ROLLOUT},       {"  policy", TIMING_POLICY},
    {"  envs", TIMING_ENVIRONMENTS},  {"wait", STAGE_WAIT},
    {"gather", STAGE_GATHER},         {"advantages", STAGE_ADVANTAGES},
    {"update", STAGE_UPDATE},         {"broadcast", STAGE_BROADCAST},
    {"checkpoint", STAGE_CHECKPOINT}, {"evaluation", STAGE_EVALUATION},
    {"other", STAGE_OTHER},           {"total", TIMING_TOTAL},
};
#define ROWS (sizeof rows / sizeof *rows)

/* a stage's seconds, and its share of all */
struct cell {
  double seconds, total;
};

struct column {
  char head[3][32];
  struct cell cell[ROWS];
};

static struct cell make_cell(const struct rank_timing *rank, size_t row) {
  return (struct cell){rank->seconds[rows[row].timing], rank->seconds[TIMING_TOTAL]};
}

static struct column rank_column(const struct timings *timings, int rank) {
  const struct rank_timing *timing = &timings->rank[rank];
  struct column column;
  snprintf(column.head[0], sizeof column.head[0], "rank %d", rank);
  snprintf(column.head[1], sizeof column.head[1], "%s", topology_role(timings->topology, rank));
  snprintf(column.head[2], sizeof column.head[2], "%.17s", timing->host);
  for (size_t row = 0; row < ROWS; row++) column.cell[row] = make_cell(timing, row);
  return column;
}

static int compare_cells(const void *a, const void *b) {
  double left = ((const struct cell *)a)->seconds, right = ((const struct cell *)b)->seconds;
  return (left > right) - (left < right);
}

/* three columns: of the actors, sorted anew in each row, the first, the middle and the last one; `cells`: [actors] */
static void actor_columns(const struct timings *timings, struct cell *cells, struct column columns[3]) {
  static const char *const heads[] = {"least", "median", "largest"};
  const struct topology *topology = timings->topology;
  for (int i = 0; i < 3; i++) {
    columns[i] = (struct column){.head[1] = ""};
    snprintf(columns[i].head[0], sizeof columns[i].head[0], "%s of", heads[i]);
    snprintf(columns[i].head[1], sizeof columns[i].head[1], "%d actors", topology->actors);
  }
  for (size_t row = 0; row < ROWS; row++) {
    size_t n = 0;
    for (int rank = 0; rank < topology->ranks; rank++)
      if (topology_rank_acts(topology, rank)) cells[n++] = make_cell(&timings->rank[rank], row);
    qsort(cells, n, sizeof *cells, compare_cells);
    columns[0].cell[row] = cells[0];
    columns[1].cell[row] = cells[n / 2];
    columns[2].cell[row] = cells[n - 1];
  }
}

static void print_columns(FILE *file, const struct column *columns, int n) {
  for (int line = 0; line < 3; line++) {
    fprintf(file, "%-11s", line == 0 ? "where time" : line == 1 ? "went (s)" : "");
    for (int i = 0; i < n; i++) fprintf(file, " %17s", columns[i].head[line]);
    fputc('\n', file);
  }
  for (size_t row = 0; row < ROWS; row++) {
    bool is_empty = true;
    for (int i = 0; i < n; i++) is_empty &= columns[i].cell[row].seconds == 0;
    if (is_empty) continue;
    fprintf(file, "%-11s", rows[row].name);
    for (int i = 0; i < n; i++) {
      struct cell cell = columns[i].cell[row];
      fprintf(file, " %9.2f %5.1f %%", cell.seconds, 100.0 * cell.seconds / cell.total);
    }
    fputc('\n', file);
  }
}

muster_status timings_print(FILE *file, const struct timings *timings) {
  const struct topology *topology = timings->topology;
  struct column columns[1 + MAX_ACTOR_COLUMNS];
  int n = 0;
  columns[n++] = rank_column(timings, topology->learner);
  if (topology->ranks - 1 <= MAX_ACTOR_COLUMNS) {
    for (int rank = 0; rank < topology->ranks; rank++)
      if (rank != topology->learner) columns[n++] = rank_column(timings, rank);
  } else {
    struct cell *cells = calloc((size_t)topology->actors, sizeof *cells);
    if (cells == NULL)
      return status_error(MUSTER_ERROR_MEMORY, "out of memory: timings of %d actors", topology->actors);
    actor_columns(timings, cells, columns + n);
    n += 3;
    free(cells);
  }
  print_columns(file, columns, n);
  return MUSTER_OK;
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
    json_number(json, "total", timing->seconds[TIMING_TOTAL]);
    write_seconds(json, timing);
    json_number(json, "rollout_policy", timing->seconds[TIMING_POLICY]);
    json_number(json, "rollout_environments", timing->seconds[TIMING_ENVIRONMENTS]);
    json_close_object(json);
  }
  json_close_array(json);
}
