"""Policies that muster has trained, and the metrics of its runs, in Python.

    policy = muster.load("runs/CartPole-v1/ppo-001")
    action = policy(observation)

    table = muster.read_metrics("runs/CartPole-v1/ppo-001")
"""

from .policy import Policy, load
from .runs import read_metrics, read_tensors

__all__ = ["Policy", "load", "read_metrics", "read_tensors"]
__version__ = "0.1.0"
