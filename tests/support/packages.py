"""Python packages that only tests need, in a virtual environment in the build folder that is made once."""

import fcntl
import os
import pathlib
import subprocess
import sys
import unittest

import program

FOLDER = pathlib.Path(program.WORK).parent / "venv"


def run(*command):
    """Runs one step of an installation; skips the test if it fails."""
    try:
        made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    except subprocess.TimeoutExpired:
        raise unittest.SkipTest(f"no end after ten minutes: {' '.join(command)}") from None
    if made.returncode != 0:
        reason = (made.stdout + made.stderr).strip().splitlines()[-1:]
        raise unittest.SkipTest(f"cannot be done here: {' '.join(command)}: {' '.join(reason)}")


def fetched(script):
    """The folder of an environment with what a script of an example installs into it; skips the test if it cannot."""
    folder = FOLDER.parent / f"{pathlib.Path(script).parent.name}-venv"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "fetched").exists():
            run(str(script), str(folder))
            (folder / "fetched").touch()
    return folder


def python_with(*requirements):
    """The interpreter of an environment that has these packages; skips the test if they cannot be installed."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    python = str(FOLDER / "bin" / "python")
    done = FOLDER / ("-".join(requirements) + ".installed")
    # tests that run at the same time share the environment; -E: Python must not find the tests' own modules
    with open(FOLDER / ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            run(sys.executable, "-E", "-m", "venv", str(FOLDER))
            run(python, "-E", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements)
            done.touch()
    return python


def main():
    """unittest's main; if tests were skipped and none failed, exit code 77 tells CTest so."""
    outcome = unittest.main(exit=False).result
    code = 1 if not outcome.wasSuccessful() else 77 if outcome.skipped else 0
    sys.stdout.flush()
    os._exit(code)
