#include "math/peak.h"

#include "math/instruction_set.h"
#include "math/kernels_peak.h"

static const struct peak_kernel *selected_kernel(void) {
#if defined(__x86_64__)
  if (instruction_set_in_use() == SET_AVX512) return &peak_kernel_avx512;
  if (instruction_set_in_use() == SET_AVX2) return &peak_kernel_avx2;
#endif
  return &peak_kernel_baseline;
}

float peak_multiply_add(size_t rounds) { return selected_kernel()->multiply_add(rounds); }

double peak_flops(size_t rounds) { return (double)rounds * selected_kernel()->flops; }
