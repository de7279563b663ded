"""Evaluations: their numbers do not depend on which ranks play which episodes, they always end, and best.h5 is the
policy of the best one."""

import json
import os
import shutil
import signal
import struct
import time

import events
import program
from asynchronous import integer

CONFIG = """\
seed: 3
total_steps: 2000
env: {num_envs: 8}
policy: {hidden_sizes: [16]}
algorithm: {name: ppo, n_steps: 50, batch_size: 100, n_epochs: 2}
evaluation: {every: 500, episodes: 11, deterministic: false}
checkpoint: {every: 300, interval: null, keep: 0}
"""
LAYOUTS = [
    (2, []),
    (4, ["--set", "ranks.learners=2"]),
    (3, ["--set", "ranks.colocate=true"]),
]
# one iteration, and an evaluation that takes some seconds
SLOW = """\
seed: 3
total_steps: 8
env: {name: Probe-v0, num_envs: 2, options: {step_seconds: 0.005, episode_length: 300}}
algorithm: {name: ppo, n_steps: 4, batch_size: 8, n_epochs: 1}
evaluation: {every: 1, episodes: 3}
"""
MISBEHAVES = os.environ["MUSTER_MISBEHAVES"]
# each environment that is made prints a line (tests/plugins/misbehaves.c)
TELLING = CONFIG.replace(
    "env: {",
    f"env: {{plugin: {MISBEHAVES}, name: Misbehaves-v0, options: {{kind: prints, in: create, after: 0}}, ",
)


def evaluations(run):
    """The evaluations during training, from metrics.csv: environment steps and mean return."""
    rows = [row for row in program.rows(run) if row["eval/mean_reward"]]
    return {int(row["time/total_timesteps"]): float(row["eval/mean_reward"]) for row in rows}


class Evaluation(program.Case):
    def best(self, run):
        """Environment steps and score of best.h5."""
        found = program.contents(run / "checkpoints" / "best.h5")
        (score,) = struct.unpack("<d", found["progress/best_return"][2])
        return integer(found, "progress/total_steps"), score

    def test_dealt_out(self):
        """The numbers are the same whichever ranks play the episodes, also with sampled actions."""
        pipelined = CONFIG.replace("name: ppo", "name: ppo, pipeline: 1")
        self.assert_same_layouts({"lockstep": CONFIG, "pipelined": pipelined}, LAYOUTS)
        self.assert_same_layouts({"few": CONFIG.replace("episodes: 11", "episodes: 1")}, [(4, [])])

    def made(self, ranks, episodes):
        """How many environments a run creates."""
        path, run = self.write("telling.yaml", TELLING), self.folder / f"made-{ranks}-{episodes}"
        command = ["train", path, "--run-dir", run, "--set", f"evaluation.episodes={episodes}"]
        result = self.run_muster(*command, ranks=ranks)
        self.assertEqual(result.code, 0, result)
        return result.out.count("a word of the simulator")

    def test_environments(self):
        """For evaluations all ranks together create as many environments as there are episodes, but no more than for
        training."""
        for ranks in [None, 3]:
            trained_in = self.made(ranks, 0)
            self.assertGreaterEqual(trained_in, 8)
            for episodes in [1, 3, 11]:
                with self.subTest(ranks=ranks, episodes=episodes):
                    self.assertEqual(self.made(ranks, episodes) - trained_in, min(episodes, 8))

    def test_none(self):
        """`episodes: 0` leaves out the final evaluation, too."""
        run = self.train("none", "--set", "evaluation.episodes=0", config=CONFIG, ranks=2)
        self.assertEqual(evaluations(run), {})
        self.assertEqual(program.summary(run)["status"], "finished")
        self.assertIsNone(program.summary(run)["final_evaluation"])

    def test_best_is_evaluated(self):
        """best.h5 has the policy of the best evaluation, and its score; also after a kill and a resumption."""
        whole = self.train("whole", config=CONFIG)
        found = evaluations(whole)
        best = max(found, key=found.get)
        self.assertEqual(self.best(whole), (best, found[best]))

        # what a kill right after the best evaluation leaves: there was no time to name best.h5
        killed = self.folder / "killed"
        shutil.copytree(whole, killed, symlinks=True)
        (killed / "summary.json").unlink()
        for path in killed.glob("checkpoints/*.h5"):
            if path.name == "best.h5" or int(path.stem[len("step-"):]) > best:
                path.unlink()
        (killed / "checkpoints" / "latest").unlink()
        run = self.train("killed", "--resume", config=CONFIG, ranks=2)
        self.assertEqual(self.best(run), self.best(whole))
        self.assertEqual(evaluations(run), found)

        # without evaluations best.h5 is a checkpoint of training, and its score a mean return of training
        trained = self.train("trained", "--set", "evaluation.every=0", config=CONFIG)
        _, score = self.best(trained)
        self.assertIn(str(score), [str(float(row["rollout/ep_rew_mean"])) for row in program.rows(trained)])

    def test_signal(self):
        """A signal during an evaluation, to a rank that plays no episode itself; the resumed run begins with that
        evaluation."""
        whole = self.train("whole", config=SLOW, ranks=2)
        path, run = self.write("broken.yaml", SLOW), self.folder / "broken"
        for delay in [0.1, 0.2, 0.4, 0.8, 1.6]:
            shutil.rmtree(run, ignore_errors=True)
            process = program.start(["train", path, "--run-dir", run], ranks=2, cwd=self.folder)
            while not (run / "metrics.csv").exists():
                self.assertIsNone(process.poll())
                time.sleep(0.02)
            time.sleep(delay)
            os.kill(program.ranks_of(run)[0], signal.SIGTERM)
            result = program.finish(process)
            self.assertEqual(result.code, 0, result)
            self.assertIn("interrupted", result.out)
            # on a busy machine the signal may have come before the iteration
            if "there was nothing to write yet" not in result.out:
                break
        found = program.contents(run / "checkpoints" / "latest")
        self.assertEqual(integer(found, "progress/owes_evaluation"), 1)
        self.train("broken", "--resume", config=SLOW, ranks=2)
        self.assertEqual(evaluations(run), evaluations(whole))
        # the evaluation is in the row of its iteration, as in an undisturbed run
        self.assertEqual(program.metrics(run), program.metrics(whole))
        self.assertEqual(events.rows(run), events.rows_of_metrics(run))
        self.assertEqual(self.best(run), self.best(whole))
        self.assertEqual(program.summary(run)["final_evaluation"], program.summary(whole)["final_evaluation"])

    def test_endless(self):
        """A policy that never ends an episode: its episodes are cut off."""
        config = "total_steps: 200\nenv: {name: CliffWalking-v0}\nalgorithm: {name: a2c}\n"
        path = self.write("cliff.yaml", config)
        result = self.run_muster("train", path, "--run-dir", self.folder / "cliff")
        self.assertEqual(result.code, 0, result)
        self.assertIn("has no limit on the steps of an episode", result.err)
        cut = program.summary(self.folder / "cliff")["final_evaluation"]["cut_episodes"]
        self.assertGreater(cut, 0)
        self.assertIn(f"{cut} of them cut off at 10000 steps", result.out)

    def test_other_environment(self):
        run = self.train("short", "--set", "evaluation.env.max_steps=15", config=CONFIG, ranks=2)
        self.assertLessEqual(program.summary(run)["final_evaluation"]["mean_length"], 15)
        played = json.loads(self.run_muster("eval", run, "--json").out)
        self.assertTrue(played["evaluation_env"])
        self.assertLessEqual(played["max_length"], 15)
        self.assertIn("with the run's evaluation.env", self.run_muster("eval", run, "-n", "1").out)
        longer = json.loads(self.run_muster("eval", run, "--json", "--set", "env.max_steps=18").out)
        self.assertEqual((longer["max_length"], longer["set"]), (18, ["env.max_steps=18"]))

        # the ranks of a job share the episodes, and one of them prints the result
        alone = self.run_muster("eval", run, "--stochastic", "--json")
        self.assertEqual(self.run_muster("eval", run, "--stochastic", "--json", ranks=3).out, alone.out)

        path = self.write("other.yaml", CONFIG)
        for value, part in [("name=Acrobot-v1", "expects an environment of the same spaces"), ("options.x=1", "'x'")]:
            result = self.run_muster("train", path, "--run-dir", self.folder / "o", "--set", f"evaluation.env.{value}")
            self.assert_refused(result, 2, part)
        result = self.run_muster("eval", run, "--set", "seed=2")
        self.assert_refused(result, 2, "expects an option of env")

    def test_moved_plugin(self):
        """When a plug-in has moved and its new place is given, a policy can be evaluated, also with other options, and
        a run can be resumed."""
        old, new = self.folder / "old.so", self.folder / "new.so"
        shutil.copy(MISBEHAVES, old)
        run = self.train("run", config=CONFIG.replace("env: {", f"env: {{plugin: {old}, name: Misbehaves-v0, "))
        played = json.loads(self.run_muster("eval", run, "--json").out)
        old.rename(new)
        self.assert_refused(self.run_muster("eval", run), 2, old)
        moved = ["--set", f"env.plugin={new}"]
        found = json.loads(self.run_muster("eval", run, "--json", *moved).out)
        self.assertEqual(found, {**played, "set": [f"env.plugin={new}"]})

        options = {"kind": "prints", "in": "create", "after": "0"}
        sets = [word for key, value in options.items() for word in ["--set", f"env.options.{key}={value}"]]
        result = self.run_muster("eval", run, *moved, *sets)
        self.assertEqual(result.code, 0, result)
        self.assertIn("a word of the simulator", result.out)

        path = run / "config.yaml"
        result = self.run_muster("train", path, "--run-dir", run, "--resume", "--set", "total_steps=3000", *moved)
        self.assertEqual(result.code, 0, result)
        self.assertEqual(program.summary(run)["total_steps"], 3200)


if __name__ == "__main__":
    program.main()
