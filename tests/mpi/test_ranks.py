"""The answer does not depend on the ranks: a run learns and writes the same, bit for bit, at any number of them."""

import program

# an environment that truncates, so that lists of last observations move, split unevenly over the actors
TRUNCATING = """\
seed: 7
total_steps: 2000
env: {name: Probe-v0, num_envs: 5, options: {obs_dim: 6, episode_length: 7, truncates: 1}}
policy: {hidden_sizes: [32, 32]}
algorithm: {name: ppo, n_steps: 20, batch_size: 50, n_epochs: 4, learning_rate: lin_0.003}
evaluation: {every: 500, episodes: 10}
"""


class Ranks(program.Case):
    def compare(self, config, numbers):
        alone = self.train("alone", config=config)
        for ranks in numbers:
            with self.subTest(ranks=ranks):
                run = self.train(f"ranks-{ranks}", config=config, ranks=ranks)
                self.assertEqual(program.summary(run)["ranks"], ranks)
                self.assert_same_run(run, alone)

    def test_cartpole(self):
        self.compare(program.SHORT, [1, 2, 3, 4, 8])

    def test_truncating_environment(self):
        self.compare(TRUNCATING, [2, 3, 4, 6])

    def test_another_seed_differs(self):
        a, b = self.train("a"), self.train("b", "--set", "seed=2")
        self.assertNotEqual(program.learned(a)["policy/0/weight"], program.learned(b)["policy/0/weight"])
        self.assertNotEqual(program.metrics(a), program.metrics(b))


if __name__ == "__main__":
    program.main()
