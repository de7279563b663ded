#!/usr/bin/env python3
"""Runs Stable-Baselines3 and muster by turns: PPO on a MuJoCo task, with the same hyper-parameters, on the same cores.

    bench/compare_mujoco.py --plugin build/mujoco.so [--muster build/muster] [--tasks Hopper-v5,HalfCheetah-v5]
                            [--rounds 3] [--steps 60000] [--cores 2] [--venv DIR] [-o table.md]

Stable-Baselines3 steps Gymnasium's environments, both in its own process (DummyVecEnv) and in a process for each
(SubprocVecEnv); muster steps those of examples/plugin-mujoco, on one rank and on one for each core. The table has the
median steps a second of each, and how many times as fast the better form of muster is as the better one of
Stable-Baselines3, in the median and at worst of the rounds. Exit code 3 when Stable-Baselines3 cannot be installed.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

import compare_sb3

SETTING = {"n_envs": 8, "n_steps": 256, "batch_size": 64, "n_epochs": 10, "gamma": 0.99, "gae_lambda": 0.95,
           "learning_rate": 0.0003, "clip_range": 0.2}

SB3_PROGRAM = r"""
import json, sys, time
import torch
import stable_baselines3
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecNormalize

if __name__ == "__main__":
    setting, task, form = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3]
    steps = int(sys.argv[4])
    torch.set_num_threads(1)  # more threads only cost time with networks as small as these
    kind = SubprocVecEnv if form == "SubprocVecEnv" else DummyVecEnv
    env = VecNormalize(make_vec_env(task, n_envs=setting.pop("n_envs"), seed=1, vec_env_cls=kind))
    model = PPO("MlpPolicy", env, seed=1, device="cpu", verbose=0, **setting)
    start = time.perf_counter()
    model.learn(steps)
    print(json.dumps({"rate": model.num_timesteps / (time.perf_counter() - start),
                      "version": f"{stable_baselines3.__version__}, PyTorch {torch.__version__}"}))
    env.close()
"""

MUSTER_CONFIG = """
env: {{plugin: {plugin}, name: {task}, num_envs: {n_envs}}}
normalize: {{norm_obs: true, norm_reward: true}}
algorithm: {{name: ppo, n_steps: {n_steps}, batch_size: {batch_size}, n_epochs: {n_epochs}, gamma: {gamma},
            gae_lambda: {gae_lambda}, learning_rate: {learning_rate}, clip_range: {clip_range}}}
evaluation: {{episodes: 0}}
"""


def on_cores(cores):
    """what pins a child process to the first cores"""
    chosen = sorted(os.sched_getaffinity(0))[:cores]
    return lambda: os.sched_setaffinity(0, chosen)


def finish(who, done):
    if done.returncode != 0:
        sys.exit(f"compare_mujoco: {who} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def run_sb3(python, folder, task, form, options):
    program = os.path.join(folder, "sb3.py")
    with open(program, "w") as file:
        file.write(SB3_PROGRAM)
    command = [python, program, json.dumps(SETTING), task, form, str(options.steps)]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=on_cores(options.cores))
    return json.loads(finish("Stable-Baselines3", done).splitlines()[-1])


def run_muster(folder, task, ranks, options):
    config, run_dir = os.path.join(folder, "ppo.yaml"), tempfile.mkdtemp(dir=folder)
    with open(config, "w") as file:
        file.write(MUSTER_CONFIG.format(plugin=os.path.abspath(options.plugin), task=task, **SETTING))
    launcher = [] if ranks == 1 else ["mpirun", "--oversubscribe", "-n", str(ranks)]
    command = [*launcher, os.path.abspath(options.muster), "train", config, "--run-dir", os.path.join(run_dir, "run"),
               "--set", f"total_steps={options.steps}"]
    if ranks > 1:
        command += ["--set", "ranks.colocate=true"]
    finish("muster", subprocess.run(command, capture_output=True, text=True, preexec_fn=on_cores(options.cores)))
    with open(os.path.join(run_dir, "run", "summary.json")) as file:
        summary = json.load(file)
    return {"rate": summary["total_steps"] / summary["wall_seconds"], "version": summary["version"]}


def measure(python, folder, task, options):
    """one round: name of a form -> its result"""
    found = {form: run_sb3(python, folder, task, form, options) for form in ("DummyVecEnv", "SubprocVecEnv")}
    for ranks in sorted({1, options.cores}):
        found[f"muster, {ranks} rank{'s' if ranks > 1 else ''}"] = run_muster(folder, task, ranks, options)
    print(task, {form: round(one["rate"]) for form, one in found.items()}, file=sys.stderr)
    return found


def ratio(found):
    best = [max(one["rate"] for form, one in found.items() if ("muster" in form) == ours) for ours in (True, False)]
    return best[0] / best[1]


def write_table(file, results, options):
    first = next(iter(results.values()))[0]
    forms = list(first)
    file.write(f"PPO, {options.steps} steps, {SETTING['n_envs']} environments, {options.cores} cores, "
               f"{options.rounds} rounds in alternation; medians of steps a second\n\n")
    file.write(f"Stable-Baselines3 {first['DummyVecEnv']['version']}; muster {first[forms[-1]]['version']}\n\n")
    file.write(f"| task | {' | '.join(forms)} | times as fast, median | at worst |\n{'|---' * (len(forms) + 3)}|\n")
    for task, rounds in results.items():
        rates = [f"{statistics.median(found[form]['rate'] for found in rounds):.0f}" for form in forms]
        ratios = [ratio(found) for found in rounds]
        file.write(f"| {task} | {' | '.join(rates)} | {statistics.median(ratios):.1f} | {min(ratios):.1f} |\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plugin", required=True, help="the built examples/plugin-mujoco")
    parser.add_argument("--muster", default="build/muster")
    parser.add_argument("--tasks", default="Hopper-v5,HalfCheetah-v5")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=60000)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--venv", help="a virtual environment to use and keep")
    parser.add_argument("-o", "--output", help="write the table here, too")
    options = parser.parse_args()
    for path in (options.muster, options.plugin):
        if not os.path.exists(path):
            sys.exit(f"compare_mujoco: there is no {path}")
    folder = tempfile.mkdtemp(prefix="compare-mujoco-")
    try:
        python = compare_sb3.prepare_sb3(os.path.abspath(options.venv or os.path.join(folder, "venv")))
        if python is None:
            sys.exit(3)
        if subprocess.run([python, "-c", "import mujoco, imageio"], capture_output=True).returncode != 0:
            packages = ["-m", "pip", "install", "--quiet", "gymnasium[mujoco]"]
            finish("pip", subprocess.run([python, *packages], capture_output=True, text=True))
        results = {task: [measure(python, folder, task, options) for _ in range(options.rounds)]
                   for task in options.tasks.split(",")}
        write_table(sys.stdout, results, options)
        if options.output:
            with open(options.output, "w") as file:
                write_table(file, results, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
