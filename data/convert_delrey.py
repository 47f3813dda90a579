#!/usr/bin/env python3
"""Trainings of del Rey et al. (arXiv:2307.05520), as a table, to lines of joulecast.run/1.

    data/convert_delrey.py delrey2024_runs.csv > runs.jsonl
    joulecast evaluate runs.jsonl --split leave-one-out:configuration

A row is a training on one GPU. Counts are those of Keras' definitions: the table gives forward
FLOPs (2 a MAC); outputs, layers and parameters are counted below at the image sizes that occur.
InceptionV3 trains a head on a frozen base; on chesslive the head alone is trained for 10 epochs,
then all layers are. Rows whose joules could not be recovered from the paper are left out.
"""

import csv
import json
import math
import os
import sys

FIRST_EPOCHS = 10  # frozen on chesslive; STEP's window begins behind them
WINDOW_EPOCHS = 5

# (architecture, image side): outputs of all layers (elements), layers, parameters but the head's.
COUNTS = {
    ("inception_v3", 75): (1351400, 314, 21785568),
    ("inception_v3", 128): (4576888, 314, 21785568),
    ("inception_v3", 224): (16589176, 314, 21785568),
    ("mobilenet_v2", 128): (6430440, 153, 2223872),
    ("nasnet_mobile", 128): (9193153, 908, 4269716),
    ("resnet50", 128): (12268520, 175, 23508032),
    ("vgg16", 128): (9422824, 40, 14714688),
    ("xception", 128): (13637984, 165, 20861480),
}
BYTES_PER_ELEMENT = 4
GB = 1e9

NEEDED = (
    "row", "authors_split", "authors_fold", "gpu", "architecture", "dataset", "gflops_fwd_per_image",
    "batch_size", "image_height", "image_width", "total_ram_gb", "train_size", "val_size",
    "gpu_cuda_cores", "gpu_mem_gb", "gpu_tdp_spec_w", "gpu_max_power_limit_w", "n_epochs",
    "avg_gpu_power_w", "gpu_usage_pct", "total_energy_kj", "duration_s", "win5_mean_power_w",
    "step_epoch_est_stable_kj", "avg_stable_epoch_energy_kj",
)


class Mistake(Exception):
    """A line for the user: file, line, column, what was expected and found."""


class Row:
    def __init__(self, path, line, values):
        self.path, self.line, self.values = path, line, values

    def real(self, column):
        """A positive number; None where the cell is empty."""
        text = self.values[column]
        if text == "":
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value > 0):
            raise Mistake(f"{self.path}:{self.line}: {column}: expected a positive number, found "
                          f"{text!r:.60}")
        return value

    def need(self, column):
        value = self.real(column)
        if value is None:
            raise Mistake(f"{self.path}:{self.line}: {column}: expected a positive number, found "
                          "nothing")
        return value

    def scaled(self, column, factor):
        value = self.real(column)
        return None if value is None else value * factor


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        missing = [column for column in NEEDED if column not in header]
        if missing:
            raise Mistake(f"{path}:1: {missing[0]}: expected a column of this name, found "
                          f"{', '.join(header)[:60]!r}")
        for values in reader:
            if len(values) != len(header):
                raise Mistake(f"{path}:{reader.line_num}: expected {len(header)} columns, found "
                              f"{len(values)}")
            yield Row(path, reader.line_num, dict(zip(header, values)))


def counts_of(row, epochs):
    architecture, side = row.values["architecture"], int(row.need("image_height"))
    if (architecture, side) not in COUNTS:
        known = ", ".join(f"{name} at {size}" for name, size in COUNTS)
        raise Mistake(f"{row.path}:{row.line}: architecture: expected one of {known}, found "
                      f"{architecture!r:.40} at {side}")
    elements, layers, params = COUNTS[architecture, side]
    forward_macs = row.need("gflops_fwd_per_image") * 1e9 / 2
    unfrozen = row.values["dataset"] == "chesslive"
    share = max(0, epochs - FIRST_EPOCHS) / epochs if unfrozen else 0
    return {
        "forward_macs": forward_macs,
        "backward_macs": 2 * forward_macs * share,
        "activation_bytes": elements * BYTES_PER_ELEMENT,
        "layers": layers,
        "trainable_params": params * share,
        "backward_share": share,
    }


def window_of(row, epochs):
    """The table has STEP's estimate of all epochs behind the first ones: joules of an epoch of the
    window times their number."""
    estimate = row.scaled("step_epoch_est_stable_kj", 1e3)
    return known({
        "after_epochs": FIRST_EPOCHS,
        "epochs": WINDOW_EPOCHS,
        "power_w": row.real("win5_mean_power_w"),
        "epoch_energy_j": None if estimate is None else estimate / (epochs - FIRST_EPOCHS),
        "stable_epoch_energy_j": row.scaled("avg_stable_epoch_energy_kj", 1e3),
    })


def known(members):
    return {key: value for key, value in members.items() if value is not None and value != ""}


def run_of(row):
    epochs = int(row.need("n_epochs"))
    return {
        "schema": "joulecast.run/1",
        "id": f"delrey2024:{row.values['row']}",
        "model": row.values["architecture"],
        "run": {
            "batch_size": int(row.need("batch_size")),
            "epochs": epochs,
            "samples": int(row.need("train_size")),
            "val_samples": int(row.need("val_size")),
            "precision": "fp32",
        },
        "meter": {"name": "nvml", "domain": "board", "power_source": "measured"},
        "energy_j": row.need("total_energy_kj") * 1e3,
        "time_s": row.need("duration_s"),
        "counts": counts_of(row, epochs),
        "dataset": {
            "name": row.values["dataset"],
            "image_height": row.need("image_height"),
            "image_width": row.need("image_width"),
        },
        "accelerator": {
            "name": row.values["gpu"],
            "cores": row.need("gpu_cuda_cores"),
            "memory_bytes": row.need("gpu_mem_gb") * GB,
            "tdp_w": row.need("gpu_tdp_spec_w"),
            "power_limit_w": row.need("gpu_max_power_limit_w"),
            "host_memory_bytes": row.need("total_ram_gb") * GB,
            "utilization": row.need("gpu_usage_pct") / 100,
            "mean_power_w": row.need("avg_gpu_power_w"),
        },
        "window": window_of(row, epochs),
        "labels": known({"split": row.values["authors_split"],
                         "fold": row.values["authors_fold"]}),
    }


def main(paths):
    if len(paths) != 1 or paths[0].startswith("-"):
        print(f"usage: {os.path.basename(sys.argv[0])} delrey2024_runs.csv > runs.jsonl",
              file=sys.stderr)
        return 2
    left_out = 0
    try:
        for row in rows(paths[0]):
            if row.real("total_energy_kj") is None:
                left_out += 1
                continue
            print(json.dumps(run_of(row), separators=(",", ":")))
    except Mistake as mistake:
        print(mistake, file=sys.stderr)
        return 3
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        print(f"{paths[0]}: cannot read: {getattr(error, 'strerror', None) or error}",
              file=sys.stderr)
        return 3
    if left_out > 0:
        print(f"{paths[0]}: {left_out} rows without joules are left out", file=sys.stderr)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BrokenPipeError:
        sys.exit(1)
