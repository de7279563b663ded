/* y = activation(x W^T + b): what dense layers compute from rows, and convolutions from windows. */
#ifndef NN_LAYERS_AFFINE_H
#define NN_LAYERS_AFFINE_H

#include "nn/layer.h"

struct affine {
  size_t in, out;
  size_t weight, bias;               /* offsets in the parameter block; weight [out, in], bias [out] */
  float *packed, *packed_transposed; /* the weight as kernels read it, updated by affine_pack() */
};

/* Adds "<path>/weight" and "<path>/bias". */
MUSTER_CHECKED muster_status affine_add_parameters(struct affine *affine, struct parameters *parameters,
                                                   const char *path);
MUSTER_CHECKED muster_status affine_initialize(const struct affine *affine, float *values,
                                               const struct layer_init *init);
MUSTER_CHECKED muster_status affine_allocate(struct affine *affine, struct arena *arena);
/* The gradients of weight and bias from x and dy, as linear_backward_weight(), or as linear_sum_weight() where `back`
 * has groups; nothing where it wants none. */
void affine_find_gradients(const struct affine *affine, size_t rows, const float *x, size_t x_ld, const float *dy,
                           size_t dy_ld, const struct layer_return *back);
void affine_pack(struct affine *affine, const float *values, bool for_training);

/* For a layer's onnx(): x [batch, in] becomes [batch, out]. */
const char *affine_onnx(const struct affine *affine, const float *values, struct onnx *graph, const char *x);

/* For a layer's renew(); `copy`: of the target copy, or NULL. */
void affine_renew(struct affine *affine, struct affine *copy, const struct layer_renewal *renewal);

#endif
