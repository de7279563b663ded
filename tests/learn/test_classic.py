"""PPO with the shipped configs reaches the published returns of the classic environments: the median over seeds of a
deterministic evaluation. Here three seeds of the configs that take seconds; test_slow_classic.py has all, with ten."""

import statistics

import program

# environment -> (smallest median, largest number of steps that training may take; None: as many as the config says).
# For the environments that have tables, the median is 97 % of the optimum that value iteration finds
# (tests/unit/test_toy_text.c).
BARS = {
    "Acrobot-v1": (-78.0, 1000000),
    "MountainCar-v0": (-112.0, 1000000),
    "Pendulum-v1": (-180.0, 100000),
    "MountainCarContinuous-v0": (90.0, None),
    "FrozenLake-v1": (0.97 * 0.7441902878, None),
    "FrozenLake8x8-v1": (0.97 * 0.9132201502, None),
    "Taxi-v3": (0.97 * 7.93, None),
    "CliffWalking-v0": (-13.0 / 0.97, None),
}


class Learn(program.Case):
    def learn(self, env, seeds, algorithm="ppo", other_bar=None, worst=None):
        """`other_bar`: the smallest median, where it is not that of BARS; `worst`: the smallest return of any seed."""
        config = program.SOURCE / "configs" / env / f"{algorithm}.yaml"
        bar, most_steps = BARS[env] if other_bar is None else (other_bar, None)
        returns = []
        for seed in seeds:
            run = self.folder / f"{env}-{algorithm}-{seed}"
            trained = self.run_muster("train", config, "--set", f"seed={seed}", "--run-dir", run)
            self.assertEqual(trained.code, 0, trained)
            summary = program.summary(run)
            self.assertLessEqual(summary["total_steps"], most_steps or summary["total_steps"])
            self.assertGreaterEqual(summary["final_evaluation"]["episodes"], 100)
            returns.append(summary["final_evaluation"]["mean_return"])
        print(f"{env}, {algorithm}: median {statistics.median(returns):.4f}, worst {min(returns):.4f}, all {returns}")
        self.assertGreaterEqual(statistics.median(returns), bar, returns)
        if worst is not None:
            self.assertGreaterEqual(min(returns), worst, returns)


class Classic(Learn):
    SEEDS = range(1, 4)

    def test_acrobot(self):
        self.learn("Acrobot-v1", self.SEEDS)

    def test_pendulum(self):
        self.learn("Pendulum-v1", self.SEEDS)

    def test_frozen_lake(self):
        self.learn("FrozenLake-v1", self.SEEDS)

    def test_taxi(self):
        self.learn("Taxi-v3", self.SEEDS)

    def test_cliff_walking(self):
        self.learn("CliffWalking-v0", self.SEEDS)


if __name__ == "__main__":
    program.main()
