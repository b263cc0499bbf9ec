"""How much the starting voltages decide: the shipped spiking network on validation, its voltages drawn from other
seeds.

    python training/experiments/starting_voltages.py --data DATA [--seeds 8] [--checkpoint FILE]

Prints accuracy and AUC for each draw, and how far each draw's answers lie from the first's: the noise that a change of
the network's arithmetic, such as rounding its weights, has to be held against.
"""

import argparse

import keras
import numpy as np
from sklearn.metrics import roc_auc_score

from spikeray import data
from spikeray.article import export
from spikeray.article.spiking import SpikingActivation


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--data", required=True)
    ap.add_argument("--checkpoint", default="training/runs/snnxray-1/best.keras")
    ap.add_argument("--seeds", type=int, default=8)
    a = ap.parse_args()
    _, validation = data.split(a.data)
    x, y = data.prepare_all(validation)
    trained = export.keras_model(a.checkpoint)
    first = None
    for draw in range(a.seeds):

        def redrawn(layer, draw=draw):
            config = layer.get_config()
            if draw and isinstance(layer, SpikingActivation):
                config["seed"] += 1_000_000 * draw
            return layer.__class__.from_config(config)

        model = keras.models.clone_model(trained, clone_function=redrawn)
        model.set_weights(trained.get_weights())
        p = model.predict(x, batch_size=32, verbose=0)[:, 1].astype(np.float64)
        first = p if first is None else first
        difference = np.abs(p - first)
        print(
            f"draw {draw}: accuracy {np.mean((p >= 0.5) == y):.4f} AUC {roc_auc_score(y, p):.4f}; "
            f"against the shipped draw mean {difference.mean():.4f} worst {difference.max():.2f}, "
            f"{((p >= 0.5) != (first >= 0.5)).sum()} labels",
            flush=True,
        )


if __name__ == "__main__":
    main()
