"""muster plot: the script for gnuplot, compared with metrics.csv; pictures; and everything that a run may lack."""

import csv
import os
import re
import shutil
import struct
import statistics
import subprocess
import unittest
import xml.etree.ElementTree
import zlib

import picture
import program

CONFIG = program.SHORT.replace("evaluation: {episodes: 20}", "evaluation: {episodes: 2}")
BLUE, RED = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)


def column(run, name):
    """The values of a column, as text."""
    with open(run / "metrics.csv", newline="", encoding="utf-8") as file:
        return [row[name] for row in csv.DictReader(file)]


class Plot(program.Case):
    @classmethod
    def setUpClass(cls):
        """Makes three runs that differ only in the seed, and one with another clip_range. No test changes them."""
        cls.shared = program.WORK / "shared"
        shutil.rmtree(cls.shared, ignore_errors=True)
        cls.shared.mkdir(parents=True)
        config = cls.shared / "config.yaml"
        config.write_text(CONFIG, encoding="utf-8")
        cls.runs = [cls.shared / f"run-{i}" for i in range(4)]
        for i, run in enumerate(cls.runs):
            setting = f"seed={i + 1}" if i < 3 else "algorithm.clip_range=0.1"
            result = program.finish(program.start(["train", config, "--run-dir", run, "--set", setting]))
            assert result.code == 0, result

    def plot(self, *arguments, env=None):
        return program.finish(program.start(["plot", *arguments], cwd=self.folder, env=env))

    def draw(self, *arguments, env=None):
        result = self.plot(*arguments, env=env)
        self.assertEqual(result.code, 0, result)
        return result

    def fake(self, script):
        """An environment whose PATH begins with a folder in which `gnuplot` is this shell script."""
        folder = self.folder / "bin"
        folder.mkdir(exist_ok=True)
        path = folder / "gnuplot"
        path.write_text("#!/bin/sh\n" + script, encoding="utf-8")
        path.chmod(0o755)
        return {"PATH": f"{folder}:/usr/bin:/bin"}

    def script(self, *arguments):
        """The script for gnuplot, from a stand-in that prints its input; and the curves in it, by panel and group."""
        self.draw(*arguments, "-o", "script.svg", env=self.fake("exec cat\n"))
        text = (self.folder / "script.svg").read_text(encoding="utf-8")
        curves = {}
        for panel, group, rows in re.findall(r"(?ms)^\$curve_(\d+)_(\d+) << END\n(.*?)^END$", text):
            curves[int(panel), int(group)] = [[float(word) for word in row.split()] for row in rows.splitlines()]
        return text, curves

    def texts(self, name):
        """Every text that is drawn in an SVG file."""
        root = xml.etree.ElementTree.parse(self.folder / name).getroot()
        return ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]

    def copy(self, name, run=0):
        target = self.folder / name
        shutil.copytree(self.runs[run], target, symlinks=True)
        return target

    # --- what is drawn ---

    def test_mean_and_band(self):
        metric = "rollout/ep_rew_mean"
        text, curves = self.script(*self.runs, "-m", metric, "-m", "train/approx_kl")
        self.assertEqual(sorted(curves), [(0, 0), (0, 1), (1, 0), (1, 1)])
        self.assertIn("'ppo, clip_range 0.2 (3 runs)'", text)
        self.assertIn("'ppo, clip_range 0.1'", text)
        steps = [float(value) for value in column(self.runs[0], "time/total_timesteps")]
        seeds = [[float(value) for value in column(run, metric)] for run in self.runs[:3]]
        self.assertEqual(len(curves[0, 0]), len(steps))
        for (x, mean, low, high), step, *values in zip(curves[0, 0], steps, *seeds):
            deviation = statistics.stdev(values)
            for seen, expected in [(x, step), (mean, statistics.mean(values)), (low, mean - deviation)]:
                self.assertAlmostEqual(seen, expected, delta=1e-6 * max(1, abs(expected)))
            self.assertAlmostEqual(high, mean + deviation, delta=1e-6 * abs(mean + deviation))

        # other bands; the curve of a group with one run is that run's
        _, curves = self.script(*self.runs, "-m", metric, "--band", "minmax")
        for (_, _, low, high), *values in zip(curves[0, 0], *seeds):
            self.assertAlmostEqual(low, min(values), delta=1e-6 * min(values))
            self.assertAlmostEqual(high, max(values), delta=1e-6 * max(values))
        for (_, mean, _, _), value in zip(curves[0, 1], column(self.runs[3], metric)):
            self.assertAlmostEqual(mean, float(value), delta=1e-6 * abs(mean))
        text, _ = self.script(*self.runs, "-m", metric, "--band", "none")
        self.assertNotIn("filledcurves", text)

    def test_smooth(self):
        _, curves = self.script(self.runs[0], "-m", "train/loss", "--smooth", "5")
        values = [float(value) for value in column(self.runs[0], "train/loss")]
        for i, (_, mean, _, _) in enumerate(curves[0, 0]):
            expected = statistics.mean(values[max(0, i - 4) : i + 1])
            self.assertAlmostEqual(mean, expected, delta=1e-6 * max(1, abs(expected)))

    def test_axes(self):
        text, curves = self.script(*self.runs)
        self.assertEqual(text.count("set xlabel 'steps'"), 3)
        self.assertEqual(text.count("set xlabel 'wall time [s]'"), 1)
        seconds = max(float(column(run, "time/time_elapsed")[-1]) for run in self.runs)
        for panel, most in [(0, 6144), (1, seconds), (2, 6144), (3, 6144)]:
            # over seconds, a group's curve ends where fewer than half of its runs go on
            self.assertLessEqual(curves[panel, 0][-1][0], most * (1 + 1e-6))
        text, _ = self.script(*self.runs, "-x", "seconds")
        self.assertEqual((text.count("'wall time [s]'"), text.count("set xlabel 'steps'")), (3, 0))
        text, _ = self.script(*self.runs, "--x", "steps", "--width", "800", "--height", "500")
        self.assertEqual((text.count("'wall time [s]'"), text.count("set xlabel 'steps'")), (0, 3))
        self.assertIn("size 800,500", text)

    def test_units(self):
        """Axes say 20k, 1.5M and hours."""
        run = self.copy("long")
        rows = "".join(f"{2e6 * i / 9},{72000 * i / 9},{30000 * i}\n" for i in range(10))
        header = "time/total_timesteps,time/time_elapsed,rollout/ep_rew_mean\n"
        (run / "metrics.csv").write_text(header + rows, encoding="utf-8")
        text, _ = self.script(run)
        for word in ["'0.5M' 500000", "'2M' 2000000", "'wall time [h]'", "'5' 18000", "'50k' 50000"]:
            self.assertIn(word, text)
        self.assertNotIn("'-0", text)

    def test_labels(self):
        # the same apart from ranks and folder
        other = self.copy("other")
        text = (other / "config.yaml").read_text(encoding="utf-8")
        (other / "config.yaml").write_text(text.replace("# ranks: 1", "# ranks: 3"), encoding="utf-8")
        text, _ = self.script(self.runs[0], other)
        self.assertIn("'ppo, 1 rank'", text)
        self.assertIn("'ppo, 3 ranks'", text)

        # two runs that have no config yet are called by their names
        shutil.copytree(other, self.folder / "third")
        for run in [other, self.folder / "third"]:
            os.remove(run / "config.yaml")
        text, _ = self.script(other, self.folder / "third", self.runs[0])
        for name in ["'other'", "'third'", "'run-0'"]:
            self.assertIn(name, text)

    def test_texts_have_no_meaning(self):
        text, _ = self.script(self.runs[0], "-t", "it's `date` $x {a_b} \\ \n!")
        self.assertIn("'{/:Bold it''s `date` $x \\{a\\_b\\} \\\\  !}'", text)
        text, _ = self.script(self.runs[0], "-t", os.fsdecode(b"a\x1b[2J \xff\xc2\x9b \xe2\x80\xae \xc3\xa4"))
        self.assertIn("'{/:Bold a [2J \ufffd\ufffd \ufffd \u00e4}'", text)

    # --- pictures ---

    @unittest.skipUnless(shutil.which("gnuplot"), "gnuplot is not installed: scripts/setup test")
    def test_svg(self):
        result = self.draw(*self.runs, "-t", "a <b> & \"c\" it's {d_e}")
        self.assertEqual(result.out, "plot.svg\n")
        texts = self.texts("plot.svg")
        for text in [
            "a <b> & \"c\" it's {d_e}",
            "ppo, clip_range 0.2 (3 runs)",
            "ppo, clip_range 0.1",
            "rollout/ep_rew_mean",
            "train/approx_kl",
            "steps",
            "wall time [s]",
            "2k",
        ]:
            self.assertIn(text, texts)

    @unittest.skipUnless(shutil.which("gnuplot"), "gnuplot is not installed: scripts/setup test")
    def test_png(self):
        self.draw(*self.runs, "-o", "curves.png", "--width", "700", "--height", "500")
        width, height, colors = picture.read_png(self.folder / "curves.png")
        self.assertEqual((width, height), (700, 500))
        # muster can recognize its own file by a chunk of text in it, whose checksum is right
        data = (self.folder / "curves.png").read_bytes()
        at = data.index(b"tEXtSoftware\0made by muster")
        (length,) = struct.unpack(">I", data[at - 4 : at])
        (checksum,) = struct.unpack(">I", data[at + 4 + length : at + 8 + length])
        self.assertEqual(checksum, zlib.crc32(data[at : at + 4 + length]))
        self.draw(self.runs[0], "-o", "curves.png", "--width", "300", "--height", "300")
        self.assertEqual(picture.read_png(self.folder / "curves.png")[:2], (300, 300))
        # white background, and lines of both groups
        self.assertGreater(colors[255, 255, 255], 0.4 * width * height)
        self.assertGreater(colors.get(BLUE, 0), 100)
        self.assertGreater(colors.get(RED, 0), 100)

    @unittest.skipUnless(shutil.which("gnuplot"), "gnuplot is not installed: scripts/setup test")
    def test_many_runs(self):
        runs = []
        for i in range(20):
            runs.append(self.copy(f"many-{i}"))
            text = (runs[i] / "config.yaml").read_text(encoding="utf-8")
            text = text.replace("clip_range: 0.2", f"clip_range: 0.{i + 11}")
            (runs[i] / "config.yaml").write_text(text, encoding="utf-8")
        self.draw(*runs)
        texts = self.texts("plot.svg")
        for i in range(20):
            self.assertEqual(texts.count(f"ppo, clip_range {(i + 11) / 100}"), 1)

    # --- runs that lack something ---

    def test_list(self):
        out = self.draw(self.runs[0], self.runs[3], "--list").out
        self.assertRegex(out, r"^metric +run-0 +run-3\n")
        newest = float(column(self.runs[3], "rollout/ep_rew_mean")[-1])
        line = next(line for line in out.splitlines() if line.startswith("rollout/ep_rew_mean "))
        self.assertAlmostEqual(float(line.split()[2]), newest, delta=1e-4 * newest)
        self.assertRegex(out, r"(?m)^eval/mean_reward +- +-$")
        self.assertEqual(len(out.splitlines()), 1 + len(column_names(self.runs[0])))
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), [])

    def test_run_that_goes_on(self):
        run = self.copy("live")
        os.remove(run / "summary.json")
        lines = (run / "metrics.csv").read_text(encoding="utf-8").splitlines(keepends=True)
        (run / "metrics.csv").write_text("".join(lines[:11]) + lines[11][:25], encoding="utf-8")
        _, curves = self.script(run, "-m", "train/loss")
        self.assertEqual(len(curves[0, 0]), 10)

    def test_run_that_has_just_begun(self):
        run = self.copy("empty")
        header = (run / "metrics.csv").read_text(encoding="utf-8").splitlines(keepends=True)[0]
        for text in ["", header[:20], header]:
            (run / "metrics.csv").write_text(text, encoding="utf-8")
            result = self.plot(run, "-o", "none.svg")
            self.assertEqual(result.code, 1, result)
            self.assertIn("empty has no row of metrics yet", result.err)
            self.assertIn("there is nothing to draw yet", result.err)
            self.assertFalse((self.folder / "none.svg").exists())

        # if another run is given too, the empty one is left out, and a message says so
        result = self.draw(run, self.runs[3], "-o", "one.svg", env=self.fake("exec cat\n"))
        self.assertEqual(len(result.messages), 1)
        self.assertIn("empty has no row of metrics yet; it is left out", result.messages[0])

    def test_missing_values(self):
        run = self.copy("holes")
        text = (run / "metrics.csv").read_text(encoding="utf-8").splitlines()
        names = text[0].split(",")
        rows = [dict(zip(names, line.split(","))) for line in text[1:]]
        for i, row in enumerate(rows):
            row["train/loss"] = ["", "nan", "inf", "1.5"][i % 4]
            del row["train/approx_kl"]
        with open(run / "metrics.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        _, curves = self.script(run, self.runs[3])
        panels = {panel for panel, _ in curves}
        self.assertEqual(panels, {0, 1, 2, 3})
        self.assertEqual({value for _, value, _, _ in curves[2, 0]}, {1.5})
        self.assertEqual([group for panel, group in curves if panel == 3], [1])
        result = self.draw(run, self.runs[3], "-m", "train/approx_kl", env=self.fake("exec cat\n"))
        self.assertIn("holes has no value of train/approx_kl; it is left out there", result.err)
        self.assertRegex(self.draw(run, self.runs[3], "--list").out, r"(?m)^train/approx_kl +- +[\d.e+-]+$")

    # --- wrong use, and gnuplot ---

    def test_wrong_use(self):
        run = self.runs[0]
        for arguments, *parts in [
            ([], "expects at least one run folder"),
            ([run, "-o", "a.pdf"], "a.pdf", ".svg or .png"),
            ([run, "-x", "hours"], "--x: hours: expects steps or seconds"),
            ([run, "--band", "sem"], "--band: sem: expects std, minmax or none"),
            ([run, "--smooth", "0"], "--smooth: 0", "from 1 on"),
            ([run, "--width", "10"], "--width: 10", "from 300 on"),
            ([run, "--height", "10001"], "--height: 10001", "at most 10000"),
            ([run, "-m", "train/aprox_kl"], "train/aprox_kl", "'train/approx_kl'"),
            ([run, f"{run}/"], "is given twice"),
            ([self.folder], f"{self.folder} is not a run folder"),
            ([run / "metrics.csv"], "is not a run folder"),
        ]:
            with self.subTest(arguments=arguments):
                self.assert_refused(self.plot(*arguments), 2, *parts)
        self.assert_refused(self.plot(self.folder / "nowhere"), 1, "nowhere", "No such file")
        self.assertEqual(self.plot(run, "--wrong").code, 2)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_spoiled_metrics(self):
        run = self.copy("spoiled")
        with open(run / "metrics.csv", "a", encoding="utf-8") as file:
            file.write("1,2,3\n")
        self.assert_refused(self.plot(run), 1, "spoiled/metrics.csv:26: 3 values, but the header has")

    def test_gnuplot_missing(self):
        result = self.plot(self.runs[0], env={"PATH": str(self.folder)})
        self.assert_refused(result, 1, "gnuplot", "is not installed", "apt-get install gnuplot-nox")
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_gnuplot_fails(self):
        self.fake("")
        for script, part in [("echo 'no such terminal' >&2; exit 3\n", "(exit code 3): no such terminal"),
                             ("kill -9 $$\n", "killed by signal 9")]:
            result = self.plot(self.runs[0], "-o", "none.svg", env=self.fake(script))
            self.assert_refused(result, 1, "gnuplot", part)
            self.assertFalse((self.folder / "none.svg").exists())

    def test_whose_file_it_is(self):
        """A picture that muster made is replaced, a user's own file is not; devices, pipes and links stay what they
        are."""
        run, env = self.runs[0], self.fake("printf '<svg>%s</svg>' drawn\n")
        path = self.folder / "a.svg"
        for _ in range(2):
            self.assertEqual(self.draw(run, "-o", "a.svg", env=env).out, "a.svg\n")
        self.assertRegex(path.read_text(encoding="utf-8"), "^<svg>drawn</svg><!-- made by muster.* -->\n$")
        path.write_text("mine", encoding="utf-8")
        self.assert_refused(self.plot(run, "-o", "a.svg", env=env), 2, "--output: a.svg exists and was not made by muster")
        self.assertEqual(path.read_text(encoding="utf-8"), "mine")
        self.draw(run, "-o", "a.svg", "--force", env=env)
        self.assertIn("drawn", path.read_text(encoding="utf-8"))

        # through a link; to standard output, and nothing else is written there; and to a pipe
        (self.folder / "link.svg").symlink_to("a.svg")
        path.write_text("", encoding="utf-8")
        self.draw(run, "-o", "link.svg", env=env)
        self.assertTrue((self.folder / "link.svg").is_symlink())
        self.assertIn("drawn", path.read_text(encoding="utf-8"))
        (self.folder / "out").symlink_to("/proc/self/fd/1")  # like /dev/stdout, but not a file of the machine's own
        self.assertTrue(self.draw(run, "-o", "out", env=env).out.startswith("<svg>drawn</svg><!--"))
        os.mkfifo(self.folder / "pipe")
        reader = subprocess.Popen(["cat", self.folder / "pipe"], stdout=subprocess.PIPE)
        self.draw(run, "-o", "pipe", env=env)
        self.assertIn(b"drawn", reader.communicate(timeout=60)[0])
        self.assertTrue((self.folder / "pipe").is_fifo())
        self.assert_refused(self.plot(run, "-o", f"{self.folder}/bin/x.svg/", env=env), 2, "x.svg/")

    def test_output_that_cannot_be_written(self):
        result = self.plot(self.runs[0], "-o", "nowhere/a.svg", env=self.fake("exec cat\n"))
        self.assert_refused(result, 1, "nowhere/a.svg")


def column_names(run):
    with open(run / "metrics.csv", newline="", encoding="utf-8") as file:
        return next(csv.reader(file))


if __name__ == "__main__":
    program.main()
