#include "math/vector.h"

#include "math/instruction_set.h"
#include "math/kernels.h"

static const struct vector_kernels *const sets[INSTRUCTION_SETS] = {
#if defined(__x86_64__)
    [SET_AVX512] = &vector_kernels_avx512,
    [SET_AVX2] = &vector_kernels_avx2,
#endif
    [SET_BASELINE] = &vector_kernels_baseline,
};

/* the kernels of the set in use; a set without kernels of its own uses the best ones */
static const struct vector_kernels *kernels(void) {
  const struct vector_kernels *own = sets[instruction_set_in_use()];
  return own != NULL ? own : sets[instruction_set_best()];
}

void vector_tanh(size_t n, const float *x, float *y) { kernels()->tanh(n, x, y); }
void vector_exp(size_t n, const float *x, float *y) { kernels()->exp(n, x, y); }
void vector_log(size_t n, const float *x, float *y) { kernels()->log(n, x, y); }

void vector_adam(size_t n, float *parameter, const float *gradient, float *m, float *v, float gradient_scale,
                 float step_size, double beta1, double beta2, float epsilon, float inverse_sqrt_bias2) {
  kernels()->adam(n, parameter, gradient, m, v, gradient_scale, step_size, beta1, beta2, epsilon, inverse_sqrt_bias2);
}

double vector_sum_of_squares(size_t n, const float *x) { return kernels()->sum_of_squares(n, x); }

float vector_normalize(size_t n, const float *x, const float *gain, const float *bias, float *h, float *y) {
  return kernels()->normalize(n, x, gain, bias, h, y);
}

void vector_normalize_back(size_t n, const float *gain, const float *dy, const float *h, float inverse, float *d_gain,
                           float *d_bias, float *dx) {
  kernels()->normalize_back(n, gain, dy, h, inverse, d_gain, d_bias, dx);
}

void vector_add_moments(size_t rows, size_t n, const float *x, size_t x_ld, double *sums, double *squares) {
  kernels()->add_moments(rows, n, x, x_ld, sums, squares);
}

void vector_add_products(size_t rows, size_t n, const float *centre, const float *x, size_t x_ld, const float *dy,
                         size_t dy_ld, double *sums, double *products) {
  kernels()->add_products(rows, n, centre, x, x_ld, dy, dy_ld, sums, products);
}

void vector_scale_columns(size_t rows, size_t n, const float *centre, const float *factor, const float *shift,
                          const float *x, size_t x_ld, float *y, size_t y_ld) {
  kernels()->scale_columns(rows, n, centre, factor, shift, x, x_ld, y, y_ld);
}

void vector_scale_columns_back(size_t rows, size_t n, const float *centre, const float *factor, const float *mean,
                               const float *slope, const float *x, size_t x_ld, const float *dy, size_t dy_ld,
                               float *dx, size_t dx_ld) {
  kernels()->scale_columns_back(rows, n, centre, factor, mean, slope, x, x_ld, dy, dy_ld, dx, dx_ld);
}

bool vector_is_finite(size_t n, const float *x) { return kernels()->is_finite(n, x); }

void vector_follow(size_t n, float tau, const float *x, float *copy) { kernels()->follow(n, tau, x, copy); }

void vector_add(size_t n, const float *x, const float *y, float *sum) { kernels()->add(n, x, y, sum); }
