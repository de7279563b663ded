"""spin searches every state that the protocol of asynchronous actors can reach. Then one thing in the protocol is
broken, to show that the search finds it."""

import pathlib
import re
import shutil
import subprocess
import unittest

import packages
import program

MODELS = pathlib.Path(__file__).parent

# with this no actor's trajectories have numbers; the formulas do not need them, and there are fewer states
LIVENESS = ["-DWATCHED=2"]


@unittest.skipIf(shutil.which("spin") is None, "spin is not installed: scripts/setup check")
class Model(unittest.TestCase):
    def search(self, model, definitions=(), formula=None):
        """Searches the whole model for states that must not occur or, with a formula, for a run that breaks it although
        every process that can go on does so; returns what was found, or "" if nothing was."""
        folder = program.WORK / "-".join([model, *definitions, formula or "safety"]).replace("=", "")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

        def run(*command):
            done = subprocess.run(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.assertEqual(done.returncode, 0, done.stdout)
            return done.stdout

        self.assertNotIn("Error", run("spin", *definitions, "-a", str(MODELS / f"{model}.pml")))
        kind = ["-DNFAIR=3"] if formula else ["-DSAFETY", "-DNOCLAIM"]
        run("cc", "-O2", "-w", "-DCOLLAPSE", "-DMEMLIM=4096", *kind, "-o", "pan", "pan.c")
        said = run("./pan", "-m8000000", "-w24", *(["-a", "-f", "-N", formula] if formula else []))

        # a search that was cut short finds nothing either, so it must not pass
        found = re.search(r"^pan:1: (.*?) \(at depth", said, re.MULTILINE)
        errors = re.search(r"errors: (\d+)", said)
        self.assertIsNotNone(errors, said)
        self.assertEqual(int(errors[1]) > 0, found is not None, said)
        if not found:
            self.assertNotRegex(said, "too small|not completed|truncated|out of memory|hash-compact|bit-state")
            self.assertGreater(int(re.search(r"(\d+) states, stored", said)[1]), 100, said)
        return found[1] if found else ""

    def test_commands(self):
        self.assertEqual(self.search("commands"), "")

    def test_torn_commands_are_found(self):
        for mutant in "SLOT_NOT_MARKED", "NO_SECOND_LOOK":
            with self.subTest(mutant):
                self.assertIn("assertion violated", self.search("commands", [f"-DMUTANT_{mutant}"]))

    def test_nothing_is_lost_and_nobody_waits_for_ever(self):
        self.assertEqual(self.search("channel"), "")

    def test_the_same_with_a_remote_actor(self):
        for watched in 0, 1:
            with self.subTest(watched=watched):
                self.assertEqual(self.search("channel", ["-DREMOTE=1", f"-DWATCHED={watched}"]), "")

    def test_pauses_and_stops_end(self):
        for remote in 0, 1:
            for formula in "pauses_end", "stops_end":
                with self.subTest(formula, remote=remote):
                    self.assertEqual(self.search("channel", [f"-DREMOTE={remote}", *LIVENESS], formula), "")

    def test_mutants_are_found(self):
        for mutant, what in {
            "THREE_MESSAGES": "assertion violated",
            "CREDITED_TOO_EARLY": "assertion violated",
            "LOST_WAKE_UP": "invalid end state",
            "HELD_NOT_SEARCHED": "invalid end state",
        }.items():
            with self.subTest(mutant):
                self.assertIn(what, self.search("channel", [f"-DMUTANT_{mutant}"]))

    def test_mutants_that_go_on_for_ever_are_found(self):
        for mutant, remote, formula in ("DEAF_AFTER_A_PAUSE", 0, "stops_end"), ("COMMAND_FORGOTTEN", 1, "stops_end"):
            with self.subTest(mutant):
                definitions = [f"-DREMOTE={remote}", f"-DMUTANT_{mutant}", *LIVENESS]
                self.assertIn("acceptance cycle", self.search("channel", definitions, formula))


if __name__ == "__main__":
    packages.main()
