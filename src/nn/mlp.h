/* A stack of dense layers, run forward and backward over one tile of rows, so that activations stay in cache. */
#ifndef NN_MLP_H
#define NN_MLP_H

#include "math/linear.h"
#include "nn/parameters.h"

#define MLP_MAX_LAYERS 17 /* 16 hidden and the head */
#define TILE LINEAR_TILE  /* rows of a tile */

struct layer {
  size_t in, out;
  enum activation activation;
  size_t weight, bias;               /* offsets in the parameter block; weight [out, in], bias [out] */
  float *packed, *packed_transposed; /* forms that the kernels read, renewed by mlp_pack() */
  float *output;                     /* [TILE, linear_padded(out)]: the activations of the last forward pass */
};

/* An mlp may have no layers: then its output is its input. It borrows the arena's memory. */
struct mlp {
  int layers;
  struct layer layer[MLP_MAX_LAYERS];
};

/* Adds a layer's tensors "<prefix>/<number>/weight" and ".../bias". */
MUSTER_CHECKED muster_status mlp_add_layer(struct mlp *mlp, struct parameters *parameters, const char *prefix,
                                           size_t in, size_t out, enum activation activation);

/* Gives packed weights and activations their memory; after the last layer. */
MUSTER_CHECKED muster_status mlp_allocate(struct mlp *mlp, struct arena *arena);

/* Renews the packed weights after the parameters changed; the transposed ones only `for_training`. */
void mlp_pack(struct mlp *mlp, const float *values, bool for_training);

/* y = mlp(x) for `rows` rows (a multiple of LINEAR_ROWS, at most TILE) of x [rows, in], stride x_ld. Returns the output
 * [rows, *y_ld], borrowed until the next forward pass (x itself where there are no layers). */
const float *mlp_forward(struct mlp *mlp, const float *values, size_t rows, const float *x, size_t x_ld, size_t *y_ld);

/* Backward through the last forward pass of the same x: adds to the gradients, and, where dx is not NULL, writes
 * dx [rows, dx_ld] = dL/dx times the derivative of `x_activation` at x (the layer that made x). `dy` [rows, dy_ld] is
 * dL/d(output), before the last layer's activation, which must be ACTIVATION_NONE or already applied to dy. `scratch`
 * holds two [TILE, widest] buffers. Only the first `rows` rows count towards the gradients. */
void mlp_backward(const struct mlp *mlp, size_t rows, const float *x, size_t x_ld, const float *dy, size_t dy_ld,
                  float *gradients, enum activation x_activation, float *dx, size_t dx_ld, float *const scratch[2]);

/* The widest padded layer output, in floats. */
size_t mlp_widest(const struct mlp *mlp);

#endif
