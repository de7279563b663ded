"""The same answer: equal hashes of the state of learning and equal metrics, however a run is split over ranks or
disturbed, and whenever it is repeated."""

import os
import subprocess
import sys

import program

CONFIG = """\
seed: 11
total_steps: 4000
env: {{name: {env}, num_envs: {num_envs}{options}}}
policy: {{{policy}}}
algorithm: {{name: ppo, n_steps: {n_steps}, batch_size: 50, n_epochs: 2, learning_rate: lin_0.002}}
evaluation: {{every: 1000, episodes: 4}}
checkpoint: {{every: 1000, interval: 0}}
"""


def config(num_envs=12, env="CartPole-v1", options="", policy="hidden_sizes: [64, 64]", n_steps=None):
    n_steps = n_steps or max(400 // num_envs, 2)
    return CONFIG.format(env=env, num_envs=num_envs, options=options, policy=policy, n_steps=n_steps)


class SameAnswer(program.Case):
    def digest(self, run):
        result = self.run_muster("inspect", "--digest", run)
        self.assertEqual(result.code, 0, result)
        self.assertRegex(result.out, r"^[0-9a-f]{32}\n$")
        return result.out

    def compare(self, cases, *arguments):
        """Of each case, name -> (config, numbers of ranks), a run without ranks given, and one at each number of ranks,
        end with the same hash and the same metrics. Returns these metrics by name."""
        runs = [(f"{name}-alone", text, None, []) for name, (text, _) in cases.items()]
        runs += [(f"{name}-{ranks}", text, ranks, arguments) for name, (text, numbers) in cases.items() for ranks in numbers]
        self.train_all(runs)
        rows_of = {}
        for name, (_, numbers) in cases.items():
            alone = self.folder / f"{name}-alone"
            digest, rows = self.digest(alone), program.metrics(alone)
            rows_of[name] = rows
            self.assertGreater(len(rows), 5)
            for row in rows:
                # the learner's forward pass gives exactly the log-probabilities with which the actor sampled
                self.assertEqual(row["train/first_ratio_mismatch"], "0")
            for number in numbers:
                with self.subTest(name=name, ranks=number):
                    run = self.folder / f"{name}-{number}"
                    self.assertEqual(self.digest(run), digest)
                    self.assertEqual(program.metrics(run), rows)
        return rows_of

    def test_numbers_of_ranks(self):
        self.compare({"run": (config(), [1, 2, 3, 5, 8])})

    def test_run_again(self):
        digests = {self.digest(self.train(f"run-{number}", config=config(), ranks=3)) for number in range(3)}
        self.assertEqual(len(digests), 1)

    def test_under_load(self):
        busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() + 1)]
        try:
            loaded = self.digest(self.train("loaded", config=config(), ranks=3))
        finally:
            for process in busy:
                process.kill()
                process.wait()
        self.assertEqual(loaded, self.digest(self.train("alone", config=config())))

    def test_checkpoints_change_nothing(self):
        """Checkpoints after every update or only at the end, by the clock or not, change nothing."""
        self.compare({"each": (config(), [None, 3])}, "--set", "checkpoint.every=1")
        self.compare({"last": (config(), [None, 3])}, "--set", "checkpoint.every=0")
        self.compare({"clock": (config(), [2])}, "--set", "checkpoint.every=0", "--set", "checkpoint.interval=0.01")

    def test_odd_numbers_of_environments(self):
        numbers = {1: [1, 2], 7: [2, 3, 8], 9: [2, 5], 65: [2, 3], 100: [3, 4]}
        self.compare({f"{num_envs}-envs": (config(num_envs), ranks) for num_envs, ranks in numbers.items()})

    def test_other_networks(self):
        policies = [
            "hidden_sizes: [32]",
            "hidden_sizes: [100, 33]",
            "hidden_sizes: []",
            "hidden_sizes: [64, 64], activation: relu",
            "hidden_sizes: [40], share_trunk: true",
        ]
        self.compare({f"net-{number}": (config(policy=policy), [2, 4]) for number, policy in enumerate(policies)})

    def test_truncating_environment(self):
        options = ", options: {obs_dim: 6, episode_length: 7, truncates: 1}"
        self.compare({f"probe-{envs}": (config(envs, "Probe-v0", options), [2, 4]) for envs in [5, 9]})

    def test_first_minibatch_is_on_policy(self):
        """With one epoch of one minibatch an update is nothing but its first minibatch: approx_kl is exactly zero."""
        text = config(policy="hidden_sizes: [100, 33]", num_envs=9)
        text = text.replace("batch_size: 50, n_epochs: 2", f"batch_size: {9 * 44}, n_epochs: 1")
        for row in self.compare({"one": (text, [3])})["one"]:
            self.assertEqual(float(row["train/approx_kl"]), 0.0)
            self.assertEqual(float(row["train/clip_fraction"]), 0.0)

    def test_what_the_answer_depends_on(self):
        """The hash is of what was learned: another seed, number of environments or gamma gives another hash."""
        changes = [[], ["--set", "seed=12"], ["--set", "env.num_envs=13"], ["--set", "algorithm.gamma=0.98"]]
        digests = [self.digest(self.train(f"run-{n}", *change, config=config())) for n, change in enumerate(changes)]
        self.assertEqual(len(set(digests)), len(changes))


if __name__ == "__main__":
    program.main()
