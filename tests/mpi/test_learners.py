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
        sizes = [256, 3000] if program.SANITIZED else [64, 256, 1000, 3000]
        configs = {f"minibatches-{size}": MINIBATCHES.format(batch_size=size) for size in sizes}
        self.assert_same_layouts(configs, layouts)

    def test_large_network(self):
        layouts = [(2, together()), (3, apart(2)), (3, together()), (5, apart(4)), ("0011", together())]
        layouts += [("0001", together()), ("00112", apart(4))]
        alone = self.assert_same_layouts({"large": LARGE}, layouts)["large"]
        moments = program.contents(alone / "checkpoints" / "latest")["optimizer/m"][2]
        self.assertGreater(len(moments) // 4, 32768)
        self.train("part", *together(), "--set", "total_steps=1024", config=LARGE, ranks=2)
        self.assert_same_run(self.train("part", *apart(2), "--resume", config=LARGE, ranks=3), alone)

    def test_kinds(self):
        self.assert_same_layouts(test_kinds.KINDS, [(2, together()), (3, apart(2))])

    def test_algorithms(self):
        """Each algorithm with two ranks that act and learn in turn, or with two that learn while another acts."""
        layouts = [(2, together()), (3, apart(2))]
        algorithms = test_algorithms.ALGORITHMS
        self.assert_same_layouts(algorithms, {name: [layouts[n % 2]] for n, name in enumerate(algorithms)})

    def test_resumed(self):
        whole = self.train("whole")
        layouts = [(2, together()), (1, []), (3, apart(2)), (4, together())]
        self.assert_resumes_like(whole, program.SHORT, "total_steps=3072", layouts, layouts)

    def test_nodes(self):
        """Learners on several nodes: what each node has is copied to the others (support/everywhere.h)."""
        layouts = [("0011", together()), ("0101", together()), ("012", together()), ("00112", apart(2))]
        layouts += [("0012", apart(3)), ("01100", apart(4)), ("0011", together(3))]
        self.assert_same_layouts({"cartpole": program.SHORT, "truncating": test_ranks.TRUNCATING}, layouts)

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
