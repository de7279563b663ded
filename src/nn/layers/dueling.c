/* The last layer of a dueling network (Wang et al. 2016, equation 9): the value of a state and the advantages of its
 * actions, from a half of the input each, make the values of the actions:
 *
 *   Q(a) = V + A(a) - mean over b of A(b),   V = W_v x_first + b_v,   A = W_a x_second + b_a
 *
 * With several atoms each atom is one such sum. Outputs are [actions, atoms]. */
#include "nn/layers/affine.h"
#include "nn/layers/slope.h"

#include <stdio.h>
#include <string.h>

enum { VALUE, ADVANTAGE, STREAMS };

/* a half of the input, and what is made of it */
struct stream {
  struct affine affine;
  float *x;      /* [rows, linear_padded(in)] */
  float *y, *dy; /* [rows, linear_padded(out)] */
};

struct dueling {
  size_t actions, atoms, half; /* floats of half of the input */
  struct stream stream[STREAMS];
  float *dx; /* [rows, linear_padded(half)] */
};

static muster_status dueling_shape(struct layer *layer, struct arena *arena) {
  struct dueling *dueling;
  if (layer->in % STREAMS != 0)
    return status_error(MUSTER_ERROR_USAGE, "reads two halves, and %zu numbers are below it; expects an even number",
                        layer->in);
  MUSTER_TRY(ARENA_TAKE(arena, 1, "a layer", &dueling));
  *dueling = (struct dueling){
      .actions = (size_t)layer->argument[0], .atoms = (size_t)layer->argument[1], .half = layer->in / STREAMS};
  dueling->stream[VALUE].affine = (struct affine){.in = dueling->half, .out = dueling->atoms};
  dueling->stream[ADVANTAGE].affine = (struct affine){.in = dueling->half, .out = dueling->actions * dueling->atoms};
  layer->state = dueling;
  layer->above = (struct layer_shape){1, 1, dueling->actions * dueling->atoms, false};
  return MUSTER_OK;
}

static muster_status dueling_add_parameters(struct layer *layer, struct parameters *parameters, const char *path) {
  static const char *const names[STREAMS] = {"value", "advantage"};
  struct dueling *dueling = layer->state;
  for (int i = 0; i < STREAMS; i++) {
    char own[64];
    snprintf(own, sizeof own, "%s/%s", path, names[i]);
    MUSTER_TRY(affine_add_parameters(&dueling->stream[i].affine, parameters, own));
  }
  return MUSTER_OK;
}

/* the second stream has random numbers that are no other layer's */
#define SECOND_INDEX 500

static muster_status dueling_initialize(const struct layer *layer, float *values, const struct layer_init *init) {
  const struct dueling *dueling = layer->state;
  struct layer_init own = *init;
  for (int i = 0; i < STREAMS; i++, own.index += SECOND_INDEX)
    MUSTER_TRY(affine_initialize(&dueling->stream[i].affine, values, &own));
  return MUSTER_OK;
}

static void dueling_pack(struct layer *layer, const float *values, bool for_training) {
  struct dueling *dueling = layer->state;
  for (int i = 0; i < STREAMS; i++) affine_pack(&dueling->stream[i].affine, values, for_training);
}

static void dueling_renew(struct layer *layer, struct layer *copy, const struct layer_renewal *renewal) {
  struct dueling *dueling = layer->state, *of_copy = copy != NULL ? copy->state : NULL;
  for (int i = 0; i < STREAMS; i++)
    affine_renew(&dueling->stream[i].affine, of_copy != NULL ? &of_copy->stream[i].affine : NULL, renewal);
}

static muster_status dueling_allocate(struct layer *layer, bool trains, struct arena *arena) {
  (void)trains;
  struct dueling *dueling = layer->state;
  for (int i = 0; i < STREAMS; i++) {
    struct stream *stream = &dueling->stream[i];
    const size_t outputs = layer->rows * linear_padded(stream->affine.out);
    MUSTER_TRY(affine_allocate(&stream->affine, arena));
    MUSTER_TRY(ARENA_TAKE(arena, layer->rows * linear_padded(dueling->half), "activations", &stream->x));
    MUSTER_TRY(ARENA_TAKE(arena, outputs, "activations", &stream->y));
    MUSTER_TRY(ARENA_TAKE(arena, outputs, "backward buffers", &stream->dy));
  }
  return ARENA_TAKE(arena, layer->rows * linear_padded(dueling->half), "backward buffers", &dueling->dx);
}

static void run_stream(struct stream *stream, const struct layer_pass *pass, size_t first) {
  const struct affine *affine = &stream->affine;
  const size_t rows = linear_padded_rows(pass->rows), x_ld = linear_padded(affine->in);
  for (size_t r = 0; r < rows; r++)
    memcpy(stream->x + r * x_ld, pass->x + r * pass->x_ld + first, affine->in * sizeof *stream->x);
  linear_forward(rows, affine->in, affine->out, stream->x, x_ld, affine->packed, pass->values + affine->bias,
                 ACTIVATION_NONE, stream->y, linear_padded(affine->out));
}

static void dueling_forward(struct layer *layer, const struct layer_pass *pass) {
  struct dueling *dueling = layer->state;
  const struct stream *value = &dueling->stream[VALUE], *advantage = &dueling->stream[ADVANTAGE];
  const size_t actions = dueling->actions, atoms = dueling->atoms, ld = linear_padded(layer->out);
  for (int i = 0; i < STREAMS; i++) run_stream(&dueling->stream[i], pass, (size_t)i * dueling->half);
  for (size_t r = 0; r < pass->rows; r++)
    for (size_t k = 0; k < atoms; k++) {
      const float *a = advantage->y + r * ld + k;
      float mean = 0, *y = layer->output + r * ld + k;
      for (size_t i = 0; i < actions; i++) mean += a[i * atoms] / (float)actions;
      for (size_t i = 0; i < actions; i++) y[i * atoms] = value->y[r * linear_padded(atoms) + k] + a[i * atoms] - mean;
    }
}

/* dL/dV = sum over a of dL/dQ(a),   dL/dA(a) = dL/dQ(a) - mean over b of dL/dQ(b) */
static void split_gradient(struct dueling *dueling, size_t rows, const float *dy, size_t dy_ld) {
  struct stream *value = &dueling->stream[VALUE], *advantage = &dueling->stream[ADVANTAGE];
  const size_t actions = dueling->actions, atoms = dueling->atoms;
  const size_t value_ld = linear_padded(atoms), advantage_ld = linear_padded(actions * atoms);
  for (size_t r = 0; r < rows; r++)
    for (size_t k = 0; k < atoms; k++) {
      const float *d = dy + r * dy_ld + k;
      float sum = 0;
      for (size_t i = 0; i < actions; i++) sum += d[i * atoms];
      value->dy[r * value_ld + k] = sum;
      for (size_t i = 0; i < actions; i++)
        advantage->dy[r * advantage_ld + i * atoms + k] = d[i * atoms] - sum / (float)actions;
    }
}

static void dueling_backward(struct layer *layer, const struct layer_pass *pass, const struct layer_return *back) {
  struct dueling *dueling = layer->state;
  const size_t half = dueling->half, x_ld = linear_padded(half), rows = linear_padded_rows(pass->rows);
  split_gradient(dueling, rows, back->dy, back->dy_ld);
  for (size_t i = 0; i < STREAMS; i++) {
    const struct stream *stream = &dueling->stream[i];
    const struct affine *affine = &stream->affine;
    const float *x = stream->x + pass->first_row * x_ld;
    const size_t dy_ld = linear_padded(affine->out);
    affine_find_gradients(affine, pass->rows, x, x_ld, stream->dy, dy_ld, back);
    if (back->dx == NULL) continue;
    linear_backward_input(rows, half, affine->out, stream->dy, dy_ld, affine->packed_transposed, back->x_activation, x,
                          x_ld, dueling->dx, x_ld);
    for (size_t r = 0; r < rows; r++)
      memcpy(back->dx + r * back->dx_ld + i * half, dueling->dx + r * x_ld, half * sizeof *back->dx);
  }
}

static const char *dueling_onnx(const struct layer *layer, const float *values, struct onnx *graph, const char *x) {
  const struct dueling *dueling = layer->state;
  const int64_t actions = (int64_t)dueling->actions, atoms = (int64_t)dueling->atoms;
  const char *y[STREAMS];
  for (size_t i = 0; i < STREAMS; i++) {
    const char *half = onnx_columns(graph, x, i * dueling->half, (i + 1) * dueling->half);
    y[i] = affine_onnx(&dueling->stream[i].affine, values, graph, half);
  }
  const char *value = onnx_shape(graph, y[VALUE], 3, (int64_t[]){-1, 1, atoms});
  const char *advantage = onnx_shape(graph, y[ADVANTAGE], 3, (int64_t[]){-1, actions, atoms});
  const char *mean =
      onnx_node(graph, "ReduceMean", ONNX_LIST(advantage), ONNX_ATTRIBUTES(ONNX_INTS("axes", (int64_t[]){1}, 1)));
  const char *centred = onnx_node(graph, "Sub", ONNX_LIST(advantage, mean), NULL);
  return onnx_node(graph, "Flatten", ONNX_LIST(onnx_node(graph, "Add", ONNX_LIST(value, centred), NULL)), NULL);
}

const struct layer_type layer_dueling = {
    .name = "dueling",
    .summary = "values of actions: a value from the first half of the input, plus advantages from the second",
    .argument = {{.name = "ACTIONS", .min = 1, .max = 65536}, {.name = "ATOMS", .min = 1, .max = 1024, .otherwise = 1}},
    .example = "dueling 3 2",
    .sums_groups = true,
    .shape = dueling_shape,
    .add_parameters = dueling_add_parameters,
    .initialize = dueling_initialize,
    .allocate = dueling_allocate,
    .pack = dueling_pack,
    .renew = dueling_renew,
    .forward = dueling_forward,
    .backward = dueling_backward,
    .onnx = dueling_onnx,
};
