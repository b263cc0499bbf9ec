"""Calibration and operating points of a group of runs, by the rules of docs/PROTOCOL.md."""

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from ..modelfile import Calibration, Early, Interval, OperatingPoint
from ..report.metrics import bootstrap
from .runs import HybridRun, pooled


def calibrate(label, logits, weight=None) -> Calibration:
    """Logistic calibration (Platt) of the logits by maximum likelihood, the two classes weighing the same."""
    fitted = LogisticRegression(C=np.inf, class_weight="balanced").fit(np.asarray(logits)[:, None], label, weight)
    slope, intercept = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    return Calibration(slope=slope, intercept=intercept, prevalence=0.5)


def calibrated(calibration: Calibration, logits) -> np.ndarray:
    return 1 / (1 + np.exp(-(calibration.slope * np.asarray(logits, np.float64) + calibration.intercept)))


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
    """Where a calibrated probability for a place with half of the pictures ill says neither: it loses least of
    sensitivity and specificity together."""
    return 0.5


def screening_threshold(label, probability, weight=1.0, sensitivity=0.985) -> float:
    """The highest threshold that keeps so high a sensitivity."""
    order = np.argsort(probability)
    ill = (weight * label)[order]
    return float(probability[order][np.argmax(np.cumsum(ill) > (1 - sensitivity) * ill.sum())])


def operating(found: list[HybridRun], suffix="", prefix="") -> tuple[Calibration, tuple[OperatingPoint, ...]]:
    """Calibration and operating points of an arm, by docs/PROTOCOL.md: fitted and told on all answers out of block,
    the plain ones weighing as much as those of all kinds of stress together. suffix: "@t" for those after step t;
    prefix: "relu-"."""
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
        value, interval = _rates(label, right), bootstrap(label, right, patients, _rates, draws=1000)
        sensitivity, specificity = (
            Interval(value=round(float(v), 6), low=round(interval[k][0], 6), high=round(interval[k][1], 6))
            for k, v in value.items()
        )
        points.append(OperatingPoint(name=name, threshold=threshold, sensitivity=sensitivity, specificity=specificity))
    return calibration, tuple(points)


def _rates(label, right) -> dict[str, float]:
    return {"sensitivity": np.mean(right[label == 1]), "specificity": np.mean(right[label == 0])}


def decisions(found: list[HybridRun]) -> dict[str, Any]:
    """The description's calibration and operating points, and those after each earlier step that tells pictures apart
    at all."""
    calibration, points = operating(found)
    early = []
    for t in range(1, found[0].record["steps"]):
        # a board's neurons, which start at 0, are still silent
        if all(np.ptp(r.logits[f"plain@{t}"]) == 0 for r in found):
            continue
        of_step, points_of_step = operating(found, f"@{t}")
        early.append(Early(steps=t, calibration=of_step, operating_points=points_of_step))
    return {"calibration": calibration, "operating_points": points, "early": tuple(early) or None}
