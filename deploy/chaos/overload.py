"""Twice the capacity: who is taken is answered nearly as fast as without load, everybody else is told 503 at once.

The server has a machine of its own, as far as one machine can be two: the client, deploy/load/pace, has the last core and the server the others.
"""
import glob
import json
import os
import shutil
import subprocess

from common import ROOT, Server, row

SECONDS = 10
PICTURE = max(glob.glob(os.path.join(ROOT, "examples", "*.png")), key=os.path.getsize)


CORES = sorted(os.sched_getaffinity(0))
APART = [["taskset", "-c", ",".join(map(str, some))] for some in (CORES[:-1], CORES[-1:])] if len(CORES) > 1 and shutil.which("taskset") else [[], []]


def ask(server, connections, seconds, rate=0):
    return json.loads(subprocess.check_output([*APART[1], os.environ["PACE"], "-address", f"127.0.0.1:{server.port}", "-file", PICTURE, "-rate", f"{rate:.1f}",
                                               "-connections", str(connections), "-seconds", str(seconds)]))


with Server("--log-level", "error", wrap=APART[0]) as s:
    ask(s, 2, 2)
    unloaded = ask(s, 1, 5)
    workers = int(s.metrics()["spikeray_workers"])
    capacity = ask(s, workers + 1, 5)["per_second"]
    over = ask(s, 64, SECONDS, 2 * capacity)
    ratio = over["p99_ms"] / unloaded["p99_ms"]
    row(f"twice the capacity of {capacity:.0f}/s, {SECONDS} s", f"{over['statuses']}, {over['lost']} lost", "only 200 and 503, each with Retry-After",
        set(over["statuses"]) <= {"200", "503"} and not over["lost"] and not over["untold"])
    row("", f"p99 {over['p99_ms']:.1f} ms, unloaded {unloaded['p99_ms']:.1f} ms: {ratio:.1f} times", "at most 3 times", ratio <= 3)
    row("", f"{over['per_second']:.0f} answered a second", "above half of the capacity", over["per_second"] > capacity / 2)
