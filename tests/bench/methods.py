#!/usr/bin/env python3
"""Methods on whole measured runs against what was published, and against honest splits.

    make bench-methods DATA=DIR
    tests/bench/methods.py --joulecast build/cli/joulecast --data DIR [--brief]

DIR holds the public tables that data/convert_*.py read; a table that is absent is skipped, and said.
Prints every claim beside what was found, then the whole tables (not with --brief). Exit status 1 if
a claim does not hold, 77 if no table is there.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# name: file, converter
TABLES = {
    "delrey": ("delrey2024_runs.csv", "convert_delrey.py"),
    "yarally": ("yarally2023_training_energy.csv", "convert_yarally.py"),
    "xu": ("xu2023_summary.csv", "convert_xu.py"),
    "zeus": ("zeus_traces.csv", "convert_zeus.py"),
    "dtjgp": ("dtjgp_phases.csv", "convert_dtjgp.py"),
}

FIVE_FOLDS = ("--fold-column", "fold", "--target", "epoch", "--fold-means", "--as-published")
TEST_ROWS = ("--holdout", "split=test", "--as-published")
STABLE = ("--fold-column", "fold", "--target", "stable")


def leave_out(group, *more):
    return ("--split", f"leave-one-out:{group}", *more)


# What the papers print, or what their tables give: table, split, method, figure, value, tolerance.
PUBLISHED = [
    ("delrey", FIVE_FOLDS, "pre-energy", "r2", 0.965, 0.0005),
    ("delrey", FIVE_FOLDS, "pre-energy", "mape", 0.0603, 0.00005),
    ("delrey", FIVE_FOLDS, "pre-energy", "rmse_j", 747, 0.5),
    ("delrey", TEST_ROWS, "pre-power", "rmse_j", 27.8e3, 0.02 * 27.8e3),
    ("delrey", TEST_ROWS, "pre-energy", "rmse_j", 50.1e3, 0.02 * 50.1e3),
    ("delrey", TEST_ROWS, "step-power", "rmse_j", 10.7e3, 0.02 * 10.7e3),
    ("delrey", TEST_ROWS, "mlco2", "rmse_j", 159.6e3, 0.02 * 159.6e3),
    ("delrey", TEST_ROWS, "green-algorithms", "rmse_j", 132.7e3, 0.02 * 132.7e3),
    ("delrey", STABLE, "step-energy", "rmse_j", 8.10e3, 0.02 * 8.10e3),
]

# Ours, where nothing of the part judged was seen: table, split, figure, at most or at least, value.
GOALS = [
    ("delrey", leave_out("configuration"), "mape", "<=", 0.10),
    ("delrey", leave_out("configuration", "--fold-means"), "mape", "<=", 0.10),
    ("delrey", leave_out("architecture", "--fold-means"), "mape", "<=", 0.30),
    ("delrey", leave_out("hardware"), "mape", "<=", 0.30),
    ("delrey", leave_out("hardware", "--fold-means"), "mape", "<=", 0.30),
    ("yarally", leave_out("dataset", "--fold-means"), "spearman", ">=", 0.95),
]

# Joules of one choice: data set, factor, mean change, in per cent as printed.
FACTORS = [
    ("FashionMNIST", "n_conv", 95), ("CIFAR10", "n_conv", 66),
    ("FashionMNIST", "n_linear", 5), ("CIFAR10", "n_linear", 7),
    ("FashionMNIST", "relu", 3), ("CIFAR10", "relu", 3),
]

# A network that costs more than another with more FLOPs, each row forecast from the others.
DEARER = [("xu", "resnet50", "vgg16", dataset) for dataset in ("CIFAR10", "MNIST")]

# Shown whole besides those above.
SHOWN = [
    ("delrey", FIVE_FOLDS), ("delrey", TEST_ROWS), ("delrey", STABLE),
    ("delrey", leave_out("configuration", "--fold-means")),
    ("delrey", leave_out("configuration", "--fold-means", "--as-published")),
    ("delrey", leave_out("architecture", "--fold-means")),
    ("delrey", leave_out("architecture", "--fold-means", "--as-published")),
    ("delrey", leave_out("hardware", "--fold-means")),
    ("delrey", leave_out("hardware", "--fold-means", "--as-published")),
    ("yarally", leave_out("dataset", "--fold-means")), ("yarally", leave_out("configuration")),
    ("xu", leave_out("configuration")), ("xu", leave_out("architecture")),
    ("zeus", leave_out("configuration")), ("zeus", leave_out("hardware")),
    ("dtjgp", leave_out("architecture", "--fold-means")),
    ("dtjgp", leave_out("hardware", "--fold-means")),
    ("yarally", ("--factors",)),
]


class Bench:
    def __init__(self, program, folder, work):
        self.program, self.folder, self.work = program, folder, work
        self.failed = 0
        self.runs = {}
        for name, (table, converter) in TABLES.items():
            path = os.path.join(folder, table)
            if not os.path.exists(path):
                print(f"skipped: {name}: no {table} in the folder")
                continue
            self.runs[name] = os.path.join(work, f"{name}.jsonl")
            with open(self.runs[name], "w", encoding="utf-8") as out:
                subprocess.run([sys.executable, os.path.join(ROOT, "data", converter), path],
                               stdout=out, check=True)

    def evaluate(self, name, options, *form):
        environment = {**os.environ, "JOULECAST_DATA": os.path.join(ROOT, "data"),
                       "JOULECAST_MODELS": os.path.join(ROOT, "models")}
        command = [self.program, "evaluate", os.path.basename(self.runs[name]), *options, *form]
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd=self.work,
                              env=environment).stdout

    def figure(self, name, options, method, key):
        report = json.loads(self.evaluate(name, options, "--format", "json"))
        return next(m[key] for m in report["methods"] if m["name"] == method)

    def say(self, holds, what, wanted, found):
        self.failed += not holds
        print(f"{'  ' if holds else '! '}{what:<66} {wanted:>12} {found:>10}")

    def claims(self):
        for name, options, method, key, value, tolerance in PUBLISHED:
            if name in self.runs:
                found = self.figure(name, options, method, key)
                self.say(abs(found - value) <= tolerance,
                         f"{name} {method} {key}, {words(options)}", f"{value:.5g}",
                         f"{found:.5g}")
        for name, options, key, relation, value in GOALS:
            if name in self.runs:
                found = self.figure(name, options, "run-physics", key)
                holds = found <= value if relation == "<=" else found >= value
                self.say(holds, f"{name} run-physics {key}, {words(options)}",
                         f"{relation} {value:.4g}", f"{found:.4g}")
        if "yarally" in self.runs:
            self.factors()
        for name, dear, cheap, dataset in DEARER:
            if name in self.runs:
                joules = self.forecasts(name, leave_out("configuration"), "run-physics", dataset)
                ratio = joules[dear] / joules[cheap]
                self.say(ratio > 1, f"{name} {dataset}: joules of {dear} over {cheap}", "> 1",
                         f"{ratio:.3g}")

    def forecasts(self, name, options, method, dataset):
        """Joules by architecture, one run each."""
        path = os.path.join(self.work, "forecasts.csv")
        self.evaluate(name, options, "--forecasts", path)
        with open(path, newline="", encoding="utf-8") as file:
            return {row["architecture"]: float(row["forecast_j"]) for row in csv.DictReader(file)
                    if row["method"] == method and row["dataset"] == dataset}

    def factors(self):
        report = json.loads(self.evaluate("yarally", ("--factors",), "--format", "json"))
        for dataset, factor, percent in FACTORS:
            found = next(100 * f["mean_change"] for f in report["factors"]
                         if f["dataset"] == dataset and f["factor"] == factor)
            self.say(abs(found - percent) <= 0.55, f"yarally {dataset}: {factor}, joules in %",
                     f"+{percent}", f"+{found:.1f}")


def words(options):
    text = " ".join(options).replace("--", "")
    for long, short in (("split leave-one-out:", "leave out "), ("fold-column fold", "5 folds"),
                        ("fold-means", "means"), ("target ", ""), ("holdout ", "")):
        text = text.replace(long, short)
    return text


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--joulecast", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--brief", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        bench = Bench(os.path.abspath(arguments.joulecast), arguments.data, work)
        if not bench.runs:
            return 77
        print(f"  {'claim':<66} {'wanted':>12} {'found':>10}")
        bench.claims()
        for name, options in [] if arguments.brief else SHOWN:
            if name in bench.runs:
                print("\n" + bench.evaluate(name, options), end="")
    print(f"\n{bench.failed} claims do not hold" if bench.failed else "\nall claims hold")
    return 1 if bench.failed else 0


if __name__ == "__main__":
    sys.exit(main())
