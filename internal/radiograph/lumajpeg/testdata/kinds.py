"""Writes kinds.json: small JPEG files of every kind that libjpeg reads, and the SHA-256 of the grey
that it makes of them; and files
harmed in ways that it warns of, or not.

Run with Pillow and numpy installed, and cjpeg, djpeg and jpegtran of libjpeg-turbo at hand: python kinds.py

The grey of grey and YCbCr files is that of djpeg -grayscale, the grey of the others that of Pillow's convert("L").
"""
import base64
import hashlib
import io
import json
import pathlib
import random
import subprocess
import tempfile

import numpy as np
import PIL
import PIL.features
from PIL import Image

rng = np.random.default_rng(5)
random.seed(5)


def run(*command, data):
    done = subprocess.run(command, input=data, capture_output=True)
    return done.stdout, done.stderr.decode(), done.returncode


def picture(w, h, noise=12):
    coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3)).astype(np.uint8)).resize((w, h), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(coarse) + rng.normal(0, noise, (h, w, 3)), 0, 255).astype(np.uint8)


def cjpeg(w, h, *options, grey=False, scans=None):
    pixels = picture(w, h)
    head = b"P%d\n%d %d\n255\n" % (5 if grey else 6, w, h)
    if scans:
        with tempfile.NamedTemporaryFile("w") as f:
            f.write(scans)
            f.flush()
            return cjpeg(w, h, *options, "-scans", f.name, grey=grey)
    out, complaint, code = run("cjpeg", "-quality", "85", *options, data=head + (pixels[:, :, 0] if grey else pixels).tobytes())
    assert code == 0, (options, complaint[:200])
    return out


def djpeg(file):
    out, complaint, code = run("djpeg", "-grayscale", "-pnm", data=file)
    if code not in (0, 2):
        return None, complaint
    w, h = map(int, out.split(b"\n")[1].split())
    return out[len(out) - w * h:], complaint


def pillow(file):
    return Image.open(io.BytesIO(file)).convert("L").tobytes()


def digest(grey):
    return hashlib.sha256(grey).hexdigest()


def adobe(file, transform):
    at = file.index(b"Adobe")
    return file[:at + 11] + bytes([transform]) + file[at + 12:]


def without(file, marker):
    at = file.index(bytes([0xFF, marker]))
    return file[:at] + file[at + 2 + int.from_bytes(file[at + 2:at + 4], "big"):]


def insert(file, at, segment):
    return file[:at] + segment + file[at:]


REFINED = ("0,1,2: 0-0,0,2; 0: 1-9,0,2; 0: 10-63,0,2; 2: 1-63,0,1; 1: 1-63,0,1; 0: 1-63,2,1; 0,1,2: 0-0,2,1; 0,1,2: 0-0,1,0; 0: 1-63,1,0; "
           "1: 1-63,1,0; 2: 1-63,1,0;")
kinds = {}
for name, options in {
    "grey": ["-grayscale"], "grey progressive": ["-progressive"], "grey coarse": ["-quality", "3"], "grey restarts": ["-restart", "3B"],
    "grey progressive restarts": ["-progressive", "-restart", "1"],
}.items():
    kinds[name] = cjpeg(45, 37, *options, grey=True)
for sample in ("1x1", "2x1", "1x2", "2x2", "4x1", "4x2", "1x4", "3x1", "2x3", "2x2,1x2,1x2", "2x2,2x1,2x1", "2x2,1x1,1x2", "1x1,2x2,2x2", "1x2,2x2,1x1", "2x1,2x2,2x2", "1x1,2x1,1x1",
               "1x1,1x2,1x1", "1x1,3x1,1x1", "1x1,1x4,1x1", "1x2,2x1,2x1"):
    kinds[sample] = cjpeg(43, 37, "-sample", sample)
    kinds[sample + " progressive"] = cjpeg(37, 43, "-sample", sample, "-progressive")
kinds["narrow luma"] = cjpeg(16, 4, "-sample", "1x1,4x2,1x1")
kinds["scan each"] = cjpeg(43, 37, scans="0;1;2;")
kinds["scan each, chroma first"] = cjpeg(43, 37, "-restart", "1", scans="2;1;0;")
kinds["scan each, luma enlarged"] = cjpeg(43, 37, "-sample", "1x1,2x2,1x1", scans="1;0,2;")
kinds["refined thrice"] = cjpeg(43, 37, scans=REFINED)
kinds["factors of one component"] = (lambda f, at: f[:at + 11] + b"\x42" + f[at + 12:])(kinds["grey"], kinds["grey"].index(b"\xff\xc0"))
kinds["extended sequential"] = kinds["2x2"].replace(b"\xff\xc0", b"\xff\xc1", 1)
kinds["no JFIF"] = without(kinds["2x2"], 0xE0)
kinds["no Huffman tables"] = (lambda f: [f := without(f, 0xC4) for _ in range(4)][-1])(kinds["2x2"])
kinds["components of one name"] = (lambda f, a, b: f[:a + 13] + b"\x01" + f[a + 14:a + 16] + b"\x01" + f[a + 17:b + 7] + b"\x01" + f[b + 8:b + 9] + b"\x01" + f[b + 10:])(
    kinds["1x1"], kinds["1x1"].index(b"\xff\xc0"), kinds["1x1"].index(b"\xff\xda"))
kinds["fill bytes"] = kinds["grey restarts"].replace(b"\xff\xd1", b"\xff\xff\xff\xd1").replace(b"\xff\xda", b"\xff\xff\xda").replace(b"\xff\xd9", b"\xff\xff\xd9")
kinds["restart marker after the last"] = kinds["grey"][:-2] + b"\xff\xd0\xff\xd9"
kinds["padding before EOI"] = kinds["grey"][:-2] + b"\xff\0\xff\xd9"
kinds["EOI in a comment, and after the end"] = insert(kinds["grey"], 2, b"\xff\xfe\0\6\xff\xd9\xff\xd8") + kinds["1x1"]
kinds["DNL after the scan"] = kinds["grey"][:-2] + b"\xff\xdc\0\4\0\x25\xff\xd9"
kinds["a table for nothing"] = insert(kinds["grey"], 2, b"\xff\xc4\0\x15\x13" + b"\1\1" + bytes(14) + b"\xfd\x0c")
for name in ("grey", "2x2", "3x1", "1x1,2x2,2x2"):
    for how in ("progressive", "optimize", "restart 1B"):
        kinds[f"{name}, transcoded: {how}"], _, _ = run("jpegtran", *f"-{how}".split(), data=kinds[name])
mixed = {"RGB": cjpeg(43, 37, "-rgb"), "RGB progressive": cjpeg(43, 37, "-rgb", "-progressive"), "RGB subsampled": cjpeg(43, 37, "-rgb", "-sample", "2x2,1x2,2x1"),
         "RGB, scan each": cjpeg(43, 37, "-rgb", "-sample", "1x1,2x1,1x1", scans="2;0;1;")}
mixed["RGB by names"] = without(mixed["RGB"], 0xEE)
for name, options in {"CMYK": {}, "CMYK progressive": {"progressive": True}}.items():
    file = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (6, 6, 4)).astype(np.uint8), "CMYK").resize((43, 37), Image.Resampling.BICUBIC).save(file, "JPEG", **options)
    mixed[name] = file.getvalue()
mixed["CMYK, no Adobe"] = without(mixed["CMYK"], 0xEE)
mixed["YCCK"] = adobe(mixed["CMYK"], 2)
mixed["YCCK progressive"] = adobe(mixed["CMYK progressive"], 2)

cases = []
for name, file in {**kinds, **mixed}.items():
    grey, complaint = djpeg(file)
    if name in mixed:
        grey, complaint = pillow(file), ""
    assert grey is not None and not complaint, (name, complaint)
    w, h = Image.open(io.BytesIO(file)).size
    cases.append({"name": name, "width": w, "height": h, "file": base64.b64encode(file).decode(), "grey": digest(grey)})

# Harm: bytes of the scans changed, put in or taken out. What libjpeg warns of, and its grey where it does not.
harmed = []
for name in ("grey", "2x2", "grey progressive", "2x2 progressive", "grey restarts", "scan each"):
    file = kinds[name]
    first = file.index(b"\xff\xda") + 2
    for _ in range(40):
        at, cut = random.randrange(first, len(file) - 2), random.choice([0, 0, 1, 1, 1, 2, 16])
        cut = min(cut, len(file) - 2 - at)
        put = bytes(random.randrange(256) for _ in range(random.choice([cut, cut, cut, 0, 1, 16])))
        if cut == 1 and len(put) == 1:
            put = bytes([file[at] ^ 1 << random.randrange(8)])
        grey, complaint = djpeg(file[:at] + put + file[at + cut:])
        case = {"of": name, "at": at, "cut": cut, "put": base64.b64encode(put).decode(), "complaint": complaint.strip().replace("\n", "; ")}
        if grey is not None and not complaint:
            case["grey"] = digest(grey)
        harmed.append(case)

golden = {"pillow": PIL.__version__, "libjpeg_turbo": PIL.features.version("libjpeg_turbo"), "djpeg": run("djpeg", "-version", data=b"")[1].split("\n")[0],
          "cases": cases, "harmed": harmed}
pathlib.Path(__file__).with_name("kinds.json").write_text(json.dumps(golden, indent=1) + "\n")
print(len(cases), "kinds,", len(harmed), "harmed,", sum(bool(c["complaint"]) for c in harmed), "with a complaint")
