"""No file calls another that calls it back, directly or through other files, and no header includes itself in such a
way. So what is below can be read, tested and changed without what is above."""

import pathlib
import re
import subprocess

import program


def circles(graph):
    """The sets of nodes of a graph {node: {node, ...}} that can reach each other (Kosaraju 1978), and nodes with an
    edge to themselves."""
    nodes = set(graph).union(*graph.values())
    order, seen = [], set()
    for start in sorted(nodes):
        stack = [(start, iter(sorted(graph.get(start, ()))))] if start not in seen else []
        seen.add(start)
        while stack:
            node, rest = stack[-1]
            following = next((other for other in rest if other not in seen), None)
            if following is None:
                order.append(stack.pop()[0])
            else:
                seen.add(following)
                stack.append((following, iter(sorted(graph.get(following, ())))))
    backwards = {node: {other for other in nodes if node in graph.get(other, ())} for node in nodes}
    found, seen = [], set()
    for start in reversed(order):
        group, stack = [], [start]
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                group.append(node)
                stack.extend(backwards[node])
        if len(group) > 1 or any(node in graph.get(node, ()) for node in group):
            found.append(sorted(group))
    return found


def calls():
    """For each source in src/, the other sources whose symbols it needs, by the symbol tables of the compiled files."""
    objects = [str(path) for path in (pathlib.Path(program.PROGRAM).parent / "src").rglob("*.c.o")]
    owners, needs = {}, {}
    for line in subprocess.run(["nm", "-A", *objects], check=True, capture_output=True, text=True).stdout.splitlines():
        source = re.search(r"\.dir/(.*?)\.o:", line).group(1)
        kind, symbol = line.split()[-2:]
        if not (program.SOURCE / "src" / source).exists():
            continue  # from a file that is generated, or that no longer exists
        if symbol.startswith("_"):
            continue  # of the compiler or the C library, such as _exit(), which cli/exit.c replaces
        if kind == "U":
            needs.setdefault(source, set()).add(symbol)
        elif kind.isupper():
            owners[symbol] = source
    return {source: {owners[symbol] for symbol in symbols if symbol in owners} - {source} for source, symbols in needs.items()}


def includes():
    """Which header of src/ includes which."""
    found = {}
    for path in (program.SOURCE / "src").rglob("*.h"):
        names = re.findall(r'(?m)^[ \t]*#[ \t]*include[ \t]*"([^"]*)"', path.read_text(encoding="utf-8"))
        here = path.relative_to(program.SOURCE / "src")
        found[str(here)] = {name if "/" in name else str(here.parent / name) for name in names}
    return found


class Circles(program.Case):
    def test_calls(self):
        graph = calls()
        self.assertIn("cli/train.c", graph["cli/main.c"])
        self.assertEqual(circles(graph), [])

    def test_includes(self):
        graph = includes()
        self.assertIn("runs/info.h", graph["runs/groups.h"])
        self.assertEqual(circles(graph), [])

    def test_circles_are_found(self):
        self.assertEqual(circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}), [])
        self.assertEqual(circles({"a": {"b"}, "b": {"c"}, "c": {"d", "b"}, "e": {"e"}}), [["e"], ["b", "c"]])


if __name__ == "__main__":
    program.main()
