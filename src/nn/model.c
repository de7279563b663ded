#include "nn/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

_Static_assert(NETWORK_MAX_LAYERS > 2 * OPTION_LIST_MAX, "each of hidden_sizes has an activation; a head comes on top");
_Static_assert(PARAMETERS_MAX_TENSORS >= 2 * 2 * NETWORK_MAX_LAYERS + 1, "weights and biases of two networks, log_std");

static const char *const activation_names[] = {"tanh", "relu", NULL};
static const struct layer_type *const activations[] = {&layer_tanh, &layer_relu};
static const char *const log_std_names[] = {"parameter", "state", NULL};

static const struct option_spec model_options[] = {
    {.key = "hidden_sizes",
     .type = OPTION_INT_LIST,
     .offset = offsetof(struct model_options, hidden_sizes),
     .default_value = "[64, 64]",
     .min = 1,
     .max = 65536,
     .help = "widths of the hidden layers, of policy and value network alike"},
    {.key = "kernel_size",
     .type = OPTION_INT,
     .offset = offsetof(struct model_options, kernel_size),
     .default_value = "0",
     .min = 0,
     .max = 63,
     .help = "the policy's hidden layers are convolutions of kernel_size x kernel_size cells (odd), hidden_sizes their "
             "channels, for observations [rows, columns, channels] and actions for each cell; 0: dense layers"},
    {.key = "activation",
     .type = OPTION_CHOICE,
     .offset = offsetof(struct model_options, activation),
     .default_value = "tanh",
     .choices = activation_names,
     .help = "nonlinearity of the hidden layers"},
    {.key = "ortho_init",
     .type = OPTION_BOOL,
     .offset = offsetof(struct model_options, ortho_init),
     .default_value = "true",
     .help = "orthogonal initial weights; false: uniform as torch.nn.Linear"},
    {.key = "share_trunk",
     .type = OPTION_BOOL,
     .offset = offsetof(struct model_options, share_trunk),
     .default_value = "false",
     .help = "one stack of hidden layers under both heads"},
    {.key = "log_std_init",
     .type = OPTION_FLOAT,
     .offset = offsetof(struct model_options, log_std_init),
     .default_value = "0",
     .min = -20,
     .max = 2,
     .help = "Box actions: logarithm of the initial standard deviation"},
    {.key = "log_std",
     .type = OPTION_CHOICE,
     .offset = offsetof(struct model_options, log_std),
     .default_value = "parameter",
     .choices = log_std_names,
     .help = "Box actions: log-deviations are parameters, the same in every state, or depend on the state as the means "
             "do"},
    {.key = NULL},
};

const struct option_table model_option_table = {.section = "policy", .options = model_options};

/* The networks, in the order of their tensors. Indices of random streams are 1000 apart, so that one network's depth
 * does not shift another's numbers. */
static const struct {
  const char *name;
  uint32_t first_stream;
  double head_gain; /* of the last layer's initial weights */
} networks[MODEL_NETWORKS] = {
    [MODEL_TRUNK] = {"trunk", 1000, M_SQRT2},
    [MODEL_POLICY] = {"policy", 2000, 0.01},
    [MODEL_VALUE] = {"value", 3000, 1.0},
};

/* ---- lists of layers ---- */

/* the short form: hidden_sizes, each with the activation above; `kernel_size` 0: dense layers */
static muster_status list_hidden(const struct model_options *options, int64_t kernel_size, struct layer_list *list) {
  for (int32_t i = 0; i < options->hidden_sizes.count; i++) {
    int64_t width = options->hidden_sizes.values[i];
    const struct layer_spec dense = {&layer_dense, {width}}, conv = {&layer_conv2d, {width, kernel_size, 1}};
    MUSTER_TRY(layer_list_add(list, kernel_size > 0 ? conv : dense));
    MUSTER_TRY(layer_list_add(list, (struct layer_spec){activations[options->activation], {0}}));
  }
  return MUSTER_OK;
}

/* the hidden layers of each network; those of a shared trunk are nobody's else */
static muster_status list_layers(const struct model_options *options, struct layer_list lists[MODEL_NETWORKS]) {
  if (options->share_trunk) return list_hidden(options, 0, &lists[MODEL_TRUNK]);
  MUSTER_TRY(list_hidden(options, options->kernel_size, &lists[MODEL_POLICY]));
  return list_hidden(options, 0, &lists[MODEL_VALUE]);
}

/* a policy of convolutions has the same head for each cell, others one for all outputs */
static muster_status list_heads(const struct model *model, const struct model_options *options,
                                struct layer_list lists[MODEL_NETWORKS]) {
  const size_t cells = model->observation.rows * model->observation.columns;
  const int64_t outputs = (int64_t)model->head.outputs;
  const struct layer_spec dense = {&layer_dense, {outputs}}, conv = {&layer_conv2d, {outputs / (int64_t)cells, 1, 1}};
  MUSTER_TRY(layer_list_add(&lists[MODEL_POLICY], options->kernel_size > 0 ? conv : dense));
  return layer_list_add(&lists[MODEL_VALUE], (struct layer_spec){&layer_dense, {(int64_t)model->value_outputs}});
}

static struct layer_shape observation_shape(const muster_space *space, const struct encoder *encoder) {
  bool is_image = space->rank == 3 && (space->kind == MUSTER_SPACE_BOX || space->kind == MUSTER_SPACE_BOX_U8);
  if (!is_image) return (struct layer_shape){1, 1, encoder->width, false};
  return (struct layer_shape){(size_t)space->shape[0], (size_t)space->shape[1], (size_t)space->shape[2], true};
}

/* what the short form of a policy of convolutions asks for */
static muster_status check_kernel(const struct model *model, const struct model_options *options) {
  const struct layer_shape grid = model->observation;
  if (options->kernel_size == 0) return MUSTER_OK;
  if (options->kernel_size % 2 == 0)
    return status_error(MUSTER_ERROR_USAGE, "policy.kernel_size: expects an odd number, or 0, got %d",
                        (int)options->kernel_size);
  if (options->share_trunk)
    return status_error(MUSTER_ERROR_USAGE,
                        "policy.share_trunk: true: a policy with a kernel_size shares no layers; expects false");
  if (options->hidden_sizes.count == 0)
    return status_error(MUSTER_ERROR_USAGE,
                        "policy.hidden_sizes: a policy with a kernel_size needs the channels of at least one layer");
  if (model->head.counts == NULL)
    return status_error(MUSTER_ERROR_USAGE, "policy.kernel_size: needs Discrete or MultiDiscrete actions; expects 0");
  if (!grid.is_grid)
    return status_error(MUSTER_ERROR_USAGE,
                        "policy.kernel_size: a convolution needs observations of the shape [rows, columns, channels], "
                        "which this environment does not have; expects 0");
  if (model->head.outputs % (grid.rows * grid.columns) != 0)
    return status_error(MUSTER_ERROR_USAGE,
                        "policy.kernel_size: a convolution has the same number of outputs for each of the %zu x %zu "
                        "cells, and the actions need %zu outputs; expects 0",
                        grid.rows, grid.columns, model->head.outputs);
  return MUSTER_OK;
}

/* ---- making a model ---- */

/* lays out the tensors: what the policy needs comes first */
static muster_status build_networks(struct model *model, const struct model_options *options, struct arena *arena) {
  struct parameters *parameters = &model->parameters;
  struct layer_list lists[MODEL_NETWORKS] = {0};
  MUSTER_TRY(list_layers(options, lists));
  MUSTER_TRY(list_heads(model, options, lists));
  for (int i = 0; i < MODEL_NETWORKS; i++) {
    struct network *network = &model->network[i];
    network_start(networks[i].name, i == MODEL_TRUNK ? model->observation : model->network[MODEL_TRUNK].output,
                  network);
    if (i == MODEL_VALUE && model->value_outputs == 0) break;
    MUSTER_TRY(network_add(network, &lists[i], parameters, arena));
    if (i != MODEL_POLICY) continue;
    const struct policy_head *head = &model->head;
    if (head->own_count > 0)
      MUSTER_TRY(parameters_add(parameters, "policy", head->own_name, 1, head->own_count, 1, &model->own_offset));
    model->policy_count = parameters->count;
  }
  return MUSTER_OK;
}

static muster_status allocate_buffers(struct model *model, bool trains, struct arena *arena) {
  size_t widest = 0;
  MUSTER_TRY(parameters_allocate(&model->parameters, arena));
  for (struct network *network = model->network; network < model->network + MODEL_NETWORKS; network++) {
    MUSTER_TRY(network_allocate(network, trains, arena));
    if (network_widest(network) > widest) widest = network_widest(network);
  }
  if (model->head.own_count > 0) model->head.own = model->parameters.values + model->own_offset;
  model_direct_gradients(model, model->parameters.gradients);
  MUSTER_TRY(ARENA_TAKE(arena, TILE * model->obs_dim, "observation tile", &model->rows));
  for (int i = 0; trains && i < 2; i++) {
    MUSTER_TRY(ARENA_TAKE(arena, TILE * widest, "backward buffers", &model->scratch[i]));
    MUSTER_TRY(ARENA_TAKE(arena, TILE * widest, "backward buffers", &model->d_trunk[i]));
  }
  return MUSTER_OK;
}

muster_status model_create(const struct model_options *options, const muster_space *observation,
                           const muster_space *action, enum model_critic critic, struct arena *arena,
                           struct model *model) {
  *model = (struct model){.action_bytes = muster_space_bytes(action)};
  MUSTER_TRY(encoder_create(observation, arena, &model->encoder));
  MUSTER_TRY(policy_head_create(action, options->log_std == MODEL_LOG_STD_STATE, arena, &model->head));
  model->obs_dim = model->encoder.width;
  if (critic == MODEL_CRITIC_Q && action->kind != MUSTER_SPACE_DISCRETE)
    return status_error(MUSTER_ERROR_USAGE, "a critic for Q(s, a) needs Discrete actions: use a critic for V(s)");
  model->value_outputs = critic == MODEL_CRITIC_Q ? model->head.choices : critic == MODEL_CRITIC_V;
  model->observation = observation_shape(observation, &model->encoder);
  MUSTER_TRY(check_kernel(model, options));
  MUSTER_TRY(build_networks(model, options, arena));
  return allocate_buffers(model, critic != MODEL_ACTOR, arena);
}

/* a Gaussian's log-deviations: its own parameters, or the second half of the policy head's outputs */
static void initialize_deviations(struct model *model, const struct model_options *options) {
  const struct policy_head *head = &model->head;
  if (head->counts != NULL) return;
  size_t last = head->own_count > 0 ? model->own_offset : model->policy_count - head->outputs + head->elements;
  for (size_t i = 0; i < head->elements; i++) model->parameters.values[last + i] = (float)options->log_std_init;
}

/* with gain sqrt(2) below the heads */
muster_status model_initialize(struct model *model, const struct model_options *options, uint64_t seed) {
  struct layer_init init = {.orthogonal = options->ortho_init, .gain = M_SQRT2, .seed = seed};
  for (int i = 0; i < MODEL_NETWORKS; i++) {
    init.index = networks[i].first_stream;
    MUSTER_TRY(network_initialize(&model->network[i], model->parameters.values, init, networks[i].head_gain));
  }
  initialize_deviations(model, options);
  return MUSTER_OK;
}

void model_pack(struct model *model, bool for_training) {
  for (int i = 0; i < MODEL_NETWORKS; i++) network_pack(&model->network[i], model->parameters.values, for_training);
}

/* ---- passes ---- */

/* What the networks read of up to TILE observations: encoded, and completed with zero rows to a multiple of
 * LINEAR_ROWS; or where they lie, if they are fit already. */
static struct layer_pass take_input(struct model *model, size_t rows, const void *observations, size_t stride) {
  size_t padded = linear_padded_rows(rows), ld = model->obs_dim;
  struct layer_pass pass = {.values = model->parameters.values, .rows = rows, .x = model->rows, .x_ld = ld};
  if (padded == rows && encoder_is_identity(&model->encoder)) {
    pass.x = observations;
    pass.x_ld = stride / sizeof(float);
    return pass;
  }
  encoder_encode(&model->encoder, rows, observations, stride, model->rows, ld);
  memset(model->rows + rows * ld, 0, (padded - rows) * ld * sizeof *model->rows);
  return pass;
}

/* takes the input and runs the trunk over it */
static void forward_trunk(struct model *model, size_t rows, const void *observations, size_t stride) {
  model->input = take_input(model, rows, observations, stride);
  model->features = model->input;
  model->features.x = network_forward(&model->network[MODEL_TRUNK], &model->input, &model->features.x_ld);
}

const float *model_policy(struct model *model, size_t rows, const void *observations, size_t stride, size_t *net_ld) {
  forward_trunk(model, rows, observations, stride);
  return network_forward(&model->network[MODEL_POLICY], &model->features, net_ld);
}

void model_act(struct model *model, size_t n, const struct model_input *input, const struct action_random *random,
               void *actions, float *log_prob, size_t log_prob_ld) {
  const struct distribution *distribution = model->head.distribution;
  for (size_t first = 0; first < n; first += TILE) {
    size_t rows = n - first < TILE ? n - first : TILE, net_ld;
    const char *observations = (const char *)input->observation + first * input->observation_stride;
    struct action_mask mask = input->mask;
    if (mask.bytes != NULL) mask.bytes += first * mask.stride;
    const float *net = model_policy(model, rows, observations, input->observation_stride, &net_ld);
    void *tile_actions = (char *)actions + first * model->action_bytes;
    if (random == NULL) {
      distribution->mode(&model->head, rows, net, net_ld, mask, tile_actions);
      continue;
    }
    struct action_random tile_random = *random;
    tile_random.first_row += (uint32_t)first;
    if (random->rows != NULL) {
      tile_random.rows += first;
      tile_random.steps += first;
    }
    distribution->sample(&model->head, rows, net, net_ld, mask, &tile_random, tile_actions);
    for (size_t r = 0; r < rows; r++) log_prob[(first + r) * log_prob_ld] = model->head.log_prob[r];
  }
}

void model_values(struct model *model, size_t n, const void *observations, size_t stride, float *values) {
  for (size_t first = 0; first < n; first += TILE) {
    size_t rows = n - first < TILE ? n - first : TILE, ld;
    forward_trunk(model, rows, (const char *)observations + first * stride, stride);
    const float *value = network_forward(&model->network[MODEL_VALUE], &model->features, &ld);
    for (size_t r = 0; r < rows; r++) values[first + r] = value[r * ld];
  }
}

const float *model_forward_tile(struct model *model, size_t rows, const void *observations, size_t stride,
                                size_t *net_ld, const float **value, size_t *value_ld) {
  forward_trunk(model, rows, observations, stride);
  *value = network_forward(&model->network[MODEL_VALUE], &model->features, value_ld);
  return network_forward(&model->network[MODEL_POLICY], &model->features, net_ld);
}

void model_direct_gradients(struct model *model, float *gradients) {
  model->gradients = gradients;
  if (model->head.own_count > 0) model->head.own_gradients = gradients + model->own_offset;
}

/* Backward through one of the networks above the trunk, whose gradient is wanted where there is one. */
static void backward_head(struct model *model, int network, const struct layer_pass *pass, const float *dy,
                          size_t dy_ld, float *d_trunk) {
  const struct network *trunk = &model->network[MODEL_TRUNK];
  const struct layer_return back = {.dy = dy,
                                    .dy_ld = dy_ld,
                                    .gradients = model->gradients,
                                    .x_activation = network_activation(trunk),
                                    .dx = trunk->layers > 0 ? d_trunk : NULL,
                                    .dx_ld = pass->x_ld};
  network_backward(&model->network[network], pass, &back, model->scratch);
}

void model_backward_tile(struct model *model, size_t rows, const float *d_net, const float *d_value) {
  struct layer_pass input = model->input, features = model->features;
  input.rows = features.rows = rows;
  backward_head(model, MODEL_POLICY, &features, d_net, linear_padded(model->head.outputs), model->d_trunk[0]);
  backward_head(model, MODEL_VALUE, &features, d_value, linear_padded(model->value_outputs), model->d_trunk[1]);
  if (model->network[MODEL_TRUNK].layers == 0) return;

  /* both heads send their gradient into the trunk, where it is summed */
  const size_t ld = features.x_ld;
  for (size_t i = 0; model->value_outputs > 0 && i < rows * ld; i++) model->d_trunk[0][i] += model->d_trunk[1][i];
  const struct layer_return back = {.dy = model->d_trunk[0], .dy_ld = ld, .gradients = model->gradients};
  network_backward(&model->network[MODEL_TRUNK], &input, &back, model->scratch);
}
