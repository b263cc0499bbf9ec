"""Writes shared.json: of each real film, the SHA-256 of the greys that pydicom makes of it, as numbers of 16 bits with the
highest byte first, and for those of other modalities what they are refused for. Run it in this folder with the folder of the films:

    python shared.py ../../../../../shared/data/dicom

Needs what films.py needs. Of the JPEG film with loss, decoding is libjpeg-turbo's, by way of Pillow.
"""

import hashlib
import json
import sys
from pathlib import Path

import pydicom

from films import greys


def verdict(path):
    ds = pydicom.dcmread(path)
    refused = {} if ds.Modality in ("CR", "DX") else {"refused": f"modality {ds.Modality}"}
    if ds.get("SamplesPerPixel") != 1:
        return refused
    if ds.file_meta.TransferSyntaxUID == pydicom.uid.JPEGBaseline8Bit:
        ds.pixel_array_options(decoding_plugin="pillow")
    return refused | {"greys": hashlib.sha256(greys(ds).tobytes()).hexdigest()}


def main():
    folder = Path(sys.argv[1])
    found = {str(p.relative_to(folder)): verdict(p) for p in sorted(folder.glob("*/*.dcm"))}
    Path("shared.json").write_text(json.dumps(found, indent=1) + "\n")


main()
