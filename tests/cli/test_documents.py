"""Does what the documents say: runs their blocks of commands in a copy of the source as it is after a build, compares
samples of output with what the commands print, loads the configs, compiles and runs the programs.

A comment before a block, which readers do not see, says how to treat it:

    <!-- not run: REASON -->       the block is neither run nor compared
    <!-- run with: A -> B; ... --> A stands for something of the reader's own; B takes its place here
    <!-- run shortened -->         each training ends after a few thousand steps
    <!-- run in: FOLDER -->        the commands run in another folder than the root of the copy
    <!-- saved as: FILE -->        the block is the content of a file that later blocks use
    <!-- refused: TEXT -->         the block is a config that is refused with these words

Samples are blocks whose first line is `$ COMMAND`. What depends on the machine or the moment is not compared, and a
sample may leave out lines."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time
import unittest

import program
from documents import Block, blocks

DOCUMENTS = ["README.md", "CONTRIBUTING.md", "configs/README.md", "examples/README.md", "slurm/README.md"]
FOLDERS = ["configs", "docs", "examples", "include", "scripts", "slurm", "src"]

# blocks in these languages are tested; the others are pictures, formulas, fragments
RUN, CONFIGS, PYTHON, C = "sh", "yaml", "python", "c"

# the most seconds that a block may take, only so that nothing hangs
LIMIT = 120

# scripts that do nothing here: whoever runs this test has already built muster and runs its tests
STAND_INS = ["scripts/setup", "scripts/build", "scripts/test", "scripts/format", "scripts/compare-revisions", ".ci/run"]

WRAPPER = """#!/bin/sh
# the program; trainings are short where a document is read with short ones
if [ -n "$SHORT_RUNS" ] && [ "$1" = train ]; then
  case "$*" in *total_steps=*) ;; *) set -- "$@" --set total_steps=8192 ;; esac
fi
exec "$REAL_MUSTER" "$@"
"""

# what is already built is not built again
CMAKE = """#!/bin/sh
case "$*" in
  "--build build --target act") exit 0 ;;
  "--install build "*) shift 2; exec "$REAL_CMAKE" --install "$REAL_BUILD" "$@" ;;
esac
exec "$REAL_CMAKE" "$@"
"""


def mask(line):
    """A line of output without what differs from machine to machine or from run to run: times, rates, shares, hosts,
    and spaces."""
    line = line.replace(socket.gethostname(), "node")
    for pattern, stands_for in [
        (r"\S+ steps/s", "# steps/s"),
        (r"\d+ms left|\d+[smh] left", "# left"),
        (r"any of \d+", "any of #"),
        (r"-\d{3}\b", "-###"),
        (r"-?\b\d+\.\d+(e[-+]\d+)?\b", "#"),
        (r"\d+(\.\d+)?k steps", "#k steps"),
        (r"kl \S+", "kl #"),
        (r"\(\d+ %\)", "(# %)"),
        (r"# s\b", "#"),
        (r"\s+", " "),
    ]:
        line = re.sub(pattern, stands_for, line)
    return line.strip()


class Documents(program.Case):
    def setUp(self):
        super().setUp()
        self.folder = self.folder / "muster"
        self.home = self.folder.parent / "home"
        self.tools = self.folder.parent / "tools"
        for path in [self.folder, self.home, self.tools]:
            path.mkdir()
        for name in FOLDERS:
            shutil.copytree(program.SOURCE / name, self.folder / name)
        for path in program.SOURCE.glob("*.md"):
            shutil.copy(path, self.folder)
        for name in STAND_INS:
            self.make_program(self.folder / name, "#!/bin/sh\n")
        self.make_program(self.folder / "build" / "muster", WRAPPER)
        (self.folder / "build" / "examples").mkdir()
        (self.folder / "build" / "examples" / "act").symlink_to(program.ACT)
        self.make_program(self.tools / "cmake", CMAKE)
        build = str(pathlib.Path(program.PROGRAM).parent)
        paths = [self.tools, self.home / ".local" / "bin", self.home / "muster" / "bin"]
        self.environment = {
            **{"HOME": str(self.home), "PATH": os.pathsep.join([*map(str, paths), os.environ["PATH"]])},
            **{"REAL_MUSTER": program.PROGRAM, "REAL_CMAKE": shutil.which("cmake"), "REAL_BUILD": build},
            **{"PKG_CONFIG_PATH": f"{self.home}/.local/lib/pkgconfig", "LD_LIBRARY_PATH": f"{self.home}/.local/lib"},
            **{"GIT_CEILING_DIRECTORIES": str(self.folder.parent), "MUSTER_RANKS": "2", "MUSTER_STARTED_BY": "", "SHORT_RUNS": ""},
        }
        self.prefix = ["bash", "-ec", f". {program.SOURCE}/scripts/mpi-environment.sh; eval \"$1\"", "bash"]

    @staticmethod
    def make_program(path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def shell(self, block, text):
        """Runs commands as a reader types them."""
        folder = self.folder / block.comments.get("run in", ".").replace("~", str(self.home))
        short = "1" if "run shortened" in block.comments else ""
        environment = {**self.environment, "OMPI_MCA_rmaps_base_oversubscribe": "1", "SHORT_RUNS": short}
        start = time.monotonic()
        result = program.finish(program.start_command([*self.prefix, text], folder, environment), LIMIT)
        print(f"{block.place}: {time.monotonic() - start:.1f} s", flush=True)
        return result

    def run_commands(self, block):
        result = self.shell(block, block.text)
        self.assertEqual(result.code, 0, f"{block.place}: {result}")

    def compare_sample(self, block):
        """Checks that the command prints the lines of a sample, in their order."""
        command, _, sample = block.text[2:].partition("\n")
        result = self.shell(block, command)
        self.assertEqual(result.code, 0, f"{block.place}: {result}")
        output = result.out.replace(program.PROGRAM, "build/muster")
        printed = iter([mask(line) for line in output.splitlines()])
        for line in filter(None, map(mask, sample.splitlines())):
            self.assertIn(line, printed, f"{block.place}: {result}")

    def take_config(self, block):
        path = self.folder / "config-of-a-document.yaml"
        path.write_text(block.text, encoding="utf-8")
        result = self.shell(block, f"build/muster train {path.name} --dry-run")
        if "refused" in block.comments:
            self.assertEqual(result.code, 2, f"{block.place}: {result}")
            self.assertIn(block.comments["refused"], result.err, block.place)
        else:
            self.assertEqual(result.code, 0, f"{block.place}: {result}")

    def read(self, document):
        """Does what a document says; returns how many blocks were done, and for the others the reasons why not."""
        done, reasons = 0, []
        kinds = {RUN: self.run_commands, CONFIGS: self.take_config, PYTHON: self.run_python}
        for block in blocks(document, (program.SOURCE / document).read_text(encoding="utf-8")):
            judge = self.compare_sample if block.is_sample() else kinds.get(block.language)
            if "not run" in block.comments:
                reasons.append(block.comments["not run"])
            elif "saved as" in block.comments:
                (self.folder / block.comments["saved as"]).write_text(block.text + "\n", encoding="utf-8")
            elif judge is not None:
                with self.subTest(block=block.place):
                    judge(block)
                    done += 1
        return done, reasons

    def run_python(self, block):
        """Runs a block of Python if the packages that it imports are installed."""
        names = set(re.findall(r"^import (\w+)", block.text, re.M)) - set(sys.builtin_module_names)
        if self.find_python(names) is not None:
            path = self.folder / "program-of-a-document.py"
            path.write_text(block.text, encoding="utf-8")
            self.run_commands(Block(block.place, 0, RUN, [f"python {path.name}"], []))

    def find_python(self, names):
        """Makes `python` an interpreter that has these packages; returns None if there is none."""
        for python in [sys.executable, "/usr/bin/python3"]:
            script = "import " + ", ".join(sorted(names))
            if subprocess.run([python, "-c", script], capture_output=True, check=False).returncode == 0:
                self.make_program(self.tools / "python", f'#!/bin/sh\nexec {python} "$@"\n')
                return python
        return None

    def test_documents(self):
        """All documents, in the order in which a newcomer reads them: later ones use runs that the first one leaves
        behind."""
        build = pathlib.Path(program.PROGRAM).parent
        subprocess.run(
            [self.environment["REAL_CMAKE"], "--install", build, "--prefix", self.home / ".local"],
            check=True,
            capture_output=True,
        )
        self.find_python({"h5py", "numpy"})
        more = sorted(path.relative_to(program.SOURCE) for path in (program.SOURCE / "docs").rglob("*.md"))
        more = [path for path in more if path.parent.name != "adding"]  # cli/adding tests these in a tree of its own
        total = 0
        for document in DOCUMENTS + [str(path) for path in more]:
            done, reasons = self.read(document)
            total += done
            for reason in reasons:
                print(f"{document}: a block is not run: {reason}")
        self.assertGreater(total, 20)


class Reading(unittest.TestCase):
    """Tests the functions above that read documents, so that they cannot pass by finding nothing."""

    TEXT = """Text
<!-- not run: needs a cluster -->
```sh
sbatch
```

- a list

  <!-- run with: NAME -> a b; X -> y -->
  ```sh
  echo NAME
    X
  ```

```
$ echo 1
1
```
"""

    def test_blocks(self):
        found = blocks("d.md", self.TEXT)
        self.assertEqual([block.place for block in found], ["d.md:3", "d.md:10", "d.md:15"])
        self.assertEqual(found[0].comments, {"not run": "needs a cluster"})
        self.assertEqual(found[1].text, "echo a b\n  y")
        self.assertEqual([block.paragraph for block in found], ["Text", "- a list", ""])
        self.assertEqual([block.is_sample() for block in found], [False, False, True])
        for comment in ["not run:", "runs with: a -> b", "run with: NONE -> b"]:
            with self.assertRaises(AssertionError):
                blocks("d.md", f"<!-- {comment} -->\n```sh\necho\n```\n")

    def test_mask(self):
        line = "iteration 49 | 100k steps (100 %) | 254k steps/s | return 500.0 | kl 0.0000 | 0s left"
        self.assertEqual(mask(line), mask(line.replace("254k", "1.2k").replace("0s left", "3s left")))
        self.assertNotEqual(mask(line), mask(line.replace("iteration 49", "iteration 50")))
        self.assertNotEqual(mask("CartPole-v1, 100096 steps"), mask("CartPole-v1, 100352 steps"))


if __name__ == "__main__":
    program.main()
