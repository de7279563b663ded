#include "algo/policy_gradient.h"

#include "base/random.h"
#include "math/vector.h"

#include <math.h>
#include <string.h>

/* --- policy_gradient_base: what all policy gradients do --- */

static muster_status check_size(const struct document *document, const void *object, int64_t num_envs) {
  const int64_t n_steps = ((const struct policy_gradient_settings *)object)->n_steps;
  if (n_steps <= INT32_MAX / num_envs) return MUSTER_OK;
  return document_error(document, "algorithm.n_steps",
                        "makes rollouts of %lld samples with num_envs %lld; expects at most %d",
                        (long long)(n_steps * num_envs), (long long)num_envs, INT32_MAX);
}

static struct rollout_needs policy_gradient_needs(const void *object) {
  return (struct rollout_needs){.n_steps = (size_t)((const struct policy_gradient_settings *)object)->n_steps};
}

static const struct model_network_spec *critic_v(const void *options) {
  (void)options;
  return model_critic_v;
}

const struct model_network_spec *policy_gradient_no_critic(const void *options) {
  (void)options;
  return model_no_critic;
}

static double discount(const void *object) { return ((const struct policy_gradient_settings *)object)->gamma; }

static muster_status create(const struct algorithm_context *context, void *algorithm) {
  struct policy_gradient *policy = algorithm;
  const struct policy_gradient_settings *settings = context->options;
  struct arena *arena = context->arena;
  struct model *model = context->model;
  policy->options = context->options;
  policy->settings = *settings;
  policy_gradient_begin_update(policy, 1.0);
  policy->model = model;
  policy->stages = context->stages;
  policy->seed = context->seed;
  MUSTER_TRY(optimizer_create_by_name(settings->optimizer, model->learned_count, settings->optimizer_epsilon, arena,
                                      &policy->optimizer));
  MUSTER_TRY(divided_step_create(&policy->optimizer, context->group, &policy->step));
  MUSTER_TRY(gradient_sum_create(context->group, model->learned_count, sizeof(struct losses) / sizeof(double), arena,
                                 &policy->sum));
  MUSTER_TRY(batch_create(context->rollout, context->group, arena, &policy->batch));
  MUSTER_TRY(batch_tile_create(&policy->batch, arena, &policy->tile));
  MUSTER_TRY(ARENA_TAKE(arena, policy->batch.capacity, "minibatch order", &policy->order));
  MUSTER_TRY(ARENA_TAKE(arena, TILE, "loss gradients", &policy->d_log_prob));
  MUSTER_TRY(ARENA_TAKE(arena, TILE * linear_padded(model->head.outputs), "loss gradients", &policy->d_net));
  return ARENA_TAKE(arena, TILE * linear_padded(model_value_outputs(model)), "loss gradients", &policy->d_value);
}

static int list_state(void *algorithm, struct tensor *list) {
  struct policy_gradient *policy = algorithm;
  int n = optimizer_state(&policy->optimizer, list);
  list[n++] = (struct tensor){"algorithm/epochs", TENSOR_I64, 0, {0}, &policy->epochs, RANGE_COUNT};
  return n;
}

static muster_status learn_once(void *algorithm, double progress_remaining, int64_t *updates) {
  (void)algorithm;
  (void)progress_remaining;
  *updates = 1;
  return MUSTER_OK;
}

static int list_intermediates(void *algorithm, struct tensor *list) {
  return batch_tensors(&((struct policy_gradient *)algorithm)->batch, list);
}

const struct algorithm_base policy_gradient_base = {
    .name = "policy gradient",
    .options_size = sizeof(struct policy_gradient_settings),
    .size = sizeof(struct policy_gradient),
    .check = check_size,
    .needs = policy_gradient_needs,
    .networks = critic_v,
    .discount = discount,
    .create = create,
    .state = list_state,
    .take_rollout = learn_once,
    .intermediates = list_intermediates,
};

/* --- losses of a tile --- */

void policy_loss_log_prob(struct policy_gradient *policy, const float *weight, float inverse_n, const void *context,
                          struct losses *losses) {
  (void)context;
  const struct batch_tile *tile = &policy->tile;
  const float *log_prob = policy->model->head.log_prob;
  for (size_t r = 0; r < tile->rows; r++) {
    policy->d_log_prob[r] = -weight[r] * inverse_n;
    losses->policy -= (double)weight[r] * log_prob[r];
    losses->ratio_mismatches += log_prob[r] != tile->log_prob[r] ? 1.0 : 0.0;
  }
  for (size_t r = tile->rows; r < TILE; r++) policy->d_log_prob[r] = 0.0f;
}

void policy_loss_clipped(struct policy_gradient *policy, const float *weight, float inverse_n, const void *context,
                         struct losses *losses) {
  const struct batch_tile *tile = &policy->tile;
  const float clip_range = *(const float *)context;
  float log_ratio[TILE], ratio[TILE];
  for (size_t r = 0; r < TILE; r++)
    log_ratio[r] = r < tile->rows ? policy->model->head.log_prob[r] - tile->log_prob[r] : 0.0f;
  vector_exp(TILE, log_ratio, ratio);

  float surrogate[TILE], kl[TILE], clipped[TILE], mismatch[TILE];
  for (size_t r = 0; r < TILE; r++) {
    float bounded = ratio[r] < 1.0f - clip_range ? 1.0f - clip_range
                                                 : (ratio[r] > 1.0f + clip_range ? 1.0f + clip_range : ratio[r]);
    float plain_term = weight[r] * ratio[r], bounded_term = weight[r] * bounded;
    /* the gradient flows where the plain term is the lesser of the two */
    policy->d_log_prob[r] = plain_term <= bounded_term ? -plain_term * inverse_n : 0.0f;
    surrogate[r] = plain_term <= bounded_term ? plain_term : bounded_term;
    kl[r] = ratio[r] - 1.0f - log_ratio[r];
    clipped[r] = fabsf(ratio[r] - 1.0f) > clip_range ? 1.0f : 0.0f;
    mismatch[r] = ratio[r] != 1.0f ? 1.0f : 0.0f;
  }
  for (size_t r = 0; r < tile->rows; r++) {
    losses->policy -= surrogate[r];
    losses->approx_kl += kl[r];
    losses->clip_fraction += clipped[r];
    losses->ratio_mismatches += mismatch[r];
  }
  for (size_t r = tile->rows; r < TILE; r++) policy->d_log_prob[r] = 0.0f;
}

void value_loss_squared(struct policy_gradient *policy, const float *value, size_t value_ld, float inverse_n,
                        const void *context, struct losses *losses) {
  (void)context;
  const struct batch_tile *tile = &policy->tile;
  const size_t ld = linear_padded(1);
  const float scale = 2.0f * (float)policy->settings.vf_coef * inverse_n;
  for (size_t r = 0; r < tile->rows; r++) {
    float error = value[r * value_ld] - tile->returns[r];
    losses->value += (double)error * error;
    policy->d_value[r * ld] = scale * error;
  }
  for (size_t r = tile->rows; r < tile->padded_rows; r++) policy->d_value[r * ld] = 0.0f;
}

/* --- the gradient --- */

/* how advantages are normalised over a minibatch: (A - mean) * scale, with the deviation of n - 1, as SB3 */
struct standardization {
  float mean, scale;
};

static struct standardization standardize_advantages(const struct policy_gradient *policy, const uint32_t *index,
                                                     size_t n) {
  if (!policy->settings.normalize_advantage || n < 2) return (struct standardization){0.0f, 1.0f};
  const float *advantages = policy->batch.advantages;
  double sum = 0, squares = 0;
  for (size_t i = 0; i < n; i++) sum += advantages[index[i]];
  double mean = sum / (double)n;
  for (size_t i = 0; i < n; i++) squares += (advantages[index[i]] - mean) * (advantages[index[i]] - mean);
  double deviation = sqrt(squares / (double)(n - 1));
  return (struct standardization){(float)mean, (float)(1.0 / (deviation + 1e-8))};
}

/* gathers samples into the tile */
static void gather_tile(struct policy_gradient *policy, const uint32_t *index, size_t rows) {
  batch_gather(&policy->batch, index, rows, &policy->tile);
  policy->tile_samples = index;
}

/* runs the distribution over the policy head's output for the tile */
static void evaluate_tile(struct policy_gradient *policy, const float *net, size_t net_ld) {
  struct policy_head *head = &policy->model->head;
  const struct batch_tile *tile = &policy->tile;
  head->distribution->evaluate(head, tile->rows, net, net_ld, batch_tile_mask(&policy->batch, tile), tile->action);
}

/* gathers samples into the tile, and runs both networks over them */
static const float *forward_tile(struct policy_gradient *policy, const uint32_t *index, size_t rows, size_t *net_ld,
                                 const float **value, size_t *value_ld) {
  gather_tile(policy, index, rows);
  return model_forward_tile(policy->model, rows, policy->tile.observation, policy->batch.rollout->obs_bytes, net_ld,
                            value, value_ld);
}

/* through the distribution and both networks; the rows that pad the tile have no gradient */
static void backward_tile(struct policy_gradient *policy, float d_entropy) {
  struct model *model = policy->model;
  const struct batch_tile *tile = &policy->tile;
  const size_t d_net_ld = linear_padded(model->head.outputs);
  model->head.distribution->gradient(&model->head, tile->rows, tile->action, policy->d_log_prob, d_entropy,
                                     policy->d_net, d_net_ld);
  memset(policy->d_net + tile->rows * d_net_ld, 0, (tile->padded_rows - tile->rows) * d_net_ld * sizeof(float));
  model_backward_tile(model, policy->d_net, policy->d_value);
}

/* a minibatch whose gradient is being computed */
struct minibatch {
  struct policy_gradient *policy;
  const struct tile_loss *loss;
  const uint32_t *index;
  float inverse_n;
  uint32_t update; /* its number, for what layers drop at random */
  struct standardization standard;
};

/* the loss of the tile, whose forward pass is done, and its gradients at the outputs of both networks; then backward */
static void learn_tile(const struct minibatch *minibatch, const float *net, size_t net_ld, const float *value,
                       size_t value_ld, struct losses *losses) {
  struct policy_gradient *policy = minibatch->policy;
  const struct tile_loss *loss = minibatch->loss;
  const struct standardization standard = minibatch->standard;
  const struct batch_tile *tile = &policy->tile;
  evaluate_tile(policy, net, net_ld);
  float weight[TILE];
  for (size_t r = 0; r < TILE; r++) weight[r] = (tile->advantages[r] - standard.mean) * standard.scale;
  loss->policy(policy, weight, minibatch->inverse_n, loss->context, losses);
  for (size_t r = 0; r < tile->rows; r++) losses->entropy -= policy->model->head.entropy[r];
  if (loss->value != NULL) loss->value(policy, value, value_ld, minibatch->inverse_n, loss->context, losses);
  backward_tile(policy, -(float)policy->ent_coef * minibatch->inverse_n);
}

/* adds the gradient and the losses of some samples of the minibatch, tile by tile */
static void add_gradient(void *context, size_t first, size_t n, float *gradient, double *terms) {
  const struct minibatch *minibatch = context;
  struct policy_gradient *policy = minibatch->policy;
  struct losses *losses = (struct losses *)terms;
  model_direct_gradients(policy->model, gradient);
  for (const size_t end = first + n; first < end; first += TILE) {
    const struct layer_random random = {policy->seed, minibatch->update, (uint32_t)first};
    const size_t rows = end - first < TILE ? end - first : TILE;
    const float *value;
    size_t net_ld, value_ld;
    model_set_random(policy->model, &random);
    const float *net = forward_tile(policy, minibatch->index + first, rows, &net_ld, &value, &value_ld);
    model_set_random(policy->model, NULL);
    if (minibatch->loss->outputs == NULL) {
      learn_tile(minibatch, net, net_ld, value, value_ld, losses);
      continue;
    }
    minibatch->loss->outputs(policy, net, net_ld, minibatch->inverse_n, losses);
    model_backward_tile(policy->model, policy->d_net, NULL);
  }
}

muster_status policy_gradient_gradient(struct policy_gradient *policy, const struct tile_loss *loss,
                                       const uint32_t *index, size_t n, struct losses *losses) {
  struct parameters *parameters = &policy->model->parameters;
  struct minibatch minibatch = {.policy = policy,
                                .loss = loss,
                                .index = index,
                                .inverse_n = 1.0f / (float)n,
                                .update = (uint32_t)policy->optimizer.steps + policy->gradients_sent,
                                .standard = standardize_advantages(policy, index, n)};
  MUSTER_TRY(gradient_sum_make(&policy->sum, n, add_gradient, &minibatch, parameters->gradients, (double *)losses));
  losses->policy /= (double)n;
  losses->value /= (double)n;
  losses->entropy /= (double)n;
  losses->approx_kl /= (double)n;
  losses->clip_fraction /= (double)n;
  losses->reference_kl /= (double)n;
  return MUSTER_OK;
}

muster_status policy_gradient_optimizer_step(struct policy_gradient *policy, double learning_rate,
                                             double *gradient_norm) {
  const struct step_settings settings = {.max_grad_norm = policy->settings.max_grad_norm,
                                         .learning_rate = learning_rate};
  return divided_step_make(&policy->step, policy->model, &settings, gradient_norm);
}

/* --- steps --- */

muster_status policy_gradient_loss_error(const struct policy_gradient *policy, const struct losses *losses,
                                         int64_t minibatch) {
  char sample[160];
  batch_describe_not_finite(&policy->batch, sample, sizeof sample);
  return status_error(
      MUSTER_ERROR_NUMERIC, "the loss of minibatch %lld is not finite: policy %g, value %g, entropy %g%s%s",
      (long long)minibatch, losses->policy, losses->value, losses->entropy, sample[0] != '\0' ? "; " : "", sample);
}

static void add_losses(struct update_totals *totals, const struct losses *losses) {
  if (totals->minibatches == 0) totals->first_ratio_mismatch = losses->ratio_mismatches;
  totals->minibatches++;
  totals->epoch_minibatches++;
  totals->sums.policy += losses->policy;
  totals->sums.value += losses->value;
  totals->sums.entropy += losses->entropy;
  totals->sums.clip_fraction += losses->clip_fraction;
  totals->sums.reference_kl += losses->reference_kl;
  totals->epoch_kl += losses->approx_kl;
}

/* one minibatch: gradient, clip, step, and the new weights packed */
static muster_status step(struct policy_gradient *policy, const struct tile_loss *loss, const uint32_t *index, size_t n,
                          double learning_rate, double target_kl, struct update_totals *totals) {
  const struct policy_gradient_settings *settings = &policy->settings;
  struct losses losses;
  MUSTER_TRY(policy_gradient_gradient(policy, loss, index, n, &losses));
  totals->last_loss = losses.policy + policy->ent_coef * losses.entropy + settings->vf_coef * losses.value;
  if (!isfinite(totals->last_loss)) return policy_gradient_loss_error(policy, &losses, totals->minibatches);
  add_losses(totals, &losses);
  if (!isnan(target_kl) && losses.approx_kl > 1.5 * target_kl) {
    totals->stopped = true;
    return MUSTER_OK;
  }
  double norm;
  MUSTER_TRY(policy_gradient_optimizer_step(policy, learning_rate, &norm));
  totals->gradient_norm += norm;
  totals->steps++;
  return MUSTER_OK;
}

muster_status policy_gradient_single_step(struct policy_gradient *policy, const struct tile_loss *loss,
                                          double learning_rate, struct update_totals *totals) {
  stages_enter(policy->stages, STAGE_UPDATE);
  *totals = (struct update_totals){0};
  policy->epochs++;
  return step(policy, loss, policy->batch.sample, policy->batch.count, learning_rate, (double)NAN, totals);
}

/* a random order of the samples that count */
static void shuffle(struct policy_gradient *policy) {
  const struct batch *batch = &policy->batch;
  random_permutation(policy->seed, RANDOM_MINIBATCH, (uint32_t)policy->epochs++, policy->order, batch->count);
  for (size_t i = 0; batch->count < batch->capacity && i < batch->count; i++)
    policy->order[i] = batch->sample[policy->order[i]];
}

muster_status policy_gradient_epochs(struct policy_gradient *policy, const struct tile_loss *loss,
                                     const struct epochs_settings *epochs, struct update_totals *totals) {
  size_t count = policy->batch.count, batch_size = (size_t)epochs->batch_size;
  stages_enter(policy->stages, STAGE_UPDATE);
  *totals = (struct update_totals){0};
  for (int64_t epoch = 0; epoch < epochs->n_epochs && !totals->stopped; epoch++) {
    shuffle(policy);
    totals->epoch_kl = 0;
    totals->epoch_minibatches = 0;
    for (size_t first = 0; first < count && !totals->stopped; first += batch_size)
      MUSTER_TRY(step(policy, loss, policy->order + first, count - first < batch_size ? count - first : batch_size,
                      epochs->learning_rate, epochs->target_kl, totals));
  }
  return MUSTER_OK;
}

void policy_gradient_log_probs(struct policy_gradient *policy, float *log_prob) {
  const struct batch *batch = &policy->batch;
  for (size_t first = 0; first < batch->count; first += TILE) {
    size_t rows = batch->count - first < TILE ? batch->count - first : TILE, net_ld;
    gather_tile(policy, batch->sample + first, rows);
    const float *net = model_policy(policy->model, rows, policy->tile.observation, batch->rollout->obs_bytes, &net_ld);
    evaluate_tile(policy, net, net_ld);
    for (size_t r = 0; r < rows; r++) log_prob[batch->sample[first + r]] = policy->model->head.log_prob[r];
  }
}

/* --- metrics --- */

const char *const policy_gradient_metrics[] = {METRIC_NAMES_COMMON, NULL};

/* mean standard deviation of actions where it is a parameter, as SB3; NAN elsewhere */
static double mean_std(const struct policy_head *head) {
  if (head->own_name == NULL || strcmp(head->own_name, "log_std") != 0) return NAN;
  double sum = 0;
  for (size_t i = 0; i < head->own_count; i++) sum += exp(head->own[i]);
  return sum / (double)head->own_count;
}

void policy_gradient_fill_common(const struct policy_gradient *policy, const struct update_totals *totals,
                                 double learning_rate, double *metrics) {
  double minibatches = (double)totals->minibatches;
  bool has_critic = model_value_outputs(policy->model) > 0;
  metrics[METRIC_LOSS] = totals->last_loss;
  metrics[METRIC_POLICY_GRADIENT_LOSS] = totals->sums.policy / minibatches;
  metrics[METRIC_VALUE_LOSS] = has_critic ? totals->sums.value / minibatches : (double)NAN;
  metrics[METRIC_ENTROPY_LOSS] = totals->sums.entropy / minibatches;
  metrics[METRIC_EXPLAINED_VARIANCE] = has_critic ? batch_explained_variance(&policy->batch) : (double)NAN;
  metrics[METRIC_GRADIENT_NORM] = totals->gradient_norm / (double)totals->steps;
  metrics[METRIC_LEARNING_RATE] = learning_rate;
  metrics[METRIC_N_UPDATES] = (double)policy->epochs;
  metrics[METRIC_STD] = mean_std(&policy->model->head);
}

void policy_gradient_fill_ratio(const struct update_totals *totals, double clip_range, double *metrics) {
  metrics[METRIC_APPROX_KL] = totals->epoch_kl / (double)totals->epoch_minibatches;
  metrics[METRIC_CLIP_FRACTION] = totals->sums.clip_fraction / (double)totals->minibatches;
  metrics[METRIC_CLIP_RANGE] = clip_range;
  metrics[METRIC_FIRST_RATIO_MISMATCH] = totals->first_ratio_mismatch;
}

void policy_gradient_begin_update(struct policy_gradient *policy, double progress_remaining) {
  policy->ent_coef = option_schedule_value(&policy->settings.ent_coef, progress_remaining);
}

muster_status policy_gradient_single_update(struct policy_gradient *policy, const struct tile_loss *loss,
                                            double progress_remaining, double *metrics) {
  double learning_rate = option_schedule_value(&policy->settings.learning_rate, progress_remaining);
  struct update_totals totals;
  policy_gradient_begin_update(policy, progress_remaining);
  MUSTER_TRY(policy_gradient_single_step(policy, loss, learning_rate, &totals));
  policy_gradient_fill_common(policy, &totals, learning_rate, metrics);
  return MUSTER_OK;
}
