"""What is left of the data set's shortcuts in `spikeray`.

Every out-of-fold picture is answered again with its borders masked (the outer eighth of each side), with all but its borders masked,
and with its lower and upper frequencies taken apart; and the plain answers are looked at on pairs of one healthy and one ill
picture of the same sharpness. Each run's answers are kept beside it.
"""

import pathlib

import keras
import numpy as np
from scipy import ndimage

from . import deliver, fit
from .metrics import auc, bootstrap


def masks(x):
    """Pictures uint8 [n][s][s] as {name: harmed pictures}; a mask is the picture's median grey."""
    size = x.shape[1]
    edge = size // 8
    middle = np.zeros((size, size), bool)
    middle[edge:-edge, edge:-edge] = True
    median = np.median(x, axis=(1, 2), keepdims=True).astype(np.uint8)
    smooth = np.stack([ndimage.gaussian_filter(p.astype(np.float32), size / 32) for p in x])
    fine = np.clip(np.rint(x - smooth + 128), 0, 255).astype(np.uint8)
    return {"borders masked": np.where(middle, x, median), "all but the borders masked": np.where(middle, median, x),
            "coarse only": np.clip(np.rint(smooth), 0, 255).astype(np.uint8), "fine only": fine}


def sharpness(x):
    """Standard deviation of the Laplacian over that of the picture, a picture."""
    return np.array([ndimage.laplace(p.astype(np.float32)).std() / max(p.std(), 1) for p in x])


def matched(label, value, caliper=0.02):
    """Pairs of one healthy and one ill picture whose sharpness differs by less than the caliper (in logarithm): their places."""
    value = np.log(value)
    free = {i for i in np.flatnonzero(label == 1)}
    order = np.array(sorted(free, key=lambda i: value[i]))
    chosen = []
    for i in np.flatnonzero(label == 0):
        near = order[np.abs(value[order] - value[i]) < caliper]
        near = [j for j in near if j in free]
        if near:
            j = min(near, key=lambda j: abs(value[j] - value[i]))
            free.discard(j)
            chosen += [i, j]
    return np.array(chosen)


def table(root, dataset) -> str:
    """The audit of the five runs under root as Markdown."""
    found = deliver.runs(root)
    answers, sharp = {}, []
    for run in found:
        sets, _, _ = fit.validation(dataset, pathlib.Path(root) / "cache", run.record["fold"], run.record["size"])
        sharp.append(sharpness(sets["plain"]))
        kept = run.folder / "audit.npz"
        if not kept.exists():
            np.savez(kept, **fit.answers(keras.saving.load_model(run.folder / "model.keras", compile=False), masks(sets["plain"])))
        for name, z in np.load(kept).items():
            answers.setdefault(name, []).append(z)
    label, patients, plain = deliver.pooled(found)
    sharp = np.concatenate(sharp)
    calibration, points = deliver.operating(found)
    threshold = points[0]["threshold"]
    pairs = matched(label, sharp)
    rows = [("plain", label, plain, patients), *((k, label, np.concatenate(z), patients) for k, z in answers.items()),
            (f"matched by sharpness, {len(pairs) // 2} pairs", label[pairs], plain[pairs], np.asarray(patients)[pairs])]
    out = ["| | AUC | 95% interval | sensitivity | specificity |", "|---|---|---|---|---|"]
    for name, y, z, who in rows:
        p = deliver.calibrated(calibration, z)
        low, high = bootstrap(y, p, who, lambda y, q: {"auc": auc(y, q)}, draws=1000)["auc"]
        out.append(f"| {name} | {auc(y, p):.4f} | {low:.4f} to {high:.4f} | {np.mean(p[y == 1] >= threshold):.4f} | {np.mean(p[y == 0] < threshold):.4f} |")
    alone = [max(auc(label[i], sharp[i]), auc(label[i], -sharp[i])) for i in (np.arange(len(label)), pairs)]
    return "\n".join(out) + f"\n\nSharpness alone: AUC {alone[0]:.4f}; on the matched pairs {alone[1]:.4f}."
