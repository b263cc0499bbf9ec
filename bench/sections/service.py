"""(c) Over HTTP, beside the Python service that people would write."""

import time

from harness import report, service
from harness.pairs import REST, Spread

TITLE = "(c) Over HTTP"
NOTE = """The whole of both services and the client of bench/load share all cores; the client is the same for both. The
Python service has one uvicorn worker a core with uvloop and httptools, ONNX Runtime on one thread in each, and no
access log; ours runs as it comes. Connections are opened one after another, so that both of the Python service's workers get some,
and stay open; each has one request at a time. Throughput and latencies are
medians over {rounds} rounds, taken in turn; the ratio is the throughput's, round by round, ours to theirs."""


def run(w, goals):
    rounds = max(3, w.effort.rounds // 3)
    twin, server = w.twin(), w.server()
    parts = [NOTE.format(rounds=rounds).replace("\n", " ")]
    for title, model, other, key in (("The default model beside its ReLU twin in int8", w.default, twin, "h"),
                                     ("snnxray-int8 beside the article's network in float32", w.models["spiking"].path, None, "c")):
        with service.spikeray(server, model) as ours, service.python(w, other) as theirs:
            for name, list_, pictures, kind in w.kinds():
                if list_ is None:
                    parts.append(f"**{title}. {name}**: skipped, the folder is not here.")
                    continue
                rows = []
                for connections in (1, 16):
                    passes = {"originals": 12, "small": 32}[kind] if connections > 1 else {"originals": 2, "small": 16}[kind]
                    requests = w.effort.tasks(passes * len(pictures))
                    found = _interleave((ours, theirs), w.load, list_, connections, requests, rounds)
                    faster = Spread.of([a["per_second"] / b["per_second"] for a, b in zip(found[ours], found[theirs], strict=True)])
                    _same(w, model, list_, found[ours])
                    rows += [_row(s.name, connections, found[s], "" if s is ours else report.times(faster)) for s in (ours, theirs)]
                    if connections == 16:
                        goals[f"{key}_{kind}"] = faster
                parts.append(f"**{title}. {name}**\n\n" + report.table(
                    ["", "connections", "requests a second", "quartiles", "p50, ms", "p95, ms", "p99, ms", "ours to theirs"], rows))
    return "\n\n".join(parts)


def _same(w, model, list_, found):
    """Ends the run if the server answered otherwise than the network does in process."""
    with w.spikeray("spikeray in process", model, w.one_core(), source=list_) as c:
        right = c.answers()["probabilities"]
    for f in found:
        if any(abs(a - b) > 1e-6 for a, b in zip(f["probabilities"], right)):
            raise RuntimeError("the server's answers are not those of the same model in process")


def _interleave(services, load, list_, connections, requests, rounds):
    found = {s: [] for s in services}
    for _ in range(rounds):
        for s in services:
            time.sleep(REST)
            found[s].append(s.ask(load, list_, connections, requests, warmup=4 * connections))
    return found


def _row(name, connections, found, faster):
    rate = Spread.of([f["per_second"] for f in found])
    latencies = [report.number(Spread.of([f[key] for f in found]).median) for key in ("p50_ms", "p95_ms", "p99_ms")]
    return [name, str(connections), f"**{report.number(rate.median)}**",
            f"{report.number(rate.low)} – {report.number(rate.high)}", *latencies, faster]
