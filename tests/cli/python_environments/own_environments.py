"""Environments as a user has them in a file: for the tests of muster-gymnasium.so."""

import gymnasium
import numpy
from gymnasium import spaces


class Started(gymnasium.Wrapper):
    """A classic environment whose episodes all start in the same state, which the option `start` gives."""

    def __init__(self, kind, start):
        super().__init__(gymnasium.make(kind, disable_env_checker=True).unwrapped)
        self.start = start

    def reset(self, *, seed=None, options=None):
        observation, info = self.env.reset(seed=seed)
        self.env.state = numpy.array(self.start, dtype=numpy.float64)
        return observation, info


class Empty(gymnasium.Env):
    """Does nothing: what a step of it costs is the bridge."""

    observation_space = spaces.Box(-1.0, 1.0, (4,), numpy.float32)
    action_space = spaces.Discrete(2)

    def __init__(self):
        self.observation = numpy.zeros(4, numpy.float32)
        self.info = {}

    def reset(self, *, seed=None, options=None):
        return self.observation, self.info

    def step(self, action):
        return self.observation, 0.0, False, False, self.info


class Breaks(Empty):
    """Raises an exception at step `at`, or returns something wrong: `returns` names what."""

    def __init__(self, at=3, returns=""):
        super().__init__()
        self.at, self.returns, self.steps = at, returns, 0

    def reset(self, *, seed=None, options=None):
        self.steps = 0
        return super().reset()

    def step(self, action):
        self.steps += 1
        if self.steps < self.at:
            return super().step(action)
        if self.returns == "four":
            return self.observation, 0.0, False, {}
        if self.returns == "shape":
            return numpy.zeros(5, numpy.float32), 0.0, False, False, {}
        if self.returns == "nan":
            return self.observation * numpy.nan, 0.0, False, False, {}
        return self.divide()

    def divide(self):
        return 1 / (self.steps - self.at)


def needs_package():
    import a_package_that_nobody_has  # noqa: F401
