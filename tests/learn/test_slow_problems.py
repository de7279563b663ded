"""PPO with the shipped configs on the problems that take minutes, over the seeds that the configs' headers report."""

import program
import test_problems


class SlowProblems(test_problems.ProblemsOfTenSeeds):
    def test_reacher(self):
        """The fingertip comes within 5 cm of the target in 95 % of the episodes or more."""
        self.assertGreaterEqual(min(self.shares("Reacher6-v0/ppo.yaml", 1000, "reached")), 0.95)

    def test_token_reverse(self):
        """All tokens are right in 99 % of the episodes or more."""
        self.assertGreaterEqual(min(self.shares("TokenReverse-v0/ppo.yaml", 2000, "exact")), 0.99)

    def test_minesweeper_5x5(self):
        self.check_minesweeper("Minesweeper-v0/ppo-5x5.yaml")

    def test_minesweeper_8x8(self):
        self.check_minesweeper("Minesweeper-v0/ppo-8x8.yaml")


if __name__ == "__main__":
    program.main()
