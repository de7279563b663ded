/* Proximal policy optimization with a clipped surrogate (Schulman et al. 2017, eq. 7 and algorithm 1), as Stable-
 * Baselines3 does it. This file is the annotated template of an algorithm.
 *
 *   r_t = pi(a_t | s_t) / pi_old(a_t | s_t)
 *   L   = -mean min(r_t A_t, clip(r_t, 1 - eps, 1 + eps) A_t) + vf_coef * mean (R_t - V(s_t))^2 - ent_coef * mean H
 *
 * An update evaluates the critic, estimates advantages by GAE, then runs n_epochs over the samples in random
 * minibatches, each one a pass over tiles of 64 rows (forward, loss, backward), a clip of the gradient's norm, and a
 * step of Adam. */
#include "algo/ppo.h"

#include "algo/batch.h"
#include "base/random.h"
#include "math/vector.h"
#include "nn/optimizer.h"
#include "rollout/advantage.h"

#include <math.h>
#include <string.h>

/* --- options --- */

#define FIELD(name) .key = #name, .offset = offsetof(struct ppo_options, name)

static const char *const value_clip_forms[] = {"replace", "max", NULL};

static const struct option_spec ppo_option_list[] = {
    {FIELD(n_steps), .type = OPTION_INT, .default_value = "2048", .min = 1, .max = 1e9,
     .help = "steps of each environment in a rollout"},
    {FIELD(batch_size), .type = OPTION_INT, .default_value = "64", .min = 1, .max = 1e9,
     .help = "samples in a minibatch"},
    {FIELD(n_epochs), .type = OPTION_INT, .default_value = "10", .min = 1, .max = 1e6,
     .help = "passes over the samples in an update"},
    {FIELD(gamma), .type = OPTION_FLOAT, .default_value = "0.99", .min = 0, .max = 1, .help = "discount factor"},
    {FIELD(gae_lambda), .type = OPTION_FLOAT, .default_value = "0.95", .min = 0, .max = 1,
     .help = "bias against variance in GAE: 0 is the TD residual, 1 is return minus value"},
    {FIELD(learning_rate), .type = OPTION_SCHEDULE, .default_value = "0.0003", .min = 0, .max = 10,
     .help = "step size of Adam; lin_X falls from X to zero over the run"},
    {FIELD(clip_range), .type = OPTION_SCHEDULE, .default_value = "0.2", .min = 0, .min_exclusive = true, .max = 10,
     .help = "how far the probability ratio may go from 1; lin_X falls to zero"},
    {FIELD(clip_range_vf), .type = OPTION_MAYBE_SCHEDULE, .default_value = "null", .min = 0, .min_exclusive = true,
     .max = OPTION_NO_MAX, .help = "how far the value may go from the old one; null: not clipped"},
    {FIELD(clip_range_vf_form), .type = OPTION_CHOICE, .default_value = "replace", .choices = value_clip_forms,
     .help = "loss of a clipped value: replace (SB3) the value, or max of both losses (the original PPO code)"},
    {FIELD(ent_coef), .type = OPTION_FLOAT, .default_value = "0", .min = 0, .max = OPTION_NO_MAX,
     .help = "weight of the entropy bonus"},
    {FIELD(vf_coef), .type = OPTION_FLOAT, .default_value = "0.5", .min = 0, .max = OPTION_NO_MAX,
     .help = "weight of the value loss"},
    {FIELD(max_grad_norm), .type = OPTION_FLOAT, .default_value = "0.5", .min = 0, .min_exclusive = true,
     .max = OPTION_NO_MAX, .help = "the gradient's global norm is clipped to this"},
    {FIELD(normalize_advantage), .type = OPTION_BOOL, .default_value = "true",
     .help = "whether advantages are normalised in each minibatch"},
    {FIELD(target_kl), .type = OPTION_MAYBE_FLOAT, .default_value = "null", .min = 0, .min_exclusive = true,
     .max = OPTION_NO_MAX, .help = "an update stops when approx_kl exceeds 1.5 times this; null: never"},
    {FIELD(adam_epsilon), .type = OPTION_FLOAT, .default_value = "1e-5", .min = 0, .min_exclusive = true, .max = 1,
     .help = "keeps Adam's division finite"},
    {.key = NULL},
};

static const struct option_table ppo_option_table = {
    .section = "algorithm", .owner = "ppo", .options = ppo_option_list};

static muster_status ppo_check(const struct document *document, const void *object, int64_t num_envs) {
  const struct ppo_options *options = object;
  int64_t samples = options->n_steps * num_envs;
  if (options->batch_size > samples)
    return document_error(document, "algorithm.batch_size",
                          "is larger than the batch: n_steps %lld x num_envs %lld = %lld samples; expects at most %lld",
                          (long long)options->n_steps, (long long)num_envs, (long long)samples, (long long)samples);
  if (samples > INT32_MAX)
    return document_error(document, "algorithm.n_steps",
                          "makes rollouts of %lld samples with num_envs %lld; expects at most %d", (long long)samples,
                          (long long)num_envs, INT32_MAX);
  if (samples < 2 && options->normalize_advantage)
    return document_error(document, "algorithm.n_steps",
                          "makes rollouts of one sample, whose advantage cannot be normalised; expects at least 2");
  return MUSTER_OK;
}

static size_t ppo_rollout_steps(const void *object) { return (size_t)((const struct ppo_options *)object)->n_steps; }

static double ppo_discount(const void *object) { return ((const struct ppo_options *)object)->gamma; }

/* --- state --- */

struct ppo {
  const struct ppo_options *options;
  struct model *model;
  struct adam adam;
  struct batch batch;
  struct batch_tile tile;
  uint64_t seed;
  int64_t epochs;    /* counted over the run: the number of each epoch's random order */
  uint32_t *order;   /* [rows * T] */
  float *d_log_prob; /* [TILE] */
  float *d_net;      /* [TILE, linear_padded(outputs)] */
  float *d_value;    /* [TILE, linear_padded(1)] */
};

static muster_status ppo_create(const struct algorithm_context *context, void **out) {
  struct ppo *ppo;
  struct arena *arena = context->arena;
  MUSTER_TRY(ARENA_TAKE(arena, 1, "ppo", &ppo));
  ppo->options = context->options;
  ppo->model = context->model;
  ppo->seed = context->seed;
  MUSTER_TRY(adam_create(ppo->model->parameters.count, ppo->options->adam_epsilon, arena, &ppo->adam));
  MUSTER_TRY(batch_create(context->rollout, arena, &ppo->batch));
  MUSTER_TRY(batch_tile_create(&ppo->batch, arena, &ppo->tile));
  MUSTER_TRY(ARENA_TAKE(arena, ppo->batch.count, "minibatch order", &ppo->order));
  MUSTER_TRY(ARENA_TAKE(arena, TILE, "loss gradients", &ppo->d_log_prob));
  MUSTER_TRY(ARENA_TAKE(arena, TILE * linear_padded(ppo->model->head.outputs), "loss gradients", &ppo->d_net));
  MUSTER_TRY(ARENA_TAKE(arena, TILE * linear_padded(1), "loss gradients", &ppo->d_value));
  *out = ppo;
  return MUSTER_OK;
}

static int ppo_state(void *algorithm, struct tensor list[ALGORITHM_MAX_STATE]) {
  struct ppo *ppo = algorithm;
  int n = 0;
  list[n++] = (struct tensor){"optimizer/m", TENSOR_F32, 1, {ppo->adam.count}, ppo->adam.m};
  list[n++] = (struct tensor){"optimizer/v", TENSOR_F32, 1, {ppo->adam.count}, ppo->adam.v};
  list[n++] = (struct tensor){"optimizer/steps", TENSOR_I64, 0, {0}, &ppo->adam.steps};
  list[n++] = (struct tensor){"algorithm/epochs", TENSOR_I64, 0, {0}, &ppo->epochs};
  return n;
}

static int ppo_intermediates(void *algorithm, struct tensor list[ALGORITHM_MAX_STATE]) {
  struct ppo *ppo = algorithm;
  return batch_tensors(&ppo->batch, list);
}

struct batch *ppo_batch(struct ppo *ppo) {
  return &ppo->batch;
}

/* --- the loss of a minibatch --- */

/* how advantages are normalised over a minibatch: (A - mean) * scale, the standard deviation unbiased, as SB3 */
struct standardization {
  float mean, scale;
};

static struct standardization standardize_advantages(const struct ppo *ppo, const uint32_t *index, size_t n) {
  if (!ppo->options->normalize_advantage || n < 2) return (struct standardization){0.0f, 1.0f};
  const float *advantages = ppo->batch.advantages;
  double sum = 0, squares = 0;
  for (size_t i = 0; i < n; i++) sum += advantages[index[i]];
  double mean = sum / (double)n;
  for (size_t i = 0; i < n; i++) squares += (advantages[index[i]] - mean) * (advantages[index[i]] - mean);
  double deviation = sqrt(squares / (double)(n - 1));
  return (struct standardization){(float)mean, (float)(1.0 / (deviation + 1e-8))};
}

/* the clipped surrogate of a tile: fills d_log_prob with dL/d log pi, and adds to the sums */
static void policy_loss_tile(struct ppo *ppo, struct standardization standard, float clip_range, float inverse_n,
                             struct ppo_loss *loss) {
  const struct batch_tile *tile = &ppo->tile;
  float log_ratio[TILE], ratio[TILE];
  for (size_t r = 0; r < TILE; r++)
    log_ratio[r] = r < tile->rows ? ppo->model->head.log_prob[r] - tile->log_prob[r] : 0.0f;
  vector_exp(TILE, log_ratio, ratio);

  float surrogate[TILE], kl[TILE], clipped[TILE], mismatch[TILE];
  for (size_t r = 0; r < TILE; r++) {
    float advantage = (tile->advantage[r] - standard.mean) * standard.scale;
    float bounded = ratio[r] < 1.0f - clip_range ? 1.0f - clip_range
                                                 : (ratio[r] > 1.0f + clip_range ? 1.0f + clip_range : ratio[r]);
    float plain_term = advantage * ratio[r], bounded_term = advantage * bounded;
    /* the gradient flows where the plain term is the lesser of the two */
    ppo->d_log_prob[r] = plain_term <= bounded_term ? -plain_term * inverse_n : 0.0f;
    surrogate[r] = plain_term <= bounded_term ? plain_term : bounded_term;
    kl[r] = ratio[r] - 1.0f - log_ratio[r];
    clipped[r] = fabsf(ratio[r] - 1.0f) > clip_range ? 1.0f : 0.0f;
    mismatch[r] = ratio[r] != 1.0f ? 1.0f : 0.0f;
  }
  for (size_t r = 0; r < tile->rows; r++) {
    loss->policy -= surrogate[r];
    loss->entropy -= ppo->model->head.entropy[r];
    loss->approx_kl += kl[r];
    loss->clip_fraction += clipped[r];
    loss->ratio_mismatches += mismatch[r];
  }
  for (size_t r = tile->rows; r < TILE; r++) ppo->d_log_prob[r] = 0.0f;
}

/* the value loss of a tile: fills d_value with vf_coef * dL/dV, and adds to the sum */
static void value_loss_tile(struct ppo *ppo, const float *value, size_t value_ld, float clip_range_vf, float inverse_n,
                            struct ppo_loss *loss) {
  const struct batch_tile *tile = &ppo->tile;
  const size_t ld = linear_padded(1);
  const float scale = 2.0f * (float)ppo->options->vf_coef * inverse_n;
  for (size_t r = 0; r < tile->rows; r++) {
    float v = value[r * value_ld], error = v - tile->returns[r], gradient = error;
    double term = (double)error * error;
    float moved = v - tile->value[r];
    if (clip_range_vf > 0.0f && fabsf(moved) > clip_range_vf) {
      /* a clipped value has no gradient; with "max" the unclipped loss counts where it is the larger */
      float bounded_error = tile->value[r] + copysignf(clip_range_vf, moved) - tile->returns[r];
      double bounded_term = (double)bounded_error * bounded_error;
      bool use_bounded = ppo->options->clip_range_vf_form == PPO_VALUE_CLIP_REPLACE || bounded_term > term;
      if (use_bounded) {
        term = bounded_term;
        gradient = 0.0f;
      }
    }
    loss->value += term;
    ppo->d_value[r * ld] = scale * gradient;
  }
  for (size_t r = tile->rows; r < tile->padded_rows; r++) ppo->d_value[r * ld] = 0.0f;
}

void ppo_minibatch_gradient(struct ppo *ppo, const uint32_t *index, size_t n, double clip_range, double clip_range_vf,
                            struct ppo_loss *loss) {
  struct model *model = ppo->model;
  const struct distribution *distribution = model->head.distribution;
  const float inverse_n = 1.0f / (float)n;
  const size_t d_net_ld = linear_padded(model->head.outputs);
  struct standardization standard = standardize_advantages(ppo, index, n);
  memset(model->parameters.gradients, 0, model->parameters.count * sizeof(float));
  *loss = (struct ppo_loss){0};

  for (size_t first = 0; first < n; first += TILE) {
    struct batch_tile *tile = &ppo->tile;
    batch_gather(&ppo->batch, index + first, n - first < TILE ? n - first : TILE, tile);

    /* forward: both networks and the distribution */
    size_t net_ld, value_ld;
    const float *value;
    const float *net = model_forward_tile(model, tile->rows, tile->observation, ppo->batch.rollout->obs_bytes, &net_ld,
                                          &value, &value_ld);
    distribution->evaluate(&model->head, tile->rows, net, net_ld, batch_tile_mask(&ppo->batch, tile), tile->action);

    /* loss: gradients at the log-probability, the entropy and the value */
    policy_loss_tile(ppo, standard, (float)clip_range, inverse_n, loss);
    value_loss_tile(ppo, value, value_ld, (float)clip_range_vf, inverse_n, loss);

    /* backward: through the distribution and both networks; rows that complete the last eight have no gradient */
    float d_entropy = -(float)ppo->options->ent_coef * inverse_n;
    distribution->gradient(&model->head, tile->rows, tile->action, ppo->d_log_prob, d_entropy, ppo->d_net, d_net_ld);
    memset(ppo->d_net + tile->rows * d_net_ld, 0, (tile->padded_rows - tile->rows) * d_net_ld * sizeof(float));
    model_backward_tile(model, tile->rows, ppo->d_net, ppo->d_value);
  }
  loss->policy /= (double)n;
  loss->value /= (double)n;
  loss->entropy /= (double)n;
  loss->approx_kl /= (double)n;
  loss->clip_fraction /= (double)n;
}

muster_status ppo_optimizer_step(struct ppo *ppo, double learning_rate, double *gradient_norm) {
  struct parameters *parameters = &ppo->model->parameters;
  double norm = sqrt(vector_sum_of_squares(parameters->count, parameters->gradients));
  *gradient_norm = norm;
  if (!isfinite(norm))
    return status_error(MUSTER_ERROR_NUMERIC, "the gradient of %s is not finite",
                        parameters_find_not_finite(parameters, parameters->gradients));
  double scale = ppo->options->max_grad_norm / (norm + 1e-6);
  adam_step(&ppo->adam, parameters->values, parameters->gradients, scale < 1.0 ? scale : 1.0, learning_rate);
  return MUSTER_OK;
}

/* --- the update --- */

enum {
  LOSS,
  POLICY_GRADIENT_LOSS,
  VALUE_LOSS,
  ENTROPY_LOSS,
  APPROX_KL,
  CLIP_FRACTION,
  EXPLAINED_VARIANCE,
  GRADIENT_NORM,
  LEARNING_RATE,
  CLIP_RANGE,
  N_UPDATES,
  FIRST_RATIO_MISMATCH,
  METRICS
};

static const char *const ppo_metrics[METRICS + 1] = {
    "train/loss",
    "train/policy_gradient_loss",
    "train/value_loss",
    "train/entropy_loss",
    "train/approx_kl",
    "train/clip_fraction",
    "train/explained_variance",
    "train/gradient_norm",
    "train/learning_rate",
    "train/clip_range",
    "train/n_updates",
    "train/first_ratio_mismatch",
    NULL,
};

/* what an update adds up for its metrics: losses over all minibatches, approx_kl over the last epoch, as SB3 */
struct progress {
  int64_t minibatches, epoch_minibatches;
  double policy, value, entropy, clip_fraction, gradient_norm, epoch_kl, last_loss;
  double first_ratio_mismatch;
  bool stopped; /* approx_kl went past target_kl */
};

/* says which part of the loss is not finite, and which sample is to blame */
static muster_status loss_error(const struct ppo *ppo, const struct ppo_loss *loss, int64_t minibatch) {
  char sample[160];
  batch_describe_not_finite(&ppo->batch, sample, sizeof sample);
  return status_error(
      MUSTER_ERROR_NUMERIC, "the loss of minibatch %lld is not finite: policy %g, value %g, entropy %g%s%s",
      (long long)minibatch, loss->policy, loss->value, loss->entropy, sample[0] != '\0' ? "; " : "", sample);
}

static muster_status update_minibatch(struct ppo *ppo, const uint32_t *index, size_t n, double learning_rate,
                                      double clip_range, double clip_range_vf, struct progress *progress) {
  const struct ppo_options *options = ppo->options;
  struct ppo_loss loss;
  ppo_minibatch_gradient(ppo, index, n, clip_range, clip_range_vf, &loss);
  progress->last_loss = loss.policy + options->ent_coef * loss.entropy + options->vf_coef * loss.value;
  if (!isfinite(progress->last_loss)) return loss_error(ppo, &loss, progress->minibatches);
  if (progress->minibatches == 0) progress->first_ratio_mismatch = loss.ratio_mismatches;
  progress->minibatches++;
  progress->epoch_minibatches++;
  progress->policy += loss.policy;
  progress->value += loss.value;
  progress->entropy += loss.entropy;
  progress->clip_fraction += loss.clip_fraction;
  progress->epoch_kl += loss.approx_kl;
  if (!isnan(options->target_kl) && loss.approx_kl > 1.5 * options->target_kl) {
    progress->stopped = true;
    return MUSTER_OK;
  }

  double norm;
  MUSTER_TRY(ppo_optimizer_step(ppo, learning_rate, &norm));
  progress->gradient_norm += norm;
  model_pack(ppo->model, true);
  return MUSTER_OK;
}

static muster_status ppo_update(void *algorithm, double progress_remaining, double *metrics) {
  struct ppo *ppo = algorithm;
  const struct ppo_options *options = ppo->options;
  double learning_rate = option_schedule_value(&options->learning_rate, progress_remaining);
  double clip_range = option_schedule_value(&options->clip_range, progress_remaining);
  double clip_range_vf =
      options->clip_range_vf.is_null ? 0.0 : option_schedule_value(&options->clip_range_vf, progress_remaining);
  size_t count = ppo->batch.count, batch_size = (size_t)options->batch_size;

  model_pack(ppo->model, true);
  batch_estimate_advantages(&ppo->batch, ppo->model, options->gamma, options->gae_lambda);
  struct progress progress = {0};
  for (int64_t epoch = 0; epoch < options->n_epochs && !progress.stopped; epoch++) {
    random_permutation(ppo->seed, RANDOM_MINIBATCH, (uint32_t)ppo->epochs++, ppo->order, count);
    progress.epoch_kl = 0;
    progress.epoch_minibatches = 0;
    for (size_t first = 0; first < count && !progress.stopped; first += batch_size)
      MUSTER_TRY(update_minibatch(ppo, ppo->order + first, count - first < batch_size ? count - first : batch_size,
                                  learning_rate, clip_range, clip_range_vf, &progress));
  }

  double minibatches = (double)progress.minibatches;
  metrics[LOSS] = progress.last_loss;
  metrics[POLICY_GRADIENT_LOSS] = progress.policy / minibatches;
  metrics[VALUE_LOSS] = progress.value / minibatches;
  metrics[ENTROPY_LOSS] = progress.entropy / minibatches;
  metrics[APPROX_KL] = progress.epoch_kl / (double)progress.epoch_minibatches;
  metrics[CLIP_FRACTION] = progress.clip_fraction / minibatches;
  metrics[EXPLAINED_VARIANCE] = explained_variance(ppo->batch.rollout->n_rows, ppo->batch.rollout->n_steps,
                                                   ppo->batch.values, ppo->batch.returns);
  metrics[GRADIENT_NORM] = progress.gradient_norm / minibatches;
  metrics[LEARNING_RATE] = learning_rate;
  metrics[CLIP_RANGE] = clip_range;
  metrics[N_UPDATES] = (double)ppo->epochs;
  metrics[FIRST_RATIO_MISMATCH] = progress.first_ratio_mismatch;
  return MUSTER_OK;
}

const struct algorithm_type algorithm_ppo = {
    .name = "ppo",
    .summary = "proximal policy optimization, clipped surrogate (Schulman et al. 2017)",
    .options = &ppo_option_table,
    .options_size = sizeof(struct ppo_options),
    .metrics = ppo_metrics,
    .check = ppo_check,
    .rollout_steps = ppo_rollout_steps,
    .discount = ppo_discount,
    .create = ppo_create,
    .update = ppo_update,
    .intermediates = ppo_intermediates,
    .state = ppo_state,
};
