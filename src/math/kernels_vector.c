/* The elementwise kernels; compiled once for each instruction set. */
#include "math/approx.h"
#include "math/kernels.h"

#include <math.h>

/* Applies `function` to whole vectors; the remaining elements are padded to one vector with zeros. */
SIMD_INLINE void apply(size_t n, const float *x, float *y, vec (*function)(vec)) {
  size_t i = 0;
  for (; i + SIMD_WIDTH <= n; i += SIMD_WIDTH) vec_store(y + i, function(vec_load(x + i)));
  if (i < n) vec_store_part(y + i, n - i, function(vec_load_part(x + i, n - i)));
}

static void tanh_kernel(size_t n, const float *x, float *y) { apply(n, x, y, approximate_tanh); }
static void exp_kernel(size_t n, const float *x, float *y) { apply(n, x, y, approximate_exp); }
static void log_kernel(size_t n, const float *x, float *y) { apply(n, x, y, approximate_log); }

/* A vector of half as many floats as a vec, and a register full of doubles. */
typedef float half_vec __attribute__((vector_size(2 * SIMD_WIDTH)));
typedef double double_vec __attribute__((vector_size(4 * SIMD_WIDTH)));

/* sum + d * d, for floats d: their square is exact in double, so that rounding once and rounding twice are the same. */
SIMD_INLINE double_vec add_square(double_vec sum, double_vec d) {
#if SIMD_WIDTH == 16
  return _mm512_fmadd_pd(d, d, sum);
#elif SIMD_WIDTH == 8
  return _mm256_fmadd_pd(d, d, sum);
#else
  return sum + d * d;
#endif
}

/* Sums of squares in SUMS partial sums: element i goes into sum i % SUMS. */
enum { SUMS = 32, SUM_VECS = 2 * SUMS / SIMD_WIDTH };

SIMD_INLINE void add_squares(const float *x, double_vec sums[SUM_VECS]) {
  UNROLL for (int j = 0; j < SUM_VECS; j++) {
    half_vec floats;
    memcpy(&floats, x + j * (SIMD_WIDTH / 2), sizeof floats);
    sums[j] = add_square(sums[j], __builtin_convertvector(floats, double_vec));
  }
}

static double sum_of_squares_kernel(size_t n, const float *x) {
  double_vec sums[SUM_VECS] = {0};
  size_t i = 0;
  for (; i + SUMS <= n; i += SUMS) add_squares(x + i, sums);
  if (i < n) {
    float rest[SUMS] = {0};
    memcpy(rest, x + i, (n - i) * sizeof *x);
    add_squares(rest, sums);
  }

  // the partial sums in ascending order
  double partial[SUMS], total = 0.0;
  memcpy(partial, sums, sizeof partial);
  for (int j = 0; j < SUMS; j++) total += partial[j];
  return total;
}

/* all bits of the exponent are set in infinity and NaN */
static bool is_finite_kernel(size_t n, const float *x) {
  const uint32_t infinity = UINT32_C(0xff) << 23;
  uvec found = {0};
  size_t i = 0;
  for (; i + SIMD_WIDTH <= n; i += SIMD_WIDTH)
    found |= (uvec)(((uvec)vec_load(x + i) & infinity) == ((uvec){0} | infinity));
  if (i < n) found |= (uvec)(((uvec)vec_load_part(x + i, n - i) & infinity) == ((uvec){0} | infinity));
  return !vec_any(found);
}

static void follow_kernel(size_t n, float tau, const float *x, float *copy) {
  const vec rate = vec_set(tau), keep = vec_set(1.0f - tau);
  size_t i = 0;
  if (tau == 1.0f) {
    memcpy(copy, x, n * sizeof *x);
    return;
  }
  for (; i + SIMD_WIDTH <= n; i += SIMD_WIDTH) vec_store(copy + i, keep * vec_load(copy + i) + rate * vec_load(x + i));
  if (i < n)
    vec_store_part(copy + i, n - i, keep * vec_load_part(copy + i, n - i) + rate * vec_load_part(x + i, n - i));
}

static void add_kernel(size_t n, const float *x, const float *y, float *sum) {
  size_t i = 0;
  for (; i + SIMD_WIDTH <= n; i += SIMD_WIDTH) vec_store(sum + i, vec_load(x + i) + vec_load(y + i));
  if (i < n) vec_store_part(sum + i, n - i, vec_load_part(x + i, n - i) + vec_load_part(y + i, n - i));
}

/* A sum in eight partial sums, on every set: element i goes into sum i % LANES. */
enum { LANES = 8 };
typedef float lanes __attribute__((vector_size(4 * LANES)));

SIMD_INLINE lanes lanes_load(const float *p, size_t n) {
  lanes l = {0};
  memcpy(&l, p, (n < LANES ? n : LANES) * sizeof *p);
  return l;
}

SIMD_INLINE float lanes_mean(lanes l, size_t n) {
  return (((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]))) / (float)n;
}

static float mean_of(size_t n, const float *x) {
  lanes sums = {0};
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) sums += lanes_load(x + i, LANES);
  if (i < n) sums += lanes_load(x + i, n - i);
  return lanes_mean(sums, n);
}

static float mean_of_products(size_t n, const float *x, const float *y) {
  lanes sums = {0};
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) sums += lanes_load(x + i, LANES) * lanes_load(y + i, LANES);
  if (i < n) sums += lanes_load(x + i, n - i) * lanes_load(y + i, n - i);
  return lanes_mean(sums, n);
}

static float normalize_kernel(size_t n, const float *restrict x, const float *restrict gain, const float *restrict bias,
                              float *restrict h, float *restrict y) {
  const float mean = mean_of(n, x);
  for (size_t i = 0; i < n; i++) h[i] = x[i] - mean;
  const float inverse = 1.0f / sqrtf(mean_of_products(n, h, h) + 1e-5f);
  for (size_t i = 0; i < n; i++) {
    h[i] *= inverse;
    y[i] = gain[i] * h[i] + bias[i];
  }
  return inverse;
}

static void normalize_back_kernel(size_t n, const float *restrict gain, const float *restrict dy,
                                  const float *restrict h, float inverse, float *restrict d_gain,
                                  float *restrict d_bias, float *restrict dx) {
  for (size_t i = 0; d_gain != NULL && i < n; i++) {
    d_gain[i] += dy[i] * h[i];
    d_bias[i] += dy[i];
  }
  if (dx == NULL) return;
  for (size_t i = 0; i < n; i++) dx[i] = gain[i] * dy[i];
  const float mean_d = mean_of(n, dx), mean_dh = mean_of_products(n, dx, h);
  for (size_t i = 0; i < n; i++) dx[i] = inverse * (dx[i] - mean_d - h[i] * mean_dh);
}

/* --- over columns: products of floats are exact in double, so that it does not matter whether they are fused --- */

static void add_moments_kernel(size_t rows, size_t n, const float *restrict x, size_t x_ld, double *restrict sums,
                               double *restrict squares) {
  for (size_t r = 0; r < rows; r++, x += x_ld)
    for (size_t i = 0; i < n; i++) {
      const double value = x[i];
      sums[i] += value;
      squares[i] += value * value;
    }
}

static void add_products_kernel(size_t rows, size_t n, const float *restrict centre, const float *restrict x,
                                size_t x_ld, const float *restrict dy, size_t dy_ld, double *restrict sums,
                                double *restrict products) {
  for (size_t r = 0; r < rows; r++, x += x_ld, dy += dy_ld)
    for (size_t i = 0; i < n; i++) {
      const float from_centre = x[i] - centre[i];
      sums[i] += dy[i];
      products[i] += (double)dy[i] * from_centre;
    }
}

static void scale_columns_kernel(size_t rows, size_t n, const float *restrict centre, const float *restrict factor,
                                 const float *restrict shift, const float *restrict x, size_t x_ld, float *restrict y,
                                 size_t y_ld) {
  for (size_t r = 0; r < rows; r++, x += x_ld, y += y_ld)
    for (size_t i = 0; i < n; i++) y[i] = factor[i] * (x[i] - centre[i]) + shift[i];
}

static void scale_columns_back_kernel(size_t rows, size_t n, const float *restrict centre, const float *restrict factor,
                                      const float *restrict mean, const float *restrict slope, const float *restrict x,
                                      size_t x_ld, const float *restrict dy, size_t dy_ld, float *restrict dx,
                                      size_t dx_ld) {
  for (size_t r = 0; r < rows; r++, x += x_ld, dy += dy_ld, dx += dx_ld)
    for (size_t i = 0; i < n; i++) dx[i] = factor[i] * (dy[i] - mean[i] - slope[i] * (x[i] - centre[i]));
}

const struct vector_kernels KERNEL_SET(vector_kernels) = {
    tanh_kernel,        exp_kernel,          log_kernel,           KERNEL_SET(adam_kernel),  sum_of_squares_kernel,
    is_finite_kernel,   follow_kernel,       add_kernel,           normalize_kernel,         normalize_back_kernel,
    add_moments_kernel, add_products_kernel, scale_columns_kernel, scale_columns_back_kernel};
