"""PPO on CartPole-v1 reaches the published return: over ten seeds, deterministic evaluation over 100 episodes gives 475 or
more for at least nine, and never less than 400."""

import json
import statistics

import program

SEEDS = range(1, 11)
CONFIGS = program.SOURCE / "configs" / "CartPole-v1"


class CartPole(program.Case):
    def learn(self, config):
        returns = []
        for seed in SEEDS:
            run = self.folder / f"seed-{seed}"
            trained = self.run_muster("train", config, "--set", f"seed={seed}", "--run-dir", run)
            self.assertEqual(trained.code, 0, trained)
            result = self.run_muster("eval", run, "--episodes", "100", "--json")
            self.assertEqual(result.code, 0, result)
            returns.append(json.loads(result.out)["mean_return"])
        print(f"{config.name}: median {statistics.median(returns):.1f}, worst {min(returns):.1f}, all {returns}")
        self.assertGreaterEqual(sum(value >= 475 for value in returns), 9, returns)
        self.assertGreaterEqual(min(returns), 400, returns)

    def test_setting_of_rl_zoo(self):
        self.learn(CONFIGS / "ppo-zoo.yaml")

    def test_shipped_config(self):
        self.learn(CONFIGS / "ppo.yaml")


if __name__ == "__main__":
    program.main()
