"""A fault before the first step, on one rank or on all of them, ends all ranks with one message."""

import fcntl
import os
import pathlib
import secrets
import unittest

import program

HANGS = os.environ["MUSTER_HANGS"]
MEMORY = pathlib.Path("/dev/shm")


class Setup(program.Case):
    def train_badly(self, *arguments, ranks=3, config=program.SHORT, prefix=()):
        path = self.write("config.yaml", config)
        result = self.run_muster(
            "train", path, "--run-dir", self.folder / "run", *arguments, ranks=ranks, prefix=prefix
        )
        self.assert_nobody_left(self.folder / "run")
        return result

    def test_bad_config(self):
        result = self.train_badly("--set", "algorithm.n_stepz=3")
        self.assert_refused(result, 2, f"muster train: rank 0 on {program.HOST}: ", "algorithm.n_stepz", "n_steps?")
        self.assertFalse((self.folder / "run").exists())

    def test_fewer_environments_than_actors(self):
        result = self.train_badly("--set", "env.num_envs=2", "--set", "algorithm.batch_size=64", ranks=4)
        self.assert_refused(result, 2, "--set env.num_envs=2: ", "3 actors", "at least 3")
        self.assertFalse((self.folder / "run").exists())
        config = program.SHORT.replace("num_envs: 8", "num_envs: 2").replace("batch_size: 256", "batch_size: 64")
        result = self.train_badly(ranks=4, config=config)
        self.assert_refused(result, 2, f"{self.folder}/config.yaml:5: env.num_envs: 2: ", "3 actors", "at least 3")
        self.assertFalse((self.folder / "run").exists())

    def test_environment_that_cannot_be_created(self):
        config = "env:\n  name: Probe-v0\n  options: {obs_dim: 0}\nalgorithm: {name: ppo}\n"
        result = self.train_badly(config=config)
        self.assert_refused(result, 2, f"{self.folder}/config.yaml:3: env.options", "obs_dim", "1 to 1048576")
        result = self.train_badly(config=config.replace("obs_dim", "obs_dims"))
        self.assert_refused(result, 2, f"{self.folder}/config.yaml:3: env.options", "obs_dims", "'obs_dim'")
        self.assertFalse((self.folder / "run").exists())

    def test_environment_that_fails_at_once(self):
        # every actor meets the fault in the same step: each may report it before the job ends, but no rank more than
        # once
        config = "env: {name: Probe-v0, options: {fail_at_step: 1}}\nalgorithm: {name: ppo}\n"
        result = self.train_badly(config=config)
        self.assertEqual(result.code, 1, result)
        self.assertIn(len(result.messages), [1, 2], result)
        self.assertEqual(len(set(result.messages)), len(result.messages), result)
        for message in result.messages:
            self.assertRegex(message, rf"muster train: rank [12] on {program.HOST}: environment [04] .* told to fail")

    def test_the_cause_is_told(self):
        """One actor fails, and the other ranks end with the same code because of it: the actor reports the fault,
        although it is not the first rank."""
        config = f"env: {{name: Hangs-v0, plugin: {HANGS}, isolation: process, OPTIONS}}\nalgorithm: {{name: ppo}}\n"
        options = "options: {place: create, crashes: 1, rank: 2}"
        result = self.train_badly(config=config.replace("OPTIONS", options))
        self.assert_refused(result, 1, f"muster train: rank 2 on {program.HOST}: ", "Hangs-v0", "died of signal 6")
        self.assertFalse((self.folder / "run").exists())

    def leave(self, locked):
        """Makes a file of shared memory as a rank leaves it that is killed before all ranks have opened it. `locked`:
        its descriptor still holds the lock."""
        path = MEMORY / f"muster-{secrets.token_hex(3)}"
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        self.addCleanup(path.unlink, missing_ok=True)
        self.addCleanup(os.close, descriptor)
        if locked:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        return path

    def test_left_in_memory(self):
        """A job removes what killed jobs have left in shared memory, but not what a living job is about to use."""
        dead, alive = self.leave(locked=False), self.leave(locked=True)
        other = MEMORY / f"muster-{secrets.token_hex(3)}.txt"
        other.touch()
        self.addCleanup(other.unlink)
        result = self.train_badly("--dry-run", ranks=2)
        self.assertEqual(result.code, 0, result)
        self.assertEqual([dead.exists(), alive.exists(), other.exists()], [False, True, True])

    def test_limit_of_file_sizes(self):
        """If a limit keeps files from growing, the run fails, and the message names the limit and not a full disk."""
        limited = ["bash", "-c", 'ulimit -f 2; exec "$@"', "limited"]
        result = self.train_badly("--set", "run.tensorboard=false", ranks=None, prefix=limited)
        self.assertEqual(result.code, 1, result)
        self.assertIn("File too large", result.err)
        self.assertNotIn("No space left", result.err)

    @unittest.skipIf(program.SANITIZED, "the sanitizers need more address space than the limit leaves")
    def test_memory(self):
        """Rollouts beyond the limit are refused; where other things do not fit beside them, the run says so."""
        limited = ["bash", "-c", 'ulimit -v 4000000; exec "$@"', "limited"]
        for n_steps, code, text in [(200000000, 2, "algorithm.n_steps"), (17500000, 1, "out of memory")]:
            for ranks, origin in [(None, ""), (3, "rank ")]:
                with self.subTest(n_steps=n_steps, ranks=ranks):
                    arguments = ["--set", f"algorithm.n_steps={n_steps}"]
                    result = self.train_badly(*arguments, ranks=ranks, prefix=limited)
                    self.assert_refused(result, code, f"muster train: {origin}", text)


if __name__ == "__main__":
    program.main()
