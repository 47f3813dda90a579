#!/usr/bin/env python3
"""Trainings of Yarally et al. (arXiv:2303.13972), as a table, to lines of joulecast.run/1.

    data/convert_yarally.py yarally2023_training_energy.csv > runs.jsonl
    joulecast evaluate runs.jsonl --split leave-one-out:dataset
    joulecast evaluate runs.jsonl --factors

A row is the mean over trainings of one network: 25 epochs, Adam, one GeForce GTX 1080, joules above
idle, no times. The networks are the shipped models yarally2023_cnn and yarally2023_dense, one
variant each, so that all counts are analysed. Labels are the factors of the second research
question: convolutions, linear layers, ReLU.
"""

import sys

from run_table import convert

# NVIDIA's figure for the card: 180 W, 2560 CUDA cores, 8 GB (GeForce GTX 1080 specifications).
ACCELERATOR = {"name": "GTX 1080", "cores": 2560, "memory_bytes": 8e9, "tdp_w": 180}

MODELS = {"SimpleCNN": "yarally2023_cnn", "DenseLinearNN": "yarally2023_dense",
          "DensePolyNN": "yarally2023_dense"}
IMAGE_SIDES = {"FashionMNIST": 28, "CIFAR10": 32}

NEEDED = ("key", "net", "dataset", "n_conv", "n_linear", "relu", "train_samples", "batch", "epochs",
          "J_mean")


def variant_of(row):
    """"RQ2 CIFAR10 conv4 lin3 relu0": "cifar10_conv4_lin3_relu0"."""
    words = row.text("key").lower().split()
    if len(words) < 3:
        row.fail("key", "research question, data set and network")
    return "_".join(words[1:])


def labels_of(row):
    if not row.text("key").startswith("RQ2"):
        return None
    return {name: row.text(name) for name in ("n_conv", "n_linear", "relu")}


def run_of(row):
    side = row.one_of("dataset", IMAGE_SIDES)
    return {
        "id": row.text("key"),
        "model": f"{row.one_of('net', MODELS)}:{variant_of(row)}",
        "run": {
            "batch_size": row.count("batch"),
            "epochs": row.count("epochs"),
            "samples": row.count("train_samples"),
            "precision": "fp32",
            "optimizer": "adam",
        },
        "runner": {"name": "pytorch"},
        "meter": {"name": "nvml", "domain": "board", "power_source": "measured"},
        "energy_j": row.need("J_mean"),
        "dataset": {"name": row.text("dataset"), "image_height": side, "image_width": side},
        "accelerator": ACCELERATOR,
        "labels": labels_of(row),
    }


if __name__ == "__main__":
    sys.exit(convert(NEEDED, run_of))
