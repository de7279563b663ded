"""Packages of Python that only tests need, in a virtual environment of the build tree that is made once."""

import os
import pathlib
import subprocess
import sys
import unittest

import program

FOLDER = pathlib.Path(program.WORK).parent / "venv"


def python_with(*requirements):
    """The interpreter of an environment that has these packages; skips the test where they cannot be had."""
    python = FOLDER / "bin" / "python"
    done = FOLDER / ("-".join(requirements) + ".installed")
    if done.exists():
        return str(python)
    commands = [
        [sys.executable, "-E", "-m", "venv", str(FOLDER)],
        [str(python), "-E", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements],
    ]
    for command in commands:
        try:
            made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        except subprocess.TimeoutExpired:
            raise unittest.SkipTest(f"no end after ten minutes: {' '.join(command)}") from None
        if made.returncode != 0:
            reason = (made.stderr + made.stdout).strip().splitlines()[-1:]
            raise unittest.SkipTest(f"cannot be had here: {' '.join(requirements)}: {' '.join(command)}: {reason}")
    done.touch()
    return str(python)


def main():
    """unittest's main; where tests were skipped and none failed, CTest is told so by the exit code 77."""
    outcome = unittest.main(exit=False).result
    skipped = outcome.wasSuccessful() and len(outcome.skipped) > 0
    sys.stdout.flush()
    os._exit(77 if skipped else 0 if outcome.wasSuccessful() else 1)
