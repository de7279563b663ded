"""Reads the scalars of a run's event files with nothing but the standard library. It is strict: every record must be
whole.

TensorBoard's own reader, which cli/tensorboard uses, is not installed everywhere.
"""

import csv
import struct

HEADER, FOOTER = 12, 4


def records(content):
    """The payloads of all records; a torn one at the end is an error. TensorBoard checks the CRCs, not this."""
    at = 0
    while at < len(content):
        (size,) = struct.unpack_from("<Q", content, at)
        end = at + HEADER + size + FOOTER
        assert end <= len(content), f"a torn record at byte {at}"
        yield content[at + HEADER : end - FOOTER]
        at = end


def varint(content, at):
    value = shift = 0
    while True:
        value |= (content[at] & 127) << shift
        shift += 7
        at += 1
        if content[at - 1] < 128:
            return value, at


def fields(content):
    """Number and value of each field of a protobuf message: an integer, or the bytes."""
    at = 0
    while at < len(content):
        key, at = varint(content, at)
        size = {1: 8, 5: 4}.get(key & 7)
        if key & 7 == 0:
            value, at = varint(content, at)
        else:
            if size is None:
                size, at = varint(content, at)
            value = content[at : at + size]
            at += size
        yield key >> 3, value


def files(run):
    return sorted(run.glob("events.out.tfevents.*"))


def rows(run):
    """The scalars of all event files, in order: (step, {tag: value}). Scalars that were added to a step later belong to
    it."""
    found = []
    for path in files(run):
        for payload in records(path.read_bytes()):
            event = dict(fields(payload))
            scalars = {}
            for _, value in fields(event.get(5, b"")):
                entry = dict(fields(value))
                if 2 in entry:
                    (scalars[entry[1].decode()],) = struct.unpack("<f", entry[2])
            if scalars and found and found[-1][0] == event[2] and not found[-1][1].keys() & scalars.keys():
                found[-1][1].update(scalars)
            elif scalars:
                found.append((event[2], scalars))
    return found


def as_float(text):
    """The number that an event can hold which is nearest to that of metrics.csv."""
    return struct.unpack("<f", struct.pack("<f", float(text)))[0]


def rows_of_metrics(run):
    """What rows() must be, from metrics.csv."""
    with open(run / "metrics.csv", newline="", encoding="utf-8") as file:
        return [
            (int(row["time/total_timesteps"]), {tag: as_float(text) for tag, text in row.items() if text != ""})
            for row in csv.DictReader(file)
        ]
