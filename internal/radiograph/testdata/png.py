"""Makes png.json: small PNG files of every kind that readers have to cope with, and what Pillow and OpenCV (libpng) make of them.

Run with numpy, Pillow and OpenCV installed: python png.py
"""
import base64
import io
import json
import pathlib
import struct
import zlib

import cv2
import numpy as np
import PIL
from PIL import Image

here = pathlib.Path(__file__).parent
W, H = 29, 23  # no multiples of 8, so that Adam7's passes are of all kinds of sizes
SIGNATURE = b"\x89PNG\r\n\x1a\n"
y, x = np.mgrid[0:H, 0:W]
grey = (127 + 90 * np.sin(x / 4) * np.cos(y / 5) + 30 * np.sin(x / 9)).clip(0, 255).astype(np.uint8)
grey[0, :3] = 0, 255, 128
colour = np.dstack([grey, np.roll(grey, 3, 1), 255 - grey])
alpha = (x * 255 // (W - 1)).astype(np.uint8)
deep = (grey.astype(int) * 257 + (x * 37 + y * 101) % 257 - 128).clip(0, 65535).astype(np.uint16)
deep_colour = np.dstack([deep, np.roll(deep, 3, 1), 65535 - deep])
deep_alpha = (x * 65535 // (W - 1)).astype(np.uint16)
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(kind, body=b"", crc=None):
    crc = zlib.crc32(kind + body) if crc is None else crc
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)


def packed(samples, depth):
    """Rows of samples [H][W] or [H][W][channels] as bytes [H][n]."""
    flat = samples.reshape(samples.shape[0], -1)
    if depth == 16:
        return np.ascontiguousarray(flat.astype(">u2")).view(np.uint8)
    if depth == 8:
        return flat.astype(np.uint8)
    per = 8 // depth
    padded = np.zeros((flat.shape[0], -(-flat.shape[1] // per) * per), np.uint8)
    padded[:, : flat.shape[1]] = flat
    out = np.zeros((flat.shape[0], padded.shape[1] // per), np.uint8)
    for i in range(per):
        out |= padded[:, i::per] << (8 - depth * (i + 1))
    return out


def filtered(rows, step, kinds):
    """Rows [H][n], each with one of the filters in turn."""
    out, above = b"", np.zeros(rows.shape[1], int)
    for i, row in enumerate(rows.astype(int)):
        left = np.concatenate([np.zeros(step, int), row])[: len(row)]
        corner = np.concatenate([np.zeros(step, int), above])[: len(row)]
        kind = kinds[i % len(kinds)]
        p = left + above - corner
        a, b, c = abs(p - left), abs(p - above), abs(p - corner)
        paeth = np.where((a <= b) & (a <= c), left, np.where(b <= c, above, corner))
        by = (np.zeros(len(row), int), left, above, (left + above) // 2, paeth)[kind]
        out += bytes([kind]) + ((row - by) % 256).astype(np.uint8).tobytes()
        above = row
    return out


def raw(samples, depth, interlaced=False, kinds=(0, 1, 2, 3, 4)):
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    step = max(depth * channels // 8, 1)
    if not interlaced:
        return filtered(packed(samples, depth), step, kinds)
    parts = (samples[y0::dy, x0::dx] for x0, y0, dx, dy in ADAM7)
    return b"".join(filtered(packed(p, depth), step, kinds) for p in parts if p.size)


def ihdr(depth, kind, interlaced=False, size=(W, H)):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, kind, 0, 0, interlaced))


def png(samples, depth, kind, interlaced=False, before=b"", after=b"", idat=None, end=chunk(b"IEND")):
    idat = chunk(b"IDAT", zlib.compress(raw(samples, depth, interlaced))) if idat is None else idat
    return SIGNATURE + ihdr(depth, kind, interlaced) + before + idat + after + end


def split(data, *sizes):
    parts = []
    for n in sizes:
        parts.append(data[:n])
        data = data[n:]
    return b"".join(chunk(b"IDAT", p) for p in (*parts, data))


levels = b"".join(bytes([i] * 3) for i in range(256))
colours = b"".join(bytes([i, 255 - i, i // 2]) for i in range(256))
stream = zlib.compress(raw(grey, 8))
flat = zlib.compress(raw(grey, 8, kinds=(0,)))
files = {}
for interlaced in (False, True):
    tail = " interlaced" if interlaced else ""
    for depth in (1, 2, 4):
        files[f"grey {depth}{tail}"] = png(grey >> (8 - depth), depth, 0, interlaced)
        files[f"palette {depth}{tail}"] = png(grey >> (8 - depth), depth, 3, interlaced, chunk(b"PLTE", b"".join(colours[3 * i :][:3] for i in range(0, 256, 256 >> depth))))
    for depth, g, c, a in ((8, grey, colour, alpha), (16, deep, deep_colour, deep_alpha)):
        files[f"grey {depth}{tail}"] = png(g, depth, 0, interlaced)
        files[f"rgb {depth}{tail}"] = png(c, depth, 2, interlaced)
        files[f"grey alpha {depth}{tail}"] = png(np.dstack([g, a]), depth, 4, interlaced)
        files[f"rgb alpha {depth}{tail}"] = png(np.dstack([c, a]), depth, 6, interlaced)
    files[f"palette 8{tail}"] = png(grey, 8, 3, interlaced, chunk(b"PLTE", colours))
    files[f"palette alpha{tail}"] = png(grey, 8, 3, interlaced, chunk(b"PLTE", colours) + chunk(b"tRNS", bytes(range(0, 250, 2))))
eight = grey.astype(np.uint16) * 257
files |= {
    "rgb 16 of 8": png(colour.astype(np.uint16) * 257, 16, 2),
    "rgb alpha 16 of 8": png(np.dstack([colour, alpha]).astype(np.uint16) * 257, 16, 6),
    "grey 16 of 8": png(eight, 16, 0),
    "key in grey 8": png(grey, 8, 0, before=chunk(b"tRNS", struct.pack(">H", 128))),
    "key in rgb 8": png(colour, 8, 2, before=chunk(b"tRNS", struct.pack(">HHH", *map(int, colour[5, 5])))),
    "key of wrong length": png(grey, 8, 0, before=chunk(b"tRNS", b"\x80")),
    "palette of grey": png(grey, 8, 3, before=chunk(b"PLTE", levels)),
    "short palette, all used": png(np.minimum(grey, 199), 8, 3, before=chunk(b"PLTE", levels[:600])),
    "palette beside grey": png(grey, 8, 0, before=chunk(b"PLTE", colours)),
    "palette beside rgb": png(colour, 8, 2, before=chunk(b"PLTE", colours)),
    "transparency beside grey alpha": png(np.dstack([grey, alpha]), 8, 4, before=chunk(b"tRNS", b"\0\0")),
    "transparency beside rgb alpha": png(np.dstack([colour, alpha]), 8, 6, before=chunk(b"tRNS", b"\0\0\0\0\0\0")),
    "text with a wrong check sum": png(grey, 8, 0, before=chunk(b"tEXt", b"Comment\0hello", 1)),
    "time with a wrong check sum, after": png(grey, 8, 0, after=chunk(b"tIME", b"\x07\xe8\1\1\0\0\0", 1)),
    "unknown chunks": png(grey, 8, 0, before=chunk(b"prVt", b"x" * 99), after=chunk(b"zzZz")),
    "colour profile that is none": png(grey, 8, 0, before=chunk(b"iCCP", b"x\0\0none")),
    "gamma": png(grey, 8, 0, before=chunk(b"gAMA", struct.pack(">I", 100000))),
    "background": png(grey, 8, 0, before=chunk(b"bKGD", b"\0\xff")),
    "animation of one": png(grey, 8, 0, before=chunk(b"acTL", struct.pack(">II", 1, 0)) + chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, W, H, 0, 0, 1, 1, 0, 0))),
    "IDAT by the byte": png(grey, 8, 0, idat=split(stream, *[1] * (len(stream) - 1))),
    "IDAT with empty ones between": png(grey, 8, 0, idat=split(stream, 0, 3, 0, 0, 50, 0)),
    "more in the zlib stream": png(grey, 8, 0, idat=chunk(b"IDAT", zlib.compress(raw(grey, 8) + b"\0" * 64))),
    "more after the zlib stream": png(grey, 8, 0, idat=chunk(b"IDAT", stream + b"more")),
    "an empty IDAT after": png(grey, 8, 0, after=chunk(b"IDAT")),
    "an IDAT after text": png(grey, 8, 0, after=chunk(b"tEXt", b"a\0b") + chunk(b"IDAT", b"more")),
    "bytes after IEND": png(grey, 8, 0) + b"and more",
    "stored blocks": png(grey, 8, 0, idat=chunk(b"IDAT", zlib.compress(raw(grey, 8), 0))),
    "no check sum of the rows": png(grey, 8, 0, idat=chunk(b"IDAT", stream[:-4])),
    "index beyond the palette": png(grey, 8, 3, before=chunk(b"PLTE", levels[:600])),
    "more alpha than palette": png(grey >> 4, 4, 3, before=chunk(b"PLTE", levels[:48]) + chunk(b"tRNS", b"\x80" * 17)),
    "alpha with a wrong check sum": png(grey, 8, 3, before=chunk(b"PLTE", levels) + chunk(b"tRNS", b"\x80" * 256, 1)),
    # What is to be refused.
    "wrong check sum of the rows": png(grey, 8, 0, idat=chunk(b"IDAT", stream[:-4] + b"\0\0\0\1")),
    "IHDR with a wrong check sum": SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, 8, 0, 0, 0, 0), 1) + chunk(b"IDAT", stream) + chunk(b"IEND"),
    "IDAT with a wrong check sum": png(grey, 8, 0, idat=chunk(b"IDAT", stream, 1)),
    "PLTE with a wrong check sum": png(grey, 8, 3, before=chunk(b"PLTE", levels, 1)),
    "PLTE of two and a half entries": png(grey, 8, 3, before=chunk(b"PLTE", levels[:8])),
    "no PLTE": png(grey, 8, 3),
    "two PLTE": png(grey, 8, 3, before=chunk(b"PLTE", levels) * 2),
    "IDAT apart": png(grey, 8, 0, idat=chunk(b"IDAT", stream[:99]) + chunk(b"tEXt", b"a\0b") + chunk(b"IDAT", stream[99:])),
    "rows missing": png(grey, 8, 0, idat=chunk(b"IDAT", zlib.compress(raw(grey, 8)[: -W - 1]))),
    "half of the stream": png(grey, 8, 0, idat=chunk(b"IDAT", stream[: len(stream) // 2])),
    "damaged stream": png(grey, 8, 0, idat=chunk(b"IDAT", flat[:200] + bytes([flat[200] ^ 0x55]) + flat[201:])),
    "filter 5": png(grey, 8, 0, idat=chunk(b"IDAT", zlib.compress(b"\5" + raw(grey, 8)[1:]))),
    "unknown critical chunk": png(grey, 8, 0, before=chunk(b"CRiT", b"x")),
    "no IDAT": png(grey, 8, 0, idat=b""),
    "no IEND": png(grey, 8, 0, end=b""),
    "colour type 5": SIGNATURE + ihdr(8, 5) + chunk(b"IDAT", stream) + chunk(b"IEND"),
    "3 bits": SIGNATURE + ihdr(3, 0) + chunk(b"IDAT", stream) + chunk(b"IEND"),
    "16-bit palette": SIGNATURE + ihdr(16, 3) + chunk(b"PLTE", levels) + chunk(b"IDAT", stream) + chunk(b"IEND"),
    "CgBI": SIGNATURE + chunk(b"CgBI", b"\x30\0\x20\x06") + ihdr(8, 0) + chunk(b"IDAT", stream[2:-4]) + chunk(b"IEND"),
}


def by_pillow(data):
    """Grey over black [H][W] of 8 bits, or of 16 for 16-bit grey; None where Pillow refuses."""
    try:
        picture = Image.open(io.BytesIO(data))
        picture.load()
    except Exception as e:
        return None, f"{type(e).__name__}: {e}"[:80]
    if picture.mode.startswith("I"):
        return np.asarray(picture).astype(np.uint16), picture.mode
    rgba = picture.convert("RGBA")
    luma, black = rgba.convert("RGB").convert("L"), Image.new("L", picture.size)
    return np.asarray(Image.composite(luma, black, rgba.getchannel("A"))), picture.mode


def luma(r, g, b):
    return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16


def by_opencv(data):
    """The same with OpenCV's samples, and 16 bits kept for all kinds."""
    p = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if p is None:
        return None
    white = 255 if p.dtype == np.uint8 else 65535
    if p.ndim == 2:
        return p
    b, g, r = (p[..., i].astype(np.int64) for i in range(3))
    a = p[..., 3].astype(np.int64) if p.shape[2] == 4 else np.full(r.shape, white)
    if white == 65535 and all((c % 257 == 0).all() for c in (r, g, b, a)):
        v = (luma(r // 257, g // 257, b // 257) * (a // 257) + 127) // 255 * 257
    else:
        v = (luma(r, g, b) * a + white // 2) // white
    return v.astype(p.dtype)


# Pillow's word, where OpenCV leaves a key of grey out, and refuses a stream that lacks its last four bytes.
pillows = {"key in grey 8", "no check sum of the rows"}
golden = {"pillow": PIL.__version__, "opencv": cv2.__version__, "width": W, "height": H, "files": {}}
for name, data in files.items():
    pillow, why = by_pillow(data)
    opencv = by_opencv(data)
    entry = {"file": base64.b64encode(data).decode()}
    picture = pillow if name in pillows else opencv
    if picture is not None:
        entry["deep"] = picture.dtype == np.uint16
        entry["grey"] = base64.b64encode(picture.astype(">u2" if entry["deep"] else np.uint8).tobytes()).decode()
    golden["files"][name] = entry
    if pillow is None or opencv is None:
        same = ""
    elif pillow.dtype == opencv.dtype:
        same = f"differ by {abs(pillow.astype(int) - opencv.astype(int)).max()}"
    else:
        same = "Pillow reads 8 bits"
    print(f"{name:40} {why:12.12} {'refused' if opencv is None else opencv.dtype} {same}")
(here / "png.json").write_text(json.dumps(golden, indent=1) + "\n")
