"""When a rank is killed, the whole job ends; the run can be resumed and then ends like an undisturbed one."""

import os
import signal
import time

import program

# with schedules, which follow total_steps, and that stays the same here; the steps are slow enough to kill a rank
# between them
CONFIG = """\
seed: 1
total_steps: 12800
env: {name: Probe-v0, num_envs: 8, options: {obs_dim: 4, observation: image, sleep_us: 300, episode_length: 11, truncates: 1}}
policy: {network: [conv2d 6 3, relu, dense 16, tanh], value_network: [dense 20, tanh]}
algorithm: {name: ppo, n_steps: 32, batch_size: 64, n_epochs: 4, learning_rate: lin_0.001, clip_range: lin_0.2}
checkpoint: {every: 1024}
evaluation: {episodes: 5}
"""
SECONDS = 20


class Kill(program.Case):
    def kill_rank(self, ranks, victim):
        """Kills the rank once there is a checkpoint, and returns the run's folder."""
        run = self.folder / f"ranks-{ranks}-kill-{victim}"
        path = self.write("killed.yaml", CONFIG)
        process = program.start(["train", path, "--run-dir", run], ranks, self.folder)
        latest = run / "checkpoints" / "latest"
        deadline = time.monotonic() + 120
        while not latest.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        alive = program.ranks_of(run)
        self.assertEqual(sorted(alive), list(range(ranks or 1)))
        os.kill(alive[victim], signal.SIGKILL)
        result = program.finish(process)
        print(f"rank {victim} of {ranks or 1} killed: ended after {result.seconds:.2f} s")
        self.assertLess(result.seconds, SECONDS, result)
        self.assertNotEqual(result.code, 0, result)
        self.assert_nobody_left(run)
        self.assertFalse((run / "summary.json").exists())
        inspected = self.run_muster("inspect", latest)
        self.assertEqual(inspected.code, 0, inspected)
        return run

    def test_killed_and_resumed(self):
        whole = self.train("whole", config=CONFIG)
        for ranks, victim, after in [(3, 0, 3), (3, 2, None), (None, 0, 2)]:
            with self.subTest(ranks=ranks, victim=victim, after=after):
                run = self.kill_rank(ranks, victim)
                resumed = self.train(run.name, "--resume", config=CONFIG, ranks=after)
                self.assert_same_run(resumed, whole)


if __name__ == "__main__":
    program.main()
