/* Dropout (Srivastava et al. 2014), as torch.nn.Dropout: while a network learns, each number is dropped with
 * probability RATE, and what is kept is scaled up, so that the mean stays the same; otherwise the layer changes
 * nothing:
 *
 *   y_i = k_i x_i,   k_i = 0 with probability RATE, 1 / (1 - RATE) otherwise,   dL/dx_i = k_i dL/dy_i
 *
 * What is dropped is a function of the run's seed, the update, the row of the minibatch and the layer: the same at any
 * number of ranks and learners. */
#include "base/random.h"
#include "nn/layer.h"
#include "nn/layers/slope.h"

#include <math.h>
#include <string.h>

struct dropout {
  float *kept; /* [rows, linear_padded(n)] k of the last forward pass that dropped; NULL in a network that only acts */
};

enum { WORDS = 4, BLOCKS_BITS = 18 }; /* of a row, its random numbers come in blocks; fewer than 2^18 blocks a layer */

static muster_status dropout_shape(struct layer *layer, struct arena *arena) {
  struct dropout *dropout;
  if (layer->in > (size_t)WORDS << BLOCKS_BITS)
    return status_error(MUSTER_ERROR_USAGE, "reads %zu numbers of a row; expects at most %zu", layer->in,
                        (size_t)WORDS << BLOCKS_BITS);
  MUSTER_TRY(ARENA_TAKE(arena, 1, "a layer", &dropout));
  layer->state = dropout;
  layer->above = layer->below;
  return MUSTER_OK;
}

static muster_status dropout_allocate(struct layer *layer, bool trains, struct arena *arena) {
  struct dropout *dropout = layer->state;
  return trains
             ? ARENA_TAKE(arena, layer->rows * linear_padded(layer->in), "what is kept of activations", &dropout->kept)
             : MUSTER_OK;
}

/* fills k [n] of one row */
static void draw(const struct layer *layer, const struct layer_random *random, uint32_t row, float *kept) {
  const double rate = layer->argument[0];
  const uint64_t dropped = (uint64_t)ldexp(rate, 32); /* of 2^32 equally likely words */
  const float scale = (float)(1.0 / (1.0 - rate));
  const size_t n = layer->in;
  for (size_t i = 0; i < n; i += WORDS) {
    uint32_t words[WORDS];
    const uint32_t counter = layer->stream << BLOCKS_BITS | (uint32_t)(i / WORDS);
    random_words(random->seed, RANDOM_DROPOUT, row, random->update, counter, words);
    for (size_t k = 0; k < WORDS && i + k < n; k++) kept[i + k] = words[k] < dropped ? 0.0f : scale;
  }
}

static void dropout_forward(struct layer *layer, const struct layer_pass *pass) {
  const struct dropout *dropout = layer->state;
  const size_t n = layer->in, ld = linear_padded(n);
  for (size_t r = 0; r < pass->rows; r++) {
    const float *x = pass->x + r * pass->x_ld;
    float *y = layer->output + r * ld;
    if (pass->random == NULL) {
      memcpy(y, x, n * sizeof *y);
      continue;
    }
    float *kept = dropout->kept + r * ld;
    draw(layer, pass->random, pass->random->first_row + (uint32_t)r, kept);
    for (size_t i = 0; i < n; i++) y[i] = kept[i] * x[i];
  }
  layer_activate(layer->activation, pass->rows, n, layer->output, ld);
}

static void dropout_backward(struct layer *layer, const struct layer_pass *pass, const struct layer_return *back) {
  const struct dropout *dropout = layer->state;
  const size_t n = layer->in, ld = linear_padded(n);
  if (back->dx == NULL) return;
  for (size_t r = 0; r < pass->rows; r++) {
    const float *dy = back->dy + r * back->dy_ld, *kept = dropout->kept + r * ld;
    float *dx = back->dx + r * back->dx_ld;
    for (size_t i = 0; i < n; i++) dx[i] = pass->random == NULL ? dy[i] : kept[i] * dy[i];
  }
  layer_apply_slope(back->x_activation, pass->rows, n, pass->x, pass->x_ld, back->dx, back->dx_ld);
}

static const char *dropout_onnx(const struct layer *layer, const float *values, struct onnx *graph, const char *x) {
  (void)layer, (void)values, (void)graph;
  return x;
}

const struct layer_type layer_dropout = {
    .name = "dropout",
    .summary = "drops each number with probability RATE while the network learns",
    .argument = {{.name = "RATE", .min = 0, .max = 0.99, .is_fraction = true}},
    .example = "dropout 0.25",
    .applies_activation = true,
    .shape = dropout_shape,
    .allocate = dropout_allocate,
    .forward = dropout_forward,
    .backward = dropout_backward,
    .onnx = dropout_onnx,
};
