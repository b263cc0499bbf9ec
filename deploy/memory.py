"""The table of deploy/test-memory.sh, which says what it shows."""
import contextlib
import io
import os
import random
import struct
import sys
import threading
import time
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "load"))
from common import Server, pictures, read_all, status  # noqa: E402

NOISE = random.Random(1).randbytes(1 << 20)


def png(width, height, depth, channels, colour, noise):
    """A PNG whose rows begin with so many bytes of noise, for a file of the length that a radiograph has."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    deflate, out = zlib.compressobj(1), []
    rest = bytes(range(256)) * (width * channels * depth // 8 // 256 + 1)
    for y in range(height):
        at = y * 997 % (len(NOISE) - noise)
        row = NOISE[at:at + noise] + rest
        out.append(deflate.compress(b"\0" + row[:width * channels * depth // 8]))
    out.append(deflate.flush())
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)) + \
        chunk(b"IDAT", b"".join(out)) + chunk(b"IEND", b"")


def bmp(width, height):
    body = (NOISE * (width * height * 3 // len(NOISE) + 1))[:width * height * 3]
    return b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54 + len(body), 0, 0, 54, 40, width, height, 1, 24, 0, len(body), 0, 0, 0, 0) + body


def worst():
    """The largest pictures of each kind that the server takes with its default limits."""
    found = {
        "RGB 3520x4280": png(3520, 4280, 8, 3, 2, 2000),
        "RGBA, 16 bits, 4700x4700": png(4700, 4700, 16, 4, 6, 4000),
        "grey, 16 bits, 4890x4890": png(4890, 4890, 16, 1, 0, 4000),
        "BMP 3300x3300": bmp(3300, 3300),
    }
    with contextlib.suppress(ImportError):
        from PIL import Image
        for name, mode, side in (("progressive grey JPEG", "L", 4890), ("progressive colour JPEG", "RGB", 4890)):
            out = io.BytesIO()
            image = Image.frombytes("L", (1024, 1024), NOISE).resize((side, side)).convert(mode)
            image.save(out, "JPEG", progressive=True, quality=60, subsampling=0)
            found[name] = out.getvalue()
    found["ordinary"] = pictures()[0]
    return found


class Group:
    """A control group with a memory limit, of the version that there is."""

    def __init__(self, limit):
        v1, v2 = "/sys/fs/cgroup/memory", "/sys/fs/cgroup"
        self.v1 = os.path.isdir(v1)
        if not self.v1 and not os.path.exists(f"{v2}/cgroup.controllers"):
            raise SystemExit("no control groups here")
        self.path = f"{v1 if self.v1 else v2}/spikeray-{os.getpid()}-{limit >> 20}"
        if not self.v1:
            with contextlib.suppress(OSError):
                self.write(f"{v2}/cgroup.subtree_control", "+memory")
        os.mkdir(self.path)
        self.write("memory.limit_in_bytes" if self.v1 else "memory.max", str(limit))
        with contextlib.suppress(OSError):
            self.write("memory.memsw.limit_in_bytes" if self.v1 else "memory.swap.max", str(limit) if self.v1 else "0")

    def write(self, name, value):
        with open(os.path.join(self.path, name), "w") as f:
            f.write(value)

    def peak(self):
        """The most that was charged, pages of files among it, in MiB."""
        with contextlib.suppress(OSError), open(os.path.join(self.path, "memory.max_usage_in_bytes" if self.v1 else "memory.peak")) as f:
            return f"{int(f.read()) >> 20}"
        return "?"

    def remove(self):
        for _ in range(50):
            with contextlib.suppress(OSError):
                os.rmdir(self.path)
                return
            time.sleep(0.1)


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
    into = ["sh", "-c", f'echo $$ > {group.path}/cgroup.procs; exec "$@"', "sh"]
    answers, alive, peak, log = [], True, 0, ""
    try:
        server = Server("--workers", str(workers), wrap=into, env={"GOMAXPROCS": str(workers)})
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
