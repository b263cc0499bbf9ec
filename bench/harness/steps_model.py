"""The ReLU network as a spiking one over steps, the way such networks are commonly made: the same weights, and each ReLU
after a convolution an integrate-and-fire neuron whose spike is worth its threshold, the 99.9th percentile of what the ReLU
handed on for the calibration's pictures. The potential starts at half the threshold."""

import hashlib
import json

import numpy as np
import safetensors.numpy
import torch

from peers import chain, modelfile, torch_peer

STEPS = 32
PERCENTILE = 99.9


def write(room, relu, pictures) -> dict:
    """Writes both arithmetics; gives back their paths as {"float32": …, "int8": …}."""
    description, tensors = modelfile.read(relu)
    description |= {"name": "steps", "summary": "Made for a measurement", "time": {"axis": "steps", "steps": STEPS},
                    "training": {}, "layers": _layers(description, tensors, pictures)}
    paths = {"float32": room / "steps-float32.safetensors", "int8": room / "steps-int8.safetensors"}
    _save(paths["float32"], description, tensors)
    _save(paths["int8"], *_whole_numbers(description, tensors))
    return paths


def _layers(description, tensors, pictures):
    out, convolved = [], False
    shown = torch.from_numpy(pictures[:, None].astype(np.float32) / np.float32(description["preparation"]["scale"]))
    with torch.inference_mode():
        for layer in chain.layers(description, tensors):
            shown = torch_peer.module(layer)(shown)
            raw = layer.raw
            if layer.kind == "relu" and convolved:
                worth = float(np.percentile(shown.numpy(), PERCENTILE))
                raw = {"type": "neurons", "name": layer.name, "model": "integrate_and_fire", "threshold": worth, "amplitude": worth,
                       "reset": "subtract", "start": {"kind": "constant", "value": worth / 2}}
            convolved = layer.kind == "conv2d"
            out.append(raw)
    return out


def _whole_numbers(description, tensors):
    """The convolutions with int8 weights, a scale for each channel of output."""
    tensors, layers, worth = dict(tensors), [], 1 / description["preparation"]["scale"]
    for layer in description["layers"]:
        if layer["type"] == "neurons":
            worth = layer["amplitude"]
        if layer["type"] == "conv2d":
            weights = tensors[layer["weights"]]
            step = np.abs(weights).max(axis=(0, 1, 2)) / 127
            tensors[layer["weights"]] = np.rint(weights / step).astype(np.int8)
            layer = {**layer, "scale": f"{layer['name']}.scale"}
            tensors[layer["scale"]] = (step * worth).astype(np.float32)
        layers.append(layer)
    return {**description, "layers": layers}, tensors


def _save(path, description, tensors):
    """A model file with the types that the tensors have."""
    bare = safetensors.numpy.save(tensors)
    data = bare[8 + int.from_bytes(bare[:8], "little"):]
    text = json.dumps({**description, "tensors_sha256": hashlib.sha256(data).hexdigest()}, allow_nan=False)
    path.write_bytes(safetensors.numpy.save(tensors, {"spikeray": text}))
