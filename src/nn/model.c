#include "nn/model.h"

#include "math/vector.h"
#include "nn/layers/table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

_Static_assert(PARAMETERS_MAX_TENSORS >= 2 * 2 * NETWORK_MAX_LAYERS + 1, "weights and biases of two networks, log_std");

enum { NAME_SIZE = 40 }; /* of a member of an ensemble */

const struct model_network_spec model_no_critic[] = {{0}};
const struct model_network_spec model_critic_v[] = {{.name = "value", .outputs = MODEL_OUTPUTS_ONE}, {0}};
const struct model_network_spec model_critic_q[] = {{.name = "value", .outputs = MODEL_OUTPUTS_CHOICES}, {0}};

/* the first two networks; those of the list follow */
enum { TRUNK, POLICY, FIRST_LISTED };

/* ---- the list of networks ---- */

struct model_network *model_find(struct model *model, const char *name) {
  for (size_t i = 0; i < model->networks; i++)
    if (strcmp(model->network[i].network.name, name) == 0) return &model->network[i];
  return NULL;
}

static void write_member(const char *ensemble, size_t i, char name[NAME_SIZE]) {
  snprintf(name, NAME_SIZE, "%.18s%zu", ensemble, i + 1);
}

struct model_network *model_find_member(struct model *model, const char *name, size_t i) {
  char member[NAME_SIZE];
  write_member(name, i, member);
  return model_find(model, member);
}

/* adds a network of the list, which gets its layers later; `copied`: what it is a target copy of, or NULL */
static void enter_network(struct model *model, const struct model_network_spec *spec, const char *name,
                          struct model_network *copied, size_t atoms) {
  struct model_network entry = {.network.name = name, .reads = spec->reads, .copied = copied};
  const bool has_choices = model->head.counts != NULL;
  bool of_choices = spec->outputs == MODEL_OUTPUTS_CHOICES;
  if (spec->reads == MODEL_READS_BOX) {
    entry.reads = has_choices ? MODEL_READS_FEATURES : MODEL_READS_ACTION;
    of_choices |= has_choices;
  }
  entry.outputs = (of_choices ? model->head.choices : 1) * atoms;
  if (copied != NULL) {
    entry.reads = copied->reads;
    entry.outputs = copied->outputs;
  }
  model->network[model->networks++] = entry;
}

static muster_status enter_ensemble(struct model *model, const struct model_network_spec *spec,
                                    const struct policy_request *request, struct arena *arena) {
  char(*names)[NAME_SIZE];
  MUSTER_TRY(ARENA_TAKE(arena, (size_t)request->n_critics, "names of networks", &names));
  for (size_t i = 0; i < (size_t)request->n_critics; i++) {
    struct model_network *copied = spec->copy_of != NULL ? model_find_member(model, spec->copy_of, i) : NULL;
    write_member(spec->name, i, names[i]);
    enter_network(model, spec, names[i], copied, request->critic_atoms > 0 ? (size_t)request->critic_atoms : 1);
  }
  return MUSTER_OK;
}

static muster_status list_networks(struct model *model, const struct model_network_spec *critics,
                                   const struct policy_request *request, struct arena *arena) {
  size_t listed = 0;
  for (const struct model_network_spec *spec = critics; spec != NULL && spec->name != NULL; spec++)
    listed += spec->is_ensemble ? (size_t)request->n_critics : 1;
  MUSTER_TRY(ARENA_TAKE(arena, FIRST_LISTED + listed, "networks", &model->network));
  model->trunk = &model->network[TRUNK];
  model->policy = &model->network[POLICY];
  *model->trunk = (struct model_network){.network.name = "trunk"};
  *model->policy = (struct model_network){.network.name = "policy", .outputs = model->head.outputs};
  model->networks = FIRST_LISTED;
  for (const struct model_network_spec *spec = critics; spec != NULL && spec->name != NULL; spec++) {
    if (spec->is_ensemble)
      MUSTER_TRY(enter_ensemble(model, spec, request, arena));
    else
      enter_network(model, spec, spec->name, spec->copy_of != NULL ? model_find(model, spec->copy_of) : NULL, 1);
  }
  model->value = model_find(model, "value");
  return MUSTER_OK;
}

/* whether actions and trunk are such as the networks of the list need */
static muster_status check_networks(const struct model_options *options, const struct model_network_spec *critics,
                                    muster_space_kind actions) {
  for (; critics != NULL && critics->name != NULL; critics++) {
    const bool is_own = critics->copy_of == NULL, reads_action = is_own && critics->reads == MODEL_READS_ACTION;
    if (is_own && critics->outputs == MODEL_OUTPUTS_CHOICES && actions != MUSTER_SPACE_DISCRETE)
      return status_error(MUSTER_ERROR_USAGE, "a critic for Q(s, a) needs Discrete actions: use a critic for V(s)");
    if (reads_action && actions != MUSTER_SPACE_BOX)
      return status_error(MUSTER_ERROR_USAGE, "a critic that reads actions needs Box (float32) actions");
    if (options->share_trunk && (reads_action || !is_own))
      return status_error(MUSTER_ERROR_USAGE, "policy.share_trunk: %s shares no layers; expects false", critics->name);
  }
  return MUSTER_OK;
}

/* whether statistics over a minibatch fit the spaces */
static muster_status check_batch(const struct model_options *options, muster_space_kind actions) {
  if (options->request.batch_rows == 0) return MUSTER_OK;
  if (actions != MUSTER_SPACE_BOX)
    return status_error(MUSTER_ERROR_USAGE,
                        "algorithm.batch_norm: is for Box actions, which those of this environment are not; expects "
                        "false, or layer_norm");
  if (options->share_trunk)
    return status_error(MUSTER_ERROR_USAGE, "policy.share_trunk: with algorithm.batch_norm no layers are shared; "
                                            "expects false");
  return MUSTER_OK;
}

/* ---- making a model ---- */

static struct layer_shape observation_shape(const muster_space *space, const struct encoder *encoder) {
  bool is_image = space->rank == 3 && (space->kind == MUSTER_SPACE_BOX || space->kind == MUSTER_SPACE_BOX_U8);
  if (!is_image) return (struct layer_shape){1, 1, encoder->width, false};
  return (struct layer_shape){(size_t)space->shape[0], (size_t)space->shape[1], (size_t)space->shape[2], true};
}

/* the shape of a network's input */
static struct layer_shape input_shape(const struct model *model, const struct model_network *entry) {
  if (entry == model->trunk) return model->observation;
  if (entry->reads == MODEL_READS_FEATURES) return model->trunk->network.output;
  return (struct layer_shape){1, 1, model->obs_dim + model->head.elements, false};
}

static enum model_part part_of(const struct model *model, const struct model_network *entry) {
  return entry == model->trunk ? MODEL_TRUNK : entry == model->policy ? MODEL_POLICY : MODEL_CRITIC;
}

/* hidden layers belong to the shared trunk, or, where there is none, to each other network */
static muster_status add_hidden(struct model *model, const struct model_options *options, struct model_network *entry,
                                struct arena *arena) {
  const struct model_network *original = entry->copied != NULL ? entry->copied : entry;
  struct layer_list list;
  const char *key;
  if (options->share_trunk != (entry == model->trunk) || options->request.table) return MUSTER_OK;
  MUSTER_TRY(model_options_hidden(options, part_of(model, original), &list, &key));
  muster_status status = network_add(&entry->network, &list, &model->parameters, arena);
  return key != NULL ? status_wrap(status, "%s", key) : status;
}

/* the last layer, which reads the output of the hidden ones */
static muster_status add_head(struct model *model, const struct model_options *options, struct model_network *entry,
                              struct arena *arena) {
  const struct model_network *original = entry->copied != NULL ? entry->copied : entry;
  struct layer_list list = {.count = 1, .layer = {{&layer_dense, {(int64_t)entry->outputs}}}};
  if (entry->outputs == 0) return MUSTER_OK;
  if (options->request.table)
    list.layer[0] = (struct layer_spec){&layer_table, {model->encoder.counts[0], (int64_t)entry->outputs}};
  else if (original == model->policy)
    MUSTER_TRY(model_options_head(options, &model->head, entry->network.output, &list.layer[0]));
  return network_add(&entry->network, &list, &model->parameters, arena);
}

static muster_status add_layers(struct model *model, const struct model_options *options, struct model_network *entry,
                                struct arena *arena) {
  network_start(entry->network.name, input_shape(model, entry), &entry->network);
  entry->network.stream = NETWORK_MAX_LAYERS * (uint32_t)(entry - model->network);
  entry->first = model->parameters.count;
  MUSTER_TRY(add_hidden(model, options, entry, arena));
  MUSTER_TRY(add_head(model, options, entry, arena));
  entry->count = model->parameters.count - entry->first;
  return MUSTER_OK;
}

/* lays out the tensors: those that the policy needs come first, those that are learned before target copies */
static muster_status build_networks(struct model *model, const struct model_options *options, struct arena *arena) {
  struct parameters *parameters = &model->parameters;
  const struct policy_head *head = &model->head;
  MUSTER_TRY(add_layers(model, options, model->trunk, arena));
  MUSTER_TRY(add_layers(model, options, model->policy, arena));
  if (head->own_count > 0)
    MUSTER_TRY(parameters_add(parameters, "policy", head->own_name, 1, head->own_count, 1, &model->own_offset));
  model->policy_count = model->learned_count = parameters->count;
  for (struct model_network *entry = model->policy + 1; entry < model->network + model->networks; entry++) {
    MUSTER_TRY(add_layers(model, options, entry, arena));
    if (entry->copied == NULL) model->learned_count = parameters->count;
  }
  return MUSTER_OK;
}

/* a policy that is a table reads the numbers of its rows */
static muster_status take_numbers(struct model *model, muster_space_kind actions) {
  if (actions != MUSTER_SPACE_DISCRETE)
    return status_error(MUSTER_ERROR_USAGE,
                        "algorithm.name: a table has a value for each of finitely many actions, and those of this "
                        "environment are not Discrete; expects ppo, or another one with networks");
  return encoder_take_numbers(&model->encoder);
}

/* everything except the memory of parameters and passes */
static muster_status lay_out(const struct model_options *options, const muster_space *observation,
                             const muster_space *action, const struct model_network_spec *critics, struct arena *arena,
                             struct model *model) {
  *model = (struct model){.action_bytes = muster_space_bytes(action)};
  MUSTER_TRY(encoder_create(observation, arena, &model->encoder));
  if (options->request.table) MUSTER_TRY(take_numbers(model, action->kind));
  MUSTER_TRY(policy_head_create(action, &options->request, options->distribution,
                                options->log_std == MODEL_LOG_STD_STATE, arena, &model->head));
  model->obs_dim = model->encoder.width;
  model->observation = observation_shape(observation, &model->encoder);
  MUSTER_TRY(check_batch(options, action->kind));
  MUSTER_TRY(check_networks(options, critics, action->kind));
  MUSTER_TRY(model_options_check(options));
  MUSTER_TRY(model_options_check_spaces(options, &model->head, model->observation));
  MUSTER_TRY(list_networks(model, critics, &options->request, arena));
  return build_networks(model, options, arena);
}

/* options of the policy that change nothing in this model, where they are not at their defaults */
static muster_status check_effect(const struct model *model, const struct model_options *options) {
  const struct policy_head *head = &model->head;
  bool has_critic = false;
  for (const struct model_network *entry = model->network; entry < model->network + model->networks; entry++)
    has_critic |= part_of(model, entry->copied != NULL ? entry->copied : entry) == MODEL_CRITIC;
  if (!options->value_network.is_null && !has_critic)
    return status_error(MUSTER_ERROR_USAGE,
                        "policy.value_network: this algorithm has no network of values beside the policy; expects "
                        "null");
  if (head->counts == NULL && !head->distribution->is_requested) return MUSTER_OK;
  const bool is_state = options->log_std == MODEL_LOG_STD_STATE;
  if (!is_state && options->log_std_init == 0) return MUSTER_OK;
  return status_error(MUSTER_ERROR_USAGE, "policy.%s: has no effect on the distribution %s; expects the default, %s",
                      is_state ? "log_std" : "log_std_init", head->distribution->name, is_state ? "parameter" : "0");
}

muster_status model_check(const struct model_options *options, const muster_space *observation,
                          const muster_space *action, const struct model_network_spec *critics) {
  struct arena *arena;
  struct model *model;
  MUSTER_TRY(arena_create(&arena));
  muster_status status = ARENA_TAKE(arena, 1, "a model", &model);
  if (status == MUSTER_OK) status = lay_out(options, observation, action, critics, arena, model);
  if (status == MUSTER_OK) status = check_effect(model, options);
  arena_destroy(&arena);
  return status;
}

/* memory for observations with their actions, where a network reads actions */
static muster_status allocate_joint(struct model *model, bool trains, struct arena *arena) {
  const size_t width = model->obs_dim + model->head.elements, rows = model->most_rows;
  bool is_read = false;
  for (size_t i = 0; i < model->networks; i++) is_read |= model->network[i].reads == MODEL_READS_ACTION;
  if (!is_read) return MUSTER_OK;
  MUSTER_TRY(ARENA_TAKE(arena, rows * width, "observations and actions", &model->joint));
  if (!trains) return MUSTER_OK;
  return ARENA_TAKE(arena, rows * linear_padded(width), "backward buffers", &model->d_joint);
}

static muster_status allocate_buffers(struct model *model, bool trains, struct arena *arena) {
  const bool keeps_gradients = model_has_statistics(model);
  size_t widest = 0;
  MUSTER_TRY(parameters_allocate(&model->parameters, arena));
  for (struct model_network *entry = model->network; entry < model->network + model->networks; entry++)
    if (network_widest(&entry->network) > widest) widest = network_widest(&entry->network);
  for (int i = 0; trains && i < 2; i++)
    MUSTER_TRY(ARENA_TAKE(arena, model->most_rows * widest, "backward buffers", &model->scratch[i]));
  for (struct model_network *entry = model->network; entry < model->network + model->networks; entry++) {
    entry->network.rows = model->most_rows;
    entry->network.keeps_gradients = keeps_gradients;
    /* a copy goes forward alone, while nothing goes backward */
    MUSTER_TRY(network_allocate(&entry->network, trains, entry->copied != NULL ? model->scratch : NULL, arena));
  }
  if (model->head.own_count > 0) model->head.own = model->parameters.values + model->own_offset;
  model_direct_gradients(model, model->parameters.gradients);
  MUSTER_TRY(ARENA_TAKE(arena, model->most_rows * model->obs_dim, "observations", &model->rows));
  for (int i = 0; trains && i < 2; i++)
    MUSTER_TRY(ARENA_TAKE(arena, model->most_rows * widest, "backward buffers", &model->d_trunk[i]));
  return allocate_joint(model, trains, arena);
}

muster_status model_create(const struct model_options *options, const muster_space *observation,
                           const muster_space *action, const struct model_network_spec *critics, struct arena *arena,
                           struct model *model) {
  MUSTER_TRY(lay_out(options, observation, action, critics, arena, model));
  const size_t batch = linear_padded_rows((size_t)options->request.batch_rows);
  model->most_rows = critics != NULL && options->request.blocks ? BLOCK_ROWS : TILE;
  if (critics != NULL && batch > model->most_rows) model->most_rows = batch;
  return allocate_buffers(model, critics != NULL, arena);
}

/* ---- parameters ---- */

/* a Gaussian's log-deviations: its own parameters, or the second half of the policy head's outputs; what an algorithm
 * requests has none, or has them begin as its other outputs do */
static void initialize_deviations(struct model *model, const struct model_options *options) {
  const struct policy_head *head = &model->head;
  if (head->counts != NULL || head->distribution->is_requested) return;
  size_t last = head->own_count > 0 ? model->own_offset : model->policy_count - head->outputs + head->elements;
  for (size_t i = 0; i < head->elements; i++) model->parameters.values[last + i] = (float)options->log_std_init;
}

/* Indices of random streams are 1000 apart, so that one network's depth does not shift another's numbers. */
muster_status model_initialize(struct model *model, const struct model_options *options, uint64_t seed) {
  struct layer_init init = {.orthogonal = options->ortho_init, .gain = M_SQRT2, .seed = seed};
  for (size_t i = 0; i < model->networks; i++) {
    const double head_gain = i == TRUNK ? M_SQRT2 : i == POLICY ? 0.01 : 1.0;
    init.index = 1000 * (uint32_t)(i + 1);
    MUSTER_TRY(network_initialize(&model->network[i].network, model->parameters.values, init, head_gain));
  }
  initialize_deviations(model, options);
  model_update_targets(model, 1.0f);
  return MUSTER_OK;
}

void model_pack_network(struct model *model, struct model_network *entry, bool for_training) {
  network_pack(&entry->network, model->parameters.values, for_training && entry->copied == NULL);
}

void model_pack(struct model *model, bool for_training) {
  for (size_t i = 0; i < model->networks; i++) model_pack_network(model, &model->network[i], for_training);
}

void model_update_target(struct model *model, struct model_network *target, float tau) {
  float *values = model->parameters.values;
  vector_follow(target->count, tau, values + target->copied->first, values + target->first);
}

void model_update_targets(struct model *model, float tau) {
  for (struct model_network *entry = model->network; entry < model->network + model->networks; entry++)
    if (entry->copied != NULL) model_update_target(model, entry, tau);
}

static struct network *copy_of(struct model *model, const struct model_network *original) {
  for (struct model_network *entry = model->network; entry < model->network + model->networks; entry++)
    if (entry->copied == original) return &entry->network;
  return NULL;
}

void model_renew(struct model *model, const struct model_renewal *renewal) {
  const struct layer_renewal of_layers = {renewal->change, renewal->context, model->parameters.values, renewal->tau};
  const size_t end = renewal->first + renewal->count;
  size_t at = renewal->first;
  for (struct model_network *entry = model->network; entry < model->network + model->networks; entry++) {
    if (entry->copied != NULL || entry->count == 0 || entry->first < at || entry->first >= end) continue;
    if (entry->first > at) renewal->change(renewal->context, at, entry->first - at);
    network_renew(&entry->network, renewal->tau > 0 ? copy_of(model, entry) : NULL, &of_layers);
    at = entry->first + entry->count;
  }
  if (end > at) renewal->change(renewal->context, at, end - at);
}

void model_direct_gradients(struct model *model, float *gradients) {
  model->gradients = gradients;
  if (model->head.own_count > 0) model->head.own_gradients = gradients + model->own_offset;
}

/* ---- passes of single networks ---- */

void model_set_random(struct model *model, const struct layer_random *random) {
  model->is_random = random != NULL;
  if (random != NULL) model->random = *random;
}

void model_set_batch(struct model *model, struct layer_batch *batch) { model->batch = batch; }

bool model_has_statistics(const struct model *model) {
  for (size_t i = 0; i < model->networks; i++)
    if (network_has_statistics(&model->network[i].network)) return true;
  return false;
}

void model_follow_statistics(struct model *model, struct model_network *entry) {
  network_follow(&entry->network, &model->parameters);
}

static const struct layer_random *random_of(const struct model *model) {
  return model->is_random ? &model->random : NULL;
}

/* The networks' input for a tile, or a block, of observations: encoded, and padded with zero rows to a multiple of
 * LINEAR_ROWS; or the observations in place, if they are so already. */
static struct layer_pass take_input(struct model *model, size_t rows, const void *observations, size_t stride) {
  size_t padded = linear_padded_rows(rows), ld = model->obs_dim;
  struct layer_pass pass = {
      .values = model->parameters.values, .rows = rows, .x = model->rows, .x_ld = ld, .random = random_of(model)};
  if (padded == rows && encoder_is_identity(&model->encoder)) {
    pass.x = observations;
    pass.x_ld = stride / sizeof(float);
    return pass;
  }
  encoder_encode(&model->encoder, rows, observations, stride, model->rows, ld);
  memset(model->rows + rows * ld, 0, (padded - rows) * ld * sizeof *model->rows);
  return pass;
}

void model_take(struct model *model, size_t rows, const void *observations, size_t stride) {
  model->input = take_input(model, rows, observations, stride);
  model->features = model->input;
  model->features.x = network_forward(&model->trunk->network, &model->input, &model->features.x_ld);
}

void model_take_with_actions(struct model *model, size_t rows, const void *observations, size_t stride,
                             const float *actions) {
  model_append_with_actions(model, 0, rows, observations, stride, actions);
}

void model_append_with_actions(struct model *model, size_t first, size_t rows, const void *observations, size_t stride,
                               const float *actions) {
  const size_t elements = model->head.elements, ld = model->obs_dim + elements, end = first + rows;
  float *joint = model->joint + first * ld;
  encoder_encode(&model->encoder, rows, observations, stride, joint, ld);
  for (size_t r = 0; r < rows; r++)
    memcpy(joint + r * ld + model->obs_dim, actions + r * elements, elements * sizeof *actions);
  memset(model->joint + end * ld, 0, (linear_padded_rows(end) - end) * ld * sizeof *joint);
  model->acting = (struct layer_pass){.values = model->parameters.values, .rows = end, .x = model->joint, .x_ld = ld};
}

const float *model_forward(struct model *model, struct model_network *entry, size_t *ld) {
  entry->pass = entry->reads == MODEL_READS_ACTION ? model->acting : model->features;
  entry->pass.random = random_of(model);
  entry->pass.batch = model->batch;
  return network_forward(&entry->network, &entry->pass, ld);
}

/* backward through one network alone; fills dx [rows, dx_ld] unless it is NULL */
static void backward_network(struct model *model, struct model_network *entry, const struct linear_groups *groups,
                             const float *dy, float *gradients, float *dx, size_t dx_ld) {
  const struct layer_return back = {.dy = dy,
                                    .dy_ld = linear_padded(entry->outputs),
                                    .gradients = gradients,
                                    .groups = gradients != NULL ? groups : NULL,
                                    .x_activation = entry->reads == MODEL_READS_FEATURES
                                                        ? network_activation(&model->trunk->network)
                                                        : ACTIVATION_NONE,
                                    .dx = dx,
                                    .dx_ld = dx_ld};
  network_backward(&entry->network, &entry->pass, &back, model->scratch);
}

/* backward through the trunk, from the gradient of its output */
static void backward_trunk(struct model *model, const struct linear_groups *groups, const float *d_trunk,
                           float *gradients) {
  const struct layer_return back = {.dy = d_trunk,
                                    .dy_ld = model->features.x_ld,
                                    .gradients = gradients,
                                    .groups = gradients != NULL ? groups : NULL};
  network_backward(&model->trunk->network, &model->input, &back, model->scratch);
}

void model_backward(struct model *model, struct model_network *entry, const float *dy, float *gradients,
                    float *d_actions) {
  model_backward_groups(model, entry, NULL, dy, gradients, d_actions);
}

bool model_select_rows(struct model_network *entry, const uint32_t *row, size_t n) {
  if (!network_select_rows(&entry->network, row, n)) return false;
  entry->pass.rows = n;
  return true;
}

void model_backward_groups(struct model *model, struct model_network *entry, const struct linear_groups *groups,
                           const float *dy, float *gradients, float *d_actions) {
  const size_t elements = model->head.elements, width = model->obs_dim + elements, ld = linear_padded(width);
  if (entry->reads == MODEL_READS_FEATURES) {
    bool shares = model->trunk->network.layers > 0;
    backward_network(model, entry, groups, dy, gradients, shares ? model->d_trunk[0] : NULL, entry->pass.x_ld);
    if (shares) backward_trunk(model, groups, model->d_trunk[0], gradients);
    return;
  }
  backward_network(model, entry, groups, dy, gradients, d_actions != NULL ? model->d_joint : NULL, ld);
  for (size_t r = 0; d_actions != NULL && r < entry->pass.rows; r++)
    memcpy(d_actions + r * elements, model->d_joint + r * ld + model->obs_dim, elements * sizeof *d_actions);
}

void model_backward_rows(struct model_network *entry, const float *dy) {
  network_backward_rows(&entry->network, &entry->pass, dy, linear_padded(entry->outputs));
}

void model_sum_gradients(struct model_network *entry, const float *dy, size_t first, const struct linear_groups *groups,
                         float *gradients) {
  network_sum_gradients(&entry->network, &entry->pass, dy, linear_padded(entry->outputs), first, groups, gradients);
}

/* ---- the policy, and a critic of the name "value" ---- */

const float *model_policy(struct model *model, size_t rows, const void *observations, size_t stride, size_t *net_ld) {
  model_take(model, rows, observations, stride);
  return model_forward(model, model->policy, net_ld);
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
    if (random->ages != NULL) tile_random.ages += first;
    distribution->sample(&model->head, rows, net, net_ld, mask, &tile_random, tile_actions);
    for (size_t r = 0; r < rows; r++) log_prob[(first + r) * log_prob_ld] = model->head.log_prob[r];
  }
}

void model_probabilities(struct model *model, size_t n, const struct model_input *input, float *probabilities) {
  for (size_t first = 0; first < n; first += TILE) {
    const size_t rows = n - first < TILE ? n - first : TILE, stride = input->observation_stride;
    struct action_mask mask = input->mask;
    if (mask.bytes != NULL) mask.bytes += first * mask.stride;
    size_t net_ld;
    const float *net = model_policy(model, rows, (const char *)input->observation + first * stride, stride, &net_ld);
    model->head.distribution->probabilities(&model->head, rows, net, net_ld, mask,
                                            probabilities + first * model->head.choices);
  }
}

void model_action_values(struct model *model, size_t n, const void *observations, size_t stride, float *values) {
  for (size_t first = 0; first < n; first += TILE) {
    const size_t rows = n - first < TILE ? n - first : TILE;
    size_t net_ld;
    const float *net = model_policy(model, rows, (const char *)observations + first * stride, stride, &net_ld);
    model->head.distribution->values(&model->head, rows, net, net_ld, values + first * model->head.choices);
  }
}

void model_values(struct model *model, size_t n, const void *observations, size_t stride, float *values) {
  for (size_t first = 0; first < n; first += TILE) {
    size_t rows = n - first < TILE ? n - first : TILE, ld;
    model_take(model, rows, (const char *)observations + first * stride, stride);
    const float *value = model_forward(model, model->value, &ld);
    for (size_t r = 0; r < rows; r++) values[first + r] = value[r * ld];
  }
}

const float *model_forward_tile(struct model *model, size_t rows, const void *observations, size_t stride,
                                size_t *net_ld, const float **value, size_t *value_ld) {
  model_take(model, rows, observations, stride);
  *value = model->value != NULL ? model_forward(model, model->value, value_ld) : NULL;
  return model_forward(model, model->policy, net_ld);
}

void model_backward_tile(struct model *model, const float *d_net, const float *d_value) {
  const size_t rows = model->features.rows, ld = model->features.x_ld;
  bool shares = model->trunk->network.layers > 0;
  float *const *d_trunk = model->d_trunk;
  backward_network(model, model->policy, NULL, d_net, model->gradients, shares ? d_trunk[0] : NULL, ld);
  if (model->value != NULL)
    backward_network(model, model->value, NULL, d_value, model->gradients, shares ? d_trunk[1] : NULL, ld);
  if (!shares) return;

  /* both heads send their gradient into the trunk, where it is summed */
  for (size_t i = 0; model->value != NULL && i < rows * ld; i++) d_trunk[0][i] += d_trunk[1][i];
  backward_trunk(model, NULL, d_trunk[0], model->gradients);
}
