#!/usr/bin/env python3
"""count_with_tools.py -- what other counting tools print for torchvision's networks.

joulecast's `--convention` promises their numbers; tests/test_convention.c compares. The tools are
not needed by anything else here. With torch and torchvision at hand:

  pip install fvcore==0.1.5.post20221221 torchinfo==1.8.0 ptflops==0.7.5 \
      thop==0.1.1.post2209072238
  pip download --no-deps torchvision==0.29.2
  python3 count_with_tools.py --torchvision-wheel torchvision-0.29.2-*.whl \
      > tests/golden/tool_counts.csv

One image, eval() (what fvcore, thop and ptflops are told or choose themselves; torchinfo is told
so too), weights random. Columns:

  tool                   ptflops twice: its default backend, and its backend "aten"
  printed_macs_or_flops  the tool's number as it is before it is rounded for display; torchvision's
                         is what it publishes, G to three decimals, in the meta data of its weights
  params                 the tool's own count

A tool that fails on a network has no row; the failure goes to stderr.
"""

import argparse
import ast
import contextlib
import datetime
import io
import logging
import re
import sys
import warnings
import zipfile
from importlib import metadata

import torch
import torchvision
from torch import nn

SIZES = {"inception_v3": 299, "efficientnet_b1": 240, "efficientnet_b2": 288,
         "efficientnet_b3": 300, "efficientnet_b4": 380, "efficientnet_b5": 456,
         "efficientnet_b6": 528, "efficientnet_b7": 600, "efficientnet_v2_s": 384,
         "efficientnet_v2_m": 480, "efficientnet_v2_l": 480, "swin_v2_t": 256, "swin_v2_s": 256,
         "swin_v2_b": 256}  # of the images torchvision's weights were made for; 224 otherwise
# Not in the table: each is of a family with smaller ones and takes minutes.
LARGE = """efficientnet_b6 efficientnet_b7 efficientnet_v2_m efficientnet_v2_l regnet_x_16gf
regnet_x_32gf regnet_y_16gf regnet_y_32gf regnet_y_128gf vit_l_16 vit_l_32 vit_h_14""".split()
SLOW_TO_INITIALISE = ("googlenet", "inception_v3")

# Networks of one layer: the kinds that torchvision's networks lack, or have in one form only.
LAYERS = {
    "conv1d": (lambda: nn.Conv1d(4, 6, 3, stride=2, groups=2), (4, 20)),
    "conv2d_same": (lambda: nn.Conv2d(4, 6, 3, padding="same", dilation=2), (4, 9, 9)),
    "conv3d": (lambda: nn.Conv3d(3, 5, (1, 2, 3), padding=1, bias=False), (3, 6, 7, 8)),
    "conv_transpose1d": (lambda: nn.ConvTranspose1d(4, 6, 3, stride=2), (4, 10)),
    "conv_transpose2d": (lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2,
                                                    output_padding=1), (4, 9, 7)),
    "conv_transpose3d": (lambda: nn.ConvTranspose3d(4, 2, 2, bias=False), (4, 3, 4, 5)),
    "linear": (lambda: nn.Linear(12, 7), (12,)),
    "linear_positions": (lambda: nn.Linear(12, 7), (5, 12)),
    "batchnorm1d": (lambda: nn.BatchNorm1d(6), (6, 10)),
    "batchnorm2d_plain": (lambda: nn.BatchNorm2d(6, affine=False), (6, 5, 5)),
    "batchnorm2d_of_batch": (lambda: nn.BatchNorm2d(6, track_running_stats=False), (6, 5, 5)),
    "batchnorm3d": (lambda: nn.BatchNorm3d(6), (6, 2, 3, 4)),
    "layernorm": (lambda: nn.LayerNorm(8), (5, 8)),
    "layernorm_plain": (lambda: nn.LayerNorm((5, 8), elementwise_affine=False), (5, 8)),
    "groupnorm": (lambda: nn.GroupNorm(2, 6), (6, 5, 5)),
    "groupnorm_plain": (lambda: nn.GroupNorm(2, 6, affine=False), (6, 5, 5)),
    "instancenorm2d": (lambda: nn.InstanceNorm2d(6), (6, 5, 5)),
    "instancenorm2d_affine": (lambda: nn.InstanceNorm2d(6, affine=True), (6, 5, 5)),
    "relu": (nn.ReLU, (6, 5)), "relu6": (nn.ReLU6, (6, 5)),
    "leaky_relu": (nn.LeakyReLU, (6, 5)), "prelu": (lambda: nn.PReLU(6), (6, 5)),
    "elu": (nn.ELU, (6, 5)), "selu": (nn.SELU, (6, 5)), "celu": (nn.CELU, (6, 5)),
    "gelu": (nn.GELU, (6, 5)), "silu": (nn.SiLU, (6, 5)), "mish": (nn.Mish, (6, 5)),
    "sigmoid": (nn.Sigmoid, (6, 5)), "tanh": (nn.Tanh, (6, 5)),
    "hardtanh": (nn.Hardtanh, (6, 5)), "hardsigmoid": (nn.Hardsigmoid, (6, 5)),
    "hardswish": (nn.Hardswish, (6, 5)), "softplus": (nn.Softplus, (6, 5)),
    "softsign": (nn.Softsign, (6, 5)), "logsigmoid": (nn.LogSigmoid, (6, 5)),
    "softmax": (lambda: nn.Softmax(dim=-1), (6, 5)),
    "log_softmax": (lambda: nn.LogSoftmax(dim=-1), (6, 5)),
    "maxpool1d": (lambda: nn.MaxPool1d(2), (6, 10)),
    "maxpool2d": (lambda: nn.MaxPool2d(3, 2, 1), (6, 9, 9)),
    "maxpool3d": (lambda: nn.MaxPool3d(2), (6, 4, 5, 6)),
    "avgpool1d": (lambda: nn.AvgPool1d(2), (6, 10)),
    "avgpool2d": (lambda: nn.AvgPool2d(3, 2, 1), (6, 9, 9)),
    "avgpool3d": (lambda: nn.AvgPool3d(2), (6, 4, 5, 6)),
    "adaptive_avgpool1d": (lambda: nn.AdaptiveAvgPool1d(3), (6, 10)),
    "adaptive_avgpool2d": (lambda: nn.AdaptiveAvgPool2d((3, 5)), (6, 7, 13)),
    "adaptive_avgpool3d": (lambda: nn.AdaptiveAvgPool3d(2), (6, 4, 5, 7)),
    "adaptive_maxpool1d": (lambda: nn.AdaptiveMaxPool1d(3), (6, 10)),
    "adaptive_maxpool2d": (lambda: nn.AdaptiveMaxPool2d(3), (6, 7, 7)),
    "adaptive_maxpool3d": (lambda: nn.AdaptiveMaxPool3d(2), (6, 4, 5, 7)),
    "upsample_nearest2d": (lambda: nn.Upsample(scale_factor=2), (6, 5, 5)),
    "upsample_linear": (lambda: nn.Upsample(scale_factor=2, mode="linear"), (6, 5)),
    "upsample_bilinear": (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), (6, 5, 5)),
    "upsample_bicubic": (lambda: nn.Upsample(scale_factor=2, mode="bicubic"), (6, 5, 5)),
    "upsample_trilinear": (lambda: nn.Upsample(scale_factor=2, mode="trilinear"), (6, 3, 4, 5)),
    "upsample_nearest1d": (lambda: nn.Upsample(scale_factor=2), (6, 5)),
    "upsample_nearest_exact": (lambda: nn.Upsample(scale_factor=2, mode="nearest-exact"),
                               (6, 5, 5)),
    "dropout": (nn.Dropout, (6, 5)), "flatten": (nn.Flatten, (6, 5)),
    "pixel_shuffle": (lambda: nn.PixelShuffle(2), (8, 3, 3)),
    "channel_shuffle": (lambda: nn.ChannelShuffle(2), (8, 3, 3)),
    "pad": (lambda: nn.ZeroPad2d(1), (6, 5, 5)),
}
LAYER = "layer:"  # beginning of their names


def default_networks():
    classifiers = torchvision.models.list_models(torchvision.models)
    return [name for name in classifiers if name not in LARGE] + [LAYER + name for name in LAYERS]


def build(network):
    """The network by torchvision's constructor, or of one layer; ready to be run."""
    if network.startswith(LAYER):
        return nn.Sequential(LAYERS[network[len(LAYER):]][0]()).eval()
    options = {"init_weights": False} if network in SLOW_TO_INITIALISE else {}
    return getattr(torchvision.models, network)(weights=None, **options).eval()


def shape_of(network):
    """Of the input, without the batch."""
    if network.startswith(LAYER):
        return LAYERS[network[len(LAYER):]][1]
    size = SIZES.get(network, 224)
    return 3, size, size


def text_of(shape):
    return "x".join(map(str, shape))


def with_fvcore(model, image):
    from fvcore.nn import FlopCountAnalysis, parameter_count
    analysis = FlopCountAnalysis(model, image)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return analysis.total(), parameter_count(model)[""]


def with_thop(model, image):
    from thop import profile
    return profile(model, inputs=(image,), verbose=False)


def with_torchinfo(model, image):
    from torchinfo import summary
    result = summary(model, input_data=image, mode="eval", verbose=0)
    return result.total_mult_adds, result.total_params


def with_ptflops(model, image, **options):
    from ptflops import get_model_complexity_info
    return get_model_complexity_info(model, tuple(image.shape[1:]), as_strings=False,
                                     print_per_layer_stat=False, ost=io.StringIO(), **options)


def with_ptflops_aten(model, image):
    return with_ptflops(model, image, backend="aten")


TOOLS = {"fvcore": with_fvcore, "thop": with_thop, "torchinfo": with_torchinfo,
         "ptflops": with_ptflops, "ptflops-aten": with_ptflops_aten}


def literals(tree, node_type, pairs):
    """{key: value} of all nodes of a type in a syntax tree that pairs() finds and are constants."""
    return {key: value.value for node in ast.walk(tree) if isinstance(node, node_type)
            for key, value in pairs(node) if isinstance(value, ast.Constant)}


def facts_of(tree):
    """Dictionary entries and keyword arguments in a syntax tree: _ops, num_params, crop_size."""
    facts = literals(tree, ast.Dict, lambda node: [(getattr(key, "value", None), value)
                                                   for key, value in zip(node.keys, node.values)])
    facts.update(literals(tree, ast.keyword, lambda node: [(node.arg, node.value)]))
    return facts


def published(wheel):
    """(network, image size) -> facts, from the sources in a wheel of torchvision."""
    result = {}
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if not re.fullmatch(r"torchvision/models/\w+\.py", name):
                continue
            body = ast.parse(archive.read(name)).body
            common = {}
            for node in body:
                if isinstance(node, ast.Assign):
                    common.update(facts_of(node))
                elif isinstance(node, ast.ClassDef) and node.name.endswith("_Weights"):
                    for weights in node.body:
                        facts = {**common, **facts_of(weights)}
                        if "_ops" in facts:
                            network = node.name[:-len("_Weights")].lower()
                            result[network, facts["crop_size"]] = facts
    return result


def version_of(tool):
    return metadata.version(tool.split("-")[0]).replace("-", ".post")


def rows_of(network, tools):
    """One row for each tool that copes with the network."""
    shape = shape_of(network)
    for tool in tools:
        try:
            # ptflops prints the stack of a failure
            with contextlib.redirect_stdout(io.StringIO()), \
                    contextlib.redirect_stderr(io.StringIO()):
                macs, params = TOOLS[tool](build(network), torch.zeros(1, *shape))
            if macs is None:
                raise RuntimeError("no count")
        except Exception as error:  # whatever a tool trips over is its answer
            print("%s on %s: %s" % (tool, network, error), file=sys.stderr)
            continue
        assert macs == int(macs) and params == int(params), (tool, network, macs, params)
        yield tool, version_of(tool), network, text_of(shape), int(macs), int(params)


def published_row(network, facts, version):
    return ("torchvision", version, network, text_of(shape_of(network)),
            "%d" % round(facts["_ops"] * 1e9), facts["num_params"])


def print_head(options):
    versions = ["%s %s" % (name, version_of(name)) for name in ("fvcore", "thop", "torchinfo",
                                                                "ptflops")]
    print("# What counting tools print for one image or sample, made %s by" %
          datetime.date.today().isoformat())
    wheel = options.torchvision_wheel
    print("# tests/torch/count_with_tools.py%s" %
          (" --torchvision-wheel " + wheel.rsplit("/", 1)[-1] if wheel else ""))
    print("# with torch %s, torchvision %s, %s" % (torch.__version__, torchvision.__version__,
                                                   ", ".join(versions)))
    print("tool,version,network,input,printed_macs_or_flops,params")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*",
                        help="default: torchvision's classifiers but for LARGE, and LAYERS")
    parser.add_argument("--tool", action="append", choices=sorted(TOOLS))
    parser.add_argument("--torchvision-wheel", help="a newer torchvision, whose _ops are read")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    ops = published(options.torchvision_wheel) if options.torchvision_wheel else {}
    print_head(options)
    for network in options.networks or default_networks():
        facts = ops.get((network, shape_of(network)[-1]))
        if facts:
            version = options.torchvision_wheel.rsplit("/", 1)[-1].split("-")[1]
            print(*published_row(network, facts, version), sep=",")
        for row in rows_of(network, options.tool or TOOLS):
            print(*row, sep=",", flush=True)


if __name__ == "__main__":
    main()
