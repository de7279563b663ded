/* All parameters of a model in one contiguous block, with named views. So an optimizer is one loop, and sending the
 * parameters is one copy.
 *
 * Gradients lie in a second block of the same layout. Tensors are added once, while the model is built. */
#ifndef NN_PARAMETERS_H
#define NN_PARAMETERS_H

#include "base/arena.h"
#include "store/checkpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 20 critics of 6 layers and their copies, and a policy; two networks of the most layers have 261 */
#define PARAMETERS_MAX_TENSORS 640

struct parameter {
  char name[64]; /* path in a checkpoint: "policy/0/weight" */
  int rank;
  size_t shape[2]; /* row-major */
  size_t offset, count;
  bool is_statistic; /* it follows what a network reads, and no gradient moves it */
  bool is_frozen;    /* no step of an optimizer moves it, nor does it follow anything */
};

struct parameters {
  size_t count;     /* floats in all */
  float *values;    /* [count], set by parameters_allocate() */
  float *gradients; /* [count] */
  bool has_frozen;  /* any of them */
  int tensors;
  struct parameter tensor[PARAMETERS_MAX_TENSORS];
};

/* Appends a tensor and returns its offset in the block. With rank 1, only shape0 counts. */
MUSTER_CHECKED muster_status parameters_add(struct parameters *parameters, const char *prefix, const char *name,
                                            int rank, size_t shape0, size_t shape1, size_t *offset);

/* The same with rank 1, for a statistic. */
MUSTER_CHECKED muster_status parameters_add_statistic(struct parameters *parameters, const char *prefix,
                                                      const char *name, size_t count, size_t *offset);

/* Whether the tensor at this offset in the block is frozen. */
bool parameters_is_frozen(const struct parameters *parameters, size_t offset);

/* Takes memory for the block and its gradients from the arena, zeroed. Call it after the last parameters_add(). */
MUSTER_CHECKED muster_status parameters_allocate(struct parameters *parameters, struct arena *arena);

/* What a block, laid out as the parameters, would begin with, of which only the part from `first` on is there. */
static inline float *parameters_block_of(float *part, size_t first) {
  return (float *)((uintptr_t)part - first * sizeof *part);
}

/* A parameter as a tensor of a checkpoint: a view of the block. */
struct tensor parameter_tensor(const struct parameters *parameters, const struct parameter *parameter);

/* The name of the tensor with the first value in `block` (values or gradients) that is not finite; NULL: all are
 * finite. */
const char *parameters_find_not_finite(const struct parameters *parameters, const float *block);

/* Fills weight [out, in] with a random orthogonal matrix times gain: orthonormal rows if out <= in, else orthonormal
 * columns (Saxe et al. 2014; the distribution of torch.nn.init.orthogonal_). */
MUSTER_CHECKED muster_status parameters_fill_orthogonal(float *weight, size_t out, size_t in, double gain,
                                                        uint64_t seed, uint32_t index);

/* Fills n floats uniformly in [-bound, bound] (torch.nn.Linear's default uses bound = 1 / sqrt(in)). */
void parameters_fill_uniform(float *values, size_t n, double bound, uint64_t seed, uint32_t index);

#endif
