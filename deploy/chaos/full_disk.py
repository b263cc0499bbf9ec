"""Disks that fill up, that fail, and that cannot be written, under the audit log and under the outbox: what cannot be kept is refused as
the documents say, nothing that was promised is lost, and all goes on by itself when there is room. Needs root for file systems of its own."""
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time

from trial import BIN, BROKEN, CLEAN, DATA, HERE, PICTURES, SCRATCH, Server, chain, free_port, header, row, spikeray, status

sys.path.append(os.path.join(os.path.dirname(HERE), "pacs"))
from peers import Target, films, send_film, stow  # noqa: E402

PICTURE = DATA[PICTURES[0]]
FILM = re.compile(rb"PLANTED(?:ACC|ID)(\d+)")


def run(*command):
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode


@contextlib.contextmanager
def mounted(name, *options):
    """A file system in a folder, None where none can be mounted."""
    folder = os.path.join(SCRATCH, name)
    os.makedirs(folder, exist_ok=True)
    if run("mount", *options, folder):
        yield None
        return
    try:
        yield folder
    finally:
        if run("umount", folder):
            run("umount", "-l", folder)


def disk(name, size, *more):
    return mounted(name, "-t", "tmpfs", "-o", ",".join((f"size={size}", *more)), "tmpfs")


def fill(path):
    with open(path, "wb", buffering=0) as f, contextlib.suppress(OSError):
        while f.write(b"x" * 1024):
            pass


def problem(answer):
    """The kind of problem that an answer tells of."""
    with contextlib.suppress(ValueError, KeyError):
        return json.loads(answer.partition(b"\r\n\r\n")[2])["type"].rpartition(":")[2]
    return ""


def log(folder):
    """The log's state by verify, and its records by another implementation."""
    code, said = spikeray("audit", "verify", "--json", folder)
    records, receipts = chain(folder)
    return code, json.loads(said), records, set(receipts)


def full_log():
    with disk("disk", "2m") as place:
        folder, ballast, kept = os.path.join(place, "audit"), os.path.join(place, "ballast"), []

        def ask(s):
            a = s.post(PICTURE)
            if status(a) == 200:
                kept.append(header(a, "X-Audit-Record"))
            return a

        with Server("--audit", folder) as s:
            [ask(s) for _ in range(5)]
            fill(ballast)
            refused, reason, retry = 0, set(), True
            for _ in range(40):
                a = ask(s)
                if status(a) != 200:
                    refused += 1
                    reason.add((status(a), problem(a)))
                    retry = retry and b"\r\nRetry-After: " in a
            ready, m = status(s.get("/readyz")), s.metrics()
            row("a full disk under the audit log", f"{refused} of 40 are {sorted(reason)}, Retry-After {retry}; /readyz {ready}; spikeray_audit_failing {m['spikeray_audit_failing']:.0f}",
                "503 not-recorded, True; 503; 1", refused > 0 and reason == {(503, "not-recorded")} and retry and ready == 503 and m["spikeray_audit_failing"] == 1)
            os.remove(ballast)
            begun = time.time()
            while status(ask(s)) != 200 and time.time() < begun + 30:
                time.sleep(0.05)
            took = time.time() - begun
            row("  room again", f"answers after {took:.1f} s, /readyz {status(s.get('/readyz'))}", "within 3 s, 200", took < 3 and status(s.get("/readyz")) == 200)
        code, v, records, there = log(folder)
        kinds = [r["kind"] for r in records]
        resume = [r["event"] for r in records if r["kind"] == "resume"]
        lost = sum(k not in there for k in kept)
        row("  its log", f"status {code}, {v['faulty']} faults, {kinds.count('answer')} answers, {lost} of {len(kept)} lost, {len(resume)} resume after {resume and resume[0].get('refused')} refusals",
            f"status 0, 0, {len(kept)} answers, 0 lost, 1, at least {refused}",
            code == 0 and v["faulty"] == 0 and kinds.count("answer") == len(kept) and lost == 0 and len(resume) == 1 and resume[0]["refused"] >= refused)
        # Started on a disk that is full already.
        fill(ballast)
        with Unready("--audit", folder, "--audit-segment-bytes", "4K") as s:  # its first record needs a new file
            time.sleep(1)
            first, ready = status(s.post(PICTURE)), s.ready()
            os.remove(ballast)
            begun = time.time()
            while s.ready() != 200 and time.time() < begun + 10:
                time.sleep(0.05)
            took, then = time.time() - begun, status(s.post(PICTURE))
        code = log(folder)[0]
        row("started on a full disk, then room", f"{first}, /readyz {ready}; ready after {took:.1f} s, then {then}; verify {code}", "503, 503; within 3 s, 200; 0",
            (first, ready, then, code) == (503, 503, 200, 0) and took < 3)


class Unready(Server):
    """A server that has begun once it answers, ready or not."""

    def get(self, path, timeout=10, headers=""):
        return super().get(path.replace("/readyz", "/healthz"), timeout, headers)

    def ready(self):
        return status(super().get("/readyz"))


def numbers(target):
    return [int(FILM.search(body)[1]) for body in target.got]


def full_outbox():
    with disk("disk", "3m") as place:
        folder, ballast, target, port = os.path.join(place, "outbox"), os.path.join(place, "ballast"), Target(up=False), free_port()
        every = {i: path for i, path in enumerate(films(60), 1)}
        waiting, taken, ends = sorted(every), [], {}

        def send(s):
            number = waiting.pop(0)
            end = stow(s.port, [every[number]])[0]
            ends[end] = ends.get(end, 0) + 1
            (taken if end == 200 else waiting).append(number)
            return end

        with Server("--outbox", folder, "--send", f"fhir=fhir+http://127.0.0.1:{target.port}/", "--dicom-listen", f"127.0.0.1:{port}") as s:
            [send(s) for _ in range(5)]
            fill(ballast)
            [send(s) for _ in range(30)]
            before = dict(ends)
            with open(every[60], "rb") as f:
                dimse = send_film(port, f.read())
            left = status(s.post(PICTURE)), status(s.get("/readyz"))
            row("a full disk under the outbox", f"films {before}, C-STORE {dimse}; /v1/predictions {left[0]}, /readyz {left[1]}",
                "the first 5 are 200, then 503, A700; 200", before.get(503, 0) > 0 and set(before) == {200, 503} and dimse == "A700" and left[0] == 200)
            target.up = True  # while the disk is still full: what is delivered needs no room
            begun = time.time()
            while waiting_in(s) > 0 and time.time() < begun + 60:
                time.sleep(0.1)
            row("  the target takes results, the disk still full", f"{len(set(numbers(target)))} of {len(taken)} delivered after {time.time() - begun:.1f} s, {waiting_in(s):.0f} wait",
                "all, 0", set(numbers(target)) == set(taken) and waiting_in(s) == 0)
            os.remove(ballast)
            while waiting and time.time() < begun + 90:
                if send(s) != 200:
                    time.sleep(0.2)
            while waiting_in(s) > 0 and time.time() < begun + 120:
                time.sleep(0.1)
            got = numbers(target)
            row("  room again", f"{len(taken)} films taken, {len(set(taken) - set(got))} lost, {len(got) - len(set(got))} came twice; the outbox holds {waiting_in(s):.0f}",
                "60, 0, 0; 0", len(taken) == 60 and set(taken) == set(got) and len(got) == len(set(got)) and waiting_in(s) == 0)
        target.shutdown()


def waiting_in(s):
    return sum(v for k, v in s.metrics().items() if k.startswith("spikeray_outbox_items"))


def failing():
    """A disk that says EIO: a file system in a file on a disk that is too small for it."""
    with disk("behind", "12m") as behind:
        image = os.path.join(behind, "image")
        with open(image, "wb") as f:
            f.truncate(64 << 20)
        if run("mkfs.ext4", "-q", "-F", image):
            row("a disk that fails", "no mkfs.ext4", "", "skipped")
            return
        target, kept, taken = Target(up=False), [], []
        every = films(200)

        def flags(place):
            return ["--audit", os.path.join(place, "audit"), "--outbox", os.path.join(place, "outbox"), "--send", f"fhir=fhir+http://127.0.0.1:{target.port}/"]

        with mounted("disk", "-o", "loop", image) as place:
            if place is None:
                row("a disk that fails", "no loop device", "", "skipped")
                return
            s = Server(*flags(place))
            ends = {}

            def ask_all(paths):
                for path in paths:
                    a = s.post(PICTURE)
                    end = f"{status(a)} {problem(a)}".strip()
                    ends[end] = ends.get(end, 0) + 1
                    if status(a) == 200:
                        kept.append(header(a, "X-Audit-Record"))
                    try:
                        end = stow(s.port, [path])[0]
                    except BROKEN as e:
                        end = type(e).__name__
                    ends[f"film {end}"] = ends.get(f"film {end}", 0) + 1
                    if end == 200:
                        taken.append(int(re.search(r"(\d+)\.dcm", path)[1]))

            ask_all(every[:20])
            fill(os.path.join(behind, "ballast"))  # from now on what the file system writes anew fails, at a sync
            ask_all(every[20:])
            ready = status(s.get("/readyz"))
            alive = s.process.poll() is None
            s.stop(signal.SIGKILL)
            bad = [e for e in ends if e not in ("200", "503 not-recorded", "film 200", "film 503")]
            row("a disk that fails with EIO, under both", f"{ends}; /readyz {ready}; running {alive}", "200 and 503 only, 503 among them",
                alive and not bad and ends.get("503 not-recorded", 0) > 0)
        os.remove(os.path.join(behind, "ballast"))
        run("mount", "-o", "remount,size=80m", behind)
        code = run("e2fsck", "-fy", image)
        with mounted("disk", "-o", "loop", image) as place:
            target.up = True
            try:
                with Server(*flags(place)) as s:
                    begun = time.time()
                    while waiting_in(s) > 0 and time.time() < begun + 60:
                        time.sleep(0.1)
                started = "starts"
            except SystemExit as e:
                started = str(e)[-200:].replace("\n", " ")
            status_, v, records, there = log(os.path.join(place, "audit"))
            lost, films_lost = sum(k not in there for k in kept), set(taken) - set(numbers(target))
            row("  repaired, and started anew", f"e2fsck {code}; {started}; verify {status_}, {v['faulty']} faults; {lost} of {len(kept)} records and {len(films_lost)} of {len(taken)} results lost",
                "starts; 0, 0; 0 and 0", started == "starts" and status_ == 0 and lost == 0 and not films_lost)
        target.shutdown()


def read_only():
    with disk("disk", "8m") as place:
        for name in "audit", "outbox":
            os.mkdir(os.path.join(place, name))
        with Server("--audit", os.path.join(place, "audit")) as s:
            s.post(PICTURE)
        run("mount", "-o", "remount,ro", place)
        for name, flags in ("audit log", ["--audit", os.path.join(place, "audit")]), ("outbox", ["--outbox", os.path.join(place, "outbox"), "--send", "fhir=fhir+http://127.0.0.1:1/"]):
            begun = time.time()
            try:
                done = subprocess.run([BIN, "serve", "--addr", "127.0.0.1:0", *flags], env=CLEAN, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
                code, said = done.returncode, done.stdout.decode(errors="replace")
            except subprocess.TimeoutExpired:
                code, said = "none", ""
            row(f"a read-only {name}", f"exit {code} after {time.time() - begun:.1f} s: {said.strip().splitlines()[-1][-60:] if said.strip() else ''}", "not started, and says why",
                code not in (0, "none") and "read-only" in said)
        code, _, _, _ = log(os.path.join(place, "audit"))
        row("  audit verify on it", f"status {code}", "0", code == 0)


def main():
    with disk("disk", "1m") as place:
        if place is None:
            row("disks that fill up", "no file system can be mounted here", "root", "skipped")
            return
    for part in sys.argv[1:] or ("full_log", "full_outbox", "failing", "read_only"):
        globals()[part]()


main()
