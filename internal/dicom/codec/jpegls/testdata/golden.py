#!/usr/bin/env python3
"""Makes the JPEG-LS streams beside this script, and golden.json: what each holds.

The pictures are made here: noise on a gradient, with flat areas for run mode. CharLS encodes them (libcharls 2.4 by its C
interface, which can set every parameter), and dcmtk's dcmcjpls and GDCM's gdcmconv some. The samples in golden.json are those
that CharLS decodes; libjpeg (pylibjpeg-libjpeg), which shares no code with CharLS, has to decode the same.
Lossless streams have to decode to the picture that was encoded.

Wants: pip install numpy pydicom pylibjpeg-libjpeg; apt install libcharls2 dcmtk libgdcm-tools.
Usage: golden.py, in this folder.
"""
import ctypes
import hashlib
import json
import pathlib
import struct
import subprocess
import tempfile

import libjpeg
import numpy as np
import pydicom
from pydicom.encaps import generate_frames

HERE = pathlib.Path(__file__).resolve().parent
NONE, LINE, SAMPLE = 0, 1, 2

charls = ctypes.CDLL("libcharls.so.2")
charls.charls_jpegls_encoder_create.restype = charls.charls_jpegls_decoder_create.restype = ctypes.c_void_p


class FrameInfo(ctypes.Structure):
    _fields_ = [("width", ctypes.c_uint32), ("height", ctypes.c_uint32), ("bits", ctypes.c_int32), ("count", ctypes.c_int32)]


class Presets(ctypes.Structure):
    _fields_ = [(n, ctypes.c_int32) for n in ("maxval", "t1", "t2", "t3", "reset")]


def encode(picture, bits, near=0, interleave=NONE, presets=None, transform=0, options=0):
    """A stream of picture, [height][width] or [height][width][components]."""
    height, width = picture.shape[:2]
    count = 1 if picture.ndim == 2 else picture.shape[2]
    source = picture.astype("<u2" if bits > 8 else "u1")
    if count > 1 and interleave == NONE:
        source = source.transpose(2, 0, 1)
    source = np.ascontiguousarray(source).tobytes()
    call = lambda name, *args: check(name, getattr(charls, "charls_jpegls_encoder_" + name)(encoder, *args))
    encoder = ctypes.c_void_p(charls.charls_jpegls_encoder_create())
    info = FrameInfo(width, height, bits, count)
    call("set_frame_info", ctypes.byref(info))
    call("set_near_lossless", near)
    call("set_interleave_mode", interleave)
    call("set_encoding_options", options)
    if presets:
        p = Presets(*presets)
        call("set_preset_coding_parameters", ctypes.byref(p))
    if transform:
        call("set_color_transformation", transform)
    out = ctypes.create_string_buffer(4 * len(source) + 4096)
    call("set_destination_buffer", out, ctypes.c_size_t(len(out)))
    call("encode_from_buffer", source, ctypes.c_size_t(len(source)), ctypes.c_uint32(0))
    size = ctypes.c_size_t()
    call("get_bytes_written", ctypes.byref(size))
    charls.charls_jpegls_encoder_destroy(encoder)
    return out.raw[: size.value]


def check(name, error):
    if error:
        raise RuntimeError(f"CharLS: {name}: error {error}")


def picture(bits, width=61, height=47, count=1, most=None, seed=1, flat=True):
    """Noise on a gradient, with flat areas and edges between them."""
    r = np.random.RandomState(seed)
    most = most or (1 << bits) - 1
    y, x, c = np.mgrid[:height, :width, :count]
    v = most * (0.15 + 0.6 * (x + y + 3 * c) / (width + height)) + r.normal(0, max(1.0, most / 200), x.shape)
    if flat:
        v[height // 3 : height // 2] = most // 4
        v[height // 3 :, width // 3 : width // 2] = most
        v[height // 2 : height // 2 + 4, 5:] = 0
        v[-6:, : width // 3, :1] = most // 3
    if seed % 2 == 0:
        # Errors large enough for codes of the greatest length.
        far = r.rand(height, width) < 0.02
        v[far] = r.randint(0, 2, far.sum())[:, None] * most
    v = np.clip(np.rint(v), 0, most).astype(np.uint16)
    return v[:, :, 0] if count == 1 else v


def charls_samples(stream):
    """What CharLS decodes, interleaved, and the frame it is of."""
    call = lambda name, *args: check(name, getattr(charls, "charls_jpegls_decoder_" + name)(decoder, *args))
    decoder = ctypes.c_void_p(charls.charls_jpegls_decoder_create())
    info, mode, size = FrameInfo(), ctypes.c_int32(), ctypes.c_size_t()
    call("set_source_buffer", stream, ctypes.c_size_t(len(stream)))
    call("read_header")
    call("get_frame_info", ctypes.byref(info))
    call("get_interleave_mode", ctypes.byref(mode))
    call("get_destination_size", ctypes.c_uint32(0), ctypes.byref(size))
    out = ctypes.create_string_buffer(size.value)
    call("decode_to_buffer", out, size, ctypes.c_uint32(0))
    charls.charls_jpegls_decoder_destroy(decoder)
    v = np.frombuffer(out.raw, "<u2" if info.bits > 8 else "u1").astype("<u2")
    if mode.value == NONE:
        v = v.reshape(info.count, -1).T.ravel()
    return v, info


def entropy(stream):
    """The headers of a stream of one scan, and its entropy-coded data."""
    at = 2
    while stream[at + 1] != 0xDA:
        at += 2 + struct.unpack(">H", stream[at + 2 : at + 4])[0]
    at += 2 + struct.unpack(">H", stream[at + 2 : at + 4])[0]
    assert stream[-2:] == b"\xff\xd9"
    return stream[:at], stream[at:-2]


def restarted(v, bits, lines, size, **kwargs):
    """A stream with restart markers: strips that are each encoded alone, T.87, C.2.5, the interval in so many bytes."""
    head, _ = entropy(encode(v, bits, **kwargs))
    dri = b"\xff\xdd" + struct.pack(">H", 2 + size) + lines.to_bytes(size, "big")
    out = head[:2] + dri + head[2:]
    for i, y in enumerate(range(0, v.shape[0], lines)):
        if i:
            out += bytes([0xFF, 0xD0 + (i - 1) % 8])
        out += entropy(encode(v[y : y + lines], bits, **kwargs))[1]
    return out + b"\xff\xd9"


def file_of(v, bits, path):
    """Writes v as a native DICOM file."""
    ds = pydicom.Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    ds.SOPInstanceUID = ds.StudyInstanceUID = ds.SeriesInstanceUID = "2.25.1"
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    ds.PatientID = ds.PatientName = ds.StudyDate = ds.StudyTime = ds.AccessionNumber = ds.StudyID = ""
    ds.Modality = "OT"
    ds.Rows, ds.Columns = v.shape[:2]
    ds.SamplesPerPixel = 1 if v.ndim == 2 else 3
    ds.PhotometricInterpretation = "MONOCHROME2" if v.ndim == 2 else "RGB"
    if v.ndim == 3:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated = 16 if bits > 8 else 8
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = bits, bits - 1, 0
    raw = np.ascontiguousarray(v).astype("<u2" if bits > 8 else "u1").tobytes()
    ds.PixelData = raw + b"\0" * (len(raw) % 2)
    ds["PixelData"].VR = "OW" if bits > 8 else "OB"
    ds.save_as(path, enforce_file_format=True)


def converted(v, bits, *command):
    """The stream that a converter of DICOM files makes of v. command has {} where the files' names go."""
    with tempfile.TemporaryDirectory() as folder:
        a, b = f"{folder}/a.dcm", f"{folder}/b.dcm"
        file_of(v, bits, a)
        subprocess.run([*command, a, b], check=True, capture_output=True)
        ds = pydicom.dcmread(b)
        return next(generate_frames(ds.PixelData, number_of_frames=1))


def cases():
    for bits in (2, 3, 7, 8, 10, 12, 15, 16):
        v = picture(bits, seed=bits)
        yield f"grey{bits}", encode(v, bits), v
    for bits, near in ((4, 3), (8, 1), (8, 3), (8, 10), (12, 1), (12, 10), (16, 3), (16, 255)):
        yield f"grey{bits}_near{near}", encode(picture(bits, 37, 29, seed=bits + near), bits, near), None
    for bits in (8, 16):
        for count in (3, 4):
            v = picture(bits, 23, 19, count, seed=count)
            for mode, name in ((NONE, "none"), (LINE, "line"), (SAMPLE, "sample")):
                if count == 3 or bits == 8:
                    yield f"colour{bits}_{count}_{name}", encode(v, bits, 0, mode), v
                if count == 3:
                    yield f"colour{bits}_{count}_{name}_near3", encode(v, bits, 3, mode), None
    # Runs whose lengths take up to 15 bits a part.
    v = np.zeros((47, 5000), np.uint16)
    v[30:, 4000:] = 7
    v[40, 100] = 200
    v[41:, 2500:2600] = np.arange(100)
    yield "flat", encode(v, 8), v
    v = np.repeat(v[:, :, None], 3, 2)
    yield "flat_sample", encode(v, 8, 0, SAMPLE), v
    yield "flat_line_near1", encode(v, 8, 1, LINE), None
    # One column, one line, one sample.
    for width, height in ((1, 40), (40, 1), (1, 1), (2, 9)):
        v = picture(12, width, height, seed=3)
        yield f"size{width}x{height}", encode(v, 12), v
    # Preset parameters, T.87, C.2.4.1.1. CharLS and libjpeg both code as if MAXVAL were 2^P - 1 whatever the segment says, so
    # ../reference_test.go tests other ones.
    for name, bits, near, presets in (
        ("thresholds", 12, 0, (4095, 9, 20, 400, 3)), ("thresholds_near2", 8, 2, (255, 4, 4, 90, 40)),
        ("reset65535", 16, 0, (65535, 18, 67, 276, 65535)), ("narrow", 8, 0, (255, 1, 1, 1, 64)),
        ("wide", 12, 0, (4095, 4095, 4095, 4095, 255)),
    ):
        v = picture(bits, 37, 29, most=presets[0], seed=4)
        yield f"preset_{name}", encode(v, bits, near, NONE, presets), v if near == 0 else None
    # The thresholds that JAI-ImageIO uses, and does not write.
    v = picture(15, seed=5)
    yield "jai15", encode(v, 15, 0, NONE, (32767, 130, 515, 2180, 64)), v
    yield "lse15", encode(v, 15, 0, NONE, None, 0, 4), v
    v = picture(12, 37, 29, seed=6)
    yield "restart", restarted(v, 12, 3, 2), v
    yield "restart_near2", restarted(v, 12, 7, 3, near=2), None
    v = picture(8, 23, 19, 3, seed=7)
    yield "restart_line", restarted(v, 8, 1, 4, interleave=LINE), v
    yield "restart_sample", restarted(v, 8, 5, 2, interleave=SAMPLE), v
    # What converters of DICOM files write.
    v, c = picture(12, 37, 29, seed=8), picture(8, 23, 19, 3, seed=9)
    yield "dcmtk", converted(v, 12, "dcmcjpls"), v
    yield "dcmtk_near", converted(v, 12, "dcmcjpls", "+en", "+md", "5"), None
    yield "dcmtk_presets", converted(v, 12, "dcmcjpls", "+pc", "+t1", "30", "+t2", "60", "+t3", "99", "+rs", "31"), v
    for mode in "lsn":
        yield f"dcmtk_i{mode}", converted(c, 8, "dcmcjpls", f"+i{mode}"), c
    yield "gdcm", converted(v, 12, "gdcmconv", "--jpegls"), v
    yield "gdcm_colour", converted(c, 8, "gdcmconv", "--jpegls"), c


def main():
    for old in HERE.glob("*.jls"):
        old.unlink()
    golden = []
    for name, stream, source in cases():
        samples, meta = charls_samples(stream)
        if source is not None and not np.array_equal(samples, source.ravel()):
            raise SystemExit(f"{name}: CharLS does not decode what was encoded")
        if not np.array_equal(libjpeg.decode(bytes(stream)).astype("<u2").ravel(), samples):
            raise SystemExit(f"{name}: CharLS and libjpeg decode other samples")
        (HERE / f"{name}.jls").write_bytes(stream)
        golden.append({
            "name": name, "width": meta.width, "height": meta.height, "components": meta.count, "bits": meta.bits, "sha256": hashlib.sha256(samples.tobytes()).hexdigest(),
        })
    (HERE / "golden.json").write_text("[\n" + ",\n".join(json.dumps(g) for g in golden) + "\n]\n")
    print(len(golden), "streams,", sum(p.stat().st_size for p in HERE.glob("*.jls")), "bytes")


if __name__ == "__main__":
    main()
