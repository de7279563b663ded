#!/usr/bin/env python3
"""Runs Stable-Baselines3 and muster by turns on the same environment of Python, with rl-zoo's PPO for LunarLander-v3.

    bench/compare_gymnasium.py --python VENV [--muster build/muster] [--repeats 3] [--steps 65536] [--cores 1]

VENV has gymnasium, box2d and stable-baselines3, and is of the Python that muster was built with. Stable-Baselines3
steps its environments in its own process (DummyVecEnv) and in others (SubprocVecEnv). muster runs one rank on one
core, and on two cores two ranks, both of which act and learn. Both clocks run over the training alone, steps and
updates, from when Python, its packages and the environments are there: learn() of Stable-Baselines3, and wall_seconds
of muster's summary.json, which holds the making of networks and the writing of checkpoints and metrics, too. Prints a
line of steps per second for each, the medians over the repeats and their ranges, and the ratio of muster to the
better of the other two.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

# rl-zoo's settings of PPO for LunarLander
ZOO = {"n_envs": 16, "n_steps": 1024, "batch_size": 64, "n_epochs": 4, "gamma": 0.999, "gae_lambda": 0.98}

SB3_PROGRAM = """
import json, sys, time
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv

if __name__ == "__main__":
    zoo, kind, cores, steps = json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    torch.set_num_threads(cores)
    env = make_vec_env("LunarLander-v3", zoo.pop("n_envs"), vec_env_cls={"dummy": DummyVecEnv, "subproc": SubprocVecEnv}[kind])
    model = PPO("MlpPolicy", env, ent_coef=0.01, device="cpu", **zoo)
    start = time.perf_counter()
    model.learn(steps)
    print(model.num_timesteps / (time.perf_counter() - start))
"""

CONFIG = """\
seed: 1
total_steps: {steps}
env: {{name: "gymnasium:LunarLander-v3", num_envs: {n_envs}, python: {python}}}
policy: {{hidden_sizes: [64, 64], activation: tanh}}
ranks: {{colocate: {colocate}}}
algorithm: {{name: ppo, n_steps: {n_steps}, batch_size: {batch_size}, n_epochs: {n_epochs}, gamma: {gamma},
  gae_lambda: {gae_lambda}, ent_coef: 0.01, learning_rate: 0.0003, clip_range: 0.2}}
evaluation: {{episodes: 0}}
"""


def run_sb3(arguments, kind, folder):
    script = folder / "sb3.py"
    script.write_text(SB3_PROGRAM, encoding="utf-8")
    command = [arguments.python / "bin" / "python3", script, json.dumps(ZOO), kind, arguments.cores, arguments.steps]
    return float(run(arguments, command))


def run_muster(arguments, folder):
    config, folder = folder / "config.yaml", folder / "run"
    text = CONFIG.format(steps=arguments.steps, python=arguments.python, colocate=str(arguments.cores > 1).lower(), **ZOO)
    config.write_text(text, encoding="utf-8")
    launch = ["mpirun", "--bind-to", "none", "-n", arguments.cores] if arguments.cores > 1 else []
    run(arguments, [*launch, arguments.muster, "train", config, "--run-dir", folder])
    with open(folder / "summary.json", encoding="utf-8") as file:
        summary = json.load(file)
    return summary["total_steps"] / summary["wall_seconds"]


def run(arguments, command):
    """Runs a command on the first cores; returns the last line that it printed."""
    cores = ",".join(str(core) for core in sorted(os.sched_getaffinity(0))[: arguments.cores])
    command = [str(word) for word in ["taskset", "-c", cores, *command]]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{ran.stdout}{ran.stderr}")
    return (ran.stdout.strip().splitlines() or [""])[-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=pathlib.Path, required=True)
    parser.add_argument("--muster", type=pathlib.Path, default=pathlib.Path("build/muster"))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, default=65536)
    parser.add_argument("--cores", type=int, default=1)
    arguments = parser.parse_args()
    arguments.python, arguments.muster = arguments.python.resolve(), arguments.muster.resolve()
    speeds = {"DummyVecEnv": [], "SubprocVecEnv": [], "muster": []}
    for _ in range(arguments.repeats):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            speeds["DummyVecEnv"].append(run_sb3(arguments, "dummy", folder))
            speeds["SubprocVecEnv"].append(run_sb3(arguments, "subproc", folder))
            speeds["muster"].append(run_muster(arguments, folder))
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    for name, values in speeds.items():
        print(f"{name:14} {medians[name]:8.0f} steps/s ({min(values):.0f} to {max(values):.0f})")
    print(f"muster / the better of the others: {medians['muster'] / max(medians['DummyVecEnv'], medians['SubprocVecEnv']):.2f}")


if __name__ == "__main__":
    main()
