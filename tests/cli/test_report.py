"""muster report: the text of the page, and how a browser shows it."""

import fcntl
import html.parser
import os
import re
import shutil
import unittest

import picture
import program

BLUE = (0x00, 0x72, 0xB2)
CONFIG = program.SHORT.replace("evaluation: {episodes: 20}", "evaluation: {episodes: 2}")
NAME = "a <b>&\"c\" it's é <script>document.title = 1</script>"
VOID = ["meta", "link"]


class Page(html.parser.HTMLParser):
    """Checks that every tag is closed; keeps attributes and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.attributes, self.tags, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text += data


class Report(program.Case):
    @classmethod
    def setUpClass(cls):
        """Makes runs of two seeds at three ranks. No test changes them."""
        cls.shared = program.WORK / "shared"
        shutil.rmtree(cls.shared, ignore_errors=True)
        cls.shared.mkdir(parents=True)
        config = cls.shared / "config.yaml"
        config.write_text(CONFIG, encoding="utf-8")
        cls.runs = [cls.shared / name for name in ("one", "two")]
        for seed, run in enumerate(cls.runs, 1):
            arguments = ["train", config, "--run-dir", run, "--set", f"seed={seed}"]
            result = program.finish(program.start(arguments, 3))
            assert result.code == 0, result

    def report(self, *arguments, **keywords):
        result = program.finish(program.start(["report", *arguments], cwd=self.folder, **keywords))
        self.assertEqual(result.code, 0, result)
        return result

    def page(self, *arguments):
        """A page that is made without gnuplot: a mark stands for its picture."""
        folder = self.folder / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "gnuplot").write_text("#!/bin/sh\necho '<?xml?><svg><text>CURVES</text></svg>'\n", encoding="utf-8")
        (folder / "gnuplot").chmod(0o755)
        self.report(*arguments, env={"PATH": f"{folder}:/usr/bin:/bin"})
        return Page((self.folder / "report.html").read_text(encoding="utf-8"))

    def copy(self, name):
        target = self.folder / name
        shutil.copytree(self.runs[0], target, symlinks=True)
        return target

    # --- what it says ---

    def test_content(self):
        page = self.page(self.runs[0])
        summary = program.summary(self.runs[0])
        digest = self.run_muster("inspect", "--digest", self.runs[0]).out.strip()
        config = (self.runs[0] / "config.yaml").read_text(encoding="utf-8")
        for part in [
            "CartPole-v1, ppo",
            "finished",
            f"{summary['final_evaluation']['mean_return']:.2f} ± {summary['final_evaluation']['std_return']:.2f}",
            "CURVES",
            "rank 1 on " + program.HOST,
            re.search(r"muster \S+ \(.+\), started .+", config).group(),
            "step-000000006144.h5",
            f"mpirun -n 3 build/muster train {self.runs[0]}/config.yaml --run-dir",
            f"# here: {digest}",
            "algorithm.clip_range",
            "lin_" if "lin_" in config else "0.2",
        ]:
            self.assertIn(part, page.text)
        for stage in ["rollout", "wait", "gather", "update", "broadcast", "checkpoint", "evaluation"]:
            self.assertRegex(page.text, rf"{stage}\s*[\d.]+ s\s*[\d.]+ %")
        for key, value in summary["final_evaluation"].items():
            self.assertRegex(page.text, rf"final_evaluation, {key}{re.escape(f'{value:.10g}')}")

    def test_nothing_from_outside(self):
        page = self.page(*self.runs)
        self.assertNotIn("script", page.tags)
        self.assertNotIn("img", page.tags)
        self.assertIn(("meta", "http-equiv", "Content-Security-Policy"), page.attributes)
        for tag, name, value in page.attributes:
            if name in ["src", "href", "xlink:href", "action", "data"]:
                self.assertRegex(value, r"^(#|data:,$)", (tag, name))
            self.assertFalse(name.startswith("on"), (tag, name))
        text = (self.folder / "report.html").read_text(encoding="utf-8")
        self.assertNotIn("url(", text)
        self.assertNotIn("@import", text)

    def test_several_runs(self):
        page = self.page(*self.runs, "-t", "A comparison")
        self.assertIn("A comparison", page.text)
        self.assertIn("ppo (2 runs)", page.text)
        means = [program.summary(run)["final_evaluation"]["mean_return"] for run in self.runs]
        self.assertIn(f"{sum(means) / 2:.2f}", page.text)
        self.assertIn(f"{abs(means[0] - means[1]) / 2 ** 0.5:.2f}", page.text)
        # only the seed differs, and the two runs are linked
        differences = re.search(r"What differs(.*?)\none", page.text, re.S).group(1)
        self.assertEqual(differences.split(), ["optiononetwo", "seed12"])
        for number in (1, 2):
            self.assertIn(("a", "href", f"#run-{number}"), page.attributes)
            self.assertIn(("details", "id", f"run-{number}"), page.attributes)

    def test_escapes(self):
        name = NAME.replace("/", "")
        run = self.copy(name)
        with open(run / "config.yaml", "r+", encoding="utf-8") as file:
            text = file.read().replace("# ranks: 3", "# <i>&amp;</i>\n# ranks: 3")
            file.seek(0)
            file.write(text.replace("name: CartPole-v1", "name: '<u>&lt;'"))
        page = self.page(run, "-t", NAME)
        for part in [NAME, name, "<i>&amp;</i>", "<u>&lt;"]:
            self.assertIn(part, page.text)
        for tag in ["b", "i", "u", "script"]:
            self.assertNotIn(tag, page.tags)
        # the command for a shell works with this name, too
        self.assertIn("it'\\''s é", page.text)

    def test_bytes_that_are_no_text(self):
        run = os.fsencode(self.folder) + b"/\xff\x01 caf\xc3\xa9"
        shutil.copytree(os.fsencode(self.runs[0]), run, symlinks=True)
        self.assertIn("\ufffd\ufffd café", self.page(os.fsdecode(run)).text)
        title = os.fsdecode(b"a\x1b[2J\xc2\x9b\xe2\x80\xae\xff")
        self.assertIn("a\ufffd[2J\ufffd\ufffd\ufffd", self.page(self.runs[0], "-t", title).text)

    def test_generic_summary(self):
        """What a later version might write is shown, too: columns of stages, lists and objects."""
        run = self.copy("later")
        metrics = (run / "metrics.csv").read_text(encoding="utf-8")
        (run / "metrics.csv").write_text(metrics.replace("time/gather_seconds", "time/actor_wait_seconds"))
        summary = (run / "summary.json").read_text(encoding="utf-8")
        (run / "summary.json").write_text(summary.replace('"version"', '"per_rank": [{"at": 0, "wait": 1.5}, {"at": 1, "wait": 2.5, "<x>": 1}], "list": [7], "version"'))
        page = self.page(run)
        self.assertIn("actor wait", page.text)
        self.assertRegex(page.text, r"per_rank\s*atwait\s*01\.5\s*12\.5")
        self.assertIn("list 07", page.text)

    def test_whose_file_it_is(self):
        self.page(self.runs[0])
        self.assertIn("finished", self.page(self.runs[0]).text)  # its own page is replaced
        path = self.folder / "report.html"
        path.write_text("<p>mine</p>", encoding="utf-8")
        result = self.run_muster("report", self.runs[0])
        self.assert_refused(result, 2, "--output: report.html exists and was not made by muster", "--force")
        self.assertEqual(path.read_text(encoding="utf-8"), "<p>mine</p>")
        self.assertIn("finished", self.page(self.runs[0], "--force").text)
        # to standard output, through a link like /dev/stdout: the page, and nothing else
        (self.folder / "out").symlink_to("/proc/self/fd/1")
        out = self.report(self.runs[0], "-o", "out", env={"PATH": f"{self.folder / 'bin'}:/usr/bin:/bin"}).out
        self.assertTrue(out.startswith("<!DOCTYPE html>") and out.endswith("</html>\n"))
        self.assertTrue((self.folder / "out").is_symlink())

    # --- runs that lack something ---

    def test_run_that_goes_on(self):
        run = self.copy("live")
        os.utime(run / "metrics.csv")
        with open(run / ".lock", "r+", encoding="utf-8") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)
            page = self.page(run)
            self.assertIn("running", page.text)
            self.assertNotIn("finished", page.text)
        self.assertIn("finished", self.page(run).text)
        os.remove(run / "summary.json")
        page = self.page(run)
        self.assertIn("died", page.text)
        self.assertIn("There is no summary yet", page.text)

    def test_run_that_has_just_begun(self):
        run = self.folder / "fresh"
        run.mkdir()
        (run / "metrics.csv").write_text("", encoding="utf-8")
        page = self.page(run)
        for part in ["No run has a row of metrics yet", "There is none.", "# here: no checkpoint"]:
            self.assertIn(part, page.text)

    def test_damaged_checkpoint(self):
        run = self.copy("damaged")
        for path in (run / "checkpoints").glob("*.h5"):
            path.write_bytes(path.read_bytes()[:1000])
        self.assertRegex(self.page(run).text, r"# here: .*checkpoints")

    def test_wrong_use(self):
        for arguments, *parts in [
            ([], "expects at least one run folder"),
            ([self.runs[0], "--smooth", "-1"], "--smooth: -1"),
            ([self.folder], "is not a run folder"),
        ]:
            with self.subTest(arguments=arguments):
                self.assert_refused(self.run_muster("report", *arguments), 2, *parts)
        result = program.finish(program.start(["report", self.runs[0]], cwd=self.folder, env={"PATH": "/nowhere"}))
        self.assert_refused(result, 1, "apt-get install gnuplot-nox")
        self.assertEqual(list(self.folder.iterdir()), [])

    # --- in a browser ---

    @unittest.skipUnless(shutil.which("gnuplot"), "gnuplot is not installed: scripts/setup test")
    @unittest.skipUnless(picture.BROWSER, "there is no Chromium: scripts/setup check")
    def test_browser(self):
        run = self.copy(NAME.replace("/", ""))
        self.report(run, self.runs[1], "-t", NAME)
        path = self.folder / "report.html"
        dom, messages = picture.browse(path, self.folder, "--dump-dom")
        self.assertNotIn("CONSOLE", messages)
        page = Page(dom)
        for part in [NAME, "Results", "Curves", "What differs", "rollout/ep_rew_mean", "train/approx_kl", "ppo (2 runs)",
                     "Where time went", "How to repeat it", "Checkpoints", "rank 2 on " + program.HOST]:
            self.assertIn(part, page.text)
        self.assertEqual(page.tags.count("svg"), 1)
        self.assertGreater(page.tags.count("path"), 20)
        self.assertNotIn("script", page.tags)

        # the first screen has white background, letters, and the blue of the curve
        _, messages = picture.browse(path, self.folder, f"--screenshot={self.folder / 'shot.png'}", "--window-size=1000,1400")
        width, height, colors = picture.read_png(self.folder / "shot.png")
        self.assertEqual((width, height), (1000, 1400))
        self.assertGreater(colors[255, 255, 255], 0.3 * width * height)
        self.assertGreater(len(colors), 50)
        self.assertGreater(sum(n for color, n in colors.items() if sum(color) < 300), 2000)
        self.assertGreater(colors.get(BLUE, 0), 300)

    @unittest.skipUnless(picture.BROWSER, "there is no Chromium: scripts/setup check")
    def test_browser_would_complain(self):
        """The check above can fail: for a page that loads or runs something the browser writes a message to its
        console."""
        page = (self.write("bad.html", "<script>throw Error('x')</script>"))
        _, messages = picture.browse(page, self.folder, "--dump-dom")
        self.assertIn("CONSOLE", messages)


if __name__ == "__main__":
    program.main()
