#!/usr/bin/env python3
"""Makes the streams of this folder and golden.txt, which has what OpenJPEG decodes of them.

Needs opj_compress and opj_decompress (OpenJPEG 2.5), numpy and imagecodecs; PyAV, whose decoder is FFmpeg's own, checks
those that it reads. Pictures are synthetic. Run it in this folder: python3 golden.py

A line of golden.txt is a name, width, height, components, bits, u or s, and the SHA-256 of the samples as 16 bits, little
endian, interleaved. Samples of reversible streams of all layers are also checked to be the picture that was encoded.
"""
import hashlib
import os
import struct
import subprocess
import tempfile

import imagecodecs
import numpy as np

try:
    import av
except ImportError:
    av = None


def picture(width, height, components, bits, signed, seed, noise=0.5):
    """Smooth shapes with edges and some noise over the whole range of bits."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = []
    for c in range(components):
        p = 0.5 + 0.4 * np.sin(x / (9 + 3 * c)) * np.cos(y / (7 + 2 * c))
        p[(x - width / 2) ** 2 + (y - height / 3) ** 2 < (width / 5) ** 2] = 0.96 - 0.2 * c
        p[height - 5:, : width // 4] = 0
        p = p * (2**bits - 1)
        p += rng.normal(0, noise, p.shape)
        planes.append(np.clip(np.rint(p), 0, 2**bits - 1).astype(np.int64) - (2 ** (bits - 1) if signed else 0))
    return np.stack(planes, -1)


def encode(image, bits, signed, options):
    height, width, components = image.shape
    with tempfile.TemporaryDirectory() as d:
        raw, out = os.path.join(d, "a.rawl"), os.path.join(d, "a.j2k")
        kind = ("<i" if signed else "<u") + ("1" if bits <= 8 else "2")
        image.transpose(2, 0, 1).astype(kind).tofile(raw)
        form = f"{width},{height},{components},{bits},{'s' if signed else 'u'}"
        run = subprocess.run(["opj_compress", "-i", raw, "-o", out, "-F", form] + options, capture_output=True, text=True)
        if run.returncode or not os.path.exists(out):
            raise SystemExit(f"opj_compress {options}: {run.stdout}{run.stderr}")
        return open(out, "rb").read()


def decode(stream, shape, bits, signed):
    height, width, components = shape
    with tempfile.TemporaryDirectory() as d:
        source, raw = os.path.join(d, "a.jp2" if stream[:4] == b"\0\0\0\x0c" else "a.j2k"), os.path.join(d, "a.rawl")
        open(source, "wb").write(stream)
        run = subprocess.run(["opj_decompress", "-i", source, "-o", raw], capture_output=True, text=True)
        if run.returncode or not os.path.exists(raw):
            raise SystemExit(f"opj_decompress: {run.stdout}{run.stderr}")
        kind = ("<i" if signed else "<u") + ("1" if bits <= 8 else "2")
        a = np.fromfile(raw, kind).reshape(components, height, width).transpose(1, 2, 0).astype(np.int64)
    if signed:  # raw files have the low bits only
        a = ((a & (2**bits - 1)) ^ (1 << (bits - 1))) - (1 << (bits - 1))
    b = np.asarray(imagecodecs.jpeg2k_decode(stream)).reshape(shape).astype(np.int64)
    assert (a == b).all(), f"two versions of OpenJPEG differ: {a.min()}..{a.max()}, {b.min()}..{b.max()}"
    return a


def ffmpeg(stream):
    """The planes that FFmpeg's decoder makes of a stream, or None if it does not read it."""
    if av is None:
        return None
    try:
        codec = av.CodecContext.create("jpeg2000", "r")
        frames = codec.decode(av.Packet(stream)) + codec.decode(None)
        return frames[0].to_ndarray() if frames else None
    except Exception:
        return None


def u16(v):
    return struct.pack(">H", v)


def split(stream):
    """The main header, and the tile-parts as [tile, header between SOT and SOD, body]."""
    at, parts = stream.index(b"\xff\x90\x00\x0a"), []
    head = stream[:at]
    while stream[at:at + 2] == b"\xff\x90":
        tile, length, part, count = struct.unpack(">HIBB", stream[at + 4:at + 12])
        sod = at + 12
        while stream[sod:sod + 2] != b"\xff\x93":
            sod += 2 + struct.unpack(">H", stream[sod + 2:sod + 4])[0]
        parts.append([tile, part, count, stream[at + 12:sod], stream[sod + 2:at + length]])
        at += length
    return head, parts


def join(head, parts, zero=False):
    out = head
    for i, (tile, part, count, header, body) in enumerate(parts):
        length = 0 if zero and i == len(parts) - 1 else 14 + len(header) + len(body)
        out += b"\xff\x90\x00\x0a" + struct.pack(">HIBB", tile, length, part, count) + header + b"\xff\x93" + body
    return out + b"\xff\xd9"


def packets(body):
    """The packets of a body with SOP and EPH markers, as (header, data)."""
    out = []
    for p in body.split(b"\xff\x91\x00\x04")[1:]:
        header, data = p[2:].split(b"\xff\x92", 1)
        out.append((header, data))
    return out


def segment(head, marker):
    """Where a marker segment of a header begins and ends."""
    at = 2
    while head[at:at + 2] != marker:
        at += 2 + struct.unpack(">H", head[at + 2:at + 4])[0]
    return at, at + 2 + struct.unpack(">H", head[at + 2:at + 4])[0]


def without_marks(head):
    """The main header, which no longer says that there are SOP and EPH markers."""
    at, _ = segment(head, b"\xff\x52")
    return head[:at + 4] + bytes([head[at + 4] & ~6]) + head[at + 5:]


def packed_in_tile(stream):
    head, parts = split(stream)
    for p in parts:
        pieces = packets(p[4])
        headers = b"".join(h for h, _ in pieces)
        half = len(headers) // 2
        p[3] = b"".join(b"\xff\x61" + u16(3 + len(h)) + bytes([i]) + h for i, h in enumerate([headers[:half], headers[half:]]))
        p[4] = b"".join(d for _, d in pieces)
    return join(without_marks(head), parts)


def packed_in_main(stream):
    head, parts = split(stream)
    everything = b""
    for p in parts:
        pieces = packets(p[4])
        headers = b"".join(h for h, _ in pieces)
        everything += struct.pack(">I", len(headers)) + headers
        p[4] = b"".join(d for _, d in pieces)
    third = len(everything) // 3 + 1
    for i in range(3):
        piece = everything[i * third:(i + 1) * third]
        head += b"\xff\x60" + u16(3 + len(piece)) + bytes([i]) + piece
    return join(without_marks(head), parts)


def interleaved(stream):
    head, parts = split(stream)
    return join(head, sorted(parts, key=lambda p: (p[1], p[0])))


def last_open(stream):
    head, parts = split(stream)
    return join(head, parts, zero=True)


def fewer_packets(stream):
    """Half of the packets of each tile, as a server sends them that cuts off layers."""
    head, parts = split(stream)
    for p in parts:
        pieces = p[4].split(b"\xff\x91\x00\x04")
        p[4] = b"".join(b"\xff\x91\x00\x04" + q for q in pieces[1:1 + len(pieces) // 2])
    return join(head, parts)


def changed_order(stream):
    """The first layer by resolution, then the others of each resolution: a POC marker segment with two progressions. The
    stream has one component, one precinct a resolution, four layers and three resolutions."""
    head, parts = split(stream)
    pieces = [b"\xff\x91\x00\x04" + q for q in parts[0][4].split(b"\xff\x91\x00\x04")[1:]]
    assert len(pieces) == 12
    order = [0, 1, 2] + [3 * layer + resolution for resolution in range(3) for layer in range(1, 4)]
    parts[0][4] = b"".join(pieces[i] for i in order)
    volume = lambda layers, kind: struct.pack(">BBHBBB", 0, 0, layers, 3, 1, kind)
    return join(head + b"\xff\x5f" + u16(2 + 14) + volume(1, 0) + volume(4, 2), parts)


def derived_steps(stream):
    """The steps of all sub-bands follow from that of the lowest, which is what it was. The picture is another for it."""
    head, parts = split(stream)
    a, b = segment(head, b"\xff\x5c")
    return join(head[:a] + b"\xff\x5c\x00\x05" + bytes([head[a + 4] & 0xE0 | 1]) + head[a + 5:a + 7] + head[b:], parts)


def component_headers(stream):
    """COC and QCC say what COD and QCD said, which then say something else."""
    head, parts = split(stream)
    a, b = segment(head, b"\xff\x52")
    cod = head[a:b]
    c, d = segment(head, b"\xff\x5c")
    qcd = head[c:d]
    other = bytearray(cod)
    other[9], other[10] = 1, 0  # one level, and code-blocks four wide
    wrong = b"\xff\x5c" + u16(3 + 97) + b"\x40" + bytes([0x50] * 97)
    rest = head[:a] + bytes(other) + head[b:c] + wrong + head[d:] + b"".join(
        b"\xff\x53" + u16(3 + 1 + len(cod) - 9) + bytes([i, cod[4] & 1]) + cod[9:] for i in range(3)
    )
    rest += b"".join(b"\xff\x5d" + u16(len(qcd) - 2 + 1) + bytes([i]) + qcd[4:] for i in range(3))
    return join(rest, parts)


def jp2(stream, shape, bits):
    height, width, components = shape
    ihdr = struct.pack(">IIHBBBB", height, width, components, bits - 1, 7, 0, 0)
    colr = struct.pack(">BBBI", 1, 0, 0, 17 if components == 1 else 16)
    box = lambda kind, data: struct.pack(">I", 8 + len(data)) + kind + data
    return (box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
            + box(b"jp2h", box(b"ihdr", ihdr) + box(b"colr", colr)) + struct.pack(">I", 0) + b"jp2c" + stream)


SMALL, LARGE = (47, 35), (83, 66)
CASES = [
    # name, size, components, bits, signed, options, change of the stream
    ("grey8", SMALL, 1, 8, False, "", None),
    ("grey12", SMALL, 1, 12, False, "-n 4", None),
    ("grey16", SMALL, 1, 16, False, "", None),
    ("grey2", SMALL, 1, 2, False, "-n 2", None),
    ("film12", (128, 128), 1, 12, False, "-n 6", None),
    ("film15", (128, 128), 1, 15, False, "-n 6", None),
    ("grey15", LARGE, 1, 15, False, "", None),
    ("signed8", SMALL, 1, 8, True, "-n 3", None),
    ("signed12", SMALL, 1, 12, True, "-n 3", None),
    ("signed16", SMALL, 1, 16, True, "", None),
    ("colour8", SMALL, 3, 8, False, "", None),
    ("colour12-plain", SMALL, 3, 12, False, "-mct 0 -n 3", None),
    ("four8", SMALL, 4, 8, False, "-n 3", None),
    ("two8", SMALL, 2, 8, False, "-n 3", None),
    ("line", (77, 1), 1, 12, False, "-n 1", None),
    ("column", (1, 77), 1, 12, False, "-n 1", None),
    ("dot", (1, 1), 1, 12, False, "-n 1", None),
    ("levels0", SMALL, 1, 12, False, "-n 1", None),
    ("levels6", LARGE, 1, 12, False, "-n 7", None),
    ("blocks4x4", SMALL, 1, 12, False, "-b 4,4 -n 3", None),
    ("blocks4x256", SMALL, 1, 12, False, "-b 4,256", None),
    ("blocks256x8", (83, 33), 1, 12, False, "-b 256,8 -n 4", None),
    ("bypass", SMALL, 1, 16, False, "-M 1", None),
    ("reset", SMALL, 1, 12, False, "-M 2", None),
    ("terminate", SMALL, 1, 12, False, "-M 4", None),
    ("causal", SMALL, 1, 12, False, "-M 8", None),
    ("predictable", SMALL, 1, 12, False, "-M 16", None),
    ("symbols", SMALL, 1, 12, False, "-M 32", None),
    ("styles-all", SMALL, 1, 16, False, "-M 63", None),
    ("bypass-terminate", SMALL, 1, 16, False, "-M 5 -b 16,16", None),
    ("bypass-layers", SMALL, 1, 16, False, "-M 1 -r 20,8,4,1", None),
    ("lrcp", LARGE, 3, 8, False, "-p LRCP -r 30,10,1 -c [64,64],[32,32],[16,16] -b 16,16 -n 4 -SOP -EPH", None),
    ("rlcp", LARGE, 2, 8, False, "-p RLCP -r 30,10,1 -c [64,64],[32,32],[16,16] -b 16,16 -n 4 -SOP", None),
    ("rpcl", LARGE, 2, 8, False, "-p RPCL -r 30,10,1 -c [64,64],[32,32],[16,16] -b 16,16 -n 4 -EPH", None),
    ("pcrl", LARGE, 2, 8, False, "-p PCRL -r 30,10,1 -c [64,64],[32,32],[16,16] -b 16,16 -n 4", None),
    ("cprl", LARGE, 2, 8, False, "-p CPRL -r 30,10,1 -c [64,64],[32,32],[16,16] -b 16,16 -n 4", None),
    ("tiles", LARGE, 1, 12, False, "-t 30,23 -n 3", None),
    ("tiles-colour", SMALL, 3, 8, False, "-t 23,14 -n 3 -r 20,1", None),
    ("tile-parts", SMALL, 1, 12, False, "-t 24,35 -n 3 -TP R -PLT -TLM", None),
    ("offset", SMALL, 1, 12, False, "-d 13,7", None),
    ("offset-tiles", SMALL, 1, 12, False, "-d 13,7 -T 5,3 -t 17,15 -n 4", None),
    ("remainders", SMALL, 1, 12, False, "-t 23,17 -n 4", None),
    ("odd-remainders", SMALL, 1, 12, False, "-d 23,17 -t 24,18 -n 4", None),
    ("offset-rpcl", LARGE, 1, 12, False, "-d 37,21 -T 11,5 -t 47,43 -n 4 -p RPCL -c [32,16],[16,32] -b 8,8", None),
    ("offset-pcrl", LARGE, 2, 12, False, "-d 37,21 -T 11,5 -t 47,43 -n 4 -p PCRL -c [32,16],[16,32] -b 8,8", None),
    ("offset-cprl", LARGE, 2, 12, False, "-d 37,21 -n 4 -p CPRL -c [32,16],[16,32] -b 8,8", None),
    ("region", SMALL, 1, 8, False, "-ROI c=0,U=7 -n 3", None),
    ("order-changes", SMALL, 3, 8, False,
     "-n 4 -r 20,5,1 -POC T1=0,0,3,2,3,CPRL/T1=2,0,3,4,3,RLCP", None),
    ("lossy53", SMALL, 1, 12, False, "-r 12", None),
    ("lossy97", SMALL, 1, 12, False, "-I -r 8", None),
    ("lossy97-full", SMALL, 1, 12, False, "-I", None),
    ("lossy97-16", LARGE, 1, 16, False, "-I -r 10", None),
    ("lossy97-signed", SMALL, 1, 12, True, "-I -r 6", None),
    ("lossy97-colour", SMALL, 3, 8, False, "-I -r 12", None),
    ("lossy97-layers", SMALL, 1, 12, False, "-I -r 20,10,5 -t 40,40 -d 3,5", None),
    ("lossy97-column", (1, 77), 1, 12, False, "-I -n 1", None),
    ("lossy97-line", (77, 1), 1, 12, False, "-I -n 1 -d 1,1", None),
    ("lossy97-bypass", SMALL, 1, 12, False, "-I -r 4 -M 41", None),
    ("packed-tile", SMALL, 1, 12, False, "-t 24,35 -n 3 -SOP -EPH -r 10,1", packed_in_tile),
    ("packed-main", SMALL, 1, 12, False, "-t 24,35 -n 3 -SOP -EPH -r 10,1", packed_in_main),
    ("interleaved", SMALL, 1, 12, False, "-t 24,35 -n 3 -TP R", interleaved),
    ("open", SMALL, 1, 12, False, "-t 24,35 -n 3", last_open),
    ("cut-layers", SMALL, 1, 12, False, "-n 3 -r 20,10,5,1 -SOP", fewer_packets),
    ("lossy97-derived", SMALL, 1, 12, False, "-I -GuardBits 4", derived_steps),
    ("changed-order", SMALL, 1, 12, False, "-n 3 -r 20,10,5,1 -SOP", changed_order),
    ("component-headers", SMALL, 3, 8, False, "-n 3 -b 32,32 -mct 0", component_headers),
]


def main():
    lines, confirmed = [], 0
    for i, (name, (width, height), components, bits, signed, options, change) in enumerate(CASES):
        # The noise of films makes as many bytes of a sample as real ones have.
        noise = {"film12": 18, "film15": 150}.get(name, 0.5)
        image = picture(width, height, components, bits, signed, i, noise)
        stream = encode(image, bits, signed, options.split())
        if change:
            stream = change(stream)
        samples = decode(stream, image.shape, bits, signed)
        if not name.startswith(("lossy", "cut")):
            assert (samples == image).all(), name
        other = ffmpeg(stream)
        if other is not None and components == 1 and not signed and other.shape == (height, width):
            wide = other.astype(np.int64) >> (8 * other.itemsize - bits)
            if (wide == samples[..., 0]).all():
                confirmed += 1
            else:
                print(name, "differs from FFmpeg by up to", abs(wide - samples[..., 0]).max())
        open(name + ".j2k", "wb").write(stream)
        digest = hashlib.sha256(samples.astype(np.int64).astype("<i8").astype("<u2", casting="unsafe").tobytes()).hexdigest()
        lines.append(f"{name}.j2k {width} {height} {components} {bits} {'s' if signed else 'u'} {digest}")
        if name == "grey12":
            wrapped = jp2(stream, image.shape, bits)
            assert (decode(wrapped, image.shape, bits, signed) == samples).all()
            open("boxes.jp2", "wb").write(wrapped)
            lines.append(f"boxes.jp2 {width} {height} {components} {bits} u {digest}")
    image = picture(*SMALL, 1, 12, False, 100).astype(np.uint16)[..., 0]
    open("high-throughput.jph", "wb").write(imagecodecs.htj2k_encode(image, reversible=True))
    open("golden.txt", "w").write("\n".join(lines) + "\n")
    print(len(lines), "streams;", confirmed, "confirmed by FFmpeg")


main()
