/* Philox against Random123's known answers, and what is built on it. */
#include "base/random.h"
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* philox4x32-10 of Random123's kat_vectors: counter words, key words, result */
static void test_known_answers(void) {
  static const uint32_t vectors[3][10] = {{0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
                                          {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff,
                                           0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
                                          {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0,
                                           0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}};
  for (size_t i = 0; i < 3; i++) {
    const uint32_t *v = vectors[i];
    uint32_t words[4];
    random_words((uint64_t)v[5] << 32 | v[4], (enum random_purpose)v[3], v[2], v[1], v[0], words);
    for (size_t k = 0; k < 4; k++) CU_ASSERT_EQUAL(words[k], v[6 + k]);
  }
}

/* a stream is the words of counters 0, 1, ...; a copy continues where the original stood */
static void test_stream(void) {
  struct random_stream stream = random_stream_start(11, RANDOM_ENV, 3, 5);
  uint32_t drawn[16];
  struct random_stream copy = stream;
  for (size_t i = 0; i < 16; i++) {
    if (i == 6) copy = stream;
    drawn[i] = stream.base.next(&stream.base);
  }
  for (uint32_t counter = 0; counter < 4; counter++) {
    uint32_t words[4];
    random_words(11, RANDOM_ENV, 3, 5, counter, words);
    CU_ASSERT_EQUAL(memcmp(words, drawn + (size_t)4 * counter, sizeof words), 0);
  }
  for (size_t i = 6; i < 16; i++) CU_ASSERT_EQUAL(copy.base.next(&copy.base), drawn[i]);
}

/* any part of the address changes the numbers */
static void test_streams_differ(void) {
  uint32_t words[6][4];
  random_words(1, RANDOM_ENV, 0, 0, 0, words[0]);
  random_words(2, RANDOM_ENV, 0, 0, 0, words[1]);
  random_words(1, RANDOM_ACTION, 0, 0, 0, words[2]);
  random_words(1, RANDOM_ENV, 1, 0, 0, words[3]);
  random_words(1, RANDOM_ENV, 0, 1, 0, words[4]);
  random_words(1, RANDOM_ENV, 0, 0, 1, words[5]);
  for (size_t i = 0; i < 6; i++)
    for (size_t k = 0; k < i; k++) CU_ASSERT_NOT_EQUAL(memcmp(words[i], words[k], sizeof words[i]), 0);
  uint64_t derived = random_derive_seed(1, RANDOM_EVALUATION);
  CU_ASSERT_EQUAL(derived, random_derive_seed(1, RANDOM_EVALUATION));
  CU_ASSERT_NOT_EQUAL(derived, 1);
  CU_ASSERT_NOT_EQUAL(derived, random_derive_seed(2, RANDOM_EVALUATION));
  CU_ASSERT_NOT_EQUAL(derived, random_derive_seed(1, RANDOM_ENV));
}

/* chi-square of k equally likely cells */
static double chi_square(const int *counts, int k, double n) {
  double sum = 0.0;
  for (int i = 0; i < k; i++) sum += (counts[i] - n / k) * (counts[i] - n / k) / (n / k);
  return sum;
}

/* below(7) hits every number equally: chi-square with 6 degrees of freedom is below 22.5 with probability 0.999 */
static void test_below(void) {
  enum { N = 70000 };
  struct random_stream stream = random_stream_start(12, RANDOM_ENV, 0, 0);
  int counts[7] = {0};
  for (int i = 0; i < N; i++) {
    uint32_t value = muster_random_below(&stream.base, 7);
    CU_ASSERT_TRUE_FATAL(value < 7);
    counts[value]++;
  }
  CU_ASSERT_TRUE(chi_square(counts, 7, N) < 22.5);
  for (int i = 0; i < 100; i++) CU_ASSERT_EQUAL(muster_random_below(&stream.base, 1), 0);
}

/* a generator that returns a fixed list */
struct list {
  muster_random base;
  const uint32_t *words;
};

static uint32_t list_next(muster_random *random) { return *((struct list *)random)->words++; }

/* below() rejects the low products that would make some numbers likelier: for n = 3, words whose product is 0 mod 2^32
 */
static void test_below_rejects(void) {
  const uint32_t words[] = {0, 0x55555555u, 0xffffffffu};
  struct list list = {{list_next}, words};
  CU_ASSERT_EQUAL(muster_random_below(&list.base, 3), 0); /* 0 is rejected; 0x55555555 * 3 = 2^32 - 1 gives 0 */
  CU_ASSERT_PTR_EQUAL(list.words, words + 2);
  CU_ASSERT_EQUAL(muster_random_below(&list.base, 3), 2);
}

/* ranges at the ends, and the first moments of uniform and normal numbers */
static void test_distributions(void) {
  enum { N = 100000 };
  const uint32_t extremes[] = {0xffffffffu, 0xffffffffu, 0, 0};
  struct list list = {{list_next}, extremes};
  CU_ASSERT_TRUE(muster_random_double(&list.base) < 1.0);
  CU_ASSERT_EQUAL(muster_random_double(&list.base), 0.0);
  CU_ASSERT_TRUE(random_unit_float(0xffffffffu) < 1.0f);
  CU_ASSERT_EQUAL(random_unit_float(0), 0.0f);

  struct random_stream stream = random_stream_start(13, RANDOM_ENV, 0, 0);
  double uniform = 0.0, normal = 0.0, squares = 0.0;
  for (int i = 0; i < N; i++) {
    double value = muster_random_uniform(&stream.base, -3.0, 5.0);
    CU_ASSERT_TRUE_FATAL(value >= -3.0 && value < 5.0);
    uniform += value;
    value = muster_random_normal(&stream.base);
    CU_ASSERT_TRUE_FATAL(isfinite(value));
    normal += value;
    squares += value * value;
  }
  /* five standard errors */
  CU_ASSERT_TRUE(fabs(uniform / N - 1.0) < 5.0 * 8.0 / sqrt(12.0 * N));
  CU_ASSERT_TRUE(fabs(normal / N) < 5.0 / sqrt((double)N));
  CU_ASSERT_TRUE(fabs(squares / N - 1.0) < 5.0 * sqrt(2.0 / N));
}

static void test_permutation(void) {
  enum { N = 1000 };
  uint32_t order[N], other[N];
  bool seen[N] = {false};
  random_permutation(14, RANDOM_MINIBATCH, 0, order, N);
  for (size_t i = 0; i < N; i++) {
    CU_ASSERT_TRUE_FATAL(order[i] < N && !seen[order[i]]);
    seen[order[i]] = true;
  }
  random_permutation(14, RANDOM_MINIBATCH, 0, other, N);
  CU_ASSERT_EQUAL(memcmp(order, other, sizeof order), 0);
  random_permutation(14, RANDOM_MINIBATCH, 1, other, N);
  CU_ASSERT_NOT_EQUAL(memcmp(order, other, sizeof order), 0);

  /* all six orders of three are equally likely: chi-square with 5 degrees of freedom is below 20.5 with probability
   * 0.999 */
  int counts[6] = {0};
  for (uint32_t i = 0; i < 12000; i++) {
    uint32_t three[3];
    random_permutation(14, RANDOM_MINIBATCH, i, three, 3);
    counts[2 * three[0] + (three[1] > three[2])]++;
  }
  CU_ASSERT_TRUE(chi_square(counts, 6, 12000) < 20.5);
}

static const struct check_case cases[] = {
    {"Philox: known answers", test_known_answers},
    {"stream: the words in order, copies continue", test_stream},
    {"streams: every part of the address counts", test_streams_differ},
    {"below: equally likely", test_below},
    {"below: rejects", test_below_rejects},
    {"distributions: ranges and moments", test_distributions},
    {"permutation", test_permutation},
};

CHECK_MAIN("random", cases)
