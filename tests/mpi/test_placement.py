"""Which rank learns and which actor has which environments does not change the answer: equal hashes of the state of
learning."""

import os
import unittest

import program
import test_ranks

HOSTS = os.environ.get("MUSTER_HOSTS_LIBRARY")

# the learner, and the environments of actors, among seven ranks with three on a host
PLACEMENTS = {
    "packed": ([], {"0": "learner", "1": "environments 0 to 1", "2": "environments 2 to 3", "3": "environments 4 to 4"}),
    "spread": (
        ["ranks.placement=spread"],
        {"0": "learner", "3": "environments 0 to 1", "6": "environments 2 to 3", "1": "environments 4 to 4"},
    ),
    "elsewhere": (["ranks.learner_host=host2"], {"0": "environments 0 to 1", "1": "environments 2 to 3", "6": "learner"}),
    "elsewhere-spread": (
        ["ranks.learner_host=host1.cluster", "ranks.placement=spread"],
        {"0": "environments 0 to 1", "3": "learner", "6": "environments 2 to 3", "1": "environments 4 to 4"},
    ),
}


@unittest.skipIf(HOSTS is None, "a library in front of the C library, which sanitizers do not suffer")
class Placement(program.Case):
    def place(self, name, config, ranks, *sets, per_host=3):
        path = self.write(f"{name}.yaml", config)
        arguments = ["train", path, "--run-dir", self.folder / name, "--resume"]
        arguments += [word for assignment in sets for word in ("--set", assignment)]
        env = {"LD_PRELOAD": HOSTS, "MUSTER_RANKS_PER_HOST": str(per_host)}
        return program.finish(program.start(arguments, ranks, self.folder, env=env))

    def layout(self, run):
        """What config.yaml says of each rank: rank -> (host, learner or environments)."""
        found = {}
        for line in (run / "config.yaml").read_text(encoding="utf-8").splitlines():
            if line.startswith("#   rank "):
                rank, host, role = line[len("#   rank "):].replace(" on ", ":", 1).split(":", 2)
                found[rank] = (host, role.replace("actor,", "").strip())
        return found

    def compare(self, config, ranks, placements, per_host=3):
        alone = self.train("alone", config=config)
        for name, (sets, expected) in placements.items():
            with self.subTest(placement=name):
                result = self.place(name, config, ranks, *sets, per_host=per_host)
                self.assertEqual(result.code, 0, result)
                layout = self.layout(self.folder / name)
                self.assertEqual(len(layout), ranks)
                for rank, role in expected.items():
                    self.assertEqual(layout[rank], (f"host{int(rank) // per_host}", role))
                self.assert_same_run(self.folder / name, alone)

    def test_cartpole(self):
        self.compare(program.SHORT, 7, PLACEMENTS)

    def test_truncating_environment(self):
        """Last observations arrive in another order; five environments are split unevenly over three actors."""
        sets = [["ranks.placement=spread"], ["ranks.learner_host=host1", "ranks.placement=spread"]]
        self.compare(test_ranks.TRUNCATING, 4, {f"run-{n}": (choice, {}) for n, choice in enumerate(sets)}, 2)

    def test_resumed_elsewhere(self):
        """A run goes on with another learner, in the same folder."""
        alone = self.train("alone")
        shorter = program.SHORT.replace("total_steps: 6144", "total_steps: 2048")
        for config, ranks, host in [(shorter, 4, "host2"), (program.SHORT, 3, "host1")]:
            choice = f"ranks.learner_host={host}"
            result = self.place("run", config, ranks, choice, per_host=1)
            self.assertEqual(result.code, 0, result)
            self.assertEqual(self.layout(self.folder / "run")[host[-1]], (host, "learner"))
        self.assertEqual(program.learned(self.folder / "run"), program.learned(alone))

    def test_unknown_host(self):
        result = self.place("run", program.SHORT, 4, "ranks.learner_host=host7", per_host=2)
        self.assert_refused(result, 2, "ranks.learner_host: host7", "host0, host1")
        self.assertFalse((self.folder / "run").exists())

    def test_map(self):
        """The map at the start shows every host once for each role."""
        result = self.place("run", program.SHORT, 7, "ranks.learner_host=host1")
        self.assertEqual(result.code, 0, result)
        lines = [line.split() for line in result.out.split("\n\n", 1)[0].splitlines()]
        self.assertEqual([line[:3] for line in lines[1:]],
                         [["host0", "actor", "3"], ["host1", "learner", "1"], ["host1", "actor", "2"],
                          ["host2", "actor", "1"]])


if __name__ == "__main__":
    program.main()
