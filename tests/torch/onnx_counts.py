#!/usr/bin/env python3
"""onnx_counts.py -- torchvision's classifiers through ONNX, compared with torch's own counts.

Each network is built without weights, exported by torch.onnx.export (training mode, no constant
folding, dynamic batch, stochastic depth 0), converted by `joulecast convert`, analysed by
`joulecast inspect`, and its parameters and MACs, forward and backward, are compared with
tests/golden/torch_counts.csv, which count_ops.py made from torch's operators.

  python3 onnx_counts.py --joulecast build/cli/joulecast            ten small ones, five at an opset
  python3 onnx_counts.py --joulecast build/cli/joulecast --all      every constructor, at both
  python3 onnx_counts.py --joulecast ... --opsets 13 resnet18 swin_t
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import warnings

try:
    import torch
    import torchvision
except ImportError:
    sys.exit(77)  # skipped

import count_ops

SMALL = ["alexnet", "densenet121", "efficientnet_b0", "mnasnet0_5", "mobilenet_v3_small",
         "regnet_y_400mf", "resnet18", "shufflenet_v2_x0_5", "squeezenet1_1", "swin_t"]
COLUMNS = ["params", "forward_macs", "training_forward_macs", "backward_data_macs",
           "backward_weights_macs", "training_macs"]

# What torch 1.13 cannot export to ONNX in training mode as plain operators, and why.
NOT_EXPORTED = {
    "googlenet": "adaptive_avg_pool2d to 4x4 in the auxiliary heads is no ONNX operator",
    "mvit_v1_b": "exported with Loop and Sequence operators, which no static shape goes through",
    "mvit_v2_s": "exported with Loop and Sequence operators, which no static shape goes through",
    "swin_v2_t": "aten::zero_ on a slice of the biases of q, k, v is not supported",
    "swin_v2_s": "aten::zero_ on a slice of the biases of q, k, v is not supported",
    "swin_v2_b": "aten::zero_ on a slice of the biases of q, k, v is not supported",
}


def without_stochastic_depth(module):
    """The same network with every block kept: ONNX has no operator that drops a sample."""
    for part in module.modules():
        if isinstance(part, torchvision.ops.StochasticDepth):
            part.p = 0.0
    return module


def export(name, shape, opset, path):
    """Writes the network to PATH; returns the names of its outputs."""
    constructor, kwargs = count_ops.constructor_of(name)
    with count_ops.no_initialisation():
        module = without_stochastic_depth(constructor(**kwargs)).train()
    for tensor in list(module.parameters()) + list(module.buffers()):
        if tensor.is_floating_point():
            tensor.data.zero_()  # what memory held before may be slow to compute with
    outputs = ["output", "aux"] if name in count_ops.WITH_AUX else ["output"]
    torch.onnx.export(module, torch.zeros(2, *shape), path, opset_version=opset,
                      training=torch.onnx.TrainingMode.TRAINING, do_constant_folding=False,
                      input_names=["input"], output_names=outputs,
                      dynamic_axes={"input": {0: "batch"}})
    return outputs


def convert(joulecast, path, outputs):
    """The totals that joulecast finds in the ONNX file at PATH."""
    model = path + ".json"
    aux = [word for name in outputs[1:] for word in ("--training-only", name)]
    subprocess.run([joulecast, "convert", path, "-o", model, "--quiet"] + aux, check=True)
    inspected = subprocess.run([joulecast, "inspect", model, "--format", "json"], check=True,
                               capture_output=True, text=True)
    totals = json.loads(inspected.stdout)
    totals["training_forward_macs"] = (totals["training_macs"] - totals["backward_data_macs"]
                                       - totals["backward_weights_macs"])
    return totals


def read_golden(path):
    """Rows of the CSV by name of network."""
    with open(path, encoding="utf-8") as file:
        return {row["network"]: row
                for row in csv.DictReader(line for line in file if not line.startswith("#"))}


def expected(name, golden):
    """(counts, shape) from the golden table, or counted now where it has no such row."""
    row = golden.get(name)
    if row is None:
        row = count_ops.count_torchvision(name)
    shape = [int(size) for size in str(row["input"]).split("x")]
    return {column: int(row[column]) for column in COLUMNS}, shape


def compare(name, opset, joulecast, golden, folder):
    """A line that says what differs; None if nothing does."""
    wanted, shape = expected(name, golden)
    path = os.path.join(folder, name + ".onnx")
    try:
        totals = convert(joulecast, path, export(name, shape, opset, path))
    finally:
        for left in os.listdir(folder):
            os.remove(os.path.join(folder, left))
    wrong = [f"{column} {totals[column]}, torch counts {wanted[column]}"
             for column in COLUMNS if int(totals[column]) != wanted[column]]
    return "; ".join(wrong) or None


def main():
    """Compares the networks named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", help="constructors; default: ten small ones")
    parser.add_argument("--all", action="store_true", help="every constructor")
    parser.add_argument("--joulecast", default="build/cli/joulecast", help="the program")
    parser.add_argument("--opsets", default="13,17", help="between commas; default: 13,17")
    parser.add_argument("--golden", default=os.path.join(os.path.dirname(__file__),
                                                         "..", "golden", "torch_counts.csv"))
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    golden = read_golden(args.golden) if os.path.exists(args.golden) else {}
    names = args.networks or (count_ops.constructors() if args.all else SMALL)
    opsets = list(map(int, args.opsets.split(",")))
    failed = 0
    for index, name in enumerate(names):
        # Exporting takes seconds, and onnx_modules.py has the operators at every opset.
        own = opsets if args.all or args.networks else [opsets[index % len(opsets)]]
        if name in NOT_EXPORTED:
            print(f"{name}: not exported: {NOT_EXPORTED[name]}", flush=True)
            continue
        for opset in own:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    wrong = compare(name, opset, args.joulecast, golden, folder)
                except Exception as error:  # one network must not hide the others
                    wrong = f"{type(error).__name__}: {str(error)[:300]}"
            failed += wrong is not None
            print(f"{name} opset {opset}: {wrong or 'equal'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
