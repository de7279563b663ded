#include "nn/network.h"

#include "math/vector.h"

#include <stdio.h>
#include <string.h>

muster_status layer_list_add(struct layer_list *list, struct layer_spec spec) {
  if (list->count == NETWORK_MAX_LAYERS)
    return status_error(MUSTER_ERROR_USAGE, "the network has more than %d layers", NETWORK_MAX_LAYERS - 1);
  list->layer[list->count++] = spec;
  return MUSTER_OK;
}

void network_start(const char *name, struct layer_shape input, struct network *network) {
  *network = (struct network){.name = name, .rows = TILE, .output = input};
}

static inline struct layer *top_of(struct network *network) {
  return network->layers > 0 ? &network->layer[network->layers - 1] : NULL;
}

/* makes an activation part of the layer below; false where that layer can't apply one */
static bool fuse(struct network *network, const struct layer_type *type) {
  struct layer *top = top_of(network);
  if (type->activation == ACTIVATION_NONE || top == NULL) return false;
  if (!top->type->applies_activation || top->activation != ACTIVATION_NONE) return false;
  top->activation = type->activation;
  return true;
}

static muster_status add_layer(struct network *network, const struct layer_spec *spec, struct parameters *parameters,
                               struct arena *arena) {
  if (fuse(network, spec->type)) return MUSTER_OK;
  if (network->layers == NETWORK_MAX_LAYERS)
    return status_error(MUSTER_ERROR_USAGE, "the network has more than %d layers", NETWORK_MAX_LAYERS - 1);
  struct layer *layer = &network->layer[network->layers];
  *layer = (struct layer){.type = spec->type,
                          .below = network->output,
                          .in = layer_shape_floats(network->output),
                          .activation = spec->type->activation,
                          .number = network->numbered,
                          .stream = network->stream + (uint32_t)network->layers,
                          .memory_offset = network->memory};
  for (int i = 0; i < LAYER_MAX_ARGUMENTS; i++) layer->argument[i] = spec->argument[i];
  MUSTER_TRY(status_wrap(spec->type->shape(layer, arena), "%s", spec->type->name));
  layer->out = layer_shape_floats(layer->above);
  network->output = layer->above;
  network->memory += layer->memory;
  network->layers++;
  if (spec->type->add_parameters == NULL) return MUSTER_OK;
  char path[48];
  snprintf(path, sizeof path, "%s/%d", network->name, network->numbered++);
  layer->first = parameters->count;
  MUSTER_TRY(spec->type->add_parameters(layer, parameters, path));
  layer->parameters = parameters->count - layer->first;
  return MUSTER_OK;
}

muster_status network_add(struct network *network, const struct layer_list *list, struct parameters *parameters,
                          struct arena *arena) {
  for (int i = 0; i < list->count; i++) MUSTER_TRY(add_layer(network, &list->layer[i], parameters, arena));
  return MUSTER_OK;
}

/* room for gradients of halves of groups, of layers that do not sum groups themselves */
static muster_status allocate_sums(struct network *network, struct arena *arena) {
  size_t most = 0;
  for (const struct layer *layer = network->layer; layer < network->layer + network->layers; layer++)
    if (!layer->type->sums_groups && layer->parameters > most) most = layer->parameters;
  for (int i = 0; i < LINEAR_GROUPS_LEVELS && most > 0; i++)
    MUSTER_TRY(ARENA_TAKE(arena, most, "sums of gradients", &network->sums[i]));
  return MUSTER_OK;
}

/* the layer's output, in a buffer of its own or in one that others use, too */
static muster_status place_output(struct network *network, struct layer *layer, float *const *passing,
                                  struct arena *arena) {
  const size_t number = (size_t)(layer - network->layer);
  if (passing == NULL || layer == top_of(network))
    return ARENA_TAKE(arena, layer->rows * linear_padded(layer->out), "activations", &layer->output);
  layer->output = passing[number % 2];
  return MUSTER_OK;
}

muster_status network_allocate(struct network *network, bool trains, float *const *passing, struct arena *arena) {
  if (trains && network->rows > TILE) MUSTER_TRY(allocate_sums(network, arena));
  for (struct layer *layer = network->layer; layer < network->layer + network->layers; layer++) {
    layer->rows = network->rows;
    if (layer->type->allocate != NULL) MUSTER_TRY(layer->type->allocate(layer, trains, arena));
    MUSTER_TRY(place_output(network, layer, passing, arena));
    if (trains && network->keeps_gradients)
      MUSTER_TRY(ARENA_TAKE(arena, layer->rows * linear_padded(layer->out), "backward buffers", &layer->d_output));
  }
  return MUSTER_OK;
}

muster_status network_initialize(const struct network *network, float *values, struct layer_init init,
                                 double head_gain) {
  const uint32_t first = init.index;
  for (const struct layer *layer = network->layer; layer < network->layer + network->layers; layer++) {
    if (layer->type->initialize == NULL) continue;
    init.index = first + 2 * (uint32_t)layer->number;
    if (layer->number == network->numbered - 1) init.gain = head_gain;
    MUSTER_TRY(layer->type->initialize(layer, values, &init));
  }
  return MUSTER_OK;
}

void network_pack(struct network *network, const float *values, bool for_training) {
  for (struct layer *layer = network->layer; layer < network->layer + network->layers; layer++)
    if (layer->type->pack != NULL) layer->type->pack(layer, values, for_training);
}

/* the whole layer at once */
static void renew_layer(struct layer *layer, struct layer *copy, const struct layer_renewal *renewal) {
  renewal->change(renewal->context, layer->first, layer->parameters);
  if (layer->type->pack != NULL) layer->type->pack(layer, renewal->values, true);
  if (copy == NULL) return;
  vector_follow(layer->parameters, renewal->tau, renewal->values + layer->first, renewal->values + copy->first);
  if (copy->type->pack != NULL) copy->type->pack(copy, renewal->values, false);
}

void network_renew(struct network *network, struct network *copy, const struct layer_renewal *renewal) {
  for (int i = 0; i < network->layers; i++) {
    struct layer *layer = &network->layer[i], *of_copy = copy != NULL ? &copy->layer[i] : NULL;
    if (layer->parameters > 0) (layer->type->renew != NULL ? layer->type->renew : renew_layer)(layer, of_copy, renewal);
  }
}

/* the input that layer i read when the tile went through the network */
static struct layer_pass pass_of(const struct network *network, const struct layer_pass *pass, int i) {
  struct layer_pass own = *pass;
  if (pass->memory != NULL) own.memory += network->layer[i].memory_offset;
  if (i == 0) return own;
  own.x = network->layer[i - 1].output;
  own.x_ld = linear_padded(network->layer[i - 1].out);
  return own;
}

const float *network_forward(struct network *network, const struct layer_pass *pass, size_t *y_ld) {
  for (int i = 0; i < network->layers; i++) {
    const struct layer_pass own = pass_of(network, pass, i);
    network->layer[i].type->forward(&network->layer[i], &own);
  }
  const struct layer *top = top_of(network);
  *y_ld = top != NULL ? linear_padded(top->out) : pass->x_ld;
  return top != NULL ? top->output : pass->x;
}

/* a pass over some rows of a layer's backward pass, tile by tile; it adds to the layer's gradients */
static void add_rows(struct layer *layer, const struct layer_pass *pass, const struct layer_return *back, size_t first,
                     size_t end, float *gradients) {
  for (; first < end; first += TILE) {
    struct layer_pass some = *pass;
    struct layer_return own = *back;
    some.first_row = pass->first_row + first;
    some.rows = end - first < TILE ? end - first : TILE;
    some.x += first * pass->x_ld;
    own.dy += first * back->dy_ld;
    if (back->dx != NULL) own.dx += first * back->dx_ld;
    own.groups = NULL;
    own.gradients = parameters_block_of(gradients, layer->first);
    layer->type->backward(layer, &some, &own);
  }
}

/* backward through a layer that does not sum groups itself: the sums of halves wait until their other halves come */
static void sum_groups(struct network *network, struct layer *layer, const struct layer_pass *pass,
                       const struct layer_return *back) {
  float *sums[1 + LINEAR_GROUPS_LEVELS] = {back->gradients + layer->first};
  memcpy(sums + 1, network->sums, sizeof network->sums);
  size_t waiting = 0, row = 0;
  for (size_t group = 0; group < back->groups->count; group++) {
    const size_t rows = back->groups->rows[group];
    memset(sums[waiting], 0, layer->parameters * sizeof *sums[waiting]);
    add_rows(layer, pass, back, row, row + rows, sums[waiting++]);
    row += rows;
    for (size_t nodes = group + 1; nodes % 2 == 0; nodes /= 2, waiting--)
      vector_add(layer->parameters, sums[waiting - 2], sums[waiting - 1], sums[waiting - 2]);
  }
}

/* where the gradient of the input of layer i > 0 goes: over that input, which was read for the last time, or else to
 * another place than the gradient above */
static float *input_gradient(struct network *network, int i, float *const scratch[2]) {
  const struct layer *layer = &network->layer[i];
  const bool writes_over_input =
      layer->type->writes_over_input != NULL && layer->type->writes_over_input(layer) && !network->keeps_gradients;
  return writes_over_input ? layer[-1].output : scratch[i % 2];
}

void network_backward(struct network *network, const struct layer_pass *pass, const struct layer_return *back,
                      float *const scratch[2]) {
  struct layer_return own = *back;
  for (int i = network->layers - 1; i >= 0; i--) {
    struct layer *layer = &network->layer[i];
    const struct layer_pass below = pass_of(network, pass, i);
    own.x_activation = i > 0 ? layer[-1].activation : back->x_activation;
    own.dx = i > 0 ? input_gradient(network, i, scratch) : back->dx;
    own.dx_ld = i > 0 ? linear_padded(layer->in) : back->dx_ld;
    if (back->groups == NULL || layer->type->sums_groups || layer->parameters == 0)
      layer->type->backward(layer, &below, &own);
    else
      sum_groups(network, layer, &below, &own);
    own.dy = own.dx;
    own.dy_ld = own.dx_ld;
  }
}

bool network_select_rows(struct network *network, const uint32_t *row, size_t n) {
  const struct layer *top = top_of(network);
  for (const struct layer *layer = network->layer; layer < network->layer + network->layers; layer++)
    if (!layer->type->keeps_nothing) return false;
  for (struct layer *layer = network->layer; layer < top; layer++) {
    const size_t ld = linear_padded(layer->out);
    for (size_t i = 0; i < n; i++)
      if (row[i] != i) memcpy(layer->output + i * ld, layer->output + row[i] * ld, ld * sizeof *layer->output);
  }
  return true;
}

const char *network_onnx(const struct network *network, const float *values, struct onnx *graph, const char *x) {
  static const char *const ops[] = {[ACTIVATION_TANH] = "Tanh", [ACTIVATION_RELU] = "Relu"};
  for (const struct layer *layer = network->layer; layer < network->layer + network->layers; layer++) {
    if (layer->type->onnx == NULL || layer->memory > 0) {
      onnx_fail(graph, status_error(MUSTER_ERROR_USAGE, "the layer '%s' of the policy cannot be exported to ONNX",
                                    layer->type->name));
      return x;
    }
    x = layer->type->onnx(layer, values, graph, x);
    if (layer->activation != ACTIVATION_NONE) x = onnx_node(graph, ops[layer->activation], ONNX_LIST(x), NULL);
  }
  return x;
}

void network_backward_rows(struct network *network, const struct layer_pass *pass, const float *dy, size_t dy_ld) {
  struct layer_return own = {.dy = dy, .dy_ld = dy_ld};
  for (int i = network->layers - 1; i > 0; i--) {
    struct layer *layer = &network->layer[i];
    const struct layer_pass below = pass_of(network, pass, i);
    own.x_activation = layer[-1].activation;
    own.dx = layer[-1].d_output;
    own.dx_ld = linear_padded(layer->in);
    layer->type->backward(layer, &below, &own);
    own.dy = own.dx;
    own.dy_ld = own.dx_ld;
  }
}

void network_sum_gradients(struct network *network, const struct layer_pass *pass, const float *dy, size_t dy_ld,
                           size_t first, const struct linear_groups *groups, float *gradients) {
  for (int i = 0; i < network->layers; i++) {
    struct layer *layer = &network->layer[i];
    const bool is_top = i == network->layers - 1;
    struct layer_pass some = pass_of(network, pass, i);
    struct layer_return own = {.dy = is_top ? dy : layer->d_output,
                               .dy_ld = is_top ? dy_ld : linear_padded(layer->out),
                               .gradients = gradients,
                               .groups = groups};
    some.rows = linear_groups_rows(groups);
    some.first_row = first;
    some.x += first * some.x_ld;
    own.dy += first * own.dy_ld;
    if (layer->parameters == 0) continue;
    if (layer->type->sums_groups)
      layer->type->backward(layer, &some, &own);
    else
      sum_groups(network, layer, &some, &own);
  }
}

void network_follow(const struct network *network, struct parameters *parameters) {
  for (const struct layer *layer = network->layer; layer < network->layer + network->layers; layer++)
    if (layer->type->follow != NULL) layer->type->follow(layer, parameters);
}

bool network_has_statistics(const struct network *network) {
  for (const struct layer *layer = network->layer; layer < network->layer + network->layers; layer++)
    if (layer->type->follow != NULL) return true;
  return false;
}

enum activation network_activation(const struct network *network) {
  return network->layers > 0 ? network->layer[network->layers - 1].activation : ACTIVATION_NONE;
}

size_t network_widest(const struct network *network) {
  size_t widest = LINEAR_COLUMNS;
  for (int i = 0; i < network->layers; i++)
    if (linear_padded(network->layer[i].out) > widest) widest = linear_padded(network->layer[i].out);
  return widest;
}
