"""Writes golden.json: small JPEG streams of every kind that package jpeg decodes, and the samples that other decoders find.

python internal/dicom/codec/jpeg/testdata/golden.py   (pydicom with gdcm and pylibjpeg, imagecodecs; dcmtk, libjpeg's tools)

The pictures are made here. dcmtk, gdcm, libjpeg-turbo and the small encoder below make the streams. All decoders that
can read a stream must agree, and of a lossless one with the picture; they are listed with it. pylibjpeg has a cosine transform of its
own, which differs by one level, so it takes part in lossless streams only.
"""

import base64
import hashlib
import json
import pathlib
import subprocess
import tempfile

import imagecodecs
import numpy as np
import pydicom
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import get_decoder
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

W, H = 29, 17
rng = np.random.default_rng(14)
folder = pathlib.Path(tempfile.mkdtemp())
cases = []


def picture(bits, components=1, w=W, h=H):
    y, x, c = np.mgrid[:h, :w, :components]
    a = (0.5 + 0.4 * np.sin(x / 9 + c) * np.cos(y / 7)) * 2 ** bits + rng.normal(0, 2 ** bits / 60, x.shape)
    a = a.clip(0, 2 ** bits - 1).astype(np.uint8 if bits <= 8 else np.uint16)
    return a if components > 1 else a[..., 0]


def dataset(a, bits, syntax, frame=None):
    d = pydicom.Dataset()
    d.file_meta = pydicom.dataset.FileMetaDataset()
    d.file_meta.TransferSyntaxUID = UID(syntax)
    d.SOPClassUID = d.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    d.SOPInstanceUID = d.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    d.StudyInstanceUID, d.SeriesInstanceUID, d.Modality = generate_uid(), generate_uid(), "OT"
    d.Rows, d.Columns = a.shape[:2]
    d.SamplesPerPixel = a.shape[2] if a.ndim > 2 else 1
    d.PhotometricInterpretation = "RGB" if a.ndim > 2 else "MONOCHROME2"
    if a.ndim > 2:
        d.PlanarConfiguration = 0
    d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 8 * a.itemsize, bits, bits - 1, 0
    raw = a.tobytes()
    d.PixelData = encapsulate([frame]) if frame else raw + b"\0" * (len(raw) % 2)
    d["PixelData"].VR = "OB" if frame or a.itemsize == 1 else "OW"
    return d


LOSSLESS, SV1, BASELINE, EXTENDED = (f"1.2.840.10008.1.2.4.{n}" for n in (57, 70, 50, 51))


def read_by_plugin(plugin):
    def read(frame, a, bits, syntax):
        out, _ = get_decoder(syntax).as_array(dataset(a, bits, syntax, frame), decoding_plugin=plugin, raw=True)
        return out
    return read


def read_by_dcmtk(frame, a, bits, syntax):
    dataset(a, bits, syntax, frame).save_as(folder / "in.dcm", enforce_file_format=True)
    subprocess.run(["dcmdjpeg", "-q", "+cn", folder / "in.dcm", folder / "out.dcm"], check=True, capture_output=True)
    d = pydicom.dcmread(folder / "out.dcm")
    n = a.size * d.BitsAllocated // 8
    out = np.frombuffer(d.PixelData[:n], np.uint8 if d.BitsAllocated == 8 else "<u2")
    if a.ndim > 2 and d.PlanarConfiguration == 1:
        return out.reshape(a.shape[2], *a.shape[:2]).transpose(1, 2, 0)
    return out.reshape(a.shape)


def read_by_turbo(frame, a, bits, syntax):
    return imagecodecs.jpeg8_decode(frame, colorspace="YCBCR" if a.ndim > 2 else None, outcolorspace="YCBCR" if a.ndim > 2 else None)


def read_by_sof3(frame, a, bits, syntax):
    return imagecodecs.jpegsof3_decode(frame)


READERS = {"gdcm": read_by_plugin("gdcm"), "pylibjpeg": read_by_plugin("pylibjpeg"), "dcmtk": read_by_dcmtk,
           "libjpeg-turbo": read_by_turbo, "jpegsof3": read_by_sof3}


def add(name, frame, a, bits, syntax, want=None, without=()):
    """want is what a lossless stream must give; without are readers that do not know this kind; bits are the stream's."""
    found, lossy = {}, want is None
    for reader, read in READERS.items():
        if reader in without or lossy and reader in ("pylibjpeg", "jpegsof3"):
            continue
        try:
            out = read(frame, a, bits, syntax)
        except Exception as e:
            print(f"  {name}: {reader} does not read it: {str(e).splitlines()[-1][:100]}")
            continue
        if out.shape != a.shape:
            print(f"  {name}: {reader} reads {out.shape}")
            continue
        found[reader] = out.astype("<u2")
    results = list(found.values())
    first = want.astype("<u2") if want is not None else results[0]
    differing = [r for r, out in found.items() if not np.array_equal(out, first)]
    if differing or not found and lossy:
        print(f"!! {name}: {differing} of {list(found)} differ, by up to {[int(abs(found[r].astype(int) - first).max()) for r in differing]}")
        return
    cases.append({"Name": name, "Readers": list(found), "Width": a.shape[1], "Height": a.shape[0],
                  "Components": a.shape[2] if a.ndim > 2 else 1, "Bits": bits, "Lossless": want is not None,
                  "Digest": hashlib.sha256(first.tobytes()).hexdigest(), "Stream": base64.b64encode(frame).decode()})


def tool(command, a, bits):
    """The frame that a tool makes of a picture, and its syntax."""
    dataset(a, bits, ExplicitVRLittleEndian).save_as(folder / "in.dcm", enforce_file_format=True)
    subprocess.run([*command, folder / "in.dcm", folder / "out.dcm"], check=True, capture_output=True)
    d = pydicom.dcmread(folder / "out.dcm")
    return next(generate_frames(d.PixelData, number_of_frames=1)), d.file_meta.TransferSyntaxUID


def cjpeg(a, *options):
    p6 = b"P%d %d %d 255\n" % (5 if a.ndim == 2 else 6, a.shape[1], a.shape[0]) + a.tobytes()
    return subprocess.run(["cjpeg", *options], input=p6, check=True, capture_output=True).stdout


# A lossless encoder, plain and slow, for what the others do not make.

def category(d):
    return 16 if d == 32768 else abs(d).bit_length()


class Bits:
    def __init__(self):
        self.value, self.count = 0, 0

    def put(self, value, count):
        self.value, self.count = self.value << count | value, self.count + count

    def done(self):
        pad = -self.count % 8
        return ((self.value << pad) | (1 << pad) - 1).to_bytes((self.count + pad) // 8, "big").replace(b"\xff", b"\xff\0")


def predicted(s, y, x, first, selection, middle):
    if y == first:
        return s[y, x - 1] if x else middle
    if x == 0:
        return s[y - 1, 0]
    ra, rb, rc = s[y, x - 1], s[y - 1, x], s[y - 1, x - 1]
    return [None, ra, rb, rc, ra + rb - rc, ra + ((rb - rc) >> 1), rb + ((ra - rc) >> 1), (ra + rb) >> 1][selection]


def segment(marker, body):
    return bytes([0xff, marker]) + (len(body) + 2).to_bytes(2, "big") + body


def lossless(a, bits, selection=1, transform=0, rows=0, together=True, dnl=False, fill=b"", lengths=None):
    s = a.reshape(*a.shape[:2], -1).astype(int) >> transform
    h, w, n = s.shape
    lengths = lengths or [2] + [4] * 8 + [5] * 4 + [6] * 4
    order = sorted(range(17), key=lambda k: abs(k - bits // 2))
    codes, code, last = {}, 0, 0
    for symbol, length in zip(order, lengths):
        code <<= length - last
        codes[symbol], code, last = (code, length), code + 1, length
    counts = bytes(sum(1 for c in codes.values() if c[1] == k) for k in range(1, 17))
    out = b"\xff\xd8" + fill + segment(0xc4, b"\0" + counts + bytes(codes))
    out += fill + segment(0xc3, bytes([bits]) + (0 if dnl else h).to_bytes(2, "big") + w.to_bytes(2, "big") + bytes([n]) +
                          b"".join(bytes([c + 1, 0x11, 0]) for c in range(n)))
    if rows:
        out += segment(0xdd, (rows * w).to_bytes(2, "big"))
    for scan, components in enumerate([range(n)] if together else [[c] for c in range(n)]):
        out += fill + segment(0xda, bytes([len(components)]) + b"".join(bytes([c + 1, 0]) for c in components) + bytes([selection, 0, transform]))
        b = Bits()
        for y in range(h):
            if rows and y and y % rows == 0:
                out += b.done() + fill + bytes([0xff, 0xd0 + (y // rows - 1) % 8])
                b = Bits()
            for x in range(w):
                for c in components:
                    p = predicted(s[..., c], y, x, y - y % rows if rows else 0, selection, 1 << (bits - transform - 1))
                    d = (s[y, x, c] - p) & 0xffff
                    d = int(d - 65536 if d > 32768 else d)
                    k = category(d)
                    b.put(*codes[k])
                    if k < 16:
                        b.put(d if d > 0 else d + (1 << k) - 1, k)
        out += b.done()
        if dnl and scan == 0:
            out += segment(0xdc, h.to_bytes(2, "big"))
    return out + fill + b"\xff\xd9"


for bits in (8, 10, 12, 16):
    a = picture(bits)
    add(f"dcmtk lossless {bits} bits, predictor 1", *[tool(["dcmcjpeg", "+e1"], a, bits)[0]], a, bits, SV1, a)
    for selection in range(2, 8):
        if selection in (2 + bits % 6, 6):
            add(f"dcmtk lossless {bits} bits, predictor {selection}", tool(["dcmcjpeg", "+el", "+sv", str(selection)], a, bits)[0], a, bits, LOSSLESS, a)
    add(f"gdcm lossless {bits} bits", tool(["gdcmconv", "--jpeg"], a, bits)[0], a, bits, SV1, a)
for selection in range(1, 8):
    bits = 16 - selection % 5
    a = picture(bits)
    add(f"libjpeg-turbo lossless {bits} bits, predictor {selection}",
        imagecodecs.jpeg8_encode(a, lossless=True, predictor=selection, bitspersample=bits), a, bits, LOSSLESS, a)
    bits = 9 + selection
    a = picture(bits)
    add(f"lossless {bits} bits, predictor {selection}, restarts every 3 rows", lossless(a, bits, selection, rows=3), a, bits, LOSSLESS, a)
for bits in (2, 3, 5, 7):
    a = picture(bits)
    add(f"lossless {bits} bits", lossless(a, bits, 4), a, bits, LOSSLESS, a, ("gdcm",))  # gdcm aborts
a = picture(12)
for transform in (1, 4):
    want, without = a >> transform << transform, ("jpegsof3", "pylibjpeg")  # these two have point transforms wrong
    add(f"dcmtk point transform {transform}", tool(["dcmcjpeg", "+el", "+sv", "4", "+pt", str(transform)], a, 12)[0], a, 12, LOSSLESS, want, without)
    add(f"point transform {transform}, restarts", lossless(a, 12, 7, transform, rows=5), a, 12, LOSSLESS, want, without)
a = picture(16, w=19, h=11)
a[2:9, 3:15] = rng.choice(np.array([0, 32767, 32768, 65535], np.uint16), (7, 12))
for selection in range(1, 8):
    add(f"all of 16 bits, predictor {selection}", lossless(a, 16, selection), a, 16, LOSSLESS, a)
add("codes of up to 16 bits", lossless(a, 16, 1, lengths=[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 16]), a, 16, SV1, a)
a = picture(8, 3)
add("dcmtk lossless RGB", tool(["dcmcjpeg", "+e1"], a, 8)[0], a, 8, SV1, a)
add("lossless RGB with restarts", lossless(a, 8, 5, rows=4), a, 8, LOSSLESS, a)
add("lossless RGB of three scans", lossless(a, 8, 7, together=False), a, 8, LOSSLESS, a, ("jpegsof3",))
a = picture(12)
add("height in DNL", lossless(a, 12, 1, dnl=True), a, 12, SV1, a)
add("fill bytes", lossless(a, 12, 1, rows=2, fill=b"\xff\xff"), a, 12, SV1, a)
a = picture(8)
add("dcmtk baseline", tool(["dcmcjpeg", "+eb", "+q", "85"], a, 8)[0], a, 8, BASELINE)
add("dcmtk baseline, coarse", tool(["dcmcjpeg", "+eb", "+q", "20", "-ho"], a, 8)[0], a, 8, BASELINE)
add("dcmtk extended of 8 bits", tool(["dcmcjpeg", "+ee", "+be"], a, 8)[0], a, 8, EXTENDED)
add("baseline with restarts", cjpeg(a, "-quality", "95", "-restart", "3B"), a, 8, BASELINE)
a[:] = rng.choice(np.array([0, 255], np.uint8), a.shape)
add("baseline, noise", cjpeg(a, "-quality", "60", "-optimize"), a, 8, BASELINE)
a = picture(12)
for q in (20, 85, 100):
    add(f"dcmtk extended of 12 bits, quality {q}", tool(["dcmcjpeg", "+ee", "+q", str(q)], a, 12)[0], a, 12, EXTENDED)
add("libjpeg-turbo extended of 12 bits", imagecodecs.jpeg8_encode(a, 90, bitspersample=12), a, 12, EXTENDED)
a[:] = rng.choice(np.array([0, 4095], np.uint16), a.shape)
add("extended of 12 bits, noise", imagecodecs.jpeg8_encode(a, 60, bitspersample=12), a, 12, EXTENDED)
a = picture(8, 3)
for sample in ("1x1", "2x1", "2x2", "4x1"):
    add(f"baseline colour {sample}", cjpeg(a, "-quality", "90", "-sample", sample), a, 8, BASELINE)
(folder / "scans").write_text("0;\n1;\n2;\n")
add("baseline colour of three scans", cjpeg(a, "-quality", "80", "-sample", "2x2", "-scans", str(folder / "scans")), a, 8, BASELINE)

path = pathlib.Path(__file__).with_name("golden.json")
path.write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
print(len(cases), "streams,", path.stat().st_size, "bytes")
for c in cases:
    print(f'{c["Name"]}: {", ".join(c["Readers"])}')
