"""Checks that hold for every run whose actors never wait, in whatever way it came to its state (Probe-v0 counts its own
steps)."""

import struct

import events
import program

# bytes before those that an environment itself saves; the state of Probe-v0 begins with its number of steps
HEAD_BYTES = 40


def integer(found, name):
    """A scalar from the tensors that program.contents() returned."""
    return struct.unpack("<q", found[name][2])[0]


def steps_of_probe(found):
    """Steps that all environments have made, according to their own states."""
    _, shape, data = found["environments/states"]
    n_envs, size = map(int, shape.split("x"))
    return sum(struct.unpack_from("<q", data, n * size + HEAD_BYTES)[0] for n in range(n_envs))


def steps_of_episodes(found, length):
    """Steps of the episodes that have ended and of those that are being played."""
    _, shape, data = found["episodes/running_length"]
    return integer(found, "episodes/finished") * length + sum(struct.unpack(f"<{shape}q", data))


def check_conserved(case, run, length):
    """Checks that each step of an environment was counted once, and is in one episode of this length."""
    found = program.contents(run / "checkpoints" / "latest")
    total = integer(found, "progress/total_steps")
    case.assertEqual(steps_of_probe(found), total)
    case.assertEqual(steps_of_episodes(found, length), total)
    return found


def check_rows(case, run):
    """Checks that no row is doubled or missing in metrics.csv, that event files have the same rows, and that lags are
    plausible."""
    rows = program.rows(run)
    iterations = [int(row["time/iterations"]) for row in rows]
    # with a replay, updates without new steps are told in the next row
    has_replay = "replay/size" in rows[0]
    case.assertEqual(iterations, sorted(set(iterations)) if has_replay else list(range(1, len(rows) + 1)))
    steps = [int(row["time/total_timesteps"]) for row in rows]
    case.assertEqual(steps, sorted(set(steps)))
    case.assertEqual(events.rows(run), events.rows_of_metrics(run))
    for row in rows:
        # the trajectories of a pause may have been the last ones before a run was resumed, or have faults
        if has_replay and row["train/policy_lag_min"] == "":
            continue
        lags = [float(row[f"train/policy_lag_{what}"]) for what in ["min", "mean", "max"]]
        case.assertEqual(lags, sorted(lags))
        case.assertGreaterEqual(lags[0], 0)
        # a replay takes what comes in a pause after the row's last update, too
        case.assertLess(lags[2], int(row["time/iterations"]) + has_replay)
    return rows
