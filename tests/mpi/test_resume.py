"""Nothing is lost: a run that is stopped and resumed ends like one that was never stopped, at any numbers of ranks."""

import program


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


if __name__ == "__main__":
    program.main()
