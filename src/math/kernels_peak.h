/* The kernels of math/peak.h, one for each instruction set. Inside the module math only. */
#ifndef MATH_KERNELS_PEAK_H
#define MATH_KERNELS_PEAK_H

#include <stddef.h>

struct peak_kernel {
  float (*multiply_add)(size_t rounds);
  int flops; /* operations of one round */
};

extern const struct peak_kernel peak_kernel_baseline;
#if defined(__x86_64__)
extern const struct peak_kernel peak_kernel_avx512, peak_kernel_avx2;
#endif

#endif
