"""run.watchdog notices a rank that is stopped or whose environment hangs: a message names the rank, a checkpoint is
written, and the whole job ends. It does not end slow work or a job that was suspended."""

import os
import re
import shutil
import signal
import time

import fault
import program

# each step sleeps, so that there is time to disturb the run
CONFIG = """\
seed: 3
total_steps: {total_steps}
env: {{name: Probe-v0, num_envs: 8, options: {options}}}
policy: {{hidden_sizes: [16]}}
algorithm: {{name: {algorithm}, n_steps: 16, {more}}}
evaluation: {{episodes: 2}}
checkpoint: {{every: 1280, interval: 0, keep: 0}}
run: {{watchdog: {watchdog}}}
"""
SLOW = "{obs_dim: 4, sleep_us: 500, episode_length: 11, truncates: 1}"
PPO = "batch_size: 64, n_epochs: 2, learning_rate: lin_0.001"
STEPS_OF_ROLLOUT = 128

# a run that is long enough to be stopped in the middle
EPISODES = """\
seed: 3
total_steps: 240000
env: {name: CartPole-v1, num_envs: 8}
policy: {hidden_sizes: [16]}
algorithm: {name: reinforce, n_steps: 16, learning_rate: 0.001}
evaluation: {episodes: 2}
checkpoint: {every: 6000, interval: 0, keep: 0}
run: {watchdog: 3, log_interval: 100}
"""

HANGS = f"""\
seed: 3
total_steps: 2048
env: {{name: Hangs-v0, plugin: {os.environ["MUSTER_HANGS"]}, num_envs: 8}}
policy: {{hidden_sizes: [16]}}
algorithm: {{name: ppo, n_steps: 16, batch_size: 64, n_epochs: 2}}
evaluation: {{episodes: 2}}
checkpoint: {{every: 1280, interval: 0, keep: 0}}
run: {{watchdog: 2}}
"""

LOST = r"error: rank {rank} \({role} on {host}\) is lost: nothing has come from it for \d+\.\d s"


def config(total_steps=12800, options=SLOW, algorithm="ppo", more=PPO, watchdog=3):
    return CONFIG.format(
        total_steps=total_steps, options=options, algorithm=algorithm, more=more, watchdog=watchdog
    )


class Watchdog(fault.Case):
    def begin(self, text, ranks, name="run"):
        """Starts a run and waits for its second checkpoint; returns its folder, its process and its ranks."""
        run = self.folder / name
        process = self.start(self.write(f"{name}.yaml", text), run, ranks=ranks)
        self.wait_until(lambda: len(fault.checkpoints(run)) > 1, process, "two checkpoints")
        return run, process, program.ranks_of(run)

    def stop(self, text, ranks, victim, name="run"):
        """Stops a rank for good; returns the run's folder, how the run ended, and its checkpoints before that."""
        run, process, alive = self.begin(text, ranks, name)
        fault.suspend(alive[victim])
        before = fault.checkpoints(run)
        result = program.finish(process)
        print(f"rank {victim} of {ranks} stopped: ended after {result.seconds:.1f} s")
        self.assertEqual(result.code, 1, result)
        self.assert_nobody_left(run)
        self.assertFalse((run / "summary.json").exists())
        return run, result, before

    def resume(self, run, text, ranks=None):
        result = self.finish(self.write("run.yaml", text), run, "--resume", ranks=ranks)
        self.assertEqual(result.code, 0, result)
        return result

    def test_actor_stopped(self):
        text = config()
        whole = self.folder / "whole"
        result = self.finish(self.write("run.yaml", text), whole)
        self.assertEqual(result.code, 0, result)
        run, result, before = self.stop(text, 3, 2)
        self.assertRegex(result.err, LOST.format(rank=2, role="actor", host=program.HOST), result)
        self.assertRegex(result.err, r"since \d\d:\d\d:\d\d, (waiting for other ranks|in its rollout) in iteration \d+")

        # what was learned until then is kept, as of the end of an iteration
        newest = max(fault.checkpoints(run))
        self.assertIn("wrote" if newest > max(before) else "the newest checkpoint has all", result.err)
        self.assertEqual(newest % STEPS_OF_ROLLOUT, 0)
        resumed = shutil.copytree(run, self.folder / "resumed", symlinks=True)
        told = self.resume(resumed, text, ranks=2)
        if newest % 1280 != 0:
            self.assertEqual(len(re.findall("no state of 8 of the 8 environments", told.err)), 1, told)
        self.assertEqual(program.summary(resumed)["total_steps"], 12800)

        # from the checkpoint before it the run ends like an undisturbed one
        if newest % 1280 != 0:
            fault.checkpoint(run, newest).unlink()
        self.resume(run, text, ranks=2)
        self.assert_same_end(run, whole, best=False)

    def test_exact_where_iterations_start_afresh(self):
        """Where every rollout consists of whole episodes, no state of environments is lost with an actor. (Probe-v0
        would not do here: it remembers earlier episodes.)"""
        text = EPISODES
        whole = self.folder / "whole"
        result = self.finish(self.write("run.yaml", text), whole)
        self.assertEqual(result.code, 0, result)
        run, result, _ = self.stop(text, 3, 1)
        if "wrote" in result.err:
            self.assertIn("can be repeated bit for bit", result.err)
        self.resume(run, text, ranks=2)
        self.assert_same_end(run, whole, best=False)

    def test_learner_stopped(self):
        run, result, before = self.stop(config(), 4, 0)
        self.assertRegex(result.err, LOST.format(rank=0, role="learner", host=program.HOST), result)
        self.assertIn(f"the newest checkpoint in {run} stays", result.err)
        self.assertEqual(fault.checkpoints(run), before)
        self.resume(run, config())

    def test_environment_hangs(self):
        """A rank is alive, but in a step that never returns: an actor, and a rank that does all."""
        # only environment 4 hangs, which rank 2 of three has; the last checkpoint is of 1,280 steps, the hang in
        # rollout 12
        options = "{obs_dim: 4, faulty_percent: 15, hang_at_step: 180}"
        for ranks, rank, role in [(3, 2, "actor"), (None, 0, "learner")]:
            with self.subTest(ranks=ranks):
                run = self.folder / f"run-{ranks}"
                result = self.finish(self.write("run.yaml", config(options=options)), run, ranks=ranks)
                self.assertEqual(result.code, 1, result)
                self.assertRegex(
                    result.err,
                    rf"rank {rank} \({role} on {program.HOST}\) hangs: step of environment 4 \(Probe-v0\) has not come back "
                    r"for \d+\.\d s \(run.watchdog: 3\), since \d\d:\d\d:\d\d, in its rollout in iteration 12, after \d+ steps",
                )
                self.assertEqual(fault.checkpoints(run), [1280, 11 * STEPS_OF_ROLLOUT])
                self.assert_nobody_left(run)

    def hang(self, places, config=None):
        """Starts runs, all at the same time, whose environments do not return from a call; returns how each ended.
        `places`: name -> (ranks, options of Hangs-v0, further arguments)."""
        path = self.write("hangs.yaml", config or HANGS)
        running = {}
        for name, (ranks, options, *arguments) in places.items():
            options = f"env.options={{{options}}}"
            run = self.folder / name
            running[name] = self.start(path, run, "--set", options, *arguments, ranks=ranks)
        ended = []
        for name, process in running.items():
            ended.append((name, self.folder / name, program.finish(process)))
            self.assert_nobody_left(self.folder / name)
        return ended

    def test_any_call_hangs(self):
        """Whichever call does not return, the run ends with a message that names it, and keeps what was learned."""
        set_up, rollout = "in its set-up", "in its rollout in iteration"
        colocate, pipelined = ("--set", "ranks.colocate=true"), ("--set", "algorithm.pipeline=1")
        # the first environment that rank 0 makes serves only to check the config
        expected = {
            "checked": ((None, "place: create"), 0, "learner", "create of environment 0", set_up),
            "describe": ((None, "place: describe, call: 2"), 0, "learner", "describe of environment 0", set_up),
            "create": ((3, "place: create, call: 2, rank: 2"), 2, "actor", "create of environment 5", set_up),
            "reset": ((3, "place: reset, rank: 2"), 2, "actor", "reset of environment 4", set_up),
            "together": ((2, "place: reset, rank: 1", *colocate), 1, "learner", "reset of environment 4", set_up),
            "step": ((2, "place: step, call: 300, rank: 1", *pipelined), 1, "actor", "step of environment 3", rollout),
            "saving": ((2, "place: save_state, rank: 1"), 1, "actor", "save_state of environment 0", "between two rollouts"),
            "saving-alone": ((None, "place: save_state"), 0, "learner", "save_state of environment 0", "between two rollouts"),
            "evaluating": ((None, "place: create, call: 10"), 0, "learner", "create of environment 0", "evaluating"),
        }
        for name, run, result in self.hang({name: case[0] for name, case in expected.items()}):
            with self.subTest(name=name):
                _, rank, role, call, place = expected[name]
                self.assertEqual(result.code, 1, result)
                self.assertRegex(
                    result.err,
                    rf"rank {rank} \({role} on {program.HOST}\) hangs: {call} \(Hangs-v0\) has not come back for \d+\.\d s "
                    rf"\(run.watchdog: 2\), since \d\d:\d\d:\d\d, {place}",
                    result,
                )
                self.assertEqual(result.err.count("error: "), 1, result)
                if place == set_up:
                    self.assertFalse(run.exists(), "a run that never began leaves a folder")
                elif name != "evaluating":
                    self.assertEqual(len(fault.checkpoints(run)), 1, result)
                    self.assertIn("wrote", result.err)

    def test_loading_hangs(self):
        """A resumed run whose environments hang while they load their states ends, too, and can be resumed again."""
        path = self.write("hangs.yaml", HANGS)
        run = self.folder / "run"
        options = ["--set", "env.options={place: load_state, call: 3, rank: 1}"]
        result = self.finish(path, run, *options, ranks=2)
        self.assertEqual(result.code, 0, result)
        before = fault.checkpoints(run), fault.digest(run)
        result = self.finish(path, run, *options, "--resume", "--set", "total_steps=8192", ranks=2)
        self.assertEqual(result.code, 1, result)
        self.assertIn("hangs: load_state of environment 2 (Hangs-v0) has not come back", result.err)
        self.assertEqual((fault.checkpoints(run), fault.digest(run)), before)

    def test_end_hangs(self):
        """An environment that hangs while it is destroyed costs nothing that the run has written or said."""
        places = {
            "alone": (None, "place: destroy, call: 4"),
            "actor": (3, "place: destroy, rank: 2"),
            "together": (2, "place: destroy, rank: 1", "--set", "ranks.colocate=true"),
            "crash": (2, "place: destroy, rank: 1, crashes: 1"),
        }
        for name, run, result in self.hang(places):
            with self.subTest(name=name):
                self.assertNotEqual(result.code, 0, result)
                self.assertEqual(program.summary(run)["status"], "finished", result)
                self.assertIn("evaluation  return", result.out)
                self.assertEqual(fault.checkpoints(run)[-1], 2048)
                if name == "crash":
                    continue
                self.assertEqual(result.code, 1, result)
                self.assertRegex(result.err, r"hangs: destroy of environment \d \(Hangs-v0\) has not come back for \d+\.\d s")
                self.assertIn("at its end; what the run has to write is written", result.err)

    def test_failure_is_told_before_the_end(self):
        """A step fails, and then environments hang while they are destroyed: the message tells the first cause."""
        options = "place: step, call: 100, fails: 1"
        for name, _, result in self.hang({"alone": (None, options), "actor": (2, options + ", rank: 1")}):
            with self.subTest(name=name):
                self.assertEqual(result.code, 1, result)
                self.assertIn("told to fail in step", result.err)

    def test_slow_is_not_lost(self):
        """A slow step, in a rollout that takes longer than the watchdog waits, ends no run; nor does it without a
        watchdog."""
        # 16 steps of 4 environments of 0.06 s each: a step takes 0.24 s, a rollout 3.8 s
        options = "{obs_dim: 4, sleep_us: 60000, episode_length: 11}"
        for watchdog in ["3", "0"]:
            with self.subTest(watchdog=watchdog):
                run = self.folder / f"run-{watchdog}"
                text = config(options=options, total_steps=STEPS_OF_ROLLOUT, watchdog=watchdog)
                result = self.finish(self.write("run.yaml", text), run, ranks=3)
                self.assertEqual(result.code, 0, result)
                self.assertNotIn("error", result.err)

    def test_suspended_job(self):
        """A job scheduler may stop all processes of a job for a while: no rank counts as lost."""
        text = config()
        whole = self.folder / "whole"
        result = self.finish(self.write("run.yaml", text), whole)
        self.assertEqual(result.code, 0, result)
        run, process, alive = self.begin(text, 3)
        for number in [signal.SIGSTOP, signal.SIGCONT]:
            for rank in alive.values():
                os.kill(rank, number)
            time.sleep(7 if number == signal.SIGSTOP else 0)
        result = program.finish(process)
        self.assertEqual(result.code, 0, result)
        self.assert_same_end(run, whole)

    def test_rank_never_comes(self):
        """A rank is stopped before MPI has started: no message can say which one, but the job ends, and leaves no
        folder."""
        run = self.folder / "run"
        path = self.write("run.yaml", config())
        script = 'test $OMPI_COMM_WORLD_RANK = 1 && kill -STOP $$; exec "$@"'
        command = [program.MPIRUN, "-n", "3", "sh", "-c", script, "sh", *program.command_line(["train", path, "--run-dir", run])]
        environment = {**self.environment, "MUSTER_START_TIMEOUT": "3"}
        result = program.finish(program.start_command(command, self.folder, environment))
        self.assertEqual(result.code, 1, result)
        self.assertRegex(result.err, rf"muster: rank [02] on {program.HOST}: MPI has not started within 3 s")
        self.assert_nobody_left(run)
        self.assertFalse(run.exists())

    def test_stopped_in_set_up(self):
        """A rank is stopped at any moment of the set-up: the job ends with a message, and can be started again."""
        # a run that is long enough not to be over before the rank is found
        path = self.write("run.yaml", config())

        def check(delay):
            run = self.folder / f"run-{delay}"
            process = self.start(path, run, ranks=3, environment={"MUSTER_START_TIMEOUT": "5"})
            found = {}
            self.wait_until(lambda: 2 in found or found.update(program.ranks_of(run)), process, "rank 2")
            time.sleep(delay)
            fault.suspend(found[2])
            result = program.finish(process)
            # mpirun itself may crash when a job ends while it is starting
            self.assertNotEqual(result.code, 0, result)
            self.assertRegex(result.err, "is lost|has not started|have not met", result)
            self.assert_nobody_left(run)
            result = self.finish(path, run, "--resume", ranks=3)
            self.assertEqual(result.code, 0, result)

        self.side_by_side(check, [(delay,) for delay in [0.0, 0.01, 0.02, 0.05]], width=2)


if __name__ == "__main__":
    fault.main()
