"""Every algorithm that learns from rollouts, other than PPO, learns CartPole-v1 with its shipped config: the median over seeds of a
deterministic evaluation. Here three seeds; test_slow_algorithms.py has ten, and the other environments."""

import statistics

import program

# config -> (smallest median, largest number of steps that training may take)
BARS = {
    "CartPole-v1/reinforce.yaml": (400.0, 520000),
    "CartPole-v1/reinforce-baseline.yaml": (475.0, 520000),
    "CartPole-v1/actor-critic.yaml": (450.0, 500000),
    "CartPole-v1/actor-critic-q.yaml": (475.0, 501000),
    "CartPole-v1/a2c.yaml": (500.0, 500000),
    "CartPole-v1/grpo.yaml": (450.0, 520000),
    "Acrobot-v1/a2c.yaml": (-85.0, 500000),
    "MountainCar-v0/a2c.yaml": (-115.0, 1000000),
    "Pendulum-v1/a2c.yaml": (-180.0, 1000000),
    "CartPole-v1/pqn.yaml": (500.0, 302000),
    "CartPole-v1/a3c.yaml": (475.0, 500000),
    "CartPole-v1/impala.yaml": (475.0, 500000),
    "CartPole-v1/appo.yaml": (475.0, 201000),
    "Pendulum-v1/appo.yaml": (-200.0, 201000),
}


class Learn(program.Case):
    def returns(self, config, seeds, most_steps):
        """The mean return of the final evaluation for each seed, and of the last training episodes."""
        evaluated, trained = [], []
        for seed in seeds:
            run = self.folder / config / f"seed-{seed}"
            result = self.run_muster(
                "train", program.SOURCE / "configs" / config, "--set", f"seed={seed}", "--run-dir", run
            )
            self.assertEqual(result.code, 0, result)
            summary = program.summary(run)
            self.assertLessEqual(summary["total_steps"], most_steps)
            self.assertEqual(summary["final_evaluation"]["episodes"], 100)
            evaluated.append(summary["final_evaluation"]["mean_return"])
            trained.append(summary["mean_return"])
        print(f"{config}: median {statistics.median(evaluated):.2f}, worst {min(evaluated):.2f}, all {evaluated}")
        return evaluated, trained

    def learn(self, config, seeds):
        bar, most_steps = BARS[config]
        evaluated, _ = self.returns(config, seeds, most_steps)
        self.assertGreaterEqual(statistics.median(evaluated), bar, evaluated)


class Algorithms(Learn):
    SEEDS = range(1, 4)

    def test_reinforce(self):
        self.learn("CartPole-v1/reinforce.yaml", self.SEEDS)

    def test_reinforce_baseline(self):
        self.learn("CartPole-v1/reinforce-baseline.yaml", self.SEEDS)

    def test_actor_critic(self):
        for config in ["CartPole-v1/actor-critic.yaml", "CartPole-v1/actor-critic-q.yaml"]:
            with self.subTest(config):
                self.learn(config, self.SEEDS)

    def test_a2c(self):
        self.learn("CartPole-v1/a2c.yaml", self.SEEDS)

    def test_grpo(self):
        self.learn("CartPole-v1/grpo.yaml", self.SEEDS)

    def test_pqn(self):
        self.learn("CartPole-v1/pqn.yaml", [1])

    def test_a3c(self):
        self.learn("CartPole-v1/a3c.yaml", self.SEEDS)

    def test_impala(self):
        self.learn("CartPole-v1/impala.yaml", self.SEEDS)

    def test_appo(self):
        for config in ["CartPole-v1/appo.yaml", "Pendulum-v1/appo.yaml"]:
            with self.subTest(config):
                self.learn(config, self.SEEDS)


if __name__ == "__main__":
    program.main()
