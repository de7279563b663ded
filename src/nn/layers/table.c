#include "nn/layers/table.h"

#include <assert.h>
#include <string.h>

struct table {
  size_t offset; /* in the parameter block */
};

static muster_status table_shape(struct layer *layer, struct arena *arena) {
  struct table *table;
  assert(layer->in == 1);
  MUSTER_TRY(ARENA_TAKE(arena, 1, "a layer", &table));
  layer->state = table;
  layer->above = (struct layer_shape){1, 1, (size_t)layer->argument[1], false};
  return MUSTER_OK;
}

static muster_status table_add_parameters(struct layer *layer, struct parameters *parameters, const char *path) {
  struct table *table = layer->state;
  return parameters_add(parameters, path, "table", 2, (size_t)layer->argument[0], (size_t)layer->argument[1],
                        &table->offset);
}

static void table_forward(struct layer *layer, const struct layer_pass *pass) {
  const struct table *table = layer->state;
  const float *rows = pass->values + table->offset;
  const size_t ld = linear_padded(layer->out);
  for (size_t r = 0; r < pass->rows; r++) {
    const size_t number = (size_t)pass->x[r * pass->x_ld];
    memcpy(layer->output + r * ld, rows + number * layer->out, layer->out * sizeof *rows);
  }
}

static const char *table_onnx(const struct layer *layer, const float *values, struct onnx *graph, const char *x) {
  const struct table *table = layer->state;
  const struct onnx_array shape = {NULL, ONNX_FLOAT, 2, {(int64_t)layer->argument[0], (int64_t)layer->out}};
  const char *rows = onnx_constant(graph, &shape, values + table->offset);
  const char *found = onnx_node(graph, "Gather", ONNX_LIST(rows, onnx_cast(graph, x, ONNX_INT64)), NULL);
  return onnx_node(graph, "Flatten", ONNX_LIST(found), NULL); /* from [batch, 1, out] */
}

const struct layer_type layer_table = {
    .name = "table",
    .summary = "the row whose number it reads",
    .shape = table_shape,
    .add_parameters = table_add_parameters,
    .forward = table_forward,
    .onnx = table_onnx,
};
