"""What the gate's network is made of, in Keras: an activation of a few levels, and batch norm folded into a
convolution."""

import keras
from keras import layers, ops


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


def fold(conv, norm):
    """(kernel, bias) of a convolution with the batch norm after it folded in."""
    factor = norm.gamma / ops.sqrt(norm.moving_variance + norm.epsilon)
    kernel = conv.kernel * factor
    bias = norm.beta - norm.moving_mean * factor
    return [ops.convert_to_numpy(kernel), ops.convert_to_numpy(bias)]
