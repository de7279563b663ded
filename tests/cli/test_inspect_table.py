"""What `muster inspect` shows of a policy that is a table: values, and the greedy policy as a map and as a list."""

import json
import re

import program

SHORT = ["--set", "total_steps=20000", "--set", "run.log_interval=1000"]


class Tables(program.Case):
    def inspect(self, config):
        text = (program.SOURCE / "configs" / f"{config}.yaml").read_text(encoding="utf-8")
        run = self.train(config.replace("/", "-"), *SHORT, config=text)
        found = json.loads(self.run_muster("inspect", run, "--json").out)["table"]
        text = self.run_muster("inspect", run)
        self.assertEqual((text.code, text.err), (0, ""), text)
        return found, text.out

    def check_list(self, found, text):
        """The list has every observation with a preference, with the greedy action and all values."""
        rows = re.search(r"(?ms)^values\n  observation.*?\n(.*?)\n\n", text).group(1).splitlines()
        listed = {int(row.split()[0]): row.split()[1:] for row in rows if "observations" not in row}
        for state, values in enumerate(found["values"]):
            if min(values) == max(values):
                self.assertEqual(found["greedy"][state], -1)
                continue
            greedy = values.index(max(values))
            self.assertEqual(found["greedy"][state], greedy)
            self.assertEqual(int(listed[state][0]), greedy)
            for shown, value in zip(listed[state][1:], values):
                self.assertAlmostEqual(float(shown), value, delta=1e-4 * abs(value))

    def test_map(self):
        found, text = self.inspect("CliffWalking-v0/q-learning")
        drawn = [line.split() for line in re.search(r"(?m)^greedy policy\n((  .*\n)+)", text).group(1).splitlines()]
        self.assertEqual([len(row) for row in drawn], [12] * 4)
        for state, greedy in enumerate(found["greedy"]):
            fixed = "C" if 36 < state < 47 else "T" if state == 47 else None
            self.assertEqual(drawn[state // 12][state % 12], fixed or ("^>v<"[greedy] if greedy >= 0 else "."))
        # along the edge of the cliff
        self.assertEqual(drawn[2], [">"] * 11 + ["v"])
        self.check_list(found, text)

    def test_list(self):
        """The taxi has too many observations for one map, and many of them never occur."""
        found, text = self.inspect("Taxi-v3/q-learning")
        self.assertEqual((len(found["values"]), len(found["values"][0])), (500, 6))
        self.assertIn("R to G", text)
        self.assertRegex(text, r"(?m)^  \d+ observations, all of whose actions have the same value, are left out$")
        self.check_list(found, text)

    def test_no_picture(self):
        """An environment that draws no policies: the list alone; with networks there is no table at all."""
        config = "total_steps: 2000\nenv: {name: Probe-v0, num_envs: 4, options: {observation: discrete}}\n"
        run = self.train("probe", config=config + "algorithm: {name: sarsa}\nevaluation: {episodes: 0}\n")
        text = self.run_muster("inspect", run).out
        self.assertIn("\nvalues\n", text)
        self.assertNotIn("greedy policy", text)
        run = self.train("ppo", config=program.SHORT)
        self.assertNotIn("\nvalues\n", self.run_muster("inspect", run).out)
        self.assertNotIn("table", json.loads(self.run_muster("inspect", run, "--json").out))


if __name__ == "__main__":
    program.main()
