"""muster summary: how runs ended, and statistics over seeds."""

import csv
import io
import json
import shutil
import statistics

import program

SMALL = program.SHORT.replace("total_steps: 6144", "total_steps: 2048")


class Summary(program.Case):
    def summary(self, *arguments):
        result = self.run_muster("summary", *arguments)
        self.assertEqual(result.code, 0, result)
        self.assertEqual(result.err, "", result)
        return result.out

    def seeds(self, folder, seeds, *arguments):
        (self.folder / folder).mkdir()
        return [self.train(f"{folder}/seed-{n}", "--set", f"seed={n}", *arguments, config=SMALL) for n in seeds]

    def test_seeds_and_settings(self):
        """The runs of a group have the same config apart from the seed; its numbers equal those of Python's statistics
        module."""
        runs = self.seeds("a", [2, 10, 1]) + self.seeds("b", [1, 2], "--set", "algorithm.gamma=0.9")
        found = json.loads(self.summary(self.folder, "--json"))
        self.assertEqual([run["seed"] for run in found["runs"]], [1, 2, 10, 1, 2])
        self.assertEqual([run["group"] for run in found["runs"]], [0, 0, 0, 1, 1])
        by_path = {run["run"]: run for run in found["runs"]}
        for run in runs:
            row, summary = by_path[str(run)], program.summary(run)
            for key in ["env", "algorithm", "seed", "total_steps", "mean_return", "std_return", "solved_at_steps"]:
                self.assertEqual(row[key], summary[key], key)
            self.assertEqual(row["steps_per_second"], summary["steps_per_second"])
            self.assertEqual(row["evaluation_return"], summary["final_evaluation"]["mean_return"])
            self.assertEqual(row["evaluation_std"], summary["final_evaluation"]["std_return"])
            self.assertEqual(row["state"], "finished")
        self.assertEqual([group["options"] for group in found["groups"]], ["algorithm.gamma=0.98", "algorithm.gamma=0.9"])
        for number, group in enumerate(found["groups"]):
            for key in ["mean_return", "evaluation_return", "steps_per_second"]:
                values = [run[key] for run in found["runs"] if run["group"] == number]
                self.assertEqual(group[key]["seeds"], len(values))
                self.assertAlmostEqual(group[key]["mean"], statistics.fmean(values), places=9)
                self.assertAlmostEqual(group[key]["std"], statistics.stdev(values), places=9)
                self.assertAlmostEqual(group[key]["median"], statistics.median(values), places=9)
            self.assertEqual(group["solved_at_steps"], {"seeds": 0, "mean": None, "std": None, "median": None})

        rows = list(csv.DictReader(io.StringIO(self.summary(self.folder, "--csv"))))
        for row, run in zip(rows, found["runs"]):
            for key in ["mean_return", "evaluation_return", "steps_per_second"]:
                self.assertEqual(float(row[key]), run[key])
            self.assertEqual([row["run"], row["solved_at_steps"]], [run["run"], ""])

        lines = self.summary(self.folder).splitlines()
        self.assertEqual(len(lines), 1 + 5 + 2 + 1 + 2)
        self.assertRegex(lines[1], r"^CartPole-v1 +ppo +1 +2048 +\d+\.\d\d \+- \d+\.\d\d .* finished +\S+/a/seed-1$")
        self.assertRegex(lines[-1], r"^CartPole-v1 +ppo +2 +2 +2 .*algorithm.gamma=0.9$")
        self.assertIn("return +- std(n-1)", lines[-3])

        # the page of the report says the same; and a seed that was run twice counts as one seed
        self.assertEqual(self.run_muster("report", *runs[:3], "-o", "three.html").code, 0)
        page = (self.folder / "three.html").read_text(encoding="utf-8")
        mean, std = (found["groups"][0]["evaluation_return"][key] for key in ("mean", "std"))
        self.assertRegex(page, rf"\(3 runs\)</td>.*>3</td>.*>3</td>.*>3</td>.*>{mean:.2f}</td>.*>{std:.2f}</td>")
        self.assertIn("standard deviation over seeds (n \u2212 1)", page)
        again = self.folder / "again"
        shutil.copytree(runs[1], again)
        summary = program.summary(again)
        old = summary["final_evaluation"]["mean_return"]
        summary["final_evaluation"]["mean_return"] = 100
        (again / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
        group = json.loads(self.summary(*runs[:3], again, "--json"))["groups"][0]
        self.assertEqual((group["runs"], group["seeds"]), (4, 3))
        seeds = [found["runs"][0]["evaluation_return"], found["runs"][1]["evaluation_return"], (old + 100) / 2]
        self.assertEqual(group["evaluation_return"]["seeds"], 3)
        self.assertAlmostEqual(group["evaluation_return"]["mean"], statistics.fmean(seeds), places=9)
        self.assertAlmostEqual(group["evaluation_return"]["std"], statistics.stdev(seeds), places=9)
        self.assertEqual(self.run_muster("report", *runs[:3], again, "-o", "four.html").code, 0)
        page = (self.folder / "four.html").read_text(encoding="utf-8")
        self.assertRegex(page, rf"\(4 runs of 3 seeds\)</td>.*>4</td>.*>3</td>.*>3</td>.*>{statistics.fmean(seeds):.2f}</td>.*>{statistics.stdev(seeds):.2f}</td>")

    def test_states(self):
        (finished,) = self.seeds("done", [1])
        # one run that was interrupted before the first step and has a summary; and one that was killed and has none
        config = self.write("run.yaml", SMALL)
        stopped = self.folder / "stopped"
        result = self.run_muster("train", config, "--run-dir", stopped, "--set", "run.time_limit=0.000001")
        self.assertEqual(result.code, 75, result)
        killed = self.folder / "killed"
        shutil.copytree(finished, killed, symlinks=True)
        (killed / "summary.json").unlink()
        running = self.folder / "running"
        shutil.copytree(finished, running, symlinks=True)
        endless = ["--resume", "--set", "total_steps=1000000000"]
        process = program.start(["train", running / "config.yaml", "--run-dir", running, *endless], cwd=self.folder)
        try:
            while process.poll() is None and "total_steps: 1000000000" not in (running / "config.yaml").read_text():
                pass
            found = json.loads(self.summary(finished, stopped, killed, running, "--json"))["runs"]
        finally:
            process.kill()
            process.communicate()
        by_name = {run["run"].rsplit("/", 1)[1]: run for run in found}
        states = {name: (run["state"], run["total_steps"] >= 2048) for name, run in by_name.items()}
        self.assertEqual(
            states,
            {
                "seed-1": ("finished", True),
                "stopped": ("interrupted", False),
                "killed": ("died", True),
                "running": ("running", True),
            },
        )
        self.assertEqual(by_name["killed"]["mean_return"], by_name["seed-1"]["mean_return"])
        for name in ["stopped", "killed", "running"]:
            self.assertIsNone(by_name[name]["evaluation_return"])

    def test_texts_of_files(self):
        """Control characters in the names of folders and columns do not reach the terminal and break no lines of CSV;
        in JSON the names are whole."""
        (run,) = self.seeds("runs", [1])
        name = "a\x1b[2J\nb\u009b,\u202ec\x07"
        shutil.move(run, self.folder / name)
        metrics = self.folder / name / "metrics.csv"
        metrics.write_text(metrics.read_text(encoding="utf-8").replace("train/loss", "train/l\x1b[2J\u202e"), encoding="utf-8")
        shown = "a\\x1b[2J\\nb\\u009b,\\u202ec\\x07"
        for arguments, part in [
            (["summary", name], shown),
            (["summary", name, "--csv"], f'"{shown}"'),
            (["summary", name, "--json"], "a\\u001b[2J\\nb\\u009b,\\u202ec\\u0007"),
            (["plot", name, "--list"], "train/l\\x1b[2J\\u202e"),
            (["watch", "--once", name], "a?[2J?b?,?c?"),
            (["inspect", name], f"checkpoint      {shown}/checkpoints/"),
            (["inspect", name, "--json"], "a\\u001b[2J"),
            (["eval", f"{name}/none"], f"{shown}/none"),
            (["report", f"{name}/none"], f"{shown}/none"),
            (["plot", name, "-m", "x\x1b"], "none of the runs has x\\x1b"),
            (["train", f"{name}/none"], f"{shown}/none"),
            (["eval", name, "--episodes", "\x1b"], "--episodes: \\x1b: expects"),
            ([name], f"unknown command '{shown}'"),
        ]:
            with self.subTest(arguments=arguments):
                result = program.finish(program.start(arguments, cwd=self.folder, env={"LC_ALL": "C.UTF-8"}))
                text = result.out + result.err
                self.assertIn(part, text)
                self.assertEqual([hex(ord(c)) for c in text if (ord(c) < 32 or 126 < ord(c) < 160 or c == "\u202e") and c != "\n"], [])

    def test_wrong(self):
        self.assert_refused(self.run_muster("summary", "none"), 1, "cannot find the run none")
        (self.folder / "empty").mkdir()
        self.assert_refused(self.run_muster("summary", "empty"), 1, "there is no run in empty")
        (run,) = self.seeds("runs", [1])
        (run / "summary.json").write_text('{"status": "finished", "total_steps": "many"}', encoding="utf-8")
        self.assert_refused(self.run_muster("summary", run), 1, "summary.json", "total_steps", "expects a number")
        (run / "summary.json").write_text('{"status": "finished"', encoding="utf-8")
        self.assert_refused(self.run_muster("summary", run), 1, "summary.json")


if __name__ == "__main__":
    program.main()
