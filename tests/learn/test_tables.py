"""Tables with the shipped configs reach the optimum where it is known. Here some seeds; test_slow_tables.py has ten."""

import statistics

import program
import test_classic


class Tables(test_classic.Learn):
    SEEDS = range(1, 4)

    def test_frozen_lake(self):
        self.learn("FrozenLake-v1", self.SEEDS, "q-learning")

    def test_taxi(self):
        self.learn("Taxi-v3", self.SEEDS, "q-learning")

    def walk(self, algorithm, *settings):
        """For each of ten seeds the return of the greedy policy, and the mean of the last 100 episodes of training."""
        config = program.SOURCE / "configs" / "CliffWalking-v0" / f"{algorithm}.yaml"
        assignments = [word for setting in settings for word in ("--set", setting)]
        greedy, online = [], []
        for seed in range(1, 11):
            run = self.folder / "-".join([algorithm, str(seed), *settings])
            trained = self.run_muster("train", config, "--set", f"seed={seed}", *assignments, "--run-dir", run)
            self.assertEqual(trained.code, 0, trained)
            summary = program.summary(run)
            greedy.append(summary["final_evaluation"]["mean_return"])
            online.append(summary["mean_return"])
        print(f"{algorithm} {settings}: greedy {greedy}, online {online}")
        return greedy, online

    def test_cliff_walking(self):
        """Sutton and Barto (2018), example 6.6: SARSA's greedy path is the safe one, Q-learning's is along the edge; and
        yet SARSA's returns are better while both explore."""
        safe, sarsa = self.walk("sarsa")
        edge, q_learning = self.walk("q-learning")
        self.assertEqual(set(safe), {-17})
        self.assertEqual(set(edge), {-13})
        self.assertGreater(min(sarsa), max(q_learning))

    def test_figure_of_the_book(self):
        """With the book's step size, in the last 100 of about 500 episodes: about -25 for SARSA, and -50 for Q-learning."""
        settings = ["algorithm.learning_rate=0.5", "env.num_envs=1", "total_steps=10000"]
        _, sarsa = self.walk("sarsa", *settings)
        _, q_learning = self.walk("q-learning", *settings)
        self.assertTrue(-35 < statistics.median(sarsa) < -20, sarsa)
        self.assertTrue(-60 < statistics.median(q_learning) < -40, q_learning)


if __name__ == "__main__":
    program.main()
