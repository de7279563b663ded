"""When the link of a host goes down, the run notices it within run.watchdog: a message names the host, the learner
writes a checkpoint if it is not lost itself, and all processes end, also those on the lost host."""

import subprocess

import test_hosts  # which also makes the modules fault and program known

import fault
import program

# slow enough to lose a host while it trains
CONFIG = """\
seed: 3
total_steps: 12800
env: {name: Probe-v0, num_envs: 8, options: {obs_dim: 4, sleep_us: 500, episode_length: 11, truncates: 1}}
policy: {hidden_sizes: [16]}
algorithm: {name: ppo, n_steps: 16, batch_size: 64, n_epochs: 2, learning_rate: lin_0.001}
evaluation: {episodes: 2}
checkpoint: {every: 1280, interval: 0, keep: 0}
run: {watchdog: 3}
"""


class LostHost(test_hosts.Case):
    def cut(self, name, host, mpirun_host, config=CONFIG):
        """Starts four ranks on hosts 1 and 2, and cuts the link of one of them; returns the run's folder and how it
        ended. If mpirun is on a third host, it notices that a little later than the ranks."""
        self.config = self.write("run.yaml", config)
        run = self.folder / name
        at = [test_hosts.HOSTS, "agent", f"{self.network}.{mpirun_host}"]
        keepalive = {"time": "2", "intvl": "1", "probes": "4"}
        environment = {f"OMPI_MCA_oob_tcp_keepalive_{key}": value for key, value in keepalive.items()}
        process = self.start(self.config, run, ranks=4, environment={**self.over(2, 4), **environment}, prefix=at)
        self.wait_until(lambda: len(fault.checkpoints(run)) > 1, process, "two checkpoints")
        subprocess.run(["ip", "link", "set", f"{self.prefix}v{host}", "down"], check=True)
        self.before = fault.checkpoints(run)
        result = program.finish(process)
        print(f"{name}: ended after {result.seconds:.1f} s with {result.code}")
        self.assertNotEqual(result.code, 0, result)
        self.assert_nobody_left(run)
        subprocess.run(["ip", "link", "set", f"{self.prefix}v{host}", "up"], check=True)
        return run, result

    def check_lost(self, name, mpirun_host, config=CONFIG, role="actor"):
        run, result = self.cut(name, 2, mpirun_host, config)
        lost = rf"learner 0: error: rank [13] \({role} on {self.prefix}2\) is lost: nothing has come from it for \d+\.\d s"
        self.assertRegex(result.err, lost)
        self.assertRegex(result.err, rf"as silent: rank [13] on {self.prefix}2")
        # the learner still answers while it waits for mpirun
        self.assertNotIn("rank 0 (learner", result.err)
        newest = max(fault.checkpoints(run))
        stays = "the newest checkpoint has all"
        if "learner" in role:
            # the host may be lost during an update, since on a busy machine updates take a part of the time
            stays += r"|in the midst of iteration \d+, which has no end now: the newest checkpoint in .* stays"
        self.assertRegex(result.err, "wrote" if newest > max(self.before) else stays)
        self.run_over(2, 4, run)
        steps_beyond = program.summary(run)["total_steps"] - 12800
        self.assertGreaterEqual(steps_beyond, 0)
        # actors that do not wait make a few rollouts more than were asked for
        self.assertLessEqual(steps_beyond, 600 if "impala" in config else 0)
        return result

    def test_actors_lost(self):
        """mpirun is on the learner's host; by itself it would wait for the daemon of the lost host."""
        self.check_lost("actors", 1)

    def test_actors_lost_for_distant_mpirun(self):
        """mpirun is on a third host; it would wait a quarter of an hour if the ranks ended before it knows of the
        loss."""
        result = self.check_lost("distant", 3)
        self.assertIn("mpirun is to notice it within 6 s", result.err)
        self.assertIn("ORTE has lost communication with a remote daemon", result.err)

    def test_learners_lost(self):
        """The lost host has two of four ranks that act and learn in turn; then, with three learners, a learner and an
        actor."""
        self.check_lost("together", 1, CONFIG + "ranks: {colocate: true}\n", "learner")
        self.check_lost("apart", 1, CONFIG + "ranks: {learners: 3}\n", "(learner|actor)")

    def test_actors_that_do_not_wait_lost(self):
        algorithm = "algorithm: {name: impala, n_steps: 16, batch: 8, learning_rate: lin_0.001}"
        config = "\n".join(algorithm if line.startswith("algorithm:") else line for line in CONFIG.splitlines())
        self.check_lost("impala", 1, config + "\n")

    def test_learner_lost(self):
        """The learner's host is lost, and the actors report it; mpirun is on a third host."""
        run, result = self.cut("learner", 1, 3)
        lost = rf"actor [13]: error: rank 0 \(learner on {self.prefix}1\) is lost: nothing has come from it for \d+\.\d s"
        self.assertRegex(result.err, lost)
        self.assertIn(f"the newest checkpoint in {run} stays", result.err)
        # a learner that is cut off is still alive, and may write a checkpoint
        self.assertLessEqual(set(self.before), set(fault.checkpoints(run)))
        self.run_over(2, 4, run)
        self.assertEqual(program.summary(run)["total_steps"], 12800)

    def test_same_address_twice(self):
        """Every host has a bridge with the same address, as Docker makes it: Open MPI hangs, a message says so, and the
        remedy works."""
        for host in [1, 2]:
            inside = ["ip", "netns", "exec", f"{self.prefix}{host}", "ip"]
            for command in ["link add docker0 type bridge", "addr add 172.31.250.1/24 dev docker0", "link set docker0 up"]:
                subprocess.run([*inside, *command.split()], check=True)
        for name, is_cured in [("hangs", False), ("cured", True)]:
            environment = {**self.over(2, 4), "MUSTER_START_TIMEOUT": "60" if is_cured else "5"}
            if not is_cured:
                environment = {key: environment[key] for key in environment if not key.endswith("_if_include")}
            at = [test_hosts.HOSTS, "agent", f"{self.network}.1"]
            result = self.finish(
                self.config, self.folder / name, ranks=4, environment=environment, prefix=at
            )
            self.assertEqual(result.code, 0 if is_cured else 1, result)
            self.assertEqual("MPI has not started within 5 s" in result.err, not is_cured, result)
            self.assert_nobody_left(self.folder / name)


if __name__ == "__main__":
    fault.main()
