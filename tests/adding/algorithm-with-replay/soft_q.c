/* Soft Q-learning for Discrete actions (Haarnoja et al. 2017, equations 4 to 6 and 11, with a sum over the actions in
 * place of the integral): a policy that is as random as `temperature` rewards.
 *
 *   policy      pi(a|s) = exp(Q(s, a) / temperature) / sum over b of exp(Q(s, b) / temperature)
 *   soft value  V(s)    = temperature * log sum over b of exp(Q(s, b) / temperature)
 *   target      y       = R + discount * V(next s; target network)
 *   loss        L       = mean 1/2 (Q(s, a) - y)^2
 *
 * The policy network's outputs are Q / temperature: then a categorical distribution over them is the policy. */
#include "algo/options.h"
#include "algo/value_learning.h"

#include <math.h>

struct soft_q_options {
  struct replay_learning_settings settings;
  double temperature;
};

static const struct option_spec soft_q_option_list[] = {
    ROW_BUFFER_SIZE(struct soft_q_options, "100000"),
    ROW_LEARNING_STARTS(struct soft_q_options, "1000"),
    ROW_TRAIN_FREQ(struct soft_q_options, "4"),
    ROW_GRADIENT_STEPS(struct soft_q_options, "1"),
    ROW_REPLAY_BATCH_SIZE(struct soft_q_options, "64"),
    ROW_REPLAY_N_STEPS(struct soft_q_options, "1"),
    ROW_GAMMA(struct soft_q_options, "0.99"),
    ROW_TAU(struct soft_q_options, "0.01"),
    ROW_TARGET_UPDATE_INTERVAL(struct soft_q_options, "1"),
    ROW_LEARNING_RATE(struct soft_q_options, "0.001"),
    ROW_MAX_GRAD_NORM(struct soft_q_options, "10"),
    ROW_OPTIMIZER(struct soft_q_options, "adam"),
    ROW_OPTIMIZER_EPSILON(struct soft_q_options, "1e-8"),
    {ROW(struct soft_q_options, temperature), .type = OPTION_FLOAT, .default_value = "1", .min = 0,
     .min_exclusive = true, .max = OPTION_NO_MAX, .help = "rewards that a nat of the policy's entropy is worth"},
    {.key = NULL},
};

/* log sum of exp over the actions that the mask (NULL: all) allows */
static double log_sum_exp(const float *outputs, const uint8_t *mask, size_t actions) {
  double most = -INFINITY, sum = 0;
  for (size_t a = 0; a < actions; a++)
    if ((mask == NULL || mask[a]) && outputs[a] > most) most = outputs[a];
  for (size_t a = 0; a < actions; a++)
    if (mask == NULL || mask[a]) sum += exp(outputs[a] - most);
  return most + log(sum);
}

static void loss(struct value_learning *learning, const struct value_pass *pass, struct value_losses *losses) {
  const struct soft_q_options *options = learning->base.options;
  const struct replay_tile *tile = &learning->base.tile;
  const size_t actions = learning->base.model->head.choices;
  for (size_t r = 0; r < tile->rows; r++) {
    const int32_t action = ((const int32_t *)tile->step.action)[r];
    const uint8_t *mask = tile->next.mask != NULL ? tile->next.mask + r * actions : NULL;
    const double value = options->temperature * pass->values[r * pass->ld + (size_t)action];
    double target = tile->step.reward[r];
    if (tile->discount[r] > 0)
      target +=
          tile->discount[r] * options->temperature * log_sum_exp(pass->next_values + r * pass->next_ld, mask, actions);
    losses->loss += 0.5 * (value - target) * (value - target);
    losses->value += value;
    learning->d_values[r * learning->d_ld + (size_t)action] =
        (float)(options->temperature * (value - target)) * pass->inverse_n;
  }
}

static muster_status soft_q_create(const struct algorithm_context *context, void *algorithm) {
  (void)algorithm;
  if (context->model->head.counts != NULL && context->model->head.elements == 1) return MUSTER_OK;
  return status_error(MUSTER_ERROR_USAGE, "algorithm.name: soft-q needs Discrete actions");
}

static muster_status soft_q_update(void *algorithm, double progress_remaining, double *metrics) {
  return value_learning_update(algorithm, loss, progress_remaining, metrics);
}

const struct algorithm_type algorithm_soft_q = {
    .name = "soft-q",
    .summary = "soft Q-learning from a replay, Discrete actions (Haarnoja et al. 2017)",
    .base = &value_learning_base,
    .options = OPTION_TABLE("soft-q", soft_q_option_list),
    .options_size = sizeof(struct soft_q_options),
    .corrects_lag = true,
    .create = soft_q_create,
    .metrics = value_learning_metrics,
    .update = soft_q_update,
};
