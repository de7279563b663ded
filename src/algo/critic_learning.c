#include "algo/critic_learning.h"

#include "nn/normals.h"

#include <math.h>
#include <string.h>

const char *const action_noise_names[] = {"none", "normal", "ornstein-uhlenbeck", NULL};

/* --- critic_learning_base: what all of them do --- */

#define CRITICS                                                                                                        \
  { .name = "q", .reads = MODEL_READS_BOX, .outputs = MODEL_OUTPUTS_ONE, .is_ensemble = true }
#define COPIES                                                                                                         \
  { .name = "target_q", .copy_of = "q", .is_ensemble = true }

static const struct model_network_spec *list_networks(const void *options) {
  static const struct model_network_spec networks[] = {CRITICS, COPIES, {0}};
  (void)options;
  return networks;
}

const struct model_network_spec *critic_learning_networks_without_copies(const void *options) {
  static const struct model_network_spec networks[] = {CRITICS, {0}};
  (void)options;
  return networks;
}

const struct model_network_spec *critic_learning_networks_with_policy(const void *options) {
  static const struct model_network_spec networks[] = {
      CRITICS, {.name = "target_policy", .copy_of = "policy"}, COPIES, {0}};
  (void)options;
  return networks;
}

static void draw_normals(struct critic_learning *learning, enum critic_noise which, size_t first, size_t rows,
                         float *noise) {
  normals_of_minibatch(learning->base.seed, (uint32_t)learning->base.updates, which, first, rows,
                       learning->base.model->head.elements, noise);
}

static muster_status find_networks(struct critic_learning *learning) {
  struct model *model = learning->base.model;
  while (learning->n_critics < CRITICS_MAX && model_find_member(model, "q", learning->n_critics) != NULL) {
    const size_t i = learning->n_critics++;
    learning->critic[i] = model_find_member(model, "q", i);
    learning->target[i] = model_find_member(model, "target_q", i);
  }
  const size_t choices = model->head.counts != NULL ? model->head.choices : 1;
  learning->atoms = learning->critic[0]->outputs / choices;
  struct model_network *copy = model_find(model, "target_policy");
  learning->next_policy = copy != NULL ? copy : model->policy;
  return MUSTER_OK;
}

static muster_status create_optimizers(struct critic_learning *learning, const struct algorithm_context *context) {
  const struct replay_learning_settings *settings = &learning->base.settings;
  const struct model *model = learning->base.model;
  const size_t actor = model->policy_count, critics = model->learned_count - actor;
  MUSTER_TRY(optimizer_create_by_name(settings->optimizer, critics, settings->optimizer_epsilon, context->arena,
                                      &learning->critics_optimizer));
  optimizer_narrow(&learning->critics_optimizer, "critics", actor);
  MUSTER_TRY(divided_step_create(&learning->critics_optimizer, context->group, &learning->critics_step));
  MUSTER_TRY(optimizer_create_by_name(settings->optimizer, actor, settings->optimizer_epsilon, context->arena,
                                      &learning->actor_optimizer));
  optimizer_narrow(&learning->actor_optimizer, "actor", 0);
  MUSTER_TRY(divided_step_create(&learning->actor_optimizer, context->group, &learning->actor_step));
  MUSTER_TRY(gradient_sum_create(context->group, critics, sizeof(struct critic_losses) / sizeof(double), context->arena,
                                 &learning->critics_sum));
  learning->critics_sum.first = actor;
  return gradient_sum_create(context->group, actor, sizeof(struct actor_losses) / sizeof(double), context->arena,
                             &learning->actor_sum);
}

static muster_status create_memory(struct critic_learning *learning, struct arena *arena) {
  const struct policy_head *head = &learning->base.model->head;
  const size_t actions = BLOCK_ROWS * head->elements, most_rows = learning->base.model->most_rows;
  learning->value_ld = linear_padded(learning->critic[0]->outputs);
  learning->d_net_ld = linear_padded(head->outputs);
  MUSTER_TRY(ARENA_TAKE(arena, (size_t)learning->base.settings.batch_size * learning->base.rollout->obs_bytes,
                        "observations of a minibatch", &learning->observations));
  if (learning->base.rollout->mask_bytes > 0)
    MUSTER_TRY(ARENA_TAKE(arena, (size_t)learning->base.settings.batch_size * learning->base.rollout->mask_bytes,
                          "action masks of a minibatch", &learning->masks));
  MUSTER_TRY(ARENA_TAKE(arena, BLOCK_ROWS * learning->n_critics * learning->atoms, "targets", &learning->targets));
  for (size_t i = 0; i < learning->n_critics; i++)
    MUSTER_TRY(ARENA_TAKE(arena, most_rows * learning->value_ld, "loss gradients", &learning->d_values[i]));
  MUSTER_TRY(ARENA_TAKE(arena, actions, "actions", &learning->actions));
  MUSTER_TRY(ARENA_TAKE(arena, actions, "actions", &learning->d_actions));
  MUSTER_TRY(ARENA_TAKE(arena, actions, "actions", &learning->unit_actions));
  MUSTER_TRY(ARENA_TAKE(arena, actions, "actions", &learning->d_unit));
  MUSTER_TRY(ARENA_TAKE(arena, TILE * head->elements, "noise", &learning->noise));
  return ARENA_TAKE(arena, most_rows * learning->d_net_ld, "loss gradients", &learning->d_net);
}

/* before learning_starts all actions are random */
static void set_exploration(struct critic_learning *learning) {
  const struct replay_learning *base = &learning->base;
  if (base->model->head.own_count > 0)
    base->model->parameters.values[base->model->own_offset] = base->steps >= base->settings.learning_starts ? 0 : 1;
}

static muster_status create(const struct algorithm_context *context, void *algorithm) {
  struct critic_learning *learning = algorithm;
  MUSTER_TRY(replay_learning_create(context, &learning->base));
  learning->draw_noise = draw_normals;
  learning->policy_delay = learning->target_update_interval = 1;
  learning->n_targets = 1;
  learning->actor_loss = NAN;
  MUSTER_TRY(find_networks(learning));
  MUSTER_TRY(create_optimizers(learning, context));
  MUSTER_TRY(create_memory(learning, context->arena));
  set_exploration(learning);
  return MUSTER_OK;
}

static int list_state(void *algorithm, struct tensor *list) {
  struct critic_learning *learning = algorithm;
  int n = optimizer_state(&learning->critics_optimizer, list);
  n += optimizer_state(&learning->actor_optimizer, list + n);
  list[n++] = (struct tensor){"algorithm/actor_loss", TENSOR_F64, 0, {0}, &learning->actor_loss, RANGE_ANY};
  return n + replay_learning_state(&learning->base, list + n);
}

static muster_status take_rollout(void *algorithm, double progress_remaining, int64_t *updates) {
  MUSTER_TRY(replay_learning_take_rollout(algorithm, progress_remaining, updates));
  set_exploration(algorithm);
  return MUSTER_OK;
}

/* the policy's loss is the last one while it does not move */
static void measure(const void *algorithm, double *metrics) {
  const struct critic_learning *learning = algorithm;
  replay_learning_measure(&learning->base, metrics + CRITIC_METRIC_N_UPDATES);
  if (isnan(metrics[CRITIC_METRIC_ACTOR_LOSS])) metrics[CRITIC_METRIC_ACTOR_LOSS] = learning->actor_loss;
}

const struct algorithm_base critic_learning_base = {
    .name = "critic learning",
    .options_size = sizeof(struct replay_learning_settings),
    .size = sizeof(struct critic_learning),
    .check = replay_learning_check,
    .needs = replay_learning_needs,
    .networks = list_networks,
    .discount = replay_learning_discount,
    .create = create,
    .state = list_state,
    .take_rollout = take_rollout,
    .intermediates = replay_learning_intermediates,
    .measure = measure,
    .replay_log = replay_learning_log,
};

/* --- for rules --- */

void critic_learning_scale_actions(struct critic_learning *learning, size_t rows, const float *actions) {
  const struct policy_head *head = &learning->base.model->head;
  for (size_t r = 0; r < rows; r++)
    for (size_t i = 0; i < head->elements; i++) {
      const float half = head->half_width[i], from_centre = actions[r * head->elements + i] - head->centre[i];
      learning->unit_actions[r * head->elements + i] = half > 0 ? from_centre / half : 0.0f;
    }
}

void critic_learning_take(struct critic_learning *learning, size_t rows, const void *observations,
                          const void *actions) {
  struct model *model = learning->base.model;
  const size_t obs_bytes = learning->base.rollout->obs_bytes;
  if (learning->critic[0]->reads == MODEL_READS_FEATURES) {
    model_take(model, rows, observations, obs_bytes);
    return;
  }
  critic_learning_scale_actions(learning, rows, actions);
  model_take_with_actions(model, rows, observations, obs_bytes, learning->unit_actions);
}

const uint8_t *critic_learning_masks(const struct critic_learning *learning, size_t first) {
  return learning->masks != NULL ? learning->masks + first * learning->base.rollout->mask_bytes : NULL;
}

/* in an update's two halves not the same is dropped */
void critic_learning_set_random(struct critic_learning *learning, bool improves, size_t first_row) {
  const struct replay_learning *base = &learning->base;
  learning->random = (struct layer_random){base->seed, 2 * (uint32_t)base->updates + improves, (uint32_t)first_row};
}

void critic_learning_run(struct critic_learning *learning, struct model_network *const *networks, size_t n) {
  struct model *model = learning->base.model;
  learning->n_run = n;
  model_set_random(model, &learning->random);
  for (size_t i = 0; i < n; i++) learning->values[i] = model_forward(model, networks[i], &learning->value_ld);
  model_set_random(model, NULL);
}

static size_t rows_of_tile(size_t rows, size_t done) { return rows - done < TILE ? rows - done : TILE; }

void critic_learning_act(struct critic_learning *learning, struct model_network *policy, enum critic_noise which,
                         size_t first, size_t rows, const void *observations) {
  struct model *model = learning->base.model;
  struct policy_head *head = &model->head;
  size_t ld = learning->net_ld;
  const float *net = learning->net;
  if (net == NULL) {
    model_take(model, rows, observations, learning->base.rollout->obs_bytes);
    net = model_forward(model, policy, &ld);
  }
  for (size_t done = 0; done < rows; done += TILE) {
    const size_t some = rows_of_tile(rows, done);
    policy_head_choose_tile(head, done / TILE);
    learning->draw_noise(learning, which, first + done, some, learning->noise);
    head->distribution->from_noise(head, some, net + done * ld, ld, learning->noise,
                                   learning->actions + done * head->elements);
  }
  policy_head_choose_tile(head, 0);
}

float critic_learning_least(const struct critic_learning *learning, size_t r, size_t *which) {
  *which = 0;
  for (size_t i = 1; i < learning->n_run; i++)
    if (learning->values[i][r * learning->value_ld] < learning->values[*which][r * learning->value_ld]) *which = i;
  return learning->values[*which][r * learning->value_ld];
}

/* The value of row r, of which each output has the derivative -`share` in the loss's gradients. */
static double choose_value(struct critic_learning *learning, enum critic_choice choice, size_t r, float share) {
  const size_t at = r * learning->value_ld, outputs = learning->n_critics * learning->atoms;
  size_t which = 0;
  if (choice != CRITIC_MEAN) {
    if (choice == CRITIC_LEAST) critic_learning_least(learning, r, &which);
    learning->d_values[which][at] = -share;
    return learning->values[which][at];
  }
  double sum = 0;
  for (size_t i = 0; i < learning->n_critics; i++)
    for (size_t k = 0; k < learning->atoms; k++) {
      sum += learning->values[i][at + k];
      learning->d_values[i][at + k] = -share / (float)outputs;
    }
  return sum / (double)outputs;
}

/* clears the gradients of a critic's values */
static void clear_values(struct critic_learning *learning, size_t critic, size_t rows) {
  memset(learning->d_values[critic], 0, linear_padded_rows(rows) * learning->value_ld * sizeof(float));
}

/* the rows of which the loss depends on this critic; their number */
static size_t list_rows(const struct critic_learning *learning, size_t critic, size_t rows, uint32_t *row) {
  size_t n = 0;
  for (size_t r = 0; r < rows; r++) {
    const float *d_value = learning->d_values[critic] + r * learning->value_ld;
    bool counts = false;
    for (size_t k = 0; k < learning->atoms; k++) counts |= d_value[k] != 0;
    row[n] = (uint32_t)r;
    n += counts;
  }
  return n;
}

/* leaves only these rows of a critic's pass, and of the gradients of its values, or all `rows` rows; the number left */
static size_t select_rows(struct critic_learning *learning, size_t critic, size_t rows, uint32_t *row, size_t n) {
  float *d_values = learning->d_values[critic];
  const size_t ld = learning->value_ld;
  if (n < rows && model_select_rows(learning->critic[critic], row, n)) {
    for (size_t i = 0; i < n; i++)
      if (row[i] != i) memcpy(d_values + i * ld, d_values + row[i] * ld, ld * sizeof *d_values);
    return n;
  }
  for (size_t r = 0; r < rows; r++) row[r] = (uint32_t)r;
  return rows;
}

/* gradients of the critics' values become gradients of the actions; where the least value counts, half of the rows go
 * backward through either critic */
static void find_action_gradients(struct critic_learning *learning, size_t critics, size_t rows) {
  struct model *model = learning->base.model;
  const struct policy_head *head = &model->head;
  const size_t elements = head->elements;
  float *sum = learning->d_actions;
  uint32_t row[BLOCK_ROWS];
  memset(sum, 0, rows * elements * sizeof *sum);
  for (size_t i = 0; i < critics; i++) {
    size_t n = list_rows(learning, i, rows, row);
    if (n == 0) continue;
    n = select_rows(learning, i, rows, row, n);
    model_backward(model, learning->critic[i], learning->d_values[i], NULL, learning->d_unit);
    for (size_t r = 0; r < n; r++)
      for (size_t k = 0; k < elements; k++) sum[row[r] * elements + k] += learning->d_unit[r * elements + k];
  }
  for (size_t r = 0; r < rows; r++)
    for (size_t i = 0; i < head->elements; i++) {
      const float half = head->half_width[i];
      sum[r * head->elements + i] = half > 0 ? sum[r * head->elements + i] / half : 0.0f;
    }
}

/* gradients of the actions and of their log-probabilities become gradients of the policy's outputs */
static void find_output_gradients(struct critic_learning *learning, size_t rows) {
  struct policy_head *head = &learning->base.model->head;
  memset(learning->d_net, 0, linear_padded_rows(rows) * learning->d_net_ld * sizeof *learning->d_net);
  for (size_t done = 0; done < rows; done += TILE) {
    policy_head_choose_tile(head, done / TILE);
    head->distribution->pathwise(head, rows_of_tile(rows, done), learning->d_actions + done * head->elements,
                                 learning->d_log_prob + done, learning->d_net + done * learning->d_net_ld,
                                 learning->d_net_ld);
  }
  policy_head_choose_tile(head, 0);
}

void critic_learning_fill_gradient(struct critic_learning *learning, const struct linear_groups *groups,
                                   float *gradient) {
  struct model *model = learning->base.model;
  model_backward_groups(model, model->policy, groups, learning->d_net, gradient, NULL);
  /* what the policy has besides its network tells how it explores, and is not learned */
  memset(gradient + model->own_offset, 0, model->head.own_count * sizeof *gradient);
}

void critic_learning_climb(struct critic_learning *learning, enum critic_choice choice, double alpha, size_t first,
                           const struct linear_groups *groups, const void *observations, float *gradient,
                           struct actor_losses *losses) {
  struct model *model = learning->base.model;
  const struct policy_head *head = &model->head;
  const float inverse_n = 1.0f / (float)learning->base.settings.batch_size;
  const size_t n = choice == CRITIC_FIRST ? 1 : learning->n_critics, rows = linear_groups_rows(groups);
  critic_learning_act(learning, model->policy, CRITIC_NOISE_NOW, first, rows, observations);
  critic_learning_take(learning, rows, observations, learning->actions);
  critic_learning_run(learning, learning->critic, n);
  for (size_t i = 0; i < n; i++) clear_values(learning, i, rows);
  for (size_t i = 0, r = 0, end = 0; i < groups->count; i++)
    for (end += groups->rows[i]; r < end; r++) {
      losses[i].loss += alpha * head->log_probs[r] - choose_value(learning, choice, r, inverse_n);
      losses[i].log_prob += head->log_probs[r];
      learning->d_log_prob[r] = (float)alpha * inverse_n;
    }
  find_action_gradients(learning, n, rows);
  find_output_gradients(learning, rows);
  if (gradient != NULL) critic_learning_fill_gradient(learning, groups, gradient);
}

/* --- the critics' part of an update --- */

/* where the outputs of the action that row r took begin */
static size_t outputs_of(const struct critic_learning *learning, size_t r) {
  const struct replay_tile *tile = &learning->base.tile;
  const bool has_choices = learning->base.model->head.counts != NULL;
  const size_t action = has_choices ? (size_t)((const int32_t *)tile->step.action)[r] : 0;
  return r * learning->value_ld + action * learning->atoms;
}

/* mean over the minibatch of w squares (Q - y)^2; of rows r .. end - 1 of a block */
static void squared_loss(const struct critic_learning *learning, const struct critic_block *block, size_t r, size_t end,
                         struct critic_losses *losses) {
  const float squares = learning->rules->squares;
  for (; r < end; r++) {
    const size_t at = outputs_of(learning, r);
    const float value = block->values[at], error = value - learning->targets[r];
    losses->loss += (double)block->weights[r] * squares * error * error;
    losses->value += (double)value / (double)learning->n_critics;
    block->d_values[at] = block->weights[r] * 2.0f * squares * error * block->inverse_n;
    block->errors[r] += fabsf(error) / (float)learning->n_critics;
  }
}

void critic_learning_keep_inputs(struct critic_learning *learning, size_t first, size_t rows) {
  const struct replay_tile *tile = &learning->base.tile;
  const size_t obs_bytes = learning->base.rollout->obs_bytes, mask_bytes = learning->base.rollout->mask_bytes;
  memcpy(learning->observations + first * obs_bytes, tile->step.observation, rows * obs_bytes);
  if (learning->masks != NULL) memcpy(learning->masks + first * mask_bytes, tile->step.mask, rows * mask_bytes);
}

/* Huber's loss of quantile regression (Kuznetsov et al. 2020, equation 6): with the fractions tau_k = (k + 1/2) / n of
 * a critic's n quantiles and m targets, the mean over critics, quantiles and targets of |tau_k - [y_j < q_k]| H(y_j -
 * q_k),  H(d) = d^2 / 2 within [-1, 1], |d| - 1/2 outside */
static void quantile_loss(const struct critic_learning *learning, const struct critic_block *block, size_t r,
                          size_t end, struct critic_losses *losses) {
  const size_t n = learning->atoms, m = learning->n_targets;
  const double share = 1.0 / (double)(learning->n_critics * n * m);
  for (; r < end; r++) {
    const size_t at = outputs_of(learning, r);
    const float *targets = learning->targets + r * m;
    double loss = 0, value = 0, target = 0;
    for (size_t j = 0; j < m; j++) target += targets[j] / (double)m;
    for (size_t k = 0; k < n; k++) {
      const double fraction = ((double)k + 0.5) / (double)n, quantile = block->values[at + k];
      double slope = 0;
      for (size_t j = 0; j < m; j++) {
        const double d = targets[j] - quantile, size = fabs(d), side = d < 0 ? 1 - fraction : fraction;
        loss += side * (size < 1 ? 0.5 * d * d : size - 0.5);
        slope -= side * fmin(fmax(d, -1), 1);
      }
      block->d_values[at + k] = (float)(block->weights[r] * slope * share) * block->inverse_n;
      value += quantile / (double)n;
    }
    losses->loss += block->weights[r] * loss * share;
    losses->value += value / (double)learning->n_critics;
    block->errors[r] += (float)fabs(value - target) / (float)learning->n_critics;
  }
}

void critic_learning_find_loss(const struct critic_learning *learning, const struct critic_block *block, size_t r,
                               size_t end, struct critic_losses *losses) {
  (learning->atoms > 1 ? quantile_loss : squared_loss)(learning, block, r, end, losses);
}

/* one critic of a block of steps: forward, the losses of each group, and its part of the gradient */
static void learn_critic(struct critic_learning *learning, size_t critic, const struct linear_groups *groups,
                         struct critic_block *block, float *gradient, struct critic_losses *losses) {
  critic_learning_run(learning, &learning->critic[critic], 1);
  block->values = learning->values[0];
  block->d_values = learning->d_values[critic];
  clear_values(learning, critic, linear_groups_rows(groups));
  for (size_t i = 0, row = 0; i < groups->count; row += groups->rows[i++])
    critic_learning_find_loss(learning, block, row, row + groups->rows[i], &losses[i]);
  model_backward_groups(learning->base.model, learning->critic[critic], groups, block->d_values, gradient, NULL);
}

/* the gradient of the critics and the losses of a block of steps */
static void find_critics_gradient(void *context, size_t first, const struct linear_groups *groups, float *gradient,
                                  double *terms) {
  struct critic_learning *learning = context;
  struct replay_learning *base = &learning->base;
  const size_t rows = linear_groups_rows(groups);
  struct critic_block block = {.weights = base->weights + first,
                               .errors = replay_learning_errors(base, first),
                               .inverse_n = 1.0f / (float)base->settings.batch_size};
  replay_learning_gather(base, first, rows);
  critic_learning_keep_inputs(learning, first, rows);
  critic_learning_set_random(learning, false, first);
  memset(block.errors, 0, rows * sizeof *block.errors);
  learning->rules->find_targets(learning, first, rows);
  critic_learning_take(learning, rows, base->tile.step.observation, base->tile.step.action);
  for (size_t i = 0; i < learning->n_critics; i++)
    learn_critic(learning, i, groups, &block, gradient, (struct critic_losses *)terms);
}

/* a step of which nobody wants the gradient's norm; with `renews_copies` target copies follow */
static struct step_settings step_of(const struct critic_learning *learning, double learning_rate, bool renews_copies) {
  return (struct step_settings){.max_grad_norm = INFINITY,
                                .learning_rate = learning_rate,
                                .tau = renews_copies ? (float)learning->base.settings.tau : 0.0f};
}

static muster_status sum_critics(struct critic_learning *learning, struct critic_losses *losses) {
  const struct replay_learning *base = &learning->base;
  float *gradient = base->model->parameters.gradients + learning->critics_sum.first;
  if (learning->passes != NULL) return learning->passes->sum_critics(learning, gradient, losses);
  return gradient_sum_make_of_groups(&learning->critics_sum, (size_t)base->settings.batch_size, find_critics_gradient,
                                     learning, gradient, (double *)losses);
}

static muster_status update_critics(struct critic_learning *learning, const struct step_settings *step,
                                    struct critic_losses *losses) {
  struct model *model = learning->base.model;
  MUSTER_TRY(sum_critics(learning, losses));
  MUSTER_TRY(replay_learning_check_loss(&learning->base, "loss of the critics", losses->loss));
  MUSTER_TRY(divided_step_make(&learning->critics_step, model, step, NULL));
  for (size_t i = 0; learning->passes != NULL && i < learning->n_critics; i++)
    model_follow_statistics(model, learning->critic[i]);
  return MUSTER_OK;
}

/* --- the policy's part --- */

static void find_actor_gradient(void *context, size_t first, const struct linear_groups *groups, float *gradient,
                                double *terms) {
  struct critic_learning *learning = context;
  const char *observations = learning->observations + first * learning->base.rollout->obs_bytes;
  critic_learning_set_random(learning, true, first);
  learning->rules->improve(learning, first, groups, observations, gradient, (struct actor_losses *)terms);
}

static muster_status sum_actor(struct critic_learning *learning, struct actor_losses *losses) {
  const struct replay_learning *base = &learning->base;
  float *gradient = base->model->parameters.gradients;
  if (learning->passes != NULL) return learning->passes->sum_actor(learning, gradient, losses);
  return gradient_sum_make_of_groups(&learning->actor_sum, (size_t)base->settings.batch_size, find_actor_gradient,
                                     learning, gradient, (double *)losses);
}

static muster_status update_actor(struct critic_learning *learning, const struct step_settings *step) {
  struct replay_learning *base = &learning->base;
  struct actor_losses losses;
  MUSTER_TRY(sum_actor(learning, &losses));
  MUSTER_TRY(replay_learning_check_loss(base, "loss of the policy", losses.loss));
  MUSTER_TRY(divided_step_make(&learning->actor_step, base->model, step, NULL));
  if (learning->passes != NULL) model_follow_statistics(base->model, base->model->policy);
  learning->actor_loss = losses.loss / (double)base->settings.batch_size;
  return learning->rules->finish != NULL ? learning->rules->finish(learning, &losses, step->learning_rate) : MUSTER_OK;
}

/* --- an update --- */

/* the policy's copy follows, where the policy itself was not due */
static void renew_next_policy(struct critic_learning *learning) {
  struct model *model = learning->base.model;
  if (learning->next_policy == model->policy) return;
  model_update_target(model, learning->next_policy, (float)learning->base.settings.tau);
  model_pack_network(model, learning->next_policy, false);
}

const char *const critic_learning_metrics[CRITIC_METRICS + 1] = {CRITIC_METRIC_NAMES, NULL};

muster_status critic_learning_update(struct critic_learning *learning, double progress_remaining, double *metrics) {
  struct replay_learning *base = &learning->base;
  const double n = (double)base->settings.batch_size,
               learning_rate = option_schedule_value(&base->settings.learning_rate, progress_remaining);
  const bool renews_copies = (base->updates + 1) % learning->target_update_interval == 0;
  const struct step_settings step = step_of(learning, learning_rate, renews_copies);
  struct critic_losses losses;
  MUSTER_TRY(replay_learning_begin_update(base, progress_remaining));
  MUSTER_TRY(update_critics(learning, &step, &losses));
  const bool improves = (base->updates + 1) % learning->policy_delay == 0;
  if (improves)
    MUSTER_TRY(update_actor(learning, &step));
  else if (renews_copies)
    renew_next_policy(learning);
  MUSTER_TRY(replay_learning_end_update(base));

  metrics[CRITIC_METRIC_ACTOR_LOSS] = improves ? learning->actor_loss : NAN;
  metrics[CRITIC_METRIC_CRITIC_LOSS] = losses.loss / n;
  metrics[CRITIC_METRIC_VALUE] = losses.value / n;
  metrics[CRITIC_METRIC_LEARNING_RATE] = learning_rate;
  return MUSTER_OK;
}
