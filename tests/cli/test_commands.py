"""Commands that need no run: help, versions, wrong use, and lists of what can be chosen."""

import json
import os
import subprocess

import program

COMMANDS = ["train", "eval", "watch", "inspect", "summary", "plot", "report", "export", "envs", "algos", "parts", "config", "bench", "plan"]


class Commands(program.Case):
    def succeed(self, *arguments):
        result = self.run_muster(*arguments)
        self.assertEqual(result.code, 0, result)
        self.assertEqual(result.err, "", result)
        return result.out

    def test_help(self):
        out = self.succeed("--help")
        for command in COMMANDS:
            self.assertIn(f"  {command} ", out)
            text = self.succeed(command, "--help")
            self.assertRegex(text, rf"^usage: .*muster {command}")
            self.assertEqual(text, self.succeed(command, "-h"))
        self.assertEqual(out, self.succeed("help"))
        for option in ["--set", "--run-dir", "--resume", "--trace"]:
            self.assertIn(option, self.succeed("train", "--help"))
        for option in ["--episodes", "--seed", "--stochastic", "--json"]:
            self.assertIn(option, self.succeed("eval", "--help"))

    def test_version(self):
        out = self.succeed("--version")
        self.assertRegex(out, r"^muster \d+\.\d+\.\d+ \(.+\)\n$")
        for command in COMMANDS:
            self.assertEqual(self.succeed(command, "--version"), out)

    def test_wrong_use(self):
        for arguments in [
            [],
            ["trane"],
            ["--nothing"],
            ["train"],
            ["train", "a.yaml", "b.yaml"],
            ["train", "a.yaml", "--wrong"],
            ["train", "a.yaml", "--set"],
            ["eval"],
            ["eval", "a", "b"],
            ["eval", "a", "--episodes", "0"],
            ["eval", "a", "--episodes", "ten"],
            ["eval", "a", "--episodes", "10x"],
            ["eval", "a", "--seed", "-1"],
            ["inspect"],
            ["summary"],
            ["summary", "a", "--json", "--csv"],
            ["inspect", "a", "--yaml"],
            ["export"],
            ["export", "a"],
            ["export", "a", "b.onnx", "c"],
            ["export", "a", "b.onnx", "--sampled"],
            ["envs", "a", "b"],
            ["envs", "--wrong"],
            ["algos", "a", "b"],
            ["parts", "a"],
            ["config", "a", "b"],
        ]:
            with self.subTest(arguments=arguments):
                result = self.run_muster(*arguments)
                self.assertEqual(result.code, 2, result)
                self.assertEqual(result.out, "", result)
                self.assertNotEqual(result.err, "", result)
        self.assertEqual(os.listdir(self.folder), [])

    def test_wrong_use_under_mpirun(self):
        # all ranks see the fault, and one reports it
        for arguments, message in [
            (["train"], "expects one config file, got 0"),
            (["train", "a.yaml", "--wrong"], "unrecognized option '--wrong'"),
        ]:
            with self.subTest(arguments=arguments):
                result = self.run_muster(*arguments, ranks=3)
                self.assertEqual(result.code, 2, result)
                self.assertEqual(result.err.count(message), 1, result)

    def test_envs(self):
        out = self.succeed("envs")
        self.assertRegex(out, r"(?m)^CartPole-v1 +Box\(4\) +Discrete\(2\) +\S")
        self.assertRegex(out, r"(?m)^Probe-v0 ")
        out = self.succeed("envs", "CartPole-v1")
        self.assertRegex(out, r"step limit +500\n")
        self.assertRegex(out, r"reward threshold +475\n")
        self.assertRegex(self.succeed("envs", "Probe-v0"), r"(?m)^  fail_at_step +0 +\S")
        self.assert_refused(self.run_muster("envs", "CartPol-v1"), 2, "CartPol-v1", "'CartPole-v1'")

    def test_algos(self):
        self.assertRegex(self.succeed("algos"), r"(?m)^ppo +\S")
        self.assertRegex(self.succeed("algos", "ppo"), r"(?m)^algorithm\.gae_lambda +number +0\.95 +0 to 1 +ppo +\S")
        self.assert_refused(self.run_muster("algos", "pppo"), 2, "pppo", "'ppo'")

    def test_parts(self):
        out = self.succeed("parts")
        self.assertRegex(out, r"(?m)^conv2d CHANNELS KERNEL \[STRIDE\] +\S")
        self.assertRegex(out, r"(?m)^Gaussian +Box +\S")
        self.assertRegex(out, r"(?m)^rmsprop_tf +\S")

    def test_config(self):
        out = self.succeed("config")
        keys = """seed total_steps env.name env.num_envs policy.hidden_sizes policy.activation policy.ortho_init
            algorithm.name algorithm.n_steps algorithm.batch_size algorithm.n_epochs algorithm.gamma
            algorithm.gae_lambda algorithm.learning_rate algorithm.clip_range algorithm.clip_range_vf
            algorithm.ent_coef algorithm.vf_coef algorithm.max_grad_norm algorithm.normalize_advantage
            algorithm.target_kl algorithm.adam_epsilon evaluation.every evaluation.episodes checkpoint.every
            checkpoint.keep run.dir"""
        for key in keys.split():
            self.assertRegex(out, rf"(?m)^{key} +\S+.* \S+$")
        self.assertIn("\nranks.", out)

        # one option in full, one section, and a name that is neither
        out = self.succeed("config", "algorithm.clip_range")
        for line in ["type +number or schedule", r"default +0\.2", "range +> 0, <= 10"]:
            self.assertRegex(out, line)
        self.assertEqual(len(self.succeed("config", "evaluation").splitlines()), 8)
        self.assert_refused(self.run_muster("config", "algorithm.n_step"), 2, "algorithm.n_steps?")

    def test_check_env(self):
        """One line for each fault; and what the environment itself prints cannot damage the report."""
        plugin = program.PLUGINS / "plugin_fails.so"
        result = self.run_muster("check-env", plugin, "--json")
        self.assertEqual((result.code, result.err), (1, ""), result)
        (report,) = json.loads(result.out)
        self.assertEqual((report["env"], report["failures"]), ("Fails-v0", 1), report)
        (fault,) = [finding for finding in report["findings"] if finding["verdict"] == "FAIL"]
        self.assertEqual(fault["check"], "episodes", fault)
        self.assertIn('step() failed at step 3 of episode 0 with an action of the space: "3 steps', fault["text"])
        self.assertGreaterEqual(fault["count"], 8, fault)
        self.assertIn("values, actions, determinism", fault["also_in"])
        (prints,) = [finding for finding in report["findings"] if finding["check"] == "prints"]
        self.assertIn('first "{"step": 1}"', prints["text"])
        self.assertIsNone(report["steps_per_second"])
        result = self.run_muster("check-env", plugin)
        lines = [line for line in result.out.splitlines() if line.startswith("FAIL")]
        self.assertEqual(len(lines), 1, result)
        self.assertRegex(lines[0], r"\(the first of \d+ times; also in: values, actions, .*\)$")
        self.assertNotRegex(result.out, "(?m)^{")

    def test_output_that_cannot_be_written(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run(
                [program.PROGRAM, "config"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write to standard output", done.stderr)


if __name__ == "__main__":
    program.main()
