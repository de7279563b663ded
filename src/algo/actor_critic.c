/* One-step actor-critic (Sutton and Barto 2018, section 13.5; Konda and Tsitsiklis 2000): an update after every step.
 *
 *   critic: v   weight r_t + gamma V(s_{t+1}) - V(s_t), the TD residual;      V learns r_t + gamma V(s_{t+1})
 *   critic: q   weight Q(s_t, a_t);   Q learns r_t + gamma sum_a pi(a | s_{t+1}) Q(s_{t+1}, a)   (expected SARSA)
 *               with a target network the Q of the next state is that of a copy, which follows the critic more slowly
 *               (Mnih et al. 2015)
 *   L = -mean weight_t log pi(a_t | s_t) + vf_coef * mean (target_t - critic)^2 - ent_coef * mean H
 *
 * What changes against REINFORCE with a baseline (reinforce_baseline.c): the critic's value stands for all of the
 * return but its first reward, so an update needs one step and no whole episode. A2C (a2c.c) lies between the two. */
#include "algo/options.h"
#include "algo/policy_gradient.h"
#include "math/vector.h"

#include <string.h>

enum critic { CRITIC_V, CRITIC_Q };
enum weight { WEIGHT_AUTO, WEIGHT_TD_RESIDUAL, WEIGHT_Q };

struct actor_critic_options {
  struct policy_gradient_settings settings;
  int critic, weight; /* enum critic, enum weight */
  double tau;
  int64_t target_update_interval; /* 0: there is no target network */
};

/* --- options --- */

static const char *const critic_names[] = {"v", "q", NULL};
static const char *const weight_names[] = {"auto", "td_residual", "q", NULL};

static const struct option_spec actor_critic_option_list[] = {
    ROW_N_STEPS(struct actor_critic_options, "1"),
    ROW_GAMMA(struct actor_critic_options, "0.99"),
    {ROW(struct actor_critic_options, critic), .type = OPTION_CHOICE, .default_value = "v", .choices = critic_names,
     .help = "what is learned besides the policy: V(s), or Q(s, a), which needs Discrete actions"},
    {.key = "advantage.estimator",
     .offset = offsetof(struct actor_critic_options, weight),
     .type = OPTION_CHOICE,
     .default_value = "auto",
     .choices = weight_names,
     .help = "weight of the policy gradient; auto: td_residual with critic v, q with critic q"},
    {ROW(struct actor_critic_options, tau), .type = OPTION_FLOAT, .default_value = "1", .min = 0, .min_exclusive = true,
     .max = 1, .only_when = "target_update_interval is not 0",
     .help = "how far the target network goes towards the critic; 1: it becomes a copy"},
    {ROW(struct actor_critic_options, target_update_interval), .type = OPTION_INT, .default_value = "0", .min = 0,
     .max = 1e12,
     .help = "critic q: updates after which the target network is renewed that values the next state; 0: the critic "
             "itself values it"},
    ROW_LEARNING_RATE(struct actor_critic_options, "0.0007"),
    ROW_ENT_COEF(struct actor_critic_options, "0"),
    ROW_VF_COEF(struct actor_critic_options, "0.5"),
    ROW_MAX_GRAD_NORM(struct actor_critic_options, "0.5"),
    ROW_NORMALIZE_ADVANTAGE(struct actor_critic_options, "false"),
    ROW_OPTIMIZER(struct actor_critic_options, "adam"),
    ROW_OPTIMIZER_EPSILON(struct actor_critic_options, "1e-5"),
    {.key = NULL},
};

static muster_status actor_critic_check(const struct document *document, const void *object, int64_t num_envs) {
  const struct actor_critic_options *options = object;
  (void)num_envs;
  if (options->target_update_interval > 0 && options->critic == CRITIC_V)
    return document_error(document, "algorithm.target_update_interval",
                          "is %lld, and critic v has no target network; expects 0, or critic q",
                          (long long)options->target_update_interval);
  bool fits = options->weight == WEIGHT_AUTO || (options->weight == WEIGHT_Q) == (options->critic == CRITIC_Q);
  if (fits) return MUSTER_OK;
  return document_error(document, "algorithm.advantage.estimator",
                        "does not fit algorithm.critic: td_residual needs critic v, q needs critic q");
}

static const struct model_network_spec *actor_critic_critic(const void *object) {
  static const struct model_network_spec with_target[] = {
      {.name = "value", .outputs = MODEL_OUTPUTS_CHOICES}, {.name = "target", .copy_of = "value"}, {0}};
  const struct actor_critic_options *options = object;
  if (options->critic == CRITIC_V) return model_critic_v;
  return options->target_update_interval > 0 ? with_target : model_critic_q;
}

/* --- a critic for Q --- */

/* one tile: values[rows] = sum_a pi(a | s) Q(s, a), with the target network's Q where there is one; returns the
 * critic's Q, row r at r * *q_ld */
static const float *expected_values(struct model *model, size_t rows, const void *observations, size_t obs_bytes,
                                    struct action_mask mask, float *values, size_t *q_ld) {
  size_t net_ld;
  const float *q;
  const float *net = model_forward_tile(model, rows, observations, obs_bytes, &net_ld, &q, q_ld);
  struct model_network *target = model_find(model, "target");
  size_t target_ld = *q_ld;
  const float *target_q = target != NULL ? model_forward(model, target, &target_ld) : q;
  float probability[TILE] = {0};
  int32_t actions[TILE];
  memset(values, 0, rows * sizeof *values);
  for (size_t a = 0; a < model_value_outputs(model); a++) {
    for (size_t r = 0; r < rows; r++) actions[r] = (int32_t)a;
    model->head.distribution->evaluate(&model->head, rows, net, net_ld, mask, actions);
    vector_exp(rows, model->head.log_prob, probability);
    for (size_t r = 0; r < rows; r++) values[r] += probability[r] * target_q[r * target_ld + a];
  }
  return q;
}

/* V(s) of all observations, and Q(s_t, a_t) as the weights of the policy gradient */
static void evaluate_rollout(struct batch *batch, struct model *model) {
  const struct trajectory *rollout = batch->rollout;
  const int32_t *action = rollout->action;
  size_t n_steps = rollout->n_steps, count = rollout->n_rows * (n_steps + 1), q_ld;
  for (size_t first = 0; first < count; first += TILE) {
    size_t rows = count - first < TILE ? count - first : TILE;
    const char *observations = (const char *)rollout->observation + first * rollout->obs_bytes;
    struct action_mask mask = {NULL, rollout->mask_bytes};
    if (rollout->mask_bytes > 0) mask.bytes = rollout->mask + first * rollout->mask_bytes;
    const float *q = expected_values(model, rows, observations, rollout->obs_bytes, mask, batch->values + first, &q_ld);
    for (size_t r = 0; r < rows; r++) {
      size_t row = (first + r) / (n_steps + 1), t = (first + r) % (n_steps + 1);
      if (t < n_steps) batch->advantages[row * n_steps + t] = q[r * q_ld + (size_t)action[row * n_steps + t]];
    }
  }
}

/* V of the true last observations of truncated episodes */
static void evaluate_final_observations(struct batch *batch, struct model *model) {
  const struct trajectory *rollout = batch->rollout;
  size_t count = (size_t)rollout->final_observations.count * rollout->agents, q_ld;
  for (size_t first = 0; first < count; first += TILE) {
    size_t rows = count - first < TILE ? count - first : TILE;
    const char *observations = (const char *)rollout->final_observations.observation + first * rollout->obs_bytes;
    expected_values(model, rows, observations, rollout->obs_bytes, batch_final_mask(rollout, first),
                    batch->final_values + first, &q_ld);
  }
  batch_place_bootstraps(batch);
}

/* weights Q(s_t, a_t), and the targets of expected SARSA: r_t + gamma sum_a pi(a | s_{t+1}) Q(s_{t+1}, a) */
static void estimate_q(struct batch *batch, struct model *model, float gamma) {
  evaluate_rollout(batch, model);
  evaluate_final_observations(batch, model);
  size_t n_steps = batch->rollout->n_steps;
  for (size_t index = 0; index < batch->rollout->n_rows; index++) {
    const struct advantage_row row = batch_row(batch, index);
    for (size_t t = 0; t < row.n_steps; t++)
      batch->returns[index * n_steps + t] = row.rewards[t] + gamma * advantage_next_value(&row, t);
  }
}

/* mean (target - Q(s, a))^2: the other actions' outputs have no gradient */
static void value_loss_q(struct policy_gradient *policy, const float *value, size_t value_ld, float inverse_n,
                         const void *context, struct losses *losses) {
  (void)context;
  const struct batch_tile *tile = &policy->tile;
  const int32_t *action = tile->action;
  const size_t ld = linear_padded(model_value_outputs(policy->model));
  const float scale = 2.0f * (float)policy->settings.vf_coef * inverse_n;
  memset(policy->d_value, 0, tile->padded_rows * ld * sizeof *policy->d_value);
  for (size_t r = 0; r < tile->rows; r++) {
    float error = value[r * value_ld + (size_t)action[r]] - tile->returns[r];
    losses->value += (double)error * error;
    policy->d_value[r * ld + (size_t)action[r]] = scale * error;
  }
}

/* --- the update --- */

static muster_status actor_critic_update(void *algorithm, double progress_remaining, double *metrics) {
  struct policy_gradient *policy = algorithm;
  const struct actor_critic_options *options = policy->options;
  const bool learns_q = options->critic == CRITIC_Q;
  const double gamma = options->settings.gamma;

  model_pack(policy->model, true);
  batch_list_samples(&policy->batch);
  if (learns_q)
    estimate_q(&policy->batch, policy->model, (float)gamma);
  else
    MUSTER_TRY(batch_estimate_advantages(&policy->batch, policy->model, ADVANTAGE_TD_RESIDUAL, gamma, 0.0));
  const struct tile_loss loss = {.policy = policy_loss_log_prob, .value = learns_q ? value_loss_q : value_loss_squared};
  MUSTER_TRY(policy_gradient_single_update(policy, &loss, progress_remaining, metrics));
  if (options->target_update_interval > 0 && policy->epochs % options->target_update_interval == 0)
    model_update_targets(policy->model, (float)options->tau);
  return MUSTER_OK;
}

const struct algorithm_type algorithm_actor_critic = {
    .name = "actor-critic",
    .summary = "one-step actor-critic with V(s) or Q(s, a) (Sutton and Barto 2018, section 13.5)",
    .base = &policy_gradient_base,
    .options = OPTION_TABLE("actor-critic", actor_critic_option_list),
    .options_size = sizeof(struct actor_critic_options),
    .metrics = policy_gradient_metrics,
    .check = actor_critic_check,
    .networks = actor_critic_critic,
    .update = actor_critic_update,
};
