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


def config(algorithm, env=CARTPOLE, steps=1200):
    return CONFIG.format(name="dqn", algorithm=f"target_update_interval: 64, {algorithm}", env=env, steps=steps)


def actor_critic(name, algorithm, env=PENDULUM, steps=1200):
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
    "sac_quantiles": actor_critic("sac", "buffer_size: 403, batch_size: 130, train_freq: 8, quantiles: 7,"
                                  " action_noise: ornstein-uhlenbeck"),
    "normalized": config("buffer_size: 300, batch_size: 130, n_steps: 3", PROBE) + "normalize: {norm_obs: true}\n",
    "isolated": config("buffer_size: 200, batch_size: 70", PROBE.replace("{", "{isolation: process, ", 1), steps=600),
    "quantiles": config("buffer_size: 403, batch_size: 130, train_freq: 8, distributional: qr, n_quantiles: 8"),
}

# numbers of ranks, who of them learns and acts, and how many act
LAYOUTS = [(1, [], 1), (2, [], 1), (3, [], 2), (5, [], 4), (3, apart(2), 1), (5, apart(4), 1), (2, together(), 2),
           (4, together(2), 4)]
# fewer of each for all kinds
SOME = [(2, [], 1), (3, apart(2), 1), (5, apart(4), 1), (3, together(), 3)]

# ranks on nodes (support/everywhere.h)
NODES = [("01", "{colocate: true}"), ("0011", "{learners: 2}"), ("00112", "{learners: 4}"), ("0012", "{learners: 3}"),
         ("0101", "{colocate: true}"), ("012", "")]


def pipelined(text):
    return text.replace("algorithm: {", "algorithm: {pipeline: 1, ")


def possible(text, layouts):
    """Those in which every rank that acts has an environment."""
    num_envs = int(re.search(r"num_envs: (\d+)", text).group(1))
    return [(ranks, sets) for ranks, sets, actors in layouts if actors <= num_envs]


class Replay(program.Case):
    def compare(self, name, text, layouts):
        """Every layout learns what one rank learns, and something at all."""
        alone = self.assert_same_layouts(name, text, possible(text, layouts))
        self.assertGreater(int(program.metrics(alone)[-1]["train/n_updates"]), 10)
        return alone

    def test_layouts(self):
        for number, (name, text) in enumerate(KINDS.items()):
            self.compare(name, text, LAYOUTS if number < 3 and not program.SANITIZED else SOME)

    def test_pipelined(self):
        for name, text in KINDS.items():
            alone = self.compare(name, pipelined(text), SOME)
        self.assertNotEqual(program.learned(alone), program.learned(self.train("in-step", config=text)))

    def test_nodes(self):
        for name in ["uniform", "n_steps", "truncating"]:
            for text in [KINDS[name], pipelined(KINDS[name])]:
                alone = self.train(f"{name}-{len(text)}", config=text)
                for nodes, ranks in NODES:
                    with self.subTest(name=name, nodes=nodes, ranks=ranks):
                        run = self.train_on(nodes, f"{name}-{nodes}-{ranks}-{len(text)}", f"{text}ranks: {ranks or '{}'}\n")
                        self.assert_same_run(run, alone)

    def test_resumed(self):
        """From a checkpoint in the midst of a run, whose learners divide the replay in another way."""
        layouts = [(2, together()), (1, []), (3, apart(2)), (5, apart(4))]
        keep = ["--set", "checkpoint.every=400", "--set", "checkpoint.keep=0"]
        for name in ["prioritized", "truncating", "normalized", "sac", "td3"]:
            for text in [KINDS[name], pipelined(KINDS[name])]:
                runs = [self.train(f"{name}-{len(text)}-{ranks}", *sets, *keep, config=text, ranks=ranks)
                        for ranks, sets in layouts]
                for number, (ranks, sets) in enumerate(layouts):
                    with self.subTest(name=name, ranks=ranks, pipelined=text != KINDS[name]):
                        run = self.copy_first_part(runs[number - 1])
                        run = self.train(run.name, *sets, *keep, "--resume", config=text, ranks=ranks)
                        self.assertEqual(test_algorithms.learned(run), test_algorithms.learned(runs[0]))
                        self.assertEqual(program.metrics(run), program.metrics(runs[0]))

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
