/* The measuring functions of the benchmark: how samples become figures. */
#include "bench/measure.h"

#include "base/clock.h"
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

/* a benchmark in a process of its own, which prints nothing */
static struct bench start(struct comm *comm, int repeats) {
  return (struct bench){.comm = comm, .json = true, .repeats = repeats, .sample_seconds = 0.001};
}

static struct comm *comm;

/* a limit and a figure are paired by their position before anything is sorted */
static void test_figures(void) {
  struct bench bench = start(comm, 3);
  struct bench_series figure = {{4e-6, 2e-6, 8e-6}}, limit = {{1e-6, 1e-6, 6e-6}};
  CHECK_OK_FATAL(bench_add(&bench, &unit_us, figure, limit, "part/%d", 7));
  CHECK_OK_FATAL(bench_add(&bench, &unit_msteps, figure, limit, "rate"));
  CU_ASSERT_EQUAL_FATAL(bench.n_rows, 2);

  const struct bench_row *time = &bench.rows[0], *rate = &bench.rows[1];
  CU_ASSERT_STRING_EQUAL(time->name, "part/7");
  CHECK_CLOSE(time->value, 4.0, 1e-12);
  CHECK_CLOSE(time->min, 2.0, 1e-12);
  CHECK_CLOSE(time->max, 8.0, 1e-12);
  CHECK_CLOSE(time->limit, 1.0, 1e-12);
  CHECK_CLOSE(time->ratio, 0.5, 1e-12); /* the median of 1/4, 1/2, 6/8 */
  CHECK_CLOSE(rate->value, 0.25, 1e-12);
  CHECK_CLOSE(rate->min, 0.125, 1e-12);
  CHECK_CLOSE(rate->max, 0.5, 1e-12);
  CHECK_CLOSE(rate->limit, 1.0, 1e-12);
  CHECK_CLOSE(rate->ratio, 0.5, 1e-12);
  free(bench.rows);
}

static void test_many(void) {
  struct bench bench = start(comm, 1);
  struct bench_series series = {{1.0}};
  for (int i = 0; i < 200; i++) CHECK_OK_FATAL(bench_add(&bench, &unit_ms, series, series, "%d", i));
  CU_ASSERT_EQUAL(bench.n_rows, 200);
  CU_ASSERT_STRING_EQUAL(bench.rows[0].name, "0");
  CU_ASSERT_STRING_EQUAL(bench.rows[199].name, "199");
  free(bench.rows);
}

static void test_median(void) {
  struct bench bench = start(comm, 4);
  struct bench_series series = {{7.0, 1.0, 5.0, 2.0}};
  CHECK_CLOSE(bench_median(&bench, &series), 3.5, 1e-12);
  bench.repeats = 3;
  CHECK_CLOSE(bench_median(&bench, &series), 5.0, 1e-12);
}

static void test_series(void) {
  struct bench_work work = {.seconds = {6.0, 3.0}};
  struct bench_series sum = bench_sum(bench_per_item(&work, 3.0), bench_per_item(&work, 6.0));
  CHECK_CLOSE(sum.at[0], 3.0, 1e-12);
  CHECK_CLOSE(sum.at[1], 1.5, 1e-12);
}

/* the order in which works are called, and the number of calls */
struct trace {
  char *order;
  size_t calls;
  char letter;
};

static muster_status wait_a_while(void *context) {
  struct trace *trace = context;
  trace->calls++;
  size_t length = strlen(trace->order);
  if (length == 0 || trace->order[length - 1] != trace->letter) trace->order[length] = trace->letter;
  double start_time = clock_seconds();
  while (clock_seconds() - start_time < 0.0002) continue;
  return MUSTER_OK;
}

static void test_turns(void) {
  struct bench bench = start(comm, 3);
  char order[64] = "";
  struct trace traces[] = {{order, 0, 'a'}, {order, 0, 'b'}};
  struct bench_work a = {.run = wait_a_while, .context = &traces[0]}, b = {.run = wait_a_while, .context = &traces[1]};
  struct bench_work *works[] = {&a, &b};
  CHECK_OK_FATAL(bench_measure(&bench, works, 2));

  // warm-up of both, then three samples of both in turn
  CU_ASSERT_STRING_EQUAL(order, "abababab");
  CU_ASSERT_TRUE(traces[0].calls >= 3 * a.calls && a.calls >= 1);
  for (int i = 0; i < 3; i++) CU_ASSERT_TRUE(a.seconds[i] >= 0.0002 && b.seconds[i] >= 0.0002);
}

static muster_status fail(void *context) {
  (void)context;
  return status_error(MUSTER_ERROR_IO, "a disk is full");
}

static void test_failure(void) {
  struct bench bench = start(comm, 3);
  struct bench_work work = {.run = fail};
  struct bench_work *works[] = {&work};
  CHECK_FAILS(bench_measure(&bench, works, 1), MUSTER_ERROR_IO, "a disk is full");
}

static const struct check_case cases[] = {
    {"a row has median, extremes, limit and ratio", test_figures},
    {"any number of rows", test_many},
    {"the median of odd and even numbers of samples", test_median},
    {"seconds per item, and sums", test_series},
    {"works are warmed up and timed in turn", test_turns},
    {"a failing work fails the measurement", test_failure},
};

int main(int argc, char **argv) {
  muster_status status = comm_create(&argc, &argv, &comm);
  if (!check_ok(status, __FILE__, __LINE__)) return 1;
  int code = check_main("measure", cases, sizeof cases / sizeof *cases);
  comm_destroy(&comm);
  return code;
}
