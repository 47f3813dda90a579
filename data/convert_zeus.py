#!/usr/bin/env python3
"""Epochs of the Zeus traces (SymbioticLab/Zeus, NSDI 2023) to lines of joulecast.run/1.

    data/convert_zeus.py zeus_traces.csv > runs.jsonl

A row is one epoch on one GPU at a batch size and a power limit. The TDP is the largest limit of the
traces. ResNet-50 on ImageNet is the shipped model; of the other networks the traces give no more
than the name, so that methods that need counts say so.
"""

import sys

from run_table import convert

# Watts, the largest limit that the traces have.
TDP_W = {"v100": 250, "a40": 300, "p100": 250, "rtx6000": 260}
# Training images of an epoch, and their side as the network sees them.
DATASETS = {"imagenet": (1281167, 224)}
OPTIMIZERS = {"adam": "adam", "adamw": "adamw"}  # adadelta has no name here

NEEDED = ("dataset", "network", "batch_size", "optimizer", "power_limit", "time_per_epoch",
          "average_power", "gpu")


def run_of(row):
    samples, side = DATASETS.get(row.text("dataset"), (None, None))
    network = row.text("network")
    run = {"batch_size": row.count("batch_size"), "epochs": 1, "precision": "fp32"}
    dataset = {"name": row.text("dataset")}
    if samples is not None:
        run["samples"] = samples
        dataset.update(image_height=side, image_width=side)
    if row.text("optimizer") in OPTIMIZERS:
        run["optimizer"] = OPTIMIZERS[row.text("optimizer")]
    return {
        "id": f"zeus:{row.line}",
        "model": network,
        "run": run,
        "runner": {"name": "pytorch"},
        "meter": {"name": "nvml", "domain": "board", "power_source": "measured"},
        "energy_j": row.need("average_power") * row.need("time_per_epoch"),
        "time_s": row.need("time_per_epoch"),
        "dataset": dataset,
        "accelerator": {"name": row.text("gpu"), "tdp_w": row.one_of("gpu", TDP_W),
                        "power_limit_w": row.need("power_limit"),
                        "mean_power_w": row.need("average_power")},
        "labels": {"power_limit_w": row.text("power_limit"), "batch_size": row.text("batch_size")},
    }


if __name__ == "__main__":
    sys.exit(convert(NEEDED, run_of))
