"""Files of a run: metrics.csv, and the tensors of a checkpoint."""

import os
import pathlib

import numpy


def read_metrics(run):
    """metrics.csv of a run, finished or not: a pandas.DataFrame where pandas is installed, else a dict of numpy arrays, one
    for each column. What was not known at a row is NaN. `run`: its folder, or the file."""
    path = pathlib.Path(run)
    if path.is_dir():
        path = path / "metrics.csv"
    text = _whole_lines(path)
    try:
        import pandas
    except ImportError:
        return _read_columns(path, text)
    import io

    return pandas.read_csv(io.StringIO(text))


def _whole_lines(path):
    """The file's text up to its last whole line: a run may be writing the next one."""
    text = path.read_text(encoding="utf-8")
    end = text.rfind("\n") + 1
    if end == 0:
        raise ValueError(f"{path} has no header yet")
    return text[:end]


def _read_columns(path, text):
    header, *lines = text.splitlines()
    names = header.split(",")
    rows = [line.split(",") for line in lines]
    for number, row in enumerate(rows, 2):
        if len(row) != len(names):
            raise ValueError(f"{path}:{number}: {len(row)} columns; expects {len(names)}")
    return {name: numpy.array([float(row[i]) if row[i] else numpy.nan for row in rows]) for i, name in enumerate(names)}


def read_tensors(run):
    """All tensors of a checkpoint as a dict of numpy arrays by their names ("policy/0/weight"). `run`: a checkpoint, or a
    run folder, whose newest one is read."""
    import h5py

    path = pathlib.Path(run)
    if path.is_dir():
        folder = path if (path / "latest").exists() else path / "checkpoints"
        path = folder / "latest"
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiu":
            found[name] = item[()]

    with h5py.File(os.fspath(path), "r") as file:
        file.visititems(visit)
    return found
