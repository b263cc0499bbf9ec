"""Makes golden.json: scikit-learn's numbers for made-up cases.

Run in this folder: python golden.py (scikit-learn 1.9, numpy 2.4)
"""

import json

import numpy as np
from sklearn import metrics

BINS = 15


def ece(truth, probability):
    edges = np.linspace(0, 1, BINS + 1)
    bins = np.searchsorted(edges[1:-1], probability)
    count = np.bincount(bins, minlength=BINS)
    share, mean = np.zeros(BINS), np.zeros(BINS)
    share[count > 0] = (np.bincount(bins, truth, BINS) / np.maximum(count, 1))[count > 0]
    mean[count > 0] = (np.bincount(bins, probability, BINS) / np.maximum(count, 1))[count > 0]
    return float(np.sum(count * np.abs(share - mean)) / len(truth))


def score(truth, probability, threshold):
    answer = probability >= threshold
    f1 = metrics.f1_score(truth, answer, average=None, labels=[0, 1], zero_division=0)
    weighted = metrics.f1_score(truth, answer, average="weighted", zero_division=0)
    one_class = len(set(truth)) < 2
    recall = metrics.recall_score(truth, answer, average=None, labels=[0, 1], zero_division=np.nan)
    number = lambda x: None if np.isnan(x) else float(x)
    return {
        "n": len(truth),
        "accuracy": metrics.accuracy_score(truth, answer),
        "auc": None if one_class else metrics.roc_auc_score(truth, probability),
        "sensitivity": number(recall[1]),
        "specificity": number(recall[0]),
        "f1_pneumonia": f1[1],
        "f1_weighted": weighted,
        "brier": metrics.brier_score_loss(truth, probability, pos_label=1, labels=[0, 1]),
        "ece": ece(truth, probability),
        "confusion": metrics.confusion_matrix(truth, answer, labels=[0, 1]).tolist(),
    }


def classes(truth, probability, threshold):
    report = metrics.classification_report(
        truth, probability >= threshold, labels=[0, 1],
        target_names=["normal", "pneumonia"], output_dict=True, zero_division=0,
    )
    lines = {
        "normal": report["normal"],
        "pneumonia": report["pneumonia"],
        "macro_average": report["macro avg"],
        "weighted_average": report["weighted avg"],
    }
    return {
        name: {"precision": l["precision"], "recall": l["recall"], "f1": l["f1-score"], "support": int(l["support"])}
        for name, l in lines.items()
    }


def intervals(truth, probability, threshold, samples=10000):
    random = np.random.default_rng(7)
    drawn = {}
    for _ in range(samples):
        i = random.integers(0, len(truth), len(truth))
        if len(set(truth[i])) < 2:
            continue
        for name, value in score(truth[i], probability[i], threshold).items():
            if name not in ("n", "confusion"):
                drawn.setdefault(name, []).append(value)
    return {name: np.percentile(v, [2.5, 97.5]).tolist() for name, v in drawn.items()}


def main():
    random = np.random.default_rng(1)
    truth = (random.random(400) < 0.6).astype(int)
    smooth = 1 / (1 + np.exp(-random.normal(2.2 * truth - 0.8, 1.3)))
    few = (random.random(60) < 0.3).astype(int)
    cases = {
        "mixed": (truth, smooth, 0.5),
        "mixed, high threshold": (truth, smooth, 0.9),
        "ties": (truth, np.round(smooth * 8) / 8, 0.625),
        "separable": (truth, np.where(truth, 0.9, 0.1) + 0.05 * random.random(400), 0.5),
        "wrong way round": (truth, 1 - smooth, 0.5),
        "saturated": (truth, np.where(random.random(400) < 0.9, truth, 1 - truth).astype(float), 0.5),
        "always positive": (few, np.full(60, 0.7), 0.5),
        "never positive": (few, np.full(60, 0.2), 0.5),
        "few": (few, random.random(60), 0.5),
        "positives only": (np.ones(20, int), random.random(20), 0.5),
        "negatives only": (np.zeros(20, int), random.random(20), 0.5),
        "one": (np.ones(1, int), np.array([0.6]), 0.5),
    }
    out = []
    for name, (t, p, threshold) in cases.items():
        out.append({
            "name": name, "truth": t.tolist(), "probability": p.tolist(), "threshold": threshold,
            "statistics": score(t, p, threshold), "classes": classes(t, p, threshold),
        })
        if name in ("mixed", "few"):
            out[-1]["intervals"] = intervals(t, p, threshold)
    with open("golden.json", "w") as f:
        json.dump(out, f, indent=None, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
