"""Environments of Python: muster-gymnasium.so with the real packages from PyPI."""

import os
import random
import subprocess

import program
import python_environment

STEP_BESIDE = os.environ["MUSTER_STEP_BESIDE"]

CONFIG = """\
total_steps: 2048
env: {{name: "gymnasium:{name}", num_envs: 6, python: {python}{more}}}
algorithm: {{name: ppo, n_steps: 32, batch_size: 64, n_epochs: 2}}
evaluation: {{episodes: 6}}
"""

# the numbers of a start state, uniform within these bounds either way
STARTS = {
    "CartPole-v1": [0.05] * 4,
    "Acrobot-v1": [0.1] * 4,
    "MountainCar-v0": [0.4, 0.0],
    "MountainCarContinuous-v0": [0.4, 0.0],
    "Pendulum-v1": [3.14, 1.0],
}
# MountainCarContinuous rounds its state to float32 after each step, which muster's own does not
TOLERANCES = {"MountainCarContinuous-v0": 2e-5}


class Case(program.Case):
    @classmethod
    def setUpClass(cls):
        cls.python = python_environment.folder()
        os.environ["PYTHONPATH"] = f"{python_environment.MODULES}:{os.environ.get('PYTHONPATH', '')}"

    def config(self, name, more="", text=CONFIG):
        return text.format(name=name, python=self.python, more=more)

    def refuse(self, config, *parts, code=2):
        result = self.run_muster("train", self.write("config.yaml", config), "--run-dir", self.folder / "run")
        self.assert_refused(result, code, *parts)
        return result


class Equality(Case):
    def test_classic_control_equals_own(self):
        chance = random.Random(1)
        for name, bounds in STARTS.items():
            for seed in range(3):
                start = ",".join(repr(chance.uniform(-bound, bound)) for bound in bounds)
                ran = subprocess.run([STEP_BESIDE, python_environment.PLUGIN, self.python, name, start, str(seed)], capture_output=True,
                                     text=True, check=False, timeout=program.LIMIT)
                with self.subTest(name=name, start=start):
                    self.assertEqual(ran.returncode, 0, ran)
                    steps, observation, reward = (float(word) for word in ran.stdout.split())
                    self.assertGreater(steps, 8)
                    self.assertLessEqual(observation, TOLERANCES.get(name, 1e-6), ran.stdout)
                    self.assertLessEqual(reward, TOLERANCES.get(name, 1e-6), ran.stdout)


class Training(Case):
    def test_same_digest_at_any_ranks(self):
        config = self.config("CartPole-v1")
        alone = self.train("alone", config=config)
        for ranks in [2, 3]:
            self.assert_same_run(self.train(f"ranks-{ranks}", config=config, ranks=ranks), alone)

    def test_check_env(self):
        result = self.run_muster("check-env", "gymnasium:CartPole-v1", "--option", f"env.python={self.python}")
        self.assertEqual(result.code, 0, result)
        self.assertIn("PASS  save and load", result.out)

    def test_envs(self):
        result = self.run_muster("envs", "gymnasium:CartPole-v1", prefix=["env", f"VIRTUAL_ENV={self.python}"])
        self.assertEqual(result.code, 0, result)
        self.assertIn("Discrete(2)", result.out)
        self.assertIn("step limit        500", result.out)


class Refusals(Case):
    def test_unknown_environment(self):
        self.refuse(self.config("CartPol-v1"), "config.yaml:2: env.name", "CartPol", "CartPole")

    def test_unknown_option(self):
        config = self.config("CartPole-v1", ", options: {gravitation: 9}")
        self.refuse(config, "config.yaml:2: env.options", "gravitation")

    def test_missing_package(self):
        self.refuse(self.config("own_environments:needs_package"), "env.name", "a_package_that_nobody_has is missing",
                    f"{self.python}/bin/python3 -m pip install 'a_package_that_nobody_has'")

    def test_missing_module(self):
        self.refuse(self.config("no_such_module:Id-v0"), "env.name", "there is no Python module no_such_module")

    def test_environment_without_gymnasium(self):
        empty = self.folder / "empty"
        subprocess.run([self.python / "bin" / "python3", "-m", "venv", "--without-pip", empty], check=True)
        config = self.config("CartPole-v1").replace(str(self.python), str(empty))
        self.refuse(config, "gymnasium is missing", "empty/bin/python3 -m pip install 'gymnasium'")

    def test_no_virtual_environment(self):
        config = self.config("CartPole-v1").replace(str(self.python), "nowhere")
        self.refuse(config, "config.yaml:2: env.python", "there is no virtual environment nowhere")
        config = self.config("CartPole-v1").replace(str(self.python), str(self.folder))
        self.refuse(config, "env.python", "it has no file pyvenv.cfg")

    def test_python_for_another_environment(self):
        config = self.config("CartPole-v1").replace("gymnasium:", "")
        self.refuse(config, "config.yaml:2: env.python", "is for environments gymnasium:ID")

    def test_no_name(self):
        self.refuse(self.config(""), "env.name", "gymnasium:CartPole-v1")


class Errors(Case):
    def test_exception(self):
        result = self.refuse(self.config("own_environments:Breaks", ", options: {at: 3}"), "environment 0", "step 3",
                             "ZeroDivisionError: division by zero; own_environments.py", "in divide()",
                             "return 1 / (self.steps - self.at)", code=1)
        self.assertIn("Traceback (most recent call last)", result.err)

    def test_old_gym(self):
        self.refuse(self.config("own_environments:Breaks", ", options: {returns: four}"), "step 3",
                    "step() returned 4 values, as the older gym did", code=1)

    def test_wrong_shape(self):
        self.refuse(self.config("own_environments:Breaks", ", options: {returns: shape}"), "step 3",
                    "a value has 5 numbers, but its space says 4", code=1)

    def test_not_finite(self):
        self.refuse(self.config("own_environments:Breaks", ", options: {returns: nan}"), "step 3",
                    "element 0 of the observation is nan", code=1)

    def test_isolated(self):
        """In processes of their own, exceptions cost episodes and not the run."""
        more = ", isolation: process, isolation_block: 2, max_restarts: 1000, options: {at: 40}"
        config = self.config("own_environments:Breaks", more).replace("2048", "384").replace("32", "64")
        run = self.train("isolated", config=config)
        self.assertGreater(float(program.rows(run)[-1]["env/restarts"]), 0)


if __name__ == "__main__":
    program.main()
