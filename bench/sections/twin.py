"""(g) The default model beside its ReLU twin, which is what one would use in its place."""

import contextlib

import numpy as np

from harness import report
from harness.pairs import Spread, interleave, ratio
from peers import modelfile

TITLE = "(g) The default model beside its ReLU twin"
NOTE = """The twin is the ReLU network that the default model was converted from, with its own calibration in `bench/twin`; int8 is quantised statically from it, by channel, calibrated on {n} other pictures.
The peers take pictures that are float32 and seen through the grey window already; ours takes 8 bits and does both. *AUC* is on `shifted`, a part of the official test{without}."""


def run(w, goals):
    twin, default = w.twin(), w.default
    title = f"spikeray {modelfile.header(default)[0]['version']}"
    parts = [NOTE.format(n=len(twin.calibration), without="" if twin.elsewhere else ", which is not at hand")]
    auc = _auc(w, twin, default, title) if twin.elsewhere else {}
    for cores, threads in ((w.one_core(), "one thread"), (w.cores, f"all {len(w.cores)} cores")):
        for batch in (1, 8):
            if len(cores) > 1 and len(w.cores) == 1:
                continue
            with contextlib.ExitStack() as stack:
                contenders = [stack.enter_context(c) for c in (
                    w.spikeray(title, default, cores, prepared=twin.raw, batch=batch),
                    w.spikeray("the twin, ours, float32", twin.path, cores, prepared=twin.raw, batch=batch),
                    *(w.peer(name, runtime, twin.onnx(batch, int8), cores, batch=batch, twin=twin) for name, runtime, int8 in PEERS))]
                found = interleave(contenders, w.effort.rounds, w.effort.tasks(60 // batch), warmup=max(1, 4 // batch))
            if batch == 1 and len(cores) == 1:
                goals["g_fp32"] = ratio(found["ONNX Runtime float32"], found[title])
                goals["g_int8"] = ratio(found["ONNX Runtime int8"], found[title])
            parts.append(f"**Batch {batch}, {threads}**\n\n" + report.table(
                ["", *report.MS, f"÷ {title}", "AUC"],
                [[c.name, *report.ms(Spread.of(found[c.name])), report.times(ratio(found[c.name], found[title])), auc.get(c.name, "")] for c in contenders]))
    parts.append(_by_steps(w, twin, default))
    for heading, source, files, kind in w.kinds():
        if not source:
            continue
        with contextlib.ExitStack() as stack:
            contenders = [stack.enter_context(c) for c in (
                w.spikeray(title, default, w.one_core(), source=source),
                w.peer("Pillow + ONNX Runtime int8", "onnxruntime", twin.onnx(1, True), w.one_core(), source=source, extra=["--windowed"], twin=twin))]
            found = interleave(contenders, w.effort.rounds, len(files), warmup=2)
        goals[f"g_{kind}"] = ratio(found["Pillow + ONNX Runtime int8"], found[title])
        parts.append(f"**A JPEG's bytes to its probability, {heading[0].lower()}{heading[1:]}, one thread, gate and all**\n\n" + report.table(
            ["", *report.MS, f"÷ {title}"], [[c.name, *report.ms(Spread.of(found[c.name])), report.times(ratio(found[c.name], found[title]))] for c in contenders]))
    return "\n\n".join(parts)


PEERS = (("ONNX Runtime float32", "onnxruntime", False), ("ONNX Runtime int8", "onnxruntime", True),
         ("OpenVINO float32", "openvino", False), ("OpenVINO int8", "openvino", True))


def _by_steps(w, twin, default):
    """What a step more costs, and what it is worth."""
    steps = range(1, modelfile.header(default)[0]["time"]["steps"] + 1)
    with contextlib.ExitStack() as stack:
        contenders = [stack.enter_context(w.spikeray(str(t), default, w.one_core(), prepared=twin.raw, steps=t)) for t in steps]
        found = interleave(contenders, w.effort.rounds, w.effort.tasks(60), warmup=4)
    worth = {}
    for t in steps if twin.elsewhere else ():
        with w.spikeray(str(t), default, w.cores, prepared=twin.raw_elsewhere, steps=t) as c:
            worth[str(t)] = _area(twin, c.answers()["probabilities"])
    return "**Steps: the default model shown for fewer than its own, one thread**\n\n" + report.table(
        ["T", *report.MS, "AUC"], [[c.name, *report.ms(Spread.of(found[c.name])), worth.get(c.name, "")] for c in contenders])


def _area(twin, probabilities):
    p = np.array(probabilities)
    ill, well = p[twin.labels == 1], p[twin.labels == 0]
    return f"{((ill[:, None] > well).mean() + (ill[:, None] == well).mean() / 2):.4f}"


def _auc(w, twin, default, title):
    """AUC on `shifted` by contender's name."""
    out, everywhere = {}, w.cores
    shown = Shown(twin, twin.elsewhere)
    for name, open_ in [(title, lambda: w.spikeray(title, default, everywhere, prepared=twin.raw_elsewhere)),
                        ("the twin, ours, float32", lambda: w.spikeray(title, twin.path, everywhere, prepared=twin.raw_elsewhere)),
                        *((name, lambda runtime=runtime, int8=int8: w.peer(name, runtime, twin.onnx(1, int8), everywhere, twin=shown)) for name, runtime, int8 in PEERS)]:
        with open_() as c:
            out[name] = _area(twin, c.answers()["probabilities"])
    return out


class Shown:
    """A twin with other pictures."""

    def __init__(self, twin, prepared):
        self.size, self.scale, self.positive, self.prepared = twin.size, twin.scale, twin.positive, prepared
