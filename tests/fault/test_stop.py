"""A run that is asked to end, by any signal to any of its processes or by the clock, ends in order and loses
nothing."""

import os
import pathlib
import re
import signal
import time

import fault
import program

# slow enough to be asked to end while it trains: after the first checkpoint three ranks sleep for 1.6 s
CONFIG = """\
seed: 3
total_steps: 7680
env: {name: Probe-v0, num_envs: 8, options: {obs_dim: 4, sleep_us: 500, episode_length: 11, truncates: 1}}
policy: {hidden_sizes: [16]}
algorithm: {name: ppo, n_steps: 16, batch_size: 64, n_epochs: 2, learning_rate: lin_0.001, clip_range: lin_0.2}
evaluation: {episodes: 2}
checkpoint: {every: 1280, interval: 0, keep: 0}
"""
STEPS_OF_ROLLOUT = 128

# mpirun passes SIGTERM on after this many seconds, and kills after as many more. The default is one second, in which a
# busy machine may not complete an iteration. A run that mpirun is to end has to last longer than that.
PATIENT = {"OMPI_MCA_odls_base_sigkill_timeout": "4"}
LONG = CONFIG.replace("total_steps: 7680", "total_steps: 25600")

# updates that take hours, but for those after the first rollout, which are none
MANY_UPDATES = """\
seed: 5
total_steps: 640
env: {name: CartPole-v1, num_envs: 4}
policy: {hidden_sizes: [16]}
algorithm: {name: dqn, buffer_size: 601, learning_starts: 64, train_freq: 16, gradient_steps: 1000000000, batch_size: 32}
evaluation: {episodes: 0}
"""

HANGS = """\
env: {name: Probe-v0, num_envs: 8, options: {obs_dim: 4, hang_at_step: 200}}
algorithm: {name: ppo, n_steps: 16, batch_size: 64}
checkpoint: {every: 128}
run: {watchdog: 0}
"""

HANGS_ANYWHERE = f"""\
env: {{name: Hangs-v0, plugin: {os.environ["MUSTER_HANGS"]}, num_envs: 8}}
policy: {{hidden_sizes: [16]}}
algorithm: {{name: ppo, n_steps: 16, batch_size: 64, n_epochs: 2}}
checkpoint: {{every: 1280, interval: 0}}
"""

EXIT_REQUEUE = 75


def catches(process, number):
    """Whether a process has a handler for a signal."""
    status = pathlib.Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(re.search(r"SigCgt:\s*(\w+)", status).group(1), 16) >> (number - 1) & 1 == 1


def has_rows(run):
    return (run / "metrics.csv").exists() and len((run / "metrics.csv").read_text(encoding="utf-8").splitlines()) > 1


class Stop(fault.Case):
    def setUp(self):
        super().setUp()
        self.config = self.write("run.yaml", CONFIG)

    def train_whole(self, config=CONFIG):
        self.config = self.write("run.yaml", config)
        result = self.finish(self.config, self.folder / "whole")
        self.assertEqual(result.code, 0, result)
        return self.folder / "whole"

    def stop(self, name, ranks, send):
        """Starts a run, waits for its first checkpoint, sends signals; returns its folder and how it ended."""
        run = self.folder / name
        process = self.start(self.config, run, ranks=ranks, environment=PATIENT)
        self.wait_until(lambda: fault.checkpoints(run), process, "the first checkpoint")
        send(process, program.ranks_of(run))
        result = program.finish(process)
        self.assert_nobody_left(run)
        return run, result

    def check_stopped(self, run, result, code):
        """Checks that it ended in order before its training was complete, with a checkpoint of that moment, and says
        how to go on."""
        self.assertEqual(result.code, code, result)
        summary = program.summary(run)
        self.assertEqual(summary["status"], "interrupted", result)
        self.assertEqual(summary["total_steps"] % STEPS_OF_ROLLOUT, 0)
        self.assertEqual(fault.checkpoints(run)[-1], summary["total_steps"])
        self.assertEqual(program.metrics(run)[-1]["time/total_timesteps"], str(summary["total_steps"]))
        self.assertIn("--resume", result.out)
        self.assertEqual(result.messages, [], result)

    def check_resumed(self, run, ranks, whole):
        result = self.finish(self.config, run, "--resume", ranks=ranks)
        self.assertEqual(result.code, 0, result)
        self.assert_same_end(run, whole, best=False)

    def test_signal_to_one_rank(self):
        whole = self.train_whole()

        def check(number, code, ranks, target, after):
            name = f"{number.name}-{ranks}-{target}"
            run, result = self.stop(name, ranks, lambda process, alive: os.kill(alive[target], number))
            self.check_stopped(run, result, code)
            self.check_resumed(run, after, whole)

        signals = [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGUSR1, EXIT_REQUEUE)]
        places = [(None, 0, 3), (1, 0, None), (3, 0, 2), (3, 2, 4)]
        self.side_by_side(check, [(*one, *place) for one in signals for place in places])

    def test_signal_to_all_ranks(self):
        whole = self.train_whole()

        def send(_, alive):
            for process in alive.values():
                os.kill(process, signal.SIGUSR1)

        run, result = self.stop("run", 4, send)
        self.check_stopped(run, result, EXIT_REQUEUE)
        self.check_resumed(run, 2, whole)

    def test_who_wants_the_end_wins(self):
        """A signal that ends the run for good wins over one that asks for a requeue, even if it reaches an actor that
        waits for the learner and has no rollout to send before the learner decides."""

        def send(_, alive):
            fault.suspend(alive[0])
            # an actor's rollout takes some 40 ms; if it takes longer, the request travels with the rollout, with the
            # same effect
            time.sleep(0.5)
            os.kill(alive[1], signal.SIGUSR1)
            os.kill(alive[2], signal.SIGTERM)
            os.kill(alive[0], signal.SIGUSR1)
            os.kill(alive[0], signal.SIGCONT)

        run, result = self.stop("run", 3, send)
        self.check_stopped(run, result, 0)

    def test_signal_to_mpirun(self):
        """mpirun passes SIGUSR1 on at once. On SIGTERM and SIGINT it passes SIGTERM on after a while, kills after the
        same time again, and ends with an exit code of its own."""
        whole = self.train_whole(LONG)

        def check(number, code):
            run, result = self.stop(number.name, 3, lambda process, _: process.send_signal(number))
            self.check_stopped(run, result, code)
            self.check_resumed(run, 2, whole)

        self.side_by_side(check, [(signal.SIGUSR1, EXIT_REQUEUE), (signal.SIGTERM, 1), (signal.SIGINT, 1)])

    def test_signal_to_everyone(self):
        """mpirun and all ranks get the signal, some of them twice, as from a terminal or a job scheduler."""
        whole = self.train_whole()

        def send(process, alive):
            process.send_signal(signal.SIGTERM)
            for rank in alive.values():
                os.kill(rank, signal.SIGTERM)

        run, result = self.stop("run", 3, send)
        self.check_stopped(run, result, result.code)
        self.check_resumed(run, None, whole)

    def test_signal_before_the_first_step(self):
        """A run that was stopped before it had anything to write can be resumed, too."""
        whole = self.train_whole()

        def check(delay):
            run = self.folder / f"delay-{delay}"
            process = self.start(self.config, run)
            time.sleep(delay)
            process.send_signal(signal.SIGTERM)
            result = program.finish(process)
            self.assertIn(result.code, [0, -signal.SIGTERM], result)
            if result.code == 0 and not fault.checkpoints(run):
                self.assertIn("nothing to write", result.out)
            self.check_resumed(run, None, whole)

        self.side_by_side(check, [(delay,) for delay in [0.0, 0.02, 0.05, 0.1, 0.15, 0.2]])

    def test_second_signal_ends_at_once(self):
        """An environment that never returns keeps a run from ending in order; after a second signal the run does not
        wait for it."""
        config = self.write("hangs.yaml", HANGS)

        def check(ranks, target):
            run = self.folder / f"hangs-{ranks}-{target}"
            process = self.start(config, run, ranks=ranks)
            self.wait_until(lambda: 1536 in fault.checkpoints(run), process, "the last checkpoint before it hangs")
            alive = program.ranks_of(run)
            os.kill(alive[target], signal.SIGTERM)
            time.sleep(3.1)
            self.assertIsNone(process.poll(), "the first signal ended it")
            os.kill(alive[target], signal.SIGTERM)
            result = program.finish(process)
            self.assertNotIn(result.code, [0, EXIT_REQUEUE], result)
            self.assert_nobody_left(run)
            self.assertFalse((run / "summary.json").exists())
            fault.digest(run)

        self.side_by_side(check, [(None, 0), (3, 0), (3, 1)])

    def test_signals_that_are_less_common(self):
        """A closed terminal, a limit of processor time, a request for a checkpoint only: signals to a rank and to
        mpirun."""
        cases = {
            "hang-up": (None, 0, signal.SIGHUP, 0),
            "hang-up-of-one": (3, 2, signal.SIGHUP, 0),
            "hang-up-of-mpirun": (2, None, signal.SIGHUP, 1),
            "processor-time": (2, 1, signal.SIGXCPU, EXIT_REQUEUE),
            "save": (None, 0, signal.SIGUSR2, 0),
            "save-of-one": (3, 2, signal.SIGUSR2, 0),
            "save-of-mpirun": (2, None, signal.SIGUSR2, 0),
        }
        # with no checkpoints but those that a signal asks for
        path = self.write("run.yaml", LONG.replace("every: 1280", "every: 0"))
        running = {}
        for name, (ranks, target, number, _) in cases.items():
            run = self.folder / name
            process = running[name] = self.start(path, run, ranks=ranks, environment=PATIENT)
            self.wait_until(lambda: has_rows(run), process, "a row of metrics.csv")
            asked = process.pid if target is None else program.ranks_of(run)[target]
            os.kill(asked, number)
            if number == signal.SIGUSR2:
                self.wait_until(lambda: fault.checkpoints(run), process, "the checkpoint")
                os.kill(program.ranks_of(run)[0], signal.SIGTERM)
        for name, (_, _, _, code) in cases.items():
            with self.subTest(name=name):
                run, result = self.folder / name, program.finish(running[name])
                self.assert_nobody_left(run)
                self.check_stopped(run, result, code)

    def test_many_updates_are_left(self):
        """Where the end waits for many updates, a message says how many, and how long they take."""
        config = self.write("many.yaml", MANY_UPDATES)
        at_once = ["--set", "algorithm.learning_starts=0", "--set"]
        for name, ranks, number, more in [("signal", None, signal.SIGTERM, []),
                                          ("limit", 2, None, [*at_once, "run.time_limit=2"]),
                                          ("seconds", None, None, [*at_once, "stop.seconds=2"])]:
            with self.subTest(name=name):
                said = self.write(f"said-{name}", "")
                into_file = ["sh", "-c", 'said=$1; shift; exec "$@" 2>"$said"', "sh", said]
                run = self.folder / name
                process = self.start(config, run, *more, ranks=ranks, prefix=into_file)
                if number is not None:
                    self.wait_until(lambda: has_rows(run), process, "a row of metrics.csv")
                    # what lies between the row and the first update takes far less
                    begin = fault.cpu_seconds(process.pid)
                    self.wait_until(lambda: fault.cpu_seconds(process.pid) > begin + 0.2, process, "the updates")
                    os.kill(process.pid, number)
                self.wait_until(lambda: "of this iteration" in said.read_text(encoding="utf-8"), process, "the message")
                for victim in program.ranks_of(run).values():
                    os.kill(victim, signal.SIGKILL)
                program.finish(process)
                self.assert_nobody_left(run)
                cause = {"signal": "SIGTERM, SIGINT or SIGHUP", "limit": "run.time_limit", "seconds": "stop.seconds"}[name]
                text = said.read_text(encoding="utf-8")
                told = re.findall(rf"asked to end by {cause}: it does when the (\d+) updates that are left of this iteration "
                                  r"are made, in about (\d+) s", text)
                self.assertEqual(len(told), 1, text)
                left, seconds = (int(word) for word in told[0])
                self.assertGreater(10**9, left)
                self.assertGreater(left, 10**8)
                self.assertGreater(seconds, 100)

    def test_what_was_ignored_stays_ignored(self):
        """A signal that was ignored when muster started stays ignored, as nohup needs it."""
        command = ["bash", "-c", "trap '' HUP; exec \"$@\"", "nohup"]
        run = self.folder / "run"
        process = self.start(self.config, run, prefix=command)
        self.wait_until(lambda: has_rows(run), process, "a row of metrics.csv")
        process.send_signal(signal.SIGHUP)
        result = program.finish(process)
        self.assertEqual(result.code, 0, result)
        self.assertEqual(program.summary(run)["status"], "finished", result)

    def test_asked_within_a_call(self):
        """Neither an environment that never returns nor a long set-up keeps a run from ending: during the set-up it
        ends soon, later within run.watchdog."""
        soon = "the run was asked to end by {}; nothing was learned so far"
        later = "hangs: .* the run was asked to end by {}"
        stop, requeue, limit = "SIGTERM, SIGINT or SIGHUP", "SIGUSR1 or SIGXCPU", "run.time_limit"
        colocate, patient = ("--set", "ranks.colocate=true"), ("--set", "run.watchdog=2")
        # orthogonal weights of this size take half a minute to compute
        large = ("--set", "policy.hidden_sizes=[1500, 1500]")
        cases = {
            "create": (None, "place: create, call: 2", 0, signal.SIGTERM, 0, soon.format(stop)),
            "reset": (3, "place: reset, rank: 2", 0, signal.SIGUSR1, EXIT_REQUEUE, soon.format(requeue)),
            "reset-of-another": (3, "place: reset, rank: 1", 2, signal.SIGTERM, 1, soon.format(stop)),
            "create-of-all": (2, "place: create, rank: 1", 1, signal.SIGHUP, 1, soon.format(stop), *colocate),
            "limit": (2, "place: reset, rank: 1", None, None, EXIT_REQUEUE, soon.format(limit), "--set", "run.time_limit=1"),
            "large": (None, "", 0, signal.SIGTERM, 0, soon.format(stop), *large),
            "large-for-others": (2, "", 1, signal.SIGUSR1, EXIT_REQUEUE, soon.format(requeue), *large),
            "step": (3, "place: step, call: 641, rank: 1", 2, signal.SIGUSR1, EXIT_REQUEUE, later.format(requeue), *patient),
            "saving": (None, "place: save_state", 0, signal.SIGTERM, 0, later.format(stop), *patient),
        }
        # step 641 of the second rank is the first one after the first checkpoint
        path = self.write("hangs.yaml", HANGS_ANYWHERE)
        running = {}
        for name, (ranks, options, target, number, _, _, *more) in cases.items():
            run = self.folder / name
            mark = self.folder / f"{name}.mark"
            sets = ["--set", f"env.options={{{options or 'place: none'}, mark: '{mark}'}}", *more]
            process = running[name] = self.start(path, run, *sets, ranks=ranks)
            if number is None:
                continue
            self.wait_until(lambda: {0, target} <= program.ranks_of(run).keys(), process, f"rank {target}")
            alive = program.ranks_of(run)
            # during the call that hangs, or during the long computation on rank 0
            is_there = mark.exists if options else lambda: fault.cpu_seconds(alive[0]) > 1
            self.wait_until(is_there, process, "the place")
            os.kill(alive[target], number)
        for name, (_, _, _, _, code, message, *_) in cases.items():
            with self.subTest(name=name):
                result = program.finish(running[name])
                self.assertEqual(result.code, code, result)
                self.assertRegex(result.err, message)
                self.assert_nobody_left(self.folder / name)
                self.assertEqual(len(fault.checkpoints(self.folder / name)), int("hangs" in message), result)

    def test_asked_before_the_config_is_read(self):
        """A run that waits for its config, which never comes, ends when it is asked to."""
        pipe = self.folder / "config.yaml"
        os.mkfifo(pipe)
        process = self.start(pipe, self.folder / "run")
        self.wait_until(lambda: catches(process.pid, signal.SIGTERM), process, "a handler")
        process.send_signal(signal.SIGTERM)
        result = program.finish(process)
        self.assertEqual(result.code, 0, result)
        self.assertIn("asked to end by SIGTERM, SIGINT or SIGHUP before the run has begun", result.err)

    def test_time_limit(self):
        whole = self.train_whole()
        run = self.folder / "run"
        # both limits are short enough: alone, the run would sleep for 4 s; on three ranks, for what is left of 2 s
        for ranks in [None, 3]:
            result = self.finish(self.config, run, "--resume", "--set", "run.time_limit=0.8", ranks=ranks)
            self.check_stopped(run, result, EXIT_REQUEUE)
        self.check_resumed(run, 2, whole)


class OneWriter(fault.Case):
    def setUp(self):
        super().setUp()
        self.config = self.write("run.yaml", CONFIG)

    def test_second_run_is_refused(self):
        hangs = self.write("hangs.yaml", HANGS)
        run = self.folder / "run"
        first = self.start(hangs, run, ranks=3)
        # the last thing that happens before it hangs is that the oldest checkpoints are removed
        last = [1280, 1408, 1536]
        self.wait_until(lambda: fault.checkpoints(run) == last, first, "the last checkpoint before it hangs")
        before = program.listing(run)
        for ranks in [None, 2]:
            result = self.finish(hangs, run, "--resume", ranks=ranks)
            self.assert_refused(result, 1, run, "in use by another run", "nothing was changed")
        self.assertEqual(program.listing(run), before)
        first.kill()
        program.finish(first)
        self.assert_nobody_left(run)

    def test_mpirun_killed_and_resumed_at_once(self):
        """When mpirun is killed its ranks die, too; the next run waits for that if necessary, and then goes on."""
        result = self.finish(self.config, self.folder / "whole")
        self.assertEqual(result.code, 0, result)
        run = self.folder / "run"
        process = self.start(self.config, run, ranks=4)
        self.wait_until(lambda: fault.checkpoints(run), process, "the first checkpoint")
        process.kill()
        resumed = self.finish(self.config, run, "--resume", ranks=2)
        self.assertEqual(resumed.code, 0, resumed)
        program.finish(process)
        self.assert_nobody_left(run)
        self.assert_same_end(run, self.folder / "whole")


if __name__ == "__main__":
    fault.main()
