/* Histograms: counts, ends and sums of arrays whose distribution is known. */
#include "store/histogram.h"
#include "support/check.h"

#include <math.h>

static double sum_of_counts(const struct histogram *histogram) {
  double sum = 0;
  for (size_t i = 0; i < histogram->n_buckets; i++) sum += histogram->count[i];
  return sum;
}

static void test_even_spread(void) {
  // the middles of thirty buckets from 0 to 30, each twice, and both ends
  float values[2 * HISTOGRAM_BUCKETS + 2];
  for (int i = 0; i < HISTOGRAM_BUCKETS; i++) values[2 * i] = values[2 * i + 1] = (float)i + 0.5f;
  values[2 * HISTOGRAM_BUCKETS] = 0;
  values[2 * HISTOGRAM_BUCKETS + 1] = HISTOGRAM_BUCKETS;
  struct histogram histogram = histogram_make(values, 2 * HISTOGRAM_BUCKETS + 2);
  CU_ASSERT_EQUAL_FATAL(histogram.n_buckets, HISTOGRAM_BUCKETS);
  CU_ASSERT_EQUAL(histogram.min, 0);
  CU_ASSERT_EQUAL(histogram.max, HISTOGRAM_BUCKETS);
  CU_ASSERT_EQUAL(histogram.num, 2 * HISTOGRAM_BUCKETS + 2);
  double sum = HISTOGRAM_BUCKETS, squares = HISTOGRAM_BUCKETS * HISTOGRAM_BUCKETS;
  for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
    CHECK_CLOSE(histogram.limit[i], i + 1, 1e-12);
    CU_ASSERT_EQUAL(histogram.count[i], i == 0 || i == HISTOGRAM_BUCKETS - 1 ? 3 : 2);
    sum += 2 * (i + 0.5);
    squares += 2 * (i + 0.5) * (i + 0.5);
  }
  CU_ASSERT_EQUAL(histogram.limit[HISTOGRAM_BUCKETS - 1], histogram.max);
  CHECK_CLOSE(histogram.sum, sum, 1e-12);
  CHECK_CLOSE(histogram.sum_squares, squares, 1e-12);
}

static void test_all_the_same(void) {
  static const float values[] = {-1.5f, -1.5f, -1.5f};
  struct histogram histogram = histogram_make(values, 3);
  CU_ASSERT_EQUAL_FATAL(histogram.n_buckets, 1);
  CU_ASSERT_EQUAL(histogram.limit[0], -1.5);
  CU_ASSERT_EQUAL(histogram.count[0], 3);
  CU_ASSERT_EQUAL(histogram.min, -1.5);
  CU_ASSERT_EQUAL(histogram.sum, -4.5);
}

static void test_not_finite(void) {
  const float values[] = {NAN, 1.0f, INFINITY, 3.0f, -INFINITY};
  struct histogram histogram = histogram_make(values, 5);
  CU_ASSERT_EQUAL(histogram.num, 2);
  CU_ASSERT_EQUAL(histogram.min, 1);
  CU_ASSERT_EQUAL(histogram.max, 3);
  CU_ASSERT_EQUAL(sum_of_counts(&histogram), 2);
  CU_ASSERT_EQUAL(histogram_make(values, 1).n_buckets, 0);
  CU_ASSERT_EQUAL(histogram_make(values, 0).n_buckets, 0);
}

/* the smallest and the largest steps that a float can make: no value is left out */
static void test_extremes(void) {
  const float tiny[] = {0.0f, 1e-45f, 1e-45f}, huge[] = {-3.4e38f, 0.0f, 3.4e38f};
  struct histogram histogram = histogram_make(tiny, 3);
  CU_ASSERT_EQUAL(histogram.count[0], 1);
  CU_ASSERT_EQUAL(histogram.count[HISTOGRAM_BUCKETS - 1], 2);
  histogram = histogram_make(huge, 3);
  CU_ASSERT_EQUAL(sum_of_counts(&histogram), 3);
  CU_ASSERT_TRUE(isfinite(histogram.sum_squares));
}

static const struct check_case cases[] = {
    {"an even spread", test_even_spread},
    {"all numbers the same", test_all_the_same},
    {"numbers that are not finite", test_not_finite},
    {"extremes", test_extremes},
};

CHECK_MAIN("histogram", cases)
