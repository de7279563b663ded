#include "nn/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

_Static_assert(MLP_MAX_LAYERS > OPTION_LIST_MAX, "hidden_sizes may be as long as a list, and a head comes on top");
_Static_assert(PARAMETERS_MAX_TENSORS >= 2 * 2 * MLP_MAX_LAYERS + 1, "weights and biases of two networks and log_std");

static const char *const activation_names[] = {"tanh", "relu", NULL};
static const enum activation activations[] = {ACTIVATION_TANH, ACTIVATION_RELU};
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

/* Hidden layers upon `*width` inputs; of a convolution these are channels. */
static muster_status add_hidden(struct mlp *mlp, struct parameters *parameters, const char *prefix,
                                const struct model_options *options, const struct convolution *convolution,
                                size_t *width) {
  for (int32_t i = 0; i < options->hidden_sizes.count; i++) {
    size_t out = (size_t)options->hidden_sizes.values[i];
    size_t in = convolution != NULL ? convolution_window(convolution, *width) : *width;
    MUSTER_TRY(mlp_add_layer(mlp, parameters, prefix, in, out, activations[options->activation]));
    *width = out;
  }
  return MUSTER_OK;
}

static muster_status build_policy(struct model *model, const struct model_options *options, size_t width) {
  struct parameters *parameters = &model->parameters;
  const struct convolution *convolution = options->kernel_size > 0 ? &model->convolution : NULL;
  size_t outputs = model->head.outputs;
  if (convolution != NULL) {
    width = convolution->channels;
    outputs = convolution->cell_outputs;
  }
  if (!options->share_trunk) MUSTER_TRY(add_hidden(&model->policy, parameters, "policy", options, convolution, &width));
  MUSTER_TRY(mlp_add_layer(&model->policy, parameters, "policy", width, outputs, ACTIVATION_NONE));
  if (model->head.own_count > 0)
    MUSTER_TRY(
        parameters_add(parameters, "policy", model->head.own_name, 1, model->head.own_count, 1, &model->own_offset));
  model->policy_count = parameters->count;
  return MUSTER_OK;
}

/* lays out the tensors: what the policy needs comes first */
static muster_status build_networks(struct model *model, const struct model_options *options) {
  struct parameters *parameters = &model->parameters;
  size_t trunk_width = model->obs_dim;
  if (options->share_trunk) MUSTER_TRY(add_hidden(&model->trunk, parameters, "trunk", options, NULL, &trunk_width));
  MUSTER_TRY(build_policy(model, options, trunk_width));
  if (model->value_outputs == 0) return MUSTER_OK;

  size_t width = trunk_width;
  if (!options->share_trunk) MUSTER_TRY(add_hidden(&model->value, parameters, "value", options, NULL, &width));
  return mlp_add_layer(&model->value, parameters, "value", width, model->value_outputs, ACTIVATION_NONE);
}

static muster_status allocate_buffers(struct model *model, bool trains, struct arena *arena) {
  MUSTER_TRY(parameters_allocate(&model->parameters, arena));
  MUSTER_TRY(mlp_allocate(&model->trunk, arena));
  MUSTER_TRY(mlp_allocate(&model->policy, arena));
  MUSTER_TRY(mlp_allocate(&model->value, arena));
  if (model->convolution.kernel_size > 0)
    MUSTER_TRY(convolution_allocate(&model->convolution, &model->policy, trains, arena));
  if (model->head.own_count > 0) model->head.own = model->parameters.values + model->own_offset;
  model_direct_gradients(model, model->parameters.gradients);
  MUSTER_TRY(ARENA_TAKE(arena, TILE * model->obs_dim, "observation tile", &model->rows));
  if (!trains) return MUSTER_OK;

  size_t widest = mlp_widest(&model->trunk);
  if (mlp_widest(&model->policy) > widest) widest = mlp_widest(&model->policy);
  if (mlp_widest(&model->value) > widest) widest = mlp_widest(&model->value);
  for (int i = 0; i < 2; i++) {
    MUSTER_TRY(ARENA_TAKE(arena, TILE * widest, "backward buffers", &model->scratch[i]));
    MUSTER_TRY(ARENA_TAKE(arena, TILE * widest, "backward buffers", &model->d_trunk[i]));
  }
  return MUSTER_OK;
}

static muster_status create_convolution(struct model *model, const struct model_options *options,
                                        const muster_space *observation) {
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
  return convolution_create((size_t)options->kernel_size, observation, model->head.outputs, &model->convolution);
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
  MUSTER_TRY(create_convolution(model, options, observation));
  MUSTER_TRY(build_networks(model, options));
  return allocate_buffers(model, critic != MODEL_ACTOR, arena);
}

static muster_status initialize_mlp(struct mlp *mlp, float *values, bool orthogonal, double hidden_gain,
                                    double head_gain, bool has_head, uint64_t seed, uint32_t first_index) {
  for (int i = 0; i < mlp->layers; i++) {
    const struct layer *layer = &mlp->layer[i];
    uint32_t index = first_index + 2 * (uint32_t)i;
    double gain = has_head && i == mlp->layers - 1 ? head_gain : hidden_gain;
    if (orthogonal) {
      MUSTER_TRY(parameters_fill_orthogonal(values + layer->weight, layer->out, layer->in, gain, seed, index));
    } else {
      double bound = 1.0 / sqrt((double)layer->in);
      parameters_fill_uniform(values + layer->weight, layer->out * layer->in, bound, seed, index);
      parameters_fill_uniform(values + layer->bias, layer->out, bound, seed, index + 1);
    }
  }
  return MUSTER_OK;
}

/* a Gaussian's log-deviations: its own parameters, or the second half of the policy head's outputs */
static void initialize_deviations(struct model *model, const struct model_options *options) {
  const struct policy_head *head = &model->head;
  if (head->counts != NULL) return;
  size_t biases = model->policy.layer[model->policy.layers - 1].bias;
  float *deviations = model->parameters.values + (head->own_count > 0 ? model->own_offset : biases + head->elements);
  for (size_t i = 0; i < head->elements; i++) deviations[i] = (float)options->log_std_init;
}

muster_status model_initialize(struct model *model, const struct model_options *options, uint64_t seed) {
  float *values = model->parameters.values;
  const double hidden_gain = sqrt(2.0);
  /* indices of the random streams: 1000 apart, so that one network's depth does not shift another's numbers */
  MUSTER_TRY(initialize_mlp(&model->trunk, values, options->ortho_init, hidden_gain, hidden_gain, false, seed, 1000));
  MUSTER_TRY(initialize_mlp(&model->policy, values, options->ortho_init, hidden_gain, 0.01, true, seed, 2000));
  MUSTER_TRY(initialize_mlp(&model->value, values, options->ortho_init, hidden_gain, 1.0, true, seed, 3000));
  initialize_deviations(model, options);
  return MUSTER_OK;
}

void model_pack(struct model *model, bool for_training) {
  const float *values = model->parameters.values;
  mlp_pack(&model->trunk, values, for_training);
  mlp_pack(&model->policy, values, for_training);
  mlp_pack(&model->value, values, for_training);
}

/* Makes the networks' input of up to TILE observations: encoded, and completed with zero rows, so that every call has a
 * multiple of LINEAR_ROWS; returns that count. Rows that are fit already are read where they lie. */
static size_t take_input(struct model *model, size_t rows, const void *observations, size_t stride) {
  size_t padded = linear_padded_rows(rows), ld = model->obs_dim;
  if (padded == rows && encoder_is_identity(&model->encoder)) {
    model->input = observations;
    model->input_ld = stride / sizeof(float);
    return rows;
  }
  encoder_encode(&model->encoder, rows, observations, stride, model->rows, ld);
  memset(model->rows + rows * ld, 0, (padded - rows) * ld * sizeof *model->rows);
  model->input = model->rows;
  model->input_ld = ld;
  return padded;
}

/* takes the input and runs the trunk over it; returns the padded number of rows */
static size_t forward_trunk(struct model *model, size_t rows, const void *observations, size_t stride) {
  size_t padded = take_input(model, rows, observations, stride);
  model->features =
      mlp_forward(&model->trunk, model->parameters.values, padded, model->input, model->input_ld, &model->features_ld);
  return padded;
}

/* a convolution completes its own tiles */
static const float *forward_policy(struct model *model, size_t rows, size_t padded, size_t *net_ld) {
  const float *values = model->parameters.values, *x = model->features;
  if (model->convolution.kernel_size > 0)
    return convolution_forward(&model->convolution, values, rows, x, model->features_ld, net_ld);
  return mlp_forward(&model->policy, values, padded, x, model->features_ld, net_ld);
}

const float *model_policy(struct model *model, size_t rows, const void *observations, size_t stride, size_t *net_ld) {
  size_t padded = forward_trunk(model, rows, observations, stride);
  return forward_policy(model, rows, padded, net_ld);
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
    size_t padded = forward_trunk(model, rows, (const char *)observations + first * stride, stride);
    const float *value =
        mlp_forward(&model->value, model->parameters.values, padded, model->features, model->features_ld, &ld);
    for (size_t r = 0; r < rows; r++) values[first + r] = value[r * ld];
  }
}

const float *model_forward_tile(struct model *model, size_t rows, const void *observations, size_t stride,
                                size_t *net_ld, const float **value, size_t *value_ld) {
  const float *values = model->parameters.values;
  size_t padded = forward_trunk(model, rows, observations, stride);
  *value = mlp_forward(&model->value, values, padded, model->features, model->features_ld, value_ld);
  return forward_policy(model, rows, padded, net_ld);
}

void model_direct_gradients(struct model *model, float *gradients) {
  model->gradients = gradients;
  if (model->head.own_count > 0) model->head.own_gradients = gradients + model->own_offset;
}

void model_backward_tile(struct model *model, size_t rows, const float *d_net, const float *d_value) {
  float *gradients = model->gradients;
  const float *input = model->input;
  size_t input_ld = model->input_ld, net_ld = linear_padded(model->head.outputs),
         value_ld = linear_padded(model->value_outputs);
  if (model->trunk.layers == 0) {
    if (model->convolution.kernel_size > 0)
      convolution_backward(&model->convolution, model->parameters.values, rows, input, input_ld, d_net, net_ld,
                           gradients);
    else
      mlp_backward(&model->policy, rows, input, input_ld, d_net, net_ld, gradients, ACTIVATION_NONE, NULL, 0,
                   model->scratch);
    mlp_backward(&model->value, rows, input, input_ld, d_value, value_ld, gradients, ACTIVATION_NONE, NULL, 0,
                 model->scratch);
    return;
  }
  /* both heads send their gradient into the trunk, where it is summed */
  const struct layer *top = &model->trunk.layer[model->trunk.layers - 1];
  size_t ld = linear_padded(top->out);
  mlp_backward(&model->policy, rows, model->features, ld, d_net, net_ld, gradients, top->activation, model->d_trunk[0],
               ld, model->scratch);
  mlp_backward(&model->value, rows, model->features, ld, d_value, value_ld, gradients, top->activation,
               model->d_trunk[1], ld, model->scratch);
  for (size_t i = 0; model->value_outputs > 0 && i < rows * ld; i++) model->d_trunk[0][i] += model->d_trunk[1][i];
  mlp_backward(&model->trunk, rows, input, input_ld, model->d_trunk[0], ld, gradients, ACTIVATION_NONE, NULL, 0,
               model->scratch);
}
