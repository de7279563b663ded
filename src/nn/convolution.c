#include "nn/convolution.h"

#include <string.h>

static inline size_t cell_count(const struct convolution *convolution) {
  return convolution->rows * convolution->columns;
}

muster_status convolution_create(size_t kernel_size, const muster_space *observation, size_t outputs,
                                 struct convolution *convolution) {
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
  const size_t cells = cell_count(&local);
  if (outputs % cells != 0)
    return status_error(MUSTER_ERROR_USAGE,
                        "policy.kernel_size: a convolution has the same number of outputs for each of the %zu x %zu "
                        "cells, and the actions need %zu outputs; expects 0",
                        local.rows, local.columns, outputs);
  local.cell_outputs = outputs / cells;
  local.group = cells < TILE ? TILE / cells : 1;
  local.group_rows = linear_padded_rows(local.group * cells);
  *convolution = local;
  return MUSTER_OK;
}

muster_status convolution_allocate(struct convolution *convolution, const struct mlp *layers, bool trains,
                                   struct arena *arena) {
  const size_t rows = convolution->group_rows, outputs = cell_count(convolution) * convolution->cell_outputs;
  size_t widest_input = 0;
  convolution->layers = layers;
  for (int i = 0; i < layers->layers; i++) {
    const struct layer *layer = &layers->layer[i];
    const size_t in = linear_padded(layer->in), out = linear_padded(layer->out);
    if (in > widest_input) widest_input = in;
    MUSTER_TRY(ARENA_TAKE(arena, rows * in, "windows of a convolution", &convolution->pass[i].windows));
    MUSTER_TRY(ARENA_TAKE(arena, rows * out, "activations of a convolution", &convolution->pass[i].output));
  }
  MUSTER_TRY(ARENA_TAKE(arena, TILE * linear_padded(outputs), "outputs of a convolution", &convolution->output));
  if (!trains) return MUSTER_OK;
  for (int i = 0; i < 2; i++)
    MUSTER_TRY(ARENA_TAKE(arena, rows * mlp_widest(layers), "backward buffers", &convolution->gradients[i]));
  return ARENA_TAKE(arena, rows * widest_input, "backward buffers", &convolution->d_windows);
}

/* ---- windows ---- */

/* One row of cells of a window: `count` of them lie within the grid, from `cell` on; in the window they begin at
 * `place`. */
struct strip {
  size_t cell, place, count;
};

/* row i of the window around a cell; its count is 0 where it lies outside the grid */
static inline struct strip strip_of(const struct convolution *convolution, size_t cell, size_t i) {
  const size_t size = convolution->kernel_size, half = size / 2, columns = convolution->columns;
  const size_t row = cell / columns, column = cell % columns;
  if (row + i < half || row + i - half >= convolution->rows) return (struct strip){0};
  const size_t first = column < half ? half - column : 0;
  const size_t room = columns - column + half, last = room < size ? room : size;
  return (struct strip){(row + i - half) * columns + column + first - half, i * size + first, last - first};
}

/* windows [cells, ld] of a grid [cells, grid_ld] of cells with these channels */
static void gather_windows(const struct convolution *convolution, const float *grid, size_t grid_ld, size_t channels,
                           float *windows, size_t ld) {
  for (size_t cell = 0; cell < cell_count(convolution); cell++, windows += ld) {
    memset(windows, 0, convolution_window(convolution, channels) * sizeof *windows);
    for (size_t i = 0; i < convolution->kernel_size; i++) {
      const struct strip strip = strip_of(convolution, cell, i);
      const float *from = grid + strip.cell * grid_ld;
      float *to = windows + strip.place * channels;
      for (size_t k = 0; k < strip.count; k++) memcpy(to + k * channels, from + k * grid_ld, channels * sizeof *to);
    }
  }
}

/* the way back: adds what belongs to a cell, window by window */
static void scatter_windows(const struct convolution *convolution, const float *windows, size_t ld, size_t channels,
                            float *grid, size_t grid_ld) {
  memset(grid, 0, cell_count(convolution) * grid_ld * sizeof *grid);
  for (size_t cell = 0; cell < cell_count(convolution); cell++, windows += ld)
    for (size_t i = 0; i < convolution->kernel_size; i++) {
      const struct strip strip = strip_of(convolution, cell, i);
      const float *from = windows + strip.place * channels;
      float *to = grid + strip.cell * grid_ld;
      for (size_t k = 0; k < strip.count; k++)
        for (size_t c = 0; c < channels; c++) to[k * grid_ld + c] += from[k * channels + c];
    }
}

/* ---- passes of one group of `n` observations ---- */

/* what layer i reads, made of the layer below, or of the observations */
static void take_windows(struct convolution *convolution, int i, size_t n, const float *x, size_t x_ld) {
  const size_t cells = cell_count(convolution), ld = linear_padded(convolution->layers->layer[i].in);
  const size_t below_ld = i > 0 ? linear_padded(convolution->layers->layer[i - 1].out) : convolution->channels;
  const size_t channels = i > 0 ? convolution->layers->layer[i - 1].out : convolution->channels;
  for (size_t k = 0; k < n; k++) {
    const float *grid = i > 0 ? convolution->pass[i - 1].output + k * cells * below_ld : x + k * x_ld;
    gather_windows(convolution, grid, below_ld, channels, convolution->pass[i].windows + k * cells * ld, ld);
  }
}

/* the head reads its cells as they lie */
static inline const float *layer_input(const struct convolution *convolution, int i, size_t *ld) {
  bool head = i > 0 && i == convolution->layers->layers - 1;
  *ld = linear_padded(convolution->layers->layer[i].in);
  return head ? convolution->pass[i - 1].output : convolution->pass[i].windows;
}

static void forward_group(struct convolution *convolution, const float *values, size_t n, const float *x, size_t x_ld) {
  const size_t rows = linear_padded_rows(n * cell_count(convolution));
  for (int i = 0; i < convolution->layers->layers; i++) {
    const struct layer *layer = &convolution->layers->layer[i];
    size_t ld;
    const float *input = layer_input(convolution, i, &ld);
    if (input == convolution->pass[i].windows) take_windows(convolution, i, n, x, x_ld);
    linear_forward(rows, layer->in, layer->out, input, ld, layer->packed, values + layer->bias, layer->activation,
                   convolution->pass[i].output, linear_padded(layer->out));
  }
}

/* Given the gradient of the head's output in gradients[0]. */
static void backward_group(struct convolution *convolution, size_t n, float *gradients) {
  const size_t cells = cell_count(convolution), rows = n * cells;
  float *dy = convolution->gradients[0], *d_below = convolution->gradients[1];
  for (int i = convolution->layers->layers - 1; i >= 0; i--) {
    const struct layer *layer = &convolution->layers->layer[i];
    size_t ld, dy_ld = linear_padded(layer->out);
    const float *input = layer_input(convolution, i, &ld);
    linear_backward_weight(rows, layer->in, layer->out, input, ld, dy, dy_ld, gradients + layer->weight,
                           gradients + layer->bias);
    if (i == 0) return;
    /* of the layer below; through its activation while still in windows, where each copy has the same slope */
    bool windows = input == convolution->pass[i].windows;
    float *d_input = windows ? convolution->d_windows : d_below;
    linear_backward_input(linear_padded_rows(rows), layer->in, layer->out, dy, dy_ld, layer->packed_transposed,
                          layer[-1].activation, input, ld, d_input, ld);
    const size_t below_ld = linear_padded(layer[-1].out);
    for (size_t k = 0; windows && k < n; k++)
      scatter_windows(convolution, d_input + k * cells * ld, ld, layer[-1].out, d_below + k * cells * below_ld,
                      below_ld);
    memset(d_below + rows * below_ld, 0, (linear_padded_rows(rows) - rows) * below_ld * sizeof *d_below);
    float *swap = dy;
    dy = d_below;
    d_below = swap;
  }
}

/* ---- passes of a tile ---- */

static inline size_t group_from(const struct convolution *convolution, size_t first, size_t rows) {
  return rows - first < convolution->group ? rows - first : convolution->group;
}

const float *convolution_forward(struct convolution *convolution, const float *values, size_t rows, const float *x,
                                 size_t x_ld, size_t *y_ld) {
  const size_t cells = cell_count(convolution), outputs = convolution->cell_outputs, ld = linear_padded(outputs);
  *y_ld = linear_padded(cells * outputs);
  for (size_t first = 0, n; first < rows; first += n) {
    n = group_from(convolution, first, rows);
    forward_group(convolution, values, n, x + first * x_ld, x_ld);
    const float *from = convolution->pass[convolution->layers->layers - 1].output;
    for (size_t i = 0; i < n * cells; i++) {
      float *to = convolution->output + (first + i / cells) * *y_ld + i % cells * outputs;
      memcpy(to, from + i * ld, outputs * sizeof *to);
    }
  }
  return convolution->output;
}

void convolution_backward(struct convolution *convolution, const float *values, size_t rows, const float *x,
                          size_t x_ld, const float *dy, size_t dy_ld, float *gradients) {
  const size_t cells = cell_count(convolution), outputs = convolution->cell_outputs, ld = linear_padded(outputs);
  for (size_t first = 0, n; first < rows; first += n) {
    n = group_from(convolution, first, rows);
    forward_group(convolution, values, n, x + first * x_ld, x_ld);
    float *to = convolution->gradients[0];
    memset(to, 0, linear_padded_rows(n * cells) * ld * sizeof *to);
    for (size_t i = 0; i < n * cells; i++, to += ld)
      memcpy(to, dy + (first + i / cells) * dy_ld + i % cells * outputs, outputs * sizeof *to);
    backward_group(convolution, n, gradients);
  }
}
