"""What a mirrored second look is worth: `python training/experiments/mirrored.py --data DATA`.

Every out-of-fold picture is answered as it is and mirrored left to right, and the two logits averaged, at twice the price. Prints AUC alone and with the second look,
and the difference with its interval.
"""

import argparse
import pathlib

import keras
import numpy as np

from spikeray import deliver, fit
from spikeray.metrics import auc, bootstrap


def main():
    ap = argparse.ArgumentParser(description="Measure test-time mirroring.")
    ap.add_argument("--data", required=True)
    ap.add_argument("--runs", default="training/runs/spikeray")
    a = ap.parse_args()
    found = deliver.runs(a.runs)
    print("| | AUC | with the mirrored | difference, 95% interval |\n|---|---|---|---|")
    for kind in ("plain", "mixed"):
        label, patients, z = deliver.pooled(found, kind)
        mirrored = []
        for run in found:
            sets, _, _ = fit.validation(a.data, pathlib.Path(a.runs) / "cache", run.record["fold"], run.record["size"])
            model = keras.saving.load_model(run.folder / "model.keras", compile=False)
            mirrored.append(fit.answers(model, {kind: sets[kind][:, :, ::-1]})[kind])
        both = (z + np.concatenate(mirrored)) / 2
        index = np.arange(len(z))
        low, high = bootstrap(label, index, patients, lambda y, i: {"d": auc(y, both[i]) - auc(y, z[i])}, draws=1000)["d"]
        print(f"| {kind} | {auc(label, z):.4f} | {auc(label, both):.4f} | {low:+.4f} to {high:+.4f} |")


if __name__ == "__main__":
    main()
