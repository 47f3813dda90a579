#!/usr/bin/env python3
"""Trainings of Xu et al. (arXiv:2302.00967), as a table, to lines of joulecast.run/1.

    data/convert_xu.py xu2023_summary.csv > runs.jsonl

A row is the mean over trainings of a head on a frozen base in Keras: 50 epochs, batch 32, the wall
meter of a node with eight V100, one of which works. The head is Flatten, Dense 4096, Dense 4096,
Dropout, Dense 10. Images are enlarged to 32x32 (CIFAR10) or 48x48 (MNIST): the sides at which the
bases have the FLOPs of the table.
"""

import sys

from run_table import convert

EPOCHS, BATCH_SIZE, BYTES_PER_ELEMENT = 50, 32, 4
WIDTH, CLASSES = 4096, 10

# Images of an epoch, for training and validation, and their side.
DATASETS = {"CIFAR10": (50000, 10000, 32), "MNIST": (60000, 10000, 48)}
# {image side: outputs of the base, in elements}, layers of the base
BASES = {
    "VGG16": ({32: 584192, 48: 1313792}, 31),
    "VGG19": ({32: 637440, 48: 1433600}, 37),
    "ResNet50": ({32: 766464, 48: 1788160}, 172),
}

NEEDED = ("net", "dataset", "trainable_params", "fwd_flops_per_sample",
          "trainable_flops_per_batch32", "wall_J", "time_s")


def counts_of(row, side):
    elements, layers = row.one_of("net", BASES)
    head_macs = row.need("trainable_flops_per_batch32") / BATCH_SIZE / 2
    behind_first = WIDTH * WIDTH + WIDTH * CLASSES  # those layers pass the gradient on
    return {
        "forward_macs": row.need("fwd_flops_per_sample") / 2,
        "backward_macs": head_macs + behind_first,
        "activation_bytes": (elements[side] + 3 * WIDTH + CLASSES) * BYTES_PER_ELEMENT,
        "layers": layers + 5,
        "trainable_params": row.need("trainable_params"),
        "backward_share": 4 / (layers + 5),
    }


def run_of(row):
    samples, val_samples, side = row.one_of("dataset", DATASETS)
    return {
        "id": f"xu2023:{row.text('net')}:{row.text('dataset')}",
        "model": row.text("net").lower(),
        "run": {
            "batch_size": BATCH_SIZE,
            "epochs": EPOCHS,
            "samples": samples,
            "val_samples": val_samples,
            "precision": "fp32",
        },
        "meter": {"name": "wattmeter", "domain": "wall", "power_source": "measured"},
        "energy_j": row.need("wall_J"),
        "time_s": row.need("time_s"),
        "counts": counts_of(row, side),
        "dataset": {"name": row.text("dataset"), "image_height": side, "image_width": side},
        # As in data/hardware.json.
        "accelerator": {"name": "v100-sxm2-32gb", "memory_bytes": 32e9, "tdp_w": 300,
                        "power_limit_w": 300},
    }


if __name__ == "__main__":
    sys.exit(convert(NEEDED, run_of))
