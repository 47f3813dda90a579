#!/usr/bin/env python3
"""test_export.py -- models/export_torch.py against counts made by torch itself.

  python3 test_export.py --joulecast build/cli/joulecast [--golden torch_counts.csv] [--all]

Exports 25 small classifiers of torchvision (--all: every one in the table), lets `joulecast
inspect` read the files, and compares parameters, forward and training MACs with count_ops.py's.
Then transformers and other networks of its own, counted by count_ops.py on the spot, and networks
that must be refused. Prints "N passed, N failed"; the exit status is 1 if any failed.
"""

import argparse
import csv
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import types
import warnings

try:
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
    import torchvision  # noqa: F401
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, os.path.join(ROOT, "models")]

import count_ops  # noqa: E402
import export_torch  # noqa: E402

COMPARED = ("params", "trainable_params", "forward_macs", "training_macs",
            "per_step_forward_macs", "per_step_training_macs")
SMALL = """alexnet densenet121 efficientnet_b0 efficientnet_b1 efficientnet_v2_s googlenet
googlenet_noaux inception_v3 maxvit_t mnasnet0_5 mnasnet1_0 mobilenet_v2 mobilenet_v3_small
regnet_x_400mf regnet_y_400mf resnet18 resnet50 resnext50_32x4d shufflenet_v2_x0_5 squeezenet1_1
swin_t swin_v2_t vgg11_bn vit_b_32 convnext_tiny""".split()


# ---- networks of our own ------------------------------------------------------------------------

class BertLayer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(0.1)

    def split(self, x):
        return x.view(x.size()[:-1] + (self.heads, -1)).permute(0, 2, 1, 3)

    def forward(self, x, mask):
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(q.size(-1)) + mask
        mixed = torch.matmul(self.dropout(F.softmax(scores, dim=-1)), v)
        mixed = mixed.permute(0, 2, 1, 3).contiguous()
        mixed = mixed.view(mixed.size()[:-2] + (x.size(-1),))
        x = self.norm1(x + self.dropout(self.out(mixed)))
        return self.norm2(x + self.dropout(self.narrow(F.gelu(self.wide(x)))))


class Bert(nn.Module):
    """A word head tied to the embedding, but with a bias of its own, and a second head."""

    def __init__(self, words=200, positions=64, width=32):
        super().__init__()
        self.word, self.kind = nn.Embedding(words, width), nn.Embedding(2, width)
        self.position = nn.Embedding(positions, width)
        self.register_buffer("position_ids", torch.arange(positions).expand((1, -1)))
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.layers = nn.ModuleList(BertLayer(width, 4) for _ in range(2))
        self.transform, self.pooler = nn.Linear(width, width), nn.Linear(width, width)
        self.bias = nn.Parameter(torch.zeros(words))

    def forward(self, input_ids, attention_mask):
        mask = (1.0 - attention_mask[:, None, None, :].to(torch.float32)) * -1e9
        kinds = torch.zeros(input_ids.shape, dtype=torch.long, device=input_ids.device)
        x = self.word(input_ids) + self.kind(kinds)
        x += self.position(self.position_ids[:, :input_ids.size(1)])
        x = self.norm(x)
        for layer in self.layers:
            x = layer(x, mask)
        words = F.linear(F.gelu(self.transform(x)), self.word.weight, self.bias)
        return {"words": words, "pooled": torch.tanh(self.pooler(x[:, 0]))}


class TransposedLinear(nn.Module):
    """GPT-2's way to write a linear layer."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        size = x.size()[:-1] + (self.bias.numel(),)
        return torch.addmm(self.bias, x.view(-1, x.size(-1)), self.weight).view(size)


class GptBlock(nn.Module):
    def __init__(self, width, positions):
        super().__init__()
        causal = torch.tril(torch.ones(positions, positions)).bool()
        self.register_buffer("causal", causal[None, None])
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = TransposedLinear(width, 3 * width)
        self.out = TransposedLinear(width, width)
        self.wide = TransposedLinear(width, 4 * width)
        self.narrow = TransposedLinear(4 * width, width)

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = (t.view(batch, length, 4, -1).transpose(1, 2)
                   for t in self.attention(self.norm1(x)).split(width, dim=2))
        scores = q @ k.transpose(-1, -2) / math.sqrt(width // 4)
        scores = scores.masked_fill(~self.causal[:, :, :length, :length], float("-inf"))
        x = x + self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, length, width))
        h = self.wide(self.norm2(x))
        h = 0.5 * h * (1.0 + torch.tanh(0.7979 * (h + 0.044715 * torch.pow(h, 3.0))))
        return x + self.narrow(h)


class Gpt(nn.Module):
    def __init__(self, words=200, positions=64, width=32):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(words, width), nn.Embedding(positions, width)
        self.blocks = nn.ModuleList(GptBlock(width, positions) for _ in range(2))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, words, bias=False)
        self.head.weight = self.wte.weight

    def forward(self, input_ids):
        positions = torch.arange(0, input_ids.size(1), device=input_ids.device).unsqueeze(0)
        x = self.wte(input_ids) + self.wpe(positions)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


class Translator(nn.Module):
    """nn.Transformer with a mask: cross attention, and self attention taken apart."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(50, 32)
        self.transformer = nn.Transformer(32, 4, 1, 1, 64, batch_first=True)
        self.head = nn.Linear(32, 50)

    def forward(self, source, target):
        mask = torch.full((target.size(1),) * 2, -1e9, device=target.device).triu(1)
        return self.head(self.transformer(self.words(source), self.words(target), tgt_mask=mask))


class Segmenter(nn.Module):
    """Transposed convolution, resampling, group and instance norm, PReLU, parts frozen."""

    def __init__(self):
        super().__init__()
        self.down1, self.down2 = nn.Conv2d(3, 8, 3, padding="same"), nn.Conv2d(8, 16, 3, 2, 1)
        self.norm1, self.norm2 = nn.GroupNorm(2, 8), nn.InstanceNorm2d(16, affine=True)
        self.relu, self.up = nn.PReLU(), nn.ConvTranspose2d(16, 8, 2, 2)
        self.out = nn.Conv2d(16, 1, 1)
        self.gain = nn.Parameter(torch.ones(8, 1, 1))
        self.down1.requires_grad_(False)

    def forward(self, x):
        one = self.relu(self.norm1(self.down1(x)))
        two = self.norm2(self.down2(one))
        near = F.interpolate(two, scale_factor=2, mode="bilinear", align_corners=False)[:, :8]
        return self.out(torch.cat([one, self.up(two) + near * self.gain], 1)).squeeze(1)


class Writer(nn.Module):
    """Writes in place: whole tensors, parts of them, and parts of a copy of a parameter."""

    def __init__(self):
        super().__init__()
        self.conv, self.linear = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 4)

    def forward(self, x):
        y = self.conv(x).relu_()
        z = y * 2
        z[:, :4] += y[:, 4:]
        z[:, :, 0] = 0
        bias = self.linear.bias.clone()
        bias[1:3].zero_()
        return F.linear((z + y).mean((2, 3)), self.linear.weight, bias)


class Frames(nn.Module):
    """Convolutions over the frames of a video, folded into the batch; attention over them."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x):
        y = F.max_pool2d(F.relu(self.norm(self.conv(x.flatten(0, 1)))), 2).flatten(2)
        y = y.transpose(1, 2)
        y = self.attention(y, y, y, need_weights=False)[0].mean(1)
        return y.view(x.size(0), x.size(1), -1).mean(1)


class AuxiliaryHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.main, self.extra = nn.Linear(8, 8), nn.Linear(8, 4), nn.Linear(8, 4)

    def forward(self, x):
        x = F.dropout(self.body(x), 0.1) if self.training else self.body(x)
        return (self.main(x), self.extra(x)) if self.training else self.main(x)


def of_tokens(*lengths):
    return tuple(torch.zeros(1, length, dtype=torch.long) for length in lengths)


OWN = [("bert", Bert(), of_tokens(16, 16)), ("gpt", Gpt(), of_tokens(16)),
       ("translator", Translator(), of_tokens(7, 9)),
       ("segmenter", Segmenter(), (torch.zeros(1, 3, 16, 16),)),
       ("writer", Writer(), (torch.zeros(1, 3, 8, 8),)),
       ("frames", Frames(), (torch.zeros(1, 4, 3, 8, 8),)),
       ("auxiliary", AuxiliaryHead(), (torch.zeros(1, 8),))]


def network(forward, **parts):
    """A module with a convolution, a linear layer and the given forward(self, x)."""
    members = dict(conv=nn.Conv2d(3, 8, 3, padding=1), linear=nn.Linear(8, 8), **parts)
    module = type("Net", (nn.Module,), {"forward": forward})()
    for name, part in members.items():
        setattr(module, name, part)
    return module


def features(self, x):
    return self.linear(self.conv(x).mean((2, 3)))


def through_view(self, x):
    y = features(self, x)
    y.view(-1, 2, 4).relu_()
    return y


def without_gradient(self, x):
    with torch.no_grad():
        y = self.conv(x)
    return self.linear(y.mean((2, 3)))


# forward, and what its error must say: the function, the module, the reason
REFUSED = {
    "fft": (lambda s, x: torch.fft.fft2(features(s, x)), r"fft2 in the top module: no layer kind"),
    "two at once": (lambda s, x: torch.cumsum(features(s, x), 1) + torch.sort(features(s, x))[0],
                    r"(?s)torch.cumsum in .*torch.sort in "),
    "lstm": (lambda s, x: s.rnn(features(s, x)[:, None])[0],
             r"lstm in module rnn \(LSTM\): no layer kind"),
    "mean over the batch": (lambda s, x: features(s, x) - features(s, x).mean(0),
                            r"mean in the top module: mixes the samples"),
    "softmax over the batch": (lambda s, x: features(s, x).softmax(0),
                               r"softmax .* along the batch"),
    "gram matrix": (lambda s, x: features(s, x) @ features(s, x).t(), r"mixes the samples"),
    "shuffled batch": (lambda s, x: features(s, x)[torch.randperm(len(x))], r"along the batch"),
    "samples regrouped": (lambda s, x: s.linear(features(s, x).view(4, -1, 2).reshape(-1, 8)),
                          r"view .*mixes the samples"),
    "control flow by batch": (lambda s, x: features(s, x) if len(x) == 2 else -features(s, x),
                              r"depend on the size of the batch"),
    "detached": (lambda s, x: features(s, x).detach() + features(s, x), r"gradient stops"),
    "no_grad": (without_gradient, r"conv2d in module conv \(Conv2d\): the gradient stops"),
    "written through a view": (through_view, r"memory was since written"),
    "eval differs": (lambda s, x: features(s, x).relu() if s.training else features(s, x).sigmoid(),
                     r"eval\(\) runs it, train\(\) does not"),
    "computed weight": (lambda s, x: F.conv2d(x, s.conv.weight * 2).mean((2, 3)) @ s.linear.weight,
                        r"a weight is computed"),
    "unused parameters": (lambda s, x: s.conv(x), r"never uses.*: linear.weight, linear.bias"),
    "constant output": (lambda s, x: torch.zeros(3), r"no output of the module"),
}


# ---- comparing ----------------------------------------------------------------------------------

class Suite:
    """Counts what passed and prints what failed."""

    def __init__(self, joulecast):
        self.joulecast = joulecast
        self.passed = self.failed = 0

    def check(self, name, problem):
        """problem: None, or text saying what is wrong."""
        self.passed += problem is None
        self.failed += problem is not None
        if problem is not None:
            print("FAILED %s: %s" % (name, problem), flush=True)

    def compare(self, name, model, expected):
        """The file of an exported model, as joulecast reads it, has the expected counts."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model.json")
            export_torch.save(model, path)
            done = subprocess.run([self.joulecast, "inspect", path, "--format", "json"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            self.check(name, "joulecast inspect: " + done.stderr.strip().replace(folder + "/", ""))
            return
        found = json.loads(done.stdout)
        wrong = ["%s %s, expected %s" % (key, found.get(key), expected[key]) for key in COMPARED
                 if key in found and int(expected[key]) != found[key]]
        self.check(name, ", ".join(wrong) or None)


def export_torchvision(row):
    """The model of one row of the table."""
    name, _, without = row["network"].partition("_noaux")
    without = row["network"].endswith("_noaux")
    return export_torch.run(types.SimpleNamespace(
        module="torchvision:" + name, set=["aux_logits=False"] if without else [],
        input=[row["input"]], name=None, allow_unused=False, device="meta"))


def test_classifiers(suite, path, everything):
    with open(path, encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    names = {row["network"] for row in rows}
    for missing in [name for name in SMALL if name not in names]:
        suite.check(missing, "not in %s" % path)
    for row in rows:
        if not everything and row["network"] not in SMALL:
            continue
        try:
            suite.compare(row["network"], export_torchvision(row), row)
        except export_torch.ExportError as error:
            suite.check(row["network"], error)


def test_own(suite):
    for name, module, examples in OWN:
        def at(batch):
            return tuple(t.expand((batch,) + t.shape[1:]).clone() for t in examples)
        before = {key: value.clone() for key, value in module.state_dict().items()}
        try:
            model = export_torch.export(module, examples, name=name)
            suite.check(name + ": the module is as before", None if module.training and all(
                torch.equal(value, before[key]) for key, value in module.state_dict().items())
                else "changed")
            suite.compare(name, model, count_ops.count(module, at))
        except export_torch.ExportError as error:
            suite.check(name, error)


def test_refusals(suite):
    for name, (forward, pattern) in REFUSED.items():
        parts = {"rnn": nn.LSTM(8, 8, batch_first=True)} if name == "lstm" else {}
        try:
            export_torch.export(network(forward, **parts), torch.zeros(1, 3, 8, 8))
            problem = "not refused"
        except export_torch.ExportError as error:
            problem = None if re.search(pattern, str(error)) else \
                "expected an error like %r, got %r" % (pattern, str(error))
        suite.check("refuses " + name, problem)


def test_details(suite):
    """What the counts alone do not show."""
    model = export_torch.export(AuxiliaryHead(), torch.zeros(1, 8))
    layers = {layer["name"]: layer for layer in model["layers"]}
    suite.check("heads in order",
                None if model["outputs"] == ["main", "extra"] else model["outputs"])
    suite.check("only the head is for training", None if [
        n for n, layer in layers.items() if "when" in layer] == ["extra"] else layers)

    model = export_torch.export(Gpt(), of_tokens(16))
    layers = {layer["name"]: layer for layer in model["layers"]}
    suite.check("tied head", None if layers["head"].get("weight_from") == "wte" else layers["head"])
    suite.check("positions follow the input", None
                if layers["wpe"]["type"] == "position_embedding" else layers["wpe"])

    model = export_torch.export(Segmenter(), torch.zeros(1, 3, 16, 16))
    frozen = [layer["name"] for layer in model["layers"] if layer.get("trainable") is False]
    suite.check("frozen layers", None if frozen == ["down1"] else frozen)

    branch = network(lambda s, x: features(s, x) if x.sum().item() >= 0 else x)
    model = export_torch.export(branch, torch.zeros(1, 3, 8, 8))
    kinds = [layer["type"] for layer in model["layers"]]
    suite.check("a branch on a value", None if kinds == ["conv2d", "mean", "linear"] else kinds)

    spare = network(lambda s, x: s.conv(x))
    sys.stderr, kept = open(os.devnull, "w"), sys.stderr
    model = export_torch.export(spare, torch.zeros(1, 3, 8, 8), allow_unused=True)
    sys.stderr.close()
    sys.stderr = kept
    suite.check("--allow-unused", None if model["expect"]["params"] == 224 else model["expect"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--joulecast", default=os.path.join(ROOT, "build", "cli", "joulecast"))
    parser.add_argument("--golden",
                        default=os.path.join(ROOT, "tests", "golden", "torch_counts.csv"))
    parser.add_argument("--all", action="store_true", help="every network of the table")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    suite = Suite(options.joulecast)
    test_classifiers(suite, options.golden, options.all)
    test_own(suite)
    test_refusals(suite)
    test_details(suite)
    print("%d passed, %d failed" % (suite.passed, suite.failed))
    return 1 if suite.failed else 0


if __name__ == "__main__":
    sys.exit(main())
