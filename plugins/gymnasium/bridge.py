"""What the plug-in does rarely and Python says best: it makes environments, describes their spaces, and saves and
restores their states. The plug-in compiles this text in. It calls step() and reset() of an environment itself.

An error that a user can mend is a Refusal, whose text is the whole message.
"""

import ast
import importlib
import io
import numbers
import os
import pickle
import site
import sys
import traceback
import types

# kinds of muster/space.h
BOX, BOX_U8, DISCRETE, MULTI_DISCRETE = 1, 2, 3, 4
# how space.c reads one leaf of an observation: numbers as they are, or choices, which become a number each or one-hot
NUMBERS, CHOICES, ONE_HOT = 0, 1, 2
# how space.c makes an action: an int, an array, or an array that compose() turns into a Dict or a Tuple
INT, ARRAY, COMPOSED = 0, 1, 2
# where action masks come from
NO_MASK, MASK_IN_INFO, MASK_METHOD = 0, 1, 2

# what pip calls the packages that environments import
REQUIREMENTS = {
    "Box2D": "gymnasium[box2d]",
    "ale_py": "ale-py",
    "cv2": "opencv-python",
    "gymnasium": "gymnasium",
    "imageio": "gymnasium[mujoco]",
    "mujoco": "gymnasium[mujoco]",
    "pygame": "gymnasium[classic-control]",
}
# modules that register environments, by how their names begin
REGISTRARS = {"ALE/": "ale_py", "MiniGrid-": "minigrid", "BabyAI-": "minigrid"}

SUPPORTED = "Box, Discrete, MultiDiscrete, MultiBinary, and Dict and Tuple of them"


class Refusal(Exception):
    """`options`: whether an option of the environment is to blame."""

    def __init__(self, text, options=False):
        super().__init__(text)
        self.options = options


# ---- errors ----


def chain_of(error):
    """The exception and those that led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def find_missing(error):
    """What to install where a package is missing, else None."""
    for one in chain_of(error):
        if not isinstance(one, ModuleNotFoundError) or not one.name:
            continue
        package = one.name.split(".")[0]
        wanted = REQUIREMENTS.get(package, package)
        return f"the Python package {package} is missing; install it: {sys.executable} -m pip install '{wanted}'"
    return None


def describe(error, size, shows):
    """(text of at most `size` bytes, whether an option is to blame): the exception, and its traceback's last lines as
    far as they fit. `shows`: whether the whole traceback goes to standard error, too."""
    if isinstance(error, Refusal):
        return cut(str(error), size), error.options
    missing = find_missing(error)
    if missing:
        return cut(missing, size), False
    if shows:
        traceback.print_exception(error)
        sys.stderr.flush()
    text = cut(" ".join(f"{type(error).__name__}: {error}".rstrip(": ").split()), size * 3 // 5)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    for frame in reversed(frames):
        source = f": {frame.line}" if frame.line else ""
        line = f"; {os.path.basename(frame.filename)}:{frame.lineno} in {frame.name}(){source}"
        if len((text + line).encode()) > size:
            break
        text += line
    return text, isinstance(error, (TypeError, ValueError))


def cut(text, size):
    """Shortens a text to a number of bytes."""
    data = text.encode()
    return text if len(data) <= size else data[: size - 3].decode(errors="ignore") + "..."


# ---- the virtual environment ----


def use_environment(folder):
    """Has Python find the packages of a virtual environment, in place of those that were installed for all."""
    with open(os.path.join(folder, "pyvenv.cfg"), encoding="utf-8") as file:
        settings = file.read().lower().replace(" ", "")
    if "include-system-site-packages=true" not in settings:
        sys.path[:] = [path for path in sys.path if os.path.basename(path) not in ("site-packages", "dist-packages")]
    before = list(sys.path)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site.addsitedir(os.path.join(folder, "lib", version, "site-packages"))
    added = [path for path in sys.path if path not in before]
    sys.path[:] = [path for path in before if path not in added]
    # packages installed for all come last, the standard library first
    at = next((i for i, path in enumerate(sys.path) if path.endswith("-packages")), len(sys.path))
    sys.path[at:at] = added
    sys.prefix = sys.exec_prefix = folder
    sys.executable = os.path.join(folder, "bin", "python3")


# ---- making an environment ----


def parse(text):
    """The value of an option: as YAML reads scalars, or a list, a dict or a tuple as Python writes them."""
    words = {"null": None, "~": None, "None": None, "true": True, "false": False}
    if text in words:
        return words[text]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def import_module(name, path):
    """The user's module, from the working directory or where Python looks."""
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.split(".")[0]:
            raise
        raise Refusal(f"there is no Python module {name} in {os.getcwd()}, nor where Python looks ({path})") from None


def register(gymnasium, name):
    """Imports the package whose environments begin so, as Gymnasium wants it."""
    for prefix, package in REGISTRARS.items():
        if name.startswith(prefix):
            gymnasium.register_envs(importlib.import_module(package))


def wrap(env, names):
    """The environment in wrappers: "module:Class", the innermost first."""
    for name in names.split(",") if isinstance(names, str) else names:
        module, _, ident = name.strip().rpartition(":")
        wrapper = getattr(import_module(module, sys.prefix) if module else None, ident, None)
        if not callable(wrapper):
            raise Refusal(f"wrappers: there is no {name.strip()}; expects module:Class, with commas between them", True)
        env = wrapper(env)
    return env


def make(name, kwargs):
    """The environment of `ID`, `module:ID`, or `module:NAME` of a class or function that makes one."""
    import gymnasium

    module, _, ident = name.rpartition(":")
    if module:
        found = import_module(module, sys.prefix)
        if ident not in gymnasium.registry and callable(getattr(found, ident, None)):
            return getattr(found, ident)(**kwargs)
    register(gymnasium, ident)
    try:
        return gymnasium.make(ident, disable_env_checker=True, **kwargs)
    except gymnasium.error.UnregisteredEnv as error:
        raise Refusal(" ".join(str(error).split())) from None


def peel(env):
    """The environment without Gymnasium's outermost wrappers that muster does the work of: it truncates by itself,
    and resets before it steps."""
    from gymnasium.wrappers import OrderEnforcing, PassiveEnvChecker, TimeLimit

    while type(env) in (TimeLimit, OrderEnforcing, PassiveEnvChecker):
        env = env.env
    return env


# ---- spaces ----


def bounds_of(numpy, spaces):
    """(low, high) of Boxes one after the other, as the bytes of float32 arrays; None where nothing is bounded."""
    with numpy.errstate(over="ignore"):
        low = numpy.concatenate([numpy.asarray(low, numpy.float32).ravel() for low, _ in spaces])
        high = numpy.concatenate([numpy.asarray(high, numpy.float32).ravel() for _, high in spaces])
    if numpy.isneginf(low).all() and numpy.isposinf(high).all():
        return None, None
    return low.tobytes(), high.tobytes()


class Unknown(Exception):
    """A space that muster does not know."""


class Leaf:
    """One space that is neither a Dict nor a Tuple, and how it lies in the whole."""

    def __init__(self, space, path):
        import gymnasium.spaces as known
        import numpy

        self.space, self.path, self.counts, self.starts = space, path, [], []
        self.is_box = isinstance(space, known.Box)
        if isinstance(space, known.Discrete):
            self.counts, self.starts = [int(space.n)], [int(space.start)]
        elif isinstance(space, known.MultiDiscrete):
            self.counts = [int(n) for n in numpy.ravel(space.nvec)]
            starts = getattr(space, "start", numpy.zeros_like(space.nvec))
            self.starts = [int(start) for start in numpy.ravel(starts)]
        elif isinstance(space, known.MultiBinary):
            elements = int(numpy.prod(space.shape))
            self.counts, self.starts = [2] * elements, [0] * elements
        elif not self.is_box:
            where = " at " + ".".join(str(key) for key in path) if path else ""
            raise Unknown(f"a {type(space).__name__}{where}")
        self.is_binary = isinstance(space, known.MultiBinary)
        self.elements = int(numpy.prod(space.shape)) if space.shape is not None else 1


def leaves_of(space, path=()):
    """The leaves in Gymnasium's order."""
    import gymnasium.spaces as known

    if isinstance(space, known.Dict):
        return [leaf for key, one in space.spaces.items() for leaf in leaves_of(one, path + (key,))]
    if isinstance(space, known.Tuple):
        return [leaf for i, one in enumerate(space.spaces) for leaf in leaves_of(one, path + (i,))]
    return [Leaf(space, path)]


def read_leaves(what, space):
    try:
        leaves = leaves_of(space)
    except Unknown as error:
        raise Refusal(f"its {what} space has {error}, which muster does not know; it knows {SUPPORTED}; a wrapper "
                      "(env.options.wrappers) can leave it out") from None
    if not leaves:
        raise Refusal(f"its {what} space is empty: {space}")
    return leaves


def describe_box(numpy, space):
    """The layout of a Box that is a whole observation."""
    is_image = space.dtype == numpy.uint8 and (space.low == 0).all() and (space.high == 255).all()
    shape = tuple(int(n) for n in space.shape)
    elements = int(numpy.prod(shape))
    if len(shape) > 4:
        shape = (elements,)
    leaf = ((), NUMBERS, elements, b"", b"")
    if is_image:
        return (BOX_U8, shape, None, None, b"", [leaf])
    return (BOX, shape, *bounds_of(numpy, [(space.low, space.high)]), b"", [leaf])


def describe_observation(space):
    """(kind, shape, low, high, counts, leaves); a leaf is (path, how it is read, numbers, starts, counts)."""
    import numpy

    leaves = read_leaves("observation", space)
    first = leaves[0]
    if len(leaves) == 1 and first.path == () and first.is_box:
        return describe_box(numpy, space)
    counts, starts = ints(numpy, numpy.int32, first.counts), ints(numpy, numpy.int64, first.starts)
    if len(leaves) == 1 and first.path == () and not first.is_binary:
        is_one = not space.shape
        kind, shape = (DISCRETE, ()) if is_one else (MULTI_DISCRETE, (first.elements,))
        return (kind, shape, None, None, counts, [((), CHOICES, first.elements, starts, counts)])
    bounds, read, width = [], [], 0
    for leaf in leaves:
        is_read_as_numbers = leaf.is_box or leaf.is_binary
        size = leaf.elements if is_read_as_numbers else sum(leaf.counts)
        low, high = (leaf.space.low, leaf.space.high) if leaf.is_box else (numpy.zeros(size), numpy.ones(size))
        bounds.append((low, high))
        how = NUMBERS if is_read_as_numbers else ONE_HOT
        starts = ints(numpy, numpy.int64, leaf.starts)
        read.append((leaf.path, how, leaf.elements, starts, ints(numpy, numpy.int32, leaf.counts)))
        width += size
    return (BOX, (width,), *bounds_of(numpy, bounds), b"", read)


def ints(numpy, dtype, numbers):
    return numpy.array(numbers, dtype).tobytes()


def describe_action(space):
    """(kind, shape, low, high, counts, starts, how it is made, array or None, function that composes or None)."""
    import numpy

    leaves = read_leaves("action", space)
    boxes = [leaf.is_box for leaf in leaves]
    if any(boxes) and not all(boxes):
        raise Refusal(f"its action space mixes numbers with choices, which muster cannot draw at once: {space}")
    counts = [n for leaf in leaves for n in leaf.counts]
    starts = ints(numpy, numpy.int64, [start for leaf in leaves for start in leaf.starts])
    elements = sum(leaf.elements for leaf in leaves)
    is_whole = len(leaves) == 1 and leaves[0].path == ()
    shape = tuple(int(n) for n in space.shape) if is_whole and all(boxes) and len(space.shape) <= 4 else (elements,)
    if is_whole and not space.shape and not all(boxes):
        return (DISCRETE, (), None, None, ints(numpy, numpy.int32, counts), starts, INT, None, None)
    array = numpy.zeros(space.shape, space.dtype) if is_whole else numpy.zeros(elements, "f4" if all(boxes) else "i8")
    how, compose = (ARRAY, None) if is_whole else (COMPOSED, Composer(space, leaves))
    if all(boxes):
        bounds = bounds_of(numpy, [(leaf.space.low, leaf.space.high) for leaf in leaves])
        return (BOX, shape, *bounds, b"", b"", how, array, compose)
    return (MULTI_DISCRETE, (elements,), None, None, ints(numpy, numpy.int32, counts), starts, how, array, compose)


class Composer:
    """Makes the Dict or Tuple of an action out of its numbers, which lie one after the other."""

    def __init__(self, space, leaves):
        self.space, self.sizes = space, [leaf.elements for leaf in leaves]

    def __call__(self, numbers):
        self.numbers, self.at = numbers, 0
        return self.take(self.space)

    def take(self, space):
        import gymnasium.spaces as known

        if isinstance(space, known.Dict):
            return {key: self.take(one) for key, one in space.spaces.items()}
        if isinstance(space, known.Tuple):
            return tuple(self.take(one) for one in space.spaces)
        size = 1
        for n in space.shape:
            size *= n
        part = self.numbers[self.at : self.at + size]
        self.at += size
        return int(part[0]) if isinstance(space, known.Discrete) else part.astype(space.dtype).reshape(space.shape)


def as_array(value, is_whole):
    """Any observation as a contiguous array of int64 or float64."""
    import numpy

    return numpy.ascontiguousarray(value, numpy.int64 if is_whole else numpy.float64)


def join_mask(mask):
    """The mask of a MultiDiscrete, one array for each element, or such masks of rows, as one array."""
    import numpy

    is_nested = isinstance(mask, (tuple, list)) or getattr(mask, "dtype", None) == object
    parts = [join_mask(part) for part in mask] if is_nested else [numpy.asarray(mask).ravel()]
    return numpy.concatenate(parts).astype(numpy.uint8)


# ---- states ----


class Unsaved(Exception):
    """A state that can't be saved."""


def is_kept(value):
    """Whether an attribute stays as it is when a state is restored: what no step changes, or what only draws."""
    import gymnasium

    if isinstance(value, (gymnasium.Space, type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType)):
        return True
    name = type(value).__name__
    package = type(value).__module__.split(".")[0]
    return package in ("pygame", "mujoco", "ale_py", "logging") or name in ("EnvSpec", "MujocoRenderer")


def restore_array(dtype, shape, data):
    import numpy

    return numpy.frombuffer(data, dtype).reshape(shape).copy()


def restore_number(dtype, data):
    import numpy

    return numpy.frombuffer(data, dtype)[0]


class Pickler(pickle.Pickler):
    """Writes environments, and attributes that are kept, as references. Equal states shall be equal bytes, but pickle
    writes an object that occurs twice once: so equal texts are made the same object, and arrays are written by their
    numbers alone, since equal types of numpy need not be the same object."""

    def reducer_override(self, obj):
        import numpy

        kind = type(obj)
        if kind is numpy.ndarray and not obj.dtype.hasobject and obj.dtype.names is None:
            return restore_array, (sys.intern(obj.dtype.str), obj.shape, obj.tobytes())
        if issubclass(kind, (numpy.number, numpy.bool_)):
            return restore_number, (sys.intern(obj.dtype.str), obj.tobytes())
        return NotImplemented

    def __init__(self, file, names):
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.names = names

    def persistent_id(self, obj):
        return sys.intern(obj) if type(obj) is str else self.names.get(id(obj))


class Unpickler(pickle.Unpickler):
    def __init__(self, file, objects):
        super().__init__(file)
        self.objects = objects

    def persistent_load(self, pid):
        return sys.intern(pid) if type(pid) is str else self.objects[pid]


class State:
    """Saves and restores an environment: the attributes of its wrappers and of itself, and beside them what its
    simulator hands out: MuJoCo's data, or get_state() or clone_state() of the class."""

    def __init__(self, env):
        self.chain = [env]
        while hasattr(self.chain[-1], "env") and self.chain[-1] is not self.chain[-1].unwrapped:
            self.chain.append(self.chain[-1].env)
        core = self.chain[-1]
        self.data = getattr(core, "data", None) if hasattr(core, "model") else None
        if type(self.data).__name__ != "MjData":
            self.data = None
        self.names = self.data_names() if self.data is not None else []
        self.pair = None
        for get, put in [("clone_state", "restore_state"), ("get_state", "set_state")]:
            if self.data is None and self.pair is None and hasattr(core, get) and hasattr(core, put):
                self.pair = (getattr(core, get), getattr(core, put))

    def references(self):
        """Names of the objects that a state refers to, and the objects by name."""
        objects = {}
        for i, env in enumerate(self.chain):
            objects[(i, "")] = env
            for name, value in vars(env).items():
                if is_kept(value):
                    objects[(i, name)] = value
        return {id(value): name for name, value in objects.items()}, objects

    def save(self):
        names, _ = self.references()
        file = io.BytesIO()
        whole = self.pair is None
        inner = [dict(vars(env)) for env in (self.chain if whole else self.chain[:-1])]
        core = self.chain[-1]
        beside = self.save_data() if self.data is not None else None
        if not whole:
            get = self.pair[0]
            state = get(include_rng=True) if get.__name__ == "clone_state" else get()
            beside = (state, getattr(core, "_np_random", None))
        try:
            Pickler(file, names).dump((inner, beside))
        except Exception as error:
            raise Unsaved(f"{type(error).__name__}: {error}") from None
        return file.getvalue()

    def load(self, data):
        _, objects = self.references()
        inner, beside = Unpickler(io.BytesIO(data), objects).load()
        for env, attributes in zip(self.chain, inner):
            vars(env).clear()
            vars(env).update(attributes)
        if self.data is not None:
            self.load_data(beside)
        elif self.pair is not None:
            self.pair[1](beside[0])
            if beside[1] is not None:
                self.chain[-1]._np_random = beside[1]

    def data_names(self):
        """The arrays of MuJoCo's data, without those that each step computes anew, whose lengths change: contacts and
        constraints, of which data that was never stepped has none."""
        import numpy

        fresh = type(self.data)(self.chain[-1].model)
        found = []
        for name in dir(fresh):
            value = None if name.startswith("_") else getattr(fresh, name)
            if isinstance(value, numpy.ndarray) and value.size > 0 and value.flags.writeable:
                found.append(sys.intern(name))
        return found

    def save_data(self):
        return self.data.time, {name: getattr(self.data, name).copy() for name in self.names}

    def load_data(self, saved):
        self.data.time = saved[0]
        for name in self.names:
            getattr(self.data, name)[...] = saved[1][name]


def equal(a, b):
    """Whether two results of a step are the same, bit for bit."""
    import numpy

    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b))
    x, y = numpy.asarray(a), numpy.asarray(b)
    return x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()


PROBE_STEPS = 16


def play(env, actions):
    """What some steps give, until the episode ends."""
    import copy

    seen = []
    for action in actions:
        result = env.step(action)
        seen.append(copy.deepcopy(result[:4]))
        if result[2] or result[3]:
            break
    return seen


def saves_exactly(env, state):
    """The length of a state, or 0 where one cannot be saved: an episode that goes on from a saved state has to be what
    it was before."""
    space = env.action_space
    space.seed(0)
    actions = [space.sample() for _ in range(2 * PROBE_STEPS)]
    env.reset(seed=0)
    if len(play(env, actions[: PROBE_STEPS // 2])) < PROBE_STEPS // 2:
        env.reset(seed=0)
    try:
        saved = state.save()
        before = play(env, actions[PROBE_STEPS:])
        state.load(saved)
        after = play(env, actions[PROBE_STEPS:])
        return len(saved) if equal(before, after) else 0
    except Unsaved:
        return 0


def state_length(env, state):
    try:
        return saves_exactly(env, state)
    except Exception:
        return 0  # what fails here fails in a run, too, and is reported there


def capacity_for(length):
    """Room for a state that grows: a power of two, so that small differences do not matter."""
    return 0 if length == 0 else 1 << (2 * length + 63).bit_length()


# ---- what the plug-in sees ----

# what was found out about environments, by name and options
PROBED = {}


class Environment:
    """One environment, with what the plug-in has to know of it."""

    def __init__(self, name, options):
        try:
            kwargs = {key: parse(text) for key, text in options}
            wrappers = kwargs.pop("wrappers", None)
            env = make(name, kwargs)
        except TypeError as error:
            if "unexpected keyword argument" in str(error):
                raise Refusal(f"it does not take an option: {error}", options=True) from None
            raise
        spec = getattr(env, "spec", None)
        env = peel(env)
        self.env = env = wrap(env, wrappers) if wrappers else env
        self.step, self.reset = env.step, env.reset
        self.observation = describe_observation(env.observation_space)
        self.action = describe_action(env.action_space)
        self.max_steps = int(getattr(spec, "max_episode_steps", None) or 0)
        threshold = getattr(spec, "reward_threshold", None)
        self.threshold = float("nan") if threshold is None else float(threshold)
        self.mask_call = find_mask_method(env)
        self.state = State(env)
        key = (name, tuple(options))
        if key not in PROBED:
            PROBED[key] = self.probe()
        self.masks, self.state_bytes = PROBED[key]

    def probe(self):
        result = self.env.reset(seed=0)
        if not isinstance(result, tuple) or len(result) != 2 or not isinstance(result[1], dict):
            raise Refusal("reset() has to return (observation, info), as Gymnasium says; is it of the older gym?")
        masks = MASK_METHOD if self.mask_call else MASK_IN_INFO if "action_mask" in result[1] else NO_MASK
        if masks and self.action[0] not in (DISCRETE, MULTI_DISCRETE):
            masks = NO_MASK
        return masks, capacity_for(state_length(self.env, self.state))

    def save(self):
        """The state's bytes; empty where it cannot be saved."""
        try:
            return self.state.save()
        except Unsaved:
            return b""

    def load(self, data):
        self.state.load(data)

    def set_option(self, name, value):
        """By set_option() of the environment itself, or else its attribute, which keeps its type."""
        core = self.env.unwrapped
        if callable(getattr(core, "set_option", None)):
            core.set_option(name, value)
            return
        kind = type(core).__name__
        before = getattr(core, name, None)
        if not hasattr(core, name):
            raise Refusal(f"{kind} has neither an attribute {name} nor a method set_option(name, value)")
        if isinstance(before, bool) or not isinstance(before, numbers.Real):
            raise Refusal(f"the attribute {name} of {kind} is {type(before).__name__}, not a number")
        setattr(core, name, type(before)(round(value) if isinstance(before, numbers.Integral) else value))

    def close(self):
        self.env.close()


# ---- vector environments ----

# how reset() takes the seed of one row: a list for all rows, or an array for those that are reset
NO_SEED, SEED_LIST, SEED_ARRAY = 0, 1, 2
# in how many steps a trial waits for the end of an episode
TRIED_STEPS = 1000


def row_of(value, row):
    """One row of a batch of observations or of masks."""
    if isinstance(value, dict):
        return {key: row_of(one, row) for key, one in value.items()}
    if isinstance(value, tuple):
        return tuple(row_of(one, row) for one in value)
    return value[row]


def mode_of(vector):
    """How the rows of a vector environment are reset, as Gymnasium calls it: NextStep, SameStep or Disabled."""
    mode = getattr(vector, "metadata", {}).get("autoreset_mode")
    return getattr(mode, "value", mode) or "NextStep"


def call_with_rows(function, name, kwargs, n):
    """What a class or function makes that takes num_envs."""
    import inspect

    try:
        inspect.signature(function).bind(num_envs=n, **kwargs)
    except TypeError:
        if "num_envs" not in inspect.signature(function).parameters:
            raise Refusal(f"it is no vector environment, since it takes no num_envs; alone it is gymnasium:{name}") from None
        raise
    return function(num_envs=n, **kwargs)


def make_vector(name, kwargs, n):
    """`n` environments of `ID`, `module:ID`, or `module:NAME` of a class or function that makes them."""
    import gymnasium

    module, _, ident = name.rpartition(":")
    if module:
        found = import_module(module, sys.prefix)
        if ident not in gymnasium.registry and callable(getattr(found, ident, None)):
            return call_with_rows(getattr(found, ident), name, kwargs, n)
    register(gymnasium, ident)
    mode = kwargs.get("vectorization_mode")
    try:
        if mode is None and gymnasium.spec(ident).vector_entry_point is None:
            mode = kwargs["vectorization_mode"] = "sync"
        if mode in ("sync", "async"):
            kwargs = {**kwargs, "vector_kwargs": {"autoreset_mode": "Disabled", **kwargs.get("vector_kwargs", {})}}
        return gymnasium.make_vec(ident, num_envs=n, **kwargs)
    except gymnasium.error.UnregisteredEnv as error:
        raise Refusal(" ".join(str(error).split())) from None


class VectorRows:
    """The rows of a VectorEnv. Each is reset by itself, with a seed of its own, by reset(options={"reset_mask": ...})."""

    def __init__(self, name, kwargs, wrappers, n):
        self.name, self.n = name, n
        self.vector = make_vector(name, dict(kwargs), n)
        if wrappers:
            self.vector = wrap(self.vector, wrappers)
        for wanted in ("single_observation_space", "single_action_space", "num_envs"):
            if not hasattr(self.vector, wanted):
                raise Refusal(f"it is no vector environment: it has no {wanted}; environments of one row are "
                              f"gymnasium:{name}")
        if self.vector.num_envs != n:
            raise Refusal(f"{n} environments were asked for with num_envs, and it has {self.vector.num_envs}")
        self.is_same_step = mode_of(self.vector) == "SameStep"
        spec = getattr(self.vector, "spec", None)
        self.max_steps = int(getattr(spec, "max_episode_steps", None) or 0)
        self.threshold = getattr(spec, "reward_threshold", None)
        self.step = self.vector.step
        self.has_masks = False
        self.seeding = NO_SEED

    def start(self):
        """Resets all rows, which has to come before a row is reset by itself."""
        result = self.vector.reset(seed=0)
        if not isinstance(result, tuple) or len(result) != 2 or not isinstance(result[1], dict):
            raise Refusal("reset() has to return (observations, info), as Gymnasium says; is it of the older gym?")
        self.has_masks = "action_mask" in result[1]
        return result[0]

    def seed_for(self, row, seed):
        import numpy

        if self.seeding == SEED_LIST:
            return [seed if i == row else None for i in range(self.n)]
        return numpy.array([seed]) if self.seeding == SEED_ARRAY else None

    def reset_all(self, row, seed):
        import numpy

        mask = numpy.zeros(self.n, bool)
        mask[row] = True
        return self.vector.reset(seed=self.seed_for(row, seed), options={"reset_mask": mask})

    def reset_row(self, row, seed):
        """(observation, info) of a row that was reset."""
        observations, info = self.reset_all(row, seed)
        masks = {"action_mask": row_of(info["action_mask"], row)} if "action_mask" in info else {}
        return row_of(observations, row), masks

    def close(self):
        self.vector.close()


class Trial:
    """Finds out on two rows whether a vector environment resets one of them and leaves the other alone, how it takes
    seeds, and whether a row that has ended and was reset goes on as any other."""

    def __init__(self, rows):
        self.rows, self.action_space = rows, rows.vector.action_space
        self.action_space.seed(0)

    def run(self):
        before = row_of(self.rows.start(), 1)
        try:
            after = self.rows.reset_all(0, 0)[0]
            keeps = equal(before, row_of(after, 1))
        except (TypeError, ValueError, KeyError, IndexError) as error:
            self.refuse(f"reset() fails with it: {type(error).__name__}: {error}")
        if not keeps:
            self.refuse("resets all rows")
        self.find_seeding()
        self.check_end()

    def refuse(self, reason):
        vector = type(self.rows.vector.unwrapped if hasattr(self.rows.vector, "unwrapped") else self.rows.vector)
        raise Refusal(f"{vector.__name__} cannot reset one row alone, and a run must not lose steps: {reason} at "
                      f"options['reset_mask']; take gymnasium:{self.rows.name}, or "
                      "env.options.vectorization_mode: sync")

    def find_seeding(self):
        for seeding in (SEED_LIST, SEED_ARRAY):
            self.rows.seeding = seeding
            try:
                self.rows.reset_all(0, 1)
                return
            except Exception:
                continue
        self.refuse("takes a seed for one row neither in a list nor in an array")

    def start_and_step(self, row, action):
        first = self.rows.reset_row(row, 7)[0]
        result = self.rows.step(action)
        return first, row_of(result[0], row), result[1][row]

    def check_end(self):
        """A step after an episode's end and a reset has to be a step, not one more reset."""
        for _ in range(TRIED_STEPS):
            ended = self.rows.step(self.action_space.sample())
            rows = [row for row in (0, 1) if ended[2][row] or ended[3][row]]
            if not rows:
                continue
            for row in rows[1:]:
                self.rows.reset_row(row, 5)
            action = self.action_space.sample()
            seen = [self.start_and_step(rows[0], action) for _ in range(3)]
            if equal(seen[1], seen[2]) and not equal(seen[0], seen[1]):
                self.refuse("resets a row that has ended once more")
            return


class EnvPoolRows:
    """The rows of an EnvPool, which seeds each as it is made and never again. So it is made when all rows have their
    seeds; until then the first observation of a row is that of a pool of this row alone."""

    is_same_step, has_masks = False, False

    def __init__(self, name, kwargs, wrappers, n):
        if wrappers:
            raise Refusal("wrappers: environments of EnvPool take none", True)
        self.name, self.kwargs, self.n = name, kwargs, n
        self.seeds, self.pool = [None] * n, None
        self.vector = self.make(1, [0])
        config = self.vector.config
        self.max_steps = int(config.get("max_episode_steps") or 0)
        self.threshold = config.get("reward_threshold")

    def make(self, n, seeds):
        import envpool

        if self.name not in envpool.list_all_envs():
            raise Refusal(f"EnvPool has no environment {self.name}")
        threads = {"num_threads": min(n, len(os.sched_getaffinity(0)))}
        return envpool.make(self.name, env_type="gymnasium", num_envs=n, seed=seeds, **{**threads, **self.kwargs})

    def step(self, actions):
        return self.pool.step(actions)

    def reset_row(self, row, seed):
        import numpy

        if self.pool is not None:
            return row_of(self.pool.reset(numpy.array([row], numpy.int32))[0], 0), {}
        self.seeds[row] = seed
        one = self.make(1, [seed])
        observation = row_of(one.reset()[0], 0)
        one.close()
        if None not in self.seeds:
            self.pool = self.make(self.n, self.seeds)
            self.pool.reset()
        return observation, {}

    def close(self):
        for pool in (self.vector, self.pool):
            if pool is not None:
                pool.close()


def describe_actions(space, n):
    """As describe_action(), for the actions of `n` rows in one array."""
    import numpy

    kind, shape, low, high, counts, starts, how, array, _ = describe_action(space)
    if how == COMPOSED:
        raise Refusal(f"its action space is a {type(space).__name__}, which vector environments cannot take here")
    dtype = space.dtype if how == INT else array.dtype
    array = numpy.zeros((n, *space.shape), dtype)
    elements = n * int(numpy.prod(space.shape))
    if kind == BOX:
        return BOX, (elements,), None, None, b"", b"", ARRAY, array, None
    return MULTI_DISCRETE, (elements,), None, None, counts * n, starts * n, ARRAY, array, None


# how the rows of a vector environment take seeds, by name and options
TRIED = {}


class Vector:
    """`n` environments that step at once, with what the plug-in has to know of them."""

    def __init__(self, family, name, options, n):
        kwargs = {key: parse(text) for key, text in options}
        wrappers = kwargs.pop("wrappers", None)
        try:
            self.rows = rows = self.open(family, name, kwargs, wrappers, n, tuple(options))
        except TypeError as error:
            if "unexpected keyword argument" in str(error):
                raise Refusal(f"it does not take an option: {error}", options=True) from None
            raise
        self.step, self.reset_row, self.is_same_step = rows.step, rows.reset_row, rows.is_same_step
        space = rows.vector.single_action_space
        self.observation = describe_observation(rows.vector.single_observation_space)
        self.action, self.actions = describe_action(space), describe_actions(space, n)
        self.max_steps = rows.max_steps
        self.threshold = float("nan") if rows.threshold is None else float(rows.threshold)
        self.masks = MASK_IN_INFO if rows.has_masks and self.action[0] in (DISCRETE, MULTI_DISCRETE) else NO_MASK

    def open(self, family, name, kwargs, wrappers, n, key):
        if family == "envpool":
            return EnvPoolRows(name, kwargs, wrappers, n)
        if (name, key) not in TRIED:
            two = VectorRows(name, kwargs, wrappers, 2)
            try:
                Trial(two).run()
                TRIED[(name, key)] = two.seeding
            finally:
                two.close()
        rows = VectorRows(name, kwargs, wrappers, n)
        rows.seeding = TRIED[(name, key)]
        rows.start()
        return rows

    def final(self, info, row):
        """The last observation of a row that was reset in the same step."""
        if "final_obs" not in info:
            raise TypeError("a row ended, and info has no final_obs, as autoreset_mode SameStep says")
        return row_of(info["final_obs"], row)

    def close(self):
        self.rows.close()


def find_mask_method(env):
    """action_masks() of the environment or of one of its wrappers, as sb3-contrib knows it."""
    while True:
        if callable(getattr(type(env), "action_masks", None)):
            return env.action_masks
        if not hasattr(env, "env") or env is env.unwrapped:
            return None
        env = env.env
