"""Runs that learn from a replay, as a user of the program sees them: what they write and how often, and what the other
commands tell of them."""

import json
import math

import events
import program

DQN = """\
seed: 1
total_steps: 6000
env: {num_envs: 2}
policy: {hidden_sizes: [16]}
algorithm: {name: dqn, learning_starts: 1500, buffer_size: 4000, train_freq: 1, exploration_fraction: 0.5}
evaluation: {every: 1000, episodes: 2}
"""

# the tags that Stable-Baselines3's DQN logs with an EvalCallback
SB3_TAGS = {
    "eval/mean_ep_length",
    "eval/mean_reward",
    "rollout/ep_len_mean",
    "rollout/ep_rew_mean",
    "rollout/exploration_rate",
    "time/fps",
    "time/total_timesteps",
    "train/learning_rate",
    "train/loss",
    "train/n_updates",
}


class OffPolicy(program.Case):
    def test_rows(self):
        """A run has a thousand rows, and further ones for evaluations."""
        run = self.train("run", config=DQN)
        rows = program.metrics(run)
        evaluated = list(range(1000, 6001, 1000))
        expected = sorted({*range(6, 6001, 6), *evaluated})
        self.assertEqual([int(row["time/total_timesteps"]) for row in rows], expected)
        self.assertEqual([int(row["time/total_timesteps"]) for row in rows if row["eval/mean_reward"]], evaluated)

    def test_rows_of_an_asynchronous_run(self):
        """They have what those in step have: how many updates there were, what the replay holds, and epsilon."""
        config = DQN.replace("train_freq: 1,", "train_freq: 1, asynchronous: true,")
        for ranks in [None, 2]:
            rows = program.metrics(self.train(f"run-{ranks}", config=config, ranks=ranks))
            for row in rows:
                steps = int(row["time/total_timesteps"])
                self.assertEqual(int(row["replay/size"]), min(steps, 4000))
                self.assertLessEqual(0.05, float(row["rollout/exploration_rate"]))
            updates = [int(row["train/n_updates"]) for row in rows]
            self.assertEqual([updates, updates[0]], [sorted(updates), 0])
            self.assertGreater(updates[-1], 2000)
            self.assertEqual(float(rows[-1]["rollout/exploration_rate"]), 0.05)

    def test_rows_of_a_long_interval(self):
        run = self.train("run", "--set", "run.log_interval=1000", config=DQN)
        rows = program.metrics(run)
        steps = [int(row["time/total_timesteps"]) for row in rows]
        self.assertEqual(steps, [1000, 2000, 3000, 4000, 5000, 6000])
        self.assertIn("log_interval: 1000", (run / "config.yaml").read_text())
        first, last = rows[0], rows[-1]
        self.assertEqual([first["train/loss"], first["train/n_updates"], first["replay/size"]], ["", "0", "1000"])
        # epsilon falls by 0.95 within 3000 steps
        self.assertTrue(math.isclose(float(first["rollout/exploration_rate"]), 1 - 0.95 * 1000 / 3000))
        self.assertEqual([last["train/n_updates"], last["replay/size"]], ["2250", "4000"])
        self.assertEqual(float(last["rollout/exploration_rate"]), 0.05)
        self.assertGreater(float(last["train/loss"]), 0)
        tags = {tag for _, scalars in events.rows(run) for tag in scalars}
        self.assertLessEqual(SB3_TAGS, tags)

    def test_rows_of_an_asynchronous_run(self):
        """Every row has the counters, and the losses once there are updates."""
        run = self.train("run", "--set", "algorithm.asynchronous=true", config=DQN, ranks=2)
        rows = program.metrics(run)
        for name in ["train/n_updates", "replay/size", "rollout/exploration_rate"]:
            self.assertNotIn("", [row[name] for row in rows], name)
        self.assertGreater(float(rows[-1]["train/loss"]), 0)

    def test_loss_of_the_policy(self):
        """Where the policy moves less often than there are rows, its last loss stays."""
        td3 = DQN.replace("exploration_fraction: 0.5", "policy_delay: 3, batch_size: 16").replace("name: dqn", "name: td3")
        td3 = td3.replace("num_envs: 2", "name: Pendulum-v1, num_envs: 2").replace("total_steps: 6000", "total_steps: 1600")
        run = self.train("run", "--set", "run.log_interval=1", config=td3)
        losses = [row["train/actor_loss"] for row in program.metrics(run) if int(row["train/n_updates"]) > 3]
        self.assertGreater(len(losses), 20)
        changes = [before != after for before, after in zip(losses, losses[1:])]
        self.assertEqual(sum(changes[:18]), 6)

    def test_commands(self):
        result = self.run_muster("train", self.write("run.yaml", DQN), "--run-dir", "run")
        self.assertEqual(result.code, 0, result)
        self.assertIn(" | epsilon 0.05 |", result.out)
        text = self.run_muster("inspect", "run").out
        self.assertRegex(text, r"\nupdates +2250\nreplay +4000 of 4000 steps\n")
        facts = json.loads(self.run_muster("inspect", "--json", "run").out)
        self.assertEqual([facts["updates"], facts["replay_steps"], facts["replay_capacity"]], [2250, 4000, 4000])
        for command, part in [
            (["eval", "run", "--episodes", "2"], "return"),
            (["report", "run", "-o", "report.html"], "report.html"),
            (["summary", "run"], "dqn"),
        ]:
            result = self.run_muster(*command)
            self.assertEqual(result.code, 0, result)
            self.assertIn(part, result.out)
        self.assertIn("rollout/exploration_rate", (self.folder / "report.html").read_text(encoding="utf-8"))

    def test_plan(self):
        """The plan is for a run that learns, not for its warm-up: 1 update for each iteration."""
        result = self.run_muster("plan", "--ranks", "2", "--config", self.write("run.yaml", DQN))
        self.assertEqual(result.code, 0, result)
        self.assertIn(" 1 step of the optimizer", result.out)


if __name__ == "__main__":
    program.main()
