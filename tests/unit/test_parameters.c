/* The parameter block: layout, names, random fills. */
#include "nn/parameters.h"
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void test_layout(void) {
  struct arena *arena = NULL;
  CHECK_OK_FATAL(arena_create(&arena));
  struct parameters parameters = {0};
  size_t weight, bias, other;
  CHECK_OK_FATAL(parameters_add(&parameters, "policy/0", "weight", 2, 3, 5, &weight));
  CHECK_OK_FATAL(parameters_add(&parameters, "policy/0", "bias", 1, 3, 99, &bias));
  CHECK_OK_FATAL(parameters_add(&parameters, "value/0", "weight", 2, 1, 5, &other));
  CHECK_OK_FATAL(parameters_allocate(&parameters, arena));
  CU_ASSERT_TRUE(weight == 0 && bias == 15 && other == 18 && parameters.count == 23);
  CU_ASSERT_EQUAL(parameters.tensors, 3);
  CU_ASSERT_STRING_EQUAL(parameters.tensor[1].name, "policy/0/bias");
  CU_ASSERT_TRUE(parameters.tensor[1].rank == 1 && parameters.tensor[1].shape[0] == 3 &&
                 parameters.tensor[1].count == 3);
  CU_ASSERT_TRUE(parameters.tensor[0].shape[0] == 3 && parameters.tensor[0].shape[1] == 5);
  for (size_t i = 0; i < parameters.count; i++)
    CU_ASSERT_TRUE(parameters.values[i] == 0.0f && parameters.gradients[i] == 0.0f);
  arena_destroy(&arena);
}

static void test_too_many(void) {
  struct parameters parameters = {0};
  size_t offset;
  for (int i = 0; i < PARAMETERS_MAX_TENSORS; i++)
    CHECK_OK_FATAL(parameters_add(&parameters, "policy", "weight", 1, 1, 1, &offset));
  CHECK_FAILS(parameters_add(&parameters, "policy", "weight", 1, 1, 1, &offset), MUSTER_ERROR_USAGE,
              "more than 640 tensors");
  CU_ASSERT_EQUAL(parameters.count, PARAMETERS_MAX_TENSORS);
}

/* sizes that overflow are refused */
static void test_too_large(void) {
  struct parameters parameters = {0};
  size_t offset;
  CHECK_FAILS(parameters_add(&parameters, "policy/0", "weight", 2, (size_t)1 << 33, (size_t)1 << 32, &offset),
              MUSTER_ERROR_MEMORY, "no machine can hold policy/0/weight");
  CU_ASSERT_EQUAL(parameters.count, 0);
  parameters.count = SIZE_MAX - 3;
  CHECK_FAILS(parameters_add(&parameters, "value/0", "weight", 2, 2, 2, &offset), MUSTER_ERROR_MEMORY,
              "no machine can hold value/0/weight of 2 x 2 parameters");
  CU_ASSERT_EQUAL(parameters.tensors, 0);
}

/* orthonormal rows (out <= in) or columns, times gain. Error seen: 6e-8. */
static void test_orthogonal(void) {
  static const size_t shapes[][2] = {{64, 4}, {64, 64}, {2, 64}, {1, 64}, {5, 1}, {3, 7}, {7, 3}, {1, 1}, {100, 128}};
  static const double gains[] = {1.0, 0.01, 1.4142135623730951};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    size_t out = shapes[i][0], in = shapes[i][1], small = out < in ? out : in, large = out < in ? in : out;
    double gain = gains[i % 3], worst = 0;
    float *w = malloc(out * in * sizeof *w);
    CHECK_OK_FATAL(parameters_fill_orthogonal(w, out, in, gain, 4, (uint32_t)i));
    for (size_t a = 0; a < small; a++) {
      for (size_t b = 0; b <= a; b++) {
        double dot = 0;
        for (size_t k = 0; k < large; k++)
          dot += out < in ? (double)w[a * in + k] * w[b * in + k] : (double)w[k * in + a] * w[k * in + b];
        worst = fmax(worst, fabs(dot / (gain * gain) - (a == b)));
      }
    }
    CU_ASSERT_TRUE(worst <= 1e-6);
    free(w);
  }
}

/* uniform over the orthogonal frames: over many seeds each entry of a 3 x 3 matrix has mean 0 and variance 1/3, and
 * half of the matrices are reflections */
static void test_orthogonal_is_unbiased(void) {
  enum { DRAWS = 4000 };
  double sum[9] = {0}, squares[9] = {0};
  int reflections = 0;
  for (uint64_t seed = 0; seed < DRAWS; seed++) {
    float w[9];
    CHECK_OK_FATAL(parameters_fill_orthogonal(w, 3, 3, 1.0, seed, 0));
    for (size_t k = 0; k < 9; k++) {
      sum[k] += w[k];
      squares[k] += (double)w[k] * w[k];
    }
    reflections +=
        w[0] * (w[4] * w[8] - w[5] * w[7]) - w[1] * (w[3] * w[8] - w[5] * w[6]) + w[2] * (w[3] * w[7] - w[4] * w[6]) <
        0;
  }
  /* five standard deviations: 0.577, 0.298 and 0.5 over sqrt(DRAWS) */
  for (size_t k = 0; k < 9; k++) {
    CU_ASSERT_TRUE(fabs(sum[k] / DRAWS) < 0.046);
    CU_ASSERT_TRUE(fabs(squares[k] / DRAWS - 1.0 / 3) < 0.024);
  }
  CU_ASSERT_TRUE(abs(reflections - DRAWS / 2) < 160);
}

/* fills depend only on seed and index */
static void test_deterministic(void) {
  float a[12], b[12], c[12], d[12];
  CHECK_OK_FATAL(parameters_fill_orthogonal(a, 3, 4, 1.0, 1, 2));
  CHECK_OK_FATAL(parameters_fill_orthogonal(b, 3, 4, 1.0, 1, 2));
  CHECK_OK_FATAL(parameters_fill_orthogonal(c, 3, 4, 1.0, 2, 2));
  CHECK_OK_FATAL(parameters_fill_orthogonal(d, 3, 4, 1.0, 1, 3));
  CU_ASSERT_EQUAL(memcmp(a, b, sizeof a), 0);
  CU_ASSERT_NOT_EQUAL(memcmp(a, c, sizeof a), 0);
  CU_ASSERT_NOT_EQUAL(memcmp(a, d, sizeof a), 0);
  parameters_fill_uniform(a, 12, 1.0, 1, 2);
  parameters_fill_uniform(b, 12, 1.0, 1, 2);
  parameters_fill_uniform(c, 12, 1.0, 1, 3);
  CU_ASSERT_EQUAL(memcmp(a, b, sizeof a), 0);
  CU_ASSERT_NOT_EQUAL(memcmp(a, c, sizeof a), 0);
}

/* within the bound, and spread over it: mean 0 and variance bound^2 / 3 within five standard deviations */
static void test_uniform(void) {
  enum { N = 10000 };
  const double bound = 0.125;
  static float values[N];
  double sum = 0, squares = 0;
  parameters_fill_uniform(values, N, bound, 3, 0);
  for (size_t i = 0; i < N; i++) {
    CU_ASSERT_FATAL(fabs(values[i]) <= bound);
    sum += values[i] / bound;
    squares += (values[i] / bound) * (values[i] / bound);
  }
  CU_ASSERT_TRUE(fabs(sum / N) < 0.029);
  CU_ASSERT_TRUE(fabs(squares / N - 1.0 / 3) < 0.015);
}

static const struct check_case cases[] = {
    {"layout", test_layout},
    {"too many tensors", test_too_many},
    {"sizes that wrap", test_too_large},
    {"orthogonal weights", test_orthogonal},
    {"orthogonal weights have no bias", test_orthogonal_is_unbiased},
    {"fills are reproducible", test_deterministic},
    {"uniform weights", test_uniform},
};

CHECK_MAIN("parameters", cases)
