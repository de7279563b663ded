#include "math/kernels.h"

#include <stdatomic.h>
#include <string.h>

/* Whether the processor has what a set was compiled for. */
static bool runs_here(const char *name) {
#if defined(__x86_64__)
  if (strcmp(name, "avx512") == 0)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
  if (strcmp(name, "avx2") == 0) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
  return strcmp(name, "baseline") == 0 || strcmp(name, "blas") == 0;
}

/* the best one first; the products of the last one are the platform's BLAS's */
static const struct kernel_set sets[] = {
#if defined(__x86_64__)
    {"avx512", &linear_kernels_avx512, &vector_kernels_avx512},
    {"avx2", &linear_kernels_avx2, &vector_kernels_avx2},
#endif
    {"baseline", &linear_kernels_baseline, &vector_kernels_baseline},
    {"blas", &linear_kernels_blas, NULL},
};

/* The one mutable global of this room: a property of the processor, found out at the first call. */
static _Atomic(const struct kernel_set *) selected;

bool linear_select(const char *name) {
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
    if ((!name || strcmp(name, sets[i].name) == 0) && runs_here(sets[i].name)) {
      atomic_store_explicit(&selected, &sets[i], memory_order_relaxed);
      return true;
    }
  }
  return false;
}

const struct kernel_set *kernels(void) {
  const struct kernel_set *set = atomic_load_explicit(&selected, memory_order_relaxed);
  if (set) return set;
  linear_select(NULL);
  return atomic_load_explicit(&selected, memory_order_relaxed);
}

/* the elementwise kernels of a set that has none of its own are the best ones */
const struct vector_kernels *vector_kernels(void) {
  const struct vector_kernels *own = kernels()->vector;
  if (own) return own;
  for (size_t i = 0;; i++)
    if (runs_here(sets[i].name)) return sets[i].vector;
}

const char *linear_selected(void) { return kernels()->name; }
