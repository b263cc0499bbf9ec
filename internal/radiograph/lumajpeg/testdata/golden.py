"""Writes golden.json: small JPEG files and the luma that libjpeg, within Pillow, decodes from them, whole and reduced.

Run with Pillow installed: python golden.py
"""
import base64
import io
import json
import pathlib
import random

import PIL
import PIL.features
from PIL import Image, ImageFilter

random.seed(3)


def picture(w, h, mode):
    """Noise of two sizes: coefficients from faint to clipped."""
    fine = Image.frombytes("RGB", (w, h), bytes(random.randrange(256) for _ in range(3 * w * h)))
    coarse = Image.frombytes("RGB", (4, 3), bytes(random.randrange(256) for _ in range(36))).resize((w, h), Image.Resampling.BICUBIC)
    return Image.blend(coarse, fine.filter(ImageFilter.BoxBlur(1)), 0.4).convert(mode)


FILES = {
    "grey": (64, 48, "L", {"quality": 75}),
    "grey, odd size": (43, 37, "L", {"quality": 90}),
    "grey, nearly lossless": (40, 40, "L", {"quality": 100}),
    "grey, coarse": (57, 41, "L", {"quality": 5}),
    "grey, own tables": (61, 35, "L", {"quality": 85, "optimize": True}),
    "grey, one pixel": (1, 1, "L", {"quality": 90}),
    "grey, one row": (70, 1, "L", {"quality": 90}),
    "grey, restarts": (70, 50, "L", {"quality": 80, "restart_marker_blocks": 3}),
    "4:4:4": (45, 37, "RGB", {"quality": 80, "subsampling": 0}),
    "4:2:2": (45, 37, "RGB", {"quality": 80, "subsampling": 1}),
    "4:2:0": (45, 37, "RGB", {"quality": 80, "subsampling": 2}),
    "4:2:0, restarts": (75, 40, "RGB", {"quality": 80, "subsampling": 2, "restart_marker_rows": 1}),
    "4:2:0, own tables": (75, 40, "RGB", {"quality": 60, "subsampling": 2, "optimize": True}),
}

cases = []
for name, (w, h, mode, options) in FILES.items():
    file = io.BytesIO()
    picture(w, h, mode).save(file, "JPEG", **options)
    luma = {}
    for reduce in (1, 2, 4, 8):
        p = Image.open(file)
        # Asks libjpeg itself for grey, and for the smallest scale that is not below this size.
        p.draft("L", (max(w // reduce, 1), max(h // reduce, 1)))
        p.load()
        if p.size == (-(-w // reduce), -(-h // reduce)) and (reduce == 1 or p.size != (w, h)):
            luma[reduce] = base64.b64encode(p.tobytes()).decode()
    cases.append({"name": name, "width": w, "height": h, "file": base64.b64encode(file.getvalue()).decode(), "luma": luma})
golden = {"pillow": PIL.__version__, "libjpeg_turbo": PIL.features.version("libjpeg_turbo"), "cases": cases}
pathlib.Path(__file__).with_name("golden.json").write_text(json.dumps(golden, indent=1) + "\n")
print({c["name"]: list(c["luma"]) for c in cases})
