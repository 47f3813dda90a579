#!/usr/bin/env python3
"""Statistics of projection.py against values worked out by hand, its readers, and its report.

    test_projection.py --projector bench_projection
"""
import contextlib
import io
import json
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True  # the source tree stays as it is
import projection  # noqa: E402

PROJECTOR = sys.argv[sys.argv.index("--projector") + 1] if "--projector" in sys.argv else None


def epochs(*joules, seconds=1.0):
    return [(value, seconds) for value in joules]


class Statistics(unittest.TestCase):
    def test_score_of_an_interval(self):
        # 90 %: a miss counts 20 times. All of the truth.
        self.assertAlmostEqual(projection.interval_score(90, 110, 100), 0.2)
        self.assertAlmostEqual(projection.interval_score(90, 110, 90), 20 / 90)
        self.assertAlmostEqual(projection.interval_score(104, 110, 100), 0.06 + 20 * 0.04)
        self.assertAlmostEqual(projection.interval_score(90, 99, 100), 0.09 + 20 * 0.01)

    def test_other_methods_before_the_window_is_whole(self):
        run = epochs(*[100] * 20)
        self.assertEqual(projection.others(run, 14),
                         {"step-power": None, "step-energy": None, "carbontracker": 2000})

    def test_other_methods(self):
        # Ten epochs of 100 J, five of 150 J, five of 200 J: 2750 J in 10 + 5 x 2 + 5 x 4 = 40 s.
        run = epochs(*[100] * 10) + epochs(*[150] * 5, seconds=2.0) + epochs(*[200] * 5, seconds=4.0)
        told = projection.others(run, 15)
        # 750 J in 10 s of the window are 75 W, over 40 s; 150 J an epoch; 1750 J of 15 epochs.
        self.assertAlmostEqual(told["step-power"], 3000)
        self.assertAlmostEqual(told["step-energy"], 3000)
        self.assertAlmostEqual(told["carbontracker"], 1750 / 15 * 20)

    def test_judged(self):
        # Truth 400 each. Told at the second epoch: 440 in 360..480, and 300 in 280..380.
        runs = [epochs(100, 100, 100, 100), epochs(40, 60, 100, 200)]
        nothing = [0, 0, 0]
        projected = [[nothing, [440, 360, 480], nothing, nothing],
                     [nothing, [300, 280, 380], nothing, nothing]]
        figures = projection.judge(runs, projected, lambda run: 2)
        self.assertIsNone(figures["step-power"])
        self.assertIsNone(figures["step-energy"])
        # 400 of 400, and 50 x 4 = 200 of 400.
        self.assertAlmostEqual(figures["carbontracker"], 0.25)
        # 10 % too high, 25 % too low.
        self.assertAlmostEqual(figures["ours"], 0.175)
        self.assertEqual(figures["covered"], 0.5)
        # 120 / 800 = 0.15 and 100 / 800 = 0.125.
        self.assertAlmostEqual(figures["half width"], 0.1375)
        # 0.3 and 0.25 + 20 x 20 / 400 = 1.25.
        self.assertAlmostEqual(figures["score"], 0.775)

    def test_the_ends_are_in_the_interval(self):
        runs = [epochs(100, 100), epochs(100, 100)]
        projected = [[[200, 200, 210]], [[200, 190, 200]]]
        self.assertEqual(projection.judge(runs, projected, lambda run: 1)["covered"], 1)


class Readers(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "file")

    def tearDown(self):
        self.folder.cleanup()

    def write(self, text):
        with open(self.path, "w", encoding="utf-8") as out:
            out.write(text)

    def test_means_as_published(self):
        # 20 epochs, 3.2 kJ: 150 J behind epoch 10 leave 1.7 kJ before it. 2 kJ were projected from
        # the window's mean over those ten epochs: 200 J an epoch, so that 500 J are left of five.
        head = "n_epochs,total_energy_kj,step_epoch_est_stable_kj,avg_stable_epoch_energy_kj\n"
        self.write(head + "20,3.2,2,0.15\n"
                   "20,3.2,,0.15\n"  # a figure is not known
                   "15,3.2,2,0.15\n"  # nothing behind the window
                   "20,1.4,2,0.15\n"  # less than nothing before epoch 10
                   "20,3.2,3.1,0.15\n")  # less than nothing behind the window
        run, = projection.delrey_runs(self.path)
        self.assertEqual(len(run), 20)
        for (joules, _), expected in zip(run, [170] * 10 + [200] * 5 + [100] * 5):
            self.assertAlmostEqual(joules, expected)

    def test_runs_of_a_file(self):
        rows = [{"kind": "paused", "network": "n", "seed": seed, "epochs": [[1, 2]]}
                for seed in (4, 5, 6, 7)]
        self.write("".join(json.dumps(row) + "\n" for row in rows))
        self.assertEqual([run["seed"] for run in projection.read_runs(self.path, range(5, 7))],
                         [5, 6])


@unittest.skipIf(PROJECTOR is None, "no --projector")
class Projector(unittest.TestCase):
    def test_equal_epochs_go_on(self):
        rows, = projection.project(PROJECTOR, [epochs(100, 100, 100, 100)])
        self.assertEqual([value for value, _, _ in rows], [400] * 4)
        self.assertEqual(rows[3], [400] * 3)
        for low, high in (row[1:] for row in rows[:3]):
            self.assertLess(low, 400)
            self.assertGreater(high, 400)

    def test_each_line_is_a_run(self):
        rows = projection.project(PROJECTOR, [epochs(100, 100), epochs(50, 50, 50)])
        self.assertEqual([[value for value, _, _ in row] for row in rows], [[200] * 2, [150] * 3])

    def test_report(self):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            projection.report("equal", [epochs(*[100] * 20)], PROJECTOR,
                              [("15", lambda run: 15), ("20", len)])
        lines = out.getvalue().splitlines()
        self.assertEqual(lines[1], "equal: 1 runs; mean absolute error of the whole run's joules, in %")
        self.assertEqual(lines[3].split()[:7], ["15", "0.00", "0.00", "0.00", "0.00", "100", "%"])
        self.assertEqual(lines[4].split(), ["20", "0.00", "0.00", "0.00", "0.00", "100", "%",
                                            "0.00", "%", "0.00"])


if __name__ == "__main__":
    if PROJECTOR is not None:
        at = sys.argv.index("--projector")
        del sys.argv[at:at + 2]
    unittest.main()
