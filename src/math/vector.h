/* Elementwise functions and sums over float arrays. They run on the instruction set that linear_select() chose. Arrays
 * may have any length and alignment; an element's result does not depend on its position. */
#ifndef MATH_VECTOR_H
#define MATH_VECTOR_H

#include <stdbool.h>
#include <stddef.h>

/* y[i] = tanh(x[i]); y may be x. Odd, never beyond +-1, exactly +-1 for |x| >= 8.31; NaN in, NaN out. Largest error,
 * absolute and relative, over all floats: 3.2e-7, or 5.4 units in the last place (just below 1, where they are
 * smallest); 3.5e-7 and 5.9 without fused multiply-adds. */
void vector_tanh(size_t n, const float *x, float *y);

/* y[i] = e^x[i]; y may be x. 0 and infinity beyond the range of float; NaN in, NaN out. Largest relative error over all
 * normal results: 8.5e-8, or 1.0 unit in the last place. */
void vector_exp(size_t n, const float *x, float *y);

/* y[i] = natural logarithm of x[i]; y may be x. log(0) = -inf, log(inf) = inf; NaN for negative numbers and for NaN.
 * Largest relative error over all floats: 8.4e-8, or 0.8 units in the last place. */
void vector_log(size_t n, const float *x, float *y);

/* One step of Adam (Kingma and Ba 2015, algorithm 1, in the form that PyTorch computes) over n parameters:
 *   g = gradient * gradient_scale
 *   m = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2
 *   parameter -= step_size * m / (sqrt(v) * inverse_sqrt_bias2 + epsilon)
 * where at step t = 1, 2, ... step_size = learning rate / (1 - beta1^t) and inverse_sqrt_bias2 = 1 / sqrt(1 - beta2^t).
 * The same bits on every instruction set. The arrays do not overlap. */
void vector_adam(size_t n, float *parameter, const float *gradient, float *m, float *v, float gradient_scale,
                 float step_size, double beta1, double beta2, float epsilon, float inverse_sqrt_bias2);

/* The sum of x[i]^2 in double, added in an order that depends on n alone: the same bits on every instruction set. NaN
 * if any element is NaN, otherwise infinite if any is. */
double vector_sum_of_squares(size_t n, const float *x);

/* Whether no x[i] is infinite or NaN. */
bool vector_is_finite(size_t n, const float *x);

/* Layer normalisation of one row (nn/layers/layer_norm.c): h[i] = (x[i] - mean x) / s and y[i] = gain[i] * h[i] +
 * bias[i] with s = sqrt(mean (x - mean x)^2 + 1e-5). Returns 1 / s. The same bits on every instruction set; the arrays
 * do not overlap. */
float vector_normalize(size_t n, const float *x, const float *gain, const float *bias, float *h, float *y);

/* The way back through it, from dy, the gradient of y: with d[i] = gain[i] * dy[i] fills
 *   dx[i] = (d[i] - mean d - h[i] * mean (d h)) / s
 * and adds dy[i] * h[i] to d_gain[i] and dy[i] to d_bias[i]. dx NULL, or d_gain NULL: not wanted. Likewise. */
void vector_normalize_back(size_t n, const float *gain, const float *dy, const float *h, float inverse, float *d_gain,
                           float *d_bias, float *dx);

/* What normalisation over columns is made of (nn/layers/batch_renorm.c), for arrays [rows, ld] whose rows have n
 * numbers. The first two add to sums in double, row by row; a column's result depends on no other. The same bits on
 * every instruction set; the arrays do not overlap.
 *
 *   sums[i] += sum of x[r, i],  squares[i] += sum of x[r, i]^2
 *   sums[i] += sum of dy[r, i],  products[i] += sum of dy[r, i] * (x[r, i] - centre[i])
 *   y[r, i] = factor[i] * (x[r, i] - centre[i]) + shift[i]
 *   dx[r, i] = factor[i] * (dy[r, i] - mean[i] - slope[i] * (x[r, i] - centre[i])) */
void vector_add_moments(size_t rows, size_t n, const float *x, size_t x_ld, double *sums, double *squares);
void vector_add_products(size_t rows, size_t n, const float *centre, const float *x, size_t x_ld, const float *dy,
                         size_t dy_ld, double *sums, double *products);
void vector_scale_columns(size_t rows, size_t n, const float *centre, const float *factor, const float *shift,
                          const float *x, size_t x_ld, float *y, size_t y_ld);
void vector_scale_columns_back(size_t rows, size_t n, const float *centre, const float *factor, const float *mean,
                               const float *slope, const float *x, size_t x_ld, const float *dy, size_t dy_ld,
                               float *dx, size_t dx_ld);

/* copy[i] = (1 - tau) * copy[i] + tau * x[i]; with tau 1 it is x[i]. The same bits on every instruction set. */
void vector_follow(size_t n, float tau, const float *x, float *copy);

/* sum[i] = x[i] + y[i]; sum may be x or y. */
void vector_add(size_t n, const float *x, const float *y, float *sum);

#endif
