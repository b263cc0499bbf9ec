"""Makes random networks, runs them on Lava's fixed-point process models, and writes what they did.

    python3.10 -m venv lava && lava/bin/pip install lava-nc
    lava/bin/python fuzz_lava.py --networks 300 --seed 1 cases.json
    SPIKERAY_LAVA_CASES=$PWD/cases.json go test ./pkg/hw/loihi -run FurtherLavaCases -v

edges.json beside this file is what --networks 0 writes. placed.json is a network of ours as it is put onto the chip, written
by go test -run PlacedNetworkOnLava -update, and what --fill adds to it.

Lava asks for Python below 3.11. On a newer one, pip install --no-deps --ignore-requires-python lava-nc, then 'numpy<2',
scipy, networkx and asteval; the shim below lets it be imported there. Networks reach every branch of the arithmetic: weights of one sign and of both, beyond their range, of
every width and exponent; currents that wrap around; membrane potentials at the end of their range; graded spikes.
"""

import argparse
import dataclasses
import json
import sys
import warnings

import numpy as np

STEPS = 40


def shim():
    """Lava has dataclasses whose defaults are objects; Python 3.11 refuses those that have no hash."""
    if sys.version_info < (3, 11):
        return
    original = dataclasses._get_field

    def get_field(cls, name, kind, kw_only):
        default = getattr(cls, name, dataclasses.MISSING)
        if type(default).__hash__ is None and not isinstance(default, (list, dict, set, dataclasses.Field)):
            setattr(cls, name, dataclasses.field(default_factory=lambda: default))
        return original(cls, name, kind, kw_only)

    dataclasses._get_field = get_field


def below(rng, bits):
    """A whole number from 0 to 2**bits - 1, small ones as likely as large ones."""
    return int(rng.integers(0, 1 << int(rng.integers(1, bits + 1))))


def signed(rng, shape, limit):
    """Weights of both signs or of one."""
    w = rng.integers(-limit, limit + 1, shape)
    return [w, w, abs(w), -abs(w)][rng.integers(4)]


def spikes(rng, steps, inputs, graded):
    x = rng.random((steps, inputs)) < rng.choice([0.1, 0.3, 0.7])
    return x * (rng.integers(-127, 128, x.shape) if graded else 1)


def neurons(rng, count):
    integrate = rng.random() < 0.3
    return {
        "du": 4095 if integrate or rng.random() < 0.2 else int(rng.integers(0, 4096)),
        "dv": 0 if integrate else below(rng, 12),
        "bm": rng.integers(-4096, 4096, count).tolist() if rng.random() < 0.7 else [0] * count,
        "be": int(rng.integers(0, 8)),
        "vth": below(rng, 17),
    }


def dense(rng):
    inputs, outputs = (int(n) for n in rng.integers(1, 9, 2))
    graded = bool(rng.integers(2))
    return {
        "kind": "dense",
        "w": signed(rng, (outputs, inputs), rng.choice([20, 127, 255, 300])).tolist(),
        "wexp": int(rng.integers(-6, 8)),
        "nwb": int(rng.integers(1, 9)),
        "mb": 8 * graded,
        **neurons(rng, outputs),
        "x": spikes(rng, STEPS, inputs, graded).tolist(),
    }


def conv(rng):
    kw, kh, stride, channels, kernels = (int(n) for n in rng.integers(1, 4, 5))
    # Lava fails where a kernel is larger than the map along one axis and smaller along the other.
    w, h, padding = int(rng.integers(kw, 8)), int(rng.integers(kh, 8)), int(rng.integers(0, 3))
    out = [(n + 2 * padding - k) // stride + 1 for n, k in ((w, kw), (h, kh))] + [kernels]
    graded = bool(rng.integers(2))
    return {
        "kind": "conv", "W": w, "H": h, "C": channels, "K": kernels, "kw": kw, "kh": kh, "st": stride, "pd": padding,
        "mb": 8 * graded,
        "w4": signed(rng, kernels * kw * kh * channels, 128).tolist(),
        **neurons(rng, int(np.prod(out))),
        "x": spikes(rng, STEPS, w * h * channels, graded).tolist(),
        "out": out,
    }


def chain(rng):
    """A convolution, and one or two dense layers behind it: the spikes of one layer reach the next a step later."""
    first = conv(rng)
    layers, width = [first], int(np.prod(first["out"]))
    for _ in range(rng.integers(1, 3)):
        layer = dense(rng)
        outputs = len(layer["w"])
        layer.update(w=signed(rng, (outputs, width), 255).tolist(), mb=0, vth=below(rng, 12))
        layers.append(layer)
        width = outputs
    first["vth"] = below(rng, 12)
    x = first["x"]
    for layer in layers:
        del layer["x"]
    return {"kind": "chain", "layers": layers, "x": x}


def edges():
    """Where a comparison decides: currents of 2**23 and next to it, potentials at the threshold and at their ends."""
    one = {"kind": "dense", "w": [[128]], "wexp": 7, "nwb": 8, "mb": 8, "du": 4095, "dv": 0, "bm": [0], "be": 0, "vth": 131071}
    ends = [[n] for n in (8, -8, 7, 1, -9, 9, -8, -8, 16, 8, -1, -7, -127, 127, 0, 0) for _ in range(2)]
    counting = dict(one, w=[[1], [2], [-1]], wexp=0, mb=0, bm=[0, 0, 64], vth=4)
    return [
        dict(one, x=ends),
        dict(one, du=0, dv=4095, x=ends),
        dict(one, du=1, dv=1, w=[[-1]], wexp=0, x=ends),
        dict(counting, x=[[1]] * 20),
        dict(counting, w=[[0]] * 4, bm=[4095, -4096, -1, 1], be=7, vth=131071, x=[[0]] * 40),
        dict(counting, w=[[255, 255], [-256, 1]], nwb=1, bm=[3, -3], be=0, x=[[1, 0], [0, 1], [1, 1], [0, 0]] * 5),
    ]


def synapses(layer, inputs):
    """A layer's synapses, and the shapes of the spikes that they take and of the activations that they give."""
    from lava.proc.conv.process import Conv
    from lava.proc.dense.process import Dense

    if layer["kind"] == "conv":
        shape, out = (layer["W"], layer["H"], layer["C"]), tuple(layer["out"])
        process = Conv(
            weight=np.array(layer["w4"]).reshape(layer["K"], layer["kw"], layer["kh"], layer["C"]), input_shape=shape,
            stride=layer.get("stride", layer["st"]), padding=layer.get("padding", layer["pd"]), num_message_bits=layer["mb"],
        )
        assert out == tuple(process.output_shape)
        return process, shape, out
    process = Dense(
        weights=np.array(layer["w"]), weight_exp=layer["wexp"], num_weight_bits=layer["nwb"], num_message_bits=layer["mb"],
    )
    return process, (inputs,), (len(layer["w"]),)


def run(case):
    """Adds what Lava's processes make of a case: s, u and v of every neuron of the last layer at every step."""
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi1SimCfg
    from lava.proc.io.sink import RingBuffer as Sink
    from lava.proc.io.source import RingBuffer as Source
    from lava.proc.lif.process import LIF
    from lava.proc.monitor.process import Monitor

    x = np.array(case["x"])
    port, out = None, (x.shape[1],)
    for layer in case.get("layers", [case]):
        process, shape, to = synapses(layer, int(np.prod(out)))
        if port is None:  # a source's buffer is [..., T], and so is a sink's
            source = Source(data=np.moveaxis(x.reshape(len(x), *shape), 0, -1).astype(np.int32))
            port = source.s_out
        elif shape != out:
            port = port.reshape(shape)
        port.connect(process.s_in)
        lif = LIF(
            shape=to, du=layer["du"], dv=layer["dv"], vth=layer["vth"], v=np.array(layer.get("v0") or np.zeros(to, int)).reshape(to),
            bias_mant=np.array(layer["bm"]).reshape(to), bias_exp=np.full(to, layer["be"]),
        )
        process.a_out.connect(lif.a_in)
        port, out = lif.s_out, to
    sink = Sink(shape=out, buffer=len(x))
    port.connect(sink.a_in)
    monitors = {"u": Monitor(), "v": Monitor()}
    for name, monitor in monitors.items():
        monitor.probe(getattr(lif, name), len(x))
    try:
        lif.run(RunSteps(num_steps=len(x)), Loihi1SimCfg(select_tag="fixed_pt"))
        case["s"] = np.moveaxis(sink.data.get(), -1, 0).reshape(len(x), -1).astype(int).tolist()
        for name, monitor in monitors.items():
            data = monitor.get_data()[lif.name][name]
            case[name] = np.asarray(data).reshape(len(x), -1).astype(int).tolist()
    finally:
        lif.stop()
    return case


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file")
    parser.add_argument("--networks", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fill", action="store_true", help="run the cases of the file instead of new ones")
    args = parser.parse_args()
    shim()
    warnings.filterwarnings("ignore")
    rng = np.random.default_rng(args.seed)
    if args.fill:
        with open(args.file) as f:
            cases = json.load(f)
    else:
        cases = edges()
    cases = [run(case) for case in cases]
    for i in range(0 if args.fill else args.networks):
        cases.append(run((dense, conv, dense, chain)[i % 4](rng)))
        if (i + 1) % 50 == 0:
            print(f"{i + 1} networks", flush=True)
    with open(args.file, "w") as f:
        json.dump(cases, f)
    print(f"{len(cases)} networks, {sum(len(c['x']) for c in cases)} steps, {sum(map(sum, sum((c['s'] for c in cases), [])))} spikes")


if __name__ == "__main__":
    main()
