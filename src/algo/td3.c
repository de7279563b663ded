/* Twin delayed deep deterministic policy gradient (Fujimoto et al. 2018, algorithm 1): ddpg whose values are not
 * overestimated.
 *
 *   target   y = R + discount * min_i Q_i(next s, a'),  Q_i by their slow copies; R and discount of n_steps
 *            a' = clip(mu(next s) + clip(target_policy_noise * n, -c, c)),  mu by its copy, c = target_noise_clip
 *            (equation 14)
 *   critics  L = sum_i mean (Q_i(s, a) - y)^2
 *   policy   every policy_delay updates: L = -mean Q_1(s, mu(s))
 *   copies   every policy_delay updates: copy += tau * (learned - copy)
 *
 * Noises are in units in which every element of an action goes from -1 to 1. The targets and losses are in
 * deterministic_actor.c and critic_learning.c. */
#include "algo/deterministic_actor.h"

static const struct option_spec td3_option_list[] = {
    ROW_BUFFER_SIZE(struct deterministic_actor_options, "1000000"),
    ROW_LEARNING_STARTS(struct deterministic_actor_options, "100"),
    ROW_TRAIN_FREQ(struct deterministic_actor_options, "1"),
    ROW_GRADIENT_STEPS(struct deterministic_actor_options, "1"),
    ROW_REPLAY_BATCH_SIZE(struct deterministic_actor_options, "256"),
    ROW_REPLAY_N_STEPS(struct deterministic_actor_options, "1"),
    ROW_GAMMA(struct deterministic_actor_options, "0.99"),
    ROW_TAU(struct deterministic_actor_options, "0.005"),
    ROW_N_CRITICS(struct deterministic_actor_options, "2"),
    {ROW(struct deterministic_actor_options, policy_delay), .type = OPTION_INT, .default_value = "2", .min = 1,
     .max = 1e9, .help = "updates of the critics for each one of the policy and of the slow copies"},
    {ROW(struct deterministic_actor_options, target_policy_noise), .type = OPTION_FLOAT, .default_value = "0.2",
     .min = 0, .max = 10, .only_when = "target_noise_clip is not 0",
     .help = "standard deviation of the noise in the next actions, whose elements go from -1 to 1"},
    {ROW(struct deterministic_actor_options, target_noise_clip), .type = OPTION_FLOAT, .default_value = "0.5", .min = 0,
     .max = 2, .only_when = "target_policy_noise is not 0", .help = "the largest absolute value of that noise"},
    ROWS_ACTION_NOISE(struct deterministic_actor_options),
    ROWS_PRIORITIZED(struct deterministic_actor_options),
    ROWS_ASYNCHRONOUS(struct deterministic_actor_options),
    ROW_LEARNING_RATE(struct deterministic_actor_options, "0.001"),
    ROW_OPTIMIZER(struct deterministic_actor_options, "adam"),
    ROW_OPTIMIZER_EPSILON(struct deterministic_actor_options, "1e-8"),
    {.key = NULL},
};

const struct algorithm_type algorithm_td3 = {
    .name = "td3",
    .summary = "twin delayed DDPG from a replay, Box actions (Fujimoto et al. 2018)",
    .base = &critic_learning_base,
    .options = OPTION_TABLE("td3", td3_option_list),
    .options_size = sizeof(struct deterministic_actor_options),
    .corrects_lag = true,
    .metrics = critic_learning_metrics,
    .policy = MODEL_DEFAULTS("td3", "[400, 300]", "relu", "false"),
    .request = deterministic_actor_request,
    .networks = critic_learning_networks_with_policy,
    .create = deterministic_actor_create,
    .update = deterministic_actor_update,
};
