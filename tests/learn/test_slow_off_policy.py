"""The configs of DQN over the ten seeds that their headers and docs/results.md report."""

import program
import test_classic

SEEDS = range(1, 11)


class SlowOffPolicy(test_classic.Learn):
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
                self.learn(env, SEEDS, algorithm, bar)


if __name__ == "__main__":
    program.main()
