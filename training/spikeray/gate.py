"""The gate: a small network that says whether a picture is a frontal chest radiograph at all.

    python -m spikeray.gate train --data DATA --out FOLDER
    python -m spikeray.gate settle --data DATA [--gate FOLDER]
    python -m spikeray.gate measure --data DATA [--others FOLDER] [--dicom FOLDER] [--originals FOLDER]

It looks at the model's prepared picture, resized once more, and is trained on nothing but chests of the training folds, chests made
wrong, drawings and three photographs (spikeray.gate_pictures). docs/GATE.md has its figures. `section` is what an export
puts into a model file.
"""

import argparse
import functools
import math
import multiprocessing
import pathlib
import sys
import time

import numpy as np
from PIL import Image

from . import data, gate_pictures, modelfile, quantise, stress
from .export import CREDIT
from .gate_pictures import KINDS, LABELS

SIZE = 48  # of the gate's input
PREPARED = gate_pictures.SIZE  # of the model's, which the gate's is resized from
LEVELS = 255  # of an activation: as many spikes as a neuron can hand on in a step
CONVOLUTIONS = ((16, 5, 2), (32, 3, 2), (64, 3, 2), (64, 3, 1), (64, 3, 2))  # channels, kernel, stride
CHUNK = 1000
DRAWN_FROM = 224  # the side of the chests that the training pictures are drawn from
# The shares of the validation's chests that the threshold may flag: plain, stressed and tilted ones, and ones disturbed as widely as
# the training's, which stand for other hospitals' films.
FLAGGED, FLAGGED_AFAR = 0.0075, 0.025
AFAR = "as if from elsewhere"
SHIPPED = pathlib.Path(__file__).parents[1] / "gate"


# Pictures

def read(path) -> np.ndarray:
    """A picture file as grey uint8 [height][width]."""
    with Image.open(path) as im:
        if im.mode.startswith("I;16"):
            return (np.asarray(im) >> 8).astype(np.uint8)
        return np.asarray(im.convert("L"))


def shrink(picture, size=SIZE) -> np.ndarray:
    """Any grey uint8 picture to what the gate takes: to the model's size, and from there to the gate's."""
    for n in (PREPARED, size):
        picture = np.asarray(Image.fromarray(picture).resize((n, n), Image.Resampling.BILINEAR))
    return picture


def pool(pictures, seed, count, processes=2):
    """`count` pictures to train on, drawn from these chests: (uint8 [n][48][48], label [n]). The same from any number of processes."""
    chests = [np.asarray(Image.fromarray(read(p.path)).resize((DRAWN_FROM, DRAWN_FROM), Image.Resampling.BILINEAR)) for p in pictures]
    with multiprocessing.get_context("fork").Pool(processes, _drawn_from.update, [{"chests": chests, "eigen": gate_pictures.Eigenchests(chests)}]) as workers:
        parts = workers.map(functools.partial(_chunk, seed), range(-(-count // CHUNK)), chunksize=1)
    return [np.concatenate(part) for part in zip(*parts)]


_drawn_from = {}  # a worker's chests


def _chunk(seed, number):
    """CHUNK pictures, two chests in five."""
    rng, chests = np.random.default_rng([seed, number]), _drawn_from["chests"]
    often = np.array([gate_pictures.OFTEN.get(kind, 1) for kind in KINDS], np.float64)
    x, y = np.empty((CHUNK, SIZE, SIZE), np.uint8), np.zeros(CHUNK, np.int64)
    for i in range(CHUNK):
        j, other = rng.integers(len(chests), size=2)
        if rng.random() >= 0.4:
            kind = KINDS[rng.choice(len(KINDS), p=often / often.sum())]
            picture, y[i] = gate_pictures.negative(rng, kind, chests[j], chests[other], _drawn_from["eigen"])
        elif rng.random() < 0.25:
            kind = str(rng.choice(list(stress.KINDS)))
            picture = np.asarray(stress.KINDS[kind](Image.fromarray(chests[j]), rng))
        else:
            picture = gate_pictures.chest(rng, chests[j])
        x[i] = shrink(picture)
    return x, y


# The network

def network(seed=0):
    """A Keras model to train: (batch, 48, 48, 1) in 0..1 -> logits (batch, labels); 3.2 M multiply-accumulates."""
    import keras
    from keras import layers

    from .levels import QuantisedReLU
    keras.utils.set_random_seed(seed)
    x = start = keras.Input((SIZE, SIZE, 1))
    for i, (channels, kernel, stride) in enumerate(CONVOLUTIONS):
        x = layers.Conv2D(channels, kernel, stride, "same", use_bias=False, name=f"conv{i}")(x)
        x = layers.BatchNormalization(momentum=0.98, gamma_initializer=keras.initializers.Constant(0.4),
                                      beta_initializer=keras.initializers.Constant(0.1), name=f"norm{i}")(x)
        x = QuantisedReLU(LEVELS, name=f"act{i}")(x)
    x = layers.Dropout(0.3)(layers.Flatten(name="flatten")(x))
    return keras.Model(start, layers.Dense(len(LABELS), name="logits")(x), name="gate")


def fit(x, y, seed=0, epochs=8, batch=128, verbose=True):
    """A network trained on pictures uint8 [n][48][48] of labels y."""
    import keras
    model = network(seed)
    steps = epochs * -(-len(x) // batch)
    rate = keras.optimizers.schedules.CosineDecay(3e-5, steps, alpha=1e-3, warmup_target=3e-3, warmup_steps=steps // 20)
    model.compile(keras.optimizers.AdamW(rate, weight_decay=1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    rng = np.random.default_rng(seed)
    for epoch in range(epochs):
        order, began = rng.permutation(len(x)), time.time()
        model.reset_metrics()
        for i in range(0, len(x), batch):
            at = order[i:i + batch]
            loss = model.train_on_batch(_jittered(rng, x[at])[..., None], y[at])
        if verbose:
            print(f"epoch {epoch + 1}: loss {loss:.4f}, {time.time() - began:.0f} s", flush=True)
    return model


def _jittered(rng, x):
    """Pictures as floats of 0 to 1, mirrored half of the time, brighter or darker."""
    x = x.astype(np.float32) / 255
    mirrored = rng.random(len(x)) < 0.5
    x[mirrored] = x[mirrored, :, ::-1]
    return np.clip(x * rng.uniform(0.85, 1.15, (len(x), 1, 1)) + rng.uniform(-0.08, 0.08, (len(x), 1, 1)), 0, 1).astype(np.float32)


def write(path, model, threshold, provenance) -> bytes:
    """Writes a trained network as a model file of its own, int8."""
    from .levels import fold
    layers, tensors = [], {}
    for i, (channels, kernel, stride) in enumerate(CONVOLUTIONS):
        name = f"conv{i}"
        tensors[f"{name}.weights"], tensors[f"{name}.bias"] = fold(model.get_layer(name), model.get_layer(f"norm{i}"))
        layers += [{"type": "conv2d", "name": name, "kernel": [kernel] * 2, "stride": [stride] * 2, "padding": "same",
                    "channels": channels, "weights": f"{name}.weights", "bias": f"{name}.bias"},
                   {"type": "neurons", "name": f"spike{i}", "model": "spiking_relu", "dt": LEVELS, "start": {"kind": "constant", "value": 0.5}}]
    tensors["logits.weights"], tensors["logits.bias"] = model.get_layer("logits").get_weights()
    layers += [{"type": "flatten", "name": "flatten"},
               {"type": "dense", "name": "logits", "units": len(LABELS), "weights": "logits.weights", "bias": "logits.bias"},
               {"type": "softmax", "name": "softmax"}]
    description, tensors = quantise.quantise({
        "format": 1, "name": "gate", "version": "1.0.0", "summary": "Whether a picture is a frontal chest radiograph",
        "labels": list(LABELS), "positive": LABELS[0],
        "preparation": {"width": SIZE, "height": SIZE, "resize": "bilinear_antialiased", "scale": 255},
        "time": {"axis": "steps", "steps": 1}, "layers": layers, "threshold": threshold, "training": provenance}, tensors)
    return modelfile.write(path, description, tensors)


def section(path=SHIPPED) -> tuple[dict, dict[str, np.ndarray]]:
    """(the object `gate` of a model file's description, its tensors) of a gate that `train` wrote."""
    d, tensors = modelfile.read(_file(path))
    p = d["preparation"]
    layers = [{k: f"gate.{v}" if k in ("weights", "scale", "bias") else v for k, v in layer.items()} for layer in d["layers"]]
    return ({"width": p["width"], "height": p["height"], "scale": p["scale"], "labels": d["labels"], "accept": d["positive"],
             "threshold": d["threshold"], "time": d["time"], "layers": layers},
            {f"gate.{k}": v for k, v in tensors.items()})


def _file(path):
    path = pathlib.Path(path)
    return path / "gate.safetensors" if path.is_dir() else path


def probabilities(model, pictures) -> np.ndarray:
    """What a gate (as modelfile.read gives it) says of uint8 [n][48][48]: float32 [n][labels].

    The sums of whole numbers are below 2^24, so that float32 holds them exactly, whatever the order.
    """
    from keras import ops
    d, tensors = model
    out = []
    for i in range(0, len(pictures), CHUNK):
        x = pictures[i:i + CHUNK, ..., None].astype(np.float32)
        for layer in d["layers"]:
            if layer["type"] == "conv2d":
                x = ops.conv(x, tensors[layer["weights"]].astype(np.float32), strides=tuple(layer["stride"]), padding=layer["padding"])
                x = np.asarray(x) * tensors[layer["scale"]] + tensors[layer["bias"]]
            elif layer["type"] == "neurons":
                dt = np.float32(layer["dt"])
                x = np.clip(np.floor(np.float32(layer["start"]["value"]) + np.maximum(x, 0) * dt), 0, LEVELS)
            elif layer["type"] == "flatten":
                x = x.reshape(len(x), -1) / dt
            elif layer["type"] == "dense":
                x = x @ tensors[layer["weights"]] + tensors[layer["bias"]]
        e = np.exp(x - x.max(axis=1, keepdims=True))
        out.append(e / e.sum(axis=1, keepdims=True))
    return np.concatenate(out)


# The validation and what else it is measured on

def chests(pictures) -> dict[str, np.ndarray]:
    """Validation chests as they are, harmed as the protocol's stressed validation has it, tilted, and AFAR: uint8 [n][48][48] by kind."""
    out = {"as they are": np.stack([shrink(read(p.path)) for p in pictures])}
    for kind in stress.KINDS:
        out[kind] = np.stack([shrink(x) for x in stress.load(pictures, kind, PREPARED)])
    rng = np.random.default_rng(10)
    out["tilted by at most 10 degrees"] = np.stack([shrink(_tilted(read(p.path), rng.uniform(-10, 10))) for p in pictures])
    out[AFAR] = np.stack([shrink(gate_pictures.chest(rng, read(p.path))) for p in pictures])
    return out


def threshold(model, kinds) -> float:
    """The highest threshold that flags no more than it may of what `chests` gave."""
    p = {kind: probabilities(model, x)[:, 0] for kind, x in kinds.items()}
    usual = np.concatenate([q for kind, q in p.items() if kind != AFAR])
    highest = float(min(np.quantile(usual, FLAGGED, method="lower"), np.quantile(p[AFAR], FLAGGED_AFAR, method="lower")))
    return math.floor(highest * 1000) / 1000


def _tilted(x, degrees, expand=False):
    return np.asarray(Image.fromarray(x).rotate(degrees, Image.Resampling.BILINEAR, expand=expand))


def _part(x, keep, rng):
    h, w = (round(k * n) for k, n in zip(keep, x.shape))
    top, left = rng.integers(0, x.shape[0] - h + 1), rng.integers(0, x.shape[1] - w + 1)
    return np.ascontiguousarray(x[top:top + h, left:left + w])


WRONG = {  # what is done to validation chests that must be flagged
    "inverted": lambda x, rng: 255 - x,
    "turned by 90 degrees": lambda x, rng: np.rot90(x).copy(),
    "turned by 180 degrees": lambda x, rng: np.rot90(x, 2).copy(),
    "turned by 270 degrees": lambda x, rng: np.rot90(x, 3).copy(),
    "upside down": lambda x, rng: x[::-1].copy(),
    "turned by 30 degrees": lambda x, rng: _tilted(x, rng.choice([-30, 30]), rng.random() < 0.5),
    "turned by 30 to 150 degrees": lambda x, rng: _tilted(x, rng.choice([-1, 1]) * rng.uniform(30, 150), rng.random() < 0.5),
    "cropped to half of each side": lambda x, rng: _part(x, (0.5, 0.5), rng),
    "cropped to 20 to 50 % of each side": lambda x, rng: _part(x, rng.uniform(0.2, 0.5, 2), rng),
}


def wrong(pictures) -> dict[str, np.ndarray]:
    out = {}
    for kind, make in WRONG.items():
        rng = np.random.default_rng(11)
        out[kind] = np.stack([shrink(make(read(p.path), rng)) for p in pictures])
    return out


def read_dicom(path):
    """The first frame of a DICOM file, windowed as it asks, uint8 grey; None where it holds no picture."""
    import pydicom
    from pydicom.pixels import apply_modality_lut, apply_voi_lut, pixel_array
    d = pydicom.dcmread(path)
    if "PixelData" not in d:
        return None
    x = pixel_array(d, index=0)
    if x.ndim == 3:
        return np.asarray(Image.fromarray(x).convert("L"))
    x = apply_voi_lut(apply_modality_lut(x, d), d).astype(np.float64)
    x = np.rint((x - x.min()) * 255 / max(x.max() - x.min(), 1)).astype(np.uint8)
    return 255 - x if d.PhotometricInterpretation == "MONOCHROME1" else x


def _measured_on(root, fold, others, dicom, originals):
    """(chests by kind, others by kind, names of the pictures by kind where they have one)."""
    validation = data.split(root, fold)[1]
    yes = {f"validation, {kind}": x for kind, x in chests(validation).items()}
    no = {f"validation, {kind}": x for kind, x in wrong(validation).items()}
    names = {}

    def add(to, kind, paths, read):
        found = []
        for path in sorted(paths):
            try:
                x = read(path)
            except OSError as e:
                print(f"{path.name}: {e}", file=sys.stderr)
                continue
            if x is not None:
                found.append((path.name, shrink(x)))
        names[kind], to[kind] = [n for n, _ in found], np.stack([x for _, x in found])
    add(yes, "official `val`", [p.path for p in data.scan(root, "val")], read)
    if originals:
        add(yes, "originals, as published", pathlib.Path(originals).glob("*/*.jpeg"), read)
    if dicom:
        add(yes, "DICOM, chests", pathlib.Path(dicom).glob("chest/*.dcm"), read_dicom)
        add(no, "DICOM, other", pathlib.Path(dicom).glob("other/*.dcm"), read_dicom)
    for sub in sorted(p for p in pathlib.Path(others).iterdir() if p.is_dir()) if others else ():
        add(no, sub.name, sub.iterdir(), read)
    return yes, no, names


def measure(path, root, fold=0, others=None, dicom=None, originals=None) -> str:
    """The gate's confusion as a markdown table, and the files that it got wrong."""
    model = modelfile.read(_file(path))
    labels, least = model[0]["labels"], model[0]["threshold"]
    yes, no, names = _measured_on(root, fold, others, dicom, originals)
    lines, missed = [f"| | pictures | flagged | {' | '.join(f'as {s}' for s in labels[1:])} |", "|---" * (2 + len(labels)) + "|"], []
    for title, kinds, wanted in (("**frontal chests**", yes, False), ("**others**", no, True)):
        lines.append(f"| {title} |" + " |" * (len(labels) + 1))
        total = []
        for kind, pictures in kinds.items():
            p = probabilities(model, pictures)
            flagged, reason = p[:, 0] < least, p[:, 1:].argmax(axis=1)
            counts = [int((flagged & (reason == i)).sum()) for i in range(len(labels) - 1)]
            lines.append(f"| {kind} | {len(p)} | {100 * flagged.mean():.2f} % | " + " | ".join(map(str, counts)) + " |")
            total.append(flagged.mean())
            missed += [f"- {kind}: `{name}`, {q:.2f}" for name, q, f in zip(names.get(kind, ()), p[:, 0], flagged) if f != wanted]
        lines.append(f"| mean of these kinds | | {100 * np.mean(total):.2f} % |" + " |" * (len(labels) - 1))
    return "\n".join([*lines, "", "Files called wrongly, with their probability of a frontal chest:", "", *(missed or ["none"])])


def train(root, out, seed=0, fold=0, count=50_000, epochs=8):
    """Trains a gate and writes out/gate.safetensors. A run that was stopped keeps the pictures it had drawn."""
    out = pathlib.Path(out)
    if (out / "gate.safetensors").exists():
        print(f"{out}: finished before")
        return
    out.mkdir(parents=True, exist_ok=True)
    training, validation = data.split(root, fold)
    if not (out / "pool.npz").exists():
        x, y = pool(training, seed, count)
        np.savez(out / "drawing.npz", x=x, y=y)
        (out / "drawing.npz").rename(out / "pool.npz")
    with np.load(out / "pool.npz") as drawn:
        model = fit(drawn["x"], drawn["y"], seed, epochs)
    provenance = {"recipe": "gate", "seed": seed, "epochs": epochs, "fold": fold,
                  "training": {"chests": len(training), "digest": data.digest(training), "pictures": count},
                  "validation": {"chests": len(validation), "digest": data.digest(validation)}, "data": CREDIT}
    write(out / "trial.safetensors", model, 0.5, provenance)
    write(out / "gate.safetensors", model, threshold(modelfile.read(out / "trial.safetensors"), chests(validation)), provenance)
    (out / "trial.safetensors").unlink()


def settle(path, root, fold=0) -> float:
    """Sets the threshold of a gate that was trained, by the rule of today; gives it back."""
    description, tensors = modelfile.read(_file(path))
    description["threshold"] = threshold((description, tensors), chests(data.split(root, fold)[1]))
    modelfile.write(_file(path), description, tensors)
    return description["threshold"]


def main():
    ap = argparse.ArgumentParser(description="Train or measure the gate: is a picture a frontal chest radiograph?")
    sub = ap.add_subparsers(dest="command", required=True)
    t = sub.add_parser("train")
    t.add_argument("--out", required=True, help="folder of the run; a finished one is left alone")
    t.add_argument("--seed", type=int, default=0)
    t.add_argument("--epochs", type=int, default=8)
    t.add_argument("--count", type=int, default=50_000, help="pictures drawn to train on")
    s = sub.add_parser("settle", help="set the threshold of a gate anew")
    m = sub.add_parser("measure")
    for p in (s, m):
        p.add_argument("--gate", default=SHIPPED, help="a run's folder or its gate.safetensors (default: the shipped one)")
    m.add_argument("--others", help="folder of folders of pictures that are no frontal chests")
    m.add_argument("--dicom", help="folder with chest/ and other/ of DICOM files; needs pydicom")
    m.add_argument("--originals", help="folder with NORMAL/ and PNEUMONIA/ of pictures as published")
    for p in (t, s, m):
        p.add_argument("--data", required=True, help="folder with train/ and val/")
        p.add_argument("--fold", type=int, default=0, help="which fifth of the patients validates")
    a = ap.parse_args()
    if a.command == "train":
        train(a.data, a.out, a.seed, a.fold, a.count, a.epochs)
    elif a.command == "settle":
        print(settle(a.gate, a.data, a.fold))
    else:
        print(measure(a.gate, a.data, a.fold, a.others, a.dicom, a.originals))


if __name__ == "__main__":
    main()
