"""Trains the gate, a small network that says whether a picture is a frontal chest radiograph at all.

    python -m spikeray gate train --data DATA --out FOLDER
    python -m spikeray gate settle --data DATA [--gate FOLDER]

It looks at the model's prepared picture, resized once more, and is trained on nothing but chests of the training
folds, chests made wrong, drawings and three photographs (pictures.py). docs/GATE.md has its figures.
"""

import argparse
import functools
import math
import multiprocessing
import pathlib
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from .. import data, modelfile, stress
from .network import SIZE, network, probabilities, write
from .pictures import KINDS, OFTEN, Eigenchests, chest, negative
from .section import SHIPPED, file_of
from .validation import AFAR, chests, read, shrink

CHUNK = 1000  # pictures drawn at a time
DRAWN_FROM = 224  # the side of the chests that the training pictures are drawn from
# The shares of the validation's chests that the threshold may flag: plain, stressed and tilted ones, and ones
# disturbed as widely as the training's, which stand for other hospitals' films.
FLAGGED, FLAGGED_AFAR = 0.0075, 0.025


def pool(pictures, seed, count, processes=2):
    """`count` pictures to train on, drawn from these chests: (uint8 [n][48][48], label [n]). The same from any number
    of processes."""
    chests = [
        np.asarray(Image.fromarray(read(p.path)).resize((DRAWN_FROM, DRAWN_FROM), Image.Resampling.BILINEAR))
        for p in pictures
    ]
    with multiprocessing.get_context("fork").Pool(
        processes, _drawn_from.update, [{"chests": chests, "eigen": Eigenchests(chests)}]
    ) as workers:
        parts = workers.map(functools.partial(_chunk, seed), range(-(-count // CHUNK)), chunksize=1)
    return [np.concatenate(part) for part in zip(*parts)]


_drawn_from: dict[str, Any] = {}  # a worker's chests


def _chunk(seed, number):
    """CHUNK pictures, two chests in five."""
    rng, chests = np.random.default_rng([seed, number]), _drawn_from["chests"]
    often = np.array([OFTEN.get(kind, 1) for kind in KINDS], np.float64)
    x, y = np.empty((CHUNK, SIZE, SIZE), np.uint8), np.zeros(CHUNK, np.int64)
    for i in range(CHUNK):
        j, other = rng.integers(len(chests), size=2)
        if rng.random() >= 0.4:
            kind = KINDS[rng.choice(len(KINDS), p=often / often.sum())]
            picture, y[i] = negative(rng, kind, chests[j], chests[other], _drawn_from["eigen"])
        elif rng.random() < 0.25:
            kind = str(rng.choice(list(stress.KINDS)))
            picture = np.asarray(stress.KINDS[kind](Image.fromarray(chests[j]), rng))
        else:
            picture = chest(rng, chests[j])
        x[i] = shrink(picture)
    return x, y


def trained(x, y, seed=0, epochs=8, batch=128, verbose=True):
    """A network trained on pictures uint8 [n][48][48] of labels y."""
    import keras

    model = network(seed)
    steps = epochs * -(-len(x) // batch)
    rate = keras.optimizers.schedules.CosineDecay(
        3e-5, steps, alpha=1e-3, warmup_target=3e-3, warmup_steps=steps // 20
    )
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    rng = np.random.default_rng(seed)
    for epoch in range(epochs):
        order, began = rng.permutation(len(x)), time.time()
        model.reset_metrics()
        for i in range(0, len(x), batch):
            at = order[i : i + batch]
            loss = model.train_on_batch(_jittered(rng, x[at])[..., None], y[at])
        if verbose:
            print(f"epoch {epoch + 1}: loss {loss:.4f}, {time.time() - began:.0f} s", flush=True)
    return model


def _jittered(rng, x):
    """Pictures as floats of 0 to 1, mirrored half of the time, brighter or darker."""
    x = x.astype(np.float32) / 255
    mirrored = rng.random(len(x)) < 0.5
    x[mirrored] = x[mirrored, :, ::-1]
    return np.clip(
        x * rng.uniform(0.85, 1.15, (len(x), 1, 1)) + rng.uniform(-0.08, 0.08, (len(x), 1, 1)), 0, 1
    ).astype(np.float32)


def threshold(model, kinds) -> float:
    """The highest threshold that flags no more than it may of what `chests` gave."""
    p = {kind: probabilities(model, x)[:, 0] for kind, x in kinds.items()}
    usual = np.concatenate([q for kind, q in p.items() if kind != AFAR])
    highest = float(
        min(np.quantile(usual, FLAGGED, method="lower"), np.quantile(p[AFAR], FLAGGED_AFAR, method="lower"))
    )
    return math.floor(highest * 1000) / 1000


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
        model = trained(drawn["x"], drawn["y"], seed, epochs)
    provenance = {
        "recipe": "gate",
        "seed": seed,
        "epochs": epochs,
        "fold": fold,
        "training": {"chests": len(training), "digest": data.digest(training), "pictures": count},
        "validation": {"chests": len(validation), "digest": data.digest(validation)},
        "data": data.CREDIT,
    }
    write(out / "trial.safetensors", model, 0.5, provenance)
    write(
        out / "gate.safetensors",
        model,
        threshold(modelfile.read(out / "trial.safetensors"), chests(validation)),
        provenance,
    )
    (out / "trial.safetensors").unlink()


def settle(path, root, fold=0) -> float:
    """Sets the threshold of a gate that was trained, by the rule of today; gives it back."""
    description, tensors = modelfile.read(file_of(path))
    found = threshold((description, tensors), chests(data.split(root, fold)[1]))
    modelfile.write(file_of(path), description.changed(threshold=found), tensors)
    return found


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> None:
    ap = argparse.ArgumentParser(prog=prog, description="Train the gate: is a picture a frontal chest radiograph?")
    ap.add_argument("--out", required=True, help="folder of the run; a finished one is left alone")
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--epochs", type=int, default=8)
    ap.add_argument("--count", type=int, default=50_000, help="pictures drawn to train on")
    data_arguments(ap)
    a = ap.parse_args(arguments)
    train(a.data, a.out, a.seed, a.fold, a.count, a.epochs)


def settle_main(arguments: Sequence[str] | None = None, prog: str | None = None) -> None:
    ap = argparse.ArgumentParser(prog=prog, description="Set the threshold of a gate anew.")
    ap.add_argument(
        "--gate", default=SHIPPED, help="a run's folder or its gate.safetensors (default: the shipped one)"
    )
    data_arguments(ap)
    a = ap.parse_args(arguments)
    print(settle(a.gate, a.data, a.fold))


def data_arguments(ap: argparse.ArgumentParser) -> None:
    ap.add_argument("--data", required=True, help="folder with train/ and val/")
    ap.add_argument("--fold", type=int, default=0, help="which fifth of the patients validates")
