"""The gate's network: it is trained in Keras and written in whole numbers, and this is what it says of pictures."""

import numpy as np

from .. import modelfile
from ..modelfile import Conv2d, Dense, Description, Layer, Preparation, SpikingReLU, Start, Tensors, Time
from ..modelfile.quantise import quantise
from .pictures import LABELS

SIZE = 48  # of the gate's input
LEVELS = 255  # of an activation: as many spikes as a neuron can hand on in a step
CONVOLUTIONS = ((16, 5, 2), (32, 3, 2), (64, 3, 2), (64, 3, 1), (64, 3, 2))  # channels, kernel, stride
CHUNK = 1000  # pictures asked at a time


def network(seed=0):
    """A Keras model to train: (batch, 48, 48, 1) in 0..1 -> logits (batch, labels); 3.2 M multiply-accumulates."""
    import keras
    from keras import layers

    from .levels import QuantisedReLU

    keras.utils.set_random_seed(seed)
    x = start = keras.Input((SIZE, SIZE, 1))
    for i, (channels, kernel, stride) in enumerate(CONVOLUTIONS):
        x = layers.Conv2D(channels, kernel, stride, "same", use_bias=False, name=f"conv{i}")(x)
        x = layers.BatchNormalization(
            momentum=0.98,
            gamma_initializer=keras.initializers.Constant(0.4),
            beta_initializer=keras.initializers.Constant(0.1),
            name=f"norm{i}",
        )(x)
        x = QuantisedReLU(LEVELS, name=f"act{i}")(x)
    x = layers.Dropout(0.3)(layers.Flatten(name="flatten")(x))
    return keras.Model(start, layers.Dense(len(LABELS), name="logits")(x), name="gate")


def write(path, model, threshold, provenance) -> bytes:
    """Writes a trained network as a model file of its own, int8."""
    from .levels import fold

    layers: list[Layer] = []
    tensors: Tensors = {}
    for i, (channels, kernel, stride) in enumerate(CONVOLUTIONS):
        name = f"conv{i}"
        tensors[f"{name}.weights"], tensors[f"{name}.bias"] = fold(model.get_layer(name), model.get_layer(f"norm{i}"))
        layers += [
            Conv2d(
                name=name,
                kernel=(kernel, kernel),
                stride=(stride, stride),
                padding="same",
                channels=channels,
                weights=f"{name}.weights",
                bias=f"{name}.bias",
            ),
            SpikingReLU(name=f"spike{i}", dt=LEVELS, start=Start(kind="constant", value=0.5)),
        ]
    tensors["logits.weights"], tensors["logits.bias"] = model.get_layer("logits").get_weights()
    layers += [
        Layer(type="flatten", name="flatten"),
        Dense(name="logits", units=len(LABELS), weights="logits.weights", bias="logits.bias"),
        Layer(type="softmax", name="softmax"),
    ]
    description = Description(
        name="gate",
        version="1.0.0",
        summary="Whether a picture is a frontal chest radiograph",
        labels=LABELS,
        positive=LABELS[0],
        preparation=Preparation(width=SIZE, height=SIZE, scale=255),
        time=Time(axis="steps", steps=1),
        layers=tuple(layers),
        threshold=threshold,
        training=provenance,
    )
    return modelfile.write(path, *quantise(description, tensors))


def probabilities(model, pictures) -> np.ndarray:
    """What a gate (as modelfile.read gives it) says of uint8 [n][48][48]: float32 [n][labels].

    The sums of whole numbers are below 2^24, so that float32 holds them exactly, whatever the order.
    """
    from keras import ops

    d, tensors = model
    out = []
    for i in range(0, len(pictures), CHUNK):
        x = pictures[i : i + CHUNK, ..., None].astype(np.float32)
        for layer in d.layers:
            if isinstance(layer, Conv2d):
                weights = tensors[layer.weights].astype(np.float32)
                x = np.asarray(ops.conv(x, weights, strides=layer.stride, padding=layer.padding))
                x = x * tensors[layer.scale] + tensors[layer.bias]
            elif isinstance(layer, SpikingReLU):
                dt = np.float32(layer.dt)
                x = np.clip(np.floor(np.float32(layer.start.value) + np.maximum(x, 0) * dt), 0, LEVELS)
            elif layer.type == "flatten":
                x = x.reshape(len(x), -1) / dt
            elif isinstance(layer, Dense):
                x = x @ tensors[layer.weights] + tensors[layer.bias]
        e = np.exp(x - x.max(axis=1, keepdims=True))
        out.append(e / e.sum(axis=1, keepdims=True))
    return np.concatenate(out)
