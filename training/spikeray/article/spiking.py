"""The article's spiking activation as a Keras layer: spikes forward, ReLU backward."""

import keras
from keras import ops

from ..modelfile import voltage

TIME_AXES = ("rows", "steps")


@keras.saving.register_keras_serializable(package="spikeray")
class SpikingActivation(keras.layers.Layer):
    """A neuron per state element, run along axis 1 of its input.

    At each step, with input x and state V (the article's; KerasSpiking's SpikingActivation without averaging):

        r = relu(x);  V = V + r*dt;  n = floor(V);  V = V - n;  output = n / dt

    Backward, d(output)/dx = relu'(x); nothing flows through V.

    time_axis: "rows", input (batch, height, width, channels), the rows of the picture are the steps and the
        state is (width, channels); "steps", input (batch, T, ...), the state is everything after T.
    seed: in training the starting voltages are drawn anew for every picture from a generator of this seed; in
        inference every picture starts from voltage.uniform(seed, state shape), the numbers that the server draws.
    """

    def __init__(self, dt=2.0, time_axis="rows", seed=0, **kwargs):
        super().__init__(**kwargs)
        if time_axis not in TIME_AXES:
            raise ValueError(f"time_axis is {time_axis!r}, one of {TIME_AXES} is wanted")
        if not dt > 0:
            raise ValueError(f"dt is {dt}, a length of time above 0 is wanted")
        self.dt = float(dt)
        self.time_axis = time_axis
        self.seed = int(seed)
        self._draws = keras.random.SeedGenerator(self.seed % (1 << 31))

    def build(self, input_shape):
        if self.time_axis == "rows" and len(input_shape) != 4:
            raise ValueError(f"rows as time wants (batch, height, width, channels), not {input_shape}")
        if len(input_shape) < 3 or any(n is None for n in input_shape[1:]):
            raise ValueError(f"every size after the batch must be known: {input_shape}")
        self._start = voltage.uniform(self.seed, tuple(input_shape[2:]))

    def call(self, x, training=False):
        r = ops.relu(x)
        current = ops.stop_gradient(r)
        state = (ops.shape(x)[0], *x.shape[2:])
        if training:
            v = keras.random.uniform(state, seed=self._draws)
        else:
            v = ops.broadcast_to(ops.convert_to_tensor(self._start), state)
        counts = []
        for t in range(x.shape[1]):  # unrolled: twice as fast as a scan or a cumulative sum, and exact
            v = v + current[:, t] * self.dt
            n = ops.floor(v)
            v = v - n
            counts.append(n)
        spikes = ops.stop_gradient(ops.stack(counts, axis=1) / self.dt)
        return spikes + (r - current)  # r - current is exactly 0 and carries ReLU's gradient

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "dt": self.dt, "time_axis": self.time_axis, "seed": self.seed}


@keras.saving.register_keras_serializable(package="spikeray")
class ShowForSteps(keras.layers.Layer):
    """Shows a still picture for T steps: (batch, ...) -> (batch, T, ...)."""

    def __init__(self, steps, **kwargs):
        super().__init__(**kwargs)
        self.steps = int(steps)

    def call(self, x):
        return ops.repeat(ops.expand_dims(x, 1), self.steps, axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.steps, *input_shape[1:])

    def get_config(self):
        return {**super().get_config(), "steps": self.steps}


@keras.saving.register_keras_serializable(package="spikeray")
class MeanOverSteps(keras.layers.Layer):
    """The read-out of a steps network: (batch, T, ...) -> (batch, ...), averaged over T."""

    def call(self, x):
        return ops.mean(x, axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *input_shape[2:])
