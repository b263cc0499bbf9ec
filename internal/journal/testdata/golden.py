"""Writes golden.ndjson beside this file: a journal by another implementation, from the words of docs/AUDIT.md.

    python3 golden.py
"""
import hashlib
import json
import os
import re

ZEROS = "0" * 64


def line(seq, prev, time, kind, members):
    """A record's line, and its hash."""
    body = json.dumps({"v": 1, "seq": seq, "prev": prev, "time": time, "kind": kind, **members}, separators=(",", ":"), ensure_ascii=False)
    for letter in "<>&\u2028\u2029":  # which Go escapes
        body = body.replace(letter, f"\\u{ord(letter):04x}")
    body = re.sub(r"e([+-])0(\d)\b", r"e\1\2", body)  # of numbers; no text here has such
    digest = hashlib.sha256(body.encode()).hexdigest()
    return f'{body[:-1]},"hash":"{digest}"}}', digest


def asked(i):
    return {"id": f"request.{i}", "via": "/v1/predictions", "caller": "2001:db8::/64",
            "input": {"bytes": 11, "sha256": hashlib.sha256(b"the picture").hexdigest(), "dataset": hashlib.sha256(b"picture").hexdigest()},
            "model": {"name": "net", "version": "1.0.0", "digest": "sha256:" + hashlib.sha256(b"model").hexdigest()},
            "calibration": "sha256:" + hashlib.sha256(b"place").hexdigest(),
            "options": {"threshold": 0.25, "default_operating_point": "balanced", "prevalence": 1e-7, "steps": 3, "bits": 12, "gate": "refuse",
                        "films_only": True, "tiff": True, "max_pixels": 25165824},
            "kernel": "generic"}


ANSWER = {"backend": "loihi", "degraded": "timeout", "probability": 0.1, "raw_probability": 5e-324, "log_odds": -744.4400719213812,
          "probabilities": [0.9, 0.1], "label": "NORMAL", "threshold": 0.25, "at_prevalence": 2.220446049250313e-16,
          "gate": {"accepted": True, "probability": 0.9999999999999999}, "format": "dicom", "width": 3, "height": 4,
          "warnings": ["small: 3 < 4 & \u2028 ü"], "steps": 3, "spikes": 18446744073709551615, "synaptic_operations": 0,
          "board": {"steps": 3, "saturated": 1, "lost": 2}}
PREPARED = {**asked(2), "via": "/v2/models/{model}/infer",
            "input": {"bytes": 12, "sha256": hashlib.sha256(bytes(range(12))).hexdigest(), "prepared": True},
            "options": {"gate": "flag"}}
SHORTENED = {**{k: v for k, v in ANSWER.items() if k not in ("board", "degraded")}, "backend": "simulator", "format": "prepared"}
SHORTENED = {k: v for name, value in SHORTENED.items()
             for k, v in ([(name, value), ("shortened", True)] if name == "steps" else [(name, value)])}
RECORDS = [
    ("2026-01-02T03:04:05.000006Z", "start", {"event": {"program": "v1", "cut": {"bytes": 3, "sha256": hashlib.sha256(b"cut").hexdigest()}}}),
    ("2026-01-02T03:04:05.1Z", "answer", {"asked": asked(0), "answer": ANSWER}),
    ("2026-01-02T03:04:06Z", "problem", {"asked": asked(1), "problem": {"name": "gate-refused", "status": 422,
                                                                         "gate": {"accepted": False, "probability": 0.5, "reason": "photo"}}}),
    ("2026-01-02T03:04:06.5Z", "answer", {"asked": PREPARED, "answer": SHORTENED}),
    ("2026-01-02T03:04:07Z", "resume", {"event": {"since": "2026-01-02T03:04:06.5Z", "refused": 7}}),
    ("2026-01-02T03:04:08Z", "clock", {"event": {"seconds": -3600}}),
    ("2026-01-02T02:04:09Z", "stop", {"event": {}}),
]

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden.ndjson"), "w", encoding="utf-8") as f:
    before = ZEROS
    for i, (time, kind, members) in enumerate(RECORDS):
        text, before = line(i + 1, before, time, kind, members)
        f.write(text + "\n")
