"""Intel's Lava: its bit-accurate simulation of Loihi on a CPU, or Loihi 2 where Intel's extension for it is installed.

--option run=simulation (default) or run=hardware. The latter picks Lava's run configuration for Loihi 2 and is all that
differs here; no chip was at hand to try it on.

A network goes onto the chip as pkg/hw/loihi puts it there: Dense and Conv with eight-bit weights, which are doubled since
those of both signs are even; no decay of the current over steps; the threshold above which a neuron fires just below that
at which ours does. What the hundred lines of numbers below decide is reported, layer by layer.
"""

import dataclasses
import math
import sys

import numpy as np

from ..board import Refused, Run, report
from ..network import Neurons, Pool
from .simulator import windows

STEP = 128  # of the weights, in steps of the membrane potential
STATE = 1 << 23
MAX_BIAS, MAX_EXP, MAX_THRESHOLD = 4095, 7, (1 << 17) - 1


def shim():
    """Lava has dataclasses whose defaults are objects; from Python 3.11 on those that have no hash are refused."""
    if sys.version_info < (3, 11):
        return
    original = dataclasses._get_field

    def get_field(cls, name, *args):
        default = getattr(cls, name, dataclasses.MISSING)
        if type(default).__hash__ is None and not isinstance(default, (list, dict, set, dataclasses.Field)):
            setattr(cls, name, dataclasses.field(default_factory=lambda: default))
        return original(cls, name, *args)

    dataclasses._get_field = get_field


class Board:
    name = "lava"

    def __init__(self, run="simulation"):
        shim()
        from lava.magma.core.run_configs import Loihi1SimCfg, Loihi2HwCfg
        from lava.utils import loihi

        if run not in ("simulation", "hardware"):
            raise ValueError(f"run is {run!r}, must be simulation or hardware")
        hardware = run == "hardware"
        if hardware and not loihi.is_installed():
            raise ValueError("run=hardware needs Intel's extension of Lava for Loihi, which is not installed")
        self.config = (lambda: Loihi2HwCfg(select_tag="fixed_pt")) if hardware else (lambda: Loihi1SimCfg(select_tag="fixed_pt"))
        self.capabilities = {
            "fidelity": "silicon" if hardware else "exact_emulator",
            "axes": ["steps"],
            "layers": ["conv2d", "dense", "flatten", "neurons"],
            "dynamics": ["integrate_and_fire", "leaky_integrate_and_fire"],
            "resets": ["zero"],
            "weight_bits": 8,
            "state_bits": 24,
            "max_count": 255,
            "max_steps": 64,
        }

    def place(self, network):
        reasons = []
        if network.axis != "steps":
            reasons.append(("", "the rows of the picture are its time; the chip is shown a whole picture for several steps"))
        for layer in network.layers:
            if isinstance(layer, Pool):
                reasons.append((layer.name, "max-pooling; the chip adds spikes up and knows no maximum"))
            elif isinstance(layer, Neurons) and layer.model == "spiking_relu":
                reasons.append((layer.name, "spiking_relu fires several times a step; the chip's neurons fire once and are reset to zero"))
            elif isinstance(layer, Neurons) and layer.reset != "zero":
                reasons.append((layer.name, f"reset {layer.reset}: the chip resets to zero"))
        if reasons:
            raise Refused(*reasons)
        placed, more = [], {}
        for i, stage in enumerate(network.stages()):
            part = {}
            try:
                placed.append(Layer(stage, i + 1, network.steps, part))
            except Refused as e:
                reasons += e.reasons
            more[stage.weighted.name] = part
        if reasons:
            raise Refused(*reasons)
        return Placed(network, placed, report(network, Board.name, True, more), self.config)


def nearest(x):
    """Halves go away from zero, unlike NumPy's."""
    return np.trunc(x + np.copysign(0.5, x))


def common_step(current, value):
    """The step of a layer's weights, 0 for zeros. Weights on a grid of at most eight bits keep it: first the finest power of
    two (in what a spike stands for, too), then any part of the largest weight; otherwise the largest becomes 127 steps."""
    lowest, highest = min(float(current.min()), 0.0), max(float(current.max()), 0.0)
    largest = max(highest, -lowest)
    if largest == 0:
        return 0.0

    def fits(step, tolerance):
        for part in (current.flat[:1000], current):  # most steps fail at the first few
            exact = part / step
            if (abs(exact - nearest(exact)) > tolerance).any():
                return False
        return True

    for unit in (1.0, value):
        step = math.ldexp(unit, math.frexp(largest / unit)[1] - 8)
        if highest / step > 127 or lowest / step < -128 or (lowest / step < -127 and highest <= 0):
            step *= 2
        if fits(step, 0):
            return step
    return next((largest / m for m in range(127, 1, -1) if fits(largest / m, 2.0**-16)), largest / 127)


class Layer:
    """A stage in the chip's numbers; part becomes its part of the report."""

    def __init__(self, stage, depth, steps, part):
        weighted, neurons = stage.weighted, stage.neurons
        self.stage = stage
        self.weights, self.scale = self.whole(part)
        unit = STEP / self.scale
        leaky = neurons.model == "leaky_integrate_and_fire"
        self.dv = int(max(1, min(nearest((1 - float(neurons.decay)) * 4096), 4095))) if leaky else 0
        reasons = []
        self.mantissa, self.exponent, bias_error = self.bias(unit)
        if self.mantissa is None:
            reasons.append((weighted.name, f"a bias is not finite or more than {MAX_BIAS} steps of its weights"))
        v = neurons.voltages(math.prod(stage.after)).astype(np.float64)
        start = nearest(v * STEP / self.scale)
        if not (abs(start) < STATE).all():
            reasons.append((neurons.name, f"starts at more than {STATE // STEP} steps of the weights before it"))
        if reasons:
            raise Refused(*reasons)
        exact_start = bool((start * self.scale == v * STEP).all())
        start = start.astype(np.int64)
        self.offset = self.mantissa.astype(np.int64) << self.exponent
        bits = np.concatenate([start, self.offset, [STEP]])
        grid = 1 if self.dv else int(min((bits & -bits)[bits != 0].min(), STEP))
        at = float(neurons.threshold) * unit
        self.threshold = math.ceil(at / 64) - 1 if grid >= 64 else int(nearest(at / 64))
        if self.threshold > MAX_THRESHOLD:
            raise Refused((neurons.name, f"its threshold is {at / STEP:.6g} steps of the weights before it, must be at most {(MAX_THRESHOLD + 1) // 2}"))
        current, potential = self.worst(start, steps)
        if current >= 1 << 37:
            raise Refused((weighted.name, "its sums could leave 32 bits"))
        self.reach = max(current, potential) / STATE
        exact = (part["rounded_weights"] == 0 and bias_error == 0 and exact_start and self.dv == 0
                 and self.fires_alike(at / grid, grid, potential / grid, steps))
        self.start = self.earlier(start, depth)
        if self.start is None:
            raise Refused((neurons.name, f"its starting voltage cannot be kept until the first spikes reach it, after {depth} steps with nothing but its bias"))
        # Dense would cut 256 off at 255 where all weights have one sign. Conv takes weights as they are.
        if stage.before[:2] == weighted.kernel == (1, 1) and self.weights.max() <= 0 and self.weights.min() < -127:
            raise Refused((weighted.name, "a weight of -128 where none is above 0: doubled, it is outside the chip's range"))
        part.update(scale=self.scale, bias_error=bias_error, board_threshold=(self.threshold + (grid >= 64)) * 64 / unit,
                    board_decay=1 - self.dv / 4096, reach=self.reach, exact=bool(exact))

    def whole(self, part):
        """Weights in steps of one scale for the whole layer: int8 ones as they are where they share a scale, others on their
        own grid where they have one."""
        w = self.stage.weighted
        if w.scale is not None and w.scale[0] > 0 and np.isfinite(w.scale[0]) and (w.scale == w.scale[0]).all():
            part["rounded_weights"] = 0
            return w.weights.astype(np.int64), float(w.scale[0])
        current = w.weights.astype(np.float64) * (np.float64(self.stage.value) if w.scale is None else w.scale.astype(np.float64))
        if not np.isfinite(current).all():
            raise Refused((w.name, "its weights or scales are not finite"))
        scale = common_step(current, float(self.stage.value)) or float(self.stage.neurons.threshold)
        exact = current / scale
        whole = nearest(exact)
        off = abs(exact - whole)
        part.update(rounded_weights=int((off > 1e-9).sum()), weight_error=float(off[off > 1e-9].max(initial=0)))
        return whole.astype(np.int64), scale

    def bias(self, unit):
        """Mantissas for every neuron, the smallest exponent that they all fit, and the largest error in steps of the weights."""
        count, bias = math.prod(self.stage.after), self.stage.weighted.bias
        if bias is None or not bias.any():
            return np.zeros(count, np.int64), 0, 0.0
        bias = bias.astype(np.float64)
        if not np.isfinite(bias).all():
            return None, 0, 0.0
        exponent = 0
        while nearest(abs(bias).max() * unit / (1 << exponent)) > MAX_BIAS:
            exponent += 1
            if exponent > MAX_EXP:
                return None, 0, 0.0
        mantissa = nearest(bias * unit / (1 << exponent)).astype(np.int64)
        board = (mantissa << exponent).astype(np.float64)
        error = np.where(board * self.scale != bias * STEP, abs(board - bias * unit) / STEP, 0).max()
        return np.tile(mantissa, count // len(bias)), exponent, float(error)

    def worst(self, start, steps):
        """The largest magnitudes that a current and a potential could have."""
        flat = self.weights.reshape(-1, self.stage.after[2]).astype(np.float64) * STEP * self.stage.max_count
        up, down = np.maximum(flat, 0).sum(0), np.maximum(-flat, 0).sum(0)
        tile = len(start) // len(up)
        up, down = np.tile(up, tile), np.tile(down, tile)
        high = np.maximum(self.threshold * 64.0, start) + up + np.maximum(self.offset, 0)
        low = np.maximum(-start, 0) + steps * (down + np.maximum(-self.offset, 0))
        return float(max(up.max(), down.max())), float(max(high.max(), low.max()))

    def fires_alike(self, at, grid, highest, steps):
        """Whether a neuron fires exactly when one does that adds up in float32; at and highest are in points of the grid."""
        if math.ceil(at) != self.threshold * 64 // grid + 1:
            return False
        if math.frexp(self.scale)[0] == 0.5 and highest < 1 << 24:
            return True
        return min(at - math.floor(at), math.ceil(at) - at) > 3 * steps * highest / (1 << 24)

    def earlier(self, start, steps):
        """Potentials that so many steps with nothing but the bias lead to start, or None."""
        kept, v = 4096 - self.dv, start.copy()
        for _ in range(steps):
            if (v > self.threshold * 64).any():
                return None
            decayed = v - self.offset
            size = (abs(decayed) * 4096 + kept - 1) // kept
            if (size >= STATE).any():
                return None
            v = np.where(decayed < 0, -size, size)
        return v

    def processes(self):
        """Lava's synapses and neurons, the shape that the former take, and that of the latter."""
        from lava.proc.conv.process import Conv
        from lava.proc.dense.process import Dense
        from lava.proc.lif.process import LIF

        stage, message = self.stage, 8 if self.stage.max_count > 1 else 0
        h, w, c = stage.before
        kernel, after = stage.weighted.kernel, stage.after
        if h == w == 1 and kernel == (1, 1):
            shape, after = (c,), (after[2],)
            synapses = Dense(weights=2 * self.weights.reshape(c, -1).T, weight_exp=0, num_weight_bits=8, num_message_bits=message)
        else:
            # Lava pads both sides alike: where less is needed in front, the kernel is given rows of zeros there. It
            # convolves, so that a kernel is flipped. Its axes W and H are our rows and columns.
            top, bottom, left, right = stage.pads()
            padding = max(top, bottom), max(left, right)
            wide = np.pad(self.weights, ((padding[0] - top, 0), (padding[1] - left, 0), (0, 0), (0, 0)))
            shape = stage.before
            synapses = Conv(weight=2 * wide[::-1, ::-1].transpose(3, 0, 1, 2), input_shape=shape, stride=stage.weighted.stride,
                            padding=padding, num_message_bits=message)
            assert tuple(synapses.output_shape) == after
        neurons = LIF(shape=after, du=4095, dv=self.dv, vth=self.threshold, v=self.start.reshape(after),
                      bias_mant=self.mantissa.reshape(after), bias_exp=np.full(after, self.exponent))
        return synapses, neurons, shape, after

    def saturated(self, spikes, v):
        """Times that a state left its range, from the spikes in [T][H][W][C] and the potentials [T][n] that Lava went through."""
        flat = 2 * self.weights.reshape(-1, self.stage.after[2]).astype(np.float64)
        v, u = np.concatenate([self.start[np.newaxis], v]).astype(np.int64), np.zeros(v.shape, np.int64)
        for t, counts in enumerate(spikes[:-1]):  # a step's spikes arrive at the next
            u[t + 1] = (windows(self.stage, counts) @ flat).ravel().astype(np.int64)
        count = 0
        if self.stage.before[:2] != (1, 1):
            wrapped = ((u + STATE) & (2 * STATE - 1)) - STATE
            count, u = int((wrapped != u).sum()), wrapped
        u <<= 6
        beyond = (u > STATE) | (u <= -STATE)
        count += int(beyond.sum())
        u = np.where(u > STATE, u - 2 * STATE, np.where(u <= -STATE, u + 2 * STATE, u))
        y = np.sign(v[:-1]) * (abs(v[:-1]) * (4096 - self.dv) >> 12) + u + self.offset
        return count + int(((y >= STATE) | (y <= -STATE)).sum())


class Placed:
    def __init__(self, network, layers, report, config):
        self.network, self.layers, self.report, self.config = network, layers, report, config

    def run(self, train):
        """Lava's processes are made anew for every run: buffers, currents and potentials are then as at the start."""
        from lava.magma.core.run_conditions import RunSteps
        from lava.proc.io.sink import RingBuffer as Sink
        from lava.proc.io.source import RingBuffer as Source
        from lava.proc.monitor.process import Monitor

        train = self.network.pooled(train, -1)
        steps = len(train) + len(self.layers)
        shown = np.zeros((steps, *train.shape[1:]), np.int32)
        shown[:len(train)] = train
        watch = any(layer.reach > 1 for layer in self.layers)
        port, sinks, monitors, neurons = None, [], [], None
        for layer in self.layers:
            synapses, neurons, takes, gives = layer.processes()
            if port is None:
                port, last = Source(data=np.moveaxis(shown.reshape(steps, *takes), 0, -1)).s_out, takes
            if last != takes:
                port = port.reshape(takes)
            port.connect(synapses.s_in)
            synapses.a_out.connect(neurons.a_in)
            sink = Sink(shape=gives, buffer=steps)
            neurons.s_out.connect(sink.a_in)
            sinks.append(sink)
            if watch:
                monitors.append((Monitor(), neurons))
                monitors[-1][0].probe(neurons.v, steps)
            port, last = neurons.s_out, gives
        try:
            neurons.run(RunSteps(num_steps=steps), self.config())
            spikes = [np.moveaxis(sink.data.get(), -1, 0).astype(np.uint8) for sink in sinks]
            potentials = [m.get_data()[n.name]["v"].reshape(steps, -1) for m, n in monitors]
        finally:
            neurons.stop()
        layers, saturated, incoming = {}, 0, shown
        for i, (layer, made) in enumerate(zip(self.layers, spikes)):
            stage = layer.stage
            layers[stage.neurons.name] = made[i + 1:][:len(train)].reshape(-1, *stage.after)
            if watch:
                saturated += layer.saturated(incoming.reshape(steps, *stage.before), potentials[i])
            incoming = made
        return Run(layers, steps, saturated)
