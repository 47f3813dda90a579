#!/usr/bin/env python3
"""Epochs of dtjgp/GreenAI (github), as a table of phases, to lines of joulecast.run/1.

    data/convert_dtjgp.py dtjgp_phases.csv > runs.jsonl

A row is an epoch of training at 224 x 224 pixels on one GPU: seconds and joules of copying to the
device, forward, loss, backward and optimiser, which are summed here; waiting for the next batch is
in none of them. Power was read ten times a second, so that the joules of the table are the seconds
of a phase times the mean watts of the epoch. Networks are those of the study's own definitions
(dtjgp_networks.py), with one input channel on Fashion-MNIST. The card called RTX4070 ran under
limits of 100 to 320 W (`performance_N`); as 320 W is no limit of an RTX 4070, its TDP is taken to
be the largest that was set, as for the Zeus traces.

Left out: rows without joules; epochs whose layers were timed one by one (`layer`), since that stops
the device behind each; and the source that repeats another to the digit.
"""

import re
import sys

from dtjgp_networks import NETWORKS, network
from run_table import convert

SIDE = 224
PHASES = ("to_device", "forward", "loss", "backward", "optimize")
REPEATED = "V2npy:CNNModelsData"  # of V2db
# Watts: data/hardware.json, and the largest limit that was set.
TDP_W = {"RTX4090": 450, "RTX4070": 320}
# Training images of an epoch, channels, classes.
DATASETS = {"cifar100": (50000, 3, 100), "fashion_mnist": (60000, 1, 10)}

NEEDED = ("src", "gpu", "model", "dataset", "run", "batch",
          *(f"{what}_{phase}" for phase in PHASES for what in "TE"))


def accelerator_of(row):
    limit = re.search(r"_performance_([0-9]+)$", row.text("run") or "")
    accelerator = {"name": row.text("gpu"), "tdp_w": row.one_of("gpu", TDP_W)}
    if limit is not None:
        accelerator["power_limit_w"] = int(limit[1])
    return accelerator


def run_of(row):
    timed_by_layer = (row.text("run") or "").endswith("_layer")
    joules = [row.real(f"E_{phase}") for phase in PHASES]
    if row.text("src") == REPEATED or timed_by_layer or None in joules:
        return None
    samples, channels, classes = row.one_of("dataset", DATASETS)
    row.one_of("model", NETWORKS)
    return {
        "id": f"dtjgp:{row.line}",
        "model": network(row.text("model"), [channels, SIDE, SIDE], classes),
        "run": {"batch_size": row.count("batch"), "epochs": 1, "samples": samples,
                "val_samples": 0, "precision": "fp32"},
        "runner": {"name": "pytorch"},
        "meter": {"name": "nvml", "domain": "board", "power_source": "measured"},
        "energy_j": sum(joules),
        "time_s": sum(row.need(f"T_{phase}") for phase in PHASES),
        "dataset": {"name": row.text("dataset"), "image_height": SIDE, "image_width": SIDE},
        "accelerator": accelerator_of(row),
    }


if __name__ == "__main__":
    sys.exit(convert(NEEDED, run_of, "without joules, timed layer by layer or repeated"))
