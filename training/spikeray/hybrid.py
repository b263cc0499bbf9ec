"""The network `spikeray`: an analog stem, a spiking body over a few time steps, an analog read-out.

One stack of convolutions, kinds of activation: `relu`; `quantised`, levels of a step (QCFS: Bu et al., "Optimal
ANN-SNN conversion for high-accuracy and ultra-low-latency spiking neural networks", ICLR 2022); `spiking`, integrate-and-fire
over T steps with a surrogate gradient (Neftci et al. 2019). A spiking network starts from a quantised one of L = T levels:
a neuron that starts at half its threshold and gets the same current T times fires as often as the quantised activation says.
"""

import keras
import numpy as np
from keras import layers, ops

# (channels, kernel, stride) of the stem, which computes with real numbers, and of the spiking body.
STEM = (32, 7, 4)
BODY = ((64, 3, 1), (96, 3, 2), (96, 3, 1), (128, 3, 2), (160, 3, 1))
ACTIVATIONS = ("relu", "quantised", "spiking", "board")
TINY = 1e-12  # a channel of zeros has a scale all the same


@keras.saving.register_keras_serializable(package="spikeray")
class QuantisedReLU(layers.Layer):
    """clip(floor(L*x + 1/2), 0, L) / L; backward the clip's gradient.

    cost: what one spike adds to the loss, where L spikes stand for an activation of 1.
    """

    def __init__(self, levels, cost=0.0, **kwargs):
        super().__init__(**kwargs)
        self.levels, self.cost = int(levels), float(cost)

    def call(self, x):
        clipped = ops.clip(x, 0.0, 1.0)
        whole = ops.clip(ops.floor(x * self.levels + 0.5), 0.0, self.levels) / self.levels
        y = clipped + ops.stop_gradient(whole - clipped)
        if self.cost:
            self.add_loss(self.cost * self.levels * ops.sum(ops.mean(y, axis=0)))
        return y

    def get_config(self):
        return {**super().get_config(), "levels": self.levels, "cost": self.cost}


@keras.saving.register_keras_serializable(package="spikeray")
class IntegrateAndFire(layers.Layer):
    """Integrate-and-fire: V starts at `first`; at each step V += x; a spike where V >= 1, which takes 1 off V (reset `subtract`)
    or all of it (`zero`, what chips do).

    The steps lie one after the other along the batch, (T*batch, ...), so that a convolution takes them all at once. still: the
    input is (batch, ...), the current of a still picture, the same at each step. cost: what one spike adds to the loss.
    Backward a spike counts as sigmoid(slope*(V - 1)); the reset passes no gradient.
    """

    def __init__(self, steps, still=False, cost=0.0, slope=4.0, first=0.5, reset="subtract", **kwargs):
        super().__init__(**kwargs)
        self.steps, self.still, self.cost, self.slope = int(steps), bool(still), float(cost), float(slope)
        self.first, self.reset = float(first), reset

    def call(self, x):
        currents = [x] * self.steps if self.still else ops.split(x, self.steps, axis=0)
        v, out = self.start(currents[0]), []
        for current in currents:
            v = v + current
            soft = ops.sigmoid(self.slope * (v - 1.0))
            spike = soft + ops.stop_gradient(ops.cast(v >= 1.0, x.dtype) - soft)
            fired = ops.stop_gradient(spike)
            v = v - fired if self.reset == "subtract" else v * (1 - fired)
            out.append(spike)
        y = ops.concatenate(out, axis=0)
        if self.cost:
            self.add_loss(self.cost * self.steps * ops.sum(ops.mean(y, axis=0)))
        return y

    def start(self, current):
        """The potentials before the first step, for neurons of such a current."""
        return self.first

    def get_config(self):
        return {**super().get_config(), "steps": self.steps, "still": self.still, "cost": self.cost, "slope": self.slope,
                "first": self.first, "reset": self.reset}


@keras.saving.register_keras_serializable(package="spikeray")
class MeanOfSteps(layers.Layer):
    """(T*batch, ...) -> (batch, ...)."""

    def __init__(self, steps, **kwargs):
        super().__init__(**kwargs)
        self.steps = int(steps)

    def call(self, x):
        return sum(ops.split(x, self.steps, axis=0)) / self.steps

    def get_config(self):
        return {**super().get_config(), "steps": self.steps}


@keras.saving.register_keras_serializable(package="spikeray")
class Int8Conv2D(layers.Conv2D):
    """A convolution that computes with the int8 weights it will be shipped with, and backward as if it had not rounded.

    The scale is the largest weight over 127, of each output channel by itself. With one_scale, what a board can do, it is the layer's, the
    power of two from there up, and biases are whole halves of it: thresholds then lie on the board's grid, and nothing is rounded.
    """

    def __init__(self, *args, one_scale=False, **kwargs):
        super().__init__(*args, **kwargs)
        self.one_scale = bool(one_scale)

    def call(self, x):
        scale = ops.max(ops.abs(self.kernel), axis=None if self.one_scale else (0, 1, 2))
        scale = ops.stop_gradient(ops.maximum(scale, TINY)) / 127
        if self.one_scale:
            scale = ops.power(2.0, ops.ceil(ops.log2(scale)))
        kernel = self.kernel + ops.stop_gradient(ops.round(self.kernel / scale) * scale - self.kernel)
        bias = self.bias
        if self.one_scale:
            bias = bias + ops.stop_gradient(ops.round(bias / scale * 2) * scale / 2 - bias)
        return ops.conv(x, kernel, strides=self.strides, padding=self.padding) + bias

    def whole(self):
        """What it computes with: int8 weights [kh][kw][in][out], the scale [out] that they are multiplied by, the bias [out]."""
        kernel, bias = ops.convert_to_numpy(self.kernel), ops.convert_to_numpy(self.bias)
        scale = np.abs(kernel).max(axis=None if self.one_scale else (0, 1, 2), keepdims=True).reshape(-1)
        scale = np.maximum(scale, np.float32(TINY)) / np.float32(127)
        if self.one_scale:
            scale = np.exp2(np.ceil(np.log2(scale)))
        weights = np.rint(kernel / scale).astype(np.int8)
        if self.one_scale:
            bias = np.rint(bias / scale * 2).astype(np.float32) * (scale / 2)
        return weights, np.broadcast_to(scale, bias.shape).astype(np.float32), bias.astype(np.float32)

    def get_config(self):
        return {**super().get_config(), "one_scale": self.one_scale}


def network(size=128, activation="relu", levels=4, width=1.0, cost=0.0, dropout=0.2):
    """A network to train from the start: batch norm after every convolution; (batch, size, size, 1) in 0..1 -> logits (batch, 2).

    cost: what a million synaptic operations add to the loss.
    """
    relu = activation == "relu"
    x = start = keras.Input((size, size, 1))
    for i, (channels, kernel, stride) in enumerate((STEM, *BODY)):
        x = layers.Conv2D(channels_of(channels, width), kernel, stride, "same", use_bias=False, name=f"conv{i}")(x)
        # Quantised activations saturate at 1: their inputs start small.
        x = layers.BatchNormalization(momentum=0.95, gamma_initializer=keras.initializers.Constant(1.0 if relu else 0.4),
                                      beta_initializer=keras.initializers.Constant(0.0 if relu else 0.1), name=f"norm{i}")(x)
        x = layers.ReLU(name=f"act{i}")(x) if relu else QuantisedReLU(levels, cost * fan_out(i, width) / 1e6, name=f"act{i}")(x)
    return keras.Model(start, _readout(x, dropout), name=f"spikeray_{activation}")


def folded(model, activation, steps=4, cost=0.0, dropout=0.2):
    """A trained network with batch norm folded into int8 convolutions, to go on training with.

    activation: `relu`, `quantised` of `steps` levels, `spiking` over `steps` steps, or `board`, which is spiking in what a neuromorphic
    board can do: from 0, reset to zero, one scale a layer.
    """
    board = activation == "board"
    x = start = keras.Input(model.input_shape[1:])
    weights, width = {}, model.get_layer("conv0").filters / STEM[0]
    for i, (channels, kernel, stride) in enumerate((STEM, *BODY)):
        before = model.get_layer(f"conv{i}")
        conv = Int8Conv2D(before.filters, kernel, stride, "same", one_scale=board and i > 0, name=f"conv{i}")
        weights[conv] = fold(before, model.get_layer(f"norm{i}"))
        spike = cost * fan_out(i, width) / 1e6
        if activation == "relu":
            x = layers.ReLU(name=f"act{i}")(conv(x))
        elif activation == "quantised":
            x = QuantisedReLU(steps, spike, name=f"act{i}")(conv(x))
        else:
            how = {"first": 0.0, "reset": "zero"} if board and i > 0 else {}
            x = IntegrateAndFire(steps, still=i == 0, cost=spike, name=f"act{i}", **how)(conv(x))
    if activation in ("spiking", "board"):
        x = MeanOfSteps(steps, name="mean")(x)
    out = keras.Model(start, _readout(x, dropout), name=f"spikeray_{activation}_folded")
    for conv, w in weights.items():
        conv.set_weights(w)
    out.get_layer("logits").set_weights(model.get_layer("logits").get_weights())
    return out


def fan_out(i, width=1.0):
    """Connections that a spike of layer i goes down, away from the borders; the read-out's are none."""
    if i == len(BODY):
        return 0
    channels, kernel, stride = BODY[i]
    return channels_of(channels, width) * kernel * kernel / (stride * stride)


def fold(conv, norm):
    """(kernel, bias) of a convolution with the batch norm after it folded in."""
    factor = norm.gamma / ops.sqrt(norm.moving_variance + norm.epsilon)
    kernel = conv.kernel * factor
    bias = norm.beta - norm.moving_mean * factor
    return [ops.convert_to_numpy(kernel), ops.convert_to_numpy(bias)]


def channels_of(channels, width):
    """Channels of a layer of a network so many times as wide, in eights."""
    return max(8, int(round(channels * width / 8)) * 8)


def _readout(x, dropout):
    x = layers.GlobalAveragePooling2D(name="average")(x)
    return layers.Dense(2, name="logits")(layers.Dropout(dropout)(x))
