"""`muster eval --render`: episodes as text, on a terminal and elsewhere."""

import os
import pty
import re

import program


def run_on_terminal(arguments, term):
    """Runs muster on a terminal; returns what it writes and its exit code."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = term
        os.execv(program.PROGRAM, [program.PROGRAM, *map(str, arguments)])
    out = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break  # muster has closed its side of the terminal
        if not piece:
            break
        out += piece
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), out.decode()


class Render(program.Case):
    def test_frames(self):
        run = self.train("run")
        plain = self.run_muster("eval", run, "--seed", "3", "--episodes", "2")
        result = self.run_muster("eval", run, "--seed", "3", "--episodes", "2", "--render")
        self.assertEqual(result.code, 0, result)
        self.assertNotIn("\033", result.out)
        self.assertTrue(result.out.endswith(plain.out), result)

        # each state of each episode, also the last one, with the sum of rewards so far
        captions = re.findall(r"(?m)^CartPole-v1, episode (\d), step (\d+), reward (\d), return (\d+)(.*)$", result.out)
        for number in ["1", "2"]:
            episode = [caption for caption in captions if caption[0] == number]
            for step, caption in enumerate(episode):
                self.assertEqual(caption[1:4], (str(step), "1" if step > 0 else "0", str(step)))
                self.assertEqual(caption[4] != "", step == len(episode) - 1, caption)
            self.assertIn(episode[-1][4], [", terminated", ", truncated"])
        returns = [int(caption[3]) for caption in captions if caption[4] != ""]
        self.assertIn(f"return {sum(returns) / 2:13.2f}", plain.out)
        angles = [float(angle) for angle in re.findall(r"angle ([-+0-9.]+) degrees", result.out)]
        self.assertEqual(len(angles), len(captions))

    def test_terminal(self):
        run = self.train("run")
        show = ["eval", run, "--render", "--fps", "1000", "--max-frames", "4"]
        code, out = run_on_terminal(show, "xterm")
        self.assertEqual(code, 0, out)
        self.assertEqual(out.count("\033[H"), 4)
        self.assertEqual(out.count("step 3, "), 1)
        code, out = run_on_terminal(show, "dumb")
        self.assertEqual(code, 0, out)
        self.assertNotIn("\033", out)
        self.assertEqual(out.count("CartPole-v1, episode 1, step"), 4)

    def test_isolated(self):
        run = self.train("run", "--set", "env.isolation=process")
        result = self.run_muster("eval", run, "--render", "--max-frames", "3")
        self.assertEqual(result.code, 0, result)
        self.assertEqual(result.out.count("position"), 3)

    def test_wrong_use(self):
        run = self.train("run")
        self.assert_refused(self.run_muster("eval", run, "--render", "--json"), 2, "give one")
        self.assert_refused(self.run_muster("eval", run, "--fps", "3"), 2, "go with --render or --gif")
        self.assert_refused(self.run_muster("eval", run, "--render", "--max-frames", "0"), 2, "--max-frames: 0")
        probe = self.train("probe", config="env: {name: Probe-v0, num_envs: 4}\ntotal_steps: 64\n"
                           "algorithm: {n_steps: 16, batch_size: 64}\n")
        self.assert_refused(self.run_muster("eval", probe, "--render"), 2, "Probe-v0 has no text to show")


if __name__ == "__main__":
    program.main()
