/* metrics.csv read back: what the writer wrote, files of runs that are still writing, and damaged files. */
#include "store/metrics.h"
#include "store/metrics_read.h"
#include "support/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define PATH_SIZE 2048

static char path[PATH_SIZE];

static const char *write_file(const char *text) {
  CU_ASSERT_FATAL(snprintf(path, sizeof path, "%s/metrics.csv", check_folder("metrics_read")) < PATH_SIZE);
  FILE *file = fopen(path, "w");
  CU_ASSERT_FATAL(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
  return path;
}

static struct metrics_table *read_text(const char *text) {
  struct metrics_table *table = NULL;
  CHECK_OK_FATAL(metrics_read(write_file(text), &table));
  return table;
}

static void test_written(void) {
  static const char *const columns[] = {"steps", "loss", "never"};
  snprintf(path, sizeof path, "%s/metrics.csv", check_folder("metrics_written"));
  struct metrics *metrics = NULL;
  CHECK_OK_FATAL(metrics_open(path, columns, 3, -1, &metrics));
  for (int i = 0; i < 1000; i++) {
    metrics_set(metrics, "steps", i);
    if (i % 3 == 0) metrics_set(metrics, "loss", i == 6 ? INFINITY : 1.0 / (i + 1));
    CHECK_OK(metrics_end_row(metrics));
  }
  metrics_close(&metrics);

  struct metrics_table *table = NULL;
  CHECK_OK_FATAL(metrics_read(path, &table));
  CU_ASSERT_EQUAL_FATAL(table->n_columns, 3);
  CU_ASSERT_EQUAL_FATAL(table->n_rows, 1000);
  CU_ASSERT_FALSE(table->torn);
  const double *loss = metrics_table_column(table, "loss"), *steps = metrics_table_column(table, "steps");
  for (int i = 0; i < 1000; i++) {
    CU_ASSERT_EQUAL(steps[i], i);
    if (i % 3 == 0)
      CU_ASSERT_EQUAL(loss[i], i == 6 ? INFINITY : 1.0 / (i + 1))
    else
      CU_ASSERT_TRUE(isnan(loss[i]));
  }
  CU_ASSERT_EQUAL(metrics_table_last(table, "loss"), 1.0 / 1000);
  CU_ASSERT_TRUE(isnan(metrics_table_last(table, "never")));
  CU_ASSERT_TRUE(isnan(metrics_table_last(table, "unknown")));
  CU_ASSERT_PTR_NULL(metrics_table_column(table, "los"));
  metrics_table_destroy(&table);
  CU_ASSERT_PTR_NULL(table);
  metrics_table_destroy(&table);
}

/* a file that ends anywhere: only the whole lines count */
static void test_cut_anywhere(void) {
  static const char whole[] = "a,b\n1,2.5\n3,\n";
  for (size_t length = 0; length < sizeof whole; length++) {
    char text[sizeof whole] = "";
    memcpy(text, whole, length);
    struct metrics_table *table = read_text(text);
    CU_ASSERT_EQUAL(table->torn, length != 0 && length != 4 && length != 10 && length != 13);
    CU_ASSERT_EQUAL(table->n_columns, length < 4 ? 0 : 2);
    CU_ASSERT_EQUAL(table->n_rows, length < 10 ? 0 : length < 13 ? 1 : 2);
    CU_ASSERT_TRUE(length < 10 || metrics_table_last(table, "b") == 2.5);
    metrics_table_destroy(&table);
  }
}

static void test_other_programs(void) {
  struct metrics_table *table = read_text("a,b\r\nnan,-inf\r\n1e3,\r\n");
  CU_ASSERT_EQUAL_FATAL(table->n_rows, 2);
  CU_ASSERT_TRUE(isnan(table->columns[0][0]));
  CU_ASSERT_EQUAL(table->columns[1][0], -INFINITY);
  CU_ASSERT_EQUAL(table->columns[0][1], 1000);
  CU_ASSERT_TRUE(isnan(table->columns[1][1]));
  metrics_table_destroy(&table);
}

static void test_spoiled(void) {
  struct metrics_table *table = NULL;
  CHECK_FAILS(metrics_read(write_file("a,b\n1,2\n1\n"), &table), MUSTER_ERROR_FORMAT, "csv:3: 1 values, but");
  CHECK_FAILS(metrics_read(write_file("a,b\n1,2,3\n"), &table), MUSTER_ERROR_FORMAT, "csv:2: 3 values, but");
  CHECK_FAILS(metrics_read(write_file("a,b\n1,2x\n"), &table), MUSTER_ERROR_FORMAT, "csv:2: b: '2x' is not a number");
  CHECK_FAILS(metrics_read(write_file("a,b,a\n"), &table), MUSTER_ERROR_FORMAT, "the column a is there twice");
  CHECK_FAILS(metrics_read("/nowhere/metrics.csv", &table), MUSTER_ERROR_IO, "/nowhere/metrics.csv");
  CHECK_FAILS(metrics_read("/", &table), MUSTER_ERROR_IO, "/");
  CU_ASSERT_PTR_NULL(table);
}

static const struct check_case cases[] = {
    {"what the writer wrote comes back", test_written},
    {"a file may end anywhere", test_cut_anywhere},
    {"line ends and words of other programs", test_other_programs},
    {"a spoiled file is named with its line", test_spoiled},
};

CHECK_MAIN("metrics_read", cases)
