#!/usr/bin/env python3
"""Runs muster, Stable-Baselines3, SBX and RLtools by turns: algorithms with a replay, the same problem, the same
hyper-parameters, one core.

    bench/compare_off_policy.py [--muster build/muster] [--venv DIR] [--cases dqn,sac] [--seeds 3] [--steps N]
                                [--peers sb3,sbx] [--rltools PROGRAM] [--into FILE]

Peers: Stable-Baselines3 (PyTorch) and SBX (JAX), the packages stable-baselines3 and sbx-rl. They are installed into
the virtual environment that --venv names, outside of this repository, unless it has them: some gigabytes, since
PyTorch's package brings its libraries for GPUs along. Without --venv, or where the packages cannot be installed, the
script says so and leaves these peers out.

RLtools (github.com/rl-tools/rl-tools) is no package. Its program is built from its sources, with OpenBLAS:

    cmake -S rl-tools -B build-rltools -DCMAKE_BUILD_TYPE=Release -DRL_TOOLS_BACKEND_ENABLE_OPENBLAS=ON \\
          -DRL_TOOLS_ENABLE_TARGETS=ON
    cmake --build build-rltools --target rl_environments_pendulum_sac_benchmark

and --rltools names what this builds. It has one setting, the one of the case `sac-small`, and takes part in that alone.

Times are seconds of the processor, user and system, from the start of a process to its end; for peers in Python also
those of learn() alone, which has compiling but not the imports. Nobody evaluates. A ratio is a peer's time to muster's
of the same seed, the pair run one after the other; tables have medians over the seeds. Exit code 3 when there was no
peer to compare with.
"""
import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import venv

import report

BEGIN = "<!-- begin: written by bench/compare_off_policy.py -->"

# hyper-parameters as Stable-Baselines3, SBX and muster call them; "hidden" are the networks' layers
PENDULUM_DETERMINISTIC = {"learning_rate": 0.001, "gamma": 0.98, "buffer_size": 200000, "learning_starts": 10000,
                          "batch_size": 256, "train_freq": 1, "gradient_steps": 1}
CASES = {
    # rl-zoo's settings (github.com/DLR-RM/rl-baselines3-zoo, hyperparams)
    "dqn": {"algorithm": "dqn", "env": "CartPole-v1", "steps": 50000, "hidden": [256, 256], "options": {
        "learning_rate": 0.0023, "batch_size": 64, "buffer_size": 100000, "learning_starts": 1000, "gamma": 0.99,
        "target_update_interval": 10, "train_freq": 256, "gradient_steps": 128, "exploration_fraction": 0.16,
        "exploration_final_eps": 0.04}},
    "sac": {"algorithm": "sac", "env": "Pendulum-v1", "steps": 20000, "hidden": [256, 256], "options": {
        "learning_rate": 0.001, "batch_size": 256, "buffer_size": 1000000, "learning_starts": 100, "train_freq": 1,
        "gradient_steps": 1}},
    "td3": {"algorithm": "td3", "env": "Pendulum-v1", "steps": 20000, "hidden": [400, 300], "noise_std": 0.1,
            "options": PENDULUM_DETERMINISTIC},
    "ddpg": {"algorithm": "ddpg", "env": "Pendulum-v1", "steps": 20000, "hidden": [400, 300], "noise_std": 0.1,
             "options": PENDULUM_DETERMINISTIC},
    # RLtools' setting
    "sac-small": {"algorithm": "sac", "env": "Pendulum-v1", "steps": 10000, "hidden": [64, 64], "options": {
        "learning_rate": 0.001, "batch_size": 100, "buffer_size": 10000, "learning_starts": 100, "train_freq": 1,
        "gradient_steps": 1}},
}

PEER_PROGRAM = r"""
import importlib, json, sys, time
peer, case, seed, steps = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
import gymnasium, numpy
from stable_baselines3.common.noise import NormalActionNoise
if peer == "sb3":
    import torch
    torch.set_num_threads(1)
package = {"sb3": "stable_baselines3", "sbx": "sbx"}[peer]
algorithm = getattr(importlib.import_module(package), case["algorithm"].upper())
env = gymnasium.make(case["env"])
options = dict(case["options"])
if "noise_std" in case:
    size = env.action_space.shape
    options["action_noise"] = NormalActionNoise(numpy.zeros(size), case["noise_std"] * numpy.ones(size))
if peer == "sb3":
    options["device"] = "cpu"
model = algorithm("MlpPolicy", env, policy_kwargs={"net_arch": case["hidden"]}, seed=seed, verbose=0, **options)
start = time.process_time()
model.learn(steps)
print(json.dumps({"learn": time.process_time() - start}))
"""


def log(text):
    print(f"compare_off_policy: {text}", file=sys.stderr)


def one_core():
    """Pins a child process, so that nobody gets more than one core."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def run(command, what, env=None):
    """Seconds of the processor that a process took, and its standard output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=one_core, check=False, env=env)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"compare_off_policy: {what} failed:\n" + (done.stderr or done.stdout)[-2000:])
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def muster_config(case, steps):
    """The case as muster reads it; JSON is YAML."""
    algorithm = {"name": case["algorithm"], **case["options"]}
    if "noise_std" in case:
        algorithm.update(action_noise="normal", noise_std=case["noise_std"])
    return json.dumps({"env": {"name": case["env"], "num_envs": 1}, "total_steps": steps, "algorithm": algorithm,
                       "policy": {"hidden_sizes": case["hidden"], "activation": "relu", "ortho_init": False},
                       "evaluation": {"episodes": 0}, "run": {"log_interval": 100}})


def run_muster(program, case, seed, steps):
    with tempfile.TemporaryDirectory(prefix="compare-off-policy-") as folder:
        config = pathlib.Path(folder, "config.yaml")
        config.write_text(muster_config(case, steps), encoding="utf-8")
        seconds, _ = run([program, "train", str(config), "--run-dir", str(pathlib.Path(folder, "run")), "--set",
                          f"seed={seed}"], "muster")
    return {"all": seconds}


def run_peer(python, peer, case, seed, steps):
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
                  "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"}
    seconds, out = run([python, "-c", PEER_PROGRAM, peer, json.dumps(case), str(seed), str(steps)], peer, one_thread)
    return {"all": seconds, "learn": json.loads(out.splitlines()[-1])["learn"]}


def prepare_peers(folder, peers):
    """The interpreter that has the peers' packages, and those peers that it has."""
    if folder is None:
        log("without --venv there is nothing to install Stable-Baselines3 and SBX into: they are left out")
        return None, []
    python = os.path.join(os.path.abspath(folder), "bin", "python")
    if not os.path.exists(python):
        venv.create(folder, with_pip=True)
    modules = {"sb3": ("stable_baselines3", "stable-baselines3"), "sbx": ("sbx", "sbx-rl")}
    present = []
    for peer in peers:
        module, package = modules[peer]
        test = [python, "-c", f"import {module}"]
        if subprocess.run(test, capture_output=True, check=False).returncode != 0:
            log(f"installing {package} into {folder}; this takes some minutes")
            subprocess.run([python, "-m", "pip", "install", "--quiet", package], check=False)
        if subprocess.run(test, capture_output=True, check=False).returncode == 0:
            present.append(peer)
        else:
            log(f"{package} cannot be installed: {peer} is left out")
    return python, present


def versions(python, peers):
    """The versions of the packages that ran, and of what computes in them."""
    packages = [name for peer in peers for name in {"sb3": ["stable-baselines3", "torch"], "sbx": ["sbx-rl", "jax"]}[peer]]
    program = "import importlib.metadata, sys; print(*(importlib.metadata.version(name) for name in sys.argv[1:]))"
    found = subprocess.run([python, "-c", program, *packages], capture_output=True, text=True, check=True).stdout.split()
    return ", ".join(f"{name} {version}" for name, version in zip(packages, found))


def has_algorithm(program, name):
    return subprocess.run([program, "algos", name], capture_output=True, check=False).returncode == 0


def runners_of(name, case, options, python, peers):
    """What runs a case, by the name of who it is: muster first."""
    runners = {"muster": lambda seed, steps: run_muster(options.muster, case, seed, steps)}
    for peer in peers:
        runners[peer] = lambda seed, steps, peer=peer: run_peer(python, peer, case, seed, steps)
    if name == "sac-small" and options.rltools and options.steps is None:
        runners["rltools"] = lambda seed, steps: {"all": run([options.rltools], "rltools")[0]}
    return runners


def measure(name, options, python, peers):
    """All times of a case, [seed] for each who runs it; None where there is nobody to compare with."""
    case = CASES[name]
    steps = options.steps or case["steps"]
    runners = runners_of(name, case, options, python, peers)
    if len(runners) == 1 or not has_algorithm(options.muster, case["algorithm"]):
        log(f"{name}: left out: " + ("no peer runs it" if len(runners) == 1 else "muster does not have it"))
        return None
    times = {who: [] for who in runners}
    for seed in range(1, options.seeds + 1):
        for who, runner in runners.items():
            times[who].append(runner(seed, steps))
            log(f"{name}, seed {seed}, {who}: {times[who][-1]['all']:.2f} s")
    return times


def rows(name, case, times):
    """Lines of the table: medians, and the ratios of paired runs."""
    ours = [time["all"] for time in times["muster"]]
    for who, theirs in times.items():
        whole = [time["all"] for time in theirs]
        learn = [time["learn"] for time in theirs if "learn" in time]
        ratio = statistics.median(a / b for a, b in zip(whole, ours))
        cells = [name, case["env"], who, f"{statistics.median(whole):.2f}",
                 f"{statistics.median(learn):.2f}" if learn else "", f"{ratio:.2f}",
                 f"{statistics.median(a / b for a, b in zip(learn, ours)):.2f}" if learn else ""]
        yield "| " + " | ".join(cells) + " |"


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--muster", default="build/muster")
    parser.add_argument("--venv", help="a virtual environment to use and keep")
    parser.add_argument("--cases", default=",".join(CASES), help="of these, with commas: " + ", ".join(CASES))
    parser.add_argument("--peers", default="sb3,sbx", help="of these, with commas: sb3, sbx")
    parser.add_argument("--rltools", help="RLtools' program for sac on Pendulum")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="in place of each case's own number")
    parser.add_argument("--into", help="a Markdown file with the two marks, whose text between them is replaced")
    options = parser.parse_args()
    options.muster = os.path.abspath(options.muster)
    if not os.access(options.muster, os.X_OK):
        sys.exit(f"compare_off_policy: {options.muster} is no program: build it by scripts/build, or give --muster")
    for given, known in [(options.cases, CASES), (options.peers, ["sb3", "sbx"])]:
        for name in filter(None, given.split(",")):
            if name not in known:
                sys.exit(f"compare_off_policy: {name}: expects one of {', '.join(known)}")
    return options


def main():
    options = parse()
    python, peers = prepare_peers(options.venv, list(filter(None, options.peers.split(","))))
    if not options.rltools:
        log("RLtools is left out: --rltools names its program, which --help tells how to build")
    table = ["| case | environment | | seconds | learn() alone | ratio | of learn() alone |",
             "|---|---|---|--:|--:|--:|--:|"]
    for name in filter(None, options.cases.split(",")):
        times = measure(name, options, python, peers)
        if times is not None:
            table.extend(rows(name, CASES[name], times))
    if len(table) == 2:
        sys.exit(3)
    machine = "; ".join(filter(None, [report.processor(), versions(python, peers) if peers else ""]))
    text = "\n".join([f"Measured on: {machine}; seeds: {options.seeds}.", "", *table])
    print(text)
    if options.into:
        report.replace(options.into, text, BEGIN)


if __name__ == "__main__":
    main()
