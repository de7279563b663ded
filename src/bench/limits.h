/* Limits of the machine to which several parts are compared, as works that can be timed together with a figure. */
#ifndef BENCH_LIMITS_H
#define BENCH_LIMITS_H

#include "base/arena.h"
#include "bench/measure.h"

/* The platform's sgemm at the shape where it is fastest. */
struct limit_sgemm {
  size_t m, n, k;
  float *a, *b, *c; /* [m, k], [k, n], [m, n] */
  double flops;     /* of one call */
  struct bench_work work;
};

/* Tries several shapes and keeps the fastest. The object must stay where it is. */
MUSTER_CHECKED muster_status limit_sgemm_create(const struct bench *bench, struct arena *arena,
                                                struct limit_sgemm *sgemm);

/* Independent fused multiply-adds in registers, on the instruction set that the kernels use. */
struct limit_fma {
  float result;
  double flops; /* of one call */
  struct bench_work work;
};

void limit_fma_create(struct limit_fma *fma);

/* A plain copy of `bytes` bytes: the cost of moving a work's data. */
struct limit_copy {
  size_t bytes;
  unsigned char *from, *to;
  struct bench_work work;
};

MUSTER_CHECKED muster_status limit_copy_create(size_t bytes, struct arena *arena, struct limit_copy *copy);

/* Keeps the compiler from dropping or hoisting a computation whose result lies at `memory`. */
static inline void limit_use(void *memory) { __asm__ volatile("" : : "r"(memory) : "memory"); }

#endif
