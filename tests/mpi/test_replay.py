"""Learning from a replay: the answer is the same at any number of ranks and of learners, which divide the replay, in
step and pipelined, over nodes, and when a run is resumed with another number of them."""

import re
import shutil

import program
import test_algorithms
import test_learners

apart, together = test_learners.apart, test_learners.together

CONFIG = """\
seed: 7
total_steps: {steps}
env: {env}
policy: {{hidden_sizes: [16, 16]}}
algorithm: {{name: {name}, learning_starts: 150, learning_rate: 0.001, {algorithm}}}
evaluation: {{every: 500, episodes: 3}}
checkpoint: {{interval: 0}}
"""

CARTPOLE = "{name: CartPole-v1, num_envs: 5}"
PENDULUM = "{name: Pendulum-v1, num_envs: 4}"
# episodes of random length that are truncated, not terminated, with two agents and masks
PROBE = (
    "{name: Probe-v0, num_envs: 4, max_steps: 9,"
    " options: {truncates: 1, episode_length: 7, obs_dim: 6, agents: 2, masks: 1}}"
)
IMAGES = "{name: Probe-v0, num_envs: 3, options: {obs_dim: 5, episode_length: 7, observation: image}}"


def config(algorithm, env=CARTPOLE, steps=850):
    return CONFIG.format(name="dqn", algorithm=f"target_update_interval: 64, {algorithm}", env=env, steps=steps)


def actor_critic(name, algorithm, env=PENDULUM, steps=850):
    return CONFIG.format(name=name, algorithm=algorithm, env=env, steps=steps)


# minibatches of 1 to 4 micro-batches; replays that do not divide evenly, and turn over
KINDS = {
    "uniform": config("buffer_size: 403, batch_size: 256, gradient_steps: 2"),
    "prioritized": config("buffer_size: 403, batch_size: 200, replay: {prioritized: true}"),
    "n_steps": config("buffer_size: 301, batch_size: 64, n_steps: 3, replay: {prioritized: true}"),
    "double": config("buffer_size: 700, batch_size: 130, double: true, dueling: true"),
    "one_env": config("buffer_size: 211, batch_size: 128, n_steps: 3", "{name: CartPole-v1, num_envs: 1}"),
    "truncating": config("buffer_size: 200, batch_size: 150, n_steps: 3", PROBE),
    "images": config("buffer_size: 200, batch_size: 70, train_freq: 8", IMAGES, steps=600),
    "sac": actor_critic("sac", "buffer_size: 403, batch_size: 256, gradient_steps: 2"),
    "td3": actor_critic("td3", "buffer_size: 700, batch_size: 130, n_steps: 3, n_critics: 3, action_noise: normal"),
    "ddpg": actor_critic("ddpg", "buffer_size: 211, batch_size: 70, action_noise: ornstein-uhlenbeck,"
                         " replay: {prioritized: true}"),
    "sac_discrete": actor_critic("sac", "buffer_size: 403, batch_size: 130, n_critics: 3, target_critics: 2", CARTPOLE),
    "sac_dropout": actor_critic("sac", "buffer_size: 403, batch_size: 130, gradient_steps: 5, train_freq: 2, dropout: 0.1,"
                                " layer_norm: true"),
    "sac_quantiles": actor_critic("sac", "buffer_size: 403, batch_size: 130, train_freq: 8, quantiles: 7,"
                                  " action_noise: ornstein-uhlenbeck"),
    "sac_batch_norm": actor_critic("sac", "buffer_size: 403, batch_size: 256, gradient_steps: 3, train_freq: 2, batch_norm: true,"
                                   " policy_delay: 3, renorm_warmup_steps: 150, replay: {prioritized: true}"),
    # fewer micro-batches than learners, so that some have no rows of any layer
    "batch_norm_small": actor_critic("sac", "buffer_size: 403, batch_size: 70, n_steps: 3, batch_norm: true, dropout: 0.1,"
                                     " renorm_warmup_steps: 200, quantiles: 5") + "normalize: {norm_obs: true}\n",
    "normalized": config("buffer_size: 300, batch_size: 130, n_steps: 3", PROBE) + "normalize: {norm_obs: true}\n",
    "isolated": config("buffer_size: 200, batch_size: 70", PROBE.replace("{", "{isolation: process, ", 1), steps=600),
    "epsilons": config("buffer_size: 403, batch_size: 70, exploration_alpha: 7, exploration_final_eps: 0.4"),
    "quantiles": config("buffer_size: 403, batch_size: 130, train_freq: 8, distributional: qr, n_quantiles: 8"),
}

# numbers of ranks, who of them learns and acts, and how many act
LAYOUTS = [(1, [], 1), (2, [], 1), (3, [], 2), (5, [], 4), (3, apart(2), 1), (5, apart(4), 1), (2, together(), 2),
           (4, together(2), 4)]
# fewer of each for all kinds
SOME = [(2, [], 1), (3, apart(2), 1), (5, apart(4), 1), (3, together(), 3)]

# ranks on nodes (support/everywhere.h)
NODES = [("01", together()), ("0011", apart(2)), ("00112", apart(4)), ("0012", apart(3)), ("0101", together()),
         ("012", [])]


# with sanitizers, fewer layouts: they see the same code at two learners and at four
if program.SANITIZED:
    LAYOUTS, NODES = SOME, NODES[:3]


def pipelined(text):
    return text.replace("algorithm: {", "algorithm: {pipeline: 1, ")


def possible(text, layouts):
    """Those in which every rank that acts has an environment."""
    num_envs = int(re.search(r"num_envs: (\d+)", text).group(1))
    return [(ranks, sets) for ranks, sets, actors in layouts if actors <= num_envs]


class Replay(program.Case):
    def compare(self, configs, layouts):
        """Every layout learns what one rank learns, and something at all."""
        alone = self.assert_same_layouts(configs, {name: possible(configs[name], layouts[name]) for name in configs})
        for run in alone.values():
            self.assertGreater(int(program.metrics(run)[-1]["train/n_updates"]), 10)
        return alone

    def test_layouts(self):
        self.compare(KINDS, {name: LAYOUTS if number < 3 else SOME for number, name in enumerate(KINDS)})

    def test_pipelined(self):
        configs = {name: pipelined(text) for name, text in KINDS.items()}
        alone = self.compare(configs, {name: SOME for name in configs})
        for name in ["uniform", "sac", "quantiles"]:
            in_step = self.train(f"{name}-in-step", config=KINDS[name])
            self.assertNotEqual(program.learned(alone[name]), program.learned(in_step))

    def test_nodes(self):
        texts = {name: KINDS[name] for name in ["uniform", "n_steps", "truncating"]}
        self.assert_same_layouts({**texts, **{f"pipelined-{name}": pipelined(text) for name, text in texts.items()}}, NODES)

    def test_resumed(self):
        """From a checkpoint in the midst of a run, whose learners divide the replay in another way."""
        layouts = [(2, together()), (1, []), (3, apart(2)), (5, apart(4))][: 3 if program.SANITIZED else 4]
        keep = ["--set", "checkpoint.every=250", "--set", "checkpoint.keep=0"]
        texts = {name: KINDS[name] for name in ["prioritized", "truncating", "normalized", "sac", "td3", "sac_batch_norm"]}
        texts.update({f"pipelined-{name}": pipelined(text) for name, text in texts.items()})
        whole, parts = {}, []
        runs = self.train_all([(f"{name}-{ranks}", text, ranks, [*sets, *keep])
                               for name, text in texts.items() for ranks, sets in layouts])
        for number, (name, text) in enumerate(texts.items()):
            of_name = runs[number * len(layouts) : (number + 1) * len(layouts)]
            whole[name] = of_name[0]
            for (ranks, sets), before in zip(layouts, of_name[-1:] + of_name[:-1]):
                parts.append((name, (self.copy_first_part(before).name, text, ranks, [*sets, *keep, "--resume"])))
        resumed = self.train_all([part for _, part in parts])
        for (name, _), run in zip(parts, resumed):
            with self.subTest(run=run.name):
                self.assertEqual(test_algorithms.learned(run), test_algorithms.learned(whole[name]))
                self.assertEqual(program.metrics(run), program.metrics(whole[name]))

    def copy_first_part(self, run):
        """Copies a run folder as if the run had been killed long before its end."""
        part = self.folder / f"{run.name}-part"
        shutil.copytree(run, part, symlinks=True)
        checkpoints = sorted((part / "checkpoints").glob("step-*.h5"))
        self.assertGreater(len(checkpoints), 2)
        for path in [*checkpoints[1:], *part.glob("checkpoints/latest"), *part.glob("checkpoints/best*")]:
            path.unlink()
        return part


if __name__ == "__main__":
    program.main()
