#!/usr/bin/env python3
"""Forecast joules against known ones, on a machine whose counters are simulated.

    energy.py --joulecast PROGRAM --simulator PROGRAM [--work FOLDER] [--threads 1,2] [--full]
    energy.py --report FILE...                                     the report once more

For every number of threads: `joulecast calibrate` and then `joulecast calibrate check` on the list
energy.txt (--list), each under a tests/simulate_powercap of its own, whose counters advance with the
CPU time of the process that it runs: two packages and their dram, a third package that cannot be
read, counters that wrap after 50 J (every one or two seconds). Its power is known, so that the
joules of a step are known without any meter:

    known J = idle W x mean step + W of a busy core x CPU seconds of the step

where both seconds come from the check: its clock, and the CPU time of its process. Beside them stand
the joules that its meter showed, those that the profile forecasts, and the error of the forecast
seconds (of median steps). Errors are forecast/known - 1. Watts found by the calibration stand beside
the true ones: a busy core's times the threads. Seconds and joules of a step are brought to the speed of
the machine of which the profile speaks (accuracy.py, slowdown()). Raw rows go to FOLDER/results.jsonl. Run nothing else
meanwhile. Python's standard library is all it wants.
"""
import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import time

from accuracy import read_rows, slowdown

HERE = os.path.dirname(os.path.abspath(__file__))
METHODS = ("layerwise", "layerwise-linear")

# The simulator's power: its defaults, two packages and their dram.
PACKAGES = 2
SIMULATOR_OPTIONS = ["--packages", str(PACKAGES), "--dram", "--unreadable", "--range-uj", "50000000"]
IDLE_W = PACKAGES * (12 + 3)
CORE_W = 9 + 2


def known_j(step_mean_s, cpu_share, threads):
    """Of a step: CPU_SHARE is CPU seconds over threads x wall seconds of its window."""
    return (IDLE_W + CORE_W * threads * cpu_share) * step_mean_s


# ---- the report --------------------------------------------------------------------------------


def percent(value):
    return f"{100 * value:+.1f} %"


def mape(pairs):
    return statistics.fmean(abs(a / b - 1) for a, b in pairs)


def bias(pairs):
    return statistics.fmean(a / b - 1 for a, b in pairs)


def summary(rows):
    """Of networks with one method's forecast: pairs of (value, truth) by what is compared."""
    return {
        "meter vs known": [(r["metered_j"], r["known_j"]) for r in rows],
        "forecast J vs known": [(r["forecast_j"], r["known_j"]) for r in rows],
        "forecast s vs measured": [(r["forecast_s"], r["median_s"]) for r in rows],
        "mean s vs median": [(r["mean_s"], r["median_s"]) for r in rows],
    }


def networks_table(rows):
    lines = [f"{'network':34}{'known J':>9}{'metered':>9}{'forecast':>9}{'energy':>9}{'time':>9}"]
    for r in rows:
        lines.append(f"{r['configuration'][:33]:34}{r['known_j']:9.3g}{r['metered_j']:9.3g}"
                     f"{r['forecast_j']:9.3g}{percent(r['forecast_j'] / r['known_j'] - 1):>9}"
                     f"{percent(r['forecast_s'] / r['median_s'] - 1):>9}"
                     + ("" if r["quiet"] else " *"))
    total = {k: sum(r[k] for r in rows) for k in ("known_j", "metered_j", "forecast_j",
                                                  "forecast_s", "median_s")}
    lines.append(f"{'sum':34}{total['known_j']:9.3g}{total['metered_j']:9.3g}"
                 f"{total['forecast_j']:9.3g}"
                 f"{percent(total['forecast_j'] / total['known_j'] - 1):>9}"
                 f"{percent(total['forecast_s'] / total['median_s'] - 1):>9}")
    return lines


def watts_lines(row):
    true_w = CORE_W * row["threads"]
    found = ", ".join(f"{name} {value:.2f}" for name, value in row["power_w"].items())
    return [f"watts above idle: {found} (true {true_w:.2f} each)",
            f"idle {row['idle_w']:.2f} W (true {IDLE_W:.2f})",
            f"a mean step beyond the median one: {percent(row['mean_excess'])} time, "
            f"{percent(row['busy_excess'])} work; {row['sample_networks']} sample networks"]


def report(rows):
    lines = []
    for profile in [r for r in rows if r["kind"] == "profile"]:
        threads = profile["threads"]
        lines += [f"{threads} thread{'s' if threads > 1 else ''}", *watts_lines(profile)]
        for method in METHODS:
            own = [r for r in rows if r["kind"] == "network" and r["threads"] == threads
                   and r["method"] == method]
            if not own:
                continue
            lines += ["", f"{method}: joules of a step", *networks_table(own)]
            lines += [f"  {what:24} MAPE {100 * mape(pairs):5.2f} %, bias {percent(bias(pairs))}"
                      for what, pairs in summary(own).items()]
        lines.append("")
    if any(not r.get("quiet", True) for r in rows):
        lines.append("* other processes had the CPU in the window")
    return "\n".join(lines).rstrip()


def network_rows(check, threads, speed):
    """A row for every network and method of what `calibrate check --format json` printed, measured
    at SPEED, a profile's (or None)."""
    rows = []
    for c in check["configurations"]:
        measured = c["measured"][0]
        slow = slowdown(speed, measured)
        for method in c["methods"]:
            if method["name"] not in METHODS or method["energy_per_step_j"] is None:
                continue
            rows.append({
                "kind": "network", "threads": threads, "configuration": c["configuration"],
                "method": method["name"], "steps": measured["steps"],
                "known_j": known_j(measured["step_mean_s"], measured["cpu_share"], threads) / slow,
                "metered_j": measured["energy_per_step_j"] / slow, "slowdown": slow,
                "forecast_j": method["energy_per_step_j"],
                "median_s": measured["step_median_s"] / slow,
                "mean_s": measured["step_mean_s"] / slow,
                "forecast_s": method["time_per_step_s"], "cpu_share": measured["cpu_share"],
                "quiet": measured["quiet"]})
    return rows


def profile_row(profile):
    layerwise = profile["layerwise"]
    return {"kind": "profile", "threads": profile["threads"], "idle_w": profile["idle_power_w"],
            "power_w": layerwise["power_w"], "busy_excess": layerwise["busy_excess"],
            "mean_excess": profile["mean_excess"], "sample_networks": profile["sample_networks"]}


# ---- driving the program -----------------------------------------------------------------------


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.work = arguments.work or os.path.join(
            "build-bench", datetime.datetime.now().strftime("energy-%Y%m%d-%H%M%S"))
        os.makedirs(self.work, exist_ok=True)
        self.tree = os.path.join(self.work, "powercap")
        self.results = os.path.join(self.work, "results.jsonl")

    def keep(self, row):
        with open(self.results, "a", encoding="utf-8") as out:
            out.write(json.dumps(row) + "\n")

    def call(self, *words, allowed=(0,)):
        began = time.monotonic()
        done = subprocess.run(
            [self.arguments.simulator, "--root", self.tree, *SIMULATOR_OPTIONS, "--",
             self.arguments.joulecast, *words, "--powercap-root", self.tree, "--meter", "powercap"],
            stdout=subprocess.PIPE, check=False, text=True)
        if done.returncode not in allowed or not done.stdout:
            sys.exit(f"energy.py: {' '.join(words)}: exit status {done.returncode}")
        print(f"  {time.monotonic() - began:6.0f} s  joulecast {' '.join(words)[:120]}",
              file=sys.stderr, flush=True)
        return done.stdout

    def run(self, threads):
        stem = os.path.join(self.work, f"t{threads}")
        text = self.call("calibrate", "--fresh", "-q", "-t", str(threads), "-o", stem + ".json",
                         "-s", stem + ".samples.jsonl",
                         *([] if self.arguments.full else ["--quick"]),
                         *self.arguments.calibrate_options.split())
        with open(stem + ".calibrate.txt", "w", encoding="utf-8") as out:
            out.write(text)
        with open(stem + ".json", encoding="utf-8") as text:
            profile = json.load(text)
        self.keep(profile_row(profile))
        check = json.loads(self.call("calibrate", "check", "-q", "--format", "json", "-t",
                                     str(threads), "-p", stem + ".json", "-m",
                                     self.arguments.list, *self.arguments.check_options.split(),
                                     allowed=(0, 1)))  # 1: the profile is not to be trusted
        for row in network_rows(check, threads, profile["layerwise"].get("speed")):
            self.keep(row)


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    cpus = len(os.sched_getaffinity(0))
    parser.add_argument("--joulecast", default="build-test/cli/joulecast")
    parser.add_argument("--simulator", default="build-test/tests/simulate_powercap")
    parser.add_argument("--work", help="folder of results (default: a new one in build-bench)")
    parser.add_argument("--threads", default="1" if cpus == 1 else f"1,{cpus}")
    parser.add_argument("--list", default=os.path.join(HERE, "energy.txt"))
    parser.add_argument("--full", action="store_true", help="instead of `calibrate --quick`")
    parser.add_argument("--report", nargs="+", metavar="FILE")
    parser.add_argument("--calibrate-options", default="", help="passed to `calibrate`")
    parser.add_argument("--check-options", default="", help="passed to `calibrate check`")
    return parser.parse_args()


def main():
    arguments = parse()
    if arguments.report:
        print(report(read_rows(arguments.report)))
        return
    bench = Bench(arguments)
    for threads in [int(t) for t in arguments.threads.split(",")]:
        bench.run(threads)
    print(report(read_rows([bench.results])))
    print(f"energy.py: rows in {bench.results}", file=sys.stderr)


if __name__ == "__main__":
    main()
