/* A dense layer: every output depends on every input; it reads a grid as the vector of all its cells. This file is the
 * template for new layers. */
#include "nn/layers/affine.h"

static muster_status dense_shape(struct layer *layer, struct arena *arena) {
  struct affine *affine;
  MUSTER_TRY(ARENA_TAKE(arena, 1, "a layer", &affine));
  *affine = (struct affine){.in = layer->in, .out = (size_t)layer->argument[0]};
  layer->state = affine;
  layer->above = (struct layer_shape){1, 1, affine->out, false};
  return MUSTER_OK;
}

static muster_status dense_add_parameters(struct layer *layer, struct parameters *parameters, const char *path) {
  return affine_add_parameters(layer->state, parameters, path);
}

static muster_status dense_initialize(const struct layer *layer, float *values, const struct layer_init *init) {
  return affine_initialize(layer->state, values, init);
}

static muster_status dense_allocate(struct layer *layer, bool trains, struct arena *arena) {
  (void)trains;
  return affine_allocate(layer->state, arena);
}

static void dense_pack(struct layer *layer, const float *values, bool for_training) {
  affine_pack(layer->state, values, for_training);
}

static void dense_renew(struct layer *layer, struct layer *copy, const struct layer_renewal *renewal) {
  affine_renew(layer->state, copy != NULL ? copy->state : NULL, renewal);
}

static void dense_forward(struct layer *layer, const struct layer_pass *pass) {
  const struct affine *affine = layer->state;
  linear_forward(linear_padded_rows(pass->rows), layer->in, layer->out, pass->x, pass->x_ld, affine->packed,
                 pass->values + affine->bias, layer->activation, layer->output, linear_padded(layer->out));
}

/* rows that fill up the last group are passed on to the layers below, but add to no weight's gradient */
static void dense_backward(struct layer *layer, const struct layer_pass *pass, const struct layer_return *back) {
  const struct affine *affine = layer->state;
  affine_find_gradients(affine, pass->rows, pass->x, pass->x_ld, back->dy, back->dy_ld, back);
  if (back->dx == NULL) return;
  linear_backward_input(linear_padded_rows(pass->rows), layer->in, layer->out, back->dy, back->dy_ld,
                        affine->packed_transposed, back->x_activation, pass->x, pass->x_ld, back->dx, back->dx_ld);
}

static const char *dense_onnx(const struct layer *layer, const float *values, struct onnx *graph, const char *x) {
  return affine_onnx(layer->state, values, graph, x);
}

static bool dense_writes_over_input(const struct layer *layer) { return linear_writes_over_input(layer->out); }

const struct layer_type layer_dense = {
    .name = "dense",
    .summary = "every output reads every input",
    .argument = {{.name = "WIDTH", .min = 1, .max = 65536}},
    .example = "dense 5",
    .applies_activation = true,
    .keeps_nothing = true,
    .writes_over_input = dense_writes_over_input,
    .sums_groups = true,
    .shape = dense_shape,
    .add_parameters = dense_add_parameters,
    .initialize = dense_initialize,
    .allocate = dense_allocate,
    .pack = dense_pack,
    .renew = dense_renew,
    .forward = dense_forward,
    .backward = dense_backward,
    .onnx = dense_onnx,
};
