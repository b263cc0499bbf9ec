"""The ReLU network as a spiking one over steps, the way such networks are commonly made: the same weights, and each ReLU
after a convolution an integrate-and-fire neuron whose spike is worth its threshold, the 99.9th percentile of what the ReLU
handed on for the calibration's pictures. The potential starts at half the threshold."""

import numpy as np
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
    modelfile.write(paths["float32"], description, tensors)
    modelfile.write(paths["int8"], *modelfile.quantise(description, tensors))
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
