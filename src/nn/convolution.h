/* A stack of convolutions over a grid, the same for every cell: hidden layers of kernel_size x kernel_size cells, with
 * stride 1 and zeros outside the grid ("same" padding), and a 1x1 head that gives each cell its own outputs.
 *
 * The layers are those of an mlp whose rows are windows: the surroundings of one cell, [kernel_size, kernel_size,
 * channels]. Observations go through all layers in groups that fill a tile with their cells. Nothing is kept between
 * the passes: the backward pass runs forward again. */
#ifndef NN_CONVOLUTION_H
#define NN_CONVOLUTION_H

#include "muster/space.h"
#include "nn/mlp.h"

struct convolution {
  size_t kernel_size;             /* cells from side to side, odd; 0: there is no convolution */
  size_t rows, columns, channels; /* of the grid: observations are [rows, columns, channels] */
  size_t cell_outputs;            /* outputs of a cell */
  size_t group, group_rows;       /* observations of a group; their cells, completed to a multiple of LINEAR_ROWS */
  const struct mlp *layers;       /* borrowed */
  struct {
    float *windows; /* [group_rows, linear_padded(in)]: what the layer reads */
    float *output;  /* [group_rows, linear_padded(out)] */
  } pass[MLP_MAX_LAYERS];
  float *gradients[2]; /* [group_rows, widest output] of one layer and of the one below */
  float *d_windows;    /* [group_rows, widest input] */
  float *output;       /* [TILE, linear_padded(cells * cell_outputs)] of the last forward pass */
};

/* For observations of this space and `outputs` in all, the same number for each cell. Errors: USAGE where they do not
 * fit. */
MUSTER_CHECKED muster_status convolution_create(size_t kernel_size, const muster_space *observation, size_t outputs,
                                                struct convolution *convolution);

/* Inputs of a hidden layer above this many channels. The head reads the channels of its cell alone. */
static inline size_t convolution_window(const struct convolution *convolution, size_t channels) {
  return convolution->kernel_size * convolution->kernel_size * channels;
}

/* Takes the layers, which the mlp has all got by now, and memory for their activations. */
MUSTER_CHECKED muster_status convolution_allocate(struct convolution *convolution, const struct mlp *layers,
                                                  bool trains, struct arena *arena);

/* As mlp_forward(), of observations x [rows, x_ld]: the output is [rows, *y_ld], output o of cell c at
 * c * cell_outputs + o. */
const float *convolution_forward(struct convolution *convolution, const float *values, size_t rows, const float *x,
                                 size_t x_ld, size_t *y_ld);

/* As mlp_backward() without dx: adds to the gradients, given dy [rows, dy_ld]. */
void convolution_backward(struct convolution *convolution, const float *values, size_t rows, const float *x,
                          size_t x_ld, const float *dy, size_t dy_ld, float *gradients);

#endif
