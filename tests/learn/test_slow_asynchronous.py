"""The shipped configs of impala, appo and a3c with 2 and with 4 actors, over the seeds that docs/results.md reports."""

import program
import test_asynchronous

SEEDS = range(1, 11)


class SlowAsynchronous(test_asynchronous.Learn):
    def test_every_config(self):
        for config in test_asynchronous.CONFIGS:
            for actors in [2, 4]:
                with self.subTest(config, actors=actors):
                    self.learn(config, actors, SEEDS)


if __name__ == "__main__":
    program.main()
