"""muster export: onnxruntime, which knows nothing of muster, acts as the policy does, for every layer, distribution and
kind of space; the model passes ONNX's own check and says where it comes from."""

import json
import re

import packages
import program

PACKAGES = ["numpy", "onnx", "onnxruntime", "h5py"]
COMPARE = program.SOURCE / "tests" / "support" / "onnx_compare.py"
ROWS = 10000

BOX = "env: {name: Reacher6-v0, num_envs: 4}"
CHOICE = "env: {name: Probe-v0, num_envs: 4, options: {obs_dim: 5}}"
IMAGE = "env: {name: Probe-v0, num_envs: 4, options: {obs_dim: 5, observation: image}}"
PPO = "algorithm: {name: ppo, n_steps: 32, batch_size: 64, n_epochs: 2}"


def off_policy(name, more=""):
    return f"algorithm: {{name: {name}, learning_starts: 64, buffer_size: 512{more}}}"


# what it shows: (lines of a config, layers that it has)
CASES = {
    "dense and tanh, normalised, Gaussian": (
        [BOX, "normalize: {norm_obs: true, clip_obs: 2}", "policy: {network: [dense 24, tanh, dense 16, tanh]}", PPO],
        "dense tanh",
    ),
    "relu and layer_norm, Gaussian of the state, rescaled": (
        [
            BOX.replace("num_envs: 4", "num_envs: 4, action_bounds: rescale"),
            "policy: {network: [dense 24, layer_norm, relu, dense 16, relu], log_std: state}",
            PPO,
        ],
        "dense relu layer_norm",
    ),
    "dropout": ([BOX, "policy: {network: [dense 24, dropout 0.2, tanh]}", PPO], "dropout"),
    "activations as layers": ([CHOICE, "policy: {network: [tanh, dense 8, tanh, relu]}", PPO], "tanh relu"),
    "a shared trunk": ([CHOICE, "policy: {share_trunk: true, hidden_sizes: [16, 16]}", PPO], ""),
    "an image of bytes": ([IMAGE, PPO], ""),
    "convolutions over a grid, with masks": (
        [
            "env: {name: Minesweeper-v0, num_envs: 4, options: {rows: 6, columns: 7}}",
            "policy: {network: [conv2d 4 3, relu, conv2d 6 4 2, tanh, conv2d 3 1 3, dense 16, tanh]}",
            PPO,
        ],
        "conv2d",
    ),
    "a convolution as the head": (
        ["env: {name: Minesweeper-v0, num_envs: 4}", "policy: {network: [conv2d 4 3, relu], head: conv2d}", PPO],
        "conv2d",
    ),
    "discrete observations": (["env: {name: Taxi-v3, num_envs: 4}", PPO], ""),
    "MultiDiscrete, with masks": (
        [
            CHOICE.replace("obs_dim: 5", "obs_dim: 5, action_space: multi_discrete, masks: 1"),
            PPO,
        ],
        "",
    ),
    "a table": (["env: {name: FrozenLake-v1, num_envs: 4}", "algorithm: {name: q-learning}"], "table"),
    "Q-network": ([CHOICE, off_policy("dqn", ", dueling: true")], "dueling"),
    "QR-DQN": ([CHOICE, off_policy("dqn", ", distributional: qr, n_quantiles: 11")], ""),
    "C51": ([CHOICE, off_policy("dqn", ", distributional: c51, n_atoms: 11, v_min: -5, v_max: 5, dueling: true")], "dueling"),
    "deterministic": ([BOX, off_policy("td3", ", action_noise: normal")], ""),
    "squashed Gaussian": ([BOX, off_policy("sac")], ""),
    "batch renormalisation": (
        [BOX, off_policy("sac", ", batch_norm: true, batch_norm_momentum: 0.999")],
        "batch_renorm",
    ),
    "discrete soft actor-critic": ([CHOICE, off_policy("sac")], ""),
}


class Export(program.Case):
    def train(self, lines):
        config = "\n".join(["seed: 3", "total_steps: 512", "evaluation: {episodes: 0}", *lines])
        path = self.write("config.yaml", config)
        run = self.folder / "run"
        result = self.run_muster("train", path, "--run-dir", run)
        self.assertEqual(result.code, 0, result)
        return run

    def export(self, run, name, *arguments):
        path = self.folder / name
        result = self.run_muster("export", run, path, *arguments)
        self.assertEqual((result.code, result.out), (0, f"{path}\n"), result)
        return path

    def compare(self, run):
        """What another process found that runs both models with ONNX's packages beside libmuster-policy."""
        python = packages.python_with(*PACKAGES)
        models = [self.export(run, "plain.onnx"), self.export(run, "drawn.onnx", "--stochastic")]
        command = [python, "-I", str(COMPARE), str(program.SOURCE / "python"), str(run), *map(str, models), str(ROWS)]
        result = program.finish(program.start_command(command, env={"MUSTER_LIBRARY": program.POLICY_LIBRARY}))
        self.assertEqual(result.code, 0, result)
        return json.loads(result.out)

    def test_every_layer_is_among_the_cases(self):
        listed = self.run_muster("parts").out.split("\n\n")[0].splitlines()[1:]
        names = {line.split()[0] for line in listed if line.strip()}
        self.assertIn("conv2d", names)
        self.assertEqual(names - set(" ".join(layers for _, layers in CASES.values()).split()), set())

    def check_case(self, name):
        run = self.train(CASES[name][0])
        found = self.compare(run)
        print(name, {key: value for key, value in found.items() if key != "metadata"})
        self.assertEqual(found["rows"], ROWS)
        # discrete actions are the same, but for rows where two choices are as good to within 1e-6
        self.assertLessEqual(found["largest_difference"], 1e-6, found)
        self.assertEqual(found["unexplained"], 0, found)
        self.assertLessEqual(found["ties"], ROWS // 1000, found)
        self.assertGreater(found["different_actions"], 1, found)
        # samples follow the policy's probabilities, or its deviations
        self.assertEqual(found["wrong_samples"], 0, found)
        digest = self.run_muster("inspect", "--digest", run).out.strip()
        for model, actions in zip(found["metadata"], ["deterministic", "stochastic"]):
            self.assertEqual((model["digest"], model["total_steps"], model["actions"]), (digest, "512", actions))

    # --- use and wrong use ---

    def test_file_and_wrong_use(self):
        run = self.train([CHOICE, PPO])
        path = self.export(run, "a.onnx")
        first = path.read_bytes()
        self.assertEqual(self.export(run / "checkpoints" / "latest", "a.onnx").read_bytes(), first)
        self.assertIn(b"muster", first[:64])
        # no file of the user's is replaced
        path.write_text("mine", encoding="utf-8")
        self.assert_refused(self.run_muster("export", run, path), 2, "FILE: ", "exists and was not made by muster")
        self.assertEqual(path.read_text(encoding="utf-8"), "mine")
        self.export(run, "a.onnx", "--force")
        self.assertEqual(path.read_bytes(), first)
        self.assert_refused(self.run_muster("export", self.folder / "none", path), 1, "none")
        self.assert_refused(self.run_muster("export", run, self.folder / "no" / "a.onnx"), 1, "no")
        result = self.run_muster("export", run, "/dev/full")
        self.assertEqual(result.code, 1, result)


def add_case(name):
    method = "test_" + re.sub(r"\W+", "_", name)
    setattr(Export, method, lambda self: self.check_case(name))


for case in CASES:
    add_case(case)

if __name__ == "__main__":
    packages.main()
