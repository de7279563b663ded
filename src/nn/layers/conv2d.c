/* A convolution over a grid: the same weights for each window of KERNEL x KERNEL cells, one window every STRIDE cells.
 * The grid is surrounded by zeros, as many on both sides, so that ceil(cells / STRIDE) windows lie along each side.
 *
 * It is an affine layer whose rows are windows, [kernel, kernel, channels]. Observations go through it in groups, as
 * many as fill a tile with their windows. The backward pass gathers the windows once more. */
#include "nn/layers/affine.h"

#include <stddef.h>
#include <string.h>

struct conv2d {
  struct affine affine;
  size_t kernel, stride;
  size_t rows_outside, columns_outside; /* zeros above the first row and left of the first column */
  size_t windows;                       /* of one observation */
  size_t group, group_rows;             /* observations of a group; windows of it, padded to whole LINEAR_ROWS */
  float *input, *d_input;               /* [group_rows, linear_padded(affine.in)] windows */
  float *output;                        /* [group_rows, linear_padded(affine.out)]: its output or gradient */
};

/* how many zeros lie before the first of `cells` */
static size_t outside(const struct conv2d *conv, size_t cells, size_t windows) {
  size_t reach = (windows - 1) * conv->stride + conv->kernel;
  return reach > cells ? (reach - cells) / 2 : 0;
}

static muster_status conv2d_shape(struct layer *layer, struct arena *arena) {
  const struct layer_shape below = layer->below;
  if (!below.is_grid)
    return status_error(MUSTER_ERROR_USAGE,
                        "reads a grid [rows, columns, channels], and there is a vector of %zu; expects dense",
                        layer->in);
  const size_t longest = below.rows > below.columns ? below.rows : below.columns;
  if ((size_t)layer->argument[2] > longest)
    return status_error(MUSTER_ERROR_USAGE, "STRIDE %d is beyond the grid of %zu x %zu cells; expects at most %zu",
                        (int)layer->argument[2], below.rows, below.columns, longest);
  struct conv2d *conv;
  MUSTER_TRY(ARENA_TAKE(arena, 1, "a layer", &conv));
  layer->state = conv;
  conv->kernel = (size_t)layer->argument[1];
  conv->stride = (size_t)layer->argument[2];
  const size_t channels = (size_t)layer->argument[0];
  layer->above = (struct layer_shape){(below.rows + conv->stride - 1) / conv->stride,
                                      (below.columns + conv->stride - 1) / conv->stride, channels, true};
  conv->affine = (struct affine){.in = conv->kernel * conv->kernel * below.channels, .out = channels};
  conv->rows_outside = outside(conv, below.rows, layer->above.rows);
  conv->columns_outside = outside(conv, below.columns, layer->above.columns);
  conv->windows = layer->above.rows * layer->above.columns;
  conv->group = conv->windows < TILE ? TILE / conv->windows : 1;
  conv->group_rows = linear_padded_rows(conv->group * conv->windows);
  return MUSTER_OK;
}

static muster_status conv2d_add_parameters(struct layer *layer, struct parameters *parameters, const char *path) {
  struct conv2d *conv = layer->state;
  return affine_add_parameters(&conv->affine, parameters, path);
}

static muster_status conv2d_initialize(const struct layer *layer, float *values, const struct layer_init *init) {
  const struct conv2d *conv = layer->state;
  return affine_initialize(&conv->affine, values, init);
}

static void conv2d_pack(struct layer *layer, const float *values, bool for_training) {
  struct conv2d *conv = layer->state;
  affine_pack(&conv->affine, values, for_training);
}

static void conv2d_renew(struct layer *layer, struct layer *copy, const struct layer_renewal *renewal) {
  struct conv2d *conv = layer->state;
  affine_renew(&conv->affine, copy != NULL ? &((struct conv2d *)copy->state)->affine : NULL, renewal);
}

static muster_status conv2d_allocate(struct layer *layer, bool trains, struct arena *arena) {
  struct conv2d *conv = layer->state;
  const size_t input = conv->group_rows * linear_padded(conv->affine.in);
  MUSTER_TRY(affine_allocate(&conv->affine, arena));
  MUSTER_TRY(ARENA_TAKE(arena, input, "windows of a convolution", &conv->input));
  MUSTER_TRY(
      ARENA_TAKE(arena, conv->group_rows * linear_padded(conv->affine.out), "outputs of a convolution", &conv->output));
  return trains ? ARENA_TAKE(arena, input, "backward buffers", &conv->d_input) : MUSTER_OK;
}

/* ---- windows ---- */

/* One row of cells of a window: `count` of its cells lie within the grid, from `cell` on; in the window they begin at
 * `place`. */
struct strip {
  size_t cell, place, count;
};

/* row i of a window; `count` is 0 where the row lies outside the grid */
static inline struct strip strip_of(const struct layer *layer, const struct conv2d *conv, size_t window, size_t i) {
  const size_t size = conv->kernel, columns = layer->below.columns;
  const size_t row = window / layer->above.columns * conv->stride + i, outside = conv->columns_outside;
  const size_t column = window % layer->above.columns * conv->stride;
  if (row < conv->rows_outside || row - conv->rows_outside >= layer->below.rows) return (struct strip){0};
  const size_t first = column < outside ? outside - column : 0;
  const size_t room = columns + outside - column, last = room < size ? room : size;
  if (last <= first) return (struct strip){0};
  return (struct strip){(row - conv->rows_outside) * columns + column + first - outside, i * size + first,
                        last - first};
}

/* copies the windows [windows, ld] of one observation out of its grid [cells, channels] */
static void gather_windows(const struct layer *layer, const struct conv2d *conv, const float *grid, float *windows,
                           size_t ld) {
  const size_t channels = layer->below.channels;
  for (size_t window = 0; window < conv->windows; window++, windows += ld) {
    memset(windows, 0, conv->affine.in * sizeof *windows);
    for (size_t i = 0; i < conv->kernel; i++) {
      const struct strip strip = strip_of(layer, conv, window, i);
      memcpy(windows + strip.place * channels, grid + strip.cell * channels, strip.count * channels * sizeof *grid);
    }
  }
}

/* the way back: adds to each cell of the grid what the windows hold for it */
static void scatter_windows(const struct layer *layer, const struct conv2d *conv, const float *windows, size_t ld,
                            float *grid) {
  const size_t channels = layer->below.channels;
  memset(grid, 0, layer->in * sizeof *grid);
  for (size_t window = 0; window < conv->windows; window++, windows += ld)
    for (size_t i = 0; i < conv->kernel; i++) {
      const struct strip strip = strip_of(layer, conv, window, i);
      const float *from = windows + strip.place * channels;
      float *to = grid + strip.cell * channels;
      for (size_t c = 0; c < strip.count * channels; c++) to[c] += from[c];
    }
}

/* ---- passes, group by group ---- */

static inline size_t group_from(const struct conv2d *conv, size_t first, size_t rows) {
  return rows - first < conv->group ? rows - first : conv->group;
}

/* gathers the windows of n observations from `first` on; the rows after them, up to a multiple of LINEAR_ROWS, stay as
 * they were */
static void take_windows(const struct layer *layer, const struct conv2d *conv, const struct layer_pass *pass,
                         size_t first, size_t n) {
  const size_t ld = linear_padded(conv->affine.in);
  for (size_t k = 0; k < n; k++)
    gather_windows(layer, conv, pass->x + (first + k) * pass->x_ld, conv->input + k * conv->windows * ld, ld);
}

static void conv2d_forward(struct layer *layer, const struct layer_pass *pass) {
  const struct conv2d *conv = layer->state;
  const struct affine *affine = &conv->affine;
  const size_t ld = linear_padded(affine->out), y_ld = linear_padded(layer->out);
  for (size_t first = 0, n; first < pass->rows; first += n) {
    n = group_from(conv, first, pass->rows);
    take_windows(layer, conv, pass, first, n);
    linear_forward(linear_padded_rows(n * conv->windows), affine->in, affine->out, conv->input,
                   linear_padded(affine->in), affine->packed, pass->values + affine->bias, layer->activation,
                   conv->output, ld);
    for (size_t i = 0; i < n * conv->windows; i++)
      memcpy(layer->output + (first + i / conv->windows) * y_ld + i % conv->windows * affine->out,
             conv->output + i * ld, affine->out * sizeof *conv->output);
  }
}

/* copies the gradient of the group's outputs, window by window */
static void take_gradient(const struct conv2d *conv, const struct layer_return *back, size_t first, size_t n) {
  const size_t out = conv->affine.out, ld = linear_padded(out);
  for (size_t i = 0; i < n * conv->windows; i++) {
    memset(conv->output + i * ld + out, 0, (ld - out) * sizeof *conv->output);
    memcpy(conv->output + i * ld, back->dy + (first + i / conv->windows) * back->dy_ld + i % conv->windows * out,
           out * sizeof *conv->output);
  }
}

/* The slope of the activation below is applied to the windows: every copy of a cell has the same slope. */
static void conv2d_backward(struct layer *layer, const struct layer_pass *pass, const struct layer_return *back) {
  const struct conv2d *conv = layer->state;
  const struct affine *affine = &conv->affine;
  const size_t in_ld = linear_padded(affine->in), out_ld = linear_padded(affine->out);
  for (size_t first = 0, n; first < pass->rows; first += n) {
    n = group_from(conv, first, pass->rows);
    const size_t rows = n * conv->windows;
    take_windows(layer, conv, pass, first, n);
    take_gradient(conv, back, first, n);
    affine_find_gradients(affine, rows, conv->input, in_ld, conv->output, out_ld, back);
    if (back->dx == NULL) continue;
    linear_backward_input(linear_padded_rows(rows), affine->in, affine->out, conv->output, out_ld,
                          affine->packed_transposed, back->x_activation, conv->input, in_ld, conv->d_input, in_ld);
    for (size_t k = 0; k < n; k++)
      scatter_windows(layer, conv, conv->d_input + k * conv->windows * in_ld, in_ld,
                      back->dx + (first + k) * back->dx_ld);
  }
}

/* ---- ONNX, where channels come before rows and columns ---- */

/* the weight [out, kernel, kernel, channels] as [out, channels, kernel, kernel] */
static const char *weight_onnx(const struct layer *layer, const float *weight, struct onnx *graph) {
  const struct conv2d *conv = layer->state;
  const int64_t out = (int64_t)conv->affine.out, size = (int64_t)conv->kernel,
                channels = (int64_t)layer->below.channels;
  const struct onnx_array shape = {NULL, ONNX_FLOAT, 4, {out, size, size, channels}};
  return onnx_node(graph, "Transpose", ONNX_LIST(onnx_constant(graph, &shape, weight)),
                   ONNX_ATTRIBUTES(ONNX_INTS("perm", ((int64_t[]){0, 3, 1, 2}), 4)));
}

/* zeros after the last of `cells` */
static int64_t outside_after(const struct conv2d *conv, size_t cells, size_t windows, size_t before) {
  const size_t reach = (windows - 1) * conv->stride + conv->kernel;
  return reach > cells + before ? (int64_t)(reach - cells - before) : 0;
}

static const char *conv2d_onnx(const struct layer *layer, const float *values, struct onnx *graph, const char *x) {
  const struct conv2d *conv = layer->state;
  const struct layer_shape below = layer->below, above = layer->above;
  const int64_t size = (int64_t)conv->kernel, stride = (int64_t)conv->stride;
  const int64_t pads[] = {(int64_t)conv->rows_outside, (int64_t)conv->columns_outside,
                          outside_after(conv, below.rows, above.rows, conv->rows_outside),
                          outside_after(conv, below.columns, above.columns, conv->columns_outside)};
  const int64_t grid[] = {-1, (int64_t)below.rows, (int64_t)below.columns, (int64_t)below.channels};
  const char *channels_first = onnx_node(graph, "Transpose", ONNX_LIST(onnx_shape(graph, x, 4, grid)),
                                         ONNX_ATTRIBUTES(ONNX_INTS("perm", ((int64_t[]){0, 3, 1, 2}), 4)));
  const char *weight = weight_onnx(layer, values + conv->affine.weight, graph);
  const char *bias = onnx_vector(graph, conv->affine.out, values + conv->affine.bias);
  const char *y =
      onnx_node(graph, "Conv", ONNX_LIST(channels_first, weight, bias),
                ONNX_ATTRIBUTES(ONNX_INTS("kernel_shape", ((int64_t[]){size, size}), 2),
                                ONNX_INTS("strides", ((int64_t[]){stride, stride}), 2), ONNX_INTS("pads", pads, 4)));
  const char *channels_last =
      onnx_node(graph, "Transpose", ONNX_LIST(y), ONNX_ATTRIBUTES(ONNX_INTS("perm", ((int64_t[]){0, 2, 3, 1}), 4)));
  return onnx_node(graph, "Flatten", ONNX_LIST(channels_last), NULL);
}

const struct layer_type layer_conv2d = {
    .name = "conv2d",
    .summary = "the same weights for each window of KERNEL x KERNEL cells, one every STRIDE cells, zeros outside",
    .argument = {{.name = "CHANNELS", .min = 1, .max = 65536},
                 {.name = "KERNEL", .min = 1, .max = 63},
                 {.name = "STRIDE", .min = 1, .max = 63, .otherwise = 1}},
    .example = "conv2d 4 3 2",
    .applies_activation = true,
    .shape = conv2d_shape,
    .add_parameters = conv2d_add_parameters,
    .initialize = conv2d_initialize,
    .pack = conv2d_pack,
    .renew = conv2d_renew,
    .allocate = conv2d_allocate,
    .forward = conv2d_forward,
    .backward = conv2d_backward,
    .onnx = conv2d_onnx,
};
