#include "math/instruction_set.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

const char *const instruction_set_names[INSTRUCTION_SETS] = {"avx512", "avx2", "baseline", "blas"};

/* The one mutable global of this module: a property of the processor, determined at the first call. */
static _Atomic int in_use = -1;

/* whether the processor supports what a set was compiled for */
static bool runs_here(enum instruction_set set) {
#if defined(__x86_64__)
  if (set == SET_AVX512)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
  if (set == SET_AVX2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
  return set == SET_BASELINE || set == SET_BLAS;
}

enum instruction_set instruction_set_best(void) {
  enum instruction_set set = SET_AVX512;
  while (!runs_here(set)) set++;
  return set;
}

bool instruction_set_select(const char *name) {
  enum instruction_set set = name == NULL ? instruction_set_best() : SET_AVX512;
  while (name != NULL && set < INSTRUCTION_SETS && strcmp(name, instruction_set_names[set]) != 0) set++;
  if (set == INSTRUCTION_SETS || !runs_here(set)) return false;
  atomic_store_explicit(&in_use, (int)set, memory_order_relaxed);
  return true;
}

enum instruction_set instruction_set_in_use(void) {
  int set = atomic_load_explicit(&in_use, memory_order_relaxed);
  if (set >= 0) return (enum instruction_set)set;
  instruction_set_select(NULL);
  return (enum instruction_set)atomic_load_explicit(&in_use, memory_order_relaxed);
}
