"""Network files for tests."""

import json

import numpy as np


def neurons(name, **fields):
    return {"type": "neurons", "name": name, "model": "integrate_and_fire", "threshold": 1, "amplitude": 1, "reset": "zero",
            "start": {"kind": "constant", "value": 0, "seed": 0}, **fields}


def file(layers, tensors, input=(1, 1, 2), steps=4, axis="steps", source=None, **more):
    description = {"format": 1, "axis": axis, "steps": steps, "input": list(input), "source": source or neurons("source"), "layers": layers, **more}
    header, data = {"__metadata__": {"spikeray_network": json.dumps(description)}}, b""
    for name, array in tensors.items():
        dtype = {np.dtype(np.int8): "I8", np.dtype(np.float32): "F32"}[array.dtype]
        header[name] = {"dtype": dtype, "shape": [array.size], "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    head = json.dumps(header).encode()
    return len(head).to_bytes(8, "little") + head + data


def small(**more):
    """Two inputs, one neuron: weights 1 and 2 halves, fires at 1."""
    layers = [{"type": "dense", "name": "dense", "units": 1, "weights": "w", "scale": "s"}, neurons("spike", **more)]
    return file(layers, {"w": np.array([1, 2], np.int8), "s": np.array([0.5], np.float32)})
