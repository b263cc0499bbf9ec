"""Twice the capacity, whether or not it is answered: who is taken is answered nearly as fast as without load, everybody else is told 503 at once.

The server has a machine of its own, as far as one machine can be two: the client, deploy/load/pace, has the last core and the server the others.
"""
import glob
import json
import os
import shutil
import subprocess

from trial import PACE, ROOT, Server, Watch, row, setting, settled

SECONDS = setting("OVERLOAD_SECONDS", 600.0)
SOME = max(3.0, min(20.0, SECONDS / 10))  # for what is measured without overload
PICTURE = max(glob.glob(os.path.join(ROOT, "examples", "*.png")), key=os.path.getsize)
CORES = sorted(os.sched_getaffinity(0))
APART = [["taskset", "-c", ",".join(map(str, some))] for some in (CORES[:-1], CORES[-1:])] if len(CORES) > 1 and shutil.which("taskset") else [[], []]
CONNECTIONS = 64


def ask(server, connections, seconds, rate=0.0, callers=1):
    return json.loads(subprocess.check_output([*APART[1], PACE, "-address", f"127.0.0.1:{server.port}", "-file", PICTURE, "-rate", f"{rate:.1f}",
                                               "-connections", str(connections), "-seconds", str(seconds), "-callers", str(callers)]))


def trial(callers, name):
    with Server("--log-level", "error", wrap=APART[0]) as s:
        ask(s, 2, 2)
        before = ask(s, 1, SOME)
        workers = int(s.metrics()["spikeray_workers"])
        capacity = ask(s, workers + 1, SOME)["per_second"]
        watch = Watch(s.port)
        rest = watch.now()
        over = ask(s, CONNECTIONS, SECONDS, 2 * capacity, callers)
        watch.end()
        after = ask(s, 1, SOME)
        unloaded = (before["p99_ms"] + after["p99_ms"]) / 2
        offered, ratio = (sum(over["statuses"].values()) + over["lost"]) / over["seconds"], over["p99_ms"] / unloaded
        row(f"{name}: {offered:.0f}/s for {SECONDS:.0f} s, capacity {capacity:.0f}/s", f"{over['statuses']}, {over['lost']} lost, {over['untold']} untold",
            "only 200, and 503 with Retry-After", set(over["statuses"]) <= {"200", "503"} and not over["lost"] and not over["untold"])
        row("  was that twice?", f"{offered / capacity:.2f} times", "at least 1.9 times", offered >= 1.9 * capacity)
        row("  p99 of the accepted", f"{over['p99_ms']:.1f} ms, unloaded {before['p99_ms']:.1f} before, {after['p99_ms']:.1f} after: {ratio:.1f} times", "at most twice", ratio <= 2)
        row("  still answered", f"{over['per_second']:.0f}/s", "above half of the capacity", over["per_second"] > capacity / 2)
        same, now = settled(watch.now, rest, 10, {"goroutines": 4, "descriptors": 4, "connections": 2, "picture memory": 0, "upload memory": 0})
        early, late = (x / (1 << 20) for x in watch.growth("resident"))
        row("  held afterwards", f"{now['goroutines']:.0f} goroutines, {now['descriptors']:.0f} descriptors (before {rest['goroutines']:.0f}, {rest['descriptors']:.0f}); "
            f"resident {early:.0f} MB in the second sixth, {late:.0f} in the last", "as before; at most a tenth and 4 MB more", same and late <= early * 1.1 + 4)


trial(1, "one caller")
trial(8, "eight callers")
