"""Servers of 128 and 256 MiB, by a real limit, are sent what is made to take memory and time, by every protocol, and ordinary pictures
between. The kernel kills none, hostile requests are refused, and no picture has another answer than without a limit."""
import gzip
import json
import os
import random
import struct
import sys
import threading
import time
import zlib

from trial import BROKEN, DATA, HERE, PICTURES, SCRATCH, Caller, Server, known, row, setting

sys.path[1:1] = [os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "pacs")]
from limits import Group, worst  # noqa: E402
from peers import Target, free_port, send_film  # noqa: E402

SECONDS = setting("MEMORY_SECONDS", 120)  # of each limit
LIMITS = 128, 256
NOISE = random.Random(2).randbytes(1 << 20)


# Pictures.

def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(width, height, depth, colour, data, *before):
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)) + b"".join(before) + \
        chunk(b"IDAT", data) + chunk(b"IEND", b"")


def zeros(n):
    """n zeros, deflated a thousand times smaller."""
    deflate = zlib.compressobj(9)
    return b"".join(deflate.compress(bytes(1 << 20)) for _ in range(n >> 20)) + deflate.flush()


def segment(marker, body):
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def scans(side, n, jpeg=0xC2):
    """A progressive JPEG of few bytes whose every scan goes over all of its blocks: one of DC, and then n of AC, each of ends of bands."""
    out = b"\xff\xd8" + segment(0xDB, b"\0" + b"\1" * 64) + segment(jpeg, struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0")
    out += segment(0xC4, b"\0" + b"\1" + bytes(15) + b"\0") + segment(0xC4, b"\x10" + b"\1" + bytes(15) + b"\xe0")
    blocks = ((side + 7) // 8) ** 2
    out += segment(0xDA, b"\1\1\0\0\0\0") + bytes(blocks // 8) + b"\x00"
    bits = "".join("0" + "1" * 14 for _ in range(-(-blocks // 32767)))
    bits += "1" * (-len(bits) % 8)
    ends = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    return out + b"".join(segment(0xDA, b"\1\1\0\1\x3f" + bytes([0x10 * (i > 0) + 0])) + ends for i in range(n)) + b"\xff\xd9"


def jpeg2000(width, height, tile, layers, levels):
    """A codestream with a head that promises much and noise for packets (ITU-T T.800, A.5 and A.6)."""
    out = b"\xff\x4f" + segment(0x51, struct.pack(">HIIIIIIIIH", 0, width, height, 0, 0, tile, tile, 0, 0, 1) + b"\x0f\1\1")
    out += segment(0x52, struct.pack(">BBHBBBBBB", 0, 0, layers, 0, levels, 4, 4, 0, 1)) + segment(0x5C, b"\x40" + b"\x80" * (3 * levels + 1))
    for t in range(20):
        packets = NOISE[t * 3000:t * 3000 + 3000].replace(b"\xff", b"\xfe")
        out += struct.pack(">HHHIBB", 0xFF90, 10, t, len(packets) + 14, 0, 1) + b"\xff\x93" + packets
    return out + b"\xff\xd9"


# DICOM.

def element(group, number, vr, value):
    value += (b"\0" if vr in (b"UI", b"OB") else b" ") * (len(value) % 2)
    long = vr in (b"OB", b"OW", b"SQ", b"UN")
    return struct.pack("<HH", group, number) + vr + (struct.pack("<HI", 0, len(value)) if long else struct.pack("<H", len(value))) + value


def dicom(syntax, rows, columns, pixels, bits=16, deflate=False, before=b""):
    """A film. pixels is the pixel data's element, or its value; before is what stands in front of it."""
    uid = b"2.25.%d" % random.getrandbits(100)
    d = element(8, 0x16, b"UI", b"1.2.840.10008.5.1.4.1.1.1.1") + element(8, 0x18, b"UI", uid) + element(8, 0x60, b"CS", b"DX") + element(8, 0x68, b"CS", b"FOR PRESENTATION")
    d += element(0x20, 0xD, b"UI", uid + b".1") + element(0x20, 0xE, b"UI", uid + b".2")
    for number, value in (2, 1), (0x10, rows), (0x11, columns), (0x100, bits), (0x101, bits), (0x102, bits - 1), (0x103, 0):
        d += element(0x28, number, b"US", struct.pack("<H", value)) if number != 0x10 else \
            element(0x28, 4, b"CS", b"MONOCHROME2") + element(0x28, number, b"US", struct.pack("<H", value))
    d += before + pixels if pixels[:4] == b"\xe0\x7f\x10\0" else before + element(0x7FE0, 0x10, b"OW", pixels)
    if deflate:
        packed = zlib.compressobj(9, zlib.DEFLATED, -15)
        d = packed.compress(d) + packed.flush()
    meta = element(2, 1, b"OB", b"\0\1") + element(2, 2, b"UI", b"1.2.840.10008.5.1.4.1.1.1.1") + element(2, 3, b"UI", uid) + element(2, 0x10, b"UI", syntax)
    return bytes(128) + b"DICM" + element(2, 0, b"UL", struct.pack("<I", len(meta))) + meta + d


def fragments(*each):
    items = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(f)) + f for f in (b"", *each))
    return struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 0xFFFFFFFF) + items + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


EXPLICIT, DEFLATED, J2K, RLE = b"1.2.840.10008.1.2.1", b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.4.90", b"1.2.840.10008.1.2.5"


def bombs():
    """Files that no answer is owed for, by name."""
    runs = struct.pack("<16I", 2, 64, 64 + 500_000, *[0] * 13) + b"\x81\0" * 500_000
    found = {
        "PNG of 60000x60000": png_of(60000, 60000, 8, 0, zeros(64 << 20)),
        "PNG of 2^31 a side": png_of(0x7FFFFFFF, 0x7FFFFFFF, 16, 6, zeros(1 << 20)),
        "PNG with 512 MiB behind its rows": png_of(1000, 1000, 8, 0, zeros(512 << 20)),
        "PNG with texts of 256 MiB": png_of(64, 64, 8, 0, zeros(1 << 20), *[chunk(b"zTXt", b"a\0\0" + zeros(64 << 20))] * 4),
        "JPEG of 65500x65500": scans(65496, 1)[:200_000],
        "progressive JPEG of 10000 scans": scans(4888, 10_000),
        "progressive JPEG of 100 scans": scans(4888, 100),
        "JPEG 2000, 16 million tiles": dicom(J2K, 4096, 4096, fragments(jpeg2000(4096, 4096, 1, 1, 0))),
        "JPEG 2000, 65535 layers": dicom(J2K, 4096, 4096, fragments(jpeg2000(4096, 4096, 4096, 65535, 32))),
        "JPEG 2000 of 2^32 a side": dicom(J2K, 4096, 4096, fragments(jpeg2000(0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 100, 5))),
        "DICOM of 65535x65535": dicom(EXPLICIT, 65535, 65535, bytes(1000)),
        "DICOM, deflated zeros of 256 MiB": dicom(DEFLATED, 2048, 2048, bytes(256 << 20), deflate=True),
        "DICOM, a million fragments": dicom(RLE, 2048, 2048, fragments(*[b"ab"] * 1_000_000)),
        "DICOM, RLE of runs": dicom(RLE, 60000, 60000, fragments(runs)),
        "DICOM, sequences in sequences": dicom(EXPLICIT, 64, 64, bytes(8192), before=(
            struct.pack("<HH2sHI", 0x40, 0x260, b"SQ", 0, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)) * 200_000),
    }
    return found


# Requests: path, headers and body.

def requests(files):
    def infer(header, binary=b"", length=None, **more):
        head = json.dumps(header).encode() if not isinstance(header, bytes) else header
        return "/v2/models/spikeray/infer", {"Inference-Header-Content-Length": str(len(head) if length is None else length), **more}, head + binary

    def tensor(shape, kind="FP32", size=0, name="pixels"):
        return {"inputs": [{"name": name, "datatype": kind, "shape": shape, "parameters": {"binary_data_size": size}}]}

    def parts(kind, n, body, subtype="form-data"):
        head = b'Content-Disposition: form-data; name="image"; filename="a"\r\n' if subtype == "form-data" else b"Content-Type: application/dicom\r\n"
        content_type = f"multipart/{subtype}; boundary=b" + ('; type="application/dicom"' if subtype == "related" else "")
        return kind, {"Content-Type": content_type, "Accept": "*/*"}, (b"--b\r\n" + head + b"\r\n" + body + b"\r\n") * n + b"--b--\r\n"

    small = {name: data for name, data in files.items() if len(data) < 4 << 20}
    found = {"OIP, " + name: ("/v2/models/spikeray/infer", {"Inference-Header-Content-Length": "0"}, data) for name, data in small.items()}
    found |= {"STOW-RS, " + name: parts("/dicom-web/studies", 3, data, "related") for name, data in small.items() if name.startswith(("DICOM", "JPEG 2000"))}
    size = 320 * 128 * 128 * 4
    found |= {
        "OIP, shape beyond all numbers": infer(tensor([2**62, 4, 2**62], size=16), bytes(16)),
        "OIP, shape of 10^12": infer(tensor([10**6, 10**6], size=16), bytes(16)),
        "OIP, shape below 0": infer(tensor([-1, 128, 128], size=16), bytes(16)),
        "OIP, FP32 of 20 MB": infer(tensor([320, 128, 128], size=size), NOISE * 20),
        "OIP, FP32 that is no number": infer(tensor([16, 128, 128], size=1 << 20), b"\0\0\xc0\x7f" * (1 << 18)),
        "OIP, a size that is not the body's": infer(tensor([1, 128, 128], size=1 << 60), bytes(1000)),
        "OIP, a head longer than the body": infer(tensor([1, 128, 128]), bytes(1000), length=1 << 40),
        "OIP, a head of -1": infer(tensor([1, 128, 128]), bytes(1000), length=-1),
        "OIP, a head that ends in the JSON": infer(tensor([1, 128, 128]), bytes(1000), length=17),
        "OIP, two million numbers in JSON": infer(b'{"inputs":[{"name":"pixels","datatype":"FP32","shape":[1,1414,1414],"data":[' + b"1," * 1_999_395 + b"1]}]}"),
        "OIP, JSON in JSON": infer(b'{"inputs":' + b"[" * 1_000_000),
        "OIP, BYTES that say they have 4 GiB": infer(tensor([1, 1], "BYTES", 8, "image"), b"\xff\xff\xff\xffabcd"),
        "OIP, a million empty BYTES": infer(tensor([1_000_000, 1], "BYTES", 4_000_000, "image"), bytes(4_000_000)),
        "OIP, gzip of 256 MiB": ("/v2/models/spikeray/infer", {"Content-Encoding": "gzip", "Inference-Header-Content-Length": "0"}, gzip.compress(bytes(256 << 20))),
        "100,000 parts": parts("/v1/predictions", 100_000, b"x"),
        "one part with a head of 4 MB": ("/v1/predictions", {"Content-Type": "multipart/form-data; boundary=b"}, b"--b\r\nContent-Disposition: " + b"x" * 4_000_000),
        "STOW-RS, 50,000 parts": parts("/dicom-web/studies", 50_000, b"x", "related"),
    }
    return found


class Trial:
    def __init__(self):
        self.large = {name: data for name, data in worst().items()}
        self.files = bombs()
        self.answers = known("spikeray")
        self.paths = {}
        for name, data in self.large.items():
            self.paths[name] = os.path.join(SCRATCH, "large-" + name.replace(" ", "-").replace(",", ""))
            with open(self.paths[name], "wb") as f:
                f.write(data)
        self.unlimited = {name: p for (_, path), p in known("spikeray", paths=list(self.paths.values())).items() for name in self.paths if self.paths[name] == path}
        self.hostile = {name: ("/v1/predictions", {}, data) for name, data in self.files.items()} | requests(self.files)
        self.films = [(name, data) for name, data in self.files.items() if name.startswith(("DICOM", "JPEG 2000"))]

    def limit(self, megabytes):
        group, target, lock = Group(megabytes << 20), Target(), threading.Lock()
        ends, odd, ordinary, wrong, slowest = {}, {}, {}, [], [0.0]
        dicom_port = free_port()
        try:
            server = Server("--workers", "2", "--audit", os.path.join(SCRATCH, f"audit{megabytes}"), "--outbox", os.path.join(SCRATCH, f"outbox{megabytes}"),
                            "--send", f"fhir=fhir+http://127.0.0.1:{target.port}/",
                            "--dicom-listen", f"127.0.0.1:{dicom_port}", wrap=group.into())
            end = time.monotonic() + SECONDS

            def harm(k):
                """Everything in an order of one's own, by /v1, /v2 and STOW-RS, large pictures that are in order among it."""
                names = list(self.hostile) + list(self.large)
                random.Random(k).shuffle(names)
                caller = Caller(server.port, kept=False, timeout=120, source=f"127.0.0.{k + 2}")
                i = 0
                while time.monotonic() < end or i < len(names):
                    name = names[i % len(names)]
                    i += 1
                    path, headers, body = self.hostile.get(name) or ("/v1/predictions", {}, self.large[name])
                    try:
                        got, head, answer = caller.ask(body, path=path, headers=headers)
                    except BROKEN as e:
                        got, head, answer = type(e).__name__, {}, b""
                    with lock:
                        ends[got] = ends.get(got, 0) + 1
                        if name in self.large and got == 200:
                            if json.loads(answer)["probability"] != self.unlimited[name]:
                                wrong.append(name)
                        elif name in self.large and got not in (413, 503) or name in self.hostile and (got == 200 or got == 500 or isinstance(got, str)) or \
                                got == 503 and "Retry-After" not in head:
                            odd[f"{name}: {got}"] = odd.get(f"{name}: {got}", 0) + 1

            def film(k):
                """The same by C-STORE."""
                while time.monotonic() < end:
                    for name, data in self.films:
                        try:
                            got = send_film(dicom_port, data)
                        except BROKEN as e:
                            got = type(e).__name__
                        with lock:
                            ends[got] = ends.get(got, 0) + 1
                            if got not in ("A700", "A900", "C000", "0122"):
                                odd[f"C-STORE, {name}: {got}"] = odd.get(f"C-STORE, {name}: {got}", 0) + 1

            def ask(k):
                """An ordinary caller, who comes back when told to."""
                caller = Caller(server.port, timeout=60, source=f"127.0.0.{100 + k}")
                while time.monotonic() < end:
                    path = random.choice(PICTURES)
                    begun = time.monotonic()
                    try:
                        got, _, answer = caller.ask(DATA[path])
                    except BROKEN as e:
                        got, answer = type(e).__name__, b""
                    with lock:
                        ordinary[got] = ordinary.get(got, 0) + 1
                        if got == 200:
                            slowest[0] = max(slowest[0], time.monotonic() - begun)
                            said = json.loads(answer)
                            if self.answers[said["model"]["digest"], path] != said["probability"]:
                                wrong.append(path)
                    time.sleep(0.2 if got == 200 else 1)

            threads = [threading.Thread(target=harm, args=(k,)) for k in range(8)] + [threading.Thread(target=ask, args=(k,)) for k in range(3)] + \
                [threading.Thread(target=film, args=(0,))]
            [t.start() for t in threads]
            [t.join() for t in threads]
            alive = server.process.poll() is None
            peak = server.peak() if alive else float("nan")
            after = Caller(server.port).ask(DATA[PICTURES[0]])[0] if alive else 0
            code = server.stop()
            with open(server.log, errors="replace") as f:
                panics = f.read().count("panic")
        finally:
            killed, charged = group.killed(), group.peak()
            group.remove()
            target.shutdown()
        said = ", ".join(f"{n} {e}" for e, n in sorted(ends.items(), key=str))
        row(f"{megabytes} MiB, {len(self.hostile)} hostile requests, {len(self.large)} large", f"{killed} killed, exit {code}, {panics} panics; resident at most {peak:.0f} MiB, charged {charged}",
            "0, 0, 0, below the limit", alive and killed == 0 and code == 0 and panics == 0 and peak < megabytes)
        row("  what became of them", said + ("; " + "; ".join(list(odd)[:6]) if odd else ""), "hostile refused, the rest right or 413 or 503", not odd)
        row("  answers that are wrong", f"{len(wrong)}" + (f": {sorted(set(wrong))[:3]}" if wrong else ""), "0", not wrong)
        n, good = sum(ordinary.values()), ordinary.get(200, 0)
        row("  ordinary callers between", f"{ordinary}, slowest {slowest[0]:.2f} s; afterwards {after}", "only 200 and 503, nine in ten 200; 200",
            set(ordinary) <= {200, 503} and good >= 0.9 * n and after == 200)


def main():
    if os.geteuid() or not (os.path.isdir("/sys/fs/cgroup/memory") or os.path.exists("/sys/fs/cgroup/cgroup.controllers")):
        row("a limit on memory", "no control group can be made here", "root", "skipped")
        return
    trial = Trial()
    for megabytes in LIMITS:
        trial.limit(megabytes)


main()
