#!/usr/bin/env python3
"""Trains the same tasks with algorithms that learn values and with algorithms that learn a policy, and prints the table
of docs/algorithms/value-or-policy.md.

    bench/value_or_policy.py [--seeds 10] [--only CartPole-v1] [--algorithm ppo] [--keep DIR] [--muster build/muster]

A task is solved at the first evaluation whose mean return reaches the bar. Evaluations come every so many steps (they
are listed with the tasks below), each of 100 episodes with the most probable or most valued action. Seconds are those
of one core up to then, without the evaluations: the wall time times the share of its core that the whole run had, so
they hardly depend on what else the machine does. A run that does not solve its task within its config's total_steps
counts as infinite in the medians. With --keep the run folders stay in DIR, and runs that are already there are only
read.
"""
import argparse
import csv
import math
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parent.parent

# environment, bar, steps between evaluations, configs
TASKS = [
    ("CartPole-v1", 475, 1000, ["dqn", "pqn", "ppo", "a2c"]),
    ("Acrobot-v1", -100, 2000, ["dqn", "ppo"]),
    ("Pendulum-v1", -180, 1000, ["sac", "td3", "ddpg", "ppo"]),
    ("MountainCarContinuous-v0", 90, 5000, ["sac", "ppo"]),
]
EPISODES = 100


def train(command, folder):
    """Trains into the folder, and notes there which share of a core it had."""
    shutil.rmtree(folder, ignore_errors=True)
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, check=True, capture_output=True, cwd=SOURCE)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - begin
    busy = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    (folder / "share-of-core").write_text(f"{busy / wall}\n")


def until_solved(muster, config, bar, every, episodes, seed, folder):
    """steps and seconds until the task is solved; both infinite if it never is"""
    if not (folder / "share-of-core").exists():
        train([str(muster), "train", str(config), "--run-dir", str(folder), "--set", f"seed={seed}",
               "--set", f"evaluation.every={every}", "--set", f"evaluation.episodes={episodes}"], folder)
    share = float((folder / "share-of-core").read_text())
    evaluated = 0.0
    with open(folder / "metrics.csv", newline="") as file:
        for row in csv.DictReader(file):
            evaluated += float(row["time/evaluation_seconds"] or 0)
            if row["eval/mean_reward"] and float(row["eval/mean_reward"]) >= bar:
                return int(row["time/total_timesteps"]), share * (float(row["time/time_elapsed"]) - evaluated)
    return math.inf, math.inf


def shown(value, form):
    return format(value, form) if math.isfinite(value) else "never"


def measure(options, folder, task, name):
    """One row of the table."""
    environment, bar, every, _ = task
    config = SOURCE / "configs" / environment / f"{name}.yaml"
    results = [until_solved(options.muster.resolve(), config, bar, every, EPISODES, seed,
                            folder / environment / name / str(seed)) for seed in range(1, options.seeds + 1)]
    steps, seconds = zip(*results)
    solved = sum(math.isfinite(value) for value in steps)
    print(f"| {environment} | {bar} | `{name}` | {solved} of {options.seeds} | "
          f"{shown(statistics.median(steps), ',.0f')} | {shown(max(steps), ',.0f')} | "
          f"{shown(statistics.median(seconds), '.2f')} | {shown(max(seconds), '.2f')} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", action="append", help="an environment; may be given several times")
    parser.add_argument("--algorithm", action="append", help="an algorithm; may be given several times")
    parser.add_argument("--keep", type=pathlib.Path, help="where run folders stay")
    parser.add_argument("--muster", type=pathlib.Path, default=SOURCE / "build" / "muster")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print("| environment | bar | algorithm | solved | steps, median | worst | seconds, median | worst |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="muster-value-or-policy-") as temporary:
        for task in TASKS:
            for name in task[3]:
                if task[0] in (options.only or [task[0]]) and name in (options.algorithm or [name]):
                    measure(options, options.keep or pathlib.Path(temporary), task, name)


if __name__ == "__main__":
    main()
