#!/usr/bin/python3
"""kind_cases.py -- every layer kind by PyTorch: shapes, parameters and products of random settings.

Writes ../golden/kind_cases.jsonl, with which tests/test_kinds_torch.c compares the analysis. Made
with Debian 12's python3-torch (1.13.1), always the same:

    /usr/bin/python3 tests/torch/kind_cases.py

A line is one small network that ends in the kind under test:

    kind    its name
    model   the network as joulecast.model/1
    error   true where PyTorch refuses the settings or gives an empty tensor (why: its words);
            otherwise
    out     shape of the output without the batch
    alone   true where the output has no batch
    counts  of the whole network, by count_ops.py: parameters, products forward and backward;
            those that are 0 are left out

Inputs that are to need a gradient pass a prelu, which multiplies no matrices.
"""
import json
import pathlib
import random
import warnings

import torch

from kind_layers import MEANING, Network, counts, example_inputs

SEED = 3
TRIES = 300  # random settings tried for each kind, until there are enough
VALID, INVALID = 8, 4  # wanted of each kind; of products, twice as many valid ones
NOT_MEANT = ("more than 1 spatial",)  # refusals that are not of shapes


class Draw:
    """Random settings of one kind."""

    def __init__(self, rng, kind):
        self.rng = rng
        self.kind = kind
        self.sources = []  # of the kind's inputs: (type, shape)

    def number(self, low, high):
        return self.rng.randint(low, high)

    def chance(self, share):
        return self.rng.random() < share

    def shape(self, low_rank, high_rank, low=1, high=6):
        return [self.number(low, high) for _ in range(self.number(low_rank, high_rank))]

    def extent(self, spatial, low, high):
        """A number, or one for each dimension."""
        if self.chance(0.5):
            return self.number(low, high)
        return [self.number(low, high) for _ in range(spatial)]

    def source(self, shape, types=("input", "input", "input", "parameter", "constant")):
        self.sources.append((self.rng.choice(types), shape))
        return shape

    def sample(self, shape):
        return self.source(shape, ("input",))

    def images(self, shape):
        """Some with a dimension that PyTorch has in the batch: windows, frames."""
        return self.source(([self.number(2, 3)] if self.chance(0.2) else []) + shape, ("images",))

    def dim(self, rank):
        """Mostly a dimension there is."""
        dims = [d for d in range(-rank, rank + 1) if d != 0]
        return self.rng.choice(dims + [rank + 1, -rank - 1] if self.chance(0.2) or not dims
                               else dims)

    def optional(self, fields, **choices):
        """Adds some of the fields, each drawn from a list."""
        for name, values in choices.items():
            if self.chance(0.5):
                fields[name] = self.rng.choice(values)
        return fields


def draw_conv(draw, spatial, transposed):
    groups = draw.rng.choice([1, 1, 2, 3, "in_channels"])
    channels = draw.number(1, 3) * (groups if isinstance(groups, int) else 1)
    out = draw.number(1, 3) * (channels if groups == "in_channels" else groups)
    draw.images([channels + draw.chance(0.1)] + draw.shape(spatial, spatial, 3, 9))
    fields = {"out_channels": out, "kernel_size": draw.extent(spatial, 1, 4)}
    draw.optional(fields, groups=[groups], bias=[True, False])
    if groups != 1:
        fields["groups"] = groups
    if draw.chance(0.3) and not transposed:
        fields["padding"] = draw.rng.choice(["same", "same", "valid"])
    elif draw.chance(0.6):
        fields["padding"] = draw.extent(spatial, 0, 2)
    if draw.chance(0.5) and (fields.get("padding") != "same" or draw.chance(0.1)):
        fields["stride"] = draw.extent(spatial, 1, 3)
    if draw.chance(0.4):
        fields["dilation"] = draw.extent(spatial, 1, 3)
    if transposed and draw.chance(0.5):
        fields["output_padding"] = draw.extent(spatial, 0, 2)
    return fields


def draw_linear(draw):
    draw.source(draw.shape(1, 4))
    return draw.optional({"out_features": draw.number(1, 7)}, bias=[True, False])


def draw_matmul(draw):
    lead = draw.shape(0, 2, 1, 3)
    m, k, n = draw.shape(3, 3, 1, 5)
    left = [1 if draw.chance(0.3) else d for d in lead] + [m, k]
    right = [1 if draw.chance(0.3) else d for d in lead] + [k + draw.chance(0.1), n]
    kinds = draw.rng.choice([("input", "input"), ("input", "parameter"), ("parameter", "input"),
                             ("input", "constant"), ("parameter", "parameter")])
    if "input" in kinds and kinds != ("input", "input"):
        # the batch is the outermost dimension of one of them
        if kinds[1] != "input" and draw.chance(0.5):
            left, right = draw.rng.choice([left[-1:], left]), right[-2:]
        elif kinds[0] != "input" and draw.chance(0.3):
            left = left[-1:]
        elif draw.chance(0.3):
            left, right = ((left, [1] + right) if kinds[0] == "input" else ([1] + left, right))
    draw.source(left, kinds[:1])
    draw.source(right, kinds[1:])
    return {}


def draw_attention(draw):
    heads = draw.number(1, 4)
    lead = draw.shape(0, 1, 2, 3)
    query = draw.sample(lead + [draw.number(1, 6), heads * draw.number(1, 3)])
    inputs = draw.number(1, 3)
    source = draw.number(1, 6)
    for i in range(1, inputs):
        features = query[-1] if draw.chance(0.5) else draw.number(1, 8)
        draw.sample(lead + [source + (i == 2 and draw.chance(0.1)), features])
    return draw.optional({"num_heads": heads + draw.chance(0.1)}, bias=[True, False],
                         causal=[True], dropout=[0.1])


def draw_dot_product(draw):
    lead = draw.shape(0, 2, 1, 3)
    length, source, features, values = draw.shape(4, 4, 1, 5)
    draw.sample(lead + [length, features])
    other = [1 if draw.chance(0.2) else d for d in lead]
    draw.sample(other + [source, features + draw.chance(0.1)])
    draw.sample(other + [source + draw.chance(0.1), values])
    if draw.chance(0.4):
        draw.source([length, source + 2 * draw.chance(0.3)], ("constant",))
    return draw.optional({}, is_causal=[True], dropout_p=[0.1])


def draw_table(draw):
    whole = ("indices",) if draw.kind == "embedding" else ("input", "indices", "parameter")
    draw.source(draw.shape(1, 3, 2, 5), whole)
    return {"num_embeddings": draw.number(2, 9), "embedding_dim": draw.number(1, 5)}


def draw_tensor(draw):
    return {"shape": draw.shape(0, 5)}


def draw_batchnorm(draw, spatial):
    if spatial == 1 and draw.chance(0.4):
        draw.sample(draw.shape(1, 1, 2, 5))
    else:
        draw.images(draw.shape(1 + spatial, 1 + spatial, 2, 5))
    return draw.optional({}, eps=[1e-3], momentum=[0.01], affine=[True, False],
                         track_running_stats=[True, False])


def draw_last_dims(draw):
    rank = len(draw.source(draw.shape(1, 4, 2, 5)))
    fields = draw.optional({}, eps=[1e-6], elementwise_affine=[True, False],
                           normalized_dims=[draw.number(1, rank), draw.number(1, rank + 1)])
    return draw.optional(fields, bias=[True, False]) if draw.kind == "layernorm" else fields


def draw_groupnorm(draw):
    groups = draw.number(1, 4)
    draw.sample([groups * draw.number(1, 3)] + draw.shape(1, 3, 2, 4))
    return draw.optional({"num_groups": groups + draw.chance(0.2)}, eps=[1e-3],
                         affine=[True, False])


def draw_instancenorm(draw):
    draw.sample(draw.shape(2, 4, 2, 5))
    return draw.optional({}, eps=[1e-3], affine=[True, False], track_running_stats=[True, False])


def draw_along(draw):
    rank = len(draw.source(draw.shape(1, 4)))
    fields = {"dim": draw.dim(rank)} if draw.chance(0.8) else {}
    return draw.optional(fields, p=[1, 2, 3]) if draw.kind == "normalize" else fields


def draw_prelu(draw):
    shape = draw.sample(draw.shape(1, 4))
    return draw.optional({}, num_parameters=[1, shape[0], shape[0], shape[0] + 1])


POINTWISE_FIELDS = {
    "leaky_relu": {"negative_slope": [0.2]}, "elu": {"alpha": [0.5]}, "celu": {"alpha": [0.5]},
    "gelu": {"approximate": ["none", "tanh"]}, "hardtanh": {"min_val": [-2], "max_val": [2]},
    "pow": {"exponent": [3, 0.5, -1]}, "clamp": {"max": [0.5]}, "dropout": {"p": [0, 0.1]},
}


def draw_pointwise(draw):
    draw.source(draw.shape(1, 5))
    fields = draw.optional({}, **POINTWISE_FIELDS.get(draw.kind, {}))
    if draw.kind == "clamp":
        fields["min"] = 0
    if draw.kind == "stochastic_depth":
        draw.sources = [("input", draw.sources[0][1])]
        fields["p"] = 0.2
        draw.optional(fields, mode=["row", "batch"])
    return fields


def draw_pool(draw, spatial, averages):
    draw.images(draw.shape(1 + spatial, 1 + spatial, 2, 9))
    fields = {"kernel_size": draw.extent(spatial, 1, 4)}
    if draw.chance(0.6):
        fields["stride"] = draw.extent(spatial, 1, 3)
    if draw.chance(0.5):
        fields["padding"] = draw.extent(spatial, 0, 2)
    if draw.chance(0.4) and not averages:
        fields["dilation"] = draw.extent(spatial, 1, 2)
    draw.optional(fields, ceil_mode=[True, True, False])
    return draw.optional(fields, count_include_pad=[True, False]) if averages else fields


def draw_adaptive(draw, spatial):
    draw.images(draw.shape(1 + spatial, 1 + spatial, 1, 7))
    return {"output_size": draw.extent(spatial, 0, 7)}


def draw_reduction(draw):
    rank = len(draw.source(draw.shape(1, 4)))
    fields = draw.optional({}, keepdim=[True, False])
    if draw.chance(0.2):
        return fields
    fields["dim"] = [draw.dim(rank) for _ in range(draw.number(1, min(rank, 3)))]
    if len(fields["dim"]) == 1 and draw.chance(0.5):
        fields["dim"] = fields["dim"][0]
    return fields


def draw_arithmetic(draw):
    shape = draw.shape(1, 4)
    many = draw.kind in ("add", "mul") and draw.chance(0.3)
    first = draw.sample([1 if draw.chance(0.15) else d for d in shape])
    for _ in range(2 if many else 1):
        other = [1 if draw.chance(0.3) else d for d in shape]
        other[draw.number(0, len(other) - 1)] += draw.chance(0.15)
        if draw.kind == "masked_fill":
            draw.source(other, ("constant", "input"))
        elif draw.chance(0.5):
            draw.sample(other)
        else:  # without batch: shorter, as long, or with a dimension for the batch
            other = draw.rng.choice([other[draw.number(0, len(other) - 1):], other, [1] + other,
                                     [5] + other])
            draw.source(other, ("parameter", "constant"))
    if draw.chance(0.3) and draw.kind != "masked_fill":
        draw.sources.reverse()
    return {} if first else None


def draw_join(draw):
    shape = draw.shape(1, 4)
    rank = len(shape)
    dim = draw.dim(rank)
    place = dim - 1 if dim > 0 else rank + dim
    for i in range(draw.number(1, 4)):
        other = list(shape)
        if draw.kind == "concat" and 0 <= place < rank:
            other[place] = draw.number(1, 5)
        if draw.chance(0.1):
            other[draw.number(0, rank - 1)] += 1
        if i > 0 and draw.chance(0.3):
            draw.source(draw.rng.choice([other, [1] + other]), ("parameter", "constant"))
        else:
            draw.sample(other)
    return {"dim": dim} if draw.chance(0.8) or dim != 1 else {}


def draw_cut(draw):
    shape = draw.source(draw.shape(1, 4, 1, 9))
    dim = draw.dim(len(shape))
    length = shape[dim - 1 if dim > 0 else dim] if abs(dim) <= len(shape) else 5
    fields = {} if dim == 1 and draw.chance(0.5) else {"dim": dim}
    if draw.kind == "split":
        fields["split_size"] = draw.number(1, length + 1)
    elif draw.kind == "chunk":
        fields["chunks"] = draw.number(1, length + 2)
    elif draw.kind == "slice":
        bounds = list(range(-length - 2, length + 3))
        return draw.optional(fields, start=bounds, end=bounds, step=[1, 2, 3, 50])
    low = -length - 1 if draw.kind == "select" else 0
    return draw.optional(fields, index=list(range(low, length + 1)) + [0] * length)


def draw_index_select(draw):
    rank = len(draw.source(draw.shape(1, 4)))
    draw.source(draw.shape(1, 1) if draw.chance(0.9) else draw.shape(2, 2), ("constant",))
    return {"dim": draw.dim(rank)}


def draw_flatten(draw):
    rank = len(draw.source(draw.shape(1, 5, 1, 4)))
    return draw.optional({}, start_dim=[draw.dim(rank)], end_dim=[draw.dim(rank)])


def split_of(draw, number):
    """Factors of a number."""
    factors = []
    for factor in (2, 3):
        while number % factor == 0 and draw.chance(0.7):
            factors.append(factor)
            number //= factor
    factors.insert(draw.number(0, len(factors)), number)
    return factors


def draw_unflatten(draw):
    shape = draw.source(draw.shape(1, 3, 1, 24))
    dim = draw.dim(len(shape))
    length = shape[dim - 1 if dim > 0 else dim] if abs(dim) <= len(shape) else 12
    sizes = split_of(draw, length)
    if draw.chance(0.4):
        sizes[draw.number(0, len(sizes) - 1)] = -1
    elif draw.chance(0.2):
        sizes[0] += 1
    return {"dim": dim, "unflattened_size": sizes}


def draw_reshape(draw):
    shape = draw.source(draw.shape(1, 4))
    number = 1
    for length in shape:
        number *= length
    wanted = split_of(draw, number)
    for _ in range(2):
        if draw.chance(0.3):
            wanted[draw.number(0, len(wanted) - 1)] = -1
    if draw.chance(0.2):
        wanted.append(2)
    return {"shape": wanted}


def draw_permute(draw):
    rank = len(draw.source(draw.shape(1, 5)))
    dims = list(range(1, rank + 1))
    draw.rng.shuffle(dims)
    if draw.chance(0.3):
        dims[0] = dims[-1]
    return {"dims": [0] + dims}


def draw_transpose(draw):
    rank = len(draw.source(draw.shape(1, 5)))
    return {"dim0": draw.dim(rank), "dim1": draw.dim(rank)}


def draw_squeeze(draw):
    shape = draw.shape(1, 4, 2, 5)
    place = draw.number(0, len(shape))
    draw.source(shape[:place] + [1] + shape[place:])
    return {"dim": draw.rng.choice([place + 1, place - len(shape) - 1, len(shape) + 2])}


def draw_unsqueeze(draw):
    rank = len(draw.source(draw.shape(1, 5)))
    return {"dim": draw.dim(rank + 1)}


def draw_expand(draw):
    shape = draw.source([1 if draw.chance(0.5) else n for n in draw.shape(1, 4, 2, 5)])
    wanted = [draw.number(1, 5) if n == 1 else draw.rng.choice([n, -1]) for n in shape]
    if draw.chance(0.3):
        wanted[draw.number(0, len(wanted) - 1)] = 7
    if draw.chance(0.3) and draw.sources[0][0] != "input":
        wanted = draw.shape(1, 2) + wanted
    return {"shape": wanted}


def draw_roll(draw):
    rank = len(draw.source(draw.shape(1, 4)))
    count = draw.number(1, 3)
    shifts = [draw.number(-4, 4) for _ in range(count + draw.chance(0.1))]
    dims = [draw.dim(rank) for _ in range(count)]
    if count == 1 and len(shifts) == 1 and draw.chance(0.5):
        return {"shifts": shifts[0], "dims": dims[0]}
    return {"shifts": shifts, "dims": dims}


def draw_pad(draw):
    mode = draw.rng.choice(["constant", "constant", "reflect", "replicate", "circular"])
    if mode == "constant":
        rank = len(draw.source(draw.shape(1, 4, 2, 6)))
        numbers = [draw.number(-2, 4) for _ in range(2 * draw.number(1, rank))]
        fields = {"padding": numbers + [1] * draw.chance(0.1)}
        return draw.optional(fields, value=[0, 0.5, -1], mode=[mode])
    spatial = draw.number(1, 3)
    draw.sample(draw.shape(1 + spatial, 1 + spatial, 2, 6))
    return {"padding": [draw.number(0, 3) for _ in range(2 * spatial)], "mode": mode}


def draw_shuffle(draw):
    factor = draw.number(1, 3)
    if draw.kind == "channel_shuffle":
        draw.sample([factor * draw.number(1, 4)] + draw.shape(1, 3))
        return {"groups": factor + draw.chance(0.2)}
    if draw.kind == "pixel_shuffle":
        draw.sample([factor * factor * draw.number(1, 3)] + draw.shape(2, 2))
        return {"upscale_factor": factor + draw.chance(0.2)}
    draw.sample([draw.number(1, 3), factor * draw.number(1, 4), factor * draw.number(1, 4)])
    return {"downscale_factor": factor + draw.chance(0.2)}


def draw_upsample(draw):
    spatial = draw.number(1, 3)
    draw.sample(draw.shape(1 + spatial, 1 + spatial, 1, 7))
    modes = [["linear"], ["bilinear", "bicubic"], ["trilinear"]]
    mode = draw.rng.choice(modes[spatial - 1] + ["nearest", "nearest-exact", "area"])
    if draw.chance(0.15):
        mode = draw.rng.choice(modes[draw.number(0, 2)])
    fields = draw.optional({"mode": mode} if mode != "nearest" else {},
                           size=[draw.extent(spatial, 1, 9)])
    if "size" not in fields or draw.chance(0.1):
        fields["scale_factor"] = draw.rng.choice([2, 3, 0.5, 1.5, 0.3, 2.7])
    if mode.endswith("linear") or mode == "bicubic":
        draw.optional(fields, align_corners=[True, False])
    return fields


DRAW = {
    "linear": draw_linear, "matmul": draw_matmul, "multihead_attention": draw_attention,
    "scaled_dot_product_attention": draw_dot_product, "embedding": draw_table,
    "position_embedding": draw_table, "parameter": draw_tensor, "constant": draw_tensor,
    "layernorm": draw_last_dims, "rmsnorm": draw_last_dims, "groupnorm": draw_groupnorm,
    "instancenorm": draw_instancenorm, "normalize": draw_along, "prelu": draw_prelu,
    "softmax": draw_along, "log_softmax": draw_along, "concat": draw_join, "stack": draw_join,
    "split": draw_cut, "chunk": draw_cut, "slice": draw_cut, "select": draw_cut,
    "index_select": draw_index_select, "flatten": draw_flatten, "unflatten": draw_unflatten,
    "reshape": draw_reshape, "permute": draw_permute, "transpose": draw_transpose,
    "squeeze": draw_squeeze, "unsqueeze": draw_unsqueeze, "expand": draw_expand,
    "roll": draw_roll, "pad": draw_pad, "channel_shuffle": draw_shuffle,
    "pixel_shuffle": draw_shuffle, "pixel_unshuffle": draw_shuffle, "upsample": draw_upsample,
}
for name in ("mean", "sum", "amax", "norm"):
    DRAW[name] = draw_reduction
for name in ("add", "sub", "mul", "div", "maximum", "minimum", "masked_fill"):
    DRAW[name] = draw_arithmetic
for n in (1, 2, 3):
    DRAW["conv%dd" % n] = lambda draw, n=n: draw_conv(draw, n, False)
    DRAW["conv_transpose%dd" % n] = lambda draw, n=n: draw_conv(draw, n, True)
    DRAW["batchnorm%dd" % n] = lambda draw, n=n: draw_batchnorm(draw, n)
    DRAW["avgpool%dd" % n] = lambda draw, n=n: draw_pool(draw, n, True)
    DRAW["maxpool%dd" % n] = lambda draw, n=n: draw_pool(draw, n, False)
    DRAW["adaptive_avgpool%dd" % n] = lambda draw, n=n: draw_adaptive(draw, n)
    DRAW["adaptive_maxpool%dd" % n] = lambda draw, n=n: draw_adaptive(draw, n)
PRODUCTS = [kind for kind in MEANING if kind.startswith("conv") or kind in (
    "linear", "matmul", "multihead_attention", "scaled_dot_product_attention")]
NO_GRADIENT = {"masked_fill": [1], "index_select": [1], "scaled_dot_product_attention": [3]}


def draw_model(rng, kind):
    """A network that ends in the kind with random settings."""
    draw = Draw(rng, kind)
    fields = DRAW.get(kind, draw_pointwise)(draw)
    model = {"schema": "joulecast.model/1", "name": kind, "input": {}, "layers": []}
    layers, names = model["layers"], []
    needs_gradient = rng.choice([0, 0.5, 1])
    for i, (source, shape) in enumerate(draw.sources):
        name = "abcdefgh"[i]
        if source in ("parameter", "constant"):
            layers.append({"name": name, "type": source, "shape": shape})
        else:
            model["input"][name] = {"shape": shape}
            if source == "indices":
                model["input"][name]["dtype"] = "int32"
        to_prelu = rng.random() < needs_gradient or (source == "parameter" and kind == "linear")
        if to_prelu and source != "indices" and i not in NO_GRADIENT.get(kind, []):
            layers.append({"name": "p" + name, "type": "prelu", "inputs": [name]})
            name = "p" + name
        elif source == "images":  # an input has no dimensions between the batch and the channels
            layers.append({"name": "i" + name, "type": "identity", "inputs": [name]})
            name = "i" + name
        names.append(name)
    if not model["input"]:
        model["input"]["unused"] = {"shape": [1]}
    last = {"name": "out", "type": kind}
    if names:
        last["inputs"] = names
    if rng.random() < 0.25:
        last["trainable"] = False
    layers.append(dict(last, **fields))
    return model


def run_case(kind, model):
    """The golden line of a network."""
    line = {"kind": kind, "model": model}
    try:
        network = Network(model)
        two, three = (network(*example_inputs(model, batch)).shape for batch in (2, 3))
        if 0 in two:
            raise ValueError("an empty tensor")
    except (RuntimeError, ValueError, IndexError, TypeError, AssertionError,
            NotImplementedError) as error:
        if any(text in str(error) for text in NOT_MEANT):
            return None
        return dict(line, error=True, why=str(error).splitlines()[0][:100])
    alone = two == three
    if not alone and (two[0], three[0]) != (2, 3):
        return None  # the batch has gone elsewhere
    try:
        line.update(out=list(two if alone else two[1:]), alone=alone, counts=counts(network))
    except ValueError as error:
        if kind == "matmul" and "torch ran" in str(error):
            return None  # of a vector: PyTorch makes the outer product element by element
        raise
    return line


def cases_of(kind):
    """Golden lines of a kind: different networks, some of which PyTorch refuses."""
    rng = random.Random("%d %s" % (SEED, kind))
    wanted = {False: VALID * (2 if kind in PRODUCTS else 1), True: INVALID}
    lines, seen = [], set()
    for _ in range(TRIES):
        model = draw_model(rng, kind)
        text = json.dumps(model)
        if text in seen or not any(wanted.values()):
            continue
        seen.add(text)
        line = run_case(kind, model)
        if line is not None and wanted["error" in line] > 0:
            wanted["error" in line] -= 1
            lines.append(line)
    return lines


def main():
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    path = pathlib.Path(__file__).resolve().parent.parent / "golden" / "kind_cases.jsonl"
    with open(path, "w") as file:
        for kind in sorted(MEANING):
            for line in cases_of(kind):
                file.write(json.dumps(line, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
