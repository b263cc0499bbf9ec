"""Encodes real pictures by dcmtk and gdcm in every syntax of packages jpeg and rle, decodes them by dcmtk, gdcm and pydicom,
and has the Go tests compare their samples.

python internal/dicom/codec/codectest/check.py ../shared/data [number of JPEG originals]

Films are the native files of dicom/, and JPEG originals as they are and spread to 10, 12 and 16 bits with noise below.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import pydicom
from PIL import Image
from pydicom.encaps import generate_frames
from pydicom.pixels import get_decoder
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit, JPEGExtended12Bit, generate_uid

data = pathlib.Path(sys.argv[1])
count = int(sys.argv[2]) if len(sys.argv) > 2 else 6
here = pathlib.Path(__file__).resolve().parent
work = pathlib.Path(tempfile.mkdtemp())
rng = np.random.default_rng(14)


def film(a, bits, signed=0):
    d = pydicom.Dataset()
    d.file_meta = pydicom.dataset.FileMetaDataset()
    d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    d.SOPClassUID = d.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    d.SOPInstanceUID = d.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    d.StudyInstanceUID, d.SeriesInstanceUID, d.Modality = generate_uid(), generate_uid(), "OT"
    d.Rows, d.Columns = a.shape
    d.SamplesPerPixel, d.PhotometricInterpretation = 1, "MONOCHROME2"
    d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 8 * a.itemsize, bits, bits - 1, signed
    d.PixelData = a.tobytes() + b"\0" * (a.nbytes % 2)
    d["PixelData"].VR = "OB" if a.itemsize == 1 else "OW"
    return d


def films():
    for path in sorted((data / "dicom").glob("*/*.dcm")):
        d = pydicom.dcmread(path)
        if "PixelData" in d and d.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian and d.SamplesPerPixel == 1:
            a = np.frombuffer(d.PixelData, "<u2" if d.BitsAllocated == 16 else np.uint8)[:d.Rows * d.Columns]
            yield path.stem, film(a.reshape(d.Rows, d.Columns), d.BitsStored, d.PixelRepresentation)
    paths = sorted((data / "originals").glob("*/*.jpeg"))
    for i, path in enumerate(paths[::max(1, len(paths) // count)][:count]):
        a = np.asarray(Image.open(path).convert("L"))
        a = a[:a.shape[0] // 2 * 2, :a.shape[1] // 2 * 2]  # gdcm's RLE wants even rows
        yield f"original{i}-8", film(a, 8)
        bits = (10, 12, 16)[i % 3]
        more = bits - 8
        deep = (a.astype("<u2") << more) + rng.integers(0, 1 << more, a.shape, dtype="<u2")
        yield f"original{i}-{bits}", film(deep, bits)
        yield f"original{i}-{bits}-signed", film((deep.astype(int) - (1 << bits - 1)).astype("<i2"), bits, 1)


COMMANDS = {"dcmtk-sv1": ["dcmcjpeg", "+e1"], "gdcm-lossless": ["gdcmconv", "--jpeg"], "dcmtk-rle": ["dcmcrle"], "gdcm-rle": ["gdcmconv", "--rle"],
            "dcmtk-baseline": ["dcmcjpeg", "+eb"], "dcmtk-baseline-60": ["dcmcjpeg", "+eb", "+q", "60", "-ho"],
            "dcmtk-extended-12": ["dcmcjpeg", "+ee", "+bt"], "dcmtk-extended-12-70": ["dcmcjpeg", "+ee", "+bt", "+q", "70"],
            "dcmtk-extended-8": ["dcmcjpeg", "+ee", "+be"], "gdcm-baseline": ["gdcmconv", "--jpeg", "--lossy", "-q", "85"],
            "dcmtk-point-transform": ["dcmcjpeg", "+el", "+sv", "7", "+pt", "2"],
            **{f"dcmtk-sv{n}": ["dcmcjpeg", "+el", "+sv", str(n)] for n in range(2, 8)}}


def digest(a):
    return hashlib.sha256(np.ascontiguousarray(a).astype("<u2").tobytes()).hexdigest()


def one(name, d, kind, command):
    source, target, back = (work / f"{name}-{kind}{end}.dcm" for end in ("", "-out", "-back"))
    d.save_as(source, enforce_file_format=True)
    try:
        if subprocess.run([*command, source, target], capture_output=True).returncode or not target.exists():
            return None
        e = pydicom.dcmread(target)
        syntax = e.file_meta.TransferSyntaxUID
        frame = next(generate_frames(e.PixelData, number_of_frames=1))
        found = {}
        if subprocess.run(["dcmdrle" if "rle" in kind else "dcmdjpeg", "-q", target, back], capture_output=True).returncode == 0:
            b = pydicom.dcmread(back)
            n = b.Rows * b.Columns
            found["dcmtk"] = digest(np.frombuffer(b.PixelData, "<u2" if b.BitsAllocated == 16 else np.uint8)[:n])
        lossy = syntax in (JPEGBaseline8Bit, JPEGExtended12Bit)
        for plugin in get_decoder(syntax).available_plugins:
            if plugin == "pylibjpeg" and (lossy or "transform" in kind):
                continue  # a transform of its own, and point transforms that it has wrong
            try:
                found[plugin] = digest(get_decoder(syntax).as_array(e, decoding_plugin=plugin, raw=True)[0])
            except Exception:
                pass
        if not lossy and "transform" not in kind:
            found["the film"] = digest(np.frombuffer(d.PixelData, "<u2" if d.BitsAllocated == 16 else np.uint8)[:d.Rows * d.Columns])
        file = f"{name}-{kind}.frame"
        (work / file).write_bytes(frame)
        return {"Name": f"{name}, {kind}", "File": file, "Syntax": syntax, "Width": d.Columns, "Height": d.Rows, "Components": 1,
                "Bits": e.BitsAllocated, "Digests": found}
    finally:
        for path in (source, target, back):
            path.unlink(missing_ok=True)


with concurrent.futures.ThreadPoolExecutor(2) as pool:
    jobs = [(name, kind, pool.submit(one, name, d, kind, command)) for name, d in films() for kind, command in COMMANDS.items()]
    frames = []
    for name, kind, job in jobs:
        result = job.result()
        if result is None:
            print(f"{name}: {kind} does not encode it")
        elif not result["Digests"]:
            print(f"{name}: {kind} makes a stream that no decoder reads")
        else:
            frames.append(result)
            if len(set(result["Digests"].values())) > 1:
                print(f"{name}: {kind}: the decoders do not agree: {result['Digests']}")
(work / "frames.json").write_text(json.dumps(frames))
print(len(frames), "frames,", sum(len(f["Digests"]) for f in frames), "readings")
done = subprocess.run(["go", "test", "-count=1", "-v", "-run", "^TestFrames$", "./jpeg", "./rle"], cwd=here.parent,
                      env={**os.environ, "SPIKERAY_FRAMES": str(work)}, capture_output=True, text=True)
print(done.stdout, done.stderr)
for path in work.iterdir():
    path.unlink()
work.rmdir()
sys.exit(done.returncode)
