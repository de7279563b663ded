"""A host whose link goes down is noticed within run.watchdog, with a message that names it, a checkpoint where the learner is
left, and the end of all processes: on the lost host as well."""

import subprocess

import test_hosts  # and with it the place of fault and program

import fault
import program

# slow enough to be caught in flight
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
        """Cuts the link of host 1 or 2, over which four ranks run; returns the run's folder and how it ended. An mpirun on a
        third host finds that out a little later than the ranks."""
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
        # the learner answers while it waits for mpirun
        self.assertNotIn("rank 0 (learner", result.err)
        newest = max(fault.checkpoints(run))
        stays = "the newest checkpoint has all"
        if "learner" in role:
            # lost in the midst of an update, which on a busy machine takes its share of the time
            stays += r"|in the midst of iteration \d+, which has no end now: the newest checkpoint in .* stays"
        self.assertRegex(result.err, "wrote" if newest > max(self.before) else stays)
        self.run_over(2, 4, run)
        steps_beyond = program.summary(run)["total_steps"] - 12800
        self.assertGreaterEqual(steps_beyond, 0)
        # actors that do not wait make a few rollouts more than were asked for
        self.assertLessEqual(steps_beyond, 600 if "impala" in config else 0)
        return result

    def test_actors_lost(self):
        """mpirun, on the learner's host, would wait for the daemon of the lost one."""
        self.check_lost("actors", 1)

    def test_actors_lost_for_distant_mpirun(self):
        """mpirun, on a third host, would wait a quarter of an hour if the ranks ended before it knows."""
        result = self.check_lost("distant", 3)
        self.assertIn("mpirun is to notice it within 6 s", result.err)
        self.assertIn("ORTE has lost communication with a remote daemon", result.err)

    def test_learners_lost(self):
        """Two of the four that act and learn in turn, and those two that only learn with the first."""
        self.check_lost("together", 1, CONFIG + "ranks: {colocate: true}\n", "learner")
        self.check_lost("apart", 1, CONFIG + "ranks: {learners: 3}\n", "(learner|actor)")

    def test_actors_that_do_not_wait_lost(self):
        algorithm = "algorithm: {name: impala, n_steps: 16, batch: 8, learning_rate: lin_0.001}"
        config = "\n".join(algorithm if line.startswith("algorithm:") else line for line in CONFIG.splitlines())
        self.check_lost("impala", 1, config + "\n")

    def test_learner_lost(self):
        """The actors say it; mpirun is on a third host."""
        run, result = self.cut("learner", 1, 3)
        lost = rf"actor [13]: error: rank 0 \(learner on {self.prefix}1\) is lost: nothing has come from it for \d+\.\d s"
        self.assertRegex(result.err, lost)
        self.assertIn(f"the newest checkpoint in {run} stays", result.err)
        # a learner that is cut off, and not dead, does what it can
        self.assertLessEqual(set(self.before), set(fault.checkpoints(run)))
        self.run_over(2, 4, run)
        self.assertEqual(program.summary(run)["total_steps"], 12800)

    def test_same_address_twice(self):
        """A bridge with one address on every host, as Docker makes it: Open MPI hangs, which is told; its cure works."""
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
