/* Soft actor-critic (Haarnoja et al. 2018): learns the most random policy among the good ones, by rewarding entropy,
 * with the weight ("temperature") alpha.
 *
 *   target       y = R + discount * (min_i Q_i(next s, a') - alpha log pi(a'|next s)),  a' drawn from the policy, Q_i
 *                by their slow copies; R and discount of n_steps  (equation 6, with two critics as in section 6)
 *   critics      L = sum_i mean 1/2 (Q_i(s, a) - y)^2  (equation 5)
 *   policy       L = mean (alpha log pi(a|s) - min_i Q_i(s, a)),  a = f(noise; s) drawn from the policy  (equation 9)
 *   temperature  L = -mean log(alpha) * (log pi(a|s) + target_entropy)  (equation 18, of log alpha as in
 *                Stable-Baselines3); with ent_coef: auto
 *   copies       copy += tau * (learned - copy)
 *
 * An update is in the order of Stable-Baselines3: the critics' step, then those of policy and temperature, of which
 * both read the same actions; all losses have the temperature from before. The policy is a squashed Gaussian
 * (nn/distributions/squashed_gaussian.c). */
#include "algo/critic_learning.h"
#include "algo/options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sac_options {
  struct replay_learning_settings settings;
  int64_t n_critics;
  char ent_coef[OPTION_STRING_SIZE], target_entropy[OPTION_STRING_SIZE];
};

struct sac {
  struct critic_learning base;
  bool learns_temperature;
  float log_ent_coef; /* the logarithm of the temperature */
  double ent_coef;    /* the temperature in this update */
  double target_entropy;
  double ent_coef_loss; /* of the last update; NAN where it is not learned */
  struct optimizer optimizer;
};

/* --- options --- */

/* the number that a text is, without anything behind it */
static bool read_number(const char *text, double *out) {
  char *end;
  *out = strtod(text, &end);
  return text[0] != '\0' && *end == '\0' && isfinite(*out);
}

/* the temperature that a text gives, or at which learning begins: 1 for "auto" */
static bool read_ent_coef(const char *text, bool *is_learned, double *value) {
  *is_learned = strncmp(text, "auto", 4) == 0;
  *value = 1.0;
  if (!*is_learned) return read_number(text, value) && *value >= 0;
  if (text[4] == '\0') return true;
  return text[4] == '_' && read_number(text + 5, value) && *value > 0;
}

static muster_status check_ent_coef(const char *text) {
  bool is_learned;
  double value;
  if (read_ent_coef(text, &is_learned, &value)) return MUSTER_OK;
  return status_error(MUSTER_ERROR_USAGE, "expects auto, auto_X with a first value X > 0, or a number >= 0");
}

static muster_status check_target_entropy(const char *text) {
  double value;
  if (strcmp(text, "auto") == 0 || read_number(text, &value)) return MUSTER_OK;
  return status_error(MUSTER_ERROR_USAGE, "expects auto or a number");
}

static const struct option_spec sac_option_list[] = {
    ROW_BUFFER_SIZE(struct sac_options, "1000000"),
    ROW_LEARNING_STARTS(struct sac_options, "100"),
    ROW_TRAIN_FREQ(struct sac_options, "1"),
    ROW_GRADIENT_STEPS(struct sac_options, "1"),
    ROW_REPLAY_BATCH_SIZE(struct sac_options, "256"),
    ROW_REPLAY_N_STEPS(struct sac_options, "1"),
    ROW_GAMMA(struct sac_options, "0.99"),
    ROW_TAU(struct sac_options, "0.005"),
    ROW_TARGET_UPDATE_INTERVAL(struct sac_options, "1"),
    {ROW(struct sac_options, ent_coef), .type = OPTION_STRING, .default_value = "auto", .check = check_ent_coef,
     .help = "the temperature, the weight of the entropy: auto learns it, auto_X from X on; or a number"},
    {ROW(struct sac_options, target_entropy), .type = OPTION_STRING, .default_value = "auto",
     .check = check_target_entropy,
     .help = "the entropy towards which the temperature is learned; auto: minus the number of the action's elements"},
    ROW_N_CRITICS(struct sac_options, "2"),
    ROW_PRIORITIZED(struct sac_options),
    ROW_REPLAY_ALPHA(struct sac_options),
    ROW_REPLAY_BETA(struct sac_options),
    ROW_REPLAY_BETA_FINAL(struct sac_options),
    ROW_REPLAY_EPSILON(struct sac_options),
    ROW_LEARNING_RATE(struct sac_options, "0.0003"),
    ROW_OPTIMIZER(struct sac_options, "adam"),
    ROW_OPTIMIZER_EPSILON(struct sac_options, "1e-8"),
    {.key = NULL},
};

static void sac_request(const void *object, struct policy_request *request) {
  const struct sac_options *options = object;
  snprintf(request->distribution, sizeof request->distribution, "SquashedGaussian");
  request->n_critics = options->n_critics;
}

/* --- the update --- */

static void find_targets(struct critic_learning *learning, size_t first, size_t rows) {
  const struct sac *sac = (const struct sac *)learning;
  const struct replay_tile *tile = &learning->base.tile;
  const float *log_prob = learning->base.model->head.log_prob, alpha = (float)sac->ent_coef;
  size_t which;
  critic_learning_act(learning, learning->next_policy, CRITIC_NOISE_NEXT, first, rows, tile->next.observation);
  critic_learning_take(learning, rows, tile->next.observation, learning->actions);
  critic_learning_run(learning, learning->target, learning->n_critics);
  for (size_t r = 0; r < rows; r++) {
    /* a next value of an episode that has terminated is not looked at, whatever it is */
    const float next = critic_learning_least(learning, r, &which) - alpha * log_prob[r], discount = tile->discount[r];
    learning->targets[r] = tile->step.reward[r] + (discount > 0 ? discount * next : 0.0f);
  }
}

static void improve(struct critic_learning *learning, size_t first, size_t rows, const void *observations,
                    float *gradient, struct actor_losses *losses) {
  const struct sac *sac = (const struct sac *)learning;
  critic_learning_climb(learning, CRITIC_LEAST, sac->ent_coef, first, rows, observations, gradient, losses);
}

/* the temperature's step */
static muster_status learn_temperature(struct critic_learning *learning, const struct actor_losses *losses,
                                       double learning_rate) {
  struct sac *sac = (struct sac *)learning;
  if (!sac->learns_temperature) return MUSTER_OK;
  const double n = (double)learning->base.settings.batch_size, gap = losses->log_prob / n + sac->target_entropy;
  const float gradient = (float)-gap;
  sac->ent_coef_loss = -sac->log_ent_coef * gap;
  optimizer_step(&sac->optimizer, &sac->log_ent_coef, &gradient, 1.0, learning_rate);
  return MUSTER_OK;
}

static muster_status sac_create(const struct algorithm_context *context, void *algorithm) {
  static const struct critic_rules rules = {
      .squares = 0.5f, .find_targets = find_targets, .improve = improve, .finish = learn_temperature};
  struct sac *sac = algorithm;
  const struct sac_options *options = context->options;
  const struct replay_learning_settings *settings = &options->settings;
  sac->base.rules = &rules;
  sac->base.target_update_interval = settings->target_update_interval;
  sac->ent_coef_loss = NAN;
  read_ent_coef(options->ent_coef, &sac->learns_temperature, &sac->ent_coef);
  sac->log_ent_coef = sac->learns_temperature ? (float)log(sac->ent_coef) : 0.0f;
  if (!read_number(options->target_entropy, &sac->target_entropy))
    sac->target_entropy = -(double)context->model->head.elements;
  MUSTER_TRY(
      optimizer_create_by_name(settings->optimizer, 1, settings->optimizer_epsilon, context->arena, &sac->optimizer));
  optimizer_narrow(&sac->optimizer, "temperature", 0);
  return MUSTER_OK;
}

static int sac_state(void *algorithm, struct tensor *list) {
  struct sac *sac = algorithm;
  if (!sac->learns_temperature) return 0;
  const int n = optimizer_state(&sac->optimizer, list);
  list[n] = (struct tensor){"algorithm/log_ent_coef", TENSOR_F32, 0, {0}, &sac->log_ent_coef, RANGE_FINITE};
  return n + 1;
}

enum { METRIC_ENT_COEF = CRITIC_METRICS, METRIC_ENT_COEF_LOSS, METRICS };

static const char *const sac_metrics[METRICS + 1] = {CRITIC_METRIC_NAMES, "train/ent_coef", "train/ent_coef_loss",
                                                     NULL};

static muster_status sac_update(void *algorithm, double progress_remaining, double *metrics) {
  struct sac *sac = algorithm;
  if (sac->learns_temperature) sac->ent_coef = exp((double)sac->log_ent_coef);
  MUSTER_TRY(critic_learning_update(&sac->base, progress_remaining, metrics));
  metrics[METRIC_ENT_COEF] = sac->ent_coef;
  metrics[METRIC_ENT_COEF_LOSS] = sac->ent_coef_loss;
  return MUSTER_OK;
}

const struct algorithm_type algorithm_sac = {
    .name = "sac",
    .summary = "soft actor-critic from a replay, Box actions (Haarnoja et al. 2018)",
    .base = &critic_learning_base,
    .options = OPTION_TABLE("sac", sac_option_list),
    .options_size = sizeof(struct sac_options),
    .size = sizeof(struct sac),
    .corrects_lag = true,
    .metrics = sac_metrics,
    .policy = MODEL_DEFAULTS("sac", "[256, 256]", "relu", "false"),
    .request = sac_request,
    .create = sac_create,
    .state = sac_state,
    .update = sac_update,
};
