"""The configs of tables over the ten seeds that their headers and docs/results.md report."""

import program
import test_classic

SEEDS = range(1, 11)


class SlowTables(test_classic.Learn):
    def test_every_config(self):
        for env in ["FrozenLake-v1", "Taxi-v3", "CliffWalking-v0"]:
            with self.subTest(env):
                self.learn(env, SEEDS, "q-learning")


if __name__ == "__main__":
    program.main()
