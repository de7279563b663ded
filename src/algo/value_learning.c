#include "algo/value_learning.h"

#include "math/vector.h"

#include <math.h>
#include <string.h>

/* --- value_learning_base: what all of them do --- */

static muster_status check_sizes(const struct document *document, const void *object, int64_t num_envs) {
  const struct value_learning_settings *settings = object;
  if (settings->train_freq > INT32_MAX / num_envs)
    return document_error(document, "algorithm.train_freq",
                          "makes rollouts of %lld steps with num_envs %lld; expects at most %d",
                          (long long)(settings->train_freq * num_envs), (long long)num_envs, INT32_MAX);
  if (settings->buffer_size < settings->batch_size)
    return document_error(document, "algorithm.buffer_size",
                          "keeps %lld steps, and an update draws %lld; expects at least batch_size",
                          (long long)settings->buffer_size, (long long)settings->batch_size);
  return MUSTER_OK;
}

static struct rollout_needs value_learning_needs(const void *object) {
  return (struct rollout_needs){.n_steps = (size_t)((const struct value_learning_settings *)object)->train_freq};
}

static const struct model_network_spec *list_networks(const void *options) {
  static const struct model_network_spec networks[] = {{.name = "target", .copy_of = "policy"}, {0}};
  (void)options;
  return networks;
}

static double discount(const void *object) { return ((const struct value_learning_settings *)object)->gamma; }

static muster_status create_memory(struct value_learning *learning, struct arena *arena) {
  const struct value_learning_settings *settings = &learning->settings;
  const struct trajectory *rollout = learning->rollout;
  MUSTER_TRY(replay_create(rollout, (size_t)settings->buffer_size, arena, &learning->replay));
  MUSTER_TRY(replay_tile_create(&learning->replay, TILE, arena, &learning->tile));
  MUSTER_TRY(ARENA_TAKE(arena, (size_t)settings->batch_size, "minibatch", &learning->drawn));
  learning->d_ld = linear_padded(learning->model->head.outputs);
  return ARENA_TAKE(arena, TILE * learning->d_ld, "loss gradients", &learning->d_values);
}

/* the priorities of steps; or weights of 1, and room for errors that nobody reads */
static muster_status create_priorities(struct value_learning *learning, const struct algorithm_context *context) {
  const struct value_learning_settings *settings = &learning->settings;
  struct prioritized_replay *prioritized = &learning->prioritized;
  const size_t batch = (size_t)settings->batch_size;
  if (settings->replay.is_on) {
    MUSTER_TRY(prioritized_replay_create(&settings->replay, &learning->replay, batch, context->group, context->arena,
                                         prioritized));
  } else {
    MUSTER_TRY(ARENA_TAKE(context->arena, batch, "weights of a minibatch", &prioritized->weights));
    MUSTER_TRY(ARENA_TAKE(context->arena, batch, "errors", &prioritized->errors));
    for (size_t i = 0; i < batch; i++) prioritized->weights[i] = 1.0f;
  }
  learning->weights = prioritized->weights;
  return MUSTER_OK;
}

static void draw_uniformly(struct value_learning *learning, double progress_remaining) {
  (void)progress_remaining;
  replay_draw(&learning->replay, learning->seed, (uint32_t)learning->updates, (size_t)learning->settings.batch_size,
              learning->drawn);
}

static void draw_by_priority(struct value_learning *learning, double progress_remaining) {
  prioritized_replay_draw(&learning->prioritized, learning->seed, (uint32_t)learning->updates, progress_remaining,
                          learning->drawn);
}

static muster_status create(const struct algorithm_context *context, void *algorithm) {
  struct value_learning *learning = algorithm;
  const struct value_learning_settings *settings = context->options;
  struct model *model = context->model;
  const size_t parameters = model->learned_count, terms = sizeof(struct value_losses) / sizeof(double);
  learning->options = context->options;
  learning->settings = *settings;
  learning->model = model;
  learning->stages = context->stages;
  learning->rollout = context->rollout;
  learning->seed = context->seed;
  learning->target = model_find(model, "target");
  learning->draw = settings->replay.is_on ? draw_by_priority : draw_uniformly;
  MUSTER_TRY(optimizer_create_by_name(settings->optimizer, parameters, settings->optimizer_epsilon, context->arena,
                                      &learning->optimizer));
  MUSTER_TRY(gradient_sum_create(context->group, parameters, terms, context->arena, &learning->sum));
  MUSTER_TRY(create_memory(learning, context->arena));
  return create_priorities(learning, context);
}

static int list_state(void *algorithm, struct tensor *list) {
  struct value_learning *learning = algorithm;
  int n = optimizer_state(&learning->optimizer, list);
  n += replay_state(&learning->replay, list + n);
  if (learning->settings.replay.is_on) n += prioritized_replay_state(&learning->prioritized, list + n);
  list[n++] = (struct tensor){"algorithm/steps", TENSOR_I64, 0, {0}, &learning->steps, RANGE_COUNT};
  list[n++] = (struct tensor){"algorithm/updates", TENSOR_I64, 0, {0}, &learning->updates, RANGE_COUNT};
  return n;
}

/* the target network goes towards the learned one: target += tau * (learned - target) */
static void renew_target(struct value_learning *learning) {
  model_update_targets(learning->model, (float)learning->settings.tau);
  if (learning->is_packed) model_pack_network(learning->model, learning->target, false);
}

/* the rollout goes into the replay; then updates, once there is enough to learn from */
muster_status value_learning_take_rollout(void *algorithm, double progress_remaining, int64_t *updates) {
  (void)progress_remaining;
  struct value_learning *learning = algorithm;
  const struct value_learning_settings *settings = &learning->settings;
  const int64_t steps = trajectory_steps(learning->rollout), interval = settings->target_update_interval;
  replay_append(&learning->replay, learning->rollout);
  if (settings->replay.is_on) prioritized_replay_note_rollout(&learning->prioritized);
  const bool is_due = (learning->steps + steps) / interval > learning->steps / interval;
  learning->steps += steps;
  if (learning->counts_steps_to_target && is_due) renew_target(learning);
  *updates = settings->gradient_steps < 0 ? steps : settings->gradient_steps;
  if (learning->steps <= settings->learning_starts) *updates = 0;
  return MUSTER_OK;
}

/* the steps that the last update drew */
static int list_intermediates(void *algorithm, struct tensor *list) {
  struct value_learning *learning = algorithm;
  list[0] = (struct tensor){"batch/drawn",   TENSOR_I64, 1, {(size_t)learning->settings.batch_size},
                            learning->drawn, RANGE_NONE};
  return 1;
}

const struct algorithm_base value_learning_base = {
    .name = "value learning",
    .options_size = sizeof(struct value_learning_settings),
    .size = sizeof(struct value_learning),
    .check = check_sizes,
    .needs = value_learning_needs,
    .networks = list_networks,
    .discount = discount,
    .create = create,
    .state = list_state,
    .take_rollout = value_learning_take_rollout,
    .intermediates = list_intermediates,
};

/* --- an update --- */

struct minibatch {
  struct value_learning *learning;
  value_loss loss;
  float inverse_n;
};

/* the greedy actions of outputs at the next observations */
static void choose_next(struct value_learning *learning, size_t rows, const float *values, size_t ld) {
  struct policy_head *head = &learning->model->head;
  const struct action_mask mask = {learning->tile.next.mask, head->choices};
  head->distribution->mode(head, rows, values, ld, mask, learning->next_actions);
}

/* what the networks say of the next observations */
static void look_ahead(struct value_learning *learning, size_t rows, struct value_pass *pass) {
  struct model *model = learning->model;
  model_take(model, rows, learning->tile.next.observation, learning->rollout->obs_bytes);
  pass->next_values = model_forward(model, learning->target, &pass->next_ld);
  pass->next_actions = learning->next_actions;
  if (learning->chooses_next == CHOICE_BY_TARGET) choose_next(learning, rows, pass->next_values, pass->next_ld);
  if (learning->chooses_next != CHOICE_BY_LEARNED) return;
  size_t ld;
  const float *values = model_forward(model, model->policy, &ld);
  choose_next(learning, rows, values, ld);
}

/* adds the gradient and the losses of some steps of the minibatch, tile by tile */
static void add_gradient(void *context, size_t first, size_t n, float *gradient, double *terms) {
  const struct minibatch *minibatch = context;
  struct value_learning *learning = minibatch->learning;
  const struct value_learning_settings *settings = &learning->settings;
  struct replay_tile *tile = &learning->tile;
  const size_t obs_bytes = learning->rollout->obs_bytes;
  struct model *model = learning->model;
  struct value_pass pass = {.inverse_n = minibatch->inverse_n};
  for (const size_t end = first + n; first < end; first += TILE) {
    const size_t rows = end - first < TILE ? end - first : TILE;
    replay_gather(&learning->replay, learning->drawn + first, rows, settings->n_steps, settings->gamma, tile);
    pass.weights = learning->weights + first;
    pass.errors = prioritized_replay_errors(&learning->prioritized) + first;
    look_ahead(learning, rows, &pass);
    pass.values = model_policy(model, rows, tile->step.observation, obs_bytes, &pass.ld);
    memset(learning->d_values, 0, TILE * learning->d_ld * sizeof *learning->d_values);
    minibatch->loss(learning, &pass, (struct value_losses *)terms);
    model_backward(model, model->policy, learning->d_values, gradient, NULL);
  }
}

const char *const value_learning_metrics[VALUE_METRICS + 1] = {VALUE_METRIC_NAMES, NULL};

muster_status value_learning_update(struct value_learning *learning, value_loss loss, double progress_remaining,
                                    double *metrics) {
  const struct value_learning_settings *settings = &learning->settings;
  struct parameters *parameters = &learning->model->parameters;
  const size_t n = (size_t)settings->batch_size;
  const double learning_rate = option_schedule_value(&settings->learning_rate, progress_remaining);
  struct minibatch minibatch = {learning, loss, 1.0f / (float)n};
  struct value_losses losses;
  stages_enter(learning->stages, STAGE_UPDATE);
  if (!learning->is_packed) model_pack(learning->model, true);
  learning->is_packed = true;
  learning->draw(learning, progress_remaining);
  MUSTER_TRY(gradient_sum_make(&learning->sum, n, add_gradient, &minibatch, parameters->gradients, (double *)&losses));
  if (!isfinite(losses.loss))
    return status_error(MUSTER_ERROR_NUMERIC, "the loss of update %lld is not finite: a smaller learning_rate may help",
                        (long long)learning->updates);
  double norm;
  MUSTER_TRY(optimizer_clipped_step(&learning->optimizer, parameters, settings->max_grad_norm, learning_rate, &norm));
  if (settings->replay.is_on) MUSTER_TRY(prioritized_replay_renew(&learning->prioritized, learning->drawn));
  learning->updates++;
  model_pack_network(learning->model, learning->model->policy, true);
  if (!learning->counts_steps_to_target && learning->updates % settings->target_update_interval == 0)
    renew_target(learning);

  metrics[VALUE_METRIC_LOSS] = losses.loss / (double)n;
  metrics[VALUE_METRIC_VALUE] = losses.value / (double)n;
  metrics[VALUE_METRIC_GRADIENT_NORM] = norm;
  metrics[VALUE_METRIC_LEARNING_RATE] = learning_rate;
  metrics[VALUE_METRIC_N_UPDATES] = (double)learning->updates;
  metrics[VALUE_METRIC_REPLAY_SIZE] = (double)replay_size(&learning->replay);
  return MUSTER_OK;
}
