"""Random combinations of algorithm, environment and layout: the same answer at one rank and at three.

MUSTER_COMBINATIONS is their number (200), MUSTER_SEED the seed that chooses them (1); `scripts/soak combinations` runs
one seed after another.
"""

import os
import random

import program

COUNT = int(os.environ.get("MUSTER_COMBINATIONS", "200"))
SEED = int(os.environ.get("MUSTER_SEED", "1"))

PROBE = "obs_dim: 5, episode_length: 7"
ENVIRONMENTS = [
    ("CartPole-v1", ""),
    ("CliffWalking-v0", ""),
    ("FrozenLake-v1", ""),
    ("Taxi-v3", ""),
    ("Bandit-v0", ""),
    ("RockPaperScissors-v0", ""),
    ("TokenCopy-v0", ""),
    ("Minesweeper-v0", ""),
    ("MountainCarContinuous-v0", ""),
    ("Pendulum-v1", ""),
    ("Reacher6-v0", ""),
    ("Probe-v0", PROBE),
    ("Probe-v0", f"{PROBE}, truncates: 1, agents: 2"),
    ("Probe-v0", f"{PROBE}, masks: 1, action_space: multi_discrete"),
    ("Probe-v0", f"{PROBE}, observation: image"),
    ("Probe-v0", f"{PROBE}, observation: discrete, truncates: 1"),
    ("Probe-v0", f"{PROBE}, action_space: box"),
]
STACKED = {"CartPole-v1", "Pendulum-v1", "MountainCarContinuous-v0", "RockPaperScissors-v0"}
NOT_DISCRETE = {"Pendulum-v1", "Reacher6-v0", "MountainCarContinuous-v0"}  # what is done there
BOXES = {"CartPole-v1", "Pendulum-v1", "Reacher6-v0", "MountainCarContinuous-v0"}
ALGORITHMS = {
    "ppo": "n_steps: {n}, batch_size: {b}, n_epochs: {e}",
    "a2c": "n_steps: {n}",
    "reinforce": "n_steps: 60",
    "reinforce-baseline": "n_steps: 60",
    "grpo": "n_steps: 60, group_size: {g}, batch_size: {b}",
    "actor-critic": "",
    "dqn": "buffer_size: {r}, learning_starts: 20, train_freq: {n}, gradient_steps: {e}, batch_size: {b},"
    " n_steps: {w}, double: {d}, replay: {{prioritized: {p}}}",
}
LAYERS = ["hidden_sizes: []", "hidden_sizes: [8]", "hidden_sizes: [16, 8]", "network: [dense 9, relu, tanh, dense 5]"]
LAYOUTS = ["", "colocate: true", "learners: 2", "placement: spread"]


def draw(dice):
    """Draws a config and the layout of its run on three ranks."""
    env, options = dice.choice(ENVIRONMENTS)
    num_envs = dice.choice([3, 4, 5, 8])
    n_steps = dice.choice([5, 8, 16])
    is_discrete = env not in NOT_DISCRETE and "box" not in options and "multi_discrete" not in options
    name = dice.choice([name for name in ALGORITHMS if name != "dqn" or is_discrete])
    group = dice.choice([size for size in (2, 3, 4, 5, 8) if num_envs % size == 0])
    settings = ALGORITHMS[name].format(
        n=n_steps,
        b=num_envs * n_steps // dice.choice([1, 2]),
        e=dice.choice([1, 2]),
        g=group,
        r=num_envs * dice.choice([17, 30, 100]),
        w=dice.choice([1, 3]),
        d=dice.choice(["true", "false"]),
        p=dice.choice(["true", "false"]),
    )
    pipeline = ", pipeline: 1" if name in ("ppo", "dqn") and dice.random() < 0.3 else ""
    wrappers = ", max_steps: 9" if dice.random() < 0.3 else ""
    if env in STACKED and dice.random() < 0.3:
        wrappers += ", frame_stack: 2"
    if dice.random() < 0.05:
        wrappers += ", isolation: process"
    normalize = "{}"
    if env in BOXES and dice.random() < 0.3:
        normalize = f"{{norm_obs: true, norm_reward: {'false' if name == 'dqn' else 'true'}}}"
    layers, shared = dice.choice(LAYERS), "true" if dice.random() < 0.2 else "false"
    steps = num_envs * (n_steps * 3 if name in ("ppo", "a2c", "dqn") else 20)
    return f"""\
seed: {dice.randrange(1000)}
total_steps: {steps}
env: {{name: {env}, num_envs: {num_envs}, options: {{{options}}}{wrappers}}}
policy: {{{layers}, share_trunk: {shared if name in ("ppo", "a2c") else "false"}}}
normalize: {normalize}
algorithm: {{name: {name}{", " if settings else ""}{settings}{pipeline}}}
evaluation: {{every: {dice.choice([0, steps // 2])}, episodes: {dice.randrange(5)}, env: {{max_steps: 200}}}}
checkpoint: {{every: {dice.choice([0, steps // 3])}, interval: null}}
run: {{on_nan: {dice.choice(["stop", "skip"])}, watchdog: null, tensorboard: false}}
""", dice.choice(LAYOUTS)


class Combinations(program.Case):
    def test_same_answer(self):
        dice = random.Random(SEED)
        drawn = [draw(dice) for _ in range(COUNT)]
        layouts = [f"{config}ranks: {{{layout}}}\n" for config, layout in drawn]
        all_alone = self.train_all([(f"{n}-1", config, None, []) for n, (config, _) in enumerate(drawn)])
        all_together = self.train_all([(f"{n}-3", config, 3, []) for n, config in enumerate(layouts)])
        for number, runs in enumerate(zip(all_alone, all_together)):
            with self.subTest(seed=SEED, number=number, config=layouts[number]):
                alone, together = [self.run_muster("inspect", "--digest", run).out for run in runs]
                self.assertRegex(alone, r"^[0-9a-f]{32}\n$")
                self.assertEqual(together, alone)
                self.assertEqual(program.metrics(runs[1]), program.metrics(runs[0]))


if __name__ == "__main__":
    program.main()
