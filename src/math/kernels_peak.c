/* The chains of math/peak.h; compiled once for each instruction set. */
#include "math/kernels_peak.h"

#include "math/simd.h"

/* more chains than the latency of a multiply-add in cycles times the number of units, and few enough to stay in
 * registers */
enum { CHAINS = MANY_REGISTERS ? 16 : 12 };

static float multiply_add_kernel(size_t rounds) {
  /* all chains converge to 1/2, but none starts there, so that the compiler cannot predict them */
  vec chain[CHAINS], factor = vec_set(0.999f), term = vec_set(0.0005f);
  UNROLL for (int i = 0; i < CHAINS; i++) chain[i] = vec_set((float)i);
  for (size_t round = 0; round < rounds; round++) {
    UNROLL for (int i = 0; i < CHAINS; i++) chain[i] = vec_fma(chain[i], factor, term);
  }
  vec sum = chain[0];
  UNROLL for (int i = 1; i < CHAINS; i++) sum += chain[i];
  float total = 0.0f;
  for (int i = 0; i < SIMD_WIDTH; i++) total += sum[i];
  return total;
}

const struct peak_kernel KERNEL_SET(peak_kernel) = {multiply_add_kernel, 2 * CHAINS *SIMD_WIDTH};
