/* Parametric rectifier (He et al. 2015, "Delving deep into rectifiers", equation 1), one learned slope for each float:
 *   y_i = x_i for x_i > 0, a_i x_i otherwise,   a_i = 1/4 at the start
 * The way down:
 *   dL/da_i = min(0, x_i) dL/dy_i,   dL/dx_i = dL/dy_i for x_i > 0, a_i dL/dy_i otherwise */
#include "nn/layers/slope.h"

#include "nn/layer.h"

struct prelu {
  size_t slope; /* offset of a [n] in the parameter block */
};

static muster_status prelu_shape(struct layer *layer, struct arena *arena) {
  struct prelu *prelu;
  MUSTER_TRY(ARENA_TAKE(arena, 1, "a layer", &prelu));
  layer->state = prelu;
  layer->above = layer->below;
  return MUSTER_OK;
}

static muster_status prelu_add_parameters(struct layer *layer, struct parameters *parameters, const char *path) {
  struct prelu *prelu = layer->state;
  return parameters_add(parameters, path, "slope", 1, layer->in, 1, &prelu->slope);
}

static muster_status prelu_initialize(const struct layer *layer, float *values, const struct layer_init *init) {
  (void)init;
  const struct prelu *prelu = layer->state;
  for (size_t i = 0; i < layer->in; i++) values[prelu->slope + i] = 0.25f;
  return MUSTER_OK;
}

static void prelu_forward(struct layer *layer, const struct layer_pass *pass) {
  const struct prelu *prelu = layer->state;
  const float *slope = pass->values + prelu->slope;
  for (size_t r = 0; r < pass->rows; r++) {
    const float *x = pass->x + r * pass->x_ld;
    float *y = layer->output + r * linear_padded(layer->out);
    for (size_t i = 0; i < layer->in; i++) y[i] = x[i] > 0.0f ? x[i] : slope[i] * x[i];
  }
}

static void prelu_backward(struct layer *layer, const struct layer_pass *pass, const struct layer_return *back) {
  const struct prelu *prelu = layer->state;
  const size_t n = layer->in;
  const float *slope = pass->values + prelu->slope;
  for (size_t r = 0; r < pass->rows; r++) {
    const float *x = pass->x + r * pass->x_ld, *dy = back->dy + r * back->dy_ld;
    for (size_t i = 0; i < n && back->gradients != NULL; i++)
      back->gradients[prelu->slope + i] += x[i] > 0.0f ? 0.0f : x[i] * dy[i];
    for (size_t i = 0; i < n && back->dx != NULL; i++)
      back->dx[r * back->dx_ld + i] = x[i] > 0.0f ? dy[i] : slope[i] * dy[i];
  }
  if (back->dx != NULL)
    layer_apply_slope(back->x_activation, pass->rows, n, pass->x, pass->x_ld, back->dx, back->dx_ld);
}

const struct layer_type layer_prelu = {
    .name = "prelu",
    .summary = "the positive part, and the negative one times slopes that are learned",
    .example = "prelu",
    .shape = prelu_shape,
    .add_parameters = prelu_add_parameters,
    .initialize = prelu_initialize,
    .forward = prelu_forward,
    .backward = prelu_backward,
};
