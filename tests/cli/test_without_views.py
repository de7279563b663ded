"""muster built with MUSTER_VIEWS=OFF uses no library for terminals and pictures, and says so to a user who asks for
them."""

import subprocess

import program
import terminal


class WithoutViews(program.Case):
    def test_libraries(self):
        out = subprocess.run(["ldd", program.PROGRAM], check=True, capture_output=True, text=True).stdout
        self.assertIn("libhdf5", out)
        for library in ["cairo", "libgif", "ncurses"]:
            self.assertNotIn(library, out)

    def test_gif(self):
        run = self.train("run")
        before = program.listing(self.folder)
        result = self.run_muster("eval", run, "--gif", self.folder / "play.gif")
        self.assert_refused(result, 2, "this build of muster draws no pictures", "MUSTER_VIEWS=OFF")
        self.assertEqual(program.listing(self.folder), before)
        self.assertEqual(self.run_muster("eval", run, "--render").code, 0)

    def test_watch(self):
        run = self.train("run")
        for arguments in [[], ["--once"]]:  # if the output is a pipe, any build prints the state once
            result = self.run_muster("watch", run, *arguments)
            self.assertEqual((result.code, result.err), (0, ""), result)
            self.assertIn("finished: evaluation", result.out)
        shown = terminal.Terminal([program.PROGRAM, "watch", run], 120, 40, {"TERM": "vt52", "LC_ALL": "C.UTF-8"})
        self.addCleanup(shown.close)
        self.assertEqual(shown.end(), 2)
        self.assertIn(b"this build of muster has no live view", shown.output)


if __name__ == "__main__":
    program.main()
