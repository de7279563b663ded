"""impala, appo and a3c learn with their shipped configs where actors wait for nobody: one rank learns, others act.
Every seed reaches the bar, in a deterministic evaluation over 100 episodes; the result of a seed differs from run to
run, since messages do not arrive in the same order. Here 2 actors and two seeds; test_slow_asynchronous.py has 2 and 4
actors, and more seeds."""

import statistics

import program
from test_algorithms import BARS

CONFIGS = ["CartPole-v1/impala.yaml", "CartPole-v1/appo.yaml", "CartPole-v1/a3c.yaml", "Pendulum-v1/appo.yaml"]


class Learn(program.Case):
    def learn(self, config, actors, seeds):
        """Trains a config on one learner and so many actors: each seed reaches the bar, in the steps of the config."""
        returns, lags, seconds = [], [], []
        bar, _ = BARS[config]
        for seed in seeds:
            run = self.folder / f"{config.replace('/', '-')}-{actors}-{seed}"
            trained = self.run_muster(
                "train", program.SOURCE / "configs" / config, "--set", f"seed={seed}", "--run-dir", run, ranks=actors + 1
            )
            self.assertEqual(trained.code, 0, trained)
            summary = program.summary(run)
            self.assertEqual(summary["ranks"], actors + 1)
            self.assertEqual(summary["final_evaluation"]["episodes"], 100)
            returns.append(summary["final_evaluation"]["mean_return"])
            seconds.append(summary["wall_seconds"])
            lags.append(float(program.rows(run)[-1]["train/policy_lag_mean"]))
        print(
            f"{config}, {actors} actors: median {statistics.median(returns):.2f}, worst {min(returns):.2f}, "
            f"all {returns}; {statistics.median(seconds):.2f} s; lag {statistics.median(lags):.1f}",
            flush=True,
        )
        self.assertGreaterEqual(min(returns), bar, returns)


class Asynchronous(Learn):
    SEEDS = range(1, 3)

    def test_every_config(self):
        for config in CONFIGS:
            with self.subTest(config):
                self.learn(config, 2, self.SEEDS)


if __name__ == "__main__":
    program.main()
