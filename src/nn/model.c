#include "nn/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const activation_names[] = {"tanh", "relu", NULL};
static const enum activation activations[] = {ACTIVATION_TANH, ACTIVATION_RELU};

static const struct option_spec model_options[] = {
    {.key = "hidden_sizes",
     .type = OPTION_INT_LIST,
     .offset = offsetof(struct model_options, hidden_sizes),
     .default_value = "[64, 64]",
     .min = 1,
     .max = 65536,
     .help = "widths of the hidden layers, of policy and value network alike"},
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
    {.key = NULL},
};

const struct option_table model_option_table = {.section = "policy", .options = model_options};

static muster_status add_hidden(struct mlp *mlp, struct parameters *parameters, const char *prefix,
                                const struct model_options *options, size_t *width) {
  for (int32_t i = 0; i < options->hidden_sizes.count; i++) {
    size_t out = (size_t)options->hidden_sizes.values[i];
    MUSTER_TRY(mlp_add_layer(mlp, parameters, prefix, *width, out, activations[options->activation]));
    *width = out;
  }
  return MUSTER_OK;
}

/* lays out the tensors: what the policy needs comes first */
static muster_status build_networks(struct model *model, const struct model_options *options, bool policy_only) {
  struct parameters *parameters = &model->parameters;
  size_t trunk_width = model->obs_dim;
  if (options->share_trunk) MUSTER_TRY(add_hidden(&model->trunk, parameters, "trunk", options, &trunk_width));
  size_t width = trunk_width;
  if (!options->share_trunk) MUSTER_TRY(add_hidden(&model->policy, parameters, "policy", options, &width));
  MUSTER_TRY(mlp_add_layer(&model->policy, parameters, "policy", width, model->outputs, ACTIVATION_NONE));
  model->policy_count = parameters->count;
  if (policy_only) return MUSTER_OK;

  width = trunk_width;
  if (!options->share_trunk) MUSTER_TRY(add_hidden(&model->value, parameters, "value", options, &width));
  return mlp_add_layer(&model->value, parameters, "value", width, 1, ACTIVATION_NONE);
}

static muster_status allocate_buffers(struct model *model, bool policy_only, struct arena *arena) {
  MUSTER_TRY(parameters_allocate(&model->parameters, arena));
  MUSTER_TRY(mlp_allocate(&model->trunk, arena));
  MUSTER_TRY(mlp_allocate(&model->policy, arena));
  MUSTER_TRY(mlp_allocate(&model->value, arena));
  MUSTER_TRY(ARENA_TAKE(arena, TILE, "log-probabilities", &model->tile.log_prob));
  MUSTER_TRY(ARENA_TAKE(arena, TILE, "entropies", &model->tile.entropy));
  size_t workspace = model->distribution->workspace_floats(model->outputs);
  MUSTER_TRY(ARENA_TAKE(arena, workspace, "distribution workspace", &model->tile.workspace));
  MUSTER_TRY(ARENA_TAKE(arena, TILE * linear_padded(model->obs_dim), "observation tile", &model->rows));
  if (policy_only) return MUSTER_OK;

  size_t widest = mlp_widest(&model->trunk);
  if (mlp_widest(&model->policy) > widest) widest = mlp_widest(&model->policy);
  if (mlp_widest(&model->value) > widest) widest = mlp_widest(&model->value);
  for (int i = 0; i < 2; i++) {
    MUSTER_TRY(ARENA_TAKE(arena, TILE * widest, "backward buffers", &model->scratch[i]));
    MUSTER_TRY(ARENA_TAKE(arena, TILE * widest, "backward buffers", &model->d_trunk[i]));
  }
  return MUSTER_OK;
}

muster_status model_create(const struct model_options *options, const muster_space *observation,
                           const muster_space *action, bool policy_only, struct arena *arena, struct model *model) {
  *model = (struct model){.obs_dim = muster_space_elements(observation), .act_elements = muster_space_elements(action)};
  if (observation->kind != MUSTER_SPACE_BOX)
    return status_error(MUSTER_ERROR_USAGE, "no network for this kind of observation space yet: Box (float32) is "
                                            "supported");
  MUSTER_TRY(distribution_for(action, &model->distribution));
  model->outputs = model->distribution->outputs(action);
  MUSTER_TRY(build_networks(model, options, policy_only));
  return allocate_buffers(model, policy_only, arena);
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

muster_status model_initialize(struct model *model, const struct model_options *options, uint64_t seed) {
  float *values = model->parameters.values;
  const double hidden_gain = sqrt(2.0);
  /* indices of the random streams: 1000 apart, so that one network's depth does not shift another's numbers */
  MUSTER_TRY(initialize_mlp(&model->trunk, values, options->ortho_init, hidden_gain, hidden_gain, false, seed, 1000));
  MUSTER_TRY(initialize_mlp(&model->policy, values, options->ortho_init, hidden_gain, 0.01, true, seed, 2000));
  return initialize_mlp(&model->value, values, options->ortho_init, hidden_gain, 1.0, true, seed, 3000);
}

void model_pack(struct model *model, bool for_training) {
  const float *values = model->parameters.values;
  mlp_pack(&model->trunk, values, for_training);
  mlp_pack(&model->policy, values, for_training);
  mlp_pack(&model->value, values, for_training);
}

/* completes a short tile with zero rows, so that every call has a multiple of LINEAR_ROWS; returns the padded count */
static size_t complete_rows(struct model *model, size_t rows, const float **obs, size_t *obs_ld) {
  size_t padded = (rows + LINEAR_ROWS - 1) / LINEAR_ROWS * LINEAR_ROWS;
  if (padded == rows) return rows;
  size_t ld = model->obs_dim;
  for (size_t r = 0; r < rows; r++) memcpy(model->rows + r * ld, *obs + r * *obs_ld, ld * sizeof **obs);
  memset(model->rows + rows * ld, 0, (padded - rows) * ld * sizeof **obs);
  *obs = model->rows;
  *obs_ld = ld;
  return padded;
}

static void forward_trunk(struct model *model, size_t rows, const float *obs, size_t obs_ld) {
  model->features = mlp_forward(&model->trunk, model->parameters.values, rows, obs, obs_ld, &model->features_ld);
}

const float *model_policy(struct model *model, size_t rows, const float *obs, size_t obs_ld, size_t *net_ld) {
  rows = complete_rows(model, rows, &obs, &obs_ld);
  forward_trunk(model, rows, obs, obs_ld);
  return mlp_forward(&model->policy, model->parameters.values, rows, model->features, model->features_ld, net_ld);
}

void model_act(struct model *model, size_t n, const float *obs, size_t obs_ld, const struct action_random *random,
               int32_t *actions, float *log_prob, size_t log_prob_ld) {
  for (size_t first = 0; first < n; first += TILE) {
    size_t rows = n - first < TILE ? n - first : TILE, net_ld;
    const float *net = model_policy(model, rows, obs + first * obs_ld, obs_ld, &net_ld);
    int32_t *tile_actions = actions + first * model->act_elements;
    if (random == NULL) {
      model->distribution->mode(model->outputs, rows, net, net_ld, tile_actions);
      continue;
    }
    struct action_random tile_random = *random;
    tile_random.first_env += (uint32_t)first;
    model->distribution->sample(model->outputs, rows, net, net_ld, &tile_random, &model->tile, tile_actions);
    for (size_t r = 0; r < rows; r++) log_prob[(first + r) * log_prob_ld] = model->tile.log_prob[r];
  }
}

void model_values(struct model *model, size_t n, const float *obs, size_t obs_ld, float *values) {
  for (size_t first = 0; first < n; first += TILE) {
    size_t rows = n - first < TILE ? n - first : TILE, ld;
    const float *tile_obs = obs + first * obs_ld;
    size_t tile_ld = obs_ld, padded = complete_rows(model, rows, &tile_obs, &tile_ld);
    forward_trunk(model, padded, tile_obs, tile_ld);
    const float *value =
        mlp_forward(&model->value, model->parameters.values, padded, model->features, model->features_ld, &ld);
    for (size_t r = 0; r < rows; r++) values[first + r] = value[r * ld];
  }
}

const float *model_forward_tile(struct model *model, size_t rows, const float *obs, size_t obs_ld, size_t *net_ld,
                                const float **value, size_t *value_ld) {
  const float *values = model->parameters.values;
  forward_trunk(model, rows, obs, obs_ld);
  *value = mlp_forward(&model->value, values, rows, model->features, model->features_ld, value_ld);
  return mlp_forward(&model->policy, values, rows, model->features, model->features_ld, net_ld);
}

void model_backward_tile(struct model *model, size_t rows, const float *obs, size_t obs_ld, const float *d_net,
                         const float *d_value) {
  float *gradients = model->parameters.gradients;
  size_t net_ld = linear_padded(model->outputs), value_ld = linear_padded(1);
  if (model->trunk.layers == 0) {
    mlp_backward(&model->policy, rows, obs, obs_ld, d_net, net_ld, gradients, ACTIVATION_NONE, NULL, 0, model->scratch);
    mlp_backward(&model->value, rows, obs, obs_ld, d_value, value_ld, gradients, ACTIVATION_NONE, NULL, 0,
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
  for (size_t i = 0; i < rows * ld; i++) model->d_trunk[0][i] += model->d_trunk[1][i];
  mlp_backward(&model->trunk, rows, obs, obs_ld, model->d_trunk[0], ld, gradients, ACTIVATION_NONE, NULL, 0,
               model->scratch);
}
