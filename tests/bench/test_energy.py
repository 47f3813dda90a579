#!/usr/bin/env python3
"""Arithmetic of energy.py on rows worked out by hand, and its report."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is
import energy  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))

CHECK = {"configurations": [
    {"configuration": "a:1",
     "measured": [{"steps": 10, "step_median_s": 0.1, "step_mean_s": 0.11, "cpu_share": 0.95,
                   "energy_per_step_j": 5.6, "quiet": True}],
     "methods": [
         {"name": "layerwise", "time_per_step_s": 0.105, "energy_per_step_j": 5.5},
         {"name": "mlco2", "time_per_step_s": None, "energy_per_step_j": None}]}]}

PROFILE = {"threads": 2, "idle_power_w": 30.1, "mean_excess": 0.05, "sample_networks": 60,
           "layerwise": {"power_w": {"products": 21.9, "others": 22, "update": 22.1},
                         "busy_excess": 0.01}}


class Arithmetic(unittest.TestCase):
    def test_known_joules_are_the_simulators(self):
        # Two packages of 12 W and their dram of 3 W; 9 W and 2 W for each busy core.
        self.assertAlmostEqual(energy.known_j(1, 1, 1), 30 + 11)
        self.assertAlmostEqual(energy.known_j(2, 0.5, 2), 2 * (30 + 11))

    def test_rows_of_a_check(self):
        row, = energy.network_rows(CHECK, 2, None)
        self.assertAlmostEqual(row["known_j"], 0.11 * (30 + 11 * 2 * 0.95))
        self.assertEqual((row["metered_j"], row["forecast_j"]), (5.6, 5.5))
        self.assertEqual((row["median_s"], row["forecast_s"]), (0.1, 0.105))

    def test_rows_are_of_the_profile_s_speed(self):
        check = json.loads(json.dumps(CHECK))
        check["configurations"][0]["measured"][0].update(speed_compute_s=1e-4, speed_memory_s=3e-3)
        speed = {"compute_s": 1e-4, "memory_s": 2e-3, "compute_slope": 0.5, "memory_slope": 1}
        row, = energy.network_rows(check, 2, speed)
        self.assertAlmostEqual(row["slowdown"], 1.5)
        self.assertAlmostEqual(row["known_j"], 0.11 * (30 + 11 * 2 * 0.95) / 1.5)
        self.assertAlmostEqual(row["metered_j"], 5.6 / 1.5)
        self.assertAlmostEqual(row["median_s"], 0.1 / 1.5)

    def test_errors_have_their_sign(self):
        pairs = [(1.1, 1), (0.8, 1)]
        self.assertAlmostEqual(energy.mape(pairs), 0.15)
        self.assertAlmostEqual(energy.bias(pairs), -0.05)


class Reports(unittest.TestCase):
    def test_a_report_is_made_of_files(self):
        rows = [energy.profile_row(PROFILE), *energy.network_rows(CHECK, 2, None)]
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "rows.jsonl")
            with open(path, "w", encoding="utf-8") as out:
                out.writelines(json.dumps(row) + "\n" for row in rows)
            made = subprocess.run([sys.executable, os.path.join(HERE, "energy.py"), "--report",
                                   path], check=True, stdout=subprocess.PIPE, text=True,
                                  cwd=folder)
        self.assertIn("products 21.90, others 22.00, update 22.10 (true 22.00 each)", made.stdout)
        self.assertIn("forecast s vs measured   MAPE  5.00 %, bias +5.0 %", made.stdout)
        self.assertTrue(all(len(line) <= 80 for line in made.stdout.splitlines()), made.stdout)


if __name__ == "__main__":
    unittest.main()
