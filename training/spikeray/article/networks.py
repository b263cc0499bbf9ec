"""The article's two networks, by name: 575,452 parameters, 128.7 M multiply-accumulates.

"Hybrid SNN/ANN for Chest X-Ray (Pneumonia) classification using spiking activations", notebook
littlemountainman/SNNXray.
"""

from collections.abc import Callable

import keras
from keras import layers

from .. import data
from .spiking import MeanOverSteps, ShowForSteps, SpikingActivation

SIZE = 100


def cnnxray(seed=0, size=SIZE, **_):
    """The traditional network: ReLU throughout."""
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((size, size, 1)),
            layers.Conv2D(100, 5, activation="relu", name="conv1"),
            layers.MaxPool2D(name="pool1"),
            layers.Conv2D(50, 3, activation="relu", name="conv2"),
            layers.MaxPool2D(name="pool2"),
            layers.Conv2D(50, 3, activation="relu", name="conv3"),
            layers.MaxPool2D(name="pool3"),
            *_readout(),
        ],
        name="cnnxray",
    )


def snnxray(seed=0, dt=2.0, time_axis="rows", steps=4, size=SIZE):
    """The spiking network: as cnnxray, each convolution's ReLU a spiking activation.

    time_axis "rows" is the article's own; "steps" shows the still picture for `steps` steps and averages.
    """
    keras.utils.set_random_seed(seed)

    def spike(i):  # each layer has a seed of its own, so that no two layers share starting voltages
        return SpikingActivation(dt, time_axis, seed=1000 * seed + i, name=f"spike{i}")

    if time_axis == "rows":
        return keras.Sequential(
            [
                keras.Input((size, size, 1)),
                layers.Conv2D(100, 5, name="conv1"),
                spike(1),
                layers.MaxPool2D(name="pool1"),
                layers.Conv2D(50, 3, name="conv2"),
                spike(2),
                layers.MaxPool2D(name="pool2"),
                layers.Conv2D(50, 3, name="conv3"),
                spike(3),
                layers.MaxPool2D(name="pool3"),
                *_readout(),
            ],
            name="snnxray",
        )

    def each(layer):
        return layers.TimeDistributed(layer, name=f"{layer.name}_steps")

    return keras.Sequential(
        [
            keras.Input((size, size, 1)),
            layers.Conv2D(100, 5, name="conv1"),
            ShowForSteps(steps, name="show"),
            spike(1),
            each(layers.MaxPool2D(name="pool1")),
            each(layers.Conv2D(50, 3, name="conv2")),
            spike(2),
            each(layers.MaxPool2D(name="pool2")),
            each(layers.Conv2D(50, 3, name="conv3")),
            spike(3),
            each(layers.MaxPool2D(name="pool3")),
            MeanOverSteps(name="mean"),
            *_readout(),
        ],
        name="snnxray_steps",
    )


def _readout():
    return [
        layers.Flatten(name="flatten"),
        layers.Dense(100, activation="relu", name="dense1"),
        layers.Dense(50, activation="relu", name="dense2"),
        layers.Dense(len(data.LABELS), activation="softmax", name="dense3"),
    ]


NETWORKS: dict[str, Callable[..., keras.Sequential]] = {"snnxray": snnxray, "cnnxray": cnnxray}
