"""Environments of Python: muster-gymnasium.so with the real packages from PyPI."""

import os
import random
import shutil
import signal
import subprocess
import time

import program
import python_environment

STEP_BESIDE = os.environ["MUSTER_STEP_BESIDE"]
SHOW = os.environ["MUSTER_SHOW_ENVIRONMENT"]

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

    def assert_resumes(self, config, ending):
        """A run that ends early and goes on is the run that was never interrupted."""
        whole = self.train("whole", config=config)
        self.train("part", "--set", ending, config=config)
        self.assert_same_run(self.train("part", "--resume", config=config, ranks=2), whole)
        for run in ["whole", "part"]:
            shutil.rmtree(self.folder / run)

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


class Curriculum(Case):
    """Attributes that change over a run (env.schedules)."""

    def scheduled(self, schedule, name="CartPole-v1"):
        return self.config(name).replace("env: {", f"env: {{schedules: {{{schedule}}}, ")

    def test_attribute(self):
        """The same at any number of ranks, in processes of their own, and in a run that was interrupted."""
        config = self.scheduled("gravity: lin_1_9.8") + "checkpoint: {every: 960, keep: 0}\n"
        alone = self.train("alone", config=config)
        plain = self.train("plain", config=self.config("CartPole-v1") + "checkpoint: {every: 960, keep: 0}\n")
        self.assertNotEqual(program.learned(alone), program.learned(plain))
        self.assert_same_run(self.train("three", config=config, ranks=3), alone)
        self.assert_same_run(self.train("isolated", "--set", "env.isolation=process", config=config), alone)
        killed = self.folder / "killed"
        shutil.copytree(alone, killed, symlinks=True)
        for path in [*killed.glob("checkpoints/*.h5"), killed / "checkpoints" / "latest", killed / "summary.json"]:
            if path.name != "step-000000000960.h5":
                path.unlink()
        self.assert_same_run(self.train("killed", "--resume", config=config, ranks=2), alone)

    def test_refused(self):
        self.refuse(self.scheduled("gravitee: 3"), "env.schedules.gravitee: 3: ", "neither an attribute gravitee")
        self.refuse(self.scheduled("kinematics_integrator: 3"), "env.schedules.kinematics_integrator",
                    "is str, not a number")


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


class Spaces(Case):
    def show(self, **options):
        """What show_environment prints, by the first word of each line; `mask` is that after the step."""
        words = [f"{key}={value}" for key, value in {"env.python": self.python, **options}.items()]
        ran = subprocess.run([SHOW, python_environment.PLUGIN, "gymnasium:own_environments:Spaced", *words],
                             capture_output=True, text=True, check=False, timeout=program.LIMIT)
        self.assertEqual(ran.returncode, 0, ran)
        return {line.split(" ")[0]: line.split(" ")[1:] for line in ran.stdout.splitlines()}

    def test_observations(self):
        expected = {
            "float64": ("1 2 2", "0.5 1.5 -0.25 2"),
            "int16": ("1 2", "-5 300"),
            "image": ("2 1 2 3", "250 251 252 253 254 255"),
            "strided": ("1 3", "0 2 4"),
            "list": ("1 3", "1 2 3"),
            "discrete": ("3", "3"),
            "multi-discrete": ("4 2", "2 1"),
            "multi-binary": ("1 3", "1 0 1"),
            "dict": ("1 12", "0 1 0 0 1 0 1 0 0 1 0.5 -0.5"),
        }
        for name, (space, numbers) in expected.items():
            with self.subTest(name=name):
                shown = self.show(observation=name)
                self.assertEqual(" ".join(shown["observation"]), space)
                self.assertEqual(" ".join(shown["reset"]), numbers)
                self.assertEqual(" ".join(shown["step"][1:]), numbers)

    def test_actions(self):
        # a flattened choice is one-hot, so its sum is 1
        expected = {
            "discrete": ("3", "4", "1"),
            "multi-discrete": ("4 2", "2 5", "2"),
            "multi-binary": ("4 2", "2 2", "2"),
            "float32": ("1 2 1", "", "4"),
            "float64": ("1 2", "", "4"),
            "int8": ("1 2", "", "14"),
            "dict": ("4 3", "2 2 3", "3"),
            "boxes": ("1 3", "", "9"),
        }
        for name, (space, counts, reward) in expected.items():
            with self.subTest(name=name):
                shown = self.show(action=name)
                self.assertEqual(" ".join(shown["action"]), space)
                self.assertEqual(" ".join(shown["action-counts"]), counts)
                self.assertEqual(shown["step"][0], reward)

    def test_masks(self):
        self.assertEqual(" ".join(self.show()["mask"]), "")
        self.assertEqual(" ".join(self.show(masks="info")["mask"]), "0 1 0 1")
        self.assertEqual(" ".join(self.show(masks="method")["mask"]), "1 0 0 1")
        self.assertEqual(" ".join(self.show(masks="info", action="multi-discrete")["mask"]), "1 0 0 0 1 0 1")

    def test_unknown(self):
        self.refuse(self.config("own_environments:Spaced", ", options: {observation: text}"), "env.name",
                    "its observation space has a Text at mission, which muster does not know; it knows Box")
        self.refuse(self.config("own_environments:Spaced", ", options: {action: mixed}"), "env.name",
                    "its action space mixes numbers with choices")

    def test_no_wrapper(self):
        self.refuse(self.config("CartPole-v1", ", options: {wrappers: Flat}"), "env.options",
                    "wrappers: there is no Flat; expects module:Class")


class States(Case):
    def test_kept_actions(self):
        """An environment that keeps its actions gets a new array each time."""
        run = self.train("keeps", config=self.config("own_environments:Keeps"))
        self.assertEqual(program.summary(run)["final_evaluation"]["mean_return"], 19.0)

    def test_resume(self):
        """A run that ends early and goes on is the run that was never interrupted."""
        self.assert_resumes(self.config("CartPole-v1"), "total_steps=1152")

    def test_fresh_episodes(self):
        """Where a state cannot be saved, a resume says so and goes on."""
        config = self.config("own_environments:NeverSaves")
        self.train("run", "--set", "total_steps=1152", config=config)
        result = self.run_muster("train", self.folder / "run.yaml", "--run-dir", self.folder / "run", "--resume")
        self.assertEqual(result.code, 0, result)
        self.assertIn("fresh episode", result.err, result)


class Packages(Case):
    """Environments of other packages, as they come from PyPI."""

    NAMES = {
        "LunarLander-v3": "", "BipedalWalker-v3": "", "HalfCheetah-v5": "", "Hopper-v5": "", "Walker2d-v5": "",
        "Ant-v5": "", "Humanoid-v5": "", "HumanoidStandup-v5": "", "Swimmer-v5": "", "Reacher-v5": "", "Pusher-v5": "",
        "InvertedPendulum-v5": "", "InvertedDoublePendulum-v5": "", "ALE/Pong-v5": "",
        "MiniGrid-Empty-5x5-v0": ", options: {wrappers: 'minigrid.wrappers:ImgObsWrapper'}",
    }
    TEXT = """\
total_steps: 256
env: {{name: "gymnasium:{name}", num_envs: 2, python: {python}{more}}}
policy: {{hidden_sizes: [8]}}
algorithm: {{name: ppo, n_steps: 16, batch_size: 16, n_epochs: 1}}
evaluation: {{episodes: 0}}
"""

    def test_train(self):
        configs = {name: self.config(name, more, self.TEXT) for name, more in self.NAMES.items()}
        for name, config in configs.items():
            with self.subTest(name=name):
                self.assertGreaterEqual(program.summary(self.train(name.replace("/", "-"), config=config))["total_steps"], 256)

    def test_mujoco_resumes_exactly(self):
        self.assert_resumes(self.config("HalfCheetah-v5", "", self.TEXT), "total_steps=128")
        self.assert_resumes(self.config("Humanoid-v5", "", self.TEXT), "total_steps=128")

    def test_game_resumes_exactly(self):
        self.assert_resumes(self.config("ALE/Pong-v5", "", self.TEXT), "total_steps=128")


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


class Interrupts(Case):
    def interrupt(self, ranks, code):
        """Sends SIGINT while Python sleeps in a step: the run ends in order, as any other."""
        asleep, run = self.folder / f"asleep-{ranks}", self.folder / f"run-{ranks}"
        text = self.config("own_environments:Sleeps", f", options: {{file: {asleep}, seconds: 0.5}}")
        text = text.replace("num_envs: 6", "num_envs: 2")
        config = self.write(f"config-{ranks}.yaml", text.replace("2048", "1000000"))
        # mpirun kills ranks that take longer to end
        patient = {"OMPI_MCA_odls_base_sigkill_timeout": "8"}
        process = program.start(["train", config, "--run-dir", run], ranks, self.folder, env=patient)
        while not asleep.exists():
            self.assertIsNone(process.poll(), "it ended before it was interrupted")
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        result = program.finish(process)
        self.assert_nobody_left(run)
        self.assertEqual(result.code, code, result)
        self.assertEqual(program.summary(run)["status"], "interrupted", result)
        self.assertEqual(result.messages, [], result)
        self.assertNotIn("KeyboardInterrupt", result.err)
        self.assertNotIn("Traceback", result.err)
        self.assertIn("--resume", result.out)

    def test_alone(self):
        self.interrupt(None, 0)

    def test_mpirun(self):
        """mpirun ends with a code of its own, as for every environment."""
        self.interrupt(2, 1)


if __name__ == "__main__":
    program.main()
