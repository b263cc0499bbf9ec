"""Ships the best run of each network: `python -m spikeray.ship --runs training/runs --data DATA --out models`.

The best is the one of the highest validation AUC. Writes NAME.safetensors and its card, NAME.md, and snnxray-int8, which
is snnxray with whole-number weights.
"""

import argparse
import pathlib
from dataclasses import replace

import numpy as np

from . import data, export, modelfile, quantise, runs
from .metrics import NAMES, bootstrap

WHAT = {
    "snnxray": ("Spiking network, rows as time: pneumonia in children's chest X-rays",
                "A hybrid: three convolutions whose neurons spike, with the rows of the picture as time steps (dt = 2), "
                "and three dense layers\nthat read the spikes out"),
    "cnnxray": ("Traditional network: pneumonia in children's chest X-rays",
                "The traditional counterpart of `snnxray`, to compare it with: the same layers with ReLU in place of spiking\n"
                "neurons"),
    "snnxray-int8": ("Spiking network in whole numbers, rows as time: pneumonia in children's chest X-rays",
                     "`snnxray` with the weights of every layer that takes pixels or spikes rounded to -127..127 and a scale for "
                     "each output:\nits spikes are the same on every processor, bit for bit"),
}

# Whose answers stay within 0.002 on average, and no label flips, when large JPEGs are decoded at a fraction of their
# size (docs/RATIONALE.md). A spiking network with rows as time jumps further for any change of its input.
REDUCED_DECODING = {"cnnxray"}

CARD = """\
# {name} {version}

{summary}.

{what}. 575,452 parameters; input 100x100 grey.

**Not a medical device.** A research model of a published article's idea. It has been evaluated in no clinic, and no
decision about a person may rest on it.

## For
Research and teaching: spiking and hybrid networks, time-stepped simulation, serving such models.

## Not for
- Diagnosis, triage or screening, of anybody.
- Adults. It has only seen children of one to five years, from one hospital (Guangzhou Women and Children's Medical
  Center).
- Findings other than pneumonia, lateral views, CT, photographs of films. It knows two answers and gives one of them
  whatever it is shown.
- Telling bacterial from viral pneumonia.

## Data
Chest X-rays of Kermany, Zhang and Goldbaum (2018), Mendeley Data, doi 10.17632/rscbjbr9sj.2, CC BY 4.0, in the split
that Kaggle publishes. Of its `train`, exact duplicates are left out and a fifth of the patients is kept for validation:
{n_train} pictures to train on (digest `{train_digest}`), {n_val} of {n_patients} patients to validate on
(`{val_digest}`). The official `test` was not used. The pictures were 224x224 JPEGs scaled down from the originals.

## Preparation
Grey, Pillow's antialiased bilinear to 100x100 (aspect not kept), 8 bits, divided by 255. The server does the same.

## Training
Adam with Keras's defaults, mean squared error on the softmax, batches of {batch}, {epochs} epochs (at most {asked};
stopping after 5 without a lower training loss), the checkpoint of the lowest training loss. Seed {seed}, {minutes}
minutes on two CPU cores, with {versions}.

Seed {seed} has the highest validation AUC of the {n_seeds} trained ({seeds}), so the figures below are a little
flattering. `docs/RESULTS.md` has every seed, and the null models to hold against them.{collapsed}

## Validation
Threshold 0.5. 95% intervals by bootstrap over patients (2000 draws).

| | | 95% interval |
|---|---|---|
{table}

| subgroup | pictures | sensitivity | 95% interval |
|---|---|---|---|
{subgroups}

Expect less elsewhere. The official test of this data set is shifted from its `train`: an AUC of .99 on validation
typically becomes .96 there, and specificity falls most.

## Known shortcuts
In the originals, files of healthy and sick children differ in ways that have nothing to do with lungs: NORMAL pictures
are larger, sharper, of higher JPEG quality and less wide (median aspect 1.21 against 1.50), and squashing them to a
square bakes the aspect into the pixels. Sharpness alone gives an AUC of .88. Nothing in this model's training works
against that, so some of its accuracy is likely to be such differences.

## Licence
The weights are under the project's Apache-2.0 licence. They are derived from pictures under CC BY 4.0: keep the credit
above with them.
"""


def ship(root, out, version, pictures=None) -> list[pathlib.Path]:
    """Ships every recipe that has a finished run; gives back the model files written. snnxray-int8 only with the data set's folder, pictures."""
    written = []
    for name in ("snnxray", "cnnxray"):
        found = runs.finished(root, name)
        if not found:
            continue
        run = runs.best(found)
        path = pathlib.Path(out) / f"{name}.safetensors"
        export.export(run.folder / "best.keras", path, name, version, summary=WHAT[name][0],
                      reduced_decoding=name in REDUCED_DECODING, population=data.POPULATION)
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
    description, tensors = quantise.quantise(*modelfile.read(path))
    description = {**description, "name": name, "summary": WHAT[name][0]}
    out = path.with_stem(name)
    modelfile.write(out, description, tensors)
    weights = quantise.dequantise(description, tensors)
    keras_model = export.load(run.folder / "best.keras")
    for layer in keras_model.layers:
        if f"{layer.name}.weights" in weights:
            layer.set_weights([weights[f"{layer.name}.weights"], weights[f"{layer.name}.bias"]])
    _, validation = data.split(pictures, run.record["fold"])
    if [p.path.name for p in validation] != run.names:
        raise ValueError(f"{pictures}: not the pictures that the run was validated on")
    probability = keras_model.predict(data.load(validation)[0], batch_size=32, verbose=0)[:, 1].astype(np.float64)
    difference = np.abs(probability - run.probability)
    flipped = int(((probability >= 0.5) != (run.probability >= 0.5)).sum())
    against = (f"\nAgainst `{path.stem}`, picture by picture: the probability differs by {difference.mean():.4f} on average and "
               f"{difference.max():.2f} at\nworst, and {flipped} of {len(probability)} labels differ.\n")
    out.with_suffix(".md").write_text(
        card(name, version, replace(run, probability=probability), found).replace("\n## Known shortcuts", f"{against}\n## Known shortcuts"))
    print(f"{out}:{against}".replace("\n", " "))
    return out


def card(name, version, run, found) -> str:
    """A model's card: `run` is shipped, of the runs `found`."""
    r = run.record
    intervals = bootstrap(run.label, run.probability, run.patients)
    table = "\n".join(f"| {NAMES[k]} | {v:.4f} | {intervals[k][0]:.4f} to {intervals[k][1]:.4f} |"
                      for k, v in run.metrics.items())
    collapsed = [str(x.seed) for x in found if x.collapsed]
    return CARD.format(
        name=name, version=version, summary=WHAT[name][0], what=WHAT[name][1],
        n_train=r["training"]["pictures"], train_digest=r["training"]["digest"][:16],
        n_val=r["validation"]["pictures"], val_digest=r["validation"]["digest"][:16], n_patients=len(set(run.patients)),
        batch=r["batch"], epochs=r["epochs_run"], asked=r["epochs_asked"], seed=run.seed, minutes=round(r["seconds"] / 60),
        versions=", ".join(v if k == "backend" else f"{k} {v}" for k, v in r["versions"].items()),
        n_seeds=len(found), seeds=", ".join(str(x.seed) for x in found),
        collapsed=f" Seed {', '.join(collapsed)} collapsed to one answer for every picture." if collapsed else "",
        table=table, subgroups="\n".join(_subgroups(run)))


def _subgroups(run):
    names, patients = np.array(run.names), np.array(run.patients)
    for group, word in (("bacterial pneumonia", "_bacteria_"), ("viral pneumonia", "_virus_")):
        here = np.char.find(names, word) >= 0
        if not here.any():
            continue
        found = {"sensitivity": np.mean(run.probability[here] >= 0.5)}
        low, high = bootstrap(run.label[here], run.probability[here], patients[here],
                              lambda _, p: {"sensitivity": np.mean(p >= 0.5)})["sensitivity"]
        yield f"| {group} | {here.sum()} | {found['sensitivity']:.4f} | {low:.4f} to {high:.4f} |"


def main():
    ap = argparse.ArgumentParser(description="Export the best run of each network, with its card.")
    ap.add_argument("--runs", type=pathlib.Path, default=pathlib.Path("training/runs"))
    ap.add_argument("--out", type=pathlib.Path, default=pathlib.Path("models"))
    ap.add_argument("--data", required=True, help="folder with train/{NORMAL,PNEUMONIA}")
    ap.add_argument("--version", default="1.0.0")
    a = ap.parse_args()
    ship(a.runs, a.out, a.version, a.data)


if __name__ == "__main__":
    main()
