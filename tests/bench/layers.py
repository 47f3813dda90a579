#!/usr/bin/env python3
"""Where a forecast of `layerwise` is off: a network's layers, forecast and measured, side by side.

    layers.py --joulecast PROGRAM --layer-times PROGRAM -p PROFILE [-t THREADS] MODEL:BATCH[:SHAPE]...

Every network is trained for some seconds (--seconds) as a calibration trains its samples, between
two looks (--looks) at whose difference one sees the noise. Printed are seconds by kind, then the
layers that differ most, with what oneDNN chose. Run nothing else meanwhile.
"""
import argparse
import json
import os
import subprocess
import tempfile


def run(command, **more):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **more).stdout


def forecast(options, model, batch):
    return json.loads(run([options.joulecast, "estimate", model, "-b", batch, "-t", options.threads, "-p",
                           options.profile, "--samples", batch, "--epochs", "1", "--val-samples", "0", "--layers",
                           "--format", "json"]))


def look(options, model, batch):
    """The window, and its layers by name."""
    environment = dict(os.environ, OMP_PROC_BIND="true", OMP_WAIT_POLICY="active")
    lines = run([options.layer_times, model, batch, options.threads, options.seconds], env=environment)
    window, *layers = [json.loads(line) for line in lines.splitlines()]
    return window, {layer["name"]: layer for layer in layers}


def total_s(layer):
    return layer["forward_s"] + layer["backward_s"] + layer["update_s"]


def with_input(model, shape, folder):
    """A copy of the file MODEL whose input is SHAPE, as in 3x64x64."""
    with open(model, encoding="utf-8") as text:
        content = json.load(text)
    content["input"] = [int(size) for size in shape.split("x")]
    content.pop("expect", None)
    path = os.path.join(folder, os.path.basename(model))
    with open(path, "w", encoding="utf-8") as out:
        json.dump(content, out)
    return path


def print_kinds(kinds, error_s):
    """KINDS: kind -> [layers, forecast s, measured s]."""
    print(f"  {'kind':20} {'layers':>6} {'forecast ms':>12} {'measured ms':>12} {'of the error':>12}")
    for kind, (count, forecast_s, measured_s) in sorted(kinds.items(), key=lambda row: -row[1][1]):
        print(f"  {kind:20} {count:6} {1e3 * forecast_s:12.3f} {1e3 * measured_s:12.3f} "
              f"{100 * (forecast_s - measured_s) / error_s:10.0f} %")


def print_layer(layer, measured):
    print(f"  {layer['name'][:28]:28} {layer['type'][:12]:12} {str(layer['out_shape']):18} "
          f"{1e3 * layer['time_s']:8.3f} {1e3 * total_s(measured):8.3f}  = "
          f"{1e3 * measured['forward_s']:.3f} + {1e3 * measured['backward_s']:.3f} + "
          f"{1e3 * measured['update_s']:.3f}  {measured['forward']} {measured['backward']} "
          f"{measured['layout']}")


def compare(options, name, folder):
    model, batch, *shape = name.split(":")
    if shape:
        model = with_input(model, shape[0], folder)
    predicted = forecast(options, model, batch)
    looks = [look(options, model, batch) for _ in range(options.looks)]
    window, layers = min(looks, key=lambda one: one[0]["step_median_s"])
    steps = ", ".join(f"{1e3 * one['step_median_s']:.2f}" for one, _ in looks)
    ratio = predicted["time_per_step_s"] / window["step_median_s"]
    print(f"\n{name}, {options.threads} threads: {1e3 * predicted['time_per_step_s']:.2f} ms forecast, {steps} ms "
          f"measured, {100 * (ratio - 1):+.1f} %")
    kinds = {}
    for layer in predicted["layers"]:
        sums = kinds.setdefault(layer["type"], [0, 0, 0])
        sums[0] += 1
        sums[1] += layer["time_s"]
        sums[2] += total_s(layers[layer["name"]])
    print_kinds(kinds, predicted["time_per_step_s"] - window["step_median_s"])
    far = sorted(predicted["layers"], reverse=True,
                 key=lambda layer: abs(layer["time_s"] - total_s(layers[layer["name"]])))
    for layer in far[:options.rows]:
        print_layer(layer, layers[layer["name"]])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL:BATCH[:SHAPE]")
    parser.add_argument("--joulecast", default="build-test/cli/joulecast")
    parser.add_argument("--layer-times", default="build-test/tests/bench_layer_times")
    parser.add_argument("-p", "--profile", required=True)
    parser.add_argument("-t", "--threads", default="1")
    parser.add_argument("--seconds", default="2")
    parser.add_argument("--looks", type=int, default=2)
    parser.add_argument("--rows", type=int, default=12)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in options.models:
            compare(options, name, folder)


if __name__ == "__main__":
    main()
