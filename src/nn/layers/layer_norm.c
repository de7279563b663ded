/* Layer normalisation (Ba et al. 2016, equations 3 and 4), as torch.nn.LayerNorm over the n floats of a row:
 *
 *   h_i = (x_i - mean x) / s,   s = sqrt(mean (x - mean x)^2 + 1e-5),   y_i = g_i h_i + b_i
 *
 * The way down, with d_i = g_i dL/dy_i:
 *   dL/dg_i = h_i dL/dy_i,   dL/db_i = dL/dy_i,   dL/dx_i = (d_i - mean d - h_i mean(d h)) / s
 *
 * Gain g and bias b are learned; they begin as 1 and 0. A grid is normalised as the vector of all its cells. */
#include "math/vector.h"
#include "nn/layer.h"
#include "nn/layers/slope.h"

struct layer_norm {
  size_t gain, bias;  /* offsets of g [n] and b [n] in the parameter block */
  float *h, *inverse; /* [rows, linear_padded(n)] of the last forward pass; [rows] 1 / s of its rows */
};

static muster_status layer_norm_shape(struct layer *layer, struct arena *arena) {
  struct layer_norm *norm;
  MUSTER_TRY(ARENA_TAKE(arena, 1, "a layer", &norm));
  layer->state = norm;
  layer->above = layer->below;
  return MUSTER_OK;
}

static muster_status layer_norm_add_parameters(struct layer *layer, struct parameters *parameters, const char *path) {
  struct layer_norm *norm = layer->state;
  MUSTER_TRY(parameters_add(parameters, path, "gain", 1, layer->in, 1, &norm->gain));
  return parameters_add(parameters, path, "bias", 1, layer->in, 1, &norm->bias);
}

static muster_status layer_norm_initialize(const struct layer *layer, float *values, const struct layer_init *init) {
  (void)init;
  const struct layer_norm *norm = layer->state;
  for (size_t i = 0; i < layer->in; i++) {
    values[norm->gain + i] = 1.0f;
    values[norm->bias + i] = 0.0f;
  }
  return MUSTER_OK;
}

static muster_status layer_norm_allocate(struct layer *layer, bool trains, struct arena *arena) {
  (void)trains;
  struct layer_norm *norm = layer->state;
  MUSTER_TRY(ARENA_TAKE(arena, layer->rows, "normalised rows", &norm->inverse));
  return ARENA_TAKE(arena, layer->rows * linear_padded(layer->in), "normalised rows", &norm->h);
}

static void layer_norm_forward(struct layer *layer, const struct layer_pass *pass) {
  struct layer_norm *norm = layer->state;
  const size_t n = layer->in, ld = linear_padded(n);
  const float *gain = pass->values + norm->gain, *bias = pass->values + norm->bias;
  for (size_t r = 0; r < pass->rows; r++)
    norm->inverse[r] =
        vector_normalize(n, pass->x + r * pass->x_ld, gain, bias, norm->h + r * ld, layer->output + r * ld);
  layer_activate(layer->activation, pass->rows, n, layer->output, ld);
}

static void layer_norm_backward(struct layer *layer, const struct layer_pass *pass, const struct layer_return *back) {
  const struct layer_norm *norm = layer->state;
  const size_t n = layer->in, ld = linear_padded(n);
  float *d_gain = back->gradients != NULL ? back->gradients + norm->gain : NULL;
  float *d_bias = back->gradients != NULL ? back->gradients + norm->bias : NULL;
  const float *h = norm->h + pass->first_row * ld, *inverse = norm->inverse + pass->first_row;
  for (size_t r = 0; r < pass->rows; r++)
    vector_normalize_back(n, pass->values + norm->gain, back->dy + r * back->dy_ld, h + r * ld, inverse[r], d_gain,
                          d_bias, back->dx != NULL ? back->dx + r * back->dx_ld : NULL);
  if (back->dx != NULL)
    layer_apply_slope(back->x_activation, pass->rows, n, pass->x, pass->x_ld, back->dx, back->dx_ld);
}

static const char *layer_norm_onnx(const struct layer *layer, const float *values, struct onnx *graph, const char *x) {
  const struct layer_norm *norm = layer->state;
  const char *gain = onnx_vector(graph, layer->in, values + norm->gain);
  const char *bias = onnx_vector(graph, layer->in, values + norm->bias);
  return onnx_node(graph, "LayerNormalization", ONNX_LIST(x, gain, bias),
                   ONNX_ATTRIBUTES(ONNX_INT("axis", -1), ONNX_FLOAT_NUMBER("epsilon", 1e-5f)));
}

const struct layer_type layer_norm = {
    .name = "layer_norm",
    .summary = "each row at mean 0 and deviation 1, times a gain and plus a bias that are learned",
    .example = "layer_norm",
    .applies_activation = true,
    .shape = layer_norm_shape,
    .add_parameters = layer_norm_add_parameters,
    .initialize = layer_norm_initialize,
    .allocate = layer_norm_allocate,
    .forward = layer_norm_forward,
    .backward = layer_norm_backward,
    .onnx = layer_norm_onnx,
};
