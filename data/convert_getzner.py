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

from run_table import Mistake, rows

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


def kind_of(path):
    kind = os.path.splitext(os.path.basename(path))[0].rsplit("_", 1)[-1]
    if kind not in KINDS:
        raise Mistake(f"{path}: expected a file name that ends in the kind of layer "
                      f"({', '.join(KINDS)}), found {kind!r:.60}")
    return kind


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
    if macs is not None and "macs" in row.values and row.need("macs") != macs:
        row.fail("macs", f"{macs}, as the shapes have it")


def sample_of(row, kind):
    layer = layer_of(row, kind)
    check_macs(row, layer)
    passes = row.need("forward_passes")
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
        "energy_j": row.need("cpu_energy") * JOULES_PER_KWH * steps,
        "time_s": row.need("duration") / passes * steps,
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
            for row in rows(path, MEASURED + KINDS[kind][0] + KINDS[kind][1]):
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
