"""What the tests of faults share: a small run whose end is known, and ways to check that nothing of it was lost."""

import concurrent.futures
import functools
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import events
import program

# a checkpoint after every rollout, so that a random moment often lies within the writing of one; none by the clock
CONFIG = """\
seed: 5
total_steps: 10240
env: {name: CartPole-v1, num_envs: 8}
policy: {hidden_sizes: [32, 32]}
algorithm: {name: ppo, n_steps: 32, batch_size: 64, n_epochs: 2, learning_rate: lin_0.001}
evaluation: {every: 2560, episodes: 3}
checkpoint: {every: 256, interval: 0, keep: 3}
"""

# the same with a replay, which learners divide
REPLAY = """\
seed: 5
total_steps: 10240
env: {name: CartPole-v1, num_envs: 8}
policy: {hidden_sizes: [32, 32]}
algorithm:
  name: dqn
  buffer_size: 3001
  learning_starts: 512
  train_freq: 32
  gradient_steps: 8
  batch_size: 128
  n_steps: 3
  replay: {prioritized: true}
evaluation: {every: 2560, episodes: 3}
checkpoint: {every: 256, interval: 0, keep: 3}
"""

# of both
TOTAL_STEPS, STEPS_OF_ROLLOUT = 10240, 256


def digest(checkpoint):
    """The hash of the state of learning, as a user gets it."""
    result = subprocess.run(
        [program.PROGRAM, "inspect", "--digest", str(checkpoint)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@functools.cache
def digest_of_finished(checkpoint):
    """The same of a run that nothing changes any more, with which many are compared."""
    return digest(checkpoint)


def checkpoints(run):
    """Step counts of a run's checkpoints, the newest last."""
    return sorted(int(path.name[5:-3]) for path in (run / "checkpoints").glob("step-*.h5"))


def checkpoint(run, steps):
    return run / "checkpoints" / f"step-{steps:012}.h5"


def leftovers(run):
    return sorted(path.name for path in run.rglob(".*.tmp"))


def cpu_seconds(process):
    """CPU time that a process has used so far."""
    fields = pathlib.Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def suspend(process):
    """Suspends a process, and waits until it does nothing any more."""
    os.kill(process, signal.SIGSTOP)
    stat = pathlib.Path(f"/proc/{process}/stat")
    while stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0] not in "TZX":
        time.sleep(0.001)


class Case(program.Case):
    """Runs keep the temporary files of Open MPI in a folder that is removed with all that killed jobs leave in it."""

    def setUp(self):
        super().setUp()
        self.temporary = tempfile.mkdtemp(prefix="muster-")
        self.addCleanup(shutil.rmtree, self.temporary, ignore_errors=True)
        self.environment = self.own_temporary_files()

    def own_temporary_files(self):
        """Environment variables that give a run a folder of its own for temporary files, apart from runs that start at
        the same time."""
        folder = tempfile.mkdtemp(dir=self.temporary)
        return {"OMPI_MCA_orte_tmpdir_base": folder, "OMPI_MCA_btl_vader_backing_directory": folder}

    def start(self, config, run, *arguments, ranks=None, environment=None, prefix=()):
        """Starts `muster train` of a config file in a run folder."""
        environment = {**self.own_temporary_files(), **(environment or {})}
        return program.start(
            ["train", config, "--run-dir", run, *arguments], ranks, self.folder, prefix=prefix, env=environment
        )

    def finish(self, config, run, *arguments, **options):
        return program.finish(self.start(config, run, *arguments, **options))

    def side_by_side(self, check, cases, width=3):
        """Calls check(*case) for each case as a subtest, several at a time, since most of them wait."""
        with concurrent.futures.ThreadPoolExecutor(width) as pool:
            ends = [(case, pool.submit(check, *case)) for case in cases]
            for case, end in ends:
                with self.subTest(case=case):
                    end.result()

    def wait_until(self, condition, process, what):
        """Waits until a condition holds; fails if the process ends first, or if it takes minutes."""
        start = time.monotonic()
        while not condition():
            if process.poll() is not None:
                self.fail(f"ended before {what}: {program.finish(process)}")
            if time.monotonic() - start > program.LIMIT:
                process.kill()
                self.fail(f"{what}: waited in vain: {program.finish(process)}")
            time.sleep(0.002)

    def assert_same_end(self, run, whole, best=True):
        """A run ended like the undisturbed run `whole`, which never changes: state of learning, metrics, best checkpoint, summary."""
        self.assertEqual(digest(run), digest_of_finished(whole))
        self.assertEqual(program.metrics(run), program.metrics(whole))
        self.assertEqual(events.rows(run), events.rows_of_metrics(run))
        latest = (run / "checkpoints" / "latest").read_bytes()
        self.assertEqual(latest, checkpoint(run, max(checkpoints(whole))).read_bytes())
        if best:
            best_checkpoint = pathlib.Path("checkpoints") / "best.h5"
            self.assertEqual(digest(run / best_checkpoint), digest_of_finished(whole / best_checkpoint))
        for key in ["total_steps", "mean_return", "solved_at_steps", "final_evaluation"]:
            self.assertEqual(program.summary(run)[key], program.summary(whole)[key], key)
        self.assertEqual(leftovers(run), [])


main = program.main
