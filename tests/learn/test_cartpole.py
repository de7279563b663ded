"""PPO on CartPole-v1 reaches the published return: deterministic evaluation over 100 episodes gives 475 or more for at
least nine of ten seeds. With the shipped config no seed is below 400; with rl-zoo's setting one of a hundred is, in
whichever order gradients are summed (the config has the figures), so that it is judged over thirty seeds."""

import json
import statistics

import program

CONFIGS = program.SOURCE / "configs" / "CartPole-v1"


class CartPole(program.Case):
    def learn(self, config, seeds, below_400):
        returns = []
        for seed in range(1, seeds + 1):
            run = self.folder / f"seed-{seed}"
            trained = self.run_muster("train", config, "--set", f"seed={seed}", "--run-dir", run)
            self.assertEqual(trained.code, 0, trained)
            result = self.run_muster("eval", run, "--episodes", "100", "--json")
            self.assertEqual(result.code, 0, result)
            returns.append(json.loads(result.out)["mean_return"])
        print(f"{config.name}: median {statistics.median(returns):.1f}, worst {min(returns):.1f}, all {returns}")
        self.assertGreaterEqual(sum(value >= 475 for value in returns), 0.9 * seeds, returns)
        self.assertLessEqual(sum(value < 400 for value in returns), below_400, returns)
        self.assertEqual(statistics.median(returns), 500)

    def test_setting_of_rl_zoo(self):
        self.learn(CONFIGS / "ppo-zoo.yaml", seeds=30, below_400=1)

    def test_shipped_config(self):
        self.learn(CONFIGS / "ppo.yaml", seeds=10, below_400=0)


if __name__ == "__main__":
    program.main()
