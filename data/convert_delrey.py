#!/usr/bin/env python3
"""Trainings of del Rey et al. (arXiv:2307.05520), as a table, to lines of joulecast.run/1.

    data/convert_delrey.py delrey2024_runs.csv > runs.jsonl
    joulecast evaluate runs.jsonl --split leave-one-out:configuration

A row is a training on one GPU. Counts are those of Keras' definitions: the table gives forward
FLOPs (2 a MAC); outputs, layers and parameters were counted at the image sizes that occur.
InceptionV3 trains a head on a frozen base; on chesslive the head alone is trained for 10 epochs,
then all layers are. Rows whose joules could not be recovered from the paper are left out.
"""

import sys

from run_table import convert, known

FIRST_EPOCHS = 10  # frozen on chesslive; STEP's window begins behind them
WINDOW_EPOCHS = 5

# architecture: {image side: outputs of all layers, in elements}, layers, parameters but the head's
COUNTS = {
    "inception_v3": ({75: 1351400, 128: 4576888, 224: 16589176}, 314, 21785568),
    "mobilenet_v2": ({128: 6430440}, 153, 2223872),
    "nasnet_mobile": ({128: 9193153}, 908, 4269716),
    "resnet50": ({128: 12268520}, 175, 23508032),
    "vgg16": ({128: 9422824}, 40, 14714688),
    "xception": ({128: 13637984}, 165, 20861480),
}
BYTES_PER_ELEMENT = 4
GB = 1e9

NEEDED = (
    "row", "authors_split", "authors_fold", "gpu", "architecture", "dataset",
    "gflops_fwd_per_image", "batch_size", "image_height", "image_width", "total_ram_gb",
    "train_size", "val_size", "gpu_cuda_cores", "gpu_mem_gb", "gpu_tdp_spec_w",
    "gpu_max_power_limit_w", "n_epochs", "avg_gpu_power_w", "gpu_usage_pct", "total_energy_kj",
    "duration_s", "win5_mean_power_w", "step_epoch_est_stable_kj", "avg_stable_epoch_energy_kj",
)


def counts_of(row, epochs):
    elements, layers, params = row.one_of("architecture", COUNTS)
    side = row.count("image_height")
    if side not in elements:
        row.fail("image_height", f"one of {', '.join(map(str, elements))}")
    forward_macs = row.need("gflops_fwd_per_image", 1e9) / 2
    unfrozen = row.text("dataset") == "chesslive"
    share = max(0, epochs - FIRST_EPOCHS) / epochs if unfrozen else 0
    return {
        "forward_macs": forward_macs,
        "backward_macs": 2 * forward_macs * share,
        "activation_bytes": elements[side] * BYTES_PER_ELEMENT,
        "layers": layers,
        "trainable_params": params * share,
        "backward_share": share,
    }


def window_of(row, epochs):
    """The table has STEP's estimate of all epochs behind the first ones: joules of an epoch of the
    window times their number."""
    estimate_j = row.real("step_epoch_est_stable_kj", 1e3)
    return known({
        "after_epochs": FIRST_EPOCHS,
        "epochs": WINDOW_EPOCHS,
        "power_w": row.real("win5_mean_power_w"),
        "epoch_energy_j": estimate_j and estimate_j / (epochs - FIRST_EPOCHS),
        "stable_epoch_energy_j": row.real("avg_stable_epoch_energy_kj", 1e3),
    })


def run_of(row):
    if row.real("total_energy_kj") is None:
        return None
    epochs = row.count("n_epochs")
    return {
        "id": f"delrey2024:{row.text('row')}",
        "model": row.text("architecture"),
        "run": {
            "batch_size": row.count("batch_size"),
            "epochs": epochs,
            "samples": row.count("train_size"),
            "val_samples": row.count("val_size"),
            "precision": "fp32",
        },
        "meter": {"name": "nvml", "domain": "board", "power_source": "measured"},
        "energy_j": row.need("total_energy_kj", 1e3),
        "time_s": row.need("duration_s"),
        "counts": counts_of(row, epochs),
        "dataset": {
            "name": row.text("dataset"),
            "image_height": row.need("image_height"),
            "image_width": row.need("image_width"),
        },
        "accelerator": {
            "name": row.text("gpu"),
            "cores": row.need("gpu_cuda_cores"),
            "memory_bytes": row.need("gpu_mem_gb", GB),
            "tdp_w": row.need("gpu_tdp_spec_w"),
            "power_limit_w": row.need("gpu_max_power_limit_w"),
            "host_memory_bytes": row.need("total_ram_gb", GB),
            "utilization": row.need("gpu_usage_pct") / 100,
            "mean_power_w": row.need("avg_gpu_power_w"),
        },
        "window": window_of(row, epochs),
        "labels": known({"split": row.text("authors_split"), "fold": row.text("authors_fold")}),
    }


if __name__ == "__main__":
    sys.exit(convert(NEEDED, run_of))
