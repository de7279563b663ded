"""Stands for EnvPool in tests: rows are seeded when they are made and never again, reset() takes the rows to reset and
returns these alone, and a row that has ended is reset by the next step unless it was reset before."""

import numpy
from vector_environments import ACTION, OBSERVATION


def list_all_envs():
    return ["Rows-v0"]


class Pool:
    observation_space = single_observation_space = OBSERVATION
    action_space = single_action_space = ACTION

    def __init__(self, num_envs, seed):
        assert len(seed) == num_envs
        self.config = {"num_envs": num_envs, "max_episode_steps": 9, "reward_threshold": 3.0}
        self.own = [numpy.random.default_rng(one) for one in seed]
        self.start, self.steps = numpy.zeros(num_envs), numpy.zeros(num_envs)
        self.pending = numpy.zeros(num_envs, bool)

    def observe(self, rows):
        return numpy.stack([self.start, self.steps], 1).astype(numpy.float32)[rows]

    def reset(self, env_id=None):
        rows = numpy.arange(len(self.own)) if env_id is None else env_id
        for row in rows:
            self.start[row] = self.own[row].integers(3, 8)
        self.steps[rows], self.pending[rows] = 0, False
        return self.observe(rows), {}

    def step(self, actions):
        assert not self.pending.any(), "a row is stepped that has ended"
        self.steps += 1
        done = self.steps >= self.start
        truncated = done & (self.steps == 5)
        self.pending = done
        return self.observe(slice(None)), self.steps + actions[:, 0], done & ~truncated, truncated, {}

    def close(self):
        pass


def make(name, env_type, num_envs, seed, num_threads):
    assert (name, env_type) == ("Rows-v0", "gymnasium") and num_threads >= 1
    return Pool(num_envs, seed)
