#!/usr/bin/env python3
"""measure.py -- what `joulecast measure` itself costs: its CPU time (all its threads, as the kernel
counts them) over wall time, beside commands that print nothing, a little, and much.

    measure.py --joulecast PROGRAM [--seconds S]

With record, journal, trace and an epoch regex, on meter `model`, which looks at the process tree most
often. The goal is less than 0.5 % of one core beside a command that prints as trainings do.
"""
import argparse
import glob
import os
import signal
import subprocess
import sys
import tempfile
import time

PRINTER = """
import sys, time
lines, size = int(sys.argv[1]), int(sys.argv[2])
line = 'x' * (size - 1) + '\\n'
n = 0
while True:
    for i in range(max(1, lines // 10)):
        sys.stdout.write(line)
    n += 1
    sys.stdout.write(f'epoch {n // 10}\\n')
    sys.stdout.flush()
    time.sleep(0.1)
"""

# name, arguments of PRINTER: lines a second, bytes a line; None: a sleep
CASES = [("prints nothing", None), ("100 lines a second", (100, 80)),
         ("10,000 lines a second", (10000, 80)), ("50 MB a second", (50, 1 << 20))]


def cpu_s(pid):
    """Of all threads of a process, the ended ones apart: there are none."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with open(path, encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total * 1e-9


def measure(program, printer, seconds, folder):
    command = ["sleep", str(seconds + 60)] if printer is None else \
        [sys.executable, "-c", PRINTER, *map(str, printer)]
    process = subprocess.Popen(
        [program, "measure", "-q", "--meter", "model", "--tdp-w", "20", "--idle-w", "2", "-b", "1",
         "-r", f"{folder}/runs.jsonl", "--trace", f"{folder}/trace.jsonl", "--epoch-regex",
         "epoch ([0-9]+)", "--", *command], stdout=subprocess.DEVNULL)
    time.sleep(2)
    begin_s, begin_cpu_s = time.monotonic(), cpu_s(process.pid)
    time.sleep(seconds)
    used_s, wall_s = cpu_s(process.pid) - begin_cpu_s, time.monotonic() - begin_s
    process.send_signal(signal.SIGTERM)
    process.wait()
    return used_s / wall_s


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--joulecast", required=True)
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    program = os.path.abspath(options.joulecast)
    processes = len(glob.glob("/proc/[0-9]*"))
    print(f"{processes} processes on the machine, {options.seconds:g} s each\n")
    print("| the command | joulecast, % of one core |\n|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, printer in CASES:
            share = measure(program, printer, options.seconds, folder)
            print(f"| {name} | {100 * share:.2f} |", flush=True)


if __name__ == "__main__":
    main()
