/* Metrics: rows are read back as the doubles that were written, and a resumed file has each row once. */
#include "store/metrics.h"
#include "support/check.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define PATH_SIZE 2048

static const char *const columns[] = {"total_steps", "loss", "eval/mean_reward"};
#define HEADER "total_steps,loss,eval/mean_reward\n"

/* a path in an empty folder */
static const char *fresh_path(char path[PATH_SIZE], const char *folder) {
  CU_ASSERT_FATAL(snprintf(path, PATH_SIZE, "%s/metrics.csv", check_folder(folder)) < PATH_SIZE);
  return path;
}

static void write_text(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  CU_ASSERT_FATAL(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void check_text(const char *path, const char *expected) {
  char text[4096] = {0};
  FILE *file = fopen(path, "r");
  CU_ASSERT_FATAL(file != NULL);
  CU_ASSERT_TRUE(fread(text, 1, sizeof text - 1, file) < sizeof text - 1);
  fclose(file);
  CU_ASSERT_STRING_EQUAL(text, expected);
}

static struct metrics *open_metrics(const char *path, int64_t keep_rows) {
  struct metrics *metrics = NULL;
  CHECK_OK_FATAL(metrics_open(path, columns, 3, keep_rows, &metrics));
  return metrics;
}

static void add_row(struct metrics *metrics, double steps) {
  metrics_set(metrics, "total_steps", steps);
  CHECK_OK(metrics_end_row(metrics));
}

static void test_rows(void) {
  char path[PATH_SIZE];
  struct metrics *metrics = open_metrics(fresh_path(path, "metrics_rows"), -1);
  check_text(path, HEADER);
  CU_ASSERT_TRUE(isnan(metrics_get(metrics, "loss")));
  metrics_set(metrics, "loss", 0.1);
  metrics_set(metrics, "total_steps", 102400);
  metrics_set(metrics, "loss", -0.25);
  CU_ASSERT_EQUAL(metrics_get(metrics, "loss"), -0.25);
  CHECK_OK(metrics_end_row(metrics));

  // a new row starts empty
  CU_ASSERT_TRUE(isnan(metrics_get(metrics, "loss")));
  metrics_set(metrics, "eval/mean_reward", 500);
  metrics_set(metrics, "loss", NAN);
  CHECK_OK(metrics_end_row(metrics));
  CHECK_OK(metrics_end_row(metrics));
  CU_ASSERT_EQUAL(metrics_rows(metrics), 3);
  CHECK_OK(metrics_sync(metrics));
  check_text(path, HEADER "102400,-0.25,\n,,500\n,,\n");
  metrics_close(&metrics);
  CU_ASSERT_PTR_NULL(metrics);
  metrics_close(&metrics);
}

/* opens the last row again, if it has this number of steps */
static bool reopen(struct metrics *metrics, double steps) {
  bool is_open;
  CHECK_OK(metrics_reopen_row(metrics, "total_steps", steps, &is_open));
  return is_open;
}

/* what was missing in the last row of a file is added to it, once, and only by a caller that names that row */
static void test_reopen(void) {
  char path[PATH_SIZE];
  write_text(fresh_path(path, "metrics_reopen"), HEADER "256,0.1,\n512,0.25,\n768,1,\n");
  struct metrics *metrics = open_metrics(path, 2);
  CU_ASSERT_FALSE(reopen(metrics, 256));
  CU_ASSERT_TRUE(isnan(metrics_get(metrics, "loss")));
  CU_ASSERT_TRUE(reopen(metrics, 512));
  CU_ASSERT_EQUAL(metrics_get(metrics, "loss"), 0.25);
  metrics_set(metrics, "eval/mean_reward", 123.5);
  CHECK_OK(metrics_end_row(metrics));
  CU_ASSERT_TRUE(isnan(metrics_get(metrics, "eval/mean_reward")));
  CU_ASSERT_EQUAL(metrics_rows(metrics), 2);
  add_row(metrics, 768);
  CU_ASSERT_FALSE(reopen(metrics, 768));
  CU_ASSERT_EQUAL(metrics_rows(metrics), 3);
  metrics_close(&metrics);
  check_text(path, HEADER "256,0.1,\n512,0.25,123.5\n768,,\n");

  /* a file without rows, and one whose last line is not a row */
  metrics = open_metrics(path, 0);
  CU_ASSERT_FALSE(reopen(metrics, 512));
  metrics_close(&metrics);
  write_text(path, HEADER "512,a,\n");
  metrics = open_metrics(path, 1);
  CU_ASSERT_FALSE(reopen(metrics, 512));
  metrics_close(&metrics);
  check_text(path, HEADER "512,a,\n");

  /* a row that cannot be written stays as it is */
  write_text(path, HEADER "512,0.25,\n");
  metrics = open_metrics(path, 1);
  CU_ASSERT_TRUE(reopen(metrics, 512));
  metrics_set(metrics, "eval/mean_reward", 1.0 / 3.0);
  struct rlimit old, low;
  CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &old), 0);
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  low = (struct rlimit){.rlim_cur = strlen(HEADER "512,0.25,\n") + 5, .rlim_max = old.rlim_max};
  CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &low), 0);
  muster_status status = metrics_end_row(metrics);
  CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
  signal(SIGXFSZ, handler);
  CHECK_FAILS(status, MUSTER_ERROR_IO, "cannot write a row anew");
  metrics_close(&metrics);
  check_text(path, HEADER "512,0.25,\n");
}

static void test_numbers_read_back(void) {
  static const double values[] = {
      0.1,  1.0 / 3.0, -2.5e-8,  5e-324,   1.7976931348623157e308, 1e15, 123456789012345, 9.007e15, 1e22, 0.3,
      1e-5, -0.0,      INFINITY, -INFINITY};
  static const char *const texts[] = {"0.1",
                                      "0.3333333333333333",
                                      "-2.5e-08",
                                      "5e-324",
                                      "1.7976931348623157e+308",
                                      "1e+15",
                                      "123456789012345",
                                      "9.007e+15",
                                      "1e+22",
                                      "0.3",
                                      "1e-05",
                                      "-0",
                                      "inf",
                                      "-inf"};
  char path[PATH_SIZE], line[256];
  struct metrics *metrics = open_metrics(fresh_path(path, "metrics_numbers"), -1);
  size_t n = sizeof values / sizeof *values;
  for (size_t i = 0; i < n; i++) add_row(metrics, values[i]);
  metrics_close(&metrics);

  FILE *file = fopen(path, "r");
  CU_ASSERT_PTR_NOT_NULL_FATAL(fgets(line, sizeof line, file));
  for (size_t i = 0; i < n; i++) {
    CU_ASSERT_PTR_NOT_NULL_FATAL(fgets(line, sizeof line, file));
    double back = strtod(line, NULL);
    CU_ASSERT_EQUAL(memcmp(&back, &values[i], sizeof back), 0);
    line[strcspn(line, ",")] = '\0';
    CU_ASSERT_STRING_EQUAL(line, texts[i]);
  }
  fclose(file);
}

static void test_append_and_cut_back(void) {
  char path[PATH_SIZE];
  struct metrics *metrics = open_metrics(fresh_path(path, "metrics_resume"), 7);
  CU_ASSERT_EQUAL(metrics_rows(metrics), 0);
  for (int i = 1; i <= 3; i++) add_row(metrics, i);
  metrics_close(&metrics);

  // a negative number keeps all
  metrics = open_metrics(path, -1);
  CU_ASSERT_EQUAL(metrics_rows(metrics), 3);
  add_row(metrics, 4);
  metrics_close(&metrics);
  check_text(path, HEADER "1,,\n2,,\n3,,\n4,,\n");

  metrics = open_metrics(path, 2);
  CU_ASSERT_EQUAL(metrics_rows(metrics), 2);
  check_text(path, HEADER "1,,\n2,,\n");
  add_row(metrics, 3.5);
  metrics_close(&metrics);
  check_text(path, HEADER "1,,\n2,,\n3.5,,\n");

  // more than there are: metrics_rows() tells how many there are
  metrics = open_metrics(path, 9);
  CU_ASSERT_EQUAL(metrics_rows(metrics), 3);
  metrics_close(&metrics);
  metrics = open_metrics(path, 0);
  CU_ASSERT_EQUAL(metrics_rows(metrics), 0);
  metrics_close(&metrics);
  check_text(path, HEADER);
}

static void test_torn_lines(void) {
  char path[PATH_SIZE];
  fresh_path(path, "metrics_torn");

  // a torn row, kept or not
  static const int64_t keep[] = {-1, 2, 5};
  for (int i = 0; i < 3; i++) {
    write_text(path, HEADER "1,,\n2,,\n3,0.");
    struct metrics *metrics = open_metrics(path, keep[i]);
    CU_ASSERT_EQUAL(metrics_rows(metrics), 2);
    add_row(metrics, 3);
    metrics_close(&metrics);
    check_text(path, HEADER "1,,\n2,,\n3,,\n");
  }

  // a torn header is written anew, and so is a missing one
  static const char *const starts[] = {"total_st", "total_steps,loss,eval/mean_reward", ""};
  for (int i = 0; i < 3; i++) {
    write_text(path, starts[i]);
    struct metrics *metrics = open_metrics(path, -1);
    metrics_close(&metrics);
    check_text(path, HEADER);
  }
}

static void test_other_columns(void) {
  char path[PATH_SIZE];
  struct metrics *metrics = NULL;
  fresh_path(path, "metrics_columns");
  static const char *const texts[] = {"total_steps,loss\n1,2\n", "total_steps,loss,eval/mean_reward,more\n", "notes",
                                      "total_steps,loss,eval/mean_rewarD\n"};
  for (int i = 0; i < 4; i++) {
    write_text(path, texts[i]);
    CHECK_FAILS(metrics_open(path, columns, 3, 0, &metrics), MUSTER_ERROR_FORMAT, "has other columns");
    check_text(path, texts[i]);
  }
}

/* empty lines are no rows */
static void test_blank_lines(void) {
  char path[PATH_SIZE];
  fresh_path(path, "metrics_blank");
  write_text(path, HEADER "\n1,,\n \t\r\n\n2,,\n3,,\n");
  struct metrics *metrics = open_metrics(path, 2);
  CU_ASSERT_EQUAL(metrics_rows(metrics), 2);
  add_row(metrics, 5);
  metrics_close(&metrics);
  check_text(path, HEADER "\n1,,\n \t\r\n\n2,,\n5,,\n");

  // a row of one column may be empty
  static const char *const one[] = {"loss"};
  write_text(path, "loss\n\n1\n\n");
  CHECK_OK_FATAL(metrics_open(path, one, 1, -1, &metrics));
  CU_ASSERT_EQUAL(metrics_rows(metrics), 3);
  metrics_close(&metrics);
}

static void test_unwritable(void) {
  char path[PATH_SIZE];
  struct metrics *metrics = NULL;
  const char *folder = check_folder("metrics_unwritable");
  CHECK_FAILS(metrics_open(folder, columns, 3, -1, &metrics), MUSTER_ERROR_IO, "is a folder");
  CU_ASSERT_FATAL(snprintf(path, sizeof path, "%s/not/there.csv", folder) < PATH_SIZE);
  CHECK_FAILS(metrics_open(path, columns, 3, -1, &metrics), MUSTER_ERROR_IO, "No such file");
}

/* a row that cannot be written, because of a limit on the size of files: no torn line is left, and the rows, however
 * many, wait in memory until they can be written */
static void test_failed_write(void) {
  char path[PATH_SIZE];
  struct metrics *metrics = open_metrics(fresh_path(path, "metrics_limit"), -1);
  add_row(metrics, 1);
  metrics_set(metrics, "loss", 1.0 / 3.0);

  struct rlimit old, low;
  CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &old), 0);
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  low = (struct rlimit){.rlim_cur = strlen(HEADER "1,,\n") + 5, .rlim_max = old.rlim_max};
  CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &low), 0);
  muster_status status = metrics_end_row(metrics), reason = metrics_sync(metrics);
  CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
  signal(SIGXFSZ, handler);

  CHECK_FAILS(status, MUSTER_ERROR_IO, "cannot write a row");
  CHECK_FAILS(reason, MUSTER_ERROR_IO, "File too large");
  check_text(path, HEADER "1,,\n");
  CU_ASSERT_EQUAL(metrics_rows(metrics), 2);
  CU_ASSERT(isnan(metrics_get(metrics, "loss")));
  CHECK_OK(metrics_sync(metrics));
  check_text(path, HEADER "1,,\n,0.3333333333333333,\n");

  // many rows while nothing can be written: none is lost, doubled or torn, and each call returns the error
  CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &low), 0);
  handler = signal(SIGXFSZ, SIG_IGN);
  for (int i = 0; i < 100; i++) {
    metrics_set(metrics, "total_steps", 7);
    CHECK_FAILS(metrics_end_row(metrics), MUSTER_ERROR_IO, "cannot write a row");
    CHECK_FAILS(metrics_sync(metrics), MUSTER_ERROR_IO, "cannot write a row");
  }
  CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
  signal(SIGXFSZ, handler);
  check_text(path, HEADER "1,,\n,0.3333333333333333,\n");
  add_row(metrics, 8);
  char expected[2048] = HEADER "1,,\n,0.3333333333333333,\n";
  for (int i = 0; i < 100; i++) strcat(expected, "7,,\n");
  check_text(path, strcat(expected, "8,,\n"));
  CU_ASSERT_EQUAL(metrics_rows(metrics), 103);
  metrics_close(&metrics);
}

/* what the first line of a file says; where there is none yet, nothing is known */
static void test_has_column(void) {
  char path[PATH_SIZE];
  bool has = true;
  fresh_path(path, "metrics_has_column");
  CHECK_OK(metrics_has_column(path, "loss", &has));
  CU_ASSERT_TRUE(has);
  write_text(path, "total_steps,lo");
  CHECK_OK(metrics_has_column(path, "loss", &has));
  CU_ASSERT_TRUE(has);
  write_text(path, HEADER "1,2,3\n");
  for (int i = 0; i < 3; i++) {
    has = false;
    CHECK_OK(metrics_has_column(path, columns[i], &has));
    CU_ASSERT_TRUE(has);
  }
  CHECK_OK(metrics_has_column(path, "los", &has));
  CU_ASSERT_FALSE(has);
}

static const struct check_case cases[] = {
    {"whether there is a column", test_has_column},
    {"rows", test_rows},
    {"the last row again", test_reopen},
    {"numbers read back, in short form", test_numbers_read_back},
    {"append and cut back", test_append_and_cut_back},
    {"torn lines", test_torn_lines},
    {"other columns", test_other_columns},
    {"blank lines", test_blank_lines},
    {"unwritable paths", test_unwritable},
    {"a failed write", test_failed_write},
};

CHECK_MAIN("metrics", cases)
