"""Writes films.tar.gz: small films as DICOM, one for each way in which samples become greys, and beside each the greys that
pydicom makes of it, as numbers of 16 bits, the highest byte first. Run it in this folder with pydicom, numpy, pylibjpeg
(with libjpeg, openjpeg and rle) and gdcm installed, and dcmtk's dcmcjpeg and dcmcjpls.

What pydicom leaves open is done here with numpy: the range of greys for an object without a window, padding, and samples
whose high bit is not the one below BitsStored.
"""

import gzip
import io
import subprocess
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut, apply_presentation_lut
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless,
)

ROWS, COLUMNS = 12, 16


def samples(low, high, seed, rows=ROWS, columns=COLUMNS):
    """A ramp over the range with noise; both ends occur."""
    random = np.random.default_rng(seed)
    ramp = np.linspace(low, high, rows * columns)
    out = np.clip(np.round(ramp + random.normal(0, (high - low) / 40, ramp.shape)), low, high).astype(np.int64)
    out[0], out[-1] = low, high
    return out.reshape(rows, columns)


def film(values, stored=12, allocated=16, signed=False, high=None, garbage=None, **attributes):
    ds = Dataset()
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    ds.SOPInstanceUID = "2.25.1"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "2.25.2", "2.25.3"
    ds.Modality = "CR"
    ds.PatientName, ds.PatientID = "Made^By Script", "none"
    ds.Rows, ds.Columns = values.shape
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = allocated, stored, stored - 1 if high is None else high
    ds.PixelRepresentation = int(signed)
    cells = (values & ((1 << stored) - 1)) << (ds.HighBit + 1 - stored)
    if garbage is not None:
        cells |= garbage
    elif signed and high is None:
        cells = values & ((1 << allocated) - 1)  # with the sign in all the bits above, as usual
    ds.PixelData = cells.astype("<u2" if allocated == 16 else "u1").tobytes()
    if len(ds.PixelData) % 2:
        ds.PixelData += b"\0"
    ds["PixelData"].VR = "OW" if allocated == 16 else "OB"
    for name, value in attributes.items():
        setattr(ds, name, value)
    return ds


def written(ds, syntax=ExplicitVRLittleEndian):
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian and ds["PixelData"].VR == "OW":
        ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
    out = io.BytesIO()
    ds.save_as(out, enforce_file_format=True, little_endian=syntax != ExplicitVRBigEndian, implicit_vr=syntax == ImplicitVRLittleEndian)
    return out.getvalue()


def lut(first, data, bits, vr="OW", signed=False, packed=False, entries=None):
    item = Dataset()
    item.LUTDescriptor = [len(data) % 65536 if entries is None else entries, first, bits]
    item["LUTDescriptor"].VR = "SS" if signed else "US"
    if packed:
        item.add_new("LUTData", "OW", bytes(np.asarray(data, "u1")) + (b"\0" if len(data) % 2 else b""))
    elif vr == "OW":
        item.add_new("LUTData", "OW", np.asarray(data, "<u2").tobytes())
    else:
        item.add_new("LUTData", "US", [int(v) for v in data])
    return [item]


def recoded(data, *command):
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, "before.dcm"), Path(folder, "after.dcm")
        before.write_bytes(data)
        subprocess.run([*command, str(before), str(after)], check=True, capture_output=True)
        return after.read_bytes()


def curve(n, white, power):
    steps = np.arange(n) // 16 / ((n - 1) // 16)
    return np.round(steps**power * white).astype(int)


def films():
    eight = dict(stored=8, allocated=8)
    window = dict(WindowCenter="2000", WindowWidth="1500")
    plain = written(film(samples(100, 4000, 1), **window))
    yield "8-bit", written(film(samples(0, 255, 2), **eight))
    yield "8-bit-narrow", written(film(samples(40, 90, 3), **eight))
    yield "8-bit-inverted", written(film(samples(0, 255, 4), PhotometricInterpretation="MONOCHROME1", **eight))
    yield "8-bit-implicit", written(film(samples(0, 255, 5), **eight), ImplicitVRLittleEndian)
    words = film(samples(0, 255, 6), **eight)
    words["PixelData"].VR = "OW"
    yield "8-bit-big-endian-words", written(words, ExplicitVRBigEndian)
    yield "8-bit-odd", written(film(samples(0, 255, 7, 11, 13), **eight))
    yield "8-bit-window", written(film(samples(0, 255, 8), WindowCenter="100", WindowWidth="120", **eight))
    yield "8-bit-whole-window", written(film(samples(0, 255, 9), WindowCenter="128", WindowWidth="256", **eight))
    yield "8-bit-signed", written(film(samples(-128, 127, 10), signed=True, **eight))
    yield "8-bit-rescaled", written(film(samples(0, 255, 11), RescaleSlope="2.5", RescaleIntercept="-7", **eight))
    yield "8-bit-falling", written(film(samples(0, 255, 12), RescaleSlope="-1", RescaleIntercept="255", **eight))
    yield "6-bit", written(film(samples(0, 63, 13), stored=6, allocated=8))
    yield "12-bit", written(film(samples(300, 3000, 14)))
    yield "12-bit-inverted", written(film(samples(300, 3000, 15), PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="INVERSE"))
    yield "12-bit-identity", written(film(samples(300, 3000, 16), PresentationLUTShape="IDENTITY", **window))
    yield "linear", plain
    yield "linear-inverted", written(film(samples(100, 4000, 17), PhotometricInterpretation="MONOCHROME1", **window))
    yield "linear-exact", written(film(samples(100, 4000, 18), VOILUTFunction="LINEAR_EXACT", **window))
    yield "sigmoid", written(film(samples(100, 4000, 19), VOILUTFunction="SIGMOID", **window))
    yield "two-windows", written(film(samples(100, 4000, 20), WindowCenter=["1000", "3000"], WindowWidth=["900.5", "100"]))
    yield "narrowest-window", written(film(samples(100, 4000, 21), WindowCenter="2000", WindowWidth="1"))
    yield "narrow-exact-window", written(film(samples(1990, 2010, 22), WindowCenter="2000", WindowWidth="0.5", VOILUTFunction="LINEAR_EXACT"))
    yield "16-bit", written(film(samples(0, 65535, 23), stored=16, WindowCenter="32768", WindowWidth="65536"))
    yield "10-bit-implicit", written(film(samples(3, 1020, 24), stored=10, WindowCenter="512", WindowWidth="800"), ImplicitVRLittleEndian)
    yield "15-bit-big-endian", written(film(samples(5, 32000, 25), stored=15, WindowCenter="15000", WindowWidth="30000"), ExplicitVRBigEndian)
    yield "signed", written(film(samples(-2048, 2047, 26), signed=True, WindowCenter="-100", WindowWidth="1200"))
    yield "signed-16", written(film(samples(-32768, 32767, 27), stored=16, signed=True))
    yield "signed-rescaled", written(film(samples(-900, 1800, 28), signed=True, RescaleSlope="1.5", RescaleIntercept="-1024", WindowCenter="40", WindowWidth="400"))
    yield "deflated", written(film(samples(100, 4000, 29), **window), DeflatedExplicitVRLittleEndian)
    yield "overlay-bits", written(film(samples(100, 4000, 30), garbage=0xA000, **window))
    yield "overlay-bits-signed", written(film(samples(-2000, 2000, 31), signed=True, garbage=0x3000, WindowCenter="0", WindowWidth="3000"))
    yield "high-bit-15", written(film(samples(100, 4000, 32), high=15, garbage=0x0005, **window))
    yield "high-bit-13-signed", written(film(samples(-2000, 2000, 33), signed=True, high=13, garbage=0x4001, WindowCenter="0", WindowWidth="3000"))
    yield "modality-lut", written(film(samples(0, 1023, 34), stored=10, ModalityLUTSequence=lut(100, curve(800, 65535, 0.5), 16)))
    yield "modality-lut-and-window", written(film(samples(0, 1023, 35), stored=10, ModalityLUTSequence=lut(0, curve(1024, 65535, 2), 16), WindowCenter="20000", WindowWidth="30000"))
    yield "voi-lut", written(film(samples(0, 4095, 36), VOILUTSequence=lut(0, curve(4096, 65535, 1.7), 16), **window))
    yield "voi-lut-us", written(film(samples(0, 4095, 37), VOILUTSequence=lut(500, curve(3000, 1023, 0.6), 10, vr="US")))
    yield "voi-lut-implicit", written(film(samples(0, 4095, 38), VOILUTSequence=lut(500, curve(3000, 4095, 0.6), 12)), ImplicitVRLittleEndian)
    yield "voi-lut-8-bit", written(film(samples(0, 4095, 39), VOILUTSequence=lut(0, curve(4096, 255, 1.2), 8)))
    yield "voi-lut-packed", written(film(samples(0, 1023, 40), stored=10, VOILUTSequence=lut(0, curve(1023, 255, 1.2), 8, packed=True)))
    yield "voi-lut-of-65536", written(film(samples(0, 65535, 41), stored=16, VOILUTSequence=lut(0, np.arange(65536) // 512 * 512 + 300, 16)))
    yield "voi-lut-signed", written(film(samples(-2048, 2047, 42), signed=True, VOILUTSequence=lut(-1500, curve(3000, 4095, 1.4), 12, signed=True)))
    yield "voi-lut-inverted", written(film(samples(0, 4095, 43), PhotometricInterpretation="MONOCHROME1", VOILUTSequence=lut(0, curve(4096, 4095, 1.7), 12)))
    yield "padding", written(film(np.where(samples(0, 99, 44) < 20, 4095, samples(200, 3900, 45)), PixelPaddingValue=4095))
    yield "padding-inverted", written(film(np.where(samples(0, 99, 46) < 20, 0, samples(200, 3900, 47)), PixelPaddingValue=0, PhotometricInterpretation="MONOCHROME1"))
    ranged = film(np.where(samples(0, 99, 48) < 20, samples(-2048, -2000, 49), samples(-1000, 900, 50)), signed=True, PixelPaddingValue=-2048, PixelPaddingRangeLimit=-2000)
    yield "padding-range", written(ranged, ImplicitVRLittleEndian)
    rle = film(samples(100, 4000, 51), **window)
    rle.file_meta = FileMetaDataset()
    rle.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    rle.compress(RLELossless)
    yield "rle", written(rle, RLELossless)
    signed = written(film(samples(-2048, 2047, 52), signed=True, WindowCenter="-100", WindowWidth="1200"))
    eight_bits = written(film(samples(0, 255, 53), **eight))
    yield "jpeg-lossless", recoded(plain, "dcmcjpeg", "+e1")
    yield "jpeg-lossless-signed", recoded(signed, "dcmcjpeg", "+e1")
    yield "jpeg-lossless-sv4", recoded(plain, "dcmcjpeg", "+el", "+sv", "4")
    yield "jpeg-baseline", recoded(eight_bits, "dcmcjpeg", "+eb", "+q", "90")
    yield "jpeg-extended-12-bit", recoded(plain, "dcmcjpeg", "+ee", "+q", "90")
    yield "jpeg-fragments", recoded(plain, "dcmcjpeg", "+e1", "+fs", "1")
    yield "jpeg-ls", recoded(plain, "dcmcjpls", "+el")
    yield "jpeg-ls-signed", recoded(signed, "dcmcjpls", "+el")
    yield "jpeg-ls-near", recoded(plain, "dcmcjpls", "+en", "+md", "3")
    yield "jpeg-2000", recoded(plain, "gdcmconv", "--j2k")
    yield "jpeg-2000-signed", recoded(signed, "gdcmconv", "--j2k")


def stored_values(ds):
    if ds.file_meta.TransferSyntaxUID.is_compressed and not ds.file_meta.TransferSyntaxUID.is_deflated or ds.HighBit == ds.BitsStored - 1 and not ds.file_meta.TransferSyntaxUID.is_deflated:
        values = ds.pixel_array.astype(np.int64)
    else:
        cells = np.frombuffer(ds.PixelData, "<u2").reshape(ds.Rows, ds.Columns).astype(np.int64)
        values = cells >> (ds.HighBit + 1 - ds.BitsStored)
    # pydicom leaves the bits above BitsStored as they are.
    values &= (1 << ds.BitsStored) - 1
    if ds.PixelRepresentation:
        values = np.where(values >= 1 << (ds.BitsStored - 1), values - (1 << ds.BitsStored), values)
    return values


def greys(ds):
    values = stored_values(ds)
    padded = np.zeros(values.shape, bool)
    if "PixelPaddingValue" in ds:
        low = ds.PixelPaddingValue
        padded = (values >= low) & (values <= ds.get("PixelPaddingRangeLimit", low))
    units = apply_modality_lut(values.astype(np.int32), ds)
    if "VOILUTSequence" in ds:
        item = ds.VOILUTSequence[0]
        low, high = 0, 2 ** item.LUTDescriptor[2] - 1
        if isinstance(item.LUTData, bytes) and len(item.LUTData) <= item.LUTDescriptor[0] + 1:  # packed
            item.LUTData = np.frombuffer(item.LUTData, "u1").astype("<u2").tobytes()
        item.LUTDescriptor[2] = 16  # pydicom counts entries of 8 bits in 8 bits
        units = apply_voi_lut(np.asarray(units, np.int32), ds)
    elif "WindowWidth" in ds:
        # pydicom's window reaches over the range of the values before it.
        if "ModalityLUTSequence" in ds:
            low, high = 0, 2 ** ds.ModalityLUTSequence[0].LUTDescriptor[2] - 1
        else:
            bits, signed = ds.BitsStored, ds.PixelRepresentation
            ends = np.array([-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] if signed else [0, 2**bits - 1])
            low, high = apply_modality_lut(ends, ds)
        units = apply_voi_lut(np.asarray(units), ds)
    elif ds.BitsStored <= 8:
        bits, signed = ds.BitsStored, ds.PixelRepresentation
        ends = apply_modality_lut(np.array([-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] if signed else [0, 2**bits - 1]), ds)
        low, high = min(ends), max(ends)
    else:
        low, high = units[~padded].min(), units[~padded].max()
    grey = (np.asarray(units, float) - low) / (high - low)
    if ds.PhotometricInterpretation == "MONOCHROME1":
        grey = 1 - grey
    grey[padded] = 0
    return np.floor(grey * 65535 + 0.5).astype(">u2")


def main():
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in films():
            ds = pydicom.dcmread(io.BytesIO(data))
            for suffix, content in ((".dcm", data), (".grey", greys(ds).tobytes())):
                entry = tarfile.TarInfo(name + suffix)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    Path("films.tar.gz").write_bytes(gzip.compress(packed.getvalue(), mtime=0))


if __name__ == "__main__":
    main()
