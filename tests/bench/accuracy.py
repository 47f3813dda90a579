#!/usr/bin/env python3
"""Forecast against measurement on networks that no calibration trains.

    accuracy.py --joulecast PROGRAM [--work FOLDER] [--calibrations N] [--threads 1,2]
    accuracy.py --joulecast PROGRAM --measure-only [--work FOLDER]     measured rows alone
    accuracy.py --joulecast PROGRAM --work FOLDER --predict PROFILE... forecasts for them
    accuracy.py --report FILE...                                       the report once more

For every number of threads: calibrates N times, each with another seed; measures both lists twice,
once after the first and once after the last calibration; forecasts every configuration by every
method with every profile. Raw rows go to FOLDER/results.jsonl, a line each, from which the report
is made. Run nothing else meanwhile.

Truth of a configuration is the median step of each round's window (of those in which no other
process ran, if there are any), brought to the speed of the machine of which the profile speaks: divided
by the slowdown that the probe between the steps showed, with the slopes that the calibration found on
its own sample networks (calibrate/drift.h), and averaged over the rounds as a geometric mean; the
joules of a step likewise. The report says beside it what the errors are against the steps as they
were. Errors are forecast/measured - 1. Python's standard library is all it wants; PyTorch is measured
beside it where /usr/bin/python3 has it.
"""
import argparse
import datetime
import json
import math
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LISTS = ("development", "blind")
LEVELS = ("50", "80", "90")
ROUNDS = 2  # at least
WORST = 10


# ---- statistics --------------------------------------------------------------------------------


def percentile(values, share):
    """The smallest value that at least SHARE of all do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def r_squared(measured, predicted):
    """1 - residual over total sum of squares; None where the total is 0."""
    mean = statistics.fmean(measured)
    total = sum((m - mean) ** 2 for m in measured)
    residual = sum((p - m) ** 2 for m, p in zip(measured, predicted))
    return 1 - residual / total if total > 0 else None


def half_width(low, high):
    """Of an interval that is symmetric in log space: 0.1 stands for about +-10 %."""
    return math.sqrt(high / low) - 1


def summarize(points):
    """POINTS: dictionaries with measured, predicted, low and high (lists by level, None: no
    interval), configuration. Returns the figures of one row of the report; None for none."""
    if not points:
        return None
    errors = [p["predicted"] / p["measured"] - 1 for p in points]
    sizes = [abs(e) for e in errors]
    worst = max(range(len(points)), key=lambda i: sizes[i])
    measured = [p["measured"] for p in points]
    predicted = [p["predicted"] for p in points]
    coverage, widths = [], []
    for level in range(len(LEVELS)):
        banded = [p for p in points if p["low"][level] is not None]
        inside = [p["low"][level] <= p["measured"] <= p["high"][level] for p in banded]
        coverage.append(sum(inside) / len(inside) if inside else None)
        widths.append(statistics.median(half_width(p["low"][level], p["high"][level])
                                        for p in banded) if banded else None)
    return {
        "n": len(points),
        "mape": statistics.fmean(sizes),
        "median": statistics.median(sizes),
        "p90": percentile(sizes, 0.9),
        "worst": sizes[worst],
        "worst_configuration": points[worst]["configuration"],
        "bias": statistics.fmean(errors),
        "r2": r_squared(measured, predicted),
        "r2_log": r_squared([math.log(m) for m in measured], [math.log(p) for p in predicted]),
        "coverage": coverage,
        "half_width": widths,
    }


def slowdown(speed, row):
    """How much longer a step takes at the speed beside ROW than at SPEED, a profile's (or None)."""
    if not speed or not row.get("speed_memory_s"):
        return 1.0
    return ((row["speed_compute_s"] / speed["compute_s"]) ** speed["compute_slope"] *
            (row["speed_memory_s"] / speed["memory_s"]) ** speed["memory_slope"])


def rounds_of(measured_rows):
    """Rows by (threads, configuration), round by round; only undisturbed ones where there are some."""
    rounds = {}
    for row in sorted(measured_rows, key=lambda r: r["round"]):
        rounds.setdefault((row["threads"], row["configuration"]), []).append(row)
    return {key: [r for r in rows if r["quiet"]] or rows for key, rows in rounds.items()}


def noise_floor(measured_rows, speed=None):
    """Mean of |first/second - 1| of the median step over configurations measured twice, each at
    SPEED; how many those are; the largest, and whose."""
    differences = []
    for (_, configuration), rows in sorted(rounds_of(measured_rows).items()):
        if len(rows) >= 2:
            first, second = (r["step_median_s"] / slowdown(speed, r) for r in rows[:2])
            differences.append((abs(first / second - 1), configuration))
    if not differences:
        return None
    return {"mean": statistics.fmean(d for d, _ in differences), "n": len(differences),
            "worst": max(differences)[0], "worst_configuration": max(differences)[1]}


def truths(measured_rows, speed=None):
    """What a step of each configuration took at SPEED, by (threads, configuration)."""
    result = {}
    for key, rows in rounds_of(measured_rows).items():
        result[key] = {
            quantity: math.exp(statistics.fmean(math.log(r[field] / slowdown(speed, r))
                                                for r in rows if r[field]))
            for quantity, field in (("time", "step_median_s"), ("energy", "energy_per_step_j"))
            if any(r[field] for r in rows)}
    return result


class Truth:
    """Truths by calibration: each profile speaks of a speed of its own."""

    def __init__(self, measured_rows, speeds):
        self.measured = measured_rows
        self.speeds = speeds
        self.by_calibration = {}

    def of(self, row, quantity):
        calibration = row["calibration"]
        if calibration not in self.by_calibration:
            self.by_calibration[calibration] = truths(self.measured, self.speeds.get(calibration))
        key = (row["threads"], row["configuration"])
        return self.by_calibration[calibration].get(key, {}).get(quantity)


def points_of(predicted_rows, truth, quantity):
    """Pairs of QUANTITY ("time" or "energy") for summarize()."""
    unit = {"time": "s", "energy": "j"}[quantity]
    points = []
    for row in predicted_rows:
        measured = truth.of(row, quantity)
        if measured:
            points.append({"measured": measured,
                           "predicted": row[f"{quantity}_per_step_{unit}"],
                           "low": row[f"{quantity}_low_{unit}"],
                           "high": row[f"{quantity}_high_{unit}"],
                           "configuration": row["configuration"],
                           "family": row["family"],
                           "extrapolated": row["extrapolated"]})
    return points


# ---- report ------------------------------------------------------------------------------------


def percent(value):
    return "-" if value is None else f"{round(100 * value, 1) + 0.0:.1f}"  # no -0.0


def number(value):
    return "-" if value is None else f"{value:.3f}"


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def error_row(method, name, s):
    return [method, name, str(s["n"]), percent(s["mape"]), percent(s["median"]), percent(s["p90"]),
            f"{percent(s['worst'])} {s['worst_configuration']}", percent(s["bias"]),
            number(s["r2"]), number(s["r2_log"]), "/".join(percent(c) for c in s["coverage"]),
            "/".join(percent(w) for w in s["half_width"])]


def error_table(rows, methods, lists, truth, quantity):
    header = ["method", "list", "n", "MAPE %", "median %", "p90 %", "worst %", "bias %", "R2",
              "R2 log", "inside " + "/".join(LEVELS) + " %", "half-width %"]
    body = []
    for method in methods:
        of_method = [r for r in rows if r["method"] == method]
        for name in list(lists) + (["pooled"] if len(lists) > 1 else []):
            chosen = [r for r in of_method if name in ("pooled", r["list"])]
            summary = summarize(points_of(chosen, truth, quantity))
            if summary:
                body.append(error_row(method, name, summary))
    return table(header, body)


def family_table(rows, methods, truth):
    families = sorted({r["family"] for r in rows})
    body = []
    for family in families:
        of_family = [r for r in rows if r["family"] == family]
        cells, count = [], 0
        for method in methods:
            s = summarize(points_of([r for r in of_family if r["method"] == method], truth,
                                    "time"))
            cells.append(f"{percent(s['mape'])} (bias {percent(s['bias'])})" if s else "-")
            count = max(count, s["n"] if s else 0)
        body.append([family, str(count)] + cells)
    return table(["family", "n"] + [f"{m}, MAPE %" for m in methods], body)


def worst_table(rows, method, truth):
    points = points_of([r for r in rows if r["method"] == method], truth, "time")
    points.sort(key=lambda p: -abs(p["predicted"] / p["measured"] - 1))
    body = [[p["configuration"], p["family"], f"{1e3 * p['measured']:.4g}",
             f"{1e3 * p['predicted']:.4g}", percent(p["predicted"] / p["measured"] - 1),
             "extrapolated" if p["extrapolated"] else ""] for p in points[:WORST]]
    return table(["configuration", "family", "measured ms", "forecast ms", "error %", ""], body)


def torch_table(rows):
    body = [[r["configuration"], str(r["threads"]), f"{1e3 * r['torch_s']:.4g}",
             f"{1e3 * r['ours_s']:.4g}", f"{r['torch_s'] / r['ours_s']:.2f}"] for r in rows]
    return table(["configuration", "threads", f"PyTorch {rows[0]['version']} ms", "joulecast ms",
                  "PyTorch / joulecast"], body)


def report_threads(threads, results):
    """The part of the report for one number of threads."""
    measured = [r for r in results["measured"] if r["threads"] == threads]
    predicted = [r for r in results["predicted"] if r["threads"] == threads]
    methods = list(dict.fromkeys(r["method"] for r in predicted))
    lists = list(dict.fromkeys(r["list"] for r in measured))
    speeds = {p["calibration"]: p["speed"] for p in results["profile"] if p["threads"] == threads}
    truth, as_it_was = Truth(measured, speeds), Truth(measured, {})
    noise = noise_floor(measured, next(iter(speeds.values()), None))
    raw_noise = noise_floor(measured)
    disturbed = sum(not r["quiet"] for r in measured)
    configurations = {r["configuration"] for r in measured}
    calibrations = {r["calibration"] for r in predicted}
    sources = " and ".join(sorted({r["power_source"] for r in measured}))
    text = [f"## {threads} thread{'s' if threads > 1 else ''}\n",
            f"{len(configurations)} configurations of {len({r['model'] for r in measured})} "
            f"networks, {len(calibrations)} calibration{'s' if len(calibrations) != 1 else ''}, "
            f"{disturbed} of {len(measured)} windows disturbed"]
    if noise:
        text.append(f"noise floor, {noise['n']} measured twice: {percent(noise['mean'])} % of the "
                    f"median step at the machine's usual speed, worst {percent(noise['worst'])} % "
                    f"({noise['worst_configuration']}); {percent(raw_noise['mean'])} % as it was")
    if methods:
        first = [r for r in predicted if r["method"] == methods[0]]
        raw = summarize(points_of(first, as_it_was, "time"))
        text.append(f"against the steps as they were, {methods[0]} is {percent(raw['mape'])} % off "
                    f"in the mean, bias {percent(raw['bias'])} %")
        text += ["\n### Step time\n", error_table(predicted, methods, lists, truth, "time"),
                 f"### Energy of a step ({sources})\n",
                 error_table(predicted, methods, lists, truth, "energy"),
                 "### Step time by family\n", family_table(predicted, methods, truth),
                 f"### Worst step times of {methods[0]}\n",
                 worst_table(predicted, methods[0], truth)]
    return "\n".join(text)


def report(rows):
    results = {kind: [r for r in rows if r["kind"] == kind]
               for kind in ("run", "measured", "profile", "predicted", "torch", "note")}
    results["predicted"] = newest(results["predicted"])
    text = ["# Accuracy\n"]
    for run in results["run"]:
        machine = run["machine"]
        text.append(f"{run['date']}: {machine['cpu_model']}, {machine['cpus']} CPUs, "
                    f"{machine['isa']}, {run['runner']} {run['runner_version']}")
    for threads in sorted({r["threads"] for r in results["measured"]}):
        text.append("\n" + report_threads(threads, results))
    if results["torch"]:
        text += ["\n## Step of PyTorch on the CPU, beside ours\n", torch_table(results["torch"])]
    text += [f"note: {n['text']}" for n in results["note"]]
    return "\n".join(text)


def newest(predicted_rows):
    """A profile that was asked twice counts once, with its last answer."""
    return list({(r["calibration"], r["threads"], r["configuration"], r["method"]): r
                 for r in predicted_rows}.values())


def read_rows(paths):
    rows = []
    for path in paths:
        with open(path, encoding="utf-8") as lines:
            rows += [json.loads(line) for line in lines if line.strip()]
    return rows


# ---- driving the program -----------------------------------------------------------------------


def read_list(name):
    """[(configuration, family)] of tests/bench/NAME.txt, or of the file NAME."""
    path = name if name.endswith(".txt") else os.path.join(HERE, name + ".txt")
    entries = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            configuration, _, comment = line.partition("#")
            if configuration.strip():
                entries.append((configuration.strip(), comment.strip()))
    return path, entries


class Bench:
    def __init__(self, arguments):
        self.program = arguments.joulecast
        self.calibrate_options = arguments.calibrate_options.split()
        self.check_options = arguments.check_options.split()
        self.torch_steps = arguments.torch_steps
        self.work = arguments.work or os.path.join(
            "build-bench", datetime.datetime.now().strftime("accuracy-%Y%m%d-%H%M%S"))
        self.lists = [(os.path.splitext(os.path.basename(n))[0], *read_list(n))
                      for n in arguments.lists.split(",")]
        os.makedirs(self.work, exist_ok=True)
        self.results = os.path.join(self.work, "results.jsonl")

    def keep(self, row):
        with open(self.results, "a", encoding="utf-8") as out:
            out.write(json.dumps(row) + "\n")

    def call(self, *words, allowed=(0,)):
        began = time.monotonic()
        done = subprocess.run([self.program, *words], stdout=subprocess.PIPE, check=False,
                              text=True)
        if done.returncode not in allowed:
            sys.exit(f"accuracy.py: {' '.join(words)}: exit status {done.returncode}")
        print(f"  {time.monotonic() - began:6.0f} s  joulecast {' '.join(words)[:120]}",
              file=sys.stderr, flush=True)
        return done.stdout

    def check(self, threads, *words):
        """One call of `calibrate check` over all lists: yields (list, family, configuration)."""
        chosen = [word for _, path, _ in self.lists for word in ("-m", path)]
        text = self.call("calibrate", "check", "-q", "--format", "json", "-t", str(threads),
                         *chosen, *words)
        check = json.loads(text)
        entries = [(name, *entry) for name, _, entries in self.lists for entry in entries]
        assert [e[1] for e in entries] == [c["configuration"] for c in check["configurations"]]
        return check, [(name, family, c) for (name, _, family), c in
                       zip(entries, check["configurations"])]

    def describe(self, check):
        self.keep({"kind": "run", "date": datetime.date.today().isoformat(),
                   "machine": check["machine"], "runner": check["runner"],
                   "runner_version": check["runner_version"], "load": check["load"],
                   "meter": check["meter"], "threads": check["threads"]})

    def measure(self, threads, number_of_round):
        check, entries = self.check(threads, "--measure-only", *self.check_options)
        if number_of_round == 0:
            self.describe(check)
        for name, family, c in entries:
            self.keep({"kind": "measured", "threads": threads, "round": number_of_round,
                       "list": name, "family": family, "configuration": c["configuration"],
                       "model": c["model"], "batch_size": c["batch_size"], "input": c["input"],
                       **c["measured"][0]})

    def predict(self, threads, profile):
        with open(profile, encoding="utf-8") as text:
            speed = json.load(text)["layerwise"].get("speed")
        self.keep({"kind": "profile", "calibration": profile, "threads": threads, "speed": speed})
        _, entries = self.check(threads, "--predict-only", "-p", profile)
        for name, family, c in entries:
            for m in c["methods"]:
                forecast = {key: value for key, value in m.items() if key != "name"}
                self.keep({"kind": "predicted", "calibration": profile, "threads": threads,
                           "list": name, "family": family, "configuration": c["configuration"],
                           "method": m["name"], **forecast})

    def calibrate(self, threads, seed):
        stem = os.path.join(self.work, f"calibration-{seed}-t{threads}")
        self.call("calibrate", "--fresh", "-q", "-t", str(threads), "--seed", str(seed), "-o",
                  stem + ".json", "-s", stem + ".samples.jsonl", *self.calibrate_options)
        return stem + ".json"

    def compare_torch(self, threads):
        """Measures the networks of torch.txt by both."""
        path, entries = read_list("torch")
        python = "/usr/bin/python3"
        if subprocess.run([python, "-c", "import torch, torchvision"], check=False,
                          stderr=subprocess.DEVNULL).returncode != 0:
            self.keep({"kind": "note", "text": "PyTorch was not measured: " + python +
                       " has no torchvision (Debian: python3-torchvision)"})
            return
        ours = json.loads(self.call("calibrate", "check", "-q", "--format", "json", "-t",
                                    str(threads), "--measure-only", "-m", path,
                                    *self.check_options))
        for (configuration, _), c in zip(entries, ours["configurations"]):
            done = subprocess.run([python, os.path.join(HERE, "torch_step.py"), c["model"],
                                   str(c["batch_size"]), c["input"], str(threads),
                                   str(self.torch_steps)], check=True,
                                  stdout=subprocess.PIPE, text=True)
            torch = json.loads(done.stdout)
            self.keep({"kind": "torch", "threads": threads, "configuration": configuration,
                       "version": torch["version"], "torch_s": torch["step_median_s"],
                       "ours_s": c["measured"][0]["step_median_s"]})

    def run(self, threads, calibrations):
        profiles = []
        for seed in range(1, calibrations + 1):
            profiles.append(self.calibrate(threads, seed))
            if seed in (1, calibrations):
                self.measure(threads, 0 if seed == 1 else 1)
        for further in range(min(calibrations, ROUNDS), ROUNDS):
            self.measure(threads, further)
        for profile in profiles:
            self.predict(threads, profile)


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    cpus = len(os.sched_getaffinity(0))
    parser.add_argument("--joulecast", default="build/cli/joulecast")
    parser.add_argument("--work", help="folder of results (default: a new one in build-bench)")
    parser.add_argument("--calibrations", type=int, default=1)
    parser.add_argument("--threads", default="1" if cpus == 1 else f"1,{cpus}")
    parser.add_argument("--lists", default=",".join(LISTS), help="names or .txt files")
    parser.add_argument("--measure-only", action="store_true")
    parser.add_argument("--predict", nargs="+", metavar="PROFILE")
    parser.add_argument("--report", nargs="+", metavar="FILE")
    parser.add_argument("--no-torch", action="store_true")
    parser.add_argument("--torch-steps", type=int, default=20)
    parser.add_argument("--calibrate-options", default="", help="passed to `calibrate`")
    parser.add_argument("--check-options", default="", help="passed to `calibrate check` where it measures")
    return parser.parse_args()


def main():
    arguments = parse()
    if arguments.report:
        print(report(read_rows(arguments.report)))
        return
    bench = Bench(arguments)
    if arguments.predict:
        for profile in arguments.predict:
            with open(profile, encoding="utf-8") as text:
                threads = json.load(text)["threads"]
            bench.predict(threads, profile)
    else:
        for threads in [int(t) for t in arguments.threads.split(",")]:
            if arguments.measure_only:
                for number_of_round in range(ROUNDS):
                    bench.measure(threads, number_of_round)
            else:
                bench.run(threads, arguments.calibrations)
            if not arguments.no_torch:
                bench.compare_torch(threads)
    print(report(read_rows([bench.results])))
    print(f"accuracy.py: rows in {bench.results}", file=sys.stderr)


if __name__ == "__main__":
    main()
