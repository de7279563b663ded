"""An environment that fails, breaks its contract or crashes soon ends the whole job, with one message that says where;
the newest checkpoint stays whole."""

import time

import program

# with this seed only environment 4 has the faults (faulty_percent); of three ranks, rank 2 has that environment
CONFIG = """\
seed: 3
total_steps: 100000000
env:
  name: Probe-v0
  num_envs: 8
  options: {{obs_dim: 4, faulty_percent: 15, {fault}: 1000}}
algorithm: {{name: ppo, n_steps: 32, batch_size: 256, n_epochs: 2}}
checkpoint: {{every: 2560}}
"""
PLACE = "environment 4 (Probe-v0, seed 3), episode 62, step 8"

# the fault comes after 31 rollouts of 256 steps, the last checkpoint before it after 30
NEWEST = "step-000000007680.h5"

# a run should end within 5 s; the test allows more, since the machine may be busy
SECONDS = 20


class Environment(program.Case):
    def break_run(self, fault, ranks):
        run = self.folder / f"{fault}-{ranks}"
        path = self.write(f"{fault}-{ranks}.yaml", CONFIG.format(fault=fault))
        result = self.run_muster("train", path, "--run-dir", run, ranks=ranks)
        # each rollout ends with a row of metrics.csv, so the fault came after the last row was written
        seconds = time.time() - (run / "metrics.csv").stat().st_mtime
        print(f"{fault} at {ranks or 1} ranks: ended {seconds:.2f} s after the last row")
        self.assertLess(seconds, SECONDS, result)
        self.assertNotEqual(result.code, 0, result)
        self.assert_nobody_left(run)

        # the newest checkpoint is whole, and there is no half-written file in its folder
        checkpoints = run / "checkpoints"
        self.assertEqual((checkpoints / "latest").resolve().name, NEWEST)
        inspected = self.run_muster("inspect", checkpoints / "latest")
        self.assertEqual(inspected.code, 0, inspected)
        self.assertEqual([p.name for p in checkpoints.iterdir() if p.name.endswith(".tmp")], [])
        return result

    def assert_one_message(self, fault, cause):
        for ranks, origin in [(None, ""), (1, ""), (3, f"rank 2 on {program.HOST}: ")]:
            with self.subTest(ranks=ranks):
                result = self.break_run(fault, ranks)
                self.assert_refused(result, 1, f"muster train: {origin}{PLACE}", cause)

    def test_error(self):
        self.assert_one_message("fail_at_step", "told to fail at step 1000")

    def test_nan_observation(self):
        self.assert_one_message("nan_at_step", "element 0 of the observation is nan")

    def test_nan_reward(self):
        self.assert_one_message("nan_reward_at_step", "the reward is nan")

    def test_crash(self):
        # the rank itself still writes a message; mpirun, too, says which rank it was
        for ranks, origin in [(None, ""), (1, ""), (3, f"rank 2 on {program.HOST}: ")]:
            with self.subTest(ranks=ranks):
                result = self.break_run("crash_at_step", ranks)
                self.assertEqual(len(result.messages), 1, result)
                self.assertIn(f"muster train: {origin}{PLACE}, in step(): it died of signal 6", result.messages[0])
                if ranks is not None:
                    self.assertRegex(result.err, rf"process rank {ranks - 1} .*signal 6", result)


if __name__ == "__main__":
    program.main()
