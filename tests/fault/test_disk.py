"""A disk that is really full, and a folder that really cannot be written, on a small file system made for the test."""

import os
import signal
import subprocess
import time
import unittest

import fault
import program

# slow enough for the disk to fill up while it trains
CONFIG = """\
seed: 3
total_steps: 12800
env: {name: Probe-v0, num_envs: 8, options: {obs_dim: 4, sleep_us: 300, episode_length: 11, truncates: 1}}
policy: {hidden_sizes: [16]}
algorithm: {name: ppo, n_steps: 16, batch_size: 64, n_epochs: 2, learning_rate: lin_0.001}
evaluation: {episodes: 2}
checkpoint: {every: 128, interval: 0, keep: 2}
"""


# a segment of the replay has 256 slots: two of them come between two checkpoints
WITH_REPLAY = CONFIG.replace(
    "{name: ppo, n_steps: 16, batch_size: 64, n_epochs: 2, learning_rate: lin_0.001}",
    "{name: dqn, buffer_size: 248, learning_starts: 64, train_freq: 16, gradient_steps: 1, batch_size: 16}",
).replace("checkpoint: {every: 128", "checkpoint: {every: 512")


class Disk(fault.Case):
    CONFIG = CONFIG

    def setUp(self):
        # an earlier test that was killed has left it mounted
        subprocess.run(["umount", "--lazy", program.WORK / self.id() / "disk"], capture_output=True, check=False)
        super().setUp()
        self.config = self.write("run.yaml", self.CONFIG)
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        if os.geteuid() != 0:
            self.skipTest("only root may mount a file system")
        command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", self.disk]
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
        if mounted.returncode != 0:
            self.skipTest(f"cannot mount a file system here: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.disk], check=False)
        whole = self.finish(self.config, self.folder / "whole")
        self.assertEqual(whole.code, 0, whole)
        self.run_folder = self.disk / "run"
        self.filler = self.disk / "filler"

    def fill(self):
        """Takes all free space, again and again, since a run that fails to write frees what it had written."""
        with open(self.filler, "ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(256))
            except OSError:
                pass

    def start_and_fill(self, ranks):
        """Starts a run, whose messages go to a file, and takes the free space until the run says that there is none
        left."""
        self.said = self.folder / f"said-{ranks}"
        into_file = ["sh", "-c", 'said=$1; shift; exec "$@" 2>"$said"', "sh", self.said]
        process = self.start(self.config, self.run_folder, ranks=ranks, prefix=into_file)
        self.wait_until(lambda: fault.checkpoints(self.run_folder), process, "the first checkpoint")
        self.wait_until(lambda: self.fill() or "no checkpoint at" in self.errors(), process, "a checkpoint that fails")
        return process

    def errors(self):
        return self.said.read_text(encoding="utf-8")

    def test_full_for_a_while(self):
        for ranks in [None, 3]:
            with self.subTest(ranks=ranks):
                process = self.start_and_fill(ranks)
                self.filler.unlink()
                result = program.finish(process)
                self.assertEqual(result.code, 0, result)
                self.assertIn("No space left on device", self.errors())
                self.assert_same_end(self.run_folder, self.folder / "whole", best=False)
                subprocess.run(["rm", "-rf", self.run_folder], check=True)

    def test_full_and_killed(self):
        process = self.start_and_fill(None)
        process.kill()
        program.finish(process)
        for steps in fault.checkpoints(self.run_folder):
            fault.digest(fault.checkpoint(self.run_folder, steps))
        self.filler.unlink()
        result = self.finish(self.config, self.run_folder, "--resume", ranks=2)
        self.assertEqual(result.code, 0, result)
        self.assert_same_end(self.run_folder, self.folder / "whole", best=False)

    def test_full_to_the_end(self):
        process = self.start_and_fill(None)
        while process.poll() is None:
            self.fill()
            time.sleep(0.001)
        result = program.finish(process)
        self.assertEqual(result.code, 1, result)
        last = [line for line in self.errors().splitlines() if line.startswith("muster")]
        self.assertIn("No space left on device", last[0])
        self.filler.unlink()
        result = self.finish(self.config, self.run_folder, "--resume")
        self.assertEqual(result.code, 0, result)
        self.assert_same_end(self.run_folder, self.folder / "whole", best=False)

    def test_read_only(self):
        result = self.finish(self.config, self.run_folder, "--set", "run.time_limit=0.3")
        self.assertEqual(result.code, 75, result)
        before = program.listing(self.run_folder)
        subprocess.run(["mount", "-o", "remount,ro", self.disk], check=True)
        for ranks in [None, 2]:
            result = self.finish(self.config, self.run_folder, "--resume", ranks=ranks)
            self.assert_refused(result, 1, self.run_folder, "Read-only file system")
            result = self.finish(self.config, self.disk / "new", ranks=ranks)
            self.assert_refused(result, 1, self.disk / "new", "Read-only file system")
        self.assertEqual(program.listing(self.run_folder), before)
        subprocess.run(["mount", "-o", "remount,rw", self.disk], check=True)
        result = self.finish(self.config, self.run_folder, "--resume")
        self.assertEqual(result.code, 0, result)
        self.assert_same_end(self.run_folder, self.folder / "whole", best=False)


class DiskWithReplay(Disk):
    CONFIG = WITH_REPLAY

    def test_full_and_signalled(self):
        """A signal that asks for a checkpoint while there is no space: where the run goes on it tries again later, and
        where it ends it says why there is none, and goes on from the one before when there is space."""
        for ranks, number in [(None, signal.SIGTERM), (3, signal.SIGUSR1), (2, signal.SIGUSR2)]:
            with self.subTest(ranks=ranks, signal=number.name):
                process = self.start_and_fill(ranks)
                newest = fault.checkpoints(self.run_folder)[-1]
                failures = self.errors().count("no checkpoint at")
                os.kill(program.ranks_of(self.run_folder)[0], number)
                if number == signal.SIGUSR2:
                    said = lambda: self.fill() or self.errors().count("no checkpoint at") > failures
                    self.wait_until(said, process, "the next checkpoint that fails")
                    self.filler.unlink()
                    self.assertEqual(program.finish(process).code, 0, self.errors())
                else:
                    while process.poll() is None:
                        self.fill()
                        time.sleep(0.001)
                    self.assertEqual(program.finish(process).code, 1, self.errors())
                    last = [line for line in self.errors().splitlines() if line.startswith("muster")]
                    self.assertIn("No space left on device", last[0])
                    self.assertEqual(fault.checkpoints(self.run_folder)[-1], newest)
                    fault.digest(self.run_folder)
                    self.filler.unlink()
                    result = self.finish(self.config, self.run_folder, "--resume", ranks=ranks)
                    self.assertEqual(result.code, 0, result)
                self.assert_same_end(self.run_folder, self.folder / "whole", best=False)
                subprocess.run(["rm", "-rf", self.run_folder], check=True)


class NoPermission(fault.Case):
    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_folder_without_permission(self):
        config = self.write("run.yaml", CONFIG)
        run = self.folder / "run"
        process = self.start(config, run)
        self.wait_until(lambda: fault.checkpoints(run), process, "the first checkpoint")
        (run / "checkpoints").chmod(0o555)
        time.sleep(0.2)
        (run / "checkpoints").chmod(0o755)
        result = program.finish(process)
        self.assertEqual(result.code, 0, result)
        self.assertIn("Permission denied", result.err)
        whole = self.finish(config, self.folder / "whole")
        self.assertEqual(whole.code, 0, whole)
        self.assert_same_end(run, self.folder / "whole", best=False)


if __name__ == "__main__":
    fault.main()
