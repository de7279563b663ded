"""Every kind of space, layers, agents, masks and normalisation: the answer depends neither on the ranks nor on an
interruption, the learner computes the same log-probabilities as the actors, and evaluation changes nothing."""

import program

CONFIG = """\
seed: 7
total_steps: 2000
env: {{name: {env}, num_envs: 5, options: {{{options}}}{wrappers}}}
policy: {{{network}{policy}}}
algorithm: {{name: ppo, n_steps: 20, batch_size: 50, n_epochs: 4, learning_rate: 0.001}}
evaluation: {{every: 500, episodes: 6}}
{more}
"""


def config(env="Probe-v0", options="", wrappers="", network="hidden_sizes: [32, 32]", policy="", more=""):
    return CONFIG.format(env=env, options=options, wrappers=wrappers, network=network, policy=policy, more=more)


TRUNCATING = "truncates: 1, episode_length: 7, obs_dim: 6"
KINDS = {
    "gaussian": config(options=f"{TRUNCATING}, action_space: box"),
    "gaussian_state": config(
        options=f"{TRUNCATING}, action_space: box, agents: 2",
        wrappers=", action_bounds: rescale",
        policy=", log_std: state",
    ),
    "masked": config(options=f"{TRUNCATING}, masks: 1"),
    "masked_agents": config(options=f"{TRUNCATING}, masks: 1, agents: 3, action_space: multi_discrete"),
    "discrete": config(options=f"{TRUNCATING}, observation: discrete"),
    "stacked_images": config(options=f"{TRUNCATING}, observation: image", wrappers=", frame_stack: 3, max_steps: 5"),
    "listed_layers": config(
        env="Minesweeper-v0",
        options="rows: 4, columns: 5, mines: 3",
        wrappers=", max_steps: 6",
        network="network: [conv2d 6 3 2, relu, dense 24, tanh], "
        "value_network: [conv2d 4 2, tanh, dropout 0.2, dense 8, layer_norm, relu]",
        policy=", distribution: Categorical",
    ),
    "normalised": config(
        options=f"{TRUNCATING}, action_space: box, agents: 2", more="normalize: {norm_obs: true, norm_reward: true}"
    ),
}


def learned(run):
    """What a run has learned, without what depends on when it wrote checkpoints."""
    score = ["progress/best_return", "progress/best_steps", "progress/best_is_evaluation"]
    return {name: tensor for name, tensor in program.learned(run).items() if name not in score}


class Kinds(program.Case):
    def test_any_number_of_ranks(self):
        self.assert_same_layouts(KINDS, [(2, []), (3, []), (6, [])])

    def test_resumed(self):
        wholes = self.train_all([(f"{name}-whole", text, None, []) for name, text in KINDS.items()])
        for ranks, arguments in [(3, ["--set", "total_steps=900"]), (2, ["--resume"])]:
            runs = self.train_all([(name, text, ranks, arguments) for name, text in KINDS.items()])
        for run, whole in zip(runs, wholes):
            with self.subTest(kind=run.name):
                self.assertEqual(learned(run), learned(whole))
                self.assertEqual(program.metrics(run), program.metrics(whole))

    def test_first_ratios_are_one(self):
        for run in self.train_all([(name, text, 2, []) for name, text in KINDS.items()]):
            with self.subTest(kind=run.name):
                rows = program.metrics(run)
                self.assertEqual({row["train/first_ratio_mismatch"] for row in rows}, {"0"})

    def test_evaluation_changes_nothing(self):
        text = KINDS["normalised"]
        often = self.train("often", config=text)
        never = self.train("never", "--set", "evaluation.every=0", config=text)
        self.assertEqual(learned(often), learned(never))
        self.assertIn("normalizer/obs_mean", learned(often))

        # the checkpoint has the same statistics as the last evaluation: playing again gives the same returns
        before = program.tensors(often / "checkpoints" / "latest")
        result = self.run_muster("eval", often, "--episodes", 6, "--seed", 7, "--json")
        self.assertEqual(result.code, 0, result)
        played = program.json.loads(result.out)
        for key in ["mean_return", "std_return", "min_return", "max_return"]:
            self.assertEqual(played[key], program.summary(often)["final_evaluation"][key], key)
        self.assertEqual(program.tensors(often / "checkpoints" / "latest"), before)

    def test_normalisation_matters(self):
        plain = KINDS["normalised"].replace("norm_obs: true", "norm_obs: false")
        runs = [self.train("a", config=KINDS["normalised"]), self.train("b", config=plain)]
        weights = [program.learned(run)["policy/0/weight"] for run in runs]
        self.assertNotEqual(*weights)


if __name__ == "__main__":
    program.main()
