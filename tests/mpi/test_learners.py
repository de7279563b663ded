"""Several ranks that learn together, and either leave acting to others or act in turn: the answer is that of one rank,
with any algorithm, and when a run is resumed with another number of them."""

import program
import test_algorithms
import test_kinds
import test_ranks

# minibatches of 1 to 17 micro-batches, and sizes that do not divide evenly
MINIBATCHES = """\
seed: 3
total_steps: 12000
env: {{name: CartPole-v1, num_envs: 12}}
policy: {{hidden_sizes: [16, 16]}}
algorithm: {{name: ppo, n_steps: 250, batch_size: {batch_size}, n_epochs: 2, target_kl: 0.02}}
evaluation: {{episodes: 2}}
"""


# so many parameters that the learners of a node divide the steps of the optimizer (algo/divided_step.h)
LARGE = """\
seed: 3
total_steps: 2560
env: {name: CartPole-v1, num_envs: 8}
policy: {hidden_sizes: [160, 160]}
algorithm: {name: ppo, n_steps: 64, batch_size: 256, n_epochs: 2}
evaluation: {episodes: 2}
"""


def apart(learners):
    return ["--set", f"ranks.learners={learners}"]


def together(learners=0):
    return ["--set", "ranks.colocate=true", "--set", f"ranks.learners={learners}"]


class Learners(program.Case):
    def test_number_of_learners(self):
        layouts = [(2, together()), (3, apart(2)), (4, together()), (5, apart(4)), (8, together()), (9, apart(8))]
        layouts += [(3, together()), (4, apart(3)), (4, together(2)), (3, together(1))]
        # only some of each under the sanitizers, with which programs start slowly
        for batch_size in [256, 3000] if program.SANITIZED else [64, 256, 1000, 3000]:
            self.assert_same_layouts(f"minibatches-{batch_size}", MINIBATCHES.format(batch_size=batch_size), layouts)

    def test_large_network(self):
        layouts = [(2, together()), (3, apart(2)), (3, together()), (5, apart(4))]
        alone = self.assert_same_layouts("large", LARGE, layouts)
        moments = program.contents(alone / "checkpoints" / "latest")["optimizer/m"][2]
        self.assertGreater(len(moments) // 4, 32768)
        for nodes, ranks in [("0011", "{colocate: true}"), ("0001", "{colocate: true}"), ("00112", "{learners: 4}")]:
            with self.subTest(nodes=nodes, ranks=ranks):
                self.assert_same_run(self.train_on(nodes, f"large-{nodes}", f"{LARGE}ranks: {ranks}\n"), alone)
        self.train("part", *together(), "--set", "total_steps=1024", config=LARGE, ranks=2)
        self.assert_same_run(self.train("part", *apart(2), "--resume", config=LARGE, ranks=3), alone)

    def test_kinds(self):
        for name, config in test_kinds.KINDS.items():
            self.assert_same_layouts(name, config, [(2, together()), (3, apart(2))])

    def test_algorithms(self):
        """Each algorithm with two ranks that act and learn in turn, or with two that learn while another acts."""
        for number, (name, config) in enumerate(test_algorithms.ALGORITHMS.items()):
            if program.SANITIZED and number % 4 > 1:
                continue
            self.assert_same_layouts(name, config, [[(2, together()), (3, apart(2))][number % 2]])

    def test_resumed(self):
        whole = self.train("whole")
        layouts = [(2, together()), (1, []), (3, apart(2)), (4, together())]
        for before in layouts:
            for after in layouts:
                with self.subTest(before=before, after=after):
                    name = f"from-{layouts.index(before)}-to-{layouts.index(after)}"
                    self.train(name, *before[1], "--set", "total_steps=3072", ranks=before[0])
                    self.assert_same_run(self.train(name, *after[1], "--resume", ranks=after[0]), whole)

    def test_nodes(self):
        """Learners on several nodes: what each node has is copied to the others (support/everywhere.h)."""
        for name, config in [("cartpole", program.SHORT), ("truncating", test_ranks.TRUNCATING)]:
            alone = self.train(name, config=config)
            for nodes, ranks in [("0011", "{colocate: true}"), ("0101", "{colocate: true}"), ("012", "{colocate: true}"),
                                 ("00112", "{learners: 2}"), ("0012", "{learners: 3}"), ("01100", "{learners: 4}"),
                                 ("0011", "{colocate: true, learners: 3}")]:
                with self.subTest(name=name, nodes=nodes, ranks=ranks):
                    run = self.train_on(nodes, f"{name}-{nodes}-{ranks}", f"{config}ranks: {ranks}\n")
                    self.assert_same_run(run, alone)

    def test_too_many(self):
        path = self.write("run.yaml", program.SHORT)
        for ranks, sets, expected in [
            (2, apart(2), "ranks.learners=2: leaves none of 2 ranks to act; expects at most 1, or ranks.colocate: true"),
            (2, together(3), "ranks.learners=3: is more than the 2 ranks of this job; expects at most 2"),
        ]:
            result = self.run_muster("train", path, *sets, "--run-dir", self.folder / "never", ranks=ranks)
            self.assertEqual(result.code, 2, result)
            self.assertIn(expected, result.err)
            self.assertFalse((self.folder / "never").exists())


if __name__ == "__main__":
    program.main()
