"""Cheap pictures that cost much: many callers' connections send them in a loop, a normal caller still is answered."""
import contextlib
import socket
import struct
import threading
import time
import zlib

from common import Server, pictures, read_all, row, status

SECONDS = 10
NORMAL = pictures()[0]


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width, height, depth, colour, row_bytes, extra=b""):
    deflate, out = zlib.compressobj(9), []
    rows = [b"\0" + b"\0" * row_bytes, b"\0" + b"\xff" * (row_bytes // 2) + b"\0" * (row_bytes - row_bytes // 2)]
    for y in range(height):
        out.append(deflate.compress(rows[y // 64 % 2]))
    out.append(deflate.flush())
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)) + extra + \
        chunk(b"IDAT", b"".join(out)) + chunk(b"IEND", b"")


COSTLY = {
    "1 bit, 4890x4890": png(4890, 4890, 1, 0, 612),
    "RGB of 16 bits, 3900x3900": png(3900, 3900, 16, 2, 3900 * 6),
    "1.7 million empty chunks": png(224, 224, 8, 0, 224, chunk(b"tEXt", b"") * 1_700_000),
}


def ask(server, picture, source, timeout=40):
    request = b"POST /v1/predictions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(picture) + picture
    with contextlib.suppress(OSError), socket.create_connection(
            ("127.0.0.1", server.port), timeout=timeout, source_address=(source, 0)) as c:
        with contextlib.suppress(OSError):
            c.sendall(request)
        return status(read_all(c))
    return 0


for name, picture in COSTLY.items():
    for source in ("127.0.0.2", "127.0.0.1"):  # the normal caller's own: as behind one proxy
        with Server("--log-level", "error") as s:
            ask(s, NORMAL, "127.0.0.1")
            begin = time.time()
            ask(s, picture, "127.0.0.3")
            alone = time.time() - begin
            end, sent = time.time() + SECONDS, {}

            def hog():
                while time.time() < end:
                    code = ask(s, picture, source)
                    sent[code] = sent.get(code, 0) + 1
                    time.sleep(0.05 if code == 503 else 0)

            hogs = [threading.Thread(target=hog) for _ in range(66 if len(picture) < 1 << 20 else 4)]
            [t.start() for t in hogs]
            time.sleep(1)
            codes, times = {}, []
            while time.time() < end:
                begin = time.time()
                code = ask(s, NORMAL, "127.0.0.1")
                codes[code] = codes.get(code, 0) + 1
                times.append(time.time() - begin)
                time.sleep(0.2)
            [t.join() for t in hogs]
            row(f"{len(hogs)} connections of {name} ({len(picture) / 1e3:.0f} KB)" + (", same address" if source == "127.0.0.1" else ""),
                f"a normal caller {codes}, slowest {max(times):.1f} s; alone {alone:.2f} s; theirs {sent}",
                "at least 9 of 10 answered", codes.get(200, 0) >= 0.9 * sum(codes.values()))
