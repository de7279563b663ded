#include "math/peak.h"

#include "math/kernels_peak.h"
#include "math/linear.h"

#include <string.h>

static const struct peak_kernel *selected_kernel(void) {
#if defined(__x86_64__)
  if (strcmp(linear_selected(), "avx512") == 0) return &peak_kernel_avx512;
  if (strcmp(linear_selected(), "avx2") == 0) return &peak_kernel_avx2;
#endif
  return &peak_kernel_baseline;
}

float peak_multiply_add(size_t rounds) { return selected_kernel()->multiply_add(rounds); }

double peak_flops(size_t rounds) { return (double)rounds * selected_kernel()->flops; }
