#!/usr/bin/env python3
"""export_torch.py -- writes a PyTorch module as a joulecast model file (joulecast.model/1).

  python3 export_torch.py torchvision:resnet50 -o resnet50.json
  python3 export_torch.py torchvision:googlenet --set aux_logits=False -o googlenet.json
  python3 export_torch.py mypkg.mymodule:build --input 3x224x224 -o net.json
  python3 export_torch.py bert.py:build --input input_ids=int32:128 --input mask=128 -o bert.json

`build` is called without arguments (but for --set) and returns an nn.Module; a class will do. An
input without a name goes to forward() by position, one with a name by keyword. From Python:

  from export_torch import export, save
  save(export(module, torch.zeros(1, 3, 224, 224), name="mynet"), "mynet.json")

How: the module really runs, in eval() and in train(), each at batches of 2 and 3, and every torch
function it calls is recorded. A size that grows with the batch is the batch; the files leave it
out. What runs only in train() becomes "when": "training". Values do not matter, so the command
line runs on torch's meta device, which computes nothing, and on the CPU where a module cannot.

What no layer kind expresses is an error that names the function and the module, all of them at
once; nothing is left out in silence. `expect` holds the parameters as torch counts them and the
forward MACs as a separate look at torch's lowest-level operators counts them: joulecast refuses a
file whose own count differs.

Needs torch 1.13 or later, and torchvision for `torchvision:` names. One file: copy it anywhere.
"""

import argparse
import ast
import collections
import contextlib
import dataclasses
import functools
import importlib
import importlib.util
import inspect
import itertools
import json
import math
import os
import re
import sys
import types
import weakref

import torch
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils._python_dispatch import TorchDispatchMode

BATCHES = (2, 3)


class ExportError(Exception):
    """The module cannot be written as layers; `problems` is a list of messages."""

    def __init__(self, problems):
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class Unexpressible(Exception):
    """One call cannot be written as layers, and why."""


# ---- nested structures of tensors ---------------------------------------------------------------

def map_leaves(value, change):
    """value with every leaf of its lists, tuples, dictionaries and slices replaced."""
    if isinstance(value, dict):
        return {key: map_leaves(item, change) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [map_leaves(item, change) for item in value]
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, slice):
        return slice(*[map_leaves(v, change) for v in (value.start, value.stop, value.step)])
    return change(value)


def leaves_of(value, kind):
    """All leaves of one class in nested lists, tuples, dictionaries (and their like)."""
    if isinstance(value, kind):
        return [value]
    if isinstance(value, slice):
        value = (value.start, value.stop, value.step)
    if isinstance(value, collections.abc.Mapping):
        value = list(value.values())
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = list(vars(value).values())
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in leaves_of(item, kind)]
    return []


def storage_key(tensor):
    """Identity of the memory that a tensor shares with its views; works on the meta device."""
    return getattr(tensor, "untyped_storage", tensor.storage)()._cdata


# ---- what a run leaves behind -------------------------------------------------------------------

class Value:
    """A tensor of the recorded run: its shape at both batches and what it was made from.

    `source` is "data" (depends on an input), "parameter" (on parameters only) or "constant".
    After settle(): `batch` is the dimension that grows with the batch (or None) and `fold` how
    many times; `inner` the part of fold to the right of the batch; `dims` the shape of a file.
    """

    def __init__(self, shape, source, parameter=None, integer=False):
        self.shape = tuple(shape)
        self.other = None
        self.source = source
        self.parameter = parameter  # name, where it is an nn.Parameter itself
        self.integer = integer
        self.positions = False  # 0, 1, 2, ... along its last dimension
        self.opaque = ()  # why no layer gives it; matters only where an output depends on it
        self.alias = None  # the Value whose elements these are, in the same order
        self.transposed = None  # the nn.Parameter of two dimensions that this is the transpose of
        self.layer = None
        self.dims = None
        self.batch = None
        self.fold = self.inner = 1

    def settle(self):
        """Finds the batch by comparing the shapes of both runs."""
        if self.dims is not None:
            return
        growing = [i for i, sizes in enumerate(zip(self.shape, self.other)) if sizes[0] != sizes[1]]
        if len(self.shape) != len(self.other) or len(growing) > 1:
            raise Unexpressible("mixes the samples of a batch: shapes %s and %s at batches of %d "
                                "and %d" % (list(self.shape), list(self.other), *BATCHES))
        for i in growing:
            if self.shape[i] * BATCHES[1] != self.other[i] * BATCHES[0]:
                raise Unexpressible("a dimension of %d at a batch of %d, of %d at %d"
                                    % (self.shape[i], BATCHES[0], self.other[i], BATCHES[1]))
            self.batch = i
            self.fold = self.inner = self.shape[i] // BATCHES[0]
        if self.source == "data" and self.batch is None:
            raise Unexpressible("mixes the samples of a batch: shape %s at every batch size"
                                % list(self.shape))
        self.dims = tuple(self.fold if i == self.batch else size
                          for i, size in enumerate(self.shape)
                          if i != self.batch or self.fold > 1)

    def root(self):
        return self if self.alias is None else self.alias.root()


class Varying:
    """An argument that differs between the two batch sizes."""


class Call:
    """One recorded function: arguments by name with Values for tensors, and its results."""

    def __init__(self, name, function, place, arguments, results):
        self.name = name
        self.function = function
        self.place = place
        self.arguments = arguments
        self.results = results

    def __getattr__(self, name):
        try:
            return self.__dict__["arguments"][name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def out(self):
        return self.results[0]


Place = collections.namedtuple("Place", "path type")


def described(function, place):
    """A function and the module that called it, for messages."""
    where = "module %s (%s)" % (place.path, place.type) if place.path else "the top module"
    return "%s in %s" % (function, where)


def reasons_of(values):
    """Why these Values are opaque, each reason once."""
    return tuple(dict.fromkeys(reason for value in values for reason in value.opaque))


# ---- names of functions and their arguments -----------------------------------------------------

SYNONYMS = {
    "radd": "add", "rmul": "mul", "rdiv": "rdiv", "rtruediv": "rdiv", "truediv": "div",
    "true_divide": "div", "divide": "div", "multiply": "mul", "subtract": "sub", "iadd": "add_",
    "isub": "sub_", "imul": "mul_", "itruediv": "div_", "idiv": "div_", "ipow": "pow_",
    "negative": "neg", "absolute": "abs", "clip": "clamp", "concat": "cat", "concatenate": "cat",
    "swapaxes": "transpose", "swapdims": "transpose", "moveaxis": "movedim",
    "invert": "logical_not", "bitwise_not": "logical_not", "and": "logical_and",
    "bitwise_and": "logical_and", "or": "logical_or", "bitwise_or": "logical_or",
    "greater": "gt", "less": "lt", "greater_equal": "ge", "less_equal": "le", "not_equal": "ne",
    "linalg_norm": "norm", "linalg_vector_norm": "norm",
}

# Functions whose result holds nothing of their argument but its shape.
SHAPE_ONLY = {"zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like",
              "new_zeros", "new_ones", "new_empty", "new_full", "new_tensor", "zero_", "fill_",
              "normal_", "uniform_", "bernoulli_"}
ESCAPES = {"numpy", "array", "tolist"}  # values that go on outside of torch
KEEPS_POSITIONS = {"getitem", "unsqueeze", "expand", "view", "reshape", "to", "long", "int",
                   "contiguous", "clone", "expand_as", "repeat", "type", "squeeze"}


def name_of(function):
    """A function's plain name: "add" for torch.add, Tensor.add and __add__, "T" for Tensor.T."""
    name = function.__name__
    if name == "__get__":
        return function.__self__.__name__
    if name.startswith("__") and name.endswith("__"):
        name = name[2:-2]
    return SYNONYMS.get(name, name)


def title_of(function):
    """A function's full name for messages."""
    title = resolve_name(function) or getattr(function, "__qualname__", str(function))
    return re.sub(r"^_?TensorBase\.", "torch.Tensor.", title.replace(".__get__", ""))


Argument = collections.namedtuple("Argument", "name mark default")
REQUIRED = object()


def parse_arguments(text):
    """["input", "@dim=None", "-inplace=False", "*rest"] of a table row, taken apart."""
    arguments = []
    for word in text.split():
        name, _, default = word.partition("=")
        mark = name[0] if name[0] in "-@*" else ""
        arguments.append(Argument(name[len(mark):], mark,
                                  ast.literal_eval(default) if default else REQUIRED))
    return arguments


def bind(arguments, args, kwargs):
    """Arguments by name; what a row does not list goes to its `*` argument, or is refused."""
    bound, args, kwargs = {}, list(args), dict(kwargs)
    for argument in arguments:
        if argument.mark == "*":
            rest = args or list(kwargs.values())
            alone = len(rest) == 1 and isinstance(rest[0], (list, tuple))
            bound[argument.name] = list(rest[0] if alone else rest)
            return bound
        if args:
            bound[argument.name] = args.pop(0)
        elif argument.name in kwargs:
            bound[argument.name] = kwargs.pop(argument.name)
        elif argument.name == "input" and "self" in kwargs:
            bound["input"] = kwargs.pop("self")
        elif argument.default is REQUIRED:
            raise Unexpressible("argument %s is missing" % argument.name)
        else:
            bound[argument.name] = argument.default
    unknown = [name for name, value in kwargs.items() if value is not None and name != "dtype"]
    if unknown or any(a is not None for a in args):
        raise Unexpressible("argument %s is not known here" % (unknown or args))
    return bound


# ---- recording: decompositions in terms of other torch functions --------------------------------

def spread_index(index, rank):
    """A subscript as a tuple with one entry a dimension (and None for new ones)."""
    index = list(index) if isinstance(index, tuple) else [index]
    used = sum(i is not None and i is not Ellipsis for i in index)
    fill = [slice(None)] * (rank - used)
    for at, item in enumerate(index):
        if item is Ellipsis:
            return tuple(index[:at] + fill + index[at + 1:])
    return tuple(index + fill)


def is_whole(item):
    return isinstance(item, slice) and item == slice(None)


def subscript_in_steps(tensor, index):
    """tensor[index] as one subscript a dimension."""
    at = 0
    for item in index:
        if is_whole(item):
            at += 1
            continue
        tensor = tensor[(slice(None),) * at + (item,)]
        at += 0 if isinstance(item, int) else 1
    return tensor


def splice(base, index, value):
    """A copy of base with base[index] = value, as concatenations; index has slices and numbers."""
    for dim, item in enumerate(index):
        if is_whole(item):
            continue
        size = base.shape[dim]
        if isinstance(item, int):
            start, stop = item % size, item % size + 1
            value = value.unsqueeze(dim)
        else:
            start, stop, step = item.indices(size)
            if step != 1:
                raise Unexpressible("assigns to every %d-th element" % step)
        rest = (slice(None),) * (dim + 1) + tuple(index[dim + 1:])
        parts = [base.narrow(dim, 0, start)] if start else []
        parts.append(splice(base.narrow(dim, start, stop - start), rest, value))
        if stop < size:
            parts.append(base.narrow(dim, stop, size - stop))
        return torch.cat(parts, dim)
    return value


def einsum_in_steps(equation, *operands):
    """A product of two tensors as permutations, reshapes and one matrix product."""
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = operands[0]
    terms, arrow, result = equation.replace(" ", "").partition("->")
    terms = terms.split(",")
    if len(operands) != 2 or "." in equation or not arrow or any(
            len(set(term)) != len(term) for term in terms + [result]):
        raise Unexpressible("einsum %r: only two operands with an explicit result" % equation)
    sizes = {label: size for term, operand in zip(terms, operands)
             for label, size in zip(term, operand.shape)}
    one, two = terms
    shared = [label for label in one if label in two and label in result]
    summed = [label for label in one if label in two and label not in result]
    rows = [label for label in one if label not in two]
    columns = [label for label in two if label not in one]
    if any(label not in result for label in rows + columns):
        raise Unexpressible("einsum %r: sums over an index of one operand" % equation)

    def arranged(operand, term, groups):
        order = [label for group in groups for label in group]
        operand = operand.permute([term.index(label) for label in order])
        merged = [math.prod(sizes[label] for label in group) for group in groups[1:]]
        return operand.reshape([sizes[label] for label in shared] + merged)

    product = torch.matmul(arranged(operands[0], one, (shared, rows, summed)),
                           arranged(operands[1], two, (shared, summed, columns)))
    labels = shared + rows + columns
    return product.reshape([sizes[label] for label in labels]).permute(
        [labels.index(label) for label in result])


def tensor_split_in_steps(tensor, indices_or_sections=None, dim=0, indices=None, sections=None):
    cuts = next(c for c in (indices_or_sections, indices, sections) if c is not None)
    size = tensor.shape[dim]
    if isinstance(cuts, int):
        pieces = [size // cuts + (i < size % cuts) for i in range(cuts)]
        cuts = list(itertools.accumulate(pieces))[:-1]
    edges = [0] + list(cuts) + [size]
    return tuple(tensor.narrow(dim, a, b - a) for a, b in zip(edges, edges[1:]))


def repeat_interleave_in_steps(tensor, repeats, dim=None, output_size=None):
    if not isinstance(repeats, int) or dim is None:
        raise Unexpressible("repeats that differ, or no dimension")
    dim %= tensor.dim()
    wide = list(tensor.shape[:dim + 1]) + [repeats] + list(tensor.shape[dim + 1:])
    return tensor.unsqueeze(dim + 1).expand(wide).reshape(
        list(tensor.shape[:dim]) + [tensor.shape[dim] * repeats] + list(tensor.shape[dim + 1:]))


def glu_in_steps(tensor, dim=-1):
    first, second = torch.chunk(tensor, 2, dim)
    return first * torch.sigmoid(second)


def addcmul_in_steps(tensor, one, two, value=1):
    return tensor + one * two * value


def tile_in_steps(tensor, *counts, **kwargs):
    counts = counts or kwargs.get("repeats") or kwargs.get("dims") or kwargs.get("size")
    counts = list(counts[0]) if isinstance(counts[0], (list, tuple)) else list(counts)
    tensor = tensor.reshape([1] * (len(counts) - tensor.dim()) + list(tensor.shape))
    counts = [1] * (tensor.dim() - len(counts)) + counts
    tensor = tensor.expand([c if s == 1 else s for c, s in zip(counts, tensor.shape)])
    for dim, count in enumerate(counts):
        if count > 1 and tensor.shape[dim] != count:
            tensor = torch.cat([tensor] * count, dim)
    return tensor


def grouped_attention_in_steps(query, key, value, *args, enable_gqa=False, **kwargs):
    """Heads of keys and values that several heads of queries share, repeated for each."""
    groups = query.shape[-3] // key.shape[-3]
    key, value = (repeat_interleave_in_steps(t, groups, -3) for t in (key, value))
    return torch.nn.functional.scaled_dot_product_attention(query, key, value, *args, **kwargs)


DECOMPOSITIONS = {
    "einsum": einsum_in_steps, "tensor_split": tensor_split_in_steps, "glu": glu_in_steps,
    "repeat_interleave": repeat_interleave_in_steps, "addcmul": addcmul_in_steps,
    "repeat": tile_in_steps, "tile": tile_in_steps,
}


def opened(function):
    """The Python function with its own torch-function check removed, so that its body runs."""
    no = {name: (lambda *args: False) for name in
          ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic")}
    copy = types.FunctionType(function.__code__, {**function.__globals__, **no},
                              function.__name__, function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


# Modules taken as one layer, by class name: (name in the table, attributes handed over).
LEAF_MODULES = {"StochasticDepth": ("stochastic_depth", {"p": "p", "mode": "mode"}),
                "DropPath": ("stochastic_depth", {"p": "drop_prob"})}


class Recorder(TorchFunctionMode):
    """Records the calls of one run of a module.

    A tensor carries its Value as the attribute `_jc`, replaced when it is written in place. A
    write through a subscript also gives its base a new Value; any other tensor sharing the memory
    is stale from then on, and reading it is an error.
    """

    def __init__(self, module, positions):
        super().__init__()
        self.paths = {id(m): path for path, m in module.named_modules()}
        self.parameters = {id(p): Value(p.shape, "parameter", parameter=name)
                           for name, p in module.named_parameters()}
        self.positions = positions  # tensors that hold 0, 1, 2, ...
        self.constants = {}
        self.aliases = collections.defaultdict(list)
        self.calls = []
        self.reasons = []  # of everything that could not be recorded
        self.problems = []  # those that matter whatever the outputs depend on
        self.places = [Place("", type(module).__name__)]
        self.muted = self.popped = False

    # Values of tensors

    def value_of(self, tensor):
        run, value = tensor.__dict__.get("_jc", (None, None))
        if run is self:
            return value
        if id(tensor) in self.parameters:
            return self.parameters[id(tensor)]
        if id(tensor) not in self.constants:
            integer = not (tensor.is_floating_point() or tensor.is_complex())
            value = Value(tensor.shape, "constant", integer=integer)
            value.positions = any(tensor is p for p in self.positions)
            self.constants[id(tensor)] = (tensor, value)
        return self.constants[id(tensor)][1]

    def give(self, tensor, value):
        tensor._jc = (self, value)
        self.aliases[storage_key(tensor)].append(weakref.ref(tensor))

    def add_input(self, tensor):
        self.give(tensor, Value(tensor.shape, "data", integer=not tensor.is_floating_point()))

    def new_value(self, tensor, operands):
        source = "data" if any(v.source == "data" for v in operands) else "parameter"
        value = Value(tensor.shape, source, integer=not tensor.is_floating_point())
        value.opaque = reasons_of(operands)
        return value

    # Modules

    @contextlib.contextmanager
    def watching(self):
        """Within it, calls of modules are known to the recorder."""
        call, subscript = torch.nn.Module.__call__, torch.Tensor.__getitem__

        def called(module, *args, **kwargs):
            path = self.paths.get(id(module), self.places[-1].path)
            kind = type(module)
            self.places.append(Place(path, kind.__name__))
            try:
                if kind.__name__ in LEAF_MODULES and not self.muted:
                    return self.leaf(module, functools.partial(call, module), *args, **kwargs)
                return call(module, *args, **kwargs)
            finally:
                self.places.pop()

        def subscripted(tensor, index):
            return self.handle(subscript, (tensor, index), {})

        torch.nn.Module.__call__ = called
        torch.Tensor.__getitem__ = subscripted  # torch 1.13 hides x[0] and x[i] from modes
        try:
            yield
        finally:
            torch.nn.Module.__call__ = call
            del torch.Tensor.__getitem__

    def leaf(self, module, forward, *args, **kwargs):
        name, attributes = LEAF_MODULES[type(module).__name__]
        fields = {key: getattr(module, attribute, None) for key, attribute in attributes.items()}
        if not fields.get("p"):
            return forward(*args, **kwargs)
        with self.state(muted=True, popped=self.popped):
            return self.record(name, type(module).__name__, forward, args, kwargs, fields)

    # Functions

    def __torch_function__(self, function, types_, args=(), kwargs=None):
        with self.state(self.muted, popped=True):
            return self.handle(function, args, kwargs or {})

    def handle(self, function, args, kwargs):
        if self.muted:
            return function(*args, **kwargs)
        with self.state(muted=True, popped=self.popped):
            values = [self.value_of(t) for t in leaves_of((args, kwargs), torch.Tensor)]
            name = name_of(function)
            try:
                if all(v.source == "constant" for v in values):
                    return self.run_constant(name, function, args, kwargs)
                return self.run(name, function, args, kwargs, values)
            except Unexpressible as error:
                return self.poison(function, args, kwargs, values, str(error))

    @contextlib.contextmanager
    def state(self, muted, popped):
        """muted: nothing is recorded; popped: torch has taken this mode off its stack."""
        before = self.muted, self.popped
        self.muted, self.popped = muted, popped
        try:
            yield
        finally:
            self.muted, self.popped = before

    @contextlib.contextmanager
    def listening(self):
        """Within a function that is taken apart: what it calls is recorded again."""
        with self if self.popped else contextlib.nullcontext(), self.state(False, False):
            yield

    def run_constant(self, name, function, args, kwargs):
        result = function(*args, **kwargs)
        if isinstance(result, torch.Tensor) and self.is_positions(name, args, kwargs):
            self.positions.append(result)
        return result

    def is_positions(self, name, args, kwargs):
        """Whether the constant made by this call holds 0, 1, 2, ... along its last dimension."""
        if name == "arange":
            return not kwargs.get("start") and kwargs.get("step", 1) == 1 and (
                len(args) < 2 or (args[0] == 0 and args[2:] in ((), (1,))))
        if name not in KEEPS_POSITIONS or not any(args[0] is p for p in self.positions):
            return False
        index = args[1] if name == "getitem" else ()
        return all(i is None or i is Ellipsis or
                   (isinstance(i, slice) and not i.start and i.step in (None, 1))
                   for i in (index if isinstance(index, tuple) else (index,)))

    def run(self, name, function, args, kwargs, values):
        """Records a known function, takes an unknown one apart or reports it."""
        base = name[:-1] if name.endswith("_") else name
        if name in SHAPE_ONLY:
            return self.run_shape_only(name, function, args, kwargs)
        if name == "setitem":
            return self.assign(function, *args)
        if name == "getitem":
            return self.subscript(function, *args)
        if name in ("data", "set"):
            raise Unexpressible("reads or writes values without their gradient")
        if name in ESCAPES:
            raise Unexpressible("what becomes of the values cannot be seen")
        if base in DECOMPOSITIONS or kwargs.get("enable_gqa"):
            steps = DECOMPOSITIONS.get(base, grouped_attention_in_steps)
            with self.listening():
                return steps(*args, **kwargs)
        if base in TABLE and not (base in CONDITIONS and CONDITIONS[base](*args, **kwargs)):
            return self.record(name, title_of(function), function, args, kwargs)
        if isinstance(function, types.FunctionType):
            with self.listening():
                return opened(function)(*args, **kwargs)
        result = function(*args, **kwargs)
        if leaves_of(result, torch.Tensor):
            raise Unexpressible("no layer kind expresses it")
        return result

    def run_shape_only(self, name, function, args, kwargs):
        if any(self.value_of(t).source != "constant"
               for t in leaves_of((args[1:], kwargs), torch.Tensor)):
            raise Unexpressible("fills a tensor with computed values")
        result = function(*args, **kwargs)
        if name.endswith("_"):
            self.written(args[0], Value(args[0].shape, "constant"))
        return result

    def record(self, name, title, function, args, kwargs, fields=None):
        """Runs a function of the table and notes the call."""
        base = name[:-1] if name.endswith("_") else name
        arguments = dict(bind(TABLE[base].arguments, args, kwargs), **(fields or {}))
        tensors = leaves_of((args, kwargs), torch.Tensor)
        operands = [self.readable(t) for t in tensors]
        bound = map_leaves(arguments, self.as_value)
        result = function(*args, **kwargs)
        outs = leaves_of(result, torch.Tensor)
        if any(t.requires_grad for t in tensors) and not any(t.requires_grad for t in outs):
            raise Unexpressible("the gradient stops there, which no layer kind expresses")
        in_place = name.endswith("_") or arguments.get("inplace") is True
        if isinstance(result, torch.Tensor) and not in_place and any(result is t for t in tensors):
            result = result.view_as(result)
            outs = [result]
        values = [self.new_value(out, operands) for out in outs]
        self.calls.append(Call(base, title, self.places[-1], bound, values))
        if in_place:
            self.written(outs[0], values[0])
        else:
            for out, value in zip(outs, values):
                self.give(out, value)
        return result

    def output_of(self, tensor):
        try:
            return self.readable(tensor)
        except Unexpressible as error:
            value = Value(tensor.shape, "data")
            value.opaque = ("an output of the module: %s" % error,)
            return value

    def as_value(self, leaf):
        return self.value_of(leaf) if isinstance(leaf, torch.Tensor) else leaf

    def readable(self, tensor):
        stale = tensor.__dict__.get("_jc_stale")
        if stale and stale[0] is self:
            raise Unexpressible("reads a tensor whose memory was since written through another "
                                "one by %s" % stale[1])
        return self.value_of(tensor)

    def poison(self, function, args, kwargs, operands, reason):
        """Goes on after a problem: it is reported if an output depends on the results."""
        reason = "%s: %s" % (described(title_of(function), self.places[-1]), reason)
        self.reasons.append(reason)
        if name_of(function) in ESCAPES:
            self.problems.append(reason)
        result = function(*args, **kwargs)
        for tensor in leaves_of(result, torch.Tensor) or leaves_of(args[:1], torch.Tensor):
            value = Value(tensor.shape, "data")
            value.opaque = reasons_of(operands) + (reason,)
            self.give(tensor, value)
        return result

    # Writing in place and subscripts

    def written(self, tensor, value):
        """tensor now holds value: so does what it is a subscript of; other views are stale."""
        fresh = [tensor]
        self.give(tensor, value)
        run, base, index = tensor.__dict__.get("_jc_origin", (None, None, None))
        while run is self:
            with self.listening():
                copy = splice(base, index, fresh[-1])
            self.give(base, self.value_of(copy))
            fresh.append(base)
            run, base, index = base.__dict__.get("_jc_origin", (None, None, None))
        key = storage_key(tensor)
        alive = [t for t in (ref() for ref in self.aliases[key]) if t is not None]
        for other in alive:
            if not any(other is t for t in fresh) and storage_key(other) == key:
                other._jc_stale = (self, described("a write", self.places[-1]))
        for t in fresh:
            t.__dict__.pop("_jc_stale", None)

    def subscript(self, function, tensor, index):
        """tensor[index], one dimension at a time"""
        spread = tuple(torch.tensor(item, device=tensor.device) if isinstance(item, list) else item
                       for item in spread_index(index, tensor.dim()))
        parts = [item for item in spread if not is_whole(item)]
        if sum(isinstance(item, torch.Tensor) for item in parts) > 1:
            raise Unexpressible("several index tensors at once")
        if len(parts) > 1:
            with self.listening():
                result = subscript_in_steps(tensor, spread)
        else:
            result = self.record("getitem", title_of(function), function, (tensor, spread), {})
        if all(isinstance(item, (int, slice)) for item in spread):
            result._jc_origin = (self, tensor, spread)
        return result

    def assign(self, function, tensor, index, value):
        """tensor[index] = value"""
        if isinstance(index, torch.Tensor) and index.dtype == torch.bool:
            with self.listening():
                copy = tensor.masked_fill(index, value)
        else:
            spread = spread_index(index, tensor.dim())
            if not all(isinstance(item, (int, slice)) for item in spread):
                raise Unexpressible("assigns to elements chosen by a tensor or a new dimension")
            origin = getattr(value, "__dict__", {}).get("_jc_origin")
            if origin and origin[1] is tensor and origin[2] == spread:
                return function(tensor, index, value)  # the second half of tensor[index] += ...
            shape = torch.empty(tensor.shape, device="meta")[spread].shape
            with self.listening():
                part = value.expand(shape) if isinstance(value, torch.Tensor) else \
                    torch.full(shape, value, dtype=tensor.dtype, device=tensor.device)
                copy = splice(tensor, spread, part)
        result = function(tensor, index, value)
        self.written(tensor, self.value_of(copy))
        return result


# ---- lowering: from calls to layers -------------------------------------------------------------

class Layer:
    """A layer of the file to come; `inputs` are Layers, named only at the end."""

    def __init__(self, kind, place, inputs, fields, shape, weights=(), name=None):
        self.kind = kind
        self.place = place
        self.inputs = inputs
        self.fields = fields
        self.shape = tuple(shape)
        self.weights = tuple(weights)  # names of the parameters it holds or shares
        self.weight_from = None
        self.frozen = False
        self.training_only = False
        self.spread = False  # torch runs it for each sample
        self.name = name

    def key(self):
        """What must agree between the layers of eval() and of train()."""
        fields = {k: v for k, v in self.fields.items() if k not in ("p", "dropout", "dropout_p")}
        return self.kind, self.place.path, self.shape, self.weights, repr(fields)


PRODUCTS = ("conv", "conv_transpose", "linear", "matmul", "multihead_attention",
            "scaled_dot_product_attention")
PRODUCT_CALLS = PRODUCTS + ("mm", "bmm", "addmm", "baddbmm", "multi_head_attention_forward")
RANDOM = ("dropout", "stochastic_depth")

# Fields with these values are left out; kinds without their "1d", "2d" or "3d".
DEFAULTS = {
    "conv": dict(stride=1, padding=0, dilation=1, groups=1, bias=True),
    "conv_transpose": dict(stride=1, padding=0, output_padding=0, dilation=1, groups=1, bias=True),
    "linear": dict(bias=True),
    "multihead_attention": dict(bias=True, causal=False, dropout=0.0),
    "scaled_dot_product_attention": dict(is_causal=False, dropout_p=0.0),
    "prelu": dict(num_parameters=1),
    "batchnorm": dict(eps=1e-5, momentum=0.1, affine=True, track_running_stats=True),
    "layernorm": dict(normalized_dims=1, eps=1e-5, elementwise_affine=True, bias=True),
    "groupnorm": dict(eps=1e-5, affine=True),
    "instancenorm": dict(eps=1e-5, affine=False, track_running_stats=False),
    "rmsnorm": dict(normalized_dims=1, eps=1e-6, elementwise_affine=True),
    "normalize": dict(dim=1, p=2),
    "leaky_relu": dict(negative_slope=0.01), "elu": dict(alpha=1.0), "celu": dict(alpha=1.0),
    "gelu": dict(approximate="none"), "hardtanh": dict(min_val=-1.0, max_val=1.0),
    "softmax": dict(dim=1), "log_softmax": dict(dim=1), "pow": dict(exponent=2),
    "clamp": dict(min=None, max=None),
    "maxpool": dict(padding=0, dilation=1, ceil_mode=False),
    "avgpool": dict(padding=0, ceil_mode=False, count_include_pad=True),
    "concat": dict(dim=1), "stack": dict(dim=1), "split": dict(dim=1), "chunk": dict(dim=1),
    "slice": dict(dim=1, start=0, end=None, step=1), "select": dict(dim=1),
    "index_select": dict(dim=1), "flatten": dict(start_dim=1, end_dim=-1),
    "pad": dict(value=0, mode="constant"), "upsample": dict(mode="nearest", align_corners=False),
    "mean": dict(keepdim=False), "sum": dict(keepdim=False), "amax": dict(keepdim=False),
    "norm": dict(keepdim=False), "dropout": dict(p=0.5), "stochastic_depth": dict(mode="row"),
}


def as_json(value):
    """A field as the file writes it: equal numbers of a list once, sequences as lists."""
    if isinstance(value, (list, tuple)):
        return [as_json(v) for v in value]
    return value


def extent(value):
    """[3, 3] as 3; a number or a text as it is; None (as the input) as 0."""
    if isinstance(value, (list, tuple)):
        value = [0 if v is None else v for v in value]
        return value[0] if all(v == value[0] for v in value) else list(value)
    return 0 if value is None else value


Op = collections.namedtuple("Op", "arguments handler")
TABLE = {}
CONDITIONS = {}  # name -> test of the arguments; where true the function is taken apart instead


def lowers(names, arguments):
    """Puts a handler (lowering, call) into the table, with the names of the arguments.

    `@` marks dimensions, `-` what is no field of the layer, `*` all the rest.
    """
    def register(handler):
        op = Op(parse_arguments(arguments), handler)
        TABLE.update((name, op) for name in names.split())
        return handler
    return register


# torch name(s), kind, arguments: those without a mark are fields of the same name
POINTWISE = """
relu | relu | -inplace=False
relu6 | relu6 | -inplace=False
leaky_relu | leaky_relu | negative_slope=0.01 -inplace=False
elu | elu | alpha=1.0 -inplace=False
selu | selu | -inplace=False
celu | celu | alpha=1.0 -inplace=False
gelu | gelu | approximate='none'
silu | silu | -inplace=False
mish | mish | -inplace=False
hardswish | hardswish | -inplace=False
hardsigmoid | hardsigmoid | -inplace=False
softplus | softplus | -beta=1 -threshold=20
softsign | softsign |
sigmoid | sigmoid |
tanh | tanh |
logsigmoid log_sigmoid | logsigmoid |
softmax | softmax | @dim -_stacklevel=3 -dtype=None
log_softmax | log_softmax | @dim -_stacklevel=3 -dtype=None
exp | exp |
log | log |
sqrt | sqrt |
rsqrt | rsqrt |
reciprocal | reciprocal |
square | square |
abs | abs |
neg | neg |
sin | sin |
cos | cos |
erf | erf |
normalize | normalize | p=2.0 @dim=1 -eps=1e-12 -out=None
sum | sum | @dim=None keepdim=False -dtype=None
mean | mean | @dim=None keepdim=False -dtype=None
amax | amax | @dim=None keepdim=False
dropout dropout1d dropout2d dropout3d alpha_dropout | dropout | p=0.5 -training=True -inplace=False
stochastic_depth | stochastic_depth | p=0.5 mode='row' -training=True
pixel_shuffle | pixel_shuffle | upscale_factor
pixel_unshuffle | pixel_unshuffle | downscale_factor
channel_shuffle | channel_shuffle | groups
"""


def pointwise(kind, arguments):
    """The handler of a function with one tensor, whose arguments are the layer's fields."""
    def handler(low, call):
        fields = {}
        for argument in arguments[1:]:
            value = call.arguments[argument.name]
            if argument.mark == "@":
                value = low.axes(call.input, value)
            if argument.mark != "-" and value is not None:
                fields[argument.name] = value
        low.emit(kind, [low.use(call.input)], call.out, **fields)
    return handler


for _row in POINTWISE.strip().splitlines():
    _names, _kind, _arguments = (part.strip() for part in _row.split("|"))
    _arguments = parse_arguments("input " + _arguments)
    TABLE.update((_name, Op(_arguments, pointwise(_kind, _arguments))) for _name in _names.split())


def may_share(owner, layer):
    """Whether a layer may take its parameters from another ("weight_from")."""
    return owner.kind == layer.kind or {owner.kind, layer.kind} == {"linear", "embedding"}


class Lowering:
    """Turns the calls of one mode, recorded at both batch sizes, into layers."""

    def __init__(self, inputs, trainable):
        self.layers = []
        self.reasons = []  # of everything that could not be lowered
        self.problems = []  # those that matter whatever the outputs depend on
        self.trainable = trainable  # parameter name -> requires_grad
        self.owners = {}  # parameter name -> the layer that holds it
        self.inputs = inputs
        self.place = None
        for name, value in inputs.items():
            value.settle()
            value.layer = Layer("input", None, [], {}, value.dims, name=name)

    def run(self, calls):
        for call in calls:
            operands = leaves_of(call.arguments, Value)
            reasons = reasons_of(operands)
            self.place = call.place
            try:
                if not reasons:
                    self.lower(call, operands)
            except (Unexpressible, AttributeError, LookupError, TypeError, ValueError) as error:
                reason = error if isinstance(error, Unexpressible) else \
                    "arguments that are not understood (%s)" % error
                reasons = ("%s: %s" % (described(call.function, call.place), reason),)
                self.reasons += reasons
            if reasons:
                for value in call.results:
                    value.opaque = reasons
                if call.name.rstrip("123d") in PRODUCT_CALLS:  # the count of MACs has it
                    self.problems += reasons

    def lower(self, call, operands):
        for value in operands + call.results:
            value.settle()
        TABLE[call.name].handler(self, call)
        for value in call.results:
            if value.fold > 1 and TABLE[call.name].handler is not lower_reshape:
                value.inner = next((v.inner for v in operands if v.fold == value.fold), value.inner)

    def emit(self, kind, inputs, out=None, out_dims=None, weights=(), name=None, **fields):
        """Adds a layer whose result is the Value `out`, of the JSON shape `out_dims`."""
        if leaves_of(fields, Varying):
            raise Unexpressible("an argument depends on the size of the batch")
        defaults = DEFAULTS.get(re.sub(r"\dd$", "", kind), {})
        fields = {key: as_json(value) for key, value in fields.items()
                  if not (key in defaults and as_json(value) == defaults[key])}
        names = [value.root().parameter for value in weights if value is not None]
        layer = Layer(kind, self.place, list(inputs), fields,
                      out.dims if out_dims is None else out_dims, names, name)
        self.own(layer)
        self.layers.append(layer)
        if out is not None:
            out.layer = layer
            layer.spread = out.batch is not None
        return layer

    def own(self, layer):
        """Notes who holds the layer's parameters; a second use of all of them is a tie."""
        if None in layer.weights:
            raise Unexpressible("a weight is computed, not a parameter")
        if not layer.weights:
            return
        frozen = {not self.trainable[name] for name in layer.weights}
        if len(frozen) > 1:
            raise Unexpressible("of %s some are frozen, others not" % ", ".join(layer.weights))
        owner = self.owners.get(layer.weights[0])
        if owner is not None and owner.weights == layer.weights and may_share(owner, layer):
            layer.weight_from = owner
        elif any(name in self.owners for name in layer.weights):
            raise Unexpressible("%s is used in another way too" % ", ".join(layer.weights))
        else:
            layer.frozen = frozen.pop()
            self.owners.update((name, layer) for name in layer.weights)

    # Operands

    def output(self, value):
        layer = self.use(value)
        return layer if layer.kind != "input" else self.emit("identity", [layer], value)

    def use(self, value, dims=None, loose=False):
        """The layer that gives value in the JSON shape `dims` (by default its own).

        `loose` allows what broadcasting and concatenation drop: leading ones of batchless tensors.
        """
        dims = value.dims if dims is None else tuple(dims)
        root = value.root()
        if root.layer is None:
            self.make_source(root, dims)
        layer = root.layer
        extra = len(layer.shape) - len(dims)
        if layer.shape == dims or (loose and root.batch is None and extra > 0 and
                                   layer.shape == (1,) * extra + dims):
            return layer
        kind, fields = regroup(layer.shape, dims)
        return self.emit(kind, [layer], None, dims, **fields)

    def make_source(self, value, dims):
        """The layer of a parameter, of its transpose or of a constant, made at its first use."""
        if value.parameter:
            value.layer = self.emit("parameter", [], None, value.dims, [value], value.parameter,
                                    shape=value.dims)
        elif value.transposed is not None:
            value.layer = self.emit("transpose", [self.use(value.transposed)], None, value.dims,
                                    dim0=1, dim1=2)
        elif value.source == "constant":
            value.layer = self.emit("constant", [], None, dims, shape=dims)
        else:
            raise Unexpressible("reads a tensor that no layer made")

    def aligned(self, values, out):
        """The layers of operands that are broadcast to the shape of the Value `out`."""
        return [self.use(v, self.aligned_dims(v, out), loose=True) for v in values]

    def aligned_dims(self, value, out):
        """value's JSON shape with the batch, or the one in its place, left out as in `out`."""
        missing = len(out.shape) - len(value.shape)
        dims = []
        for i, size in enumerate(value.shape):
            place = i + missing
            if (value.batch == i) and (place != out.batch or value.fold != out.fold):
                raise Unexpressible("meets a batch in another place")
            if place != out.batch:
                dims.append(size)
            elif out.fold > 1:
                dims.append(out.fold if value.batch == i else size)
        return tuple(dims)

    def axis(self, value, dim):
        """A dimension of torch as the file numbers it: the batch is 0, left out of the shape."""
        dim %= max(len(value.shape), 1)
        if dim == value.batch:
            raise Unexpressible("works along the batch")
        return dim + 1 - (value.batch is not None and value.fold == 1 and dim > value.batch)

    def axes(self, value, dims):
        if dims is None or isinstance(dims, int):
            return None if dims is None else self.axis(value, dims)
        numbers = sorted(self.axis(value, dim) for dim in dims)
        return numbers[0] if len(numbers) == 1 else numbers

    def images(self, value):
        """The layer of an operand whose batch must be its first dimension."""
        if value.batch not in (None, 0):
            raise Unexpressible("the batch is not the first dimension")
        layer = self.use(value)
        if layer.kind == "input" and value.fold > 1:  # only a layer may have more dimensions
            layer = self.emit("identity", [layer], None, layer.shape)
        return layer

    def keep_last(self, value, count=1):
        """The batch must not be among the last dimensions."""
        if value.batch is not None and value.batch >= len(value.shape) - count:
            raise Unexpressible("works along the batch")


# ---- lowering: the handlers ---------------------------------------------------------------------

def is_number(value):
    """A Python number, or a constant tensor of one element."""
    return not isinstance(value, Value) or (value.source == "constant" and
                                            math.prod(value.dims) == 1)


def hide(call, what):
    """The results after the first are not given by the layer."""
    for value in call.results[1:]:
        value.opaque = ("%s: no layer gives %s" % (described(call.function, call.place), what),)


def is_parameter(value):
    return isinstance(value, Value) and value.root().parameter is not None


@lowers("conv1d conv2d conv3d", "input weight bias=None stride=1 padding=0 dilation=1 groups=1")
def lower_conv(low, call):
    padding = call.padding if isinstance(call.padding, str) else extent(call.padding)
    low.emit(call.name, [low.images(call.input)], call.out, weights=[call.weight, call.bias],
             out_channels=call.weight.shape[0], kernel_size=extent(call.weight.shape[2:]),
             stride=extent(call.stride), padding=padding, dilation=extent(call.dilation),
             groups=call.groups, bias=call.bias is not None)


@lowers("conv_transpose1d conv_transpose2d conv_transpose3d", "input weight bias=None stride=1 "
        "padding=0 output_padding=0 groups=1 dilation=1")
def lower_conv_transpose(low, call):
    low.emit(call.name, [low.images(call.input)], call.out, weights=[call.weight, call.bias],
             out_channels=call.weight.shape[1] * call.groups,
             kernel_size=extent(call.weight.shape[2:]), stride=extent(call.stride),
             padding=extent(call.padding), output_padding=extent(call.output_padding),
             dilation=extent(call.dilation), groups=call.groups, bias=call.bias is not None)


@lowers("linear", "input weight bias=None")
def lower_linear(low, call):
    low.keep_last(call.input)
    linear(low, call.input, call.weight, call.bias, call.out)


def linear(low, source, weight, bias, out):
    """x W^T + b: one layer, or where the weight is computed or tied alone, several."""
    if not is_parameter(weight):
        swapped = low.emit("transpose", [low.use(weight)], None, weight.dims[::-1], dim0=1, dim1=2)
        layer = low.emit("matmul", [low.use(source), swapped], out)
    else:
        owner = low.owners.get(weight.root().parameter)
        together = bias is None or (is_parameter(bias) and (
            owner is None or owner.weights[1:] == (bias.root().parameter,)))
        layer = low.emit("linear", [low.use(source)], out,
                         weights=[weight, bias if together else None],
                         out_features=weight.shape[0], bias=bias is not None and together)
        if together:
            return
    if bias is not None:
        low.emit("add", [layer, low.use(bias)], out)


@lowers("matmul bmm mm", "input other")
def lower_matmul(low, call):
    a, b = call.input, call.other
    if len(b.shape) < 2 or len(a.shape) < 1:
        raise Unexpressible("a product with a vector on the right")
    low.keep_last(b, 2)
    low.keep_last(a)
    if b.root().transposed is not None and len(b.shape) == 2:
        linear(low, a, b.root().transposed, None, call.out)
        return
    row = len(a.shape) - 2
    if a.batch == row and a.fold == 1 and len(b.shape) > 2:  # the batch alone is the rows: keep one
        left = low.use(a, a.dims[:-1] + (1,) + a.dims[-1:])
        low.emit("matmul", [left, low.use(b)], call.out, call.out.dims[:-1] + (1, b.shape[-1]))
        return
    low.emit("matmul", [matmul_operand(low, v, call.out) for v in (a, b)], call.out)


def matmul_operand(low, value, out):
    """An operand's leading dimensions are broadcast, the last two are not."""
    if len(value.shape) < 3 or out.batch is None or out.batch >= len(out.shape) - 2:
        return low.use(value)
    dims = low.aligned_dims(value, out)
    return low.use(value, dims, loose=True)


@lowers("addmm", "input mat1 mat2 beta=1 alpha=1")
def lower_addmm(low, call):
    low.keep_last(call.mat1)
    bias, weight = call.input, call.mat2
    if is_parameter(weight) and is_parameter(bias) and weight.root().parameter not in low.owners:
        low.emit("linear", [low.use(call.mat1)], call.out, weights=[weight, bias],
                 out_features=weight.shape[1])
        return
    product = low.emit("matmul", [low.use(call.mat1), low.use(weight)], call.out)
    low.emit("add", [product] + low.aligned([bias], call.out), call.out)


@lowers("baddbmm", "input batch1 batch2 beta=1 alpha=1")
def lower_baddbmm(low, call):
    product = low.emit("matmul", [low.use(call.batch1), low.use(call.batch2)], call.out)
    if call.beta != 0 and not is_number(call.input):
        low.emit("add", [product] + low.aligned([call.input], call.out), call.out)


ATTENTION = ("query key value -embed_dim_to_check num_heads in_proj_weight in_proj_bias bias_k "
             "bias_v add_zero_attn dropout_p out_proj_weight out_proj_bias training=True "
             "key_padding_mask=None need_weights=True attn_mask=None "
             "use_separate_proj_weight=False q_proj_weight=None k_proj_weight=None "
             "v_proj_weight=None static_k=None static_v=None average_attn_weights=True "
             "is_causal=False")


def needs_parts(*args, **kwargs):
    """Attention with masks or added keys is no layer by itself: its parts are recorded."""
    call = types.SimpleNamespace(**bind(parse_arguments(ATTENTION), args, kwargs))
    masked = call.attn_mask is not None and not call.is_causal
    return masked or call.add_zero_attn or any(
        v is not None for v in (call.key_padding_mask, call.bias_k, call.static_k, call.static_v))


CONDITIONS["multi_head_attention_forward"] = needs_parts


@lowers("multi_head_attention_forward", ATTENTION)
def lower_attention(low, call):
    operands = [attention_operand(low, v) for v in (call.query, call.key, call.value)]
    if operands[1] is operands[2]:
        operands = operands[:1] if operands[0] is operands[1] else operands[:2]
    projections = [call.q_proj_weight, call.k_proj_weight, call.v_proj_weight] \
        if call.use_separate_proj_weight else [call.in_proj_weight]
    folded = call.query.fold > 1
    layer = low.emit("multihead_attention", operands, call.out,
                     swapped(call.out.dims) if folded else None,
                     projections + [call.in_proj_bias, call.out_proj_weight, call.out_proj_bias],
                     num_heads=call.num_heads, bias=call.in_proj_bias is not None,
                     causal=call.is_causal, dropout=call.dropout_p)
    if folded:
        low.emit("transpose", [layer], call.out, dim0=1, dim1=2)
    hide(call, "the weights of attention")


def swapped(dims):
    return (dims[1], dims[0]) + tuple(dims[2:])


def attention_operand(low, value):
    """torch has the sequence first and then the batch; the layer has windows, then sequence."""
    if value.batch != 1:
        raise Unexpressible("the batch of attention is not where it should be")
    if value.fold == 1:
        return low.use(value)
    return low.emit("transpose", [low.use(value)], None, swapped(value.dims), dim0=1, dim1=2)


@lowers("scaled_dot_product_attention", "query key value attn_mask=None dropout_p=0.0 "
        "is_causal=False scale=None enable_gqa=False")
def lower_dot_product_attention(low, call):
    for value in (call.query, call.key, call.value):
        low.keep_last(value, 2)
    operands = [low.use(v) for v in (call.query, call.key, call.value)]
    if call.attn_mask is not None:
        scores = Value(call.query.shape[:-1] + (call.key.shape[-2],), "data")
        scores.batch, scores.fold = call.query.batch, call.query.fold
        operands += low.aligned([call.attn_mask], scores)
    low.emit("scaled_dot_product_attention", operands, call.out, is_causal=call.is_causal,
             dropout_p=call.dropout_p)


@lowers("_scaled_dot_product_attention", "query key value attn_mask=None dropout_p=0.0 "
        "need_attn_weights=False is_causal=False")
def lower_old_dot_product_attention(low, call):
    lower_dot_product_attention(low, call)
    hide(call, "the weights of attention")


@lowers("embedding", "input weight *rest")
def lower_embedding(low, call):
    index, weight = call.input, call.weight
    count, width = weight.shape
    if index.source == "data" and is_parameter(weight):
        low.emit("embedding", [low.use(index)], call.out, weights=[weight], num_embeddings=count,
                 embedding_dim=width)
        return
    sequence = position_source(low, index)
    if sequence is not None and is_parameter(weight):
        low.emit("position_embedding", [sequence], call.out, (index.shape[-1], width), [weight],
                 num_embeddings=count, embedding_dim=width)
        return
    look_up(low, weight, index, call.out, 0)


def position_source(low, index):
    """An input whose length the positions 0, 1, 2, ... follow, or None."""
    if not index.positions or math.prod(index.dims) != index.dims[-1]:
        return None
    return next((v.layer for v in low.inputs.values()
                 if v.integer and v.dims and v.dims[0] == index.dims[-1]), None)


def look_up(low, table, index, out, dim):
    """table[index] along dim, for indices of any shape."""
    if len(index.dims) != 1:
        count = math.prod(index.dims)
        index = low.use(index, (count,)) if index.source == "constant" else \
            low.emit("flatten", [low.use(index)], None, (count,))
        rows = (count,)
    else:
        rows = index.dims
        index = low.use(index)
    at = low.axis(table, dim)
    dims = table.dims[:at - 1] + rows + table.dims[at:]
    low.emit("index_select", [low.use(table), index], out, dims, dim=at)


@lowers("batch_norm", "input running_mean running_var weight=None bias=None training=False "
        "momentum=0.1 eps=1e-5")
def lower_batch_norm(low, call):
    if (call.weight is None) != (call.bias is None):
        raise Unexpressible("a weight without a bias")
    spaces = len(call.input.shape) - 2
    fields = dict(weights=[call.weight, call.bias], eps=call.eps, momentum=call.momentum,
                  affine=call.weight is not None,
                  track_running_stats=call.running_mean is not None)
    source = low.images(call.input)
    if spaces == 0 and call.input.fold > 1:  # [k, C] reads as C x L the other way round
        source = low.emit("transpose", [source], None, swapped(source.shape), dim0=1, dim1=2)
        source = low.emit("batchnorm1d", [source], None, source.shape, **fields)
        low.emit("transpose", [source], call.out, dim0=1, dim1=2)
    else:
        low.emit("batchnorm%dd" % max(spaces, 1), [source], call.out, **fields)


@lowers("instance_norm", "input running_mean=None running_var=None weight=None bias=None "
        "use_input_stats=True momentum=0.1 eps=1e-5")
def lower_instance_norm(low, call):
    low.emit("instancenorm", [channels_first(low, call.input)], call.out,
             weights=[call.weight, call.bias], eps=call.eps, affine=call.weight is not None,
             track_running_stats=call.running_mean is not None)


def channels_first(low, value):
    """The layer of an operand that must be C x anything."""
    if value.batch != 0 or value.fold > 1:
        raise Unexpressible("the batch is folded with other dimensions, or not the first")
    return low.use(value)


@lowers("group_norm", "input num_groups weight=None bias=None eps=1e-5")
def lower_group_norm(low, call):
    low.emit("groupnorm", [channels_first(low, call.input)], call.out,
             weights=[call.weight, call.bias], num_groups=call.num_groups, eps=call.eps,
             affine=call.weight is not None)


@lowers("layer_norm", "input normalized_shape weight=None bias=None eps=1e-5")
def lower_layer_norm(low, call):
    low.keep_last(call.input, len(call.normalized_shape))
    low.emit("layernorm", [low.use(call.input)], call.out, weights=[call.weight, call.bias],
             normalized_dims=len(call.normalized_shape), eps=call.eps,
             elementwise_affine=call.weight is not None,
             bias=call.bias is not None or call.weight is None)


@lowers("rms_norm", "input normalized_shape weight=None eps=None")
def lower_rms_norm(low, call):
    low.keep_last(call.input, len(call.normalized_shape))
    low.emit("rmsnorm", [low.use(call.input)], call.out, weights=[call.weight],
             normalized_dims=len(call.normalized_shape),
             eps=1e-6 if call.eps is None else call.eps,
             elementwise_affine=call.weight is not None)


@lowers("prelu", "input weight")
def lower_prelu(low, call):
    low.emit("prelu", [low.images(call.input)], call.out, weights=[call.weight],
             num_parameters=math.prod(call.weight.shape))


@lowers("hardtanh", "input min_val=-1.0 max_val=1.0 -inplace=False")
def lower_hardtanh(low, call):
    if (call.min_val, call.max_val) == (0, 6):
        low.emit("relu6", [low.use(call.input)], call.out)
    else:
        low.emit("hardtanh", [low.use(call.input)], call.out, min_val=call.min_val,
                 max_val=call.max_val)


@lowers("max_pool1d max_pool2d max_pool3d", "input kernel_size stride=None padding=0 dilation=1 "
        "ceil_mode=False return_indices=False")
def lower_max_pool(low, call):
    pool(low, call, dilation=extent(call.dilation))


@lowers("avg_pool1d avg_pool2d avg_pool3d", "input kernel_size stride=None padding=0 "
        "ceil_mode=False count_include_pad=True divisor_override=None")
def lower_avg_pool(low, call):
    pool(low, call, count_include_pad=call.count_include_pad)


def pool(low, call, **fields):
    stride = {} if not call.stride or extent(call.stride) == extent(call.kernel_size) \
        else {"stride": extent(call.stride)}
    low.emit(call.name.replace("_pool", "pool"), [low.images(call.input)], call.out,
             kernel_size=extent(call.kernel_size), **stride, padding=extent(call.padding),
             ceil_mode=call.ceil_mode, **fields)


@lowers("adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d "
        "adaptive_max_pool2d adaptive_max_pool3d", "input output_size return_indices=False")
def lower_adaptive_pool(low, call):
    low.emit(call.name.replace("_pool", "pool"), [low.images(call.input)], call.out,
             output_size=extent(call.output_size))


@lowers("add sub rsub", "input other alpha=1")
def lower_add(low, call):
    numbers = [is_number(v) for v in (call.input, call.other)]
    if True in numbers:
        scale(low, call, call.input if numbers[1] else call.other)
        return
    operands = [call.other, call.input] if call.name == "rsub" else [call.input, call.other]
    layers = low.aligned(operands, call.out)
    if call.alpha != 1:
        layers[-1] = low.emit("scale", layers[-1:], None, layers[-1].shape)
    low.emit("add" if call.name == "add" else "sub", layers, call.out)


@lowers("mul div rdiv", "input other rounding_mode=None")
def lower_mul(low, call):
    if call.rounding_mode is not None:
        raise Unexpressible("rounds")
    operands = [call.other, call.input] if call.name == "rdiv" else [call.input, call.other]
    if is_number(operands[0]) and call.name != "mul":
        inverse = low.emit("reciprocal", [low.use(operands[1])], call.out, operands[1].dims)
        if operands[0] != 1:
            low.emit("scale", [inverse], call.out, inverse.shape)
    elif is_number(operands[0]) or is_number(operands[1]):
        scale(low, call, operands[0] if is_number(operands[1]) else operands[1])
    else:
        low.emit("mul" if call.name == "mul" else "div", low.aligned(operands, call.out), call.out)


def scale(low, call, operand):
    """Arithmetic with numbers alone."""
    low.emit("scale", [low.use(operand)], call.out, operand.dims)


@lowers("eq ne lt le gt ge logical_and logical_or", "input other")
def lower_comparison(low, call):
    """Only where no gradient passes (of masks): the recorder has seen to that."""
    if is_number(call.other):
        scale(low, call, call.input)
    else:
        low.emit("mul", low.aligned([call.input, call.other], call.out), call.out)


@lowers("logical_not", "input")
def lower_not(low, call):
    scale(low, call, call.input)


@lowers("maximum minimum", "input other")
def lower_maximum(low, call):
    low.emit(call.name, low.aligned([call.input, call.other], call.out), call.out)


@lowers("max", "input dim=None keepdim=False")
def lower_max(low, call):
    if isinstance(call.dim, Value):
        low.emit("maximum", low.aligned([call.input, call.dim], call.out), call.out)
        return
    low.emit("amax", [low.use(call.input)], call.out, dim=low.axes(call.input, call.dim),
             keepdim=call.keepdim)
    hide(call, "the indices")


@lowers("pow", "input exponent")
def lower_pow(low, call):
    if isinstance(call.exponent, Value) or not isinstance(call.input, Value):
        raise Unexpressible("a tensor as exponent")
    low.emit("pow", [low.use(call.input)], call.out, exponent=call.exponent)


@lowers("clamp clamp_min clamp_max", "input min=None max=None")
def lower_clamp(low, call):
    low_, high = (None, call.min) if call.name == "clamp_max" else (call.min, call.max)
    if not (is_number(low_) and is_number(high)):
        raise Unexpressible("limits that are tensors")
    limits = {key: limit for key, limit in (("min", low_), ("max", high))
              if isinstance(limit, (int, float)) and math.isfinite(limit)}
    low.emit("clamp", [low.use(call.input)], call.out, **limits)


@lowers("norm", "input -p=2 @dim=None keepdim=False")
def lower_norm(low, call):
    low.emit("norm", [low.use(call.input)], call.out, keepdim=call.keepdim,
             **({} if call.dim is None else {"dim": low.axes(call.input, call.dim)}))


@lowers("masked_fill", "input mask value")
def lower_masked_fill(low, call):
    if not is_number(call.value):
        raise Unexpressible("fills with a tensor that depends on the input")
    low.emit("masked_fill", low.aligned([call.input, call.mask], call.out), call.out)


@lowers("where", "condition input other")
def lower_where(low, call):
    if is_number(call.input) == is_number(call.other):
        raise Unexpressible("chooses between two tensors")
    kept = call.other if is_number(call.input) else call.input
    low.emit("masked_fill", low.aligned([kept, call.condition], call.out), call.out)


# Joining and cutting

@lowers("cat", "tensors dim=0")
def lower_cat(low, call):
    layers = low.aligned(call.tensors, call.out)
    low.emit("concat", layers, call.out, dim=low.axis(call.out, call.dim))


@lowers("stack", "tensors dim=0")
def lower_stack(low, call):
    low.emit("stack", [low.use(v) for v in call.tensors], call.out,
             dim=low.axis(call.out, call.dim))


@lowers("split split_with_sizes", "input split_size dim=0")
def lower_split(low, call):
    size = call.split_size
    dim, start = low.axis(call.input, call.dim), 0
    for index, out in enumerate(call.results):
        if isinstance(size, int):
            low.emit("split", [low.use(call.input)], out, split_size=size, dim=dim, index=index)
            continue
        low.emit("slice", [low.use(call.input)], out, dim=dim, start=start, end=start + size[index])
        start += size[index]


@lowers("chunk", "input chunks dim=0")
def lower_chunk(low, call):
    for index, out in enumerate(call.results):
        low.emit("chunk", [low.use(call.input)], out, chunks=call.chunks,
                 dim=low.axis(call.input, call.dim), index=index)


@lowers("unbind", "input dim=0")
def lower_unbind(low, call):
    for index, out in enumerate(call.results):
        low.emit("select", [low.use(call.input)], out, dim=low.axis(call.input, call.dim),
                 index=index)


@lowers("select", "input dim index")
def lower_select(low, call):
    low.emit("select", [low.use(call.input)], call.out, dim=low.axis(call.input, call.dim),
             index=call.index)


@lowers("narrow", "input dim start length")
def lower_narrow(low, call):
    if call.out.shape == call.input.shape:
        call.out.alias = call.input
        return
    low.emit("slice", [low.use(call.input)], call.out, dim=low.axis(call.input, call.dim),
             start=call.start, end=call.start + call.length)


@lowers("index_select", "input dim index")
def lower_index_select(low, call):
    look_up(low, call.input, call.index, call.out, call.dim)


@lowers("getitem", "input index")
def lower_getitem(low, call):
    """A subscript with at most one entry that is not `:`."""
    at = next((i for i, item in enumerate(call.index) if not is_whole(item)), None)
    item = None if at is None else call.index[at]
    if item is None or (isinstance(item, slice) and call.out.shape == call.input.shape):
        lower_reshape(low, call)
    elif isinstance(item, bool) or not isinstance(item, (int, slice, Value)):
        raise Unexpressible("a subscript of %s" % type(item).__name__)
    elif isinstance(item, int):
        low.emit("select", [low.use(call.input)], call.out, dim=low.axis(call.input, at),
                 index=item)
    elif isinstance(item, slice):
        fields = {"end": item.stop} if item.stop is not None else {}
        low.emit("slice", [low.use(call.input)], call.out, dim=low.axis(call.input, at),
                 start=item.start or 0, **fields, step=item.step or 1)
    elif item.source == "data" and at == 0 and len(call.input.shape) == 2 and item.integer \
            and is_parameter(call.input):
        low.emit("embedding", [low.use(item)], call.out, weights=[call.input],
                 num_embeddings=call.input.shape[0], embedding_dim=call.input.shape[1])
    else:
        look_up(low, call.input, item, call.out, at)


# Views

@lowers("view reshape view_as reshape_as flatten unflatten squeeze unsqueeze ravel",
        "input *shape")
def lower_reshape(low, call):
    """All that keep the order of the elements: only the shapes count."""
    source, out = call.input, call.out
    check_batch_order(source, out)
    if source.dims == out.dims:
        out.alias = source
        return
    kind, fields = regroup(source.dims, out.dims, inferred_dimension(low, call))
    low.emit(kind, [low.use(source)], out, **fields)


def check_batch_order(source, out):
    """The batch must stay the batch: as many elements to its right within a sample as before."""
    if source.batch is None or out.batch is None:
        return
    stride = source.inner * math.prod(source.shape[source.batch + 1:])
    after = math.prod(out.shape[out.batch + 1:])
    if stride % after or out.fold % (stride // after):
        raise Unexpressible("mixes the samples of a batch: from shape %s to %s"
                            % (list(source.shape), list(out.shape)))
    out.inner = stride // after


def inferred_dimension(low, call):
    """Where the user wrote -1 for a size, as an index into the result's JSON shape."""
    shape = call.arguments.get("shape") or ()
    if call.name not in ("view", "reshape") or -1 not in shape or shape.index(-1) == call.out.batch:
        return None
    return low.axis(call.out, shape.index(-1)) - 1


def regroup(before, after, inferred=None):
    """The kind and fields that turn one shape into another with the same order of elements."""
    head = 0
    while head < min(len(before), len(after)) and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < min(len(before), len(after)) - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    old, new = before[head:len(before) - tail], after[head:len(after) - tail]
    sizes = [-1 if i == inferred else size for i, size in enumerate(after)]
    if len(after) == 1 and len(before) != 1:
        return "flatten", {}
    if len(new) == 1 and len(old) > 1:
        return "flatten", {"start_dim": head + 1, "end_dim": len(before) - tail if tail else -1}
    if len(old) == 1 and len(new) > 1:
        return "unflatten", {"dim": head + 1, "unflattened_size": sizes[head:head + len(new)]}
    if old == (1,) and not new:
        return "squeeze", {"dim": head + 1}
    if not old and new == (1,):
        return "unsqueeze", {"dim": head + 1}
    return "reshape", {"shape": sizes}


@lowers("to float double half bfloat16 type type_as long int bool byte contiguous clone cpu cuda "
        "detach requires_grad alias positive", "input *rest")
def lower_alias(low, call):
    call.out.alias = call.input


@lowers("copy", "input other *rest")
def lower_copy(low, call):
    expanded(low, call.other, call.out)


@lowers("expand expand_as broadcast_to", "input *shape")
def lower_expand(low, call):
    expanded(low, call.input, call.out)


def expanded(low, source, out):
    dims = low.aligned_dims(source, out)
    if dims == out.dims:
        out.alias = source
    else:
        low.emit("expand", [low.use(source, dims, loose=True)], out, shape=out.dims)


def permutation(call):
    """The order of the old dimensions in the result of permute, transpose, T, ..."""
    rank = len(call.input.shape)
    order = list(range(rank))
    if call.name == "permute":
        return [d % rank for d in call.dims]
    if call.name in ("T", "t", "adjoint", "mT"):
        a, b = (0, 1) if rank == 2 else (rank - 2, rank - 1)
    else:
        a, b = call.dims[0], call.dims[1]
    if call.name == "movedim":
        order.insert(b % rank, order.pop(a % rank))
    else:
        order[a % rank], order[b % rank] = order[b % rank], order[a % rank]
    return order


@lowers("permute transpose T t mT movedim", "input *dims")
def lower_permute(low, call):
    source, out = call.input, call.out
    order = permutation(call)
    if is_parameter(source) and order == [1, 0]:
        out.transposed = source.root()
        return
    dropped = source.batch if source.fold == 1 else None
    order = [low_index(d, dropped) for d in order if d != dropped or dropped is None]
    moved = [i for i, d in enumerate(order) if i != d]
    if not moved:
        out.alias = source
    elif len(moved) == 2:
        low.emit("transpose", [low.use(source)], out, dim0=moved[0] + 1, dim1=moved[1] + 1)
    else:
        low.emit("permute", [low.use(source)], out, dims=[0] + [d + 1 for d in order])


def low_index(dim, dropped):
    return dim - (dropped is not None and dim > dropped)


# Moving

@lowers("roll", "input shifts dims=None")
def lower_roll(low, call):
    if call.dims is None or call.dims == ():
        raise Unexpressible("rolls over all dimensions at once")
    shifts, dims = ([v] if isinstance(v, int) else list(v) for v in (call.shifts, call.dims))
    pairs = [(shift, low.axis(call.input, dim)) for shift, dim in zip(shifts, dims) if shift]
    if not pairs:
        call.out.alias = call.input
        return
    low.emit("roll", [low.use(call.input)], call.out, shifts=[p[0] for p in pairs],
             dims=[p[1] for p in pairs])


@lowers("pad", "input pad mode='constant' value=None")
def lower_pad(low, call):
    rank = len(call.input.shape)
    padding = {}
    for i in range(len(call.pad) // 2):
        amounts = list(call.pad[2 * i:2 * i + 2])
        if amounts != [0, 0]:
            padding[low.axis(call.input, rank - 1 - i)] = amounts
    if not padding:
        call.out.alias = call.input
        return
    axes = range(len(call.input.dims), min(padding) - 1, -1)
    low.emit("pad", [low.use(call.input)], call.out, value=call.value or 0, mode=call.mode,
             padding=[amount for axis in axes for amount in padding.get(axis, [0, 0])])


@lowers("interpolate", "input size=None scale_factor=None mode='nearest' align_corners=None "
        "recompute_scale_factor=None antialias=False")
def lower_interpolate(low, call):
    factor = extent(call.scale_factor) if call.scale_factor is not None else None
    if isinstance(factor, list):
        factor, size = None, list(call.out.shape[2:])
    else:
        size = None if call.size is None else call.size
    low.emit("upsample", [low.images(call.input)], call.out, mode=call.mode,
             align_corners=bool(call.align_corners),
             **({"size": extent(size)} if factor is None else {"scale_factor": factor}))



# ---- running the module -------------------------------------------------------------------------

class MetaKernels(TorchDispatchMode):
    """Runs operators without a kernel for the meta device on the CPU, for the result's shape."""

    def __torch_dispatch__(self, function, types_, args=(), kwargs=None):
        kwargs = kwargs or {}
        try:
            return function(*args, **kwargs)
        except NotImplementedError:
            return self.on_cpu(function, args, kwargs)

    @staticmethod
    def on_cpu(function, args, kwargs):
        def down(leaf):
            is_meta = isinstance(leaf, torch.Tensor) and leaf.device.type == "meta"
            return torch.zeros_like(leaf, device="cpu") if is_meta else leaf

        def up(leaf):
            return leaf.to("meta") if isinstance(leaf, torch.Tensor) else leaf

        kwargs = dict(map_leaves(kwargs, down))
        if "device" in kwargs:
            kwargs["device"] = torch.device("cpu")
        result = function(*map_leaves(args, down), **kwargs)
        return args[0] if function._schema.name.endswith("_") else map_leaves(result, up)


class MacCounter(MetaKernels):
    """Counts multiply-accumulates at the level of aten operators, apart from all of the above."""

    SUSPECT = re.compile(r"mm|mv|conv|dot|attention|linear|lstm|gru|rnn|bilinear|matmul|addr$|ger$"
                         r"|cdist|fft")
    HARMLESS = re.compile(r"upsample|vector_norm|backward")

    def __init__(self):
        super().__init__()
        self.macs = 0

    def __torch_dispatch__(self, function, types_, args=(), kwargs=None):
        result = super().__torch_dispatch__(function, types_, args, kwargs)
        name = function._schema.name.split("::")[1]
        if name in ("convolution", "_convolution", "convolution_overrideable"):
            source, weight, transposed = args[0], args[1], args[6]
            positions = source.numel() if transposed else result.numel()
            self.macs += positions * (weight.numel() // weight.shape[0])
        elif name in ("mm", "bmm", "mv", "dot"):
            self.macs += args[0].numel() * (args[1].shape[-1] if name in ("mm", "bmm") else 1)
        elif name in ("addmm", "baddbmm"):
            self.macs += args[1].numel() * args[2].shape[-1]
        elif name.startswith("_scaled_dot_product") and "attention" in name:
            query, key, value = args[:3]
            self.macs += query.numel() * key.shape[-2] + \
                query.numel() // query.shape[-1] * key.shape[-2] * value.shape[-1]
        elif self.SUSPECT.search(name) and not self.HARMLESS.search(name):
            raise ExportError("aten::%s may multiply, and its MACs are not known" % name)
        return result


class PlainRepeats(TorchFunctionMode):
    """repeat_interleave by other functions: on the meta device torch 1.13 cannot run it."""

    def __torch_function__(self, function, types_, args=(), kwargs=None):
        if name_of(function) == "repeat_interleave" and isinstance(args[-1], int):
            return repeat_interleave_in_steps(*args, **(kwargs or {}))
        return function(*args, **(kwargs or {}))


@contextlib.contextmanager
def undisturbed(module):
    """Attention by its parts; afterwards the module's modes and buffers are what they were."""
    modes = [(m, m.training) for m in module.modules()]
    buffers = [(b, b.detach().clone()) for b in module.buffers()]
    switches = [(getattr(torch.backends.cuda, "enable_" + n), getattr(torch.backends.cuda, g)())
                for n, g in (("flash_sdp", "flash_sdp_enabled"),
                             ("mem_efficient_sdp", "mem_efficient_sdp_enabled"),
                             ("cudnn_sdp", "cudnn_sdp_enabled"))
                if hasattr(torch.backends.cuda, "enable_" + n)]
    if hasattr(torch.backends, "mha"):
        switches.append((torch.backends.mha.set_fastpath_enabled,
                         torch.backends.mha.get_fastpath_enabled()))
    for switch, _ in switches:
        switch(False)
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad(), \
                torch.autograd.graph.saved_tensors_hooks(lambda t: None, lambda t: None):
            yield
    finally:
        for switch, before in switches:
            switch(before)
        for m, training in modes:
            m.training = training
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)


class Inputs:
    """The inputs of forward(): an example of each, remade at any batch size."""

    def __init__(self, module, examples):
        self.by_keyword = isinstance(examples, dict)
        if isinstance(examples, torch.Tensor):
            examples = (examples,)
        if not self.by_keyword:
            names = list(inspect.signature(module.forward).parameters)
            names += ["input%d" % i for i in range(len(names), len(examples))]
            examples = dict(zip(names, examples))
        first = next(iter(examples.values()))
        self.is_plain = len(examples) == 1 and not self.by_keyword and first.is_floating_point()
        self.examples = {"input": first} if self.is_plain else dict(examples)
        for name, example in self.examples.items():
            if example.dim() < 2:
                raise ExportError("input %s: expected a batch dimension and a shape, got %s"
                                  % (name, list(example.shape)))

    def at(self, batch):
        """The inputs at a batch size, all samples like the example's first."""
        return {self.name_of(name): example[:1].expand((batch,) + example.shape[1:]).clone()
                for name, example in self.examples.items()}

    def name_of(self, name):
        """A layer reads "input" for what comes before it: no input of several is called so."""
        return "input_" if name == "input" and not self.is_plain else name

    def call(self, module, tensors):
        if self.by_keyword:
            return module(**dict(zip(self.examples, tensors.values())))
        return module(*tensors.values())

    def as_json(self):
        if self.is_plain:
            return list(self.examples["input"].shape[1:])
        return {self.name_of(name): dict({"shape": list(example.shape[1:])},
                                         **({} if example.is_floating_point() else
                                            {"dtype": "int32"}))
                for name, example in self.examples.items()}


def record(module, inputs, batch, training, positions):
    """One run: (recorder, Values of the inputs by name, Values of the outputs)."""
    module.train(training)
    recorder = Recorder(module, list(positions))
    tensors = inputs.at(batch)
    for tensor in tensors.values():
        recorder.add_input(tensor)
    with MetaKernels(), recorder.watching(), recorder:
        result = inputs.call(module, tensors)
    outputs = [recorder.output_of(t) for t in leaves_of(result, torch.Tensor)]
    return recorder, {n: recorder.value_of(t) for n, t in tensors.items()}, outputs


def pair(one, two):
    """Joins what two runs saw in one place: shapes of Values, arguments that differ."""
    if isinstance(one, Value):
        if not isinstance(two, Value) or one.source != two.source:
            raise ExportError("what is computed depends on the size of the batch")
        one.other = two.shape
    elif isinstance(one, dict):
        return {key: pair(value, two[key]) for key, value in one.items()}
    elif isinstance(one, (list, tuple)) and len(one) == len(two):
        return [pair(a, b) for a, b in zip(one, two)]
    elif isinstance(one, slice):
        return slice(*pair((one.start, one.stop, one.step), (two.start, two.stop, two.step)))
    elif one is not two and one != two:
        return Varying()
    return one


def lower_mode(module, inputs, training, positions):
    """The layers of eval() or train(): (Lowering, Layers of the outputs)."""
    runs = [record(module, inputs, batch, training, positions) for batch in BATCHES]
    one, two = (run[0] for run in runs)
    if [(c.name, c.place) for c in one.calls] != [(c.name, c.place) for c in two.calls]:
        raise ExportError("the functions called depend on the size of the batch")
    for a, b in zip(one.calls, two.calls):
        a.arguments = pair(a.arguments, b.arguments)
        pair(a.results, b.results)
    pair(runs[0][1], runs[1][1])
    pair(runs[0][2], runs[1][2])
    lowering = Lowering(runs[0][1], {n: p.requires_grad for n, p in module.named_parameters()})
    lowering.run(one.calls)
    lowering.problems += one.problems + list(reasons_of(runs[0][2]))
    lowering.reasons += one.reasons
    lowering.place = Place("", type(module).__name__)
    outputs = [lowering.output(value) for value in runs[0][2]
               if value.source == "data" and not value.opaque]
    return lowering, outputs


# ---- from two modes to one file -----------------------------------------------------------------

def merge(evaluation, training):
    """Marks the layers of train() that eval() does not run; gives the outputs, eval()'s first.

    Every layer of eval() must have its like in train(). Dropout that eval() does not even call is
    no layer of training only, since it does nothing there.
    """
    (eval_low, eval_outputs), (train_low, train_outputs) = evaluation, training
    waiting = collections.defaultdict(list)
    for layer in train_low.layers:
        waiting[layer.key()].append(layer)
    twin = {id(v.layer): train_low.inputs[name].layer for name, v in eval_low.inputs.items()}
    matched = set(map(id, twin.values()))

    def behind_dropout(layer):
        while layer.kind in RANDOM and id(layer) not in matched:
            layer = layer.inputs[0]
        return layer

    for layer in eval_low.layers:
        inputs = [twin[id(source)] for source in layer.inputs]
        same = next((t for t in waiting[layer.key()]
                     if id(t) not in matched and [behind_dropout(i) for i in t.inputs] == inputs),
                    None)
        if same is None:
            raise ExportError("%s: eval() runs it, train() does not, or on something else"
                              % described(layer.kind, layer.place))
        twin[id(layer)] = same
        matched.add(id(same))
    for layer in train_low.layers:
        if layer.kind in RANDOM:
            layer.training_only = layer.inputs[0].training_only
        else:
            layer.training_only = id(layer) not in matched
    outputs = [twin[id(layer)] for layer in eval_outputs]
    return unique(outputs + [t for t in train_outputs if behind_dropout(t) not in outputs])


def unique(layers):
    return list({id(layer): layer for layer in layers}.values())


def pruned(layers, outputs):
    """The layers that an output, a parameter or a product needs."""
    needed = set(map(id, outputs))
    for layer in reversed(layers):
        if id(layer) in needed or layer.weights or layer.kind.rstrip("123d") in PRODUCTS:
            needed.add(id(layer))
            needed.update(map(id, layer.inputs))
    return [layer for layer in layers if id(layer) in needed]


def give_names(layers):
    """Names from the modules' paths: letters, digits, _, - and . only, each once."""
    taken = {"input"}
    for layer in layers:
        base = layer.name or layer.place.path
        if not layer.name and not (base and layer.kind.split("_")[-1] in layer.place.type.lower()):
            base = (base + "." if base else "") + layer.kind
        base = re.sub(r"[^A-Za-z0-9_.-]", "_", base)
        layer.name = next(name for name in itertools.chain(
            [base], ("%s_%d" % (base, i) for i in itertools.count(2))) if name not in taken)
        taken.add(layer.name)


def layer_json(layer, before):
    """One layer as the file writes it; `before` is the name that `inputs` defaults to."""
    result = {"name": layer.name, "type": layer.kind}
    names = [source.name for source in layer.inputs]
    if names and names != [before]:
        result["inputs"] = names
    result.update(layer.fields)
    if layer.weight_from is not None:
        result["weight_from"] = layer.weight_from.name
    if layer.frozen:
        result["trainable"] = False
    if layer.training_only:
        result["when"] = "training"
    return result


def runs_once(layers):
    """Products that the file has once a step and torch once a sample: their names."""
    once = set()
    for layer in layers:
        if layer.kind != "position_embedding" and any(id(s) not in once for s in layer.inputs):
            continue
        once.add(id(layer))
    return [layer.name for layer in layers if id(layer) in once and layer.spread and
            layer.kind.rstrip("123d") in PRODUCTS]


def export(module, example_inputs, name=None, source=None, allow_unused=False, positions=()):
    """The module as a model file's dictionary; raises ExportError with all that is in the way.

    example_inputs: a tensor, a tuple of tensors in forward()'s order or a dictionary of them by
    forward()'s names, each with a batch dimension first. The module is run four times with them
    and twice for the count; afterwards it is as before. `positions`: integer tensors known to
    hold 0, 1, 2, ... (only of use for modules on the meta device; elsewhere they are found).
    """
    inputs = Inputs(module, example_inputs)
    positions = list(positions) + position_buffers(module)
    with undisturbed(module):
        modes = both_modes(module, inputs, positions)
        outputs = merge(*modes)
        macs = forward_macs(module, inputs)
    lowering = modes[1][0]
    if not outputs:
        raise ExportError("no output of the module depends on its inputs")
    unused = [n for n, _ in module.named_parameters() if n not in lowering.owners]
    if unused and not allow_unused:
        raise ExportError(["parameters that forward() never uses, neither in train() nor in eval():"
                           " " + ", ".join(unused)] + lowering.reasons)
    layers = pruned(lowering.layers, outputs)
    give_names(layers)
    for text in ["parameter %s is never used and left out" % n for n in unused] + \
            ["%s depends on parameters alone: once a step, where torch runs it for each sample" % n
             for n in runs_once(layers)]:
        print("export_torch.py: warning: " + text, file=sys.stderr)
    before = ["input" if inputs.is_plain else None] + [layer.name for layer in layers]
    return {
        "schema": "joulecast.model/1",
        "name": name or type(module).__name__,
        "source": "exported by export_torch.py from %s, torch %s"
                  % (source or type(module).__name__, torch.__version__),
        "expect": {"params": sum(p.numel() for n, p in module.named_parameters()
                                 if n not in unused), "forward_macs": macs},
        "input": inputs.as_json(),
        "layers": [layer_json(layer, prior) for layer, prior in zip(layers, before)],
        "outputs": [layer.name for layer in outputs],
    }


def both_modes(module, inputs, positions):
    """lower_mode() of eval() and of train(), or all their problems at once."""
    modes, problems = [], []
    for training in (False, True):
        try:
            modes.append(lower_mode(module, inputs, training, positions))
            problems += modes[-1][0].problems
        except ExportError as error:
            problems += error.problems
    if problems:
        raise ExportError(dict.fromkeys(problems))
    return modes


def forward_macs(module, inputs):
    """MACs of one sample in eval(), with the work done once a step, from two batch sizes."""
    counts = []
    module.eval()
    for batch in BATCHES:
        tensors = inputs.at(batch)
        with MacCounter() as counter, PlainRepeats():
            inputs.call(module, tensors)
        counts.append(counter.macs)
    per_sample = (counts[1] - counts[0]) // (BATCHES[1] - BATCHES[0])
    return counts[0] - (BATCHES[0] - 1) * per_sample


def position_buffers(module):
    """The module's integer buffers that hold 0, 1, 2, ... along their last dimension."""
    found = []
    for buffer in module.buffers():
        if buffer.device.type != "meta" and buffer.dim() in (1, 2) and buffer.numel() > 1 and \
                not buffer.is_floating_point():
            counting = torch.arange(buffer.shape[-1], device=buffer.device)
            if torch.equal(buffer, counting.expand_as(buffer).to(buffer.dtype)):
                found.append(buffer)
    return found


def save(model, path):
    """Writes the dictionary of export(), one layer a line."""
    text = as_text(model)
    if path in (None, "-"):
        sys.stdout.write(text)
        return
    temporary = "%s.%d.tmp" % (path, os.getpid())
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)


def as_text(model):
    lines = []
    for key, value in model.items():
        text = json.dumps(value)
        if key == "layers":
            text = "[\n    %s\n  ]" % ",\n    ".join(map(json.dumps, value))
        lines.append("  %s: %s" % (json.dumps(key), text))
    return "{\n%s\n}\n" % ",\n".join(lines)


# ---- command line -------------------------------------------------------------------------------

def parse_input(text):
    """"3x224x224" or "ids=int32:128" as (name or None, shape, torch dtype)."""
    match = re.fullmatch(r"(?:(\w+)=)?(?:(int32|int64|float32):)?(\d+(?:x\d+)*)", text)
    if not match:
        raise ExportError("--input %s: expected [NAME=][int32:]SHAPE, such as 3x224x224" % text)
    name, kind, shape = match.groups()
    return name, [int(n) for n in shape.split("x")], \
        torch.int64 if kind in ("int32", "int64") else torch.float32


@contextlib.contextmanager
def no_initialisation():
    """Leaves new parameters as allocated: values do not matter, and large networks take long."""
    saved = {n: f for n, f in vars(torch.nn.init).items() if n.endswith("_") and n[0] != "_"}
    for n in saved:
        setattr(torch.nn.init, n, lambda tensor, *args, **kwargs: tensor)
    try:
        yield
    finally:
        for n, function in saved.items():
            setattr(torch.nn.init, n, function)


def from_torchvision(name, settings):
    """(module, its usual input shape) of a torchvision classifier, without weights."""
    from torchvision import models
    place = models if hasattr(models, name) else models.video
    constructor = getattr(place, name, None)
    if not callable(constructor):
        raise ExportError("torchvision %s has no %s"
                          % (sys.modules["torchvision"].__version__, name))
    if "init_weights" in inspect.signature(inspect.unwrap(constructor)).parameters:
        settings = dict({"init_weights": False}, **settings)
    with no_initialisation():
        module = constructor(weights=None, **settings)
    weights = models.get_model_weights(constructor)
    crop = next(iter(weights)).transforms.keywords["crop_size"]
    crop = getattr(module, "image_size", crop)  # the weights of some are for another size
    crop = list(crop) if isinstance(crop, (list, tuple)) else [crop]
    frames = [16] if place is models.video else []
    return module, [3] + frames + (crop if len(crop) == 2 else crop * 2)


def from_import(target, settings):
    """The module that package.module:function, or file.py:function, returns."""
    path, _, function = target.rpartition(":")
    sys.path.insert(0, os.getcwd())
    if path.endswith(".py"):
        spec = importlib.util.spec_from_file_location(os.path.basename(path)[:-3], path)
        package = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = package
        spec.loader.exec_module(package)
    else:
        package = importlib.import_module(path)
    if not hasattr(package, function):
        raise ExportError("%s: there is no %s in %s" % (target, function, path))
    module = getattr(package, function)(**settings)
    if not isinstance(module, torch.nn.Module):
        raise ExportError("%s: expected an nn.Module, got %s" % (target, type(module).__name__))
    return module


def to_meta(module):
    """Moves the module to the meta device; tensors that were one stay one. Old id -> new."""
    moved = {}
    for part in module.modules():
        for table in (part._parameters, part._buffers):
            for name, tensor in table.items():
                if tensor is None:
                    continue
                if id(tensor) not in moved:
                    new = tensor.detach().to("meta")
                    if isinstance(tensor, torch.nn.Parameter):
                        new = torch.nn.Parameter(new, requires_grad=tensor.requires_grad)
                    moved[id(tensor)] = (new, tensor)
                table[name] = moved[id(tensor)][0]
    return moved


def build(options):
    """(module, [(input name, shape, dtype)], what it is for `source`) of the command line."""
    settings = dict(parse_setting(s) for s in options.set)
    scheme, _, target = options.module.partition(":")
    inputs = [parse_input(text) for text in options.input]
    origin = options.module
    if not target:
        raise ExportError("%s: expected torchvision:NAME or MODULE:FUNCTION" % options.module)
    if scheme == "torchvision":
        module, shape = from_torchvision(target, settings)
        origin = "torchvision %s %s" % (sys.modules["torchvision"].__version__, target)
        inputs = inputs or [(None, shape, torch.float32)]
    else:
        module = from_import(options.module, settings)
    if not inputs:
        raise ExportError("expected --input, the shape of one sample")
    return module, inputs, origin


def run_on(device, options):
    module, inputs, origin = build(options)
    positions = position_buffers(module)
    if device == "meta":
        moved = to_meta(module)
        positions = [moved[id(p)][0] for p in positions]
    names = [name for name, _, _ in inputs]
    if any(names) and not all(names):
        raise ExportError("--input: expected names for all inputs or for none")
    tensors = [torch.zeros([1] + shape, dtype=dtype, device=device) for _, shape, dtype in inputs]
    return export(module, dict(zip(names, tensors)) if all(names) else tuple(tensors),
                  options.name or options.module.rpartition(":")[2], origin, options.allow_unused,
                  positions)


def run(options):
    """Exports on the meta device, or where the module cannot run there, on the CPU."""
    if options.device:
        return run_on(options.device, options)
    try:
        return run_on("meta", options)
    except (NotImplementedError, RuntimeError, ValueError, TypeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
    print("export_torch.py: not on the meta device (%s): running on the CPU" % reason,
          file=sys.stderr)
    return run_on("cpu", options)


def parse_setting(text):
    key, equals, value = text.partition("=")
    if not equals:
        raise ExportError("--set %s: expected KEY=VALUE" % text)
    try:
        return key, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return key, value


def main():
    parser = argparse.ArgumentParser(
        prog="export_torch.py", formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__)
    parser.add_argument("module",
                        help="torchvision:NAME, package.module:function, file.py:function")
    parser.add_argument("-o", "--output", help="the file to write (default: standard output)")
    parser.add_argument("--input", action="append", default=[], metavar="[NAME=][int32:]SHAPE",
                        help="an input's shape without the batch, such as 3x224x224")
    parser.add_argument("--name", help="the network's name (default: the module's)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="an argument of the constructor")
    parser.add_argument("--device", choices=("meta", "cpu"), help="where to run it")
    parser.add_argument("--allow-unused", action="store_true",
                        help="leave out parameters that forward() never uses, with a warning")
    options = parser.parse_args()
    try:
        save(run(options), options.output)
    except ExportError as error:
        for problem in error.problems:
            print("export_torch.py: %s" % problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
