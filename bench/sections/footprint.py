"""(e) Memory, start-up and size."""

import time

from harness import report, service
from harness.pairs import Spread
from harness.service import Watch
from harness.workplace import ROOT

TITLE = "(e) Memory, start and size"
NOTE = """Resident memory is summed over a service's processes. *At rest* is a second after it was ready; *at 16 connections* is the
most that was resident while {kind} were asked about {requests} times, sampled 20 times a second, with the kernel's own
high-water mark in brackets. Start is from the process being spawned to the first 200 of /readyz, with the files in the
page cache."""
MB = 1e6


def run(w, goals):
    server = w.server()
    list_, kind = (w.lists["originals"], "originals") if "originals" in w.lists else (w.lists["small"], "224-pixel pictures")
    requests = w.effort.tasks(480)
    rows, sizes = [], {}
    for start, times in ((lambda: service.spikeray(server, w.models["spiking"].path), 20), (lambda: service.python(w), 5)):
        name, rest, load, started = _measure(w, start, w.effort.tasks(times), list_, requests)
        sizes[name] = rest, load, started
        rows.append([name, f"**{rest['VmRSS'] / MB:.1f}**", f"{rest['Pss'] / MB:.1f}", f"**{load[0] / MB:.1f}** ({load[1] / MB:.1f})",
                     f"**{started.median * 1e3:.0f}** ({started.low * 1e3:.0f} – {started.high * 1e3:.0f})"])
    ours = sizes["spikeray"]
    goals["e_rest"] = Spread.of([ours[0]["VmRSS"] / MB])
    goals["e_load"] = Spread.of([ours[1][0] / MB])
    goals["e_start"] = Spread(*(1e3 * t for t in (ours[2].median, ours[2].low, ours[2].high, ours[2].least)))
    binary = server.stat().st_size
    image = binary + sum((ROOT / f).stat().st_size for f in ("LICENSE", "NOTICE"))
    return "\n\n".join([
        NOTE.format(kind=kind, requests=requests).replace("\n", " "),
        report.table(["", "at rest, MB", "shared pages once", "at 16 connections, MB", "start, ms (quartiles)"], rows),
        f"The binary, with the models in it, is {binary / MB:.1f} MB; the image, which is the binary and two texts on nothing, "
        f"{image / MB:.1f} MB."])


def _measure(w, start, times, list_, requests):
    started = []
    for _ in range(times - 1):
        with start() as s:
            started.append(s.started)
    with start() as s:
        started.append(s.started)
        time.sleep(1)
        rest = s.memory()
        with Watch(s) as watch:
            s.ask(w.load, list_, 16, requests, warmup=0)
        return s.name, rest, (watch.peak, s.memory()["VmHWM"]), Spread.of(started)
