#!/usr/bin/env python3
"""Turns what `muster bench --json` wrote into the Markdown tables of docs/benchmarks.md.

    build/muster bench --json all >all.json 2>all.log
    mpirun -n 2 build/muster bench --json exchange >exchange.json
    bench/report.py all.json exchange.json --log all.log --into docs/benchmarks.md

Prints the tables; with --into replaces the text between the two marks in that file. A part that was measured on its own,
on another machine, has marks of its own:

    build/muster bench --json math off-policy >off-policy.json 2>off-policy.log
    bench/report.py off-policy.json --log off-policy.log --into docs/benchmarks.md --block off-policy

If a figure is in several files, the first one counts. Needs nothing but Python 3.7.
"""

import argparse
import json
import os
import pathlib
import sys

BEGIN = "<!-- begin: written by bench/report.py -->"
BLOCK = "<!-- begin: written by bench/report.py, %s -->"
END = "<!-- end -->"

# the limit that each part is compared with, in the order of the tables
PARTS = {
    "math": "Limit: multiply-adds in registers for products (`linear_peak`: sgemm); a copy of the elements within the "
    "cache for tanh, exp and log; a copy for memory. A limit is compared with itself.",
    "env": "Limit: the environment's own functions without the pool; for `block`, a copy of the bytes that a step reads "
    "and writes.",
    "rollout": "Limit: the environments alone, and the policy's multiply-adds in registers.",
    "update": "Limit: the useful operations of a sample at the peak of sgemm; for `flops`, multiply-adds in registers.",
    "off-policy": "Limit: the useful multiply-adds of an update in registers; for `uniform` and `prioritized`, a copy of "
    "as many bytes that lie together.",
    "exchange": "Limit: the same bytes between plain buffers by plain MPI calls.",
    "checkpoint": "Limit: a bare write and fsync of as many bytes.",
}


def number(value):
    """Three significant digits; whole numbers from a hundred on."""
    return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"


def row(figure):
    cells = [f"`{figure['name']}`", number(figure["value"]), figure["unit"]]
    cells += [f"{number(figure['min'])} – {number(figure['max'])}", number(figure["limit"])]
    return "| " + " | ".join(cells + [f"{figure['ratio']:.1%}"]) + " |"


def table(part, figures):
    lines = [f"### {part}", "", PARTS.get(part, ""), ""]
    lines += ["| figure | median | unit | spread | limit | share of the limit |", "|---|--:|---|--:|--:|--:|"]
    return "\n".join(lines + [row(figure) for figure in figures])


def processor():
    """The processor's name and the number of cores that this process may use."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    facts = dict(reversed([[part.strip() for part in line.split(":", 1)] for line in lines if ":" in line]))
    name = facts.get("model name", "unknown processor")
    family = f" (family {facts['cpu family']}, model {facts['model']})" if "cpu family" in facts else ""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}{family}, {cores} cores"


def settings(log):
    """What muster said about itself when it started to measure."""
    for line in pathlib.Path(log).read_text(encoding="utf-8").splitlines():
        if line.startswith("muster bench: ") and ";" in line:
            return line[len("muster bench: "):]
    raise SystemExit(f"report.py: {log} is not what muster bench wrote on standard error")


def read(paths):
    """The figures of all files; of several with one name the first."""
    figures = {}
    for path in paths:
        for figure in json.loads(pathlib.Path(path).read_text(encoding="utf-8")):
            figures.setdefault(figure["name"], figure)
    return list(figures.values())


def report(figures, machine):
    parts = {}
    for figure in figures:
        parts.setdefault(figure["name"].split("/")[0], []).append(figure)
    order = [part for part in PARTS if part in parts] + [part for part in parts if part not in PARTS]
    return "\n\n".join([f"Measured on: {machine}."] + [table(part, parts[part]) for part in order])


def replace(path, text, mark=BEGIN):
    """Replaces what a file has between the mark and the next END with the text."""
    path = pathlib.Path(path)
    document = path.read_text(encoding="utf-8")
    before, begin, rest = document.partition(mark)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{path} does not have the lines {mark} and {END}")
    path.write_text(f"{before}{mark}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", nargs="+", help="what `muster bench --json` wrote")
    parser.add_argument("--log", help="what it wrote on standard error, for the line about the machine")
    parser.add_argument("--into", help="a Markdown file with the two marks")
    parser.add_argument("--block", help="the name in these marks")
    arguments = parser.parse_args()
    machine = processor()
    if arguments.log:
        machine += "; " + settings(arguments.log)
    text = report(read(arguments.figures), machine)
    if arguments.into:
        replace(arguments.into, text, BLOCK % arguments.block if arguments.block else BEGIN)
    else:
        sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
