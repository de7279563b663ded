/* Deep deterministic policy gradient (Lillicrap et al. 2016, algorithm 1): Q-learning for actions that are a Box. A
 * deterministic policy mu stands in for the maximum over the actions.
 *
 *   target  y = R + discount * Q(next s, mu(next s)),  Q and mu by their slow copies; R and discount of n_steps
 *   critic  L = mean (Q(s, a) - y)^2
 *   policy  L = -mean Q(s, mu(s)),  its gradient through the action: grad_a Q(s, a) grad mu(s)  (equation 6)
 *   copies  copy += tau * (learned - copy)
 *
 * The targets and losses are in deterministic_actor.c and critic_learning.c. */
#include "algo/deterministic_actor.h"

static const struct option_spec ddpg_option_list[] = {
    ROW_BUFFER_SIZE(struct deterministic_actor_options, "1000000"),
    ROW_LEARNING_STARTS(struct deterministic_actor_options, "100"),
    ROW_TRAIN_FREQ(struct deterministic_actor_options, "1"),
    ROW_GRADIENT_STEPS(struct deterministic_actor_options, "1"),
    ROW_REPLAY_BATCH_SIZE(struct deterministic_actor_options, "256"),
    ROW_REPLAY_N_STEPS(struct deterministic_actor_options, "1"),
    ROW_GAMMA(struct deterministic_actor_options, "0.99"),
    ROW_TAU(struct deterministic_actor_options, "0.005"),
    ROW_N_CRITICS(struct deterministic_actor_options, "1"),
    ROWS_ACTION_NOISE(struct deterministic_actor_options),
    ROWS_PRIORITIZED(struct deterministic_actor_options),
    ROWS_ASYNCHRONOUS(struct deterministic_actor_options),
    ROW_LEARNING_RATE(struct deterministic_actor_options, "0.001"),
    ROW_OPTIMIZER(struct deterministic_actor_options, "adam"),
    ROW_OPTIMIZER_EPSILON(struct deterministic_actor_options, "1e-8"),
    {.key = NULL},
};

const struct algorithm_type algorithm_ddpg = {
    .name = "ddpg",
    .summary = "deep deterministic policy gradient from a replay, Box actions (Lillicrap et al. 2016)",
    .base = &critic_learning_base,
    .options = OPTION_TABLE("ddpg", ddpg_option_list),
    .options_size = sizeof(struct deterministic_actor_options),
    .corrects_lag = true,
    .metrics = critic_learning_metrics,
    .policy = MODEL_DEFAULTS("ddpg", "[400, 300]", "relu", "false"),
    .request = deterministic_actor_request,
    .networks = critic_learning_networks_with_policy,
    .create = deterministic_actor_create,
    .update = deterministic_actor_update,
};
