"""Vector environments as a user has them in a file: for the tests of muster-gymnasium.so."""

import gymnasium
import numpy
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.vector.utils import batch_space

import own_environments

# an episode that starts at `start` is cut short after 5 steps, or ends by itself after 3 to 7
OBSERVATION = spaces.Box(-20.0, 20.0, (2,), numpy.float32)
ACTION = spaces.Box(-1.0, 1.0, (1,), numpy.float32)


def start_of(seed):
    return float(numpy.random.default_rng(seed).integers(3, 8))


class Single(gymnasium.Env):
    """Counts steps: what a row of the vectors below does, alone. As theirs, its state cannot be saved."""

    observation_space, action_space = OBSERVATION, ACTION

    def __init__(self):
        self.file = open("/dev/null")  # noqa: SIM115

    def observe(self):
        return numpy.array([self.start, self.steps], numpy.float32)

    def reset(self, *, seed=None, options=None):
        self.start, self.steps = start_of(seed), 0
        return self.observe(), {}

    def step(self, action):
        self.steps += 1
        reward = self.steps + float(action[0])
        return self.observe(), reward, self.steps >= self.start, self.steps == 5, {}


class Rows(VectorEnv):
    """The same in rows. `mode` is how they are reset, and `fault` what is wrong with it."""

    def __init__(self, num_envs, mode="NextStep", fault="", seeds="list"):
        self.num_envs, self.fault, self.seeds = num_envs, fault, seeds
        self.mode = AutoresetMode(mode)
        self.metadata = {"autoreset_mode": self.mode}
        self.single_observation_space, self.single_action_space = OBSERVATION, ACTION
        self.observation_space, self.action_space = batch_space(OBSERVATION, num_envs), batch_space(ACTION, num_envs)
        self.start, self.steps = numpy.zeros(num_envs), numpy.zeros(num_envs)
        self.pending = numpy.zeros(num_envs, bool)
        self.own = numpy.random.default_rng(0)

    def observe(self):
        return numpy.stack([self.start, self.steps], 1).astype(numpy.float32)

    def renew(self, rows, seeds):
        for row in numpy.flatnonzero(rows):
            self.start[row] = start_of(self.own.integers(1 << 30) if seeds[row] is None else seeds[row])
        self.steps[rows] = 0

    def read_seeds(self, seed, rows):
        seeds = [None] * self.num_envs
        if isinstance(seed, int):
            return [seed + row for row in range(self.num_envs)]
        if seed is None:
            return seeds
        if self.seeds == "none" or isinstance(seed, list) != (self.seeds == "list"):
            raise TypeError("seed")
        if self.seeds == "list":
            return seed
        for row, one in zip(numpy.flatnonzero(rows), seed):
            seeds[row] = one
        return seeds

    def reset(self, *, seed=None, options=None):
        rows = numpy.ones(self.num_envs, bool)
        if self.fault != "no mask" and options is not None:
            rows = options["reset_mask"]
        self.renew(rows, self.read_seeds(seed, rows))
        if self.fault != "twice":
            self.pending[rows] = False
        return self.observe(), {}

    def step(self, actions):
        assert self.action_space.contains(actions), actions
        waits = self.pending & (self.mode == AutoresetMode.NEXT_STEP)
        self.steps += 1
        rewards = numpy.where(waits, 0.0, self.steps + actions[:, 0].astype(float))
        terminated, truncated = (self.steps >= self.start) & ~waits, (self.steps == 5) & ~waits
        self.renew(waits, [None] * self.num_envs)
        self.pending = terminated | truncated
        info = {}
        if self.mode == AutoresetMode.SAME_STEP and self.pending.any():
            info["final_obs"] = self.observe()
            self.renew(self.pending, [None] * self.num_envs)
        return self.observe(), rewards, terminated, truncated, info


def spaced(num_envs, **options):
    return SyncVectorEnv([lambda: own_environments.Spaced(**options)] * num_envs, autoreset_mode="Disabled")
