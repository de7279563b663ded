"""Outputs and gradients of networks of layers by PyTorch, in float64: OUT/networks.h5.

Each group is a model: layers as a config lists them, a minibatch of observations, weights w/, outputs `net` and `value`,
and the gradients grad/ of sum(d_net * net) + sum(d_value * value). Observations and weights are laid out as muster has
them: cells with their channels last, and a convolution's weights [channels out, rows, columns, channels in].
Usage: python networks.py OUT
"""

import sys

import h5py
import numpy as np
import torch
from torch.nn import functional

rng = np.random.default_rng(9)


def draw(*shape, scale=1.0):
    """Normal numbers that are exact in float32."""
    return torch.tensor((scale * rng.normal(size=shape)).astype(np.float32).astype(np.float64))


class Network:
    """A list of layers above rows [B, rows, columns, channels] or [B, floats], whose weights it draws."""

    def __init__(self, name, texts):
        self.name, self.layers, self.weights, self.numbered = name, [text.split() for text in texts], {}, 0

    def weight(self, kind, *shape):
        key = f"{self.name}/{self.numbered}/{kind}"
        if key not in self.weights:
            fan_in = np.prod(shape[1:]) if kind == "weight" else 9
            self.weights[key] = draw(*shape, scale=1 / np.sqrt(fan_in)).requires_grad_(True)
        return self.weights[key]

    def conv2d(self, x, channels, kernel, stride=1):
        """ceil(cells / stride) windows along each side, as many zeros on both sides, an odd one behind"""
        pads = []
        for cells in (x.shape[2], x.shape[1]):
            outside = max((-(-cells // stride) - 1) * stride + kernel - cells, 0)
            pads += [outside // 2, outside - outside // 2]
        weight = self.weight("weight", channels, kernel, kernel, x.shape[3])
        bias = self.weight("bias", channels)
        grid = functional.pad(x.permute(0, 3, 1, 2), pads)
        return functional.conv2d(grid, weight.permute(0, 3, 1, 2), bias, stride=stride).permute(0, 2, 3, 1)

    def __call__(self, x):
        self.numbered = 0
        for name, *arguments in self.layers:
            numbers = [int(argument) for argument in arguments]
            if name == "tanh":
                x = torch.tanh(x)
            elif name == "relu":
                x = torch.relu(x)
            elif name == "conv2d":
                x = self.conv2d(x, *numbers)
                self.numbered += 1
            else:
                x = x.reshape(len(x), -1)
                x = x @ self.weight("weight", numbers[0], x.shape[1]).T + self.weight("bias", numbers[0])
                self.numbered += 1
        return x.reshape(len(x), -1)


def record(file, name, grid, rows, outputs, layers, value_layers=None, head=None, share_trunk=False, image=False):
    observations = torch.tensor(rng.integers(0, 256, (rows, *grid)).astype(np.float64)) if image else draw(rows, *grid)
    trunk = Network("trunk", layers if share_trunk else [])
    own = [] if share_trunk else layers
    policy = Network("policy", own + [head or f"dense {outputs}"])
    value = Network("value", (own if value_layers is None else value_layers) + ["dense 1"])
    features = trunk(observations / 255 if image else observations) if share_trunk else observations / (255 if image else 1)
    net, values = policy(features), value(features)
    assert net.shape == (rows, outputs)
    d_net, d_value = draw(rows, outputs), draw(rows, 1)
    ((d_net * net).sum() + (d_value * values).sum()).backward()

    group = file.create_group(name)
    group.attrs["network"] = np.bytes_(", ".join(layers))
    group.attrs["value_network"] = np.bytes_("null" if value_layers is None else ", ".join(value_layers))
    group.attrs["share_trunk"], group.attrs["conv2d_head"], group.attrs["image"] = share_trunk, head is not None, image
    for key, data in dict(observations=observations, d_net=d_net, d_value=d_value, net=net, value=values).items():
        group[key] = data.detach().numpy().astype(np.uint8 if image and key == "observations" else np.float64)
    for network in (trunk, policy, value):
        for key, weight in network.weights.items():
            group["w/" + key], group["grad/" + key] = weight.detach().numpy(), weight.grad.numpy()


with h5py.File(f"{sys.argv[1]}/networks.h5", "w") as out:
    record(out, "strides", (9, 7, 3), 37, 4, ["conv2d 6 5 2", "relu", "conv2d 5 3 2", "tanh", "dense 20", "tanh"])
    record(out, "image", (12, 12, 4), 21, 3, ["conv2d 8 4 4", "relu", "conv2d 4 2 1", "relu", "dense 16", "relu"], image=True)
    record(out, "own_value", (5, 6, 2), 64, 30, ["conv2d 7 3", "tanh"], ["conv2d 3 4 3", "relu", "dense 9", "tanh"], "conv2d 1 1")
    record(out, "trunk", (6, 6, 2), 11, 5, ["conv2d 4 3 3", "relu", "dense 12", "tanh"], share_trunk=True)
    record(out, "steps_over", (7, 8, 1), 9, 2, ["conv2d 3 1 3", "tanh", "conv2d 2 2 2", "relu"])
