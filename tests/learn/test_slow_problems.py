"""PPO with the shipped configs on the problems that take minutes, over the seeds that the configs' headers report."""

import statistics

import program
import test_problems


class SlowProblems(test_problems.Problems):
    def shares(self, config, seeds, episodes, key):
        return [self.measure("successes", config, seed, episodes)[key] for seed in seeds]

    def test_reacher(self):
        """The fingertip comes within 5 cm of the target in 95 % of the episodes or more, by the median over seeds."""
        reached = self.shares("Reacher6-v0/ppo.yaml", range(1, 7), 1000, "reached")
        print(f"reached: median {statistics.median(reached):.4f}, worst {min(reached):.4f}")
        self.assertGreaterEqual(statistics.median(reached), 0.95)

    def test_token_reverse(self):
        """All tokens are right in 99 % of the episodes or more."""
        exact = self.shares("TokenReverse-v0/ppo.yaml", range(1, 5), 2000, "exact")
        print(f"exact: median {statistics.median(exact):.4f}, worst {min(exact):.4f}")
        self.assertGreaterEqual(min(exact), 0.99)

    def test_minesweeper_5x5(self):
        """More of 10,000 games are won than by the player that knows the rules of single tiles."""
        for seed in range(1, 4):
            measured = self.measure("successes", "Minesweeper-v0/ppo-5x5.yaml", seed, 10000)
            self.assertGreater(measured["won"], measured["won_by_rules"])


if __name__ == "__main__":
    program.main()
