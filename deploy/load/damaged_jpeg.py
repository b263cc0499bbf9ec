"""JPEGs harmed within their compressed data: refused, warned of, or answered as if nothing were?

Needs Pillow to make the JPEGs, and djpeg of libjpeg-turbo to say of which libjpeg warns.
"""
import io
import json
import random
import shutil
import subprocess

from common import Server, pictures, row, status

KINDS = {
    "16 bytes put in": lambda rnd, b, k, end: b[:k] + bytes(rnd.randrange(255) for _ in range(16)) + b[k:],
    "16 bytes taken out": lambda rnd, b, k, end: b[:k] + b[min(k + 16, end):],
    "a bit flipped": lambda rnd, b, k, end: b[:k] + bytes([b[k] ^ 1 << rnd.randrange(8)]) + b[k + 1:],
    "4 bytes left over before EOI": lambda rnd, b, k, end: b[:end] + b"\1\2\3\4" + b[end:],
    "cut, and EOI": lambda rnd, b, k, end: b[:k] + b"\xff\xd9",
}
EACH = 32


def jpegs():
    from PIL import Image
    for png in pictures():
        grey = Image.open(io.BytesIO(png)).convert("L")
        for options in ({}, {"progressive": True}, {"restart_marker_rows": 1}):
            out = io.BytesIO()
            grey.save(out, "JPEG", quality=90, **options)
            yield out.getvalue()


def complaint(file):
    """What libjpeg says of a file."""
    return subprocess.run(["djpeg", "-grayscale"], input=file, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE).stderr.decode()


def main():
    try:
        sound = list(jpegs())
    except ImportError:
        return row("damaged JPEGs", "no Pillow here", "", "skipped")
    if not shutil.which("djpeg"):
        return row("damaged JPEGs", "no djpeg here", "", "skipped")
    rnd = random.Random(3)
    with Server() as server:
        def ask(file):
            answer = server.post(file, headers="Content-Type: image/jpeg\r\n")
            if status(answer) != 200:
                return None, False
            body = json.loads(answer[answer.index(b"{"):answer.rindex(b"}") + 1])
            return body["label"], any(w.startswith("damaged:") for w in body["input"]["warnings"])

        labels = [ask(file) for file in sound]
        row("sound JPEGs", f"{sum(label is not None and not warned for label, warned in labels)} of {len(sound)} answered without warning", "all",
            all(label is not None and not warned for label, warned in labels))
        for name, harm in KINDS.items():
            refused = warnings = flipped = silent = unsaid = 0
            for i in range(EACH):
                at = i % len(sound)
                file = sound[at]
                start, end = file.index(b"\xff\xda") + 14, len(file) - 2
                harmed = harm(rnd, file, rnd.randrange(start, end - 16), end)
                label, warned = ask(harmed)
                refused, warnings = refused + (label is None), warnings + warned
                if label is not None and not warned:
                    silent, flipped = silent + 1, flipped + (label != labels[at][0])
                    unsaid += bool(complaint(harmed))
            row(f"JPEG with {name}", f"{refused} refused, {warnings} warned of, {silent} answered, {flipped} flipped; libjpeg warns of {unsaid} of these",
                "libjpeg warns of 0 of the answered", unsaid == 0)


main()
