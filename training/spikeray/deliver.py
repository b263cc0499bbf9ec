"""From finished runs of `spikeray` to model files: weights, calibration, operating points, those of fewer steps, gate, card.

`python -m spikeray.deliver --data DIR --runs training/runs/spikeray --out models` writes models/seeds/spikeray-K.safetensors for each block's
run and models/spikeray.safetensors, a copy of the best, by the rules of docs/PROTOCOL.md.
"""

import argparse
import json
import pathlib
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from . import card, data, fit, gate, hybrid, modelfile, order, window
from .metrics import auc, bootstrap

PIXEL = 255
VERSION = "2.0.0"
SUMMARY_BOARD = "spikeray as a neuromorphic board can run it, reset to zero and one scale a layer: pneumonia in children's chest X-rays"
SUMMARY = "Hybrid spiking network, graded spikes over two time steps, in whole numbers: pneumonia in children's chest X-rays"


READOUT = [
    {"type": "global_average_pool2d", "name": "average"},
    {"type": "dense", "name": "logits", "units": 2, "weights": "logits.weights", "bias": "logits.bias"},
    {"type": "softmax", "name": "softmax"},
]


def _preparation(shape, windowed) -> dict:
    grey = {"window": {"low": window.LOW, "high": window.HIGH, "least": window.LEAST}} if windowed else {}
    return {"width": shape.size, "height": shape.size, "resize": "bilinear_antialiased", "scale": PIXEL, **grey}


def describe(model: hybrid.Spiking, windowed, name, version, summary, training) -> tuple[dict, dict[str, np.ndarray]]:
    """A spiking network as a model file's description and tensors, still with a threshold of 0.5."""
    tensors, described, shape = {}, [], model.shape
    for i, (channels, kernel, stride) in enumerate(shape.layers()):
        weights, scale, bias = model.whole(i)
        tensors |= {f"conv{i}.weights": weights, f"conv{i}.scale": scale, f"conv{i}.bias": bias}
        to_zero = shape.board and i > 0
        described += [
            {"type": "conv2d", "name": f"conv{i}", "kernel": [kernel, kernel], "stride": [stride, stride], "padding": "same",
             "channels": channels, "weights": f"conv{i}.weights", "scale": f"conv{i}.scale", "bias": f"conv{i}.bias"},
            {"type": "neurons", "name": f"spike{i}", "model": "integrate_and_fire", "threshold": 1, "reset": "zero" if to_zero else "subtract",
             "amplitude": 1, **({"most": shape.most} if shape.most > 1 else {}), "start": {"kind": "constant", "value": 0.0 if to_zero else 0.5}},
        ]
    tensors |= {"logits.weights": np.ascontiguousarray(model.logits.weight.detach().numpy().T), "logits.bias": model.logits.bias.detach().numpy()}
    described += READOUT
    return {
        "format": 1, "name": name, "version": version, "summary": summary, "population": data.POPULATION, "labels": list(data.LABELS), "positive": data.LABELS[1],
        "preparation": _preparation(shape, windowed),
        "time": {"axis": "steps", "steps": shape.steps}, "layers": described, "threshold": 0.5, "training": training,
    }, tensors


@dataclass(frozen=True)
class Run:
    """A finished run of spikeray.fit: its run.json, and its logits of PNEUMONIA of the held-out block, by what was done to the pictures
    ("plain": nothing; each kind of stress; "grey0" and on: noise of one grey level), those of earlier steps with "@t", of the ReLU network
    with "relu-" before."""

    folder: pathlib.Path
    record: dict
    label: np.ndarray
    names: list[str]
    patients: list[str]
    logits: dict[str, np.ndarray]

    @property
    def kinds(self) -> list[str]:
        """The kinds of stress."""
        return [k for k in self.logits if k in fit.stress.KINDS]

    @property
    def merit(self) -> float:
        """What the best run is chosen by: the mean of plain and stressed AUC on its own block."""
        return (auc(self.label, self.logits["plain"]) + float(np.mean([auc(self.label, self.logits[k]) for k in self.kinds]))) / 2

    def plan(self) -> fit.Plan:
        fields = fit.Plan.__dataclass_fields__
        return fit.Plan(**{k: tuple(v) if isinstance(v, list) else v for k, v in self.record.items() if k in fields})

    def model(self) -> hybrid.Spiking:
        out = hybrid.Spiking(self.plan().final())
        out.load_state_dict(torch.load(self.folder / "model.pt"))
        return out.eval()


def load(folder, name="answers") -> Run:
    """A run with its answers to the held-out block, or those to other pictures, of a file of another name."""
    folder = pathlib.Path(folder)
    with np.load(folder / f"{name}.npz", allow_pickle=False) as file:
        kept = dict(file)
    label, names, patients = kept.pop("label"), kept.pop("name"), kept.pop("patient")
    return Run(folder, json.loads((folder / "run.json").read_text()), label, list(names), list(patients), kept)


def runs(root, arm="spiking") -> list[Run]:
    """The five runs of an arm, by block."""
    found = [load(pathlib.Path(root) / f"{arm}-{fold}") for fold in range(data.FOLDS)]
    if [r.record["fold"] for r in found] != list(range(data.FOLDS)):
        raise ValueError(f"{root}: expected one run a block")
    return found


def pooled(found: list[Run], kind="plain"):
    """Every picture once, out of its block: (labels, patients, logits)."""
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


def even_odds(_label, _probability, _weight=1.0) -> float:
    """Where a calibrated probability for a place with half of the pictures ill says neither: it loses least of sensitivity and specificity together."""
    return 0.5


def screening_threshold(label, probability, weight=1.0, sensitivity=0.985) -> float:
    """The highest threshold that keeps so high a sensitivity."""
    order = np.argsort(probability)
    ill = (weight * label)[order]
    return float(probability[order][np.argmax(np.cumsum(ill) > (1 - sensitivity) * ill.sum())])


def operating(found: list[Run], suffix="", prefix="") -> tuple[dict, list[dict]]:
    """Calibration and operating points of an arm, by docs/PROTOCOL.md: fitted and told on all answers out of block, the plain
    ones weighing as much as those of all kinds of stress together. suffix: "@t" for those after step t; prefix: "relu-"."""
    label, patients, plain = pooled(found, prefix + "plain" + suffix)
    harmed = [pooled(found, prefix + kind + suffix)[2] for kind in found[0].kinds]
    logits = np.stack([plain, *harmed])
    share = np.array([0.5, *[0.5 / len(harmed)] * len(harmed)])
    labels, weight = np.tile(label, len(logits)), np.repeat(share, len(label))
    calibration = calibrate(labels, logits.ravel(), weight)
    p = calibrated(calibration, logits)
    points = []
    for name, of in (("balanced", even_odds), ("screening", screening_threshold)):
        threshold = of(labels, p.ravel(), weight)
        right = share @ ((p >= threshold) == label)  # of each picture's answers

        def figures(y, r):
            return {"sensitivity": np.mean(r[y == 1]), "specificity": np.mean(r[y == 0])}
        value, interval = figures(label, right), bootstrap(label, right, patients, figures, draws=1000)
        points.append({"name": name, "threshold": threshold, **{
            k: {"value": round(float(value[k]), 6), "low": round(interval[k][0], 6), "high": round(interval[k][1], 6)} for k in value}})
    return calibration, points


def decisions(found: list[Run]) -> dict:
    """The description's calibration and operating points, and those after each earlier step that tells pictures apart at all."""
    calibration, points = operating(found)
    early = []
    for t in range(1, found[0].record["steps"]):
        if all(np.ptp(r.logits[f"plain@{t}"]) == 0 for r in found):  # a board's neurons, which start at 0, are still silent
            continue
        of_step, points_of_step = operating(found, f"@{t}")
        early.append({"steps": t, "calibration": of_step, "operating_points": points_of_step})
    return {"calibration": calibration, "operating_points": points, **({"early": early} if early else {})}


def deliver(root, out, version, dataset) -> list[pathlib.Path]:
    """Writes the five seeds' model files and the default; gives back their paths. dataset: what they were trained on."""
    found = runs(root)
    operated = decisions(found)
    best = max(found, key=lambda r: r.merit)
    (pathlib.Path(out) / "seeds").mkdir(parents=True, exist_ok=True)
    return [*(_write(r, f"spikeray-{r.record['fold']}", pathlib.Path(out) / "seeds", version, SUMMARY, operated, dataset) for r in found),
            _write(best, "spikeray", pathlib.Path(out), version, SUMMARY, operated, dataset)]


def deliver_board(root, out, version) -> pathlib.Path:
    """Writes the variant for boards and its card: the best run of it that there is, with calibration and operating points from its own fold alone."""
    found = [load(p.parent) for p in sorted(pathlib.Path(root).glob("board-*/run.json"))]
    best = max(found, key=lambda r: r.merit)
    if "shifted" not in best.record["auc_beside"]:
        raise ValueError(f"{best.folder}: was trained without --beside shifted=FOLDER, of which the card tells")
    operated = decisions([best])
    path = _write(best, "spikeray-board", pathlib.Path(out), version, SUMMARY_BOARD, operated)
    plain, *greys = (calibrated(operated["calibration"], best.logits[k]) for k in ("plain", *(f"grey{i}" for i in range(fit.GREYS))))
    moved = np.abs(np.stack(greys) - plain)
    path.with_suffix(".md").write_text(card.board(best, version, operated["operating_points"], moved))
    return path


def deliver_twin(root, out, version) -> pathlib.Path:
    """Writes the ReLU network that the default model was converted from, in float32, for comparisons of speed."""
    found = runs(root)
    run = max(found, key=lambda r: r.merit)
    analog = hybrid.Analog(run.plan().shape())
    analog.load_state_dict(torch.load(run.folder / "first.pt"))
    calibration, points = operating(found, prefix="relu-")
    description, tensors = describe_analog(analog.eval(), run.record["windowed"], "spikeray-relu", version, {"recipe": "spikeray, first stage", "seed": run.record["seed"], "fold": run.record["fold"]})
    path = pathlib.Path(out) / "spikeray-relu.safetensors"
    modelfile.write(path, description | {"calibration": calibration, "operating_points": points}, tensors)
    return path


def describe_analog(analog: hybrid.Analog, windowed, name, version, training) -> tuple[dict, dict[str, np.ndarray]]:
    """A ReLU network as a model file's description and tensors: batch norm in the weights, without a threshold."""
    tensors, layers = {}, []
    with torch.no_grad():
        for i, ((channels, kernel, stride), conv, norm) in enumerate(zip(analog.shape.layers(), analog.convs, analog.norms)):
            factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            tensors |= {f"conv{i}.weights": (conv.weight * factor.view(-1, 1, 1, 1)).permute(2, 3, 1, 0).contiguous().numpy(),
                        f"conv{i}.bias": (norm.bias - norm.running_mean * factor).numpy()}
            layers += [{"type": "conv2d", "name": f"conv{i}", "kernel": [kernel, kernel], "stride": [stride, stride], "padding": "same",
                        "channels": channels, "weights": f"conv{i}.weights", "bias": f"conv{i}.bias"}, {"type": "relu", "name": f"relu{i}"}]
    tensors |= {"logits.weights": np.ascontiguousarray(analog.logits.weight.detach().numpy().T), "logits.bias": analog.logits.bias.detach().numpy()}
    return {
        "format": 1, "name": name, "version": version, "summary": "The ReLU network that spikeray was converted from", "population": data.POPULATION,
        "labels": list(data.LABELS), "positive": data.LABELS[1], "preparation": _preparation(analog.shape, windowed),
        "layers": [*layers, *READOUT], "training": training,
    }, tensors


def _in_order(run, dataset) -> hybrid.Spiking:
    """A run's network with its channels in the order that suits the engine, by pictures that it was trained on."""
    plan = run.plan()
    found, kept = fit.pictures(dataset, run.folder.parent / "cache", fit.kept_size(plan))
    x = fit.sample(plan, kept, np.flatnonzero(data.blocks(found) != plan.fold))[:64]
    model = run.model()
    return order.reordered(model, order.orders(model, x, np.random.default_rng(plan.seed)))


def _write(run, name, folder, version, summary, operated, dataset=None):
    section, gate_tensors = gate.section()
    provenance = {k: run.record[k] for k in ("seed", "fold", "stack", "epochs", "epochs_after", "budget", "digest", "versions")} | {
        "recipe": "spikeray", "auc": {k: round(v, 5) for k, v in run.record["auc"].items() if "@" not in k}}
    description, tensors = describe(_in_order(run, dataset) if dataset else run.model(), run.record["windowed"], name, version, summary, provenance)
    del description["threshold"]
    path = folder / f"{name}.safetensors"
    modelfile.write(path, description | operated | {"gate": section}, tensors | gate_tensors)
    print(f"{path}: seed and block {run.record['fold']}, AUC plain {run.record['auc']['plain']:.4f}, merit {run.merit:.4f}")
    return path


def main():
    ap = argparse.ArgumentParser(description="Write the model files of the five runs of spikeray, or of its variant for boards.")
    ap.add_argument("--runs", default="training/runs/spikeray")
    ap.add_argument("--data", help="folder with train/, as the runs had it; not for --board")
    ap.add_argument("--out", default="models")
    ap.add_argument("--board", action="store_true", help="the variant for boards")
    ap.add_argument("--twin", action="store_true", help="the ReLU network that the default model was converted from")
    ap.add_argument("--version", default=VERSION)
    a = ap.parse_args()
    if a.board:
        deliver_board(a.runs, a.out, a.version)
    elif a.twin:
        deliver_twin(a.runs, a.out, a.version)
    elif a.data:
        deliver(a.runs, a.out, a.version, a.data)
    else:
        ap.error("--data is wanted")


if __name__ == "__main__":
    main()
