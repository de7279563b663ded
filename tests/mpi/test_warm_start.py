"""Runs that begin with what another run has learned (train.from), and runs that keep a part of it as it is
(train.freeze): the same at any number of ranks, and after a kill."""

import shutil
import struct

import program

CONFIG = """\
seed: 3
total_steps: 1600
env: {name: CartPole-v1, num_envs: 8}
normalize: {norm_obs: true}
policy: {hidden_sizes: [16, 24], share_trunk: true}
algorithm: {name: ppo, n_steps: 25, batch_size: 100, n_epochs: 2, learning_rate: 0.003}
evaluation: {episodes: 2}
checkpoint: {every: 400, interval: null, keep: 0}
"""
# updates that change nothing
STILL = CONFIG.replace("seed: 3", "seed: 4").replace("learning_rate: 0.003", "learning_rate: 0")
DQN = """\
seed: 3
total_steps: 800
env: {name: CartPole-v1, num_envs: 4}
policy: {hidden_sizes: [16]}
algorithm: {name: dqn, buffer_size: 1000, learning_starts: 64, train_freq: 4, batch_size: 32, learning_rate: 0.01,
            target_update_interval: 100000}
evaluation: {episodes: 2}
checkpoint: {interval: null}
"""
# with running statistics, which no optimizer moves
CROSSQ = """\
seed: 3
total_steps: 800
env: {name: Pendulum-v1, num_envs: 4}
policy: {hidden_sizes: [16]}
algorithm: {name: sac, buffer_size: 1000, learning_starts: 64, train_freq: 8, batch_size: 32, batch_norm: true}
evaluation: {episodes: 2}
checkpoint: {interval: null}
"""
LAYOUTS = [(2, []), (4, ["--set", "ranks.learners=2"]), (3, ["--set", "ranks.colocate=true"])]


def warm(config, source, **options):
    more = "".join(f", {key}: {value}" for key, value in options.items())
    return config + f"train: {{from: {source}{more}}}\n"


class WarmStart(program.Case):
    def tensors(self, run):
        return program.contents(run / "checkpoints" / "latest")

    def setUp(self):
        super().setUp()
        self.source = self.train("source", config=CONFIG)
        self.learned = self.tensors(self.source)
        self.networks = [name for name in self.learned if name.split("/")[0] in ["trunk", "policy", "value"]]
        self.assertGreater(len(self.networks), 6)

    def test_all(self):
        """Networks are those of the source; the digest of the source is noted, and pins it."""
        run = self.train("run", config=warm(STILL, self.source))
        found = self.tensors(run)
        for name in self.networks:
            self.assertEqual(found[name], self.learned[name], name)
        digest = self.run_muster("inspect", "--digest", self.source).out.strip()
        self.assertIn(digest, (run / "config.yaml").read_text(encoding="utf-8"))
        self.train("again", config=warm(STILL, self.source, from_digest=digest))
        self.assertEqual(program.summary(run)["source"], {"from": str(self.source), "digest": digest, "steps": 1600})
        self.assertIsNone(program.summary(self.source)["source"])

    def test_parts(self):
        """What is not named begins as it does without a source."""
        cold = self.tensors(self.train("cold", config=STILL))
        found = self.tensors(self.train("run", config=warm(STILL, self.source, load="[trunk, policy/0/bias]")))
        for name in self.networks:
            is_loaded = name.startswith("trunk/") or name == "policy/0/bias"
            self.assertEqual(found[name], (self.learned if is_loaded else cold)[name], name)
        self.assertEqual(found["optimizer/steps"], cold["optimizer/steps"])

    def test_optimizer(self):
        """The moments go on from those of the source."""
        found = self.tensors(self.train("run", config=warm(STILL, self.source, load="[policy, optimizer]")))
        cold = self.tensors(self.train("cold", config=STILL))
        steps = [struct.unpack("<q", tensors["optimizer/steps"][2])[0] for tensors in [found, cold, self.learned]]
        self.assertEqual(steps[0], steps[1] + steps[2])

    def test_layouts_and_resumed(self):
        """The answer does not depend on the ranks, nor on a kill; a resumed run needs its source no more."""
        config = warm(CONFIG.replace("seed: 3", "seed: 5"), self.source, freeze="[trunk/0]")
        whole = self.assert_same_layouts({"run": config}, LAYOUTS)["run"]
        killed = self.folder / "killed"
        shutil.copytree(whole, killed, symlinks=True)
        for path in [*killed.glob("checkpoints/*.h5"), killed / "checkpoints" / "latest", killed / "summary.json"]:
            if path.name != "step-000000000400.h5":
                path.unlink()
        self.source.rename(self.folder / "moved")
        path = self.write("run.yaml", config)
        dry = self.run_muster("train", path, "--run-dir", killed, "--resume", "--dry-run", ranks=2)
        self.assertEqual(dry.code, 0, dry)
        self.assertIn("whose run would go on", dry.out)
        run = self.train("killed", "--resume", config=config, ranks=2)
        self.assert_same_run(run, whole)
        self.assertEqual(program.summary(run)["source"], program.summary(whole)["source"])

    def test_frozen(self):
        """What is frozen stays bit for bit, and so do its moments; the rest is learned. Without a source, too."""
        for name, config in [("warm", warm(CONFIG, self.source, freeze="[trunk, value/0/weight]")),
                             ("cold", STILL.replace("learning_rate: 0}", "learning_rate: 0.003}")
                              + "train: {freeze: [trunk, value/0/weight]}\n")]:
            with self.subTest(name=name):
                begun = self.learned if name == "warm" else self.tensors(self.train("still", config=STILL))
                found = self.tensors(self.train(name, config=config))
                for tensor in self.networks:
                    is_frozen = tensor.startswith("trunk/") or tensor == "value/0/weight"
                    self.assertEqual(found[tensor] == begun[tensor], is_frozen, tensor)
                trunk = sum(len(found[tensor][2]) for tensor in self.networks if tensor.startswith("trunk/"))
                for moment in ["optimizer/m", "optimizer/v"]:
                    self.assertEqual(found[moment][2][:trunk], bytes(trunk))
                    self.assertNotEqual(found[moment][2][trunk:].strip(b"\0"), b"")

    def test_frozen_statistics(self):
        """Running statistics of what is frozen do not follow the minibatches; the others do."""
        source = self.folder / "source-of-sac"
        learned = self.tensors(self.train(source.name, config=CROSSQ))
        found = self.tensors(self.train("run", config=warm(CROSSQ, source, freeze="[policy/0, q1]")))
        statistics = [name for name in learned if name.endswith(("/mean", "/variance")) and name.split("/")[0] in
                      ["policy", "q1", "q2"]]
        self.assertGreater(len(statistics), 6)
        for name in statistics:
            self.assertEqual(found[name] == learned[name], name.startswith(("policy/0/", "q1/")), name)

    def test_target_network(self):
        """A target network begins as the network that was loaded."""
        source = self.tensors(self.train("values", config=DQN))
        found = self.tensors(self.train("run", config=warm(DQN.replace("seed: 3", "seed: 4"), self.folder / "values")))
        layers = [name for name in source if name.startswith("policy/") and ("weight" in name or "bias" in name)]
        self.assertGreater(len(layers), 3)
        for name in layers:
            self.assertEqual(found[name.replace("policy/", "target/")], source[name], name)
            self.assertNotEqual(found[name], source[name], name)

    def refuse(self, config, *parts):
        path = self.write("wrong.yaml", config)
        for ranks in [None, 2]:
            result = self.run_muster("train", path, "--run-dir", self.folder / "wrong", ranks=ranks)
            self.assert_refused(result, 2, *parts)
            self.assertFalse((self.folder / "wrong").exists())

    def test_misfits(self):
        wider = CONFIG.replace("[16, 24]", "[16, 32]")
        self.refuse(warm(wider, self.source), "train.from: ", "'trunk/1/weight' is float32 [24, 16]",
                    "but float32 [32, 16] is expected here")
        self.refuse(warm(CONFIG.replace("[16, 24]", "[16, 24, 24]"), self.source), "has no trunk/2/weight",
                    "train.load")
        self.refuse(warm(CONFIG, self.source, load="[polici]"), "train.load: polici", "trunk, policy, value")
        self.refuse(warm(CONFIG, self.source, freeze="[policy/7]"), "train.freeze: policy/7", "trunk, policy, value")
        self.refuse(warm(CONFIG.replace("norm_obs: true", "norm_obs: false"), self.source, load="[normalizer]"),
                    "train.load: normalizer", "expects normalize.norm_obs: true")
        self.refuse(warm(CONFIG, self.folder / "nowhere"), "train.from: ", "nowhere")
        self.refuse(warm(CONFIG, self.source, from_digest="0123"), "has the digest", "0123")
        self.refuse(CONFIG + "train: {load: [policy]}\n", "train.load: [policy]: ", "expects train.from as well")


if __name__ == "__main__":
    program.main()
