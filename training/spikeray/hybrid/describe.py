"""The networks of `spikeray` as model files: a description and its tensors. PyTorch."""

from typing import Any

import numpy as np
import torch

from .. import data
from ..modelfile import (
    Conv2d,
    Dense,
    Description,
    IntegrateAndFire,
    Layer,
    Preparation,
    Start,
    Tensors,
    Time,
    Window,
    window,
)
from .network import Analog, Spiking
from .shape import Shape

PIXEL = 255
READOUT = (
    Layer(type="global_average_pool2d", name="average"),
    Dense(name="logits", units=2, weights="logits.weights", bias="logits.bias"),
    Layer(type="softmax", name="softmax"),
)


def describe(
    model: Spiking, windowed: bool, name: str, version: str, summary: str, training: dict[str, Any]
) -> tuple[Description, Tensors]:
    """A spiking network as a model file's description and tensors, still with a threshold of 0.5."""
    tensors: Tensors = {}
    shape = model.shape
    layers: list[Layer] = []
    for i, (channels, kernel, stride) in enumerate(shape.layers()):
        weights, scale, bias = model.whole(i)
        tensors |= {f"conv{i}.weights": weights, f"conv{i}.scale": scale, f"conv{i}.bias": bias}
        to_zero = shape.board and i > 0
        layers += [
            _convolution(i, channels, kernel, stride, scale=f"conv{i}.scale"),
            IntegrateAndFire(
                name=f"spike{i}",
                threshold=1,
                reset="zero" if to_zero else "subtract",
                amplitude=1,
                most=shape.most if shape.most > 1 else None,
                start=Start(kind="constant", value=0.0 if to_zero else 0.5),
            ),
        ]
    description = Description(
        name=name,
        version=version,
        summary=summary,
        population=data.POPULATION,
        ages=data.AGES,
        labels=data.LABELS,
        positive=data.LABELS[1],
        preparation=_preparation(shape, windowed),
        time=Time(axis="steps", steps=shape.steps),
        layers=(*layers, *READOUT),
        threshold=0.5,
        training=training,
    )
    return description, tensors | _readout(model)


def describe_analog(
    analog: Analog, windowed: bool, name: str, version: str, training: dict[str, Any]
) -> tuple[Description, Tensors]:
    """A ReLU network as a model file's description and tensors: batch norm in the weights, with a threshold of 0.5."""
    tensors: Tensors = {}
    layers: list[Layer] = []
    with torch.no_grad():
        for i, ((channels, kernel, stride), conv, norm) in enumerate(
            zip(analog.shape.layers(), analog.convs, analog.norms)
        ):
            factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            weights = (conv.weight * factor.view(-1, 1, 1, 1)).permute(2, 3, 1, 0).contiguous().numpy()
            bias = (norm.bias - norm.running_mean * factor).numpy()
            tensors |= {f"conv{i}.weights": weights, f"conv{i}.bias": bias}
            layers += [_convolution(i, channels, kernel, stride), Layer(type="relu", name=f"relu{i}")]
    description = Description(
        name=name,
        version=version,
        summary="The ReLU network that spikeray was converted from",
        population=data.POPULATION,
        ages=data.AGES,
        labels=data.LABELS,
        positive=data.LABELS[1],
        preparation=_preparation(analog.shape, windowed),
        layers=(*layers, *READOUT),
        threshold=0.5,
        training=training,
    )
    return description, tensors | _readout(analog)


def _convolution(i: int, channels: int, kernel: int, stride: int, scale: str | None = None) -> Conv2d:
    return Conv2d(
        name=f"conv{i}",
        kernel=(kernel, kernel),
        stride=(stride, stride),
        padding="same",
        channels=channels,
        weights=f"conv{i}.weights",
        scale=scale,
        bias=f"conv{i}.bias",
    )


def _preparation(shape: Shape, windowed: bool) -> Preparation:
    grey = Window(low=window.LOW, high=window.HIGH, least=window.LEAST) if windowed else None
    return Preparation(width=shape.size, height=shape.size, scale=PIXEL, window=grey)


def _readout(model: Spiking | Analog) -> Tensors:
    weight, bias = model.logits.weight.detach().numpy(), model.logits.bias.detach().numpy()
    return {"logits.weights": np.ascontiguousarray(weight.T), "logits.bias": bias}
