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

bool vector_is_finite(size_t n, const float *x) { return kernels()->is_finite(n, x); }

void vector_follow(size_t n, float tau, const float *x, float *copy) { kernels()->follow(n, tau, x, copy); }

void vector_add(size_t n, const float *x, const float *y, float *sum) { kernels()->add(n, x, y, sum); }
