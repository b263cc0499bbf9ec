"""What 100 pictures of a place buy, by how a calibration is fitted to them: the table of docs/RATIONALE.md.

    for k in 0 1 2 3 4; do
      spikeray predict --json --model models/seeds/spikeray-$k.safetensors SHIFTED >$k.jsonl
    done
    python training/experiments/place.py *.jsonl --model models/spikeray.safetensors

SHIFTED is a folder with the sub-folders NORMAL and PNEUMONIA. Runs of `hybrid train` may be given beside the rows, as
folders with answers.npz (out of fold, which their own calibration is fitted on) and answers-shifted.npz.
"""

import argparse
import json
import pathlib

import numpy as np
from scipy.optimize import minimize

from spikeray.hybrid.decisions import balanced_threshold, calibrate, screening_threshold
from spikeray.modelfile import Description, read

BINS, EXPECTATION, SENSITIVITY = 15, 200, 0.985


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def logit(p):
    return np.log(p) - np.log1p(-p)


def fit(z, y, slope, intercept, slope_spread, intercept_spread):
    """Slope and intercept, the logarithm of the slope and the intercept normal around those given."""

    def loss(x):
        a = np.exp(np.clip(x[0], -20, 20))
        e = a * z + x[1]
        off = np.array([(x[0] - np.log(slope)) / slope_spread, (x[1] - intercept) / intercept_spread])
        miss = sigmoid(np.clip(e, -500, 500)) - y
        return (
            np.sum(np.logaddexp(0, e) - y * e) + off @ off / 2,
            np.array([miss @ z * a + off[0] / slope_spread, miss.sum() + off[1] / intercept_spread]),
        )

    x = minimize(loss, [np.log(slope), intercept], jac=True, method="BFGS").x
    return np.exp(x[0]), x[1]


def expected(e, sensitivity=SENSITIVITY):
    """The highest threshold that keeps a sensitivity if each picture is ill as probably as the calibration says."""
    order = np.argsort(e)
    p = sigmoid(e)[order]
    return e[order][np.argmax(np.cumsum(p) > (1 - sensitivity) * p.sum())]


def smoothed(y, e, width=1.0):
    """Where sensitivity and specificity are equal, each picture's step being a logistic curve."""
    tried = np.linspace(e.min(), e.max(), 400)[:, None]
    gap = sigmoid((e[y == 1] - tried) / width).mean(1) - sigmoid((tried - e[y == 0]) / width).mean(1)
    return tried[np.argmin(np.abs(gap)), 0]


def ece(y, p):
    bins = np.clip(np.ceil(p * BINS) - 1, 0, BINS - 1).astype(int)
    return np.abs(np.bincount(bins, p - y, BINS)).sum() / len(y)


def rows(path, own: Description):
    """Labels and the network's log-odds from what `predict --json` printed, and the model's own (slope, intercept,
    threshold)."""
    found = [json.loads(line) for line in open(path)]
    y = np.array([pathlib.Path(r["file"]).parent.name == "PNEUMONIA" for r in found], float)
    p = np.array([[r["probabilities"]["PNEUMONIA"], r["probabilities"]["NORMAL"]] for r in found])
    c = own.calibration
    z = (np.log(p[:, 0] / p[:, 1]) - c.intercept) / c.slope
    return y, z, c.slope, c.intercept, own.operating_points[0].threshold


def run(folder):
    """The same from a run's folder, its own calibration by docs/PROTOCOL.md from its own fold."""
    with np.load(folder / "answers.npz", allow_pickle=False) as file:
        kinds = {k: file[k] for k in file if k not in ("label", "name", "patient")}
        label = file["label"]
    harmed = [k for k in kinds if k != "plain"]
    z = np.concatenate([kinds["plain"], *[kinds[k] for k in harmed]])
    labels, weight = np.tile(label, 1 + len(harmed)), np.repeat([0.5, *[0.5 / len(harmed)] * len(harmed)], len(label))
    c = calibrate(labels, z, weight)
    threshold = balanced_threshold(labels, sigmoid(c.slope * z + c.intercept), weight)
    with np.load(folder / "answers-shifted.npz", allow_pickle=False) as file:
        return file["label"].astype(float), file["plain"], c.slope, c.intercept, threshold


def draw(random, y, z, slope, intercept, threshold, pictures):
    """Fits to some pictures, asks the others: (way, accuracy, ECE, sensitivity) for each way, and the ECE of a
    calibration that is right."""
    while True:
        chosen = np.zeros(len(y), bool)
        chosen[random.permutation(len(y))[:pictures]] = True
        if 30 <= y[chosen].sum() <= pictures - 30:
            break
    yf, zf, yo, zo = y[chosen], z[chosen], y[~chosen], z[~chosen]
    even, rarer = logit(yf.mean()), min(yf.sum(), (1 - yf).sum())

    def told(way, a, b, at):
        e = a * zo + b
        return way, np.mean((e >= at) == yo), ece(yo, sigmoid(e)), np.mean(e[yo == 1] >= at)

    def raw(e):
        return logit(balanced_threshold(yf, sigmoid(e)))

    yield told("the model's own", slope, intercept, logit(threshold))
    a, b = fit(zf, yf, slope, intercept + even, 1e3, 1e3)
    yield told("free, raw threshold", a, b, raw(a * zf + b))
    yield told("free, smoothed", a, b, smoothed(yf, a * zf + b))
    for slope_spread, intercept_spread in ((0.15, 1), (0.25, 1), (1e3, 1), (0.2, 0.7), (0.2, 2), (0.2, 1)):
        a, b = fit(zf, yf, slope, intercept + even, slope_spread, intercept_spread)
        e = a * zf + b
        mixed = (EXPECTATION * even + rarer * raw(e)) / (EXPECTATION + rarer)
        yield told(f"spreads {slope_spread:g} and {intercept_spread:g}, threshold drawn", a, b, mixed)
    yield told("spreads 0.2 and 1, raw threshold", a, b, raw(e))
    yield told("spreads 0.2 and 1, even odds", a, b, even)
    p = sigmoid(a * zo + b)
    yield "a calibration that is right", np.nan, ece((random.random(len(p)) < p).astype(float), p), np.nan
    labels, share = logit(screening_threshold(yf, sigmoid(e), sensitivity=SENSITIVITY)), yf.sum()
    yield told("screening, by labels", a, b, labels)
    yield told("screening, drawn", a, b, (EXPECTATION * expected(e) + share * labels) / (EXPECTATION + share))


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("answers", nargs="+", type=pathlib.Path)
    ap.add_argument("--model", help="the model file whose calibration the rows are by")
    ap.add_argument("--pictures", type=int, default=100)
    ap.add_argument("--draws", type=int, default=150)
    a = ap.parse_args()
    own = read(a.model)[0] if a.model else None
    random, ways = np.random.default_rng(0), {}
    for path in a.answers:
        network = run(path) if path.is_dir() else rows(path, own)
        for _ in range(a.draws):
            for way, *figures in draw(random, *network, a.pictures):
                ways.setdefault(way, []).append(figures)
    print("| way | accuracy | 5th percentile | ECE | sensitivity | 10th percentile |\n|---|---|---|---|---|---|")
    for way, figures in ways.items():
        accuracy, error, found = np.array(figures).T
        print(
            f"| {way} | {accuracy.mean():.4f} | {np.percentile(accuracy, 5):.3f} | {error.mean():.4f} | "
            f"{found.mean():.4f} | {np.percentile(found, 10):.3f} |"
        )


if __name__ == "__main__":
    main()
