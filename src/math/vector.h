/* Elementwise functions and sums over float arrays. They run on the instruction set that linear_select() chose. Arrays
 * may have any length and alignment; an element's result does not depend on its place. */
#ifndef MATH_VECTOR_H
#define MATH_VECTOR_H

#include <stddef.h>

/* y[i] = tanh(x[i]); y may be x. A rational approximation, odd, never beyond +-1, exactly +-1 from |x| >= TANH_ONE on;
 * NaN in, NaN out. */
void vector_tanh(size_t n, const float *x, float *y);

/* y[i] = e^x[i]; y may be x. 0 and infinity where float ends; NaN in, NaN out. */
void vector_exp(size_t n, const float *x, float *y);

/* y[i] = natural logarithm of x[i]; y may be x. log(0) = -inf, log(inf) = inf; NaN for negative numbers and for NaN. */
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

#endif
