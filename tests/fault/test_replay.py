"""Faults of runs that learn from a replay: a numerical fault is named and leaves the checkpoints as they were, and a rank
that is lost within an update costs nothing that was learned, nor anything of the replay."""

import fault
import program
import test_learners

# values that soon grow beyond what a float can hold, but not before there are checkpoints of updates
DIVERGING = {
    "dqn": """\
seed: 1
total_steps: 2560
env: {name: CartPole-v1, num_envs: 8}
policy: {network: [dense 16, dense 16, dense 16]}
algorithm:
  name: dqn
  buffer_size: 601
  learning_starts: 100
  train_freq: 4
  gradient_steps: 1
  batch_size: 128
  n_steps: 3
  target_update_interval: 1
  optimizer: sgd
  learning_rate: 1
  max_grad_norm: 1.0e+30
  exploration_initial_eps: 0.3
  exploration_final_eps: 0.3
evaluation: {episodes: 0}
checkpoint: {every: 32, interval: 0, keep: 0}
""",
    "sac": """\
seed: 1
total_steps: 2560
env: {name: Pendulum-v1, num_envs: 4}
policy: {hidden_sizes: [16, 16]}
algorithm:
  name: sac
  buffer_size: 601
  learning_starts: 100
  train_freq: 8
  gradient_steps: 1
  batch_size: 128
  optimizer: sgd
  learning_rate: 1
evaluation: {episodes: 0}
checkpoint: {every: 32, interval: 0, keep: 0}
""",
}

CAUSES = {"dqn": r"the loss of update \d+ is not finite: a smaller learning_rate", "sac": "the gradient of q1/0/weight is not finite"}

# what an emergency checkpoint begins afresh, counts of how the run went, and the numbers of files
NOT_LEARNED = ("environments/", "episodes/", "progress/", "replay/segments/number")


class Numerical(fault.Case):
    def test_loss_is_not_finite(self):
        """The message names the iteration, and each checkpoint is that of a run which was planned to end before; resumed, the
        run says the same, and changes none of them."""
        for name, text in DIVERGING.items():
            for ranks in [None, 3]:
                with self.subTest(algorithm=name, ranks=ranks):
                    config = self.write(f"{name}.yaml", text)
                    run = self.folder / f"{name}-{ranks}"
                    result = self.finish(config, run, ranks=ranks)
                    self.assert_refused(result, 1)
                    self.assertRegex(result.messages[0], rf"iteration \d+ at \d+ steps: {CAUSES[name]}")
                    self.assert_nobody_left(run)
                    self.assertEqual(len(list((run / "forensics").iterdir())), 1)
                    self.check_checkpoints(run, config)

                    before = program.listing(run / "checkpoints"), program.listing(run / "replay")
                    again = self.finish(config, run, "--resume", ranks=ranks)
                    self.assertEqual((again.code, again.messages), (1, result.messages), again)
                    after = program.listing(run / "checkpoints"), program.listing(run / "replay")
                    self.assertEqual(after, before)

    def check_checkpoints(self, run, config):
        steps = fault.checkpoints(run)
        self.assertGreater(len(steps), 5)
        newest = fault.checkpoint(run, steps[-1])
        self.assertGreater(int.from_bytes(program.contents(newest)["algorithm/updates"][2], "little"), 1)
        planned = self.folder / f"{run.name}-planned"
        result = self.finish(config, planned, "--set", f"total_steps={steps[-1]}")
        self.assertEqual(result.code, 0, result)
        for number in steps:
            self.assertEqual(fault.digest(fault.checkpoint(run, number)), fault.digest(fault.checkpoint(planned, number)))


class Lost(fault.Case):
    def test_actor_lost_in_an_update(self):
        """The watchdog lets the update end and saves what it has learned: everything but the states of environments is
        as in a run that nothing happened to, the replay too."""
        text = test_learners.LONG_REPLAY
        config = self.write("run.yaml", text)
        whole = self.folder / "whole"
        result = self.finish(config, whole)
        self.assertEqual(result.code, 0, result)
        run = self.folder / "run"
        process = self.start(config, run, ranks=2)
        self.wait_until(lambda: len(fault.checkpoints(run)) > 1, process, "two checkpoints")
        alive = program.ranks_of(run)
        begin = fault.cpu_seconds(alive[0])
        self.wait_until(lambda: fault.cpu_seconds(alive[0]) > begin + 0.05, process, "the midst of an update")
        before = fault.checkpoints(run)
        fault.suspend(alive[1])
        result = program.finish(process)
        self.assertEqual(result.code, 1, result)
        self.assertRegex(result.err, rf"rank 1 \(actor on {program.HOST}\) is lost")
        self.assertIn("without the states of the environments", result.err)
        self.assert_nobody_left(run)
        saved = fault.checkpoints(run)[len(before) :]
        self.assertEqual(len(saved), 1, result)

        path, expected = fault.checkpoint(run, saved[0]), fault.checkpoint(whole, saved[0])
        fault.digest(path)
        found, wanted = program.tensors(path), program.tensors(expected)
        names = [name for name in wanted if not name.startswith(NOT_LEARNED)]
        for part in ["policy/0/weight", "target/0/weight", "optimizer/m", "algorithm/updates", "replay/"]:
            self.assertTrue(any(name.startswith(part) for name in names), part)
        self.assertEqual({name: found.get(name) for name in names}, {name: wanted[name] for name in names})
        result = self.finish(config, run, "--resume", ranks=3)
        self.assertEqual(result.code, 0, result)
        self.assertEqual(program.summary(run)["total_steps"], program.summary(whole)["total_steps"])


if __name__ == "__main__":
    fault.main()
