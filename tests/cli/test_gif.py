"""`muster eval --gif`: Pillow reads the file back."""

import json
import re
import subprocess
import sys

import program

READER = program.SOURCE / "tests" / "support" / "pillow.py"


def python_with_pillow():
    """An interpreter that has Pillow: this one, or the system's, for which Debian has a package; None if neither has
    it."""
    for python in [sys.executable, "/usr/bin/python3"]:
        done = subprocess.run([python, "-c", "import PIL"], stderr=subprocess.DEVNULL, check=False)
        if done.returncode == 0:
            return python
    return None


PYTHON = python_with_pillow()


def read_gif(path, color="000000", top=0, bottom=1):
    out = subprocess.run([PYTHON, READER, path, color, str(top), str(bottom)], check=True, capture_output=True).stdout
    return json.loads(out)


class Gif(program.Case):
    def evaluate(self, run, *arguments):
        result = self.run_muster("eval", run, *arguments, "--json")
        self.assertEqual(result.code, 0, result)
        return json.loads(result.out)

    def test_cartpole(self):
        run = self.train("run")
        path = self.folder / "play.gif"
        played = self.evaluate(run, "--episodes", "2", "--seed", "5", "--gif", path)
        self.assertEqual(played, self.evaluate(run, "--episodes", "2", "--seed", "5"))
        gif = read_gif(path, "000000", 300, 310)

        # a frame for each state, also the first one of each episode; at 50 steps of 0.02 s a second, repeated for ever
        self.assertEqual(gif["size"], [600, 400])
        self.assertEqual(gif["loop"], 0)
        self.assertEqual(len(gif["frames"]), 2 * played["mean_length"] + 2)
        self.assertEqual({frame["delay"] for frame in gif["frames"]}, {20})
        self.assertGreater(len({frame["digest"] for frame in gif["frames"]}), 20)

        # the cart is where the text says, as long as the whole cart is in the picture: it is 0.4 m wide, and the
        # picture shows 2.4 m to either side
        text = self.run_muster("eval", run, "--episodes", "2", "--seed", "5", "--render").out
        positions = [float(found) for found in re.findall(r"position ([-+0-9.]+) m", text)]
        self.assertEqual(len(positions), len(gif["frames"]))
        seen = [(position, frame) for position, frame in zip(positions, gif["frames"]) if abs(position) < 2.2]
        self.assertGreater(len(seen), len(positions) // 2)
        for position, frame in seen:
            self.assertAlmostEqual((frame["column"] + 0.5 - 300) / 125, position, delta=0.01)

    def test_environments(self):
        # the longer side has 600 pixels; the pace is that of the environment, in whole hundredths of a second
        for name, size, fps in [
            ("Acrobot-v1", [600, 600], 5),
            ("MountainCar-v0", [600, 400], 30),
            ("MountainCarContinuous-v0", [600, 400], 30),
            ("Pendulum-v1", [600, 600], 20),
            ("Reacher6-v0", [600, 600], 50),
            ("FrozenLake-v1", [600, 600], 4),
            ("Minesweeper-v0", [600, 600], 4),
        ]:
            with self.subTest(name):
                run = self.folder / name
                config = self.write("a.yaml", f"env: {{name: {name}, num_envs: 4}}\ntotal_steps: 256\n"
                                    "algorithm: {name: ppo, n_steps: 32, batch_size: 64}\nevaluation: {episodes: 1}\n"
                                    "policy: {hidden_sizes: [8]}\n")
                result = self.run_muster("train", config, "--run-dir", run)
                self.assertEqual(result.code, 0, result)
                path = self.folder / f"{name}.gif"
                self.evaluate(run, "--gif", path, "--max-frames", "60", "--stochastic")
                gif = read_gif(path)
                frames = gif["frames"]
                self.assertEqual(gif["size"], size)
                self.assertGreater(len(frames), 1)
                self.assertLessEqual(len(frames), 60)
                self.assertEqual(sum(frame["delay"] for frame in frames), 10 * round(100 * len(frames) / fps))
                self.assertLessEqual({frame["delay"] for frame in frames}, {10 * (100 // fps), 10 * (100 // fps + 1)})
                self.assertGreater(len({frame["digest"] for frame in frames}), 1)

    def test_options(self):
        run = self.train("run")
        path = self.folder / "play.gif"
        result = self.run_muster("eval", run, "--gif", path, "--max-frames", "7", "--fps", "8", "--episodes", "3")
        self.assertEqual(result.code, 0, result)
        self.assertIn(f"{path}: 7 frames, 8 a second", result.out)
        self.assertIn("stopped after 7 frames (--max-frames)", result.out)
        self.assertEqual([frame["delay"] for frame in read_gif(path)["frames"]], [130, 120, 130, 120, 130, 120, 130])

        # a file that muster made is replaced, a user's own file is not
        self.assertEqual(self.run_muster("eval", run, "--gif", path, "--max-frames", "3").code, 0)
        self.assertEqual(len(read_gif(path)["frames"]), 3)
        path.write_bytes(path.read_bytes().replace(b"made by muster", b"made by myself"))
        self.assertEqual(len(read_gif(path)["frames"]), 3)

        # nothing is overwritten, and nothing is left behind where writing is impossible
        (self.folder / "out").symlink_to("/proc/self/fd/1")
        before = program.listing(self.folder)
        self.assert_refused(self.run_muster("eval", run, "--gif", path), 2, path, "exists and was not made by muster")
        self.assert_refused(self.run_muster("eval", run, "--gif", "out"), 2, "out is standard output")
        nowhere = self.folder / "nowhere" / "play.gif"
        self.assert_refused(self.run_muster("eval", run, "--gif", nowhere), 1, nowhere.parent, "No such file")
        self.assert_refused(self.run_muster("eval", run, "--gif", "new.gif", "--fps", "51"), 2, "at most 50")
        self.assertEqual(program.listing(self.folder), before)
        self.assertEqual(self.run_muster("eval", run, "--gif", path, "--max-frames", "2", "--force").code, 0)
        self.assertEqual(len(read_gif(path)["frames"]), 2)

    def test_isolated(self):
        run = self.train("run", "--set", "env.isolation=process")
        path = self.folder / "play.gif"
        played = self.evaluate(run, "--gif", path)
        self.assertEqual(len(read_gif(path)["frames"]), played["mean_length"] + 1)

    def test_an_environment_without_pictures(self):
        config = "env: {name: Bandit-v0, num_envs: 4}\ntotal_steps: 64\nalgorithm: {n_steps: 16, batch_size: 64}\n"
        run = self.train("run", config=config)
        before = program.listing(self.folder)
        result = self.run_muster("eval", run, "--gif", "play.gif")
        self.assert_refused(result, 2, "Bandit-v0 has no pictures", "--render shows its text")
        self.assertEqual(program.listing(self.folder), before)


if __name__ == "__main__":
    if PYTHON is None:
        print("skipped: no Python has Pillow (Debian's python3-pil)")
        sys.exit(77)
    program.main()
