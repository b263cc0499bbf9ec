"""Figures of merit of a probability of pneumonia, and bootstrap intervals that keep a patient's pictures together."""

import numpy as np

BINS = 15  # of the expected calibration error

NAMES = {
    "accuracy": "accuracy",
    "auc": "AUC",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "f1_pneumonia": "F1, pneumonia",
    "f1_weighted": "F1, weighted",
    "brier": "Brier",
    "ece": "ECE",
}


def metrics(label: np.ndarray, probability: np.ndarray, threshold: float = 0.5) -> dict[str, float]:
    """The figures of NAMES, by key. label: 1 is pneumonia. A class that is absent makes its figure NaN."""
    label, probability = np.asarray(label), np.asarray(probability, np.float64)
    called = probability >= threshold
    f1 = [_f1(label == c, called == c) for c in (0, 1)]
    return {
        "accuracy": float(np.mean(called == label)),
        "auc": auc(label, probability),
        "sensitivity": _share(called, label == 1),
        "specificity": _share(~called, label == 0),
        "f1_pneumonia": f1[1],
        "f1_weighted": float(f1[1] * label.mean() + f1[0] * (1 - label.mean())),
        "brier": float(np.mean((probability - label) ** 2)),
        "ece": ece(label, probability),
    }


def auc(label: np.ndarray, probability: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Area under the ROC curve, as the Mann-Whitney statistic: ties count half. With weights, a pair weighs the
    product of its two."""
    weight = np.ones(len(label)) if weight is None else weight
    values, place = np.unique(probability, return_inverse=True)
    ill, well = (np.bincount(place, weight * (label == c), len(values)) for c in (1, 0))
    if np.isnan(probability).any() or not ill.sum() * well.sum():
        return float("nan")
    return float(ill @ (np.cumsum(well) - well / 2) / (ill.sum() * well.sum()))


def ece(label: np.ndarray, probability: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Expected calibration error: pictures in BINS bins of equal width by their probability of pneumonia; the mean,
    weighted by pictures (or by weight), of |mean probability - share of pneumonia| (Naeini et al. 2015)."""
    weight = np.ones(len(label)) if weight is None else weight
    index = np.minimum((probability * BINS).astype(int), BINS - 1)
    gap = np.abs(np.bincount(index, weight * probability, BINS) - np.bincount(index, weight * label, BINS))
    return float(gap.sum() / weight.sum())


def even(label: np.ndarray) -> np.ndarray:
    """Weights under which the two classes weigh the same."""
    share = np.bincount(label, minlength=2) / len(label)
    return (0.5 / share)[label]


def bootstrap(label, probability, patients, statistic=metrics, draws=2000, seed=0) -> dict[str, tuple[float, float]]:
    """95% percentile intervals of a statistic's figures: patients, not pictures, are drawn with replacement."""
    label, probability = np.asarray(label), np.asarray(probability)
    names, group = np.unique(np.asarray(patients), return_inverse=True)
    members = [np.flatnonzero(group == i) for i in range(len(names))]
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(draws):
        chosen = np.concatenate([members[i] for i in rng.integers(0, len(names), len(names))])
        drawn.append(statistic(label[chosen], probability[chosen]))
    ends = {key: np.nanpercentile([d[key] for d in drawn], (2.5, 97.5)) for key in drawn[0]}
    return {key: (float(low), float(high)) for key, (low, high) in ends.items()}


def _f1(label, called):
    return float(2 * np.sum(label & called) / max(1, label.sum() + called.sum()))


def _share(hit, among):
    return float(np.mean(hit[among])) if among.any() else float("nan")
