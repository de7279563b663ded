/* Layer normalisation (Ba et al. 2016), as torch.nn.LayerNorm over the n floats of a row:
 *   h_i = (x_i - mean x) / s,   s = sqrt(mean (x - mean x)^2 + 1e-5),   y_i = g_i h_i + b_i
 * The way down, with d_i = g_i dL/dy_i:
 *   dL/dg_i = h_i dL/dy_i,   dL/db_i = dL/dy_i,   dL/dx_i = (d_i - mean d - h_i mean(d h)) / s */
#include "nn/layers/slope.h"

#include "nn/layer.h"

#include <math.h>

struct layer_norm {
  size_t gain, bias; /* offsets of g [n] and b [n] in the parameter block */
  float *h;          /* [n] of one row */
};

static muster_status layer_norm_shape(struct layer *layer, struct arena *arena) {
  struct layer_norm *norm;
  MUSTER_TRY(ARENA_TAKE(arena, 1, "a layer", &norm));
  layer->state = norm;
  layer->above = layer->below;
  return ARENA_TAKE(arena, layer->in, "a normalised row", &norm->h);
}

static muster_status layer_norm_add_parameters(struct layer *layer, struct parameters *parameters, const char *path) {
  struct layer_norm *norm = layer->state;
  MUSTER_TRY(parameters_add(parameters, path, "gain", 1, layer->in, 1, &norm->gain));
  return parameters_add(parameters, path, "bias", 1, layer->in, 1, &norm->bias);
}

static muster_status layer_norm_initialize(const struct layer *layer, float *values, const struct layer_init *init) {
  (void)init;
  const struct layer_norm *norm = layer->state;
  for (size_t i = 0; i < layer->in; i++) values[norm->gain + i] = 1.0f;
  for (size_t i = 0; i < layer->in; i++) values[norm->bias + i] = 0.0f;
  return MUSTER_OK;
}

/* fills h [n] of one row; returns 1 / s */
static float normalize(size_t n, const float *x, float *h) {
  double mean = 0, variance = 0;
  for (size_t i = 0; i < n; i++) mean += x[i] / (double)n;
  for (size_t i = 0; i < n; i++) variance += (x[i] - mean) * (x[i] - mean) / (double)n;
  const double inverse = 1.0 / sqrt(variance + 1e-5);
  for (size_t i = 0; i < n; i++) h[i] = (float)((x[i] - mean) * inverse);
  return (float)inverse;
}

static void layer_norm_forward(struct layer *layer, const struct layer_pass *pass) {
  const struct layer_norm *norm = layer->state;
  const float *gain = pass->values + norm->gain, *bias = pass->values + norm->bias;
  for (size_t r = 0; r < pass->rows; r++) {
    float *y = layer->output + r * linear_padded(layer->out);
    normalize(layer->in, pass->x + r * pass->x_ld, norm->h);
    for (size_t i = 0; i < layer->in; i++) y[i] = gain[i] * norm->h[i] + bias[i];
  }
}

static void layer_norm_backward(struct layer *layer, const struct layer_pass *pass, const struct layer_return *back) {
  const struct layer_norm *norm = layer->state;
  const size_t n = layer->in;
  const float *gain = pass->values + norm->gain, *h = norm->h;
  float *d_gain = back->gradients + norm->gain, *d_bias = back->gradients + norm->bias;
  for (size_t r = 0; r < pass->rows; r++) {
    const float *dy = back->dy + r * back->dy_ld, inverse = normalize(n, pass->x + r * pass->x_ld, norm->h);
    double mean_d = 0, mean_dh = 0;
    for (size_t i = 0; i < n; i++) {
      d_gain[i] += dy[i] * h[i];
      d_bias[i] += dy[i];
      mean_d += gain[i] * dy[i] / (double)n;
      mean_dh += gain[i] * dy[i] * h[i] / (double)n;
    }
    for (size_t i = 0; i < n && back->dx != NULL; i++)
      back->dx[r * back->dx_ld + i] = inverse * (float)(gain[i] * dy[i] - mean_d - h[i] * mean_dh);
  }
  if (back->dx != NULL)
    layer_apply_slope(back->x_activation, pass->rows, n, pass->x, pass->x_ld, back->dx, back->dx_ld);
}

const struct layer_type layer_norm = {
    .name = "layer_norm",
    .summary = "each row at mean 0 and deviation 1, times a gain and plus a bias that are learned",
    .example = "layer_norm",
    .shape = layer_norm_shape,
    .add_parameters = layer_norm_add_parameters,
    .initialize = layer_norm_initialize,
    .forward = layer_norm_forward,
    .backward = layer_norm_backward,
};
