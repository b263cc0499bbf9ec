"""(d) The simulator over steps, beside the simulators that people train with."""

import contextlib

import numpy as np

from harness import report
from harness.pairs import Spread, interleave, ratio

TITLE = "(d) T steps of the simulator"
NOTE = """One picture at a time through the ReLU network with integrate-and-fire neurons in place of its convolutions' ReLUs
(reset by subtraction, a spike worth its threshold), shown for T steps; the first convolution is calculated once by all. snnTorch steps
its Leaky neurons without leak, SpikingJelly runs IFNode over all steps at once; both on Torch with oneDNN. *Off by* is the mean
difference of the probability from snnTorch's: rounding, and int8 weights more so, move a spike now and then. The network is there to be
timed: it was not trained as a spiking one."""
STEPS = (4, 8, 16)


def run(w, goals):
    parts = [NOTE.replace("\n", " ")]
    for cores, threads in ((w.one_core(), "one thread"), (w.cores, f"all {len(w.cores)} cores")):
        rows = []
        for steps in STEPS:
            rows += _measure(w, cores, steps, goals)
        parts.append(f"**{threads}**\n\n" + report.table(
            ["", "T", *report.MS, "÷ ours int8", "÷ ours float32", "off by"], rows))
        if len(w.cores) == 1:
            break
    return "\n\n".join(parts)


def _measure(w, cores, steps, goals):
    files = w.over_steps()
    with contextlib.ExitStack() as stack:
        int8, floats = (stack.enter_context(w.spikeray(f"spikeray {kind}", files[kind], cores, steps=steps)) for kind in ("int8", "float32"))
        peers = [stack.enter_context(w.peer(name, runtime, files["float32"], cores, extra=["--steps", steps]))
                 for name, runtime in (("snnTorch", "snntorch"), ("SpikingJelly", "spikingjelly"))]
        contenders = [int8, floats, *peers]
        right = np.array(peers[0].answers()["probabilities"])
        off = {c: np.abs(np.array(c.answers()["probabilities"]) - right).mean() for c in contenders}
        for c in (floats, peers[1]):
            if off[c] > 0.02:
                raise RuntimeError(f"{c.name} is {off[c]:.3f} off in the mean: it is not the network that snnTorch runs")
        found = interleave(contenders, max(3, w.effort.rounds // 2), w.effort.tasks(max(4, 64 // steps)), warmup=2)
    if len(cores) == 1:
        goals[f"d_{steps}"] = ratio(found[peers[0].name], found[int8.name])
    return [[c.name, str(steps), *report.ms(Spread.of(found[c.name])), report.times(ratio(found[c.name], found[int8.name])),
             report.times(ratio(found[c.name], found[floats.name])), f"{off[c]:.1e}"] for c in contenders]
