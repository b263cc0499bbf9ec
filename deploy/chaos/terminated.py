"""A server under load is ended by SIGTERM again and again, with the audit log and without, with --drain-delay and without: what was begun is
answered, and what was answered is recorded."""
import json
import os
import random
import signal
import threading
import time

from trial import BROKEN, DATA, PICTURES, SCRATCH, Caller, Server, chain, known, row, setting, spikeray

TIMES = setting("SIGTERMS", 50)
CALLERS = 16


class Client(threading.Thread):
    """Sends pictures one after the other, on one connection if it keeps it, until nobody listens, and notes what became of each.

    Lost is a request that the server has: one that was sent whole on a connection it had accepted, or before the signal, or of which
    some of an answer came. A connection that it had not accepted yet when it closed its port, or that it had said it would close, is
    another instance's; such requests are late."""

    def __init__(self, server, keep, answers):
        super().__init__(daemon=True)
        self.caller = Caller(server.port, kept=keep, timeout=40)
        self.answers, self.outcomes, self.receipts, self.mixed = answers, [], [], 0

    def run(self):
        while True:
            path, number = random.choice(PICTURES), f"{random.getrandbits(64):016x}"
            begun = time.monotonic()
            try:
                end, head, body = self.caller.ask(DATA[path], headers={"X-Request-Id": number})
                if end == 200:
                    answer = json.loads(body)
                    self.mixed += self.answers[answer["model"]["digest"], path] != answer["probability"] or not answer["id"].startswith(number)
                    self.receipts.append(head.get("X-Audit-Record", ""))
                told = not self.caller.kept or self.caller.connection is None
                self.outcomes.append((end, begun, self.caller.fresh, told))
            except ConnectionRefusedError:
                return
            except BROKEN as e:
                self.outcomes.append((type(e).__name__, begun, self.caller.fresh, True))


def once(answers, folder, delay, total):
    more = ["--audit", folder] if folder else []
    with Server("--drain-delay", delay, "--log-level", "error", *more) as s:
        clients = [Client(s, k % 2 == 0, answers) for k in range(CALLERS)]
        [c.start() for c in clients]
        time.sleep(random.uniform(0.3, 1.2))
        signalled = time.monotonic()
        s.process.send_signal(signal.SIGTERM)
        code = s.process.wait(60)
        took = time.monotonic() - signalled
        [c.join(60) for c in clients]
    total["exits"].append(code)
    total["took"].append(took)
    given = []
    for c in clients:
        given += c.receipts
        total["mixed"] += c.mixed
        for end, begun, fresh, told in c.outcomes:
            total["untold"] += not told and begun > signalled + 0.5  # for what was answered before the signal was seen
            if end in (200, 503):
                total[end] += 1
            elif begun >= signalled and fresh:
                total["late"] += 1
            else:
                total["lost"] += 1
                total["how"].add(f"{end} {begun - signalled:+.3f} s, {'a new' if fresh else 'a kept'} connection")
    if folder:
        code, _ = spikeray("audit", "verify", folder)
        _, receipts = chain(folder)
        total["unrecorded"] += len(set(given) - set(receipts)) + len(given) - len(set(given))
        total["unverified"] += code != 0


def main():
    answers = known("spikeray")
    for audited in (False, True):
        for delay in ("0s", "1s"):
            total = {"exits": [], "took": [], "mixed": 0, 200: 0, 503: 0, "late": 0, "untold": 0, "lost": 0, "how": set(), "unrecorded": 0, "unverified": 0}
            times = (TIMES + 1) // 2
            for i in range(times):
                once(answers, os.path.join(SCRATCH, f"audit-{delay}-{i}") if audited else "", delay, total)
            row(f"SIGTERM under load, {times} times, --drain-delay {delay}{', --audit' if audited else ''}",
                f"{total['lost']} lost, {total['mixed']} not their own, of {total[200]} answered; {total[503]} told 503 " + "; ".join(sorted(total["how"])[:4]),
                "0, 0", total["lost"] == total["mixed"] == 0)
            row("  its end", f"exits {sorted(set(total['exits']))}, the longest after {max(total['took']):.1f} s; {total['late']} connections that it had not accepted were reset; "
                f"{total['untold']} answers without Connection: close", "exit 0; within 5 s; 1 in 100; 0", not total["untold"] and not any(total["exits"]) and max(total["took"]) < 5 and total["late"] <= total[200] / 100)
            if audited:
                row("  its audit log", f"{total['unrecorded']} answers without their record, {total['unverified']} logs that do not verify", "0, 0",
                    total["unrecorded"] == total["unverified"] == 0)


main()
