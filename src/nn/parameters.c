#include "nn/parameters.h"

#include "base/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

muster_status parameters_add(struct parameters *parameters, const char *prefix, const char *name, int rank,
                             size_t shape0, size_t shape1, size_t *offset) {
  if (parameters->tensors == PARAMETERS_MAX_TENSORS)
    return status_error(MUSTER_ERROR_USAGE, "the network has more than %d tensors: use fewer hidden layers",
                        PARAMETERS_MAX_TENSORS);
  size_t count, total;
  if (__builtin_mul_overflow(shape0, rank == 2 ? shape1 : 1, &count) ||
      __builtin_add_overflow(parameters->count, count, &total) || total > SIZE_MAX / 16)
    return status_error(MUSTER_ERROR_MEMORY,
                        "out of memory: no machine can hold %s/%s of %zu x %zu parameters: use smaller layers, or "
                        "smaller observations or actions",
                        prefix, name, shape0, shape1);
  struct parameter *tensor = &parameters->tensor[parameters->tensors++];
  snprintf(tensor->name, sizeof tensor->name, "%s/%s", prefix, name);
  tensor->rank = rank;
  tensor->shape[0] = shape0;
  tensor->shape[1] = rank == 2 ? shape1 : 1;
  tensor->offset = parameters->count;
  tensor->count = count;
  parameters->count = total;
  *offset = tensor->offset;
  return MUSTER_OK;
}

muster_status parameters_add_statistic(struct parameters *parameters, const char *prefix, const char *name,
                                       size_t count, size_t *offset) {
  MUSTER_TRY(parameters_add(parameters, prefix, name, 1, count, 1, offset));
  parameters->tensor[parameters->tensors - 1].is_statistic = true;
  return MUSTER_OK;
}

bool parameters_is_frozen(const struct parameters *parameters, size_t offset) {
  for (int i = 0; parameters->has_frozen && i < parameters->tensors; i++)
    if (parameters->tensor[i].offset == offset) return parameters->tensor[i].is_frozen;
  return false;
}

muster_status parameters_allocate(struct parameters *parameters, struct arena *arena) {
  MUSTER_TRY(ARENA_TAKE(arena, parameters->count, "parameters", &parameters->values));
  return ARENA_TAKE(arena, parameters->count, "gradients", &parameters->gradients);
}

struct tensor parameter_tensor(const struct parameters *parameters, const struct parameter *parameter) {
  return (struct tensor){parameter->name,
                         TENSOR_F32,
                         parameter->rank,
                         {parameter->shape[0], parameter->shape[1]},
                         parameters->values + parameter->offset,
                         RANGE_FINITE};
}

const char *parameters_find_not_finite(const struct parameters *parameters, const float *block) {
  for (const struct parameter *tensor = parameters->tensor; tensor < parameters->tensor + parameters->tensors; tensor++)
    for (size_t i = 0; i < tensor->count; i++)
      if (!isfinite(block[tensor->offset + i])) return tensor->name;
  return NULL;
}

/* makes the rows of a[rows, columns], rows <= columns, orthonormal: modified Gram-Schmidt, done twice */
static void orthonormalize_rows(double *a, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; i++) {
    double *row = a + i * columns;
    for (int pass = 0; pass < 2; pass++) {
      for (size_t j = 0; j < i; j++) {
        const double *before = a + j * columns;
        double projection = 0;
        for (size_t k = 0; k < columns; k++) projection += row[k] * before[k];
        for (size_t k = 0; k < columns; k++) row[k] -= projection * before[k];
      }
    }
    double square = 0;
    for (size_t k = 0; k < columns; k++) square += row[k] * row[k];
    double scale = 1.0 / sqrt(square);
    for (size_t k = 0; k < columns; k++) row[k] *= scale;
  }
}

muster_status parameters_fill_orthogonal(float *weight, size_t out, size_t in, double gain, uint64_t seed,
                                         uint32_t index) {
  size_t rows = out < in ? out : in, columns = out < in ? in : out;
  double *a = malloc(rows * columns * sizeof *a);
  if (a == NULL) return status_error(MUSTER_ERROR_MEMORY, "out of memory: initialising a %zu x %zu weight", out, in);

  /* orthonormalised rows of independent normal numbers are uniformly distributed over all orthonormal rows */
  struct random_stream stream = random_stream_start(seed, RANDOM_PARAMETERS, index, 0);
  for (size_t i = 0; i < rows * columns; i++) a[i] = muster_random_normal(&stream.base);
  orthonormalize_rows(a, rows, columns);
  for (size_t o = 0; o < out; o++)
    for (size_t i = 0; i < in; i++)
      weight[o * in + i] = (float)(gain * (out < in ? a[o * columns + i] : a[i * columns + o]));
  free(a);
  return MUSTER_OK;
}

void parameters_fill_uniform(float *values, size_t n, double bound, uint64_t seed, uint32_t index) {
  struct random_stream stream = random_stream_start(seed, RANDOM_PARAMETERS, index, 0);
  for (size_t i = 0; i < n; i++) values[i] = (float)muster_random_uniform(&stream.base, -bound, bound);
}
