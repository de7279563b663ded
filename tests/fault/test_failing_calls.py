"""Makes every single file operation of a run fail, or kills the run at it; nothing is ever lost.

A library that is loaded before the C library (shim.c) counts the operations below the run folder and breaks chosen
ones. The tests go through all of them, so that none is forgotten.
"""

import errno
import os
import signal
import unittest

import fault
import program

SHIM = os.environ.get("MUSTER_SHIM")

# four checkpoints, of which the later ones remove the earlier ones; two evaluations
CONFIG = """\
seed: 5
total_steps: 1024
env: {name: CartPole-v1, num_envs: 8}
policy: {hidden_sizes: [16]}
algorithm: {name: ppo, n_steps: 32, batch_size: 64, n_epochs: 2, learning_rate: lin_0.001}
evaluation: {every: 512, episodes: 2}
checkpoint: {every: 256, interval: 0, keep: 2}
"""

ERRORS = [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS]

# operations that may fail without a message: closing a folder, or a file that was only read or is completely on the
# disk; and trying to give a file a second name
HARMLESS = ["close", "link", "symlink"]


def is_harmless(name, path, code):
    """Whether an operation may fail without a message. Besides HARMLESS, if the run still comes to its end: removing an
    older checkpoint, or reading it to decide whether it may be removed; then it stays."""
    reads_older = name == "open" and os.path.basename(path).startswith("step-")
    return name in HARMLESS or (code == 0 and (name == "unlink" or reads_older))


@unittest.skipIf(program.SANITIZED, "the sanitizers want to be loaded first")
class FailingCalls(fault.Case):
    CONFIG, TOTAL_STEPS = CONFIG, 1024

    def setUp(self):
        super().setUp()
        self.config = self.write("run.yaml", self.CONFIG)
        self.whole = self.folder / "whole"
        result = self.finish(self.config, self.whole)
        self.assertEqual(result.code, 0, result)

    def run_with_shim(self, run, *arguments, **settings):
        """Runs with the shim loaded; returns the result and the operations that it saw, as (name, path)."""
        log = self.folder / f"{run.name}.log"
        log.unlink(missing_ok=True)
        environment = {"LD_PRELOAD": SHIM, "MUSTER_SHIM_ROOT": str(run), "MUSTER_SHIM_LOG": str(log)}
        environment.update({f"MUSTER_SHIM_{key.upper()}": str(value) for key, value in settings.items()})
        result = self.finish(self.config, run, *arguments, environment=environment)
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        return result, [tuple(line.split(" ", 2)[1:]) for line in lines]

    def operations(self):
        """The operations of an undisturbed run."""
        result, seen = self.run_with_shim(self.folder / "counted")
        self.assertEqual(result.code, 0, result)
        self.assert_same_end(self.folder / "counted", self.whole)
        for name in ["open", "write", "fsync", "close", "rename", "link", "symlink", "unlink", "mkdir", "ftruncate"]:
            self.assertIn(name, [operation for operation, _ in seen])
        return seen

    def resume(self, run):
        result = self.finish(self.config, run, "--resume")
        self.assertEqual(result.code, 0, result)
        self.assert_same_end(run, self.whole)

    def kill_at_each(self, action):
        seen = self.operations()
        numbers = [n for n, (name, _) in enumerate(seen, 1) if action == "kill" or name == "write"]
        for number in numbers:
            with self.subTest(operation=(number, *seen[number - 1])):
                run = self.folder / f"{action}-{number}"
                result, reached = self.run_with_shim(run, "--resume", first=number, count=1, action=action)
                self.assertEqual(result.code, -signal.SIGKILL, result)
                self.assertEqual(len(reached), number)
                self.resume(run)
        print(f"{action}: {len(numbers)} of {len(seen)} operations")

    def test_killed_at_every_operation(self):
        self.kill_at_each("kill")

    def test_torn_at_every_write(self):
        self.kill_at_each("tear")

    def test_killed_at_every_operation_of_a_resumption(self):
        """A run is killed while it writes a checkpoint; then the run that resumes it is killed, too, at each of its
        operations."""
        seen = self.operations()
        last_rename = max(n for n, (name, path) in enumerate(seen, 1) if name == "rename" and "step-" in path)
        number = 0
        while True:
            number += 1
            run = self.folder / f"again-{number}"
            result, _ = self.run_with_shim(run, "--resume", first=last_rename + 1, count=1, action="kill")
            self.assertEqual(result.code, -signal.SIGKILL, result)
            result, reached = self.run_with_shim(run, "--resume", first=number, count=1, action="kill")
            if result.code == 0:
                break
            with self.subTest(operation=(number, *reached[-1])):
                self.assertEqual(result.code, -signal.SIGKILL, result)
                self.resume(run)
        self.assertGreater(number, 20)

    def test_no_links(self):
        """On a file system without links there is no message, `latest` and best.h5 are files of their own, and a run
        can be resumed; once links are possible again, `latest` is a link again."""
        run = self.folder / "no-links"
        for steps, error in [(self.TOTAL_STEPS, errno.EPERM), (self.TOTAL_STEPS + 256, errno.EOPNOTSUPP)]:
            settings = {"first": 1, "count": 10**9, "action": error, "only": "link,symlink"}
            result, seen = self.run_with_shim(run, "--resume", "--set", f"total_steps={steps}", **settings)
            # apart from the message that the schedule of the learning rate now ends elsewhere
            said = [line for line in result.err.splitlines() if "warning" in line and "learning_rate" not in line]
            self.assertEqual((result.code, said), (0, []), result)
            self.assertIn("symlink", [name for name, _ in seen])
            latest = run / "checkpoints" / "latest"
            self.assertFalse(latest.is_symlink())
            self.assertEqual([latest.stat().st_nlink, (run / "checkpoints" / "best.h5").stat().st_nlink], [1, 1])
            newest = fault.checkpoint(run, max(fault.checkpoints(run)))
            self.assertEqual(latest.read_bytes(), newest.read_bytes())
            if steps == self.TOTAL_STEPS:
                self.assert_same_end(run, self.whole)
        self.assertEqual(self.run_muster("eval", latest, "--episodes", "1").code, 0)
        steps = self.TOTAL_STEPS + 512
        self.assertEqual(self.finish(self.config, run, "--resume", "--set", f"total_steps={steps}").code, 0)
        self.assertEqual(os.readlink(latest), fault.checkpoint(run, steps).name)

    def check_survived(self, result, run):
        """After failures the run either came to its end or said why not; when resumed, it ends like an undisturbed
        one."""
        if result.code == 0:
            self.assert_same_end(run, self.whole, best=False)
        else:
            self.assertEqual(result.code, 1, result)
            self.assertEqual(len(result.messages), 1, result)
            self.assertIn(str(run), result.messages[0])
        for steps in fault.checkpoints(run) if run.exists() else []:
            fault.digest(fault.checkpoint(run, steps))
        self.resume(run)

    def test_every_operation_fails_once(self):
        seen = self.operations()
        first_row = next(n for n, (name, path) in enumerate(seen, 1) if name == "rename" and "config" in path) + 4
        last_checkpoint = max(n for n, (name, path) in enumerate(seen, 1) if name == "fsync" and "metrics" in path)
        for number, (name, path) in enumerate(seen, 1):
            with self.subTest(operation=(number, name, path)):
                run = self.folder / f"fails-{number}"
                error = ERRORS[number % len(ERRORS)]
                result, _ = self.run_with_shim(run, "--resume", first=number, count=1, action=error)
                if first_row <= number < last_checkpoint:
                    # between the first row and the last checkpoint no failure ends the run
                    self.assertEqual(result.code, 0, result)
                says = os.strerror(error) in result.err
                self.assertTrue(says or is_harmless(name, path, result.code), result)
                self.check_survived(result, run)

    def test_short_writes(self):
        """A write that takes only half of its bytes: the run writes the rest, or treats it as a full disk."""
        seen = self.operations()
        for number in [n for n, (name, _) in enumerate(seen, 1) if name == "write"]:
            with self.subTest(operation=(number, *seen[number - 1])):
                run = self.folder / f"short-{number}"
                result, _ = self.run_with_shim(run, "--resume", first=number, count=1, action="short")
                self.check_survived(result, run)

    def test_disk_full_for_a_while(self):
        """From some operation on nothing can be written, for `count` operations or to the end; then there is space
        again."""
        seen = self.operations()
        only = "write,open,mkdir,symlink,link,rename,fsync"
        last = max(n for n, (name, _) in enumerate(seen, 1) if name in only.split(","))
        for first in range(17, last + 1, 9):
            for count in [5, 40, 10**9]:
                with self.subTest(first=first, count=count):
                    run = self.folder / f"full-{first}-{count}"
                    result, _ = self.run_with_shim(
                        run, "--resume", first=first, count=count, action=errno.ENOSPC, only=only
                    )
                    self.assertIn(os.strerror(errno.ENOSPC), result.err)
                    if count == 10**9:
                        self.assertEqual(result.code, 1, result)
                    self.check_survived(result, run)


if __name__ == "__main__":
    fault.main()
