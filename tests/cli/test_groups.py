"""`muster summary`, `muster plot` and `muster report` put the runs of a mixed set into the same groups."""

import json
import re
import shutil

import program

CONFIG = program.SHORT.replace("total_steps: 6144", "total_steps: 256").replace("evaluation: {episodes: 20}", "evaluation: {episodes: 2}")
RETURN = "rollout/ep_rew_mean"

# the runs: a name, what its config says in place of the first one's, and the group that it belongs to
RUNS = [
    ("base", [], 0),
    ("seed-2", [("seed: 1", "seed: 2")], 0),
    ("gamma", [("gamma: 0.98", "gamma: 0.9")], 1),
    # the same seed again on another host, with other options of logs and checkpoints, and the plug-in in another place
    ("seed-2-again", [("seed: 1", "seed: 2"), ("log_interval: 1", "log_interval: 3"), ("keep: 3", "keep: 9"),
                      ("every: 0", "every: 64"), ('learner_host: ""', "learner_host: node7"),
                      ('plugin: ""', "plugin: /elsewhere/envs.so"), ("tensorboard: true", "tensorboard: false")], 0),
    ("ranks", [("# ranks: 1", "# ranks: 3")], 2),
    ("colocate", [("colocate: false", "colocate: true")], 3),
    ("episodes", [("episodes: 2\n", "episodes: 5\n")], 4),
    # from an earlier version, which lacks some options: these have their defaults
    ("earlier", [("seed: 1", "seed: 3"), (r"\n  frame_stack: 1", ""), ("0.98", "9.8e-1")], 0),
    # options that only a later version knows are compared as they are written
    ("later", [("gamma: 0.98", "gamma: 0.98\n  foresight: 1")], 5),
    ("later-2", [("seed: 1", "seed: 2"), ("gamma: 0.98", "gamma: 0.98\n  foresight: 1")], 5),
    ("later-other", [("gamma: 0.98", "gamma: 0.98\n  foresight: 2")], 6),
    ("gamma-2", [("seed: 1", "seed: 2"), ("gamma: 0.98", "gamma: 0.9")], 1),
    # where the layout was chosen as the run began, the layout that came of it does not count
    ("chosen", [("layout: given", "layout: auto")], 7),
    ("chosen-2", [("seed: 1", "seed: 2"), ("layout: given", "layout: auto"), ("learners: 0", "learners: 2")], 7),
]


class Groups(program.Case):
    def setUp(self):
        super().setUp()
        first = self.train("first", config=CONFIG)
        self.members = {}
        for number, (name, changes, group) in enumerate(RUNS):
            run = self.folder / name
            shutil.copytree(first, run, symlinks=True)
            text = (run / "config.yaml").read_text(encoding="utf-8")
            for old, new in changes:
                self.assertRegex(text, old)
                text = re.sub(old, new, text)
            (run / "config.yaml").write_text(text, encoding="utf-8")
            # each run has a return of its own, so that the mean of a group tells which runs are in it
            rows = f"time/total_timesteps,time/time_elapsed,{RETURN}\n128,1,{2**number}\n256,2,{2**number}\n"
            (run / "metrics.csv").write_text(rows, encoding="utf-8")
            self.members.setdefault(group, []).append(number)

    def expected_mean(self, group):
        """The mean over seeds, where each seed counts with the mean over its runs; and the number of seeds."""
        seeds = {}
        for number in self.members[group]:
            seed = next((new for _, new in RUNS[number][1] if new.startswith("seed")), "seed: 1")
            seeds.setdefault(seed, []).append(2**number)
        return sum(sum(values) / len(values) for values in seeds.values()) / len(seeds), len(seeds)

    def fake_gnuplot(self, script):
        folder = self.folder / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "gnuplot").write_text("#!/bin/sh\n" + script, encoding="utf-8")
        (folder / "gnuplot").chmod(0o755)
        return {"PATH": f"{folder}:/usr/bin:/bin"}

    def succeed(self, *arguments, env=None):
        result = program.finish(program.start(arguments, cwd=self.folder, env=env))
        self.assertEqual(result.code, 0, result)
        return result.out

    def test_alike(self):
        names = [name for name, _, _ in RUNS]
        groups = range(len(self.members))
        expected = [self.expected_mean(group) for group in groups]

        # a run that is found twice counts once
        found = json.loads(self.succeed("summary", *names, "base/../gamma", "--json"))
        by_name = {run["run"]: run["group"] for run in found["runs"]}
        self.assertEqual(by_name, {name: group for name, _, group in RUNS})
        self.assertEqual([group["runs"] for group in found["groups"]], [len(self.members[group]) for group in groups])
        self.assertEqual([(group["mean_return"]["mean"], group["seeds"]) for group in found["groups"]], expected)
        # every group can be told from the others by its name
        self.assertEqual(len({group["options"] for group in found["groups"]}), len(groups))
        self.assertIn("algorithm.gamma=0.9 ", found["groups"][1]["options"])
        self.assertIn("ranks=3", found["groups"][2]["options"])

        self.succeed("plot", *names, "-m", RETURN, "-o", "script.svg", env=self.fake_gnuplot("exec cat\n"))
        script = (self.folder / "script.svg").read_text(encoding="utf-8")
        means = re.findall(r"(?m)^\$curve_0_(\d+) << END\n\S+ (\S+) ", script)
        self.assertEqual([int(number) for number, _ in means], list(groups))
        self.assertEqual([round(float(mean), 4) for _, mean in means], [round(mean, 4) for mean, _ in expected])
        legend = re.search(r"plot NaN(.*)\n", script).group(1)
        labels = re.findall(r"title '([^']*)'", legend)
        self.assertEqual(len(set(labels)), len(groups))

        self.succeed("report", *names, env=self.fake_gnuplot("echo '<svg></svg>'\n"))
        page = (self.folder / "report.html").read_text(encoding="utf-8")
        table = re.search(r"<h3>Over seeds</h3>.*?<tbody>(.*?)</tbody>", page, re.S).group(1)
        rows = [re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in table.split("<tr>")[1:]]
        self.assertEqual([row[0] for row in rows], labels)
        self.assertEqual([(int(row[2]), int(row[3])) for row in rows],
                         [(len(self.members[group]), seeds) for group, (_, seeds) in zip(groups, expected)])


if __name__ == "__main__":
    program.main()
