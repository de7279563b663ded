"""The job scripts of slurm/ on a real SLURM of four nodes, which tests/cluster/slurm makes on this machine."""

import functools
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "fault"))

import fault
import program

INSIDE = "MUSTER_SLURM_FOLDER"
SCRIPTS = program.SOURCE / "slurm"

# with one actor it sleeps for longer than the half minute after which slurmctld looks again at the time that jobs have
# left
SLOW = """\
seed: 3
total_steps: 7680
env: {name: Probe-v0, num_envs: 8, options: {obs_dim: 4, sleep_us: 5000, episode_length: 11, truncates: 1}}
policy: {hidden_sizes: [16]}
algorithm: {name: ppo, n_steps: 16, batch_size: 64, n_epochs: 2, learning_rate: lin_0.001, clip_range: lin_0.2}
evaluation: {episodes: 2}
checkpoint: {every: 128, interval: 0, keep: 0}
"""
STEPS_OF_ROLLOUT = 128

# only signals make a job write a checkpoint
NO_CHECKPOINTS = ["--set", "checkpoint.every=0"]


# the job that is to reach its time limit is submitted first, and the others run while it sleeps
TIME_IS_UP = program.WORK / "time-is-up"
time_is_up_job = ""


def sbatch(folder, arguments, launcher="auto", environment=None):
    """Submits a script in a folder; returns the job's number."""
    muster = {"MUSTER_HOME": str(program.SOURCE), "MUSTER_PROGRAM": program.PROGRAM, "MUSTER_LAUNCHER": launcher}
    result = subprocess.run(
        ["sbatch", "--parsable", *[str(argument) for argument in arguments]],
        cwd=folder,
        env={**os.environ, **muster, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@functools.lru_cache(maxsize=None)
def whole_run():
    """The slow run without SLURM and without interruption; its eight actors sleep at the same time."""
    folder = program.WORK / "whole"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "slow.yaml").write_text(SLOW, encoding="utf-8")
    result = program.finish(program.start(["train", folder / "slow.yaml", "--run-dir", folder / "run"], ranks=9))
    assert result.code == 0, result
    return folder / "run"


def setUpModule():
    global time_is_up_job
    shutil.rmtree(TIME_IS_UP, ignore_errors=True)
    TIME_IS_UP.mkdir(parents=True)
    (TIME_IS_UP / "slow.yaml").write_text(SLOW, encoding="utf-8")
    options = ["-N2", "--ntasks-per-node=1", "--time=1", "--signal=B:USR1@55", "--job-name=time-is-up"]
    time_is_up_job = sbatch(TIME_IS_UP, [*options, SCRIPTS / "train.sbatch", "slow.yaml", *NO_CHECKPOINTS])


class Slurm(fault.Case):
    def sbatch(self, *arguments, **options):
        job = sbatch(self.folder, arguments, **options)
        self.addCleanup(subprocess.run, ["scancel", "--quiet", job], check=False)
        return job

    def log(self, job):
        paths = [path for folder in [self.folder, TIME_IS_UP] for path in folder.glob(f"*-{job}[._]*log")]
        return "".join(path.read_text(encoding="utf-8") for path in paths)

    def states(self, job):
        """What SLURM says about a job, or about each task of an array: state and exit code."""
        text = subprocess.run(["scontrol", "show", "job", "-o", job], capture_output=True, text=True, check=True).stdout
        return re.findall(r"JobState=(\S+) .*?ExitCode=(\S+)", text)

    def wait_until(self, condition, job, what):
        start = time.monotonic()
        while not condition():
            waited = time.monotonic() - start
            self.assertLess(waited, program.LIMIT, f"{what}: waited in vain: {self.states(job)}\n{self.log(job)}")
            time.sleep(0.05)

    def wait_for_end(self, job):
        ends = {"COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL"}
        self.wait_until(lambda: {s for s, _ in self.states(job)} <= ends, job, "the end of the job")

    def wait_for(self, job, state="COMPLETED", code="0:0"):
        """Waits until a job, or all tasks of an array, have ended; checks their state and exit code (None: any
        code)."""
        self.wait_for_end(job)
        ended = {(s, None if code is None else c) for s, c in self.states(job)}
        self.assertEqual(ended, {(state, code)}, self.log(job))

    def complete(self, *arguments, **options):
        """Submits a job and waits for its end, which must be in order. On a busy machine Open MPI 4.1 sometimes crashes
        in MPI_Init when srun starts it: a job in which that happened, before muster printed anything, is submitted once
        more, and a line says so."""
        job = self.sbatch(*arguments, **options)
        self.wait_for_end(job)
        log = self.log(job)
        if "*** Process received signal ***" in log and "learner" not in log:
            print(f"once more, since Open MPI crashed while it started:\n{log}", flush=True)
            job = self.sbatch(*arguments, **options)
        self.wait_for(job)
        return job

    def wait_for_steps(self, job, run, rollouts=3):
        def has_rows():
            path = run / "metrics.csv"
            return path.exists() and len(path.read_text(encoding="utf-8").splitlines()) > rollouts

        self.wait_until(has_rows, job, "some iterations")

    def layout(self, run):
        return (run / "config.yaml").read_text(encoding="utf-8")


class Train(Slurm):
    def test_two_nodes(self):
        """Both ways to start the ranks train on two nodes, and their runs end like the one without SLURM."""
        config = self.write("run.yaml", fault.CONFIG)
        result = self.finish(config, self.folder / "whole")
        self.assertEqual(result.code, 0, result)
        for launcher, starter in [("auto", "mpirun"), ("mpirun", "mpirun"), ("srun", "srun --mpi=pmix")]:
            with self.subTest(launcher=launcher):
                job = self.complete(
                    "--job-name", launcher, "-N2", "--ntasks-per-node=2", SCRIPTS / "train.sbatch", config, launcher=launcher
                )
                run = self.folder / "runs" / f"{launcher}-{job}"
                self.assertIn(starter, self.log(job))
                self.assertIn("rank 0 on n", self.layout(run))
                hosts = re.findall(r"rank \d on (n\d):", self.layout(run))
                self.assertEqual([len(hosts), len(set(hosts))], [4, 2], self.layout(run))
                self.assert_same_end(run, self.folder / "whole")

    def test_one_node_srun(self):
        config = self.write("run.yaml", fault.CONFIG)
        result = self.finish(config, self.folder / "whole")
        self.assertEqual(result.code, 0, result)
        run = self.folder / "run"
        self.complete("-N1", "-n2", SCRIPTS / "train.sbatch", config, "--run-dir", run, launcher="srun")
        self.assert_same_end(run, self.folder / "whole")

    def test_requeue_srun(self):
        run = self.folder / "run"
        config = self.write("slow.yaml", SLOW)
        job = self.sbatch(
            *["-N1", "-n5", "-O", SCRIPTS / "train.sbatch", config, f"--run-dir={run}", *NO_CHECKPOINTS], launcher="srun"
        )
        self.wait_for_steps(job, run)
        subprocess.run(["scancel", "--batch", "--signal=USR1", job], check=True)
        self.wait_for(job)
        self.assertIn("start 2 on", self.log(job))
        self.assert_same_end(run, whole_run(), best=False)

    def test_no_progress(self):
        """A job whose time is too short even for one iteration fails, and is not requeued for ever."""
        config = self.write("run.yaml", fault.CONFIG)
        job = self.sbatch(SCRIPTS / "train.sbatch", config, "--set", "run.time_limit=0.001")
        self.wait_for(job, "FAILED", "1:0")
        self.assertIn("not requeued", self.log(job))

    def test_scancel(self):
        """scancel signals every process of the job; the run leaves a checkpoint of that moment."""
        config = self.write("slow.yaml", SLOW)
        for launcher in ["mpirun", "srun"]:
            for how in [[], ["--batch", "--signal=TERM"]]:
                with self.subTest(launcher=launcher, how=how):
                    run = self.folder / f"{launcher}-{len(how)}"
                    job = self.sbatch(
                        *["-N2", "--ntasks-per-node=1", SCRIPTS / "train.sbatch", config],
                        *["--run-dir", run, *NO_CHECKPOINTS],
                        launcher=launcher,
                    )
                    self.wait_for_steps(job, run)
                    subprocess.run(["scancel", *how, job], check=True)
                    self.wait_for(job, *(["COMPLETED"] if how else ["CANCELLED", None]))
                    self.check_cancelled(job, run)

    def check_cancelled(self, job, run):
        self.wait_until(lambda: "cancelled, with" in self.log(job), job, "the last words of the job")
        self.assertEqual(program.summary(run)["status"], "interrupted")
        steps = program.summary(run)["total_steps"]
        self.assertGreaterEqual(steps, 3 * STEPS_OF_ROLLOUT)
        self.assertEqual(fault.checkpoints(run), [steps])
        self.assertEqual(fault.digest(run), fault.digest(fault.checkpoint(whole_run(), steps)))
        self.assertEqual(fault.leftovers(run), [])
        self.assertNotIn("requeued", self.log(job))

    def test_wrong_use(self):
        config = self.write("run.yaml", fault.CONFIG)
        for script, arguments, message, launcher in [
            ("train", [], "no config file is named", "auto"),
            ("train", [config, "--run-dir"], "--run-dir takes a folder", "auto"),
            ("train", [config], "expects mpirun, srun or auto", "ssh"),
            ("sweep", [config], "submit an array", "auto"),
            ("eval", ["--episodes", "3"], "no run is named", "auto"),
        ]:
            with self.subTest(script=script, message=message):
                job = self.sbatch("-N1", "-n1", SCRIPTS / f"{script}.sbatch", *arguments, launcher=launcher)
                self.wait_for(job, "FAILED", "2:0")
                self.assertIn(message, self.log(job))
                self.assertIn("usage: sbatch", self.log(job))
        # when muster fails, the job fails
        job = self.sbatch("-N1", "-n1", SCRIPTS / "train.sbatch", config, "--set", "algorithm.n_stpes=3")
        self.wait_for(job, "FAILED", "2:0")
        self.assertIn("did you mean algorithm.n_steps", self.log(job))


class Sweep(Slurm):
    def test_seeds(self):
        """An array of four seeds: four run folders like those of runs that are trained one by one, and one table."""
        config = self.write("run.yaml", fault.CONFIG)
        job = self.sbatch("--array=1-4", "-n2", SCRIPTS / "sweep.sbatch", config)
        self.wait_for(job)
        sweep = self.folder / "runs" / f"muster-sweep-{job}"
        self.assertEqual(sorted(path.name for path in sweep.iterdir() if path.is_dir()), [f"seed-{n}" for n in range(1, 5)])
        for seed in range(1, 5):
            result = self.finish(config, self.folder / f"alone-{seed}", "--set", f"seed={seed}")
            self.assertEqual(result.code, 0, result)
            self.assert_same_end(sweep / f"seed-{seed}", self.folder / f"alone-{seed}")
        table = (sweep / "summary.txt").read_text(encoding="utf-8")
        self.assertEqual(table, self.run_muster("summary", sweep.relative_to(self.folder)).out)
        for seed in range(1, 5):
            self.assertRegex(table, rf"(?m)^CartPole-v1 +ppo +{seed} .* finished .*seed-{seed}$")

        # another array evaluates the policies
        runs = [sweep / f"seed-{seed}" for seed in range(1, 5)]
        job = self.sbatch("--array=1-4", "--output=eval-%a.log", SCRIPTS / "eval.sbatch", *runs, "--episodes", "5")
        self.wait_for(job)
        for seed, run in enumerate(runs, 1):
            log = (self.folder / f"eval-{seed}.log").read_text(encoding="utf-8")
            self.assertEqual(log, f"{run}\n" + self.run_muster("eval", run, "--episodes", "5").out)

    def test_sets(self):
        config = self.write("run.yaml", fault.CONFIG)
        sets = self.write("sets", "# two settings\nalgorithm.gamma=0.9\n\nalgorithm.gamma=0.95 'policy.hidden_sizes=[8, 8]'\n")
        sweep = self.folder / "sweep"
        job = self.sbatch(
            *["--array=1-4", "-n1", SCRIPTS / "sweep.sbatch", config, "--sets", sets, "--set", "total_steps=2560"],
            environment={"MUSTER_SWEEP_DIR": str(sweep)},
        )
        self.wait_for(job)
        for line, seed in [(1, 1), (2, 1), (1, 2), (2, 2)]:
            text = self.layout(sweep / f"line-{line}-seed-{seed}")
            self.assertIn(f"\nseed: {seed}\n", text)
            self.assertIn(f"  gamma: {['0.9', '0.95'][line - 1]}\n", text)
            self.assertIn(f"hidden_sizes: {['[32, 32]', '[8, 8]'][line - 1]}\n", text)
        result = self.run_muster("summary", sweep, "--json")
        self.assertEqual(result.code, 0, result)


class Eval(Slurm):
    def test_eval(self):
        run = self.train("run")
        job = self.sbatch(SCRIPTS / "eval.sbatch", run, "--episodes", "7")
        self.wait_for(job)
        self.assertEqual(self.log(job), f"{run}\n" + self.run_muster("eval", run, "--episodes", "7").out)
        job = self.sbatch(SCRIPTS / "eval.sbatch", self.folder / "none")
        self.wait_for(job, "FAILED", "1:0")


class WallTime(Slurm):
    def test_requeued(self):
        """SLURM's signal before the limit of wall time leads to a checkpoint and a requeued job, and the run ends like
        an undisturbed one."""
        job = time_is_up_job
        self.wait_for(job)
        for words in ["start 1 on", "the job is requeued", "start 2 on"]:
            self.assertIn(words, self.log(job))
        self.assert_same_end(TIME_IS_UP / "runs" / f"time-is-up-{job}", whole_run(), best=False)


if __name__ == "__main__":
    if INSIDE not in os.environ:
        # runs the tests inside the cluster, which ends with them
        folder = program.WORK / "cluster"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        os.environ[INSIDE] = str(folder)
        cluster = str(pathlib.Path(__file__).with_name("slurm"))
        os.execv(cluster, [cluster, "4", str(folder), sys.executable, "-B", __file__, *sys.argv[1:]])
    fault.main()
