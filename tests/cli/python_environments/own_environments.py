"""Environments as a user has them in a file: for the tests of muster-gymnasium.so."""

import pathlib
import signal
import time

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


class Sleeps(Empty):
    """Sleeps long in every 60th step, and makes a file then; a trial at creation is shorter. As some packages do, it wants KeyboardInterrupt."""

    def __init__(self, file, seconds=1.0):
        super().__init__()
        self.file, self.seconds, self.steps = file, seconds, 0
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def step(self, action):
        self.steps += 1
        if self.steps % 60 == 0:
            pathlib.Path(self.file).touch()
            time.sleep(self.seconds)
        return super().step(action)


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


# observations: the space, and a value that is always observed
OBSERVATIONS = {
    "float64": (spaces.Box(-2.0, 2.0, (2, 2), numpy.float64), numpy.array([[0.5, 1.5], [-0.25, 2.0]])),
    "int16": (spaces.Box(-5, 300, (2,), numpy.int16), numpy.array([-5, 300], numpy.int16)),
    "image": (spaces.Box(0, 255, (1, 2, 3), numpy.uint8), numpy.arange(250, 256, dtype=numpy.uint8).reshape(1, 2, 3)),
    "strided": (spaces.Box(-9, 9, (3,), numpy.float32), numpy.arange(6, dtype=numpy.float32)[::2]),
    "list": (spaces.Box(-9, 9, (3,), numpy.float32), [1.0, 2.0, 3.0]),
    "discrete": (spaces.Discrete(5, start=-2), numpy.int64(1)),
    "multi-discrete": (spaces.MultiDiscrete([3, 4]), numpy.array([2, 1])),
    "multi-binary": (spaces.MultiBinary(3), numpy.array([1, 0, 1], numpy.int8)),
    "dict": (
        spaces.Dict({
            "z": spaces.Box(-1, 1, (2,), numpy.float32),
            "a": spaces.Discrete(3, start=1),
            "m": spaces.Tuple((spaces.MultiBinary(2), spaces.MultiDiscrete([2, 3]))),
        }),
        {"a": 2, "m": (numpy.array([0, 1], numpy.int8), numpy.array([1, 2])),
         "z": numpy.array([0.5, -0.5], numpy.float32)},
    ),
    "text": (spaces.Dict({"image": spaces.Box(0, 1, (2,)), "mission": spaces.Text(9)}), None),
}
ACTIONS = {
    "discrete": spaces.Discrete(4, start=3),
    "multi-discrete": spaces.MultiDiscrete([2, 5]),
    "multi-binary": spaces.MultiBinary(2),
    "float32": spaces.Box(-1, 2, (2, 1), numpy.float32),
    "float64": spaces.Box(-1, 2, (2,), numpy.float64),
    "int8": spaces.Box(-3, 7, (2,), numpy.int8),
    "dict": spaces.Dict({"b": spaces.MultiDiscrete([2, 3]), "a": spaces.Discrete(2)}),
    "boxes": spaces.Tuple((spaces.Box(0, 1, (1,), numpy.float32), spaces.Box(-4, 4, (2,), numpy.float64))),
    "mixed": spaces.Tuple((spaces.Box(0, 1, (1,)), spaces.Discrete(2))),
}


class Spaced(gymnasium.Env):
    """Observes the same always. Its reward is the sum of the last action, which has to be in the space."""

    def __init__(self, observation="float64", action="discrete", masks=""):
        self.observation_space, self.value = OBSERVATIONS[observation]
        self.action_space = ACTIONS[action]
        self.masks = masks
        if masks == "method":
            type(self).action_masks = lambda self: numpy.array([True, False, False, True])

    def info(self):
        if self.masks != "info":
            return {}
        if isinstance(self.action_space, spaces.MultiDiscrete):
            return {"action_mask": (numpy.array([1, 0], numpy.int8), numpy.array([0, 0, 1, 0, 1], numpy.int8))}
        return {"action_mask": numpy.array([0, 1, 0, 1], numpy.int8)}

    def reset(self, *, seed=None, options=None):
        return self.value, self.info()

    def step(self, action):
        assert self.action_space.contains(action), action
        return self.value, float(numpy.sum(spaces.flatten(self.action_space, action))), False, False, self.info()


class Keeps(gymnasium.Env):
    """Keeps its actions, and gives as reward whether the last two differ."""

    observation_space = spaces.Box(-1.0, 1.0, (1,), numpy.float32)
    action_space = spaces.Box(-1.0, 1.0, (1,), numpy.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.actions, self.sum = [], float(self.np_random.random())
        return numpy.array([self.sum % 1], numpy.float32), {}

    def step(self, action):
        self.actions.append(action)
        self.sum += float(action[0]) + float(self.np_random.random())
        differs = len(self.actions) > 1 and self.actions[-1] is not self.actions[-2]
        observation = numpy.array([self.sum % 1], numpy.float32)
        return observation, float(differs), len(self.actions) == 20, False, {}


class NeverSaves(Keeps):
    """Holds what cannot be pickled."""

    def __init__(self):
        self.file = open("/dev/null")  # noqa: SIM115
