"""DQN, DDPG, TD3 and SAC with the shipped configs. Here some seeds; test_slow_off_policy.py has ten of every config."""

import program
import test_classic


class OffPolicy(test_classic.Learn):
    SEEDS = range(1, 4)

    def test_cartpole(self):
        self.learn("CartPole-v1", self.SEEDS, "dqn", 475.0)

    def test_frozen_lake(self):
        self.learn("FrozenLake-v1", self.SEEDS, "dqn")

    def test_taxi(self):
        self.learn("Taxi-v3", self.SEEDS, "dqn")

    def test_pendulum(self):
        for algorithm in ["sac", "sac-crossq", "td3", "ddpg"]:
            with self.subTest(algorithm):
                self.learn("Pendulum-v1", self.SEEDS[:1], algorithm, -180.0)


if __name__ == "__main__":
    program.main()
