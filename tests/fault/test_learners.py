"""Several ranks that learn together, when something goes wrong: the run is killed at any moment or asked to end, one of
the ranks stops or fails, or there is a numerical fault. At any layout the run ends like an undisturbed one.
MUSTER_KILL_ROUNDS is the number of rounds of kills (6), MUSTER_KILL_SEED the seed of the random numbers."""

import os
import random
import signal

import fault
import program
import test_environment
import test_kill_anywhere
import test_stop

ROUNDS = int(os.environ.get("MUSTER_KILL_ROUNDS", "6"))
EXIT_REQUEUE = 75

# by number of ranks: 2 act and learn in turn; of 3, two learn and one acts; of 4, all act and three of them also learn,
# in turn
LAYOUTS = {
    None: [],
    2: ["--set", "ranks.colocate=true"],
    3: ["--set", "ranks.learners=2"],
    4: ["--set", "ranks.colocate=true", "--set", "ranks.learners=3"],
}

# updates that take long, so that a rank can be lost during one
LONG_UPDATES = """\
seed: 5
total_steps: 1280
env: {name: CartPole-v1, num_envs: 4}
policy: {hidden_sizes: [64, 64]}
algorithm: {name: ppo, n_steps: 64, batch_size: 64, n_epochs: 1500, learning_rate: 0.00001}
evaluation: {episodes: 2}
checkpoint: {every: 256, interval: 0, keep: 0}
run: {watchdog: 2}
"""

# the same with a replay
LONG_REPLAY = """\
seed: 5
total_steps: 1280
env: {name: CartPole-v1, num_envs: 4}
policy: {hidden_sizes: [64, 64]}
algorithm: {name: dqn, buffer_size: 601, learning_starts: 0, train_freq: 64, gradient_steps: 4000, batch_size: 128}
evaluation: {episodes: 2}
checkpoint: {every: 256, interval: 0, keep: 0}
run: {watchdog: 2}
"""

# parameters that soon grow beyond what a float can hold: the gradient or the loss is the first to overflow
DIVERGING = """\
seed: {seed}
total_steps: 5120
env: {{name: Pendulum-v1, num_envs: 8}}
policy: {{hidden_sizes: [16, 16, 16, 16], activation: relu}}
algorithm: {{name: ppo, n_steps: 64, batch_size: 128, n_epochs: 4, learning_rate: 10, max_grad_norm: 1000000}}
evaluation: {{episodes: 1}}
run: {{on_nan: {on_nan}}}
"""
DIVERGING_REPLAY = """\
seed: {seed}
total_steps: 2560
env: {{name: CartPole-v1, num_envs: 8}}
policy: {{network: [dense 16, dense 16, dense 16]}}
algorithm:
  name: dqn
  buffer_size: 601
  train_freq: 16
  gradient_steps: 4
  batch_size: 128
  n_steps: 3
  target_update_interval: 1
  optimizer: sgd
  learning_rate: 10
  max_grad_norm: 1.0e+30
evaluation: {{episodes: 1}}
run: {{on_nan: {on_nan}}}
"""


def pipelined(config):
    """The same config with actors that roll out while the learners learn."""
    for name in ["name: ppo, ", "name: dqn, "]:
        config = config.replace(name, f"{name}pipeline: 1, ")
    config = config.replace("name: dqn\n", "name: dqn\n  pipeline: 1\n")
    assert config.count("pipeline: 1") == 1
    return config


class Case(fault.Case):
    """Runs have the layout that LAYOUTS gives for their number of ranks."""

    def start(self, config, run, *arguments, ranks=None, **options):
        return super().start(config, run, *arguments, *LAYOUTS[ranks], ranks=ranks, **options)


class Kill(Case, test_kill_anywhere.KillAnywhere):
    def kill_rounds(self, text, rounds):
        test_kill_anywhere.RANKS = list(LAYOUTS)
        config = self.write("run.yaml", text)
        whole = self.folder / "whole"
        result = self.finish(config, whole)
        self.assertEqual(result.code, 0, result)
        killed = 0
        for number in range(rounds):
            rng = random.Random(f"{test_kill_anywhere.SEED}:learners:{number}")
            run = self.folder / f"round-{number}"
            run.mkdir()
            with self.subTest(seed=test_kill_anywhere.SEED, round=number):
                story = [self.kill_once(config, run, rng) for _ in range(rng.randint(1, 3))]
                killed += sum(where in ["in training", "in a write"] for _, where in story)
                print(f"round {number}: {'; '.join(line for line, _ in story)}", flush=True)
                result = self.finish(config, run, "--resume", ranks=rng.choice(list(LAYOUTS)))
                self.assertEqual(result.code, 0, result)
                self.assert_nobody_left(run)
                self.assert_same_end(run, whole)
        # enough kills hit a run that was training: otherwise this would have tested nothing
        self.assertGreater(killed, rounds // 4)

    def test_kill_anywhere(self):
        self.kill_rounds(fault.CONFIG, ROUNDS)

    def test_kill_anywhere_pipelined(self):
        """While the learner learns, its actors already make the next rollout: a resumed run makes it again, with the
        same policy."""
        self.kill_rounds(pipelined(fault.CONFIG), ROUNDS)

    def test_kill_anywhere_replay(self):
        self.kill_rounds(fault.REPLAY, ROUNDS)

    def test_kill_anywhere_replay_pipelined(self):
        self.kill_rounds(pipelined(fault.REPLAY), ROUNDS)


class Stop(Case):
    def test_signals(self):
        self.check_signals(test_stop.CONFIG)

    def test_signals_pipelined(self):
        self.check_signals(pipelined(test_stop.CONFIG))

    def check_signals(self, text):
        """Signals to a rank that leads, one that only learns, one that acts and learns, or an actor."""
        config = self.write("run.yaml", text)
        whole = self.folder / "whole"
        result = self.finish(config, whole)
        self.assertEqual(result.code, 0, result)

        def check(number, code, ranks, target, after):
            run = self.folder / f"{number.name}-{ranks}-{target}"
            process = self.start(config, run, ranks=ranks)
            self.wait_until(lambda: fault.checkpoints(run), process, "the first checkpoint")
            os.kill(program.ranks_of(run)[target], number)
            result = program.finish(process)
            self.assert_nobody_left(run)
            self.assertEqual(result.code, code, result)
            self.assertEqual(result.messages, [], result)
            self.assertEqual(program.summary(run)["status"], "interrupted", result)
            self.assertEqual(fault.checkpoints(run)[-1], program.summary(run)["total_steps"])
            result = self.finish(config, run, "--resume", ranks=after)
            self.assertEqual(result.code, 0, result)
            self.assert_same_end(run, whole, best=False)

        self.side_by_side(check, [
            (signal.SIGTERM, 0, 2, 0, 3),
            (signal.SIGUSR1, EXIT_REQUEUE, 2, 1, None),
            (signal.SIGINT, 0, 3, 1, 2),
            (signal.SIGUSR1, EXIT_REQUEUE, 3, 2, 4),
            (signal.SIGTERM, 0, 4, 2, 3),
        ])


class Lost(Case):
    def suspend_in_update(self, text, whole, ranks, victim):
        """Stops a rank during an update; the job ends long before the rank would have been given up as too slow."""
        run = self.folder / f"run-{ranks}-{victim}"
        process = self.start(self.write("run.yaml", text), run, ranks=ranks)
        self.wait_until(lambda: len(fault.checkpoints(run)) > 1, process, "two checkpoints")
        # the rollout that comes next is very short compared with the update, in which rank 0 always takes part
        alive = program.ranks_of(run)
        begin = fault.cpu_seconds(alive[0])
        self.wait_until(lambda: fault.cpu_seconds(alive[0]) > begin + 0.05, process, "the midst of an update")
        fault.suspend(alive[victim])
        before = fault.checkpoints(run)
        result = program.finish(process)
        print(f"rank {victim} of {ranks} stopped in an update: ended after {result.seconds:.1f} s")
        self.assertEqual(result.code, 1, result)
        self.assert_nobody_left(run)
        saved = fault.checkpoints(run)[len(before) :]
        resumed = self.finish(self.write("run.yaml", text), run, "--resume", ranks=3)
        self.assertEqual(resumed.code, 0, resumed)
        if not saved:
            self.assert_same_end(run, whole, best=False)
        return run, result, saved

    def test_in_an_update(self):
        self.check_in_an_update(LONG_UPDATES)

    def test_in_an_update_from_a_replay(self):
        self.check_in_an_update(LONG_REPLAY)

    def check_in_an_update(self, text):
        whole = self.folder / "whole"
        result = self.finish(self.write("run.yaml", text), whole)
        self.assertEqual(result.code, 0, result)
        for ranks, victim in [(2, 1), (3, 1), (4, 2)]:
            with self.subTest(follows=victim, ranks=ranks):
                run, result, saved = self.suspend_in_update(text, whole, ranks, victim)
                self.assertRegex(result.err, rf"rank {victim} \(learner on {program.HOST}\) is lost")
                self.assertRegex(
                    result.err,
                    rf"what is learned is in the midst of iteration \d+, which has no end now: the newest checkpoint in {run} "
                    "stays",
                )
                self.assertEqual(saved, [])
        for ranks in [2, 3]:
            with self.subTest(leads=0, ranks=ranks):
                run, result, saved = self.suspend_in_update(text, whole, ranks, 0)
                self.assertRegex(result.err, rf"rank 0 \(learner on {program.HOST}\) is lost")
                self.assertIn(f"the newest checkpoint in {run} stays", result.err)
                self.assertEqual(saved, [])
        with self.subTest("an actor, which no update waits for"):
            run, result, saved = self.suspend_in_update(text, whole, 3, 2)
            self.assertRegex(result.err, rf"rank 2 \(actor on {program.HOST}\) is lost")
            self.assertIn("without the states of the environments", result.err)
            self.assertEqual(len(saved), 1)

    def test_in_its_rollout(self):
        """A rank that acts and learns in turn hangs in its rollout, while nothing is being learned: all that was
        learned is saved."""
        options = "options: {obs_dim: 4, faulty_percent: 15, hang_at_step: 180}"
        text = test_stop.CONFIG.replace("options: {obs_dim: 4, sleep_us: 500, episode_length: 11, truncates: 1}", options)
        run = self.folder / "run"
        result = self.finish(self.write("run.yaml", f"{text}run: {{watchdog: 2}}\n"), run, ranks=2)
        self.assertEqual(result.code, 1, result)
        self.assertRegex(result.err, rf"rank 1 \(learner on {program.HOST}\) hangs: step of ")
        self.assertEqual(fault.checkpoints(run), [1280, 11 * test_stop.STEPS_OF_ROLLOUT])
        self.assert_nobody_left(run)

    def test_pipelined(self):
        """A rank is stopped while the actors are ahead of the learners."""
        config = self.write("run.yaml", pipelined(test_stop.CONFIG) + "run: {watchdog: 2}\n")
        whole = self.folder / "whole"
        result = self.finish(config, whole)
        self.assertEqual(result.code, 0, result)
        for victim, role, saves in [
            (0, "learner", "the newest checkpoint in .* stays"),
            (1, "learner", "has no end now: the newest checkpoint in .* stays|wrote|the newest checkpoint has all"),
            (2, "actor", "wrote|the newest checkpoint has all"),
        ]:
            with self.subTest(victim=victim):
                run = self.folder / f"run-{victim}"
                process = self.start(config, run, ranks=3)
                self.wait_until(lambda run=run: len(fault.checkpoints(run)) > 1, process, "two checkpoints")
                fault.suspend(program.ranks_of(run)[victim])
                before = fault.checkpoints(run)
                result = program.finish(process)
                self.assertEqual(result.code, 1, result)
                self.assertRegex(result.err, rf"rank {victim} \({role} on {program.HOST}\) is lost")
                self.assertRegex(result.err, saves)
                self.assert_nobody_left(run)
                is_new = fault.checkpoints(run) != before
                result = self.finish(config, run, "--resume", ranks=4)
                self.assertEqual(result.code, 0, result)
                # from a checkpoint that was written without an actor's states, that actor's episodes start again
                if not is_new:
                    self.assert_same_end(run, whole, best=False)


class Faults(Case):
    def test_environment(self):
        """An environment fails on a rank that acts and learns but does not lead."""
        place, newest = test_environment.PLACE, int(test_environment.NEWEST[5:-3])
        for name, cause in [("fail_at_step", "told to fail at step 1000"), ("nan_at_step", "the observation is nan")]:
            with self.subTest(fault=name):
                run = self.folder / name
                path = self.write("run.yaml", test_environment.CONFIG.format(fault=name))
                result = self.finish(path, run, ranks=2)
                self.assert_refused(result, 1, f"muster train: rank 1 on {program.HOST}: {place}", cause)
                self.assert_nobody_left(run)
                self.assertEqual(fault.checkpoints(run)[-1], newest)
        with self.subTest(fault="crash"):
            run = self.folder / "crash"
            path = self.write("run.yaml", test_environment.CONFIG.format(fault="crash_at_step"))
            result = self.finish(path, run, ranks=2)
            self.assertRegex(result.err, "process rank 1 .*signal 6", result)
            self.assert_nobody_left(run)

    def test_numerical(self):
        self.check_numerical(DIVERGING, [(1, "the gradient of policy/log_std is not finite"), (2, "the loss of minibatch")])

    def test_numerical_with_replay(self):
        self.check_numerical(DIVERGING_REPLAY, [(1, "the loss of update")])
        rows = program.metrics(self.folder / "run-skip-1-2")
        self.assertGreater(int(rows[-1]["train/skipped_updates"]), 0)
        for row in rows:
            # what needs no update is known also where updates are skipped
            self.assertGreaterEqual(int(row["train/n_updates"]), 0)
            self.assertGreater(int(row["replay/size"]), 0)

    def check_numerical(self, text, cases):
        """A numerical fault in an update, which all ranks meet at once: the run ends with one message, or (on_nan:
        skip) skips the update; its rows are those of one rank."""
        for seed, cause in cases:
            for on_nan in ["stop", "skip"]:
                path = self.write("run.yaml", text.format(seed=seed, on_nan=on_nan))
                alone = self.folder / f"alone-{on_nan}-{seed}"
                first = self.finish(path, alone)
                for ranks in [2, 3, 4]:
                    with self.subTest(seed=seed, on_nan=on_nan, ranks=ranks):
                        run = self.folder / f"run-{on_nan}-{seed}-{ranks}"
                        result = self.finish(path, run, ranks=ranks)
                        self.assert_nobody_left(run)
                        self.assertIn(cause, first.err)
                        self.assertEqual(program.metrics(run), program.metrics(alone))
                        if on_nan == "stop":
                            self.assert_refused(result, 1, f"muster train: rank 0 on {program.HOST}: iteration ", cause)
                            self.assertEqual(len(list((run / "forensics").iterdir())), 1)
                        else:
                            self.assertEqual((first.code, result.code), (0, 0), result)
                            self.assertEqual(fault.digest(run), fault.digest(alone))
                            self.assertIn("the update is skipped", result.err)


if __name__ == "__main__":
    fault.main()
