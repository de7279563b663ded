/* The speed of arithmetic: products of matrices, elementary functions, memory. */
#include "bench/limits.h"
#include "bench/parts.h"
#include "math/linear.h"
#include "math/vector.h"

/* --- products --- */

enum kernel { FORWARD, BACKWARD_INPUT, BACKWARD_WEIGHT, KERNELS };

/* a kernel of muster on a tile of a layer with equal numbers of inputs and outputs */
struct product {
  enum kernel kernel;
  size_t width;
  float *x, *y;                              /* [LINEAR_TILE, width] */
  float *weight, *packed, *bias, *gradients; /* packed for this kernel */
  double flops;
  struct bench_work work;
};

static muster_status run_product(void *context) {
  struct product *p = context;
  const size_t rows = LINEAR_TILE, width = p->width;
  switch (p->kernel) {
  case FORWARD:
    linear_forward(rows, width, width, p->x, width, p->packed, p->bias, ACTIVATION_NONE, p->y, width);
    break;
  case BACKWARD_INPUT:
    linear_backward_input(rows, width, width, p->x, width, p->packed, ACTIVATION_NONE, NULL, 0, p->y, width);
    break;
  default: linear_backward_weight(rows, width, width, p->x, width, p->y, width, p->gradients, p->bias); break;
  }
  return MUSTER_OK;
}

/* `width` is a multiple of LINEAR_COLUMNS */
static muster_status create_product(enum kernel kernel, size_t width, struct arena *arena, struct product *product) {
  *product = (struct product){.kernel = kernel,
                              .width = width,
                              .flops = 2.0 * LINEAR_TILE * (double)(width * width),
                              .work = {.run = run_product, .context = product}};
  size_t packed =
      kernel == FORWARD ? linear_packed_floats(width, width) : linear_packed_transposed_floats(width, width);
  MUSTER_TRY(ARENA_TAKE(arena, LINEAR_TILE * width, "activations", &product->x));
  MUSTER_TRY(ARENA_TAKE(arena, LINEAR_TILE * width, "activations", &product->y));
  MUSTER_TRY(ARENA_TAKE(arena, width * width, "weights", &product->weight));
  MUSTER_TRY(ARENA_TAKE(arena, width * width, "gradients", &product->gradients));
  MUSTER_TRY(ARENA_TAKE(arena, width, "biases", &product->bias));
  MUSTER_TRY(ARENA_TAKE(arena, packed, "packed weights", &product->packed));
  for (size_t i = 0; i < width * width; i++) product->weight[i] = 1e-3f * (float)(i % 101) - 0.05f;
  for (size_t i = 0; i < LINEAR_TILE * width; i++) product->x[i] = 1e-2f * (float)(i % 103) - 0.5f;
  if (kernel == FORWARD)
    linear_pack(width, width, product->weight, product->packed);
  else
    linear_pack_transposed(width, width, product->weight, product->packed);
  return MUSTER_OK;
}

static muster_status measure_products(struct bench *bench, struct arena *arena, struct limit_fma *fma,
                                      struct limit_sgemm *sgemm) {
  static const char *const names[KERNELS] = {"forward", "backward_input", "backward_weight"};
  static const size_t widths[] = {64, 256};
  enum { WIDTHS = sizeof widths / sizeof *widths, FIRST = 2, WORKS = FIRST + KERNELS * WIDTHS };
  struct product products[KERNELS * WIDTHS];
  struct bench_work *works[WORKS] = {&fma->work, &sgemm->work};
  for (int i = 0; i < KERNELS * WIDTHS; i++) {
    MUSTER_TRY(create_product((enum kernel)(i % KERNELS), widths[i / KERNELS], arena, &products[i]));
    works[FIRST + i] = &products[i].work;
  }
  MUSTER_TRY(bench_measure(bench, works, WORKS));

  struct bench_series fma_series = bench_per_item(&fma->work, fma->flops);
  struct bench_series sgemm_series = bench_per_item(&sgemm->work, sgemm->flops), best = {{0}};
  MUSTER_TRY(bench_add(bench, &unit_gflops, fma_series, fma_series, "math/fma_peak"));
  MUSTER_TRY(bench_add(bench, &unit_gflops, sgemm_series, fma_series, "math/sgemm_peak"));
  for (int i = 0; i < KERNELS * WIDTHS; i++) {
    struct bench_series series = bench_per_item(&products[i].work, products[i].flops);
    MUSTER_TRY(bench_add(bench, &unit_gflops, series, fma_series, "math/linear_%s/%zux%zu", names[products[i].kernel],
                         products[i].width, products[i].width));
    if (i == 0 || bench_median(bench, &series) < bench_median(bench, &best)) best = series;
  }
  return bench_add(bench, &unit_gflops, best, sgemm_series, "math/linear_peak");
}

/* --- elementary functions --- */

/* x in a range that occurs in training; x and y are small enough to stay in the first-level cache */
enum { ELEMENTS = 4096 };

struct function {
  const char *name;
  void (*apply)(size_t n, const float *x, float *y);
  float *x, *y; /* [ELEMENTS] */
  struct bench_work work;
};

static muster_status run_function(void *context) {
  struct function *function = context;
  function->apply(ELEMENTS, function->x, function->y);
  return MUSTER_OK;
}

static muster_status measure_functions(struct bench *bench, struct arena *arena) {
  struct function functions[] = {{.name = "tanh", .apply = vector_tanh},
                                 {.name = "exp", .apply = vector_exp},
                                 {.name = "log", .apply = vector_log}};
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    struct function *function = &functions[i];
    function->work = (struct bench_work){.run = run_function, .context = function};
    MUSTER_TRY(ARENA_TAKE(arena, ELEMENTS, "arguments", &function->x));
    MUSTER_TRY(ARENA_TAKE(arena, ELEMENTS, "results", &function->y));
    for (size_t j = 0; j < ELEMENTS; j++)
      function->x[j] = (float)(j + 1) * (4.0f / ELEMENTS) - (function->apply == vector_log ? 0.0f : 2.0f);

    // the limit is to move the elements
    struct limit_copy copy;
    MUSTER_TRY(limit_copy_create(ELEMENTS * sizeof(float), arena, &copy));
    struct bench_work *works[] = {&copy.work, &function->work};
    MUSTER_TRY(bench_measure(bench, works, 2));
    MUSTER_TRY(bench_add(bench, &unit_ns_element, bench_per_item(&function->work, ELEMENTS),
                         bench_per_item(&copy.work, ELEMENTS), "math/%s", function->name));
  }
  return MUSTER_OK;
}

/* --- memory --- */

/* a[i] = b[i] + c c[i] (McCalpin's STREAM triad) */
struct triad {
  size_t n;
  float *a, *b, *c;
  struct bench_work work;
};

static muster_status run_triad(void *context) {
  struct triad *triad = context;
  float *restrict a = triad->a;
  const float *restrict b = triad->b, *restrict c = triad->c;
  for (size_t i = 0; i < triad->n; i++) a[i] = b[i] + 3.0f * c[i];
  limit_use(a);
  return MUSTER_OK;
}

static muster_status measure_memory(struct bench *bench, struct arena *arena) {
  // arrays larger than the caches, unless quick
  const size_t bytes = (size_t)(bench->quick ? 1 : 128) << 20;
  struct limit_copy copy;
  MUSTER_TRY(limit_copy_create(bytes, arena, &copy));
  struct triad triad = {.n = bytes / sizeof(float), .work = {.run = run_triad, .context = &triad}};
  MUSTER_TRY(ARENA_TAKE(arena, triad.n, "triad", &triad.a));
  MUSTER_TRY(ARENA_TAKE(arena, triad.n, "triad", &triad.b));
  MUSTER_TRY(ARENA_TAKE(arena, triad.n, "triad", &triad.c));
  for (size_t i = 0; i < triad.n; i++) triad.b[i] = triad.c[i] = 1.0f;
  struct bench_work *works[] = {&copy.work, &triad.work};
  MUSTER_TRY(bench_measure(bench, works, 2));

  // bytes that the program reads and writes, as STREAM counts them
  struct bench_series copied = bench_per_item(&copy.work, 2.0 * (double)bytes);
  MUSTER_TRY(bench_add(bench, &unit_gigabytes, copied, copied, "math/memory_copy"));
  return bench_add(bench, &unit_gigabytes, bench_per_item(&triad.work, 3.0 * (double)bytes), copied,
                   "math/memory_triad");
}

static muster_status measure_all(struct bench *bench, struct arena *arena) {
  struct limit_fma fma;
  struct limit_sgemm sgemm;
  limit_fma_create(&fma);
  MUSTER_TRY(limit_sgemm_create(bench, arena, &sgemm));
  MUSTER_TRY(measure_products(bench, arena, &fma, &sgemm));
  MUSTER_TRY(measure_functions(bench, arena));
  return measure_memory(bench, arena);
}

muster_status bench_math(struct bench *bench) {
  struct arena *arena;
  MUSTER_TRY(arena_create(&arena));
  muster_status status = measure_all(bench, arena);
  arena_destroy(&arena);
  return status;
}
