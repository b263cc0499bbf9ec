"""From finished runs of `spikeray` to model files: weights, calibration, operating points, gate, card.

`python -m spikeray.deliver --runs training/runs/spikeray --out models` writes models/seeds/spikeray-K.safetensors for each fold's
run and models/spikeray.safetensors, a copy of the best, by the rules of docs/PROTOCOL.md.
"""

import argparse
import json
import pathlib
from dataclasses import dataclass

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression

from . import card, data, gate, hybrid, modelfile
from .metrics import auc, bootstrap

PIXEL = 255
VERSION = "1.2.0"
SUMMARY_BOARD = "spikeray as a neuromorphic board can run it, reset to zero and one scale a layer: pneumonia in children's chest X-rays"
SUMMARY = "Hybrid spiking network over four time steps, in whole numbers: pneumonia in children's chest X-rays"


def describe(model, name, version, summary, training) -> tuple[dict, dict[str, np.ndarray]]:
    """A folded spiking network (hybrid.folded) as a model file's description and tensors, still with a threshold of 0.5."""
    tensors, described = {}, []
    steps, i = model.get_layer("act0").steps, 0
    while any(layer.name == f"conv{i}" for layer in model.layers):
        conv, unit = model.get_layer(f"conv{i}"), 1 / PIXEL if i == 0 else 1.0
        weights, scale, bias = conv.whole()
        tensors |= {f"conv{i}.weights": weights, f"conv{i}.scale": (scale * unit).astype(np.float32), f"conv{i}.bias": bias}
        neurons = model.get_layer(f"act{i}")
        described += [
            {"type": "conv2d", "name": f"conv{i}", "kernel": list(conv.kernel_size), "stride": list(conv.strides), "padding": "same",
             "channels": conv.filters, "weights": f"conv{i}.weights", "scale": f"conv{i}.scale", "bias": f"conv{i}.bias"},
            {"type": "neurons", "name": f"spike{i}", "model": "integrate_and_fire", "threshold": 1, "reset": neurons.reset, "amplitude": 1,
             "start": {"kind": "constant", "value": neurons.first}},
        ]
        i += 1
    weights, bias = (keras.ops.convert_to_numpy(w) for w in model.get_layer("logits").weights)
    tensors |= {"logits.weights": weights, "logits.bias": bias}
    described += [
        {"type": "global_average_pool2d", "name": "average"},
        {"type": "dense", "name": "logits", "units": 2, "weights": "logits.weights", "bias": "logits.bias"},
        {"type": "softmax", "name": "softmax"},
    ]
    size = model.input_shape[1]
    return {
        "format": 1, "name": name, "version": version, "summary": summary, "labels": list(data.LABELS), "positive": data.LABELS[1],
        "preparation": {"width": size, "height": size, "resize": "bilinear_antialiased", "scale": PIXEL},
        "time": {"axis": "steps", "steps": steps}, "layers": described, "threshold": 0.5, "training": training,
    }, tensors

@dataclass(frozen=True)
class Run:
    """A finished run of spikeray.fit: its run.json, and its logits of PNEUMONIA by kind of stress ("plain" is none), in order."""

    folder: pathlib.Path
    record: dict
    label: np.ndarray
    names: list[str]
    patients: list[str]
    logits: dict[str, np.ndarray]

    @property
    def merit(self) -> float:
        """What the best run is chosen by: the mean of plain and stressed AUC on its own fold."""
        kinds = [auc(self.label, z) for kind, z in self.logits.items() if kind != "plain"]
        return (auc(self.label, self.logits["plain"]) + float(np.mean(kinds))) / 2


def load(folder) -> Run:
    folder = pathlib.Path(folder)
    with np.load(folder / "answers.npz", allow_pickle=False) as file:
        kept = dict(file)
    label, names, patients = kept.pop("label"), kept.pop("name"), kept.pop("patient")
    return Run(folder, json.loads((folder / "run.json").read_text()), label, list(names), list(patients), kept)


def runs(root, arm="spiking") -> list[Run]:
    """The five runs of an arm, by fold."""
    found = [load(pathlib.Path(root) / f"{arm}-{fold}") for fold in range(data.FOLDS)]
    if [r.record["fold"] for r in found] != list(range(data.FOLDS)):
        raise ValueError(f"{root}: one run a fold is wanted")
    return found


def pooled(found: list[Run], kind="plain"):
    """Every picture once, out of fold: (labels, patients, logits)."""
    return (np.concatenate([r.label for r in found]), np.concatenate([r.patients for r in found]),
            np.concatenate([r.logits[kind] for r in found]))


def calibrate(label, logits, weight=None) -> dict:
    """Logistic calibration (Platt) of the logits by maximum likelihood, the two classes weighing the same."""
    fitted = LogisticRegression(C=np.inf, class_weight="balanced").fit(np.asarray(logits)[:, None], label, weight)
    return {"method": "logistic", "slope": float(fitted.coef_[0, 0]), "intercept": float(fitted.intercept_[0]), "prevalence": 0.5}


def calibrated(calibration, logits):
    return 1 / (1 + np.exp(-(calibration["slope"] * np.asarray(logits, np.float64) + calibration["intercept"])))


def balanced_threshold(label, probability, weight=1.0) -> float:
    """The threshold at which sensitivity and specificity are nearest to each other, half-way between two answers."""
    order = np.argsort(probability)
    p = probability[order]
    ill, well = (weight * label)[order], (weight * (1 - label))[order]
    missed = np.cumsum(ill) / ill.sum()  # a threshold above p[i] misses these
    healthy = np.cumsum(well) / well.sum()
    i = int(np.argmin(np.abs((1 - missed) - healthy)))
    return float((p[i] + p[min(i + 1, len(p) - 1)]) / 2)


def screening_threshold(label, probability, weight=1.0, sensitivity=0.985) -> float:
    """The highest threshold that keeps so high a sensitivity."""
    order = np.argsort(probability)
    ill = (weight * label)[order]
    return float(probability[order][np.argmax(np.cumsum(ill) > (1 - sensitivity) * ill.sum())])


def operating(found: list[Run]) -> tuple[dict, list[dict]]:
    """Calibration and operating points of an arm, by docs/PROTOCOL.md: fitted and told on all answers out of fold, the plain
    ones weighing as much as those of all kinds of stress together."""
    label, patients, plain = pooled(found)
    harmed = [pooled(found, kind)[2] for kind in found[0].logits if kind != "plain"]
    logits = np.stack([plain, *harmed])
    share = np.array([0.5, *[0.5 / len(harmed)] * len(harmed)])
    labels, weight = np.tile(label, len(logits)), np.repeat(share, len(label))
    calibration = calibrate(labels, logits.ravel(), weight)
    p = calibrated(calibration, logits)
    points = []
    for name, of in (("balanced", balanced_threshold), ("screening", screening_threshold)):
        threshold = of(labels, p.ravel(), weight)
        right = share @ ((p >= threshold) == label)  # of each picture's answers

        def figures(y, r):
            return {"sensitivity": np.mean(r[y == 1]), "specificity": np.mean(r[y == 0])}
        value, interval = figures(label, right), bootstrap(label, right, patients, figures, draws=1000)
        points.append({"name": name, "threshold": threshold, **{
            k: {"value": round(float(value[k]), 6), "low": round(interval[k][0], 6), "high": round(interval[k][1], 6)} for k in value}})
    return calibration, points


def deliver(root, out, version) -> list[pathlib.Path]:
    """Writes the five seeds' model files and the default; gives back their paths."""
    found = runs(root)
    operated = operating(found)
    best = max(found, key=lambda r: r.merit)
    (pathlib.Path(out) / "seeds").mkdir(parents=True, exist_ok=True)
    return [*(_write(r, f"spikeray-{r.record['fold']}", pathlib.Path(out) / "seeds", version, SUMMARY, operated) for r in found),
            _write(best, "spikeray", pathlib.Path(out), version, SUMMARY, operated)]


def deliver_board(root, out, version) -> pathlib.Path:
    """Writes the variant for boards and its card: the best run of it that there is, with calibration and operating points from its own fold alone."""
    found = [load(p.parent) for p in sorted(pathlib.Path(root).glob("board-*/run.json"))]
    best = max(found, key=lambda r: r.merit)
    operated = operating([best])
    path = _write(best, "spikeray-board", pathlib.Path(out), version, SUMMARY_BOARD, operated)
    path.with_suffix(".md").write_text(card.board(best, version, operated[1]))
    return path


def _write(run, name, folder, version, summary, operated):
    section, gate_tensors = gate.section()
    model = keras.saving.load_model(run.folder / "model.keras", compile=False)
    provenance = {k: run.record[k] for k in ("activation", "seed", "fold", "epochs", "epochs_after", "mildest_after", "look_after", "digest", "versions")} | {
        "recipe": "spikeray", "auc": {k: round(v, 5) for k, v in run.record["auc"].items()}}
    description, tensors = describe(model, name, version, summary, provenance)
    del description["threshold"]
    calibration, points = operated
    path = folder / f"{name}.safetensors"
    modelfile.write(path, description | {"calibration": calibration, "operating_points": points, "gate": section}, tensors | gate_tensors)
    print(f"{path}: seed and fold {run.record['fold']}, AUC plain {run.record['auc']['plain']:.4f}, merit {run.merit:.4f}")
    return path


def main():
    ap = argparse.ArgumentParser(description="Write the model files of the five runs of spikeray, or of its variant for boards.")
    ap.add_argument("--runs", default="training/runs/spikeray")
    ap.add_argument("--out", default="models")
    ap.add_argument("--board", action="store_true", help="the variant for boards")
    ap.add_argument("--version", default=VERSION)
    a = ap.parse_args()
    (deliver_board if a.board else deliver)(a.runs, a.out, a.version)


if __name__ == "__main__":
    main()
