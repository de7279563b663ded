#include "nn/layers/affine.h"

#include <math.h>

muster_status affine_add_parameters(struct affine *affine, struct parameters *parameters, const char *path) {
  MUSTER_TRY(parameters_add(parameters, path, "weight", 2, affine->out, affine->in, &affine->weight));
  return parameters_add(parameters, path, "bias", 1, affine->out, 1, &affine->bias);
}

muster_status affine_initialize(const struct affine *affine, float *values, const struct layer_init *init) {
  const size_t in = affine->in, out = affine->out;
  if (init->orthogonal)
    return parameters_fill_orthogonal(values + affine->weight, out, in, init->gain, init->seed, init->index);
  double bound = 1.0 / sqrt((double)in);
  parameters_fill_uniform(values + affine->weight, out * in, bound, init->seed, init->index);
  parameters_fill_uniform(values + affine->bias, out, bound, init->seed, init->index + 1);
  return MUSTER_OK;
}

muster_status affine_allocate(struct affine *affine, struct arena *arena) {
  size_t forward = linear_packed_floats(affine->in, affine->out);
  size_t transposed = linear_packed_transposed_floats(affine->in, affine->out);
  MUSTER_TRY(ARENA_TAKE(arena, forward, "packed weights", &affine->packed));
  return ARENA_TAKE(arena, transposed, "packed weights", &affine->packed_transposed);
}

void affine_pack(struct affine *affine, const float *values, bool for_training) {
  linear_pack(affine->in, affine->out, values + affine->weight, affine->packed);
  if (for_training) linear_pack_transposed(affine->in, affine->out, values + affine->weight, affine->packed_transposed);
}
