"""Every algorithm: the answer depends neither on the ranks nor on an interruption, also with whole episodes and
groups."""

import program

CONFIG = """\
seed: 7
total_steps: {steps}
env: {env}
policy: {policy}
algorithm: {{{algorithm}}}
evaluation: {{episodes: 6}}
{more}
"""

CARTPOLE = "{name: CartPole-v1, num_envs: 6}"
# episodes of random length that are truncated, not terminated, with two agents and masks
PROBE = (
    "{name: Probe-v0, num_envs: 6, max_steps: 9,"
    " options: {truncates: 1, episode_length: 7, obs_dim: 6, agents: 2, masks: 1}}"
)


LAKE = "{name: FrozenLake-v1, num_envs: 6, max_steps: 12}"
# the same as PROBE, with Discrete observations
STATES = (
    "{name: Probe-v0, num_envs: 6, max_steps: 9, options: {observation: discrete, obs_dim: 6, truncates: 1,"
    " episode_length: 7, agents: 2, masks: 1}}"
)


def config(algorithm, env=CARTPOLE, steps=3000, more="", policy="{hidden_sizes: [32, 32]}"):
    return CONFIG.format(algorithm=algorithm, env=env, steps=steps, more=more, policy=policy)


# always the same: a run that was planned to be shorter explores as the whole one
EXPLORATION = "exploration_initial_eps: 0.3, exploration_final_eps: 0.3"


def table(algorithm, env=LAKE):
    return config(f"{algorithm}, {EXPLORATION}", env=env, policy="{}")


ALGORITHMS = {
    "reinforce": config("name: reinforce, learning_rate: 0.01, normalize_returns: true"),
    "reinforce_total": config("name: reinforce, advantage: {estimator: total_return}, optimizer: sgd"),
    "reinforce_cut": config("name: reinforce, n_steps: 15"),
    "reinforce_agents": config("name: reinforce", env=PROBE, steps=2000),
    "reinforce_normalised": config("name: reinforce", more="normalize: {norm_obs: true, norm_reward: true}"),
    "baseline": config("name: reinforce-baseline, learning_rate: 0.01"),
    "baseline_mean": config("name: reinforce-baseline, baseline: batch_mean"),
    "grpo": config("name: grpo, group_size: 3, batch_size: 50, learning_rate: 0.01"),
    "grpo_reference": config("name: grpo, group_size: 2, kl_coef: 0.1, reference_every: 3, batch_size: 40"),
    "grpo_agents": config("name: grpo, group_size: 3, batch_size: 50", env=PROBE, steps=2000),
    "actor_critic": config("name: actor-critic", steps=1200),
    "actor_critic_q": config("name: actor-critic, critic: q", steps=1200),
    "actor_critic_target": config(
        "name: actor-critic, critic: q, target_update_interval: 2, tau: 0.5", steps=1200
    ),
    "actor_critic_agents": config("name: actor-critic, critic: q", env=PROBE, steps=1200),
    "a2c": config("name: a2c"),
    "a2c_tf": config("name: a2c, optimizer: rmsprop_tf, gae_lambda: 0.9, normalize_advantage: true"),
    "q_learning": table("name: q-learning"),
    "q_learning_windows": table("name: q-learning, n_steps: 4, train_freq: 3"),
    "q_learning_traces": table("name: q-learning, trace: replacing"),
    "sarsa": table("name: sarsa"),
    "sarsa_windows": table("name: sarsa, n_steps: 5", env=STATES),
    "sarsa_traces": table("name: sarsa, trace: accumulating, lambda: 0.8, train_freq: 2", env=STATES),
    "expected_sarsa": table("name: expected-sarsa", env=STATES),
    "expected_sarsa_traces": table("name: expected-sarsa, trace: replacing"),
    "double_q_learning": table("name: double-q-learning, n_steps: 2", env=STATES),
    "pqn": config(f"name: pqn, n_steps: 20, batch_size: 50, {EXPLORATION}"),
    "pqn_agents": config(f"name: pqn, n_steps: 20, batch_size: 50, q_lambda: 0.9, {EXPLORATION}", PROBE, steps=2000),
    "ppo_residual": config("name: ppo, n_steps: 20, batch_size: 60, advantage: {estimator: td_residual}"),
}
# actors that never wait are deterministic on one rank only; test_async.py tests them on several
ASYNCHRONOUS = {
    "a3c": config("name: a3c"),
    "impala": config("name: impala, n_steps: 10"),
    "impala_agents": config("name: impala, vtrace_lambda: 0.9", env=PROBE, steps=2000),
    "appo": config("name: appo, n_steps: 20, batch_size: 50"),
    "appo_agents": config("name: appo, n_steps: 20, batch_size: 50", env=PROBE, steps=2000),
}
WHOLE_EPISODES = ["reinforce", "baseline", "baseline_mean", "grpo", "grpo_reference"]


def learned(run):
    """What a run has learned, without what depends on when it wrote checkpoints."""
    score = ["progress/best_return", "progress/best_steps", "progress/best_is_evaluation"]
    return {name: tensor for name, tensor in program.learned(run).items() if name not in score}


class Algorithms(program.Case):
    def test_any_number_of_ranks(self):
        self.assert_same_layouts(ALGORITHMS, [(2, []), (4, [])])

    def test_resumed(self):
        configs = {**ALGORITHMS, **ASYNCHRONOUS}
        wholes = self.train_all([(f"{name}-whole", text, None, []) for name, text in configs.items()])
        for part, arguments in enumerate([["--set", "total_steps=700"], ["--resume"]]):
            runs = self.train_all([(name, text, (3, 2)[part] if name in ALGORITHMS else None, arguments)
                                   for name, text in configs.items()])
        for run, whole in zip(runs, wholes):
            with self.subTest(algorithm=run.name):
                self.assertEqual(learned(run), learned(whole))
                self.assertEqual(program.metrics(run), program.metrics(whole))

    def test_steps_are_those_of_first_episodes(self):
        for name in WHOLE_EPISODES:
            rows = program.metrics(self.train(name, config=ALGORITHMS[name]))
            # the first rollout has six episodes, and the window has all of them: so their mean length gives the steps
            with self.subTest(algorithm=name):
                first = rows[0]
                self.assertAlmostEqual(
                    float(first["time/total_timesteps"]), 6 * float(first["rollout/ep_len_mean"]), places=3
                )

    def test_longer_episodes_are_cut(self):
        rows = program.metrics(self.train("cut", config=config("name: reinforce, n_steps: 5")))
        self.assertEqual({float(row["rollout/ep_len_mean"]) for row in rows}, {5.0})
        self.assertEqual([float(row["time/total_timesteps"]) for row in rows[:3]], [30.0, 60.0, 90.0])

    def test_wrong_use(self):
        wrong = {
            "name: grpo, group_size: 4": ("algorithm.group_size", "does not divide"),
            "name: actor-critic, advantage: {estimator: q}": ("algorithm.advantage.estimator", "critic"),
            "name: reinforce, gae_lambda: 0.9": ("algorithm.gae_lambda", "a2c, ppo"),
        }
        for text, parts in wrong.items():
            with self.subTest(algorithm=text):
                result = self.run_muster("train", self.write("wrong.yaml", config(text)))
                self.assert_refused(result, 2, *parts)
        box = config("name: actor-critic, critic: q", env="{name: Pendulum-v1, num_envs: 2}")
        self.assert_refused(self.run_muster("train", self.write("box.yaml", box)), 2, "Discrete")


if __name__ == "__main__":
    program.main()
