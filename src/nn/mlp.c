#include "nn/mlp.h"

#include <stdio.h>

muster_status mlp_add_layer(struct mlp *mlp, struct parameters *parameters, const char *prefix, size_t in, size_t out,
                            enum activation activation) {
  if (mlp->layers == MLP_MAX_LAYERS)
    return status_error(MUSTER_ERROR_USAGE, "the network has more than %d hidden layers", MLP_MAX_LAYERS - 1);
  struct layer *layer = &mlp->layer[mlp->layers];
  char path[48];
  snprintf(path, sizeof path, "%s/%d", prefix, mlp->layers);
  *layer = (struct layer){.in = in, .out = out, .activation = activation};
  MUSTER_TRY(parameters_add(parameters, path, "weight", 2, out, in, &layer->weight));
  MUSTER_TRY(parameters_add(parameters, path, "bias", 1, out, 1, &layer->bias));
  mlp->layers++;
  return MUSTER_OK;
}

muster_status mlp_allocate(struct mlp *mlp, struct arena *arena) {
  for (struct layer *layer = mlp->layer; layer < mlp->layer + mlp->layers; layer++) {
    size_t forward = linear_packed_floats(layer->in, layer->out);
    size_t transposed = linear_packed_transposed_floats(layer->in, layer->out);
    MUSTER_TRY(ARENA_TAKE(arena, forward, "packed weights", &layer->packed));
    MUSTER_TRY(ARENA_TAKE(arena, transposed, "packed weights", &layer->packed_transposed));
    MUSTER_TRY(ARENA_TAKE(arena, TILE * linear_padded(layer->out), "activations", &layer->output));
  }
  return MUSTER_OK;
}

void mlp_pack(struct mlp *mlp, const float *values, bool for_training) {
  for (struct layer *layer = mlp->layer; layer < mlp->layer + mlp->layers; layer++) {
    linear_pack(layer->in, layer->out, values + layer->weight, layer->packed);
    if (for_training) linear_pack_transposed(layer->in, layer->out, values + layer->weight, layer->packed_transposed);
  }
}

const float *mlp_forward(struct mlp *mlp, const float *values, size_t rows, const float *x, size_t x_ld, size_t *y_ld) {
  for (struct layer *layer = mlp->layer; layer < mlp->layer + mlp->layers; layer++) {
    size_t ld = linear_padded(layer->out);
    linear_forward(rows, layer->in, layer->out, x, x_ld, layer->packed, values + layer->bias, layer->activation,
                   layer->output, ld);
    x = layer->output;
    x_ld = ld;
  }
  *y_ld = x_ld;
  return x;
}

void mlp_backward(const struct mlp *mlp, size_t rows, const float *x, size_t x_ld, const float *dy, size_t dy_ld,
                  float *gradients, enum activation x_activation, float *dx, size_t dx_ld, float *const scratch[2]) {
  /* the rows that complete the last eight reach the layers below, but no weight */
  size_t padded_rows = linear_padded_rows(rows);
  for (int i = mlp->layers - 1; i >= 0; i--) {
    const struct layer *layer = &mlp->layer[i];
    const struct layer *below = i > 0 ? layer - 1 : NULL;
    const float *input = below != NULL ? below->output : x;
    size_t input_ld = below != NULL ? linear_padded(below->out) : x_ld;
    linear_backward_weight(rows, layer->in, layer->out, input, input_ld, dy, dy_ld, gradients + layer->weight,
                           gradients + layer->bias);
    /* the gradient of the input, unless nobody asks for it */
    float *d_input = below != NULL ? scratch[i % 2] : dx;
    size_t d_input_ld = below != NULL ? linear_padded(below->out) : dx_ld;
    if (d_input == NULL) return;
    linear_backward_input(padded_rows, layer->in, layer->out, dy, dy_ld, layer->packed_transposed,
                          below != NULL ? below->activation : x_activation, input, input_ld, d_input, d_input_ld);
    dy = d_input;
    dy_ld = d_input_ld;
  }
}

size_t mlp_widest(const struct mlp *mlp) {
  size_t widest = LINEAR_LANES;
  for (int i = 0; i < mlp->layers; i++)
    if (linear_padded(mlp->layer[i].out) > widest) widest = linear_padded(mlp->layer[i].out);
  return widest;
}
