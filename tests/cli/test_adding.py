"""Follows the pages of docs/adding/ to the letter: writes their files into a copy of the source, adds their lines,
builds it once, and runs their commands there. So this test shows that what each page says can be done, and that what it
adds works at any number of ranks.

The files that a page adds are also kept in tests/adding/, in a folder with the page's name, where they are formatted
with all other code.
"""

import difflib
import os
import pathlib
import re
import shutil
import subprocess
import time

import program
from documents import blocks

PAGES = program.SOURCE / "docs" / "adding"
KEPT = program.SOURCE / "tests" / "adding"
COPIED = ["CMakeLists.txt", "cmake", "configs", "docs", "examples", "include", "plugins", "scripts", "src", "tests"]

# how the paragraphs before blocks begin or end, and how a page says which files it added and changed
WRITES = re.compile(r"Write `([^`]+)`:$")
ADDS = re.compile(r"Add to `(\w+)` in `([^`]+)`, below `([^`]+)`:$")
TAKES = re.compile(r"one new file and (\d+) changed files?: ((?:`[^`]+`(?:, | and )?)+)")

# stand-ins for the scripts that the pages call: no set-up, and cheap builds of nothing but what the pages test
STAND_INS = {
    "build": "#!/bin/sh\nexec cmake --build build --parallel --target {targets}\n",
    "test": '#!/bin/sh\nscripts/build && exec ctest --test-dir build --output-on-failure --no-tests=error "$@"\n',
}

# for each kind of table, one function that it must have
REQUIRED = ["backward", "gradient", "step", "update"]


class Page:
    """What a page tells its reader to do."""

    def __init__(self, path):
        self.name, self.text = path.stem, path.read_text(encoding="utf-8")
        self.files, self.lines, self.commands = {}, [], []
        for block in blocks(f"docs/adding/{path.name}", self.text):
            writes, adds = WRITES.search(block.paragraph), ADDS.search(block.paragraph)
            if writes:
                self.files[writes[1]] = block.text + "\n"
            elif adds:
                self.lines.append((*adds.groups(), block.text))
            elif block.language == "sh":
                self.commands.append(block.text)
        takes = TAKES.search(re.sub(r"\s+", " ", self.text))
        if not takes or len(self.files) != 1 or not self.lines or not self.commands:
            raise AssertionError(f"docs/adding/{path.name}: a file, a line, commands and what is changed are missing")
        self.count, self.changed = int(takes[1]), re.findall(r"`([^`]+)`", takes[2])

    def follow(self, tree):
        """Writes the new file and adds the lines."""
        for name, text in self.files.items():
            (tree / name).write_text(text, encoding="utf-8")
        for macro, name, anchor, line in self.lines:
            lines = (tree / name).read_text(encoding="utf-8").split("\n")
            start = next(number for number, text in enumerate(lines) if text.startswith(f"#define {macro}("))
            end = next(number for number in range(start, len(lines)) if not lines[number].endswith("\\"))
            (place,) = [number for number in range(start, end) if lines[number].rstrip("\\").strip() == anchor]
            lines.insert(place + 1, line)
            (tree / name).write_text("\n".join(lines), encoding="utf-8")


def snapshot(tree):
    """The texts of all files of the source."""
    paths = [path for folder in COPIED + ["README.md"] for path in [tree / folder, *(tree / folder).rglob("*")]]
    return {str(path.relative_to(tree)): path.read_bytes() for path in paths if path.is_file()}


def changes(before, after):
    """For each file that existed before and has changed: how many lines were added, and how many removed."""
    found = {}
    for name in sorted(before):
        if before[name] != after.get(name):
            old, new = (content.get(name, b"").decode().split("\n") for content in (before, after))
            lines = [line[0] for line in difflib.ndiff(old, new)]
            found[name] = (lines.count("+"), lines.count("-"))
    return found


class Adding(program.Case):
    def copy_source(self):
        self.tree = self.folder / "muster"
        self.tree.mkdir()
        for name in COPIED:
            copy = shutil.copytree if (program.SOURCE / name).is_dir() else shutil.copy
            options = {"ignore": shutil.ignore_patterns("golden")} if name == "tests" else {}
            copy(program.SOURCE / name, self.tree / name, **options)
        (self.tree / "tests" / "golden").symlink_to(program.SOURCE / "tests" / "golden")
        for path in program.SOURCE.glob("*.md"):
            shutil.copy(path, self.tree)
        shutil.copy(program.SOURCE / "LICENSE", self.tree)

    def shell(self, text):
        start = time.monotonic()
        process = program.start_command(["bash", "-ec", text], self.tree, {"OMPI_MCA_rmaps_base_oversubscribe": "1"})
        result = program.finish(process, 600)
        print(f"{time.monotonic() - start:5.1f} s  {text.splitlines()[-1]}", flush=True)
        return result

    def succeed(self, text):
        result = self.shell(text)
        self.assertEqual(result.code, 0, result)
        return result.out + result.err

    def configure(self, pages):
        """Builds the copy with the same compiler as the program that is tested, but without what costs time."""
        cache = (pathlib.Path(program.PROGRAM).parent / "CMakeCache.txt").read_text(encoding="utf-8")
        taken = {key: re.search(rf"(?m)^{key}:\w+=(.*)$", cache) for key in ["CMAKE_GENERATOR", "CMAKE_C_COMPILER"]}
        tests = {name for page in pages for text in page.commands for name in re.findall(r"unit/\(?([\w|]+)", text)}
        targets = ["muster", *sorted({f"test_{name}" for names in tests for name in names.split("|")})]
        for name, text in STAND_INS.items():
            (self.tree / "scripts" / name).write_text(text.format(targets=" ".join(targets)), encoding="utf-8")
        self.succeed(
            f"cmake -S . -B build -G '{taken['CMAKE_GENERATOR'][1]}' -DCMAKE_C_COMPILER={taken['CMAKE_C_COMPILER'][1]} "
            "-DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS=-O1 -DMUSTER_VIEWS=OFF"
        )

    def break_table(self, page):
        """An entry that lacks one of its functions is refused when it is to be listed; one message names both."""
        ((name, text),) = page.files.items()
        member = next(member for member in REQUIRED if f"    .{member} = " in text)
        entry = re.search(r'(?m)^    \.name = "([^"]+)"', text)[1]
        (self.tree / name).write_text(re.sub(rf"(?m)^    \.{member} = \w+,", f"    .{member} = NULL,", text), encoding="utf-8")
        self.succeed("cmake --build build --parallel --target muster")
        command = re.search(r"build/muster (envs|parts|algos)\b", "\n".join(page.commands))[0]
        result = self.shell(command)
        self.assertEqual(result.code, 1, result)
        (message,) = result.err.splitlines()
        self.assertIn(entry, message)
        self.assertIn(f"lacks {member}", message)
        (self.tree / name).write_text(text, encoding="utf-8")

    def test_same_answer(self):
        """The command with which the pages compare numbers finds a difference if there is one."""
        program.copy_scripts(self.folder)
        config = self.write("impala.yaml", "algorithm: {name: impala}\nenv: {num_envs: 4}\nevaluation: {episodes: 0}\n")
        for arguments, code, text in [("--set total_steps=4000", 1, "DIFFERENT"), ("--set total_steps=1", 2, "a single iteration")]:
            process = program.start_command(["scripts/same-answer", str(config), *arguments.split()], self.folder)
            result = program.finish(process)
            self.assertEqual(result.code, code, result)
            self.assertIn(text, result.out + result.err)
            self.assertRegex(result.out, r"(?m)^alone +[0-9a-f]{32}\n")

    def test_pages(self):
        pages = [Page(path) for path in sorted(PAGES.glob("*.md"))]
        self.assertEqual([page.name for page in pages], sorted(path.name for path in KEPT.iterdir()))
        self.assertEqual(len(pages), 6)
        overview = (program.SOURCE / "docs" / "adding.md").read_text(encoding="utf-8")
        self.copy_source()
        before, changed = snapshot(self.tree), {}
        for page in pages:
            ((name, text),) = page.files.items()
            self.assertIn(f"(adding/{page.name}.md)", overview)
            self.assertEqual([path.name for path in (KEPT / page.name).iterdir()], [os.path.basename(name)])
            self.assertEqual(text, (KEPT / page.name / os.path.basename(name)).read_text(encoding="utf-8"), page.name)
            self.assertNotIn(name, before)
            page.follow(self.tree)
            after = snapshot(self.tree)
            self.assertEqual(set(after) - set(before), {name})
            changed[page.name], before = changes(before, after), after

        self.configure(pages)
        self.assertNotRegex(self.succeed("scripts/build"), "warning:")
        before = snapshot(self.tree)
        for page in pages:
            for text in page.commands:
                self.succeed(text)
            found = changes(before, snapshot(self.tree))
            changed[page.name].update(found)
            for name in found:  # the next page starts from the same source as this one
                (self.tree / name).write_bytes(before[name])
        for page in pages:
            for name, (added, removed) in changed[page.name].items():
                print(f"{page.name}: besides the new file {name} is changed, +{added} -{removed} lines")
            self.assertEqual(sorted(changed[page.name]), sorted(page.changed), page.name)
            self.assertEqual(len(changed[page.name]), page.count, page.name)

        self.succeed("scripts/check-modules")
        for page in pages:
            self.break_table(page)


if __name__ == "__main__":
    program.main()
