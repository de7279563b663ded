"""PPO with the shipped configs on the problems that take minutes, over the seeds that the configs' headers report."""

import statistics

import program
import test_problems

SEEDS = range(1, 11)


class SlowProblems(test_problems.Problems):
    def shares(self, config, episodes, key):
        return [self.measure("successes", config, seed, episodes)[key] for seed in SEEDS]

    def test_reacher(self):
        """The fingertip comes within 5 cm of the target in 95 % of the episodes or more."""
        reached = self.shares("Reacher6-v0/ppo.yaml", 1000, "reached")
        print(f"reached: median {statistics.median(reached):.4f}, worst {min(reached):.4f}")
        self.assertGreaterEqual(min(reached), 0.95)

    def test_token_reverse(self):
        """All tokens are right in 99 % of the episodes or more."""
        exact = self.shares("TokenReverse-v0/ppo.yaml", 2000, "exact")
        print(f"exact: median {statistics.median(exact):.4f}, worst {min(exact):.4f}")
        self.assertGreaterEqual(min(exact), 0.99)

    def check_minesweeper(self, config):
        """More of 10,000 games are won than by the player that knows the rules of single tiles."""
        measured = [self.measure("successes", config, seed, 10000) for seed in SEEDS]
        won, by_rules = [games["won"] for games in measured], measured[0]["won_by_rules"]
        print(f"{config}: won: median {statistics.median(won):.4f}, worst {min(won):.4f}, by rules {by_rules:.4f}")
        self.assertGreater(min(won), by_rules)

    def test_minesweeper_5x5(self):
        self.check_minesweeper("Minesweeper-v0/ppo-5x5.yaml")

    def test_minesweeper_8x8(self):
        self.check_minesweeper("Minesweeper-v0/ppo-8x8.yaml")


if __name__ == "__main__":
    program.main()
