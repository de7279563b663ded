"""muster bench: every part runs and writes what it promises. The figures themselves are not tested."""

import json
import math
import subprocess
import sys

import program

KEYS = ["name", "value", "unit", "min", "max", "limit", "ratio"]
ALONE = ["math", "env", "rollout", "update", "off-policy", "checkpoint", "variance"]


class Bench(program.Case):
    def figures(self, *arguments, ranks=None):
        result = self.run_muster("bench", "--quick", "--json", *arguments, ranks=ranks)
        self.assertEqual(result.code, 0, result)
        rows = json.loads(result.out)
        for row in rows:
            self.assertEqual(list(row), KEYS)
            self.assertTrue(row["unit"], row)
            for key in ["value", "min", "max", "limit", "ratio"]:
                self.assertTrue(math.isfinite(row[key]) and row[key] > 0, row)
            self.assertLessEqual(row["min"], row["value"], row)
            self.assertLessEqual(row["value"], row["max"], row)
        names = [row["name"] for row in rows]
        self.assertEqual(len(names), len(set(names)), names)
        return {row["name"]: row for row in rows}, result

    def assert_part(self, part, *names, ranks=None):
        """Every figure belongs to that part, and the named ones are among them."""
        rows, result = self.figures(part, ranks=ranks)
        self.assertTrue(all(name.startswith(part + "/") for name in rows), list(rows))
        for name in names:
            self.assertIn(name, rows)
        self.assertEqual(list(self.folder.iterdir()), [], "something was left in the current folder")
        return rows, result

    def test_math(self):
        self.assert_part("math", "math/sgemm_peak", "math/fma_peak", "math/linear_peak", "math/tanh", "math/exp",
                         "math/log", "math/memory_copy")

    def test_env(self):
        rows, _ = self.assert_part("env", "env/CartPole-v1/1", "env/CartPole-v1/64", "env/CartPole-v1/1024",
                                   "env/CartPole-v1/1024/block")
        listed = [line.split()[0] for line in self.run_muster("envs").out.splitlines()[1:]]
        self.assertEqual({name.split("/")[1] for name in rows}, set(listed))

    def test_rollout(self):
        self.assert_part("rollout", "rollout/CartPole-v1/8", "rollout/CartPole-v1/512")

    def test_update(self):
        rows, _ = self.assert_part("update", "update/64x64/obs4/mb64", "update/256x256/obs64/mb256")

        # both rows of a case come from the same measurement: here a sample takes 52,352 useful operations
        time = rows["update/64x64/obs4/mb256"]["value"]
        rate = rows["update/64x64/obs4/mb256/flops"]["value"]
        self.assertAlmostEqual(time * rate / (2 * (2 * (2 * 4 * 64 + 3 * 64 * 64) + 3 * 3 * 64) / 1000), 1.0, 6)

    def test_off_policy(self):
        rows, _ = self.assert_part("off-policy", "off-policy/uniform/mb256/10000", "off-policy/prioritized/mb256/10000")

        # both rows of a case come from the same measurement: so many million useful operations in an update
        for case, operations in [("dqn/256x256/mb64", 34.2), ("td3/64x64/mb100", 10.0),
                                 ("td3/400x300/mb256", 715), ("sac/64x64/mb100", 13.9),
                                 ("sac/256x256/mb256", 545)]:
            rate, flops = rows[f"off-policy/{case}"]["value"], rows[f"off-policy/{case}/flops"]["value"]
            self.assertAlmostEqual(1000 * flops / rate / operations, 1, 2)

    def test_checkpoint(self):
        self.assert_part("checkpoint", "checkpoint/CartPole-v1/512/64x64", "checkpoint/replay/1000000/new65536")

    def test_variance(self):
        rows, _ = self.assert_part("variance", "variance/no_baseline", "variance/gae_0.95")
        self.assertEqual(rows["variance/no_baseline"]["ratio"], 1)

    def test_exchange(self):
        for ranks in [2, 3]:
            rows, _ = self.assert_part("exchange", "exchange/gather/512x64", "exchange/order/64x64", ranks=ranks)
            self.assertTrue(all(row["unit"] in ["us", "GB/s"] for row in rows.values()))

    def test_exchange_alone(self):
        result = self.run_muster("bench", "--quick", "exchange")
        self.assert_refused(result, 2, "at least 2 ranks", f"mpirun -n 2 {program.PROGRAM} bench exchange")

    def test_all(self):
        rows, result = self.figures("all")
        self.assertEqual(list(dict.fromkeys(name.split("/")[0] for name in rows)), ALONE)
        self.assertIn("left out: exchange", result.err)
        rows, result = self.figures("all", ranks=2)
        self.assertEqual({name.split("/")[0] for name in rows}, {*ALONE, "exchange"})
        self.assertNotIn("left out: exchange", result.err)

    def test_table(self):
        result = self.run_muster("bench", "--quick", "math", "checkpoint")
        self.assertEqual(result.code, 0, result)
        lines = result.out.splitlines()
        self.assertEqual(lines[0].split(), ["median", "unit", "min", "max", "limit", "ratio"])
        self.assertTrue(all(len(line.split()) == 7 and line.endswith("%") for line in lines[1:]), result)

    def test_report(self):
        """bench/report.py puts the figures between its two marks and leaves the rest alone."""
        result = self.run_muster("bench", "--quick", "--json", "math", "checkpoint")
        self.write("figures.json", result.out)
        self.write("log", result.err)
        marks = ["<!-- begin: written by bench/report.py -->", "<!-- end -->"]
        document = self.write("page.md", f"before\n{marks[0]}\nold\n{marks[1]}\nafter\n")
        report = [sys.executable, program.SOURCE / "bench" / "report.py"]
        command = [*report, "figures.json", "--log", "log", "--into", document]
        for _ in range(2):
            subprocess.run(command, cwd=self.folder, check=True)
            text = document.read_text(encoding="utf-8")
            self.assertTrue(text.startswith(f"before\n{marks[0]}\n") and text.endswith(f"{marks[1]}\nafter\n"), text)
            self.assertNotIn("old", text)
            self.assertEqual(text.count("\n### "), 2, text)
            rows = [line for line in text.splitlines() if line.startswith("| `")]
            self.assertEqual(len(rows), len(json.loads(result.out)))
            self.assertIn("kernels; ", text)
        self.write("page.md", "no marks\n")
        refused = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("does not have the lines", refused.stderr)

    def test_wrong_use(self):
        self.assert_refused(self.run_muster("bench"), 2, "expects what to measure")
        self.assert_refused(self.run_muster("bench", "updat"), 2, "updat", "the nearest one is 'update'")
        self.assert_refused(self.run_muster("bench", "updat", ranks=2), 2, "updat")

    def test_checkpoint_needs_a_folder(self):
        """If the current folder was removed, a message says so."""
        gone = self.folder / "gone"
        script = f'mkdir "{gone}" && cd "{gone}" && rmdir "{gone}" && exec "$@"'
        result = self.run_muster("bench", "--quick", "checkpoint", prefix=["sh", "-c", script, "sh"])
        self.assertEqual(result.code, 1, result)
        self.assertIn("cannot make a folder in the current one", result.messages[-1])


if __name__ == "__main__":
    program.main()
