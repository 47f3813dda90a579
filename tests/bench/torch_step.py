#!/usr/bin/python3
"""Median time of a training step in PyTorch on the CPU, as JSON.

    torch_step.py MODEL BATCH CxHxW THREADS [STEPS]

The same work as `joulecast train`: fp32, one fixed batch, cross-entropy, SGD with momentum 0.9 and
weight decay 1e-4, channels first. Wants Debian's python3-torchvision.
"""
import json
import statistics
import sys
import time

import torch
import torchvision

WARM_UP = 3


def main():
    name, batch, shape, threads = sys.argv[1:5]
    steps = int(sys.argv[5]) if len(sys.argv) > 5 else 20
    torch.set_num_threads(int(threads))
    torch.manual_seed(1)
    model = getattr(torchvision.models, name)().train()
    images = torch.randn(int(batch), *[int(size) for size in shape.split("x")])
    labels = torch.randint(0, 1000, (int(batch),))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9, weight_decay=1e-4)
    loss_of = torch.nn.CrossEntropyLoss()
    times_s = []
    for _ in range(WARM_UP + steps):
        began = time.perf_counter()
        optimizer.zero_grad()
        loss_of(model(images), labels).backward()
        optimizer.step()
        times_s.append(time.perf_counter() - began)
    measured = times_s[WARM_UP:]
    print(json.dumps({"model": name, "threads": int(threads), "version": torch.__version__,
                      "steps": steps, "step_median_s": statistics.median(measured),
                      "step_min_s": min(measured)}))


main()
