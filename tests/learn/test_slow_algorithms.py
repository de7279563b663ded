"""Every shipped config of the policy gradients other than PPO, over the ten seeds that its header reports."""

import program
import test_algorithms

SEEDS = range(1, 11)


class SlowAlgorithms(test_algorithms.Learn):
    def test_every_config(self):
        for config in test_algorithms.BARS:
            with self.subTest(config):
                self.learn(config, SEEDS)

    def test_sparse_reward_is_not_learned_by_reinforce(self):
        """Episodes that never meet the flag of MountainCar-v0 all return -200: REINFORCE has nothing to learn from."""
        evaluated, trained = self.returns("MountainCar-v0/reinforce.yaml", SEEDS, 1010000)
        self.assertEqual(set(evaluated), {-200.0})
        self.assertEqual(set(trained), {-200.0})


if __name__ == "__main__":
    program.main()
