"""PPO with the shipped configs solves the problems that policy gradients are taught with. Here those that take seconds,
over ten seeds; test_slow_problems.py has the others. measure.c says what is measured."""

import json
import os
import statistics
import subprocess

import program

MEASURE = os.path.join(os.path.dirname(os.environ["MUSTER_WORK"]), "measure")


class Problems(program.Case):
    def measure(self, what, config, seed, *arguments, settings=()):
        """Trains with a config, a seed and other settings; returns what measure.c measures of the policy."""
        run = self.folder / "-".join([f"seed-{seed}", *settings])
        path = program.SOURCE / "configs" / config
        assignments = [word for setting in [f"seed={seed}", *settings] for word in ("--set", setting)]
        trained = self.run_muster("train", path, "--run-dir", run, *assignments, limit=7200)
        self.assertEqual(trained.code, 0, trained)
        command = [MEASURE, what, str(run), *map(str, arguments)]
        measured = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(measured.returncode, 0, measured.stderr)
        named = " ".join([config, f"seed={seed}", *settings])
        print(f"{named}, {trained.seconds:.1f} s: {measured.stdout.strip()}", flush=True)
        return json.loads(measured.stdout)


class ProblemsOfTenSeeds(Problems):
    SEEDS = range(1, 11)

    def shares(self, config, episodes, key):
        """The share of episodes that `key` tells, for each seed."""
        shares = [self.measure("successes", config, seed, episodes)[key] for seed in self.SEEDS]
        print(f"{config}, {key}: median {statistics.median(shares):.4f}, worst {min(shares):.4f}")
        return shares

    def check_minesweeper(self, config):
        """More of 10,000 games are won than by the player that knows the rules of single tiles."""
        measured = [self.measure("successes", config, seed, 10000) for seed in self.SEEDS]
        won, by_rules = [games["won"] for games in measured], measured[0]["won_by_rules"]
        print(f"{config}, won: median {statistics.median(won):.4f}, worst {min(won):.4f}, by rules {by_rules:.4f}")
        self.assertGreater(min(won), by_rules)


class QuickProblems(ProblemsOfTenSeeds):
    def probabilities(self, config, settings=()):
        return [self.measure("probabilities", config, seed, settings=settings) for seed in self.SEEDS]

    def test_bandit(self):
        """The best arm, the third, is pulled with a probability of 0.99 or more."""
        best = [measured["probabilities"][2] for measured in self.probabilities("Bandit-v0/ppo.yaml")]
        print(f"best arm: median {statistics.median(best):.4f}, worst {min(best):.4f}")
        self.assertGreaterEqual(min(best), 0.99)

    def distances(self, when, settings=()):
        """How far the moves' probabilities are from 1/3: the largest distance for each seed."""
        measured = self.probabilities("RockPaperScissors-v0/ppo.yaml", settings)
        away = [max(abs(value - 1 / 3) for value in one["probabilities"]) for one in measured]
        lost = [one["exploitability"] for one in measured]
        print(f"{when}: from 1/3: median {statistics.median(away):.4f}, {min(away):.4f} to {max(away):.4f}; "
              f"exploitability: median {statistics.median(lost):.4f}, worst {max(lost):.4f} a round")
        return away

    def test_rock_paper_scissors(self):
        """Each move is played with a probability within 0.02 of 1/3, which it was not before training."""
        self.assertGreater(min(self.distances("before", ["algorithm.learning_rate=0"])), 0.02)
        self.assertLessEqual(max(self.distances("after")), 0.02)


if __name__ == "__main__":
    program.main()
