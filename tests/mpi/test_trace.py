"""Where time goes: the sums of each rank, the table at the end, and the trace."""

import re

import program
import trace

# with evaluations and checkpoints during training
CONFIG = program.SHORT.replace("episodes: 20", "episodes: 3, every: 2048") + "checkpoint: {every: 2048}\n"
ITERATIONS = 24  # 6144 steps of 256

SLOW = """\
total_steps: 100000
env: {name: Probe-v0, num_envs: 4, options: {sleep_us: 100}}
algorithm: {name: ppo, n_steps: 16, batch_size: 64, n_epochs: 2}
"""

DIVERGING = """\
total_steps: 100000
env: {name: CartPole-v1, num_envs: 8}
algorithm: {name: a2c, learning_rate: 10, max_grad_norm: 1e30, vf_coef: 1e10, optimizer: sgd}
"""


class Times(program.Case):
    def traced(self, name, *arguments, ranks=None, config=CONFIG):
        run = self.train(name, "--trace", *arguments, ranks=ranks, config=config)
        return run, trace.Trace(run / "trace.json")

    def check(self, run, found, first=1, last=ITERATIONS):
        """Checks the form and the arrows of a trace that holds these iterations."""
        summary = program.summary(run)
        ranks = summary["ranks"]
        trace.check_form(self, found, ranks)
        for rank in range(ranks):
            trace.check_slices(self, found, rank)
            numbers = [s.args["iteration"] for s in found.iterations(rank)]
            self.assertEqual(numbers, list(range(first, last + 2)))
            self.assertEqual([s.name for s in found.iterations(rank)], ["iteration"] * (last - first + 1) + ["end"])
        actors = range(1, ranks)
        trace.check_arrows(self, found, actors, first, last)
        rates = found.of_phase("C")
        self.assertEqual(len(rates), last - first + 1)
        for rate, iteration in zip(rates, found.iterations(0)):
            seconds = (iteration.end - iteration.begin) / 1e9
            self.assertAlmostEqual(rate["args"]["steps/s"] * seconds, 256, delta=256 * 1e-3)

    def test_trace(self):
        plain = self.train("plain", config=CONFIG)
        for ranks in [None, 1, 2, 3, 6]:
            with self.subTest(ranks=ranks):
                run, found = self.traced(f"ranks-{ranks}", ranks=ranks)
                self.check(run, found)
                trace.check_accounts(self, run)
                for figures in program.summary(run)["ranks_seconds"]:
                    trace.check_sums(self, found, figures)
                for actor in range(1, ranks or 1):
                    # each actor has a part of the learner's steps
                    steps = sum(s.args["steps"] for s in found.iterations(actor))
                    self.assertGreater(steps, 0)
                    self.assertLess(steps, 6144 if ranks > 2 else 6145)
                self.assertEqual(sum(s.args["steps"] for s in found.iterations(0)), 6144)
                # tracing does not change what is learned
                self.assert_same_run(run, plain)

    def test_every_stage_is_there(self):
        """The trace has all stages of each role, and no others."""
        run, found = self.traced("run", ranks=3)
        seconds = {figures["rank"]: figures for figures in program.summary(run)["ranks_seconds"]}
        learns = {"wait", "gather", "advantages", "update", "broadcast", "checkpoint", "evaluation", "other"}
        acts = {"rollout", "wait", "gather", "broadcast", "checkpoint", "evaluation", "other"}
        for rank, role, stages in [(0, "learner", learns), (1, "actor", acts), (2, "actor", acts)]:
            self.assertEqual(seconds[rank]["role"], role)
            self.assertEqual(seconds[rank]["host"], program.HOST)
            self.assertEqual({stage for stage in trace.STAGES if seconds[rank][stage] > 0}, stages)
            self.assertEqual({s.name for s in found.stages(rank)}, stages - {"other"})
        for rank in [1, 2]:
            self.assertGreater(seconds[rank]["rollout_policy"], 0)
            self.assertGreater(seconds[rank]["rollout_environments"], 0)

    def test_newest_iterations(self):
        run, found = self.traced("run", "--set", "run.trace_iterations=5", ranks=3)
        self.check(run, found, first=ITERATIONS - 4)
        trace.check_accounts(self, run)

    def test_resumed_run_keeps_the_trace_before(self):
        run, _ = self.traced("run", ranks=2)
        before = (run / "trace.json").read_bytes()
        path = self.write("run.yaml", CONFIG)
        arguments = ["train", path, "--run-dir", run, "--resume", "--trace", "--set", "total_steps=7168"]
        result = self.run_muster(*arguments, ranks=3)
        self.assertEqual(result.code, 0, result)
        self.assertIn(f"{run}/trace-2.json", result.out)
        self.assertEqual((run / "trace.json").read_bytes(), before)
        found = trace.Trace(run / "trace-2.json")
        self.check(run, found, first=ITERATIONS + 1, last=ITERATIONS + 4)
        for figures in program.summary(run)["ranks_seconds"]:
            trace.check_sums(self, found, figures)

    def test_asynchronous(self):
        """Each rank counts its own iterations, so there are slices but no arrows."""
        config = CONFIG.replace("name: ppo", "name: appo").replace("  gae_lambda: 0.8\n", "")
        _, found = self.traced("appo", ranks=3, config=config)
        trace.check_form(self, found, 3)
        for rank in range(3):
            trace.check_slices(self, found, rank)
            self.assertGreater(len(found.iterations(rank)), 2)
        self.assertEqual(found.of_phase("s", "f"), [])

    def test_interrupted_run_has_its_trace(self):
        for ranks in [None, 3]:
            with self.subTest(ranks=ranks):
                path, run = self.write("slow.yaml", SLOW), self.folder / f"run-{ranks}"
                arguments = ["train", path, "--run-dir", run, "--trace", "--set", "run.time_limit=0.5s"]
                result = self.run_muster(*arguments, ranks=ranks)
                self.assertEqual(result.code, 75, result)
                found = trace.Trace(run / "trace.json")
                trace.check_form(self, found, ranks or 1)
                trace.check_accounts(self, run)
                for figures in program.summary(run)["ranks_seconds"]:
                    trace.check_slices(self, found, figures["rank"])
                    trace.check_sums(self, found, figures)

    def test_failed_run_has_the_learners_trace(self):
        path, run = self.write("diverging.yaml", DIVERGING), self.folder / "run"
        result = self.run_muster("train", path, "--run-dir", run, "--trace", ranks=3)
        self.assert_refused(result, 1, "is not finite")
        found = trace.Trace(run / "trace.json")
        trace.check_form(self, found, 3)
        trace.check_slices(self, found, 0)
        self.assertEqual(set(found.slices), {0})
        self.assertIn("update", [s.name for s in found.stages(0)])

    def test_no_trace_unless_asked(self):
        run = self.train("run", ranks=2)
        self.assertEqual(list(run.glob("trace*")), [])
        trace.check_accounts(self, run)

    def test_metrics(self):
        for ranks in [None, 3]:
            with self.subTest(ranks=ranks):
                run = self.train(f"run-{ranks}", ranks=ranks, config=CONFIG)
                rows = [{k: float(v) for k, v in row.items() if v} for row in program.rows(run)]
                stages = program.summary(run)["stage_seconds"]
                for name in ["wait", "gather", "advantages", "update", "broadcast"]:
                    # all rows together have the time that the learner spent, except for the command that ends the run
                    seconds = sum(row[f"time/{name}_seconds"] for row in rows)
                    self.assertLessEqual(seconds, stages[name] + 1e-9)
                    if name in ["gather", "advantages", "update"]:
                        self.assertAlmostEqual(seconds, stages[name], delta=1e-9)
                for row in rows:
                    least, mean = row["time/rollout_seconds_min"], row["time/rollout_seconds_mean"]
                    self.assertGreater(least, 0)
                    self.assertLessEqual(least, mean * (1 + 1e-12))
                    self.assertLessEqual(mean, row["time/rollout_seconds"] * (1 + 1e-12))
                same = all(row["time/rollout_seconds_min"] == row["time/rollout_seconds"] for row in rows)
                self.assertEqual(same, ranks is None)

    def test_table(self):
        """Each rank has a column if there are few; otherwise the table shows least, median and largest of the
        actors."""
        path = self.write("config.yaml", CONFIG)
        heads = {
            None: ["rank 0", "learner and actor"],
            3: ["rank 0 +rank 1 +rank 2", "learner +actor +actor"],
            6: ["rank 0 +least of +median of +largest of", "learner( +5 actors){3}"],
        }
        for ranks, patterns in heads.items():
            with self.subTest(ranks=ranks):
                result = self.run_muster("train", path, "--run-dir", self.folder / f"run-{ranks}", ranks=ranks)
                self.assertEqual(result.code, 0, result)
                for pattern in patterns:
                    self.assertRegex(result.out, rf"(?m)^where time +{patterns[0]}$\n^went \(s\) +{patterns[1]}$")
                columns = {None: 1, 3: 3, 6: 4}[ranks]
                for stage in ["rollout", "  policy", "  envs", "gather", "update", "broadcast", "other", "total"]:
                    self.assertRegex(result.out, rf"(?m)^{stage} ( +\d+\.\d\d +\d+\.\d %){{{columns}}}$")
                self.assertEqual("wait" in re.findall(r"(?m)^\w+", result.out), ranks is not None)
                if ranks == 6:
                    continue
                # the shares of a rank sum to 100 %, apart from rounding
                rows = re.findall(r"(?m)^(\w+) ((?: +\d+\.\d\d +\d+\.\d %)+)$", result.out)
                shares = {name: [float(x) for x in re.findall(r"(\S+) %", text)] for name, text in rows}
                for column in range(columns):
                    whole = sum(values[column] for name, values in shares.items() if name != "total")
                    self.assertAlmostEqual(whole, 100, delta=0.05 * len(shares))

    def test_wrong_use(self):
        path = self.write("config.yaml", CONFIG)
        run = self.folder / "run"
        result = self.run_muster("train", path, "--run-dir", run, "--set", "run.trace_iterations=0")
        self.assert_refused(result, 2, "run.trace_iterations", "1 to 1000000")
        result = self.run_muster("train", path, "--run-dir", run, "--trace=file.json")
        self.assertEqual(result.code, 2, result)
        self.assertIn("doesn't allow an argument", result.err)
        self.assertFalse(run.exists())


if __name__ == "__main__":
    program.main()
