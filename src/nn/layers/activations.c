/* Activations as layers. An activation above a layer whose kernel applies it does not become a layer of its own
 * (network_add()). Anywhere else it is a layer that copies its input and applies the activation. */
#include "nn/layer.h"

#include "nn/layers/slope.h"

#include <string.h>

static muster_status activation_shape(struct layer *layer, struct arena *arena) {
  (void)arena;
  layer->above = layer->below;
  return MUSTER_OK;
}

static void activation_forward(struct layer *layer, const struct layer_pass *pass) {
  const size_t ld = linear_padded(layer->out);
  for (size_t r = 0; r < pass->rows; r++)
    memcpy(layer->output + r * ld, pass->x + r * pass->x_ld, layer->out * sizeof *layer->output);
  layer_activate(layer->activation, pass->rows, layer->out, layer->output, ld);
}

static void activation_backward(struct layer *layer, const struct layer_pass *pass, const struct layer_return *back) {
  if (back->dx == NULL) return;
  for (size_t r = 0; r < pass->rows; r++)
    memcpy(back->dx + r * back->dx_ld, back->dy + r * back->dy_ld, layer->in * sizeof *back->dx);
  layer_apply_slope(back->x_activation, pass->rows, layer->in, pass->x, pass->x_ld, back->dx, back->dx_ld);
}

static const char *activation_onnx(const struct layer *layer, const float *values, struct onnx *graph, const char *x) {
  (void)layer, (void)values, (void)graph;
  return x; /* the activation follows every layer that has one */
}

const struct layer_type layer_tanh = {
    .name = "tanh",
    .summary = "the hyperbolic tangent",
    .example = "tanh",
    .activation = ACTIVATION_TANH,
    .shape = activation_shape,
    .forward = activation_forward,
    .backward = activation_backward,
    .onnx = activation_onnx,
};

const struct layer_type layer_relu = {
    .name = "relu",
    .summary = "the positive part",
    .example = "relu",
    .activation = ACTIVATION_RELU,
    .shape = activation_shape,
    .forward = activation_forward,
    .backward = activation_backward,
    .onnx = activation_onnx,
};
