"""The network `spikeray`: an analog stem, a spiking body over a few time steps, an analog read-out.

One stack of convolutions, four kinds of activation: `relu`; `quantised`, levels of a step (QCFS: Bu et al., "Optimal
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
ACTIVATIONS = ("relu", "quantised", "spiking")
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
    """Integrate-and-fire: V starts at 1/2; at each step V += x; a spike where V >= 1, which takes 1 off V.

    The steps lie one after the other along the batch, (T*batch, ...), so that a convolution takes them all at once. still: the
    input is (batch, ...), the current of a still picture, the same at each step. cost: what one spike adds to the loss.
    Backward a spike counts as sigmoid(slope*(V - 1)); the reset passes no gradient.
    """

    def __init__(self, steps, still=False, cost=0.0, slope=4.0, **kwargs):
        super().__init__(**kwargs)
        self.steps, self.still, self.cost, self.slope = int(steps), bool(still), float(cost), float(slope)

    def call(self, x):
        currents = [x] * self.steps if self.still else ops.split(x, self.steps, axis=0)
        v, out = 0.5, []
        for current in currents:
            v = v + current
            soft = ops.sigmoid(self.slope * (v - 1.0))
            spike = soft + ops.stop_gradient(ops.cast(v >= 1.0, x.dtype) - soft)
            v = v - ops.stop_gradient(spike)
            out.append(spike)
        y = ops.concatenate(out, axis=0)
        if self.cost:
            self.add_loss(self.cost * self.steps * ops.sum(ops.mean(y, axis=0)))
        return y

    def get_config(self):
        return {**super().get_config(), "steps": self.steps, "still": self.still, "cost": self.cost, "slope": self.slope}


@keras.saving.register_keras_serializable(package="spikeray")
class MeanOverSteps(layers.Layer):
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
    """A convolution that computes with the int8 weights it will be shipped with: a scale for each output channel,
    the largest weight over 127; backward as if it had not been rounded."""

    def call(self, x):
        scale = ops.stop_gradient(ops.maximum(ops.max(ops.abs(self.kernel), axis=(0, 1, 2)), TINY)) / 127
        whole = ops.round(self.kernel / scale) * scale
        kernel = self.kernel + ops.stop_gradient(whole - self.kernel)
        return ops.conv(x, kernel, strides=self.strides, padding=self.padding) + self.bias


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

    activation: `relu`, `quantised` of `steps` levels, or `spiking` over `steps` steps.
    """
    x = start = keras.Input(model.input_shape[1:])
    weights, width = {}, model.get_layer("conv0").filters / STEM[0]
    for i, (channels, kernel, stride) in enumerate((STEM, *BODY)):
        before = model.get_layer(f"conv{i}")
        conv = Int8Conv2D(before.filters, kernel, stride, "same", name=f"conv{i}")
        weights[conv] = fold(before, model.get_layer(f"norm{i}"))
        spike = cost * fan_out(i, width) / 1e6
        if activation == "relu":
            x = layers.ReLU(name=f"act{i}")(conv(x))
        elif activation == "quantised":
            x = QuantisedReLU(steps, spike, name=f"act{i}")(conv(x))
        else:
            x = IntegrateAndFire(steps, still=i == 0, cost=spike, name=f"act{i}")(conv(x))
    if activation == "spiking":
        x = MeanOverSteps(steps, name="mean")(x)
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


def whole(kernel):
    """What Int8Conv2D computes with: a kernel [kh][kw][in][out] as int8 and the scale [out] that it is to be multiplied by."""
    scale = np.maximum(np.abs(kernel).max(axis=(0, 1, 2)), np.float32(TINY)) / np.float32(127)
    return np.rint(kernel / scale).astype(np.int8), scale


def channels_of(channels, width):
    """Channels of a layer of a network so many times as wide, in eights."""
    return max(8, int(round(channels * width / 8)) * 8)


def _readout(x, dropout):
    x = layers.GlobalAveragePooling2D(name="average")(x)
    return layers.Dense(2, name="logits")(layers.Dropout(dropout)(x))
