#include "nn/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

_Static_assert(NETWORK_MAX_LAYERS > 2 * OPTION_LIST_MAX, "each of hidden_sizes has an activation; a head comes on top");
_Static_assert(NETWORK_MAX_LAYERS > OPTION_TEXTS_MAX,
               "a network lists as many layers as there may be; a head comes on top");
_Static_assert(PARAMETERS_MAX_TENSORS >= 2 * 2 * NETWORK_MAX_LAYERS + 1, "weights and biases of two networks, log_std");

static const char *const activation_names[] = {"tanh", "relu", NULL};
static const struct layer_type *const activations[] = {&layer_tanh, &layer_relu};
static const char *const head_names[] = {"dense", "conv2d", NULL};
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
    {.key = "network",
     .type = OPTION_TEXT_LIST,
     .offset = offsetof(struct model_options, network),
     .check = layer_check,
     .example = "[dense 64, tanh, dense 64, tanh]",
     .help = "hidden layers of policy and value network, in place of hidden_sizes, kernel_size and activation: see "
             "`muster parts`"},
    {.key = "value_network",
     .type = OPTION_TEXT_LIST,
     .offset = offsetof(struct model_options, value_network),
     .check = layer_check,
     .example = "[dense 64, tanh, dense 64, tanh]",
     .help = "hidden layers of the value network alone; null: as the policy's, but dense for a kernel_size"},
    {.key = "head",
     .type = OPTION_CHOICE,
     .offset = offsetof(struct model_options, head),
     .default_value = "dense",
     .choices = head_names,
     .help =
         "last layer of the policy: dense, or conv2d with the same outputs for each cell of the grid below it, as a "
         "kernel_size implies"},
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
    {.key = "distribution",
     .type = OPTION_STRING,
     .offset = offsetof(struct model_options, distribution),
     .check = distribution_check,
     .help = "distribution of the actions: see `muster parts`; null: the first one for their kind"},
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

static muster_status list_texts(const struct option_text_list *texts, struct layer_list *list) {
  for (int32_t i = 0; i < texts->count; i++) {
    struct layer_spec spec;
    MUSTER_TRY(layer_spec_parse(texts->items[i], &spec));
    MUSTER_TRY(layer_list_add(list, spec));
  }
  return MUSTER_OK;
}

/* the policy's last layer, upon what its hidden layers make */
static muster_status policy_head_layer(const struct model *model, const struct model_options *options,
                                       struct layer_shape below, struct layer_spec *spec) {
  const size_t outputs = model->head.outputs, cells = below.rows * below.columns;
  *spec = (struct layer_spec){&layer_dense, {(int64_t)outputs}};
  if (options->head == MODEL_HEAD_DENSE && options->kernel_size == 0) return MUSTER_OK;
  if (model->head.counts == NULL)
    return status_error(MUSTER_ERROR_USAGE,
                        "policy.head: conv2d needs Discrete or MultiDiscrete actions; expects dense");
  if (!below.is_grid)
    return status_error(
        MUSTER_ERROR_USAGE,
        "policy.head: conv2d has outputs for each cell of a grid, and the layers of policy.network make "
        "a vector of %zu; expects dense",
        layer_shape_floats(below));
  if (outputs % cells != 0)
    return status_error(MUSTER_ERROR_USAGE,
                        "policy.head: conv2d has the same number of outputs for each of the %zu x %zu cells, and the "
                        "actions need %zu outputs; expects dense",
                        below.rows, below.columns, outputs);
  *spec = (struct layer_spec){&layer_conv2d, {(int64_t)(outputs / cells), 1, 1}};
  return MUSTER_OK;
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

/* options that contradict each other */
static muster_status check_lists(const struct model_options *options) {
  if (!options->network.is_null && options->kernel_size > 0)
    return status_error(MUSTER_ERROR_USAGE,
                        "policy.kernel_size: %d is short for a list of layers, and policy.network is one; expects 0",
                        (int)options->kernel_size);
  if (!options->value_network.is_null && options->share_trunk)
    return status_error(MUSTER_ERROR_USAGE,
                        "policy.value_network: with policy.share_trunk the hidden layers are shared; expects null");
  return MUSTER_OK;
}

/* ---- making a model ---- */

/* the list that names a network's layers; NULL: the short form makes them */
static const struct option_text_list *find_texts(const struct model_options *options, enum model_network network,
                                                 const char **key) {
  *key = "policy.value_network";
  if (network == MODEL_VALUE && !options->value_network.is_null) return &options->value_network;
  *key = "policy.network";
  return options->network.is_null ? NULL : &options->network;
}

static muster_status add_hidden(struct model *model, const struct model_options *options, enum model_network which,
                                struct arena *arena) {
  const char *key;
  const struct option_text_list *texts = find_texts(options, which, &key);
  struct layer_list list = {0};
  if (options->share_trunk != (which == MODEL_TRUNK)) return MUSTER_OK;
  MUSTER_TRY(texts != NULL ? list_texts(texts, &list)
                           : list_hidden(options, which == MODEL_POLICY ? options->kernel_size : 0, &list));
  muster_status status = network_add(&model->network[which], &list, &model->parameters, arena);
  return texts != NULL ? status_wrap(status, "%s", key) : status;
}

/* the last layer of policy or value network, upon what the hidden ones make */
static muster_status add_head(struct model *model, const struct model_options *options, enum model_network which,
                              struct arena *arena) {
  struct network *network = &model->network[which];
  struct layer_spec head = {&layer_dense, {(int64_t)model->value_outputs}};
  if (which == MODEL_POLICY) MUSTER_TRY(policy_head_layer(model, options, network->output, &head));
  const struct layer_list list = {.count = 1, .layer = {head}};
  return network_add(network, &list, &model->parameters, arena);
}

/* lays out the tensors: what the policy needs comes first */
static muster_status build_networks(struct model *model, const struct model_options *options, struct arena *arena) {
  struct parameters *parameters = &model->parameters;
  const struct policy_head *head = &model->head;
  struct network *trunk = &model->network[MODEL_TRUNK];
  network_start(networks[MODEL_TRUNK].name, model->observation, trunk);
  MUSTER_TRY(add_hidden(model, options, MODEL_TRUNK, arena));
  for (int i = MODEL_POLICY; i < MODEL_NETWORKS; i++)
    network_start(networks[i].name, trunk->output, &model->network[i]);
  MUSTER_TRY(add_hidden(model, options, MODEL_POLICY, arena));
  MUSTER_TRY(add_head(model, options, MODEL_POLICY, arena));
  if (head->own_count > 0)
    MUSTER_TRY(parameters_add(parameters, "policy", head->own_name, 1, head->own_count, 1, &model->own_offset));
  model->policy_count = parameters->count;
  if (model->value_outputs == 0) return MUSTER_OK;
  MUSTER_TRY(add_hidden(model, options, MODEL_VALUE, arena));
  return add_head(model, options, MODEL_VALUE, arena);
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
  *model = (struct model){.plan = {options, observation, action}, .action_bytes = muster_space_bytes(action)};
  MUSTER_TRY(encoder_create(observation, arena, &model->encoder));
  MUSTER_TRY(
      policy_head_create(action, options->distribution, options->log_std == MODEL_LOG_STD_STATE, arena, &model->head));
  model->obs_dim = model->encoder.width;
  if (critic == MODEL_CRITIC_Q && action->kind != MUSTER_SPACE_DISCRETE)
    return status_error(MUSTER_ERROR_USAGE, "a critic for Q(s, a) needs Discrete actions: use a critic for V(s)");
  model->value_outputs = critic == MODEL_CRITIC_Q ? model->head.choices : critic == MODEL_CRITIC_V;
  model->observation = observation_shape(observation, &model->encoder);
  MUSTER_TRY(check_lists(options));
  MUSTER_TRY(check_kernel(model, options));
  MUSTER_TRY(build_networks(model, options, arena));
  return allocate_buffers(model, critic != MODEL_ACTOR, arena);
}

muster_status model_copy_policy(const struct model *model, struct arena *arena, struct model *copy) {
  const struct model_plan *plan = &model->plan;
  MUSTER_TRY(model_create(plan->options, plan->observation, plan->action, MODEL_ACTOR, arena, copy));
  copy->encoder = model->encoder;
  memcpy(copy->parameters.values, model->parameters.values, copy->parameters.count * sizeof(float));
  return MUSTER_OK;
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
