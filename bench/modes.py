#!/usr/bin/env python3
"""Compares the ways in which ranks can work together: in turn, in step, pipelined, asynchronously.

    bench/modes.py [--repeats 5] [--only together] [--into docs/benchmarks.md]

together: two ranks that act and learn in turn (ranks.colocate) against one rank with the same settings; the parameters
of both must be the same to the last bit. scaling: steps a second with 1, 2, 4 and 8 actors whose simulator sleeps 1 ms
a step; the rate of n actors is compared with n times that of one actor. stragglers: which share of their steps a second
the other actors keep when one actor's environments are ten times slower, and which share all keep when the times of
steps have a heavy tail.

Where ranks compute, a repetition does not count, and is made again, if other processes took more than a twentieth of a
core meanwhile. The runs of a repetition follow each other, and ratios are made within it, so that other work on the
machine affects both sides alike; the tables have medians over the repetitions. An actor's steps a second come from its
trace, from the end of its first iteration to the end of its last. With --into the script replaces the text between the
part's two marks in that file. Needs nothing but Python 3.7 and a quiet machine with two cores: ranks that sleep need no
core of their own.
"""

import argparse
import json
import os
import pathlib
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
BEGIN = "<!-- begin: written by bench/modes.py, {} -->"

# how much of a core other processes may take, and how often a repetition is tried until they take no more
MOST_OTHERS, TRIES = 0.05, 30

QUIET = ["evaluation.every=0", "evaluation.episodes=1", "checkpoint.interval=0"]

# together: name, arguments of --set; each run takes a second or more
TOGETHER = [
    ("batch 8192", ["algorithm.batch_size=8192", "total_steps=3000000"]),
    ("batch 256", ["algorithm.batch_size=256", "total_steps=2000000"]),
    ("batch 64", ["algorithm.batch_size=64", "total_steps=1000000"]),
]
TOGETHER_SETS = ["env.num_envs=512", "algorithm.n_steps=64", "algorithm.n_epochs=4"]

# actors with a slow simulator: each steps ENVS environments, one after another; a rollout has STEPS steps of each
ENVS, STEPS, STEP_SECONDS = 4, 16, 0.001
PPO = {"name": "ppo", "n_steps": STEPS, "batch_size": ENVS * STEPS, "n_epochs": 1}
MODES = [
    ("in step", PPO),
    ("pipelined", {**PPO, "pipeline": 1}),
    ("asynchronous, impala", {"name": "impala", "n_steps": STEPS, "batch": ENVS}),
]
ACTORS = [1, 2, 4, 8]
STRAGGLER_MODES = MODES + [("in step, straggler_fraction 0.75", {**PPO, "straggler_fraction": 0.75})]

# stragglers: name, options of the environment, and the actors whose steps are compared
STRAGGLED = 4
STRAGGLERS = [
    ("no straggler", {}, range(STRAGGLED)),
    ("the last actor tenfold slower", {"slow_envs": ENVS * (STRAGGLED - 1), "slow_factor": 10}, range(STRAGGLED - 1)),
    ("heavy tails (Pareto, exponent 1.5, the same mean)", {"step_tail": 1.5}, range(STRAGGLED)),
]


def run(command):
    command = [str(part) for part in command]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"modes.py: exit code {done.returncode} of {' '.join(command)}\n{done.stderr}")
    return done.stdout


def train(config, sets, ranks, folder, *arguments):
    """trains in a fresh folder"""
    shutil.rmtree(folder, ignore_errors=True)
    launcher = [MPIRUN, "-n", ranks] if ranks > 1 else []
    for assignment in sets + QUIET:
        arguments += ("--set", assignment)
    run(launcher + [PROGRAM, "train", config, "--run-dir", folder, *arguments])


def spread(values, form):
    return f"{min(values):{form}} – {max(values):{form}}"


def cpu_seconds_of_others():
    """CPU time of all processes since the machine started, without this process and the children that it has waited
    for"""
    words = pathlib.Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()
    user, nice, system, _, _, interrupt, soft_interrupt, stolen = (int(word) for word in words[1:9])
    busy = (user + nice + system + interrupt + soft_interrupt + stolen) / os.sysconf("SC_CLK_TCK")
    return busy - sum(os.times()[:4])


def undisturbed(measure):
    """what `measure` returns, from a call during which other processes left the machine alone"""
    for _ in range(TRIES):
        others, start = cpu_seconds_of_others(), time.monotonic()
        measured = measure()
        share = (cpu_seconds_of_others() - others) / (time.monotonic() - start)
        if share <= MOST_OTHERS:
            return measured
        print(f"modes.py: other processes took {share:.0%} of a core: once more", file=sys.stderr, flush=True)
    raise SystemExit("modes.py: the machine is not quiet enough to measure")


# --- two ranks in turn ---


def one_and_two(sets, folder):
    """steps per second of one rank and of two in turn, which learn the same"""
    config = SOURCE / "configs" / "CartPole-v1" / "ppo-zoo.yaml"
    speeds, digests = [], []
    for ranks, layout in [(1, []), (2, ["ranks.colocate=true"])]:
        train(config, TOGETHER_SETS + sets + layout, ranks, folder)
        speeds.append(json.loads((folder / "summary.json").read_text(encoding="utf-8"))["steps_per_second"])
        digests.append(run([PROGRAM, "inspect", folder, "--digest"]))
    if digests[0] != digests[1]:
        raise SystemExit(f"modes.py: one rank and two learn something else with {' '.join(sets)}")
    return speeds


def together(repeats, folder):
    lines = ["CartPole-v1, `configs/CartPole-v1/ppo-zoo.yaml` with 512 environments, n_steps 64, 4 epochs: one rank, and two with "
             f"`ranks.colocate: true`. {repeats} repetitions; the parameters of each pair were the same to the last bit.", "",
             "| minibatch | one rank, steps/s | two in turn, steps/s | times as fast | least – largest |",
             "|---|--:|--:|--:|--:|"]
    for name, sets in TOGETHER:
        pairs = [undisturbed(lambda: one_and_two(sets + [f"seed={seed}"], folder)) for seed in range(1, repeats + 1)]
        ratios = [two / one for one, two in pairs]
        one, two = (statistics.median(speeds) for speeds in zip(*pairs))
        lines.append(f"| {name} | {one:,.0f} | {two:,.0f} | {statistics.median(ratios):.3f} | {spread(ratios, '.3f')} |")
        print(lines[-1], file=sys.stderr, flush=True)
    return lines


# --- actors with a slow simulator ---


def slow_config(mode, actors, options, seed, iterations):
    """a config in JSON, which is valid YAML"""
    return json.dumps({
        "seed": seed,
        "total_steps": actors * ENVS * STEPS * iterations,
        "env": {"name": "Probe-v0", "num_envs": actors * ENVS, "options": {"step_seconds": STEP_SECONDS, **options}},
        "algorithm": mode,
    })


def act(mode, actors, options, seed, iterations, folder):
    """for each actor: its steps a second, and the share of its time that its rollouts took"""
    config = folder.parent / "slow.yaml"
    config.write_text(slow_config(mode, actors, options, seed, iterations), encoding="utf-8")
    train(config, ["run.trace_iterations=100000"], actors + 1, folder, "--trace")
    events = json.loads((folder / "trace.json").read_text(encoding="utf-8"))["traceEvents"]
    figures = []
    for rank in range(1, actors + 1):
        spans = [event for event in events if event["ph"] == "X" and event["tid"] == rank]
        turns = [event for event in spans if event["name"] == "iteration"]
        start, end = (event["ts"] + event["dur"] for event in (turns[0], turns[-1]))
        acting = sum(event["dur"] for event in spans if event["name"] == "rollout" and start <= event["ts"] < end)
        steps = sum(event["args"]["steps"] for event in turns[1:])
        figures.append((steps / (end - start) * 1e6, acting / (end - start)))
    return figures


def scaling(repeats, folder):
    lines = [f"Probe-v0 whose steps sleep {1000 * STEP_SECONDS:.0f} ms, {ENVS} environments for each actor, one after another, {STEPS} steps of "
             f"each in a rollout; a learner and 1 to 8 actors on two cores. {repeats} repetitions. An actor alone in its "
             "rollouts would make a little less than 1,000 steps/s: a sleep takes somewhat longer than it is asked to.", "",
             "| mode | actors | steps/s | share of as many times one actor | least – largest | actors' time in rollouts |",
             "|---|--:|--:|--:|--:|--:|"]
    for name, mode in MODES:
        speeds, shares = {}, {}
        for seed in range(1, repeats + 1):
            for actors in ACTORS:
                figures = act(mode, actors, {}, seed, 40, folder)
                speeds.setdefault(actors, []).append(sum(speed for speed, _ in figures))
                shares.setdefault(actors, []).append(statistics.mean(share for _, share in figures))
        for actors in ACTORS:
            ratios = [many / (actors * one) for many, one in zip(speeds[actors], speeds[1])]
            lines.append(f"| {name} | {actors} | {statistics.median(speeds[actors]):,.0f} | {statistics.median(ratios):.1%} | "
                         f"{spread(ratios, '.1%')} | {statistics.median(shares[actors]):.1%} |")
        print("\n".join(lines[-len(ACTORS):]), file=sys.stderr, flush=True)
    return lines


def stragglers(repeats, folder):
    lines = [f"The same environments and rollouts, {STRAGGLED} actors: steps/s of the actors that are no stragglers, and what they keep of those without one. "
             f"{repeats} repetitions.", "",
             "| mode | times of steps | steps/s of the others | kept | least – largest | their time in rollouts |",
             "|---|---|--:|--:|--:|--:|"]
    for name, mode in STRAGGLER_MODES:
        speeds, shares = {}, {}
        for seed in range(1, repeats + 1):
            for case, options, counted in STRAGGLERS:
                figures = act(mode, STRAGGLED, options, seed, 20, folder)
                speeds.setdefault(case, []).append(statistics.mean(figures[i][0] for i in counted))
                shares.setdefault(case, []).append(statistics.mean(figures[i][1] for i in counted))
        for case, _, counted in STRAGGLERS:
            kept = [with_it / without for with_it, without in zip(speeds[case], speeds[STRAGGLERS[0][0]])]
            lines.append(f"| {name} | {case} | {len(counted) * statistics.median(speeds[case]):,.0f} | {statistics.median(kept):.1%} | "
                         f"{spread(kept, '.1%')} | {statistics.median(shares[case]):.1%} |")
        print("\n".join(lines[-len(STRAGGLERS):]), file=sys.stderr, flush=True)
    return lines


PARTS = {"together": together, "scaling": scaling, "stragglers": stragglers}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", choices=PARTS, help="this part alone")
    parser.add_argument("--into", help="a Markdown file with two marks for each part")
    arguments = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="muster-modes-"))
    try:
        for part in [arguments.only] if arguments.only else PARTS:
            lines = PARTS[part](arguments.repeats, folder / "run")
            text = "\n".join([f"Measured on: {report.processor()}.", ""] + lines)
            if arguments.into:
                report.replace(arguments.into, text, BEGIN.format(part))
            else:
                print(text + "\n")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
