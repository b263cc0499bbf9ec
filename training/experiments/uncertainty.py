"""Do the spikes, or a small ensemble, know when the answer is wrong? `python training/experiments/uncertainty.py --data DATA`.

Every out-of-fold picture, plain and mixed, is answered again with other starting voltages (uniform in [0, 1) for every neuron, in place of 1/2), and the answers
after each time step are kept. The ensemble is the network and its quantised and ReLU twins, each calibrated. Prints how well each of these tells wrong answers from right ones (area under the ROC curve): how near the answer is to the threshold; that and on which
side of it, which is all that the answer itself can say; the spread over starting voltages, over steps, over the ensemble; and whether a spread adds anything to what the answer says (logistic regression on all of it, five folds by patient).
"""

import argparse
import pathlib

import keras
import numpy as np
from keras import ops
from sklearn.linear_model import LogisticRegression

from spikeray import deliver, fit, hybrid
from spikeray.metrics import auc, bootstrap


@keras.saving.register_keras_serializable(package="spikeray")
class RandomStart(hybrid.IntegrateAndFire):
    """Integrate-and-fire from potentials drawn anew for every picture."""

    def start(self, current):
        return keras.random.uniform(ops.shape(current), seed=self.draws)

    def build(self, shape):
        self.draws = keras.random.SeedGenerator(0)


def with_random_start(model):
    out = keras.models.clone_model(model, clone_function=lambda layer: (
        RandomStart if isinstance(layer, hybrid.IntegrateAndFire) else type(layer)).from_config(layer.get_config()))
    for layer in model.layers:
        if layer.get_weights():
            out.get_layer(layer.name).set_weights(layer.get_weights())
    return out


def by_step(model):
    """The logit after each step, (batch, T)."""
    last = model.get_layer(f"act{len(hybrid.BODY)}").output
    steps, logits = model.get_layer("act0").steps, model.get_layer("logits")
    total, out = 0, []
    for t, spikes in enumerate(ops.split(last, steps, axis=0)):
        total = total + ops.mean(spikes, axis=(1, 2))
        z = logits(total / (t + 1))
        out.append(z[:, 1] - z[:, 0])
    return keras.Model(model.inputs, ops.stack(out, axis=1))


def main():
    ap = argparse.ArgumentParser(description="Test whether spread predicts error.")
    ap.add_argument("--data", required=True)
    ap.add_argument("--runs", default="training/runs/spikeray")
    ap.add_argument("--draws", type=int, default=8)
    a = ap.parse_args()
    found = deliver.runs(a.runs)
    arms = [found, *(deliver.runs(a.runs, twin) for twin in ("quantised", "relu"))]
    (calibration, points), *others = [deliver.operating(arm) for arm in arms]
    calibrations = [calibration, *(c for c, _ in others)]
    edge = (np.log(points[0]["threshold"] / (1 - points[0]["threshold"])) - calibration["intercept"]) / calibration["slope"]
    for kind in ("plain", "mixed"):
        label, patients, z = deliver.pooled(found, kind)
        spread, steps = [], []
        for run in found:
            sets, _, _ = fit.validation(a.data, pathlib.Path(a.runs) / "cache", run.record["fold"], run.record["size"])
            model = keras.saving.load_model(run.folder / "model.keras", compile=False)
            keras.utils.set_random_seed(0)
            drawn = with_random_start(model)
            spread.append(np.std([fit.answers(drawn, {kind: sets[kind]})[kind] for _ in range(a.draws)], axis=0))
            x = sets[kind][..., None].astype(np.float32) / np.float32(255)
            steps.append(np.std(by_step(model).predict(x, batch_size=64, verbose=0), axis=1))
        wrong, side = ((z >= edge) != label).astype(int), (z >= edge).astype(float)
        near = -np.abs(z - edge)
        answer = np.stack([near, side, near * side], axis=1)
        measures = {"nearness to the threshold": near, f"spread over {a.draws} starting voltages": np.concatenate(spread), "spread over steps": np.concatenate(steps),
                    "spread over three networks": np.std([c["slope"] * deliver.pooled(arm, kind)[2] + c["intercept"] for arm, c in zip(arms, calibrations)], axis=0)}
        fold = np.concatenate([np.full(len(r.label), i) for i, r in enumerate(found)])

        def combined(features):
            out = np.empty(len(z))
            for f in range(len(found)):
                out[fold == f] = LogisticRegression(C=np.inf).fit(features[fold != f], wrong[fold != f]).decision_function(features[fold == f])
            return out
        spreads = list(measures)[1:]
        measures["the answer: nearness and side"] = alone = combined(answer)
        for name in spreads:
            measures[f"the answer and {name}"] = combined(np.column_stack([answer, np.log(measures[name] + 1e-3)]))
        print(f"\n{kind}: {wrong.sum()} of {len(wrong)} answers are wrong\n\n| | AUC for a wrong answer | 95% interval | more than the answer |\n|---|---|---|---|")
        for name, m in measures.items():
            low, high = bootstrap(wrong, m, patients, lambda y, q: {"auc": auc(y, q)}, draws=1000)["auc"]
            index = np.arange(len(wrong))
            gain = bootstrap(wrong, index, patients, lambda y, i, m=m: {"gain": auc(y, m[i]) - auc(y, alone[i])}, draws=1000)["gain"]
            print(f"| {name} | {auc(wrong, m):.4f} | {low:.4f} to {high:.4f} | {gain[0]:+.4f} to {gain[1]:+.4f} |")


if __name__ == "__main__":
    main()
