"""Runs that go on with changed options (--allow-change): what was changed is noted, is the same at any number of ranks,
and survives a kill right after the change."""

import re
import shutil

import program

CONFIG = """\
seed: 3
total_steps: 1600
env: {name: Minesweeper-v0, num_envs: 8, options: {mines: 3}}
policy: {hidden_sizes: [16]}
algorithm: {name: ppo, n_steps: 25, batch_size: 100, n_epochs: 2, learning_rate: 0.003}
evaluation: {episodes: 2}
checkpoint: {every: 400, interval: null, keep: 0}
"""
KEPT = "step-000000000800.h5"


class Changes(program.Case):
    def setUp(self):
        super().setUp()
        self.whole = self.train("whole", config=CONFIG)

    def killed(self, name):
        """A copy of the run as it was when it had written KEPT."""
        run = self.folder / name
        shutil.copytree(self.whole, run, symlinks=True)
        for path in [*run.glob("checkpoints/*.h5"), run / "checkpoints" / "latest", run / "summary.json"]:
            if path.name != KEPT:
                path.unlink()
        return run

    def go_on(self, run, *arguments, config=CONFIG, ranks=None):
        return self.train(run.name, "--resume", *arguments, config=config, ranks=ranks)

    def noted(self, run):
        return re.search(r"\n  changes: (.*)", (run / "config.yaml").read_text(encoding="utf-8")).group(1)

    def refuse(self, run, code, *parts, arguments=(), config=CONFIG, ranks=None):
        path = self.write("wrong.yaml", config)
        before = (run / "config.yaml").read_text(encoding="utf-8")
        result = self.run_muster("train", path, "--run-dir", run, "--resume", *arguments, ranks=ranks)
        self.assert_refused(result, code, *parts)
        self.assertEqual((run / "config.yaml").read_text(encoding="utf-8"), before)

    def test_nothing_changed(self):
        """The flag alone changes nothing."""
        run = self.go_on(self.killed("same"), "--allow-change", "algorithm.gamma,algorithm.learning_rate")
        self.assert_same_run(run, self.whole)
        self.assertEqual(self.noted(run), "{}")

    def test_changed(self):
        """The change is noted with its step and the value before, and makes another run of it: the same on any ranks,
        and also where it was killed before it wrote a checkpoint with the change, and goes on as its own config says."""
        changed = CONFIG.replace("0.003", "0.01")
        flag = ["--allow-change", "algorithm.gamma,algorithm.learning_rate"]
        run = self.go_on(self.killed("one"), *flag, config=changed)
        self.assertEqual(self.noted(run), "{algorithm.learning_rate@800: 0.003}")
        self.assertEqual(program.summary(run)["changes"],
                         [{"steps": 800, "key": "algorithm.learning_rate", "before": "0.003"}])
        self.assertNotEqual(program.learned(run), program.learned(self.whole))
        self.assertIn("algorithm.learning_rate@800", self.run_muster("inspect", run).out)
        other = self.go_on(self.killed("three"), *flag, config=changed, ranks=3)
        self.assert_same_run(other, run)
        # the config of the run alone, with no checkpoint behind the change, and with one
        for kept in [KEPT, "step-000000001200.h5"]:
            again = self.folder / f"again-{kept[11:15]}"
            shutil.copytree(run, again, symlinks=True)
            for path in [*again.glob("checkpoints/*.h5"), again / "checkpoints" / "latest"]:
                if path.name > kept or path.name == "latest":
                    path.unlink()
            config = (again / "config.yaml").read_text(encoding="utf-8")
            self.assert_same_run(self.go_on(again, config=config, ranks=2), run)
            self.assertEqual(self.noted(again), "{algorithm.learning_rate@800: 0.003}")
        # as it was before is a change now
        self.refuse(run, 2, "algorithm.learning_rate was 0.01 and is now 0.003", "--allow-change algorithm.learning_rate")

    def test_environment(self):
        """Environments with other options start fresh episodes."""
        changed = CONFIG.replace("mines: 3", "mines: 5")
        run = self.go_on(self.killed("one"), "--allow-change", "env.options", config=changed)
        self.assertEqual(self.noted(run), '{env.options@800: "{mines: 3}"}')
        other = self.go_on(self.killed("two"), "--allow-change", "env.options", config=changed, ranks=3)
        self.assert_same_run(other, run)
        shorter = CONFIG.replace("num_envs: 8", "num_envs: 8, max_steps: 4")
        self.go_on(self.killed("shorter"), "--allow-change", "env.max_steps", config=shorter)

    def test_refused(self):
        run = self.killed("run")
        self.refuse(run, 2, "cannot resume", "algorithm.learning_rate was 0.003 and is now 0.01",
                    "unless --allow-change algorithm.learning_rate says otherwise", "or train anew",
                    config=CONFIG.replace("0.003", "0.01"), ranks=2)
        self.refuse(run, 2, "algorithm.gamma was 0.99 and is now 0.9",
                    arguments=["--set", "algorithm.gamma=0.9", "--allow-change", "algorithm.learning_rate"])
        for key, value, reason in [("seed", "4", "every random number"), ("policy.hidden_sizes", "[8]", "networks"),
                                   ("env.num_envs", "4", "so many environments"),
                                   ("algorithm.n_steps", "50", "rollouts")]:
            with self.subTest(key=key):
                self.refuse(run, 2, f"{key} was", "can never change in a run, since", reason,
                            arguments=["--set", f"{key}={value}"])
                self.refuse(run, 2, f"--allow-change {key}: it can never change", reason,
                            arguments=["--allow-change", f"algorithm.gamma,{key}"])
        self.refuse(run, 2, "--allow-change algorithm.learning_rat: unknown option", "'algorithm.learning_rate'",
                    arguments=["--allow-change", "algorithm.learning_rat"])
        # another size of the field does not fit into the checkpoint
        self.refuse(run, 2, "env.options, which was {mines: 3}, cannot change in this run", "'policy/0/weight'",
                    arguments=["--set", "env.options.rows=6",
                               "--allow-change", "env.options"])
        result = self.run_muster("train", self.write("wrong.yaml", CONFIG), "--run-dir", self.folder / "new",
                                 "--allow-change", "algorithm.gamma")
        self.assert_refused(result, 2, "--allow-change is for a run that goes on", "--resume")


if __name__ == "__main__":
    program.main()
