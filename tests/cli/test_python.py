"""The package `muster` for Python as pip installs it: it acts as `muster eval` does, plays in Gymnasium, takes one
observation or several, reads runs with and without pandas, and says what is wrong."""

import json
import os
import shutil

import packages
import program

PACKAGES = ["numpy", "h5py", "gymnasium", "pandas", "setuptools>=61", "wheel"]
CHECKS = program.SOURCE / "tests" / "support" / "python_package_checks.py"


class Python(program.Case):
    @classmethod
    def setUpClass(cls):
        """Installs the package, with pip and without the network, into a folder of this test."""
        cls.python = packages.python_with(*PACKAGES)
        cls.shared = program.WORK / "shared"
        shutil.rmtree(cls.shared, ignore_errors=True)
        source = cls.shared / "source"
        shutil.copytree(program.SOURCE / "python", source, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
        cls.site = cls.shared / "site"
        command = [cls.python, "-E", "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
        result = program.finish(program.start_command([*command, "--target", str(cls.site), str(source)]))
        assert result.code == 0, result
        cls.run_folder = cls.shared / "run"
        config = cls.shared / "config.yaml"
        config.write_text(program.SHORT.replace("total_steps: 6144", "total_steps: 30720"), encoding="utf-8")
        result = program.finish(program.start(["train", config, "--run-dir", cls.run_folder]))
        assert result.code == 0, result

    def run_python(self, *arguments, **env):
        env = {"PYTHONPATH": str(self.site), "MUSTER_LIBRARY": program.POLICY_LIBRARY, **env}
        command = [self.python, *map(str, arguments)]
        return program.finish(program.start_command(command, cwd=self.folder, env=env))

    def test_checks(self):
        """What the package does, checked in the process that uses it."""
        # a copy, since Python looks for modules beside the script first
        result = self.run_python(shutil.copy(CHECKS, self.folder), self.run_folder)
        self.assertEqual(result.code, 0, result)
        self.assertIn("OK", result.err)

    def test_plays_in_gymnasium(self):
        result = self.run_python(program.SOURCE / "examples" / "play_gymnasium.py", self.run_folder, "CartPole-v1", 20)
        self.assertEqual((result.code, result.err), (0, ""), result)
        mean = float(result.out.split("mean return ")[1].split()[0])
        evaluation = self.run_muster("eval", self.run_folder, "--episodes", "100", "--json")
        # other episodes, of the same policy: within five deviations of the mean of 20
        expected = json.loads(evaluation.out)
        self.assertLess(abs(mean - expected["mean_return"]), 5 * expected["std_return"] / 20**0.5 + 1e-9, (mean, expected))
        self.assertGreater(mean, 100)

    def test_finds_the_library(self):
        command = ["-c", "import muster; muster.load('none')"]
        missing = self.run_python(*command, MUSTER_LIBRARY=str(self.folder / "nothing.so"))
        self.assertNotEqual(missing.code, 0)
        self.assertIn("nothing.so", missing.err)
        self.assertIn("MUSTER_LIBRARY", missing.err)
        # a folder, and the prefix of the program in PATH
        found = self.run_python(*command, MUSTER_LIBRARY=os.path.dirname(program.POLICY_LIBRARY))
        self.assertIn("OSError: cannot find the run or checkpoint 'none'", found.err)
        prefix = self.folder / "prefix"
        (prefix / "bin").mkdir(parents=True)
        (prefix / "lib").mkdir()
        shutil.copy(program.PROGRAM, prefix / "bin" / "muster")
        shutil.copy(program.POLICY_LIBRARY, prefix / "lib" / "libmuster-policy.so.0")
        found = self.run_python(*command, MUSTER_LIBRARY="", PATH=f"{prefix / 'bin'}:/usr/bin:/bin")
        self.assertIn("OSError: cannot find the run or checkpoint 'none'", found.err)

    def test_without_pandas(self):
        code = ("import sys; sys.modules['pandas'] = None; import muster, numpy\n"
                f"table = muster.read_metrics({str(self.run_folder)!r})\n"
                "assert type(table) is dict and all(len(column) == len(table['time/iterations']) for column in table.values())\n"
                "print(table['time/total_timesteps'][-1], numpy.isnan(table['eval/mean_reward']).all())")
        result = self.run_python("-c", code)
        self.assertEqual((result.code, result.out), (0, "30720.0 True\n"), result)


if __name__ == "__main__":
    packages.main()
