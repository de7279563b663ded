"""Nothing is lost: a run that is stopped and resumed ends like one that was never stopped, at any numbers of ranks."""

import os
import signal
import subprocess
import time

import program

# a replay that wraps many times: a segment has a thousand slots. No schedule depends on total_steps
REPLAY = """\
seed: 5
total_steps: 10240
env: {name: CartPole-v1, num_envs: 4}
policy: {hidden_sizes: [16]}
algorithm: {name: dqn, buffer_size: 1000, learning_starts: 64, train_freq: 16, gradient_steps: 2, batch_size: 32,
            n_steps: 3, exploration_initial_eps: 0.2, exploration_final_eps: 0.2,
            replay: {prioritized: true, beta_final: 0.4}}
evaluation: {episodes: 2}
checkpoint: {every: 512, interval: 0, keep: 2}
"""


class Resume(program.Case):
    def test_prolonged_at_other_numbers_of_ranks(self):
        whole = self.train("whole")
        for before, after in [(None, None), (None, 3), (3, None), (2, 4), (4, 2)]:
            with self.subTest(before=before, after=after):
                name = f"from-{before}-to-{after}"
                half = self.train(name, "--set", "total_steps=3072", ranks=before)
                self.assertEqual(program.summary(half)["total_steps"], 3072)
                run = self.train(name, "--resume", ranks=after)
                self.assert_same_run(run, whole)

    def test_damaged_checkpoint_is_set_aside(self):
        whole = self.train("whole")
        run = self.train("run", "--set", "total_steps=3072", "--set", "checkpoint.every=1024")
        newest = run / "checkpoints" / "step-000000003072.h5"
        content = bytearray(newest.read_bytes())
        content[len(content) // 2] ^= 1
        newest.write_bytes(content)
        path = self.write("run.yaml", program.SHORT)
        result = self.run_muster("train", path, "--run-dir", run, "--resume", ranks=3)
        self.assertEqual(result.code, 0, result)
        self.assertIn("step-000000003072.h5 is damaged", result.err)
        self.assertIn("resuming from", result.err)
        damaged = run / "checkpoints" / "step-000000003072.h5.damaged"
        self.assertEqual(damaged.read_bytes(), bytes(content))
        self.assert_same_run(run, whole)

    def test_finished_run_stays_as_it_is(self):
        run = self.train("run")
        before = program.learned(run), program.metrics(run), program.summary(run)["final_evaluation"]
        self.train("run", "--resume", ranks=2)
        after = program.learned(run), program.metrics(run), program.summary(run)["final_evaluation"]
        self.assertEqual(before, after)

    def test_empty_folder_is_started(self):
        (self.folder / "run").mkdir()
        self.assert_same_run(self.train("run", "--resume"), self.train("whole"))


class Replay(program.Case):
    """The replay is the same to the last bit: checkpoints hold its newest slots, and the digests of the files that hold
    the others."""

    def segments(self, run):
        return sorted(path.name for path in (run / "replay").iterdir())

    def test_prolonged_at_other_numbers_of_ranks(self):
        whole = self.train("whole", config=REPLAY)
        found = program.contents(whole / "checkpoints" / "latest")
        written = memoryview(found["replay/written"][2]).cast("q")
        self.assertGreater(min(written), 2500)
        several = [["--set", f"ranks.learners={learners}"] for learners in [2, 3]]
        in_turn = ["--set", "ranks.colocate=true"]
        for before, after, arguments in [
            (None, None, []),
            (None, 3, several[0]),
            (3, None, []),
            (2, 4, several[1]),
            (4, 2, in_turn),
        ]:
            with self.subTest(before=before, after=after):
                name = f"from-{before}-to-{after}"
                self.train(name, "--set", "total_steps=5120", config=REPLAY, ranks=before)
                run = self.train(name, "--resume", *arguments, config=REPLAY, ranks=after)
                self.assert_same_run(run, whole)

    def test_uninterrupted_on_several_learners(self):
        alone = self.assert_same_layouts({"whole": REPLAY}, [(2, []), (3, ["--set", "ranks.learners=2"])])
        self.assertGreater(len(self.segments(alone["whole"])), 0)

    def test_files_of_a_run(self):
        """Segments stay as long as a checkpoint needs them, best.h5 among them, and no longer."""
        run = self.train("run", config=REPLAY)
        needed = set()
        for path in (run / "checkpoints").glob("*.h5"):
            numbers = program.contents(path)["replay/segments/number"][2]
            needed |= {f"segment-{number:06}.h5" for number in memoryview(numbers).cast("q")}
        self.assertEqual(self.segments(run), sorted(needed))
        self.assertLess(len(needed), 8)

    def test_killed(self):
        """Killed at several moments, also between a segment and the checkpoint that needs it."""
        whole = self.train("whole", config=REPLAY)
        path = self.write("run.yaml", REPLAY)
        for number, ranks in enumerate([None, 3, 2, None]):
            with self.subTest(number=number):
                run = self.folder / f"killed-{number}"
                process = program.start(["train", path, "--run-dir", run], ranks, self.folder)
                segment = run / "replay" / f"segment-{2 + 2 * number:06}.h5"
                until = time.monotonic() + program.LIMIT
                while not segment.exists() and process.poll() is None and time.monotonic() < until:
                    time.sleep(0.0005)
                for rank in program.ranks_of(run).values():
                    try:
                        os.kill(rank, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                program.finish(process)
                result = program.finish(
                    program.start(["train", path, "--run-dir", run, "--resume"], [2, None, 4, 1][number], self.folder)
                )
                self.assertEqual(result.code, 0, result)
                self.assert_same_run(run, whole)
                self.assertEqual(self.segments(run), self.segments(whole))

    def test_moved_and_copied(self):
        whole = self.train("whole", config=REPLAY)
        run = self.train("run", "--set", "total_steps=5120", config=REPLAY)
        copy = self.folder / "elsewhere" / "copy"
        copy.parent.mkdir()
        subprocess.run(["cp", "-r", run, copy], check=True)
        run.rename(self.folder / "moved")
        for name in ["elsewhere/copy", "moved"]:
            path = self.write("run.yaml", REPLAY)
            result = self.run_muster("train", path, "--run-dir", self.folder / name, "--resume")
            self.assertEqual(result.code, 0, result)
            self.assert_same_run(self.folder / name, whole)

    def test_a_missing_or_damaged_segment(self):
        """The message names the file; the run goes on from an older checkpoint, if there is one whose segments are
        whole, and nothing is overwritten. Evaluation needs no segments."""
        whole = self.train("whole", config=REPLAY)
        path = self.write("run.yaml", REPLAY)
        for fault in ["missing", "damaged", "another"]:
            with self.subTest(fault=fault):
                run = self.train(fault, "--set", "total_steps=4864", "--set", "checkpoint.keep=9", config=REPLAY)
                newest = self.segments(run)[-1]
                segment = run / "replay" / newest
                content = segment.read_bytes()
                if fault == "missing":
                    segment.unlink()
                elif fault == "damaged":
                    segment.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
                else:
                    segment.write_bytes((run / "replay" / self.segments(run)[0]).read_bytes())
                spoiled = segment.read_bytes() if segment.exists() else None
                before = program.listing(run)
                self.assertEqual(self.run_muster("eval", run, "--episodes", "1").code, 0)
                self.assertEqual(program.listing(run), before)
                result = self.run_muster("train", path, "--run-dir", run, "--resume", "--set", "checkpoint.keep=9")
                self.assertEqual(result.code, 0, result)
                self.assertIn("step-000000004864.h5': its part of the replay", result.err)
                self.assertIn(newest, result.err)
                self.assertIn("is passed over", result.err)
                self.assertIn("resuming from", result.err)
                self.assert_same_run(run, whole)
                if spoiled is not None and segment.exists():
                    self.assertEqual(segment.read_bytes(), spoiled)

    def test_checkpoints_that_cannot_be_read(self):
        """Parts of the replay that nobody needs stay then, which costs the run nothing else."""
        run = self.train("run", "--set", "total_steps=4864", config=REPLAY)
        (run / "checkpoints" / "circle.h5").symlink_to("circle.h5")
        path = self.write("run.yaml", REPLAY)
        result = self.run_muster("train", path, "--run-dir", run, "--resume")
        self.assertEqual(result.code, 0, result)
        self.assertEqual(result.err.count("parts of the replay that are not needed any more stay in"), 1, result)
        self.assert_same_run(run, self.train("whole", config=REPLAY))

    def test_no_checkpoint_can_be_continued_from(self):
        run = self.train("run", "--set", "total_steps=4864", config=REPLAY)
        path = self.write("run.yaml", REPLAY)
        for file in (run / "replay").iterdir():
            file.unlink()
        before = program.listing(run)
        result = self.run_muster("train", path, "--run-dir", run, "--resume", ranks=2)
        self.assertEqual(result.code, 1, result)
        self.assertIn("is missing: copy the folder replay/ of the run there, too", result.err)
        self.assertIn("no whole checkpoint is left", result.err)
        self.assertEqual(program.listing(run), before)


if __name__ == "__main__":
    program.main()
