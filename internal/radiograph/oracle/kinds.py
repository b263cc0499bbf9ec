"""Kinds of legal picture files, each made of the same grey picture.

kinds(grey) yields (format, name, bytes, reference). The reference is the picture that is right, or None where the coding itself
loses something: there libjpeg-turbo's answer or else Pillow's is taken for it. Parts are written by hand, byte by byte, where no library writes them.
"""
import io
import shutil
import struct
import subprocess
import zlib

import numpy as np
import tifffile
from PIL import Image


def phantom(width, height):
    """A grey picture with soft shapes, an edge, fine noise, black and white."""
    y, x = np.mgrid[0:height, 0:width]
    v = 120 + 80 * np.sin(x * 7 / width) * np.cos(y * 5 / height) + 30 * ((x // 7 + y // 9) % 2)
    v += np.random.default_rng(1).normal(0, 6, v.shape)
    v[:, : width // 12] = 0
    v[: height // 12] = 255
    return v.clip(0, 255).astype(np.uint8)


def pack(rows, bits):
    """Rows of values of so many bits, the first in the highest."""
    return [np.packbits(np.unpackbits(r.astype(">u2").view("u1").reshape(len(r), 2), axis=1)[:, 16 - bits :].ravel()).tobytes() for r in rows]


# PNG

def chunk(kind, body, crc=None):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body) if crc is None else crc)


def png(g, depth, colour, rows, before=b"", after=b"", interlaced=0, stream=None):
    h, w = g.shape
    raw = stream or zlib.compress(b"".join(b"\0" + r for r in rows))
    head = struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + before + chunk(b"IDAT", raw) + after + chunk(b"IEND", b"")


def png_kinds(g):
    bytes_of = lambda a: [r.tobytes() for r in a]
    deep = lambda a: bytes_of(a.astype(">u2"))
    ramp = bytes(v for i in range(256) for v in (i, i, i))
    back = bytes(v for i in range(256) for v in (255 - i,) * 3)
    g16, opaque = g.astype(int) * 257, np.full_like(g, 255)
    plain = bytes_of(g)
    z = zlib.compress(b"".join(b"\0" + r for r in plain))
    passes = [g[y::dy, x::dx] for x, y, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))]
    yield "grey, 8 bits", png(g, 8, 0, plain), g
    yield "grey, 16 bits, v x 257", png(g, 16, 0, deep(g16)), g
    yield "grey, 12 bits in 16, no word of it, 8-bit levels", png(g, 16, 0, deep((g.astype(int) * 4095 + 127) // 255)), g
    yield "grey, 16 bits, sBIT 12", png(g, 16, 0, deep(g16 & 0xFFF0), chunk(b"sBIT", b"\x0c")), g
    for bits in (1, 2, 4):
        q = g >> (8 - bits)
        yield f"grey, {bits} bit{'s' * (bits > 1)}", png(g, bits, 0, pack(q, bits)), (q.astype(int) * 255 // (2**bits - 1)).astype(np.uint8)
    yield "interlaced", png(g, 8, 0, [r.tobytes() for p in passes if p.size for r in p], interlaced=1), g
    yield "palette", png(g, 8, 3, plain, chunk(b"PLTE", ramp)), g
    yield "palette, reversed", png(g, 8, 3, bytes_of(255 - g), chunk(b"PLTE", back)), g
    yield "RGB, 8 bits", png(g, 8, 2, bytes_of(np.dstack([g] * 3))), g
    yield "RGB, 16 bits", png(g, 16, 2, deep(np.dstack([g16] * 3))), g
    yield "RGBA, opaque", png(g, 8, 6, bytes_of(np.dstack([g, g, g, opaque]))), g
    yield "grey and alpha, opaque", png(g, 8, 4, bytes_of(np.dstack([g, opaque]))), g
    yield "grey with PLTE", png(g, 8, 0, plain, chunk(b"PLTE", ramp)), g
    yield "grey and alpha with tRNS", png(g, 8, 4, bytes_of(np.dstack([g, opaque])), chunk(b"tRNS", b"\0\0")), g
    yield "surplus data in the stream", png(g, 8, 0, None, stream=zlib.compress(zlib.decompress(z) + b"\0" * 64)), g
    yield "bytes after the stream", png(g, 8, 0, None, stream=z + b"\0\0"), g
    yield "bad check sum in tEXt", png(g, 8, 0, plain, chunk(b"tEXt", b"Comment\0x", crc=1)), g


# BMP

def bmp(g, bits, rows, palette=b"", header=40, compression=0, masks=None, top_down=False, gap=0, body=None):
    h, w = g.shape
    if body is None:
        body = b"".join(r + b"\0" * (-len(r) % 4) for r in (rows if top_down else rows[::-1]))
    if header == 12:
        info = struct.pack("<IHHHH", 12, w, h, 1, bits)
    else:
        used = len(palette) // 4
        info = struct.pack("<IiiHHIIiiII", header, w, -h if top_down else h, 1, bits, compression, len(body), 2835, 2835, used, 0)
        info = (info + (struct.pack("<IIII", *masks) if masks and header > 40 else b"")).ljust(header, b"\0")
        if masks and header == 40:
            info += struct.pack("<III", *masks[:3])
    start = 14 + len(info) + len(palette) + gap
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + info + palette + b"\xaa" * gap + body


def run_lengths(rows, bits):
    out = bytearray()
    for r in rows[::-1]:
        x = 0
        while x < len(r):
            n = 1
            while x + n < len(r) and n < 255 and r[x + n] == r[x]:
                n += 1
            out += bytes((n, r[x] if bits == 8 else r[x] * 17))
            x += n
        out += b"\0\0"
    return bytes(out + b"\0\1")


def bmp_kinds(g):
    palette = lambda n, size=4: b"".join(bytes((i * 255 // (n - 1),) * 3 + (0,) * (size - 3)) for i in range(n))
    bytes_of = lambda a: [r.tobytes() for r in a]
    plain, bgr = bytes_of(g), bytes_of(np.dstack([g] * 3))
    bgrx = lambda x: bytes_of(np.dstack([g, g, g, np.full_like(g, x)]))
    usual = (0xFF0000, 0xFF00, 0xFF, 0)
    alpha = usual[:3] + (0xFF000000,)
    yield "8 bits", bmp(g, 8, plain, palette(256)), g
    yield "8 bits, top down", bmp(g, 8, plain, palette(256), top_down=True), g
    yield "8 bits, reversed palette", bmp(g, 8, bytes_of(255 - g), b"".join(bytes((255 - i,) * 3 + (0,)) for i in range(256))), g
    yield "8 bits, OS/2 1", bmp(g, 8, plain, palette(256, 3), header=12), g
    yield "8 bits, OS/2 2", bmp(g, 8, plain, palette(256), header=64), g
    yield "8 bits, gap", bmp(g, 8, plain, palette(256), gap=10), g
    yield "8 bits, run lengths", bmp(g, 8, None, palette(256), compression=1, body=run_lengths(g, 8)), g
    for bits in (1, 4):
        q = g >> (8 - bits)
        right = (q.astype(int) * 255 // (2**bits - 1)).astype(np.uint8)
        yield f"{bits} bit{'s' * (bits > 1)}", bmp(g, bits, pack(q, bits), palette(2**bits)), right
    yield "4 bits, run lengths", bmp(g, 4, None, palette(16), compression=2, body=run_lengths(g >> 4, 4)), right
    yield "24 bits", bmp(g, 24, bgr), g
    yield "24 bits, gap", bmp(g, 24, bgr, gap=2), g
    yield "24 bits, palette for screens", bmp(g, 24, bgr, palette(256)), g
    for x in (0, 128, 255):
        yield f"32 bits, padding {x}", bmp(g, 32, bgrx(x)), g
        yield f"32 bits, padding {x}, version 5", bmp(g, 32, bgrx(x), header=124, masks=(0, 0, 0, 0)), g
    yield "32 bits, masks, padding 0", bmp(g, 32, bgrx(0), compression=3, masks=usual), g
    yield "32 bits, masks without alpha, version 5, padding 0", bmp(g, 32, bgrx(0), header=124, compression=3, masks=usual), g
    yield "32 bits, masks with alpha, 255", bmp(g, 32, bgrx(255), header=124, compression=3, masks=alpha), g
    yield "32 bits, masks with alpha, all 0", bmp(g, 32, bgrx(0), header=124, compression=3, masks=alpha), g
    yield "32 bits, masks in reverse", bmp(g, 32, bgrx(0), header=108, compression=3, masks=(0xFF, 0xFF00, 0xFF0000, 0)), g
    v = g.astype(int)
    short = lambda a: bytes_of(a.astype("<u2"))
    yield "16 bits, 5-5-5", bmp(g, 16, short((v >> 3) * 0x421)), None
    yield "16 bits, masks 5-6-5", bmp(g, 16, short((v >> 3) << 11 | (v >> 2) << 5 | v >> 3), compression=3, masks=(0xF800, 0x7E0, 0x1F, 0)), None


# TIFF

def tiff(data, **options):
    f = io.BytesIO()
    pages = data if isinstance(data, list) else [(data, {})]
    with tifffile.TiffWriter(f, bigtiff=options.pop("bigtiff", False), byteorder=options.pop("byteorder", "<")) as w:
        for page, more in pages:
            w.write(page, metadata=None, **{"photometric": "minisblack", **options, **more})
    return f.getvalue()


def tiff_by_hand(g, data, bits, photometric=1, samples=1, more=()):
    """One strip, and a count of 1 for BitsPerSample however many samples there are."""
    h, w = g.shape
    tags = [(256, w), (257, h), (258, bits), (259, 1), (262, photometric), (273, 0), (277, samples), (278, h), (279, len(data)), *more]
    start = 8 + 2 + 12 * len(tags) + 4
    out = b"II*\0" + struct.pack("<IH", 8, len(tags))
    for tag, value in sorted(tags):
        out += struct.pack("<HHII", tag, 4, 1, start if tag == 273 else value)
    return out + b"\0" * 4 + data


def tiff_kinds(g):
    g16 = (g.astype(np.uint16) * 257).astype(np.uint16)
    rgb, opaque = np.dstack([g] * 3), np.full_like(g, 255)
    small = g[::4, ::4].copy()
    yield "grey, 8 bits", tiff(g), g
    yield "white is zero", tiff(255 - g, photometric="miniswhite"), g
    yield "grey, 16 bits", tiff(g16), g
    yield "grey, 16 bits, big-endian", tiff(g16, byteorder=">"), g
    yield "white is zero, 16 bits", tiff(65535 - g16, photometric="miniswhite"), g
    yield "grey, 12 bits", tiff_by_hand(g, b"".join(pack(((g.astype(int) * 4095 + 127) // 255), 12)), 12), g
    yield "BigTIFF", tiff(g, bigtiff=True), g
    yield "LZW, predictor", tiff(g, compression="lzw", predictor=2), g
    yield "LZW, predictor, 16 bits", tiff(g16, compression="lzw", predictor=2), g
    yield "deflate, tiles", tiff(g16, compression="zlib", predictor=2, tile=(64, 64)), g
    yield "PackBits", tiff(g, compression="packbits"), g
    yield "tiles", tiff(g, tile=(64, 48)), g
    yield "RGB", tiff(rgb, photometric="rgb"), g
    yield "RGB, planes", tiff(np.moveaxis(rgb, 2, 0), photometric="rgb", planarconfig="separate"), g
    yield "RGB, planes of one strip", tiff(np.moveaxis(rgb, 2, 0), photometric="rgb", planarconfig="separate", rowsperstrip=g.shape[0]), g
    yield "grey and alpha", tiff(np.dstack([g, opaque]), extrasamples=["unassalpha"], planarconfig="contig"), g
    yield "RGB and a sample of no meaning", tiff(np.dstack([rgb, g]), photometric="rgb", extrasamples=["unspecified"]), g
    yield "two samples, one BitsPerSample", tiff_by_hand(g, np.dstack([g, opaque]).tobytes(), 8, samples=2), g
    colours = np.array([[255 - i for i in range(256)]] * 3, np.uint16) * 257
    yield "palette, reversed", tiff(255 - g, photometric="palette", colormap=colours), g
    yield "small copy first", tiff([(small, {"subfiletype": 1}), (g, {"subfiletype": 0})]), g
    yield "two pages", tiff([(g, {}), (255 - g, {})]), g
    black = (g < 128).astype(np.uint8)
    for name in ("group3", "group4"):
        f = io.BytesIO()
        Image.fromarray(g >= 128).save(f, "tiff", compression=name)
        yield f"fax, {name}", f.getvalue(), (255 - 255 * black).astype(np.uint8)
    f = io.BytesIO()
    Image.fromarray(np.dstack([255 - g] * 3 + [np.zeros_like(g)]), "CMYK").save(f, "tiff")
    yield "CMYK", f.getvalue(), None
    yield "JPEG", tiff(g, compression="jpeg"), None
    yield "zstd", tiff(g, compression="zstd"), g
    yield "signed, 16 bits", tiff((g16.astype(int) - 32768).astype(np.int16)), g
    yield "floating-point", tiff((g / 255).astype(np.float32)), g


# WebP

def webp_kinds(g):
    def save(picture, **options):
        f = io.BytesIO()
        picture.save(f, "webp", **options)
        return f.getvalue()

    grey, tint = Image.fromarray(g), Image.fromarray(np.dstack([g, g, np.roll(g, 9)]))
    yield "lossless", save(grey, lossless=True), g
    yield "lossy", save(grey, quality=90), None
    yield "lossy, colour", save(tint, quality=80), None
    yield "lossless, opaque alpha", save(Image.fromarray(np.dstack([g, g, g, np.full_like(g, 255)])), lossless=True, exact=True), g
    yield "lossless, alpha", save(Image.fromarray(np.dstack([g, g, g, np.maximum(g, 1)])), lossless=True, exact=True), None
    yield "lossy, alpha", save(Image.fromarray(np.dstack([g, g, g, np.maximum(g, 200)])), quality=90), None
    yield "animated", save(grey, save_all=True, append_images=[Image.fromarray(255 - g)]), None


# JPEG

def jpeg_kinds(g):
    if not shutil.which("cjpeg") or not shutil.which("jpegtran"):
        print("no cjpeg and jpegtran here: JPEG is left out")
        return
    run = lambda *a, data: subprocess.run(a, input=data, stdout=subprocess.PIPE, check=True).stdout
    pnm = lambda kind, a: b"P%d\n%d %d\n255\n" % (kind, g.shape[1], g.shape[0]) + a.tobytes()
    tint = np.dstack([np.clip(g.astype(int) + 6, 0, 255), g, np.clip(g.astype(int) - 8, 0, 255)]).astype(np.uint8)
    base = run("cjpeg", "-quality", "92", data=pnm(5, g))
    yield "grey, baseline", base, None
    for name, options in {
        "progressive": ["-progressive"], "optimised codes": ["-optimize"], "arithmetic coding": ["-arithmetic"], "restart markers": ["-restart", "1"],
        "progressive, restart markers": ["-progressive", "-restart", "1"],
    }.items():
        yield f"grey, {name}", run("jpegtran", *options, data=base), None
    yield "grey, bytes after the end", base + b"garbage" * 9, None
    for sampling in ("1x1", "2x1", "2x2", "1x2", "4x1", "4x2", "2x2,1x2,1x2", "3x1", "1x2,2x1,2x1"):
        yield f"colour, {sampling}", run("cjpeg", "-quality", "92", "-sample", sampling, data=pnm(6, tint)), None
    yield "colour, progressive", run("cjpeg", "-quality", "92", "-progressive", data=pnm(6, tint)), None
    yield "RGB", run("cjpeg", "-quality", "92", "-rgb", data=pnm(6, tint)), None
    f = io.BytesIO()
    Image.fromarray(np.dstack([255 - g] * 3 + [np.zeros_like(g)]), "CMYK").save(f, "jpeg", quality=92)
    yield "CMYK", f.getvalue(), None


def kinds(g):
    for name, of in (("PNG", png_kinds), ("JPEG", jpeg_kinds), ("BMP", bmp_kinds), ("TIFF", tiff_kinds), ("WebP", webp_kinds)):
        for kind in of(g):
            yield name, *kind
