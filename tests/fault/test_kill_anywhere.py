"""A run that is killed at any moment, again and again, and each time resumed, ends like an undisturbed one.

Each round kills, one to three times, a random rank or mpirun itself, at a random moment: anywhere between the start and
the end, or when a checkpoint is about to be written, or while it is being written. Then the run is resumed at another
number of ranks. MUSTER_KILL_ROUNDS is the number of rounds (50), MUSTER_KILL_SEED the seed of the random numbers.
"""

import collections
import os
import random
import signal
import subprocess
import time

import fault
import program

ROUNDS = int(os.environ.get("MUSTER_KILL_ROUNDS", "50"))
SEED = int(os.environ.get("MUSTER_KILL_SEED", "1"))
RANKS = [None, 1, 2, 3, 4]
NOTICED = 20  # seconds within which mpirun notices that a rank is gone


def is_writing(run):
    try:
        return any(name.startswith(".step-") for name in os.listdir(run / "checkpoints"))
    except FileNotFoundError:
        return False


def newest(run):
    return max(fault.checkpoints(run), default=0)


class KillAnywhere(fault.Case):
    def wait_for_moment(self, process, run, moment, rng):
        """Waits for the moment, or until the process has ended. Returns the processes that may be killed."""
        victims = {"mpirun": process.pid}
        if moment == "any time":
            until = time.monotonic() + rng.uniform(0, 1.2)
            while process.poll() is None and time.monotonic() < until:
                time.sleep(0.001)
            victims.update(program.ranks_of(run))
        else:
            # waits for some more checkpoints, unless the run ends first
            steps = newest(run) + rng.randrange(0, 12) * fault.STEPS_OF_ROLLOUT
            while process.poll() is None and newest(run) < steps:
                time.sleep(0.0005)
            victims.update(program.ranks_of(run))
            while moment == "in a write" and process.poll() is None and not is_writing(run):
                pass
        return victims

    def finish_killed(self, process, run):
        """Waits for the end. Open MPI's mpirun may wait for ever for a rank that was killed while it connected: then
        mpirun is killed as well."""
        try:
            process.wait(NOTICED)
        except subprocess.TimeoutExpired:
            if not program.ranks_of(run):
                process.terminate()
        return program.finish(process)

    def kill_once(self, config, run, rng):
        """Starts or resumes the run and kills it; returns what happened."""
        ranks = rng.choice(RANKS)
        moment = rng.choice(["any time", "after a checkpoint", "in a write"])
        process = self.start(config, run, "--resume", ranks=ranks)
        victims = self.wait_for_moment(process, run, moment, rng)
        if ranks is None:
            victims = {0: process.pid}
        victim = rng.choice(sorted(victims, key=str))
        ended = process.poll() is not None
        try:
            os.kill(victims[victim], signal.SIGKILL)
        except ProcessLookupError:
            ended = True
        result = self.finish_killed(process, run)
        self.assert_nobody_left(run)
        if ended:
            self.assertEqual(result.code, 0, result)
            return f"{ranks} ranks: ended first", "ended first"
        torn = fault.leftovers(run)
        where = "in a write" if torn else "in training" if newest(run) > 0 else "at the start"
        return f"{ranks} ranks: {victim} killed {where}, at {newest(run)} steps", where

    def test_kill_anywhere(self):
        self.kill_anywhere(fault.CONFIG, ROUNDS)

    def test_run_that_stops(self):
        """A run that ends before total_steps, by evaluations that were not better than the best."""
        whole = self.kill_anywhere(fault.CONFIG + "stop: {evaluations_without_gain: 1}\n", max(ROUNDS // 8, 1))
        self.assertEqual(program.summary(whole)["stopped_by"], "evaluations_without_gain")
        self.assertLess(program.summary(whole)["total_steps"], fault.TOTAL_STEPS)

    def kill_anywhere(self, text, rounds):
        """Returns the undisturbed run."""
        config = self.write("run.yaml", text)
        whole = self.folder / "whole"
        result = self.finish(config, whole)
        self.assertEqual(result.code, 0, result)
        seen = collections.Counter()

        def check(seed, number):
            rng = random.Random(f"{seed}:{number}")
            run = self.folder / f"round-{number}"
            run.mkdir()
            story = []
            for _ in range(rng.randint(1, 3)):
                line, where = self.kill_once(config, run, rng)
                story.append(line)
                seen[where] += 1
            ranks = rng.choice(RANKS)
            story.append(f"then {ranks} ranks to the end")
            print(f"round {number} of seed {seed}: {'; '.join(story)}", flush=True)
            result = self.finish(config, run, "--resume", ranks=ranks)
            self.assertEqual(result.code, 0, result)
            self.assert_nobody_left(run)
            self.assert_same_end(run, whole)

        self.side_by_side(check, [(SEED, number) for number in range(rounds)])
        print(f"kills: {dict(seen)}")
        # enough kills hit a run that was training: otherwise this would have tested nothing
        self.assertGreater(seen["in training"] + seen["in a write"], rounds // 4)
        return whole


if __name__ == "__main__":
    fault.main()
