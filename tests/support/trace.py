"""Reads a trace (trace.json of a run folder), and checks its form and compares it with the run's summary.

The file has times in microseconds with three decimals, which become whole nanoseconds. So nothing here needs a
tolerance, except where sums of events are compared with seconds of the summary, which were summed as floating-point
numbers.
"""

import collections
import json

import program

STAGES = "rollout wait gather advantages update broadcast checkpoint evaluation other".split()
ITERATIONS = ["iteration", "end"]

Slice = collections.namedtuple("Slice", "name begin end args")


def nanoseconds(microseconds):
    return round(microseconds * 1000)


class Trace:
    def __init__(self, path):
        content = json.loads(path.read_text(encoding="utf-8"))
        self.events, self.ranks = content["traceEvents"], content["otherData"]["ranks"]
        self.slices = collections.defaultdict(list)  # rank -> its slices, outer ones first
        for event in self.events:
            if event["ph"] == "X":
                begin = nanoseconds(event["ts"])
                end = begin + nanoseconds(event["dur"])
                self.slices[event["tid"]].append(Slice(event["name"], begin, end, event["args"]))
        for slices in self.slices.values():
            slices.sort(key=lambda s: (s.begin, -s.end, s.name not in ITERATIONS))

    def of_phase(self, *phases):
        return [event for event in self.events if event["ph"] in phases]

    def iterations(self, rank):
        return [s for s in self.slices[rank] if s.name in ITERATIONS]

    def stages(self, rank):
        return [s for s in self.slices[rank] if s.name not in ITERATIONS]


def check_form(case, trace, ranks):
    """Every event is of a known kind, at a time of 0 or later, and of a rank that the trace names."""
    case.assertEqual({event["ph"] for event in trace.events} - set("MXCsf"), set())
    for event in trace.events:
        case.assertGreaterEqual(event.get("ts", 0), 0, event)
        case.assertGreaterEqual(event.get("dur", 0), 0, event)
        case.assertIn(event["tid"], range(ranks))
    names = [e["tid"] for e in trace.of_phase("M") if e["name"] == "thread_name"]
    case.assertEqual(names, sorted(set(e["tid"] for e in trace.of_phase("X"))))
    hosts = [e["pid"] for e in trace.of_phase("M") if e["name"] == "process_name"]
    case.assertEqual(sorted(hosts), sorted(set(e["pid"] for e in trace.events)))


def check_slices(case, trace, rank):
    """Iterations follow each other without gaps; the stages of a rank follow each other, each within its iteration."""
    iterations, stages = trace.iterations(rank), trace.stages(rank)
    for before, after in zip(iterations, iterations[1:]):
        case.assertEqual(before.end, after.begin)
        case.assertEqual(before.args["iteration"] + 1, after.args["iteration"])
    for before, after in zip(stages, stages[1:]):
        case.assertLessEqual(before.end, after.begin)
    around = {s.args["iteration"]: s for s in iterations}
    for stage in stages:
        case.assertIn(stage.name, STAGES)
        case.assertGreaterEqual(stage.begin, around[stage.args["iteration"]].begin, stage)
        case.assertLessEqual(stage.end, around[stage.args["iteration"]].end, stage)


def check_sums(case, trace, figures, drift=0):
    """Iterations cover all of a rank's time, and its stages sum to what the summary says (`figures`, those of the
    rank). `drift`: by how many seconds the offset of its host's clock may differ between start and end."""
    iterations, stages = trace.iterations(figures["rank"]), trace.stages(figures["rank"])
    rounding = 1e-9 * (len(iterations) + len(stages) + 1) + 1e-9 * figures["total"] + drift
    total = sum(s.end - s.begin for s in iterations) / 1e9
    case.assertAlmostEqual(total, figures["total"], delta=rounding)
    for name in STAGES[:-1]:
        seconds = sum(s.end - s.begin for s in stages if s.name == name) / 1e9
        case.assertAlmostEqual(seconds, figures[name], delta=rounding, msg=name)
    case.assertAlmostEqual(total - sum(s.end - s.begin for s in stages) / 1e9, figures["other"], delta=rounding)


def check_accounts(case, run):
    """The summary's stages of each rank sum to the time of its loop, and none is negative."""
    summary = program.summary(run)
    case.assertEqual([figures["rank"] for figures in summary["ranks_seconds"]], list(range(summary["ranks"])))
    for figures in summary["ranks_seconds"]:
        case.assertAlmostEqual(sum(figures[s] for s in STAGES), figures["total"], delta=1e-6 * (1 + figures["total"]))
        case.assertGreaterEqual(min(figures[s] for s in STAGES), 0)
        case.assertLessEqual(figures["total"], summary["wall_seconds"])
        parts = figures["rollout_policy"] + figures["rollout_environments"]
        case.assertAlmostEqual(parts, figures["rollout"], delta=1e-9)
    learner = next(figures for figures in summary["ranks_seconds"] if "learner" in figures["role"])
    case.assertEqual(summary["stage_seconds"], {stage: learner[stage] for stage in STAGES})


def check_arrows(case, trace, actors, first, last):
    """There is an arrow from the learner to each actor for each command, the last of which says stop, and an arrow back
    for each rollout; all go forwards in time."""
    starts = {event["id"]: event for event in trace.of_phase("s")}
    ends = {event["id"]: event for event in trace.of_phase("f")}
    expected = {2 * (i * trace.ranks + actor): "command" for i in range(first, last + 2) for actor in actors}
    expected.update({2 * (i * trace.ranks + actor) + 1: "rollout" for i in range(first, last + 1) for actor in actors})
    case.assertEqual(len(trace.of_phase("s", "f")), 2 * len(expected))
    case.assertEqual({identity: event["name"] for identity, event in starts.items()}, expected)
    case.assertEqual({identity: event["name"] for identity, event in ends.items()}, expected)
    for identity in expected:
        case.assertLess(starts[identity]["ts"], ends[identity]["ts"], identity)
