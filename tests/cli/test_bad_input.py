"""Wrong configs, checkpoints and folders: one message says where the fault is and what would be right, the exit code is
the right one, and nothing is overwritten."""

import shutil

import program


class BadConfig(program.Case):
    def refuse(self, config, *parts, arguments=(), mpirun=False):
        """Training with this config is refused and makes no folder: without mpirun, and with it if `mpirun` is true."""
        path = self.write("config.yaml", config)
        origins = [(None, "muster train: "), (3, f"muster train: rank 0 on {program.HOST}: ")]
        for ranks, origin in origins if mpirun else origins[:1]:
            with self.subTest(ranks=ranks, parts=parts):
                result = self.run_muster("train", path, "--run-dir", "run", *arguments, ranks=ranks)
                self.assert_refused(result, 2, origin, *parts)
                if ranks is None:
                    self.assertEqual(result.err.count("\n"), 1, result)
                self.assertEqual([entry.name for entry in self.folder.iterdir()], ["config.yaml"])

    def change(self, old, new):
        self.assertIn(old, program.SHORT)
        return program.SHORT.replace(old, new)

    def line(self, text):
        """FILE:LINE of the first place of a text in program.SHORT."""
        number = program.SHORT[: program.SHORT.index(text)].count("\n") + 1
        return f"{self.folder}/config.yaml:{number}"

    def test_unknown_key(self):
        config = self.change("n_epochs", "n_epoch")
        where = f"{self.line('n_epochs')}: algorithm.n_epoch"
        self.refuse(config, where, "unknown key", "algorithm.n_epochs?", mpirun=True)
        config = self.change("seed: 1", "sed: 1")
        self.refuse(config, f"{self.line('seed')}: sed", "unknown key", "seed?")

    def test_wrong_type(self):
        config = self.change("n_steps: 32", "n_steps: many")
        self.refuse(config, f"{self.line('n_steps')}: algorithm.n_steps: many", "expects an integer from 1")
        config = self.change("gamma: 0.98", "gamma: [0.98]")
        self.refuse(config, f"{self.line('gamma')}: algorithm.gamma", "expects a number")
        config = self.change("learning_rate: 0.001", "learning_rate: linear")
        self.refuse(config, f"{self.line('learning_rate')}: algorithm.learning_rate: linear", "lin_")
        for schedule in ["[[0, 1], [1, x]]", "[[0.5, 0.1], [0.2, 0]]", "[[0, 0.1], [1, 11]]", "warmup_2_0.1"]:
            config = self.change("learning_rate: 0.001", f"learning_rate: {schedule}")
            self.refuse(config, f"{self.line('learning_rate')}: algorithm.learning_rate: {schedule}: ",
                        "expects a number or a schedule such as lin_0.1", "from 0 to 10")
        config = self.change("learning_rate: 0.001", "learning_rate: [[[0, 1]]]")
        self.refuse(config, "algorithm.learning_rate: a list may hold only scalars, or lists of scalars")
        config = "algorithm: {name: a3c, ent_coef: lin_0.01}\n"
        self.refuse(config, "algorithm.ent_coef: lin_0.01", "actors of a3c", "expects a number")

    def test_out_of_range(self):
        config = self.change("gamma: 0.98", "gamma: 1.5")
        self.refuse(config, f"{self.line('gamma')}: algorithm.gamma: 1.5", "0 to 1")
        config = self.change("num_envs: 8", "num_envs: 0")
        self.refuse(config, f"{self.line('num_envs')}: env.num_envs: 0", "from 1 to 1000000")

    def test_batch_size(self):
        config = self.change("batch_size: 256", "batch_size: 257")
        where = f"{self.line('batch_size')}: algorithm.batch_size: 257"
        self.refuse(config, where, "32 x num_envs 8", "at most 256", mpirun=True)

    def test_names(self):
        config = self.change("CartPole-v1", "CartPole-v0")
        self.refuse(config, f"{self.line('CartPole')}: env.name: CartPole-v0", "'CartPole-v1'")
        config = self.change("name: ppo", "name: pp")
        self.refuse(config, f"{self.line('name: ppo')}: algorithm.name: pp", "'ppo'")

    def test_layers(self):
        for layers, parts in [
            ("[dense 64, dens 64]", ["dens 64: expects a layer such as dense 64 or tanh: the nearest one is 'dense'"]),
            ("[dense 64, dense 0]", ["dense 0: expects dense WIDTH, WIDTH from 1 to 65536"]),
            ("[conv2d 8]", ["conv2d 8: expects conv2d CHANNELS KERNEL [STRIDE], CHANNELS from 1 to 65536"]),
            ("dense 64", ["expects a list of texts or null, such as [dense 64, tanh, dense 64, tanh]"]),
        ]:
            config = program.SHORT + f"policy:\n  network: {layers}\n"
            number = config.count("\n")
            self.refuse(config, f"config.yaml:{number}: policy.network: {layers}", *parts)

    def refuse_policy(self, policy, key, *parts, env=None, mpirun=False):
        """The message names the line of the policy's last option, which is the one at fault."""
        config = program.SHORT if env is None else self.change("name: CartPole-v1", f"name: {env}")
        config += f"policy:\n{''.join(f'  {option}{chr(10)}' for option in policy)}"
        where = f"config.yaml:{config.count(chr(10))}: policy.{key}: {policy[-1].split(': ', 1)[1]}: "
        self.refuse(config, where, *parts, mpirun=mpirun)

    def test_layers_and_spaces(self):
        """Faults of layers that can be found only when the environment's spaces are known."""
        self.refuse_policy(
            ["network: [conv2d 8 3, relu]"], "network", "conv2d: reads a grid", "a vector of 4; expects dense", mpirun=True
        )
        self.refuse_policy(
            ["network: [conv2d 8 3 9]"], "network", "conv2d: STRIDE 9 is beyond", "5 x 5 cells; expects at most 5",
            env="Minesweeper-v0",
        )
        self.refuse_policy(
            ["network: [conv2d 8 3 2]", "head: conv2d"], "head", "3 x 3 cells", "need 25 outputs; expects dense",
            env="Minesweeper-v0",
        )
        self.refuse_policy(["head: conv2d"], "head", "a vector of 64; expects dense")
        self.refuse_policy(["kernel_size: 3"], "kernel_size", "[rows, columns, channels]", "expects 0")
        self.refuse_policy(["distribution: Gausian"], "distribution", "'Gaussian'")
        self.refuse_policy(["distribution: Gaussian"], "distribution", "not for actions of this kind", "'Categorical'")
        self.refuse_policy(["distribution: Categorical"], "distribution", "expects null or 'Gaussian'", env="Pendulum-v1")

    def test_layers_said_twice(self):
        """The short form together with a list, and other contradictions."""
        for option in ["hidden_sizes: [32, 32]", "activation: relu", "kernel_size: 3"]:
            key = option.split(":", 1)[0]
            self.refuse_policy(["network: [dense 32, tanh]", option], key, "policy.network is one; expects only one")
        self.refuse_policy(["share_trunk: true", "value_network: [dense 8]"], "value_network", "expects null")
        self.refuse_policy(["kernel_size: 4"], "kernel_size", "expects an odd number, or 0")

    def test_repeated_key(self):
        config = self.change("  gamma: 0.98\n", "  gamma: 0.98\n  gamma: 0.99\n")
        number = int(self.line("gamma").rsplit(":", 1)[1]) + 1
        self.refuse(config, f"config.yaml:{number}:", "algorithm.gamma")

    def test_not_yaml(self):
        self.refuse("seed: 1\nenv: {name: CartPole-v1\n", f"{self.folder}/config.yaml:")

    def test_command_line(self):
        for assignment, part in [
            ("algorithm.n_stepz=3", "algorithm.n_steps?"),
            ("env.num_envs=eight", "expects an integer"),
            ("algorithm.batch_size=1000", "at most 256"),
            ("total_steps=0", "from 1"),
            ("total_steps", "total_steps"),
        ]:
            self.refuse(program.SHORT, f"--set {assignment}: ", part, arguments=["--set", assignment])

    def test_seeds(self):
        """A seed beyond the largest is refused wherever it comes from, also one that a float would round to the
        largest."""
        beyond, limit = "9007199254740993", "from 0 to 9007199254740992"
        config = self.change("seed: 1", f"seed: {beyond}")
        self.refuse(config, f"{self.line('seed')}: seed: {beyond}", limit)
        assignment = f"seed={beyond}"
        self.refuse(program.SHORT, f"--set {assignment}: ", limit, arguments=["--set", assignment])
        result = self.run_muster("plan", "--ranks", "2", "--config", self.folder / "config.yaml", "--set", assignment)
        self.assert_refused(result, 2, limit)
        for command in [["eval", "run"], ["check-env", "CartPole-v1"]]:
            for seed in [beyond, "-1", "9223372036854775808"]:
                result = self.run_muster(*command, "--seed", seed)
                self.assert_refused(result, 2, f"muster {command[0]}: --seed: {seed}", "expects a whole number from 0")

    def test_stop(self):
        """Criteria that could never hold, or are none."""
        for stop, parts in [
            ("evaluations_without_gain: 2", ["of which there are none", "evaluation.every: steps between evaluations"]),
            ("evaluations_without_gain: 0", ["expects an integer or null, from 1"]),
            ("mean_return: solved", ["expects a number or null"]),
            ("mean_return: nan", ["expects a number or null"]),
            ("seconds: -1", ["expects a duration such as 90s"]),
            ("mean_reward: 475", ["unknown key; did you mean stop.mean_return?"]),
        ]:
            config = program.SHORT + f"stop:\n  {stop}\n"
            self.refuse(config, f"config.yaml:{config.count(chr(10))}: stop.{stop}: ", *parts)
        config = self.change("evaluation: {episodes: 20}", "evaluation: {every: 100, episodes: 0}")
        self.refuse(config + "stop: {evaluations_without_gain: 2}\n", "evaluation.episodes: 1 or more")

    def test_only_for_processes(self):
        """Limits that hold for child processes only are refused where environments have none."""
        for key, value in [("step_timeout", "30s"), ("isolation_block", "4"), ("max_restarts", "11")]:
            config = self.change("  num_envs: 8\n", f"  num_envs: 8\n  {key}: {value}\n")
            number = int(self.line("num_envs").rsplit(":", 1)[1]) + 1
            self.refuse(config, f"config.yaml:{number}: env.{key}", "env.isolation is process")

    def test_unusable_environments(self):
        """Of an environment that nobody can use, training says before it starts the same as check-env."""
        plugin = program.PLUGINS / "plugin_unusable.so"
        for name, cause in [
            ("Nothing-v0", "create() returned 0, but no environment"),
            ("Wordless-v0", "it failed without a text"),
            ("Wraps-v0", "has more than 2147483647 elements"),
            ("Reversed-v0", "the bounds of element 0 of the observation space are 1 and -1"),
            ("Huge-v0", "too large: observations [2147483647] of 100000 agents"),
        ]:
            for isolation in ["none", "process"]:
                config = f"env: {{plugin: {plugin}, name: {name}, isolation: {isolation}}}\n"
                path = self.write("config.yaml", config)
                result = self.run_muster("train", path, "--run-dir", "run")
                self.assert_refused(result, 2, "muster train: ", name, cause)
                self.assertEqual(result.messages[0].count(cause), 1, result)
                self.assertEqual([entry.name for entry in self.folder.iterdir()], ["config.yaml"])
            result = self.run_muster("check-env", plugin, "--name", name)
            self.assertEqual(result.code, 1, result)
            self.assertIn(cause, result.out, result)

    DQN = """total_steps: 2000
env: {num_envs: 4}
algorithm:
  name: dqn
  batch_size: 32
"""

    def refuse_replay(self, option, *parts, config=DQN, mpirun=False):
        """An option of an algorithm with a replay, in the config's last line, is at fault."""
        config += f"  {option}\n"
        where = f"config.yaml:{config.count(chr(10))}: algorithm.{option}: "
        self.refuse(config, where, *parts, mpirun=mpirun)

    def test_replay(self):
        self.refuse_replay("buffer_size: 31", "keeps 31 steps, and an update draws 32", "at least batch_size", mpirun=True)
        self.refuse_replay("replay.capacity: 31", "keeps 31 steps", "at least batch_size")
        few = self.DQN.replace("num_envs: 4", "num_envs: 100")
        self.refuse_replay("buffer_size: 199", "keeps 199 steps of 100 environments", "at least 2 of each, 200", config=few)
        self.refuse_replay("learning_starts: 2000", "the run has 2000 steps; expects less than total_steps")
        self.refuse_replay("gradient_steps: 0", "expects at least 1, or -1 for as many updates as steps")
        self.refuse_replay("gradient_steps: -2", "expects an integer from -1")
        self.refuse_replay("n_steps: 0", "expects an integer from 1")
        config = self.DQN + "  buffer_size: 400\n"
        self.refuse_replay("n_steps: 101", "keeps 100 steps of each of 4 environments; expects at most 100", config=config)
        self.refuse_replay("replay.alpha: 2", "expects a number from 0 to 1")
        self.refuse_replay("replay.epsilon: 0", "expects a number > 0")
        self.refuse_replay("group_size: 8", "is an option of grpo, which this run does not use")
        self.refuse_replay("gae_lambda: 0.9", "is an option of a2c, ppo")
        self.refuse_replay("double: yes please", "expects true or false")

    def test_replay_and_memory(self):
        for option in ["buffer_size: 1000000000000", "replay.capacity: 1e12"]:
            self.refuse_replay(option, "GB for these observations, and this machine has", "expects at most")

    def test_replay_and_rewards(self):
        config = self.DQN + "normalize: {norm_reward: true}\n"
        self.refuse(config, "config.yaml:6: normalize.norm_reward: true: ", "the replay of dqn", "expects false")

    def test_actions_of_another_kind(self):
        config = self.DQN.replace("{num_envs: 4}", "{num_envs: 4, name: Pendulum-v1}")
        parts = ["is for Discrete actions, and those of this environment are Box", "see `muster algos`"]
        self.refuse(config, "config.yaml:4: algorithm.name: dqn: ", *parts, mpirun=True)
        for option in ["share_trunk: true", "distribution: Categorical"]:
            config = self.DQN + f"policy: {{{option}}}\n"
            self.refuse(config, f"config.yaml:6: policy.{option}: ", "expects")

    def test_box_only(self):
        """Of Discrete actions nothing is accepted that only Box actions can have, and nothing is ignored."""
        config = self.DQN.replace("name: dqn", "name: sac")
        for option, right in [("action_noise: normal", "none"), ("quantiles: 25", "null")]:
            parts = ["is for Box actions, and those of this environment are Discrete", f"expects {right}"]
            self.refuse_replay(option, *parts, config=config)

    def test_temperature(self):
        config = self.DQN.replace("name: dqn", "name: sac")
        for text in ["auto_0", "auto_-1", "auto_nan", "auto_ 1", "autos", "nan", "-1", "0x10"]:
            self.refuse_replay(f"ent_coef: {text}", "expects auto, auto_X", "or a number >= 0", config=config)
        for text in ["nan", "inf", "0x10", "autos"]:
            self.refuse_replay(f"target_entropy: {text}", "expects auto or a number", config=config)

    def test_normalized_observations(self):
        for option, right in [("norm_obs: true", "false"), ("clip_obs: 5.0", "null")]:
            config = f"env: {{name: CliffWalking-v0}}\nnormalize: {{{option}}}\n"
            self.refuse(config, f"config.yaml:2: normalize.{option}: ", "Box (float32)", f"expects {right}")

    def test_rollouts_and_memory(self):
        """The option is named that this algorithm has, before any memory is taken."""
        for algorithm, env, option in [
            ("dqn", "CartPole-v1", "train_freq"),
            ("q-learning", "CliffWalking-v0", "train_freq"),
            ("pqn", "CartPole-v1", "n_steps"),
            ("ppo", "CartPole-v1", "n_steps"),
        ]:
            config = f"env: {{name: {env}, num_envs: 2}}\nalgorithm:\n  name: {algorithm}\n  {option}: 1000000000\n"
            where = f"config.yaml:4: algorithm.{option}: 1000000000: makes rollouts of "
            self.refuse(config, where, "GB of each environment", "expects at most")

    def test_tables_and_memory(self):
        config = """\
env: {name: Probe-v0, num_envs: 1000, options: {observation: discrete, obs_dim: %d}}
algorithm:
  name: q-learning
  trace: replacing
"""
        self.refuse(config % 10000, "config.yaml:4: algorithm.trace: replacing: needs", "GB for traces", "expects none")
        parts = ["a table of 60000 observations and 60000 actions has 3600000000 values", "expects at most 2147483647"]
        self.refuse(config % 60000, "config.yaml:3: algorithm.name: q-learning: ", *parts)

    def test_no_file(self):
        for path, cause in [("none.yaml", "No such file"), (".", "director")]:
            result = self.run_muster("train", path, "--run-dir", "run")
            self.assert_refused(result, 2, path, cause)
        self.assertEqual(list(self.folder.iterdir()), [])


class BadFolder(program.Case):
    def refuse(self, code, *parts, run, arguments=()):
        path = program.WORK / f"{self.id()}.yaml"
        path.write_text(program.SHORT, encoding="utf-8")
        before = program.listing(self.folder)
        for ranks in [None, 2]:
            with self.subTest(ranks=ranks, run=run):
                result = self.run_muster("train", path, "--run-dir", run, *arguments, ranks=ranks)
                self.assert_refused(result, code, *parts)
        self.assertEqual(program.listing(self.folder), before)

    def test_that_exists(self):
        run = self.train("run", "--set", "total_steps=512")
        self.refuse(2, f"{run} exists", "--resume", "--run-dir", run=run)

    def test_with_something_else_in_it(self):
        (self.folder / "mine").mkdir()
        self.write("mine/thesis.tex", "words")
        self.refuse(2, f"{self.folder}/mine exists", run=self.folder / "mine")

    def test_that_cannot_be_made(self):
        # permissions do not stop root, so these are places where nobody at all can make a folder
        file = self.write("file", "words")
        self.refuse(1, f"{file}", "Not a directory", run=file)
        self.refuse(1, f"{file}/run", "Not a directory", run=file / "run")
        self.refuse(1, "/proc/none/run", run="/proc/none/run")

    def test_to_resume(self):
        path = self.write("config.yaml", program.SHORT)
        self.assert_refused(self.run_muster("train", path, "--resume"), 2, "--resume", "--run-dir")

    def test_to_resume_with_another_config(self):
        run = self.train("run", "--set", "total_steps=512")
        arguments = ["--resume", "--set", "algorithm.gamma=0.5"]
        self.refuse(2, "algorithm.gamma was 0.98 and is now 0.5", f"{run}/config.yaml", run=run, arguments=arguments)


class BadCheckpoint(program.Case):
    def setUp(self):
        super().setUp()
        self.trained = self.train("run", "--set", "total_steps=512", "--set", "checkpoint.every=512")
        self.checkpoint = self.trained / "checkpoints" / "step-000000000512.h5"
        self.content = self.checkpoint.read_bytes()

    def damages(self):
        """What can be wrong with a file: a name for it, the file's content, and the message about it."""
        size = len(self.content)
        foreign = (program.SOURCE / "tests" / "golden" / "env_cartpole.h5").read_bytes()
        yield "empty", b"", "is empty"
        yield "truncated", self.content[: size // 2], "is truncated"
        yield "cut-by-one", self.content[:-1], "is truncated"
        yield "foreign-hdf5", foreign, "not a checkpoint that muster wrote"
        yield "text", b"seed: 1\n", "is not a checkpoint"
        for place in [len(b"muster-checkpoint 1 130000 "), 600, size // 2, size - 1]:
            flipped = bytearray(self.content)
            flipped[place] ^= 0x10
            yield f"flipped-{place}", bytes(flipped), "damaged"
        newer = self.content.replace(b"muster-checkpoint 1 ", b"muster-checkpoint 2 ", 1)
        yield "newer-but-damaged", newer, "damaged"

    def test_eval_and_inspect(self):
        for name, content, cause in self.damages():
            path = self.folder / f"{name}.h5"
            path.write_bytes(content)
            for command in ["eval", "inspect"]:
                with self.subTest(command=command, name=name):
                    result = self.run_muster(command, path)
                    self.assert_refused(result, 1, f"muster {command}: ", path, cause)
                    self.assertEqual(result.out, "", result)
                    self.assertEqual(result.err.count("\n"), 1, result)
            self.assertEqual(path.read_bytes(), content)

    def test_missing(self):
        for command in ["eval", "inspect"]:
            with self.subTest(command=command):
                result = self.run_muster(command, self.folder / "none.h5")
                self.assert_refused(result, 1, self.folder / "none.h5", "No such file")
                (self.folder / "empty").mkdir(exist_ok=True)
                result = self.run_muster(command, self.folder / "empty")
                self.assert_refused(result, 1, "no checkpoint", self.folder / "empty")

    def test_resume(self):
        # the only checkpoint is damaged: the run cannot go on, and its metrics stay
        path = self.write("config.yaml", program.SHORT)
        for name, content, cause in self.damages():
            with self.subTest(name=name):
                run = self.folder / f"run-{name}"
                shutil.copytree(self.trained, run, symlinks=True)
                (run / "checkpoints" / self.checkpoint.name).write_bytes(content)
                kept = {file: (run / file).read_bytes() for file in ["metrics.csv", "config.yaml", "summary.json"]}
                result = self.run_muster("train", path, "--run-dir", run, "--resume")
                self.assert_refused(result, 1, "muster train: ", run / "checkpoints", "whole")
                self.assertIn(cause, result.err)
                for file, before in kept.items():
                    self.assertEqual((run / file).read_bytes(), before, file)
                # set aside, not removed
                aside = run / "checkpoints" / f"{self.checkpoint.name}.damaged"
                self.assertEqual(aside.read_bytes(), content)


if __name__ == "__main__":
    program.main()
