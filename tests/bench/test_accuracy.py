#!/usr/bin/env python3
"""Statistics of accuracy.py against values worked out by hand, on canned rows; its report; and the
benchmark's lists, by the program.

    test_accuracy.py --joulecast PROGRAM
"""
import json
import math
import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is
import accuracy  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
CANNED = os.path.join(HERE, "canned_results.jsonl")
PROGRAM = sys.argv[sys.argv.index("--joulecast") + 1] if "--joulecast" in sys.argv else None


def joulecast(*words):
    return subprocess.run([PROGRAM, *words], check=True, stdout=subprocess.PIPE, text=True).stdout


def point(measured, predicted, band=None, configuration="c"):
    low, high = ([b] * 3 for b in band) if band else ([None] * 3, [None] * 3)
    return {"measured": measured, "predicted": predicted, "low": low, "high": high,
            "configuration": configuration}


class Statistics(unittest.TestCase):
    def test_percentile_is_the_nearest_rank(self):
        self.assertEqual(accuracy.percentile([3, 1, 2], 0.9), 3)
        self.assertEqual(accuracy.percentile(range(1, 11), 0.9), 9)
        self.assertEqual(accuracy.percentile([5], 0.9), 5)

    def test_r_squared(self):
        self.assertEqual(accuracy.r_squared([1, 2, 3], [1, 2, 3]), 1)
        self.assertEqual(accuracy.r_squared([1, 2, 3], [2, 2, 2]), 0)
        self.assertEqual(accuracy.r_squared([1, 2, 3], [3, 2, 1]), -3)
        self.assertIsNone(accuracy.r_squared([2, 2], [1, 3]))

    def test_half_width(self):
        self.assertAlmostEqual(accuracy.half_width(1 / 1.1, 1.1), 0.1)
        self.assertAlmostEqual(accuracy.half_width(8, 18), 0.5)

    def test_summary(self):
        # errors +10 %, -20 %, +30 %, 0 %
        s = accuracy.summarize([point(10, 11, (8, 12.5), "a"), point(10, 8, (7, 9), "b"),
                                point(10, 13, (9, 16), "c"), point(20, 20, (10, 40), "d")])
        self.assertEqual(s["n"], 4)
        self.assertAlmostEqual(s["mape"], 0.15)
        self.assertAlmostEqual(s["median"], 0.15)
        self.assertAlmostEqual(s["p90"], 0.3)
        self.assertAlmostEqual(s["worst"], 0.3)
        self.assertEqual(s["worst_configuration"], "c")
        self.assertAlmostEqual(s["bias"], 0.05)
        # mean 12.5: total 3 * 6.25 + 56.25 = 75; residual 1 + 4 + 9 = 14
        self.assertAlmostEqual(s["r2"], 1 - 14 / 75)
        # in logarithms: total = (3/4) * ln(2)^2
        residual = math.log(1.1) ** 2 + math.log(0.8) ** 2 + math.log(1.3) ** 2
        self.assertAlmostEqual(s["r2_log"], 1 - residual / (0.75 * math.log(2) ** 2))
        self.assertEqual(s["coverage"], [0.75] * 3)
        # sqrt(12.5/8) = 1.25, sqrt(9/7) = 1.1339, sqrt(16/9) = 1.3333, sqrt(4) = 2
        self.assertAlmostEqual(s["half_width"][2], (0.25 + 1 / 3) / 2)

    def test_summary_without_intervals_or_points(self):
        s = accuracy.summarize([point(1, 1)])
        self.assertEqual(s["coverage"], [None] * 3)
        self.assertEqual(s["half_width"], [None] * 3)
        self.assertIsNone(s["r2"])
        self.assertIsNone(accuracy.summarize([]))


class Canned(unittest.TestCase):
    """canned_results.jsonl: two configurations at one thread, both measured twice (b's second
    window disturbed), two profiles, one of which answered twice."""

    def setUp(self):
        self.rows = accuracy.read_rows([CANNED])
        self.measured = [r for r in self.rows if r["kind"] == "measured"]
        self.speed = next(r["speed"] for r in self.rows if r["kind"] == "profile")

    def test_noise_floor(self):
        # a: |0.010/0.0125 - 1| = 0.2; b has one window without another process
        noise = accuracy.noise_floor(self.measured)
        self.assertAlmostEqual(noise["mean"], 0.2)
        self.assertEqual(noise["n"], 1)
        self.assertEqual(noise["worst_configuration"], "a:4")
        self.assertAlmostEqual(noise["worst"], 0.2)
        # a's second window at the first one's speed: 0.0125 / 1.25 = 0.010
        self.assertAlmostEqual(accuracy.noise_floor(self.measured, self.speed)["mean"], 0)
        self.assertIsNone(accuracy.noise_floor(self.measured[:1]))

    def test_slowdown(self):
        # (2e-5/1e-5)^0.5 x (3e-3/1e-3)^2 = 12.73
        row = {"speed_compute_s": 2e-5, "speed_memory_s": 3e-3}
        speed = {"compute_s": 1e-5, "memory_s": 1e-3, "compute_slope": 0.5, "memory_slope": 2}
        self.assertAlmostEqual(accuracy.slowdown(speed, row), math.sqrt(2) * 9)
        self.assertEqual(accuracy.slowdown(None, row), 1)
        self.assertEqual(accuracy.slowdown(speed, {}), 1)

    def test_truth_is_a_mean_of_the_rounds(self):
        # b's second round is quicker, but another process ran beside it
        truth = accuracy.truths(self.measured)
        self.assertAlmostEqual(truth[(1, "a:4")]["time"], math.sqrt(0.010 * 0.0125))
        self.assertAlmostEqual(truth[(1, "a:4")]["energy"], math.sqrt(0.5 * 0.6))
        self.assertAlmostEqual(truth[(1, "b:8")]["time"], 0.030)
        self.assertAlmostEqual(truth[(1, "b:8")]["energy"], 1.5)

    def test_truth_is_of_the_profile_s_speed(self):
        # 0.010 at it, and 0.0125 where memory was 1.25 times slower
        truth = accuracy.truths(self.measured, self.speed)
        self.assertAlmostEqual(truth[(1, "a:4")]["time"], 0.010)
        self.assertAlmostEqual(truth[(1, "a:4")]["energy"], math.sqrt(0.5 * 0.6 / 1.25))

    def test_the_last_answer_of_a_profile_counts(self):
        predicted = [r for r in self.rows if r["kind"] == "predicted"]
        self.assertEqual(len(predicted), 6)
        last = accuracy.newest(predicted)
        self.assertEqual(len(last), 5)
        self.assertNotIn(9.0, [r["time_per_step_s"] for r in last])

    def test_report(self):
        with open(os.path.join(HERE, "canned_report.txt"), encoding="utf-8") as expected:
            self.assertEqual(accuracy.report(self.rows) + "\n", expected.read())


class ModelFiles(unittest.TestCase):
    """Of the folder models: each is on a list, and is checked against counts made elsewhere."""

    def test_each_is_on_a_list(self):
        listed = {entry.partition(":")[0] for name in (*accuracy.LISTS, "energy")
                  for entry, _ in accuracy.read_list(name)[1]}
        files = {"models/" + file for file in os.listdir(os.path.join(HERE, "models"))}
        self.assertEqual(files, {entry for entry in listed if entry.startswith("models/")})

    def test_each_says_what_it_must_count(self):
        folder = os.path.join(HERE, "models")
        for file in os.listdir(folder):
            with open(os.path.join(folder, file), encoding="utf-8") as text:
                model = json.load(text)
            self.assertEqual(set(model.get("expect", {})), {"params", "forward_macs"}, file)
            self.assertIn("source", model, file)


@unittest.skipUnless(PROGRAM, "wants --joulecast")
class Lists(unittest.TestCase):
    """Every listed model reads, has only kinds that can be trained, and can be forecast."""

    def check(self, name):
        path, entries = accuracy.read_list(name)
        check = json.loads(joulecast("calibrate", "check", "--predict-only", "--force", "--format",
                                     "json", "-p", os.path.join(SOURCE, "tests/cli/profile.json"),
                                     "-m", path))
        self.assertEqual([c["configuration"] for c in check["configurations"]],
                         [e[0] for e in entries])
        for c in check["configurations"]:
            self.assertIn("layerwise-linear", [m["name"] for m in c["methods"]],
                          c["configuration"])
        return entries, check["configurations"]

    def test_they_are_large_enough(self):
        entries, configurations = [], []
        for name in accuracy.LISTS:
            e, c = self.check(name)
            entries += e
            configurations += c
        self.assertEqual(len({e[0] for e in entries}), len(entries))
        self.assertGreaterEqual(len(entries), 40)
        self.assertGreaterEqual(len({c["model"] for c in configurations}), 20)
        self.assertTrue(all(family for _, family in entries))

    def test_the_blind_ones_are_neither_shipped_nor_on_the_other_list(self):
        _, blind = self.check("blind")
        _, development = self.check("development")
        shipped = {m[:-5] for m in os.listdir(os.path.join(SOURCE, "models"))
                   if m.endswith(".json")}
        names = {c["model"] for c in blind}
        self.assertGreaterEqual(len(names), 15)
        self.assertEqual(names & shipped, set())
        self.assertEqual(names & {c["model"] for c in development}, set())

    def test_no_calibration_trains_them(self):
        sampled = set()
        for seed in ("1", "2", "3"):
            plan = json.loads(joulecast("calibrate", "plan", "--seed", seed, "--format", "json"))
            sampled |= {(n["params"], n["layers"]) for n in plan["networks"]}
        self.assertGreater(len(sampled), 50)
        for name in accuracy.LISTS:
            path, _ = accuracy.read_list(name)
            for entry in {e.partition(":")[0] for e, _ in accuracy.read_list(name)[1]}:
                model = os.path.join(os.path.dirname(path), entry) if "/" in entry else entry
                facts = json.loads(joulecast("inspect", model, "--format", "json"))
                self.assertNotIn((facts["params"], len(facts["layers"])), sampled, entry)


@unittest.skipUnless(PROGRAM, "wants --joulecast")
class Reports(unittest.TestCase):
    def test_a_report_is_made_of_files(self):
        with tempfile.TemporaryDirectory() as folder:
            made = subprocess.run([sys.executable, os.path.join(HERE, "accuracy.py"), "--report",
                                   CANNED], check=True, stdout=subprocess.PIPE, text=True,
                                  cwd=folder)
        self.assertIn("noise floor, 1 measured twice: 0.0 %", made.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
