#include "nn/convolution.h"

#include <string.h>

muster_status convolution_create(size_t kernel_size, const muster_space *observation, size_t outputs,
                                 struct arena *arena, struct convolution *convolution) {
  bool is_grid =
      observation->rank == 3 && (observation->kind == MUSTER_SPACE_BOX || observation->kind == MUSTER_SPACE_BOX_U8);
  if (!is_grid)
    return status_error(MUSTER_ERROR_USAGE,
                        "policy.kernel_size: a convolution needs observations of the shape [rows, columns, channels], "
                        "which this environment does not have; expects 0");
  struct convolution local = {.kernel_size = kernel_size,
                              .rows = (size_t)observation->shape[0],
                              .columns = (size_t)observation->shape[1],
                              .channels = (size_t)observation->shape[2]};
  const size_t cells = local.rows * local.columns;
  if (outputs % cells != 0)
    return status_error(MUSTER_ERROR_USAGE,
                        "policy.kernel_size: a convolution has the same number of outputs for each of the %zu x %zu "
                        "cells, and the actions need %zu outputs; expects 0",
                        local.rows, local.columns, outputs);
  local.cell_outputs = outputs / cells;
  const size_t window_ld = linear_padded(convolution_window_width(&local));
  MUSTER_TRY(ARENA_TAKE(arena, TILE * window_ld, "windows of a convolution", &local.windows));
  MUSTER_TRY(ARENA_TAKE(arena, TILE * linear_padded(outputs), "outputs of a convolution", &local.output));
  MUSTER_TRY(ARENA_TAKE(arena, TILE * linear_padded(local.cell_outputs), "outputs of a cell", &local.d_output));
  *convolution = local;
  return MUSTER_OK;
}

size_t convolution_window_width(const struct convolution *convolution) {
  return convolution->kernel_size * convolution->kernel_size * convolution->channels;
}

/* copies the surroundings of a cell; zero outside the grid */
static void gather_window(const struct convolution *convolution, const float *grid, size_t cell, float *window) {
  const size_t size = convolution->kernel_size, channels = convolution->channels, half = size / 2;
  const size_t row = cell / convolution->columns, column = cell % convolution->columns;
  /* columns of the window from first to last, exclusive, lie within the grid */
  const size_t first = column < half ? half - column : 0;
  const size_t room = convolution->columns + half - column, last = room < size ? room : size;
  memset(window, 0, convolution_window_width(convolution) * sizeof *window);
  for (size_t i = 0; i < size; i++) {
    if (row + i < half || row + i - half >= convolution->rows) continue;
    const float *from = grid + ((row + i - half) * convolution->columns + column + first - half) * channels;
    memcpy(window + (i * size + first) * channels, from, (last - first) * channels * sizeof *window);
  }
}

/* runs the mlp over the windows `first` to `first + n` of the tile, n <= TILE; returns their outputs */
static const float *forward_windows(struct convolution *convolution, struct mlp *mlp, const float *values,
                                    const float *x, size_t x_ld, size_t first, size_t n, size_t *y_ld) {
  const size_t cells = convolution->rows * convolution->columns;
  const size_t ld = linear_padded(convolution_window_width(convolution));
  const size_t padded = (n + LINEAR_ROWS - 1) / LINEAR_ROWS * LINEAR_ROWS;
  for (size_t i = 0; i < n; i++)
    gather_window(convolution, x + (first + i) / cells * x_ld, (first + i) % cells, convolution->windows + i * ld);
  memset(convolution->windows + n * ld, 0, (padded - n) * ld * sizeof(float));
  return mlp_forward(mlp, values, padded, convolution->windows, ld, y_ld);
}

static inline size_t windows_from(size_t first, size_t all) { return all - first < TILE ? all - first : TILE; }

const float *convolution_forward(struct convolution *convolution, struct mlp *mlp, const float *values, size_t rows,
                                 const float *x, size_t x_ld, size_t *y_ld) {
  const size_t cells = convolution->rows * convolution->columns, outputs = convolution->cell_outputs;
  *y_ld = linear_padded(cells * outputs);
  for (size_t first = 0; first < rows * cells; first += TILE) {
    size_t n = windows_from(first, rows * cells), ld;
    const float *y = forward_windows(convolution, mlp, values, x, x_ld, first, n, &ld);
    for (size_t i = 0; i < n; i++) {
      float *to = convolution->output + (first + i) / cells * *y_ld + (first + i) % cells * outputs;
      memcpy(to, y + i * ld, outputs * sizeof *to);
    }
  }
  return convolution->output;
}

void convolution_backward(struct convolution *convolution, struct mlp *mlp, const float *values, size_t rows,
                          const float *x, size_t x_ld, const float *dy, size_t dy_ld, float *gradients,
                          float *const scratch[2]) {
  const size_t cells = convolution->rows * convolution->columns, outputs = convolution->cell_outputs;
  const size_t window_ld = linear_padded(convolution_window_width(convolution)), d_ld = linear_padded(outputs);
  for (size_t first = 0; first < rows * cells; first += TILE) {
    size_t n = windows_from(first, rows * cells), ld;
    forward_windows(convolution, mlp, values, x, x_ld, first, n, &ld);
    memset(convolution->d_output, 0, TILE * d_ld * sizeof(float));
    for (size_t i = 0; i < n; i++) {
      const float *from = dy + (first + i) / cells * dy_ld + (first + i) % cells * outputs;
      memcpy(convolution->d_output + i * d_ld, from, outputs * sizeof *from);
    }
    mlp_backward(mlp, n, convolution->windows, window_ld, convolution->d_output, d_ld, gradients, ACTIVATION_NONE, NULL,
                 0, scratch);
  }
}
