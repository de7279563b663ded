/* The kernels of dense layers against their naive twins, against BLAS, and against themselves: the bits of a row may
 * depend neither on its neighbours nor on the instruction set. */
#include "math/blas.h"
#include "math/linear.h"
#include "math/vector.h"
#include "support/check.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char *const set_names[] = {"baseline", "avx2", "avx512", "blas"};
static const size_t ins[] = {1, 3, 4, 6, 16, 17, 33, 64, 100, 256, 300};
static const size_t outs[] = {1, 2, 3, 4, 5, 6, 16, 33, 64, 100, 256};
static const enum activation activations[] = {ACTIVATION_NONE, ACTIVATION_TANH, ACTIVATION_RELU};

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define FOR_EACH(type, item, array) for (type *item = (array); item < (array) + COUNT(array); item++)

/* One layer with its data; every array ends where its last used float ends, so that AddressSanitizer sees overruns. */
struct layer {
  size_t rows, in, out, x_ld, y_ld, dx_ld;
  float *x, *weight, *bias, *packed, *packed_transposed; /* x: observations, [rows, x_ld], NaN between the rows */
  float *inner;                                          /* [rows, dx_ld]: x as the output of a layer below */
  float *dy, *y, *dx, *d_weight, *d_bias;
};

static float uniform(void) { return (float)((double)rand() / RAND_MAX * 2.0 - 1.0); }

static float *floats(size_t n) {
  float *p = aligned_alloc(64, (n * sizeof *p + 63) / 64 * 64);
  CU_ASSERT_PTR_NOT_NULL_FATAL(p);
  for (size_t i = 0; i < n; i++) p[i] = uniform();
  return p;
}

/* An array of exactly n floats. */
static float *exact_floats(size_t n) {
  float *p = malloc(n * sizeof *p);
  CU_ASSERT_PTR_NOT_NULL_FATAL(p);
  for (size_t i = 0; i < n; i++) p[i] = uniform();
  return p;
}

static void layer_open(struct layer *l, size_t rows, size_t in, size_t out) {
  *l = (struct layer){.rows = rows, .in = in, .out = out, .x_ld = in + 3};
  l->y_ld = linear_padded(out) + LINEAR_COLUMNS;
  l->dx_ld = linear_padded(in);
  size_t x_floats = (rows - 1) * l->x_ld + in;
  l->x = exact_floats(x_floats);
  l->inner = floats(rows * l->dx_ld);
  for (size_t row = 0; row < rows; row++) {
    memcpy(l->inner + row * l->dx_ld, l->x + row * l->x_ld, in * sizeof *l->x);
    for (size_t i = row * l->x_ld + in; i < (row + 1) * l->x_ld && i < x_floats; i++) l->x[i] = NAN;
  }
  l->weight = exact_floats(out * in);
  l->bias = exact_floats(out);
  l->packed = floats(linear_packed_floats(in, out));
  l->packed_transposed = floats(linear_packed_transposed_floats(in, out));
  l->dy = floats(rows * l->y_ld);
  l->y = floats(rows * l->y_ld);
  l->dx = floats(rows * l->dx_ld);
  l->d_weight = exact_floats(out * in);
  l->d_bias = exact_floats(out);
}

static void layer_close(struct layer *l) {
  float *all[] = {l->x, l->weight, l->bias,     l->packed, l->packed_transposed, l->inner, l->dy,
                  l->y, l->dx,     l->d_weight, l->d_bias};
  for (size_t i = 0; i < COUNT(all); i++) free(all[i]);
}

static void layer_pack(struct layer *l) {
  linear_pack(l->in, l->out, l->weight, l->packed);
  linear_pack_transposed(l->in, l->out, l->weight, l->packed_transposed);
}

static void layer_forward(struct layer *l, enum activation activation) {
  linear_forward(l->rows, l->in, l->out, l->x, l->x_ld, l->packed, l->bias, activation, l->y, l->y_ld);
}

static void layer_backward(struct layer *l, enum activation activation) {
  linear_backward_input(l->rows, l->in, l->out, l->dy, l->y_ld, l->packed_transposed, activation, l->inner, l->dx_ld,
                        l->dx, l->dx_ld);
  linear_backward_weight(l->rows, l->in, l->out, l->x, l->x_ld, l->dy, l->y_ld, l->d_weight, l->d_bias);
}

static float *copied(const float *from, size_t n) {
  float *to = floats(n);
  memcpy(to, from, n * sizeof *to);
  return to;
}

/* Whether [rows, width] of two arrays hold the same bits. */
static bool same_bits(size_t rows, size_t width, const float *a, size_t a_ld, const float *b, size_t b_ld) {
  for (size_t row = 0; row < rows; row++) {
    if (memcmp(a + row * a_ld, b + row * b_ld, width * sizeof *a) != 0) return false;
  }
  return true;
}

/* Whether a sum of `depth` products computed in float, [rows, width], is as close to the exact one as any order of
 * summation must be (Higham 2002, equation 3.5): depth * 2^-24 times the sum of the products' absolute values, which is
 * `magnitude`; plus four roundings for the activation and the start, plus `absolute`. */
static bool close_sums(size_t rows, size_t width, size_t ld, const float *sums, const float *exact,
                       const float *magnitude, size_t depth, double absolute) {
  for (size_t row = 0; row < rows; row++) {
    for (size_t i = row * ld; i < row * ld + width; i++) {
      double bound = ldexp((double)(depth + 4), -24) * magnitude[i] + absolute;
      if (!(fabs((double)sums[i] - exact[i]) <= bound)) return false;
    }
  }
  return true;
}

/* The absolute values of n floats, to be released with free(). */
static float *absolutes(const float *x, size_t n) {
  float *y = floats(n);
  for (size_t i = 0; i < n; i++) y[i] = fabsf(x[i]);
  return y;
}

/* A layer whose data are the absolute values of those of another: its sums are the magnitudes of the other's. */
static void layer_magnitude(struct layer *to, const struct layer *l) {
  size_t x_floats = (l->rows - 1) * l->x_ld + l->in, weights = l->in * l->out;
  *to = *l;
  to->x = absolutes(l->x, x_floats);
  to->weight = absolutes(l->weight, weights);
  to->bias = absolutes(l->bias, l->out);
  to->packed = to->packed_transposed = NULL;
  to->inner = absolutes(l->inner, l->rows * l->dx_ld);
  to->dy = absolutes(l->dy, l->rows * l->y_ld);
  to->y = floats(l->rows * l->y_ld);
  to->dx = floats(l->rows * l->dx_ld);
  to->d_weight = absolutes(l->d_weight, weights);
  to->d_bias = absolutes(l->d_bias, l->out);
}

/* Calls `check` for every shape on every instruction set of this machine. */
static void for_each_shape(size_t rows, void (*check)(size_t rows, size_t in, size_t out)) {
  FOR_EACH(const char *const, name, set_names) {
    if (!linear_select(*name)) continue;
    FOR_EACH(const size_t, in, ins) { FOR_EACH(const size_t, out, outs) check(rows, *in, *out); }
  }
  CU_ASSERT_TRUE(linear_select(NULL));
}

static void forward_matches(size_t rows, size_t in, size_t out) {
  struct layer l, m;
  layer_open(&l, rows, in, out);
  layer_pack(&l);
  layer_magnitude(&m, &l);
  linear_naive_forward(rows, in, out, m.x, m.x_ld, m.weight, m.bias, ACTIVATION_NONE, m.y, m.y_ld);
  float *exact = floats(rows * l.y_ld);
  FOR_EACH(const enum activation, activation, activations) {
    for (size_t row = 0; row < rows; row++) l.y[row * l.y_ld + linear_padded(out)] = 12345.0f;
    layer_forward(&l, *activation);
    linear_naive_forward(rows, in, out, l.x, l.x_ld, l.weight, l.bias, *activation, exact, l.y_ld);
    double absolute = *activation == ACTIVATION_TANH ? 4e-7 : 0.0;
    CU_ASSERT_TRUE(close_sums(rows, out, l.y_ld, l.y, exact, m.y, in, absolute));
    // nothing is written past the padded width
    for (size_t row = 0; row < rows; row++) CU_ASSERT_EQUAL(l.y[row * l.y_ld + linear_padded(out)], 12345.0f);
  }
  free(exact);
  layer_close(&m);
  layer_close(&l);
}

static void test_forward(void) { for_each_shape(24, forward_matches); }

static void backward_input_matches(size_t rows, size_t in, size_t out) {
  struct layer l, m;
  layer_open(&l, rows, in, out);
  layer_pack(&l);
  layer_magnitude(&m, &l);
  linear_naive_backward_input(rows, in, out, m.dy, m.y_ld, m.weight, ACTIVATION_NONE, NULL, 0, m.dx, m.dx_ld);
  float *exact = floats(rows * l.dx_ld);
  FOR_EACH(const enum activation, activation, activations) {
    linear_backward_input(rows, in, out, l.dy, l.y_ld, l.packed_transposed, *activation,
                          *activation == ACTIVATION_NONE ? NULL : l.inner, l.dx_ld, l.dx, l.dx_ld);
    linear_naive_backward_input(rows, in, out, l.dy, l.y_ld, l.weight, *activation, l.inner, l.dx_ld, exact, l.dx_ld);
    CU_ASSERT_TRUE(close_sums(rows, in, l.dx_ld, l.dx, exact, m.dx, out, 0.0));
  }
  free(exact);
  layer_close(&m);
  layer_close(&l);
}

static void test_backward_input(void) { for_each_shape(24, backward_input_matches); }

static void backward_weight_matches(size_t rows, size_t in, size_t out) {
  struct layer l, m;
  layer_open(&l, rows, in, out);
  layer_magnitude(&m, &l);
  linear_naive_backward_weight(rows, in, out, m.x, m.x_ld, m.dy, m.y_ld, m.d_weight, m.d_bias);
  float *d_weight = copied(l.d_weight, in * out), *d_bias = copied(l.d_bias, out);
  linear_backward_weight(rows, in, out, l.x, l.x_ld, l.dy, l.y_ld, l.d_weight, l.d_bias);
  linear_naive_backward_weight(rows, in, out, l.x, l.x_ld, l.dy, l.y_ld, d_weight, d_bias);
  CU_ASSERT_TRUE(close_sums(out, in, in, l.d_weight, d_weight, m.d_weight, rows, 0.0));
  CU_ASSERT_TRUE(close_sums(1, out, out, l.d_bias, d_bias, m.d_bias, rows, 0.0));
  free(d_weight);
  free(d_bias);
  layer_close(&m);
  layer_close(&l);
}

/* Any number of rows, below, at and above a tile. */
static void test_backward_weight(void) {
  static const size_t rows[] = {1, 7, 64, 130};
  FOR_EACH(const size_t, n, rows) for_each_shape(*n, backward_weight_matches);
}

/* gradients that a sum must overwrite */
static void fill_anew(struct layer *l) {
  for (size_t i = 0; i < l->in * l->out; i++) l->d_weight[i] = uniform();
  for (size_t i = 0; i < l->out; i++) l->d_bias[i] = NAN;
}

/* the gradients of groups `first` .. first + n - 1, added up in a tree, from linear_backward_weight() */
static void sum_by_parts(const struct layer *l, const struct linear_groups *groups, size_t first, size_t n,
                         float *d_weight, float *d_bias) {
  const size_t weights = l->in * l->out;
  memset(d_weight, 0, weights * sizeof *d_weight);
  memset(d_bias, 0, l->out * sizeof *d_bias);
  if (n == 1) {
    size_t row = 0;
    for (size_t i = 0; i < first; i++) row += groups->rows[i];
    linear_backward_weight(groups->rows[first], l->in, l->out, l->x + row * l->x_ld, l->x_ld, l->dy + row * l->y_ld,
                           l->y_ld, d_weight, d_bias);
    return;
  }
  float *right = exact_floats(weights), *right_bias = exact_floats(l->out);
  sum_by_parts(l, groups, first, n / 2, d_weight, d_bias);
  sum_by_parts(l, groups, first + n / 2, n / 2, right, right_bias);
  for (size_t i = 0; i < weights; i++) d_weight[i] += right[i];
  for (size_t i = 0; i < l->out; i++) d_bias[i] += right_bias[i];
  free(right);
  free(right_bias);
}

static void sum_weight_matches(size_t rows, size_t in, size_t out) {
  static const struct linear_groups all[] = {
      {1, {1}}, {1, {256}}, {2, {64, 36}}, {2, {65, 1}}, {4, {64, 64, 64, 64}}, {8, {3, 64, 7, 1, 40, 100, 8, 33}}};
  if (strcmp(linear_selected(), "blas") == 0) return; /* it has no such sums of its own */
  struct layer l;
  layer_open(&l, rows, in, out);
  float *d_weight = exact_floats(in * out), *d_bias = exact_floats(out);
  FOR_EACH(const struct linear_groups, groups, all) {
    fill_anew(&l);
    linear_sum_weight(groups, in, out, l.x, l.x_ld, l.dy, l.y_ld, l.d_weight, l.d_bias);
    sum_by_parts(&l, groups, 0, groups->count, d_weight, d_bias);
    CU_ASSERT_TRUE(same_bits(1, in * out, l.d_weight, 0, d_weight, 0));
    CU_ASSERT_TRUE(same_bits(1, out, l.d_bias, 0, d_bias, 0));
  }
  free(d_weight);
  free(d_bias);
  layer_close(&l);
}

/* Sums over trees of groups, whatever was there before. */
static void test_sum_weight(void) {
  for_each_shape(LINEAR_GROUPS_ROWS, sum_weight_matches);
  FOR_EACH(const char *const, name, set_names) {
    if (linear_select(*name)) sum_weight_matches(LINEAR_GROUPS_ROWS, 520, 40);
  }
  CU_ASSERT_TRUE(linear_select(NULL));
}

/* Rows and columns so far apart that the kernel copies x. */
static void test_backward_weight_wide(void) {
  FOR_EACH(const char *const, name, set_names) {
    if (linear_select(*name)) backward_weight_matches(100, 520, 40);
  }
  CU_ASSERT_TRUE(linear_select(NULL));
}

/* The same rows among 128, and in calls with fewer rows at other positions. */
static void row_invariant(size_t rows, size_t in, size_t out) {
  if (strcmp(linear_selected(), "blas") == 0) return; /* BLAS promises nothing of the kind */
  struct layer l;
  layer_open(&l, rows, in, out);
  layer_pack(&l);
  layer_forward(&l, ACTIVATION_TANH);
  layer_backward(&l, ACTIVATION_TANH);
  static const size_t calls[][2] = {{0, 8}, {8, 8}, {120, 8}, {8, 16}, {104, 24}, {40, 64}, {64, 64}}; /* first, rows */
  float *y = floats(64 * l.y_ld), *dx = floats(64 * l.dx_ld);
  for (size_t i = 0; i < COUNT(calls); i++) {
    size_t first = calls[i][0], count = calls[i][1];
    linear_forward(count, in, out, l.x + first * l.x_ld, l.x_ld, l.packed, l.bias, ACTIVATION_TANH, y, l.y_ld);
    CU_ASSERT_TRUE(same_bits(count, out, y, l.y_ld, l.y + first * l.y_ld, l.y_ld));
    linear_backward_input(count, in, out, l.dy + first * l.y_ld, l.y_ld, l.packed_transposed, ACTIVATION_TANH,
                          l.inner + first * l.dx_ld, l.dx_ld, dx, l.dx_ld);
    CU_ASSERT_TRUE(same_bits(count, in, dx, l.dx_ld, l.dx + first * l.dx_ld, l.dx_ld));
  }
  free(y);
  free(dx);
  layer_close(&l);
}

static void test_row_invariance(void) { for_each_shape(128, row_invariant); }

/* A fused tanh has the bits of vector_tanh(). */
static void fused_tanh_matches(size_t rows, size_t in, size_t out) {
  struct layer l;
  layer_open(&l, rows, in, out);
  layer_pack(&l);
  layer_forward(&l, ACTIVATION_NONE);
  float *y = copied(l.y, rows * l.y_ld);
  vector_tanh(rows * l.y_ld, y, y);
  layer_forward(&l, ACTIVATION_TANH);
  CU_ASSERT_TRUE(same_bits(rows, out, y, l.y_ld, l.y, l.y_ld));
  free(y);
  layer_close(&l);
}

static void test_fused_tanh(void) { for_each_shape(16, fused_tanh_matches); }

/* One packed form for all sets; the same results, to the bit, on those with fused multiply-adds. */
static void test_sets_agree(void) {
  if (!linear_select("avx2") || !linear_select("avx512")) return;
  FOR_EACH(const size_t, in, ins) {
    FOR_EACH(const size_t, out, outs) {
      struct layer l;
      layer_open(&l, 72, *in, *out);
      size_t packed_floats = linear_packed_floats(*in, *out), weights = *in * *out;
      float *d_weight = copied(l.d_weight, weights), *d_bias = copied(l.d_bias, *out);
      CU_ASSERT_TRUE(linear_select("avx512"));
      layer_pack(&l);
      layer_forward(&l, ACTIVATION_TANH);
      layer_backward(&l, ACTIVATION_TANH);
      struct layer other = l;
      other.packed = floats(packed_floats);
      other.y = floats(l.rows * l.y_ld);
      other.dx = floats(l.rows * l.dx_ld);
      other.d_weight = d_weight;
      other.d_bias = d_bias;
      CU_ASSERT_TRUE(linear_select("avx2"));
      layer_pack(&other);
      layer_forward(&other, ACTIVATION_TANH);
      layer_backward(&other, ACTIVATION_TANH);
      CU_ASSERT_TRUE(same_bits(1, packed_floats, l.packed, 0, other.packed, 0));
      CU_ASSERT_TRUE(same_bits(l.rows, *out, l.y, l.y_ld, other.y, l.y_ld));
      CU_ASSERT_TRUE(same_bits(l.rows, *in, l.dx, l.dx_ld, other.dx, l.dx_ld));
      CU_ASSERT_TRUE(same_bits(1, weights, l.d_weight, 0, d_weight, 0));
      CU_ASSERT_TRUE(same_bits(1, *out, l.d_bias, 0, d_bias, 0));
      CU_ASSERT_TRUE(linear_select("baseline"));
      linear_pack(*in, *out, l.weight, other.packed);
      CU_ASSERT_TRUE(same_bits(1, packed_floats, l.packed, 0, other.packed, 0));
      free(other.packed);
      free(other.y);
      free(other.dx);
      free(d_weight);
      free(d_bias);
      layer_close(&l);
    }
  }
  CU_ASSERT_TRUE(linear_select(NULL));
}

/* BLAS, as an implementation that is independent of ours; both may have errors of this size. */
static void test_blas_agrees(void) {
  struct layer l, m;
  layer_open(&l, 64, 64, 64);
  memset(l.bias, 0, l.out * sizeof *l.bias);
  memset(l.d_weight, 0, l.in * l.out * sizeof *l.d_weight);
  layer_pack(&l);
  layer_magnitude(&m, &l);
  linear_naive_forward(64, 64, 64, m.x, m.x_ld, m.weight, m.bias, ACTIVATION_NONE, m.y, m.y_ld);
  linear_naive_backward_weight(64, 64, 64, m.x, m.x_ld, m.dy, m.y_ld, m.d_weight, m.d_bias);
  layer_forward(&l, ACTIVATION_NONE);
  layer_backward(&l, ACTIVATION_NONE);

  float *y = floats(l.rows * l.y_ld), *d_weight = floats(l.in * l.out);
  blas_set_threads(1);
  blas_sgemm(false, true, 64, 64, 64, 1.0f, l.x, l.x_ld, l.weight, l.in, 0.0f, y, l.y_ld);
  blas_sgemm(true, false, 64, 64, 64, 1.0f, l.dy, l.y_ld, l.x, l.x_ld, 0.0f, d_weight, l.in);
  CU_ASSERT_TRUE(close_sums(64, 64, l.y_ld, l.y, y, m.y, 2 * 64, 0.0));
  CU_ASSERT_TRUE(close_sums(64, 64, 64, l.d_weight, d_weight, m.d_weight, 2 * 64, 0.0));
  free(y);
  free(d_weight);
  layer_close(&m);
  layer_close(&l);
}

/* How many of n floats are NaN. */
static size_t nans(const float *x, size_t n) {
  size_t count = 0;
  for (size_t i = 0; i < n; i++) count += isnan(x[i]) ? 1 : 0;
  return count;
}

/* A NaN in one row reaches all results of that row and of no other, through every activation. */
static void nan_goes_through(size_t rows, size_t in, size_t out) {
  struct layer l;
  layer_open(&l, rows, in, out);
  layer_pack(&l);
  l.x[5 * l.x_ld + in - 1] = NAN;
  l.dy[6 * l.y_ld + out - 1] = NAN;
  for (size_t i = 0; i < rows * l.dx_ld; i++) l.inner[i] = fabsf(l.inner[i]) + 0.01f;
  FOR_EACH(const enum activation, activation, activations) {
    layer_forward(&l, *activation);
    layer_backward(&l, *activation);
    for (size_t row = 0; row < rows; row++) {
      CU_ASSERT_EQUAL(nans(l.y + row * l.y_ld, out), row == 5 ? out : 0);
      CU_ASSERT_EQUAL(nans(l.dx + row * l.dx_ld, in), row == 6 ? in : 0);
    }
  }
  // NaN: the gradients of the last output, because of dy, and those of the last input, because of x
  CU_ASSERT_EQUAL(nans(l.d_weight, in * out), in + out - 1);
  CU_ASSERT_EQUAL(nans(l.d_bias, out), 1);
  layer_close(&l);
}

static void test_nan(void) { for_each_shape(16, nan_goes_through); }

static void test_select(void) {
  CU_ASSERT_FALSE(linear_select("mmx"));
  CU_ASSERT_TRUE(linear_select("baseline"));
  CU_ASSERT_STRING_EQUAL(linear_selected(), "baseline");
  CU_ASSERT_FALSE(linear_select(""));
  CU_ASSERT_STRING_EQUAL(linear_selected(), "baseline");
  CU_ASSERT_TRUE(linear_select(NULL));
}

static const struct check_case cases[] = {
    {"forward equals its naive twin", test_forward},
    {"backward_input equals its naive twin", test_backward_input},
    {"backward_weight equals its naive twin", test_backward_weight},
    {"sums over trees of groups", test_sum_weight},
    {"backward_weight with wide rows", test_backward_weight_wide},
    {"a row's bits do not depend on its neighbours", test_row_invariance},
    {"the fused tanh is vector_tanh", test_fused_tanh},
    {"instruction sets agree to the bit", test_sets_agree},
    {"BLAS agrees", test_blas_agrees},
    {"NaN goes through", test_nan},
    {"an instruction set can be chosen", test_select},
};

CHECK_MAIN("linear", cases)
