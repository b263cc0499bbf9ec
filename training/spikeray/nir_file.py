"""The spiking body of a model as a NIR graph, and back (docs/NIR.md):

    python -m spikeray.nir_file export MODEL.safetensors OUT.nir
    python -m spikeray.nir_file import IN.nir OUT.safetensors --around MODEL.safetensors

What NIR leaves open stands beside the graph in a sidecar, OUT.nir.json.
"""

import argparse
import hashlib
import json
import pathlib
import sys

import numpy as np

from . import modelfile, nir_read
from .nir_read import NIRError

TIME_STEP = 1e-4  # seconds; a reader that cannot be told, snnTorch's, takes this one
ORDER = ["integrate", "fire", "reset"]
MAX_SIDECAR = 8 << 20
_KEYS = {"format", "nir", "graph_sha256", "model", "time_step", "steps", "fires", "order", "nodes"}


def body(description: dict) -> tuple[int, int]:
    """The layers that a graph holds, [first, end).

    Raises NIRError, with all reasons, when there are none or NIR cannot hold them.
    """
    layers, time = description["layers"], description.get("time")
    if time is None:
        raise NIRError("the model has no neurons")
    first, end = front_end(layers), modelfile.body_end(layers)
    reasons = ["the rows of the picture are the model's time; NIR's maps stand still while time goes on"] * (time["axis"] == "rows")
    for i, layer in enumerate(layers[:end]):
        if layer.get("model") == "spiking_relu":
            reasons.append(f"layer {layer['name']}: spiking_relu fires several times a step; NIR's neurons fire once")
        if i >= first and layer.get("most", 1) > 1:  # those of the front come in as numbers
            reasons.append(f"layer {layer['name']}: its spikes are graded, up to {layer['most']} in a step; NIR's neurons fire once")
        if i >= first and layer["type"] == "max_pool2d":
            reasons.append(f"layer {layer['name']}: NIR has no max-pooling")
        if i >= first and ("/" in layer["name"] or layer["name"] in ("input", "output")):
            reasons.append(f"layer {layer['name']}: a node cannot have this name")
    if first >= end:
        reasons.append("no neurons but those of the front, which stay on the host")
    if reasons:
        raise NIRError("; ".join(reasons))
    return first, end


def front_end(layers: list[dict]) -> int:
    """The first layer of the body: behind the first neurons and the pooling right after them."""
    end = next(i for i, layer in enumerate(layers) if layer["type"] == "neurons") + 1
    while layers[end]["type"] == "max_pool2d":
        end += 1
    return end


def export(description: dict, tensors: dict[str, np.ndarray], time_step: float = TIME_STEP):
    """A model's body as (nir.NIRGraph, sidecar). time_step: seconds that tau is counted in."""
    import nir
    shapes = modelfile.check(description, tensors).shapes
    first, end = body(description)
    layers = description["layers"]
    before = next(layer for layer in reversed(layers[:first]) if layer["type"] == "neurons")
    shape, amplitude, unflattened = shapes[first - 1], before["amplitude"], None
    nodes = {"input": nir.Input(np.array(chw(shape)))}
    open_ = {"input": {"after": layers[first - 1]["name"], "amplitude": amplitude}}
    for layer, after in zip(layers[first:end], shapes[first:end]):
        name, kind, notes = layer["name"], layer["type"], {}
        if "weights" in layer:
            weights = tensors[layer["weights"]].astype(np.float32)
            if "scale" in layer:
                weights = weights * tensors[layer["scale"]]
                notes["scale"] = tensors[layer["scale"]].tolist()
            elif amplitude != 1:
                weights = weights * np.float32(amplitude)
            bias = tensors[layer["bias"]] if "bias" in layer else np.zeros(weights.shape[-1], np.float32)
            notes |= {} if "bias" in layer else {"bias": False}
        if kind == "conv2d":
            pads, *larger = zip(*_square(layer, shape))
            larger = list(zip(*larger))
            weights = np.pad(weights, [*larger, (0, 0), (0, 0)])
            notes |= {"padding": layer["padding"]} | ({"enlarged": [list(e) for e in larger]} if np.any(larger) else {})
            nodes[name] = nir.Conv2d(input_shape=shape[:2], weight=np.ascontiguousarray(weights.transpose(3, 2, 0, 1)), bias=bias,
                                     stride=tuple(layer["stride"]), padding=pads, dilation=(1, 1), groups=1)
        elif kind == "dense":
            if unflattened:
                weights = weights.reshape(*unflattened, -1).transpose(2, 0, 1, 3).reshape(weights.shape)
                unflattened = None
            weights = np.ascontiguousarray(weights.T)
            nodes[name] = nir.Affine(weight=weights, bias=bias) if "bias" in layer else nir.Linear(weight=weights)
        elif kind == "flatten":
            unflattened = shape if len(shape) == 3 else unflattened
            nodes[name] = nir.Flatten({"input": np.array(chw(shape))}, start_dim=0, end_dim=-1)
        else:
            fields = {k: np.full(chw(after), v, np.float32) for k, v in equation(layer, time_step).items()}
            nodes[name] = (nir.LIF if "decay" in layer else nir.IF)(**fields)
            notes = {k: layer[k] for k in ("threshold", "decay", "reset", "amplitude", "start") if k in layer}
            amplitude = layer["amplitude"]
        if notes:
            open_[name] = notes
        shape = after
    nodes["output"] = nir.Output(np.array(chw(shape)))
    names = list(nodes)
    sidecar = {
        "format": 1, "nir": nir.version,
        "model": {k: description[k] for k in ("name", "version", "file_sha256")},
        "time_step": time_step, "steps": description["time"]["steps"], "fires": ">", "order": ORDER, "nodes": open_,
    }
    return nir.NIRGraph(nodes=nodes, edges=list(zip(names, names[1:]))), sidecar


def write(path, description: dict, tensors: dict[str, np.ndarray], time_step: float = TIME_STEP) -> dict:
    """Writes the graph and, beside it, the sidecar, which is given back."""
    import nir
    graph, sidecar = export(description, tensors, time_step)
    nir.write(str(path), graph)
    sidecar = {"format": sidecar.pop("format"), "graph_sha256": digest(path), **sidecar}
    sidecar_of(path).write_text(json.dumps(sidecar, indent=1) + "\n")
    return sidecar


def sidecar_of(path) -> pathlib.Path:
    return pathlib.Path(f"{path}.json")


def digest(path) -> str:
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def chw(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(H, W, C) as NIR has it, (C, H, W)."""
    return (shape[2], *shape[:2]) if len(shape) == 3 else tuple(shape)


def _square(layer, sizes) -> list[tuple[int, int, int]]:
    """For each axis (padding on both sides, zeros before the kernel, zeros behind it) that do what the layer's padding does.

    TensorFlow's "same" puts an odd row behind. A row of zeros in front of the kernel takes one before, which is multiplied by nothing.
    The enlarged kernel is a square: the nir package takes all for squares when it works out shapes.
    """
    largest = max(layer["kernel"])
    for side in range(largest, largest + 3):
        ways = [_way(layer["padding"], *axis, side) for axis in zip(sizes, layer["kernel"], layer["stride"])]
        if None not in ways:
            return ways
    raise NIRError(f"layer {layer['name']}: no square kernel with the same padding on both sides does what {layer['kernel']} does")


def _way(padding, n, kernel, stride, side):
    before, out = (same(n, kernel, stride)[0], -(-n // stride)) if padding == "same" else (0, (n - kernel) // stride + 1)
    for front in range(side - kernel + 1):
        if (n + 2 * (before + front) - side) // stride + 1 == out:
            return before + front, front, side - kernel - front
    return None


def same(n: int, kernel: int, stride: int) -> tuple[int, int]:
    """What TensorFlow's "same" puts before and behind an axis."""
    total = max((-(-n // stride) - 1) * stride + kernel - n, 0)
    return total // 2, total - total // 2


def equation(layer: dict, time_step: float) -> dict[str, float]:
    """The numbers of NIR's IF or LIF, with r = 1, that do a step as the layer does; potentials of a LIF are ours times 1 - decay.

    NIR fires above its threshold, we at it: the largest float32 below ours is the same.
    """
    gain = 1 - layer.get("decay", 0)
    numbers = {"r": 1.0, "v_threshold": np.nextafter(np.float32(layer["threshold"] * gain), np.float32(0)), "v_reset": 0.0}
    if "decay" in layer:
        numbers |= {"tau": time_step / gain, "v_leak": 0.0}
    return numbers


def read_sidecar(path, graph) -> dict:
    """What stands beside a graph, checked as far as it can be without the graph's nodes."""
    with open(path, "rb") as f:
        text = f.read(MAX_SIDECAR + 1)
    try:
        sidecar = json.loads(text) if len(text) <= MAX_SIDECAR else None
    except (ValueError, RecursionError) as e:
        raise NIRError(f"the sidecar is not JSON: {e}") from e
    if not isinstance(sidecar, dict) or not isinstance(sidecar.get("nodes", {}), dict):
        raise NIRError(f"the sidecar is not an object of at most {MAX_SIDECAR} bytes")
    if unknown := sorted(set(sidecar) - _KEYS):
        raise NIRError(f"the sidecar has a key {unknown[0][:64]!r}, which nobody reads")
    if sidecar.get("format") != 1 or sidecar.get("order", ORDER) != ORDER or sidecar.get("fires", ">") not in (">", ">="):
        raise NIRError(f"a sidecar of format 1, order {ORDER} and fires '>' or '>=' is wanted")
    if sidecar.get("graph_sha256", digest(graph)) != digest(graph):
        raise NIRError("the sidecar is that of another graph: graph_sha256 differs")
    return sidecar


def main():
    ap = argparse.ArgumentParser(description="A model's spiking body as a NIR graph, and back.")
    sub = ap.add_subparsers(dest="command", required=True)
    out = sub.add_parser("export", help="write a model's body as NIR, and its sidecar")
    out.add_argument("file", type=pathlib.Path, metavar="model")
    out.add_argument("out", type=pathlib.Path)
    out.add_argument("--time-step", type=float, default=TIME_STEP, help=f"seconds that leaks are written for (default {TIME_STEP})")
    back = sub.add_parser("import", help="put a NIR graph into a model in place of its body")
    back.add_argument("file", type=pathlib.Path, metavar="graph")
    back.add_argument("out", type=pathlib.Path)
    back.add_argument("--around", type=pathlib.Path, required=True, help="model file that gives front, read-out and labels")
    back.add_argument("--sidecar", type=pathlib.Path, help="(default: GRAPH.json, where there is one)")
    back.add_argument("--name", default="imported")
    back.add_argument("--version", default="1.0.0", help="semantic version (default 1.0.0)")
    a = ap.parse_args()
    try:
        if a.command == "export":
            write(a.out, *modelfile.read(a.file), a.time_step)
            print(f"wrote {a.out} and {sidecar_of(a.out)}")
            return
        beside = a.sidecar or (sidecar_of(a.file) if sidecar_of(a.file).exists() else None)
        sidecar = read_sidecar(beside, a.file) if beside else {}
        from .nir_import import dropped, into_model  # which is written in terms of the above
        around = modelfile.read(a.around)
        model = into_model(nir_read.read(a.file), sidecar, around, a.name, a.version, {"imported_from": {"nir_sha256": digest(a.file)}})
        modelfile.write(a.out, *model)
        print(f"wrote {a.out}")
        if not beside:
            print("note: no sidecar; taken by NIR's letter: potentials start at 0 and are reset to 0, a current is added whole each step",
                  file=sys.stderr)
        if left := dropped(around[0]):
            names = [{"operating_points": "operating points", "early": "answers at fewer steps"}.get(key, key) for key in left]
            print(f"note: the {' and '.join(names)} of {a.around} are dropped, since they were measured on another network: "
                  f"probabilities are uncalibrated, and the threshold is {model[0]['threshold']:g}", file=sys.stderr)
    except (OSError, ValueError) as e:  # NIRError, HDF5Error and ModelFileError are ValueErrors
        print(f"{a.file}: {' '.join(str(e).split())[:1000]}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
