/* The products of dense layers computed by the platform's BLAS from the same packed weights. This set can be selected
 * in place of muster's own kernels, for comparison, and for machines on which BLAS is faster. BLAS does not promise
 * that a row's bits are independent of the number of rows, so the guarantees of docs/determinism.md do not hold with
 * it. */
#include "math/blas.h"
#include "math/kernels.h"

#include <string.h>

static void blas_pack(size_t in, size_t out, const float *weight, float *packed) {
  for (size_t column = 0; column < out; column += PANEL) {
    size_t ld = panel_width(out - column), used = out - column < ld ? out - column : ld;
    memset(packed, 0, in * ld * sizeof *packed);
    for (size_t o = 0; o < used; o++)
      for (size_t i = 0; i < in; i++) packed[i * ld + o] = weight[(column + o) * in + i];
    packed += in * ld;
  }
}

/* c[rows, n] += a[rows, k] b for b [k, n] in panels */
static void add_product(size_t rows, size_t k, size_t n, const float *a, size_t a_ld, const float *packed, float *c,
                        size_t c_ld) {
  for (size_t column = 0; column < n; column += PANEL) {
    size_t ld = panel_width(n - column), used = n - column < ld ? n - column : ld;
    blas_sgemm(false, false, rows, used, k, 1.0f, a, a_ld, packed, ld, 1.0f, c + column, c_ld);
    packed += k * ld;
  }
}

static void blas_forward(size_t rows, size_t in, size_t out, const float *x, size_t x_ld, const float *packed,
                         const float *bias, enum activation activation, float *y, size_t y_ld) {
  for (size_t r = 0; r < rows; r++) memcpy(y + r * y_ld, bias, out * sizeof *y);
  if (out <= NARROW_OUT)
    blas_sgemm(false, true, rows, out, in, 1.0f, x, x_ld, packed, linear_padded(in), 1.0f, y, y_ld);
  else
    add_product(rows, in, out, x, x_ld, packed, y, y_ld);
  for (size_t r = 0; r < rows; r++) {
    float *row = y + r * y_ld;
    if (activation == ACTIVATION_TANH) vector_tanh(out, row, row);
    for (size_t o = 0; activation == ACTIVATION_RELU && o < out; o++) row[o] = row[o] < 0.0f ? 0.0f : row[o];
  }
}

static void blas_backward_input(size_t rows, size_t in, size_t out, const float *dy, size_t dy_ld,
                                const float *packed_transposed, enum activation activation, const float *x, size_t x_ld,
                                float *dx, size_t dx_ld) {
  for (size_t r = 0; r < rows; r++) memset(dx + r * dx_ld, 0, in * sizeof *dx);
  add_product(rows, out, in, dy, dy_ld, packed_transposed, dx, dx_ld);
  for (size_t r = 0; r < rows && activation != ACTIVATION_NONE; r++) {
    const float *output = x + r * x_ld;
    float *row = dx + r * dx_ld;
    for (size_t i = 0; i < in; i++)
      row[i] *= activation == ACTIVATION_TANH ? 1.0f - output[i] * output[i] : (output[i] > 0.0f ? 1.0f : 0.0f);
  }
}

static void blas_backward_weight(size_t rows, size_t in, size_t out, const float *x, size_t x_ld, const float *dy,
                                 size_t dy_ld, float *d_weight, float *d_bias) {
  blas_sgemm(true, false, out, in, rows, 1.0f, dy, dy_ld, x, x_ld, 1.0f, d_weight, in);
  for (size_t r = 0; r < rows; r++)
    for (size_t o = 0; o < out; o++) d_bias[o] += dy[r * dy_ld + o];
}

/* BLAS has no sum over a tree */
static void blas_sum_weight(const struct linear_groups *groups, size_t in, size_t out, const float *x, size_t x_ld,
                            const float *dy, size_t dy_ld, float *d_weight, float *d_bias) {
  linear_kernels_baseline.sum_weight(groups, in, out, x, x_ld, dy, dy_ld, d_weight, d_bias);
}

const struct linear_kernels linear_kernels_blas = {blas_pack, blas_forward, blas_backward_input, blas_backward_weight,
                                                   blas_sum_weight};
