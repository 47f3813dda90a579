#!/usr/bin/python3
"""make_golden_losses.py -- PyTorch's losses for the same weights and data as our trainer's.

Trains networks of models/ for ten steps in PyTorch and writes losses.csv, which the trainer's
tests compare against. Made with Debian 12's python3-torch (1.13.1):

    python3 tests/golden/make_golden_losses.py            writes tests/golden/losses.csv
    python3 tests/golden/make_golden_losses.py --check    also repeats each run in float64 and
                                                          prints how far apart the losses are
    python3 tests/golden/make_golden_losses.py --check resnet18     one network, writes nothing

The rule, to be followed to the letter by any other implementation
------------------------------------------------------------------
Random numbers. A stream belongs to a name, a string such as "conv1.weight". Its 64-bit state
starts as SEED xor fnv1a64(name), where fnv1a64 is FNV-1a over the name's bytes (offset basis
14695981039346656037, prime 1099511628211). Draw i is splitmix64:

    state += 0x9E3779B97F4A7C15
    z = state
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB
    z = z ^ (z >> 31)
    u = (z >> 40) / 2^24                          in [0, 1), exact in float32

Element i of a tensor, row-major in PyTorch's dimension order, takes draw i (from 0) of the
tensor's stream. Every value is computed in double and rounded to float32 once, at the end.

Parameters. LAYER is the expanded layer name, as in "stage2.0.block.main.conv1".
    LAYER.weight of conv2d  [out, in/groups, kh, kw]   (2u - 1) * sqrt(6 / fan_in)
    LAYER.weight of linear  [out, in]                  (2u - 1) * sqrt(6 / fan_in)
    LAYER.bias of both      [out]                      (2u - 1) / sqrt(fan_in)
    normalisations          weight 1, bias 0, no draws; kind parameter 1
    fan_in = in/groups * kh * kw for conv2d, in for linear.

Data. Step s counts from 0, sample n from 0. CLASSES, a column of losses.csv, is at most the number
of logits: with few samples and 1000 labels no label would come twice, and the losses would hardly
depend on what the steps before did.
    label[n]   = floor(u * CLASSES), u = draw n of "labels.<s>"
    noise[n,i] = 2u - 1,             u = draw n * C*H*W + i of "data.<s>"
    pattern[i] = 2u - 1,             u = draw i of "pattern.<label[n]>"
    x[n,i]     = noise[n,i] + pattern[i],  i row-major over C, H, W
Names carry plain decimal numbers: "data.0", "pattern.999". Each step has a fresh batch.

Training. Dropout and stochastic depth p = 0. Batch normalisation in training mode: mean and biased
variance of the batch, eps from the model file. Loss: softmax cross-entropy of the logits, mean over
the batch; of every output after the first, 0.3 times as much is added. The update is torch.optim's,
by the column `optimizer`, for every parameter, biases and normalisations included; momentum is
    g += weight_decay * w;  v = g at the first step, later momentum * v + g;  w -= lr * v
sgd the same without v, adam and adamw have betas of 0.9 and 0.999 and eps 1e-8.
Max pooling sends the gradient to the first maximum of a window. The loss in row `step` (1 to 10)
is that of batch step-1, computed before update `step`.

How the runs below were chosen
------------------------------
Rounding decides now and then on which side of 0 the input of a ReLU falls. Behind many batch
normalisations over few elements one such change moves the gradients by 1e-2, and after large steps
the losses by as much. Classes, batch sizes and learning rates are such that float32 runs, also from
weights disturbed by a relative 1e-7, stay within 2e-4 of float64 in all ten steps, while training
moves a loss by 2e-3 (googlenet) to 0.5 of what it would be with the first weights.
"""
import argparse
import csv
import json
import math
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).resolve().parent
MODELS = HERE.parent.parent / "models"

SEED = 1
STEPS = 10
MOMENTUM = 0.9
WEIGHT_DECAY = 1e-4
AUXILIARY_WEIGHT = 0.3

OPTIMIZERS = {
    "sgd": lambda params, lr: torch.optim.SGD(params, lr, 0, weight_decay=WEIGHT_DECAY),
    "momentum": lambda params, lr: torch.optim.SGD(params, lr, MOMENTUM,
                                                   weight_decay=WEIGHT_DECAY),
    "adam": lambda params, lr: torch.optim.Adam(params, lr, weight_decay=WEIGHT_DECAY),
    "adamw": lambda params, lr: torch.optim.AdamW(params, lr, weight_decay=WEIGHT_DECAY),
}

# model, input (C, H, W), classes, batch size, learning rate, optimizer if not momentum
RUNS = [
    ("lenet5_28", (1, 28, 28), 10, 8, 0.01),
    ("mlp_784_128_10", (1, 28, 28), 10, 16, 0.02),
    ("cifar_resnet20", (3, 32, 32), 10, 8, 0.001),
    ("squeezenet1_1", (3, 64, 64), 4, 2, 0.001),
    ("mobilenet_v2", (3, 64, 64), 4, 16, 1e-5),
    ("resnet18", (3, 64, 64), 4, 4, 3e-4),
    ("vgg11_bn", (3, 64, 64), 4, 2, 1e-5),
    ("densenet121", (3, 64, 64), 4, 8, 5e-5),
    ("efficientnet_b0", (3, 64, 64), 4, 8, 1e-3),
    ("mnasnet1_0", (3, 64, 64), 4, 16, 1e-5),
    ("mobilenet_v3_small", (3, 64, 64), 4, 16, 1e-3),
    ("regnet_y_400mf", (3, 64, 64), 4, 16, 3e-6),
    ("shufflenet_v2_x1_0", (3, 64, 64), 4, 8, 1e-5),
    ("googlenet", (3, 64, 64), 4, 8, 2e-5),
    ("convnext_tiny", (3, 64, 64), 4, 2, 1e-4),
    ("lenet5_28", (1, 28, 28), 10, 8, 0.01, "sgd"),
    ("lenet5_28", (1, 28, 28), 10, 8, 0.001, "adam"),
    ("mlp_784_128_10", (1, 28, 28), 10, 16, 0.001, "adamw"),
]


# ---- the model format: repeats and blocks written out (models/README.md) ----

class Scope:
    """Names visible at one nesting level, each mapped to the full name of a tensor."""

    def __init__(self, prefix, first_input, outer=None):
        self.prefix = prefix
        self.outer = outer
        self.names = {"input": first_input}

    def find(self, name):
        scope = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        raise ValueError(f"{self.prefix}: no earlier layer is called '{name}'")

    def add(self, name, tensor):
        if name in self.names:
            raise ValueError(f"{self.prefix}{name}: the name is taken")
        self.names[name] = tensor


def substitute(value, params):
    """Replaces every string "$name" inside VALUE by the parameter's value."""
    if isinstance(value, str) and value.startswith("$"):
        return params[value[1:]]
    if isinstance(value, list):
        return [substitute(item, params) for item in value]
    if isinstance(value, dict):
        return {key: substitute(item, params) for key, item in value.items()}
    return value


def block_params(block, use):
    params = {}
    for key, default in block.get("params", {}).items():
        params[key] = use.get(key, default)
        if params[key] is None:
            raise ValueError(f"block {use['block']} needs the parameter '{key}'")
    unknown = set(use) - set(params) - {"block", "name", "inputs"}
    if unknown:
        raise ValueError(f"block {use['block']} has no parameter {sorted(unknown)}")
    return params


def expand_items(items, scope, blocks, previous, out):
    """Appends the layers of ITEMS to OUT; returns the name of the last one's output."""
    for item in items:
        names = item.get("inputs", [])
        names = [names] if isinstance(names, str) else names
        inputs = [scope.find(name) for name in names] or [previous]
        full = scope.prefix + item["name"]
        if "repeat" in item:
            (previous,) = inputs
            for i in range(item["repeat"]):
                inner = Scope(f"{full}.{i}.", previous, scope)
                previous = expand_items(item["layers"], inner, blocks, previous, out)
        elif "block" in item:
            block = blocks[item["block"]]
            body = substitute(block["layers"], block_params(block, item))
            (start,) = inputs
            previous = expand_items(body, Scope(full + ".", start, scope), blocks, start, out)
        else:
            out.append({**item, "name": full, "inputs": inputs})
            previous = full
        scope.add(item["name"], previous)
    return previous


def expand(model):
    """The flat list of a model's layers, with full names in `name` and `inputs`, and the names of
    its outputs."""
    layers, scope = [], Scope("", "input")
    last = expand_items(model["layers"], scope, model.get("blocks", {}), "input", layers)
    return layers, [scope.find(name) for name in model.get("outputs", [])] or [last]


def read_model(name):
    return json.loads((MODELS / f"{name}.json").read_text())


# ---- the portable random rule ----

MASK = (1 << 64) - 1


def fnv1a64(name):
    value = 14695981039346656037
    for byte in name.encode():
        value = ((value ^ byte) * 1099511628211) & MASK
    return value


def draws(name, count):
    """The first COUNT values u of the stream NAME, as float64."""
    u = np.empty(count)
    start = SEED ^ fnv1a64(name)
    gamma = np.uint64(0x9E3779B97F4A7C15)
    for first in range(0, count, 1 << 20):  # in pieces, to keep the temporaries small
        last = min(first + (1 << 20), count)
        z = np.uint64(start) + np.arange(first + 1, last + 1, dtype=np.uint64) * gamma
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
        u[first:last] = (z >> np.uint64(40)) / 2.0**24
    return u


def signed_draws(name, shape):
    return (2 * draws(name, math.prod(shape)) - 1).reshape(shape)


def tensor(values, dtype):
    """Rounds double VALUES to float32, then widens to DTYPE if that is float64."""
    return torch.from_numpy(values.astype(np.float32)).to(dtype)


def batch(step, size, shape, classes, dtype):
    labels = np.floor(draws(f"labels.{step}", size) * classes).astype(np.int64)
    x = signed_draws(f"data.{step}", (size, *shape))
    for n, label in enumerate(labels):
        x[n] += signed_draws(f"pattern.{label}", shape)
    return tensor(x, dtype), torch.from_numpy(labels)


# ---- the layer kinds ----

def weight_and_bias(layer, shape, params, dtype):
    """The layer's parameters, made at its first forward pass."""
    name, fan_in = layer["name"], math.prod(shape[1:])
    if f"{name}.weight" not in params:
        weight = signed_draws(f"{name}.weight", shape) * math.sqrt(6 / fan_in)
        params[f"{name}.weight"] = tensor(weight, dtype).requires_grad_()
        if layer.get("bias", True):
            bias = signed_draws(f"{name}.bias", shape[:1]) / math.sqrt(fan_in)
            params[f"{name}.bias"] = tensor(bias, dtype).requires_grad_()
    return params[f"{name}.weight"], params.get(f"{name}.bias")


def pair(value):
    return tuple(value) if isinstance(value, list) else (value, value)


def conv2d(layer, params, x):
    groups = layer.get("groups", 1)
    groups = x.shape[1] if groups == "in_channels" else groups
    shape = (layer["out_channels"], x.shape[1] // groups, *pair(layer["kernel_size"]))
    weight, bias = weight_and_bias(layer, shape, params, x.dtype)
    return F.conv2d(x, weight, bias, layer.get("stride", 1), layer.get("padding", 0),
                    layer.get("dilation", 1), groups)


def linear(layer, params, x):
    return F.linear(x, *weight_and_bias(layer, (layer["out_features"], x.shape[-1]), params,
                                        x.dtype))


def ones(params, name, shape, dtype, fill=1.0):
    """A parameter that starts with one number everywhere."""
    if name not in params:
        params[name] = torch.full(shape, fill, dtype=dtype, requires_grad=True)
    return params[name]


def batchnorm2d(layer, params, x):
    name, weight, bias = layer["name"], None, None
    if layer.get("affine", True):
        weight = ones(params, f"{name}.weight", (x.shape[1],), x.dtype)
        bias = ones(params, f"{name}.bias", (x.shape[1],), x.dtype, 0.0)
    return F.batch_norm(x, None, None, weight, bias, training=True, eps=layer.get("eps", 1e-5))


def maxpool2d(layer, params, x):
    return F.max_pool2d(x, layer["kernel_size"], layer.get("stride"), layer.get("padding", 0),
                        layer.get("dilation", 1), layer.get("ceil_mode", False))


def avgpool2d(layer, params, x):
    return F.avg_pool2d(x, layer["kernel_size"], layer.get("stride"), layer.get("padding", 0),
                        layer.get("ceil_mode", False), layer.get("count_include_pad", True))


def layernorm(layer, params, x):
    name, weight, bias = layer["name"], None, None
    shape = x.shape[x.dim() - layer.get("normalized_dims", 1):]
    if layer.get("elementwise_affine", True):
        weight = ones(params, f"{name}.weight", shape, x.dtype)
        if layer.get("bias", True):
            bias = ones(params, f"{name}.bias", shape, x.dtype, 0.0)
    return F.layer_norm(x, shape, weight, bias, layer.get("eps", 1e-5))


def channel_shuffle(layer, params, x):
    groups, (batch_size, channels, *pixels) = layer["groups"], x.shape
    groups_first = x.reshape(batch_size, groups, channels // groups, *pixels)
    return groups_first.transpose(1, 2).reshape(x.shape)


KINDS = {
    "conv2d": conv2d,
    "linear": linear,
    "batchnorm2d": batchnorm2d,
    "relu": lambda layer, params, x: F.relu(x),
    "relu6": lambda layer, params, x: F.relu6(x),
    "maxpool2d": maxpool2d,
    "avgpool2d": avgpool2d,
    "adaptive_avgpool2d": lambda layer, params, x: F.adaptive_avg_pool2d(x, layer["output_size"]),
    "flatten": lambda layer, params, x: torch.flatten(x, 1),
    "dropout": lambda layer, params, x: x,
    "stochastic_depth": lambda layer, params, x: x,
    "sigmoid": lambda layer, params, x: torch.sigmoid(x),
    "silu": lambda layer, params, x: F.silu(x),
    "hardsigmoid": lambda layer, params, x: F.hardsigmoid(x),
    "layernorm": layernorm,
    "gelu": lambda layer, params, x: F.gelu(x, approximate=layer.get("approximate", "none")),
    "permute": lambda layer, params, x: x.permute(layer["dims"]),
    "hardswish": lambda layer, params, x: F.hardswish(x),
    "mean": lambda layer, params, x: x.mean(layer["dim"], layer.get("keepdim", False)),
    "mul": lambda layer, params, *xs: math.prod(xs[1:], start=xs[0]),
    "chunk": lambda layer, params, x: x.chunk(layer["chunks"], layer.get("dim", 1))[
        layer.get("index", 0)],
    "channel_shuffle": channel_shuffle,
    "add": lambda layer, params, *xs: sum(xs[1:], xs[0]),
    "concat": lambda layer, params, *xs: torch.cat(xs, layer.get("dim", 1)),
    "pad": lambda layer, params, x: F.pad(x, layer["padding"], value=layer.get("value", 0)),
    "softmax": lambda layer, params, x: F.softmax(x, layer.get("dim", 1)),
}


def forward(layers, outputs, params, x):
    """Runs the expanded LAYERS and returns the tensors that OUTPUTS names; PARAMS fills itself at
    the first call, in the layers' order."""
    tensors = {"input": x}
    for layer in layers:
        inputs = [tensors[name] for name in layer["inputs"]]
        if layer["type"] == "parameter":
            name = layer["name"]
            tensors[name] = ones(params, f"{name}.weight", layer["shape"], x.dtype)
        else:
            tensors[layer["name"]] = KINDS[layer["type"]](layer, params, *inputs)
    return [tensors[name] for name in outputs]


# ---- training ----

def loss_of(heads, labels):
    """Cross-entropy of the first of HEADS and, with its weight, of the others."""
    return F.cross_entropy(heads[0], labels) + AUXILIARY_WEIGHT * sum(
        F.cross_entropy(head, labels) for head in heads[1:])


def train(network, shape, classes, batch_size, lr, optimizer_name, dtype):
    """Losses of STEPS steps, as a list of floats; NETWORK is what expand() returned."""
    params, losses = {}, []
    with torch.no_grad():
        forward(*network, params, torch.zeros(2, *shape, dtype=dtype))  # makes the parameters
    optimizer = OPTIMIZERS[optimizer_name](params.values(), lr)
    for step in range(STEPS):
        x, labels = batch(step, batch_size, shape, classes, dtype)
        loss = loss_of(forward(*network, params, x), labels)
        losses.append(loss.item())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return losses


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with float64")
    parser.add_argument("models", nargs="*", help="only these, and write nothing")
    options = parser.parse_args()
    torch.set_num_threads(1)

    rows = []
    for name, shape, classes, batch_size, lr, *others in RUNS:
        if options.models and name not in options.models:
            continue
        network = expand(read_model(name))
        optimizer = others[0] if others else "momentum"
        run = (network, shape, classes, batch_size, lr, optimizer)
        losses = train(*run, torch.float32)
        print(f"{name}, {optimizer}: {' '.join(f'{loss:.6g}' for loss in losses)}", file=sys.stderr)
        if options.check:
            exact = train(*run, torch.float64)
            apart = [abs(a / b - 1) for a, b in zip(losses, exact)]
            print(f"  from float64: step 1 {apart[0]:.1e}, step 10 {apart[-1]:.1e}, "
                  f"worst {max(apart):.1e}", file=sys.stderr)
        size = "x".join(str(n) for n in shape)
        for step, loss in enumerate(losses, 1):
            rows.append([name, size, classes, batch_size, optimizer, lr, MOMENTUM, WEIGHT_DECAY,
                         SEED, step, f"{loss:.9g}"])

    if not options.models:
        with open(HERE / "losses.csv", "w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["model", "input", "classes", "batch_size", "optimizer", "lr",
                             "momentum", "weight_decay", "seed", "step", "loss"])
            writer.writerows(rows)


if __name__ == "__main__":
    main()
