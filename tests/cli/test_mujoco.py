"""examples/plugin-mujoco, built outside the source tree against an installed muster: its tasks equal Gymnasium's, keep
the contract, learn the same at any number of ranks and after a resume, and refuse what makes no sense."""

import ctypes
import pathlib
import re
import shutil
import subprocess

import packages
import program

EXAMPLE = program.SOURCE / "examples" / "plugin-mujoco"
FOLDER = program.WORK / "example"
LIBRARY = FOLDER / "build" / "mujoco.so"

AS_TEXT = {"capture_output": True, "text": True}

SHORT = f"""\
total_steps: 2048
env: {{plugin: {LIBRARY}, name: NAME, num_envs: 5}}
normalize: {{norm_obs: true, norm_reward: true}}
policy: {{hidden_sizes: [16]}}
algorithm: {{name: ppo, n_steps: 64, batch_size: 64, n_epochs: 2, learning_rate: 0.001}}
evaluation: {{episodes: 2}}
checkpoint: {{every: 1, interval: null, keep: 0}}
"""

# a box that slides over the floor, with less memory than its contacts take: MuJoCo's error comes at a step
NO_MEMORY = """\
<mujoco><size memory="1500"/><worldbody><geom type="plane" size="9 9 9"/>
<body name="a" pos="0 0 1"><joint name="x" type="slide" axis="1 0 0"/><joint name="z" type="slide" axis="0 0 1"/>
<joint name="y" axis="0 1 0"/><geom type="box" size=".5 .5 1.2"/></body></worldbody>
<actuator><motor joint="x" ctrlrange="-1 1"/></actuator></mujoco>
"""


def build():
    """Installs muster and builds a copy of the example, as a user would."""
    shutil.rmtree(program.WORK, ignore_errors=True)
    shutil.copytree(EXAMPLE, FOLDER, ignore=shutil.ignore_patterns("build", "venv"))
    prefix = program.WORK / "prefix"
    for command in (
        ["cmake", "--install", pathlib.Path(program.PROGRAM).parent, "--prefix", prefix],
        ["cmake", "-S", ".", "-B", "build", "-DCMAKE_BUILD_TYPE=Release", f"-DCMAKE_PREFIX_PATH={prefix}",
         f"-DMUJOCO_VENV={Case.packages}"],
        ["cmake", "--build", "build"],
    ):
        done = subprocess.run([str(word) for word in command], cwd=FOLDER, capture_output=True, text=True, check=False)
        if done.returncode != 0 or "warning:" in done.stdout + done.stderr:
            raise AssertionError(f"{command}\n{done.stdout}\n{done.stderr}")


class Case(program.Case):
    @classmethod
    def setUpClass(cls):
        cls.packages = packages.fetched(EXAMPLE / "fetch")
        build()

    def compare(self, library, *steps):
        command = [self.packages / "bin" / "python", FOLDER / "compare.py", library, *steps]
        return subprocess.run([str(word) for word in command], cwd=self.folder, check=False, **AS_TEXT)

    def test_equals_gymnasium(self):
        done = self.compare(LIBRARY)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout.splitlines()[-1], "equal", done.stdout)
        self.assertEqual(len(set(re.findall(r"\w+-v5", done.stdout))), 9, done.stdout)

    def test_comparison_finds_a_difference(self):
        """The same comparison with a plug-in whose tasks differ a little from Gymnasium's."""
        source = FOLDER / "tasks.c"
        text = source.read_text(encoding="utf-8")
        source.write_text(text.replace("alive - action_cost", "alive * (1 + 1e-9) - action_cost"), encoding="utf-8")
        subprocess.run(["cmake", "-S", ".", "-B", "other", f"-DCMAKE_PREFIX_PATH={program.WORK / 'prefix'}",
                        f"-DMUJOCO_VENV={self.packages}"], cwd=FOLDER, check=True, capture_output=True)
        subprocess.run(["cmake", "--build", "other"], cwd=FOLDER, check=True, capture_output=True)
        source.write_text(text, encoding="utf-8")
        done = self.compare(FOLDER / "other" / "mujoco.so", 20)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertEqual(done.stdout.splitlines()[-1], "NOT equal", done.stdout)

    def test_keeps_the_contract(self):
        for name in ["Ant-v5", "Hopper-v5", "Reacher-v5"]:
            result = self.run_muster("check-env", LIBRARY, "--name", name)
            self.assertEqual(result.code, 0, result)
            self.assertRegex(result.out, r"PASS  picture +20 pictures of [1-9]\d+ drawings")
            self.assertRegex(result.out, rf"{name}: keeps the contract \(\d+ passed, 0 notes, 0 failures\)")

    def drawings(self, gl):
        """How many drawings 20 pictures take where MUJOCO_GL says this."""
        result = self.run_muster("check-env", LIBRARY, "--name", "Hopper-v5", prefix=["env", f"MUJOCO_GL={gl}"])
        self.assertEqual(result.code, 0, result)
        return int(re.search(r"20 pictures of (\d+) drawings", result.out)[1])

    def test_pictures_of_shapes(self):
        self.assertGreater(self.drawings("off"), 20)

    def render(self, gl, library):
        """Pictures of MuJoCo's renderer: each is one image."""
        try:
            ctypes.CDLL(library)
        except OSError:
            self.skipTest(f"{library} is not installed")
        self.assertEqual(self.drawings(gl), 20)

    def test_pictures_by_egl(self):
        self.render("egl", "libEGL.so.1")

    def test_pictures_by_osmesa(self):
        self.render("osmesa", "libOSMesa.so.8")

    def test_same_answer(self):
        """At other numbers of ranks, and from a checkpoint on. Ant's state is more than MuJoCo's."""
        config = SHORT.replace("NAME", "Ant-v5")
        alone = self.train("alone", config=config)
        self.assert_same_run(self.train("ranks", config=config, ranks=3), alone)
        self.train("resumed", "--set", "total_steps=960", config=config)
        self.assert_same_run(self.train("resumed", "--resume", config=config), alone)

    def test_shipped_configs(self):
        for path in sorted(FOLDER.glob("configs/*/*.yaml")):
            result = self.run_muster("train", path, "--dry-run")
            self.assertEqual(result.code, 0, result)

    def refused(self, name, options, *parts, code=2):
        config = SHORT.replace("NAME, ", f"{name}, options: {{{options}}}, ")
        result = self.run_muster("train", self.write("bad.yaml", config), "--run-dir", self.folder / "bad")
        self.assert_refused(result, code, *parts)

    def test_refuses_bad_options(self):
        self.refused("Hopper-v5", "frame_skip: 0", "option frame_skip: expects an integer from 1 to 1000", '"0"')
        self.refused("Hopper-v5", "healthy_z_range: low", "option healthy_z_range: expects two numbers", '"low"')
        self.refused("Hopper-v5", 'healthy_z_range: "2, 1"', "the lower first", '"2, 1"')
        self.refused("Hopper-v5", "terminate_when_unhealthy: perhaps", "expects true or false", '"perhaps"')
        self.refused("Ant-v5", "ctrl_cost_weight: much", "option ctrl_cost_weight: expects a number", '"much"')
        self.refused("Ant-v5", "reset_noise_scale: -1", "option reset_noise_scale: expects a number >= 0", '"-1"')
        self.refused("Ant-v5", "main_body: 99", "option main_body", "from 0 to 13", '"99"')
        self.refused("Ant-v5", "main_body: tail", 'has no body "tail"')

    def test_refuses_bad_models(self):
        self.refused("Hopper-v5", "xml_file: ./none.xml", "option xml_file: there is no file ./none.xml")
        self.write("broken.xml", "<mujoco>")
        self.refused("Hopper-v5", "xml_file: ./broken.xml", "option xml_file: ./broken.xml is no model: ", "XML")
        self.refused("Ant-v5", "xml_file: inverted_pendulum.xml", "inverted_pendulum.xml does not fit Ant-v5", "nq 2")
        self.refused("Reacher-v5", "xml_file: ant.xml", 'the model ant.xml has no body "fingertip"')

    def test_error_of_mujoco(self):
        """It is an error of the environment, and does not end the process."""
        self.write("small.xml", NO_MEMORY)
        self.refused("Hopper-v5", "xml_file: ./small.xml", "MuJoCo: ", code=1)
        self.assertFalse((self.folder / "MUJOCO_LOG.TXT").exists())


if __name__ == "__main__":
    program.main()
