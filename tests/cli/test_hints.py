"""The commands in hints do what they say when a user copies them into a shell, wherever muster and the run lie; and
what muster says when a run is resumed with other options."""

import os
import pathlib
import shutil
import subprocess

import program

# a name with everything that has a special meaning in a shell
PLACE = "it's $HOME; `a` *"

# starts an endless run and asks it to end once it has begun, all in one shell
STOPPED = """
{train} config.yaml --run-dir '{run}' --set total_steps=100000000 &
until [[ $(wc -l <'{run}/metrics.csv') -ge 2 ]] || ! kill -0 $!; do sleep 0.05; done 2>/dev/null
kill -USR1 $!
wait $!
"""

LINEAR = program.SHORT.replace("learning_rate: 0.001", "learning_rate: lin_0.001")


class Hints(program.Case):
    def setUp(self):
        super().setUp()
        self.folder = self.folder / PLACE
        (self.folder / "bin").mkdir(parents=True)
        os.symlink(program.PROGRAM, self.folder / "bin" / "muster")
        os.symlink(shutil.which("cat"), self.folder / "bin" / "less")
        self.write("config.yaml", program.SHORT)

    def shell(self, command, **environment):
        """Runs a command in this test's folder, as a user types it."""
        script = f". {program.SOURCE}/scripts/mpi-environment.sh\nexport OMPI_MCA_rmaps_base_oversubscribe=1\n{command}"
        return program.finish(program.start_command(["bash", "-c", script], self.folder, environment))

    def hints(self, result, head):
        """The indented lines below the line that ends with `head`."""
        lines = result.out.splitlines()
        number = next(n for n, line in enumerate(lines) if line.endswith(head))
        found = [line.strip() for line in lines[number + 1 :] if line.startswith("  ")]
        self.assertTrue(found, result)
        return found

    def path_with_bin(self):
        return f"{self.folder / 'bin'}:{os.environ['PATH']}"

    def test_after_a_run(self):
        result = self.shell("bin/muster train config.yaml --run-dir 'the '\\''run'\\'' $1'")
        self.assertEqual(result.code, 0, result)
        hints = self.hints(result, "next:")
        self.assertEqual([hint.split()[:2] for hint in hints[:2]], [["bin/muster", "eval"], ["bin/muster", "inspect"]])
        for hint in hints:
            done = self.shell(hint, PATH=self.path_with_bin())
            self.assertEqual((done.code, done.err), (0, ""), done)
            self.assertGreater(len(done.out.splitlines()), 3, done)

    def test_found_in_path(self):
        """Hints call muster by its name if a shell finds it so; if the name leads to another program, by the path with
        which it was started."""
        for started, found in [("muster", "muster"), ("bin/muster", "muster"), (f"'{program.PROGRAM}'", "muster")]:
            result = self.shell(f"{started} eval", PATH=self.path_with_bin())
            self.assertIn(f"(see `{found} eval --help`)", result.err)
        os.mkdir(self.folder / "other")
        shutil.copy(shutil.which("true"), self.folder / "other" / "muster")
        result = self.shell("bin/muster eval", PATH=f"{self.folder / 'other'}:{os.environ['PATH']}")
        self.assertIn("(see `bin/muster eval --help`)", result.err)
        # a path below the working directory is shown as a relative one
        result = self.shell('"$PWD/bin/muster" bench nothing --wrong; "$PWD/bin/muster" config nothing')
        self.assertIn("`bin/muster config` lists all", result.err)

    def test_interrupted(self):
        """The command that resumes the run has the same number of ranks and the same options of the launcher."""
        for number, (start, again) in enumerate(
            [
                ("bin/muster", "bin/muster"),
                ("mpirun --mca btl self,vader -n 2 bin/muster", "mpirun --mca btl self,vader -n 2 bin/muster"),
                ("scripts/train --ranks 2", "scripts/train --ranks 2"),
            ]
        ):
            with self.subTest(start=start):
                program.copy_scripts(self.folder)
                train = start if start.startswith("scripts") else f"{start} train"
                result = self.shell(STOPPED.format(train=train, run=f"run {number}"))
                self.assertEqual(result.code, 75, result)
                command = self.hints(result, "To go on:")[0]
                self.assertTrue(command.startswith(f"{again} "), command)
                result = self.shell(f"{command} --set total_steps=1")
                self.assertEqual(result.code, 0, result)
                self.assertIn("resuming from", result.err)


class Resume(program.Case):
    def resume(self, run, *sets):
        return self.run_muster("train", run / "config.yaml", "--run-dir", run, "--resume", *sets)

    def test_schedules(self):
        """When a run is made longer, its schedules change, and it says from which value to which."""
        run = self.train("run", config=LINEAR)
        result = self.resume(run, "--set", "total_steps=24576")
        self.assertEqual(result.code, 0, result)
        self.assertIn(
            "algorithm.learning_rate: lin_0.001 falls over total_steps, which was 6144 and is now 24576: at step 6144 it"
            " goes on from 0.00075, not from 0\n",
            result.err,
        )
        self.assertEqual(result.err.count("falls over"), 1, result)
        # if it is not longer than before, or has no schedules, it says nothing
        self.assertNotIn("falls over", self.resume(run, "--set", "total_steps=24576").err)
        run = self.train("constant")
        self.assertNotIn("falls over", self.resume(run, "--set", "total_steps=12288").err)

    def test_what_cannot_change(self):
        run = self.train("run", "--set", "total_steps=256")
        for assignment, was in [("algorithm.gamma=0.5", "0.98"), ("env.num_envs=16", "8"), ("seed=2", "1")]:
            key, now = assignment.split("=")
            result = self.resume(run, "--set", assignment)
            self.assert_refused(result, 2, f"{key} was {was} and is now {now}", f"leave it as {run}/config.yaml has it")
            self.assertIn("or train anew in another --run-dir", result.err)


class StandardInput(program.Case):
    """A shell loop that reads a list from its standard input gets the whole list: no command in it takes part of that
    input."""

    def test_loops(self):
        program.copy_scripts(self.folder)
        self.write("config.yaml", program.SHORT)
        self.write("list", "1\n2\n")
        self.train("run", "--set", "total_steps=256")
        script = """while read -r line; do
          echo "$line" >>read
          scripts/train --ranks 2 config.yaml --set total_steps=256 --run-dir "two-$line"
          scripts/train --ranks 1 config.yaml --set total_steps=256 --set env.isolation=process --run-dir "one-$line"
          build/muster eval run --episodes 1
          build/muster watch run
          build/muster plot run -o "$line.svg"
          build/muster check-env Probe-v0
        done"""
        with open(self.folder / "list", encoding="utf-8") as lines:
            done = subprocess.run(
                ["bash", "-c", script], cwd=self.folder, stdin=lines, capture_output=True, text=True, check=False
            )
        self.assertEqual((self.folder / "read").read_text(), "1\n2\n", done.stderr)
        for run in ["two-1", "two-2", "one-1", "one-2"]:
            self.assertTrue((self.folder / run / "summary.json").is_file(), done.stderr)

    def test_config(self):
        """A config may nevertheless come from standard input."""
        program.copy_scripts(self.folder)
        for ranks in ["1", "2"]:
            done = subprocess.run(
                ["scripts/train", "--ranks", ranks, "/dev/stdin", "--run-dir", ranks, "--set", "total_steps=256"],
                cwd=self.folder,
                input=program.SHORT,
                capture_output=True,
                text=True,
                check=False,
            )
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("hidden_sizes", (pathlib.Path(self.folder) / ranks / "config.yaml").read_text())


if __name__ == "__main__":
    program.main()
