#include "algo/value_learning.h"

#include <string.h>

/* --- value_learning_base: what all of them do --- */

static const struct model_network_spec *list_networks(const void *options) {
  static const struct model_network_spec networks[] = {{.name = "target", .copy_of = "policy"}, {0}};
  (void)options;
  return networks;
}

static muster_status create(const struct algorithm_context *context, void *algorithm) {
  struct value_learning *learning = algorithm;
  const struct replay_learning_settings *settings = context->options;
  struct model *model = context->model;
  const size_t parameters = model->learned_count, terms = sizeof(struct value_losses) / sizeof(double);
  MUSTER_TRY(replay_learning_create(context, &learning->base));
  learning->target = model_find(model, "target");
  MUSTER_TRY(optimizer_create_by_name(settings->optimizer, parameters, settings->optimizer_epsilon, context->arena,
                                      &learning->optimizer));
  MUSTER_TRY(divided_step_create(&learning->optimizer, context->group, &learning->step));
  MUSTER_TRY(gradient_sum_create(context->group, parameters, terms, context->arena, &learning->sum));
  learning->sum.most_rows = TILE;
  learning->d_ld = linear_padded(model->head.outputs);
  return ARENA_TAKE(context->arena, TILE * learning->d_ld, "loss gradients", &learning->d_values);
}

static int list_state(void *algorithm, struct tensor *list) {
  struct value_learning *learning = algorithm;
  const int n = optimizer_state(&learning->optimizer, list);
  return n + replay_learning_state(&learning->base, list + n);
}

/* the target network goes towards the learned one: target += tau * (learned - target) */
static void renew_target(struct value_learning *learning) {
  struct model *model = learning->base.model;
  model_update_targets(model, (float)learning->base.settings.tau);
  if (learning->base.is_packed) model_pack_network(model, learning->target, false);
}

muster_status value_learning_take_rollout(void *algorithm, double progress_remaining, int64_t *updates) {
  struct value_learning *learning = algorithm;
  const int64_t before = learning->base.steps, interval = learning->base.settings.target_update_interval;
  MUSTER_TRY(replay_learning_take_rollout(algorithm, progress_remaining, updates));
  if (learning->counts_steps_to_target && learning->base.steps / interval > before / interval) renew_target(learning);
  return MUSTER_OK;
}

static void measure(const void *algorithm, double *metrics) {
  replay_learning_measure(algorithm, metrics + VALUE_METRIC_N_UPDATES);
}

const struct algorithm_base value_learning_base = {
    .name = "value learning",
    .options_size = sizeof(struct replay_learning_settings),
    .size = sizeof(struct value_learning),
    .check = replay_learning_check,
    .needs = replay_learning_needs,
    .networks = list_networks,
    .discount = replay_learning_discount,
    .create = create,
    .state = list_state,
    .take_rollout = value_learning_take_rollout,
    .replay_log = replay_learning_log,
    .intermediates = replay_learning_intermediates,
    .measure = measure,
};

/* --- an update --- */

struct minibatch {
  struct value_learning *learning;
  value_loss loss;
  float inverse_n;
};

/* the greedy actions of outputs at the next observations */
static void choose_next(struct value_learning *learning, size_t rows, const float *values, size_t ld) {
  struct policy_head *head = &learning->base.model->head;
  const struct action_mask mask = {learning->base.tile.next.mask, head->choices};
  head->distribution->mode(head, rows, values, ld, mask, learning->next_actions);
}

/* what the networks say of the next observations */
static void look_ahead(struct value_learning *learning, size_t rows, struct value_pass *pass) {
  struct model *model = learning->base.model;
  model_take(model, rows, learning->base.tile.next.observation, learning->base.rollout->obs_bytes);
  pass->next_values = model_forward(model, learning->target, &pass->next_ld);
  pass->next_actions = learning->next_actions;
  if (learning->chooses_next == CHOICE_BY_TARGET) choose_next(learning, rows, pass->next_values, pass->next_ld);
  if (learning->chooses_next != CHOICE_BY_LEARNED) return;
  size_t ld;
  const float *values = model_forward(model, model->policy, &ld);
  choose_next(learning, rows, values, ld);
}

/* the gradient and the losses of one tile of the minibatch */
static void find_gradient(void *context, size_t first, const struct linear_groups *groups, float *gradient,
                          double *terms) {
  const struct minibatch *minibatch = context;
  struct value_learning *learning = minibatch->learning;
  struct replay_learning *base = &learning->base;
  struct model *model = base->model;
  const size_t rows = linear_groups_rows(groups), end = model->policy->first + model->policy->count;
  struct value_pass pass = {.inverse_n = minibatch->inverse_n,
                            .weights = base->weights + first,
                            .errors = replay_learning_errors(base, first)};
  replay_learning_gather(base, first, rows);
  look_ahead(learning, rows, &pass);
  const struct layer_random random = {base->seed, (uint32_t)base->updates, (uint32_t)first};
  model_set_random(model, &random);
  pass.values = model_policy(model, rows, base->tile.step.observation, base->rollout->obs_bytes, &pass.ld);
  model_set_random(model, NULL);
  memset(learning->d_values, 0, TILE * learning->d_ld * sizeof *learning->d_values);
  minibatch->loss(learning, &pass, (struct value_losses *)terms);
  model_backward_groups(model, model->policy, groups, learning->d_values, gradient, NULL);
  /* what there is besides the network, as how it explores, is not learned */
  memset(gradient + end, 0, (model->learned_count - end) * sizeof *gradient);
}

const char *const value_learning_metrics[VALUE_METRICS + 1] = {VALUE_METRIC_NAMES, NULL};

muster_status value_learning_update(struct value_learning *learning, value_loss loss, double progress_remaining,
                                    double *metrics) {
  struct replay_learning *base = &learning->base;
  const struct replay_learning_settings *settings = &base->settings;
  const size_t n = (size_t)settings->batch_size;
  const double learning_rate = option_schedule_value(&settings->learning_rate, progress_remaining);
  const bool renews_target =
      !learning->counts_steps_to_target && (base->updates + 1) % settings->target_update_interval == 0;
  const struct step_settings step = {.max_grad_norm = settings->max_grad_norm,
                                     .learning_rate = learning_rate,
                                     .tau = renews_target ? (float)settings->tau : 0.0f};
  struct minibatch minibatch = {learning, loss, 1.0f / (float)n};
  struct value_losses losses;
  double norm;
  MUSTER_TRY(replay_learning_begin_update(base, progress_remaining));
  MUSTER_TRY(gradient_sum_make_of_groups(&learning->sum, n, find_gradient, &minibatch,
                                         base->model->parameters.gradients, (double *)&losses));
  MUSTER_TRY(replay_learning_check_loss(base, "loss", losses.loss));
  MUSTER_TRY(divided_step_make(&learning->step, base->model, &step, &norm));
  MUSTER_TRY(replay_learning_end_update(base));

  metrics[VALUE_METRIC_LOSS] = losses.loss / (double)n;
  metrics[VALUE_METRIC_VALUE] = losses.value / (double)n;
  metrics[VALUE_METRIC_GRADIENT_NORM] = norm;
  metrics[VALUE_METRIC_LEARNING_RATE] = learning_rate;
  return MUSTER_OK;
}
