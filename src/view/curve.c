#include "view/curve.h"

#include "base/statistics.h"

#include <math.h>
#include <stdlib.h>

enum { GRID_LIMIT = 500 };

/* the values of one run: finite, x rising */
struct series {
  double *x, *y; /* [n], owned */
  size_t n;
};

static muster_status out_of_memory(void) { return status_error(MUSTER_ERROR_MEMORY, "out of memory for a curve"); }

/* Replaces each value by the mean of the last `window` values, or of as many as there are. Values are cut into blocks
 * of `window`. A window spans the end of one block and the start of the next, so its sum is the sum of these two parts.
 * Nothing is ever subtracted from a running sum, where a large value before the window would leave a rounding error. */
static muster_status smooth_values(const struct series *series, size_t window) {
  if (window < 2 || series->n == 0) return MUSTER_OK;
  if (window > series->n) window = series->n;
  double *to_end = malloc(series->n * sizeof *to_end); // sum from a value to the end of its block
  if (to_end == NULL) return out_of_memory();
  for (size_t i = series->n; i-- > 0;)
    to_end[i] = series->y[i] + ((i + 1) % window == 0 || i + 1 == series->n ? 0 : to_end[i + 1]);
  double from_start = 0;
  for (size_t i = 0; i < series->n; i++) {
    from_start = series->y[i] + (i % window == 0 ? 0 : from_start);
    size_t count = i + 1 < window ? i + 1 : window, first = i + 1 - count;
    series->y[i] = (first % window == 0 ? from_start : to_end[first] + from_start) / (double)count;
  }
  free(to_end);
  return MUSTER_OK;
}

static muster_status read_series(const struct metrics_table *table, const struct curve_request *request,
                                 struct series *series) {
  const double *x = metrics_table_column(table, request->x), *y = metrics_table_column(table, request->y);
  if (x == NULL || y == NULL || table->n_rows == 0) return MUSTER_OK;
  series->x = malloc(table->n_rows * sizeof *series->x);
  series->y = malloc(table->n_rows * sizeof *series->y);
  if (series->x == NULL || series->y == NULL) return out_of_memory();
  for (size_t row = 0; row < table->n_rows; row++) {
    if (!isfinite(x[row]) || !isfinite(y[row]) || (series->n > 0 && x[row] <= series->x[series->n - 1])) continue;
    series->x[series->n] = x[row];
    series->y[series->n++] = y[row];
  }
  return smooth_values(series, request->smooth);
}

/* the value of a run at a point of the grid, whose spacing is `step`; *next is where the search continues, since points
 * rise */
static double value_at(const struct series *series, double point, double step, size_t *next) {
  if (series->n == 0) return NAN;
  size_t i = *next;
  while (i < series->n && series->x[i] < point - step / 2) i++;
  *next = i;
  size_t first = i;
  while (i < series->n && series->x[i] < point + step / 2) i++;
  if (i > first) return statistics_of(i - first, series->y + first).mean;
  if (i == 0 || i == series->n) return NAN;
  double share = (point - series->x[i - 1]) / (series->x[i] - series->x[i - 1]);
  return series->y[i - 1] + share * (series->y[i] - series->y[i - 1]);
}

/* adds mean and band at one point from the values of the runs, merged by seed; NAN does not count */
static void add_point(struct curve *curve, double x, double *values, const struct run_group *group,
                      enum curve_band band) {
  const struct statistics seeds = statistics_of(run_group_merge_seeds(group, values), values);
  if (seeds.count == 0 || 2 * seeds.count < curve->n_seeds) return;
  double deviation = seeds.count > 1 ? seeds.sample_std : 0;
  size_t at = curve->n++;
  curve->x[at] = x;
  curve->mean[at] = seeds.mean;
  curve->low[at] = band == BAND_STD ? seeds.mean - deviation : seeds.min;
  curve->high[at] = band == BAND_STD ? seeds.mean + deviation : seeds.max;
}

/* counts the seeds of which some run has values */
static muster_status count_seeds(const struct series *series, const struct run_group *group, size_t *count) {
  double *known = malloc(group->n_members * sizeof *known);
  if (known == NULL) return out_of_memory();
  for (size_t i = 0; i < group->n_members; i++) known[i] = series[i].n > 0 ? 1 : (double)NAN;
  *count = run_group_merge_seeds(group, known);
  free(known);
  return MUSTER_OK;
}

static muster_status merge(const struct series *series, const struct run_group *group, enum curve_band band,
                           struct curve *curve) {
  const size_t n = group->n_members;
  double first = INFINITY, last = -INFINITY;
  for (size_t i = 0; i < n; i++) {
    if (series[i].n == 0) continue;
    first = fmin(first, series[i].x[0]);
    last = fmax(last, series[i].x[series[i].n - 1]);
    if (series[i].n > curve->longest) curve->longest = series[i].n;
  }
  MUSTER_TRY(count_seeds(series, group, &curve->n_seeds));
  if (curve->n_seeds == 0) return MUSTER_OK;
  size_t rows = (curve->longest + GRID_LIMIT - 1) / GRID_LIMIT; // values of the longest run for each point
  size_t points = (curve->longest + rows - 1) / rows;
  double step = points > 1 ? (last - first) / (double)(points - 1) : 1;
  double **arrays[] = {&curve->x, &curve->mean, &curve->low, &curve->high};
  for (size_t i = 0; i < 4; i++)
    if ((*arrays[i] = malloc(points * sizeof(double))) == NULL) return out_of_memory();
  double *values = malloc(n * sizeof *values);
  size_t *next = calloc(n, sizeof *next);
  for (size_t p = 0; p < points && values != NULL && next != NULL; p++) {
    double point = first + (double)p * step;
    for (size_t i = 0; i < n; i++) values[i] = value_at(&series[i], point, step, &next[i]);
    add_point(curve, point, values, group, band);
  }
  bool failed = values == NULL || next == NULL;
  free(values);
  free(next);
  return failed ? out_of_memory() : MUSTER_OK;
}

muster_status curve_create(const struct grouped_runs *runs, const struct run_group *group,
                           const struct curve_request *request, struct curve *out) {
  struct curve curve = {.n = 0};
  struct series *series = calloc(group->n_members, sizeof *series);
  if (series == NULL) return out_of_memory();
  muster_status status = MUSTER_OK;
  for (size_t i = 0; i < group->n_members && status == MUSTER_OK; i++)
    status = read_series(runs->info[group->members[i]]->metrics, request, &series[i]);
  if (status == MUSTER_OK) status = merge(series, group, request->band, &curve);
  for (size_t i = 0; i < group->n_members; i++) {
    free(series[i].x);
    free(series[i].y);
  }
  free(series);
  if (status != MUSTER_OK)
    curve_release(&curve);
  else
    *out = curve;
  return status;
}

void curve_release(struct curve *curve) {
  free(curve->x);
  free(curve->mean);
  free(curve->low);
  free(curve->high);
  *curve = (struct curve){.n = 0};
}
