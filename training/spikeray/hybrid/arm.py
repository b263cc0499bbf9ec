"""One arm of the comparison: the spiking networks, or the ReLU networks that they were converted from, and the two in
pairs."""

from typing import Any

import numpy as np

from .. import data
from ..report.metrics import auc, bootstrap, ece, even, metrics
from .decisions import calibrated, operating
from .runs import pooled, runs

DRAWS = 1000  # of the bootstrap


class Arm:
    """The runs of one arm, with the calibration and the thresholds that were fitted on their pooled answers. prefix
    "relu-": the ReLU networks that they were converted from; suffix "@t": their answers after step t."""

    def __init__(self, root, prefix="", suffix=""):
        self.runs, self.prefix, self.suffix = runs(root), prefix, suffix
        self.kinds = self.runs[0].kinds
        self.calibration, self.points = operating(self.runs, suffix, prefix)
        self.threshold = self.points[0].threshold
        self.label, self.patients, _ = pooled(self.runs)
        self.patients = np.asarray(self.patients)

    def answers(self, run, kind="plain"):
        """The calibrated probabilities of one run."""
        return calibrated(self.calibration, run.logits[self.prefix + kind + self.suffix])

    def probability(self, kind="plain"):
        return np.concatenate([self.answers(r, kind) for r in self.runs])

    def figures(self, y=None, p=None):
        """Figures at the balanced threshold, by name."""
        y, p = (self.label, self.probability()) if y is None else (y, p)
        m = metrics(y, p, self.threshold)
        return {
            **{k: m[k] for k in ("auc", "accuracy", "sensitivity", "specificity", "f1_pneumonia", "f1_weighted")},
            "ece": ece(y, p, even(y)),
            "brier": float(np.average((p - y) ** 2, weights=even(y))),
        }

    def stressed(self):
        """Mean over the kinds of stress: AUC, and the mean of sensitivity and specificity at the balanced
        threshold."""
        found = [self.figures(self.label, self.probability(k)) for k in self.kinds]
        return {
            "auc": np.mean([f["auc"] for f in found]),
            "balanced": np.mean([(f["sensitivity"] + f["specificity"]) / 2 for f in found]),
            "ece": np.mean([f["ece"] for f in found]),
        }


def paired(arm, other) -> list[str]:
    """Rows of arm minus other: pooled difference with its patient-bootstrap interval, and the five differences."""
    rows = []
    columns = {k: (arm.probability(k), other.probability(k)) for k in ("plain", *arm.kinds)}

    def statistic(index):
        y = arm.label[index]
        out: dict[str, Any] = {"AUC, plain": auc(y, columns["plain"][0][index]) - auc(y, columns["plain"][1][index])}
        out["AUC, stressed"] = np.mean(
            [auc(y, columns[k][0][index]) - auc(y, columns[k][1][index]) for k in arm.kinds]
        )
        for name, kinds in (("balanced accuracy, plain", ["plain"]), ("balanced accuracy, stressed", arm.kinds)):
            out[name] = np.mean(
                [
                    balanced_accuracy(y, columns[k][0][index], arm.threshold)
                    - balanced_accuracy(y, columns[k][1][index], other.threshold)
                    for k in kinds
                ]
            )
        out["ECE, plain"] = ece(y, columns["plain"][0][index], even(y)) - ece(y, columns["plain"][1][index], even(y))
        return out

    everything = np.arange(len(arm.label))
    # the bootstrap hands back the drawn pictures' numbers in place of a probability
    intervals = bootstrap(arm.label, everything, arm.patients, lambda _, index: statistic(index), draws=DRAWS)
    fold = np.concatenate([np.full(len(r.label), r.record["fold"]) for r in arm.runs])
    each = [statistic(everything[fold == f]) for f in range(data.FOLDS)]
    for name, value in statistic(everything).items():
        low, high = intervals[name]
        rows.append(
            f"| {name} | {value:+.4f} | {low:+.4f} to {high:+.4f} | {' '.join(f'{e[name]:+.4f}' for e in each)} |"
        )
    return rows


def balanced_accuracy(y, p, threshold):
    return (np.mean(p[y == 1] >= threshold) + np.mean(p[y == 0] < threshold)) / 2
