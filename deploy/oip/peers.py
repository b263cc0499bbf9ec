"""What the scripts beside this file share: the server, its pictures, and how a check is told."""

import json
import os
import pathlib
import sys
import urllib.request

URL = os.environ["OIP_URL"]
PICTURES = [p.read_bytes() for p in sorted(pathlib.Path(os.environ["OIP_EXAMPLES"]).glob("synthetic-*.png"))]


def check(what, good, seen=""):
    """Tells whether something is as it must be, and ends where it is not."""
    if not good:
        print(f"  FAIL  {what}: {seen!r}", file=sys.stderr)
        sys.exit(1)
    print(f"  ok    {what}")


def predict(picture, query=""):
    """The answer of /v1/predictions, to compare with."""
    request = urllib.request.Request(f"http://{URL}/v1/predictions{query}", data=picture, headers={"Content-Type": "image/png"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)
