"""The networks that dtjgp/GreenAI trained, as joulecast.model/1, for convert_dtjgp.py.

Seven are those shipped, with other inputs and classes (its ResNets lack the batch normalisation of
the shortcuts). The others differ from what their names say, or are not shipped:
    googlenet_origin  as Szegedy et al. drew it: 5x5 convolutions, no batch normalisation
    googlenet_mod1-4  the same without its first, second, third or fourth branch
    googlenet_mod5-8  1 to 4 branches alike, each the 1x1 and 3x3 of the second
    googlenet_mod9    no inception at all
    resnet50          bottlenecks that do not widen, and every stage begins with stride 2
    mobilenetv1       no batch normalisation nor activation in its separable convolutions
    vit               patches of 32, width 1024, 6 layers, 16 heads, MLP of 2048; without the
                      normalisation of the raw patches
The widths were read in the study's source (4090/Functions/CNN_models.py).
"""

import json
import os
from functools import partial

MODELS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "models")

SHIPPED = {"alexnet": "alexnet", "mobilenetv2": "mobilenet_v2", "resnet18": "resnet18",
           "resnet34": "resnet34", "vgg11": "vgg11", "vgg16": "vgg16", "vgg19": "vgg19"}

# Stages of inceptions: 1x1; 1x1 and 3x3; 1x1 and 5x5; 1x1 behind the pool.
INCEPTIONS = [
    [(64, (96, 128), (16, 32), 32), (128, (128, 192), (32, 96), 64)],
    [(192, (96, 208), (16, 48), 64), (160, (112, 224), (24, 64), 64),
     (128, (128, 256), (24, 64), 64), (112, (144, 288), (32, 64), 64),
     (256, (160, 320), (32, 128), 128)],
    [(256, (160, 320), (32, 128), 128), (384, (192, 384), (48, 128), 128)],
]
# Branches that are left, of the four; equal ones.
BRANCHES = {"googlenet_origin": (0, 1, 2, 3), "googlenet_mod1": (1, 2, 3),
            "googlenet_mod2": (0, 2, 3), "googlenet_mod3": (0, 1, 3), "googlenet_mod4": (0, 1, 2),
            "googlenet_mod5": (1,), "googlenet_mod6": (1, 1), "googlenet_mod7": (1, 1, 1),
            "googlenet_mod8": (1, 1, 1, 1), "googlenet_mod9": ()}
# Blocks and channels of the stages.
BOTTLENECKS = [(3, 64), (4, 128), (6, 256), (3, 512)]
# Channels and stride.
SEPARABLE = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2),
             (1024, 1)]
VGG13 = [64, 128, 256, 512, 512]


class Layers(list):
    """A list of layers, named by their position; each call returns the name of what it added."""

    def put(self, kind, inputs=None, **fields):
        name = f"l{len(self)}"
        fields = {"inputs": inputs, **fields} if inputs else fields
        self.append({"name": name, "type": kind, **fields})
        return name

    def conv(self, channels, kernel, stride=1, inputs=None, **fields):
        return self.put("conv2d", inputs, out_channels=channels, kernel_size=kernel, stride=stride,
                        padding=kernel // 2, **fields)

    def conv_relu(self, *shape, **fields):
        self.conv(*shape, **fields)
        return self.put("relu")

    def conv_norm(self, *shape, **fields):
        self.conv(*shape, bias=False, **fields)
        return self.put("batchnorm2d")

    def pool(self):
        return self.put("maxpool2d", kernel_size=3, stride=2, padding=1)

    def head(self, classes):
        self.put("adaptive_avgpool2d", output_size=1)
        self.put("flatten")
        self.put("linear", out_features=classes)


def inception(layers, widths, branches, source):
    ends = []
    for branch in branches:
        width = widths[branch]
        if branch == 0:
            ends.append(layers.conv_relu(width, 1, inputs=source))
        elif branch == 3:
            layers.put("maxpool2d", source, kernel_size=3, stride=1, padding=1)
            ends.append(layers.conv_relu(width, 1))
        else:
            layers.conv_relu(width[0], 1, inputs=source)
            ends.append(layers.conv_relu(width[1], 3 if branch == 1 else 5))
    return layers.put("concat", ends) if len(ends) > 1 else ends[0]


def googlenet(layers, classes, branches):
    layers.conv_relu(64, 7, 2)
    layers.pool()
    layers.conv_relu(64, 1)
    layers.conv_relu(192, 3)
    end = layers.pool()
    for stage in INCEPTIONS if branches else []:
        for widths in stage:
            end = inception(layers, widths, branches, [end])
        if stage is not INCEPTIONS[-1]:
            end = layers.pool()
    layers.head(classes)


def plain_resnet50(layers, classes):
    layers.conv_norm(64, 7, 2)
    layers.put("relu")
    end = layers.pool()
    for blocks, channels in BOTTLENECKS:
        for stride in [2] + [1] * (blocks - 1):
            source = [end]
            layers.conv_norm(channels, 1, stride, inputs=source)
            layers.put("relu")
            layers.conv_norm(channels, 3)
            layers.put("relu")
            main = layers.conv_norm(channels, 1)
            if stride > 1:
                end = layers.conv_norm(channels, 1, stride, inputs=source)
            layers.put("add", [main, end])
            end = layers.put("relu")
    layers.head(classes)


def mobilenet_v1(layers, classes):
    layers.conv(32, 3, 2)
    layers.put("batchnorm2d")
    layers.put("relu")
    width = 32
    for channels, stride in SEPARABLE:
        layers.conv(width, 3, stride, groups="in_channels")
        layers.conv(channels, 1)
        width = channels
    layers.head(classes)


def vgg13(layers, classes):
    for channels in VGG13:
        layers.conv_relu(channels, 3)
        layers.conv_relu(channels, 3)
        layers.put("maxpool2d", kernel_size=2)
    layers.put("flatten")
    for _ in range(2):
        layers.put("linear", out_features=4096)
        layers.put("relu")
        layers.put("dropout")
    layers.put("linear", out_features=classes)


def vit(layers, classes):
    layers.put("conv2d", out_channels=1024, kernel_size=32, stride=32)
    layers.put("reshape", shape=[1024, 49])
    layers.put("permute", dims=[0, 2, 1])
    tokens = layers.put("layernorm")
    token = layers.put("parameter", shape=[1, 1024])
    tokens = layers.put("concat", [token, tokens])
    position = layers.put("parameter", shape=[50, 1024])
    end = layers.put("add", [tokens, position])
    for _ in range(6):
        layers.put("layernorm")
        end = layers.put("add", [layers.put("multihead_attention", num_heads=16), end])
        layers.put("layernorm")
        layers.put("linear", out_features=2048)
        layers.put("gelu")
        end = layers.put("add", [layers.put("linear", out_features=1024), end])
    layers.put("layernorm")
    layers.put("select", dim=1, index=0)
    layers.put("linear", out_features=classes)


def built(build, classes):
    layers = Layers()
    build(layers, classes)
    return {"layers": layers}


def shipped(model_name, classes):
    with open(os.path.join(MODELS, f"{model_name}.json"), encoding="utf-8") as file:
        model = json.load(file)
    model["layers"][-1]["out_features"] = classes
    return {key: model[key] for key in ("blocks", "layers") if key in model}


# What of a model depends on the name, as a function of the number of classes.
NETWORKS = {
    **{name: partial(shipped, model_name) for name, model_name in SHIPPED.items()},
    **{name: partial(built, partial(googlenet, branches=b)) for name, b in BRANCHES.items()},
    "mobilenetv1": partial(built, mobilenet_v1),
    "resnet50": partial(built, plain_resnet50),
    "vgg13": partial(built, vgg13),
    "vit": partial(built, vit),
}


def network(name, input_shape, classes):
    """The model of that NAME, one of NETWORKS."""
    return {"schema": "joulecast.model/1", "name": name, "input": input_shape,
            **NETWORKS[name](classes)}
