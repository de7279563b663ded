#!/usr/bin/env python3
"""Runs Stable-Baselines3 and muster by turns, on the same problem, with the same hyper-parameters, on the same machine.

    bench/compare_sb3.py [--muster build/muster] [--seeds 3] [--steps 100000] [--venv DIR] [-o table.md]

pip installs Stable-Baselines3 into a temporary virtual environment (or into the one that --venv names, which is kept).
Both sides train PPO on CartPole-v1 with rl-zoo's hyper-parameters on one core and are evaluated over 100 deterministic
episodes. The table has the medians over the seeds, the ranges, and the ratio of the times of paired runs. Exit code 3
when Stable-Baselines3 cannot be installed.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import venv

# rl-zoo's settings of PPO for CartPole-v1, as each of the two programs takes them
ZOO = {"n_envs": 8, "n_steps": 32, "batch_size": 256, "n_epochs": 20, "gamma": 0.98, "gae_lambda": 0.8,
       "learning_rate": 0.001, "clip_range": 0.2}

SB3_PROGRAM = r"""
import json, sys, time
import gymnasium, torch
import stable_baselines3
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
zoo, seed, steps = json.loads(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(1)
env = make_vec_env("CartPole-v1", n_envs=zoo["n_envs"], seed=seed)
falling = lambda initial: (lambda remaining: remaining * initial)
model = PPO("MlpPolicy", env, n_steps=zoo["n_steps"], batch_size=zoo["batch_size"], n_epochs=zoo["n_epochs"],
            gamma=zoo["gamma"], gae_lambda=zoo["gae_lambda"], learning_rate=falling(zoo["learning_rate"]),
            clip_range=falling(zoo["clip_range"]), ent_coef=0.0, seed=seed, device="cpu", verbose=0)
start = time.perf_counter()
model.learn(steps)
seconds = time.perf_counter() - start
mean, std = evaluate_policy(model, make_vec_env("CartPole-v1", n_envs=8, seed=1000 + seed), n_eval_episodes=100)
print(json.dumps({"seconds": seconds, "return": float(mean), "std": float(std), "sb3": stable_baselines3.__version__,
                  "torch": torch.__version__}))
"""

MUSTER_CONFIG = """
env: {{name: CartPole-v1, num_envs: {n_envs}}}
algorithm: {{name: ppo, n_steps: {n_steps}, batch_size: {batch_size}, n_epochs: {n_epochs}, gamma: {gamma},
            gae_lambda: {gae_lambda}, learning_rate: lin_{learning_rate}, clip_range: lin_{clip_range}}}
"""


def one_core():
    """pins a child process, so that neither side gets more than one core"""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def prepare_sb3(folder):
    """returns the interpreter of a virtual environment with Stable-Baselines3; if there is none, prints why and returns
    None"""
    python = os.path.join(folder, "bin", "python")
    if not os.path.exists(python):
        venv.create(folder, with_pip=True)
    if subprocess.run([python, "-c", "import stable_baselines3"], capture_output=True).returncode == 0:
        return python
    print("installing Stable-Baselines3 into a virtual environment; this takes some minutes", file=sys.stderr)
    pip = subprocess.run([python, "-m", "pip", "install", "--quiet", "stable-baselines3", "gymnasium"],
                         capture_output=True, text=True)
    works = subprocess.run([python, "-c", "import stable_baselines3"], capture_output=True, text=True)
    if pip.returncode == 0 and works.returncode == 0:
        return python
    print("compare_sb3: Stable-Baselines3 cannot be installed here:\n" + (pip.stderr or works.stderr)[-800:], file=sys.stderr)
    return None


def run_sb3(python, seed, steps):
    done = subprocess.run([python, "-c", SB3_PROGRAM, json.dumps(ZOO), str(seed), str(steps)], capture_output=True,
                          text=True, preexec_fn=one_core)
    if done.returncode != 0:
        sys.exit("compare_sb3: Stable-Baselines3 failed:\n" + done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def run_muster(program, folder, seed, steps):
    config = os.path.join(folder, "ppo.yaml")
    run_dir = os.path.join(folder, f"muster-{seed}")
    with open(config, "w") as file:
        file.write(MUSTER_CONFIG.format(**ZOO))
    done = subprocess.run([program, "train", config, "--run-dir", run_dir, "--set", f"seed={seed}", "--set",
                           f"total_steps={steps}"], capture_output=True, text=True, preexec_fn=one_core)
    if done.returncode != 0:
        sys.exit("compare_sb3: muster failed:\n" + done.stderr[-2000:])
    with open(os.path.join(run_dir, "summary.json")) as file:
        summary = json.load(file)
    evaluation = summary["final_evaluation"]
    return {"seconds": summary["wall_seconds"], "return": evaluation["mean_return"], "std": evaluation["std_return"],
            "version": summary["version"]}


def spread(values, digits):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def write_table(file, pairs, steps):
    sb3, muster = [a for a, _ in pairs], [b for _, b in pairs]
    ratios = [a["seconds"] / b["seconds"] for a, b in pairs]
    file.write(f"PPO, CartPole-v1, rl-zoo's hyper-parameters, {steps} steps, one core, {len(pairs)} seeds in "
               "alternation; medians and ranges\n\n")
    file.write("| | Stable-Baselines3 | muster |\n|---|---|---|\n")
    file.write(f"| version | {sb3[0]['sb3']}, PyTorch {sb3[0]['torch']} | {muster[0]['version']} |\n")
    file.write(f"| seconds of training | {spread([a['seconds'] for a in sb3], 2)} | "
               f"{spread([b['seconds'] for b in muster], 3)} |\n")
    file.write(f"| steps a second | {spread([steps / a['seconds'] for a in sb3], 0)} | "
               f"{spread([steps / b['seconds'] for b in muster], 0)} |\n")
    file.write(f"| return, 100 episodes | {spread([a['return'] for a in sb3], 1)} | "
               f"{spread([b['return'] for b in muster], 1)} |\n")
    file.write(f"| ratio of the paired times | 1 | {spread(ratios, 1)} times as fast |\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--muster", default="build/muster")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=100000)
    parser.add_argument("--venv", help="a virtual environment to use and keep")
    parser.add_argument("-o", "--output", help="write the table here, too")
    options = parser.parse_args()
    program = os.path.abspath(options.muster)
    if not os.access(program, os.X_OK):
        sys.exit(f"compare_sb3: {options.muster} is no program: build it by scripts/build, or give --muster")
    folder = tempfile.mkdtemp(prefix="compare-sb3-")
    try:
        python = prepare_sb3(os.path.abspath(options.venv) if options.venv else os.path.join(folder, "venv"))
        if python is None:
            sys.exit(3)
        pairs = []
        for seed in range(1, options.seeds + 1):
            pair = run_sb3(python, seed, options.steps), run_muster(program, folder, seed, options.steps)
            print(f"seed {seed}: Stable-Baselines3 {pair[0]['seconds']:.2f} s, return {pair[0]['return']:.1f}; "
                  f"muster {pair[1]['seconds']:.3f} s, return {pair[1]['return']:.1f}", file=sys.stderr)
            pairs.append(pair)
        write_table(sys.stdout, pairs, options.steps)
        if options.output:
            with open(options.output, "w") as file:
                write_table(file, pairs, options.steps)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
