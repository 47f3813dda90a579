#!/usr/bin/env python3
"""count_ops.py -- the products of a PyTorch module, counted as torch runs them.

An oracle for joulecast's static analysis that shares nothing with it: the network is run, a
dispatch mode sees every aten operator of the forward and the backward pass, and the
multiply-accumulates of each convolution and matrix product are added up from its operands' shapes.

  python3 count_ops.py torchvision:resnet50 torchvision:vit_b_16     rows of CSV
  python3 count_ops.py --all > tests/golden/torch_counts.csv         every torchvision classifier
  count(module, example_inputs)                                      the same for any module

What is counted (one sample; no bias; the network's input needs no gradient):

  forward_macs           eval() graph
  training_forward_macs  train() graph, so with the auxiliary heads
  backward_data_macs     gradients of operands that are activations or computed values
  backward_weights_macs  gradients of operands that are a parameter or a view of one
  training_macs          the sum of the last three

Every network is run at batches 2 and 3, which gives the work done once per step and the work done
per sample; batch 4 must then come out as predicted. A row's counts are per_step + per_sample.
"""

import argparse
import contextlib
import datetime
import inspect
import re
import sys

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

COLUMNS = ["network", "input", "params", "trainable_params", "forward_macs",
           "training_forward_macs", "backward_data_macs", "backward_weights_macs", "training_macs",
           "per_step_forward_macs", "per_step_training_macs", "parameters_without_gradient"]
BATCHES = (2, 3, 4)  # two to solve for per_step and per_sample, the third to check the solution

# An operator whose name matches may multiply; one that is not known below is an error.
SUSPECT = re.compile(r"mm|mv|conv|dot|attention|einsum|linear|linalg|matmul|gemm|bilinear"
                     r"|outer|ger$|addr$|lstm|gru|rnn|cdist|pdist|kron|transformer|fft"
                     r"|mha|corr|cov|inner")
HARMLESS = re.compile(r"^_?upsample_|^linalg_vector_norm$|^mvlgamma")
WITH_AUX = ("googlenet", "inception_v3")  # have auxiliary heads unless told otherwise
NO_AUX = "_noaux"  # ending of our rows of those without
NAMESPACES = ("aten", "prim", "prims")

# Operators that carry values unchanged into another storage, and those that carry gradients there
# in a backward pass; views stay in the same storage and need no entry.
COPIES = {"clone", "contiguous", "_to_copy", "cat", "stack", "_reshape_copy"}
GRADIENT_COPIES = COPIES | {"sum", "add", "add_", "copy_", "slice_backward", "select_backward"}


def convolution_macs(source, weight, result_numel, transposed):
    """Every element of the result (transposed: of the source) meets a filter, padding included."""
    elements = source.numel() if transposed else result_numel
    return elements * (weight.numel() // weight.shape[0])


# name -> (multiply-accumulates, the two operands) from the arguments of a matrix product
MATRIX_PRODUCTS = {
    "mm": lambda a: (a[0].numel() * a[1].shape[1], a[0], a[1]),
    "addmm": lambda a: (a[1].numel() * a[2].shape[1], a[1], a[2]),
    "bmm": lambda a: (a[0].numel() * a[1].shape[2], a[0], a[1]),
    "baddbmm": lambda a: (a[1].numel() * a[2].shape[2], a[1], a[2]),
    "addbmm": lambda a: (a[1].numel() * a[2].shape[2], a[1], a[2]),
    "mv": lambda a: (a[0].numel(), a[0], a[1]),
    "addmv": lambda a: (a[1].numel(), a[1], a[2]),
    "dot": lambda a: (a[0].numel(), a[0], a[1]),
    "ger": lambda a: (a[0].numel() * a[1].numel(), a[0], a[1]),
    "addr": lambda a: (a[1].numel() * a[2].numel(), a[1], a[2]),
    "linear": lambda a: (a[0].numel() * a[1].shape[0], a[0], a[1]),
}


class UnknownProduct(Exception):
    """An operator that may multiply and that this script cannot count."""


def tensors_of(value):
    """All tensors in nested lists, tuples and dictionaries."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [t for item in value for t in tensors_of(item)]
    return []


def map_tensors(value, change):
    """value with every tensor in nested lists, tuples and dictionaries replaced by change(it)."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, dict):
        return {key: map_tensors(item, change) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [map_tensors(item, change) for item in value]
        return items if isinstance(value, list) else tuple(items)
    return value


def storage_key(tensor):
    """Identity of a tensor's storage, which all its views share; works on the meta device."""
    storage = getattr(tensor, "untyped_storage", tensor.storage)
    return storage()._cdata


def without_kernel(func, args, kwargs):
    """The results' shapes of an operator that has no meta kernel: it is run on zeros.

    The gradients of a convolution, which torch 1.13 lacks, would take long and have known shapes.
    """
    if func._schema.name == "aten::convolution_backward":
        shapes = args[1].shape, args[2].shape, args[3]
        return tuple(torch.empty(shape, device="meta") if wanted else None
                     for shape, wanted in zip(shapes, args[10]))

    def to_cpu(t):
        return torch.zeros(t.shape, dtype=t.dtype) if t.device.type == "meta" else t

    kwargs = dict(map_tensors(kwargs, to_cpu))
    if "device" in kwargs:
        kwargs["device"] = torch.device("cpu")
    result = func(*map_tensors(args, to_cpu), **kwargs)
    if func._schema.name.endswith("_"):
        return args[0]
    return map_tensors(result, lambda t: torch.empty_like(t, device="meta"))


class ProductCounter(TorchDispatchMode):
    """Counts the products of one forward and, after begin_backward(), one backward pass.

    Tensors are followed by their storage. `origin` maps a storage to what it holds: in the forward
    pass the parameter it is a view or copy of, in the backward pass the products whose results
    lie in it. Every tensor noted there is kept alive, so a storage's identity is never reused.
    """

    def __init__(self, parameters):
        super().__init__()
        self.backward = False
        self.forward_macs = 0
        self.data_macs = 0  # of convolutions in backward; matrix products are in self.products
        self.weights_macs = 0
        self.products = []  # multiply-accumulates of each matrix product of the backward pass
        self.weight_products = set()  # indices into products
        self.expected_data = 0  # what the definition says, from the operands seen in forward
        self.expected_weights = 0
        self.without_meta = set()
        self.kept = []
        self.origin = {}
        self.parameter_of = self.origin  # the forward pass's origin
        self.multiplied = set()  # the parameters that are an operand of a matrix product
        for parameter in parameters:
            self.note(parameter, {storage_key(parameter)})
        self.hooks = [p.register_hook(self.on_gradient(storage_key(p))) for p in parameters
                      if p.requires_grad]

    def note(self, tensor, what):
        self.kept.append(tensor)
        self.origin.setdefault(storage_key(tensor), set()).update(what)

    def begin_backward(self):
        self.origin = {}
        self.backward = True

    def close(self):
        for hook in self.hooks:
            hook.remove()
        self.kept = []

    def on_gradient(self, key):
        """A hook for a parameter's whole gradient: the products lying in it are of weights."""
        def hook(gradient):
            if key in self.multiplied:
                self.weight_products |= self.origin.get(storage_key(gradient), set())
        return hook

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        namespace, name = func._schema.name.split("::")
        try:
            result = func(*args, **kwargs)
        except NotImplementedError:
            self.without_meta.add(name)
            result = without_kernel(func, args, kwargs)
        if namespace not in NAMESPACES:
            raise UnknownProduct("operator %s::%s is not one of aten's" % (namespace, name))
        if not self.count(name, args, result):
            if SUSPECT.search(name) and not HARMLESS.search(name):
                raise UnknownProduct("operator aten::%s may multiply and is not known" % name)
            self.follow(name, args, result)
        return result

    def count(self, name, args, result):
        """Adds a product to the counts; false where the operator is none."""
        if name in ("convolution", "_convolution"):
            source, weight, transposed = args[0], args[1], args[6]
            self.count_product(convolution_macs(source, weight, result.numel(), transposed),
                               source, weight, result)
        elif name == "convolution_backward":
            self.count_convolution_backward(args)
        elif name in MATRIX_PRODUCTS:
            macs, left, right = MATRIX_PRODUCTS[name](args)
            self.count_product(macs, left, right, result, is_matrix=True)
        else:
            return False
        return True

    def count_product(self, macs, left, right, result, is_matrix=False):
        if self.backward:
            self.note(result, {len(self.products)})
            self.products.append(macs)
            return
        self.forward_macs += macs
        for operand in (left, right):
            holders = self.origin.get(storage_key(operand), set())
            if is_matrix:
                self.multiplied |= holders
            if operand.requires_grad and holders:
                self.expected_weights += macs
            elif operand.requires_grad:
                self.expected_data += macs

    def count_convolution_backward(self, args):
        gradient, source, weight, transposed, mask = args[0], args[1], args[2], args[7], args[10]
        macs = convolution_macs(source, weight, gradient.numel(), transposed)
        is_parameter = storage_key(weight) in self.parameter_of
        self.data_macs += macs * mask[0]
        if is_parameter:
            self.weights_macs += macs * mask[1]
        else:
            self.data_macs += macs * mask[1]

    def follow(self, name, args, result):
        """Notes where values noted before have been copied or added to."""
        if name not in (GRADIENT_COPIES if self.backward else COPIES):
            return
        noted = [self.origin.get(storage_key(t), set()) for t in tensors_of(args)]
        if not any(noted) or (not self.backward and not all(noted)):
            return
        for tensor in tensors_of(result):
            self.note(tensor, set().union(*noted))


class KnownSizes(TorchFunctionMode):
    """Tells repeat_interleave the size of its result, which torch 1.13's meta device cannot see."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if (func is torch.repeat_interleave and len(args) == 2 and isinstance(args[1], int)
                and isinstance(kwargs.get("dim"), int)):
            kwargs.setdefault("output_size", args[0].shape[kwargs["dim"]] * args[1])
        return func(*args, **kwargs)


@contextlib.contextmanager
def plain_attention():
    """Attention by its products, not by fused kernels, where this torch has such switches."""
    undo = []
    for name, getter in (("flash_sdp", "flash_sdp_enabled"),
                         ("mem_efficient_sdp", "mem_efficient_sdp_enabled"),
                         ("cudnn_sdp", "cudnn_sdp_enabled")):
        switch = getattr(torch.backends.cuda, "enable_" + name, None)
        if switch:
            undo.append((switch, getattr(torch.backends.cuda, getter)()))
    mha = getattr(torch.backends, "mha", None)
    if mha:
        undo.append((mha.set_fastpath_enabled, mha.get_fastpath_enabled()))
    for switch, _ in undo:
        switch(False)
    try:
        yield
    finally:
        for switch, before in undo:
            switch(before)


def loss_of(output):
    """A scalar that depends on every output."""
    parts = [t.sum() for t in tensors_of(output) if t.requires_grad]
    return sum(parts[1:], parts[0])


def measure(module, inputs, training):
    """Counts of one pass: forward alone in eval(), forward and backward in train()."""
    module.train(training)
    module.zero_grad(set_to_none=True)
    parameters = list(module.parameters())
    counter = ProductCounter(parameters)
    try:
        with torch.enable_grad(), plain_attention(), counter:
            with KnownSizes():
                output = module(*inputs)
            if training:
                loss = loss_of(output)
                counter.begin_backward()
                loss.backward()
    finally:
        counter.close()
    weights = sum(counter.products[i] for i in counter.weight_products)
    result = {"forward": counter.forward_macs,
              "weights": counter.weights_macs + weights,
              "data": counter.data_macs + sum(counter.products) - weights,
              "expected_data": counter.expected_data, "expected_weights": counter.expected_weights,
              "unused": sum(p.requires_grad and p.grad is None for p in parameters),
              "without_meta": counter.without_meta}
    module.zero_grad(set_to_none=True)
    return result


def solve(name, values):
    """(per_step, per_sample) from the counts at BATCHES, which must lie on one line."""
    per_sample = values[1] - values[0]
    per_step = values[0] - BATCHES[0] * per_sample
    if values[2] != per_step + BATCHES[2] * per_sample or per_step < 0:
        raise ValueError("%s: not linear in the batch: %s at %s" % (name, values, BATCHES))
    return per_step, per_sample


def check_backward(measured):
    """The backward pass that ran is the one that the forward pass's operands call for."""
    for part in ("data", "weights"):
        if measured[part] != measured["expected_" + part]:
            raise ValueError("backward-%s: torch ran %d, the operands of forward call for %d"
                             % (part, measured[part], measured["expected_" + part]))


def count(module, example_inputs):
    """Exact counts of one sample, by column name; see the top of this file.

    example_inputs(batch) returns the positional inputs as a tuple, on the module's device. The
    meta device does no arithmetic and needs no memory; elsewhere the network is really run three
    times forward and three times back, its batch statistics move and its gradients are cleared.
    Raises UnknownProduct for an operator it cannot count, ValueError where the counts are not
    linear in the batch or the backward pass is not the one the forward pass calls for.
    """
    was_training = module.training
    try:
        evaluation = [measure(module, example_inputs(b), False) for b in BATCHES]
        training = [measure(module, example_inputs(b), True) for b in BATCHES]
    finally:
        module.train(was_training)
    for measured in training:
        check_backward(measured)
    step, sample = solve("forward", [m["forward"] for m in evaluation])
    parts = {part: solve("training " + part, [m[part] for m in training])
             for part in ("forward", "data", "weights")}
    parameters = list(module.parameters())
    return {
        "params": sum(p.numel() for p in parameters),
        "trainable_params": sum(p.numel() for p in parameters if p.requires_grad),
        "forward_macs": step + sample,
        "training_forward_macs": sum(parts["forward"]),
        "backward_data_macs": sum(parts["data"]),
        "backward_weights_macs": sum(parts["weights"]),
        "training_macs": sum(sum(part) for part in parts.values()),
        "per_step_forward_macs": step,
        "per_step_training_macs": sum(part[0] for part in parts.values()),
        "parameters_without_gradient": training[0]["unused"],
        "without_meta": sorted(set().union(*(m["without_meta"] for m in evaluation + training))),
    }


@contextlib.contextmanager
def no_initialisation():
    """Leaves parameters as they were allocated: values do not matter here, and 640 M take time."""
    saved = {name: getattr(torch.nn.init, name) for name in dir(torch.nn.init)
             if name.endswith("_") and not name.startswith("_")}
    for name in saved:
        setattr(torch.nn.init, name, lambda tensor, *args, **kwargs: tensor)
    try:
        yield
    finally:
        for name, function in saved.items():
            setattr(torch.nn.init, name, function)


def constructors():
    """Names of torchvision's classifier constructors, the video ones last."""
    from torchvision import models

    def names(module, package):
        return sorted(n for n, f in vars(module).items() if inspect.isfunction(f)
                      and f.__module__.startswith(package) and not f.__module__.endswith("._api"))
    return (names(models, "torchvision.models.") + [n + NO_AUX for n in WITH_AUX]
            + names(models.video, "torchvision.models.video."))


def constructor_of(name):
    """(constructor, keyword arguments) of a name of constructors()."""
    from torchvision import models
    kwargs = {"weights": None}
    if name.endswith(NO_AUX):
        name = name[:-len(NO_AUX)]
        kwargs["aux_logits"] = False
    if name in WITH_AUX:
        kwargs["init_weights"] = False
    source = models if hasattr(models, name) else models.video
    return getattr(source, name), kwargs


def default_input(constructor, module):
    """Channels, frames of video, height and width: the crop of the first weights listed.

    A vision transformer takes only the size that it was built for.
    """
    if hasattr(module, "image_size"):
        return [3, module.image_size, module.image_size]
    annotation = inspect.signature(constructor).parameters["weights"].annotation
    weights = next(a for a in annotation.__args__ if a is not type(None))
    crop = next(iter(weights)).transforms.keywords["crop_size"]
    crop = list(crop) if isinstance(crop, (list, tuple)) else [crop]
    is_video = ".video." in constructor.__module__
    return [3] + ([16] if is_video else []) + (crop if len(crop) == 2 else crop * 2)


def count_torchvision(name, shape=None):
    """The CSV row of a torchvision constructor, as a dictionary."""
    constructor, kwargs = constructor_of(name)
    with no_initialisation():
        module = constructor(**kwargs).to("meta")
    shape = shape or default_input(constructor, module)
    row = count(module, lambda batch: (torch.empty([batch] + shape, device="meta"),))
    row.update(network=name, input="x".join(map(str, shape)))
    return row


def header():
    """The lines above the table: what, by which versions, and how to make it again."""
    import torchvision
    return ["# Counts of one sample by tests/torch/count_ops.py: every aten operator seen.",
            "# torch %s, torchvision %s, %s" % (torch.__version__, torchvision.__version__,
                                                datetime.date.today().isoformat()),
            "# python3 tests/torch/count_ops.py --all > tests/golden/torch_counts.csv"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", metavar="torchvision:NAME")
    parser.add_argument("--all", action="store_true", help="every classifier of torchvision")
    parser.add_argument("--input", help="shape of one sample, such as 3x224x224")
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = constructors() if options.all else [n.split(":", 1)[-1] for n in options.networks]
    if not names:
        parser.error("expected a network or --all")
    shape = [int(part) for part in options.input.split("x")] if options.input else None
    print("\n".join(header() + [",".join(COLUMNS)]))
    failed = 0
    for name in names:
        try:
            row = count_torchvision(name, shape)
            print(",".join(str(row[column]) for column in COLUMNS), flush=True)
        except Exception as error:  # the other networks' rows are still wanted
            failed += 1
            print("count_ops.py: %s: %s: %s" % (name, type(error).__name__, error),
                  file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
