"""The configs of DQN, DDPG, TD3 and SAC over the ten seeds that their headers and docs/results.md report."""

import statistics

import program
import test_classic
import test_problems


class SlowOffPolicy(test_classic.Learn, test_problems.ProblemsOfTenSeeds):
    def test_every_config(self):
        for env, algorithm, bar in [
            ("CartPole-v1", "dqn", 500.0),
            ("CartPole-v1", "qr-dqn", 475.0),
            ("MountainCar-v0", "dqn", -110.0),
            ("Acrobot-v1", "dqn", -80.0),
            ("FrozenLake-v1", "dqn", None),
            ("Taxi-v3", "dqn", None),
        ]:
            with self.subTest(f"{env}, {algorithm}"):
                self.learn(env, self.SEEDS, algorithm, bar)

    def test_pendulum(self):
        for algorithm in ["sac", "sac-crossq", "td3", "ddpg"]:
            with self.subTest(algorithm):
                self.learn("Pendulum-v1", self.SEEDS, algorithm, -155.0, worst=-180.0)

    def test_mountain_car_continuous(self):
        self.learn("MountainCarContinuous-v0", self.SEEDS, "sac", 93.0)

    def test_reacher(self):
        """The share of episodes in which the fingertip comes within 5 cm is that of PPO after 4.8 million steps."""
        self.assertGreaterEqual(statistics.median(self.shares("Reacher6-v0/sac.yaml", 1000, "reached")), 0.976)

    def test_minesweeper(self):
        self.check_minesweeper("Minesweeper-v0/dqn-5x5.yaml")


if __name__ == "__main__":
    program.main()
