"""(f) What the cost grows with: steps, pictures, spikes."""

import contextlib

import numpy as np

from harness import report
from harness.pairs import Spread, interleave, ratio
from peers import modelfile

TITLE = "(f) What the cost grows with"
DENSITIES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3)
STEPS = (1, 2, 4, 8, 16, 32)
BATCHES = (1, 2, 4, 8, 16, 32)


def run(w, goals):
    return "\n\n".join([_steps(w), _pictures(w), _spikes(w), _densities(w, goals)])


def _steps(w):
    file = w.over_steps()["int8"]
    found = _interleave(w, [(t, w.spikeray(f"T = {t}", file, w.one_core(), steps=t)) for t in STEPS], lambda t: max(4, 64 // t))
    rows, before = [], None
    for t in STEPS:
        each = "" if before is None else report.number(
            1e3 * Spread.of([(a - b) / (t - before) for a, b in zip(found[t], found[before], strict=True)]).median)
        rows.append([str(t), *report.ms(Spread.of(found[t])), each])
        before = t
    return ("**Steps**: the int8 network of (d), one thread. The last column is what each step more than in the row above takes; "
            "where it stays the same, the cost is linear.\n\n" + report.table(["T", *report.MS, "a further step, ms"], rows))


def _pictures(w):
    model = w.models["spiking"]
    found = _interleave(w, [(n, w.spikeray(f"{n} pictures", model.path, w.cores, batch=n)) for n in BATCHES], lambda n: max(3, 96 // n))
    rows = [[str(n), *report.ms(Spread.of(found[n])), report.number(Spread.of(found[n]).median / n * 1e3)] for n in BATCHES]
    return f"**Pictures**: {model.title}, all {len(w.cores)} cores.\n\n" + report.table(["pictures", *report.MS, "each, ms"], rows)


def _spikes(w):
    random = np.random.default_rng(2)
    shape = w.pictures.prepared.shape
    shown = {"black": np.zeros(shape, np.uint8), "the X-rays": w.pictures.prepared,
             "noise": random.integers(0, 256, shape, np.uint8), "black and white stripes": _stripes(shape)}
    rows = []
    for title, path, steps in ((w.models["spiking"].title, w.models["spiking"].path, 0), ("int8 network of (d), T = 8", w.over_steps()["int8"], 8)):
        contenders, rates = [], {}
        with contextlib.ExitStack() as stack:
            for name, pixels in shown.items():
                file = w.room / f"{name.replace(' ', '-')}.u8"
                pixels.tofile(file)
                c = stack.enter_context(w.spikeray(name, path, w.one_core(), prepared=file, steps=steps))
                contenders.append(c)
                rates[name] = c.answers()["spike_rate"]
            found = interleave(contenders, w.effort.rounds, w.effort.tasks(20), warmup=2)
        base = found["the X-rays"]
        for name in sorted(shown, key=rates.get):
            rows.append([f"{title}: {name}", report.number(rates[name]), *report.ms(Spread.of(found[name])), report.times(ratio(found[name], base))])
    return ("**Spikes**: one picture, one thread, from few spikes to many.\n\n"
            + report.table(["", "spikes a neuron and step", *report.MS, "÷ the X-rays"], rows))


def _densities(w, goals):
    """The network of (d) with all biases moved until its neurons fire as often as asked for."""
    path = w.over_steps()["int8"]
    description, tensors = modelfile.read(path)
    with contextlib.ExitStack() as stack:
        contenders, rates = {}, {}
        for density in DENSITIES:
            low, high = -4.0, 4.0
            for _ in range(14):
                moved = w.room / f"density-{density}.safetensors"
                offset = (low + high) / 2
                modelfile.write(moved, description, {k: (v + np.float32(offset) if k.endswith(".bias") and not k.startswith("dense3") else v) for k, v in tensors.items()})
                with w.spikeray("trial", moved, w.one_core(), steps=8) as trial:
                    rate = trial.answers()["spike_rate"]
                low, high = (offset, high) if rate < density else (low, offset)
            contenders[density] = stack.enter_context(w.spikeray(f"{density}", moved, w.one_core(), steps=8))
            rates[density] = rate
        found = interleave(list(contenders.values()), w.effort.rounds, w.effort.tasks(20), warmup=2)
    base = found["0.05"]
    goals["f_few"] = ratio(base, found["0.01"])
    return ("**Density**: the network of (d) at T = 8, one thread, with its biases moved so that neurons fire more or less often.\n\n"
            + report.table(["asked for", "spikes a neuron and step", *report.MS, "÷ 0.05"],
                           [[str(d), report.number(rates[d]), *report.ms(Spread.of(found[str(d)])), report.times(ratio(found[str(d)], base))] for d in DENSITIES]))


def _stripes(shape):
    stripes = np.zeros(shape, np.uint8)
    stripes[:, :, ::4] = 255
    stripes[:, :, 1::4] = 255
    return stripes


def _interleave(w, keyed, tasks):
    """As harness.pairs.interleave, by key and with tasks by key."""
    found = {key: [] for key, _ in keyed}
    with contextlib.ExitStack() as stack:
        for _, c in keyed:
            stack.enter_context(c)
        for _ in range(w.effort.rounds):
            for key, c in keyed:
                found[key] += interleave([c], 1, w.effort.tasks(tasks(key)), warmup=1)[c.name]
    return found
