"""Writes toy_text.h5: the transition tables of Gymnasium's toy-text environments, and what the best policy earns.

    python toy_text.py OUT.h5

One group for each environment and choice of options. [S, A, K] arrays hold at most K outcomes of each state and action, in
Gymnasium's order: probability, next, reward, terminated; unused outcomes have probability 0. `start` [S] is the
distribution of the first state. The attribute `optimum` is the largest expected return of an episode of at most `steps`
steps, undiscounted, by value iteration backwards in time over these arrays.
"""
import sys

import gymnasium
import h5py
import numpy


def read_tables(env):
    table = env.unwrapped.P
    states, actions = len(table), len(table[0])
    outcomes = max(len(row) for by_action in table.values() for row in by_action.values())
    shape = (states, actions, outcomes)
    data = {
        "probability": numpy.zeros(shape, numpy.float64),
        "next": numpy.zeros(shape, numpy.int32),
        "reward": numpy.zeros(shape, numpy.float64),
        "terminated": numpy.zeros(shape, numpy.uint8),
        "start": numpy.asarray(env.unwrapped.initial_state_distrib, numpy.float64),
    }
    for state, by_action in table.items():
        for action, row in by_action.items():
            for i, (probability, following, reward, terminated) in enumerate(row):
                data["probability"][state, action, i] = probability
                data["next"][state, action, i] = following
                data["reward"][state, action, i] = reward
                data["terminated"][state, action, i] = terminated
    return data


def best_return(data, steps):
    value = numpy.zeros(len(data["start"]))
    for _ in range(steps):
        goes_on = (1 - data["terminated"]) * value[data["next"]]
        value = (data["probability"] * (data["reward"] + goes_on)).sum(axis=2).max(axis=1)
    return float(data["start"] @ value)


ENVIRONMENTS = {
    "frozen_lake_4x4_slippery": ("FrozenLake-v1", {}, 100),
    "frozen_lake_4x4": ("FrozenLake-v1", {"is_slippery": False}, 100),
    "frozen_lake_4x4_rate_0.75": ("FrozenLake-v1", {"success_rate": 0.75}, 100),
    "frozen_lake_8x8_slippery": ("FrozenLake8x8-v1", {}, 200),
    "frozen_lake_8x8": ("FrozenLake8x8-v1", {"is_slippery": False}, 200),
    "cliff_walking": ("CliffWalking-v1", {}, 200),
    "cliff_walking_slippery": ("CliffWalking-v1", {"is_slippery": True}, 200),
    "taxi": ("Taxi-v4", {}, 200),
}

with h5py.File(sys.argv[1], "w") as out:
    out.attrs["gymnasium_version"] = gymnasium.__version__
    out.attrs["numpy_version"] = numpy.__version__
    for name, (id, options, steps) in ENVIRONMENTS.items():
        data = read_tables(gymnasium.make(id, **options))
        group = out.create_group(name)
        for key, values in data.items():
            group.create_dataset(key, data=values, compression="gzip")
        group.attrs["steps"] = steps
        group.attrs["optimum"] = best_return(data, steps)
        print(name, data["probability"].shape, group.attrs["optimum"])
