"""What a record costs: latency and rate with and without the audit log, on one connection and on sixteen, in turn."""
import json
import os
import subprocess

from journal import PACE, ROOT, SCRATCH, Server, row

SECONDS, ROUNDS = "6", 5
PICTURE = os.path.join(ROOT, "examples", "synthetic-normal.png")


def pace(s, connections):
    out = subprocess.run([PACE, "-address", f"127.0.0.1:{s.port}", "-file", PICTURE, "-connections", str(connections), "-seconds", SECONDS],
                         stdout=subprocess.PIPE, check=True).stdout
    return json.loads(out)


def main():
    with Server() as plain, Server("--audit", os.path.join(SCRATCH, "audit")) as audited:
        for connections in (1, 16):
            off, on = [], []
            for _ in range(ROUNDS):  # in turn, so that whatever else the machine does meets both
                off.append(pace(plain, connections))
                on.append(pace(audited, connections))
            best = [{k: min(r[k] for r in runs) for k in ("p50_ms", "p99_ms")} | {"per_second": max(r["per_second"] for r in runs)} for runs in (off, on)]
            failed = sum(n for r in off + on for code, n in r["statuses"].items() if code not in ("200", "503")) + sum(r["lost"] for r in off + on)
            added = {k: best[1][k] - best[0][k] for k in ("p50_ms", "p99_ms")}
            row(f"{connections} connection{'s' * (connections > 1)}, best of {ROUNDS}",
                f"without p50 {best[0]['p50_ms']:.2f}, p99 {best[0]['p99_ms']:.2f} ms, {best[0]['per_second']:.0f}/s; "
                f"with {best[1]['p50_ms']:.2f}, {best[1]['p99_ms']:.2f} ms, {best[1]['per_second']:.0f}/s; "
                f"added {added['p50_ms']:+.2f}, {added['p99_ms']:+.2f} ms", "none fails", failed == 0)
        m = audited.metrics()
        writes, answers = m["spikeray_audit_write_duration_seconds_count"], m['spikeray_audit_records_total{kind="answer"}']
        row("the disk", f"{m['spikeray_audit_write_duration_seconds_sum'] / writes * 1000:.2f} ms a write, {answers / writes:.2f} answers a write, "
            f"{m['spikeray_audit_bytes'] / answers:.0f} bytes an answer", "", True)


main()
