/* Schedules of numbers: their texts and their values, by hand and against numpy.interp. */
#include "config/option.h"
#include "support/check.h"

#include <math.h>
#include <string.h>

static struct option_schedule read(const char *text) {
  struct option_schedule schedule;
  CU_ASSERT_TRUE_FATAL(schedule_read(text, &schedule));
  return schedule;
}

/* the value of the schedule when this share of the run is over */
static double at(const char *text, double share) {
  const struct option_schedule schedule = read(text);
  return option_schedule_value(&schedule, 1.0 - share);
}

/* exactly as before there were others */
static void test_constant_and_linear(void) {
  for (double remaining = 0; remaining <= 1; remaining += 0.0078125) {
    CU_ASSERT_EQUAL(at("0.0003", 1 - remaining), 0.0003);
    CU_ASSERT_EQUAL(at("lin_0.0003", 1 - remaining), 0.0003 * remaining);
  }
  CHECK_CLOSE(at("lin_0.001_0.0002", 0), 0.001, 1e-15);
  CHECK_CLOSE(at("lin_0.001_0.0002", 0.25), 0.0008, 1e-15);
  CU_ASSERT_EQUAL(at("lin_0.001_0.0002", 1), 0.0002);
  /* it may rise, too */
  CHECK_CLOSE(at("lin_0.1_0.5", 0.5), 0.3, 1e-15);
}

/* half a cosine: sqrt(2) / 2 at a quarter and three quarters */
static void test_cosine(void) {
  CU_ASSERT_EQUAL(at("cos_0.2", 0), 0.2);
  CHECK_CLOSE(at("cos_0.2", 0.25), 0.1 * (1 + sqrt(0.5)), 1e-15);
  CHECK_CLOSE(at("cos_0.2", 0.5), 0.1, 1e-15);
  CHECK_CLOSE(at("cos_0.2", 1), 0, 1e-15);
  CHECK_CLOSE(at("cos_0.3_0.1", 0.75), 0.1 + 0.1 * (1 - sqrt(0.5)), 1e-15);
}

/* up to its share a line from zero; then the rest of the run is a whole one */
static void test_warm_up(void) {
  CU_ASSERT_EQUAL(at("warmup_0.25_0.4", 0), 0);
  CHECK_CLOSE(at("warmup_0.25_0.4", 0.125), 0.2, 1e-15);
  CU_ASSERT_EQUAL(at("warmup_0.25_0.4", 0.25), 0.4);
  CU_ASSERT_EQUAL(at("warmup_0.25_0.4", 1), 0.4);
  CU_ASSERT_EQUAL(at("warmup_0.25_lin_0.4", 0.25), 0.4);
  CHECK_CLOSE(at("warmup_0.25_lin_0.4", 0.625), 0.2, 1e-15);
  CU_ASSERT_EQUAL(at("warmup_0.25_lin_0.4", 1), 0);
  CHECK_CLOSE(at("warmup_0.25_cos_0.4_0.2", 0.625), 0.3, 1e-15);
}

/* numpy.interp(share, [0, 0.1, 1], [1e-4, 3e-4, 0]) */
static void test_points(void) {
  static const char text[] = "[[0, 1e-4], [0.1, 3e-4], [1, 0]]";
  static const double shares[] = {0, 0.05, 0.1, 0.4, 0.55, 0.9, 1};
  static const double values[] = {0.0001, 0.0002, 0.0003, 0.0002, 0.00015, 3.333333333333332e-05, 0};
  for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) CHECK_CLOSE(at(text, shares[i]), values[i], 1e-17);
  /* level before the first and behind the last one */
  CU_ASSERT_EQUAL(at("[[0.25, 2], [0.5, 4]]", 0), 2);
  CU_ASSERT_EQUAL(at("[[0.25, 2], [0.5, 4]]", 0.375), 3);
  CU_ASSERT_EQUAL(at("[[0.25, 2], [0.5, 4]]", 1), 4);
  /* a jump: what comes behind it holds at its share */
  CU_ASSERT_EQUAL(at("[[0.5, 1], [0.5, -7]]", 0.4999), 1);
  CU_ASSERT_EQUAL(at("[[0.5, 1], [0.5, -7]]", 0.5), -7);
  CU_ASSERT_EQUAL(at("[[0.3, 6]]", 0.9), 6);
}

static void test_round_trip(void) {
  static const char *const texts[] = {"0",
                                      "0.0003",
                                      "lin_0.2",
                                      "lin_0.2_0.1",
                                      "cos_1",
                                      "cos_0.001_1.0e-05",
                                      "warmup_0.1_3",
                                      "warmup_0.05_lin_0.001",
                                      "warmup_0.5_cos_0.25_-0.125",
                                      "[[0, 0.0001], [0.1, 0.0003], [1, 0]]",
                                      "[[0.5, -1]]"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    char text[256];
    struct text_sink sink = text_sink_start(text, sizeof text);
    const struct option_schedule schedule = read(texts[i]);
    schedule_write(&sink, &schedule);
    CU_ASSERT_STRING_EQUAL(text, texts[i]);
    const struct option_schedule again = read(text);
    CU_ASSERT_EQUAL(memcmp(&schedule, &again, sizeof again), 0);
    CU_ASSERT_EQUAL(schedule_is_constant(&schedule), i < 2 || i == 10);
  }
}

static void test_wrong_texts(void) {
  static const char *const wrong[] = {"", "lin_", "cos_", "lin_1_", "lin_1_2_3", "1_2", "warmup_0.1", "warmup_0.1_",
                                      "warmup_0_1", "warmup_1_1", "warmup_-0.1_1", "warmup_0.1_warmup_0.1_1",
                                      "lin_cos_1", "lin_nan", "cos_1e999", "[]", "[[]]", "[[0]]", "[[0, 1]",
                                      "[[0, 1]]]", "[[0, 1] [1, 2]]", "[[0, 1], ]", "[0, 1]", "[[0, 1, 2]]", "[[0, x]]",
                                      "[[-0.1, 1], [1, 0]]", "[[0, 1], [1.1, 0]]", "[[0.5, 1], [0.4, 0]]", "[[0, 1]] ",
                                      /* 17 points */
                                      "[[0, 1], [0, 1], [0, 1], [0, 1], [0, 1], [0, 1], [0, 1], [0, 1], [0, 1], [0, "
                                      "1], [0, 1], [0, 1], [0, 1], [0, 1], "
                                      "[0, 1], [0, 1], [0, 1]]"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct option_schedule schedule;
    CU_ASSERT_FALSE(schedule_read(wrong[i], &schedule));
  }
}

/* a table's range holds for every value; only where 0 itself is beyond it may a schedule still come to 0 */
static void test_ranges(void) {
  const struct option_spec option = {.key = "rate", .type = OPTION_SCHEDULE, .min = 0, .min_exclusive = true, .max = 1};
  static const char *const right[] = {"1", "lin_0.5_1", "[[0, 1], [1, 0]]", "[[0, 0], [1, 1]]", "cos_1_0"};
  static const char *const wrong[] = {"0", "lin_0", "lin_0.5_2", "lin_0.5_-1", "[[0, 2], [1, 0]]", "[[0, -1]]"};
  struct option_schedule schedule;
  for (size_t i = 0; i < sizeof right / sizeof *right; i++) CHECK_OK(option_parse(&option, right[i], &schedule));
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    CHECK_FAILS(option_parse(&option, wrong[i], &schedule), MUSTER_ERROR_USAGE, "> 0, <= 1");
}

static const struct check_case cases[] = {
    {"constants and lines", test_constant_and_linear},
    {"cosines", test_cosine},
    {"warm-up", test_warm_up},
    {"points", test_points},
    {"texts read back", test_round_trip},
    {"wrong texts", test_wrong_texts},
    {"ranges", test_ranges},
};

CHECK_MAIN("schedules of numbers", cases)
