"""What an environment does to its process either does not affect the run, or ends it with an exit code other than 0 and
one message that names the environment, the step and `env.isolation: process`. tests/plugins/misbehaves.c is the
environment."""

import concurrent.futures
import json
import os
import shutil
import signal
import subprocess

import fault
import program

PLUGIN = os.environ["MUSTER_MISBEHAVES"]
ISOLATION = "`env.isolation: process`"

CONFIG = f"""\
seed: 1
total_steps: 1024
env: {{plugin: {PLUGIN}, name: Misbehaves-v0, num_envs: 4}}
policy: {{hidden_sizes: [8]}}
checkpoint: {{every: 512}}
evaluation: {{every: 512, episodes: 2}}
algorithm: {{name: ppo, n_steps: 64, n_epochs: 2}}
"""

# the place that messages name when environment 0 misbehaves in its sixth call
AT_STEP = "environment 0 (Misbehaves-v0, seed 1), episode 0, step 6, in step(): it "


def comma_locale(folder):
    """Environment variables for a locale that writes 0,5, which is made here; none if that is impossible."""
    made = folder / "de_DE.UTF-8"
    command = ["localedef", "-i", "de_DE", "-f", "UTF-8", str(made)]
    if shutil.which("localedef") is None:
        return {}
    subprocess.call(command, stderr=subprocess.DEVNULL)
    if not made.is_dir():
        return {}
    return {"LOCPATH": str(folder), "LC_ALL": "de_DE.UTF-8"}


class Process(fault.Case):
    def setUp(self):
        super().setUp()
        self.config = self.write("config.yaml", CONFIG)
        self.pool = concurrent.futures.ThreadPoolExecutor(4)
        self.addCleanup(self.pool.shutdown)

    def launch(self, run, kind, *sets, ranks=None, environment=None, **options):
        """Starts a run in the test's folder, so that the path of its run folder is a relative one."""
        options = [f"--set=env.options.{key}={value}" for key, value in {"kind": kind, **options}.items()]
        arguments = ["train", self.config, "--run-dir", run, *options, *(f"--set={key}" for key in sets)]
        return program.start(arguments, ranks, self.folder, env={**self.environment, **(environment or {})})

    def train(self, *arguments, **options):
        return program.finish(self.launch(*arguments, **options))

    def each(self, cases, check):
        """Calls check(*case) of all cases, several at a time."""
        for case, future in [(case, self.pool.submit(check, *case)) for case in cases]:
            with self.subTest(case=case):
                future.result()

    # --- the run is untouched ---

    def test_changes_do_not_matter(self):
        locale = comma_locale(self.folder)
        whole = self.folder / "whole"
        self.assertEqual(self.train("whole", "none").code, 0)

        def check(number, kind, function, ranks, isolation):
            # the environment changes everything from its first call of this function on, while muster computes and
            # writes
            run = f"run-{number}"
            options = {"in": function, "after": 0}
            result = self.train(run, kind, f"env.isolation={isolation}", ranks=ranks, environment=locale, **options)
            self.assertEqual((result.code, result.messages), (0, []), result)
            self.assertIn(f"run folder  {run}\n", result.out, result)
            run = self.folder / run
            self.assertEqual(fault.digest(run), fault.digest(whole))
            self.assertEqual(program.metrics(run), program.metrics(whole))
            self.assertEqual(program.summary(run)["final_evaluation"], program.summary(whole)["final_evaluation"])
            for path in [run, *run.rglob("*")]:
                if not path.is_symlink():
                    self.assertTrue(path.stat().st_mode & 0o400, path)

        places = [("create", None, "none"), ("reset", None, "none"), ("step", None, "none"), ("step", 2, "none")]
        places += [("step", None, "process"), ("reset", 2, "process")]
        cases = [("everything", *place) for place in places]
        # floating-point settings one by one, so that nothing else hides them; and a simulator whose child process ends
        cases += [(kind, "step", None, "none") for kind in ["rounding", "denormals", "traps", "child"]]
        self.each([(number, *case) for number, case in enumerate(cases)], check)

    def test_changes_at_load_do_not_matter(self):
        environment = {"MISBEHAVES_AT_LOAD": "everything", **comma_locale(self.folder)}
        result = self.train("run", "none", environment=environment)
        self.assertEqual((result.code, result.messages), (0, []), result)
        self.assertEqual(self.train("whole", "none").code, 0)
        self.assertEqual(program.metrics(self.folder / "run"), program.metrics(self.folder / "whole"))

    def test_signals_still_reach_the_run(self):
        def check(number, kind, ranks, isolation):
            run = f"run-{number}"
            sets = ["total_steps=100000000", f"env.isolation={isolation}"]
            process = self.launch(run, kind, *sets, ranks=ranks, after=0)
            metrics = self.folder / run / "metrics.csv"
            self.wait_until(lambda: metrics.exists() and metrics.read_text().count("\n") > 3, process, "the first rows")
            members = program.ranks_of(run)
            os.kill(members[max(members)], signal.SIGTERM)
            result = program.finish(process, 60)
            self.assertEqual(result.code, 0, result)
            self.assertIn("interrupted after", result.out, result)

        cases = [(kind, ranks, "none") for kind in ["handlers", "mask"] for ranks in [None, 2]]
        cases += [("handlers", None, "process")]
        self.each([(number, *case) for number, case in enumerate(cases)], check)

    def test_streams(self):
        noisy = self.folder / "noisy"
        self.assertEqual(self.train("noisy", "prints").code, 0)
        for kind in ["prints", "closes"]:
            with self.subTest(kind=kind):
                options = ["--option", f"kind={kind}", "--option", "after=0"]
                result = self.run_muster("check-env", PLUGIN, *options, "--json")
                self.assertEqual(json.loads(result.out)[0]["env"], "Misbehaves-v0", result)
        result = self.run_muster("eval", noisy, "--json")
        self.assertEqual(json.loads(result.out)["episodes"], 100, result)
        self.assertIn("a word of the simulator", result.err)

        # muster takes nothing from the standard input of the script that calls it
        lines = self.write("lines", "first\nsecond\n")
        with open(lines, encoding="utf-8") as file:
            command = program.command_line(["eval", noisy, "--episodes", "2"])
            subprocess.run(command, check=True, stdin=file, capture_output=True)
            self.assertEqual(os.lseek(file.fileno(), 0, os.SEEK_CUR), 0)

    # --- or it ends with one message ---

    def check_end(self, result, place, cause, advice=ISOLATION):
        """Checks that the run ended with one message that says where and why, and with an exit code other than 0."""
        self.assertNotEqual(result.code, 0, result)
        self.assertEqual(len(result.messages), 1, result)
        for part in [place, cause, advice]:
            self.assertIn(part, result.messages[0], result)

    ENDS = {
        "exit": "ended the process by exit(), or Fortran's stop",
        "quick exit": "ended the process by exit()",
        "_exit": "ended the process by _exit() with code 0",
        "abort": "died of signal 6",
        "null": "died of signal 11 (segmentation fault)",
        "stack": "died of signal 11",
        "unmapped": "died of signal 11",
        "division": "died of signal 8",
        "alarm": "died of signal 14",
    }

    def test_ends_in_a_step(self):
        def check(kind, ranks):
            result = self.train(f"{kind}-{ranks}", kind, ranks=ranks)
            place = AT_STEP if ranks is None else f"rank 1 on {program.HOST}: {AT_STEP}"
            self.check_end(result, f"muster train: {place}", self.ENDS[kind])
            self.assert_nobody_left(f"{kind}-{ranks}")

        self.each([*((kind, None) for kind in self.ENDS), *((kind, 2) for kind in ["exit", "_exit", "null"])], check)

    def test_ends_elsewhere(self):
        place = "environment 0 (Misbehaves-v0, seed "

        def check(function, kind, cause):
            result = self.train(f"{function}-{kind}", kind, **{"in": function, "after": 0})
            self.check_end(result, place, cause)
            self.assertIn(f", in {function}(): ", result.messages[0])

        kinds = [(kind, self.ENDS[kind]) for kind in ["exit", "null"]]
        self.each([(function, *kind) for function in ["create", "reset", "destroy"] for kind in kinds], check)

    def test_other_languages_end_it(self):
        def check(compiler, name, text, cause):
            if shutil.which(compiler) is None:
                print(f"left out: there is no {compiler}")
                return
            source, library = self.write(name, text), self.folder / f"{name}.so"
            subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
            self.check_end(self.train(f"run-{name}", library), f"muster train: {AT_STEP}", cause)

        fortran = "subroutine misdeed() bind(c)\n{}\nend subroutine\n"
        cases = [("g++", "throws.cpp", 'extern "C" void misdeed() { throw 1; }\n', "died of signal 6")]
        for statement in ["stop", "error stop", "stop 3"]:
            name = statement.replace(" ", "-") + ".f90"
            cases.append(("gfortran", name, fortran.format(statement), "or Fortran's stop"))
        self.each(cases, check)

    def test_check_env_finds_it(self):
        options = ["--option", "kind=everything", "--option", "after=0"]
        result = self.run_muster("check-env", PLUGIN, *options, "--json")
        found = [f["text"] for f in json.loads(result.out)[0]["findings"] if f["check"] == "process"]
        words = ["working directory", "rounding", "handlers", "blocks signals", "umask", "closes"]
        for word in words:
            self.assertEqual(len([text for text in found if word in text]), 1, found)

        # when the process of a check ends, nothing is said twice
        result = self.run_muster("check-env", PLUGIN, "--option", "kind=exit", "--json")
        self.assertIn("was ended with exit code 0 in step()", json.loads(result.out)[0]["findings"][1]["text"])

    def test_a_thread_of_the_simulator_ends_the_process(self):
        result = self.train("run", "thread")
        self.check_end(result, "muster train: the process was ended by exit() outside", "a thread of Misbehaves-v0")

    def test_ends_as_it_is_loaded(self):
        def check(kind, cause):
            result = self.train(kind, "none", environment={"MISBEHAVES_AT_LOAD": kind})
            self.check_end(result, f"muster train: the plug-in {PLUGIN}, as it was loaded: it ", cause, "")
            self.assertNotIn("isolation", result.messages[0])

        self.each([(kind, self.ENDS[kind]) for kind in ["exit", "_exit", "null"]], check)

    def test_create_without_an_environment(self):
        def check(isolation):
            result = self.train(f"run-{isolation}", "nothing", f"env.isolation={isolation}", **{"in": "create"})
            self.assertNotEqual(result.code, 0, result)
            self.check_end(result, "Misbehaves-v0: create() returned 0", "but no environment", "muster_env_fail")

        self.each([("none",), ("process",)], check)

    def test_refusal_that_leaves_a_pointer(self):
        result = self.train("run", "refuses", **{"in": "create"})
        self.assert_refused(result, 2, "Misbehaves-v0")

    def test_isolation_names_the_end(self):
        causes = {"exit": "its process ended by itself with exit code 0", "_exit": "exit code 0", "null": "signal 11"}

        def check(kind, ranks):
            result = self.train(f"{kind}-{ranks}", kind, "env.isolation=process", "env.max_restarts=0", ranks=ranks)
            self.assertEqual(result.code, 1, result)
            self.assertRegex(result.err, r"environment \d+ \(Misbehaves-v0, seed 1\), episode 0, step 6")
            self.assertIn(causes[kind], result.err)

        self.each([*((kind, None) for kind in causes), ("exit", 2)], check)


if __name__ == "__main__":
    program.main()
