"""What is left of the data set's shortcuts in `spikeray`.

Every picture is answered again, by the run that has not seen its block, with its borders masked (the outer eighth of
each side), with all but its borders masked, and with its lower and upper frequencies taken apart; and the plain
answers are looked at on pairs of one healthy and one ill picture of the same sharpness, and where the look of a
picture (look.py) says nothing of its class or the wrong thing. Each run's answers are kept beside it.
"""

import pathlib

import numpy as np
from scipy import ndimage

from .. import data
from ..report.metrics import auc, bootstrap
from . import look
from .answers import answers
from .decisions import calibrated, operating
from .pictures import validation
from .runs import pooled, runs


def masks(x):
    """Pictures uint8 [n][s][s] as {name: harmed pictures}; a mask is the picture's median grey."""
    size = x.shape[1]
    edge = size // 8
    middle = np.zeros((size, size), bool)
    middle[edge:-edge, edge:-edge] = True
    median = np.median(x, axis=(1, 2), keepdims=True).astype(np.uint8)
    smooth = np.stack([ndimage.gaussian_filter(p.astype(np.float32), size / 32) for p in x])
    fine = np.clip(np.rint(x - smooth + 128), 0, 255).astype(np.uint8)
    return {
        "borders masked": np.where(middle, x, median),
        "all but the borders masked": np.where(middle, median, x),
        "coarse only": np.clip(np.rint(smooth), 0, 255).astype(np.uint8),
        "fine only": fine,
    }


def sharpness(x):
    """Standard deviation of the Laplacian over that of the picture, a picture."""
    return np.array([ndimage.laplace(p.astype(np.float32)).std() / max(p.std(), 1) for p in x])


def matched(label, value, caliper=0.02):
    """Pairs of one healthy and one ill picture whose sharpness differs by less than the caliper (in logarithm): their
    places."""
    value = np.log(value)
    free = set(np.flatnonzero(label == 1))
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


def by_look(found, plain):
    """Logits of the look of every picture, out of fold, in the order of pooled. plain: each run's validation
    pictures."""
    fold = np.concatenate([np.full(len(r.label), r.record["fold"]) for r in found])
    return look.out_of_fold(look.measures(np.concatenate(plain)), np.concatenate([r.label for r in found]), fold)


def misled(label, z):
    """1 for the pictures whose look speaks against their class, 0 for the others. z: logits of the look."""
    return ((z > 0) != (label == 1)).astype(float)


def rates(label, probability, weight, threshold):
    """AUC, sensitivity and specificity of weighted pictures; NaN without any of a class."""
    right = (probability >= threshold) == label
    share = [
        right[label == c] @ weight[label == c] / total if (total := weight[label == c].sum()) else float("nan")
        for c in (1, 0)
    ]
    return auc(label, probability, weight), *share


def _interval(label, patients, probability, weight) -> tuple[float, float]:
    """That of the AUC of weighted pictures."""

    # the bootstrap hands back the drawn pictures' numbers in place of a probability
    def area(y, i):
        return {"auc": auc(y, probability[i], weight[i])}

    return bootstrap(label, np.arange(len(label)), patients, area, draws=1000)["auc"]


def table(root, dataset) -> str:
    """The audit of the five runs under root as Markdown."""
    found = runs(root)
    trained_on = data.scan(dataset, "train")
    where, pictures = data.blocks(trained_on), []
    harmed: dict[str, list[np.ndarray]] = {}
    for run in found:
        held = [p for p, block in zip(trained_on, where) if block == run.record["fold"]]
        plain = validation(held, pathlib.Path(root) / "cache", run.record["size"])["plain"]
        pictures.append(plain)
        kept = run.folder / "audit.npz"
        if not kept.exists():
            told = answers(run.model(), masks(plain), run.record["windowed"])
            np.savez(kept, **{name: z for name, z in told.items() if "@" not in name})
        for name, z in np.load(kept).items():
            harmed.setdefault(name, []).append(z)
    label, patients, plain = pooled(found)
    sharp, by = sharpness(np.concatenate(pictures)), by_look(found, pictures)
    even, against = look.overlap(by, label), misled(label, by)
    calibration, points = operating(found)
    threshold = points[0].threshold
    pairs = np.isin(np.arange(len(label)), matched(label, sharp)).astype(float)
    every = np.ones(len(label))
    rows = [
        ("plain", plain, every),
        *((k, np.concatenate(z), every) for k, z in harmed.items()),
        (f"matched by sharpness, {int(pairs.sum()) // 2} pairs", plain, pairs),
        ("weighted for the look to say nothing", plain, even),
        (
            f"look against the class, {against[label == 0].sum():.0f} healthy and {against[label == 1].sum():.0f} ill",
            plain,
            against,
        ),
    ]
    out = ["| | AUC | 95% interval | sensitivity | specificity |", "|---|---|---|---|---|"]
    for name, z, weight in rows:
        p = calibrated(calibration, z)
        area, sensitivity, specificity = rates(label, p, weight, threshold)
        low, high = _interval(label, patients, p, weight)
        out.append(f"| {name} | {area:.4f} | {low:.4f} to {high:.4f} | {sensitivity:.4f} | {specificity:.4f} |")
    alone = [max(auc(label, sharp, w), auc(label, -sharp, w)) for w in (every, pairs)]
    return "\n".join(out) + (
        f"\n\nSharpness alone: AUC {alone[0]:.4f}; on the matched pairs {alone[1]:.4f}. "
        f"The look alone: {auc(label, by):.4f}; weighted {auc(label, by, even):.4f}."
    )
