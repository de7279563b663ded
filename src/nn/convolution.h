/* One network for all cells of a grid: a square convolution with 1x1 convolutions upon it, which gives each cell its
 * own outputs. As in a convolution with "same" padding, what lies outside the grid is zero.
 *
 * The layers are those of an mlp whose rows are windows, the surroundings of one cell each; windows of all observations
 * of a tile follow each other, and go through the mlp in tiles. Nothing of a window is kept: the backward pass gathers
 * it and runs forward again. */
#ifndef NN_CONVOLUTION_H
#define NN_CONVOLUTION_H

#include "muster/space.h"
#include "nn/mlp.h"

struct convolution {
  size_t kernel_size;             /* cells from side to side of a window, odd; 0: there is no convolution */
  size_t rows, columns, channels; /* of the grid: observations are [rows, columns, channels] */
  size_t cell_outputs;            /* outputs of a cell */
  float *windows;                 /* [TILE, linear_padded(window width)] */
  float *output;                  /* [TILE, linear_padded(cells * cell_outputs)] of the last forward pass */
  float *d_output;                /* [TILE, linear_padded(cell_outputs)] */
};

/* For observations of this space and `outputs` in all, the same number for each cell. Errors: USAGE where they do not
 * fit. */
MUSTER_CHECKED muster_status convolution_create(size_t kernel_size, const muster_space *observation, size_t outputs,
                                                struct arena *arena, struct convolution *convolution);

/* Floats of a window: inputs of the mlp's first layer. */
size_t convolution_window_width(const struct convolution *convolution);

/* As mlp_forward(), of observations x [rows, x_ld]: the output is [rows, *y_ld], output o of cell c at
 * c * cell_outputs + o. */
const float *convolution_forward(struct convolution *convolution, struct mlp *mlp, const float *values, size_t rows,
                                 const float *x, size_t x_ld, size_t *y_ld);

/* As mlp_backward() without dx: adds to the gradients, given dy [rows, dy_ld]. Overwrites the mlp's activations. */
void convolution_backward(struct convolution *convolution, struct mlp *mlp, const float *values, size_t rows,
                          const float *x, size_t x_ld, const float *dy, size_t dy_ld, float *gradients,
                          float *const scratch[2]);

#endif
