"""muster plan: it measures, predicts and writes what it promises. Whether predictions are right, bench/plan.py
tests."""

import json
import math
import os

import program

STAGES = ["rollout_seconds", "exchange_seconds", "update_seconds"]


class Plan(program.Case):
    def plan(self, *arguments, config=program.SHORT, ranks=None):
        path = self.write("run.yaml", config)
        result = self.run_muster("plan", "--quick", "--json", "--config", path, *arguments, ranks=ranks)
        self.assertEqual(result.code, 0, result)
        self.assertEqual([path.name for path in self.folder.iterdir()], ["run.yaml"])
        return json.loads(result.out)

    def check_rows(self, plan):
        for row in plan["rows"]:
            whole = sum(row[stage] for stage in STAGES)
            if plan["mode"] == "in step" or row["ranks"] == 1:
                self.assertAlmostEqual(row["iteration_seconds"], whole, delta=1e-12)
            else:
                # stages that run at the same time take no longer than if they ran one after another; actors may take
                # part in messages
                self.assertLessEqual(row["iteration_seconds"], whole + row["exchange_seconds"] + 1e-12)
                self.assertGreaterEqual(row["iteration_seconds"], max(row[stage] for stage in STAGES) - 1e-12)
            self.assertEqual(row["bottleneck"] + "_seconds", max(STAGES, key=row.get))
            self.assertTrue(all(math.isfinite(row[stage]) and row[stage] >= 0 for stage in STAGES), row)
        best = max(plan["rows"], key=lambda row: row["steps_per_second"])
        self.assertGreaterEqual(plan["best"]["steps_per_second"], best["steps_per_second"])

    def test_alone(self):
        plan = self.plan("--ranks", "8")
        self.check_rows(plan)
        self.assertEqual([row["ranks"] for row in plan["rows"]], [1, 2, 3, 4, 8])
        self.assertEqual((plan["env"], plan["num_envs"], plan["costs"]["steps"]), ("CartPole-v1", 8, 256))
        self.assertFalse(plan["costs"]["node"]["measured"])
        self.assertEqual(plan["costs"]["optimizer_steps"], 20)
        # what a run of two ranks moves: observations, actions, log-probabilities, rewards, ends of episodes, lengths,
        # restarts
        self.assertEqual(plan["costs"]["rollout_bytes"], 8 * (33 * 16 + 32 * (4 + 4 + 4 + 1) + 4 + 4))
        self.assertEqual(plan["rows"][0]["exchange_seconds"], 0)
        self.assertTrue(all(row["exchange_seconds"] > 0 for row in plan["rows"][1:]))

    def test_measured_exchange(self):
        if os.cpu_count() < 2:
            self.skipTest("needs two cores")
        plan = self.plan("--ranks", "4", ranks=2)
        self.check_rows(plan)
        self.assertTrue(plan["costs"]["node"]["measured"])
        self.assertGreater(plan["costs"]["node"]["overhead"], 0)

    def test_every_kind(self):
        """Other algorithms, whole episodes, normalisation, several agents."""
        for config in [
            "env: {name: Pendulum-v1, num_envs: 4}\nalgorithm: {name: ppo, n_steps: 64}\nnormalize: {norm_obs: true}\n",
            "env: {name: CartPole-v1, num_envs: 8}\nalgorithm: {name: reinforce, n_steps: 200}\n",
            "env: {name: RockPaperScissors-v0, num_envs: 8}\nalgorithm: {name: a2c}\n",
        ]:
            with self.subTest(config=config):
                self.check_rows(self.plan("--ranks", "8", config=config))

    def test_layouts(self):
        """The rows have the layout of the config; an asynchronous algorithm has one learner."""
        rows = self.plan("--ranks", "4", "--set", "ranks.colocate=true")["rows"]
        self.assertEqual([(row["learners"], row["actors"]) for row in rows], [(1, 1), (2, 2), (3, 3), (4, 4)])
        rows = self.plan("--ranks", "4", "--set", "ranks.learners=2")["rows"]
        self.assertEqual([(row["learners"], row["actors"]) for row in rows], [(1, 1), (1, 1), (2, 1), (2, 2)])
        plan = self.plan("--ranks", "4", "--set", "algorithm.pipeline=1")
        self.check_rows(plan)
        self.assertEqual(plan["mode"], "pipelined")
        for name in ["impala", "a3c"]:
            config = f"env: {{name: CartPole-v1, num_envs: 8}}\nalgorithm: {{name: {name}}}\n"
            plan = self.plan("--ranks", "6", config=config)
            self.check_rows(plan)
            self.assertEqual((plan["mode"], plan["best"]["learners"]), ("asynchronous", 1))
            self.assertEqual(plan["costs"]["gradient_seconds"] > 0, name == "a3c")

    def test_chosen_layout(self):
        """`ranks: auto` says what it chose and why, and the answer does not change."""
        alone = self.train("alone", config=program.SHORT)
        config = program.SHORT + "ranks: auto\n"
        for ranks in [1, 2, 4]:
            path = self.write("auto.yaml", config)
            run = self.folder / f"auto-{ranks}"
            result = self.run_muster("train", path, "--run-dir", run, ranks=ranks)
            self.assertEqual(result.code, 0, result)
            self.assertEqual(result.out.startswith("layout  "), ranks > 1, result)
            self.assertEqual("measured: a rollout of all environments" in result.out, ranks > 1, result)
            self.assert_same_run(run, alone)
        resumed = self.run_muster("train", run / "config.yaml", "--run-dir", run, "--resume", ranks=3)
        self.assertEqual(resumed.code, 0, resumed)
        refused = self.run_muster("train", path, "--run-dir", run, "--set", "ranks=best", ranks=2)
        self.assert_refused(refused, 2, "ranks", "expects a section")

    def test_no_more_than_environments(self):
        plan = self.plan("--ranks", "10000")
        self.check_rows(plan)
        self.assertEqual([row["ranks"] for row in plan["rows"]], [1, 2, 3, 4, 8])
        self.assertLessEqual(plan["best"]["actors"], 8)

    def test_ten_thousand(self):
        plan = self.plan("--ranks", "10000", "--envs-per-actor", "4", "--cores-per-node", "64")
        self.check_rows(plan)
        last = plan["rows"][-1]
        self.assertEqual((last["ranks"], last["nodes"], last["num_envs"]), (10000, 157, 4 * 9999))

    def test_network(self):
        """A slower network makes the exchange between nodes slower."""
        many = ["--ranks", "64", "--envs-per-actor", "1", "--cores-per-node", "8"]
        slow = ["--latency", "1000", "--bandwidth", "0.1", "--overhead", "100"]
        quick, slow = self.plan(*many), self.plan(*many, *slow)
        self.assertEqual(slow["costs"]["network"]["latency"], 1e-3)
        self.assertGreater(slow["rows"][-1]["exchange_seconds"], quick["rows"][-1]["exchange_seconds"] + 1e-3)

    def test_table(self):
        result = self.run_muster("plan", "--quick", "--ranks", "4")
        self.assertEqual(result.code, 0, result)
        lines = result.out.splitlines()
        head = next(i for i, line in enumerate(lines) if line.split()[:2] == ["ranks", "nodes"])
        self.assertEqual([line.split()[0] for line in lines[head + 1 : head + 5]], ["1", "2", "3", "4"])
        self.assertIn("\nbest  ", result.out)

    def test_wrong_use(self):
        config = self.write("run.yaml", program.SHORT)
        for arguments, part in [
            ([], "--ranks"),
            (["--ranks", "0"], "--ranks"),
            (["--ranks", "10001"], "10000"),
            (["--ranks", "2", "--latency", "fast"], "--latency"),
            (["--ranks", "2", "--bandwidth", "0"], "--bandwidth"),
            (["--ranks", "2", "--cores-per-node", "0"], "--cores-per-node"),
            (["--ranks", "2", "more"], "more"),
            (["--ranks", "2", "--set", "seed=2"], "--config"),
            (["--ranks", "2", "--config", self.folder / "none.yaml"], "none.yaml"),
            (["--ranks", "2", "--config", config, "--set", "env.num_env=2"], "num_envs"),
        ]:
            with self.subTest(arguments=arguments):
                self.assert_refused(self.run_muster("plan", *arguments), 2, part)
        result = self.run_muster("plan", "--ranks", "2", "--config", config, ranks=os.cpu_count() + 1)
        self.assert_refused(result, 2, "one rank for each core")


if __name__ == "__main__":
    program.main()
