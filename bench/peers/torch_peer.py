"""Torch on the CPU: oneDNN's convolutions, channels last, which is as quick here as tracing or compiling it."""

import torch
from torch import nn

from . import chain, modelfile


def load(args):
    threads(args.threads)
    net = sequential(chain.layers(*modelfile.read(args.network))).eval().to(memory_format=torch.channels_last)

    def predict(pictures):
        with torch.inference_mode():
            return net(torch.from_numpy(pictures).to(memory_format=torch.channels_last)).numpy()

    return predict


def threads(n):
    torch.set_num_threads(n)
    torch.set_num_interop_threads(1)


def sequential(layers) -> nn.Sequential:
    """The layers as Torch's, with their weights."""
    return nn.Sequential(*map(module, layers))


def module(layer) -> nn.Module:
    """One layer that has no neurons."""
    match layer.kind:
        case "conv2d":
            out, into = layer.weights.shape[:2]
            return _filled(nn.Conv2d(into, out, tuple(layer.size), tuple(layer.stride)), layer)
        case "dense":
            return _filled(nn.Linear(layer.weights.shape[1], layer.weights.shape[0]), layer)
        case "max_pool2d":
            return nn.MaxPool2d(tuple(layer.size), tuple(layer.stride))
        case "relu":
            return nn.ReLU()
        case "flatten":
            return nn.Flatten()
        case "softmax":
            return nn.Softmax(dim=1)
    raise ValueError(f"layer {layer.name}: no module for {layer.kind}")


def _filled(m, layer):
    with torch.no_grad():
        m.weight.copy_(torch.from_numpy(layer.weights))
        m.bias.copy_(torch.from_numpy(layer.bias))
    return m
