"""Control groups with a limit on memory, and the largest pictures that the server takes: what deploy/test-memory.sh and the row memory of
deploy/test-chaos.sh share."""
import contextlib
import io
import os
import random
import re
import struct
import sys
import time
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "load"))
from common import pictures  # noqa: E402

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

    def killed(self):
        """How many processes the kernel has killed for their memory."""
        name = "memory.oom_control" if self.v1 else "memory.events"
        with open(os.path.join(self.path, name)) as f:
            return int(re.search(r"^oom_kill (\d+)", f.read(), re.M)[1])

    def into(self):
        """The command that runs another in this group."""
        return ["sh", "-c", f'echo $$ > {self.path}/cgroup.procs; exec "$@"', "sh"]

    def remove(self):
        for _ in range(50):
            with contextlib.suppress(OSError):
                os.rmdir(self.path)
                return
            time.sleep(0.1)
