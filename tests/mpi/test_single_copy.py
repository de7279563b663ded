"""Where ranks may not read each other's memory, as in some containers, a run still works and learns the same, without
any message."""

import os

import program

# a network whose messages are long enough
CONFIG = program.SHORT.replace("total_steps: 6144", "total_steps: 1024") + "policy: {hidden_sizes: [256, 256]}\n"

FORBID = os.environ["MUSTER_FORBID"]

# what Open MPI says for every message that it cannot read
COMPLAINT = "Read -1, expected"


class SingleCopy(program.Case):
    def train_forbidden(self, name, environment):
        path = self.write("run.yaml", CONFIG)
        launcher = [program.MPIRUN, "-n", "3", FORBID]
        command = program.command_line(["train", path, "--run-dir", self.folder / name])
        result = program.finish(program.start_command([*launcher, *command], self.folder, environment))
        if "forbid: " in result.err:
            self.skipTest(f"no filter of system calls here: {result.err}")
        self.assertEqual(result.code, 0, result)
        return result

    def test_same_answer_in_silence(self):
        whole = self.train("whole", config=CONFIG, ranks=3)
        result = self.train_forbidden("forbidden", {})
        self.assertNotIn(COMPLAINT, result.err)
        self.assert_same_run(self.folder / "forbidden", whole)

    def test_what_the_user_sets_stays(self):
        result = self.train_forbidden("forbidden", {"OMPI_MCA_btl_vader_single_copy_mechanism": "cma"})
        self.assertIn(COMPLAINT, result.err)


if __name__ == "__main__":
    program.main()
