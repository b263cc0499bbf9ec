"""Healthy children of another look: `python training/experiments/late.py`.

From number 1356 on, the pictures NORMAL2-IM-… of `train` come softer: without the edges and the local contrast that most healthy pictures have, and with a larger mark. Prints how each arm does on
them, out of fold: specificity and logits at its balanced threshold, and AUC with them in place of all healthy pictures. Reads finished runs only.
"""

import argparse

import numpy as np

from spikeray import findings
from spikeray.metrics import auc

ARMS = {**findings.ARMS, "strong-spiking": "spiking, all at full strength (1.0)"}


def main():
    ap = argparse.ArgumentParser(description="Measure the late healthy pictures.")
    ap.add_argument("--runs", default="training/runs/spikeray")
    a = ap.parse_args()
    print("| | pictures | specificity, others | late | AUC, others | late |\n|---|---|---|---|---|---|")
    for name, line in ARMS.items():
        arm = findings.Arm(a.runs, name)
        p, late, healthy = arm.probability(), arm.late(), arm.label == 0
        cells = [f"{np.mean(p[group] < arm.threshold):.3f}" for group in (healthy & ~late, late)]
        cells += [f"{auc(arm.label[keep], p[keep]):.4f}" for keep in (~late, late | ~healthy)]
        print(f"| {line} | {late.sum()} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
