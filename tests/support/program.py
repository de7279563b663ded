"""What tests of the program share: they run it alone and under mpirun, have folders of their own, and read the files of
a run.

CTest sets the MUSTER_ variables below. Every test method works in a folder of its own, so tests may run at the same
time.
"""

import csv
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest

import events

PROGRAM = os.environ["MUSTER_PROGRAM"]
SOURCE = pathlib.Path(os.environ["MUSTER_SOURCE"])
WORK = pathlib.Path(os.environ["MUSTER_WORK"])
TENSORS = os.environ["MUSTER_TENSORS"]
ACT = os.environ["MUSTER_ACT"]
POLICY_LIBRARY = os.environ["MUSTER_POLICY_LIBRARY"]
PLUGINS = pathlib.Path(os.environ["MUSTER_PLUGINS"])
SANITIZED = os.environ["MUSTER_SANITIZED"] == "1"
MPIRUN = str(SOURCE / "tests" / "support" / "mpirun")
HOST = socket.gethostname()

# a program that trains several runs in the same ranks, on nodes that the test chooses (tests/mpi/train_in_turn.c)
TRAIN_IN_TURN = os.environ.get("MUSTER_TRAIN_IN_TURN")

# seconds, only so that nothing hangs: no test comes near it
LIMIT = 240

# rl-zoo's settings for CartPole, cut short, and without schedules, so that total_steps decides nothing but the end
SHORT = """\
seed: 1
total_steps: 6144
env:
  name: CartPole-v1
  num_envs: 8
algorithm:
  name: ppo
  n_steps: 32
  batch_size: 256
  n_epochs: 20
  gamma: 0.98
  gae_lambda: 0.8
  learning_rate: 0.001
  clip_range: 0.2
evaluation: {episodes: 20}
"""


class Result:
    """How a program ended. `messages` are its own lines on standard error, without those of mpirun."""

    def __init__(self, command, code, out, err, seconds):
        self.command, self.code, self.out, self.err, self.seconds = command, code, out, err, seconds
        self.messages = [line for line in err.splitlines() if line.startswith("muster")]

    def __str__(self):
        return f"{' '.join(self.command)}\nexit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


# a shell that starts tests in the background lets them ignore these signals; then muster would ignore them, too
for _signal in [signal.SIGINT, signal.SIGHUP]:
    if signal.getsignal(_signal) == signal.SIG_IGN:
        signal.signal(_signal, signal.SIG_DFL)


def command_line(arguments, ranks=None):
    launcher = [] if ranks is None else [MPIRUN, "-n", str(ranks)]
    return launcher + [PROGRAM] + [str(argument) for argument in arguments]


def finish(process, limit=LIMIT):
    """Waits for a process that has pipes. If it takes longer than the limit, ends it; mpirun then ends its ranks."""
    start = time.monotonic()
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
        try:
            out, err = process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
        raise AssertionError(f"still running after {limit} s: {' '.join(process.args)}\n{out}\n{err}") from None
    return Result(process.args, process.returncode, out, err, time.monotonic() - start)


def start(arguments, ranks=None, cwd=None, prefix=(), env=None):
    """Starts muster with these arguments, under mpirun if `ranks` is given; `prefix` comes before the whole command."""
    return start_command([*prefix, *command_line(arguments, ranks)], cwd, env)


def start_command(command, cwd=None, env=None):
    return subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def copy_scripts(folder):
    """Copies the scripts into a folder and links the program there, as after a build; setup and build do nothing."""
    folder = pathlib.Path(folder)
    shutil.copytree(SOURCE / "scripts", folder / "scripts", dirs_exist_ok=True)
    for name in ["setup", "build"]:
        (folder / "scripts" / name).write_text("#!/bin/sh\n", encoding="utf-8")
    (folder / "build").mkdir(exist_ok=True)
    if not (folder / "build" / "muster").exists():
        (folder / "build" / "muster").symlink_to(PROGRAM)


_layouts_seen = set()


def leaks_where_new(*layout):
    """Environment variables of a run: the sanitizers look for leaks only in the first run of each layout, since the
    search takes as long as the run."""
    if not SANITIZED or layout not in _layouts_seen:
        _layouts_seen.add(layout)
        return None
    return {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


def listing(folder):
    """Every path below a folder with what it holds, to see whether anything has changed."""
    content = {}
    for path in sorted(pathlib.Path(folder).rglob("*")):
        if path.is_symlink():
            content[str(path)] = "link to " + os.readlink(path)
        else:
            content[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
    return content


def contents(checkpoint):
    """Every tensor of a checkpoint: name -> (type, shape, bytes)."""
    lines = subprocess.run([TENSORS, str(checkpoint)], check=True, capture_output=True, text=True).stdout
    found = {}
    for line in lines.splitlines():
        name, kind, shape, content = line.split("\t")
        found[name] = (kind, shape, bytes.fromhex(content))
    return found


def tensors(checkpoint):
    """The same as contents(), with digests instead of the bytes."""
    found = contents(checkpoint)
    return {name: (kind, shape, hashlib.sha256(data).hexdigest()) for name, (kind, shape, data) in found.items()}


def learned(run):
    """The tensors of a run's newest checkpoint that must not depend on where and how fast it ran."""
    found = tensors(run / "checkpoints" / "latest")
    measured = ["progress/wall_seconds", "progress/solved_seconds"]
    # the numbers of files, and how often the run ended, which its recorded schedule says
    files = ["replay/segments/number", "progress/recorded_rows"]
    return {name: tensor for name, tensor in found.items() if name not in measured + files}


def rows(run):
    """The rows of metrics.csv."""
    with open(run / "metrics.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def metrics(run):
    """The rows of metrics.csv without the columns that are measured times."""
    counts = ["time/iterations", "time/total_timesteps"]
    return [{k: v for k, v in row.items() if k in counts or not k.startswith("time/")} for row in rows(run)]


def summary(run):
    return json.loads((run / "summary.json").read_text(encoding="utf-8"))


def ranks_of(marker):
    """Process ids of this build's program whose command line holds `marker`, by their rank (0 without mpirun)."""
    found = {}
    for folder in pathlib.Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if os.path.realpath(folder / "exe") != os.path.realpath(PROGRAM):
                continue
            if str(marker).encode() not in (folder / "cmdline").read_bytes().split(b"\0"):
                continue
            rank = re.search(rb"(?:^|\0)OMPI_COMM_WORLD_RANK=(\d+)", (folder / "environ").read_bytes())
        except OSError:
            continue  # the process has just ended, or belongs to another user
        found[int(rank.group(1)) if rank else 0] = int(folder.name)
    return found


class Case(unittest.TestCase):
    maxDiff = 4000

    def setUp(self):
        self.folder = WORK / self.id()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def run_muster(self, *arguments, ranks=None, prefix=(), limit=LIMIT):
        return finish(start(arguments, ranks, self.folder, prefix), limit)

    def train(self, run, *arguments, config=SHORT, ranks=None):
        """Trains into self.folder / run, which must succeed."""
        path = self.write(f"{run}.yaml", config)
        command = command_line(["train", path, "--run-dir", self.folder / run, *arguments], ranks)
        layout = [argument for argument in arguments if str(argument).startswith("ranks.")]
        return self._succeed(run, command, leaks_where_new(ranks, *layout))

    def train_on(self, nodes, run, config, *arguments):
        """The same with ranks on these nodes, a digit for each rank (support/everywhere.h)."""
        return self.train_all([(run, config, nodes, arguments)])[0]

    def train_all(self, runs):
        """Trains several runs, each given as (name, config, ranks, arguments) with `ranks` as in train() or train_on(),
        which must succeed. Ranks are started once for all runs that have the same, which takes far less time. Returns
        the run folders."""
        lines = {}
        for run, config, ranks, arguments in runs:
            path = self.write(f"{run}.yaml", config)
            words = [path, self.folder / run, *arguments]
            lines.setdefault(ranks, []).append(" ".join(str(word) for word in words))
        for ranks, list_of_runs in lines.items():
            nodes = [ranks] if isinstance(ranks, str) else []
            launch = [] if ranks is None else [MPIRUN, "-n", str(len(ranks) if nodes else ranks)]
            path = self.write("list", "\n".join(list_of_runs) + "\n")
            command = [*launch, TRAIN_IN_TURN, str(path), *nodes]
            self._succeed(runs[0][0], command, leaks_where_new("in turn", ranks), LIMIT + 20 * len(list_of_runs))
        return [self.folder / run for run, *_ in runs]

    def _succeed(self, run, command, env, limit=LIMIT):
        result = finish(start_command(command, self.folder, env), limit)
        self.assertEqual(result.code, 0, result)
        return self.folder / run

    def assert_same_run(self, a, b):
        """Checks that two runs learned the same, bit for bit, and wrote the same metrics and results."""
        self.assertEqual(learned(a), learned(b))
        self.assertEqual(metrics(a), metrics(b))
        self.assertEqual(events.rows(b), events.rows_of_metrics(b))
        for key in ["total_steps", "mean_return", "std_return", "solved_at_steps", "final_evaluation"]:
            self.assertEqual(summary(a)[key], summary(b)[key], key)

    def assert_same_layouts(self, configs, layouts):
        """Checks that each config, by its name, learns in every layout, (ranks, arguments), what one rank learns.
        `layouts` may be a dict with those of each config. Returns the run folders of one rank, by name."""
        layouts_of = layouts if isinstance(layouts, dict) else {name: layouts for name in configs}
        cases = [(name, number, *layout) for name in configs for number, layout in enumerate(layouts_of[name])]
        alone = dict(zip(configs, self.train_all([(name, text, None, []) for name, text in configs.items()])))
        runs = self.train_all([(f"{name}-{number}", configs[name], ranks, sets) for name, number, ranks, sets in cases])
        for (name, _, ranks, sets), run in zip(cases, runs):
            with self.subTest(name=name, ranks=ranks, sets=sets):
                self.assert_same_run(run, alone[name])
        return alone

    def assert_resumes_like(self, whole, config, ending, befores, afters):
        """Checks that runs which end early, by the option `ending`, and go on in another layout, (ranks, arguments), end
        like `whole`, for each layout before and after."""
        pairs = [(b, a) for b in range(len(befores)) for a in range(len(afters))]
        names = [f"from-{before}-to-{after}" for before, after in pairs]
        self.train_all([(name, config, befores[before][0], [*befores[before][1], "--set", ending])
                        for name, (before, _) in zip(names, pairs)])
        runs = self.train_all([(name, config, afters[after][0], [*afters[after][1], "--resume"])
                               for name, (_, after) in zip(names, pairs)])
        for (before, after), run in zip(pairs, runs):
            with self.subTest(before=befores[before], after=afters[after]):
                self.assert_same_run(run, whole)

    def assert_nobody_left(self, marker):
        """No process of the program whose command line holds `marker` is alive any more. On a busy machine a rank may end
        after mpirun, and those whose mpirun was killed need time to notice that."""
        start = time.monotonic()
        while ranks_of(marker):
            self.assertLess(time.monotonic() - start, LIMIT, f"processes left: {ranks_of(marker)}")
            time.sleep(0.01)

    def assert_refused(self, result, code, *parts):
        """Checks that the program ended with this exit code and one message that has all the parts."""
        self.assertEqual(result.code, code, result)
        self.assertEqual(len(result.messages), 1, result)
        for part in parts:
            self.assertIn(str(part), result.messages[0], result)


def main():
    """unittest's main; if all tests were skipped, exit code 77 tells CTest so."""
    outcome = unittest.main(exit=False).result
    sys.stdout.flush()
    if not outcome.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if outcome.skipped and len(outcome.skipped) >= outcome.testsRun else 0)
