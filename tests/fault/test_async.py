"""Actors that never wait, when something goes wrong: a run is killed at any moment or asked to end, a rank is stopped,
an environment hangs. On one rank the run ends like an undisturbed one; on several the state is exact, and the run goes
on from it. MUSTER_KILL_ROUNDS is the number of rounds of kills for each algorithm (4), MUSTER_KILL_SEED the seed of the
random numbers."""

import os
import random
import re
import signal

import asynchronous
import fault
import program
import test_kill_anywhere

ROUNDS = int(os.environ.get("MUSTER_KILL_ROUNDS", "4"))
RANKS = [None, 1, 2, 3, 4]
EXIT_REQUEUE = 75
LENGTH = 11

CONFIG = """\
seed: 3
total_steps: {total_steps}
env: {{name: Probe-v0, num_envs: 8, options: {{obs_dim: 4, episode_length: 11, truncates: 1, {options}}}}}
policy: {{hidden_sizes: [16]}}
algorithm: {{{algorithm}}}
evaluation: {{every: 1280, episodes: 2}}
checkpoint: {{every: {every}, interval: 0, keep: 3}}
run: {{watchdog: {watchdog}}}
"""
ALGORITHMS = {
    "impala": "name: impala, n_steps: 16, batch: 11, max_policy_lag: 4, on_lag: block, learning_rate: lin_0.001",
    "appo": "name: appo, n_steps: 16, batch: 11, batch_size: 40, n_epochs: 2, max_policy_lag: 4",
    "a3c": "name: a3c, n_steps: 16",
    "dqn": "name: dqn, asynchronous: true, train_freq: 16, learning_starts: 300, buffer_size: 2000, batch_size: 16, "
    "gradient_steps: 2, target_update_interval: 500, replay: {prioritized: true}",
}
SLOW = "sleep_us: 400"


def config(name, options="sleep_us: 0", total_steps=10240, every=256, watchdog=3):
    return CONFIG.format(
        algorithm=ALGORITHMS[name], options=options, total_steps=total_steps, every=every, watchdog=watchdog
    )


class Async(fault.Case):
    def check_state(self, run):
        """Checks that nothing is lost or doubled."""
        asynchronous.check_rows(self, run)
        asynchronous.check_conserved(self, run, LENGTH)
        self.assertEqual(fault.leftovers(run), [])

    def resume(self, run, text, ranks=None):
        result = self.finish(self.write(f"{run.name}.yaml", text), run, "--resume", ranks=ranks)
        self.assertEqual(result.code, 0, result)
        return result


class Kill(test_kill_anywhere.KillAnywhere, Async):
    def test_kill_anywhere(self):
        killed = 0
        for name in ALGORITHMS:
            config_path = self.write(f"{name}.yaml", config(name))
            whole = self.folder / f"{name}-whole"
            result = self.finish(config_path, whole)
            self.assertEqual(result.code, 0, result)
            for number in range(ROUNDS):
                rng = random.Random(f"{test_kill_anywhere.SEED}:{name}:{number}")
                run = self.folder / f"{name}-{number}"
                run.mkdir()
                with self.subTest(algorithm=name, seed=test_kill_anywhere.SEED, round=number):
                    # every second round is on one rank, where the end is known
                    alone = number % 2 == 0
                    test_kill_anywhere.RANKS = [None, 1] if alone else RANKS
                    story = [self.kill_once(config_path, run, rng) for _ in range(rng.randint(1, 3))]
                    killed += sum(where in ["in training", "in a write"] for _, where in story)
                    print(f"{name}, round {number}: {'; '.join(line for line, _ in story)}", flush=True)
                    self.resume(run, config(name), rng.choice(test_kill_anywhere.RANKS))
                    self.assert_nobody_left(run)
                    self.check_state(run)
                    if alone:
                        self.assert_same_end(run, whole)
        # enough kills hit a run that was training: otherwise this would have tested nothing
        self.assertGreater(killed, len(ALGORITHMS) * ROUNDS // 4)


class Stop(Async):
    def stop(self, name, text, ranks, send):
        """Starts a run and sends a signal after its first checkpoint; the run ends in order, with a checkpoint of that
        moment."""
        run = self.folder / name
        process = self.start(self.write(f"{name}.yaml", text), run, ranks=ranks)
        self.wait_until(lambda: fault.checkpoints(run), process, "the first checkpoint")
        send(program.ranks_of(run))
        result = program.finish(process)
        self.assert_nobody_left(run)
        self.check_stopped(run, result)
        return run, result

    def check_stopped(self, run, result):
        summary = program.summary(run)
        self.assertEqual(summary["status"], "interrupted", result)
        self.assertEqual(fault.checkpoints(run)[-1], summary["total_steps"])
        self.assertIn("--resume", result.out)
        self.assertEqual(result.messages, [], result)
        self.check_state(run)

    def test_signals(self):
        def check(algorithm, number, ranks, target, after):
            text = config(algorithm, SLOW, total_steps=5120, every=1280)
            run, result = self.stop(
                f"{algorithm}-{number.name}", text, ranks, lambda alive: os.kill(alive[target], number)
            )
            self.assertEqual(result.code, EXIT_REQUEUE if number == signal.SIGUSR1 else 0, result)
            self.resume(run, text, after)
            self.check_state(run)
            self.assertGreaterEqual(program.summary(run)["total_steps"], 5120)

        signals = [(signal.SIGTERM, 3, 0, 2), (signal.SIGINT, 4, 2, None), (signal.SIGUSR1, 3, 1, 4)]
        self.side_by_side(check, [(algorithm, *one) for algorithm in ALGORITHMS for one in signals])

    def test_time_limit_and_one_rank(self):
        """Stopped by the clock on three ranks; on one rank by a signal, where the end is known."""
        for algorithm in ALGORITHMS:
            with self.subTest(algorithm=algorithm):
                text = config(algorithm, SLOW, total_steps=5120, every=1280)
                limited = self.folder / f"{algorithm}-limited"
                path = self.write(f"{algorithm}.yaml", text)
                result = self.finish(path, limited, "--set", "run.time_limit=0.5", ranks=3)
                self.assertEqual(result.code, EXIT_REQUEUE, result)
                self.check_stopped(limited, result)

                whole = self.folder / f"{algorithm}-whole"
                self.resume(whole, text)
                run, result = self.stop(
                    f"{algorithm}-alone", text, None, lambda alive: os.kill(alive[0], signal.SIGUSR1)
                )
                self.assertEqual(result.code, EXIT_REQUEUE, result)
                self.resume(run, text, 1)
                self.assert_same_end(run, whole, best=False)


class Watchdog(Async):
    def suspend(self, name, text, ranks, victim):
        """Stops a rank for good when there are two checkpoints; returns the folder, how the run ended, and the
        checkpoints before that."""
        run = self.folder / name
        process = self.start(self.write(f"{name}.yaml", text), run, ranks=ranks)
        self.wait_until(lambda: len(fault.checkpoints(run)) > 1, process, "two checkpoints")
        fault.suspend(program.ranks_of(run)[victim])
        before = fault.checkpoints(run)
        result = program.finish(process)
        print(f"{name}: rank {victim} of {ranks} stopped: ended after {result.seconds:.1f} s")
        self.assertEqual(result.code, 1, result)
        self.assert_nobody_left(run)
        role = "learner" if victim == 0 else "actor"
        self.assertRegex(result.err, rf"error: rank {victim} \({role} on {program.HOST}\) is lost", result)
        self.assertFalse((run / "summary.json").exists())
        return run, result, before

    def test_actor_stopped(self):
        """The learner goes on with what the other actors send, then saves all that it has learned."""

        def check(algorithm):
            text = config(algorithm, SLOW, total_steps=76800, every=1280)
            run, result, before = self.suspend(algorithm, text, 3, 2)
            newest = max(fault.checkpoints(run))
            if newest > max(before):
                self.assertIn(f"wrote {fault.checkpoint(run, newest)}, without the states", result.err)
                self.assertNotIn("bit for bit", result.err)
            else:
                self.assertIn("the newest checkpoint has all", result.err)
            more = text.replace("total_steps: 76800", f"total_steps: {newest + 1280}")
            told = self.resume(run, more, 2)
            if newest > max(before):
                self.assertEqual(len(re.findall("no state of 8 of the 8 environments", told.err)), 1, told)
            asynchronous.check_rows(self, run)

        self.side_by_side(check, [(algorithm,) for algorithm in ALGORITHMS])

    def test_learner_stopped(self):
        text = config("impala", SLOW, total_steps=76800, every=1280)
        run, result, before = self.suspend("impala", text, 4, 0)
        self.assertIn(f"the newest checkpoint in {run} stays", result.err)
        self.assertEqual(fault.checkpoints(run), before)
        self.resume(run, text.replace("total_steps: 76800", f"total_steps: {max(before) + 1280}"), 3)
        self.check_state(run)

    def test_environment_hangs(self):
        """Only environment 4 hangs: on rank 2 of three, and on a single rank that does all."""
        options = "faulty_percent: 15, hang_at_step: 500"
        for algorithm, ranks, rank, role in [
            ("impala", 3, 2, "actor"), ("impala", None, 0, "learner"), ("a3c", 3, 2, "actor"),
        ]:
            with self.subTest(algorithm=algorithm, ranks=ranks):
                run = self.folder / f"{algorithm}-{ranks}"
                text = config(algorithm, options, total_steps=10**8, every=512)
                result = self.finish(self.write("run.yaml", text), run, ranks=ranks)
                self.assertEqual(result.code, 1, result)
                self.assertRegex(
                    result.err, rf"rank {rank} \({role} on {program.HOST}\) hangs: step of "
                )
                self.assert_nobody_left(run)
                fault.digest(run)


if __name__ == "__main__":
    fault.main()
