#!/usr/bin/env python3
"""Forward passes of single layers, as measured by Getzner et al., to lines of joulecast.run/1.

    data/convert_getzner.py getzner2023_*.csv > samples.jsonl
    joulecast calibrate fit samples.jsonl -o xeon-gold-5120.json

A file holds one kind of layer, which its name ends in (..._conv2d.csv), one setting a row:
`cpu_energy` in kWh per pass, `duration` in s of all `forward_passes`, and the layer's shape. Passes
are means over repetitions, so they need not be whole; the line gives the nearest whole number, and
joules and seconds of so many. Memory and GPU figures of the files are modelled, and left out.
The machine had two Xeon Gold 5120; `cpu_count` of its logical CPUs were at hand.
"""

import csv
import json
import math
import os
import sys

JOULES_PER_KWH = 3.6e6

# Columns that are fields of the layer under the same name; OPTIONAL ones keep PyTorch's default.
WINDOW = ("kernel_size", "stride", "padding")
OPTIONAL = ("dilation", "groups")
# kind: (columns that must be there, fields taken over, shape of one sample)
IMAGE = ("in_channels", "image_size", "image_size")
KINDS = {
    "conv2d": (("out_channels",) + WINDOW, IMAGE),
    "maxpool2d": (WINDOW, IMAGE),
    "linear": (("output_size",), ("input_size",)),
    "relu": ((), ("input_size",)),
    "sigmoid": ((), ("input_size",)),
    "tanh": ((), ("input_size",)),
    "softmax": ((), ("input_size",)),
}
RENAMED = {"output_size": "out_features"}
MEASURED = ("batch_size", "forward_passes", "duration", "cpu_energy", "cpu_count")


class Mistake(Exception):
    """A line for the user: file, line, column, what was expected and found."""


class Row:
    def __init__(self, path, line, values):
        self.path, self.line, self.values = path, line, values

    def fail(self, column, expected, found=None):
        found = self.values.get(column) if found is None else found
        raise Mistake(f"{self.path}:{self.line}: {column}: expected {expected}, found {found!r:.60}")

    def real(self, column):
        try:
            value = float(self.values[column])
        except ValueError:
            self.fail(column, "a positive number")
        if not (math.isfinite(value) and value > 0):
            self.fail(column, "a positive number")
        return value

    def count(self, column, least=1):
        try:
            value = float(self.values[column])
        except ValueError:
            value = math.nan
        if not (value >= least and value == math.floor(value) and value <= 2**31):
            self.fail(column, f"a whole number from {least}")
        return int(value)


def kind_of(path):
    kind = os.path.splitext(os.path.basename(path))[0].rsplit("_", 1)[-1]
    if kind not in KINDS:
        raise Mistake(f"{path}: expected a file name that ends in the kind of layer "
                      f"({', '.join(KINDS)}), found {kind!r:.60}")
    return kind


def rows(path, kind):
    needed = MEASURED + KINDS[kind][0] + KINDS[kind][1]
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        missing = [column for column in needed if column not in header]
        if missing:
            raise Mistake(f"{path}:1: {missing[0]}: expected a column of this name, found "
                          f"{', '.join(header)[:60]!r}")
        for values in reader:
            if len(values) != len(header):
                raise Mistake(f"{path}:{reader.line_num}: expected {len(header)} columns, found "
                              f"{len(values)}")
            yield Row(path, reader.line_num, dict(zip(header, values)))


def layer_of(row, kind):
    layer = {"name": kind, "type": kind}
    present = tuple(c for c in OPTIONAL if kind == "conv2d" and c in row.values)
    for column in KINDS[kind][0] + present:
        layer[RENAMED.get(column, column)] = row.count(column, 0 if column == "padding" else 1)
    return layer


def expected_macs(row, layer):
    """Multiply-adds of a pass as the files count them, one for the bias; None: not counted so."""
    batch = row.count("batch_size")
    if layer["type"] == "linear":
        return batch * (row.count("input_size") + 1) * layer["out_features"]
    if layer["type"] == "conv2d":
        extent = layer.get("dilation", 1) * (layer["kernel_size"] - 1) + 1
        side = (row.count("image_size") + 2 * layer["padding"] - extent) // layer["stride"] + 1
        window = row.count("in_channels") // layer.get("groups", 1) * layer["kernel_size"] ** 2
        return batch * layer["out_channels"] * side * side * (window + 1)
    return None


def check_macs(row, layer):
    """Shapes and measurement belong together only if the file's own count says so."""
    macs = expected_macs(row, layer)
    if macs is not None and "macs" in row.values and row.real("macs") != macs:
        row.fail("macs", f"{macs}, as the shapes have it")


def sample_of(row, kind):
    layer = layer_of(row, kind)
    check_macs(row, layer)
    passes = row.real("forward_passes")
    steps = max(1, round(passes))
    cpus = row.count("cpu_count")
    return {
        "schema": "joulecast.run/1",
        "id": f"{os.path.basename(row.path)}:{row.line}"[-63:],
        "family": kind,
        "model": {
            "schema": "joulecast.model/1",
            "name": kind,
            "input": [row.count(column) for column in KINDS[kind][1]],
            "layers": [layer],
        },
        "run": {
            "batch_size": row.count("batch_size"),
            "precision": "fp32",
            "threads": cpus,
            "phase": "forward",
        },
        "machine": {"cpu_model": "Intel Xeon Gold 5120", "cpus": cpus, "isa": "avx512"},
        "runner": {"name": "pytorch"},
        "meter": {"name": "rapl", "domain": "package", "power_source": "measured"},
        "energy_j": row.real("cpu_energy") * JOULES_PER_KWH * steps,
        "time_s": row.real("duration") / passes * steps,
        "steps": steps,
    }


def main(paths):
    if not paths or paths[0].startswith("-"):
        print(f"usage: {os.path.basename(sys.argv[0])} getzner2023_KIND.csv... > samples.jsonl",
              file=sys.stderr)
        return 2
    try:
        for path in paths:
            kind = kind_of(path)
            for row in rows(path, kind):
                print(json.dumps(sample_of(row, kind), separators=(",", ":")))
    except Mistake as mistake:
        print(mistake, file=sys.stderr)
        return 3
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        print(f"{path}: cannot read: {getattr(error, 'strerror', None) or error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BrokenPipeError:
        sys.exit(1)
