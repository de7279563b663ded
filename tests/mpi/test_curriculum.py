"""Options of environments that change over a run (env.schedules): the values are those of the schedule, the same at any
number of ranks, in processes of their own and after a kill; what cannot work is refused at the start."""

import json
import shutil

import program

CONFIG = """\
seed: 3
total_steps: 1600
env: {name: Minesweeper-v0, num_envs: 8}
policy: {hidden_sizes: [16]}
algorithm: {name: ppo, n_steps: 25, batch_size: 100, n_epochs: 2, learning_rate: 0.003}
evaluation: {episodes: 2}
checkpoint: {every: 400, interval: null, keep: 0}
"""
IMPALA = """\
total_steps: 1600
env: {name: Minesweeper-v0, num_envs: 8, schedules: {mines: lin_1_6}}
algorithm: {name: impala}
"""
LAYOUTS = [(2, []), (3, ["--set", "ranks.colocate=true"]), (4, ["--set", "env.isolation=process"])]


def scheduled(schedule, config=CONFIG):
    return config.replace("num_envs: 8", f"num_envs: 8, schedules: {{{schedule}}}")


def fixed(mines):
    return CONFIG.replace("num_envs: 8", f"num_envs: 8, options: {{mines: {mines}}}")


class Curriculum(program.Case):
    def learned_at(self, run, steps):
        return self.run_muster("inspect", "--digest", run / "checkpoints" / f"step-{steps:012}.h5").out

    def test_values(self):
        """A constant schedule is the option itself; a schedule that jumps is so until it jumps."""
        one, six = self.train("one", config=fixed(1)), self.train("six", config=fixed(6))
        self.assertNotEqual(program.learned(one), program.learned(six))
        self.assert_same_run(self.train("constant", config=scheduled("mines: 6")), six)
        jumps = self.train("jumps", config=scheduled("mines: [[0, 1], [0.5, 1], [0.5, 6]]"))
        self.assertEqual(self.learned_at(jumps, 800), self.learned_at(one, 800))
        self.assertNotEqual(self.learned_at(jumps, 1200), self.learned_at(one, 1200))

    def test_layouts(self):
        configs = {"in-step": scheduled("mines: lin_1_6"),
                   "pipelined": scheduled("mines: lin_1_6").replace("name: ppo", "name: ppo, pipeline: 1")}
        self.assert_same_layouts(configs, LAYOUTS)

    def test_resumed(self):
        """Also with a pipeline; other total_steps have other values, which is told."""
        for name, more in [("in-step", "name: ppo"), ("pipelined", "name: ppo, pipeline: 1")]:
            config = scheduled("mines: lin_1_6").replace("name: ppo", more)
            whole, killed = self.train(name, config=config), self.folder / f"{name}-killed"
            shutil.copytree(whole, killed, symlinks=True)
            for path in [*killed.glob("checkpoints/*.h5"), killed / "checkpoints" / "latest", killed / "summary.json"]:
                if path.name != "step-000000000800.h5":
                    path.unlink()
            self.assert_same_run(self.train(killed.name, "--resume", config=config, ranks=2), whole)
        longer = self.run_muster("train", self.write("longer.yaml", config), "--run-dir", killed, "--resume",
                                 "--set", "total_steps=3200")
        self.assertIn("env.schedules.mines changes over total_steps, which was 1600 and is now 3200", longer.err)

    def evaluated(self, run, *arguments):
        result = self.run_muster("eval", run, "--episodes", "20", "--stochastic", "--json", *arguments)
        self.assertEqual(result.code, 0, result)
        return json.loads(result.out)["mean_return"]

    def test_evaluations(self):
        """They have the values of the end, unless an option is given for them."""
        config = scheduled("mines: lin_1_20")
        run = self.train("run", config=config)
        at_end = self.evaluated(run, "--set", "env.options.mines=20")
        self.assertEqual(self.evaluated(run), at_end)
        easier = self.train("easier", config=config + "evaluation.env.options.mines: 1\n")
        self.assertEqual(program.learned(easier), program.learned(run))
        self.assertGreater(self.evaluated(easier), at_end)
        self.assertEqual(self.evaluated(easier), self.evaluated(run, "--set", "env.options.mines=1"))
        ends = [program.summary(one)["final_evaluation"]["mean_return"] for one in [run, easier]]
        self.assertLess(*ends)

    def refuse(self, config, *parts, arguments=(), ranks=None):
        result = self.run_muster("train", self.write("wrong.yaml", config), "--run-dir", self.folder / "wrong",
                                 *arguments, ranks=ranks)
        self.assert_refused(result, 2, *parts)
        self.assertFalse((self.folder / "wrong").exists())

    def test_refused(self):
        process = ["--set", "env.isolation=process"]
        for arguments, ranks in [([], None), (process, None), (process, 3)]:
            self.refuse(scheduled("mines: [[0, 2], [0.9, 25], [0.9, 2]]"), "env.schedules.mines",
                        "the environment Minesweeper-v0 refuses the value 2", "option mines: expects 1 to 24", arguments=arguments, ranks=ranks)
        self.refuse(scheduled("minez: 3"), "wrong.yaml:3: env.schedules.minez: 3: unknown option", "'mines'")
        self.refuse(scheduled("rows: 5"), "env.schedules.rows: 5: ", "option rows cannot change: only mines can")
        self.refuse(scheduled("mines: few"), "wrong.yaml:3: env.schedules.mines: few: expects a number or a schedule")
        self.refuse(scheduled("gravity: 3").replace("Minesweeper-v0", "CartPole-v1"),
                    "env.schedules.gravity: 3: the environment CartPole-v1 has no function set_option()")
        self.refuse(IMPALA, "env.schedules.mines: lin_1_6: ", "the actors of impala, which do not wait")


if __name__ == "__main__":
    program.main()
