#!/usr/bin/python3
"""make_golden_layers.py -- PyTorch's outputs and gradients of single layers.

Writes layers.txt, which tests/test_trainer_layers.c compares with. Made with Debian 12's
python3-torch (1.13.1):

    python3 tests/golden/make_golden_layers.py

Parameters and the batch follow the rule of make_golden_losses.py (seed 1, step 0). Each network
ends in [classes]; its loss is softmax cross-entropy. Per case, one line each:

    name
    input shape as JSON
    batch size
    the layers, the inside of a model file's list
    loss
    logits, all samples
    gradient of the images, all samples
"""
import json
import pathlib

import torch
import torch.nn.functional as F

import make_golden_losses as golden

FLATTEN = {"name": "flatten", "type": "flatten"}


def layer(name, kind, **fields):
    return {"name": name, "type": kind, **fields}


def pool(kind, **fields):
    return [layer("p", kind, **fields), FLATTEN]


CASES = [
    ("conv dilated, uneven", [3, 7, 6], 2,
     [layer("c", "conv2d", out_channels=5, kernel_size=[3, 2], stride=[1, 2], padding=[2, 1],
            dilation=[2, 1]), FLATTEN]),
    ("conv grouped", [6, 4, 4], 2,
     [layer("c", "conv2d", out_channels=4, kernel_size=3, groups=2, padding=1), FLATTEN]),
    ("conv of 4 channels a group", [3, 5, 5], 2,
     [layer("c", "conv2d", out_channels=32, kernel_size=1),
      layer("g", "conv2d", out_channels=32, kernel_size=3, groups=8, padding=1),
      layer("n", "batchnorm2d"), layer("p", "adaptive_avgpool2d", output_size=1), FLATTEN]),
    ("half of one sample", [3, 5, 5], 1,
     [layer("c", "conv2d", out_channels=64, kernel_size=1),
      layer("h", "chunk", chunks=2, index=1),
      layer("d", "conv2d", out_channels=32, kernel_size=1), layer("n", "batchnorm2d"),
      layer("p", "adaptive_avgpool2d", output_size=1), FLATTEN]),
    ("conv depthwise", [5, 5, 5], 2,
     [layer("c", "conv2d", out_channels=5, kernel_size=3, groups="in_channels", stride=2,
            padding=1), FLATTEN]),
    ("linear on the last dimension", [2, 3, 5], 2,
     [layer("l", "linear", out_features=4), FLATTEN]),
    ("batchnorm2d", [3, 4, 3], 3, [layer("n", "batchnorm2d", eps=0.01), FLATTEN]),
    ("relu6", [2, 3, 3], 2,
     [layer("c", "conv2d", out_channels=3, kernel_size=3, padding=1),
      layer("d", "conv2d", out_channels=8, kernel_size=3, padding=1), layer("r", "relu6"),
      FLATTEN]),
    ("max", [2, 7, 6], 2, pool("maxpool2d", kernel_size=3, stride=2, padding=1)),
    ("max ceil", [2, 7, 6], 2,
     pool("maxpool2d", kernel_size=[2, 3], stride=[3, 2], padding=1, ceil_mode=True)),
    ("max dilated", [2, 7, 6], 2, pool("maxpool2d", kernel_size=2, stride=1, dilation=[3, 2])),
    ("mean", [2, 7, 6], 2, pool("avgpool2d", kernel_size=2)),
    ("mean padded", [2, 7, 6], 2, pool("avgpool2d", kernel_size=3, stride=2, padding=1)),
    ("mean padded, not counted", [2, 7, 6], 2,
     pool("avgpool2d", kernel_size=3, stride=2, padding=1, count_include_pad=False)),
    ("mean ceil", [2, 7, 6], 2, pool("avgpool2d", kernel_size=2, stride=2, ceil_mode=True)),
    ("mean ceil padded", [2, 7, 6], 2,
     pool("avgpool2d", kernel_size=[3, 2], stride=[3, 3], padding=1, ceil_mode=True)),
    ("mean ceil padded, not counted", [2, 7, 6], 2,
     pool("avgpool2d", kernel_size=[3, 2], stride=[3, 3], padding=1, ceil_mode=True,
          count_include_pad=False)),
    ("adaptive to 1", [3, 4, 6], 2, pool("adaptive_avgpool2d", output_size=1)),
    ("adaptive even", [2, 4, 6], 2, pool("adaptive_avgpool2d", output_size=[2, 3])),
    ("adaptive with remainder", [2, 7, 5], 2, pool("adaptive_avgpool2d", output_size=[3, 4])),
    ("adaptive upwards", [2, 3, 4], 2, pool("adaptive_avgpool2d", output_size=[5, 4])),
    ("pad", [2, 3, 4], 2, [layer("p", "pad", padding=[1, 2, 0, 1], value=0.25), FLATTEN]),
    ("pad channels and crop", [3, 4, 5], 2,
     [layer("p", "pad", padding=[-1, 1, 2, -2, 1, 0]), FLATTEN]),
    ("softmax over channels", [4, 3, 2], 2, [layer("s", "softmax", dim=1), FLATTEN]),
    ("softmax over rows", [4, 3, 2], 2, [layer("s", "softmax", dim=2), FLATTEN]),
    ("concat of columns", [2, 3, 3], 2,
     [layer("c", "conv2d", out_channels=2, kernel_size=[1, 2]),
      layer("k", "concat", inputs=["input", "c"], dim=3), FLATTEN]),
    ("add of three", [2, 3, 3], 2,
     [layer("r", "relu"), layer("c", "conv2d", out_channels=2, kernel_size=1),
      layer("a", "add", inputs=["c", "input", "r"]), FLATTEN]),
    ("sigmoid", [3, 3, 4], 2,
     [layer("c", "conv2d", out_channels=17, kernel_size=3, padding=1), layer("a", "sigmoid"),
      layer("d", "conv2d", out_channels=3, kernel_size=1), FLATTEN]),
    ("silu", [2, 3, 4], 2, [layer("a", "silu"), FLATTEN]),
    ("hardsigmoid", [3, 3, 4], 2,
     [layer("c", "conv2d", out_channels=17, kernel_size=3, padding=1), layer("a", "hardsigmoid"),
      layer("d", "conv2d", out_channels=3, kernel_size=1), FLATTEN]),
    ("hardswish", [3, 3, 4], 2,
     [layer("c", "conv2d", out_channels=16, kernel_size=3, padding=1), layer("a", "hardswish"),
      layer("p", "adaptive_avgpool2d", output_size=2), FLATTEN]),
    ("gate", [3, 3, 4], 2,
     [layer("c", "conv2d", out_channels=17, kernel_size=3, padding=1),
      layer("p", "mean", dim=[2, 3], keepdim=True), layer("s", "sigmoid"),
      layer("m", "mul", inputs=["s", "c"]), layer("d", "conv2d", out_channels=2, kernel_size=1),
      FLATTEN]),
    ("product", [2, 3, 4], 2,
     [layer("a", "silu"), layer("m", "mul", inputs=["a", "input"]), FLATTEN]),
    ("mean", [5, 3, 4], 2, [layer("m", "mean", dim=[-2, -1])]),
    ("pieces", [6, 2, 3], 2,
     [layer("a", "chunk", chunks=2, index=1),
      layer("b", "chunk", inputs=["input"], chunks=4, index=2),
      layer("k", "concat", inputs=["b", "a"]), FLATTEN]),
    ("shuffle in 2", [6, 2, 3], 2, [layer("x", "channel_shuffle", groups=2), FLATTEN]),
    ("shuffle in 3, in blocks", [3, 3, 3], 2,
     [layer("c", "conv2d", out_channels=48, kernel_size=3), layer("x", "channel_shuffle", groups=3),
      FLATTEN]),
]


def numbers(tensor):
    return " ".join(f"{value:.8g}" for value in tensor.flatten().tolist())


def lines(name, shape, batch_size, layers):
    network = golden.expand({"layers": layers})
    params = {}
    with torch.no_grad():
        classes = golden.forward(*network, params, torch.zeros(2, *shape))[0].shape[1]
    images, labels = golden.batch(0, batch_size, shape, classes, torch.float32)
    images.requires_grad_()
    logits = golden.forward(*network, params, images)[0]
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    return [name, json.dumps(shape), str(batch_size),
            ", ".join(json.dumps(item) for item in layers), f"{loss.item():.9g}", numbers(logits),
            numbers(images.grad)]


def main():
    torch.set_num_threads(1)
    text = "\n".join("\n".join(lines(*case)) for case in CASES)
    (pathlib.Path(__file__).resolve().parent / "layers.txt").write_text(text + "\n")


if __name__ == "__main__":
    main()
