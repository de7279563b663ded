"""Actors that roll out while the learner learns (algorithm.pipeline: 1): their policy is one version old, and the
answer is the same with any layout, and however often a run is interrupted."""

import program
import test_algorithms
import test_kinds
import test_learners
import test_ranks

apart, together = test_learners.apart, test_learners.together


def pipelined(config):
    """A config whose actors do not wait for the learner."""
    assert config.count("\n  name: ppo\n") + config.count("algorithm: {name: ppo, ") + config.count("{name: grpo, ") == 1
    for before in ["\n  name: ppo", "algorithm: {name: ppo", "{name: grpo"]:
        after = "\n  pipeline: 1" if before.startswith("\n") else ", pipeline: 1"
        config = config.replace(before, before + after)
    return config


SHORT = pipelined(program.SHORT)
HALF = ["--set", "total_steps=3072"]
GRPO = pipelined(test_algorithms.ALGORITHMS["grpo_reference"])
NORMALISED = pipelined(test_kinds.KINDS["normalised"])

# numbers of ranks and who of them learns and acts; None is a process without mpirun
LAYOUTS = [(None, []), (1, []), (2, []), (3, []), (4, []), (2, together()), (3, together()), (3, apart(2))]
LAYOUTS += [(4, apart(2)), (4, together(2))]

# ranks on nodes (support/everywhere.h)
NODES = [("011", []), ("012", []), ("01022", []), ("0011", together()), ("0101", together()), ("00112", apart(2))]
NODES += [("0101", apart(2)), ("0011", together(2))]
CONFIGS = {"cartpole": SHORT, "truncating": pipelined(test_ranks.TRUNCATING)}


class Pipelined(program.Case):
    def test_layouts(self):
        alone = self.assert_same_layouts(CONFIGS, LAYOUTS[1:])["cartpole"]

        # the first update learns from a rollout of its own policy, every other from one of the policy before it
        mismatches = [int(row["train/first_ratio_mismatch"]) for row in program.metrics(alone)]
        self.assertEqual(mismatches[0], 0)
        self.assertGreater(min(mismatches[1:]), 0)
        self.assertNotEqual(program.learned(alone), program.learned(self.train("lockstep")))

    def test_nodes(self):
        self.assert_same_layouts(CONFIGS, NODES)

    def test_kinds(self):
        configs = {name: pipelined(config) for name, config in test_kinds.KINDS.items()}
        self.assert_same_layouts(configs, [(3, []), (2, together())])

    def test_whole_episodes(self):
        names = ["grpo", "grpo_reference", "grpo_agents"]
        configs = {name: pipelined(test_algorithms.ALGORITHMS[name]) for name in names}
        self.assert_same_layouts(configs, [(3, []), (2, together()), (3, apart(2))])

    def test_resumed(self):
        """The rollout that was under way at a checkpoint is made again, with the same policy."""
        whole = self.train("whole", config=SHORT)
        afterwards = [LAYOUTS[0], LAYOUTS[3], (2, together()), (3, apart(2))]
        self.assert_resumes_like(whole, SHORT, HALF[1], LAYOUTS[2:], afterwards)

    def test_resumed_kinds(self):
        for name, config, steps in [("normalised", NORMALISED, 900), ("grpo", GRPO, 700)]:
            with self.subTest(name=name):
                whole = self.train(f"{name}-whole", config=config)
                self.train(name, "--set", f"total_steps={steps}", config=config, ranks=3)
                self.train(name, *together(), "--set", f"total_steps={2 * steps}", "--resume", config=config, ranks=2)
                run = self.train(name, "--resume", config=config, ranks=4)
                self.assertEqual(test_kinds.learned(run), test_kinds.learned(whole))
                self.assertEqual(program.metrics(run), program.metrics(whole))

    def test_checkpoints_change_nothing(self):
        """Checkpoints after every update or only after the last: a run ends in the same way, also when it is resumed
        from any of them."""
        last = self.train("last", "--set", "checkpoint.interval=0", config=SHORT)
        each = ["--set", "checkpoint.every=1", "--set", "checkpoint.keep=0"]
        runs = [self.train(f"each-{n}", *each, *sets, config=SHORT, ranks=ranks) for n, (ranks, sets) in
                enumerate([(None, []), (3, []), (2, together())])]
        steps = program.listing(runs[0] / "checkpoints")
        for run in runs:
            self.assertEqual(test_kinds.learned(run), test_kinds.learned(last))
            self.assertEqual(program.metrics(run), program.metrics(last))
            self.assertEqual(len(program.listing(run / "checkpoints")), len(steps))
        self.assertGreaterEqual(len(steps), 24)
        for number in [256, 512, 3328, 5888]:
            with self.subTest(steps=number):
                run = self.folder / f"from-{number}"
                (run / "checkpoints").mkdir(parents=True)
                for name in ["config.yaml", "metrics.csv"]:
                    (run / name).write_bytes((runs[1] / name).read_bytes())
                name = f"step-{number:012}.h5"
                (run / "checkpoints" / name).write_bytes((runs[1] / "checkpoints" / name).read_bytes())
                self.train(run.name, "--resume", config=SHORT, ranks=2)
                self.assertEqual(test_kinds.learned(run), test_kinds.learned(last))
                self.assertEqual(program.metrics(run), program.metrics(last))

    def test_acting_policy(self):
        """A checkpoint has the policy with which the next rollout is made: the policy from before the last update."""
        runs = {ranks: self.train(f"run-{ranks}", "--set", "checkpoint.every=1", "--set", "checkpoint.keep=0",
                                  config=SHORT, ranks=ranks) for ranks in [None, 3]}
        for ranks, run in runs.items():
            checkpoints = [program.contents(path) for path in sorted((run / "checkpoints").glob("step-*.h5"))]
            for before, after in zip(checkpoints, checkpoints[1:]):
                tensors = [f"policy/{layer}/{part}" for layer in range(3) for part in ["weight", "bias"]]
                self.assertEqual(after["pipeline/policy"][2], b"".join(before[name][2] for name in tensors), ranks)
        result = self.run_muster("inspect", runs[3])
        self.assertEqual(result.code, 0, result)
        self.assertIn("pipeline/policy", result.out)
        self.assertNotIn("pipeline/policy", program.learned(self.train("lockstep")))

    def test_refused(self):
        for name in ["a2c", "reinforce", "actor_critic"]:
            path = self.write(f"{name}.yaml", test_algorithms.ALGORITHMS[name])
            result = self.run_muster("train", path, "--set", "algorithm.pipeline=1", "--run-dir", "never")
            parts = ["algorithm.pipeline", "lets actors use an older policy, which", "does not correct for", "ppo", "grpo"]
            self.assert_refused(result, 2, *parts)
        run = self.train("run", *HALF, config=SHORT)
        before = program.listing(run)
        path = self.write("lockstep.yaml", program.SHORT)
        result = self.run_muster("train", path, "--run-dir", run, "--resume")
        self.assert_refused(result, 2, "algorithm.pipeline was 1 and is now 0")
        self.assertEqual(program.listing(run), before)


if __name__ == "__main__":
    program.main()
