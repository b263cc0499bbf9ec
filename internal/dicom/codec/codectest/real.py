"""Writes real.json: the digests of the samples that other decoders find in the compressed files of shared/data/dicom.

python internal/dicom/codec/codectest/real.py ../shared/data/dicom   (pydicom with gdcm, pylibjpeg, pyjpegls and Pillow)

All decoders must agree; only the lossy JPEG of pylibjpeg, whose cosine transform is its own, is left out.
"""

import hashlib
import json
import pathlib
import sys

import numpy as np
import pydicom
from pydicom.pixels import get_decoder
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEGBaseline8Bit, JPEGExtended12Bit

folder = pathlib.Path(sys.argv[1])
digests = {}
for path in sorted(folder.glob("*/*.dcm")):
    d = pydicom.dcmread(path)
    syntax = d.file_meta.TransferSyntaxUID
    if not syntax.is_compressed or syntax == DeflatedExplicitVRLittleEndian:
        continue
    decoder = get_decoder(syntax)
    found = {}
    for plugin in decoder.available_plugins:
        if plugin == "pylibjpeg" and syntax in (JPEGBaseline8Bit, JPEGExtended12Bit):
            continue
        samples, _ = decoder.as_array(d, decoding_plugin=plugin, raw=True)
        found[plugin] = hashlib.sha256(np.ascontiguousarray(samples).astype("<u2").tobytes()).hexdigest()
    assert len(found) > 1 and len(set(found.values())) == 1, (path, found)
    name = f"{path.parent.name}/{path.name}"
    digests[name] = {"Syntax": syntax, "Decoders": list(found), "Digest": next(iter(found.values()))}
    print(name, *found)
pathlib.Path(__file__).with_name("real.json").write_text(json.dumps(digests, indent=1) + "\n")
