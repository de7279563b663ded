"""Passes on what CTest prints; before its summary it says how many tests, or cases of tests, were skipped, and why.

usage: ctest ... | skipped.py BUILD_FOLDER

It finds what was skipped in CTest's log of all that the tests printed: unittest's "... skipped 'REASON'", or a line
"skipped: REASON". It writes the list to BUILD_FOLDER/skipped.txt. In CI, where scripts/setup has installed all that
tests need, the exit code is 1 if something was skipped for another reason than those below.
"""

import ast
import os
import pathlib
import re
import sys

# what may be skipped: (test, part of the reason), as regular expressions
EXPECTED = [
    ("fault/disk", "root may write everywhere"),
    ("mpi/placement", "sanitizers"),
    ("fault/(failing_calls|setup)", "sanitizers"),
    # a machine may be unable to reach Python's package index
    ("cli/(export|gymnasium|gymnasium_vector|python|tensorboard)|mpi/trace_viewers", "pip install"),
    ("cli/mujoco", "plugin-mujoco/fetch"),
]

SUMMARY = re.compile(r"^\d+% tests passed")
TEST = re.compile(r"^\d+/\d+ Test: (.+)$")
CASE = re.compile(r"^\s*(\w+) \([\w.]+\)")
# output of a test may come between the line of its case and this text
SKIPPED = re.compile(r"(?:^|\.\.\. )skipped (['\"].*['\"])$|^skipped: (.+)$")


def find(log):
    """(test, case or "", reason) for everything that was skipped."""
    found, test, case = set(), "", ""
    for line in log.splitlines():
        if begins := TEST.match(line):
            test, case = begins[1], ""
        if named := CASE.match(line):
            case = named[1]
        if skipped := SKIPPED.search(line):
            found.add((test, case, ast.literal_eval(skipped[1]) if skipped[1] else skipped[2]))
    return sorted(found)


def is_expected(test, reason):
    return any(re.fullmatch(name, test) and re.search(part, reason) for name, part in EXPECTED)


def report(build):
    """Prints the list and writes it to a file; returns whether all of it was expected."""
    log = (build / "Testing" / "Temporary" / "LastTest.log").read_text(encoding="utf-8", errors="replace")
    found = find(log)
    surprises = [one for one in found if not is_expected(one[0], one[2])]
    lines = [f"{len(found)} skipped, {len(surprises)} of them unexpectedly" + (":" if found else "")]
    for test, case, reason in found:
        mark = "unexpectedly " if (test, case, reason) in surprises else ""
        lines.append(f"  {mark}{test}{f' {case}' if case else ''}: {reason}")
    print("\n".join(lines))
    (build / "skipped.txt").write_text("".join(f"{line}\n" for line in lines[1:]), encoding="utf-8")
    return not surprises


def main():
    in_ci = os.environ.get("CI") == "true"
    good, summary = True, []
    for line in sys.stdin:
        if summary or SUMMARY.match(line):
            summary.append(line)
        else:
            print(line, end="", flush=True)
    if summary:
        good = report(pathlib.Path(sys.argv[1])) or not in_ci
        if not good:
            print("FAILED: in CI nothing may be skipped unexpectedly")
    print("".join(summary), end="", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
