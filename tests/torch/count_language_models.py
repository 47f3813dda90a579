#!/usr/bin/env python3
"""count_language_models.py -- BERT and GPT-2 by their papers, counted by count_ops.py.

  /usr/bin/python3 tests/torch/count_language_models.py > tests/golden/lm_counts.csv

torch brings no language models, so that they are written down here, of linear layers, embeddings
and matrix products alone. The rows are called as the files of models/ and their variants.
"""

import datetime
import math
import sys

import torch
from torch import nn
from torch.nn import functional as F

import count_ops

META = {"device": "meta"}
WORDS_BERT, WORDS_GPT2 = 30522, 50257
# name, class, layers, width, heads, tokens
NETWORKS = [("bert_base", "Bert", 12, 768, 12, 128),
            ("bert_base:seq512", "Bert", 12, 768, 12, 512),
            ("bert_large", "Bert", 24, 1024, 16, 128),
            ("bert_large:seq512", "Bert", 24, 1024, 16, 512),
            ("gpt2", "Gpt2", 12, 768, 12, 1024),
            ("gpt2:seq128", "Gpt2", 12, 768, 12, 128),
            ("gpt2_medium", "Gpt2", 24, 1024, 16, 1024),
            ("gpt2_large", "Gpt2", 36, 1280, 20, 1024),
            ("gpt2_xl", "Gpt2", 48, 1600, 25, 1024)]


class Attention(nn.Module):
    """Every head sees every position; causal masks take no product away."""

    def __init__(self, width, heads, causal):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.query, self.key, self.value, self.out = (nn.Linear(width, width, **META)
                                                      for _ in range(4))

    def split(self, x):
        """[batch, tokens, width] to [batch, heads, tokens, width of a head]."""
        return x.view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def forward(self, x):
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        scores = torch.matmul(q, k.transpose(2, 3)) / math.sqrt(q.shape[3])
        if self.causal:
            scores = scores + torch.full(scores.shape[2:], -math.inf, **META).triu(1)
        mixed = torch.matmul(scores.softmax(dim=-1), v)
        return self.out(mixed.transpose(1, 2).reshape(x.shape))


class Layer(nn.Module):
    """BERT normalises behind each sum, GPT-2 before each branch."""

    def __init__(self, width, heads, is_gpt2):
        super().__init__()
        self.is_gpt2 = is_gpt2
        self.attention = Attention(width, heads, causal=is_gpt2)
        self.wide = nn.Linear(width, 4 * width, **META)
        self.narrow = nn.Linear(4 * width, width, **META)
        self.norm1, self.norm2 = nn.LayerNorm(width, **META), nn.LayerNorm(width, **META)

    def forward(self, x):
        if self.is_gpt2:
            x = x + self.attention(self.norm1(x))
            return x + self.narrow(F.gelu(self.wide(self.norm2(x))))
        x = self.norm1(x + self.attention(x))
        return self.norm2(x + self.narrow(F.gelu(self.wide(x))))


class Bert(nn.Module):
    """Devlin et al. 2018, arXiv 1810.04805: 512 positions, 2 types, the pooler, no head."""

    def __init__(self, layers, width, heads):
        super().__init__()
        self.word, self.position, self.kind = (nn.Embedding(rows, width, **META)
                                               for rows in (WORDS_BERT, 512, 2))
        self.norm, self.pooler = nn.LayerNorm(width, **META), nn.Linear(width, width, **META)
        self.layers = nn.ModuleList(Layer(width, heads, False) for _ in range(layers))

    def forward(self, ids, kinds):
        positions = torch.arange(ids.shape[1], **META)
        x = self.norm(self.word(ids) + self.kind(kinds) + self.position(positions))
        for layer in self.layers:
            x = layer(x)
        return torch.tanh(self.pooler(x[:, 0]))


class Gpt2(nn.Module):
    """Radford et al. 2019: 1024 positions; the head's matrix is the table of words."""

    def __init__(self, layers, width, heads):
        super().__init__()
        self.word, self.position = (nn.Embedding(rows, width, **META)
                                    for rows in (WORDS_GPT2, 1024))
        self.norm = nn.LayerNorm(width, **META)
        self.layers = nn.ModuleList(Layer(width, heads, True) for _ in range(layers))

    def forward(self, ids):
        x = self.word(ids) + self.position(torch.arange(ids.shape[1], **META))
        for layer in self.layers:
            x = layer(x)
        return F.linear(self.norm(x), self.word.weight)


def row(name, kind, layers, width, heads, tokens):
    """The CSV row of a network, as a dictionary."""
    module = {"Bert": Bert, "Gpt2": Gpt2}[kind](layers, width, heads)
    inputs = 2 if kind == "Bert" else 1

    def example(batch):
        return tuple(torch.zeros((batch, tokens), dtype=torch.long, **META) for _ in range(inputs))
    counts = count_ops.count(module, example)
    counts.update(network=name, input=tokens)
    return counts


def main():
    torch.set_num_threads(1)
    print("# Counts of one sample by tests/torch/count_language_models.py: every operator seen.")
    print("# torch %s, %s" % (torch.__version__, datetime.date.today().isoformat()))
    print("# python3 tests/torch/count_language_models.py > tests/golden/lm_counts.csv")
    print(",".join(count_ops.COLUMNS))
    for network in NETWORKS:
        counts = row(*network)
        print(",".join(str(counts[column]) for column in count_ops.COLUMNS), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
