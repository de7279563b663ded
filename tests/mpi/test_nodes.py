"""The answer is the same over several nodes, each of which sends the learner one message for each rollout.

The ranks of this machine count as being on several nodes (support/everywhere.h); tests/cluster has hosts of their own.
"""

import program
import test_kinds
import test_ranks


class Nodes(program.Case):
    def compare(self, configs, spreads):
        for name, alone in self.assert_same_layouts(configs, [(nodes, []) for nodes in spreads]).items():
            self.assertEqual(program.summary(alone)["rollout_messages"], 0)
            rollouts = int(program.metrics(alone)[-1]["time/iterations"])
            for number, nodes in enumerate(spreads):
                messages = program.summary(self.folder / f"{name}-{number}")["rollout_messages"]
                self.assertEqual(messages, rollouts * (len(set(nodes)) - 1), (name, nodes))

    def test_cartpole(self):
        self.compare({"cartpole": program.SHORT}, ["000", "001", "011", "012", "01022", "00112233", "01230123"])

    def test_truncating_environment(self):
        """Last observations of truncated episodes travel in the same message."""
        self.compare({"truncating": test_ranks.TRUNCATING}, ["01", "0111", "0101", "001122"])

    def test_kinds(self):
        self.compare(test_kinds.KINDS, ["0112"])

    def test_resumed(self):
        """The states of environments go back to the ranks that go on with them."""
        whole = self.train("whole")
        half = program.SHORT.replace("total_steps: 6144", "total_steps: 3072")
        for before, after in [("0111", "00112"), ("01", "0110"), ("0", "0122")]:
            with self.subTest(before=before, after=after):
                name = f"{before}-{after}"
                self.train_on(before, name, half)
                self.assertEqual(program.summary(self.folder / name)["total_steps"], 3072)
                self.train_on(after, name, program.SHORT, "--resume")
                self.assert_same_run(self.folder / name, whole)


if __name__ == "__main__":
    program.main()
