"""Log-probabilities, entropies and gradients of action distributions by PyTorch, in float64: OUT/distributions.h5.

Each group differentiates sum_r d_log_prob[r] * log pi(a_r) + d_entropy * sum_r H_r, with actions that are given. Those
that end in _pathwise differentiate a loss of actions that are sampled, a function of the parameters and of noise.
Usage: python distributions.py OUT
"""

import sys

import h5py
import numpy as np
import torch
from torch.distributions import Categorical, Normal

ROWS = 64
rng = np.random.default_rng(5)


def draw(*shape, scale=1.0):
    """Normal numbers that are exact in float32."""
    return torch.tensor((scale * rng.normal(size=shape)).astype(np.float32).astype(np.float64))


def categorical(counts, masked):
    net = draw(ROWS, sum(counts), scale=2.0)
    allowed = rng.random((ROWS, sum(counts))) < 0.5 if masked else np.ones((ROWS, sum(counts)), bool)
    actions = np.zeros((ROWS, len(counts)), np.int32)
    first = 0
    for i, count in enumerate(counts):
        actions[:, i] = rng.integers(0, count, ROWS)
        allowed[np.arange(ROWS), first + actions[:, i]] = True
        first += count
    net.requires_grad_(True)
    log_prob, entropy, first = 0, 0, 0
    for i, count in enumerate(counts):
        logits = net[:, first : first + count]
        mask = torch.tensor(allowed[:, first : first + count])
        element = Categorical(logits=torch.where(mask, logits, torch.tensor(-np.inf, dtype=torch.float64)))
        log_prob = log_prob + element.log_prob(torch.tensor(actions[:, i].astype(np.int64)))
        entropy = entropy + element.entropy()
        first += count
    return dict(net=net, actions=actions, mask=allowed.astype(np.uint8), counts=np.array(counts, np.int32)), log_prob, entropy


def gaussian(elements, state):
    net = draw(ROWS, 2 * elements if state else elements)
    data = dict(net=net)
    if state:
        with torch.no_grad():
            net[:8, elements] = 3.5  # beyond the clamp
            net[8:16, elements] = -23.0
    else:
        data["log_std"] = draw(elements, scale=0.5).requires_grad_(True)
    net.requires_grad_(True)
    log_std = torch.clamp(net[:, elements:], -20, 2) if state else data["log_std"].expand(ROWS, elements)
    distribution = Normal(net[:, :elements], log_std.exp())
    noise = draw(ROWS, elements)
    actions = (net[:, :elements] + log_std.exp() * noise).detach().numpy().astype(np.float32)
    if state:  # where the deviation is e^-20, y would be nothing but the rounding of the action
        actions[8:16, 0] = net[8:16, 0].detach().numpy()
    data["actions"] = actions
    return data, distribution.log_prob(torch.tensor(actions.astype(np.float64))).sum(-1), distribution.entropy().sum(-1)


def record(file, name, data, log_prob, entropy):
    d_log_prob, d_entropy = draw(ROWS), -0.25
    leaves = {key: value for key, value in data.items() if isinstance(value, torch.Tensor)}
    ((d_log_prob * log_prob).sum() + d_entropy * entropy.sum()).backward()
    group = file.create_group(name)
    group.attrs["d_entropy"] = d_entropy
    for key, value in dict(data, d_log_prob=d_log_prob, log_prob=log_prob, entropy=entropy).items():
        group[key] = value.detach().numpy() if isinstance(value, torch.Tensor) else value
    for key, value in leaves.items():
        assert torch.isfinite(value.grad).all()
        group["grad/" + key] = value.grad.numpy()


def pathwise(elements, rows, state):
    """mean of log pi(a) - Q(a), the loss of a soft actor-critic, through actions of rsample()"""
    net, own = draw(rows, 2 * elements if state else elements), draw(elements, scale=0.5)
    if state:
        with torch.no_grad():
            net[:5, elements] = 3.5  # beyond the clamp
            net[5:9, 2 * elements - 1] = -23.0
    net.requires_grad_(True)
    own.requires_grad_(True)
    log_std = torch.clamp(net[:, elements:], -20, 2) if state else own.expand(rows, elements)
    distribution = Normal(net[:, :elements], log_std.exp())
    torch.manual_seed(6 + elements)
    actions = distribution.rsample()
    actions.retain_grad()
    weight, shift, d_log_prob = draw(elements, 4), draw(4), draw(rows)
    value = torch.tanh(actions @ weight + shift).sum(-1)
    # how the loss changes with the action alone, its log-probability being a term of its own
    (d_actions,) = torch.autograd.grad(-value.sum(), actions, retain_graph=True)
    (d_log_prob * distribution.log_prob(actions).sum(-1) - value).sum().backward()
    data = dict(net=net, actions=actions, d_actions=d_actions, d_log_prob=d_log_prob)
    gradients = {"grad/net": net.grad}
    if not state:
        data["log_std"], gradients["grad/log_std"] = own, own.grad
    return dict(data, **gradients)


def record_pathwise(file, name, data):
    group = file.create_group(name)
    for key, value in data.items():
        assert torch.isfinite(value).all()
        group[key] = value.detach().numpy()


with h5py.File(f"{sys.argv[1]}/distributions.h5", "w") as out:
    record(out, "categorical", *categorical([5], False))
    record(out, "categorical_masked", *categorical([7], True))
    record(out, "multi", *categorical([2, 5, 3], False))
    record(out, "multi_masked", *categorical([4, 3, 6], True))
    record(out, "gaussian", *gaussian(3, False))
    record(out, "gaussian_state", *gaussian(2, True))
    record_pathwise(out, "gaussian_pathwise", pathwise(3, 50, False))
    record_pathwise(out, "gaussian_state_pathwise", pathwise(4, 64, True))
