#include "math/vector.h"

#include "math/kernels.h"

void vector_tanh(size_t n, const float *x, float *y) { kernels()->vector->tanh(n, x, y); }
void vector_exp(size_t n, const float *x, float *y) { kernels()->vector->exp(n, x, y); }
void vector_log(size_t n, const float *x, float *y) { kernels()->vector->log(n, x, y); }

void vector_adam(size_t n, float *parameter, const float *gradient, float *m, float *v, float gradient_scale,
                 float step_size, double beta1, double beta2, float epsilon, float inverse_sqrt_bias2) {
  kernels()->vector->adam(n, parameter, gradient, m, v, gradient_scale, step_size, beta1, beta2, epsilon,
                          inverse_sqrt_bias2);
}

double vector_sum_of_squares(size_t n, const float *x) { return kernels()->vector->sum_of_squares(n, x); }
