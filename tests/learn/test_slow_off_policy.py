"""The configs of DQN, DDPG, TD3 and SAC over the ten seeds that their headers and docs/results.md report."""

import program
import test_classic


class SlowOffPolicy(test_classic.Learn):
    SEEDS = range(1, 11)

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
        for algorithm in ["sac", "td3", "ddpg"]:
            with self.subTest(algorithm):
                self.learn("Pendulum-v1", self.SEEDS, algorithm, -155.0, worst=-180.0)

    def test_mountain_car_continuous(self):
        self.learn("MountainCarContinuous-v0", self.SEEDS, "sac", 93.0)


if __name__ == "__main__":
    program.main()
