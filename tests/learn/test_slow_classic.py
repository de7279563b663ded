"""Every shipped config of a classic environment over the ten seeds that its header and docs/results.md report."""

import program
import test_classic

SEEDS = range(1, 11)


class SlowClassic(test_classic.Learn):
    def test_every_config(self):
        for env in test_classic.BARS:
            with self.subTest(env):
                self.learn(env, SEEDS)


if __name__ == "__main__":
    program.main()
