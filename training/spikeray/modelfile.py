"""The model file of docs/MODEL_FILE.md: written, read and checked. Needs neither Keras nor TensorFlow."""

import hashlib
import json
import math
import pathlib
import re
import unicodedata
from dataclasses import dataclass, replace

import numpy as np
import safetensors
import safetensors.numpy

from . import reference_section
from .checks import ModelFileError
from .checks import keys as _keys
from .checks import number as _number
from .checks import share as _share
from .checks import whole as _whole

KEY = "spikeray"
MAX_FILE = 64 << 20
MAX_HEADER = 1 << 20
MAX_TRAINING = 64 << 10
MAX_LAYERS = 256
MAX_LABELS = 64
MAX_GATE_LABELS = 16
MAX_POINTS = 8
MAX_SIDE = 1024
MAX_KERNEL = 31
MAX_CHANNELS = 4096
MAX_DENSE_INPUT = 1 << 20
MAX_WEIGHTS = 1 << 24
MAX_MAP = 1 << 24
MAX_OPERATIONS = 1 << 36
MAX_STEPS = 64
MAX_TRAIN = 1 << 26
MAX_COUNT = 255  # spikes that one neuron can hand on in one step

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LAYER_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,63}")
_VERSION = re.compile(r"[0-9]{1,6}\.[0-9]{1,6}\.[0-9]{1,6}(-[0-9A-Za-z.-]{1,32})?")
_POINT_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_RESETS = ("subtract", "zero")
_NO_DIGEST = "0" * 64
_DTYPES = {"F32": "<f4", "I8": "i1"}


@dataclass(frozen=True)
class Geometry:
    """What `check` worked out of a description: the shape that each layer hands on, (H, W, C) or (N,).

    operations: multiply-accumulates over all steps, and the elements that a pooling's windows look at; the gate's are
    among them. gate: the gate's own geometry.
    """

    input: tuple[int, ...]
    shapes: tuple[tuple[int, ...], ...]
    operations: int
    gate: "Geometry | None" = None


def write(path, description: dict, tensors: dict[str, np.ndarray]) -> bytes:
    """Checks and writes a model; gives back the file's bytes. `file_sha256` is filled in here.

    The same description and tensors give the same bytes.
    """
    file = encode(description, tensors)
    pathlib.Path(path).write_bytes(file)
    return file


def encode(description: dict, tensors: dict[str, np.ndarray]) -> bytes:
    """The bytes that `write` writes."""
    tensors = {k: np.ascontiguousarray(v, np.int8 if v.dtype == np.int8 else np.float32) for k, v in tensors.items()}

    def saying(digest):
        described = {**description, "file_sha256": digest}
        check(described, tensors)
        text = json.dumps(described, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return safetensors.numpy.save(tensors, {KEY: text})

    file = saying(hashlib.sha256(saying(_NO_DIGEST)).hexdigest())
    decode(file)
    return file


def read(path) -> tuple[dict, dict[str, np.ndarray]]:
    """A model file as (description, tensors by name), checked throughout."""
    with open(path, "rb") as f:
        return decode(f.read(MAX_FILE + 1))


def decode(file: bytes) -> tuple[dict, dict[str, np.ndarray]]:
    """As `read`, from the file's bytes."""
    if len(file) > MAX_FILE:
        raise ModelFileError("file", f"longer than {MAX_FILE} bytes")
    if len(file) < 8:
        raise ModelFileError("file", "too short for a safetensors header")
    length = int.from_bytes(file[:8], "little")
    if length > MAX_HEADER or length > len(file) - 8:
        raise ModelFileError("header", f"says it is {length} bytes long; at most {min(MAX_HEADER, len(file) - 8)} can be")
    header = _json("header", file[8:8 + length])
    metadata = header.get("__metadata__")
    if not isinstance(metadata, dict) or set(metadata) != {KEY} or not isinstance(metadata[KEY], str):
        raise ModelFileError("header.__metadata__", f"exactly one key, {KEY!r}, is wanted")
    tensors = tensors_of(file)
    description = _json(KEY, metadata[KEY])
    check(description, tensors)
    header, digest = file[:8 + length], description["file_sha256"].encode()
    if header.count(digest) != 1:
        raise ModelFileError("file_sha256", f"its digits stand in the header {header.count(digest)} times, once is wanted")
    if hashlib.sha256(header.replace(digest, _NO_DIGEST.encode()) + file[8 + length:]).hexdigest().encode() != digest:
        raise ModelFileError("file_sha256", "is not the digest of this file: it is damaged, or was changed by hand")
    return description, tensors


def tensors_of(file: bytes) -> dict[str, np.ndarray]:
    """The tensors of a safetensors file by name, each float32 or int8."""
    try:
        raw = safetensors.deserialize(file)
    except safetensors.SafetensorError as e:
        raise ModelFileError("file", f"not a whole safetensors file: {e}") from e
    tensors = {}
    for name, entry in raw:
        if entry["dtype"] not in _DTYPES:
            raise ModelFileError(f"tensors.{name}", f"is {entry['dtype']}, one of {sorted(_DTYPES)} is wanted")
        tensors[name] = np.frombuffer(bytes(entry["data"]), _DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def check(d: dict, tensors: dict[str, np.ndarray]) -> Geometry:
    """Raises ModelFileError unless the description is whole, within the limits, and the tensors fit it."""
    if "tensors_sha256" in d and "file_sha256" not in d:
        raise ModelFileError("tensors_sha256", "a file of a version before 1.3, whose digest leaves out the header: spikeray.reseal writes it anew")
    _keys("description", d, "format name version summary labels positive preparation layers training file_sha256",
          "population time calibration threshold operating_points early gate reference")
    if d["format"] != 1 or isinstance(d["format"], bool):
        raise ModelFileError("format", f"is {d['format']!r}, 1 is wanted")
    for key, pattern in (("name", _NAME), ("version", _VERSION), ("file_sha256", re.compile("[0-9a-f]{64}"))):
        if not isinstance(d[key], str) or not pattern.fullmatch(d[key]):
            raise ModelFileError(key, f"{d[key]!r} is not of the form wanted")
    if not isinstance(d["summary"], str) or len(d["summary"]) > 1000 or "\n" in d["summary"]:
        raise ModelFileError("summary", "one line of text is wanted")
    population = d.get("population", "")
    if not isinstance(population, str) or len(population.encode()) > 1024 or any(unicodedata.category(c) == "Cc" for c in population):
        raise ModelFileError("population", "one line of at most 1024 bytes is wanted")
    labels = _labels("labels", d["labels"], MAX_LABELS)
    if d["positive"] not in labels:
        raise ModelFileError("positive", f"{d['positive']!r} is none of the labels")
    p = d["preparation"]
    _keys("preparation", p, "width height resize scale", "window reduced_decoding")
    width = _whole("preparation.width", p["width"], 1, MAX_SIDE)
    height = _whole("preparation.height", p["height"], 1, MAX_SIDE)
    if p["resize"] != "bilinear_antialiased":
        raise ModelFileError("preparation.resize", f"is {p['resize']!r}, 'bilinear_antialiased' is wanted")
    _number("preparation.scale", p["scale"], above=0)
    if "window" in p:
        _window(p["window"])
    if not isinstance(p.get("reduced_decoding", False), bool):
        raise ModelFileError("preparation.reduced_decoding", "true or false is wanted")
    _decision("", d, labels)
    if not isinstance(d["training"], dict) or len(json.dumps(d["training"]).encode()) > MAX_TRAINING:
        raise ModelFileError("training", f"an object of at most {MAX_TRAINING} bytes is wanted")
    used = set()
    own = _network("", d, tensors, (height, width, 1), used)
    if "early" in d:
        _early(d, labels)
    if "reference" in d:
        reference_section.check(d)
    if "gate" in d:
        gate = _gate(d["gate"], tensors, used)
        if len(d["layers"]) + len(d["gate"]["layers"]) > MAX_LAYERS:
            raise ModelFileError("gate.layers", f"with the model's own more than {MAX_LAYERS}")
        own = replace(own, operations=own.operations + gate.operations, gate=gate)
    if own.operations > MAX_OPERATIONS:
        raise ModelFileError("layers", f"{own.operations} multiply-accumulates are more than {MAX_OPERATIONS}")
    if set(tensors) != used:
        raise ModelFileError("tensors", f"no layer uses {sorted(set(tensors) - used)[:3]}")
    return own


def _window(w):
    at = "preparation.window"
    _keys(at, w, "low high least")
    high = _whole(f"{at}.high", w["high"], 1, 1 << 16)
    _whole(f"{at}.low", w["low"], 0, high - 1)
    _whole(f"{at}.least", w["least"], 1, MAX_COUNT)


def threshold(d: dict) -> float:
    """The probability, calibrated if the model is, from which the positive label is given unless another is asked for."""
    return d["operating_points"][0]["threshold"] if "operating_points" in d else d["threshold"]


def decision_at(d: dict, steps: int) -> dict | None:
    """What holds `calibration`, `threshold` and `operating_points` for an answer after so many steps: the description
    itself for all of them, an entry of `early`, or None where there is none."""
    if d.get("time", {}).get("steps", steps) == steps:
        return d
    return next((e for e in d.get("early", []) if e["steps"] == steps), None)


def _decision(part, d, labels):
    """The calibration and the thresholds of the description or of an entry of `early`; `part` stands before their names in complaints."""
    if ("threshold" in d) == ("operating_points" in d):
        raise ModelFileError(f"{part}threshold", "either it or operating_points is wanted")
    if "threshold" in d:
        _share(f"{part}threshold", d["threshold"])
    else:
        _points(f"{part}operating_points", d["operating_points"])
    if "calibration" in d:
        _calibration(f"{part}calibration", d["calibration"], labels)


def _points(field, points):
    if not isinstance(points, list) or not 1 <= len(points) <= MAX_POINTS:
        raise ModelFileError(field, f"1 to {MAX_POINTS} of them are wanted")
    names = set()
    for p in points:
        _keys(field, p, "name threshold sensitivity specificity")
        if not isinstance(p["name"], str) or not _POINT_NAME.fullmatch(p["name"]) or p["name"] in names:
            raise ModelFileError(f"{field}.name", f"{p['name']!r} is not a name of its own")
        names.add(p["name"])
        _share(f"{field}.threshold", p["threshold"])
        for key in ("sensitivity", "specificity"):
            at = f"{field}.{key}"
            _keys(at, p[key], "value low high")
            low, value, high = (_share(at, p[key][k]) for k in ("low", "value", "high"))
            if not low <= value <= high:
                raise ModelFileError(at, "low <= value <= high is wanted")


def _calibration(field, c, labels):
    _keys(field, c, "method slope intercept prevalence")
    if len(labels) != 2:
        raise ModelFileError(field, "is for models of two labels")
    if c["method"] != "logistic":
        raise ModelFileError(f"{field}.method", f"is {c['method']!r}, 'logistic' is wanted")
    _number(f"{field}.slope", c["slope"], above=0)
    _number(f"{field}.intercept", c["intercept"])
    if not 0 < _number(f"{field}.prevalence", c["prevalence"]) < 1:
        raise ModelFileError(f"{field}.prevalence", "a number in (0, 1) is wanted")


def _early(d, labels):
    if d.get("time", {}).get("axis") != "steps":
        raise ModelFileError("early", "is for models whose time is steps")
    early, most = d["early"], d["time"]["steps"] - 1
    if not isinstance(early, list) or not 1 <= len(early) <= most:
        raise ModelFileError("early", f"1 to {most} of them are possible for a model of {most + 1} steps")
    least = 1
    for i, e in enumerate(early):
        at = f"early[{i}]"
        _keys(at, e, "steps", "calibration threshold operating_points")
        least = _whole(f"{at}.steps", e["steps"], least, most) + 1
        _decision(f"{at}.", e, labels)
        if ("calibration" in e) != ("calibration" in d):
            raise ModelFileError(f"{at}.calibration", "is wanted if and only if the model has one for all steps")
        if [p["name"] for p in e.get("operating_points", [])] != [p["name"] for p in d.get("operating_points", [])]:
            raise ModelFileError(f"{at}.operating_points", "the names of those for all steps, in their order, are wanted")


def _gate(g, tensors, used) -> Geometry:
    _keys("gate", g, "width height scale labels accept threshold layers", "time")
    width, height = (_whole("gate.width", g[k], 1, MAX_SIDE) for k in ("width", "height"))
    _number("gate.scale", g["scale"], above=0)
    if g["accept"] not in _labels("gate.labels", g["labels"], MAX_GATE_LABELS):
        raise ModelFileError("gate.accept", f"{g['accept']!r} is none of the labels")
    _share("gate.threshold", g["threshold"])
    return _network("gate.", g, tensors, (height, width, 1), used)


def _network(part, d, tensors, shape, used) -> Geometry:
    """The layers of the description or of its gate; `part` stands before their names in complaints."""
    layers = d["layers"]
    if not isinstance(layers, list) or not 1 <= len(layers) <= MAX_LAYERS:
        raise ModelFileError(f"{part}layers", f"1 to {MAX_LAYERS} layers are wanted")
    for i, layer in enumerate(layers):
        if not isinstance(layer, dict) or layer.get("type") not in list(_FIELDS):
            raise ModelFileError(f"{part}layers[{i}].type", f"one of {sorted(_FIELDS)} is wanted")
    axis = _time(part, d, layers)
    spiking = [i for i, layer in enumerate(layers) if layer["type"] == "neurons"]
    geometry_in, shapes, operations, names = shape, [], 0, set()
    for i, layer in enumerate(layers):
        at = f"{part}layers[{i}]"
        _keys(at, layer, "type name " + _FIELDS[layer["type"]][0], _FIELDS[layer["type"]][1])
        name = layer["name"]
        if not isinstance(name, str) or not _LAYER_NAME.fullmatch(name) or name in names:
            raise ModelFileError(f"{at}.name", f"{name!r} is not a name of its own")
        names.add(name)
        if "scale" in layer and not whole_numbers(layers, i, axis):
            raise ModelFileError(f"{at}.scale", "whole-number weights need whole numbers to come in")
        if spiking and spiking[0] < i <= spiking[-1]:
            _body(at, layer["type"], layers[i - 1]["type"])
        shape, each = _through(at, layer, shape, tensors, used, axis)
        steps = d["time"]["steps"] if axis == "steps" and spiking[0] <= i < body_end(layers) else 1
        operations += each * steps
        if math.prod(shape) > MAX_MAP or math.prod(shape) * steps > MAX_TRAIN:
            raise ModelFileError(at, f"hands on more than {MAX_MAP} values, or {MAX_TRAIN} over all steps")
        if (layer["type"] == "softmax") != (i == len(layers) - 1):
            raise ModelFileError(f"{at}.type", "softmax is the last layer, and the last layer is softmax")
        shapes.append(shape)
    if shape != (len(d["labels"]),):
        raise ModelFileError(f"{part}labels", f"{len(d['labels'])} of them, where the network hands on {shape}")
    return Geometry(geometry_in, tuple(shapes), operations)


def body_end(layers: list[dict]) -> int:
    """The first layer of the read-out: behind the last neurons and the pooling right after them."""
    end = max(i for i, layer in enumerate(layers) if layer["type"] == "neurons") + 1
    while end < len(layers) and layers[end]["type"] == "max_pool2d":
        end += 1
    return end


def whole_numbers(layers: list[dict], i: int, axis: str | None) -> bool:
    """Whether what reaches layer i is whole numbers: the picture's pixels, or counts that no mean was taken of."""
    spiking = [j for j, layer in enumerate(layers) if layer["type"] == "neurons"]
    before = [layer["type"] for layer in layers[:i] if layer["type"] not in ("flatten", "max_pool2d")]
    if not before:  # max_pool2d would do as well, but the server's first layer takes the picture itself
        return all(layer["type"] == "flatten" for layer in layers[:i])
    return before[-1] == "neurons" and (axis == "rows" or i < spiking[-1])


def _labels(field, labels, most):
    if (not isinstance(labels, list) or not 2 <= len(labels) <= most
            or not all(isinstance(s, str) and 0 < len(s.encode("utf-8", "replace")) <= 64 for s in labels) or len(set(labels)) != len(labels)):
        raise ModelFileError(field, f"2 to {most} different names are wanted")
    return labels


def _time(part, d, layers):
    if not any(layer["type"] == "neurons" for layer in layers):
        if "time" in d:
            raise ModelFileError(f"{part}time", "is given, but the network has no neurons")
        return None
    t = d.get("time")
    if not isinstance(t, dict) or t.get("axis") not in ("rows", "steps"):
        raise ModelFileError(f"{part}time", "a network with neurons wants an axis, 'rows' or 'steps'")
    _keys(f"{part}time", t, "axis steps" if t["axis"] == "steps" else "axis")
    if t["axis"] == "steps":
        _whole(f"{part}time.steps", t["steps"], 1, MAX_STEPS)
    return t["axis"]


_FIELDS = {  # type: (wanted, allowed)
    "conv2d": ("kernel stride padding channels weights", "scale bias"),
    "dense": ("units weights", "scale bias"),
    "max_pool2d": ("pool stride", ""),
    "average_pool2d": ("pool stride", ""),
    "global_average_pool2d": ("", ""),
    "flatten": ("", ""),
    "relu": ("", ""),
    "softmax": ("", ""),
    "neurons": ("model start", "dt threshold reset amplitude decay most"),
}
_NEURON_FIELDS = {
    "spiking_relu": {"dt"},
    "integrate_and_fire": {"threshold", "reset", "amplitude"},
    "leaky_integrate_and_fire": {"threshold", "reset", "amplitude", "decay"},
}


def _body(at, kind, before):
    """Between neurons, spikes are pooled or flattened, and a weighted layer's current goes straight to neurons."""
    if kind in ("average_pool2d", "global_average_pool2d"):
        raise ModelFileError(at, "between neurons, pooling is max_pool2d")
    if kind == "relu" or (kind == "neurons") != (before in ("conv2d", "dense")):
        raise ModelFileError(at, f"{kind} after {before}: between neurons, each conv2d or dense is followed by neurons")


def _through(at, layer, shape, tensors, used, axis):
    """(shape handed on, multiply-accumulates or elements looked at) of one layer."""
    kind = layer["type"]
    if kind in ("conv2d", "max_pool2d", "average_pool2d", "global_average_pool2d") and len(shape) != 3:
        raise ModelFileError(at, f"{kind} wants [H][W][C], not {shape}")
    if kind == "conv2d":
        kernel, stride = _pair(f"{at}.kernel", layer["kernel"]), _pair(f"{at}.stride", layer["stride"])
        channels = _whole(f"{at}.channels", layer["channels"], 1, MAX_CHANNELS)
        if layer["padding"] not in ("valid", "same"):
            raise ModelFileError(f"{at}.padding", "'valid' or 'same' is wanted")
        out = _windows(at, shape, kernel, stride, layer["padding"]) + (channels,)
        _tensors(at, layer, tensors, used, (*kernel, shape[2], channels))
        return out, math.prod(out) * math.prod(kernel) * shape[2]
    if kind == "dense":
        if len(shape) != 1 or shape[0] > MAX_DENSE_INPUT:
            raise ModelFileError(at, f"dense wants [N], N at most {MAX_DENSE_INPUT}, not {shape}")
        units = _whole(f"{at}.units", layer["units"], 1, MAX_CHANNELS)
        _tensors(at, layer, tensors, used, (shape[0], units))
        return (units,), shape[0] * units
    if kind in ("max_pool2d", "average_pool2d"):
        pool, stride = _pair(f"{at}.pool", layer["pool"]), _pair(f"{at}.stride", layer["stride"])
        out = _windows(at, shape, pool, stride, "valid") + (shape[2],)
        return out, math.prod(out) * math.prod(pool)
    if kind == "global_average_pool2d":
        return (shape[2],), math.prod(shape)
    if kind == "flatten":
        return (math.prod(shape),), 0
    if kind == "softmax" and len(shape) != 1:
        raise ModelFileError(at, f"softmax wants [N], not {shape}")
    if kind == "neurons":
        if axis == "rows" and len(shape) != 3:
            raise ModelFileError(at, f"rows as time wants [H][W][C], not {shape}")
        _neurons(at, layer)
    return shape, 0


def _neurons(at, layer):
    model = layer["model"]
    if model not in list(_NEURON_FIELDS):
        raise ModelFileError(f"{at}.model", f"one of {sorted(_NEURON_FIELDS)} is wanted")
    _keys(at, layer, " ".join({"type", "name", "model", "start"} | _NEURON_FIELDS[model]), "" if model == "spiking_relu" else "most")
    for key in sorted({"dt", "threshold", "amplitude"} & set(layer)):
        _number(f"{at}.{key}", layer[key], above=0)
    if "reset" in layer and layer["reset"] not in _RESETS:
        raise ModelFileError(f"{at}.reset", f"one of {_RESETS} is wanted")
    if _whole(f"{at}.most", layer.get("most", 1), 1, MAX_COUNT) > 1 and (layer["threshold"] != 1 or layer["reset"] != "subtract"):
        raise ModelFileError(f"{at}.most", "more than 1 only with threshold 1 and reset 'subtract'")
    if "decay" in layer and not 0 < _number(f"{at}.decay", layer["decay"]) < 1:
        raise ModelFileError(f"{at}.decay", "a number in (0, 1) is wanted")
    start = layer["start"]
    if isinstance(start, dict) and start.get("kind") == "constant":
        _keys(f"{at}.start", start, "kind value")
        _number(f"{at}.start.value", start["value"])
    elif isinstance(start, dict) and start.get("kind") == "uniform":
        _keys(f"{at}.start", start, "kind seed")
        _whole(f"{at}.start.seed", start["seed"], 0, (1 << 64) - 1)
    else:
        raise ModelFileError(f"{at}.start", "of kind 'constant' or 'uniform' is wanted")


def _tensors(at, layer, tensors, used, shape):
    if math.prod(shape) > MAX_WEIGHTS:
        raise ModelFileError(at, f"more than {MAX_WEIGHTS} weights")
    for key, wanted in (("weights", shape), ("scale", shape[-1:]), ("bias", shape[-1:])):
        if key not in layer:
            continue
        name = layer[key]
        if not isinstance(name, str) or name not in tensors:
            raise ModelFileError(f"{at}.{key}", f"there is no tensor {name!r}")
        if name in used:
            raise ModelFileError(f"{at}.{key}", f"tensor {name!r} is another layer's")
        used.add(name)
        dtype = np.int8 if key == "weights" and "scale" in layer else np.float32
        if tensors[name].dtype != dtype:
            raise ModelFileError(f"tensors.{name}", f"is {tensors[name].dtype}, {np.dtype(dtype)} is wanted")
        if tensors[name].shape != wanted:
            raise ModelFileError(f"tensors.{name}", f"has shape {tensors[name].shape}, {wanted} is wanted")
        if not np.isfinite(tensors[name]).all():
            raise ModelFileError(f"tensors.{name}", "holds a number that is not finite")


def _windows(at, shape, window, stride, padding):
    if padding == "same":
        return tuple(-(-n // s) for n, s in zip(shape[:2], stride))
    if any(n < k for n, k in zip(shape[:2], window)):
        raise ModelFileError(at, f"a window of {window} does not fit into {shape[:2]}")
    return tuple((n - k) // s + 1 for n, k, s in zip(shape[:2], window, stride))


def _pair(field, value):
    if not isinstance(value, list) or len(value) != 2:
        raise ModelFileError(field, "two whole numbers are wanted")
    return tuple(_whole(field, v, 1, MAX_KERNEL) for v in value)


def _json(at, text):
    def refuse(constant):
        raise ValueError(f"{constant} is not a number of JSON")

    def unique(pairs):
        if len({k for k, _ in pairs}) != len(pairs):
            raise ValueError("a key stands twice")
        return dict(pairs)

    try:
        value = json.loads(text, parse_constant=refuse, object_pairs_hook=unique)
    except (ValueError, RecursionError) as e:
        raise ModelFileError(at, f"not JSON: {e}") from e
    if not isinstance(value, dict):
        raise ModelFileError(at, "an object is wanted")
    return value
