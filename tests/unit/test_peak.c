/* The measured peak, with which the benchmark compares, comes from a function that does all the work that it claims. */
#include "math/peak.h"

#include "math/linear.h"
#include "support/check.h"

/* every x converges to 1/2, so the sum tells how many there are */
static void test_count(void) {
  static const char *const sets[] = {"baseline", "avx2", "avx512"};
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
    if (!linear_select(sets[i])) continue;
    double count = peak_flops(1) / 2.0;
    CHECK_CLOSE(peak_multiply_add(20000), 0.5 * count, 1e-3);
    CHECK_CLOSE(peak_flops(1000), 2000.0 * count, 0.0);
  }
  linear_select(NULL);
}

/* chain i starts with x = i: what is left after a few rounds follows from the formula */
static void test_formula(void) {
  linear_select("baseline");
  double width = 4.0, chains = peak_flops(1) / (2.0 * width), sum = 0.0;
  for (double chain = 0; chain < chains; chain++) {
    double x = chain;
    for (int round = 0; round < 10; round++) x = 0.999 * x + 0.0005;
    sum += width * x;
  }
  CHECK_CLOSE(peak_multiply_add(10), sum, 1e-5);
  linear_select(NULL);
}

static const struct check_case cases[] = {
    {"all multiply-adds are done", test_count},
    {"they follow the formula", test_formula},
};

CHECK_MAIN("peak", cases)
