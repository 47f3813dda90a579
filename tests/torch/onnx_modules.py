#!/usr/bin/env python3
"""onnx_modules.py -- small networks of every operator through ONNX, compared with torch's counts.

Each module is exported by torch.onnx.export at several opsets, with a symbolic batch and with a
fixed one, converted by `joulecast convert`, and its parameters and MACs are compared with those
that count_ops.py finds in torch's own operators.

  python3 onnx_modules.py --joulecast build/cli/joulecast [NAME...]
  python3 onnx_modules.py --write tests/corpus/onnx                 the seeds of tests/fuzz_onnx.c
"""

import argparse
import os
import sys
import tempfile
import warnings

try:
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError:
    sys.exit(77)  # skipped

import count_ops
import onnx_counts


class Bert(nn.Module):
    """Token, position and segment tables, post-norm blocks with a mask, tied head with a bias."""

    def __init__(self, vocabulary=20, width=8, heads=2):
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(16, width)
        self.segments = nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width)
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.pooler = nn.Linear(width, width)
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        self.register_buffer("position_ids", torch.arange(16).expand((1, -1)))

    def split(self, x):
        return x.view(x.size(0), x.size(1), self.heads, -1).permute(0, 2, 1, 3)

    def forward(self, ids):
        length = ids.size(1)
        segments = torch.zeros_like(ids)
        x = (self.words(ids) + self.segments(segments)
             + self.positions(self.position_ids[:, :length]))
        x = F.dropout(self.norm(x), 0.1, self.training)
        mask = (1.0 - torch.ones(ids.shape)[:, None, None, :]) * -10000.0
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        scores = torch.matmul(q, k.transpose(-1, -2)) / 8 ** 0.5 + mask
        context = torch.matmul(F.softmax(scores, -1), v).permute(0, 2, 1, 3).contiguous()
        x = self.norm1(x + self.out(context.view(x.shape)))
        x = self.norm2(x + self.down(F.gelu(self.up(x))))
        pooled = torch.tanh(self.pooler(x[:, 0]))
        return F.linear(x, self.words.weight) + self.bias, pooled


class Gpt2(nn.Module):
    """Conv1D-style products, causal mask from a buffer, tanh gelu spelled out, tied head."""

    def __init__(self, vocabulary=20, width=8, heads=2):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocabulary, width), nn.Embedding(16, width)
        self.ln1, self.ln2, self.ln3 = (nn.LayerNorm(width) for _ in range(3))
        self.heads = heads
        self.attention = nn.Parameter(torch.zeros(width, 3 * width))
        self.attention_bias = nn.Parameter(torch.zeros(3 * width))
        self.project = nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        causal = torch.tril(torch.ones(16, 16, dtype=torch.bool))
        self.register_buffer("causal", causal.view(1, 1, 16, 16))
        self.register_buffer("masked_bias", torch.tensor(-1e4))

    def forward(self, ids):
        length = ids.size(-1)
        positions = torch.arange(0, length, dtype=torch.long).unsqueeze(0).view(-1, length)
        x = self.wte(ids) + self.wpe(positions)
        y = self.ln1(x)
        y = torch.addmm(self.attention_bias, y.view(-1, y.size(-1)),
                        self.attention).view(*y.shape[:-1], -1)
        q, k, v = (t.view(*t.shape[:-1], self.heads, -1).permute(0, 2, 1, 3)
                   for t in y.split(y.size(-1) // 3, dim=2))
        scores = torch.matmul(q, k.transpose(-1, -2)) / 8 ** 0.5
        scores = torch.where(self.causal[:, :, :length, :length], scores, self.masked_bias)
        y = torch.matmul(F.softmax(scores, -1), v).permute(0, 2, 1, 3).contiguous()
        x = x + self.project(y.view(*x.shape))
        y = self.up(self.ln2(x))
        y = 0.5 * y * (1.0 + torch.tanh(0.79788456 * (y + 0.044715 * torch.pow(y, 3.0))))
        return F.linear(self.ln3(x + self.down(y)), self.wte.weight)


class RmsNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


class Attention(nn.Module):
    """nn.MultiheadAttention, sequence first, to itself."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, dropout=0.1)

    def forward(self, x):
        x = x.transpose(0, 1)
        return self.attention(x, x, x, need_weights=False)[0].mean(0)


class Shapes(nn.Module):
    """Views, joins and cuts in the manner of torch code."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(12, 6)
        self.token = nn.Parameter(torch.zeros(1, 1, 12))
        self.scale = nn.Parameter(torch.ones(12))

    def forward(self, x):
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1) * self.scale
        a, b = x.chunk(2, dim=2)
        x = torch.stack([b, a], dim=1).flatten(3).permute(0, 2, 1, 3).reshape(x.shape[0], -1, 12)
        x = torch.roll(x, shifts=1, dims=1)
        y = torch.einsum("bid,bjd->bij", x, x).softmax(-1)
        x = self.linear(torch.bmm(y, x)[:, 1:, :])
        return F.normalize(x, dim=-1).amax(1) + x[:, 0].abs().sqrt()


class Activations(nn.Module):
    def __init__(self):
        super().__init__()
        self.prelu = nn.PReLU(4)
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        for f in (F.relu6, F.elu, F.selu, F.celu, F.gelu, F.silu, F.hardswish, F.hardsigmoid,
                  F.softplus, F.softsign, F.leaky_relu, F.mish, torch.tanh, torch.sin, torch.cos,
                  torch.exp, torch.neg, F.hardtanh, self.prelu):
            x = f(x)
        return F.log_softmax(self.conv(x).flatten(1), -1)


def images(*shape):
    """Example inputs by batch: one image or sequence of this shape."""
    return lambda batch: (torch.zeros(batch, *shape),)


def ids(length):
    """Example inputs by batch: one row of token numbers."""
    return lambda batch: (torch.zeros(batch, length, dtype=torch.long),)


def conv_net(*layers):
    """The layers, pooled and classified."""
    return nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(3))


# name: (constructor, example inputs, opsets)
CASES = {
    "bert": (Bert, ids(12), (11, 13, 17)),
    "gpt2": (Gpt2, ids(10), (11, 13, 17)),
    "rmsnorm": (lambda: nn.Sequential(nn.Linear(8, 8), RmsNorm(8)), images(5, 8), (9, 13, 17)),
    "attention": (Attention, images(5, 8), (11, 13, 17)),
    "shapes": (Shapes, images(5, 12), (12, 13, 17)),
    "activations": (Activations, images(4, 6, 6), (14, 17)),
    "encoder": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.1),
                images(5, 8), (13, 17)),
    "conv1d": (lambda: conv_net(nn.Conv1d(4, 6, 3, padding=1, dilation=1, groups=2),
                                nn.BatchNorm1d(6), nn.ReLU(), nn.MaxPool1d(2, ceil_mode=True)),
               images(4, 9), (9, 13, 17)),
    "conv2d": (lambda: conv_net(nn.Conv2d(3, 4, (3, 2), padding=(1, 0)), nn.GroupNorm(2, 4),
                                     nn.AvgPool2d(2, padding=1), nn.Hardswish()),
                    images(3, 8, 6), (11, 13, 17)),
    "conv3d": (lambda: conv_net(nn.Conv3d(2, 4, 3, stride=2), nn.BatchNorm3d(4),
                                nn.InstanceNorm3d(4, affine=True), nn.AdaptiveAvgPool3d(1)),
               images(2, 5, 9, 9), (9, 13, 17)),
    "transposed": (lambda: conv_net(nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1,
                                                       output_padding=1), nn.InstanceNorm2d(4),
                                    nn.ReflectionPad2d(1), nn.Upsample(scale_factor=2)),
                   images(3, 2, 2), (11, 13, 17)),
    "shuffles": (lambda: conv_net(nn.Conv2d(3, 8, 1, bias=False), nn.PixelShuffle(2),
                                  nn.Upsample(scale_factor=2, mode="bilinear"),
                                  nn.PixelUnshuffle(2)),
                 images(3, 2, 2), (11, 13, 17)),
}


# Those kept as seeds for fuzzing: small, and together of every operator.
SEEDS = ["bert", "shapes", "activations", "conv1d", "conv2d", "conv3d", "rmsnorm", "shuffles"]


def export(module, inputs, path, opset, symbolic):
    """Writes MODULE to PATH, for any batch or for that of the inputs."""
    names = ["x%d" % i for i in range(len(inputs))]
    axes = {name: {0: "batch"} for name in names} if symbolic else None
    torch.onnx.export(module, inputs, path, opset_version=opset, input_names=names,
                      training=torch.onnx.TrainingMode.TRAINING, do_constant_folding=False,
                      dynamic_axes=axes)


def compare(module, example, opset, batch, joulecast):
    """What differs, for a symbolic batch (0) or a fixed one; None if nothing does."""
    wanted = count_ops.count(module, example)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "m.onnx")
        export(module.train(), example(batch or 2), path, opset, batch == 0)
        totals = onnx_counts.convert(joulecast, path, [])
    columns = [c for c in onnx_counts.COLUMNS if c != "forward_macs"]
    wrong = [f"{c} {totals[c]}, torch counts {wanted[c]}" for c in columns
             if int(totals[c]) != wanted[c]]
    return "; ".join(wrong) or None


def write_all(folder):
    """The seeds at their first opset, with weights of zero."""
    for name in SEEDS:
        build, example, opsets = CASES[name]
        module = build()
        module(*example(2))
        for tensor in list(module.parameters()) + list(module.buffers()):
            if tensor.is_floating_point():
                tensor.data.zero_()
        path = os.path.join(folder, f"{name}_{opsets[0]}.onnx")
        export(module.train(), example(2), path, opsets[0], True)


def main():
    """Compares the cases named on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="cases; default: all")
    parser.add_argument("--joulecast", default="build/cli/joulecast", help="the program")
    parser.add_argument("--write", metavar="FOLDER", help="write the ONNX files and compare none")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    if args.write:
        write_all(args.write)
        return 0
    failed = 0
    for name in args.names or CASES:
        build, example, opsets = CASES[name]
        module = build()
        module(*example(2))  # lazy modules take their shape
        for opset in opsets:
            for batch in (0, 1, 3):
                try:
                    wrong = compare(module, example, opset, batch, args.joulecast)
                except Exception as error:  # one case must not hide the others
                    wrong = f"{type(error).__name__}: {str(error)[:300]}"
                failed += wrong is not None
                print(f"{name} opset {opset} {'batch %d' % batch if batch else 'any batch'}: "
                      f"{wrong or 'equal'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
