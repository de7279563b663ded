"""Rollouts that end when a share of the actors is done (algorithm.straggler_fraction), with an actor that is slower.

A step of the slow actor sleeps fifty times as long (plugins/straggler.c), so that the others are done long before it; how far
it gets is not tested.
"""

import math
import os
import shutil

import events
import program
import test_algorithms

PLUGIN = os.environ["MUSTER_STRAGGLER"]

ENVS, STEPS = 8, 32
WHOLE = ENVS * STEPS

# what a cut leaves of a batch may be smaller than one minibatch
PPO = f"name: ppo, n_steps: {STEPS}, batch_size: {WHOLE}, n_epochs: 4, learning_rate: 0.01"
ALGORITHMS = {
    "ppo": PPO,
    "ppo_small": PPO.replace(f"batch_size: {WHOLE}", "batch_size: 20"),
    "a2c": f"name: a2c, n_steps: {STEPS}, learning_rate: 0.005",
    "actor_critic": f"name: actor-critic, n_steps: {STEPS}, learning_rate: 0.01",
    "actor_critic_q": f"name: actor-critic, critic: q, n_steps: {STEPS}, learning_rate: 0.01",
}


def config(slow_rank, fraction=0.5, algorithm=PPO, steps=4800, more=""):
    return f"""\
seed: 2
total_steps: {steps}
env:
  name: Straggler-v0
  plugin: {PLUGIN}
  num_envs: {ENVS}
  options: {{sleep_us: 20, slow_rank: {slow_rank}, slow_factor: 50}}
policy: {{hidden_sizes: [16, 16]}}
algorithm: {{{algorithm}, straggler_fraction: {fraction}}}
evaluation: {{episodes: 4}}
{more}
"""


def together(learners=0):
    return f"ranks: {{colocate: true, learners: {learners}}}"


# nodes of the ranks (support/everywhere.h), slow rank, fraction, further options. Ranks that find no memory to share
# are not tested here but in mpi/nodes, since in that case no file can be written either
LAYOUTS = [
    ("000", 2, 0.5, ""),
    ("00000", 3, 0.75, ""),
    ("000", 0, 0.5, together()),
    ("000", 2, 0.6, together()),
    ("0000", 3, 0.5, "ranks: {learners: 2}"),
    ("011", 2, 0.5, ""),
    ("001", 1, 0.5, ""),
    ("001", 2, 0.5, ""),
    ("01122", 3, 0.75, ""),
    ("0011", 0, 0.75, together()),
    ("0011", 3, 0.5, together(2)),
    ("0101", 2, 0.75, together()),
    ("0011", 3, 0.5, "ranks: {learners: 2}"),
]


class Straggler(program.Case):
    def check_cut(self, run, whole_actors, actors, on_policy=True, learns=True):
        """Some rollouts were cut, but each has at least all steps of `whole_actors` actors; the values in the rows
        agree, and the run has learned."""
        rows = program.metrics(run)
        self.assertEqual(events.rows(run), events.rows_of_metrics(run))
        whole_envs = whole_actors * (ENVS // actors)
        before, fractions = 0, []
        for row in rows:
            steps = int(row["time/total_timesteps"]) - before
            before += steps
            # each environment of the other actors has made at least one step
            self.assertGreaterEqual(steps, whole_envs * STEPS + ENVS - whole_envs)
            self.assertLessEqual(steps, WHOLE)
            fractions.append(float(row["rollout/cut_fraction"]))
            self.assertAlmostEqual(fractions[-1], 1 - steps / WHOLE, places=12)
            if on_policy and "train/first_ratio_mismatch" in row:
                self.assertEqual(row["train/first_ratio_mismatch"], "0")
        self.assertGreater(max(fractions), 0)
        summary = program.summary(run)
        self.assertEqual(summary["total_steps"], before)
        # random actions would give a quarter of the seven steps
        if learns:
            self.assertGreater(summary["final_evaluation"]["mean_return"], 5)

    def test_layouts(self):
        cases = [(*layout, pipeline) for layout in LAYOUTS for pipeline in [0, 1]]
        runs = self.train_all([(str(number), config(slow_rank, fraction, f"{PPO}, pipeline: {pipeline}", more=more), nodes, [])
                               for number, (nodes, slow_rank, fraction, more, pipeline) in enumerate(cases)])
        for run, (nodes, slow_rank, fraction, more, pipeline) in zip(runs, cases):
            learn_only = 0 if "colocate" in more else 2 if "learners" in more else 1
            actors = len(nodes) - learn_only
            with self.subTest(nodes=nodes, slow_rank=slow_rank, fraction=fraction, more=more, pipeline=pipeline):
                self.check_cut(run, math.ceil(fraction * actors), actors, on_policy=pipeline == 0)

    def test_algorithms(self):
        for name, algorithm in ALGORITHMS.items():
            for normalize in ["", "normalize: {norm_obs: true, norm_reward: true}"]:
                with self.subTest(algorithm=name, normalize=normalize):
                    text = config(2, 0.5, algorithm, steps=12000, more=normalize)
                    run = self.train(f"{name}-{len(normalize)}", config=text, ranks=3)
                    # Q(s, a) as a weight has no baseline: at this size it often reaches only half of the targets, cut
                    # or not
                    self.check_cut(run, 1, 2, learns=name != "actor_critic_q")

    def test_resumed(self):
        """A run goes on from a checkpoint after cut rollouts; if no more rollouts are cut, it always ends in the same
        way."""
        first = self.train("first", "--set", "total_steps=3000", config=config(2), ranks=3)
        rows = program.metrics(first)
        self.assertGreater(max(float(row["rollout/cut_fraction"]) for row in rows), 0)
        runs = []
        for number, ranks in enumerate([1, 2, 1]):
            shutil.copytree(first, self.folder / f"again-{number}", symlinks=True)
            runs.append(self.train(f"again-{number}", "--resume", config=config(2), ranks=ranks))
            self.assertEqual(program.metrics(runs[-1])[: len(rows)], rows)
            self.assert_same_run(runs[-1], runs[0])
        again = self.train("first", "--resume", config=config(2), ranks=3)
        self.check_cut(again, 1, 2)
        self.assertEqual(program.metrics(again)[: len(rows)], rows)

    def test_all_are_waited_for(self):
        """With a share of 1, or with so few actors that the share is all of them, the answer is that of any other
        run."""
        text = config(-1, 1)
        whole = self.train("whole", config=text.replace(", straggler_fraction: 1", ""))
        self.assert_same_run(self.train("one", config=text, ranks=3), whole)
        self.assertNotIn("rollout/cut_fraction", program.metrics(whole)[0])
        for ranks, fraction in [(1, 0.5), (2, 0.5), (4, 0.7)]:
            run = self.train(f"all-{ranks}", config=config(-1, fraction), ranks=ranks)
            self.assertEqual(program.learned(run), program.learned(whole))
            self.assertEqual({row["rollout/cut_fraction"] for row in program.metrics(run)}, {"0"})

    def test_refused(self):
        for name in test_algorithms.WHOLE_EPISODES:
            path = self.write(f"{name}.yaml", test_algorithms.ALGORITHMS[name])
            result = self.run_muster("train", path, "--set", "algorithm.straggler_fraction=0.9", "--run-dir", "never")
            self.assert_refused(result, 2, "algorithm.straggler_fraction", "learns from whole episodes; expects 1")


if __name__ == "__main__":
    program.main()
