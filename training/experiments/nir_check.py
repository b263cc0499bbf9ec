"""Run an exported NIR graph in other tools that read NIR, and count the spikes that differ from the reference
simulator's.

    pip install norse==1.1.0 snntorch==1.0.0 nirtorch==2.6
    python training/experiments/nir_check.py                          (random small networks)
    python training/experiments/nir_check.py --model MODEL [--pictures FOLDER] [--limit 8]

The tools read the graph by themselves. What NIR leaves open is then set from the sidecar: the potentials at the start,
the reset, and where a tool reads something else than NIR says, that (see the functions). With --as-read nothing is
set.
"""

import argparse
import contextlib
import io
import pathlib
import tempfile
from collections import Counter

import numpy as np

from spikeray import data, modelfile
from spikeray.modelfile import Description, IntegrateAndFire, Neurons, Tensors, simulator
from spikeray.nir import export
from spikeray.nir.sidecar import read_sidecar, sidecar_of


def snntorch(path, notes, starts, spikes, as_read=False) -> dict[str, np.ndarray]:
    """Spikes by node, [T] and the node's shape, of snnTorch.

    snnTorch 1.0 reads an IF as a Leaky of beta 0.9, takes off the threshold whatever the graph's v_reset, and once
    more a step later where a potential is still above it; a LIF it resets to zero, and its potentials are NIR's times
    tau over the time step.
    """
    import nir
    import torch
    from snntorch.import_nir import import_from_nir

    with contextlib.redirect_stdout(io.StringIO()):
        net = import_from_nir(nir.read(path))
    nodes = {name: net.get_submodule(name) for name in starts}
    for name, m in nodes.items():
        m.init_hidden, m.output = True, False
        if not as_read:
            note = notes["nodes"][name]
            m.beta = torch.tensor(note.get("decay", 1.0))
            zero = note["reset"] == "zero"
            m.reset_mechanism_val, m.state_function = torch.tensor(int(zero)), m._base_zero if zero else m._base_sub
            m.mem_reset = torch.zeros_like
            m.mem = torch.from_numpy(starts[name]) / (1 - note.get("decay", 0))
    return _run(torch, nodes, lambda x, state: (net(x), None), None, spikes)


def norse(path, notes, starts, spikes, as_read=False) -> dict[str, np.ndarray]:
    """The same of Norse 1.1, which resets to zero, IF and LIF, and is told the time step."""
    import nir
    import norse.torch as norse
    import torch
    from nirtorch.graph_executor import GraphExecutorState
    from norse.torch.functional.iaf import IAFFeedForwardState
    from norse.torch.functional.lif_box import LIFBoxFeedForwardState

    if not as_read and any(n.get("reset") == "subtract" for n in notes["nodes"].values()):
        raise ValueError("Norse has no IF that is reset by subtraction")
    net = norse.from_nir(nir.read(path), dt=notes["time_step"])
    nodes = {name: net.get_submodule(name) for name in starts}
    state = None if as_read else GraphExecutorState()
    if not as_read:
        for name, v in starts.items():
            kind = LIFBoxFeedForwardState if "decay" in notes["nodes"][name] else IAFFeedForwardState
            state.state[name] = (kind(v=torch.from_numpy(v)),)
    return _run(torch, nodes, net, state, spikes)


TOOLS = {"snntorch": snntorch, "norse": norse}


def _run(torch, nodes, net, state, spikes):
    out = {name: [] for name in nodes}

    def keep(name):
        return lambda module, args, result: out[name].append(
            (result[0] if isinstance(result, tuple) else result).detach().numpy().copy()
        )

    for name, m in nodes.items():
        m.register_forward_hook(keep(name))
    with torch.no_grad():
        for x in spikes:
            _, state = net(torch.from_numpy(x), state)
    return {name: np.array(s) for name, s in out.items()}


def compare(tool, path, model, answer, as_read=False) -> tuple[Counter, Counter, Counter]:
    """(neurons times steps, spikes of ours, of these differing), by layer, for one answer of the simulator."""
    description, tensors = model
    notes = read_sidecar(sidecar_of(path), path)
    layers = description.layers
    first, end = export.body(description)
    front = next(layer.name for layer in reversed(layers[:first]) if isinstance(layer, Neurons))
    spikes = answer.counts[front].astype(np.float32)
    for layer in layers[:first][::-1]:
        if isinstance(layer, Neurons):
            break
        spikes = np.array([simulator.apply(layer, tensors, s) for s in spikes])
    starts = {}
    for layer in layers[first:end]:
        if isinstance(layer, IntegrateAndFire):
            v = simulator.start(layer, answer.counts[layer.name].shape[1:]) * np.float32(1 - (layer.decay or 0))
            starts[layer.name] = np.ascontiguousarray(_chw(v[None])[0])
    got = TOOLS[tool](str(path), notes, starts, np.ascontiguousarray(_chw(spikes)), as_read)
    every, fired, differing = Counter(), Counter(), Counter()
    for name in starts:
        want = _chw(answer.counts[name])
        every[name], fired[name], differing[name] = want.size, int(want.sum()), int((got[name] != want).sum())
    return every, fired, differing


def _chw(x):
    return x.transpose(0, 3, 1, 2) if x.ndim == 4 else x


def random_model(rng, reset="zero", leaky=False, whole=True, uniform=False) -> tuple[Description, Tensors]:
    """A small random model: a front, convolutions of odd strides and paddings, dense layers or a mean.

    With `whole`, every weight, bias and threshold is a multiple of 1/64, so that float32 holds every potential
    exactly.
    """

    def numbers(*shape, size=1.0):
        x = rng.normal(0, size, shape)
        return (np.rint(x * 64) / 64 if whole else x).astype(np.float32)

    def neurons(name, model="integrate_and_fire", how=reset, **more):
        start = (
            {"kind": "uniform", "seed": int(rng.integers(1 << 60))}
            if uniform
            else {"kind": "constant", "value": float(rng.choice([0, 0.25, 0.5]))}
        )
        return {
            "type": "neurons",
            "name": name,
            "model": model,
            "threshold": float(rng.choice([0.5, 1, 1.25])),
            "reset": how,
            "amplitude": float(rng.choice([0.5, 1, 2])),
            "start": start,
            **more,
        }

    h, w, c = (int(rng.integers(9, 17)) for _ in range(3))
    layers = [
        {
            "type": "conv2d",
            "name": "stem",
            "kernel": [3, 3],
            "stride": [1, 1],
            "padding": "same",
            "channels": c,
            "weights": "stem.weights",
            "bias": "stem.bias",
        },
        neurons("spike_stem", how="subtract"),
    ]
    tensors = {"stem.weights": numbers(3, 3, 1, c), "stem.bias": numbers(c)}
    more = {"model": "leaky_integrate_and_fire", "decay": float(rng.choice([0.5, 0.75, 0.875]))} if leaky else {}
    shape = (h, w)
    if rng.integers(2):
        layers.append({"type": "max_pool2d", "name": "pool_stem", "pool": [2, 2], "stride": [1, 2]})
        shape = (h - 1, (w - 2) // 2 + 1)
    for i in range(int(rng.integers(1, 4))):
        name, padding = f"conv{i}", str(rng.choice(["same", "valid"]))
        kernel, stride = ([int(k) for k in rng.integers(1, hi, 2)] for hi in (5, 4))
        if padding == "valid":
            kernel = [min(*kernel, *shape)] * 2  # sides of 2 and 3, say, cannot be written for every reader
        shape = tuple(-(-n // s) if padding == "same" else (n - k) // s + 1 for n, k, s in zip(shape, kernel, stride))
        out = int(rng.integers(2, 9))
        layers += [
            {
                "type": "conv2d",
                "name": name,
                "kernel": kernel,
                "stride": stride,
                "padding": padding,
                "channels": out,
                "weights": f"{name}.weights",
                "bias": f"{name}.bias",
            },
            neurons(f"spike{i}", **more),
        ]
        tensors |= {f"{name}.weights": numbers(*kernel, c, out, size=0.4), f"{name}.bias": numbers(out, size=0.2)}
        c = out
    size = c * shape[0] * shape[1]
    if rng.integers(3):
        layers += [
            {"type": "flatten", "name": "flatten"},
            {"type": "dense", "name": "dense", "units": 7, "weights": "dense.weights"},
            neurons("spike_dense", **more),
        ]
        tensors |= {"dense.weights": numbers(size, 7, size=0.4)}
        size = 7
    else:
        layers.append({"type": "flatten", "name": "flatten"})
    layers += [
        {"type": "dense", "name": "out", "units": 2, "weights": "out.weights"},
        {"type": "softmax", "name": "softmax"},
    ]
    tensors["out.weights"] = numbers(size, 2)
    description = {
        "format": 1,
        "name": "random",
        "version": "1.0.0",
        "summary": "random",
        "labels": ["a", "b"],
        "positive": "b",
        "preparation": {"width": w, "height": h, "resize": "bilinear_antialiased", "scale": 256},
        "time": {"axis": "steps", "steps": 12},
        "layers": layers,
        "threshold": 0.5,
        "training": {},
    }
    return Description.from_json(description), tensors


def random(tool, networks, folder, seed=0, as_read=False):
    """Sums over random networks: {kind: (networks, neurons times steps, spikes, differing)}. Norse: those reset to
    zero alone."""
    table = {}
    for reset in ("zero", "subtract"):
        for leaky in (False, True):
            if tool == "norse" and reset == "subtract":
                continue
            rng, sums = np.random.default_rng(seed), np.zeros(3, int)
            for i in range(networks):
                model = random_model(rng, reset, leaky, uniform=bool(i % 2))
                export.write(folder / "m.nir", *model)
                p = model[0].preparation
                picture = rng.integers(0, 256, (p.height, p.width), dtype=np.uint8)
                answer = simulator.run(*model, picture)
                sums += [sum(c.values()) for c in compare(tool, folder / "m.nir", model, answer, as_read)]
            table["LIF" if leaky else "IF", reset] = (networks, *sums.tolist())
    return table


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--model", type=pathlib.Path, help="a model file (default: random small networks)")
    ap.add_argument("--pictures", type=pathlib.Path, help="folder of pictures (default: noise)")
    ap.add_argument("--limit", type=int, default=4, help="pictures of --model")
    ap.add_argument("--networks", type=int, default=25, help="random networks of each kind")
    ap.add_argument("--tools", nargs="+", choices=TOOLS, default=list(TOOLS))
    ap.add_argument("--as-read", action="store_true", help="leave the tools as they read the graph")
    a = ap.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        if a.model:
            model = modelfile.read(a.model)
            export.write(folder / "m.nir", *model)
            answers = [simulator.run(*model, picture) for picture in _pictures(a, model[0].preparation)]
            print(f"{a.model}, {len(answers)} pictures")
        for tool in a.tools:
            if not a.model:
                for (kind, reset), row in random(tool, a.networks, folder, as_read=a.as_read).items():
                    print(
                        "{}, {} reset by {}: {} networks, {} neurons times steps, {} spikes, {} differing".format(
                            tool, kind, reset, *row
                        ),
                        flush=True,
                    )
                continue
            sums = [Counter(), Counter(), Counter()]
            try:
                for answer in answers:
                    for total, one in zip(sums, compare(tool, folder / "m.nir", model, answer, a.as_read)):
                        total.update(one)
            except ValueError as e:
                print(f"{tool}: {e}")
                continue
            for name in sums[0]:
                print(
                    f"{tool}, {name}: {sums[0][name]} neurons times steps, {sums[1][name]} spikes, {sums[2][name]} "
                    "differing",
                    flush=True,
                )


def _pictures(a, p):
    if not a.pictures:
        rng = np.random.default_rng(0)
        return [rng.integers(0, 256, (p.height, p.width), dtype=np.uint8) for _ in range(a.limit)]
    files = sorted(f for f in a.pictures.rglob("*") if f.suffix.lower() in (".png", ".jpg", ".jpeg"))[: a.limit]
    return [np.rint(data.prepare(f, p.width)[..., 0] * 255).astype(np.uint8) for f in files]


if __name__ == "__main__":
    main()
