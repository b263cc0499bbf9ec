"""The table of deploy/test-memory.sh, which says what it shows."""
import contextlib
import os
import sys
import threading
import time

from limits import Group, worst
from common import Server, read_all, status


def ask(server, name, picture, caller, answers):
    """Send one picture from an address of its own; what became of it."""
    import socket
    got = b""
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=120, source_address=(f"127.0.0.{caller}", 0)) as c:
            with contextlib.suppress(OSError):  # answered before all was sent
                c.sendall(b"POST /v1/predictions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(picture) + picture)
            got = read_all(c)
    except OSError:
        pass
    answers.append((name, status(got)))


def cell(limit, workers, files, rounds):
    group = Group(limit)
    answers, alive, peak, log = [], True, 0, ""
    try:
        server = Server("--workers", str(workers), wrap=group.into(), env={"GOMAXPROCS": str(workers)})
        callers = max(16, workers)
        names = list(files)

        def caller(n):
            for i in range(rounds):
                name = names[(n + i) % len(names)]
                ask(server, name, files[name], 2 + n % 8, answers)

        threads = [threading.Thread(target=caller, args=(n,)) for n in range(callers)]
        begin = time.time()
        [t.start() for t in threads]
        [t.join() for t in threads]
        took = time.time() - begin
        # One after the other each must be taken, or be refused for its size.
        alone = []
        for name, picture in files.items():
            ask(server, name, picture, 99, alone)
        alive = server.process.poll() is None
        peak = server.peak() if alive else float("nan")
        log = open(server.log).read()
        server.stop()
    finally:
        charged = group.peak()
        group.remove()
    count = {}
    for _, code in answers:
        count[code] = count.get(code, 0) + 1
    refused = [name for name, code in alone if code == 413]
    ok = alive and peak * (1 << 20) < 0.8 * limit and all(code in (200, 413, 503) for _, code in answers + alone) and \
        all(code in (200, 413) for _, code in alone) and count.get(200, 0) > 0 and "panic" not in log
    print(f"{limit >> 20:5} MiB {workers:3} workers  peak {peak:4.0f} MiB ({100 * peak * (1 << 20) / limit:3.0f} %)  charged {charged:>4} MiB  "
          f"{' '.join(f'{n}x {c}' for c, n in sorted(count.items())):24} {took:5.1f} s  "
          f"{'ok' if ok else 'failed'}{'  alone too large: ' + ', '.join(refused) if refused else ''}"
          f"{'' if alive else '  THE SERVER IS GONE'}{'' if ok else '  alone: ' + str(alone)}", flush=True)
    return ok


def main():
    files = worst()
    print("pictures:", ", ".join(f"{name} ({len(data) / 1e6:.1f} MB)" for name, data in files.items()), flush=True)
    limits = [int(a) for a in sys.argv[1:]] or [256, 512, 1024]
    good = [cell(limit << 20, workers, files, 3) for limit in limits for workers in map(int, os.environ.get("WORKERS", "2 8 32").split())]
    sys.exit(0 if all(good) else 1)


main()
