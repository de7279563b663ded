/* Elementwise functions, Adam and the sum of squares, on every instruction set of this machine. */
#include "base/random.h"
#include "math/linear.h"
#include "math/vector.h"
#include "support/check.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char *const set_names[] = {"baseline", "avx2", "avx512"};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Runs `check` on every instruction set that this machine has. */
static void for_each_set(void (*check)(void)) {
  for (size_t i = 0; i < COUNT(set_names); i++) {
    if (linear_select(set_names[i])) check();
  }
  CU_ASSERT_TRUE(linear_select(NULL));
}

static float from_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

typedef void vector_function(size_t n, const float *x, float *y);

/* The worst error over every 1,009th float, signs and infinities included; NaN must meet NaN. Absolute, or relative to
 * the exact value where that is a normal float; below, absolute in units of the least normal float. */
static double sweep(vector_function *function, double (*exact)(double), bool relative) {
  enum { BATCH = 4096 };
  static float x[BATCH], y[BATCH];
  double worst = 0.0;
  for (uint64_t bits = 0; bits <= UINT32_MAX;) {
    size_t n = 0;
    for (; n < BATCH && bits <= UINT32_MAX; bits += 1009) x[n++] = from_bits((uint32_t)bits);
    function(n, x, y);
    for (size_t i = 0; i < n; i++) {
      double value = exact(x[i]);
      float rounded = (float)value;
      if (isnan(value) || isinf(rounded)) {
        if (isnan(value) ? !isnan(y[i]) : y[i] != rounded) worst = INFINITY;
        continue;
      }
      double error = fabs(y[i] - value);
      if (relative) error /= fmax(fabs(value), FLT_MIN);
      if (!(error <= worst)) worst = isnan(error) ? INFINITY : error;
    }
  }
  return worst;
}

static void tanh_is_close(void) {
  CU_ASSERT_TRUE(sweep(vector_tanh, tanh, false) <= 4e-7);
  CU_ASSERT_TRUE(sweep(vector_tanh, tanh, true) <= 4e-7);
}
static void exp_is_close(void) { CU_ASSERT_TRUE(sweep(vector_exp, exp, true) <= 1e-7); }
static void log_is_close(void) { CU_ASSERT_TRUE(sweep(vector_log, log, true) <= 1e-7); }
static void test_tanh(void) { for_each_set(tanh_is_close); }
static void test_exp(void) { for_each_set(exp_is_close); }
static void test_log(void) { for_each_set(log_is_close); }

/* tanh is odd, never beyond 1, exactly 1 from 8.31 on. */
static void tanh_saturates(void) {
  for (uint32_t bits = 0; bits <= 0x7F800000u; bits += 4099) {
    float x[2] = {from_bits(bits), -from_bits(bits)}, y[2];
    vector_tanh(2, x, y);
    CU_ASSERT_EQUAL(y[0], -y[1]);
    CU_ASSERT_TRUE(y[0] <= 1.0f);
    if (x[0] >= 8.31f) CU_ASSERT_EQUAL(y[0], 1.0f);
  }
}

static void test_tanh_saturates(void) { for_each_set(tanh_saturates); }

static void specials(void) {
  float x[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 1.0f, -1.0f, 200.0f, -200.0f}, y[COUNT(x)];
  vector_tanh(COUNT(x), x, y);
  CU_ASSERT_TRUE(y[0] == 0.0f && !signbit(y[0]) && y[1] == 0.0f && signbit(y[1]));
  CU_ASSERT_TRUE(y[2] == 1.0f && y[3] == -1.0f && isnan(y[4]));
  vector_exp(COUNT(x), x, y);
  CU_ASSERT_TRUE(y[0] == 1.0f && y[1] == 1.0f && y[2] == INFINITY && y[3] == 0.0f && isnan(y[4]));
  CU_ASSERT_TRUE(y[7] == INFINITY && y[8] == 0.0f);
  vector_log(COUNT(x), x, y);
  CU_ASSERT_TRUE(y[0] == -INFINITY && y[1] == -INFINITY && y[2] == INFINITY && isnan(y[3]) && isnan(y[4]));
  CU_ASSERT_TRUE(y[5] == 0.0f && isnan(y[6]));
}

static void test_specials(void) { for_each_set(specials); }

/* An element's bits do not depend on its place, on n, or on whether y is x; nothing is written past n. */
static void place_does_not_matter(void) {
  enum { N = 67 };
  static vector_function *const functions[] = {vector_tanh, vector_exp, vector_log};
  for (size_t f = 0; f < COUNT(functions); f++) {
    float x[N], whole[N], part[N + 1];
    for (size_t i = 0; i < N; i++) x[i] = 0.01f + 0.13f * (float)i;
    functions[f](N, x, whole);
    for (size_t first = 0; first < 20; first++) {
      for (size_t n = 0; first + n <= N; n++) {
        memcpy(part, x + first, n * sizeof *x);
        part[n] = 12345.0f;
        functions[f](n, part, part);
        CU_ASSERT_EQUAL(memcmp(part, whole + first, n * sizeof *x), 0);
        CU_ASSERT_EQUAL(part[n], 12345.0f);
      }
    }
  }
}

static void test_place(void) { for_each_set(place_does_not_matter); }

/* Parameters and moments of a short training. */
enum { PARAMETERS = 83, STEPS = 10 };

struct training {
  float parameter[PARAMETERS], m[PARAMETERS], v[PARAMETERS];
};

static float gradient_at(int step, int i) { return sinf((float)(step * 7 + i)) * (float)(i % 5); }

static void train(struct training *t) {
  *t = (struct training){0};
  for (int i = 0; i < PARAMETERS; i++) t->parameter[i] = cosf((float)i);
  for (int step = 1; step <= STEPS; step++) {
    float gradient[PARAMETERS];
    for (int i = 0; i < PARAMETERS; i++) gradient[i] = gradient_at(step, i);
    vector_adam(PARAMETERS, t->parameter, gradient, t->m, t->v, 0.5f, (float)(1e-3 / (1.0 - pow(0.9, step))), 0.9,
                0.999, 1e-5f, (float)(1.0 / sqrt(1.0 - pow(0.999, step))));
  }
}

/* Adam as in its paper, in double: bias-corrected moments. */
static void adam_is_adam(void) {
  struct training t;
  train(&t);
  for (int i = 0; i < PARAMETERS; i++) {
    double parameter = cosf((float)i), m = 0.0, v = 0.0;
    for (int step = 1; step <= STEPS; step++) {
      double g = 0.5 * gradient_at(step, i);
      m = 0.9 * m + 0.1 * g;
      v = 0.999 * v + 0.001 * g * g;
      double m_hat = m / (1.0 - pow(0.9, step)), v_hat = v / (1.0 - pow(0.999, step));
      parameter -= 1e-3 * m_hat / (sqrt(v_hat) + 1e-5);
    }
    CHECK_CLOSE(t.parameter[i], parameter, 1e-6);
    CHECK_CLOSE(t.m[i], m, 1e-6);
    CHECK_CLOSE(t.v[i], v, 1e-6);
  }
}

static void test_adam(void) { for_each_set(adam_is_adam); }

static void test_adam_same_bits(void) {
  struct training first, other;
  CU_ASSERT_TRUE_FATAL(linear_select("baseline"));
  train(&first);
  for (size_t i = 0; i < COUNT(set_names); i++) {
    if (!linear_select(set_names[i])) continue;
    train(&other);
    CU_ASSERT_EQUAL(memcmp(&first, &other, sizeof first), 0);
  }
  CU_ASSERT_TRUE(linear_select(NULL));
}

/* moments that have decayed to numbers below 2^-100, normal and subnormal ones and zeros; parameters of all sizes */
static void start_decayed(struct training *t) {
  struct random_stream stream = random_stream_start(1, RANDOM_PARAMETERS, 0, 0);
  for (int i = 0; i < PARAMETERS; i++) {
    const uint32_t normals = (uint32_t)(i % 4) << 24, sign = (uint32_t)(i % 2) << 31;
    const uint32_t m = muster_random_below(&stream.base, normals + (1u << (i % 24))) | sign,
                   v = muster_random_below(&stream.base, (1u << (i % 25)));
    memcpy(&t->m[i], &m, sizeof m);
    memcpy(&t->v[i], &v, sizeof v);
    t->parameter[i] = ldexpf(cosf((float)i), -(i % 40));
  }
}

/* most gradients are zero for long; some moments are smaller than what they lose in a step */
static void train_decayed(struct training *t) {
  start_decayed(t);
  for (int step = 1; step <= 500; step++) {
    float gradient[PARAMETERS];
    for (int i = 0; i < PARAMETERS; i++) gradient[i] = i % 32 > 0 ? 0.0f : step % 200 == i ? 1e-3f : -0.0f;
    vector_adam(PARAMETERS, t->parameter, gradient, t->m, t->v, 0.5f, 1e-3f, 0.9, 0.999, step % 2 == 0 ? 1e-8f : 1e-12f,
                2.0f);
  }
}

static void test_adam_decayed(void) {
  struct training first, other;
  CU_ASSERT_TRUE_FATAL(linear_select("baseline"));
  train_decayed(&first);
  for (size_t i = 0; i < COUNT(set_names); i++) {
    if (!linear_select(set_names[i])) continue;
    train_decayed(&other);
    CU_ASSERT_EQUAL(memcmp(&first, &other, sizeof first), 0);
  }
  CU_ASSERT_TRUE(linear_select(NULL));
}

/* Against a plain sum, and the same bits everywhere. */
static void test_sum_of_squares(void) {
  enum { N = 1000 };
  float x[N];
  for (int i = 0; i < N; i++) x[i] = sinf((float)i) * 1e3f;
  for (size_t n = 0; n <= N; n += n < 70 ? 1 : 93) {
    double plain = 0.0;
    for (size_t i = 0; i < n; i++) plain += (double)x[i] * x[i];
    CU_ASSERT_TRUE_FATAL(linear_select("baseline"));
    double first = vector_sum_of_squares(n, x);
    CU_ASSERT_TRUE(fabs(first - plain) <= 1e-14 * plain);
    for (size_t i = 0; i < COUNT(set_names); i++) {
      if (linear_select(set_names[i])) CU_ASSERT_EQUAL(vector_sum_of_squares(n, x), first);
    }
  }
  CU_ASSERT_TRUE(linear_select(NULL));
}

/* Layer normalisation: the same bits everywhere, of rows of any length, and nothing beyond their ends. (unit/layer
 * compares it with the formula.) */
static void test_normalize(void) {
  enum { N = 70 };
  float x[N], gain[N], bias[N], first[5][N + 1], inverse = 0;
  for (size_t i = 0; i < N; i++) {
    x[i] = sinf((float)i) * 3.0f + 1.0f;
    gain[i] = cosf((float)i);
    bias[i] = sinf((float)(2 * i));
  }
  for (size_t n = 1; n <= N; n++)
    for (size_t k = 0; k < COUNT(set_names) + 1; k++) {
      /* h, y, d_gain, d_bias, dx */
      float own[5][N + 1];
      for (size_t i = 0; i < 5 * (N + 1); i++) own[i / (N + 1)][i % (N + 1)] = -1.0f;
      if (!linear_select(k == 0 ? "baseline" : set_names[k - 1])) continue;
      const float found = vector_normalize(n, x, gain, bias, own[0], own[1]);
      vector_normalize_back(n, gain, x, own[0], found, own[2], own[3], own[4]);
      for (size_t i = 0; i < 5; i++) CU_ASSERT_EQUAL(own[i][n], -1.0f);
      if (k == 0) memcpy(first, own, sizeof own);
      if (k == 0) inverse = found;
      CU_ASSERT_EQUAL(found, inverse);
      CU_ASSERT_EQUAL(memcmp(own, first, sizeof own), 0);

      /* what is not wanted is not touched, and changes nothing else */
      float dx[N];
      vector_normalize_back(n, gain, x, own[0], found, NULL, NULL, dx);
      CU_ASSERT_EQUAL(memcmp(dx, own[4], n * sizeof *dx), 0);
      for (size_t i = 0; i <= n; i++) own[2][i] = own[3][i] = -1.0f;
      vector_normalize_back(n, gain, x, own[0], found, own[2], own[3], NULL);
      CU_ASSERT_EQUAL(memcmp(own, first, sizeof own), 0);
    }
  CU_ASSERT_TRUE(linear_select(NULL));
}

/* Over columns: beside plain sums in double, the same bits everywhere, and nothing beyond the ends of rows. */
static void test_columns(void) {
  enum { N = 37, ROWS = 9, X_LD = N + 3, LD = N + 1 };
  float x[ROWS * X_LD], dy[ROWS * LD], column[4][N], first[2][ROWS * LD], own[2][ROWS * LD];
  double first_sums[4][N + 1], sums[4][N + 1];
  for (size_t i = 0; i < COUNT(x); i++) x[i] = sinf((float)i) * 3.0f + 1.0f;
  for (size_t i = 0; i < COUNT(dy); i++) dy[i] = cosf((float)(3 * i));
  for (size_t i = 0; i < 4 * N; i++) column[i / N][i % N] = sinf((float)(5 * i));
  for (size_t k = 0; k < COUNT(set_names) + 1; k++) {
    if (!linear_select(k == 0 ? "baseline" : set_names[k - 1])) continue;
    for (size_t i = 0; i < 4 * (N + 1); i++) sums[i / (N + 1)][i % (N + 1)] = 0.5;
    for (size_t i = 0; i < 2 * ROWS * LD; i++) own[i / (ROWS * LD)][i % (ROWS * LD)] = -1.0f;
    vector_add_moments(ROWS, N, x, X_LD, sums[0], sums[1]);
    vector_add_products(ROWS, N, column[0], x, X_LD, dy, LD, sums[2], sums[3]);
    vector_scale_columns(ROWS, N, column[0], column[1], column[2], x, X_LD, own[0], LD);
    vector_scale_columns_back(ROWS, N, column[0], column[1], column[2], column[3], x, X_LD, dy, LD, own[1], LD);
    if (k == 0) memcpy(first, own, sizeof own), memcpy(first_sums, sums, sizeof sums);
    CU_ASSERT_EQUAL(memcmp(first, own, sizeof own), 0);
    CU_ASSERT_EQUAL(memcmp(first_sums, sums, sizeof sums), 0);
    for (size_t i = 0; i < N; i++) {
      double expected[4] = {0.5, 0.5, 0.5, 0.5};
      for (size_t r = 0; r < ROWS; r++) {
        const double value = x[r * X_LD + i], d = dy[r * LD + i], from_centre = value - column[0][i];
        expected[0] += value, expected[1] += value * value, expected[2] += d, expected[3] += d * from_centre;
        CHECK_CLOSE(own[0][r * LD + i], column[1][i] * from_centre + column[2][i], 1e-6);
        CHECK_CLOSE(own[1][r * LD + i], column[1][i] * (d - column[2][i] - column[3][i] * from_centre), 1e-6);
      }
      for (size_t j = 0; j < 4; j++) CHECK_CLOSE(sums[j][i], expected[j], 1e-6);
    }
    for (size_t j = 0; j < 4; j++) CU_ASSERT_EQUAL(sums[j][N], 0.5);
    for (size_t r = 0; r < ROWS; r++) CU_ASSERT_TRUE(own[0][r * LD + N] == -1.0f && own[1][r * LD + N] == -1.0f);
  }
  CU_ASSERT_TRUE(linear_select(NULL));
}

/* each element is the sum, whatever the length, and one of the arrays may be the result */
static void add(void) {
  enum { N = 70 };
  float x[N + 1], y[N + 1], sum[N + 1];
  for (size_t n = 0; n <= N; n++) {
    for (size_t i = 0; i <= N; i++) {
      x[i] = sinf((float)i) * 1e3f;
      y[i] = cosf((float)(i * n));
      sum[i] = -1.0f;
    }
    vector_add(n, x, y, sum);
    for (size_t i = 0; i < n; i++) CU_ASSERT_EQUAL(sum[i], x[i] + y[i]);
    CU_ASSERT_EQUAL(sum[n], -1.0f);
    vector_add(n, x, y, x);
    CU_ASSERT_EQUAL(memcmp(x, sum, n * sizeof *x), 0);
  }
}

static void test_add(void) { for_each_set(add); }

static void broken_sums(void) {
  float x[70] = {0};
  x[69] = 1e30f; /* its square is beyond float, not beyond double */
  CHECK_CLOSE(vector_sum_of_squares(70, x) / ((double)1e30f * 1e30f), 1.0, 1e-15);
  x[66] = -INFINITY;
  CU_ASSERT_TRUE(isinf(vector_sum_of_squares(70, x)));
  x[3] = NAN;
  CU_ASSERT_TRUE(isnan(vector_sum_of_squares(70, x)));
}

static void test_broken_sums(void) { for_each_set(broken_sums); }

static const struct check_case cases[] = {
    {"tanh is within 4e-7", test_tanh},
    {"exp is within 1e-7", test_exp},
    {"log is within 1e-7", test_log},
    {"tanh is odd and saturates", test_tanh_saturates},
    {"zeros, infinities, NaN", test_specials},
    {"an element's place does not matter", test_place},
    {"Adam equals the paper's formula", test_adam},
    {"Adam has the same bits on every instruction set", test_adam_same_bits},
    {"Adam has the same bits where moments have decayed", test_adam_decayed},
    {"layer normalisation has the same bits on every instruction set", test_normalize},
    {"scaling of columns has the same bits on every instruction set", test_columns},
    {"the sum of squares has the same bits on every instruction set", test_sum_of_squares},
    {"sums of two arrays", test_add},
    {"the sum of squares shows NaN and infinity", test_broken_sums},
};

CHECK_MAIN("vector", cases)
