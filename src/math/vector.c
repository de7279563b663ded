#include "math/vector.h"

#include "math/kernels.h"

void vector_tanh(size_t n, const float *x, float *y) { vector_kernels()->tanh(n, x, y); }
void vector_exp(size_t n, const float *x, float *y) { vector_kernels()->exp(n, x, y); }
void vector_log(size_t n, const float *x, float *y) { vector_kernels()->log(n, x, y); }

void vector_adam(size_t n, float *parameter, const float *gradient, float *m, float *v, float gradient_scale,
                 float step_size, double beta1, double beta2, float epsilon, float inverse_sqrt_bias2) {
  vector_kernels()->adam(n, parameter, gradient, m, v, gradient_scale, step_size, beta1, beta2, epsilon,
                         inverse_sqrt_bias2);
}

double vector_sum_of_squares(size_t n, const float *x) { return vector_kernels()->sum_of_squares(n, x); }

void vector_add(size_t n, const float *x, const float *y, float *sum) { vector_kernels()->add(n, x, y, sum); }
