"""Event files that the real TensorBoard reads back: tags, steps and values, hyper-parameters, histograms, resumed
runs."""

import contextlib
import csv
import json
import os
import re
import signal
import struct
import subprocess
import time
import urllib.request

import events
import packages
import program

READER = program.SOURCE / "tests" / "support" / "tensorboard_reader.py"

# the tags that Stable-Baselines3's PPO logs for Box actions with an EvalCallback
SB3_TAGS = {
    "eval/mean_ep_length",
    "eval/mean_reward",
    "rollout/ep_len_mean",
    "rollout/ep_rew_mean",
    "time/fps",
    "time/iterations",
    "time/time_elapsed",
    "time/total_timesteps",
    "train/approx_kl",
    "train/clip_fraction",
    "train/clip_range",
    "train/clip_range_vf",
    "train/entropy_loss",
    "train/explained_variance",
    "train/learning_rate",
    "train/loss",
    "train/n_updates",
    "train/policy_gradient_loss",
    "train/std",
    "train/value_loss",
}

BOX = """\
seed: 3
total_steps: 2048
env: {name: Probe-v0, num_envs: 4, options: {action_space: box, episode_length: 7}}
policy: {hidden_sizes: [16]}
algorithm: {name: ppo, n_steps: 32, batch_size: 64, n_epochs: 2, learning_rate: lin_0.001, clip_range_vf: 0.2}
evaluation: {every: 512, episodes: 3}
"""

# slow enough to be killed between two checkpoints
SLOW = """\
seed: 3
total_steps: 12288
env: {name: Probe-v0, num_envs: 8, options: {obs_dim: 4, sleep_us: 100, episode_length: 11}}
policy: {hidden_sizes: [16]}
algorithm: {name: ppo, n_steps: 16, batch_size: 64, n_epochs: 2, learning_rate: lin_0.001}
evaluation: {episodes: 2}
checkpoint: {every: 2048, interval: 0}
"""


def parameters(run):
    """The values of every parameter in the newest checkpoint, by name."""
    command = [program.TENSORS, str(run / "checkpoints" / "latest")]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = {}
    for line in lines.splitlines():
        name, kind, _, content = line.split("\t")
        if kind == "float32" and re.match("(trunk|policy|value)/", name):
            found[name] = [value for (value,) in struct.iter_unpack("<f", bytes.fromhex(content))]
    return found


class Case(program.Case):
    @classmethod
    def setUpClass(cls):
        cls.python = packages.python_with("tensorboard==2.21.0")

    def start_reader(self, mode, run):
        return subprocess.Popen(
            [self.python, "-EB", str(READER), mode, str(run)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish_reader(self, process, text=""):
        out, err = process.communicate(text, timeout=program.LIMIT)
        self.assertEqual(process.returncode, 0, err)
        return json.loads(out.splitlines()[-1])

    def read(self, run):
        """The events of each file of a run."""
        return self.finish_reader(self.start_reader("events", run))

    def assert_says_what_metrics_say(self, run):
        """Every row of metrics.csv is there once, in its order, with the same values."""
        rows = [(event["step"], event["scalars"]) for file in self.read(run) for event in file if event["scalars"]]
        self.assertEqual(rows, events.rows_of_metrics(run))
        self.assertEqual(rows, events.rows(run))


class EventFiles(Case):
    def test_scalars(self):
        before = time.time()
        run = self.train("run", config=BOX)
        after = time.time()
        self.assert_says_what_metrics_say(run)
        [file] = self.read(run)
        self.assertEqual(file[0]["version"], "brain.Event:2")
        times = [event["wall_time"] for event in file]
        self.assertEqual(times, sorted(times))
        self.assertTrue(before <= times[0] and times[-1] <= after)
        tags = {tag for event in file for tag in event["scalars"]}
        self.assertLessEqual(SB3_TAGS, tags)
        with open(run / "metrics.csv", newline="", encoding="utf-8") as table:
            self.assertLessEqual(tags, set(csv.DictReader(table).fieldnames))
        last = next(event["scalars"] for event in reversed(file) if event["scalars"])
        [log_std] = parameters(run)["policy/log_std"]
        self.assertAlmostEqual(last["train/std"], 2.718281828459045**log_std, places=6)

    def test_hyperparameters(self):
        run = self.train("run", config=BOX)
        [file] = self.read(run)
        [start] = [event["start"] for event in file if "start" in event]
        expected = {
            "seed": 3,
            "total_steps": 2048,
            "env.name": "Probe-v0",
            "env.options.action_space": "box",
            "env.options.episode_length": 7,
            "policy.hidden_sizes": "[16]",
            "algorithm.name": "ppo",
            "algorithm.n_steps": 32,
            "algorithm.gamma": 0.99,
            "algorithm.learning_rate": "lin_0.001",
            "algorithm.clip_range": 0.2,
            "algorithm.normalize_advantage": True,
            "normalize.norm_obs": False,
        }
        self.assertEqual({key: start.get(key) for key in expected}, expected)
        # options that are null, and options that have no influence on what is learned
        for absent in ["algorithm.target_kl", "run.dir", "checkpoint.every", "evaluation.every", "ranks.kernels"]:
            self.assertNotIn(absent, start)
        [end] = [event["end"] for event in file if "end" in event]
        self.assertEqual(end["status"], 1)  # STATUS_SUCCESS
        self.assertEqual(file[-1]["end"], end)

    def test_histograms(self):
        run = self.train("run", "--set", "run.histograms=4", config=BOX)
        self.assert_says_what_metrics_say(run)
        [file] = self.read(run)
        series = {}
        for event in file:
            for tag, histogram in event["histograms"].items():
                series.setdefault(tag, []).append((event["step"], histogram))
        expected = parameters(run)
        tags = {f"{group}/{name}" for group in ["parameters", "gradients"] for name in expected} | {"rollout/actions"}
        self.assertEqual(set(series), tags)
        for tag, points in series.items():
            self.assertEqual([step for step, _ in points], [512, 1024, 1536, 2048], tag)
            for _, histogram in points:
                self.assertEqual(sum(histogram["count"]), histogram["num"])
                self.assertEqual(len(histogram["count"]), len(histogram["limit"]))
                self.assertEqual(histogram["limit"], sorted(histogram["limit"]))
                self.assertEqual(histogram["limit"][-1], histogram["max"])
        # the last histograms are of the parameters in the last checkpoint
        for name, values in expected.items():
            last = series[f"parameters/{name}"][-1][1]
            self.assertEqual((last["num"], last["min"], last["max"]), (len(values), min(values), max(values)))
            self.assertAlmostEqual(last["sum"], sum(values), places=9)
            self.assertAlmostEqual(last["sum_squares"], sum(value * value for value in values), places=9)
        self.assertEqual(series["rollout/actions"][0][1]["num"], 4 * 32)

    def test_histograms_of_choices(self):
        """Two elements of Discrete actions, each with its counts."""
        config = BOX.replace("action_space: box", "action_space: multi_discrete").replace(", clip_range_vf: 0.2", "")
        run = self.train("run", "--set", "run.histograms=16", config=config, ranks=3)
        [file] = self.read(run)
        [found] = [event for event in file if "rollout/actions/0" in event["histograms"]]
        self.assertEqual(found["step"], 2048)
        actions = [tag for event in file for tag in event["histograms"] if tag.startswith("rollout/")]
        self.assertGreater(len(actions), 1)
        histogram = found["histograms"]["rollout/actions/0"]
        self.assertEqual((histogram["min"], sum(histogram["count"])), (0, 4 * 32))

    def test_stopped_and_resumed(self):
        """One file for each process, no row twice, and an end record only if the run came to its end."""
        run = self.train("run", "--set", "total_steps=1024", config=BOX)
        [first] = self.read(run)
        self.assertIn("end", first[-1])
        self.train("run", "--resume", config=BOX, ranks=3)
        self.assert_says_what_metrics_say(run)
        first, second = self.read(run)
        self.assertEqual([event["step"] for event in second if event.get("restart")], [1025])
        self.assertEqual([event["step"] for event in first + second if "end" in event], [2048])

    def test_stopped(self):
        path = self.write("run.yaml", BOX)
        result = self.run_muster("train", path, "--run-dir", self.folder / "run", "--set", "run.time_limit=0.001")
        self.assertEqual(result.code, 75, result)
        self.assert_says_what_metrics_say(self.folder / "run")
        [file] = self.read(self.folder / "run")
        self.assertNotIn("end", file[-1])

    def kill_between_checkpoints(self, config, run, *arguments):
        """Starts or resumes a run, and kills it when it has written rows after its newest checkpoint."""
        process = program.start(["train", config, "--run-dir", run, *arguments], None, self.folder)
        begin = len(events.rows(run)) if run.exists() else 0
        give_up = time.monotonic() + program.LIMIT
        newest = written = 0
        while not (written >= begin + 20 and 0 < newest <= (written - 4) * 128):
            self.assertIsNone(process.poll(), "ended before it was killed")
            self.assertLess(time.monotonic(), give_up)
            steps = [int(path.stem[5:]) for path in (run / "checkpoints").glob("step-*.h5")]
            newest = max(steps, default=0)
            with contextlib.suppress(OSError):
                written = len((run / "metrics.csv").read_text(encoding="utf-8").splitlines()) - 1
        process.send_signal(signal.SIGKILL)
        program.finish(process)
        # the files have rows beyond the newest checkpoint, which the resumed run has to take back
        newest = max(int(path.stem[5:]) for path in (run / "checkpoints").glob("step-*.h5"))
        with open(run / "metrics.csv", newline="", encoding="utf-8") as table:
            self.assertGreater(max(int(row["time/total_timesteps"]) for row in csv.DictReader(table)), newest)

    def test_killed_and_resumed(self):
        """Also as seen by a TensorBoard that has read the rows before they were taken back, and goes on reading."""
        config, run = self.write("slow.yaml", SLOW), self.folder / "run"
        self.kill_between_checkpoints(config, run)
        with self.start_reader("live", run) as live:
            self.assertEqual(live.stdout.readline(), "read\n", "the reader ended")
            self.kill_between_checkpoints(config, run, "--resume")
            result = self.run_muster("train", config, "--run-dir", run, "--resume", ranks=3)
            self.assertEqual(result.code, 0, result)
            shown = self.finish_reader(live, "\n")
        self.assert_says_what_metrics_say(run)
        self.assertEqual(len(self.read(run)), 3)
        rows = events.rows_of_metrics(run)
        for tag in ["train/loss", "time/time_elapsed"]:
            self.assertEqual(shown["scalars"][tag], [[step, scalars[tag]] for step, scalars in rows], tag)
        self.assertEqual(shown["start"]["env.name"], "Probe-v0")

    def test_without(self):
        run = self.train("run", "--set", "run.tensorboard=false", config=BOX)
        self.assertEqual(events.files(run), [])
        path = self.write("run.yaml", BOX)
        arguments = ["--set", "run.tensorboard=false", "--set", "run.histograms=1"]
        result = self.run_muster("train", path, "--run-dir", self.folder / "none", *arguments)
        self.assert_refused(result, 2, "run.histograms", "run.tensorboard: true")

    def test_switched_off(self):
        """Rows that are taken back disappear from the event files, too, when the run is resumed without event files."""
        config, run = self.write("slow.yaml", SLOW), self.folder / "run"
        self.kill_between_checkpoints(config, run)
        result = self.run_muster("train", config, "--run-dir", run, "--resume", "--set", "run.tensorboard=false")
        self.assertEqual(result.code, 0, result)
        rows = events.rows(run)
        self.assertEqual(rows, events.rows_of_metrics(run)[: len(rows)])
        self.assertEqual(rows[-1][0] % 2048, 0)


class Server(Case):
    """TensorBoard itself, as `tensorboard --logdir` starts it over a folder of runs, with each of its readers."""

    def start_server(self, *arguments):
        log = open(self.folder / "server.log", "w+", encoding="utf-8")
        self.addCleanup(log.close)
        command = [self.python, "-E", "-m", "tensorboard.main", "--logdir", self.folder, "--host", "127.0.0.1", "--port", "0"]
        process = subprocess.Popen([*command, *arguments], stdout=log, stderr=log, start_new_session=True)
        self.addCleanup(process.wait)
        self.addCleanup(os.killpg, process.pid, signal.SIGKILL)
        give_up = time.monotonic() + program.LIMIT
        while True:
            found = re.search(r"http://127\.0\.0\.1:\d+/", (self.folder / "server.log").read_text(encoding="utf-8"))
            if found:
                return found.group() + "data/"
            self.assertIsNone(process.poll(), (self.folder / "server.log").read_text(encoding="utf-8"))
            self.assertLess(time.monotonic(), give_up, "the server does not say its address")
            time.sleep(0.1)

    def ask(self, url, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=program.LIMIT) as answer:
            return json.load(answer)

    def check_tabs(self, url):
        give_up = time.monotonic() + program.LIMIT
        while sorted(self.ask(url + "runs")) != ["a", "b"]:
            self.assertLess(time.monotonic(), give_up, "the runs do not appear")
            time.sleep(0.1)
        rows = events.rows_of_metrics(self.folder / "a")
        shown = self.ask(url + "plugin/scalars/scalars?run=a&tag=train/value_loss")
        self.assertEqual([point[1:] for point in shown], [[step, row["train/value_loss"]] for step, row in rows])
        shown = self.ask(url + "plugin/histograms/histograms?run=a&tag=parameters/policy/0/weight")
        self.assertEqual([point[1] for point in shown], [1024, 2048])
        experiment = self.ask(url + "plugin/hparams/experiment", {"experimentName": ""})
        differs = {info["name"]: info["differs"] for info in experiment["hparamInfos"]}
        self.assertEqual((differs["algorithm.gamma"], differs["seed"]), (True, False))
        metrics = {info["name"]["tag"] for info in experiment["metricInfos"]}
        self.assertLessEqual(SB3_TAGS, metrics)
        body = {"startIndex": 0, "sliceSize": 9, "colParams": [], "allowedStatuses": ["STATUS_SUCCESS"]}
        groups = self.ask(url + "plugin/hparams/session_groups", body)["sessionGroups"]
        self.assertEqual({group["name"]: group["hparams"]["algorithm.gamma"] for group in groups}, {"a": 0.99, "b": 0.9})
        [a] = [group for group in groups if group["name"] == "a"]
        values = {metric["name"]["tag"]: metric["value"] for metric in a["metricValues"]}
        self.assertEqual(values["rollout/ep_rew_mean"], rows[-1][1]["rollout/ep_rew_mean"])

    def test_tabs(self):
        self.train("a", "--set", "run.histograms=8", config=BOX)
        self.train("b", "--set", "algorithm.gamma=0.9", config=BOX)
        for reader in ["--load_fast=false", "--load_fast=true"]:
            with self.subTest(reader=reader):
                self.check_tabs(self.start_server(reader))


if __name__ == "__main__":
    packages.main()
