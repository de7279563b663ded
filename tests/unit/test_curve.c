/* Learning curves: means and bands over seeds on a common grid, against sums written out here. */
#include "support/check.h"
#include "view/curve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 1200, RUNS = 4 };

/* runs that the tests make: tables of two columns, x and y, in one group */
struct fixture {
  double x[RUNS][ROWS], y[RUNS][ROWS];
  double *columns[RUNS][2];
  struct metrics_table tables[RUNS];
  struct run_info info[RUNS], *pointers[RUNS];
  size_t members[RUNS];
  int64_t seeds[RUNS];
  struct run_group group;
  struct grouped_runs runs;
};

static char name_x[] = "x", name_y[] = "y";
static char *names[] = {name_x, name_y};
static struct fixture fixture;

/* n runs of this many rows, whose values a case fills in */
static struct fixture *make_runs(size_t n, size_t rows) {
  struct fixture *made = &fixture;
  memset(made, 0, sizeof *made);
  for (size_t i = 0; i < n; i++) {
    made->columns[i][0] = made->x[i];
    made->columns[i][1] = made->y[i];
    made->tables[i] = (struct metrics_table){names, made->columns[i], 2, rows, false};
    made->info[i].metrics = &made->tables[i];
    made->pointers[i] = &made->info[i];
    made->members[i] = i;
    made->seeds[i] = (int64_t)i;
    for (size_t row = 0; row < rows; row++) made->x[i][row] = (double)(row + 1) * 100;
  }
  made->group = (struct run_group){.members = made->members, .seeds = made->seeds, .n_members = n, .n_seeds = n};
  made->runs = (struct grouped_runs){made->pointers, n, &made->group, 1};
  return made;
}

static struct curve draw(const struct fixture *made, enum curve_band band, size_t smooth) {
  struct curve_request request = {.x = "x", .y = "y", .band = band, .smooth = smooth};
  struct curve curve;
  CHECK_OK_FATAL(curve_create(&made->runs, &made->group, &request, &curve));
  return curve;
}

/* the same rows in all runs: no value is moved, and the band is the sample's deviation or its range */
static void test_same_rows(void) {
  struct fixture *made = make_runs(3, 50);
  for (size_t row = 0; row < 50; row++)
    for (size_t i = 0; i < 3; i++) made->y[i][row] = sin((double)row) + (double)(i * i);
  for (int band = BAND_STD; band <= BAND_MIN_MAX; band++) {
    struct curve curve = draw(made, (enum curve_band)band, 1);
    CU_ASSERT_EQUAL_FATAL(curve.n, 50);
    CU_ASSERT_EQUAL(curve.n_seeds, 3);
    for (size_t row = 0; row < 50; row++) {
      // 0, 1 and 4 have the mean 5/3 and the variance 13/3
      double mean = sin((double)row) + 5.0 / 3.0, deviation = sqrt(13.0 / 3.0);
      CHECK_CLOSE(curve.x[row], made->x[0][row], 1e-12);
      CHECK_CLOSE(curve.mean[row], mean, 1e-12);
      CHECK_CLOSE(curve.low[row], band == BAND_STD ? mean - deviation : sin((double)row), 1e-12);
      CHECK_CLOSE(curve.high[row], band == BAND_STD ? mean + deviation : sin((double)row) + 4, 1e-12);
    }
    curve_release(&curve);
    CU_ASSERT_EQUAL(curve.n, 0);
  }
}

/* more rows than the grid has points: each point is the mean of its rows, and nothing is lost */
static void test_long_runs(void) {
  struct fixture *made = make_runs(1, ROWS);
  double sum = 0, drawn = 0;
  for (size_t row = 0; row < ROWS; row++) sum += made->y[0][row] = row == 777 ? 1000 : 1;
  struct curve curve = draw(made, BAND_STD, 1);
  CU_ASSERT_EQUAL_FATAL(curve.n, ROWS / 3);
  CHECK_CLOSE(curve.x[0], 100, 1e-12);
  CHECK_CLOSE(curve.x[curve.n - 1], 100.0 * ROWS, 1e-12);
  double most = 0;
  for (size_t i = 0; i < curve.n; i++) {
    drawn += curve.mean[i] - 1;
    most = fmax(most, curve.mean[i]);
    CU_ASSERT_EQUAL(curve.low[i], curve.mean[i]);
  }
  CHECK_CLOSE(drawn, (sum - ROWS) / 3, 0.5);
  CHECK_CLOSE(most, 334, 1e-12);
  curve_release(&curve);
}

/* runs with rows at other times: straight lines in between; rows that are not finite, or step back, do not count */
static void test_lines_between(void) {
  struct fixture *made = make_runs(2, 5);
  const double x[2][5] = {{0, 10, 20, 30, 40}, {0, 5, 4, 40, NAN}}, y[2][5] = {{0, 1, 2, 3, 4}, {0, NAN, 9, 8, 7}};
  memcpy(made->x[0], x[0], sizeof x[0]);
  memcpy(made->x[1], x[1], sizeof x[1]);
  memcpy(made->y[0], y[0], sizeof y[0]);
  memcpy(made->y[1], y[1], sizeof y[1]);
  made->x[1][2] = -4;
  struct curve curve = draw(made, BAND_MIN_MAX, 1);
  CU_ASSERT_EQUAL_FATAL(curve.n, 5);
  for (size_t i = 0; i < 5; i++) {
    CHECK_CLOSE(curve.low[i], (double)i, 1e-12);
    CHECK_CLOSE(curve.high[i], 2.0 * (double)i, 1e-12);
    CHECK_CLOSE(curve.mean[i], 1.5 * (double)i, 1e-12);
  }
  curve_release(&curve);
}

/* runs that end early: the curve goes on while half of them do */
static void test_early_ends(void) {
  struct fixture *made = make_runs(4, 100);
  static const size_t ends[] = {100, 60, 60, 20};
  for (size_t i = 0; i < 4; i++) {
    made->tables[i].n_rows = ends[i];
    for (size_t row = 0; row < 100; row++) made->y[i][row] = (double)i;
  }
  struct curve curve = draw(made, BAND_MIN_MAX, 1);
  CU_ASSERT_EQUAL_FATAL(curve.n, 60);
  CHECK_CLOSE(curve.mean[19], 1.5, 1e-12);
  CHECK_CLOSE(curve.mean[20], 1, 1e-12);
  CHECK_CLOSE(curve.high[20], 2, 1e-12);
  curve_release(&curve);
}

static void test_smooth(void) {
  struct fixture *made = make_runs(1, 40);
  for (size_t row = 0; row < 40; row++) made->y[0][row] = (double)(row * row);
  struct curve curve = draw(made, BAND_STD, 7);
  CU_ASSERT_EQUAL_FATAL(curve.n, 40);
  for (size_t row = 0; row < 40; row++) {
    double sum = 0;
    size_t first = row < 6 ? 0 : row - 6;
    for (size_t k = first; k <= row; k++) sum += (double)(k * k);
    CHECK_CLOSE(curve.mean[row], sum / (double)(row + 1 - first), 1e-12);
  }
  curve_release(&curve);
}

/* a large value leaves no trace in the means of those after it; nor do values of 1e300 leave the range of double */
static void test_smooth_behind_a_large_value(void) {
  struct fixture *made = make_runs(1, 40);
  for (size_t row = 0; row < 40; row++) made->y[0][row] = row == 3 ? 1e25 : 1;
  struct curve curve = draw(made, BAND_STD, 5);
  for (size_t row = 8; row < 40; row++) CU_ASSERT_EQUAL(curve.mean[row], 1);
  curve_release(&curve);
  made = make_runs(3, 40);
  for (size_t i = 0; i < 3; i++)
    for (size_t row = 0; row < 40; row++) made->y[i][row] = i == 0 ? -1e300 : 1e300;
  curve = draw(made, BAND_STD, 1);
  for (size_t row = 0; row < 40; row++) {
    CHECK_CLOSE(curve.mean[row] / 1e300, 1.0 / 3, 1e-12);
    CHECK_CLOSE((curve.high[row] - curve.mean[row]) / 1e300, 2 / sqrt(3.0), 1e-12);
  }
  curve_release(&curve);
}

/* several runs of one seed count as one: the band is that of two seeds, 2 and 8, and not of four runs */
static void test_repetitions(void) {
  struct fixture *made = make_runs(4, 10);
  const double values[] = {8, 1, 2, 3};
  const int64_t seeds[] = {5, 7, 7, 7}; // the members of a group are sorted by seed
  memcpy(made->seeds, seeds, sizeof seeds);
  for (size_t i = 0; i < 4; i++)
    for (size_t row = 0; row < 10; row++) made->y[i][row] = values[i];
  struct curve curve = draw(made, BAND_STD, 1);
  CU_ASSERT_EQUAL(curve.n_seeds, 2);
  for (size_t row = 0; row < 10; row++) {
    CHECK_CLOSE(curve.mean[row], 5, 1e-12);
    CHECK_CLOSE(curve.high[row], 5 + sqrt(18.0), 1e-12);
  }
  curve_release(&curve);
}

/* to have nothing to draw is no error */
static void test_nothing(void) {
  struct fixture *made = make_runs(2, 3);
  for (size_t row = 0; row < 3; row++) made->y[0][row] = made->y[1][row] = row == 1 ? INFINITY : NAN;
  struct curve curve = draw(made, BAND_STD, 3);
  CU_ASSERT_EQUAL(curve.n, 0);
  curve_release(&curve);
  made->tables[0].n_columns = made->tables[1].n_columns = 1;
  curve = draw(made, BAND_STD, 1);
  CU_ASSERT_EQUAL(curve.n, 0);
  curve_release(&curve);

  // one row is one point
  made = make_runs(1, 1);
  made->y[0][0] = 5;
  curve = draw(made, BAND_STD, 1);
  CU_ASSERT_EQUAL_FATAL(curve.n, 1);
  CU_ASSERT_EQUAL(curve.mean[0], 5);
  curve_release(&curve);
}

static const struct check_case cases[] = {
    {"runs with the same rows", test_same_rows},
    {"more rows than points", test_long_runs},
    {"straight lines between values", test_lines_between},
    {"runs that end early", test_early_ends},
    {"smoothing", test_smooth},
    {"smoothing behind a large value", test_smooth_behind_a_large_value},
    {"repetitions of a seed", test_repetitions},
    {"nothing to draw", test_nothing},
};

CHECK_MAIN("curve", cases)
