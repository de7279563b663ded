"""A trained policy."""

import ctypes
import os
import threading

import numpy

from . import library as c

# types of the numbers in the library's arrays, and of those that Python programs get
_TYPES = {c.BOX: numpy.float32, c.BOX_U8: numpy.uint8, c.DISCRETE: numpy.int32, c.MULTI_DISCRETE: numpy.int32}
_KINDS = {c.BOX: "Box", c.BOX_U8: "Box of uint8", c.DISCRETE: "Discrete", c.MULTI_DISCRETE: "MultiDiscrete"}


class Space:
    """What observations or actions look like: `kind` ("Box", "Discrete", ...), `shape`, `dtype`, and bounds `low` and
    `high` or numbers of choices `counts`, where there are any (else None)."""

    def __init__(self, space):
        self._kind = space.kind
        self.kind = _KINDS[space.kind]
        self.shape = tuple(space.shape[: space.rank])
        self.dtype = numpy.dtype(_TYPES[space.kind])
        size = int(numpy.prod(self.shape, dtype=numpy.int64))
        self.low = self._copy(space.low, size) if space.kind == c.BOX else None
        self.high = self._copy(space.high, size) if space.kind == c.BOX else None
        self.counts = self._copy(space.counts, size) if space.kind in (c.DISCRETE, c.MULTI_DISCRETE) else None

    def _copy(self, numbers, size):
        return numpy.ctypeslib.as_array(numbers, (size,)).copy().reshape(self.shape) if numbers else None

    def take(self, values, what):
        """(array [n, *shape] of the space's type, whether it was one value alone)."""
        if isinstance(values, (dict, tuple)):
            raise TypeError(f"{what} are a {type(values).__name__}; expects an array of the shape {self.shape} or (n, *{self.shape})")
        array = numpy.asarray(values)
        is_single = array.shape == self.shape
        if not is_single and (array.ndim == 0 or array.shape[1:] != self.shape):
            raise ValueError(f"{what} have the shape {array.shape}; expects {self.shape}, or (n, *{self.shape}) for several")
        if self._kind != c.BOX and array.dtype.kind not in "iub":
            raise TypeError(f"{what} are {array.dtype}; {self.kind} expects integers")
        if self._kind == c.BOX and array.dtype.kind not in "fiub":
            raise TypeError(f"{what} are {array.dtype}; {self.kind} expects numbers")
        if self._kind != c.BOX and array.size > 0:
            limits = numpy.iinfo(self.dtype)
            if array.min() < limits.min or array.max() > limits.max:
                raise ValueError(f"{what} are from {array.min()} to {array.max()}; expects {limits.min} to {limits.max}")
        array = numpy.ascontiguousarray(array, dtype=self.dtype)
        return (array.reshape(1, *self.shape) if is_single else array), is_single

    def __repr__(self):
        return f"{self.kind}{self.shape}" if self.counts is None else f"{self.kind}({self.counts.tolist()})"


class Policy:
    """A policy out of a run folder (its newest checkpoint) or a checkpoint. May be used from several threads, which then
    wait for each other.

    `path`: the run or checkpoint. Errors: OSError where it is missing, or the library is; ValueError where it is damaged.
    """

    def __init__(self, path):
        self._handle = ctypes.c_void_p()
        self._library = c.library()
        self._lock = threading.Lock()
        self._library.muster_policy_open(os.fsencode(path), ctypes.byref(self._handle))
        self.observation_space = Space(self._library.muster_policy_observation_space(self._handle).contents)
        self.action_space = Space(self._library.muster_policy_action_space(self._handle).contents)
        self.env = self._library.muster_policy_env(self._handle).decode("utf-8", "replace")
        self.algorithm = self._library.muster_policy_algorithm(self._handle).decode("utf-8", "replace")
        self.total_steps = self._library.muster_policy_total_steps(self._handle)
        self.choices = self._library.muster_policy_choices(self._handle)

    def __call__(self, observation, action_masks=None):
        """The most probable action of an observation, or those of several."""
        return self.predict(observation, deterministic=True, action_masks=action_masks)[0]

    def predict(self, observation, state=None, episode_start=None, deterministic=False, action_masks=None):
        """As Stable-Baselines3's: (action, state) of one observation, or (actions, state) of several.

        Observations are as the environment gives them: they are normalised here as in training, and actions brought
        within their bounds. `state` and `episode_start` are for policies with a memory, which this one has not: `state`
        is handed back. `action_masks`: which choices are allowed, [choices] or [n, choices].
        """
        del episode_start
        observations, is_single = self.observation_space.take(observation, "observations")
        masks = self._masks(action_masks, len(observations))
        actions = numpy.empty((len(observations), *self.action_space.shape), self.action_space.dtype)
        mode = 0 if deterministic else 1
        self._ask(self._library.muster_policy_act_masked, observations, masks, mode, actions.ctypes.data)
        if actions.dtype == numpy.int32:
            actions = actions.astype(numpy.int64)
        return (actions[0] if is_single else actions), state

    def probabilities(self, observation, action_masks=None):
        """Those of the choices of discrete actions: [choices] of one observation, [n, choices] of several."""
        return self._estimate(self._library.muster_policy_probabilities, observation, action_masks, self.choices)

    def values(self, observation, action_masks=None):
        """The return that the algorithm expects from an observation on: a number, or [n] of several observations."""
        values = self._estimate(self._library.muster_policy_values, observation, action_masks, 1)
        return values[..., 0]

    def action_values(self, observation):
        """Q(s, a) of the choices of Discrete actions: [choices] of one observation, [n, choices] of several."""
        observations, is_single = self.observation_space.take(observation, "observations")
        values = numpy.empty((len(observations), self.choices), numpy.float32)
        self._call(self._library.muster_policy_action_values, len(observations), observations.ctypes.data, values.ctypes.data)
        return values[0] if is_single else values

    def seed(self, seed):
        """Restarts the random numbers of actions that are not deterministic."""
        self._call(self._library.muster_policy_seed, seed)

    def close(self):
        """Releases the policy's memory, which otherwise happens when nobody refers to it any more."""
        if getattr(self, "_library", None) is not None:
            self._library.muster_policy_close(ctypes.byref(self._handle))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def __del__(self):
        self.close()

    def __repr__(self):
        return f"<muster.Policy {self.algorithm} on {self.env}, {self.total_steps} steps>"

    def _call(self, function, *arguments):
        with self._lock:
            if not self._handle:
                raise ValueError("the policy is closed")
            function(self._handle, *arguments)

    def _ask(self, function, observations, masks, *more):
        pointer = masks.ctypes.data if masks is not None else None
        self._call(function, len(observations), observations.ctypes.data, pointer, *more)

    def _estimate(self, function, observation, action_masks, width):
        observations, is_single = self.observation_space.take(observation, "observations")
        masks = self._masks(action_masks, len(observations))
        estimates = numpy.empty((len(observations), width), numpy.float32)
        self._ask(function, observations, masks, estimates.ctypes.data)
        return estimates[0] if is_single else estimates

    def _masks(self, masks, rows):
        if masks is None:
            return None
        array = numpy.ascontiguousarray(numpy.asarray(masks) != 0, dtype=numpy.uint8)
        if self.choices > 0 and array.shape not in [(rows, self.choices)] + [(self.choices,)] * (rows == 1):
            raise ValueError(f"masks have the shape {array.shape}; expects {(rows, self.choices)}")
        return array


def load(path):
    """The policy of a run folder (its newest checkpoint) or of a checkpoint: `muster.load(RUN)(observation)`."""
    return Policy(path)
