#!/usr/bin/env python3
"""Projections of a run's joules against the share of it that was seen.

    tests/bench/projection.py --projector bench_projection --joulecast PROGRAM [--save FILE] [--data DIR]
    tests/bench/projection.py --projector bench_projection --replay FILE [--data DIR]

Trains small networks with `joulecast train` on the model meter: as they come, stopped for some
seconds in between (SIGSTOP), and unfrozen: two recorded runs one after the other, the first with its
first layers frozen, since the trainer cannot thaw in mid-run. --save keeps the joules of their
epochs, --replay judges those again. With --data also the trainings of delrey2024_runs.csv, of which
only means are published: joules of an epoch before epoch 10, in the window of five after it, and
behind it. The projection is the program's own, by bench/projection_ends.c.
"""

import argparse
import csv
import json
import os
import signal
import statistics
import subprocess
import tempfile
import time

SHARES = (0.1, 0.2, 0.3, 0.5, 0.75, 0.9)
FIRST, WINDOW = 10, 5  # the paper's: STEP's window begins behind the first ten epochs
NETWORKS = (("mlp_784_128_10", 12800), ("lenet5_28", 1600))
EPOCHS = 40
INTERVAL = 0.9


def train(program, network, samples, folder, seed, epochs, pause_s=0, extra=()):
    """Joules and seconds of the epochs of a run."""
    record = os.path.join(folder, f"{time.monotonic_ns()}.jsonl")
    child = subprocess.Popen(
        [program, "train", network, "-t", "1", "--samples", str(samples), "--epochs", str(epochs),
         "--meter", "model", "--tdp-w", "20", "--idle-w", "2", "--seed", str(seed), "-q",
         "-r", record, *extra], stdout=subprocess.DEVNULL)
    if pause_s:
        time.sleep(1)
        child.send_signal(signal.SIGSTOP)
        time.sleep(pause_s)
        child.send_signal(signal.SIGCONT)
    if child.wait() != 0:
        raise SystemExit(f"{network}: joulecast train failed")
    with open(record, encoding="utf-8") as lines:
        epochs = json.loads(lines.readline())["epochs"]
    return [(epoch["energy_j"], epoch["time_s"]) for epoch in epochs]


def frozen_model(program, network, folder):
    """NETWORK with all layers but the last that has weights frozen."""
    text = subprocess.run([program, "inspect", network, "--expand"], check=True,
                          capture_output=True, text=True).stdout
    model = json.loads(text)
    weighted = [layer for layer in model["layers"] if layer["type"] in ("conv2d", "linear")]
    for layer in weighted[:-1]:
        layer["trainable"] = False
    path = os.path.join(folder, f"{network}_frozen.json")
    with open(path, "w", encoding="utf-8") as out:
        json.dump(model, out)
    return path


def record_runs(program, folder, seeds):
    """Runs of each kind: {"kind", "network", "seed", "epochs": [[joules, seconds], ...]}."""
    for seed in seeds:
        for network, samples in NETWORKS:
            frozen = frozen_model(program, network, folder)
            plain = train(program, network, samples, folder, seed, EPOCHS)
            paused = train(program, network, samples, folder, seed, EPOCHS, 2)
            head = train(program, frozen, samples, folder, seed, FIRST)
            for kind, epochs in (("as it comes", plain), ("paused", paused),
                                 ("unfrozen", head + plain[:EPOCHS - FIRST])):
                yield {"kind": kind, "network": network, "seed": seed, "epochs": epochs}


def read_runs(path, seeds):
    """Recorded runs of SEEDS."""
    with open(path, encoding="utf-8") as lines:
        return [run for run in map(json.loads, lines) if run["seed"] in seeds]


def delrey_runs(path):
    """Epochs as the published means have them. Rows that have all of them."""
    runs = []
    with open(path, encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            keys = ("total_energy_kj", "step_epoch_est_stable_kj", "avg_stable_epoch_energy_kj")
            if not all(row[key] for key in keys):
                continue
            total, window, stable = (1e3 * float(row[key]) for key in keys)
            epochs = int(row["n_epochs"])
            behind = epochs - FIRST
            window /= behind
            if behind <= WINDOW:
                continue
            first = (total - stable * behind) / FIRST
            rest = (stable * behind - window * WINDOW) / (behind - WINDOW)
            if min(first, rest) <= 0:
                continue
            means = [first] * FIRST + [window] * WINDOW + [rest] * (behind - WINDOW)
            runs.append([(joules, 1.0) for joules in means])
    return runs


def project(projector, runs):
    text = "".join(" ".join(f"{e:.9g} {t:.9g}" for e, t in run) + "\n" for run in runs)
    out = subprocess.run([projector], input=text, check=True, capture_output=True, text=True).stdout
    rows = []
    for line in out.splitlines():
        values = [float(value) for value in line.split()]
        rows.append([values[i:i + 3] for i in range(0, len(values), 3)])
    return rows


def others(run, seen):
    """step-power is given the time of the whole run, which nobody knows before its end."""
    epochs, energy = len(run), [joules for joules, _ in run]
    window = run[FIRST:FIRST + WINDOW] if seen >= FIRST + WINDOW else None
    joules = window and sum(e for e, _ in window)
    return {
        "step-power": window and joules / sum(t for _, t in window) * sum(t for _, t in run),
        "step-energy": window and joules / WINDOW * epochs,
        "carbontracker": sum(energy[:seen]) / seen * epochs,
    }


def interval_score(low, high, truth):
    """Width, and a miss times 2 / (1 - INTERVAL): least where the interval is the 90 % one, and
    narrow (Gneiting and Raftery, JASA 102 (2007) 359-378, equation 43). Of TRUTH."""
    missed = max(low - truth, 0) + max(truth - high, 0)
    return (high - low + 2 / (1 - INTERVAL) * missed) / truth


def judge(runs, projected, count_of):
    """Of runs seen to count_of(run) epochs: mean absolute errors by method (None: cannot say yet),
    share of runs in the interval, median half width, mean score of the interval."""
    errors = {"step-power": [], "step-energy": [], "carbontracker": [], "ours": []}
    inside, width, score = [], [], []
    for run, rows in zip(runs, projected):
        seen, truth = count_of(run), sum(joules for joules, _ in run)
        value, low, high = rows[seen - 1]
        for name, joules in {**others(run, seen), "ours": value}.items():
            if joules is not None:
                errors[name].append(abs(joules / truth - 1))
        inside.append(low * (1 - 1e-9) <= truth <= high * (1 + 1e-9))
        width.append((high - low) / 2 / truth)
        score.append(interval_score(low, high, truth))
    return {**{name: statistics.mean(e) if e else None for name, e in errors.items()},
            "covered": statistics.mean(inside), "half width": statistics.median(width),
            "score": statistics.mean(score)}


def report(title, runs, projector, counts_of):
    print(f"\n{title}: {len(runs)} runs; mean absolute error of the whole run's joules, in %")
    print(f"{'seen':>6} {'step-power':>11} {'step-energy':>12} {'carbontracker':>14} {'ours':>7}"
          f" {'covered':>8} {'half width':>11} {'score':>7}")
    projected = project(projector, runs)
    for label, count_of in counts_of:
        figures = judge(runs, projected, count_of)
        cells = ["-" if f is None else f"{100 * f:.2f}" for f in figures.values()]
        print(f"{label:>6} {cells[0]:>11} {cells[1]:>12} {cells[2]:>14} {cells[3]:>7}"
              f" {100 * figures['covered']:>6.0f} % {cells[5]:>9} % {cells[6]:>7}")


def runs_of(options):
    """Recorded now, or read; by kind."""
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    if options.replay:
        recorded = read_runs(options.replay, seeds)
    else:
        with tempfile.TemporaryDirectory() as folder:
            recorded = list(record_runs(options.joulecast, folder, seeds))
    if options.save:
        with open(options.save, "a", encoding="utf-8") as out:
            out.writelines(json.dumps(run) + "\n" for run in recorded)
    kinds = {}
    for run in recorded:
        kinds.setdefault(run["kind"], []).append(run["epochs"])
    return kinds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--projector", required=True)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--joulecast")
    source.add_argument("--replay", help="a file of --save")
    parser.add_argument("--save", help="append the recorded runs to this file")
    parser.add_argument("--data")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each network and kind")
    parser.add_argument("--first-seed", type=int, default=5,
                        help="seeds 1 to 4 are what the interval was chosen on")
    options = parser.parse_args()
    shares = [(f"{100 * s:.0f} %", lambda run, s=s: max(1, round(s * len(run)))) for s in SHARES]
    for title, runs in runs_of(options).items():
        report(title, runs, options.projector, shares)
    path = options.data and os.path.join(options.data, "delrey2024_runs.csv")
    if path and os.path.exists(path):
        runs = delrey_runs(path)
        fixed = [("10", lambda run: FIRST), ("12", lambda run: FIRST + 2),
                 ("13", lambda run: FIRST + 3), ("15", lambda run: FIRST + WINDOW)]
        report("del Rey et al., epochs as published means, even rows", runs[0::2],
               options.projector, fixed)
        report("del Rey et al., odd rows", runs[1::2], options.projector, fixed)
    else:
        print("\nno delrey2024_runs.csv: name its folder with DATA=DIR")


if __name__ == "__main__":
    main()
