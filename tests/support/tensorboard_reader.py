"""Prints as JSON what TensorBoard's own code reads from event files; runs where tensorboard is installed.

events RUN   every event of every file, in order; CRCs are checked
live RUN     reads what is there, prints a line, waits for a line of input, and reads on; then prints the series as
             TensorBoard shows them
"""

import json
import pathlib
import sys

from tensorboard.backend.event_processing import event_accumulator, event_file_loader
from tensorboard.compat.proto import event_pb2
from tensorboard.plugins.hparams import metadata


def hyperparameters(content):
    start = metadata.parse_session_start_info_plugin_data(content)
    return {key: getattr(value, value.WhichOneof("kind")) for key, value in start.hparams.items()}


def as_histogram(proto):
    names = ["min", "max", "num", "sum", "sum_squares"]
    return {
        **{name: getattr(proto, name) for name in names},
        "limit": list(proto.bucket_limit),
        "count": list(proto.bucket),
    }


def describe(event):
    found = {"wall_time": event.wall_time, "step": event.step, "scalars": {}, "histograms": {}}
    what = event.WhichOneof("what")
    if what == "file_version":
        found["version"] = event.file_version
    if what == "session_log":
        found["restart"] = event.session_log.status == event_pb2.SessionLog.START
    for value in event.summary.value:
        if value.tag == metadata.SESSION_START_INFO_TAG:
            found["start"] = hyperparameters(value.metadata.plugin_data.content)
        elif value.tag == metadata.SESSION_END_INFO_TAG:
            end = metadata.parse_session_end_info_plugin_data(value.metadata.plugin_data.content)
            found["end"] = {"status": end.status, "time": end.end_time_secs}
        elif value.WhichOneof("value") == "histo":
            found["histograms"][value.tag] = as_histogram(value.histo)
        else:
            found["scalars"][value.tag] = value.simple_value
    return found


def read_events(run):
    paths = sorted(pathlib.Path(run).glob("*tfevents*"))
    loaders = [event_file_loader.RawEventFileLoader(str(path)) for path in paths]
    return [[describe(event_pb2.Event.FromString(record)) for record in loader.Load()] for loader in loaders]


def read_live(run):
    accumulator = event_accumulator.EventAccumulator(
        run, size_guidance={event_accumulator.SCALARS: 0, event_accumulator.HISTOGRAMS: 0}
    )
    accumulator.Reload()
    print("read", flush=True)
    sys.stdin.readline()
    accumulator.Reload()
    return {
        "scalars": {
            tag: [[event.step, event.value] for event in accumulator.Scalars(tag)]
            for tag in accumulator.Tags()["scalars"]
        },
        "start": hyperparameters(accumulator.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content),
    }


if __name__ == "__main__":
    print(json.dumps({"events": read_events, "live": read_live}[sys.argv[1]](sys.argv[2])))
