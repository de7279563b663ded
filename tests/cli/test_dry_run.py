"""muster train --dry-run shows what would be done, trains nothing and leaves nothing behind. A real run shows the same
map."""

import os

import program


class DryRun(program.Case):
    def dry_run(self, *arguments, config=program.SHORT, ranks=None):
        return self.run_muster("train", self.write("run.yaml", config), "--dry-run", *arguments, ranks=ranks)

    def succeed(self, *arguments, **options):
        """Returns the lines of the map without its head, and the facts below the map."""
        before = {path.name for path in self.folder.iterdir()} | {"run.yaml"}
        result = self.dry_run(*arguments, **options)
        self.assertEqual(result.code, 0, result)
        self.assertEqual({path.name for path in self.folder.iterdir()}, before)
        table, facts, end = result.out.split("\n\n")
        self.assertIn("nothing was trained", end)
        self.assertEqual(table.splitlines()[0].split(), ["host", "role", "ranks", "which", "cores", "environments"])
        facts = dict(line.split(maxsplit=1) for line in facts.replace("run folder", "folder").splitlines())
        return table.splitlines()[1:], facts, result

    def test_alone(self):
        lines, facts, result = self.succeed()
        self.assertEqual(len(lines), 1)
        self.assertRegex(lines[0], rf"^{program.HOST} +learner and actor +1 +0 .* 0-7$")
        self.assertEqual(result.err, "")
        self.assertEqual(facts["algorithm"], "ppo")
        self.assertIn("CartPole-v1: 8 environments, 32 steps each", facts["environment"])
        self.assertIn("6.14k in iterations of 256", facts["steps"])
        self.assertIn("9155", facts["parameters"])
        self.assertIn("runs/CartPole-v1/ppo-001", facts["folder"])
        self.assertRegex(facts["memory"], r"^learner \d+\.\d MB")

    def test_ranks(self):
        lines, facts, _ = self.succeed(ranks=4)
        self.assertEqual(len(lines), 2)
        self.assertRegex(lines[0], rf"^{program.HOST} +learner +1 +0 .* -$")
        self.assertRegex(lines[1], rf"^{program.HOST} +actor +3 +1-3 .* 0-7 \(3 or 2 each\)$")
        self.assertIn("each actor", facts["memory"])

    def test_memory(self):
        """It says at least the memory of a rollout of 4096 environments: an observation of four floats, action,
        probability, reward, end."""
        sets = ["--set", "env.num_envs=4096", "--set", "algorithm.batch_size=8192"]
        rollout = 1e-6 * 4096 * 32 * (4 * 4 + 4 + 4 + 4 + 1)
        words = self.succeed(*sets, ranks=3)[1]["memory"].split()
        learner, actor, host = float(words[1]), float(words[5]), float(words[10])
        self.assertGreater(learner, rollout)
        self.assertGreater(actor, rollout / 2)
        self.assertAlmostEqual(host, learner + 2 * actor, delta=0.2)

    def test_replay(self):
        """A slot of CartPole-v1 keeps four floats, action, reward and end; each environment has one more than steps."""
        config = "algorithm: {name: dqn, replay: {capacity: 100000}}\n"
        facts = self.succeed(config=config)[1]
        bytes_of_replay = 8 * ((12500 + 1) * (4 * 4 + 4 + 4 + 1) + 20 + 16)
        self.assertEqual(facts["replay"], f"100k steps, {1e-6 * bytes_of_replay:.1f} MB in the learner")
        self.assertGreater(float(facts["memory"].split()[1]), 1e-6 * bytes_of_replay)

    def test_warnings(self):
        cores = os.cpu_count()
        result = self.succeed("--set", "env.num_envs=64", ranks=cores + 1)[2]
        self.assertIn(f"warning: more ranks than cores on 1 of 1 hosts ({program.HOST}: {cores + 1} on {cores} ", result.err)
        sets = ["--set", "ranks.kernels=blas", "--set", f"ranks.blas_threads={cores + 1}"]
        self.assertIn("warning: more threads of BLAS than cores", self.succeed(*sets)[2].err)

    def test_run_folder(self):
        run = self.train("run")
        before = program.listing(run)
        self.assert_refused(self.dry_run("--run-dir", run), 2, run, "not empty")
        self.assertIn("would go on", self.succeed("--run-dir", run, "--resume")[1]["folder"])
        self.assertIn("would be made", self.succeed("--run-dir", self.folder / "new")[1]["folder"])
        self.assertEqual(program.listing(run), before)
        self.assert_refused(self.dry_run("--resume"), 2, "--run-dir")

    def test_numbered_folder(self):
        """It names the folder that the real run would make."""
        for number in ["001", "002"]:
            self.assertIn(f"ppo-{number},", self.succeed()[1]["folder"])
            result = self.run_muster("train", self.write("run.yaml", program.SHORT))
            self.assertEqual(result.code, 0, result)
            self.assertTrue((self.folder / "runs" / "CartPole-v1" / f"ppo-{number}").is_dir())

    def test_refusals(self):
        """A dry run refuses what a run would refuse, and leaves nothing behind."""
        choice = ["--set", "ranks.learner_host=nowhere"]
        self.assert_refused(self.dry_run(*choice), 2, "ranks.learner_host: nowhere", "expects one of", program.HOST)
        self.assert_refused(self.dry_run(*choice, ranks=3), 2, "ranks.learner_host: nowhere", program.HOST)
        self.assert_refused(self.dry_run("--set", "ranks.placement=loose"), 2, "packed", "spread")
        self.assert_refused(self.dry_run("--set", "env.num_envs=2", "--set", "algorithm.batch_size=64", ranks=4), 2, "env.num_envs")
        self.assertEqual([path.name for path in self.folder.iterdir()], ["run.yaml"])

    def test_this_host_learns(self):
        lines = self.succeed("--set", f"ranks.learner_host={program.HOST}", ranks=2)[0]
        self.assertRegex(lines[0], r"learner +1 +0 ")

    def test_map_of_a_run(self):
        """A run begins with the map that the dry run shows."""
        lines = self.succeed(ranks=3)[0]
        result = self.run_muster("train", self.write("run.yaml", program.SHORT), ranks=3)
        self.assertEqual(result.code, 0, result)
        self.assertEqual(result.out.split("\n\n")[0].splitlines()[1:], lines)
        self.assertEqual(result.out.count("environments\n"), 1)


if __name__ == "__main__":
    program.main()
