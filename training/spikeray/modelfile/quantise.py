"""Whole-number weights for a model: `python -m spikeray quantise MODEL OUT [--pictures FOLDER]`.

Each output channel of a layer that takes pixels or spike counts gets weights of -127..127 and a scale of its own: the
finest power of two that the channel fits into if all its weights are multiples of it, so that weights that are on a
grid already stay as they are; otherwise the largest weight over 127. Counts and pixels are whole numbers already, so
nothing needs calibrating: the weights' rounding is all that changes. Layers that take anything else keep float32. With
--pictures (NORMAL/ and PNEUMONIA/ below it), the two models' answers are compared.
"""

import argparse
import pathlib
from collections.abc import Sequence

import numpy as np

from . import simulator
from .decision import default_threshold
from .description import Description
from .file import read, write
from .layers import Layer, Neurons, Weighted, takes_whole_numbers
from .network import Tensors


def quantise(description: Description, tensors: Tensors) -> tuple[Description, Tensors]:
    """A model with whole-number weights wherever whole numbers come in."""
    axis = description.time.axis if description.time else None
    layers, tensors = quantise_layers(description.layers, tensors, axis, description.preparation.scale)
    return description.changed(layers=layers), tensors


def quantise_layers(
    layers: Sequence[Layer], tensors: Tensors, axis: str | None, scale: float
) -> tuple[tuple[Layer, ...], Tensors]:
    """The same of a network's layers alone; scale: what pixels are divided by."""
    out, made, unit = dict(tensors), [], 1 / scale
    for i, layer in enumerate(layers):
        if isinstance(layer, Weighted) and layer.scale is None and takes_whole_numbers(layers, i, axis):
            weights = tensors[layer.weights].astype(np.float64)
            step = _step(weights.reshape(-1, weights.shape[-1]))
            name = f"{layer.name}.scale"
            out[layer.weights] = np.rint(weights / step).astype(np.int8)
            out[name] = (step * unit).astype(np.float32)
            layer = layer.changed(scale=name)
        if isinstance(layer, Neurons):
            unit = layer.unit
        made.append(layer)
    return tuple(made), out


def _step(weights: np.ndarray) -> np.ndarray:
    """What 1 stands for in each column of weights, float64."""
    step = np.abs(weights).max(axis=0) / 127
    step[step == 0] = 1  # a channel of zeros
    power = np.exp2(np.ceil(np.log2(step)))
    on_grid = (weights / power == np.rint(weights / power)).all(axis=0)
    return np.where(on_grid, power, step)


def dequantise(description: Description, tensors: Tensors) -> Tensors:
    """The float32 weights that a quantised model's stand for, by tensor name, without the scales."""
    out, unit = dict(tensors), 1 / description.preparation.scale
    for layer in description.layers:
        if isinstance(layer, Weighted) and layer.scale is not None:
            step = out.pop(layer.scale).astype(np.float64) / unit
            out[layer.weights] = (tensors[layer.weights] * step).astype(np.float32)
        if isinstance(layer, Neurons):
            unit = layer.unit
    return out


def compare(a: tuple[Description, Tensors], b: tuple[Description, Tensors], pictures: list[np.ndarray]) -> dict:
    """How far the answers of two models, as `modelfile.read` gives them, lie apart over prepared uint8 pictures."""
    p = np.array([[simulator.run(*m, x).probabilities[1] for m in (a, b)] for x in pictures], np.float64)
    called = p >= [default_threshold(m[0]) for m in (a, b)]
    difference = np.abs(p[:, 0] - p[:, 1])
    return {
        "pictures": len(pictures),
        "mean": float(difference.mean()),
        "worst": float(difference.max()),
        "labels_flipped": int((called[:, 0] != called[:, 1]).sum()),
    }


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> None:
    ap = argparse.ArgumentParser(prog=prog, description="Make a model's weights whole numbers.")
    ap.add_argument("model")
    ap.add_argument("out")
    ap.add_argument("--name", help="name of the new model (default: the old one's with -int8)")
    ap.add_argument("--pictures", help="folder of pictures to compare the two models on")
    ap.add_argument("--limit", type=int, default=0, help="compare on so many, evenly chosen (0: all)")
    args = ap.parse_args(arguments)
    before = read(args.model)
    description, tensors = quantise(*before)
    description = description.changed(name=args.name or f"{description.name}-int8")
    write(args.out, description, tensors)
    after = read(args.out)
    if args.pictures:
        from .. import data  # the X-rays are of no concern to a model file but here

        files = sorted(p for label in data.LABELS for p in (pathlib.Path(args.pictures) / label).iterdir())
        if args.limit and len(files) > args.limit:
            files = [files[i * len(files) // args.limit] for i in range(args.limit)]
        size = description.preparation.width
        pictures = [np.rint(data.prepare(f, size)[..., 0] * 255).astype(np.uint8) for f in files]
        print(compare(before, after, pictures))
