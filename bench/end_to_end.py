#!/usr/bin/env python3
"""Times whole training runs of muster and prints the tables of docs/benchmarks.md, "End to end".

    bench/end_to_end.py [--seeds 20] [--repeats 5]

The first table times `scripts/train configs/CartPole-v1/ppo.yaml` as a user runs it when muster is already built. It
has two times, both from the start of the command, so both include the launch by mpirun: until the mean return of the
last 100 episodes reaches 475, and until the command has ended. The second table times settings with larger batches on
one core, without mpirun.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parent.parent
CONFIG = SOURCE / "configs" / "CartPole-v1"

SETTINGS = [
    ("rl-zoo's: 8 envs, n_steps 32, batch 256, 20 epochs", "ppo-zoo.yaml", []),
    ("512 envs, n_steps 64, batch 8192, 4 epochs", "ppo-zoo.yaml",
     ["total_steps=3000000", "env.num_envs=512", "algorithm.n_steps=64", "algorithm.batch_size=8192",
      "algorithm.n_epochs=4"]),
    ("the same, 1 epoch", "ppo-zoo.yaml",
     ["total_steps=6000000", "env.num_envs=512", "algorithm.n_steps=64", "algorithm.batch_size=8192",
      "algorithm.n_epochs=1"]),
    ("shared trunk 32, 32, 32, 4096 envs, n_steps 32, batch 16384, 1 epoch", "ppo-zoo.yaml",
     ["total_steps=15000000", "env.num_envs=4096", "algorithm.n_steps=32", "algorithm.batch_size=16384",
      "algorithm.n_epochs=1", "policy.share_trunk=true", "policy.hidden_sizes=[32, 32, 32]"]),
]


def one_core():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def run(command, folder, sets, **options):
    """runs a training command in a fresh folder; returns its wall time and its summary"""
    shutil.rmtree(folder, ignore_errors=True)
    command = [str(part) for part in command] + ["--run-dir", str(folder)]
    for assignment in sets:
        command += ["--set", assignment]
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=SOURCE, **options)
    seconds = time.perf_counter() - start
    return seconds, json.loads((folder / "summary.json").read_text())


def spread(values, digits):
    return f"{statistics.median(values):.{digits}f} | {min(values):.{digits}f} | {max(values):.{digits}f}"


def time_to_solve(folder, seeds):
    solved, ended, steps, returns = [], [], [], []
    for seed in range(1, seeds + 1):
        wall, summary = run(["scripts/train", CONFIG / "ppo.yaml"], folder, [f"seed={seed}"])
        if summary["solved_at_seconds"] is None:
            raise SystemExit(f"seed {seed} was not solved")
        # the time outside of the training itself lies before it, except for the final evaluation and the exit
        solved.append(wall - summary["wall_seconds"] + summary["solved_at_seconds"])
        ended.append(wall)
        steps.append(summary["solved_at_steps"])
        returns.append(summary["final_evaluation"]["mean_return"])
    print(f"`scripts/train configs/CartPole-v1/ppo.yaml`, {summary['ranks']} ranks, seeds 1 to {seeds}\n")
    print("| | median | least | largest |\n|---|---|---|---|")
    print(f"| seconds from the command until solved, mpirun included | {spread(solved, 3)} |")
    print(f"| seconds from the command to the prompt | {spread(ended, 3)} |")
    print(f"| steps until solved | {spread(steps, 0)} |")
    print(f"| return of the final evaluation, 100 episodes | {spread(returns, 1)} |")


def throughput(folder, repeats):
    print("\n| setting, one core | steps/s, median | least | largest | seconds, median |\n|---|---|---|---|---|")
    for name, config, sets in SETTINGS:
        runs = [run(["build/muster", "train", CONFIG / config], folder, sets + [f"seed={seed}"],
                    preexec_fn=one_core)[1] for seed in range(1, repeats + 1)]
        print(f"| {name} | {spread([s['steps_per_second'] for s in runs], 0)} | "
              f"{statistics.median(s['wall_seconds'] for s in runs):.2f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="muster-end-to-end-"))
    try:
        time_to_solve(folder / "run", options.seeds)
        throughput(folder / "run", options.repeats)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
