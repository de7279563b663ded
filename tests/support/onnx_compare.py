"""Runs two ONNX models of one policy by onnxruntime, that of its most probable actions and that of its samples, beside
muster itself, and prints what it found as JSON.

usage: python -I onnx_compare.py PYTHON_PACKAGE_FOLDER RUN PLAIN.onnx DRAWN.onnx ROWS; MUSTER_LIBRARY names libmuster-policy
"""

import json
import sys

import numpy
import onnx
import onnxruntime

# the package of this source, not one that is installed
sys.path.insert(0, sys.argv[1])
import muster  # noqa: E402

TYPES = {"tensor(float)": numpy.float32, "tensor(uint8)": numpy.uint8, "tensor(int64)": numpy.int64}


def draw_observations(space, rows, random):
    if space.counts is not None:
        return random.integers(0, space.counts, (rows, *space.shape))
    if space.dtype == numpy.uint8:
        return random.integers(0, 256, (rows, *space.shape), numpy.uint8)
    return random.normal(0, 1.5, (rows, *space.shape)).astype(numpy.float32)


def draw_masks(counts, rows, random):
    """Random masks, which allow a choice of each element."""
    parts = []
    for count in counts:
        part = random.random((rows, count)) < 0.6
        part[numpy.arange(rows), random.integers(0, count, rows)] = True
        parts.append(part)
    return numpy.concatenate(parts, axis=1)


class Model:
    def __init__(self, path):
        onnx.checker.check_model(path, full_check=True)
        model = onnx.load(path)
        assert (model.ir_version, model.opset_import[0].version) == (8, 17), model.opset_import
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.inputs = {one.name: one for one in self.session.get_inputs()}
        self.metadata = self.session.get_modelmeta().custom_metadata_map

    def run(self, observations, masks, noise=None):
        feed = {"obs": observations.astype(TYPES[self.inputs["obs"].type])}
        if "action_mask" in self.inputs:
            feed["action_mask"] = masks
        if "noise" in self.inputs:
            feed["noise"] = noise.astype(numpy.float32)
        return self.session.run(["action"], feed)[0]


def distance(a, b):
    """Kolmogorov-Smirnov's statistic of two samples of the same size, times sqrt(n / 2)."""
    both = numpy.sort(numpy.concatenate([a, b]))
    below = [numpy.searchsorted(numpy.sort(one), both, "right") / len(one) for one in (a, b)]
    return numpy.abs(below[0] - below[1]).max() * (len(a) / 2) ** 0.5


def compare_box(policy, plain, drawn, observations, random):
    expected, found = policy(observations), plain.run(observations, None)
    width = drawn.inputs["noise"].shape[1]
    still = drawn.run(observations, None, numpy.zeros((len(observations), width)))
    differences = [numpy.abs(one.astype(float) - expected).max() for one in (found, still)]
    wrong = 0
    for row in range(5):
        same = numpy.repeat(observations[row : row + 1], len(observations), axis=0)
        ours = policy.predict(same)[0].reshape(len(same), -1)
        theirs = drawn.run(same, None, random.normal(size=(len(same), width))).reshape(len(same), -1)
        # beyond 2.2 with probability 1.3e-4
        wrong += sum(distance(ours[:, i], theirs[:, i]) > 2.2 for i in range(ours.shape[1]))
        wrong += numpy.ptp(theirs, axis=0).max() == 0
    return {
        "largest_difference": float(max(differences)),
        "unexplained": 0,
        "ties": 0,
        "different_actions": len(numpy.unique(expected.round(3))),
        "wrong_samples": int(wrong),
    }


def chosen_by_probability(chances, noise):
    """The first choice whose running sum exceeds the noise; and whether a rounding error could change it."""
    running = numpy.cumsum(chances.astype(float), axis=1)
    running /= running[:, -1:]
    return (running <= noise[:, None]).sum(axis=1), (numpy.abs(running - noise[:, None]) < 2e-6).any(axis=1)


def chosen_by_value(policy, best, masks, noise):
    """What an epsilon-greedy policy takes."""
    epsilon = muster.read_tensors(sys.argv[2])["policy/epsilon"][0]
    count = masks.sum(axis=1)
    place = numpy.floor(noise[:, 1] * count.astype(numpy.float32))
    other = (numpy.cumsum(masks, axis=1) <= place[:, None]).sum(axis=1)
    return numpy.where(noise[:, 0] < epsilon, other, best)


def compare_choices(policy, plain, drawn, observations, random):
    counts, rows = policy.action_space.counts.reshape(-1), len(observations)
    has_masks = "action_mask" in plain.inputs
    masks = draw_masks(counts, rows, random) if has_masks else numpy.ones((rows, policy.choices), bool)
    is_greedy = plain.metadata["distribution"].startswith("EpsilonGreedy")
    noise = random.random((rows, drawn.inputs["noise"].shape[1])).astype(numpy.float32)
    expected, found = policy(observations, masks).reshape(rows, -1), plain.run(observations, masks).reshape(rows, -1)
    sampled = drawn.run(observations, masks, noise).reshape(rows, -1)
    score = policy.action_values(observations) if is_greedy else policy.probabilities(observations, masks)
    row, first, ties, unexplained, wrong = numpy.arange(rows), 0, 0, 0, 0
    for i, count in enumerate(counts):
        own = score[:, first : first + count].astype(float)
        differs = expected[:, i] != found[:, i]
        scale = numpy.maximum(1, numpy.abs(own).max(axis=1))
        near = numpy.abs(own[row, expected[:, i]] - own[row, found[:, i]]) <= 1e-6 * scale
        ties += (differs & near).sum()
        unexplained += (differs & ~near).sum()
        unexplained += (~masks[row, first + found[:, i]]).sum()
        if is_greedy:
            right, unsure = chosen_by_value(policy, found[:, i], masks, noise), numpy.zeros(rows, bool)
        else:
            right, unsure = chosen_by_probability(own, noise[:, i])
        wrong += ((right != sampled[:, i]) & ~unsure).sum()
        first += count
    return {
        "largest_difference": 0.0,
        "unexplained": int(unexplained),
        "ties": int(ties),
        "different_actions": len(numpy.unique(sampled)),
        "wrong_samples": int(wrong),
    }


def main():
    _, _, run, plain, drawn, rows = sys.argv
    random = numpy.random.default_rng(1)
    policy, plain, drawn = muster.load(run), Model(plain), Model(drawn)
    observations = draw_observations(policy.observation_space, int(rows), random)
    compare = compare_box if policy.action_space.counts is None else compare_choices
    found = compare(policy, plain, drawn, observations, random)
    # a batch may have any size
    assert plain.run(observations[:1], numpy.ones((1, policy.choices), bool)).shape == (1, *policy.action_space.shape)
    print(json.dumps({"rows": len(observations), "metadata": [plain.metadata, drawn.metadata], **found}))


main()
