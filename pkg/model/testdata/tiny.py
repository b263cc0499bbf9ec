"""Tiny model files in pieces, to be put together by hand: see bad.py."""

import copy
import hashlib
import json
import math
import struct

ZEROS = "0" * 64
DROP = object()  # in place of a value: the key goes


class File:
    """A model file in pieces that a case may spoil before they are put together."""

    def __init__(self, description, tensors):
        self.description = copy.deepcopy(description)
        self.tensors = {name: (dtype, list(shape), list(values)) for name, (dtype, shape, values) in tensors.items()}
        self.metadata = {}  # beside the description
        self.entry = lambda name, entry: entry  # of the header
        self.text = lambda text: text  # of the description, as it is put into the header
        self.header = lambda header: header  # its bytes
        self.data = lambda data: data
        self.sealed = True

    def put(self, path, value):
        """Sets what a path such as "layers.0.stride" leads to."""
        *keys, last = [int(key) if key.isdigit() else key for key in path.split(".")]
        at = self.description
        for key in keys:
            at = at[key]
        if value is DROP:
            del at[last]
        else:
            at[last] = value

    def assemble(self, digest):
        at, entries, parts = 0, {}, []
        for name in sorted(self.tensors):
            dtype, shape, values = self.tensors[name]
            parts.append(struct.pack(f"<{len(values)}{'f' if dtype == 'F32' else 'b'}", *values))
            entries[name] = self.entry(
                name, {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(parts[-1])]}
            )
            at += len(parts[-1])
        description = {**self.description}
        description.setdefault("file_sha256", digest)
        text = self.text(json.dumps(description, ensure_ascii=False, separators=(",", ":")))
        header = {"__metadata__": {"spikeray": text, **self.metadata}, **entries}
        encoded = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        encoded = self.header(encoded)
        return struct.pack("<Q", len(encoded)) + encoded + self.data(b"".join(parts))

    def bytes(self):
        blank = self.assemble(ZEROS)
        return self.assemble(hashlib.sha256(blank).hexdigest()) if self.sealed else blank


def numbers(n, start=0.1, step=0.07):
    """n small weights of both signs."""
    return [round(start + step * ((i * 5) % 7 - 3), 3) for i in range(n)]


def described(layers, **more):
    return {
        "format": 1,
        "name": "tiny",
        "version": "1.0.0",
        "summary": "At the edge",
        "labels": ["A", "B"],
        "positive": "B",
        "preparation": {"width": 2, "height": 2, "resize": "bilinear_antialiased", "scale": 255},
        "layers": layers,
        "threshold": 0.5,
        "training": {},
        **more,
    }


def dense(name="dense", units=2, **more):
    return {"type": "dense", "name": name, "units": units, "weights": f"{name}.w", "bias": f"{name}.b", **more}


def conv(name, channels=2, **more):
    return {
        "type": "conv2d",
        "name": name,
        "kernel": [1, 1],
        "stride": [1, 1],
        "padding": "valid",
        "channels": channels,
        "weights": f"{name}.w",
        "bias": f"{name}.b",
        **more,
    }


FLATTEN, AVERAGE, SOFTMAX = ({"type": kind, "name": kind} for kind in ("flatten", "global_average_pool2d", "softmax"))
MAX_POOL = {"type": "max_pool2d", "name": "pool", "pool": [2, 2], "stride": [2, 2]}
CONSTANT, UNIFORM = {"kind": "constant", "value": 0.5}, {"kind": "uniform", "seed": 7}
FIRES = {
    "type": "neurons",
    "name": "fires",
    "model": "integrate_and_fire",
    "threshold": 1,
    "reset": "subtract",
    "amplitude": 1,
    "start": CONSTANT,
}
LEAKY = {
    **FIRES,
    "name": "leaky",
    "model": "leaky_integrate_and_fire",
    "decay": 0.75,
    "reset": "zero",
    "start": UNIFORM,
}
RELU = {"type": "neurons", "name": "spikes", "model": "spiking_relu", "dt": 2, "start": UNIFORM}


def weights(name, *shape, dtype="F32"):
    """Weights and bias of one layer."""
    n = math.prod(shape)
    return {
        f"{name}.w": (dtype, shape, numbers(n) if dtype == "F32" else [(3 * i) % 11 - 5 for i in range(n)]),
        f"{name}.b": ("F32", shape[-1:], numbers(shape[-1])),
    }


PLAIN = File(described([FLATTEN, dense(), SOFTMAX]), weights("dense", 4, 2))
STEPS = File(
    described([conv("c1"), FIRES, conv("c2"), LEAKY, AVERAGE, dense(), SOFTMAX], time={"axis": "steps", "steps": 3}),
    weights("c1", 1, 1, 1, 2) | weights("c2", 1, 1, 2, 2) | weights("dense", 2, 2),
)
ROWS = File(
    described([conv("c1"), RELU, MAX_POOL, FLATTEN, dense(), SOFTMAX], time={"axis": "rows"}),
    weights("c1", 1, 1, 1, 2) | weights("dense", 2, 2),
)
WHOLE = File(
    described([FLATTEN, dense(scale="dense.s"), SOFTMAX]),
    weights("dense", 4, 2, dtype="I8") | {"dense.s": ("F32", (2,), [0.01, 0.02])},
)
SHARE = {"value": 0.9, "low": 0.8, "high": 0.95}
RATE = {"sensitivity": 0.05, "specificity": 0.1}
DECIDED = File(
    described(
        [conv("c1"), FIRES, AVERAGE, dense(), SOFTMAX],
        time={"axis": "steps", "steps": 3},
        population="Nobody",
        calibration={"method": "logistic", "slope": 1.5, "intercept": -0.5, "prevalence": 0.5},
        operating_points=[
            {"name": n, "threshold": t, "sensitivity": SHARE, "specificity": SHARE}
            for n, t in (("balanced", 0.5), ("screening", 0.2))
        ],
        early=[
            {
                "steps": 1,
                "calibration": {"method": "logistic", "slope": 1, "intercept": 0, "prevalence": 0.5},
                "operating_points": [
                    {"name": n, "threshold": 0.5, "sensitivity": SHARE, "specificity": SHARE}
                    for n in ("balanced", "screening")
                ],
            }
        ],
        gate={
            "width": 2,
            "height": 1,
            "scale": 255,
            "labels": ["yes", "no"],
            "accept": "yes",
            "threshold": 0.5,
            "layers": [FLATTEN, dense("gate"), SOFTMAX],
        },
        reference={
            "measures": [
                {"name": "log_odds", "edges": [-1, 1.5], "counts": [[9, 8, 2], [5, 2, 7]], "limit": 20},
                {"name": "format", "values": ["jpeg"], "counts": [[9, 0], [9, 1]]},
            ],
            "estimates": [
                {"operating_point": "balanced", "confident": [-0.5, 0.25], "error": {"cbpe": RATE, "atc": RATE}}
            ],
        },
    ),
    weights("c1", 1, 1, 1, 2) | weights("dense", 2, 2) | weights("gate", 2, 2),
)
del DECIDED.description["threshold"]
