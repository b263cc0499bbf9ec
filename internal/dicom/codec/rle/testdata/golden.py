"""Writes golden.json: small RLE frames, and the samples that other decoders find in them.

python internal/dicom/codec/rle/testdata/golden.py   (pydicom with pylibjpeg, gdcmconv, dcmtk)

The pictures are made here: noise, runs and ramps. dcmtk, gdcm, pydicom and pylibjpeg encode them. All decoders must agree
with the picture.
"""

import base64
import hashlib
import json
import pathlib
import subprocess
import tempfile

import numpy as np
import pydicom
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import get_decoder
from pydicom.uid import ExplicitVRLittleEndian, RLELossless, generate_uid

rng = np.random.default_rng(14)
folder = pathlib.Path(tempfile.mkdtemp())
cases = []


def dataset(a, syntax=ExplicitVRLittleEndian, frame=None):
    d = pydicom.Dataset()
    d.file_meta = pydicom.dataset.FileMetaDataset()
    d.file_meta.TransferSyntaxUID = syntax
    d.SOPClassUID = d.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    d.SOPInstanceUID = d.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    d.StudyInstanceUID, d.SeriesInstanceUID, d.Modality = generate_uid(), generate_uid(), "OT"
    d.Rows, d.Columns = a.shape[:2]
    d.SamplesPerPixel = a.shape[2] if a.ndim > 2 else 1
    d.PhotometricInterpretation = "RGB" if a.ndim > 2 else "MONOCHROME2"
    if a.ndim > 2:
        d.PlanarConfiguration = 0
    d.BitsAllocated = d.BitsStored = 8 * a.itemsize
    d.HighBit, d.PixelRepresentation = d.BitsStored - 1, 0
    d.PixelData = encapsulate([frame]) if frame else a.tobytes() + b"\0" * (a.nbytes % 2)
    d["PixelData"].VR = "OB" if frame or a.itemsize == 1 else "OW"
    return d


def by_tool(*command):
    def encode(a):
        dataset(a).save_as(folder / "in.dcm", enforce_file_format=True)
        subprocess.run([*command, folder / "in.dcm", folder / "out.dcm"], check=True, capture_output=True)
        return next(generate_frames(pydicom.dcmread(folder / "out.dcm").PixelData, number_of_frames=1))
    return encode


def by_plugin(plugin):
    def encode(a):
        d = dataset(a)
        d.compress(RLELossless, encoding_plugin=plugin)
        return next(generate_frames(d.PixelData, number_of_frames=1))
    return encode


def read_by_dcmtk(a, frame):
    dataset(a, RLELossless, frame).save_as(folder / "in.dcm", enforce_file_format=True)
    subprocess.run(["dcmdrle", folder / "in.dcm", folder / "out.dcm"], check=True, capture_output=True)
    d = pydicom.dcmread(folder / "out.dcm")
    out = np.frombuffer(d.PixelData[:a.nbytes], a.dtype)
    if a.ndim > 2 and d.PlanarConfiguration == 1:
        return out.reshape(a.shape[2], *a.shape[:2]).transpose(1, 2, 0)
    return out.reshape(a.shape)


def add(name, a, frame):
    read = [p for p in get_decoder(RLELossless).available_plugins]
    for plugin in read:
        out, _ = get_decoder(RLELossless).as_array(dataset(a, RLELossless, frame), decoding_plugin=plugin, raw=True)
        assert np.array_equal(out, a), (name, plugin)
    assert np.array_equal(read_by_dcmtk(a, frame), a), name
    cases.append({"Name": name, "Readers": [*read, "dcmtk"], "Width": a.shape[1], "Height": a.shape[0],
                  "Components": a.shape[2] if a.ndim > 2 else 1, "Bits": 8 * a.itemsize,
                  "Digest": hashlib.sha256(a.astype("<u2").tobytes()).hexdigest(), "Stream": base64.b64encode(frame).decode()})


def picture(shape, dtype):
    a = rng.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)
    a[:3] = 7
    a[5, :9] = 1
    a[7:9] = np.arange(a[7].size).reshape(a[7].shape)
    return a


ENCODERS = {"dcmtk": by_tool("dcmcrle"), "gdcm": by_tool("gdcmconv", "--rle"), "pydicom": by_plugin("pydicom"), "pylibjpeg": by_plugin("pylibjpeg")}
for encoder, encode in ENCODERS.items():
    for kind, shape, dtype in (("8 bits", (13, 29), np.uint8), ("16 bits", (11, 20), np.uint16), ("odd 16 bits", (11, 23), np.uint16),
                               ("RGB", (11, 13, 3), np.uint8), ("RGB of 16 bits", (9, 10, 3), np.uint16)):
        if encoder == "gdcm" and shape[0] % 2 and kind in ("8 bits", "RGB"):
            shape = (shape[0] + 1, shape[1] + 2, *shape[2:])  # gdcm wants whole rows in its parts
        a = picture(shape, dtype)
        add(f"{encoder}, {kind}", a, encode(a))
a = np.zeros((40, 130), np.uint8)
add("runs over the ends of rows", a, (1).to_bytes(4, "little") + (64).to_bytes(4, "little") + bytes(56) + b"\x81\0" * 40 + b"\xb1\0")

path = pathlib.Path(__file__).with_name("golden.json")
path.write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
print(len(cases), "frames,", path.stat().st_size, "bytes")
