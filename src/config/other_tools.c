#include "config/other_tools.h"

#include "config/text.h"

#include <stddef.h>
#include <string.h>

#define GSDE "is of state-dependent exploration (gSDE), which muster does not have: leave it out"
#define PYTHON "is of Python's side, which muster does not have: leave it out"

static const struct other_key {
  const char *key, *advice;
} other_keys[] = {
    /* keys that have another name or place in muster */
    {"n_timesteps", "is called total_steps here, outside of every section"},
    {"total_timesteps", "is called total_steps here, outside of every section"},
    {"n_envs", "is called env.num_envs here"},
    {"env_id", "is called env.name here"},
    {"env_kwargs", "is called env.options here"},
    {"policy", "is not needed: there is one kind of policy, with its options in the section policy; leave it out"},
    {"policy_kwargs", "is the section policy here: net_arch is policy.hidden_sizes, activation_fn policy.activation"},
    {"net_arch", "is called policy.hidden_sizes here; policy.network and policy.value_network list layers"},
    {"activation_fn", "is called policy.activation here: tanh or relu"},
    {"share_features_extractor", "is called policy.share_trunk here"},
    {"normalize", "is a section of its own here: normalize: {norm_obs: true, norm_reward: true}"},
    {"normalize_kwargs", "is the section normalize here"},
    {"eps", "is called algorithm.adam_epsilon here for ppo, rms_prop_eps for a2c, optimizer_epsilon elsewhere"},
    {"lr", "is called algorithm.learning_rate here"},
    {"use_rms_prop", "is called algorithm.optimizer here: rmsprop, or adam for `use_rms_prop: false`"},
    {"use_rms_prop_tf_like", "is called algorithm.optimizer here: rmsprop_tf"},
    {"optimizer_class", "is called algorithm.optimizer here: adam, rmsprop, rmsprop_tf or sgd"},
    {"tensorboard_log", "is called run.tensorboard here: the event files are in the run folder"},
    {"eval_freq", "is called evaluation.every here, in steps of all environments together"},
    {"n_eval_episodes", "is called evaluation.episodes here"},
    {"eval_episodes", "is called evaluation.episodes here"},
    {"save_freq", "is called checkpoint.every here, in steps of all environments together"},
    /* keys that muster does not have */
    {"use_sde", "is state-dependent exploration (gSDE), which muster does not have: leave it out; the deviation "
                "depends on the state with policy.log_std: state, as that of sac always does"},
    {"sde_sample_freq", GSDE},
    {"use_expln", GSDE},
    {"squash_output", GSDE},
    {"full_std", GSDE},
    {"env_wrapper", "is a wrapper in Python, which muster does not have; it has normalize, env.frame_stack, "
                    "env.max_steps and env.action_bounds: leave it out"},
    {"vec_env_wrapper", "is a wrapper in Python, which muster does not have: leave it out"},
    {"callback", PYTHON},
    {"device", "chooses between processor and GPU; muster computes on the processor: leave it out"},
    {"verbose", PYTHON},
    {"monitor_kwargs", PYTHON},
    {"vec_env_class", PYTHON},
    {"features_extractor_class", "is code in Python; muster lists layers, convolutions among them, in policy.network"},
    {"features_extractor_kwargs", "is code in Python; muster lists layers, convolutions among them, in policy.network"},
    {"optimizer_kwargs", "is a dictionary of Python; the optimizer's options stand in the section algorithm"},
    /* of Stable-Baselines3's off-policy algorithms */
    {"noise_type",
     "is called algorithm.action_noise here: none, normal or ornstein-uhlenbeck; its noise_std has the same "
     "name"},
    {"optimize_memory_usage", "is not needed: a replay keeps every observation once; leave it out"},
    {"handle_timeout_termination",
     "is not needed: truncated episodes are never taken for terminated ones; leave it out"},
    {"use_sde_at_warmup", GSDE},
    {"replay_buffer_class", "is code in Python; here algorithm.replay.prioritized chooses how steps are drawn"},
    {"replay_buffer_kwargs", "is a dictionary of Python; here the replay has the options algorithm.replay.*"},
    {"prioritized_replay", "is called algorithm.replay.prioritized here"},
    {"prioritized_replay_alpha", "is called algorithm.replay.alpha here"},
    {"prioritized_replay_beta0", "is called algorithm.replay.beta here"},
    {"prioritized_replay_eps", "is called algorithm.replay.epsilon here"},
    {"stats_window_size", "is always 100 here: leave it out"},
};

static const struct other_key other_algorithms[] = {
    {"ddqn", "dqn with double: true"},
    {"double-dqn", "dqn with double: true"},
    {"dueling-dqn", "dqn with dueling: true"},
    {"qrdqn", "dqn with distributional: qr"},
    {"qr-dqn", "dqn with distributional: qr"},
    {"c51", "dqn with distributional: c51"},
    {"rainbow", "dqn with double, dueling, n_steps, distributional: c51 and replay: {prioritized: true}"},
    {"apex", "dqn with asynchronous: true and replay: {prioritized: true}"},
    {"tqc", "sac with quantiles: 25"},
    {"redq", "sac with n_critics: 10, target_critics: 2 and gradient_steps: 20"},
    {"droq", "sac with dropout: 0.01, layer_norm: true and gradient_steps: 20"},
    {"crossq", "sac with batch_norm: true and policy_delay: 3"},
};

static const char *find_advice(const struct other_key *keys, size_t n, const char *key) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(key, keys[i].key) == 0) return keys[i].advice;
  return NULL;
}

const char *other_tools_advice(const char *key) {
  return find_advice(other_keys, sizeof other_keys / sizeof *other_keys, text_last_word(key));
}

const char *other_tools_algorithm(const char *name) {
  return find_advice(other_algorithms, sizeof other_algorithms / sizeof *other_algorithms, name);
}
