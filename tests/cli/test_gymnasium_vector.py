"""Vector environments of Python, which step as blocks: muster-gymnasium.so with gymnasium.vector, ALE's, a user's, and
with what stands for EnvPool."""

import os
import subprocess

import program
import python_environment

SHOW = os.environ["MUSTER_SHOW_ENVIRONMENT"]

CONFIG = """\
total_steps: 1024
env: {{name: "{name}", num_envs: 6, python: {python}, options: {options}}}
policy: {{hidden_sizes: [16]}}
algorithm: {{name: ppo, n_steps: 32, batch_size: 64, n_epochs: 2}}
evaluation: {{episodes: 6}}
"""
OWN = "gymnasium-vector:vector_environments:Rows"


class Case(program.Case):
    @classmethod
    def setUpClass(cls):
        cls.python = python_environment.folder()

    def setUp(self):
        super().setUp()
        os.environ["PYTHONPATH"] = f"{python_environment.MODULES}:{python_environment.MODULES / 'pool'}"

    def config(self, name, options="{}"):
        return CONFIG.format(name=name, python=self.python, options=options)

    def assert_same_learning(self, a, b):
        """Checks that two runs learned the same, but for the states of environments, of which one of them has none."""
        learned = [program.learned(run) for run in (a, b)]
        without = [{name: one for name, one in found.items() if not name.startswith("environments")} for found in learned]
        self.assertEqual(*without)
        self.assertEqual(program.metrics(a), program.metrics(b))

    def refuse(self, name, options, *parts):
        result = self.run_muster("train", self.write("config.yaml", self.config(name, options)), "--run-dir",
                                 self.folder / "run")
        self.assert_refused(result, 2, *parts)


class Rows(Case):
    def test_rows_equal_single_environments(self):
        """Whatever the way in which rows are reset, a run learns bit for bit what it learns from environments of one
        row: nothing is lost at the ends of episodes, and nothing invented."""
        single = self.train("single", config=self.config("gymnasium:vector_environments:Single"))
        cases = {
            "next-step": "{mode: NextStep}",
            "same-step": "{mode: SameStep}",
            "disabled": "{mode: Disabled}",
            "array": "{mode: NextStep, seeds: array}",
        }
        for name, options in cases.items():
            with self.subTest(name=name):
                self.assert_same_run(self.train(name, config=self.config(OWN, options)), single)

    def test_step_limit(self):
        """muster's own limit resets rows that have not ended."""
        configs = [self.config(name).replace("num_envs: 6", "num_envs: 6, max_steps: 2")
                   for name in ["gymnasium:vector_environments:Single", OWN]]
        single, rows = (self.train(f"run-{i}", config=config) for i, config in enumerate(configs))
        self.assert_same_run(rows, single)

    def test_gymnasium(self):
        """Gymnasium's own vectors of single environments, in this process and in others."""
        single = self.train("single", config=self.config("gymnasium:CartPole-v1"))
        for mode, ranks in [("sync", None), ("sync", 2), ("sync", 3), ("async", None)]:
            with self.subTest(mode=mode, ranks=ranks):
                config = self.config("gymnasium-vector:CartPole-v1", f"{{vectorization_mode: {mode}}}")
                self.assert_same_learning(self.train(f"{mode}-{ranks}", config=config, ranks=ranks), single)

    def test_games(self):
        """ALE's vector environments, in C++."""
        config = self.config("gymnasium-vector:ALE/Pong-v5", "{img_height: 21, img_width: 21}")
        config = config.replace("1024", "256").replace("32", "16").replace("episodes: 6", "episodes: 0")
        alone = self.train("alone", config=config)
        self.assert_same_run(self.train("two", config=config, ranks=2), alone)

    def test_check_env(self):
        result = self.run_muster("check-env", OWN, "--option", f"env.python={self.python}")
        self.assertEqual(result.code, 0, result)
        self.assertIn("PASS  blocks", result.out)

    def test_spaces_and_masks(self):
        cases = [
            ({"observation": "dict"}, "reset", "0 1 0 0 1 0 1 0 0 1 0.5 -0.5"),
            ({"observation": "discrete"}, "reset", "3"),
            ({"observation": "multi-binary"}, "step", "1 1 0 1"),
            ({"observation": "image"}, "step", "1 250 251 252 253 254 255"),
            ({"observation": "multi-discrete", "action": "multi-discrete"}, "step", "2 2 1"),
            ({"action": "int8"}, "step", "14 0.5 1.5 -0.25 2"),
            ({"masks": "info"}, "mask", "0 1 0 1"),
            ({"masks": "info", "action": "multi-discrete"}, "mask", "1 0 0 0 1 0 1"),
        ]
        for options, line, numbers in cases:
            with self.subTest(**options):
                words = [f"{key}={value}" for key, value in {"env.python": self.python, **options}.items()]
                ran = subprocess.run([SHOW, python_environment.PLUGIN, "gymnasium-vector:vector_environments:spaced",
                                      *words], capture_output=True, text=True, check=False, timeout=program.LIMIT)
                self.assertEqual(ran.returncode, 0, ran)
                shown = {one.split(" ")[0]: one.split(" ")[1:] for one in ran.stdout.splitlines()}
                self.assertEqual(" ".join(shown[line]), numbers)


class Pools(Case):
    def test_same_digest_at_any_ranks(self):
        config = self.config("envpool:Rows-v0").replace("episodes: 6", "episodes: 0")
        alone = self.train("alone", config=config)
        for ranks in [2, 3]:
            self.assert_same_run(self.train(f"ranks-{ranks}", config=config, ranks=ranks), alone)

    def test_resume_starts_fresh_episodes(self):
        config = self.config("envpool:Rows-v0")
        self.train("run", "--set", "total_steps=576", config=config)
        result = self.run_muster("train", self.folder / "run.yaml", "--run-dir", self.folder / "run", "--resume")
        self.assertEqual(result.code, 0, result)
        self.assertIn("fresh episode", result.err, result)

    def test_refusals(self):
        self.refuse("envpool:Row-v0", "{}", "env.name", "EnvPool has no environment Row-v0")
        self.refuse("envpool:Rows-v0", "{wrappers: 'a:B'}", "env.options", "environments of EnvPool take none")
        os.environ["PYTHONPATH"] = str(python_environment.MODULES)
        self.refuse("envpool:Rows-v0", "{}", "the Python package envpool is missing", "-m pip install 'envpool'")


class Refusals(Case):
    def test_rows_that_cannot_be_reset_alone(self):
        alone = "cannot reset one row alone"
        self.refuse("gymnasium-vector:CartPole-v1", "{}", "env.name", "CartPoleVectorEnv", alone, "resets all rows",
                    "gymnasium:CartPole-v1", "vectorization_mode: sync")
        self.refuse(OWN, "{fault: no mask}", "env.name", alone, "resets all rows")
        self.refuse(OWN, "{fault: twice}", "env.name", alone, "resets a row that has ended once more")
        self.refuse(OWN, "{seeds: none}", "env.name", alone, "takes a seed for one row neither in a list nor in an array")

    def test_single_environment(self):
        self.refuse("gymnasium-vector:own_environments:Keeps", "{}", "env.name", "it is no vector environment",
                    "gymnasium:own_environments:Keeps")

    def test_composed_actions(self):
        self.refuse("gymnasium-vector:vector_environments:spaced", "{action: dict}", "env.name",
                    "its action space is a Dict, which vector environments cannot take")

    def test_no_name(self):
        self.refuse("envpool:", "{}", "env.name", "gymnasium-vector:")


if __name__ == "__main__":
    program.main()
