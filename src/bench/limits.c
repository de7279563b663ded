#include "bench/limits.h"

#include "math/blas.h"
#include "math/peak.h"

#include <string.h>

/* --- sgemm --- */

static muster_status run_sgemm(void *context) {
  struct limit_sgemm *sgemm = context;
  blas_sgemm(false, false, sgemm->m, sgemm->n, sgemm->k, 1.0f, sgemm->a, sgemm->k, sgemm->b, sgemm->n, 0.0f, sgemm->c,
             sgemm->n);
  return MUSTER_OK;
}

static void set_shape(struct limit_sgemm *sgemm, const size_t shape[3]) {
  sgemm->m = shape[0];
  sgemm->n = shape[1];
  sgemm->k = shape[2];
  sgemm->flops = 2.0 * (double)shape[0] * (double)shape[1] * (double)shape[2];
}

muster_status limit_sgemm_create(const struct bench *bench, struct arena *arena, struct limit_sgemm *sgemm) {
  static const size_t shapes[][3] = {{64, 64, 64},    {64, 256, 256},  {64, 128, 256}, {128, 128, 128},
                                     {256, 256, 256}, {384, 384, 384}, {512, 512, 512}};
  enum { SHAPES = sizeof shapes / sizeof *shapes, LARGEST = 512 * 512 };
  float *block;
  MUSTER_TRY(ARENA_TAKE(arena, 3 * LARGEST, "matrices", &block));
  for (size_t i = 0; i < 3 * LARGEST; i++) block[i] = 1e-3f * (float)(i % 997);
  const struct limit_sgemm empty = {.a = block, .b = block + LARGEST, .c = block + 2 * LARGEST};

  // all shapes in turn, so that a short disturbance does not decide the choice
  struct limit_sgemm tried[SHAPES];
  struct bench_work *works[SHAPES];
  for (int i = 0; i < SHAPES; i++) {
    tried[i] = empty;
    set_shape(&tried[i], shapes[i]);
    tried[i].work = (struct bench_work){.run = run_sgemm, .context = &tried[i]};
    works[i] = &tried[i].work;
  }
  MUSTER_TRY(bench_measure(bench, works, SHAPES));
  int best = 0;
  double least = 0;
  for (int i = 0; i < SHAPES; i++) {
    struct bench_series series = bench_per_item(works[i], tried[i].flops);
    double seconds = bench_median(bench, &series);
    if (i > 0 && seconds >= least) continue;
    best = i;
    least = seconds;
  }
  *sgemm = tried[best];
  sgemm->work.context = sgemm;
  return MUSTER_OK;
}

/* --- multiply-adds in registers --- */

#define FMA_ITERATIONS 4096

static muster_status run_fma(void *context) {
  struct limit_fma *fma = context;
  fma->result = peak_multiply_add(FMA_ITERATIONS);
  limit_use(&fma->result);
  return MUSTER_OK;
}

void limit_fma_create(struct limit_fma *fma) {
  *fma = (struct limit_fma){.flops = peak_flops(FMA_ITERATIONS), .work = {.run = run_fma, .context = fma}};
}

/* --- copies --- */

static muster_status run_copy(void *context) {
  struct limit_copy *copy = context;
  memcpy(copy->to, copy->from, copy->bytes);
  limit_use(copy->to);
  return MUSTER_OK;
}

muster_status limit_copy_create(size_t bytes, struct arena *arena, struct limit_copy *copy) {
  *copy = (struct limit_copy){.bytes = bytes, .work = {.run = run_copy, .context = copy}};
  MUSTER_TRY(ARENA_TAKE(arena, bytes, "a copy's source", &copy->from));
  MUSTER_TRY(ARENA_TAKE(arena, bytes, "a copy's target", &copy->to));
  memset(copy->from, 1, bytes); // pages that were never written all share one physical page
  return MUSTER_OK;
}
