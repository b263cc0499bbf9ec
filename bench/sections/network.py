"""(a) The network alone: a prepared picture to a probability."""

import contextlib

import numpy as np

from harness import report
from harness.pairs import Spread, interleave, ratio
from harness.workplace import ROOT
from peers import modelfile, pictures

TITLE = "(a) The network alone: a prepared picture to its probability"
NOTE = """A batch's time is for the whole batch. The peers run the ReLU network, which is all that they can run, from
pictures that are float32 already; ours start from 8 bits. int8 peers are quantised statically from the same weights, by
channel, calibrated on {calibration} other pictures. *Off by* is the mean difference of the probability from ONNX Runtime
float32 over {pictures} pictures, for the same network."""


def run(w, goals):
    parts = []
    for cores, threads in ((w.one_core(), "one thread"), (w.cores, f"all {len(w.cores)} cores")):
        for batch in (1, 8):
            if len(cores) > 1 and len(w.cores) == 1:
                continue
            head, rows = _measure(w, cores, batch, goals)
            parts.append(f"**Batch {batch}, {threads}**\n\n{report.table(head, rows)}")
    parts.append(f"**The default model, batch 1, one thread**\n\n{_default(w)}")
    note = NOTE.format(calibration=len(w.pictures.calibration), pictures=len(w.pictures.prepared)).replace("\n", " ")
    return "\n\n".join([note, *parts])


def _measure(w, cores, batch, goals):
    with contextlib.ExitStack() as stack:
        def ours(name):
            return stack.enter_context(w.spikeray(w.models[name].title, w.models[name].path, cores, batch=batch))

        def peer(name, runtime, network, *extra):
            return stack.enter_context(w.peer(name, runtime, network, cores, batch=batch, extra=extra))

        spiking, relu = ours("spiking"), ours("relu")
        fp32 = peer("ONNX Runtime float32", "onnxruntime", w.onnx(batch))
        int8 = peer("ONNX Runtime int8", "onnxruntime", w.onnx(batch, int8=True))
        contenders = [
            spiking, relu, fp32, int8,
            peer("OpenVINO float32", "openvino", w.onnx(batch)),
            peer("OpenVINO bfloat16 where it likes", "openvino", w.onnx(batch), "--precision", "bf16"),
            peer("OpenVINO int8", "openvino", w.onnx(batch, int8=True)),
            peer("Torch, oneDNN, float32", "torch", w.models["relu"].path),
        ]
        right = np.array(fp32.answers()["probabilities"])
        off = {c: np.abs(np.array(c.answers()["probabilities"]) - right).mean() for c in contenders}
        if off[relu] > 1e-4:
            raise RuntimeError(f"{relu.name} is {off[relu]} off in the mean: it is not the network that the peers run")
        found = interleave(contenders, w.effort.rounds, w.effort.tasks(60 // batch), warmup=max(1, 4 // batch))
    if batch == 1 and len(cores) == 1:
        goals["a_fp32"] = ratio(found[fp32.name], found[spiking.name])
        goals["a_int8"] = ratio(found[int8.name], found[spiking.name])
        goals["a_float"] = ratio(found[fp32.name], found[relu.name])
    rows = [[c.name, *report.ms(Spread.of(found[c.name])), report.times(ratio(found[c.name], found[spiking.name])),
             report.times(ratio(found[c.name], found[relu.name])), "another network" if c is spiking else f"{off[c]:.1e}"]
            for c in contenders]
    return ["", *report.MS, f"÷ {spiking.name}", f"÷ {relu.name}", "off by"], rows


def _default(w):
    """The model that the server answers with unless told otherwise; no peer runs it."""
    path = ROOT / "models" / "spikeray.safetensors"
    size = modelfile.read(path)[0]["preparation"]["width"]
    prepared = w.room / "default.u8"
    np.stack([pictures.grey(p.read_bytes(), size) for p in w.pictures.small]).tofile(prepared)
    with contextlib.ExitStack() as stack:
        contenders = [stack.enter_context(c) for c in (
            w.spikeray("spikeray, the network alone", path, w.one_core(), prepared=prepared),
            w.spikeray("spikeray, JPEG of 224 pixels to its probability, gate and all", path, w.one_core(), source=w.lists["small"]))]
        found = interleave(contenders, w.effort.rounds, w.effort.tasks(60), warmup=4)
    return report.table(["", *report.MS], [[c.name, *report.ms(Spread.of(found[c.name]))] for c in contenders])
