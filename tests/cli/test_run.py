"""A whole run as a user sees it: its folder, eval, inspect, progress, and another program that acts with its policy."""

import json
import math
import os
import pty
import re
import shutil
import subprocess
import time
import unittest

import program


class Run(program.Case):
    @classmethod
    def setUpClass(cls):
        """Makes one trained run. No test changes it."""
        cls.shared = program.WORK / "shared"
        shutil.rmtree(cls.shared, ignore_errors=True)
        cls.shared.mkdir(parents=True)
        cls.config = cls.shared / "config.yaml"
        cls.config.write_text(program.SHORT, encoding="utf-8")
        cls.run_folder = cls.shared / "run"
        arguments = ["train", cls.config, "--run-dir", cls.run_folder, "--set", "checkpoint.every=2048"]
        cls.trained = program.finish(program.start(arguments, 3, cls.shared))
        if cls.trained.code != 0:
            raise AssertionError(str(cls.trained))

    def evaluate(self, *arguments):
        result = self.run_muster("eval", self.run_folder, "--json", *arguments)
        self.assertEqual(result.code, 0, result)
        return json.loads(result.out)

    def test_folder(self):
        names = {path.name for path in self.run_folder.iterdir()}
        self.assertLessEqual({"config.yaml", "metrics.csv", "checkpoints", "summary.json"}, names)
        checkpoints = self.run_folder / "checkpoints"
        self.assertEqual(os.readlink(checkpoints / "latest"), "step-000000006144.h5")
        steps = [f"step-{n:012}.h5" for n in (2048, 4096, 6144)]
        self.assertEqual(sorted(path.name for path in checkpoints.glob("step-*")), steps)

    def test_summary(self):
        summary = program.summary(self.run_folder)
        self.assertEqual(summary["env"], "CartPole-v1")
        self.assertEqual(summary["algorithm"], "ppo")
        self.assertEqual((summary["seed"], summary["ranks"], summary["total_steps"]), (1, 3, 6144))
        self.assertGreater(summary["wall_seconds"], 0)
        self.assertAlmostEqual(
            summary["steps_per_second"], 6144 / summary["wall_seconds"], delta=summary["steps_per_second"] * 1e-9
        )
        self.assertEqual(summary["episodes"], 100)
        for key in ["mean_return", "std_return"]:
            self.assertGreater(summary[key], 0)
        for key in ["solved_at_steps", "solved_at_seconds"]:
            self.assertIsNone(summary[key])
        self.assertEqual(summary["final_evaluation"]["episodes"], 20)

        # the last row of the metrics has the same values
        row = program.metrics(self.run_folder)[-1]
        self.assertEqual(float(row["rollout/ep_rew_mean"]), summary["mean_return"])
        self.assertEqual(float(row["rollout/ep_rew_std"]), summary["std_return"])

    def test_solved(self):
        config = """\
total_steps: 20000
env: {name: Probe-v0, num_envs: 8, options: {obs_dim: 2}}
algorithm: {name: ppo, n_steps: 32, batch_size: 64, learning_rate: 0.003}
evaluation: {episodes: 10}
"""
        run = self.train("run", config=config)
        summary = program.summary(run)
        rows = program.metrics(run)
        finished = [row for row in rows if float(row["time/total_timesteps"]) * 1 / 16 >= 100]
        first = next(row for row in finished if float(row["rollout/ep_rew_mean"]) >= 14.4)
        self.assertEqual(summary["solved_at_steps"], int(first["time/total_timesteps"]))
        self.assertTrue(0 < summary["solved_at_seconds"] <= summary["wall_seconds"])

    def test_metrics(self):
        rows = program.metrics(self.run_folder)
        self.assertEqual([int(row["time/iterations"]) for row in rows], list(range(1, 25)))
        self.assertEqual([int(row["time/total_timesteps"]) for row in rows], list(range(256, 6145, 256)))
        for row in rows:
            self.assertTrue(0 <= float(row["train/approx_kl"]) < 1)
            self.assertTrue(0 < -float(row["train/entropy_loss"]) <= math.log(2) + 1e-6)

    def test_evaluation_in_metrics(self):
        run = self.train("run", "--set", "evaluation.every=1024", "--set", "total_steps=3072")
        evaluated = [int(row["time/total_timesteps"]) for row in program.metrics(run) if row["eval/mean_reward"] != ""]
        self.assertEqual(evaluated, [1024, 2048, 3072])
        last = program.metrics(run)[-1]
        self.assertEqual(float(last["eval/mean_reward"]), program.summary(run)["final_evaluation"]["mean_return"])

    def test_config_reads_back(self):
        text = (self.run_folder / "config.yaml").read_text(encoding="utf-8")
        version = self.run_muster("--version").out.split(" ", 1)[1].strip()
        self.assertIn(f"# muster {version}, started ", text)
        self.assertIn("# ranks: 3\n", text)
        for rank, role in enumerate(["learner", "actor, environments 0 to 3", "actor, environments 4 to 7"]):
            self.assertRegex(text, rf"(?m)^#   rank {rank} on {program.HOST}: {role}$")
        again = self.train("again", config=text)
        self.assert_same_run(again, self.run_folder)

    def test_eval(self):
        result = self.evaluate("--episodes", "50", "--seed", "3")
        self.assertEqual((result["env"], result["episodes"], result["seed"]), ("CartPole-v1", 50, 3))
        self.assertTrue(result["deterministic"])
        for what in ["return", "length"]:
            low, mean, high = (result[f"{key}_{what}"] for key in ("min", "mean", "max"))
            self.assertTrue(1 <= low <= mean <= high <= 500)
            self.assertTrue(0 <= result[f"std_{what}"] <= (high - low) / 2)
        # the reward is one point for each step
        self.assertEqual(result["mean_return"], result["mean_length"])

        self.assertEqual(self.evaluate("--episodes", "50", "--seed", "3"), result)
        self.assertNotEqual(self.evaluate("--episodes", "50", "--seed", "4")["mean_return"], result["mean_return"])
        stochastic = self.evaluate("--episodes", "50", "--seed", "3", "--stochastic")
        self.assertFalse(stochastic["deterministic"])
        self.assertNotEqual(stochastic["mean_return"], result["mean_return"])
        self.assertEqual(self.evaluate("--episodes", "50", "--seed", "3", "--stochastic"), stochastic)

    def test_eval_text(self):
        numbers = self.evaluate()
        self.assertEqual(numbers["episodes"], 100)
        latest = self.run_folder / "checkpoints" / "latest"
        for path in [self.run_folder, latest, latest.resolve(), self.run_folder / "checkpoints"]:
            result = self.run_muster("eval", path)
            self.assertEqual((result.code, result.err), (0, ""), result)
            for what in ["return", "length"]:
                values = re.search(rf"^{what} +(\S+) +(\S+) +(\S+) +(\S+)$", result.out, re.M).groups()
                for value, key in zip(values, ["mean", "std", "min", "max"]):
                    self.assertAlmostEqual(float(value), numbers[f"{key}_{what}"], delta=0.00501)

    def test_inspect(self):
        result = self.run_muster("inspect", self.run_folder / "checkpoints" / "latest", "--json")
        self.assertEqual(result.code, 0, result)
        found = json.loads(result.out)
        self.assertEqual((found["env"], found["algorithm"], found["seed"]), ("CartPole-v1", "ppo", 1))
        self.assertEqual((found["total_steps"], found["ranks"]), (6144, 3))
        self.assertEqual(found["mean_return"], program.summary(self.run_folder)["mean_return"])
        shapes = {tensor["name"]: tensor["shape"] for tensor in found["tensors"]}
        self.assertEqual(shapes["policy/0/weight"], [64, 4])
        self.assertEqual(shapes["policy/2/weight"], [2, 64])
        self.assertEqual(shapes["value/2/weight"], [1, 64])
        for tensor in found["tensors"]:
            # the bounds of CartPole's observations are infinite, which JSON cannot express
            if tensor["type"] == "float32" and not tensor["name"].startswith("spaces/"):
                self.assertGreater(tensor["norm"], 0, tensor)
        values = {tensor["name"]: tensor["value"] for tensor in found["tensors"] if tensor["shape"] == []}
        self.assertEqual(values["progress/total_steps"], 6144)
        self.assertEqual(values["optimizer/steps"], 24 * 20)

        # the output as text says the same, and the config is that of the run
        text = self.run_muster("inspect", self.run_folder)
        self.assertEqual((text.code, text.err), (0, ""), text)
        for tensor in found["tensors"]:
            self.assertIn(f"\n  {tensor['name']} ", text.out)
        self.assertRegex(text.out, r"(?m)^total_steps +6144$")
        for line in found["config"].splitlines():
            self.assertIn(f"\n  {line}\n", text.out)
        written = (self.run_folder / "config.yaml").read_text(encoding="utf-8")
        self.assertTrue(written.endswith(found["config"]))

    @unittest.skipIf(shutil.which("h5dump") is None, "h5dump is not installed")
    def test_other_tools_read_a_checkpoint(self):
        path = self.run_folder / "checkpoints" / "step-000000006144.h5"
        read = subprocess.run(
            ["h5dump", "-d", "/policy/0/bias", "-d", "/about/config", "-a", "/about/total_steps", path],
            capture_output=True,
            text=True,
            check=True,
        )
        self.assertRegex(read.stdout, r"H5T_IEEE_F32LE\s+DATASPACE +SIMPLE \{ \( 64 \)")
        self.assertIn("(0): 6144", read.stdout)
        self.assertIn("name: CartPole-v1", read.stdout)

    def test_acting_from_another_program(self):
        # enough for a policy with so little training; an untrained one falls after about ten steps
        done = subprocess.run([program.ACT, self.run_folder, "60"], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        self.assertIn("balanced for 60 steps", done.stdout)
        done = subprocess.run([program.ACT, self.folder / "none"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{self.folder}/none", done.stderr)

    def test_plain_progress(self):
        for ranks in [None, 2]:
            with self.subTest(ranks=ranks):
                run = self.folder / f"run-{ranks}"
                result = self.run_muster("train", self.config, "--run-dir", run, ranks=ranks)
                self.assertEqual(result.code, 0, result)
                self.assertNotIn("\r", result.out)
                self.assertNotIn("\033", result.out)
                lines = [line for line in result.out.splitlines() if line.startswith("iteration ")]
                pattern = r"^iteration \d+ \| \S+ steps \(\d+ %\) \| \S+ steps/s \| return \S+ \| kl \S+ \| \S+ left$"
                for line in lines:
                    self.assertRegex(line, pattern)
                self.assertIn("iteration 24 | 6.14k steps (100 %)", lines[-1])
                # the last lines: evaluation, run folder, what to do next
                self.assertRegex(result.out, r"(?m)^evaluation +return \d")
                self.assertIn(f"eval {run}\n", result.out)
                self.assertIn(f"inspect {run}\n", result.out)

    def on_terminal(self, ranks):
        """What a terminal receives from a run that is slow enough for its progress line to change."""
        config = "total_steps: 2048\nenv: {name: Probe-v0, options: {sleep_us: 300}}\n"
        config += "algorithm: {name: ppo, n_steps: 32, batch_size: 64}\n"
        path = self.write("slow.yaml", config)
        master, slave = pty.openpty()
        command = program.command_line(["train", path, "--run-dir", self.folder / f"run-{ranks}"], ranks)
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=slave, stderr=subprocess.PIPE, cwd=self.folder
        )
        os.close(slave)
        received = b""
        deadline = time.monotonic() + program.LIMIT
        while time.monotonic() < deadline:
            try:
                some = os.read(master, 4096)
            except OSError:
                break  # the last process that had the terminal open has closed it
            if some == b"":
                break
            received += some
        os.close(master)
        errors = process.stderr.read().decode()
        process.stderr.close()
        self.assertEqual(process.wait(), 0, errors)
        return received.decode()

    def test_live_progress(self):
        for ranks in [None, 2]:
            with self.subTest(ranks=ranks):
                shown = self.on_terminal(ranks)
                lines = [line for line in shown.split("\r\033[K") if line.startswith("iteration ")]
                self.assertGreater(len(lines), 2, shown)
                # every progress line but the last is overwritten in place
                for line in lines[:-1]:
                    self.assertNotIn("\n", line)
                self.assertIn("(100 %)", lines[-1].splitlines()[0])

    def test_numbered_folders(self):
        for number in ["001", "002"]:
            result = self.run_muster("train", self.config, "--set", "total_steps=256")
            self.assertEqual(result.code, 0, result)
            run = f"runs/CartPole-v1/ppo-{number}"
            self.assertIn(run, result.out)
            self.assertTrue((self.folder / run / "summary.json").exists())

    def test_run_dir_in_config(self):
        path = self.write("config.yaml", program.SHORT + "run: {dir: here/and/there}\n")
        result = self.run_muster("train", path, "--set", "total_steps=256")
        self.assertEqual(result.code, 0, result)
        self.assertTrue((self.folder / "here/and/there/summary.json").exists())
        # the command line overrides the file
        result = self.run_muster("train", path, "--set", "total_steps=256", "--run-dir", "elsewhere/")
        self.assertEqual(result.code, 0, result)
        self.assertTrue((self.folder / "elsewhere/summary.json").exists())


class Extremes(program.Case):
    def test_large_actions_and_deep_networks(self):
        """What can be trained can also be saved, loaded and resumed: actions of 5,000 elements, 16 hidden layers."""
        widths = ", ".join(["8"] * 16)
        plugin = program.PLUGINS / "plugin_wide.so"
        config = (
            f"total_steps: 32\nenv: {{plugin: {plugin}, name: Wide-v0, num_envs: 2}}\n"
            f"policy: {{hidden_sizes: [{widths}]}}\n"
            "algorithm: {name: ppo, n_steps: 8, batch_size: 16, n_epochs: 1}\nevaluation: {episodes: 1}\n"
        )
        run = self.train("run", config=config)
        tensors = program.tensors(run / "checkpoints" / "latest")
        self.assertEqual(tensors["spaces/action"][:2], ("int32", "5006"))
        self.assertIn("policy/16/bias", tensors)
        path = self.write("config.yaml", config)
        arguments = ["--run-dir", run, "--resume", "--set", "total_steps=64"]
        self.assertEqual(self.run_muster("train", path, *arguments).code, 0)
        self.assertEqual(self.run_muster("eval", run, "--episodes", "1").code, 0)


if __name__ == "__main__":
    program.main()
