"""Runs that end before total_steps, by the section `stop`: where they end depends neither on the ranks nor on how often
they are interrupted, and until then they are the run without it."""

import shutil

import program
from asynchronous import integer

CONFIG = """\
seed: 3
total_steps: 8000
env: {name: CartPole-v1, num_envs: 8}
policy: {hidden_sizes: [16]}
algorithm: {name: ppo, n_steps: 25, batch_size: 100, n_epochs: 4, learning_rate: 0.003}
evaluation: {every: 400, episodes: 5}
checkpoint: {every: 1, interval: null, keep: 0}
"""
LAYOUTS = [(2, []), (3, []), (4, ["--set", "ranks.learners=2"]), (3, ["--set", "ranks.colocate=true"])]
PIPELINED = CONFIG.replace("name: ppo", "name: ppo, pipeline: 1")
TRAINED = CONFIG.replace("every: 400, ", "")
REPLAY = """\
seed: 3
total_steps: 6000
env: {name: CartPole-v1, num_envs: 4}
policy: {hidden_sizes: [16]}
algorithm: {name: dqn, buffer_size: 1000, learning_starts: 64, train_freq: 4, gradient_steps: 1, batch_size: 32}
evaluation: {every: 400, episodes: 5}
checkpoint: {every: 2000, interval: null, keep: 0}
"""
# every kind of schedule, in the middle of each of which the run is killed
SCHEDULED = CONFIG.replace("learning_rate: 0.003", "learning_rate: [[0, 0.001], [0.2, 0.004], [1, 0.002]], "
                           "clip_range: warmup_0.5_cos_0.3_0.1, ent_coef: lin_0.02_0.001, clip_range_vf: cos_1")
ROLLOUT = 200  # steps of all environments of CONFIG


def stop(config, **criteria):
    return config + f"stop: {{{', '.join(f'{key}: {value}' for key, value in criteria.items())}}}\n"


def without_stop(rows):
    return [{key: value for key, value in row.items() if not key.startswith("stop/")} for row in rows]


def evaluations(run):
    """Environment steps and mean returns of the evaluations."""
    rows = [row for row in program.rows(run) if row["eval/mean_reward"]]
    return [(int(row["time/total_timesteps"]), float(row["eval/mean_reward"])) for row in rows]


def first_at(run, threshold):
    """The first evaluation that reaches the threshold."""
    return next(steps for steps, mean in evaluations(run) if mean >= threshold)


def first_without_gain(run, most):
    """The evaluation by which so many in a row were not better than the best."""
    best, count = float("-inf"), 0
    for steps, mean in evaluations(run):
        count = 0 if mean > best else count + 1
        best = max(best, mean)
        if count == most:
            return steps
    raise AssertionError(f"there were never {most} evaluations without a gain")


class Stopping(program.Case):
    def assert_stopped(self, run, whole, by, steps):
        """The run has ended there, and was the run `whole` until then."""
        summary = program.summary(run)
        self.assertEqual((summary["status"], summary["stopped_by"]), ("finished", by))
        self.assertEqual(summary["total_steps"], steps)
        rows, before = program.metrics(run), program.metrics(whole)
        self.assertEqual(without_stop(rows), before[: len(rows)])
        self.assertLess(len(rows), len(before))
        self.assertEqual(int(rows[-1]["time/total_timesteps"]), steps)
        self.assertNotEqual(rows[-1]["stop/criterion"], "0")

    def test_mean_return_of_evaluations(self):
        wholes = self.train_all([("whole", CONFIG, None, []), ("pipelined-whole", PIPELINED, None, [])])
        configs = {"run": stop(CONFIG, mean_return=150), "pipelined": stop(PIPELINED, mean_return=150)}
        alone = self.assert_same_layouts(configs, LAYOUTS)
        for (name, run), whole, ahead in zip(alone.items(), wholes, [0, ROLLOUT]):
            with self.subTest(name=name):
                reached = first_at(whole, 150)
                self.assertLess(reached, 7000)
                # where actors are a rollout ahead, that is learned from, too
                self.assert_stopped(run, whole, "mean_return", reached + ahead)
                self.assertEqual({row["stop/criterion"] for row in program.rows(run)[: -1 - ahead // ROLLOUT]}, {"0"})

    def test_mean_return_of_training(self):
        whole, run = self.train_all([("whole", TRAINED, None, []),
                                     ("run", stop(TRAINED, mean_return=60), 3, [])])
        found = program.contents(whole / "checkpoints" / "latest")
        self.assertGreater(integer(found, "episodes/finished"), 100)
        steps = program.summary(run)["total_steps"]
        reached = [row for row in program.rows(whole) if float(row["rollout/ep_rew_mean"] or 0) >= 60]
        self.assertEqual(int(reached[0]["time/total_timesteps"]), steps)
        self.assert_stopped(run, whole, "mean_return", steps)

    def test_a_hundred_episodes(self):
        """A mean of fewer episodes does not end a run."""
        run = self.train("run", config=stop(TRAINED, mean_return=1))
        found = program.contents(run / "checkpoints" / "latest")
        self.assertGreaterEqual(integer(found, "episodes/finished"), 100)
        before = run / "checkpoints" / f"step-{program.summary(run)['total_steps'] - ROLLOUT:012}.h5"
        self.assertLess(integer(program.contents(before), "episodes/finished"), 100)

    def test_without_gain(self):
        configs = {"run": stop(CONFIG, evaluations_without_gain=2),
                   "pipelined": stop(PIPELINED, evaluations_without_gain=2),
                   "scheduled": stop(SCHEDULED, evaluations_without_gain=2),
                   "replay": stop(REPLAY, evaluations_without_gain=4)}
        texts = {"run": CONFIG, "pipelined": PIPELINED, "scheduled": SCHEDULED, "replay": REPLAY}
        wholes = dict(zip(texts, self.train_all([(f"{name}-whole", text, None, []) for name, text in texts.items()])))
        alone = self.assert_same_layouts(configs, LAYOUTS[:3])
        for name, run in alone.items():
            with self.subTest(name=name):
                ended = first_without_gain(wholes[name], 4 if name == "replay" else 2)
                ended += ROLLOUT if name == "pipelined" else 0
                self.assertEqual(program.summary(run)["total_steps"], ended)
                self.assertEqual(program.summary(run)["stopped_by"], "evaluations_without_gain")
                self.assertEqual(int(program.rows(run)[-1]["time/total_timesteps"]), ended)

    def cut_back(self, whole, name, steps):
        """A copy of a run as it was when it was killed after the checkpoint at so many steps."""
        run = self.folder / name
        shutil.copytree(whole, run, symlinks=True)
        (run / "summary.json").unlink()
        for path in run.glob("checkpoints/*.h5"):
            if path.name == "best.h5" or int(path.stem[len("step-") :]) > steps:
                path.unlink()
        (run / "checkpoints" / "latest").unlink()

    def test_resumed(self):
        """From every checkpoint, the last one too, the run ends where it ended, and in the same way."""
        for name, config in [("run", stop(CONFIG, mean_return=150)), ("pipelined", stop(PIPELINED, mean_return=150)),
                             ("gain", stop(CONFIG, evaluations_without_gain=2)),
                             ("pipelined-gain", stop(PIPELINED, evaluations_without_gain=2)),
                             ("trained", stop(TRAINED, mean_return=60)),
                             ("scheduled", stop(SCHEDULED, evaluations_without_gain=3))]:
            whole = self.train(name, config=config)
            end = program.summary(whole)["total_steps"]
            starts = [steps for steps in range(ROLLOUT, end + 1, ROLLOUT) if steps > end - 5 * ROLLOUT]
            for steps in starts:
                self.cut_back(whole, f"{name}-{steps}", steps)
            runs = self.train_all([(f"{name}-{steps}", config, 2 if steps % 400 else None, ["--resume"])
                                   for steps in starts])
            for run in runs:
                with self.subTest(run=run.name):
                    self.assert_same_run(run, whole)
                    self.assertEqual(program.summary(run)["stopped_by"], program.summary(whole)["stopped_by"])

    def test_other_criteria(self):
        """A run that has ended goes on where its criteria are changed, and ends like one that never stopped."""
        whole = self.train("whole", config=CONFIG)
        run = self.train("run", config=stop(CONFIG, mean_return=150))
        steps = program.summary(run)["total_steps"]
        self.train("run", "--resume", config=stop(CONFIG, mean_return=150))
        self.assertEqual(program.summary(run)["total_steps"], steps)
        self.train("run", "--resume", config=CONFIG, ranks=2)
        self.assertEqual(program.learned(run), program.learned(whole))
        self.assertEqual(without_stop(program.metrics(run)), program.metrics(whole))
        self.assertEqual(program.summary(run)["stopped_by"], "total_steps")

    def test_criteria_from_then_on(self):
        """A run that gets criteria only when it is resumed; its metrics keep their columns."""
        whole = self.train("whole", config=CONFIG)
        self.train("run", "--set", "total_steps=400", config=CONFIG)
        run = self.train("run", "--resume", config=stop(CONFIG, mean_return=150))
        self.assertEqual(program.summary(run)["total_steps"], first_at(whole, 150))
        rows = program.metrics(run)
        self.assertEqual(rows, program.metrics(whole)[: len(rows)])

    def test_seconds(self):
        """Wall time, which alone is not the same twice; the run counts as finished, and a resumed one ends at once."""
        config = stop(CONFIG, seconds="1.5s").replace("total_steps: 8000", "total_steps: 1e12")
        path, run = self.write("run.yaml", config), self.folder / "run"
        for resume in [[], ["--resume"]]:
            result = self.run_muster("train", path, "--run-dir", run, *resume, ranks=2)
            self.assertEqual(result.code, 0, result)
            self.assertIn("stopped     by stop.seconds: 1.5, before", result.out)
            summary = program.summary(run)
            self.assertEqual((summary["status"], summary["stopped_by"]), ("finished", "seconds"))
            steps = integer(program.contents(run / "checkpoints" / "latest"), "progress/total_steps")
            self.assertEqual(steps, summary["total_steps"])
            if resume:
                self.assertEqual(steps, before)
            before = steps

    def test_asynchronous(self):
        """Where actors do not wait a run ends soon after; what it has recorded can be repeated to the same end."""
        config = CONFIG.replace("name: ppo, n_steps: 25, batch_size: 100, n_epochs: 4", "name: impala, n_steps: 25")
        config = stop(config.replace("total_steps: 8000", "total_steps: 200000"), evaluations_without_gain=2)
        run = self.train("run", config=config, ranks=3)
        summary = program.summary(run)
        self.assertEqual(summary["stopped_by"], "evaluations_without_gain")
        self.assertLess(summary["total_steps"], 200000)
        again = self.train("again", "--replay-schedule", run, config=config, ranks=2)
        digests = [self.run_muster("inspect", "--digest", folder).out for folder in [run, again]]
        self.assertEqual(digests[0], digests[1])
        self.assertEqual(program.summary(again)["total_steps"], summary["total_steps"])


if __name__ == "__main__":
    program.main()
