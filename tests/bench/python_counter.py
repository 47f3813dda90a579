"""Analyses of ResNet-50 in a second of CPU time by a Python counter.

    python3 python_counter.py TOOL SECONDS      TOOL: fvcore, torchinfo

Repeats the tool's own call on torchvision's module, made once, and an image of 3 x 224 x 224, in
one thread, and prints the rate. Exit status 77: the tool is not installed.
"""

import logging
import sys
import time


def make_fvcore(model, image):
    from fvcore.nn import FlopCountAnalysis

    logging.getLogger("fvcore").setLevel(logging.ERROR)
    return lambda: FlopCountAnalysis(model, image).unsupported_ops_warnings(False).total()


def make_torchinfo(model, image):
    from torchinfo import summary

    return lambda: summary(model, input_data=image, verbose=0).total_mult_adds


def main(tool, seconds):
    try:
        import torch
        import torchvision

        torch.set_num_threads(1)
        model = torchvision.models.resnet50(weights=None).eval()
        once = {"fvcore": make_fvcore, "torchinfo": make_torchinfo}[tool](
            model, torch.zeros(1, 3, 224, 224))
    except ImportError as error:
        print(error, file=sys.stderr)
        return 77
    with torch.no_grad():
        counted = once()
        assert 4_089_184_256 <= counted < 4.2e9, counted
        start, count = time.process_time(), 0
        while count == 0 or time.process_time() - start < seconds:
            once()
            count += 1
        print(count / (time.process_time() - start))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
