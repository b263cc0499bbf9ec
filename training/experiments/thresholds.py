"""What a threshold costs by the answers it is fitted on: `python training/experiments/thresholds.py`.

For `spikeray` and its earlier versions: the threshold that balances sensitivity and specificity on plain answers, on
those of all eight kinds of stress, and on both weighing the same, and what each gives on plain and on stressed pictures. All out of fold; reads finished runs only.
"""

import argparse

import numpy as np

from spikeray import deliver

ARMS = {"spiking": "as shipped", "unweighted-spiking": "1.1: no weights for looks", "strong-spiking": "1.0: all at full strength too"}


def rates(label, logits, threshold):
    """Sensitivity and specificity, the mean over the rows of logits [kinds][n]."""
    return np.mean(logits[:, label == 1] >= threshold), np.mean(logits[:, label == 0] < threshold)


def main():
    ap = argparse.ArgumentParser(description="Compare what thresholds are fitted on.")
    ap.add_argument("--runs", default="training/runs/spikeray")
    a = ap.parse_args()
    print("| | fitted on | threshold, raw logit | plain | stressed |\n|---|---|---|---|---|")
    for arm, name in ARMS.items():
        found = deliver.runs(a.runs, arm)
        label, _, plain = deliver.pooled(found)
        harmed = np.stack([deliver.pooled(found, k)[2] for k in found[0].logits if k != "plain"])
        everything, labels = np.concatenate([plain, harmed.ravel()]), np.tile(label, 1 + len(harmed))
        for fitted, share in (("plain", 1.0), ("plain and stressed", 0.5), ("stressed", 0.0)):
            weight = np.repeat([share, *[(1 - share) / len(harmed)] * len(harmed)], len(label))
            t = deliver.balanced_threshold(labels, everything, weight)
            cells = ["{:.3f}, {:.3f}".format(*rates(label, z, t)) for z in (plain[np.newaxis], harmed)]
            print(f"| {name} | {fitted} | {t:+.2f} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
