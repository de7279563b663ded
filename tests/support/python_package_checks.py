"""Checks of the package `muster` in the process that uses it, for tests/cli/test_python.py.

usage: python_package_checks.py RUN; the run is PPO's on CartPole-v1, of 30720 steps
"""

import inspect
import pathlib
import sys
import unittest

import muster
import numpy
import pandas

RUN = sys.argv.pop()
RIGHT, LEFT = [0, 0, 0.1, 1.0], [0, 0, -0.1, -1.0]


class Package(unittest.TestCase):
    def setUp(self):
        self.policy = muster.load(RUN)
        self.addCleanup(self.policy.close)

    def test_what_it_is(self):
        self.assertEqual((self.policy.env, self.policy.algorithm, self.policy.total_steps), ("CartPole-v1", "ppo", 30720))
        self.assertEqual((self.policy.observation_space.shape, self.policy.action_space.shape), ((4,), ()))
        self.assertEqual(self.policy.action_space.counts.tolist(), 2)

    def test_one_and_several(self):
        action = self.policy(RIGHT)
        self.assertEqual((action, numpy.shape(action), numpy.asarray(action).dtype), (1, (), numpy.int64))
        actions = self.policy(numpy.array([RIGHT, LEFT, RIGHT]))
        self.assertEqual(actions.tolist(), [1, 0, 1])
        self.assertEqual(self.policy(numpy.zeros((0, 4))).shape, (0,))
        # neither other types nor arrays that are not contiguous change anything
        self.assertEqual(self.policy(numpy.asfortranarray([RIGHT, LEFT])).tolist(), [1, 0])
        self.assertEqual(self.policy(numpy.array([RIGHT, LEFT], numpy.float32)[::-1]).tolist(), [0, 1])

    def test_predict_is_that_of_stable_baselines3(self):
        arguments = list(inspect.signature(muster.Policy.predict).parameters.values())[1:5]
        self.assertEqual([argument.name for argument in arguments], ["observation", "state", "episode_start", "deterministic"])
        self.assertEqual([argument.default for argument in arguments[1:]], [None, None, False])
        self.policy.seed(5)
        first = self.policy.predict(numpy.zeros((400, 4)))[0]
        self.policy.seed(5)
        again, state = self.policy.predict(numpy.zeros((400, 4)), state="kept", episode_start=numpy.ones(400))
        self.assertEqual((first.tolist(), state), (again.tolist(), "kept"))
        share = self.policy.probabilities([0, 0, 0, 0])[1]
        self.assertLess(abs(first.mean() - share), 5 * (share * (1 - share) / 400) ** 0.5)

    def test_estimates(self):
        both = self.policy.probabilities([RIGHT, LEFT])
        numpy.testing.assert_allclose(both.sum(axis=1), 1, atol=1e-6)
        numpy.testing.assert_array_equal(both[0], self.policy.probabilities(RIGHT))
        self.assertGreater(both[0, 1], 0.5)
        values = self.policy.values([RIGHT, LEFT])
        self.assertEqual(values.shape, (2,))
        self.assertEqual(numpy.shape(self.policy.values(RIGHT)), ())
        self.assertEqual(values[0], self.policy.values(RIGHT))
        with self.assertRaisesRegex(ValueError, "ppo learns no values of the choices of an action"):
            self.policy.action_values(RIGHT)

    def test_masks(self):
        self.assertEqual(self.policy(RIGHT, action_masks=[True, False]), 0)
        self.assertEqual(self.policy([RIGHT, LEFT], numpy.array([[1, 0], [0, 1]])).tolist(), [0, 1])
        with self.assertRaisesRegex(ValueError, r"masks have the shape \(3,\); expects \(1, 2\)"):
            self.policy(RIGHT, action_masks=[1, 1, 1])
        with self.assertRaisesRegex(ValueError, "mask 0 allows no choice of element 0"):
            self.policy(RIGHT, action_masks=[0, 0])

    def test_wrong_use(self):
        with self.assertRaisesRegex(ValueError, r"observations have the shape \(3,\); expects \(4,\), or \(n, \*\(4,\)\)"):
            self.policy([0, 0, 0])
        with self.assertRaisesRegex(ValueError, "observation 1, element 2 is not finite"):
            self.policy([RIGHT, [0, 0, numpy.nan, 0]])
        with self.assertRaisesRegex(TypeError, "observations are a dict"):
            self.policy({"position": RIGHT})
        with self.assertRaisesRegex(TypeError, "expects numbers"):
            self.policy(["a", "b", "c", "d"])
        with self.assertRaisesRegex(OSError, "cannot find the run or checkpoint '/nowhere'"):
            muster.load("/nowhere")
        with self.assertRaises(ValueError):
            muster.load(__file__)
        self.policy.close()
        with self.assertRaisesRegex(ValueError, "the policy is closed"):
            self.policy(RIGHT)
        self.policy.close()

    def test_files(self):
        table = muster.read_metrics(RUN)
        self.assertIsInstance(table, pandas.DataFrame)
        self.assertEqual(table["time/total_timesteps"].iloc[-1], 30720)
        self.assertEqual(len(table), len((pathlib.Path(RUN) / "metrics.csv").read_text().splitlines()) - 1)
        tensors = muster.read_tensors(RUN)
        self.assertEqual(tensors["policy/0/weight"].shape, (64, 4))
        self.assertEqual(set(tensors), set(muster.read_tensors(pathlib.Path(RUN) / "checkpoints" / "latest")))


unittest.main()
