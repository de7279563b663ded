"""The answer is the same, and nothing is lost, over several hosts: network namespaces of this machine, with TCP between
them."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "fault"))

import fault
import program
import trace

HOSTS = str(pathlib.Path(__file__).with_name("hosts"))
AGENT = str(pathlib.Path(__file__).with_name("agent"))


class Case(fault.Case):
    """Makes four hosts, each named by a prefix and a number from 1 on, for runs over some of them."""

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("only root may make network namespaces")
        for tool in ["ip", "unshare"]:
            if shutil.which(tool) is None:
                self.skipTest(f"there is no {tool} (iproute2, util-linux)")
        # names and addresses that no other test of this kind uses at the same time
        self.prefix = f"m{os.getpid() % 100000}h"
        self.network = f"10.{100 + os.getpid() // 250 % 100}.{os.getpid() % 250}"
        self.addCleanup(subprocess.run, [HOSTS, "down", self.prefix, "4"], check=False)
        made = subprocess.run([HOSTS, "up", self.prefix, "4", self.network], capture_output=True, text=True, check=False)
        self.assertNotIn("File exists", made.stderr)
        if made.returncode != 0:
            self.skipTest(f"cannot make network namespaces here: {made.stderr.strip()}")
        command = [HOSTS, "agent", f"{self.network}.1", "hostname"]
        environment = {**os.environ, "MUSTER_HOSTS": self.prefix}
        probe = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if probe.returncode != 0:
            self.skipTest(f"cannot enter network namespaces here: {probe.stderr.strip()}")
        self.config = self.write("run.yaml", fault.CONFIG)

    def over(self, hosts, ranks):
        """Environment variables that spread the ranks over this many hosts, in turn."""
        text = "".join(f"{self.network}.{i} slots={-(-ranks // hosts)}\n" for i in range(1, hosts + 1))
        network = f"{self.network}.0/24"
        return {
            "MUSTER_HOSTS": self.prefix,
            "OMPI_MCA_orte_default_hostfile": str(self.write(f"hosts-{hosts}", text)),
            "OMPI_MCA_rmaps_base_mapping_policy": "node",
            "OMPI_MCA_plm": "rsh",
            "OMPI_MCA_plm_rsh_agent": AGENT,
            "OMPI_MCA_btl": "self,vader,tcp",
            "OMPI_MCA_btl_tcp_if_include": network,
            "OMPI_MCA_oob_tcp_if_include": network,
        }

    def run_over(self, hosts, ranks, run, *arguments):
        result = self.finish(self.config, run, "--resume", *arguments, ranks=ranks, environment=self.over(hosts, ranks))
        self.assertEqual(result.code, 0, result)
        layout = (run / "config.yaml").read_text(encoding="utf-8")
        for host in range(1, hosts + 1):
            self.assertIn(f"on {self.prefix}{host}:", layout)


class Hosts(Case):
    def test_same_answer(self):
        whole = self.folder / "whole"
        result = self.finish(self.config, whole)
        self.assertEqual(result.code, 0, result)
        for hosts, ranks in [(2, 2), (2, 5), (4, 4), (4, 8)]:
            with self.subTest(hosts=hosts, ranks=ranks):
                run = self.folder / f"{hosts}-hosts-{ranks}-ranks"
                self.run_over(hosts, ranks, run)
                self.assert_same_end(run, whole)

                # each of the other hosts sends the learner one message for each rollout, however many ranks it has
                rollouts = fault.TOTAL_STEPS // fault.STEPS_OF_ROLLOUT
                self.assertEqual(program.summary(run)["rollout_messages"], rollouts * (hosts - 1))

    def test_placement(self):
        """The answer depends neither on which rank learns nor on which environments an actor has, over real hosts; the
        learner writes the run folder."""
        whole = self.folder / "whole"
        result = self.finish(self.config, whole)
        self.assertEqual(result.code, 0, result)
        for number, (hosts, ranks, placement) in enumerate([(2, 5, "packed"), (2, 5, "spread"), (4, 7, "spread")]):
            with self.subTest(hosts=hosts, ranks=ranks, placement=placement):
                run, learner = self.folder / f"run-{number}", f"{self.prefix}{hosts}"
                choice = ["--set", f"ranks.learner_host={learner}", "--set", f"ranks.placement={placement}"]
                self.run_over(hosts, ranks, run, *choice)
                layout = (run / "config.yaml").read_text(encoding="utf-8")
                self.assertIn(f"rank {hosts - 1} on {learner}: learner\n", layout)
                self.assert_same_end(run, whole)

    def test_replay(self):
        """Learners on several hosts divide a replay; a run goes on over other hosts, where they divide it in another
        way."""
        self.config = self.write("replay.yaml", fault.REPLAY)
        whole = self.folder / "whole"
        result = self.finish(self.config, whole)
        self.assertEqual(result.code, 0, result)
        for hosts, ranks, layout in [(2, 2, "colocate=true"), (2, 5, "learners=4"), (4, 5, "learners=3")]:
            with self.subTest(hosts=hosts, ranks=ranks):
                run = self.folder / f"{hosts}-hosts-{ranks}-ranks"
                self.run_over(hosts, ranks, run, "--set", f"ranks.{layout}")
                self.assert_same_end(run, whole)
        run = self.folder / "run"
        process = self.start(self.config, run, "--set", "ranks.colocate=true", ranks=4, environment=self.over(4, 4))
        self.wait_until(lambda: max(fault.checkpoints(run), default=0) > 3000, process, "some checkpoints")
        os.kill(program.ranks_of(run)[1], signal.SIGKILL)
        self.assertNotEqual(program.finish(process).code, 0)
        self.assert_nobody_left(run)
        self.run_over(2, 3, run, "--set", "ranks.learners=2")
        self.assert_same_end(run, whole)

    def test_dry_run(self):
        """Every host has a line or two, and an unknown host is refused with a list of the known ones."""
        run, environment = self.folder / "run", self.over(4, 8)
        result = self.finish(self.config, run, "--dry-run", ranks=8, environment=environment)
        self.assertEqual(result.code, 0, result)
        lines = result.out.split("\n\n")[0].splitlines()[1:]
        names = [f"{self.prefix}{host}" for host in [1, 1, 2, 3, 4]]
        self.assertEqual([line.split()[0] for line in lines], names)
        choice = ["--dry-run", "--set", "ranks.learner_host=elsewhere"]
        result = self.finish(self.config, run, *choice, ranks=8, environment=environment)
        self.assert_refused(result, 2, "ranks.learner_host: elsewhere", *names)
        self.assertFalse(run.exists())

    def test_trace(self):
        """Each host is a process of the trace, and its clock is found to be the same as the learner's, as is true
        here."""
        run = self.folder / "run"
        self.run_over(3, 5, run, "--trace")
        found = trace.Trace(run / "trace.json")
        trace.check_form(self, found, 5)
        trace.check_accounts(self, run)
        hosts = [event for event in found.of_phase("M") if event["name"] == "process_name"]
        # ranks go to the hosts in turn; a host's first rank is the number of its process
        self.assertEqual({event["pid"]: event["args"]["name"].split(",")[0] for event in hosts},
                         {host - 1: f"{self.prefix}{host}" for host in [1, 2, 3]})
        self.assertEqual({(event["tid"], event["pid"]) for event in found.of_phase("X")},
                         {(0, 0), (1, 1), (2, 2), (3, 0), (4, 1)})
        # the clocks of the other hosts differ by no more than the trace says, and all arrows go forwards in time
        accuracy = {event["pid"]: re.search(r"clock within (.+) us", event["args"]["name"]) for event in hosts}
        self.assertIsNone(accuracy[0])
        lag = max(float(accuracy[pid].group(1)) for pid in [1, 2])
        numbers = [s.args["iteration"] for s in found.iterations(0)]
        trace.check_arrows(self, found, range(1, 5), numbers[0], numbers[-1] - 1)
        for figures in program.summary(run)["ranks_seconds"]:
            trace.check_slices(self, found, figures["rank"])
            trace.check_sums(self, found, figures, drift=2e-6 * lag)

    def test_killed_and_resumed(self):
        """A rank on another host is killed, then mpirun; the run goes on with other hosts, and ends like an undisturbed
        one."""
        whole = self.folder / "whole"
        result = self.finish(self.config, whole)
        self.assertEqual(result.code, 0, result)
        run = self.folder / "run"
        for victim in ["rank 1", "mpirun"]:
            process = self.start(self.config, run, "--resume", ranks=4, environment=self.over(2, 4))
            newest = max(fault.checkpoints(run), default=0)
            self.wait_until(
                lambda newest=newest: max(fault.checkpoints(run), default=0) > newest + 512, process, "some checkpoints"
            )
            os.kill(process.pid if victim == "mpirun" else program.ranks_of(run)[1], signal.SIGKILL)
            result = program.finish(process)
            self.assertNotEqual(result.code, 0, result)
            self.assert_nobody_left(run)
        self.run_over(4, 4, run)
        self.assert_same_end(run, whole)


if __name__ == "__main__":
    fault.main()
