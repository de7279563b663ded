/* The kernels of each instruction set. Inside math/ only. */
#ifndef MATH_KERNELS_H
#define MATH_KERNELS_H

#include "math/linear.h"
#include "math/vector.h"

/* Each entry does what the public function with the same name does. */
struct linear_kernels {
  void (*pack)(size_t in, size_t out, const float *weight, float *packed);
  void (*forward)(size_t rows, size_t in, size_t out, const float *x, size_t x_ld, const float *packed,
                  const float *bias, enum activation activation, float *y, size_t y_ld);
  void (*backward_input)(size_t rows, size_t in, size_t out, const float *dy, size_t dy_ld,
                         const float *packed_transposed, enum activation activation, const float *x, size_t x_ld,
                         float *dx, size_t dx_ld);
  void (*backward_weight)(size_t rows, size_t in, size_t out, const float *x, size_t x_ld, const float *dy,
                          size_t dy_ld, float *d_weight, float *d_bias);
  void (*sum_weight)(const struct linear_groups *groups, size_t in, size_t out, const float *x, size_t x_ld,
                     const float *dy, size_t dy_ld, float *d_weight, float *d_bias);
};

struct vector_kernels {
  void (*tanh)(size_t n, const float *x, float *y);
  void (*exp)(size_t n, const float *x, float *y);
  void (*log)(size_t n, const float *x, float *y);
  void (*adam)(size_t n, float *parameter, const float *gradient, float *m, float *v, float gradient_scale,
               float step_size, double beta1, double beta2, float epsilon, float inverse_sqrt_bias2);
  double (*sum_of_squares)(size_t n, const float *x);
  bool (*is_finite)(size_t n, const float *x);
  void (*follow)(size_t n, float tau, const float *x, float *copy);
  void (*add)(size_t n, const float *x, const float *y, float *sum);
  float (*normalize)(size_t n, const float *x, const float *gain, const float *bias, float *h, float *y);
  void (*normalize_back)(size_t n, const float *gain, const float *dy, const float *h, float inverse, float *d_gain,
                         float *d_bias, float *dx);
  void (*add_moments)(size_t rows, size_t n, const float *x, size_t x_ld, double *sums, double *squares);
  void (*add_products)(size_t rows, size_t n, const float *centre, const float *x, size_t x_ld, const float *dy,
                       size_t dy_ld, double *sums, double *products);
  void (*scale_columns)(size_t rows, size_t n, const float *centre, const float *factor, const float *shift,
                        const float *x, size_t x_ld, float *y, size_t y_ld);
  void (*scale_columns_back)(size_t rows, size_t n, const float *centre, const float *factor, const float *mean,
                             const float *slope, const float *x, size_t x_ld, const float *dy, size_t dy_ld, float *dx,
                             size_t dx_ld);
};

/* a kernel in a file of its own (kernels_adam.c) */
#define ADAM_KERNEL(set)                                                                                               \
  void adam_kernel_##set(size_t n, float *parameter, const float *gradient, float *m, float *v, float gradient_scale,  \
                         float step_size, double beta1, double beta2, float epsilon, float inverse_sqrt_bias2);
ADAM_KERNEL(baseline)
ADAM_KERNEL(avx2)
ADAM_KERNEL(avx512)

extern const struct linear_kernels linear_kernels_baseline, linear_kernels_blas;
extern const struct vector_kernels vector_kernels_baseline;
#if defined(__x86_64__)
extern const struct linear_kernels linear_kernels_avx512, linear_kernels_avx2;
extern const struct vector_kernels vector_kernels_avx512, vector_kernels_avx2;
#endif

/* How a weight [out, in] is packed, the same for every instruction set: for out > NARROW_OUT, in panels of PANEL
 * outputs (the last panel has only LINEAR_COLUMNS where these are enough), each [in, panel], zero past `out`; for a
 * narrow layer, row by row, [narrow_rows(out), linear_padded(in)], zero past `in` and `out`. */
enum { PANEL = 2 * LINEAR_COLUMNS, NARROW_OUT = 4 };

/* A panel of this depth fills two thirds of a first-level cache; longer sums are made part by part. */
enum { BLOCK_DEPTH = 256 };

static inline size_t panel_width(size_t columns_left) { return columns_left > LINEAR_COLUMNS ? PANEL : LINEAR_COLUMNS; }
static inline size_t narrow_rows(size_t out) { return out == 3 ? 4 : out; }

#endif
