"""(b) A picture's bytes to its probability, in one process and one thread."""

import contextlib

import numpy as np

from harness import report
from harness.pairs import Spread, interleave, ratio

TITLE = "(b) A JPEG's bytes to its probability, in process"
NOTE = """One thread. A figure is the mean over all the pictures, once through. Pillow prepares a picture as in training;
*draft* lets libjpeg scale while it decodes, which is quicker and changes the picture.
Ours does so for a model that says it may (`reduced_decoding` in its file): `cnnxray` does, `snnxray-int8` does not."""


def run(w, goals):
    parts = [NOTE.replace("\n", " ")]
    for name, list_, pictures, kind in w.kinds():
        if list_ is None:
            parts.append(f"**{name}**: skipped, the folder is not here.")
            continue
        head, rows = _measure(w, list_, len(pictures), goals, f"b_{kind}")
        parts.append(f"**{name}**, {len(pictures)} pictures\n\n{report.table(head, rows)}")
    return "\n\n".join(parts)


def _measure(w, list_, count, goals, key):
    cores = w.one_core()
    with contextlib.ExitStack() as stack:
        spiking, relu = (stack.enter_context(w.spikeray(w.models[m].title, w.models[m].path, cores, source=list_))
                         for m in ("spiking", "relu"))
        pillow = stack.enter_context(w.peer("Pillow + ONNX Runtime float32", "onnxruntime", w.onnx(1), cores, source=list_))
        draft = stack.enter_context(w.peer("the same with draft", "onnxruntime", w.onnx(1), cores, source=list_, extra=["--draft"]))
        int8 = stack.enter_context(w.peer("Pillow + ONNX Runtime int8", "onnxruntime", w.onnx(1, int8=True), cores, source=list_))
        contenders = [spiking, relu, pillow, draft, int8]
        right = np.array(pillow.answers()["probabilities"])
        off = {c: np.abs(np.array(c.answers()["probabilities"]) - right) for c in contenders}
        found = interleave(contenders, max(3, w.effort.rounds // 2), count, warmup=2)
    goals[key] = ratio(found[pillow.name], found[spiking.name])
    rows = [[c.name, *report.ms(Spread.of(found[c.name])), report.times(ratio(found[c.name], found[spiking.name])),
             "another network" if c is spiking else f"{off[c].mean():.1e} / {off[c].max():.1e}"] for c in contenders]
    return ["", *report.MS, f"÷ {spiking.name}", "off by, mean / worst"], rows
