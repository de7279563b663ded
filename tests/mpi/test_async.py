"""Actors that never wait: on one rank a run is deterministic; on several it ends, keeps to its limits, and goes on from
a checkpoint with exactly what was there: no step of an environment is lost, doubled or learned from twice."""

import shutil

import asynchronous
import events
import program
import test_kinds
from asynchronous import integer, steps_of_probe

RANKS = [None, 2, 3, 5]

# episodes of Probe-v0 that are truncated, so that last observations travel, too
CONFIG = """\
seed: 7
total_steps: 3000
env: {{name: Probe-v0, num_envs: 8, options: {{{options}}}{wrappers}}}
policy: {{hidden_sizes: [16, 16]{policy}}}
algorithm: {{{algorithm}}}
evaluation: {{every: 1000, episodes: 3}}
checkpoint: {{every: {every}, interval: 0, keep: 0}}
{more}
"""
TRUNCATING = "truncates: 1, episode_length: 7, obs_dim: 6"
N_STEPS, BATCH = 10, 8
ALGORITHMS = {
    "impala": f"name: impala, n_steps: {N_STEPS}, batch: {BATCH}",
    "appo": f"name: appo, n_steps: {N_STEPS}, batch: {BATCH}, batch_size: 30, n_epochs: 2",
    "a3c": f"name: a3c, n_steps: {N_STEPS}",
    "dqn": f"name: dqn, asynchronous: true, train_freq: {N_STEPS}, gradient_steps: 2, learning_starts: 70, "
    "buffer_size: 900, n_steps: 3, target_update_interval: 200, replay: {prioritized: true, beta: 1}, "
    "exploration_initial_eps: 0.2, exploration_final_eps: 0.2",
}
# some trajectories wait for the next update, since the trajectories of one rollout do not fill a whole number of batches
UNEVEN = {name: text.replace(f"batch: {BATCH}", "batch: 11") for name, text in ALGORITHMS.items()}


def config(algorithm, options=TRUNCATING, wrappers="", policy="", every=0, more=""):
    return CONFIG.format(
        algorithm=algorithm, options=options, wrappers=wrappers, policy=policy, every=every, more=more
    )


def to_steps(steps):
    """Options with which a run goes on until it has so many steps."""
    return ["--resume", "--set", f"total_steps={steps}"]


class Async(program.Case):
    def check_rows(self, run):
        return asynchronous.check_rows(self, run)

    def check_conserved(self, run):
        return asynchronous.check_conserved(self, run, 7)

    def go_on(self, name, text, steps, ranks=None):
        return self.train(name, *to_steps(steps), config=text, ranks=ranks)

    def digest(self, run):
        result = self.run_muster("inspect", "--digest", run)
        self.assertEqual(result.code, 0, result)
        return result.out

    def test_one_rank_is_deterministic(self):
        """A run ends in the same way when it is repeated, with checkpoints or without, and when it is resumed from any
        of them."""
        texts = {name: config(algorithm) for name, algorithm in UNEVEN.items()}
        ends = [80, 400, 1520]
        runs = []
        for name, text in texts.items():
            runs += [(name, text, None, []), (f"{name}-each", text, None, ["--set", "checkpoint.every=1"]),
                     (f"{name}-launched", text, 1, [])]
            runs += [(f"{name}-from-{steps}", text, None, to_steps(steps)) for steps in ends]
        self.train_all(runs)
        self.train_all([(f"{name}-from-{steps}", text, None, to_steps(3000)) for name, text in texts.items() for steps in ends])
        for name in texts:
            with self.subTest(algorithm=name):
                whole = self.folder / name
                self.check_rows(whole)
                self.assert_same_run(self.folder / f"{name}-launched", whole)
                digest, rows = self.digest(whole), program.metrics(whole)
                for other in ["each", *[f"from-{steps}" for steps in ends]]:
                    self.assertEqual(self.digest(self.folder / f"{name}-{other}"), digest)
                    self.assertEqual(program.metrics(self.folder / f"{name}-{other}"), rows)

    def test_nothing_lost_or_doubled(self):
        """Nothing is lost or doubled at any number of ranks, nor when the run is resumed at another number."""
        # no evaluations: they are pauses, after which an update learns from all that has come meanwhile
        texts = {name: config(algorithm).replace("evaluation: {every: 1000", "evaluation: {every: 0")
                 for name, algorithm in ALGORITHMS.items()}
        cases = [(name, before, RANKS[(number + 2) % len(RANKS)])
                 for name in ALGORITHMS for number, before in enumerate(RANKS)]

        def go_on(steps, after):
            runs = [(f"{case[0]}-{case[1]}", texts[case[0]], case[1 + after], to_steps(steps)) for case in cases]
            return zip(cases, self.train_all(runs))

        seen = {}
        for (name, before, after), run in go_on(1500, after=False):
            with self.subTest(algorithm=name, before=before, after=after):
                found = self.check_conserved(run)
                seen[run] = found, self.trajectories(name, found, 0, before), self.digest(run), program.metrics(run)
                self.assertGreaterEqual(program.summary(run)["total_steps"], 1500)
        # resumed with nothing left to do, a run stays as it was, apart from columns of times
        for (name, before, after), run in go_on(1500, after=True):
            with self.subTest(algorithm=name, before=before, after=after):
                self.assertEqual((self.digest(run), program.metrics(run)), seen[run][2:])
        for (name, before, after), run in go_on(3000, after=True):
            with self.subTest(algorithm=name, before=before, after=after):
                found, learned, _, rows = seen[run]
                self.assertEqual(program.metrics(run)[: len(rows)], rows)
                self.check_rows(run)
                self.trajectories(name, self.check_conserved(run), learned, after, found)

    def trajectories(self, name, found, learned, ranks, before=None):
        """Checks that each trajectory that was made was learned from or dropped, or is waiting. Returns how many were
        learned from."""
        made = integer(found, "progress/total_steps") // N_STEPS
        if name in ["a3c", "dqn"]:
            self.assertEqual(integer(found, "waiting/trajectories"), 0)
            self.assertEqual(integer(found, "waiting/dropped"), 0)
            return made
        updates = integer(found, "progress/iteration")
        if before is not None:
            # the first update takes all that waited, and what was sent until there were enough
            first, message = integer(before, "waiting/trajectories"), 8 // max((ranks or 1) - 1, 1)
            while first < BATCH:
                first += message
            learned += first
            updates -= integer(before, "progress/iteration") + 1
        learned += updates * BATCH
        waiting = integer(found, "waiting/trajectories") + integer(found, "waiting/dropped")
        self.assertEqual(learned + waiting, made)
        return learned

    def test_checkpoints_on_the_way(self):
        """Each checkpoint pauses the actors; each is whole, and a run goes on from it."""
        for name, algorithm in UNEVEN.items():
            with self.subTest(algorithm=name):
                run = self.train(name, config=config(algorithm, every=300), ranks=3)
                self.check_rows(run)
                files = sorted((run / "checkpoints").glob("step-*.h5"))
                self.assertGreater(len(files), 3)
                for path in files[:-1]:
                    found = program.contents(path)
                    self.assertEqual(steps_of_probe(found), integer(found, "progress/total_steps"))
                for path in files[2:]:
                    path.unlink()
                self.go_on(name, config(algorithm, every=300), 3000, 2)
                self.check_rows(run)
                self.check_conserved(run)

    def test_nodes(self):
        """Messages and commands between nodes (support/everywhere.h)."""
        for steps, nodes in [(1000, "01"), (2000, "0112"), (3000, "00101")]:
            texts = {name: config(algorithm, every=300) for name, algorithm in UNEVEN.items()}
            for run in self.train_all([(name, text, nodes, to_steps(steps)) for name, text in texts.items()]):
                with self.subTest(algorithm=run.name, nodes=nodes):
                    self.check_rows(run)
                    self.check_conserved(run)

    def schedule(self, run):
        """The rows of a run's recorded schedule."""
        return b"".join(program.contents(path)["schedule"][2] for path in sorted((run / "schedule").iterdir()))

    def repeat(self, name, text, run, ranks):
        repeated = self.train(name, "--replay-schedule", run, config=text, ranks=ranks)
        self.assertEqual(self.digest(repeated), self.digest(run))
        self.assertEqual(self.schedule(repeated), self.schedule(run))

    def test_repeated(self):
        """A run on several ranks is repeated to the same end, at any number of ranks, from the schedule that it has
        recorded: also where it was interrupted, and went on at another number of ranks."""
        normalised = "normalize: {norm_obs: true, norm_reward: true}"
        cases = {
            "impala": (UNEVEN["impala"], TRUNCATING, normalised, [3, None, 5]),
            "appo": (f"{UNEVEN['appo']}, max_policy_lag: 1", f"{TRUNCATING}, agents: 2", "", [2, 4]),
            "dqn": (ALGORITHMS["dqn"], f"{TRUNCATING}, masks: 1", "", [3, 2, None]),
        }
        for name, (algorithm, options, more, repeats) in cases.items():
            with self.subTest(algorithm=name):
                text = config(algorithm, options, every=700, more=more)
                run = self.train(name, config=text, ranks=3)
                for ranks in repeats:
                    self.repeat(f"{name}-{ranks}", text, run, ranks)

                slow = config(algorithm, f"{options}, step_seconds: 0.0004", every=700, more=more)
                path = self.write(f"{name}-slow.yaml", slow)
                run = self.folder / f"{name}-slow"
                codes = []
                for ranks in [3, 4, 2]:
                    limit = ["--set", "run.time_limit=0.15"] if len(codes) < 2 else []
                    result = self.run_muster("train", path, "--run-dir", run, "--resume", *limit, ranks=ranks)
                    codes.append(result.code)
                self.assertEqual(codes, [75, 75, 0])
                self.check_conserved(run)
                self.repeat(f"{name}-slow-repeated", slow, run, repeats[0])

    def test_repeated_wrong_use(self):
        text = config(ALGORITHMS["dqn"])
        path = self.write("run.yaml", text)
        run = self.go_on("run", text, 1500, 3)
        in_step = self.train("in-step", "--set", "algorithm.asynchronous=false", config=text)
        prolonged = self.go_on("prolonged", text, 1500, 3)
        self.go_on("prolonged", text, 3000, 3)
        damaged = self.folder / "damaged"
        shutil.copytree(run, damaged)
        segment = damaged / "schedule" / "segment-000000.h5"
        content = bytearray(segment.read_bytes())
        content[-100] ^= 1
        segment.write_bytes(content)
        interrupted = self.folder / "interrupted"
        slow = self.write("slow.yaml", config(ALGORITHMS["dqn"], f"{TRUNCATING}, step_seconds: 0.001"))
        result = self.run_muster("train", slow, "--run-dir", interrupted, "--set", "run.time_limit=0.3", ranks=3)
        self.assertEqual(result.code, 75, result)
        fewer = ["--set", "total_steps=1500"]
        wrong = [
            (path, ["--replay-schedule", in_step], "there is no"),
            (path, ["--replay-schedule", run], "total_steps was 1500 and is now 3000"),
            (path, ["--replay-schedule", run, *fewer, "--set", "seed=8"], "seed was 7 and is now 8"),
            (path, ["--replay-schedule", run, *fewer, "--set", "algorithm.asynchronous=false"], "actors do not wait"),
            (path, ["--replay-schedule", prolonged], "resumed with other options"),
            (path, ["--replay-schedule", damaged, *fewer], "segment-000000.h5"),
            (slow, ["--replay-schedule", interrupted], "of 3000 steps"),
        ]
        for config_path, settings, message in wrong:
            with self.subTest(message=message):
                result = self.run_muster("train", config_path, *settings, "--run-dir", "never", ranks=3)
                self.assert_refused(result, 2, "--replay-schedule", message)
                self.assertFalse((self.folder / "never").exists())
        result = self.run_muster("train", path, "--replay-schedule", run, *fewer, "--run-dir", run, "--resume", ranks=2)
        self.assert_refused(result, 2, "--replay-schedule", "would go on")

    def test_limit_of_lag(self):
        """One actor is much slower, so that the others are many updates ahead of it."""
        slow = f"{TRUNCATING}, step_seconds: 0.0002, slow_envs: 6, slow_factor: 30"
        limits = [(1, "drop"), (3, "drop"), (1, "block"), (3, "block"), (0, "drop"), (None, "drop")]
        cases = [(name, *limit) for name in ["impala", "appo"] for limit in limits]
        algorithms = [f"{ALGORITHMS[name]}, on_lag: {on_lag}, max_policy_lag: {'null' if limit is None else limit}"
                      for name, limit, on_lag in cases]
        runs = self.train_all([(str(number), config(algorithm, slow, every=700), 5, [])
                               for number, algorithm in enumerate(algorithms)])
        for (name, limit, on_lag), run in zip(cases, runs):
            with self.subTest(algorithm=name, limit=limit, on_lag=on_lag):
                rows = self.check_rows(run)
                found = self.check_conserved(run)
                dropped = [int(row["train/dropped_trajectories"]) for row in rows]
                self.assertEqual(dropped, sorted(dropped))
                self.assertGreaterEqual(integer(found, "waiting/dropped"), dropped[-1])
                most = max(float(row["train/policy_lag_max"]) for row in rows)
                if limit is None:
                    self.assertGreater(most, 3)
                else:
                    self.assertLessEqual(most, limit)
                if limit is not None and on_lag == "drop":
                    self.assertGreater(dropped[-1], 0)
                else:
                    self.assertEqual(integer(found, "waiting/dropped"), 0)

    def test_rate_limiter(self):
        """Whoever is slower, the ratio of samples to steps stays within the tolerance, and the other side waits. A resumed
        run may have another ratio, which then counts from there on."""
        # what a slow environment costs, and a slow update
        cases = {"actors": ("step_seconds: 0.0003", 1), "learner": ("step_seconds: 0", 200)}
        tolerance = 120
        for slow, (speed, updates) in cases.items():
            with self.subTest(slow=slow):
                algorithm = (
                    f"name: dqn, asynchronous: true, train_freq: {N_STEPS}, gradient_steps: {updates}, batch_size: 64, "
                    f"learning_starts: 200, replay: {{tolerance: {tolerance}}}"
                )
                text = config(algorithm, f"{TRUNCATING}, {speed}").replace("every: 1000", "every: 0")
                run = self.train(slow, config=text, ranks=3)
                ratio = updates * 64 / (N_STEPS * 8)
                rows = self.check_ratio(run, ratio, tolerance, 200, 0)
                waits = {what: int(rows[-1][f"replay/waits_for_{what}"]) for what in ["steps", "updates"]}
                self.assertGreater(waits["steps" if slow == "actors" else "updates"], 10)
                self.check_conserved(run)

                before = integer(program.contents(run / "checkpoints" / "latest"), "limiter/samples")
                settings = ["--set", "algorithm.replay.samples_per_insert=2.5", "--set", "algorithm.replay.tolerance=80"]
                more = self.train(slow, "--resume", "--set", "total_steps=6000", *settings, config=text, ranks=2)
                # the last pause has let in what was under way
                start = integer(program.contents(run / "checkpoints" / "latest"), "limiter/base_inserts")
                self.assertGreaterEqual(start, 3000)
                rows = self.check_ratio(more, 2.5, 80, start, before, start)
                self.assertGreater(len(rows), 20)

    def check_ratio(self, run, ratio, tolerance, start, before, after=0):
        """Checks the ratio in all rows after a number of steps."""
        rows = [row for row in asynchronous.check_rows(self, run) if int(row["time/total_timesteps"]) > max(after, start)]
        for row in rows:
            steps = int(row["time/total_timesteps"]) - start
            ahead, reached = float(row["replay/steps_ahead"]), float(row["replay/samples_per_insert"])
            self.assertLessEqual(abs(ahead), tolerance)
            self.assertAlmostEqual(reached * steps, ratio * (steps - ahead), delta=1e-6 * ratio * steps)
            # samples are what updates have drawn
            if row["train/n_updates"] != "":
                samples = float(row["train/n_updates"]) * 64 - before
                self.assertAlmostEqual(reached * steps, samples, delta=1e-6 * (1 + samples))
        return rows

    def test_kinds(self):
        """Every kind of space, agents, masks and normalisation: on one rank a resumed run ends in the same way; runs on
        several ranks can be resumed, too."""
        texts = {}
        for name, text in test_kinds.KINDS.items():
            head, tail = text.split("algorithm:")
            more = tail.split("\n", 1)[1]
            texts[name] = f"{head}algorithm: {{{UNEVEN[['impala', 'appo'][len(name) % 2]]}}}\n{more}"
        self.train_all([(name, text, None, to_steps(900)) for name, text in texts.items()]
                       + [(f"{name}-whole", text, None, []) for name, text in texts.items()])
        self.train_all([(name, text, None, to_steps(2000)) for name, text in texts.items()])
        for name in texts:
            with self.subTest(kind=name):
                resumed, whole = self.folder / name, self.folder / f"{name}-whole"
                self.assertEqual(self.digest(resumed), self.digest(whole))
                self.assertEqual(program.metrics(resumed), program.metrics(whole))
                self.check_rows(resumed)
        several = self.train_all([(f"{name}-3", text, 3, to_steps(900)) for name, text in texts.items()])
        digests = [self.digest(run) for run in several]
        self.train_all([(f"{name}-3", text, 2, to_steps(900)) for name, text in texts.items()])
        self.assertEqual([self.digest(run) for run in several], digests)
        self.train_all([(f"{name}-3", text, 4, to_steps(2000)) for name, text in texts.items()])
        for run in several:
            with self.subTest(run=run.name):
                self.check_rows(run)

    def test_faults(self):
        """A NaN from an environment: only environment 4 has it, on rank 2 of three."""
        place = "environment 4 (Probe-v0, seed 3), episode 6, step 4"
        options = "obs_dim: 4, faulty_percent: 15, nan_reward_at_step: 100"
        for name, algorithm in ALGORITHMS.items():
            for ranks in [None, 3]:
                with self.subTest(algorithm=name, ranks=ranks):
                    text = config(algorithm, options).replace("seed: 7", "seed: 3")
                    path = self.write(f"{name}.yaml", text)
                    stopped = self.folder / f"{name}-{ranks}-stop"
                    result = self.run_muster("train", path, "--run-dir", stopped, ranks=ranks)
                    self.assert_refused(result, 1, place, "the reward is nan")
                    self.assert_nobody_left(stopped)
                    (evidence,) = (stopped / "forensics").iterdir()
                    self.assertTrue(any(program.contents(evidence)["rollout/log_prob"][2]), "no rollout")

                    run = self.train(f"{name}-{ranks}", "--set", "run.on_nan=skip", config=text, ranks=ranks)
                    self.check_rows(run)
                    found = program.contents(run / "checkpoints" / "latest")
                    self.assertEqual(integer(found, "progress/skipped_updates"), 1)
                    self.assertEqual(steps_of_probe(found), integer(found, "progress/total_steps"))

    def test_histograms(self):
        """Histograms of parameters and gradients, and of actions where the learner has them."""
        for name, algorithm in ALGORITHMS.items():
            with self.subTest(algorithm=name):
                run = self.train(name, "--set", "run.histograms=7", config=config(algorithm), ranks=2)
                self.check_rows(run)
                content = b"".join(path.read_bytes() for path in events.files(run))
                self.assertIn(b"gradients/policy/0/weight", content)
                self.assertEqual(b"rollout/actions" in content, name in ["impala", "appo"])

    def test_wrong_use(self):
        waits = "is for actors that wait, which those of {name} do not; expects {value}"
        for name, algorithm in ALGORITHMS.items():
            wrong = {
                "algorithm.pipeline=1": waits.format(name=name, value=0),
                "algorithm.straggler_fraction=0.5": waits.format(name=name, value=1),
                "ranks.learners=2": f"{name} has one learner, which only learns; expects 1",
                "ranks.colocate=true": f"{name} has one learner, which only learns; expects false",
            }
            if name == "a3c":
                for key in ["normalize.norm_obs", "normalize.norm_reward"]:
                    wrong[f"{key}=true"] = "needs rollouts at the learner, to which actors of a3c send gradients"
            path = self.write("run.yaml", config(algorithm))
            for setting, message in wrong.items():
                with self.subTest(algorithm=name, setting=setting):
                    result = self.run_muster("train", path, "--set", setting, "--run-dir", "never", ranks=3)
                    self.assert_refused(result, 2, setting.split("=", maxsplit=1)[0], message)
                    self.assertFalse((self.folder / "never").exists())


if __name__ == "__main__":
    program.main()
