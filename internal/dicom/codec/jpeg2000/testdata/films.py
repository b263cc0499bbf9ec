#!/usr/bin/env python3
"""Encodes films as JPEG 2000 by OpenJPEG, GDCM and FFmpeg, and has OpenJPEG decode them, for TestFilms.

    python3 films.py FILMS FOLDER        # FILMS is a folder of uncompressed or other DICOM files
    SPIKERAY_JPEG2000_FILMS=FOLDER go test -run TestFilms ./internal/dicom/codec/jpeg2000

Needs opj_compress, gdcmconv, numpy, pydicom with pylibjpeg and pyjpegls, imagecodecs and PyAV. FOLDER gets golden.txt, in the
format of golden.py. Files that are JPEG 2000 already are taken as they are.
"""
import glob
import hashlib
import os
import subprocess
import sys
from fractions import Fraction

import av
import imagecodecs
import numpy as np
import pydicom
from pydicom.encaps import generate_frames

films, folder = sys.argv[1], sys.argv[2]
os.makedirs(folder, exist_ok=True)
lines = []


def add(name, stream, bits, signed, original=None):
    a = np.asarray(imagecodecs.jpeg2k_decode(stream))
    if original is not None:
        assert (a == original).all(), name
    open(os.path.join(folder, name), "wb").write(stream)
    components = 1 if a.ndim == 2 else a.shape[2]
    digest = hashlib.sha256(a.astype("<i8").astype("<u2").tobytes()).hexdigest()
    lines.append(f"{name} {a.shape[1]} {a.shape[0]} {components} {bits} {'s' if signed else 'u'} {digest}")


def by_openjpeg(name, a, bits, options):
    pgm, out = os.path.join(folder, "a.pgm"), os.path.join(folder, "a.j2k")
    with open(pgm, "wb") as f:
        f.write(b"P5\n%d %d\n%d\n" % (a.shape[1], a.shape[0], 2**bits - 1) + a.astype(">u2" if bits > 8 else "u1").tobytes())
    subprocess.run(["opj_compress", "-i", pgm, "-o", out] + options, check=True, capture_output=True)
    stream = open(out, "rb").read()
    os.remove(pgm)
    os.remove(out)
    return stream


def by_gdcm(path, options):
    out = os.path.join(folder, "a.dcm")
    run = subprocess.run(["gdcmconv", "--j2k"] + options + [path, out], capture_output=True, text=True)
    if run.returncode or not os.path.exists(out):
        print(os.path.basename(path), "is not encoded by gdcmconv:", (run.stdout + run.stderr).strip()[:200])
        return None
    ds = pydicom.dcmread(out)
    os.remove(out)
    return next(generate_frames(ds.PixelData, number_of_frames=1))


def by_ffmpeg(a, options):
    kind = "gray" if a.itemsize == 1 else "gray16le"
    encoder = av.CodecContext.create("jpeg2000", "w")
    encoder.height, encoder.width = a.shape
    encoder.pix_fmt, encoder.time_base, encoder.options = kind, Fraction(1, 25), options
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(a), format=kind)
    return b"".join(bytes(p) for p in encoder.encode(frame) + encoder.encode(None))


for path in sorted(glob.glob(os.path.join(films, "*.dcm"))):
    base = os.path.splitext(os.path.basename(path))[0][:40]
    ds = pydicom.dcmread(path)
    if "PixelData" not in ds or int(ds.get("NumberOfFrames", 1)) != 1:
        continue
    bits, signed = ds.BitsStored, ds.PixelRepresentation == 1
    if ds.file_meta.TransferSyntaxUID.startswith("1.2.840.10008.1.2.4.9"):
        add(base + ".j2k", next(generate_frames(ds.PixelData, number_of_frames=1)), bits, signed)
        continue
    if ds.SamplesPerPixel != 1:
        continue
    a = ds.pixel_array
    if not signed:
        add(base + ".90.j2k", by_openjpeg(base, a, bits, []), bits, False, a)
        add(base + ".90-styles.j2k", by_openjpeg(base, a, bits, ["-M", "63", "-b", "32,32", "-p", "RPCL", "-SOP", "-EPH"]), bits, False, a)
        add(base + ".90-tiles.j2k", by_openjpeg(base, a, bits, ["-t", "500,300", "-r", "20,5,1"]), bits, False, a)
        add(base + ".91.j2k", by_openjpeg(base, a, bits, ["-I", "-r", "10"]), bits, False)
        add(base + ".91-53.j2k", by_openjpeg(base, a, bits, ["-r", "15"]), bits, False)
        depth = 8 * a.itemsize
        marks = {"pred": "dwt53", "sop": "1", "eph": "1", "prog": "rpcl", "format": "j2k"}
        tiles = {"pred": "dwt53", "tile_width": "512", "tile_height": "300", "prog": "cprl"}
        add(base + ".90-ffmpeg.j2k", by_ffmpeg(a, marks), depth, False, a)
        add(base + ".90-ffmpeg-tiles.jp2", by_ffmpeg(a, tiles), depth, False, a)
        add(base + ".91-ffmpeg.jp2", by_ffmpeg(a, {"pred": "dwt97int", "prog": "rlcp"}), depth, False)
    if bits != ds.BitsAllocated and ds.PixelRepresentation:
        continue
    for kind, options in (("90", []), ("91", ["--irreversible"])):
        stream = by_gdcm(path, options)
        if stream is not None:
            depth = stream[stream.index(b"\xff\x51") + 40]
            add(f"{base}.{kind}-gdcm.j2k", stream, (depth & 127) + 1, depth > 127)
open(os.path.join(folder, "golden.txt"), "w").write("\n".join(lines) + "\n")
print(len(lines), "streams")
