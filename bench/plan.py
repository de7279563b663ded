#!/usr/bin/env python3
"""Compares the predictions of `muster plan` with real runs, at every number of ranks that this machine can run.

    bench/plan.py [--repeats 5] [--into docs/benchmarks.md]

For each setting it makes a plan (measured under mpirun with a rank for each of two cores) and then runs with 1, 2, 3, 4
and 8 ranks, as far as there are environments for them. They follow each other, so that other work on the machine
affects them alike. This is repeated as often as --repeats says. A run during which other processes were busy is made
again. The median iteration of a run counts. The table has the medians over the repetitions; the script ends with exit
code 1 when a prediction is more than 15 % off. With --into it replaces the text between the two marks in that file.
Needs nothing but Python 3.7 and a machine that is mostly quiet.
"""

import argparse
import csv
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import report

SOURCE = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = SOURCE / "build" / "muster"
MPIRUN = SOURCE / "tests" / "support" / "mpirun"
BEGIN = "<!-- begin: written by bench/plan.py -->"
RANKS = [1, 2, 3, 4, 8]
WORST = 0.15
QUIET = 0.1  # share of a core that all other processes together may take; if they take more, the run is made again
PATIENCE = 3600  # seconds after which a run gives up that has not found the machine quiet

LARGE = ["env.num_envs=512", "algorithm.n_steps=64", "algorithm.batch_size=8192"]
# a simulator that sleeps for a millisecond in each step; each actor has two of them
SLEEPING = ["env.name=Probe-v0", "env.options={step_seconds: 0.001}", "algorithm.n_steps=16"]

# name, config, arguments of --set, numbers of ranks, environments for each actor (0: as the config says); each run
# takes seconds
SETTINGS = [
    ("CartPole-v1, rl-zoo's: 8 envs, 20 epochs", "CartPole-v1/ppo-zoo.yaml", [], RANKS, 0),
    ("CartPole-v1, 512 envs, n_steps 64, batch 8192, 1 epoch", "CartPole-v1/ppo-zoo.yaml",
     LARGE + ["algorithm.n_epochs=1", "total_steps=4000000"], RANKS, 0),
    ("Pendulum-v1, 4 envs, n_steps 1024, 10 epochs", "Pendulum-v1/ppo.yaml", ["total_steps=200000"], RANKS, 0),
    ("Reacher6-v0, a slow environment: 64 envs, 1 epoch", "Reacher6-v0/ppo.yaml",
     ["algorithm.n_epochs=1", "total_steps=500000"], RANKS, 0),
    ("CartPole-v1, rl-zoo's, acting and learning in turn", "CartPole-v1/ppo-zoo.yaml", ["ranks.colocate=true"], [2], 0),
    ("CartPole-v1, 512 envs, 4 epochs, in turn", "CartPole-v1/ppo-zoo.yaml",
     LARGE + ["algorithm.n_epochs=4", "total_steps=3000000", "ranks.colocate=true"], [2], 0),
    ("CartPole-v1, 512 envs, 4 epochs, 2 learners", "CartPole-v1/ppo-zoo.yaml",
     LARGE + ["algorithm.n_epochs=4", "total_steps=3000000", "ranks.learners=2"], [3], 0),
    ("CartPole-v1, 512 envs, 1 epoch, pipelined", "CartPole-v1/ppo-zoo.yaml",
     LARGE + ["algorithm.n_epochs=1", "total_steps=4000000", "algorithm.pipeline=1"], [2, 3], 0),
    # an update takes a fifth of a millisecond: writing a row of metrics for each would be a good part of that
    ("CartPole-v1, impala", "CartPole-v1/impala.yaml", ["total_steps=1000000", "run.log_interval=20"], [2, 3], 0),
    ("Simulators that sleep 1 ms a step, pipelined", "CartPole-v1/ppo-zoo.yaml",
     SLEEPING + ["algorithm.batch_size=32", "algorithm.n_epochs=1", "algorithm.pipeline=1", "total_steps=4000"],
     [2, 3, 5, 9], 2),
    ("Simulators that sleep 1 ms a step, impala", "CartPole-v1/impala.yaml", SLEEPING + ["total_steps=4000"],
     [2, 3, 5, 9], 2),
]


def busy_seconds():
    """time in which all cores together have worked, or were kept from work by the host, since the machine started"""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _, _, irq, softirq, steal = [int(field) for field in file.readline().split()[1:9]]
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def with_others(work):
    """what work() returns, and the share of a core that processes which it did not start had meanwhile"""
    def others():
        own = resource.getrusage(resource.RUSAGE_CHILDREN)
        return busy_seconds() - own.ru_utime - own.ru_stime

    start, before = time.monotonic(), others()
    result = work()
    return result, (others() - before) / (time.monotonic() - start)


def run(command, sets, folder):
    """runs the command in a new folder until the machine did next to nothing else meanwhile; returns what it printed"""
    command = [str(part) for part in command]
    for assignment in sets:
        command += ["--set", assignment]
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if with_others(lambda: time.sleep(0.5))[1] > QUIET:
            continue
        shutil.rmtree(folder, ignore_errors=True)
        result, others = with_others(lambda: subprocess.run(command, check=True, capture_output=True, text=True))
        if others <= QUIET:
            return result.stdout
    sys.exit(f"plan.py: something else has kept the machine busy for {PATIENCE} s")


def plan(config, sets, ranks, envs_per_actor, folder):
    """number of ranks -> predicted steps per second"""
    if envs_per_actor > 0:
        sets = sets + [f"env.num_envs={envs_per_actor}"]
    planned = {}
    for most in sorted(ranks, reverse=True):
        # a plan shows some numbers of ranks, the largest one among them
        if most in planned:
            continue
        command = [MPIRUN, "-n", 2, PROGRAM, "plan", "--json", "--ranks", most, "--ranks-per-node", most]
        command += ["--config", config] + (["--envs-per-actor", envs_per_actor] if envs_per_actor > 0 else [])
        rows = json.loads(run(command, sets, folder))["rows"]
        planned.update({row["ranks"]: row["steps_per_second"] for row in rows if row["ranks"] in ranks})
    return dict(sorted(planned.items()))


def train(config, sets, ranks, envs_per_actor, folder):
    """steps per second of the median iteration of a run; where updates do not wait for rollouts, of its last four
    fifths"""
    # a row for every iteration, and no evaluations or checkpoints between them
    if not any(text.startswith("run.log_interval=") for text in sets):
        sets = sets + ["run.log_interval=1"]
    sets = sets + ["evaluation.every=0", "evaluation.episodes=1", "checkpoint.interval=0"]
    if envs_per_actor > 0:
        actors = max(1, ranks - 1)
        name, total = next(text.split("=") for text in sets if text.startswith("total_steps="))
        sets = [text for text in sets if not text.startswith(name)]
        sets += [f"env.num_envs={envs_per_actor * actors}", f"{name}={int(total) * actors}"]
    launcher = [MPIRUN, "-n", ranks] if ranks > 1 else []
    run(launcher + [PROGRAM, "train", config, "--run-dir", folder], sets, folder)
    with open(folder / "metrics.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    times = [float(row["time/time_elapsed"]) for row in rows]
    steps = [float(row["time/total_timesteps"]) for row in rows]
    if "train/policy_lag_mean" in rows[0]:
        first = len(rows) // 5
        return (steps[-1] - steps[first]) / (times[-1] - times[first])
    return statistics.median((steps[i] - steps[i - 1]) / (times[i] - times[i - 1]) for i in range(1, len(rows)))


def compare(setting, repeats, folder):
    """rows of the table and the largest deviation"""
    name, config, sets, numbers, envs_per_actor = setting
    config = SOURCE / "configs" / config
    planned, measured = [], []
    for _ in range(repeats):
        planned.append(plan(config, sets, numbers, envs_per_actor, folder))
        measured.append({ranks: train(config, sets, ranks, envs_per_actor, folder) for ranks in planned[-1]})
    lines, worst = [], 0
    for ranks in measured[0]:
        runs = [figures[ranks] for figures in measured]
        predicted, real = statistics.median(figures[ranks] for figures in planned), statistics.median(runs)
        off = predicted / real - 1
        worst = max(worst, abs(off))
        spread = f"{min(runs):,.0f} – {max(runs):,.0f}"
        lines.append(f"| {name} | {ranks} | {predicted:,.0f} | {real:,.0f} | {spread} | {off:+.1%} |")
    return lines, worst


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default="", help="settings whose name holds this text")
    parser.add_argument("--into", help="a Markdown file with the two marks")
    arguments = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="muster-plan-"))
    lines = ["| setting | ranks | predicted steps/s | measured steps/s, median | least – largest | off by |",
             "|---|--:|--:|--:|--:|--:|"]
    worst = 0
    try:
        for setting in SETTINGS:
            if arguments.only not in setting[0]:
                continue
            rows, off = compare(setting, arguments.repeats, folder / "run")
            lines += rows
            worst = max(worst, off)
            print("\n".join(rows), file=sys.stderr, flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    text = f"Measured on: {report.processor()}.\n\n" + "\n".join(lines)
    if arguments.into:
        report.replace(arguments.into, text, BEGIN)
    else:
        print(text)
    print(f"plan.py: the worst prediction is {worst:.1%} off", file=sys.stderr)
    sys.exit(1 if worst > WORST else 0)


if __name__ == "__main__":
    main()
