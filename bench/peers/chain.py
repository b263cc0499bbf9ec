"""A model file's layers in the layout that the peers prefer: channels first, weights [out][in][kh][kw]."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Layer:
    """One layer. `size` is the kernel or the pool; weights and bias are None where there are none."""

    kind: str
    name: str
    size: list[int] | None = None
    stride: list[int] | None = None
    pads: list[int] | None = None  # above, left, below, right
    weights: np.ndarray | None = None
    bias: np.ndarray | None = None
    raw: dict | None = None  # as the file has it


def layers(description, tensors) -> list[Layer]:
    """The whole chain. The rows of the dense layer after `flatten` are put from H, W, C into C, H, W order, so that
    the peers need not turn the map around."""
    p = description["preparation"]
    shape, flat, out = (p["height"], p["width"], 1), None, []
    for d in description["layers"]:
        kind, size, stride, weights, bias = d["type"], d.get("kernel") or d.get("pool"), d.get("stride"), None, None
        if "weights" in d:
            weights = tensors[d["weights"]]
            bias = tensors[d["bias"]] if "bias" in d else np.zeros(weights.shape[-1], np.float32)
        pads = None
        if kind in ("conv2d", "max_pool2d"):
            if d.get("padding", "valid") == "same":  # as TensorFlow: the odd pixel goes below and to the right
                around = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(shape[:2], size, stride)]
                pads = [n // 2 for n in around] + [n - n // 2 for n in around]
                shape = tuple(-(-n // s) for n, s in zip(shape[:2], stride)) + (d.get("channels", shape[2]),)
            else:
                pads = [0, 0, 0, 0]
                shape = tuple((n - k) // s + 1 for n, k, s in zip(shape[:2], size, stride)) + (d.get("channels", shape[2]),)
        if kind == "conv2d":
            weights = weights.transpose(3, 2, 0, 1)
        elif kind == "flatten":
            flat = shape
        elif kind == "dense":
            if flat:
                weights = weights.reshape(*flat, -1).transpose(2, 0, 1, 3).reshape(weights.shape)
                flat = None
            weights = weights.T
        elif kind not in ("max_pool2d", "global_average_pool2d", "relu", "softmax", "neurons"):
            raise ValueError(f"layer {d['name']}: the peers are not taught {kind}")
        if weights is not None:  # a copy, because the file's own are read-only
            weights, bias = np.array(weights, order="C"), np.array(bias)
        out.append(Layer(kind, d["name"], size, stride, pads, weights, bias, d))
    return out
