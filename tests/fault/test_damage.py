"""Damaged, foreign and newer checkpoints: the message is the right one, the previous checkpoint is used where that is
right, and nothing that could still be useful is deleted."""

import os
import random
import re
import shutil
import subprocess

import fault
import program

RESEAL = os.environ["MUSTER_RESEAL"]

CONFIG = fault.CONFIG.replace("total_steps: 10240", "total_steps: 2048").replace("lin_0.001", "0.001")
HALF, NEWEST, BEFORE = "total_steps=1280", 1280, 1024

# the signatures of HDF5's structures: superblock, object header and its continuation, heap, indices of chunks and of
# links
SIGNATURES = [b"\x89HDF", b"OHDR", b"OCHK", b"FRHP", b"FHDB", b"BTHD", b"BTLF", b"FADB", b"FAHD", b"EAHD"]


class Damage(fault.Case):
    @classmethod
    def setUpClass(cls):
        cls.runs = program.WORK / "runs"
        shutil.rmtree(cls.runs, ignore_errors=True)
        cls.runs.mkdir(parents=True)
        cls.config = cls.runs / "run.yaml"
        cls.config.write_text(CONFIG, encoding="utf-8")
        for name, arguments in [("whole", []), ("half", ["--set", HALF])]:
            command = ["train", cls.config, "--run-dir", cls.runs / name, *arguments]
            result = program.finish(program.start(command))
            assert result.code == 0, result
        cls.whole, cls.half = cls.runs / "whole", cls.runs / "half"
        cls.content = fault.checkpoint(cls.half, NEWEST).read_bytes()

    def damage(self, name, content):
        """A copy of the half-done run whose newest checkpoint has this content instead."""
        run = self.folder / name
        shutil.copytree(self.half, run, symlinks=True)
        newest = fault.checkpoint(run, NEWEST)
        # best.h5 may be a second name of the same file, and stays as it is
        newest.unlink()
        newest.write_bytes(content)
        return run

    def flips(self):
        """A bit of every class of bytes, by name."""
        content = self.content
        header = content.index(b"\n")
        places = {
            "signature": 0,
            "version": len("muster-checkpoint "),
            "length": len("muster-checkpoint 1 "),
            "digest": header - 1,
            "end of the line": header,
            "padding": header + 1,
            "end of the padding": 511,
            "superblock": 512 + 9,
            "config text": content.index(b"CartPole-v1"),
            "last byte": len(content) - 1,
        }
        for signature in SIGNATURES:
            at = content.find(signature)
            if at >= 0:
                places[f"{signature!r}"] = at
                places[f"behind {signature!r}"] = at + 6
        rng = random.Random(1)
        for number in range(30):
            places[f"random {number}"] = rng.randrange(len(content))
        return places

    def test_a_flipped_bit_anywhere(self):
        places = self.flips()
        self.assertIn("b'OHDR'", places)
        rng = random.Random(2)
        for number, (name, place) in enumerate(places.items()):
            with self.subTest(place=name, at=place):
                content = bytearray(self.content)
                content[place] ^= 1 << rng.randrange(8)
                self.check_damaged(f"flip-{number}", bytes(content), "", resume=number % 4 == 0 or number < 10)

    def check_damaged(self, name, content, reason, resume=True):
        run = self.damage(name, content)
        newest = fault.checkpoint(run, NEWEST)
        before = program.listing(run)

        # a user who names the file gets an error; a user who names the run gets the previous checkpoint
        result = self.run_muster("inspect", "--digest", newest)
        self.assert_refused(result, 1, newest, reason)
        self.assertEqual(fault.digest(run), fault.digest(fault.checkpoint(self.half, BEFORE)))
        self.assertEqual(program.listing(run), before)

        if resume:
            result = self.finish(self.config, run, "--resume")
            self.assertEqual(result.code, 0, result)
            self.assertIn(f"{newest} is damaged and set aside", result.err)
            self.assertIn(f"resuming from {fault.checkpoint(run, BEFORE)}", result.err)
            self.assertEqual((run / "checkpoints" / f"{newest.name}.damaged").read_bytes(), content)
            self.assert_same_end(run, self.whole)
        shutil.rmtree(run)

    def test_torn_and_empty_files(self):
        size = len(self.content)
        for length in [0, 1, 17, 100, 511, 512, 513, 2048, size // 2, size - 1]:
            with self.subTest(length=length):
                reason = "is empty" if length == 0 else "is truncated"
                self.check_damaged(f"torn-{length}", self.content[:length], reason)
        self.check_damaged("longer", self.content + b"\0", "is damaged")

    def test_foreign_files(self):
        self.check_damaged("text", b"notes\n" * 200, "is not a checkpoint")
        self.check_damaged("hdf5", self.content[512:], "is an HDF5 file, but not a checkpoint that muster wrote")
        self.check_damaged("zeros", bytes(len(self.content)), "is not a checkpoint")

    def refuse(self, run, code, *parts, config=None):
        """Resuming is refused, and every byte in the folder stays as it was."""
        before = program.listing(run)
        result = self.finish(config or self.config, run, "--resume")
        self.assert_refused(result, code, *parts)
        after = program.listing(run)
        self.assertEqual(after, before)

    def test_newer_format(self):
        """A newer format is no damage: nothing is set aside, and the run does not go back to an older checkpoint
        unasked."""
        run = self.damage("newer", self.content)
        newest = fault.checkpoint(run, NEWEST)
        subprocess.run([RESEAL, newest, "2"], check=True)
        self.refuse(run, 1, newest, "is of format version 2, and this program reads version 1")
        subprocess.run([RESEAL, newest, "1"], check=True)
        self.assertEqual(newest.read_bytes(), self.content)

    def test_forged_content(self):
        """HDF5's own checks find structures that are wrong although the digest is right; that counts as damage."""
        content = bytearray(self.content)
        content[content.index(b"OHDR") + 6] ^= 1
        run = self.damage("forged", bytes(content))
        subprocess.run([RESEAL, fault.checkpoint(run, NEWEST), "1"], check=True)
        result = self.finish(self.config, run, "--resume")
        self.assertEqual(result.code, 0, result)
        self.assertIn("is damaged and set aside", result.err)
        self.assert_same_end(run, self.whole)

    def test_all_damaged(self):
        """If all checkpoints are damaged, the run does not start anew: that is not what --resume asked for."""
        run = self.damage("all", b"")
        for steps in fault.checkpoints(run):
            fault.checkpoint(run, steps).write_bytes(b"")
        rows = program.metrics(run)
        result = self.finish(self.config, run, "--resume")
        self.assertEqual(result.code, 1, result)
        self.assertIn("damaged", result.messages[0])
        self.assertEqual(program.metrics(run), rows)

    def test_another_run(self):
        """Refused: a config that would learn something else, and a checkpoint of another run in this run's folder."""
        run = self.damage("run", self.content)
        for old, new, key in [
            ("name: CartPole-v1, num_envs: 8", "name: Probe-v0, num_envs: 8", "env.name"),
            ("num_envs: 8", "num_envs: 9", "env.num_envs"),
            ("hidden_sizes: [32, 32]", "hidden_sizes: [32]", "policy.hidden_sizes"),
            ("seed: 5", "seed: 6", "seed"),
            ("n_epochs: 2", "n_epochs: 3", "algorithm.n_epochs"),
        ]:
            with self.subTest(key=key):
                config = self.write(f"{key}.yaml", CONFIG.replace(old, new))
                self.refuse(run, 2, "cannot resume", fault.checkpoint(run, NEWEST), key, config=config)
                other = self.folder / key
                result = self.finish(config, other, "--set", HALF)
                self.assertEqual(result.code, 0, result)
                mixed, steps = self.damage(f"mixed-{key}", self.content), max(fault.checkpoints(other))
                fault.checkpoint(mixed, NEWEST).unlink()
                shutil.copy(fault.checkpoint(other, steps), fault.checkpoint(mixed, steps))
                self.refuse(mixed, 2, "cannot resume", fault.checkpoint(mixed, steps), key)

    def test_misnamed(self):
        """A copy of a checkpoint under the name of another is not taken for the newest, and disturbs nothing."""
        run = self.damage("misnamed", self.content)
        stranger = fault.checkpoint(run, 9000)
        shutil.copy(fault.checkpoint(run, BEFORE), stranger)
        self.assertEqual(fault.digest(run), fault.digest(self.half))
        result = self.finish(self.config, run, "--resume")
        self.assertEqual(result.code, 0, result)
        self.assertIn(f"'{stranger}' is the checkpoint of {BEFORE} steps under another's name", result.err)
        self.assertEqual(fault.checkpoints(run), [*fault.checkpoints(self.whole), 9000])
        self.assertEqual(fault.digest(stranger), fault.digest(fault.checkpoint(self.half, BEFORE)))
        stranger.unlink()
        self.assert_same_end(run, self.whole)

    def test_other_kernels(self):
        """Kernels that round differently change the end of a run: a message says so, no matter who has chosen them."""
        run = self.folder / "kernels"
        result = self.finish(self.config, run, "--set", HALF, "--set", "ranks.kernels=baseline")
        self.assertEqual(result.code, 0, result)
        self.assertRegex(self.run_muster("inspect", run).out, r"kernels +baseline\n")
        result = self.finish(self.config, run, "--resume")
        self.assertEqual(result.code, 0, result)
        now = re.search(r"kernels +(\w+)\n", self.run_muster("inspect", run).out)[1]
        says = f"was computed with the kernels baseline, and this run goes on with {now}"
        self.assertEqual(says in result.err, now != "baseline", result)

    def test_no_checkpoints(self):
        """The files of a run without checkpoints are not replaced by a new run that was asked to resume it."""
        run = self.damage("gone", self.content)
        shutil.rmtree(run / "checkpoints")
        self.refuse(run, 1, run, "holds metrics.csv of a run, but no checkpoints/")
        (run / "metrics.csv").unlink()
        self.refuse(run, 1, run, "holds summary.json of a run, but no checkpoints/")
        # a run that was killed before its first checkpoint has an empty folder for them: it starts again, and says so
        begun = self.damage("begun", self.content)
        shutil.rmtree(begun / "checkpoints")
        (begun / "checkpoints").mkdir()
        result = self.finish(self.config, begun, "--resume")
        self.assertEqual(result.code, 0, result)
        self.assertIn("the run begins anew, and with it metrics.csv", result.err)
        self.assert_same_end(begun, self.whole)

    def test_pipes(self):
        """A pipe in the place of a file of the run is refused, and nothing waits for a process at its other end."""
        for name in ["metrics.csv", ".lock", f"checkpoints/{fault.checkpoint(self.half, NEWEST).name}"]:
            with self.subTest(name=name):
                run = self.damage(f"pipe-{len(name)}", self.content)
                (run / name).unlink()
                os.mkfifo(run / name)
                self.refuse(run, 1, run / name, "is not a regular file")

    def test_lost_rows(self):
        """A user may edit metrics.csv, and may damage it: the run says so if rows are missing, and goes on."""
        run = self.damage("rows", self.content)
        path = run / "metrics.csv"
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(lines[:-2]), encoding="utf-8")
        result = self.finish(self.config, run, "--resume")
        self.assertEqual(result.code, 0, result)
        self.assertIn("metrics.csv lacks 2 rows", result.err)
        self.assertEqual(fault.digest(run), fault.digest(self.whole))


if __name__ == "__main__":
    fault.main()
