"""Whole-number weights for a model: `python -m spikeray.quantise MODEL OUT [--pictures FOLDER]`.

Each output channel of a layer that takes pixels or spike counts gets weights of -127..127 and a scale of its own: the
finest power of two that the channel fits into if all its weights are multiples of it, so that weights that are on a grid
already stay as they are; otherwise the largest weight over 127. Counts and pixels are whole numbers already, so nothing needs calibrating: the weights' rounding
is all that changes. Layers that take anything else keep float32. With --pictures (NORMAL/ and PNEUMONIA/ below it), the
two models' answers are compared.
"""

import argparse
import pathlib

import numpy as np

from . import data, modelfile, reference


def quantise(description: dict, tensors: dict[str, np.ndarray]) -> tuple[dict, dict[str, np.ndarray]]:
    """A model with whole-number weights wherever whole numbers come in."""
    layers, out = [], dict(tensors)
    axis = description.get("time", {}).get("axis")
    unit = 1 / description["preparation"]["scale"]
    for i, layer in enumerate(description["layers"]):
        layer = dict(layer)
        if "weights" in layer and "scale" not in layer and modelfile.whole_numbers(description["layers"], i, axis):
            weights = tensors[layer["weights"]].astype(np.float64)
            step = _step(weights.reshape(-1, weights.shape[-1]))
            layer["scale"] = f"{layer['name']}.scale"
            out[layer["weights"]] = np.rint(weights / step).astype(np.int8)
            out[layer["scale"]] = (step * unit).astype(np.float32)
        if layer["type"] == "neurons":
            unit = 1 / layer["dt"] if layer["model"] == "spiking_relu" else layer["amplitude"]
        layers.append(layer)
    return {**description, "layers": layers}, out


def _step(weights: np.ndarray) -> np.ndarray:
    """What 1 stands for in each column of weights, float64."""
    step = np.abs(weights).max(axis=0) / 127
    step[step == 0] = 1  # a channel of zeros
    power = np.exp2(np.ceil(np.log2(step)))
    on_grid = (weights / power == np.rint(weights / power)).all(axis=0)
    return np.where(on_grid, power, step)


def dequantise(description: dict, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The float32 weights that a quantised model's stand for, by tensor name, without the scales."""
    out, unit = dict(tensors), 1 / description["preparation"]["scale"]
    for layer in description["layers"]:
        if "scale" in layer:
            step = out.pop(layer["scale"]).astype(np.float64) / unit
            out[layer["weights"]] = (tensors[layer["weights"]] * step).astype(np.float32)
        if layer["type"] == "neurons":
            unit = 1 / layer["dt"] if layer["model"] == "spiking_relu" else layer["amplitude"]
    return out


def compare(a, b, pictures: list[np.ndarray]) -> dict:
    """How far the answers of two models, as `modelfile.read` gives them, lie apart over prepared uint8 pictures."""
    p = np.array([[reference.run(*m, x).probabilities[1] for m in (a, b)] for x in pictures], np.float64)
    difference = np.abs(p[:, 0] - p[:, 1])
    return {"pictures": len(pictures), "mean": float(difference.mean()), "worst": float(difference.max()),
            "labels_flipped": int(((p[:, 0] >= modelfile.threshold(a[0])) != (p[:, 1] >= modelfile.threshold(b[0]))).sum())}


def main():
    ap = argparse.ArgumentParser(description="Make a model's weights whole numbers.")
    ap.add_argument("model")
    ap.add_argument("out")
    ap.add_argument("--name", help="name of the new model (default: the old one's with -int8)")
    ap.add_argument("--pictures", help="folder of pictures to compare the two models on")
    ap.add_argument("--limit", type=int, default=0, help="compare on so many, evenly chosen (0: all)")
    args = ap.parse_args()
    before = modelfile.read(args.model)
    description, tensors = quantise(*before)
    description["name"] = args.name or description["name"] + "-int8"
    modelfile.write(args.out, description, tensors)
    after = modelfile.read(args.out)
    if args.pictures:
        files = sorted(p for label in data.LABELS for p in (pathlib.Path(args.pictures) / label).iterdir())
        if args.limit and len(files) > args.limit:
            files = [files[i * len(files) // args.limit] for i in range(args.limit)]
        size = description["preparation"]["width"]
        pictures = [np.rint(data.prepare(f, size)[..., 0] * 255).astype(np.uint8) for f in files]
        print(compare(before, after, pictures))


if __name__ == "__main__":
    main()
