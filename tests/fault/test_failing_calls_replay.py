"""test_failing_calls for a run with a replay, whose segments are files of their own: at every single file operation the
run is killed, or the operation fails."""

import fault
import test_failing_calls

# A segment has 128 slots, so two of them come between two checkpoints, and the replay wraps several times. There are three
# checkpoints, of which the last removes the first, and one evaluation, at the end: so best.h5 is the same whichever
# checkpoint fails.
CONFIG = """\
seed: 5
total_steps: 768
env: {name: CartPole-v1, num_envs: 4}
policy: {hidden_sizes: [16]}
algorithm: {name: dqn, buffer_size: 124, learning_starts: 64, train_freq: 16, gradient_steps: 1, batch_size: 16,
            exploration_initial_eps: 0.2, exploration_final_eps: 0.2}
evaluation: {every: 768, episodes: 2}
checkpoint: {every: 256, interval: 0, keep: 2}
"""


class FailingCallsOfReplay(test_failing_calls.FailingCalls):
    CONFIG, TOTAL_STEPS = CONFIG, 768

    def operations(self):
        seen = super().operations()
        written = [path for name, path in seen if name == "rename" and "segment-" in path]
        self.assertGreater(len(written), 4)
        self.assertIn("unlink", [name for name, path in seen if "segment-" in path])
        return seen


if __name__ == "__main__":
    fault.main()
