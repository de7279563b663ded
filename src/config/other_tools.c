#include "config/other_tools.h"

#include "config/text.h"

#include <stddef.h>
#include <string.h>

#define OFF_POLICY "is of off-policy algorithms with a replay buffer, which muster does not have: leave it out"
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
    {"use_sde", "is state-dependent exploration (gSDE), which muster does not have: leave it out, or let the deviation "
                "depend on the state by policy.log_std: state"},
    {"sde_sample_freq", "is of state-dependent exploration (gSDE), which muster does not have: leave it out"},
    {"use_expln", "is of state-dependent exploration (gSDE), which muster does not have: leave it out"},
    {"squash_output", "is of state-dependent exploration (gSDE), which muster does not have: leave it out"},
    {"full_std", "is of state-dependent exploration (gSDE), which muster does not have: leave it out"},
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
    {"buffer_size", OFF_POLICY},
    {"learning_starts", OFF_POLICY},
    {"tau", OFF_POLICY},
    {"train_freq", OFF_POLICY},
    {"gradient_steps", OFF_POLICY},
    {"target_update_interval", OFF_POLICY},
    {"exploration_fraction", OFF_POLICY},
    {"exploration_initial_eps", OFF_POLICY},
    {"exploration_final_eps", OFF_POLICY},
    {"replay_buffer_class", OFF_POLICY},
    {"replay_buffer_kwargs", OFF_POLICY},
    {"action_noise", OFF_POLICY},
    {"noise_type", OFF_POLICY},
    {"noise_std", OFF_POLICY},
    {"n_critics", OFF_POLICY},
};

const char *other_tools_advice(const char *key) {
  for (size_t i = 0; i < sizeof other_keys / sizeof *other_keys; i++)
    if (strcmp(text_last_word(key), other_keys[i].key) == 0) return other_keys[i].advice;
  return NULL;
}
