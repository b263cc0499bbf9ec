"""A Keras file from elsewhere into a model file: `python -m spikeray convert FILE OUT.safetensors`.

FILE is an HDF5 file (.h5) or an archive (.keras). Made for the `imageClassificationModel.h5` of the article's
notebook, whose spiking layers are of class SNNActivation. Neither Keras nor the notebook's own package is needed.
"""

import argparse
import hashlib
import math
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

from .. import data
from . import archive, config, describe, h5
from .config import ConvertError
from .record import Record

# The notebook's name, and that of the library it follows, with what they write into a configuration.
_SPIKING = {"SNNActivation": "length snntraining", "SpikingActivation": "spiking_aware_training"}
_SPIKING_KEYS = set(
    """name trainable dtype autocast activity_regularizer batch_input_shape batch_shape activation dt seed
    return_sequences return_state stateful unroll time_major""".split()
)
# SNNActivation: anybody's copy of the notebook
_PACKAGES = {"SpikingActivation": (None, "keras_spiking", "keras-spiking", "KerasSpiking")}


def convert(
    path,
    out,
    name="converted",
    version="1.0.0",
    dt=None,
    seed=0,
    summary=None,
    labels=None,
    positive=None,
    scale=None,
    offset=0.0,
    steps=None,
) -> list[str]:
    """Writes the model file of a Keras model; gives back what the user should know about it.

    dt: the length of a time step, for a file that does not say (default 2, the article's best).
    seed: for layers that the file gives none: the i-th of them, from 1, gets 1000 * seed + i, as in our own networks.
    labels: the classes in the order of the network's units (default NORMAL, PNEUMONIA); one sigmoid is the probability
        of the second. positive: one of them (default PNEUMONIA).
    scale, offset: the network is fed pixels (0 to 255) / scale + offset (default 255 and 0, unless the file tells).
    steps: for how many steps the picture is shown, for a network over steps whose file does not say.
    """
    contents = archive.read(path) if archive.is_archive(path) else h5.read(path)
    notes = [
        "pixels are prepared with antialiased bilinear; the article's notebook took the nearest pixel, so "
        "probabilities can differ a little from those seen there"
    ]
    assumed: dict[str, str] = {}
    records, shape = config.records(contents, notes)
    records = _over_steps(records, shape, steps, assumed)
    records = _spiking(records, dt, seed, notes, steps=len(shape) == 4)
    labels, positive = _classes(labels, positive, assumed)
    if scale is None:
        scale = _scale(records, assumed)
    elif not math.isfinite(scale) or not scale > 0:
        raise ConvertError(f"--scale {scale}: pixels are divided by it, so a number above 0 is wanted")
    if not math.isfinite(offset):
        raise ConvertError(f"--offset {offset}: a finite number is wanted")
    precisions = sorted({p for p in map(_precision, records) if p != "float32"})
    if precisions:
        notes.append(
            f"the file computes in {', '.join(precisions)}, a model file in float32: answers differ by roundings"
        )
    source: dict[str, Any] = {"sha256": _digest(path)}
    source |= {key: contents.texts[key][:64] for key in ("keras_version", "backend") if key in contents.texts}
    if assumed:
        source["assumed"] = assumed
    describe.write(
        (records, shape[-3:]),
        out,
        name,
        version,
        {"converted_from": source},
        summary or "Converted from a Keras model",
        labels=labels,
        positive=positive,
        scale=scale,
        offset=offset,
    )
    return notes + [f"assumed, since it was not told: {text}" for text in assumed.values()]


def _classes(labels, positive, assumed) -> tuple[list[str], str]:
    told = labels is not None
    labels = list(labels) if told else list(data.LABELS)
    if not told:
        assumed["labels"] = (
            f"the units are {', '.join(labels)} in this order (one sigmoid: the probability of {labels[1]}); if not, "
            "say --labels"
        )
    if positive is None:
        named = [x for x in labels if x.lower() == data.LABELS[1].lower()]
        if len(named) != 1:
            raise ConvertError(f"which of {', '.join(labels)} is the positive class? say --positive")
        positive = named[0]
        assumed["positive"] = f"{positive} is the positive class; if not, say --positive"
    if positive not in labels:
        raise ConvertError(f"--positive {positive}: it is none of the labels {', '.join(labels)}")
    return labels, positive


def _scale(records, assumed) -> float:
    """What pixels are divided by, where the caller does not say: from what the network itself does first."""
    scale, why = 255.0, "the network is fed pixels / 255, from 0 to 1"
    for r in records:
        c = r.config
        if r.kind == "InputLayer" and str(c.get("dtype")).startswith(("uint", "int")):
            scale, why = 1.0, "the network is fed pixels from 0 to 255, since its input is of whole numbers"
        if r.kind in ("Rescaling", "Normalization"):
            values = (
                [c.get("scale")]
                if r.kind == "Rescaling"
                else [v for a in r.weights[:1] for v in a.reshape(-1)] or [c.get("mean")]
            )
            first = values[0][0] if isinstance(values[0], list) and values[0] else values[0]
            while isinstance(first, list) and first:
                first = first[0]
            raw = isinstance(first, (int, float)) or hasattr(first, "dtype")
            if raw and (abs(first) < 1 / 64 if r.kind == "Rescaling" else first > 2):
                scale, why = (
                    1.0,
                    f"the network is fed pixels from 0 to 255, since its layer {r.name} is made for those",
                )
        if r.kind not in ("InputLayer", "ShowForSteps") and not r.kind.startswith("Random"):
            break
    assumed["scale"] = f"{why}; if not, say --scale"
    return scale


def _over_steps(records, shape, steps, assumed) -> list[Record]:
    """A network whose input has steps before height, width and channels is one that shows a picture for so many."""
    if len(shape) == 3:
        if steps is not None:
            raise ConvertError("--steps: the network has no axis for steps; its rows are its time, if it spikes")
        return records
    if shape[0] not in (None, 1, steps) and steps is not None:
        raise ConvertError(f"--steps {steps}: the file says {shape[0]}")
    if steps is None:
        steps = shape[0]
        if steps is None:
            raise ConvertError("for how many steps is the picture shown? the file leaves it open: say --steps")
        if steps == 1:
            assumed["steps"] = "the picture is shown for one step, as the file has it; if for more, say --steps"
    return [Record("ShowForSteps", "steps", {"steps": steps}), *records]


def _precision(record) -> str:
    policy = record.config.get("dtype", "float32")
    policy = policy.get("config", {}).get("name") if isinstance(policy, dict) else policy
    return "float32" if record.kind == "InputLayer" or policy is None else str(policy)[:32]


def _spiking(records, dt, seed, notes, steps=False) -> list[Record]:
    out, given, i = [], set(), 0
    for r in records:
        if r.kind not in _SPIKING or r.package == "spikeray" or ("time_axis" in r.config and r.package is None):
            out.append(r)
            continue
        i += 1
        c = r.config
        if unknown := sorted(set(c) - _SPIKING_KEYS - set(_SPIKING[r.kind].split())):
            raise ConvertError(
                f"layer {r.name}: {unknown[0][:64]} {str(c[unknown[0]])[:64]} in its configuration is not one of "
                f"{r.kind}'s keys, "
                "so it is another class of that name"
            )
        if r.weights:
            raise ConvertError(
                f"layer {r.name}: it has {len(r.weights)} weights; {r.kind} has none, so it is another class of that "
                "name"
            )
        if r.package not in _PACKAGES.get(r.kind, (r.package,)):
            raise ConvertError(
                f"layer {r.name}: {r.kind} of package {r.package[:64]!r}; that of keras_spiking is wanted"
            )
        activation = c.get("activation", "relu")
        activation = activation.get("config") if isinstance(activation, dict) else activation
        if activation != "relu":
            raise ConvertError(f"layer {r.name}: spiking version of {activation!r}; of 'relu' is wanted")
        if not c.get("return_sequences", True) or any(c.get(k) for k in ("return_state", "stateful", "time_major")):
            raise ConvertError(f"layer {r.name}: return_sequences alone is wanted")
        length = next((c[k] for k in ("length", "dt") if c.get(k) is not None), None)
        if length is None:
            given.add("dt")
            length = 2.0 if dt is None else dt
        elif dt is not None and dt != length:
            raise ConvertError(f"layer {r.name}: the file says a time step of {length}, so --dt {dt} cannot hold")
        own = c.get("seed")
        if own is None:
            given.add("seed")
            own = 1000 * seed + i
        elif not isinstance(own, int):
            raise ConvertError(f"layer {r.name}: seed {own!r} is not a whole number")
        out.append(
            Record(
                "SpikingActivation",
                r.name,
                {"dt": length, "seed": own % (1 << 64), "time_axis": "steps" if steps else "rows"},
            )
        )
    if "dt" in given:
        notes.append(f"the file does not say how long a time step is: {2.0 if dt is None else dt} was taken")
    if "seed" in given:
        notes.append(f"the file fixes no starting voltages: they are drawn from seed {seed}")
    elif i:
        notes.append("starting voltages are drawn from the file's seeds by our generator, not TensorFlow's")
    return out


def _digest(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def fail(file, why):
    print(f"{file}: {' '.join(str(why).split())[:500]}", file=sys.stderr)
    sys.exit(2)


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> None:
    ap = argparse.ArgumentParser(prog=prog, description="Convert a Keras model, such as the article's notebook saves.")
    ap.add_argument("file", type=pathlib.Path, help="the .h5 or .keras file")
    ap.add_argument("out", type=pathlib.Path, help="model file to write, .safetensors")
    ap.add_argument("--name", default="converted")
    ap.add_argument("--version", default="1.0.0", help="semantic version (default 1.0.0)")
    ap.add_argument("--dt", type=float, help="length of a time step, when the file does not say (default 2)")
    ap.add_argument("--seed", type=int, default=0, help="of the starting voltages, when the file does not say")
    ap.add_argument(
        "--labels",
        help="the classes in the order of the network's units, with commas between (default NORMAL,PNEUMONIA); "
        "one sigmoid is the probability of the second",
    )
    ap.add_argument("--positive", help="the class whose probability the service gives (default PNEUMONIA)")
    ap.add_argument(
        "--scale",
        type=float,
        help="what pixels (0 to 255) are divided by: 255 for a network fed 0 to 1 (the default, unless the "
        "file tells), 1 for one fed 0 to 255, 127.5 with --offset -1 for -1 to 1",
    )
    ap.add_argument("--offset", type=float, default=0.0, help="what is then added (default 0)")
    ap.add_argument(
        "--steps",
        type=int,
        help="steps that the picture is shown for, when the network is over steps and the file does not say",
    )
    a = ap.parse_args(arguments)
    labels = None if a.labels is None else [x.strip() for x in a.labels.split(",")]
    try:
        notes = convert(
            a.file,
            a.out,
            a.name,
            a.version,
            a.dt,
            a.seed,
            labels=labels,
            positive=a.positive,
            scale=a.scale,
            offset=a.offset,
            steps=a.steps,
        )
    except (OSError, ValueError, MemoryError) as e:
        fail(a.file, e)
    except (KeyError, TypeError, AttributeError, OverflowError, IndexError, RecursionError) as e:
        fail(a.file, f"its configuration is not as Keras writes it: {e}")
    print(f"wrote {a.out}")
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
