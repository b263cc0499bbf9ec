"""Does the network go by a picture's look? `python training/experiments/looks.py --data DATA`.

Prints how each arm does, out of fold, under weights by which the look (training/spikeray/look.py) says nothing of the class, where it speaks against it, and on healthy children
of a look that is rare among them: from number 1356 on, the pictures NORMAL2-IM-... of `train` come softer, without the edges and the local contrast that
most healthy pictures have, and with a larger mark. Then each arm minus the same without weights for looks, paired. Reads finished runs only.
"""

import argparse
import pathlib

import numpy as np

from spikeray import audit, data, findings, fit, look
from spikeray.metrics import auc, bootstrap

ARMS = {**findings.ARMS, "unweighted-spiking": "spiking, looks not weighed (1.1)", "unweighted-quantised": "quantised, the same",
        "unweighted-relu": "ReLU, the same", "strong-spiking": "spiking, all at full strength too (1.0)"}


def main():
    ap = argparse.ArgumentParser(description="Measure what a look misleads each arm to.")
    ap.add_argument("--runs", default="training/runs/spikeray")
    ap.add_argument("--data", required=True)
    a = ap.parse_args()
    arms = {name: findings.Arm(a.runs, name) for name in ARMS}
    first = arms["spiking"]
    by = audit.by_look(first.runs, [fit.validation(a.data, pathlib.Path(a.runs) / "cache", r.record["fold"], r.record["size"])[0]["plain"] for r in first.runs])
    weighted, misled = look.overlap(by, first.label), audit.misled(first.label, by)
    late, healthy = first.late(), first.label == 0
    print("| | AUC, weighted for the look to say nothing | AUC, look against the class | its sensitivity, specificity | late: specificity | others' | late: AUC |\n|---|---|---|---|---|---|---|")
    for name, arm in arms.items():
        p = arm.probability()
        right = (p >= arm.threshold) == arm.label
        against, sensitivity, specificity = audit.rates(arm.label, p, misled, arm.threshold)
        cells = [f"{auc(arm.label, p, weighted):.4f}", f"{against:.4f}", f"{sensitivity:.3f}, {specificity:.3f}", *(f"{right[group].mean():.3f}" for group in (late, healthy & ~late))]
        print(f"| {ARMS[name]} | {' | '.join(cells)} | {auc(arm.label, p, (late | ~healthy).astype(float)):.4f} |")
    print(f"\n{int(misled[healthy].sum())} healthy and {int(misled[~healthy].sum())} ill pictures have a look against their class; {late.sum()} are late. The look alone: AUC {auc(first.label, by):.4f}, weighted {auc(first.label, by, weighted):.4f}.\n")
    fold = np.concatenate([np.full(len(r.label), r.record["fold"]) for r in first.runs])
    print("| looks weighed, minus not | AUC, weighted for the look to say nothing | 95% interval | by fold |\n|---|---|---|---|")
    for name, line in findings.ARMS.items():
        p, q = arms[name].probability(), arms[f"unweighted-{name}"].probability()

        def difference(i):
            return auc(first.label[i], p[i], weighted[i]) - auc(first.label[i], q[i], weighted[i])
        low, high = bootstrap(first.label, np.arange(len(p)), first.patients, lambda _, i: {"auc": difference(i)}, draws=findings.DRAWS)["auc"]
        each = " ".join(f"{difference(np.flatnonzero(fold == f)):+.4f}" for f in range(data.FOLDS))
        print(f"| {line} | {difference(np.arange(len(p))):+.4f} | {low:+.4f} to {high:+.4f} | {each} |")


if __name__ == "__main__":
    main()
