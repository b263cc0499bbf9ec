"""The model file's `reference`: how a model's answers and pictures were distributed where it was measured.
docs/DRIFT.md.

    for K in 0 1 2 3 4; do
      spikeray evaluate --model models/seeds/spikeray-$K.safetensors --csv FOLD-$K >out-of-fold-$K.csv
    done
    spikeray evaluate --csv SHIFTED >elsewhere.csv
    python -m spikeray drift models/spikeray.safetensors --answers out-of-fold-*.csv --elsewhere elsewhere.csv

writes it into the file: of answers out of fold, since those to pictures that a network has learnt from are surer.
Nothing is fitted on the pictures from elsewhere: they say how far off the estimates without labels were. `reference`
does the same from arrays:

    measured = {"log_odds": logits, **pictures(paths, description.preparation)}
    reference(label, measured, calibration, operating_points, elsewhere)
"""

import argparse
import csv
import pathlib
from collections.abc import Sequence

import numpy as np
from PIL import Image
from scipy.special import expit
from scipy.stats import chi2

from . import modelfile
from .modelfile import Calibration, Estimate, Measure, OperatingPoint, Preparation, Reference
from .modelfile.reference import MEASURES, WORDS

BINS = 10
RARE = 1e-3  # chance, in theory, that a measure which has not drifted is above its limit
FIXED: dict[str, list[float]] = {
    "size": [256, 512, 1024, 2048],
    "aspect": [0.8, 0.95, 1.05, 1.25, 1.5],
}  # told, not raised: a file's size harms nothing by itself
FORMATS = ("jpeg", "png", "bmp", "tiff", "webp")


def measures_of(picture) -> dict[str, float]:
    """The measures of a prepared picture, uint8 [h][w], before any window."""
    x = np.asarray(picture, np.int64)
    upto = np.cumsum(np.bincount(x.ravel(), minlength=256)) * 100
    out = {
        "brightness": float(x.mean()),
        "contrast": float(x.std()),
        "range": float(np.argmax(upto >= 98 * x.size) - np.argmax(upto >= 2 * x.size)),
    }
    for k in range(4):
        h, w = x.shape[0] // 2 * 2, x.shape[1] // 2 * 2
        a, b, c, d = x[:h:2, :w:2], x[:h:2, 1:w:2], x[1:h:2, :w:2], x[1:h:2, 1:w:2]
        s = a + b + c + d
        deviation = float((4 * (a * a + b * b + c * c + d * d) - s * s).sum())
        out[f"detail_{2**k}"] = (
            float(np.log2(np.sqrt(deviation / (16 * s.size)) / 4**k + 1 / 256)) if s.size else np.nan
        )
        x = s
    return out


def log_odds(p):
    p = np.asarray(p, np.float64)
    with np.errstate(divide="ignore"):
        return np.log(p) - np.log1p(-p)


def pictures(paths, preparation: Preparation) -> dict[str, np.ndarray]:
    """The measures that need no network, of picture files: values by measure, in order."""
    found = []
    for path in paths:
        with Image.open(path) as im:
            w, h = im.size
            grey = im.convert("L").resize((preparation.width, preparation.height), Image.Resampling.BILINEAR)
            found.append(measures_of(grey) | {"size": max(w, h), "aspect": w / h, "format": str(im.format).lower()})
    return {k: np.array([f[k] for f in found]) for k in found[0]}


def read(files, preparation: Preparation) -> tuple[np.ndarray, dict[str, np.ndarray], list[str]]:
    """Rows of `spikeray evaluate --csv` as (labels, values by measure, file names); the pictures are looked at where
    the rows say they are."""
    rows = [r for f in files for r in csv.DictReader(open(f, newline="")) if r["raw_probability"]]
    column = {k: np.array([r[k] for r in rows]) for k in ("truth", "raw_probability", "gate_probability")}
    measured = {
        "log_odds": log_odds(column["raw_probability"].astype(float)),
        **pictures([r["file"] for r in rows], preparation),
    }
    if (column["gate_probability"] != "").all():
        measured["gate_log_odds"] = log_odds(column["gate_probability"].astype(float))
    return (column["truth"] == "PNEUMONIA").astype(int), measured, [pathlib.Path(r["file"]).name for r in rows]


def bins(measure: Measure, values) -> np.ndarray:
    """The bin of each value, of a measure of a reference."""
    return _bins(measure.values, measure.edges, values)


def _bins(words: Sequence[str] | None, edges: Sequence[float] | None, values) -> np.ndarray:
    if words is not None:
        return np.array([words.index(v) if v in words else len(words) for v in values])
    return np.searchsorted(edges or (), values, side="right")


def shares(counts) -> np.ndarray:
    """Counts [...][bins] as shares, half a picture added to each bin."""
    counts = np.asarray(counts, np.float64) + 0.5
    return counts / counts.sum(-1, keepdims=True)


def mixture(counts, reference) -> tuple[np.ndarray, np.ndarray]:
    """Of counts [...][bins], the share of the ill at which a mixture of the reference's classes [2][bins] is
    likeliest, and that mixture."""
    counts, (well, ill) = np.asarray(counts, np.float64)[..., None, :], reference
    low, high = np.zeros(counts.shape[:-2]), np.ones(counts.shape[:-2])
    for _ in range(40):
        s = (low + high) / 2
        up = (counts[..., 0, :] * (ill - well) / (s[..., None] * ill + (1 - s[..., None]) * well)).sum(-1) > 0
        low, high = np.where(up, s, low), np.where(up, high, s)
    s = (low + high) / 2
    return s, s[..., None] * ill + (1 - s[..., None]) * well


def stability(p, q) -> np.ndarray:
    """The population stability index of shares [...][bins]."""
    return ((p - q) * np.log(p / q)).sum(-1)


def statistic(counts, measure: Measure) -> np.ndarray:
    """What a measure's limit is for: the index against the likeliest mixture, over 1/n + 1/m."""
    counts, reference = np.asarray(counts), np.asarray(measure.counts)
    return stability(shares(counts), mixture(counts, shares(reference))[1]) / (
        1 / counts.sum(-1) + 1 / reference.sum()
    )


def quantiles(values, label) -> list[float]:
    """Edges that part the values into BINS bins of the same weight, the two classes weighing the same."""
    weight, order = np.where(label == 1, 0.5 / label.sum(), 0.5 / (1 - label).sum()), np.argsort(values)
    upto = np.cumsum(weight[order])
    found = values[order][np.searchsorted(upto, np.arange(1, BINS) / BINS)]
    return sorted({float(f"{v:.6g}") for v in found if np.isfinite(v)})


def reference(
    label,
    measured: dict[str, np.ndarray],
    calibration: Calibration | None = None,
    points: Sequence[OperatingPoint] = (),
    elsewhere=None,
) -> Reference:
    """The section, of out-of-fold answers. label: 1 is positive, [n]. measured: values by measure, each [n]; those of
    MEASURES that are not there are left out. elsewhere: (label, measured) of labelled pictures from another place or
    time, to say how far the estimates were off."""
    label, measures = np.asarray(label), []
    for name in (m for m in MEASURES if m in measured):
        values = np.asarray(measured[name])
        words = tuple(f for f in FORMATS if f in values) if name == WORDS else None
        edges = None if name == WORDS else tuple(FIXED.get(name) or quantiles(values, label))
        if edges == ():
            continue
        at, n = _bins(words, edges, values), len(words or edges or ()) + 1
        well, ill = (tuple(np.bincount(at[label == c], minlength=n).tolist()) for c in (0, 1))
        told = name == WORDS or name in FIXED or n <= 2
        limit = None if told else round(float(chi2.isf(RARE, n - 2)), 3)
        measures.append(Measure(name=name, values=words, edges=edges, counts=(well, ill), limit=limit))
    if not calibration or not points:
        return Reference(measures=tuple(measures))
    found = (_estimate(label, measured["log_odds"], calibration, p, measures[0], elsewhere) for p in points)
    return Reference(measures=tuple(measures), estimates=tuple(found))


def _estimate(label, odds, calibration: Calibration, point: OperatingPoint, measure: Measure, elsewhere) -> Estimate:
    positive = expit(calibration.slope * odds + calibration.intercept) >= point.threshold
    edges = []
    for here, right in ((~positive, (label == 0)), (positive, (label == 1))):
        z = np.sort(odds[here])
        n = int((right if here is not positive else ~right)[here].sum())  # that are to be below the edge
        edges.append(float(z[n]) if n < len(z) else float(z[-1]) + 1)
    error = None
    if elsewhere is not None:
        truth, z = elsewhere[0], elsewhere[1]["log_odds"]
        called = expit(calibration.slope * z + calibration.intercept) >= point.threshold
        true = called[truth == 1].mean(), 1 - called[truth == 0].mean()
        error = {
            k: {n: round(float(abs(a - b)), 4) for n, a, b in zip(("sensitivity", "specificity"), v, true)}
            for k, v in estimates(z, calibration, point.threshold, edges, measure).items()
        }
    return Estimate(operating_point=point.name, confident=(edges[0], edges[1]), error=error)


def estimates(
    odds, calibration: Calibration, threshold, confident, measure: Measure
) -> dict[str, tuple[float, float]]:
    """(sensitivity, specificity) by method, from log-odds without labels: see internal/drift."""
    counts = np.bincount(bins(measure, odds), minlength=measure.bins)
    share = np.clip(mixture(counts, shares(measure.counts))[0], 0.5 / len(odds), 1 - 0.5 / len(odds))
    c, z = calibration.prevalence, calibration.slope * odds + calibration.intercept
    positive, p = expit(z) >= threshold, expit(z + np.log(share / (1 - share)) - np.log(c / (1 - c)))
    right = np.where(positive, odds >= confident[1], odds < confident[0]).astype(float)
    out = {}
    for name, ill in (("cbpe", p), ("atc", np.where(positive, right, 1 - right))):
        well = 1 - ill
        sensitivity, specificity = (
            float(a / max(a + b, 1e-300))
            for a, b in ((ill[positive].sum(), ill[~positive].sum()), (well[~positive].sum(), well[positive].sum()))
        )
        out[name] = sensitivity, specificity
    return out


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> None:
    ap = argparse.ArgumentParser(
        prog=prog, description="Write a model file's reference from rows of `spikeray evaluate --csv`."
    )
    ap.add_argument("file", type=pathlib.Path)
    ap.add_argument("--answers", nargs="+", required=True, metavar="CSV", help="answers out of fold")
    ap.add_argument(
        "--elsewhere", nargs="+", metavar="CSV", help="answers to labelled pictures from another place or time"
    )
    a = ap.parse_args(arguments)
    description, tensors = modelfile.read(a.file)
    label, measured, _ = read(a.answers, description.preparation)
    if description.gate is None:
        measured.pop("gate_log_odds", None)
    elsewhere = read(a.elsewhere, description.preparation)[:2] if a.elsewhere else None
    section = reference(label, measured, description.calibration, description.operating_points or (), elsewhere)
    file = modelfile.write(a.file, description.changed(reference=section), tensors)
    print(f"{a.file}: {len(file)} bytes, a reference of {len(label)} pictures, {label.sum()} of them positive")
