"""libmuster-policy, by ctypes: where it is found, what its functions take, and what becomes of its errors."""

import ctypes
import functools
import os
import pathlib
import shutil
import sys

NAME = "libmuster-policy.so.0"

BOX, BOX_U8, DISCRETE, MULTI_DISCRETE = 1, 2, 3, 4
MAX_RANK = 4

# codes of muster/status.h
_ERROR_IO, _ERROR_MEMORY = 2, 4


class Space(ctypes.Structure):
    """muster_space of muster/space.h."""

    _fields_ = [
        ("kind", ctypes.c_int),
        ("rank", ctypes.c_int32),
        ("shape", ctypes.c_int32 * MAX_RANK),
        ("low", ctypes.POINTER(ctypes.c_float)),
        ("high", ctypes.POINTER(ctypes.c_float)),
        ("counts", ctypes.POINTER(ctypes.c_int32)),
    ]


_POINTER, _SIZE = ctypes.c_void_p, ctypes.c_size_t

# name: (result, arguments); a result "status" is an error that is raised
_FUNCTIONS = {
    "muster_policy_open": ("status", [ctypes.c_char_p, ctypes.POINTER(_POINTER)]),
    "muster_policy_close": (None, [ctypes.POINTER(_POINTER)]),
    "muster_policy_observation_space": (ctypes.POINTER(Space), [_POINTER]),
    "muster_policy_action_space": (ctypes.POINTER(Space), [_POINTER]),
    "muster_policy_env": (ctypes.c_char_p, [_POINTER]),
    "muster_policy_algorithm": (ctypes.c_char_p, [_POINTER]),
    "muster_policy_total_steps": (ctypes.c_int64, [_POINTER]),
    "muster_policy_choices": (_SIZE, [_POINTER]),
    "muster_policy_seed": (None, [_POINTER, ctypes.c_uint64]),
    "muster_policy_act_masked": ("status", [_POINTER, _SIZE, _POINTER, _POINTER, ctypes.c_int, _POINTER]),
    "muster_policy_probabilities": ("status", [_POINTER, _SIZE, _POINTER, _POINTER, _POINTER]),
    "muster_policy_values": ("status", [_POINTER, _SIZE, _POINTER, _POINTER, _POINTER]),
    "muster_policy_action_values": ("status", [_POINTER, _SIZE, _POINTER, _POINTER]),
}


def _places():
    """Where the library may be: what MUSTER_LIBRARY names and nothing else; or the build beside the package's source, the
    prefix of the program `muster`, that of Python, and the system's folders."""
    named = os.environ.get("MUSTER_LIBRARY")
    if named:
        return [str(pathlib.Path(named) / NAME) if os.path.isdir(named) else named]
    places = [pathlib.Path(__file__).resolve().parents[2] / "build" / "src" / NAME]
    program = shutil.which("muster")
    prefixes = [pathlib.Path(program).resolve().parents[1]] if program else []
    prefixes += [pathlib.Path(sys.prefix), pathlib.Path.home() / ".local"]
    for prefix in prefixes:
        places += [prefix / "lib" / NAME, prefix / "lib64" / NAME, *sorted((prefix / "lib").glob("*-linux-*/" + NAME))]
    return [str(place) for place in places if place.exists()] + [NAME]


def _open():
    reasons = []
    for place in _places():
        try:
            return ctypes.CDLL(place)
        except OSError as error:
            reasons.append(str(error))
    raise OSError(
        f"cannot load muster's library {NAME}: {'; '.join(reasons)}. Install muster (cmake --install build --prefix "
        "...) and put its bin folder into PATH, or let MUSTER_LIBRARY name the file"
    )


def _check(library, function):
    """Raises what a returned status says: OSError, MemoryError or ValueError."""

    def checked(status, called, arguments):
        del called, arguments
        if not status:
            return
        owned = _POINTER(status)
        code = library.muster_status_code(owned)
        text = library.muster_status_message(owned).decode("utf-8", "replace")
        library.muster_status_clear(ctypes.byref(owned))
        raise {_ERROR_IO: OSError, _ERROR_MEMORY: MemoryError}.get(code, ValueError)(text)

    function.restype, function.errcheck = _POINTER, checked


@functools.lru_cache(maxsize=None)
def library():
    """The library, with its functions described. Error: OSError, which says where it was looked for."""
    opened = _open()
    opened.muster_status_code.argtypes = [_POINTER]
    opened.muster_status_message.argtypes = [_POINTER]
    opened.muster_status_message.restype = ctypes.c_char_p
    opened.muster_status_clear.argtypes = [ctypes.POINTER(_POINTER)]
    opened.muster_status_clear.restype = None
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(opened, name)
        function.argtypes = arguments
        if result == "status":
            _check(opened, function)
        else:
            function.restype = result
    return opened
