"""A disk that fills up: answers stop with 503 and a reason, readiness says no, and both recover by themselves. Needs root for a file system of 2 MB."""
import json
import os
import subprocess
import time

from journal import ROOT, SCRATCH, Server, chain, row, spikeray, status

PICTURE = open(os.path.join(ROOT, "examples", "synthetic-normal.png"), "rb").read()


def main():
    disk = os.path.join(SCRATCH, "disk")
    os.mkdir(disk)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], stderr=subprocess.DEVNULL).returncode:
        row("a disk that fills up", "no file system can be mounted here", "root", "skipped")
        return
    try:
        trial(disk)
    finally:
        subprocess.run(["umount", disk], check=True)


def trial(disk):
    folder, ballast = os.path.join(disk, "audit"), os.path.join(disk, "ballast")
    with Server("--audit", folder) as s:
        answered = sum(status(s.post(PICTURE)) == 200 for _ in range(5))
        with open(ballast, "wb", buffering=0) as f:
            try:
                while f.write(b"x" * 1024):
                    pass
            except OSError:
                pass
        refused, reason, retry, more = 0, "", False, 0
        for _ in range(40):
            a = s.post(PICTURE)
            if status(a) == 200:
                more += 1
            else:
                refused += 1
                reason = json.loads(a.partition(b"\r\n\r\n")[2])["type"].rpartition(":")[2]
                retry = b"\r\nRetry-After: " in a
        ready = status(s.get("/readyz"))
        m = s.metrics()
        row("a full disk", f"{refused} of 40 are {status(a)} {reason}, Retry-After {retry}; /readyz {ready}; spikeray_audit_failing {m['spikeray_audit_failing']:.0f}",
            "503 not-recorded, True; 503; 1", status(a) == 503 and reason == "not-recorded" and retry and ready == 503 and m["spikeray_audit_failing"] == 1)
        os.remove(ballast)
        begun = time.time()
        while status(s.post(PICTURE)) != 200 and time.time() < begun + 30:
            time.sleep(0.05)
        took = time.time() - begun
        row("room again", f"answers after {took:.1f} s, /readyz {status(s.get('/readyz'))}", "within 3 s, 200", took < 3 and status(s.get("/readyz")) == 200)
    code, _ = spikeray("audit", "verify", folder)
    records, _ = chain(folder)
    kinds = [r["kind"] for r in records]
    resume = [r["event"] for r in records if r["kind"] == "resume"]
    n = answered + more + 1
    row("its log", f"status {code}, {kinds.count('answer')} answers, {len(resume)} resume after {resume and resume[0].get('refused')} refusals",
        f"status 0, {n} answers, 1, at least {refused}", code == 0 and kinds.count("answer") == n and len(resume) == 1 and resume[0]["refused"] >= refused)


main()
