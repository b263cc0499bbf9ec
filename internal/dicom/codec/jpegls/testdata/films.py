#!/usr/bin/env python3
"""Encodes real films as JPEG-LS by dcmtk, GDCM and CharLS, and writes the streams with a golden.json to a folder.

The check is then: SPIKERAY_JPEGLS_FILMS=FOLDER go test -run TestFilms ./internal/dicom/codec/jpegls

The films are the DICOM files of chests and some of the JPEG originals, with 8 bits as they are and with 16 bits (shifted, with
noise in the bits below). Lossless streams have to hold the film; the samples of near-lossless ones are CharLS's.

Usage: films.py ../shared/data FOLDER. Wants what golden.py wants, imagecodecs and Pillow.
"""
import hashlib
import json
import pathlib
import sys

import imagecodecs
import numpy as np
import pydicom
from PIL import Image

import golden


def films(data):
    for path in sorted((data / "dicom" / "chest").glob("*.dcm")):
        ds = pydicom.dcmread(path)
        yield path.stem, ds.pixel_array.astype(np.uint16), ds.BitsStored
    r = np.random.RandomState(1)
    for i, path in enumerate(sorted((data / "originals").glob("*/*.jpeg"))):
        if i % 5 == 0:
            v = np.asarray(Image.open(path).convert("L")).astype(np.uint16)
            yield path.stem, v, 8
            yield path.stem + "_16", v * 256 + r.randint(0, 256, v.shape).astype(np.uint16), 16


def streams(v, bits):
    yield "dcmtk", golden.converted(v, bits, "dcmcjpls"), 0
    yield "dcmtk_near2", golden.converted(v, bits, "dcmcjpls", "+en"), 2
    yield "gdcm", golden.converted(v, bits, "gdcmconv", "--jpegls"), 0
    source = v.astype(np.uint8) if bits == 8 else v
    yield "imagecodecs", imagecodecs.jpegls_encode(source), 0
    yield "imagecodecs_near5", imagecodecs.jpegls_encode(source, level=5), 5


def main():
    data, out = map(pathlib.Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    lines = []
    for film, v, bits in films(data):
        for encoder, stream, near in streams(v, bits):
            samples, info = golden.charls_samples(bytes(stream))
            if int(np.abs(samples.astype(int) - v.ravel()).max()) > near:
                raise SystemExit(f"{film}: {encoder} does not hold the film")
            name = f"{film}_{encoder}"
            (out / f"{name}.jls").write_bytes(stream)
            lines.append({
                "name": name, "width": info.width, "height": info.height, "components": info.count, "bits": info.bits,
                "sha256": hashlib.sha256(samples.tobytes()).hexdigest(),
            })
        print(film, v.shape, bits, "bits", flush=True)
    (out / "golden.json").write_text(json.dumps(lines, indent=1))
    print(len(lines), "streams")


if __name__ == "__main__":
    main()
