"""Compares the tasks of the plug-in with Gymnasium's, step by step from the same states.

usage: venv/bin/python compare.py build/mujoco.so [STEPS]

Each of STEPS steps (300) begins in Gymnasium's state, which load_state() takes, and does the same action in both. The
table gives the largest differences of a reward, of MuJoCo's state and of an observation, the last beyond its rounding
to float32. Then both go on alone from the same start. The exit code is 1 if a difference exceeds 1e-10, or if a flag,
a bound or a limit differs.
"""

import ctypes as c
import inspect
import sys

import gymnasium
import mujoco
import numpy

BOUND = 1e-10
STATE = mujoco.mjtState.mjSTATE_INTEGRATION

# the tasks, and options that change what they do; a range is a tuple, as Gymnasium has it
CASES = [
    ("Ant-v5", {}),
    ("Ant-v5", {"main_body": 3, "contact_force_range": (-0.5, 2.0), "contact_cost_weight": 0.01,
                "healthy_reward": 0.3}),
    ("Ant-v5", {"include_cfrc_ext_in_observation": False, "exclude_current_positions_from_observation": False,
                "healthy_z_range": (0.4, 0.8), "frame_skip": 2, "main_body": "torso"}),
    ("HalfCheetah-v5", {}),
    ("HalfCheetah-v5", {"forward_reward_weight": 0.7, "ctrl_cost_weight": 0.3, "frame_skip": 3,
                        "exclude_current_positions_from_observation": False}),
    ("Hopper-v5", {}),
    ("Hopper-v5", {"healthy_state_range": (-3.0, 4.0), "healthy_angle_range": (-0.1, 0.3), "healthy_reward": 2.5,
                   "healthy_z_range": (0.9, 1.5), "ctrl_cost_weight": 0.07, "reset_noise_scale": 0.05}),
    ("Hopper-v5", {"terminate_when_unhealthy": False}),
    ("Humanoid-v5", {}),
    ("Humanoid-v5", {"contact_cost_weight": 1e-3, "contact_cost_range": (0.1, 3.0), "healthy_z_range": (1.1, 1.6),
                     "include_cinert_in_observation": False, "include_qfrc_actuator_in_observation": False}),
    ("Humanoid-v5", {"include_cvel_in_observation": False, "include_cfrc_ext_in_observation": False,
                     "exclude_current_positions_from_observation": False, "forward_reward_weight": 2.0,
                     "ctrl_cost_weight": 0.4, "healthy_reward": 1.0, "terminate_when_unhealthy": False}),
    ("InvertedDoublePendulum-v5", {}),
    ("InvertedDoublePendulum-v5", {"healthy_reward": 3.0, "reset_noise_scale": 0.3}),
    ("InvertedPendulum-v5", {}),
    ("Reacher-v5", {}),
    ("Reacher-v5", {"reward_dist_weight": 2.5, "reward_control_weight": 0.4}),
    ("Swimmer-v5", {}),
    ("Swimmer-v5", {"exclude_current_positions_from_observation": False, "ctrl_cost_weight": 0.1}),
    ("Walker2d-v5", {}),
    ("Walker2d-v5", {"healthy_z_range": (1.1, 1.3), "healthy_angle_range": (-0.3, 0.2), "forward_reward_weight": 3.0}),
    ("Walker2d-v5", {"xml_file": "walker2d.xml", "exclude_current_positions_from_observation": False}),
]

# tasks that reward no speed, which keep no place
NO_PLACE = ("InvertedDoublePendulum-v5", "InvertedPendulum-v5", "Reacher-v5")

# ---- muster/env.h ----


class Error(c.Structure):
    _fields_ = [("text", c.c_char * 256)]


class Space(c.Structure):
    _fields_ = [("kind", c.c_int), ("rank", c.c_int32), ("shape", c.c_int32 * 4), ("low", c.POINTER(c.c_float)),
                ("high", c.POINTER(c.c_float)), ("counts", c.POINTER(c.c_int32))]


class Spec(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("observation", Space), ("action", Space), ("agents", c.c_int32),
                ("max_steps", c.c_int32), ("reward_threshold", c.c_double), ("masks_actions", c.c_bool),
                ("state_bytes", c.c_size_t)]


class Result(c.Structure):
    _fields_ = [("observation", c.c_void_p), ("reward", c.POINTER(c.c_double)), ("action_mask", c.c_void_p),
                ("terminated", c.c_bool), ("truncated", c.c_bool)]


class Option(c.Structure):
    _fields_ = [("key", c.c_char_p), ("value", c.c_char_p), ("help", c.c_char_p)]


class Setting(c.Structure):
    _fields_ = [("key", c.c_char_p), ("value", c.c_char_p)]


class Random(c.Structure):
    pass


NEXT = c.CFUNCTYPE(c.c_uint32, c.POINTER(Random))
Random._fields_ = [("next", NEXT)]


class Type(c.Structure):
    _fields_ = [
        ("abi", c.c_uint32), ("struct_size", c.c_size_t), ("name", c.c_char_p), ("summary", c.c_char_p),
        ("options", c.POINTER(Option)),
        ("create", c.CFUNCTYPE(c.c_int, c.POINTER(Setting), c.POINTER(c.c_void_p), c.POINTER(Error))),
        ("destroy", c.CFUNCTYPE(None, c.c_void_p)),
        ("describe", c.CFUNCTYPE(None, c.c_void_p, c.POINTER(Spec))),
        ("reset", c.CFUNCTYPE(c.c_int, c.c_void_p, c.POINTER(Random), c.POINTER(Result), c.POINTER(Error))),
        ("step", c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_void_p, c.POINTER(Random), c.POINTER(Result), c.POINTER(Error))),
        ("save_state", c.CFUNCTYPE(None, c.c_void_p, c.c_void_p)),
        ("load_state", c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_void_p, c.POINTER(Error))),
    ]


def text(value):
    """An option's value as a config has it."""
    if isinstance(value, tuple):
        return ", ".join(repr(float(one)) for one in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


class Ours:
    """An environment of the plug-in."""

    def __init__(self, kind, options, seed):
        self.kind, self.env, self.error = kind, c.c_void_p(), Error()
        settings, i = [], 0
        while kind.options[i].key:
            option = kind.options[i]
            given = options.get(option.key.decode())
            settings.append((option.key, option.value if given is None else text(given).encode()))
            i += 1
        unknown = set(options) - {key.decode() for key, _ in settings}
        assert not unknown, f"no such options: {unknown}"
        self.check(kind.create((Setting * (len(settings) + 1))(*settings), c.byref(self.env), c.byref(self.error)))
        self.spec = Spec(struct_size=c.sizeof(Spec))
        kind.describe(self.env, c.byref(self.spec))
        self.observation = numpy.zeros(self.spec.observation.shape[0], numpy.float32)
        self.reward = c.c_double()
        numbers = numpy.random.default_rng(seed)
        self.next = NEXT(lambda _: int(numbers.integers(2**32)))
        self.random = Random(self.next)

    def check(self, failed):
        if failed:
            raise RuntimeError(self.error.text.decode())

    def result(self):
        return Result(self.observation.ctypes.data, c.pointer(self.reward), None, False, False)

    def reset(self):
        self.check(self.kind.reset(self.env, self.random, self.result(), self.error))
        return self.observation.astype(float)

    def step(self, action):
        result = self.result()
        self.check(self.kind.step(self.env, action.ctypes.data, self.random, result, self.error))
        return self.observation.astype(float), self.reward.value, result.terminated

    @property
    def state(self):
        state = numpy.zeros(self.spec.state_bytes // 8)
        self.kind.save_state(self.env, state.ctypes.data)
        return state

    @state.setter
    def state(self, state):
        self.check(self.kind.load_state(self.env, state.ctypes.data, self.error))


class Theirs:
    """An environment of Gymnasium's, without its wrappers but with its limit of steps."""

    def __init__(self, name, options, seed):
        self.name, self.made = name, gymnasium.make(name, **options)
        self.env = self.made.unwrapped
        self.env.reset(seed=seed)

    def place(self):
        if self.name in NO_PLACE:
            return numpy.zeros(2)
        if self.name == "Ant-v5":
            return self.env.data.body(self.env._main_body).xpos[:2]
        if self.name == "Humanoid-v5":
            return inspect.getmodule(type(self.env)).mass_center(self.env.model, self.env.data)
        return self.env.data.qpos[:2]

    @property
    def state(self):
        state = numpy.zeros(mujoco.mj_stateSize(self.env.model, STATE))
        mujoco.mj_getState(self.env.model, self.env.data, state, STATE)
        return numpy.concatenate([state, self.place()])

    def start(self, state):
        """A start in another's positions and velocities, as reset_model() does it with its own."""
        mujoco.mj_resetData(self.env.model, self.env.data)
        mujoco.mj_setState(self.env.model, self.env.data, state[:-2], STATE)
        self.env.set_state(self.env.data.qpos.copy(), self.env.data.qvel.copy())
        return self.env._get_obs()


def difference(ours, theirs):
    """The largest one; NaN counts as infinite, and what only rounding to float32 explains as none."""
    if ours.shape != theirs.shape:
        return numpy.inf
    rounding = 0.0 if ours.dtype == numpy.float32 else numpy.abs(theirs) * 2.0**-24
    return float(numpy.nan_to_num(numpy.maximum(numpy.abs(ours - theirs) - rounding, 0.0), nan=numpy.inf).max())


def compare_states(ours, theirs):
    return float(numpy.nan_to_num(numpy.abs(ours - theirs), nan=numpy.inf).max())


def compare_outside(ours, theirs):
    """What can be seen without a step."""
    limit = theirs.made.spec
    threshold = limit.reward_threshold
    assert ours.spec.max_steps == limit.max_episode_steps
    assert numpy.isnan(ours.spec.reward_threshold) if threshold is None else ours.spec.reward_threshold == threshold
    space, elements = theirs.env.action_space, ours.spec.action.shape[0]
    assert (elements,) == space.shape
    assert all(ours.spec.action.low[i] == space.low[i] and ours.spec.action.high[i] == space.high[i]
               for i in range(elements))
    assert theirs.env.observation_space.shape == (ours.spec.observation.shape[0],)


def compare_steps(ours, theirs, steps, follow):
    """Largest differences (reward, state, observation), and how often the task ended; follow: each step begins in
    Gymnasium's state."""
    actions = numpy.random.default_rng(5)
    low, high = theirs.env.action_space.low, theirs.env.action_space.high
    worst, ends = numpy.zeros(3), 0
    begin = True
    for _ in range(steps):
        if begin:
            observation = ours.reset()
            worst[2] = max(worst[2], difference(observation, theirs.start(ours.state)))
            worst[1] = max(worst[1], compare_states(ours.state, theirs.state))
        if follow:
            ours.state = theirs.state
        action = actions.uniform(1.1 * low, 1.1 * high).astype(numpy.float32)
        observation, reward, terminated = ours.step(action)
        expected = theirs.env.step(action)
        worst = numpy.maximum(worst, [abs(reward - float(expected[1])), compare_states(ours.state, theirs.state),
                                      difference(observation, expected[0])])
        assert terminated == bool(expected[2]) and not expected[3], "terminated"
        begin = terminated
        ends += terminated
    return worst, ends


def compare_starts(ours, theirs, starts=200):
    """Noise at a start has the range or the deviation of Gymnasium's."""
    model = theirs.env.model
    nq, nv = model.nq, model.nv
    found, expected = [], []
    for _ in range(starts):
        ours.reset()
        found.append(ours.state[1 : 1 + nq + nv])
        theirs.made.reset()
        expected.append(theirs.state[1 : 1 + nq + nv])
    found, expected = numpy.array(found), numpy.array(expected)
    # 200 samples of a uniform or normal number: six standard errors of mean and deviation
    scale = expected.std(axis=0)
    assert (numpy.abs(found.mean(axis=0) - expected.mean(axis=0)) <= 6 * scale * (2 / starts) ** 0.5 + 1e-12).all()
    assert (numpy.abs(found.std(axis=0) - scale) <= 6 * scale * starts**-0.5 + 1e-12).all()


def main():
    library = c.CDLL(sys.argv[1])
    steps = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    library.muster_env_types.restype = c.POINTER(c.POINTER(Type))
    types, kinds, i = library.muster_env_types(), {}, 0
    while types[i]:
        kinds[types[i].contents.name.decode()] = types[i].contents
        i += 1
    assert {name for name, _ in CASES} == set(kinds)
    versions = f"Gymnasium {gymnasium.__version__}, MuJoCo {mujoco.__version__}"
    print(f"{versions}; {steps} steps from the same states, and alone")
    print(f"{'reward':>10} {'state':>10} {'observed':>10} {'alone':>10} {'ends':>5}  task and options")
    good = True
    for name, options in CASES:
        ours, theirs = Ours(kinds[name], options, 3), Theirs(name, options, 4)
        compare_outside(ours, theirs)
        followed, ends = compare_steps(ours, theirs, steps, True)
        alone, _ = compare_steps(ours, theirs, steps, False)
        compare_starts(ours, theirs)
        good = good and max(followed.max(), alone.max()) <= BOUND
        numbers = " ".join(f"{one:10.1e}" for one in [*followed, alone.max()])
        print(f"{numbers} {ends:5}  {name} {options or ''}")
    print("equal" if good else "NOT equal")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
