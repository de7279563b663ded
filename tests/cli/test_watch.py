"""`muster watch`: what it shows of runs that wait, go on, stall or end, on terminals of several kinds and sizes and
without a terminal."""

import csv
import os
import re
import shutil
import signal
import termios
import time

import program
import terminal

ENDLESS = program.SHORT.replace("total_steps: 6144", "total_steps: 1000000000")


def last_values(run):
    """The newest value of each column of metrics.csv."""
    with open(run / "metrics.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows if row[name]][-1:] for name in rows[0]}


def short(value):
    """A number in the short form that the view uses."""
    return f"{value:.2e}" if abs(value) >= 1e5 or 0 < abs(value) < 1e-3 else f"{value:.4g}"


class Watch(program.Case):
    def watch(self, *runs, term="vt52", columns=90, lines=40, locale="C.UTF-8"):
        shown = terminal.Terminal(
            [program.PROGRAM, "watch", *runs], columns, lines, {"TERM": term, "LC_ALL": locale, "COLUMNS": ""}
        )
        self.addCleanup(shown.close)
        return shown

    def once(self, *arguments, locale="C.UTF-8"):
        done = program.finish(program.start(["watch", *arguments], cwd=self.folder, env={"LC_ALL": locale}))
        self.assertEqual(done.code, 0, done)
        self.assertEqual(done.err, "", done)
        return done.out

    def start_run(self, name, config=ENDLESS):
        """Starts to train; the run is ended with the test at the latest."""
        path = self.write(f"{name}.yaml", config)
        process = program.start(["train", path, "--run-dir", self.folder / name])

        def end():
            process.kill()
            process.communicate()

        self.addCleanup(end)
        return process, self.folder / name

    def wait_for_rows(self, run):
        deadline = time.monotonic() + 60
        while not (run / "metrics.csv").exists() or len((run / "metrics.csv").read_text().splitlines()) < 5:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    def check_finished(self, run, text):
        told, values = program.summary(run), last_values(run)
        evaluation = told["final_evaluation"]
        self.assertIn("CartPole-v1 | ppo | seed 1 | 1 rank on ", text)
        self.assertIn(f"finished: evaluation {evaluation['mean_return']:.2f} +- {evaluation['std_return']:.2f}", text)
        self.assertRegex(text, r"100 % \| 6\.14k of 6\.14k steps \| \S+ steps/s \| took ")
        self.assertIn(f"return {short(values['rollout/ep_rew_mean'][0])} | length", text)
        self.assertIn("checkpoint step-000000006144.h5, ", text)
        for name in ["approx_kl", "clip_fraction", "entropy_loss", "value_loss", "explained_variance"]:
            self.assertRegex(text, rf"(?m)^{name} +{re.escape(short(values[f'train/{name}'][0]))} ")
        for stage in ["rollout", "update", "checkpoint", "evaluation"]:
            self.assertRegex(text, rf"(?m)\b{stage} +[0-9.]+s +\d+ %")

    def test_finished(self):
        run = self.train("run")
        before = program.listing(self.folder)
        self.check_finished(run, self.once(run))
        shown = self.watch(run)
        self.check_finished(run, shown.wait_for("finished", "q quit"))
        shown.type(b"q")
        self.assertEqual(shown.end(), 0)
        self.assertEqual(program.listing(self.folder), before)

    def test_in_progress(self):
        process, run = self.start_run("run")
        self.wait_for_rows(run)
        shown = self.watch(run)
        text = shown.wait_for("running, last row", "steps/s", "left", "of 1.00G steps", "q quit")
        self.assertIn("0 % | ", text)
        self.assertIn("no checkpoint yet", text)

        # the run goes on
        steps = re.search(r"(\S+) of 1\.00G", text).group(1)
        shown.wait_until(lambda text: f"{steps} of 1.00G" not in text, "more steps")

        # it stalls although its process is alive, and then goes on again
        process.send_signal(signal.SIGSTOP)
        os.utime(run / "metrics.csv", (time.time() - 3600, time.time() - 3600))
        shown.wait_for("stalled: no row for 1h00m")
        process.send_signal(signal.SIGCONT)
        shown.wait_for("running, last row")

        # it is asked to end
        process.send_signal(signal.SIGTERM)
        shown.wait_for("interrupted: `train --resume` goes on", "took", "checkpoint step-")
        shown.type(b"q")
        self.assertEqual(shown.end(), 0)

    def test_killed(self):
        process, run = self.start_run("run")
        self.wait_for_rows(run)
        process.kill()
        process.wait()
        self.assertRegex(self.once(run), r"(?m)^died \S+ ago without a summary")

    def test_from_the_start_to_the_end(self):
        run = self.folder / "run"
        run.mkdir()
        shown = self.watch(run)
        shown.wait_for("waiting for the first row of metrics")
        self.train("run")
        # the screen is drawn from the top; these are among the last texts on it
        self.check_finished(run, shown.wait_for("finished", "100 %", "learning_rate"))
        shown.type(b"q")
        self.assertEqual(shown.end(), 0)

    def test_resumed(self):
        # the run is resumed: the summary of its first part must not be taken for one of the second
        run = self.train("run")
        config = self.write("more.yaml", ENDLESS)
        process = program.start(["train", config, "--run-dir", run, "--resume"])
        self.addCleanup(lambda: (process.kill(), process.communicate()))
        shown = self.watch(run)
        shown.wait_for("running, last row", "of 1.00G steps")
        process.kill()
        process.wait()
        shown.wait_for("died")
        shown.type(b"q")
        self.assertEqual(shown.end(), 0)

    def test_several_runs(self):
        (self.folder / "runs" / "deeper").mkdir(parents=True)
        first = self.train("runs/a")
        second = self.train("runs/deeper/b", "--set", "seed=2")
        (self.folder / "runs" / "empty").mkdir()
        out = self.once(self.folder / "runs")
        self.assertRegex(out, r"(?m)^  finished +100 % 6\.14k .*a$")
        self.assertRegex(out, r"(?m)^  finished +100 % 6\.14k .*b$")
        self.assertEqual(len(out.splitlines()), 3)
        self.assertEqual(len(self.once(first, second).splitlines()), 3)

        # arrow keys choose the run whose details are shown, and a new run appears in the table
        shown = self.watch(self.folder / "runs")
        shown.wait_for("> finished", "| seed 1 |", "run 1 of 2")
        shown.type(b"\033B")
        shown.wait_for("| seed 2 |", "run 2 of 2")
        shown.type(b"\033B")
        shown.type(b"k")
        shown.wait_for("| seed 1 |", "run 1 of 2")
        shutil.copytree(first, self.folder / "runs" / "0")
        shown.wait_for("run 2 of 3")  # the chosen run stays chosen
        shown.type(b"q")
        self.assertEqual(shown.end(), 0)

    def test_sizes(self):
        run = self.train("run")
        shown = self.watch(run, columns=90, lines=40)
        shown.wait_for("finished", "rollout", "learning_rate")
        for columns, lines, parts in [
            (60, 30, ["CartPole-v1", "finished", "learning_rate", "rollout"]),
            (40, 8, ["CartPole-v1", "finished", "return", "q quit"]),
            (10, 3, ["CartPole-v", "finished:", "q quit"]),
            (90, 40, ["learning_rate", "rollout", "q quit"]),
        ]:
            shown.resize(columns, lines)
            shown.wait_until(
                lambda text: all(part in text for part in parts) and text.splitlines()[-1].strip() == "q quit", parts
            )
        shown.resize(1, 1)
        shown.read(1)
        shown.type(b"q")
        self.assertEqual(shown.end(), 0)

    def test_terminal_is_given_back(self):
        run = self.train("run")
        for way in ["q", "interrupt", "terminate"]:
            with self.subTest(way):
                shown = self.watch(run, term="xterm")
                while b"finished" not in shown.output:
                    self.assertTrue(shown.read(60), shown.output)
                self.assertNotEqual(termios.tcgetattr(shown.descriptor), shown.settings)
                if way == "q":
                    shown.type(b"q")
                elif way == "interrupt":
                    shown.type(b"\003")
                code = shown.end(signal.SIGTERM if way == "terminate" else None)
                self.assertEqual(code == 0, way == "q", code)
                for sequence in [b"\033[?1049l", b"\033[?12l\033[?25h"]:  # restores the old screen and the cursor
                    self.assertGreater(shown.output.rfind(sequence), shown.output.rfind(b"finished"), shown.output)
                self.assertEqual(termios.tcgetattr(shown.descriptor), shown.settings)

    def test_without_a_terminal_to_draw_on(self):
        run = self.train("run")
        for term in ["dumb", "no-such-terminal"]:
            shown = self.watch(run, term=term)
            self.assertEqual(shown.end(), 0)
            self.assertNotIn(b"\033", shown.output)
            self.assertIn(b"finished", shown.output)
        out = self.once(run, "--once", locale="C")
        self.assertTrue(out.isascii(), out)
        self.assertFalse(self.once(run).isascii())
        self.assertLessEqual(max(map(len, out.splitlines())), 80)

    def test_damage(self):
        run = self.train("run")
        with open(run / "metrics.csv", "a", encoding="utf-8") as file:
            file.write("1,2,3\n")
        (run / "summary.json").write_text("{", encoding="utf-8")
        out = self.once(run)
        self.assertIn("metrics.csv", out.replace("\n", ""))
        (run / "config.yaml").write_text("seed: [\n", encoding="utf-8")
        self.assertIn("config.yaml", self.once(run).replace("\n", ""))

    def test_wrong_use(self):
        self.assert_refused(self.run_muster("watch"), 2, "expects a run folder")
        self.assert_refused(self.run_muster("watch", "nowhere"), 1, "nowhere", "No such file")
        path = self.write("file", "")
        self.assert_refused(self.run_muster("watch", path), 2, "is no folder")
        self.assert_refused(self.run_muster("watch", self.folder, "--interval", "0"), 2, "--interval: 0")


if __name__ == "__main__":
    program.main()
