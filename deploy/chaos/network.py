"""A bad network between callers and the server, by toxiproxy: whoever gets an answer gets a whole one, and its own. What only delays loses none."""
import os
import random
import sys
import time

from trial import PICTURES, SCRATCH, Caller, Server, Tally, Toxiproxy, Watch, chain, crowd, known, row, setting, settled, spikeray

SECONDS = setting("NETWORK_SECONDS", 30.0)
CALLERS = 8


def main():
    if not os.environ.get("TOXIPROXY"):
        row("a bad network", "no toxiproxy here", "", "skipped")
        sys.exit()
    answers, folder = known("spikeray"), os.path.join(SCRATCH, "audit")
    with Server("--log-level", "error", "--audit", folder) as s, Toxiproxy(s.port) as proxy:
        every = []
        warm = Tally(answers)
        [warm.ask(Caller(proxy.port, kept=False), path) for path in PICTURES]
        every.append(warm)
        watch = Watch(s.port)
        rest = watch.now()
        for k, name in enumerate(Toxiproxy.FAULTS):
            gentle = k < Toxiproxy.GENTLE
            tally, after = Tally(answers), Tally(answers)
            every += [tally, after]
            with proxy.fault(name):
                callers = [Caller(proxy.port, kept=k % 2 == 0, timeout=15) for k in range(CALLERS)]

                def call(k):
                    tally.ask(callers[k], random.choice(PICTURES))
                    time.sleep(0.02)

                crowd(CALLERS, call, SECONDS)()
                [c.close() for c in callers]
            [after.ask(Caller(proxy.port, kept=False), path) for path in PICTURES[:20]]
            if gentle:
                good, must = set(tally.ends) == {200}, "all 200"
            else:
                good, must = tally.count(200) < tally.sent and not tally.count(500), "whole or visibly broken"
            row(name, f"{tally.said()}; {tally.mixed} not their own; afterwards {after.said()}", f"{must}; 0; all 200",
                good and not tally.mixed + after.mixed + tally.untold and set(after.ends) == {200})
        watch.end()
        same, now = settled(watch.now, rest, 30, {"goroutines": 4, "descriptors": 4, "connections": 2, "picture memory": 0, "upload memory": 0})
        row("held afterwards", f"{now['goroutines']:.0f} goroutines, {now['descriptors']:.0f} descriptors, {now['connections']:.0f} connections",
            f"as before ({rest['goroutines']:.0f}, {rest['descriptors']:.0f}, {rest['connections']:.0f})", same)
        code = s.stop()
    verified, _ = spikeray("audit", "verify", folder)
    _, receipts = chain(folder)
    given = [r for tally in every for r in tally.receipts]
    missing = len(set(given) - set(receipts)) + len(given) - len(set(given))
    row("its audit log", f"verify {verified}, {len(receipts)} records, {missing} of {len(given)} answers without their record, exit {code}", "0, 0, exit 0",
        verified == 0 and missing == 0 and code == 0)


main()
