"""The virtual environment with the packages of plugins/gymnasium/requirements.txt, which scripts/setup python makes once."""

import fcntl
import os
import pathlib
import subprocess
import unittest

import program

PLUGIN = pathlib.Path(program.PROGRAM).parent / "muster-gymnasium.so"
# the user's own environments: a module that the tests name
MODULES = program.SOURCE / "tests" / "cli" / "python_environments"


def folder():
    """Its folder; skips the test where the plug-in was not built or the packages cannot be installed."""
    if not PLUGIN.exists():
        raise unittest.SkipTest("muster-gymnasium.so was not built: there are no headers of Python")
    work = pathlib.Path(program.WORK).parent
    with open(work / "python.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = subprocess.run([program.SOURCE / "scripts" / "setup", "python"], capture_output=True, text=True,
                              check=False, timeout=900, env={**os.environ, "PYTHONPATH": ""})
    if made.returncode != 0:
        reason = made.stderr.strip().splitlines()[-1:]
        raise unittest.SkipTest(f"pip install cannot be done here: {' '.join(reason)}")
    return pathlib.Path(os.environ.get("MUSTER_PYTHON") or program.SOURCE / "build" / "python").resolve()
