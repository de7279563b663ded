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
 * (nn/distributions/squashed_gaussian.c); Discrete actions have a form of their own (sac_discrete.c). */
#include "algo/sac.h"
#include "algo/options.h"
#include "algo/whole_minibatch.h"

#include "base/random.h"
#include "config/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define QUANTILES_MAX 200
#define HAS_COPIES "batch_norm is false" /* of the critics */

struct sac_options {
  struct replay_learning_settings settings;
  int64_t policy_delay, n_critics, target_critics, quantiles, top_quantiles_to_drop_per_net;
  bool layer_norm, batch_norm;
  double dropout, batch_norm_momentum;
  int64_t renorm_warmup_steps;
  struct action_noise noise;
  char ent_coef[OPTION_STRING_SIZE], target_entropy[OPTION_STRING_SIZE];
};

/* --- options --- */

/* the temperature that a text gives, or at which learning begins: 1 for "auto" */
static bool read_ent_coef(const char *text, bool *is_learned, double *value) {
  *is_learned = strncmp(text, "auto", 4) == 0;
  *value = 1.0;
  if (!*is_learned) return text_to_number(text, value) && *value >= 0;
  if (text[4] == '\0') return true;
  return text[4] == '_' && text_to_number(text + 5, value) && *value > 0;
}

static muster_status check_ent_coef(const char *text) {
  bool is_learned;
  double value;
  if (read_ent_coef(text, &is_learned, &value)) return MUSTER_OK;
  return status_error(MUSTER_ERROR_USAGE, "expects auto, auto_X with a first value X > 0, or a number >= 0");
}

static muster_status check_target_entropy(const char *text) {
  double value;
  if (strcmp(text, "auto") == 0 || text_to_number(text, &value)) return MUSTER_OK;
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
    ROW_TAU_WHEN(struct sac_options, "0.005", HAS_COPIES),
    ROW_TARGET_UPDATE_INTERVAL_WHEN(struct sac_options, "1", HAS_COPIES),
    {ROW(struct sac_options, ent_coef), .type = OPTION_STRING, .default_value = "auto", .check = check_ent_coef,
     .help = "the temperature, the weight of the entropy: auto learns it, auto_X from X on; or a number"},
    {ROW(struct sac_options, target_entropy), .type = OPTION_STRING, .default_value = "auto",
     .check = check_target_entropy, .only_when = "ent_coef is auto, auto_*",
     .help = "the entropy towards which the temperature is learned; auto: minus the number of the action's elements, "
             "or of n Discrete actions 0.98 log n"},
    {ROW(struct sac_options, policy_delay), .type = OPTION_INT, .default_value = "1", .min = 1, .max = 1e9,
     .help = "updates of the critics for each one of the policy and of the temperature"},
    ROW_N_CRITICS(struct sac_options, "2"),
    {ROW(struct sac_options, target_critics), .type = OPTION_MAYBE_INT, .default_value = "null", .min = 1,
     .max = CRITICS_MAX, .only_when = HAS_COPIES,
     .help = "critics that count in a target, drawn for each update, of which the policy's loss then has the mean "
             "(REDQ); null: all, and the least in both"},
    {ROW(struct sac_options, quantiles), .type = OPTION_MAYBE_INT, .default_value = "null", .min = 2,
     .max = QUANTILES_MAX, .help = "critics learn so many quantiles of the return (TQC); null: its mean"},
    {ROW(struct sac_options, top_quantiles_to_drop_per_net), .type = OPTION_INT, .default_value = "2", .min = 0,
     .max = QUANTILES_MAX - 1, .only_when = "quantiles is not null",
     .help = "so many for each critic, the largest of all, do not count in a target"},
    {ROW(struct sac_options, layer_norm), .type = OPTION_BOOL, .default_value = "false", .only_when = HAS_COPIES,
     .help = "whether the critics' hidden layers are normalised before their activation"},
    {ROW(struct sac_options, dropout), .type = OPTION_FLOAT, .default_value = "0", .min = 0, .max = 0.99,
     .help = "share of the numbers that the critics' hidden layers drop at each update, before they are normalised "
             "(DroQ)"},
    {ROW(struct sac_options, batch_norm), .type = OPTION_BOOL, .default_value = "false",
     .help =
         "whether the input and each hidden layer of policy and critics are normalised over the minibatch, by batch "
         "renormalisation, in place of slow copies of the critics (CrossQ)"},
    {ROW(struct sac_options, batch_norm_momentum), .type = OPTION_FLOAT, .default_value = "0.99", .min = 0,
     .max = 0.999999, .only_when = "batch_norm is true",
     .help = "what running statistics keep of themselves at each update"},
    {ROW(struct sac_options, renorm_warmup_steps), .type = OPTION_INT, .default_value = "100000", .min = 0, .max = 1e15,
     .only_when = "batch_norm is true",
     .help = "updates of a network before its running statistics count in its updates"},
    ROWS_ACTION_NOISE(struct sac_options),
    ROWS_PRIORITIZED(struct sac_options),
    ROWS_ASYNCHRONOUS(struct sac_options),
    ROW_LEARNING_RATE(struct sac_options, "0.0003"),
    ROW_OPTIMIZER(struct sac_options, "adam"),
    ROW_OPTIMIZER_EPSILON(struct sac_options, "1e-8"),
    {.key = NULL},
};

static void sac_request(const void *object, struct policy_request *request) {
  const struct sac_options *options = object;
  snprintf(request->distribution, sizeof request->distribution, "SquashedGaussian");
  snprintf(request->discrete, sizeof request->discrete, "ExploringCategorical");
  request->n_critics = options->n_critics;
  request->blocks = true;
  request->critic_atoms = options->quantiles == OPTION_NULL_INT ? 1 : options->quantiles;
  request->critics = (struct hidden_request){.dropout = options->dropout,
                                             .layer_norm = options->layer_norm,
                                             .batch_norm = options->batch_norm,
                                             .momentum = options->batch_norm_momentum};
  request->hidden.batch_norm = options->batch_norm;
  request->hidden.momentum = options->batch_norm_momentum;
  /* with what follows each step */
  request->batch_rows = options->batch_norm ? 2 * options->settings.batch_size : 0;
  request->noise = options->noise;
}

static const struct model_network_spec *sac_networks(const void *object) {
  const struct sac_options *options = object;
  return options->batch_norm ? critic_learning_networks_without_copies(object) : critic_learning_base.networks(object);
}

static muster_status sac_check(const struct document *document, const void *object, int64_t num_envs) {
  (void)num_envs;
  const struct sac_options *options = object;
  const bool has_quantiles = options->quantiles != OPTION_NULL_INT;
  if (options->batch_norm && options->settings.batch_size < 2)
    return document_error(document, "algorithm.batch_size",
                          "with batch_norm statistics are over the minibatch; expects at least 2");
  if (options->target_critics != OPTION_NULL_INT && options->target_critics > options->n_critics)
    return document_error(document, "algorithm.target_critics", "expects at most n_critics, %lld",
                          (long long)options->n_critics);
  if (has_quantiles && options->target_critics != OPTION_NULL_INT)
    return document_error(document, "algorithm.target_critics", "with quantiles all critics count; expects null");
  if (has_quantiles && options->top_quantiles_to_drop_per_net >= options->quantiles)
    return document_error(document, "algorithm.top_quantiles_to_drop_per_net",
                          "drops all %lld quantiles; expects fewer", (long long)options->quantiles);
  return MUSTER_OK;
}

/* --- the update --- */

/* sorts in ascending order, by insertion at shrinking distances (Shell 1959; Ciura 2001): unlike qsort() it takes no
 * memory */
static void sort(float *values, size_t n) {
  static const size_t gaps[] = {1750, 701, 301, 132, 57, 23, 10, 4, 1};
  for (size_t g = 0; g < sizeof gaps / sizeof *gaps; g++)
    for (size_t i = gaps[g]; i < n; i++) {
      const float value = values[i];
      size_t k = i;
      for (; k >= gaps[g] && values[k - gaps[g]] > value; k -= gaps[g]) values[k] = values[k - gaps[g]];
      values[k] = value;
    }
}

/* what comes after row r: the least value, or the lower part of all quantiles (Kuznetsov et al. 2020, section 3) */
static void find_values(const struct critic_learning *learning, size_t r, float *values) {
  float all[CRITICS_MAX * QUANTILES_MAX];
  const size_t atoms = learning->atoms, n = learning->n_run * atoms;
  size_t which;
  if (atoms == 1) {
    *values = critic_learning_least(learning, r, &which);
    return;
  }
  for (size_t i = 0; i < learning->n_run; i++)
    memcpy(all + i * atoms, learning->values[i] + r * learning->value_ld, atoms * sizeof *all);
  sort(all, n);
  memcpy(values, all, learning->n_targets * sizeof *all);
}

static void weigh_next(struct critic_learning *learning, size_t rows) {
  const struct replay_tile *tile = &learning->base.tile;
  const float *log_prob = learning->next_log_probs, alpha = (float)((struct sac *)learning)->ent_coef;
  const size_t n = learning->n_targets;
  for (size_t r = 0; r < rows; r++) {
    const float reward = tile->step.reward[r], discount = tile->discount[r];
    float *targets = learning->targets + r * n;
    find_values(learning, r, targets);
    /* a next value of an episode that has terminated is not looked at, whatever it is */
    for (size_t j = 0; j < n; j++)
      targets[j] = reward + (discount > 0 ? discount * (targets[j] - alpha * log_prob[r]) : 0.0f);
  }
}

static void find_targets(struct critic_learning *learning, size_t first, size_t rows) {
  const struct replay_tile *tile = &learning->base.tile;
  critic_learning_act(learning, learning->next_policy, CRITIC_NOISE_NEXT, first, rows, tile->next.observation);
  critic_learning_take(learning, rows, tile->next.observation, learning->actions);
  sac_run_targets(learning);
  learning->next_log_probs = learning->base.model->head.log_probs;
  weigh_next(learning, rows);
}

static void improve(struct critic_learning *learning, size_t first, const struct linear_groups *groups,
                    const void *observations, float *gradient, struct actor_losses *losses) {
  const struct sac *sac = (const struct sac *)learning;
  const bool takes_all = learning->atoms > 1 || sac->n_chosen < learning->n_critics;
  critic_learning_climb(learning, takes_all ? CRITIC_MEAN : CRITIC_LEAST, sac->ent_coef, first, groups, observations,
                        gradient, losses);
}

static muster_status sac_create(const struct algorithm_context *context, void *algorithm) {
  static const struct critic_rules rules = {.squares = 0.5f,
                                            .find_targets = find_targets,
                                            .weigh_next = weigh_next,
                                            .improve = improve,
                                            .finish = sac_learn_temperature};
  struct sac *sac = algorithm;
  const struct sac_options *options = context->options;
  const struct replay_learning_settings *settings = &options->settings;
  const struct policy_head *head = &context->model->head;
  const bool has_choices = head->counts != NULL;
  sac->base.rules = has_choices ? &sac_discrete_rules : &rules;
  sac->base.target_update_interval = settings->target_update_interval;
  sac->base.policy_delay = options->policy_delay;
  sac->base.renorm_warmup_steps = options->renorm_warmup_steps;
  if (options->batch_norm) MUSTER_TRY(whole_minibatch_create(context, &sac->base));
  if (sac->base.atoms > 1)
    sac->base.n_targets = sac->base.n_critics * (sac->base.atoms - (size_t)options->top_quantiles_to_drop_per_net);
  sac->n_chosen = options->target_critics != OPTION_NULL_INT ? (size_t)options->target_critics : sac->base.n_critics;
  read_ent_coef(options->ent_coef, &sac->learns_temperature, &sac->ent_coef);
  sac->log_ent_coef = sac->learns_temperature ? (float)log(sac->ent_coef) : 0.0f;
  if (!text_to_number(options->target_entropy, &sac->target_entropy))
    sac->target_entropy = has_choices ? sac_discrete_target_entropy(head->choices) : -(double)head->elements;
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
  sac->ent_coef_loss = NAN;
  MUSTER_TRY(critic_learning_update(&sac->base, progress_remaining, metrics));
  metrics[METRIC_ENT_COEF] = sac->ent_coef;
  metrics[METRIC_ENT_COEF_LOSS] = sac->ent_coef_loss;
  return MUSTER_OK;
}

const struct algorithm_type algorithm_sac = {
    .name = "sac",
    .summary = "soft actor-critic from a replay, Box or Discrete actions (Haarnoja et al. 2018)",
    .base = &critic_learning_base,
    .options = OPTION_TABLE("sac", sac_option_list),
    .options_size = sizeof(struct sac_options),
    .size = sizeof(struct sac),
    .corrects_lag = true,
    .metrics = sac_metrics,
    .policy = MODEL_DEFAULTS("sac", "[256, 256]", "relu", "false"),
    .check = sac_check,
    .request = sac_request,
    .networks = sac_networks,
    .create = sac_create,
    .state = sac_state,
    .update = sac_update,
};
