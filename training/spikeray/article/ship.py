"""Ships the best run of each network: `python -m spikeray article ship --data DATA`.

The best is the one of the highest validation AUC. Writes NAME.safetensors and its card, NAME.md, and snnxray-int8,
which is snnxray with whole-number weights.
"""

import argparse
import pathlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .. import data, modelfile
from ..modelfile.quantise import dequantise, quantise
from . import export, runs
from .card import WHAT, card

# Whose answers stay within 0.002 on average, and no label flips, when large JPEGs are decoded at a fraction of their
# size (docs/RATIONALE.md). A spiking network with rows as time jumps further for any change of its input.
REDUCED_DECODING = {"cnnxray"}


def ship(root, out, version, pictures=None) -> list[pathlib.Path]:
    """Ships every network that has a finished run; gives back the model files written. snnxray-int8 only with the data
    set's folder, pictures."""
    written = []
    for name in ("snnxray", "cnnxray"):
        found = runs.finished(root, name)
        if not found:
            continue
        run = runs.best(found)
        path = pathlib.Path(out) / f"{name}.safetensors"
        export.export(
            run.folder / "best.keras",
            path,
            name,
            version,
            summary=WHAT[name][0],
            reduced_decoding=name in REDUCED_DECODING,
            population=data.POPULATION,
            ages=data.AGES,
        )
        path.with_suffix(".md").write_text(card(name, version, run, found))
        written.append(path)
        print(f"{path}: seed {run.seed}, validation AUC {run.metrics['auc']:.4f}")
        if name == "snnxray" and pictures:
            written.append(ship_int8(path, run, found, version, pictures))
    if not written:
        raise ValueError(f"{root}: no finished run")
    return written


def ship_int8(path, run, found, version, pictures) -> pathlib.Path:
    """Ships the whole-number model of a model file; its answers are those of Keras with the weights it stands for."""
    name = f"{path.stem}-int8"
    description, tensors = quantise(*modelfile.read(path))
    description = description.changed(name=name, summary=WHAT[name][0])
    out = path.with_stem(name)
    modelfile.write(out, description, tensors)
    weights = dequantise(description, tensors)
    keras_model = export.keras_model(run.folder / "best.keras")
    for layer in keras_model.layers:
        if f"{layer.name}.weights" in weights:
            layer.set_weights([weights[f"{layer.name}.weights"], weights[f"{layer.name}.bias"]])
    _, validation = data.split(pictures, run.record["fold"])
    if [p.path.name for p in validation] != run.names:
        raise ValueError(f"{pictures}: not the pictures that the run was validated on")
    probability = keras_model.predict(data.prepare_all(validation)[0], batch_size=32, verbose=0)[:, 1].astype(
        np.float64
    )
    difference = np.abs(probability - run.probability)
    flipped = int(((probability >= 0.5) != (run.probability >= 0.5)).sum())
    against = (
        f"\nAgainst `{path.stem}`, picture by picture: the probability differs by {difference.mean():.4f} on average "
        "and "
        f"{difference.max():.2f} at\nworst, and {flipped} of {len(probability)} labels differ.\n"
    )
    out.with_suffix(".md").write_text(
        card(name, version, replace(run, probability=probability), found).replace(
            "\n## Known shortcuts", f"{against}\n## Known shortcuts"
        )
    )
    print(f"{out}:{against}".replace("\n", " "))
    return out


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> None:
    ap = argparse.ArgumentParser(prog=prog, description="Export the best run of each network, with its card.")
    ap.add_argument("--runs", type=pathlib.Path, default=pathlib.Path("training/runs"))
    ap.add_argument("--out", type=pathlib.Path, default=pathlib.Path("models"))
    ap.add_argument("--data", required=True, help="folder with train/{NORMAL,PNEUMONIA}")
    ap.add_argument("--version", default="1.0.0")
    a = ap.parse_args(arguments)
    ship(a.runs, a.out, a.version, a.data)
