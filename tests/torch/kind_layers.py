"""kind_layers.py -- networks of joulecast.model/1 run by PyTorch, for kind_cases.py.

What the kinds and their fields mean is written here once more, in PyTorch's terms: nothing is taken
from joulecast. Network(model) makes the layers of a model's dictionary; counts(network) counts them
with count_ops.py.
"""
import torch
import torch.nn.functional as F
from torch import nn

import count_ops

class Layer:
    """A layer to be made: its fields and the tensors it reads, with a batch of two."""

    def __init__(self, fields, inputs, batched):
        self.fields = fields
        self.inputs = inputs
        self.batched = batched  # of each input
        self.any_batched = any(batched)

    def get(self, name, default=None):
        return self.fields.get(name, default)

    def dim(self, name="dim", default=1):
        """A dimension argument for PyTorch: tensors without batch lack dimension 0."""
        return self.shift(self.get(name, default))

    def shift(self, dim):
        return dim if dim < 0 or self.any_batched else dim - 1

    def channels(self):
        return self.inputs[0].shape[1 if self.any_batched else 0]

    def image_channels(self, spatial):
        """Those before the spatial dimensions; a vector's are its features."""
        rank = self.inputs[0].dim()
        return self.inputs[0].shape[-1 - spatial if rank > 1 + spatial else -1]


def keep(layer, *names):
    return {name: layer.fields[name] for name in names if name in layer.fields}


def as_tuple(value):
    return tuple(value) if isinstance(value, list) else value


def window(layer, *more):
    names = ("kernel_size", "stride", "padding", "dilation") + more
    return {name: as_tuple(value) for name, value in keep(layer, *names).items()}


class Folded(nn.Module):
    """A module of images on dimensions between the batch and them: all become the batch."""

    def __init__(self, inner, rank):
        super().__init__()
        self.inner = inner
        self.rank = rank  # of a batch of images

    def forward(self, tensor):
        if tensor.dim() <= self.rank:
            return self.inner(tensor)
        lead = tensor.shape[:1 - self.rank]
        out = self.inner(tensor.reshape((-1,) + tensor.shape[1 - self.rank:]))
        return out.reshape(lead + out.shape[1:])


def folded(spatial, make):
    return lambda layer: Folded(make(layer), 2 + spatial)


def conv(spatial, transposed):
    cls = getattr(nn, "Conv%s%dd" % ("Transpose" if transposed else "", spatial))

    def make(layer):
        channels = layer.image_channels(spatial)
        groups = layer.get("groups", 1)
        return cls(channels, layer.fields["out_channels"], **window(layer, "output_padding"),
                   groups=channels if groups == "in_channels" else groups,
                   **keep(layer, "bias"))
    return make


def linear(layer):
    return nn.Linear(layer.inputs[0].shape[-1], layer.fields["out_features"], **keep(layer, "bias"))


class Attention(nn.Module):
    """nn.MultiheadAttention on any leading dimensions; never on the fast path of evaluation."""

    def __init__(self, layer):
        super().__init__()
        query, key, value = self.roles(layer.inputs)
        kdim = None if key.shape[-1] == query.shape[-1] else key.shape[-1]
        vdim = None if value.shape[-1] == query.shape[-1] else value.shape[-1]
        self.inner = nn.MultiheadAttention(query.shape[-1], layer.fields["num_heads"],
                                           batch_first=True, kdim=kdim, vdim=vdim,
                                           **keep(layer, "bias", "dropout"))
        self.causal = layer.get("causal", False)

    @staticmethod
    def roles(inputs):
        return inputs * 3 if len(inputs) == 1 else (inputs + inputs[1:])[:3]

    def train(self, mode=True):
        return super().train(True)

    def forward(self, *inputs):
        lead = inputs[0].shape[:-2]
        if any(tensor.shape[:-2] != lead for tensor in inputs):
            raise ValueError("leading dimensions differ")
        flat = [tensor.reshape((-1,) + tensor.shape[-2:]) for tensor in inputs]
        query, key, value = self.roles(flat)
        mask = None
        if self.causal:
            mask = torch.ones(query.shape[-2], key.shape[-2]).triu(1) > 0
        out = self.inner(query, key, value, attn_mask=mask)[0]
        return out.reshape(lead + out.shape[-2:])


def dot_product_attention(layer):
    def run(query, key, value, mask=None):
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        if layer.get("is_causal"):
            scores = scores.masked_fill(torch.ones(scores.shape[-2:]).triu(1) > 0, -1e9)
        if mask is not None:
            if torch.broadcast_shapes(scores.shape, mask.shape) != scores.shape:
                raise ValueError("the mask is larger than the scores")
            scores = scores + mask
        return F.dropout(scores.softmax(-1), layer.get("dropout_p", 0)) @ value
    return run


class PositionEmbedding(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.table = nn.Parameter(torch.rand(layer.fields["num_embeddings"],
                                             layer.fields["embedding_dim"]))
        self.place = 1 if layer.any_batched else 0

    def forward(self, tensor):
        return F.embedding(torch.arange(tensor.shape[self.place]), self.table)


class Tensor(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.tensor = nn.Parameter(torch.rand(layer.fields["shape"]))

    def forward(self):
        return self.tensor.view(self.tensor.shape)


def constant(layer):
    tensor = torch.zeros(layer.fields["shape"])
    return lambda: tensor


def batchnorm(spatial):
    cls = getattr(nn, "BatchNorm%dd" % spatial)
    return lambda layer: cls(layer.image_channels(spatial), **keep(
        layer, "eps", "momentum", "affine", "track_running_stats"))


class LastDimsNorm(nn.Module):
    """layernorm and rmsnorm: normalisation of the last dimensions, by PyTorch's and by formula."""

    def __init__(self, layer, root_mean_square):
        super().__init__()
        dims = layer.get("normalized_dims", 1)
        if dims > layer.inputs[0].dim() - layer.any_batched:
            raise ValueError("normalised over the batch")
        self.shape = layer.inputs[0].shape[-dims:]
        affine = layer.get("elementwise_affine", True)
        bias = affine and not root_mean_square and layer.get("bias", True)
        self.weight = nn.Parameter(torch.ones(self.shape)) if affine else None
        self.bias = nn.Parameter(torch.zeros(self.shape)) if bias else None
        self.eps = layer.get("eps", 1e-5)
        self.root_mean_square = root_mean_square

    def forward(self, tensor):
        if not self.root_mean_square:
            return F.layer_norm(tensor, self.shape, self.weight, self.bias, self.eps)
        dims = tuple(range(-len(self.shape), 0))
        tensor = tensor * (tensor.square().mean(dims, keepdim=True) + self.eps).rsqrt()
        return tensor if self.weight is None else tensor * self.weight


def instancenorm(layer):
    spatial = layer.inputs[0].dim() - 1 - layer.any_batched
    cls = getattr(nn, "InstanceNorm%dd" % spatial)
    return cls(layer.channels(), **keep(layer, "eps", "affine", "track_running_stats"))


def pool(name):
    def make(layer):
        return getattr(nn, name)(**window(layer, "ceil_mode", "count_include_pad"))
    return make


def adaptive_pool(name, spatial):
    def make(layer):
        size = layer.fields["output_size"]
        size = size if isinstance(size, list) else [size] * spatial
        if spatial == 1:  # takes no None
            return getattr(nn, name)(size[0] or layer.inputs[0].shape[-1])
        return getattr(nn, name)(tuple(n or None for n in size))
    return make


def reduction(function):
    def make(layer):
        dims = layer.get("dim", [])
        dims = [layer.shift(d) for d in (dims if isinstance(dims, list) else [dims])]
        if layer.any_batched and (0 in dims or -layer.inputs[0].dim() in dims):
            raise ValueError("a reduction of the batch")
        dims = dims or list(range(1 if layer.any_batched else 0, layer.inputs[0].dim()))
        return lambda tensor: function(tensor, dims, layer.get("keepdim", False))
    return make


def pointwise(function):
    return lambda layer: lambda *tensors: function(layer, *tensors)


def module(name, *fields):
    return lambda layer: getattr(nn, name)(**keep(layer, *fields))


def prelu(layer):
    return nn.PReLU(layer.get("num_parameters", 1))


def with_batch(layer, tensors):
    """Tensors without batch repeated for every sample, where others have one."""
    if not layer.any_batched:
        return tensors
    rank = max(t.dim() for t, batched in zip(tensors, layer.batched) if batched)
    size = next(t.shape[0] for t, batched in zip(tensors, layer.batched) if batched)
    result = []
    for tensor, batched in zip(tensors, layer.batched):
        if not batched:
            tensor = tensor if tensor.dim() == rank else tensor.unsqueeze(0)
            tensor = tensor.expand((size,) + tensor.shape[1:])
        result.append(tensor)
    return result


def joined(function):
    return lambda layer: lambda *tensors: function(with_batch(layer, tensors), layer.dim())


def not_of_batch(layer, *dims):
    """Whether PyTorch dimensions are others than the batch."""
    rank = layer.inputs[0].dim()
    if layer.any_batched and any(d == 0 or d == -rank for d in dims):
        raise ValueError("the batch is no dimension to work on")


def along(function, *names):
    """function(tensor, dim...) where no dim is the batch."""
    def make(layer):
        dims = [layer.dim(*name) for name in names or [("dim",)]]
        not_of_batch(layer, *dims)
        return lambda tensor, *others: function(layer, tensor, *dims, *others)
    return make


def slice_of(layer, tensor, dim):
    place = [slice(None)] * tensor.dim()
    place[dim] = slice(layer.get("start", 0), layer.get("end", 2147483647), layer.get("step", 1))
    return tensor[tuple(place)]


def of_shape(layer, tensor):
    """The field `shape` with the batch, if there is one."""
    return ([tensor.shape[0]] if layer.any_batched else []) + layer.fields["shape"]


def permute(layer):
    dims = layer.fields["dims"]
    if dims[0] != 0:
        raise ValueError("the batch stays first")
    return lambda tensor: tensor.permute(dims if layer.any_batched else [d - 1 for d in dims[1:]])


def unsqueeze(layer):
    dim = layer.dim()
    if layer.any_batched and (dim == 0 or dim == -layer.inputs[0].dim() - 1):
        raise ValueError("no dimension before the batch")
    return lambda tensor: tensor.unsqueeze(dim)


def unflatten(layer, tensor, dim):
    return tensor.unflatten(dim, layer.fields["unflattened_size"])


def roll(layer):
    dims = layer.fields["dims"]
    dims = [layer.shift(d) for d in (dims if isinstance(dims, list) else [dims])]
    not_of_batch(layer, *dims)
    return lambda tensor: torch.roll(tensor, layer.fields["shifts"], dims)


def pad(layer):
    if len(layer.fields["padding"]) > 2 * (layer.inputs[0].dim() - layer.any_batched):
        raise ValueError("a padding of the batch")
    return lambda tensor: F.pad(tensor, layer.fields["padding"], layer.get("mode", "constant"),
                                **keep(layer, "value"))


def channel_shuffle(layer):
    groups = layer.fields["groups"]

    def run(tensor):
        batch, channels = tensor.shape[:2]
        if channels % groups:
            raise ValueError("groups do not divide the channels")
        parts = tensor.reshape((batch, groups, channels // groups) + tensor.shape[2:])
        return parts.transpose(1, 2).reshape(tensor.shape)
    return run


def upsample(layer):
    return lambda tensor: F.interpolate(tensor, **{name: as_tuple(value) for name, value in keep(
        layer, "size", "scale_factor", "mode", "align_corners").items()})


def stochastic_depth(layer, tensor):
    shape = [tensor.shape[0] if layer.get("mode", "row") == "row" else 1]
    return tensor * torch.rand(shape + [1] * (tensor.dim() - 1)).ge(layer.fields["p"])


def fold(function):
    """A function of two tensors on two and more."""
    def run(_, first, *others):
        for other in others:
            first = function(first, other)
        return first
    return pointwise(run)


MEANING = {
    "linear": linear,
    "matmul": pointwise(lambda _, a, b: torch.matmul(a, b)),
    "multihead_attention": Attention,
    "scaled_dot_product_attention": dot_product_attention,
    "embedding": module("Embedding", "num_embeddings", "embedding_dim"),
    "position_embedding": PositionEmbedding,
    "parameter": Tensor,
    "constant": constant,
    "layernorm": lambda layer: LastDimsNorm(layer, False),
    "rmsnorm": lambda layer: LastDimsNorm(layer, True),
    "groupnorm": lambda layer: nn.GroupNorm(layer.fields["num_groups"], layer.channels(),
                                            **keep(layer, "eps", "affine")),
    "instancenorm": instancenorm,
    "normalize": along(lambda layer, t, dim: F.normalize(t, layer.get("p", 2), dim)),
    "relu": module("ReLU"), "relu6": module("ReLU6"), "selu": module("SELU"),
    "leaky_relu": module("LeakyReLU", "negative_slope"), "prelu": prelu,
    "elu": module("ELU", "alpha"), "celu": module("CELU", "alpha"),
    "gelu": module("GELU", "approximate"), "silu": module("SiLU"), "mish": module("Mish"),
    "sigmoid": module("Sigmoid"), "logsigmoid": module("LogSigmoid"), "tanh": module("Tanh"),
    "hardtanh": module("Hardtanh", "min_val", "max_val"), "hardsigmoid": module("Hardsigmoid"),
    "hardswish": module("Hardswish"), "softplus": module("Softplus"),
    "softsign": module("Softsign"),
    "softmax": along(lambda _, t, dim: t.softmax(dim)),
    "log_softmax": along(lambda _, t, dim: t.log_softmax(dim)),
    "scale": pointwise(lambda _, t: t * 2 + 1),
    "square": pointwise(lambda _, t: t.square()),
    "pow": pointwise(lambda layer, t: t.pow(layer.get("exponent", 2))),
    "clamp": pointwise(lambda layer, t: t.clamp(**keep(layer, "min", "max"))),
    "mean": reduction(torch.mean), "sum": reduction(torch.sum), "amax": reduction(torch.amax),
    "norm": reduction(lambda t, dims, keepdim: torch.linalg.vector_norm(t, 2, dims, keepdim)),
    "add": fold(torch.add), "mul": fold(torch.mul), "sub": fold(torch.sub), "div": fold(torch.div),
    "maximum": fold(torch.maximum), "minimum": fold(torch.minimum),
    "masked_fill": pointwise(lambda _, t, mask: t.masked_fill(mask > 0, 1)),
    "concat": joined(torch.cat), "stack": joined(torch.stack),
    "split": along(lambda layer, t, dim: t.split(layer.fields["split_size"],
                                                 dim)[layer.get("index", 0)]),
    "chunk": along(lambda layer, t, dim: t.chunk(layer.fields["chunks"],
                                                 dim)[layer.get("index", 0)]),
    "slice": along(slice_of),
    "select": along(lambda layer, t, dim: t.select(dim, layer.get("index", 0))),
    "index_select": along(lambda _, t, dim, index: t.index_select(dim, index.long())),
    "flatten": along(lambda _, t, a, b: t.flatten(a, b), ("start_dim", 1), ("end_dim", -1)),
    "unflatten": along(unflatten),
    "reshape": pointwise(lambda layer, t: t.reshape(of_shape(layer, t))),
    "permute": permute,
    "transpose": along(lambda _, t, a, b: t.transpose(a, b), ("dim0",), ("dim1",)),
    "squeeze": along(lambda _, t, dim: t.squeeze(dim)),
    "unsqueeze": unsqueeze,
    "expand": pointwise(lambda layer, t: t.expand(of_shape(layer, t))),
    "identity": module("Identity"),
    "roll": roll, "pad": pad, "channel_shuffle": channel_shuffle, "upsample": upsample,
    "pixel_shuffle": module("PixelShuffle", "upscale_factor"),
    "pixel_unshuffle": module("PixelUnshuffle", "downscale_factor"),
    "dropout": module("Dropout", "p"), "stochastic_depth": pointwise(stochastic_depth),
}
for n in (1, 2, 3):
    MEANING["conv%dd" % n] = folded(n, conv(n, False))
    MEANING["conv_transpose%dd" % n] = folded(n, conv(n, True))
    MEANING["batchnorm%dd" % n] = folded(n, batchnorm(n))
    for short, long in (("avg", "Avg"), ("max", "Max")):
        MEANING["%spool%dd" % (short, n)] = folded(n, pool("%sPool%dd" % (long, n)))
        MEANING["adaptive_%spool%dd" % (short, n)] = folded(
            n, adaptive_pool("Adaptive%sPool%dd" % (long, n), n))
for name in ("exp", "log", "sqrt", "rsqrt", "reciprocal", "abs", "neg", "sin", "cos", "erf"):
    MEANING[name] = pointwise(lambda _, t, function=getattr(torch, name): function(t))
BATCHLESS = ("parameter", "constant", "position_embedding")


# ---- networks ----

class Network(nn.Module):
    """A model's layers, made while a batch of two runs through them."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        self.functions = {}
        self.batched = {}
        self(*example_inputs(model, 2))

    def forward(self, *inputs):
        tensors = dict(zip(self.model["input"], inputs))
        self.batched.update((name, True) for name in tensors)
        for fields in self.model["layers"]:
            name = fields["name"]
            read = [tensors[source] for source in fields.get("inputs", [])]
            if name not in self.functions:
                self.build(fields, read)
            out = tensors[name] = self.functions[name](*read)
        return out

    def build(self, fields, read):
        batched = [self.batched[source] for source in fields.get("inputs", [])]
        function = MEANING[fields["type"]](Layer(fields, read, batched))
        self.batched[fields["name"]] = any(batched) and fields["type"] not in BATCHLESS
        self.functions[fields["name"]] = function
        if isinstance(function, nn.Module):
            self.add_module(fields["name"], function)
            function.requires_grad_(fields.get("trainable", True))


def example_inputs(model, batch):
    tensors = []
    for entry in model["input"].values():
        shape = [batch] + entry["shape"]
        whole = entry.get("dtype") == "int32"
        tensors.append(torch.zeros(shape, dtype=torch.long) if whole else torch.rand(shape))
    return tensors


def counts(network):
    """What the analysis counts of one sample; networks without any gradient run forward alone."""
    model = network.model
    if network(*example_inputs(model, 2)).requires_grad:
        found = count_ops.count(network, lambda batch: example_inputs(model, batch))
    else:
        forward = [count_ops.measure(network, example_inputs(model, batch), False)["forward"]
                   for batch in count_ops.BATCHES]
        step, sample = count_ops.solve("forward", forward)
        found = {"params": sum(p.numel() for p in network.parameters()), "trainable_params":
                 sum(p.numel() for p in network.parameters() if p.requires_grad),
                 "forward_macs": step + sample, "backward_data_macs": 0,
                 "backward_weights_macs": 0, "per_step_forward_macs": step,
                 "per_step_training_macs": step}
    if model["layers"][-1]["type"] in ("matmul", "scaled_dot_product_attention"):
        # a parameter is there a factor as others are, and the layer has no weights of its own
        found["backward_data_macs"] += found["backward_weights_macs"]
        found["backward_weights_macs"] = 0
    names = ("params", "trainable_params", "forward_macs", "backward_data_macs",
             "backward_weights_macs", "per_step_forward_macs", "per_step_training_macs")
    result = {name: found[name] for name in names}
    result["buffers"] = sum(b.numel() for name, b in network.named_buffers() if "running" in name)
    return {name: number for name, number in result.items() if number}
