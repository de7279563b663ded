#include "bench/measure.h"

#include "base/clock.h"
#include "base/statistics.h"
#include "store/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct bench_unit unit_gflops = {"GFLOP/s", true, 1e-9};
const struct bench_unit unit_gigabytes = {"GB/s", true, 1e-9};
const struct bench_unit unit_megabytes = {"MB/s", true, 1e-6};
const struct bench_unit unit_msteps = {"Msteps/s", true, 1e-6};
const struct bench_unit unit_updates = {"updates/s", true, 1.0};
const struct bench_unit unit_ns_element = {"ns/element", false, 1e9};
const struct bench_unit unit_us_sample = {"us/sample", false, 1e6};
const struct bench_unit unit_us = {"us", false, 1e6};
const struct bench_unit unit_ms = {"ms", false, 1e3};

/* --- timing --- */

/* seconds that work->calls calls take, the same on every rank of a collective part */
static muster_status time_sample(const struct bench *bench, const struct bench_work *work, double *seconds) {
  double start = clock_seconds();
  for (size_t i = 0; i < work->calls; i++) MUSTER_TRY(work->run(work->context));
  *seconds = clock_seconds() - start;
  return bench->collective ? comm_broadcast(bench->comm, seconds, sizeof *seconds, 0) : MUSTER_OK;
}

/* runs the work until a sample is long enough to be timed */
static muster_status warm_up(const struct bench *bench, struct bench_work *work) {
  work->calls = 1;
  for (;;) {
    double seconds;
    MUSTER_TRY(time_sample(bench, work, &seconds));
    if (seconds >= bench->sample_seconds) return MUSTER_OK;
    double factor = 1.2 * bench->sample_seconds / fmax(seconds, 1e-9);
    work->calls = (size_t)ceil((double)work->calls * fmin(factor, 32.0));
  }
}

muster_status bench_measure(const struct bench *bench, struct bench_work *const *works, int n) {
  for (int i = 0; i < n; i++) MUSTER_TRY(warm_up(bench, works[i]));
  for (int repeat = 0; repeat < bench->repeats; repeat++) {
    for (int i = 0; i < n; i++) {
      double seconds;
      MUSTER_TRY(time_sample(bench, works[i], &seconds));
      works[i]->seconds[repeat] = seconds / (double)works[i]->calls;
    }
  }
  return MUSTER_OK;
}

/* --- figures --- */

struct bench_series bench_per_item(const struct bench_work *work, double items) {
  struct bench_series series;
  for (int i = 0; i < BENCH_MAX_REPEATS; i++) series.at[i] = work->seconds[i] / items;
  return series;
}

struct bench_series bench_sum(struct bench_series a, struct bench_series b) {
  for (int i = 0; i < BENCH_MAX_REPEATS; i++) a.at[i] += b.at[i];
  return a;
}

double bench_median(const struct bench *bench, const struct bench_series *series) {
  struct bench_series copy = *series;
  return statistics_median((size_t)bench->repeats, copy.at);
}

static double in_unit(const struct bench_unit *unit, double seconds) {
  return unit->is_rate ? unit->scale / seconds : unit->scale * seconds;
}

static void print_row(const struct bench *bench, const struct bench_row *row) {
  if (bench->n_rows == 1)
    printf("%-40s %10s %-10s %10s %10s %10s %8s\n", "", "median", "unit", "min", "max", "limit", "ratio");
  printf("%-40s %10.4g %-10s %10.4g %10.4g %10.4g %7.1f%%\n", row->name, row->value, row->unit->name, row->min,
         row->max, row->limit, 100.0 * row->ratio);
  fflush(stdout);
}

muster_status bench_add(struct bench *bench, const struct bench_unit *unit, struct bench_series figure,
                        struct bench_series limit, const char *name, ...) {
  if (comm_rank(bench->comm) != 0) return MUSTER_OK;
  if (bench->n_rows == bench->capacity) {
    size_t capacity = 2 * bench->capacity + 64;
    struct bench_row *rows = realloc(bench->rows, capacity * sizeof *rows);
    if (rows == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: %zu figures", capacity);
    bench->rows = rows;
    bench->capacity = capacity;
  }
  struct bench_row *row = &bench->rows[bench->n_rows++];
  va_list arguments;
  va_start(arguments, name);
  vsnprintf(row->name, sizeof row->name, name, arguments);
  va_end(arguments);

  // each sample is compared with the limit that was timed next to it
  struct bench_series ratio;
  for (int i = 0; i < bench->repeats; i++) ratio.at[i] = limit.at[i] / figure.at[i];
  const struct statistics samples = statistics_of((size_t)bench->repeats, figure.at);
  double fastest = in_unit(unit, samples.min), slowest = in_unit(unit, samples.max);
  row->unit = unit;
  row->value = in_unit(unit, bench_median(bench, &figure));
  row->min = fmin(fastest, slowest);
  row->max = fmax(fastest, slowest);
  row->limit = in_unit(unit, bench_median(bench, &limit));
  row->ratio = bench_median(bench, &ratio);
  if (!bench->json) print_row(bench, row);
  return MUSTER_OK;
}

void bench_print_json(const struct bench *bench) {
  struct json json = json_begin(stdout);
  json_open_array(&json, NULL);
  for (size_t i = 0; i < bench->n_rows; i++) {
    const struct bench_row *row = &bench->rows[i];
    json_open_object(&json, NULL);
    json_string(&json, "name", row->name);
    json_number(&json, "value", row->value);
    json_string(&json, "unit", row->unit->name);
    json_number(&json, "min", row->min);
    json_number(&json, "max", row->max);
    json_number(&json, "limit", row->limit);
    json_number(&json, "ratio", row->ratio);
    json_close_object(&json);
  }
  json_close_array(&json);
}
