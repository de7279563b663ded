/* Mean, deviations, range and median: against numbers worked out by hand and by Python's module of statistics. */
#include "base/statistics.h"
#include "support/check.h"

#include <float.h>
#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void test_plain(void) {
  const double values[] = {2, 4, 4, 4, 5, 5, 7, 9};
  struct statistics s = statistics_of(COUNT(values), values);
  CU_ASSERT_EQUAL(s.count, 8);
  CU_ASSERT_EQUAL(s.mean, 5);
  CU_ASSERT_EQUAL(s.std, 2);
  CHECK_CLOSE(s.sample_std, 2.138089935299395, 1e-15);
  CU_ASSERT_TRUE(s.min == 2 && s.max == 9);
}

/* the deviation of numbers that lie far from zero: E[x^2] - E[x]^2 has lost it at 1e8 */
static void test_small_next_to_the_mean(void) {
  for (double offset = 1; offset < 1e13; offset *= 10) {
    const double values[] = {offset, offset + 1, offset + 2, offset + 3, offset + 4};
    struct statistics s = statistics_of(COUNT(values), values);
    CU_ASSERT_EQUAL(s.mean, offset + 2);
    CHECK_CLOSE(s.std, sqrt(2.0), 1e-15);
    CHECK_CLOSE(s.sample_std, sqrt(2.5), 1e-15);
  }
  /* equal numbers whose sum is not exact deviate by nothing */
  double same[1000];
  for (size_t i = 0; i < COUNT(same); i++) same[i] = 1e15 + 0.3;
  CU_ASSERT_TRUE(statistics_of(COUNT(same), same).std <= 0.125); // one unit in the last place of the mean
  double tenths[3] = {0.1, 0.1, 0.1};
  CU_ASSERT_TRUE(statistics_of(3, tenths).std < 1e-16);
  /* the mean of many numbers is rounded by more than they deviate */
  static double many[1000000];
  for (size_t i = 0; i < COUNT(many); i++) many[i] = 123456789012.3 + (i % 2 == 0 ? 1e-4 : -1e-4);
  CHECK_CLOSE(statistics_of(COUNT(many), many).std / 1e-4, 1, 0.1); // the values themselves are rounded to 1.5e-5
}

static void test_edges_of_double(void) {
  const double ends[] = {-DBL_MAX, DBL_MAX, -DBL_MAX, DBL_MAX};
  struct statistics s = statistics_of(COUNT(ends), ends);
  CU_ASSERT_TRUE(s.mean == 0 && s.std == DBL_MAX && s.min == -DBL_MAX && s.max == DBL_MAX);
  CU_ASSERT_TRUE(isinf(s.sample_std)); // DBL_MAX * sqrt(4 / 3) is no double
  const double large[] = {DBL_MAX, DBL_MAX, DBL_MAX};
  s = statistics_of(COUNT(large), large);
  CU_ASSERT_TRUE(s.mean == DBL_MAX && s.std == 0 && s.sample_std == 0);
  const double small[] = {DBL_TRUE_MIN, 3 * DBL_TRUE_MIN};
  s = statistics_of(COUNT(small), small);
  CU_ASSERT_TRUE(s.mean == 2 * DBL_TRUE_MIN && s.std == DBL_TRUE_MIN);
  const double infinite[] = {1, INFINITY};
  s = statistics_of(COUNT(infinite), infinite);
  CU_ASSERT_TRUE(isinf(s.mean) && s.min == 1 && isinf(s.max) && isnan(s.std));
  double median[] = {DBL_MAX, DBL_MAX};
  CU_ASSERT_EQUAL(statistics_median(2, median), DBL_MAX);
}

static void test_few(void) {
  const double one[] = {7};
  struct statistics s = statistics_of(1, one);
  CU_ASSERT_TRUE(s.count == 1 && s.mean == 7 && s.std == 0 && isnan(s.sample_std) && s.min == 7 && s.max == 7);
  s = statistics_of(0, NULL);
  CU_ASSERT_TRUE(s.count == 0 && isnan(s.mean) && isnan(s.std) && isnan(s.sample_std) && isnan(s.min) && isnan(s.max));
  CU_ASSERT_TRUE(isnan(statistics_median(0, NULL)));
  /* unknown values do not count */
  double gaps[] = {NAN, 3, NAN, 1, NAN};
  s = statistics_of(COUNT(gaps), gaps);
  CU_ASSERT_TRUE(s.count == 2 && s.mean == 2 && s.std == 1 && s.min == 1 && s.max == 3);
  CU_ASSERT_EQUAL(statistics_median(COUNT(gaps), gaps), 2);
  double odd[] = {9, 1, 5};
  CU_ASSERT_EQUAL(statistics_median(3, odd), 5);
}

/* a stream gives the same as all its values at once */
static void test_stream(void) {
  double values[1000], mean = 0, squares = 0;
  for (size_t i = 0; i < COUNT(values); i++) {
    values[i] = 1e9 + (double)(i * 7919 % 1000) / 1000;
    statistics_add(values[i], (double)(i + 1), &mean, &squares);
  }
  struct statistics s = statistics_of(COUNT(values), values);
  CHECK_CLOSE(s.std, sqrt(999999.0 / 12e6), 1e-7); // each thousandth once; they are rounded to 1e-7
  CHECK_CLOSE(mean, s.mean, 1e-15);
  CHECK_CLOSE(sqrt(squares / (double)COUNT(values)), s.std, 1e-7);
}

static const struct check_case cases[] = {{"plain", test_plain},
                                          {"small next to the mean", test_small_next_to_the_mean},
                                          {"edges of double", test_edges_of_double},
                                          {"few", test_few},
                                          {"stream", test_stream}};

CHECK_MAIN("statistics", cases)
