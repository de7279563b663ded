/* Proximal policy optimization with a clipped surrogate (Schulman et al. 2017, eq. 7 and algorithm 1), as Stable-
 * Baselines3 does it. This file is the annotated template of an algorithm.
 *
 *   r_t = pi(a_t | s_t) / pi_old(a_t | s_t)
 *   L   = -mean min(r_t A_t, clip(r_t, 1 - eps, 1 + eps) A_t) + vf_coef * mean (R_t - V(s_t))^2 - ent_coef * mean H
 *
 * What changes against A2C (a2c.c): the ratio to the policy that acted, clipped, in place of the log-probability
 * (policy_loss_clipped() of policy_gradient.c), so that one rollout may serve for n_epochs over random minibatches;
 * and, if wished, a clipped value. */
#include "algo/ppo.h"

#include "algo/options.h"

#include <math.h>

/* --- options --- */

static const char *const value_clip_forms[] = {"replace", "max", NULL};

static const struct option_spec ppo_option_list[] = {
    ROW_N_STEPS(struct ppo_options, "2048"),
    ROW_BATCH_SIZE(struct ppo_options, "64"),
    ROW_N_EPOCHS(struct ppo_options, "10"),
    ROW_GAMMA(struct ppo_options, "0.99"),
    ROW_GAE_LAMBDA(struct ppo_options, "0.95", USES_GAE),
    ROW_ESTIMATOR(struct ppo_options),
    ROW_LAMBDA(struct ppo_options),
    ROW_LEARNING_RATE(struct ppo_options, "0.0003"),
    ROW_CLIP_RANGE(struct ppo_options, "0.2"),
    {ROW(struct ppo_options, clip_range_vf), .type = OPTION_MAYBE_SCHEDULE, .default_value = "null", .min = 0,
     .min_exclusive = true, .max = OPTION_NO_MAX,
     .help = "how far the value may go from the old one; lin_X falls to zero, where it may not go at all; null: not "
             "clipped"},
    {ROW(struct ppo_options, clip_range_vf_form), .type = OPTION_CHOICE, .default_value = "replace",
     .choices = value_clip_forms, .only_when = "clip_range_vf is not null",
     .help = "loss of a clipped value: replace (SB3) the value, or max of both losses (the original PPO code)"},
    ROW_ENT_COEF(struct ppo_options, "0"),
    ROW_VF_COEF(struct ppo_options, "0.5"),
    ROW_MAX_GRAD_NORM(struct ppo_options, "0.5"),
    ROW_NORMALIZE_ADVANTAGE(struct ppo_options, "true"),
    ROW_TARGET_KL(struct ppo_options),
    {.key = "adam_epsilon",
     .offset = offsetof(struct ppo_options, settings.optimizer_epsilon),
     .type = OPTION_FLOAT,
     .default_value = "1e-5",
     .min = 0,
     .min_exclusive = true,
     .max = 1,
     .help = "keeps Adam's division finite"},
    {.key = NULL},
};

static muster_status ppo_check(const struct document *document, const void *object, int64_t num_envs) {
  const struct ppo_options *options = object;
  const int64_t n_steps = options->settings.n_steps, samples = n_steps * num_envs;
  if (options->batch_size > samples)
    return document_error(document, "algorithm.batch_size",
                          "is larger than the batch: n_steps %lld x num_envs %lld = %lld samples; expects at most %lld",
                          (long long)n_steps, (long long)num_envs, (long long)samples, (long long)samples);
  if (samples < 2 && options->settings.normalize_advantage)
    return document_error(document, "algorithm.n_steps",
                          "makes rollouts of one sample, whose advantage cannot be normalised; expects at least 2");
  return MUSTER_OK;
}

/* --- the loss --- */

/* what the loss of a minibatch depends on; the clip range comes first, where policy_loss_clipped() reads it */
struct ppo_context {
  float clip_range, clip_range_vf; /* the latter infinite: values are not clipped */
  int clip_range_vf_form;
};

/* the squared error of a value that may go no farther than clip_range_vf from the old one */
static void value_loss_clipped(struct policy_gradient *policy, const float *value, size_t value_ld, float inverse_n,
                               const void *object, struct losses *losses) {
  const struct ppo_context *context = object;
  const struct batch_tile *tile = &policy->tile;
  const float clip_range_vf = context->clip_range_vf, scale = 2.0f * (float)policy->settings.vf_coef * inverse_n;
  const size_t ld = linear_padded(1);
  for (size_t r = 0; r < tile->rows; r++) {
    float v = value[r * value_ld], error = v - tile->returns[r], gradient = error;
    double term = (double)error * error;
    float moved = v - tile->values[r];
    if (fabsf(moved) > clip_range_vf) {
      /* a clipped value has no gradient; with "max" the unclipped loss counts where it is the larger */
      float bounded_error = tile->values[r] + copysignf(clip_range_vf, moved) - tile->returns[r];
      double bounded_term = (double)bounded_error * bounded_error;
      bool use_bounded = context->clip_range_vf_form == PPO_VALUE_CLIP_REPLACE || bounded_term > term;
      if (use_bounded) {
        term = bounded_term;
        gradient = 0.0f;
      }
    }
    losses->value += term;
    policy->d_value[r * ld] = scale * gradient;
  }
  for (size_t r = tile->rows; r < tile->padded_rows; r++) policy->d_value[r * ld] = 0.0f;
}

static struct ppo_context make_context(const struct ppo_options *options, double clip_range, double clip_range_vf) {
  return (struct ppo_context){(float)clip_range, (float)clip_range_vf, options->clip_range_vf_form};
}

static struct tile_loss make_loss(const struct ppo_context *context) {
  return (struct tile_loss){.policy = policy_loss_clipped,
                            .value = isinf(context->clip_range_vf) ? value_loss_squared : value_loss_clipped,
                            .context = context};
}

muster_status ppo_minibatch_gradient(struct policy_gradient *ppo, const uint32_t *index, size_t n, double clip_range,
                                     double clip_range_vf, struct losses *losses) {
  const struct ppo_context context = make_context(ppo->options, clip_range, clip_range_vf);
  const struct tile_loss loss = make_loss(&context);
  return policy_gradient_gradient(ppo, &loss, index, n, losses);
}

/* --- the update --- */

enum { METRIC_CLIP_RANGE_VF = METRICS_RATIO, METRICS };
static const char *const ppo_metrics[METRICS + 1] = {METRIC_NAMES_RATIO, "train/clip_range_vf", NULL};

static muster_status ppo_update(void *algorithm, double progress_remaining, double *metrics) {
  struct policy_gradient *policy = algorithm;
  const struct ppo_options *options = policy->options;
  const struct epochs_settings epochs = {
      .n_epochs = options->n_epochs,
      .batch_size = options->batch_size,
      .learning_rate = option_schedule_value(&options->settings.learning_rate, progress_remaining),
      .target_kl = options->target_kl,
  };
  double clip_range = option_schedule_value(&options->clip_range, progress_remaining);
  double clip_range_vf =
      options->clip_range_vf.is_null ? INFINITY : option_schedule_value(&options->clip_range_vf, progress_remaining);

  /* values and advantages, then epochs over random minibatches */
  model_pack(policy->model, true);
  batch_list_samples(&policy->batch);
  MUSTER_TRY(batch_estimate_advantages(&policy->batch, policy->model, (enum advantage_estimator)options->estimator,
                                       options->settings.gamma,
                                       isnan(options->lambda) ? options->gae_lambda : options->lambda));
  const struct ppo_context context = make_context(options, clip_range, clip_range_vf);
  const struct tile_loss loss = make_loss(&context);
  struct update_totals totals;
  policy_gradient_begin_update(policy, progress_remaining);
  MUSTER_TRY(policy_gradient_epochs(policy, &loss, &epochs, &totals));
  policy_gradient_fill_common(policy, &totals, epochs.learning_rate, metrics);
  policy_gradient_fill_ratio(&totals, clip_range, metrics);
  metrics[METRIC_CLIP_RANGE_VF] = options->clip_range_vf.is_null ? (double)NAN : clip_range_vf;
  return MUSTER_OK;
}

const struct algorithm_type algorithm_ppo = {
    .name = "ppo",
    .summary = "proximal policy optimization, clipped surrogate (Schulman et al. 2017)",
    .base = &policy_gradient_base,
    .options = OPTION_TABLE("ppo", ppo_option_list),
    .options_size = sizeof(struct ppo_options),
    .corrects_lag = true,
    .metrics = ppo_metrics,
    .check = ppo_check,
    .update = ppo_update,
};
