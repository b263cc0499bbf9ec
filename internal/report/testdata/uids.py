"""Derives the UIDs of identity_test.go again, with Python's hashlib and uuid: python uids.py"""

import hashlib
import struct
import uuid


def derive(*parts):
    h = hashlib.sha256()
    for p in parts:
        h.update(struct.pack(">Q", len(p.encode())) + p.encode())
    b = bytearray(h.digest()[:16])
    b[6] = b[6] & 0x0F | 0x80
    b[8] = b[8] & 0x3F | 0x80
    return uuid.UUID(bytes=bytes(b))


FILM, STUDY = "1.2.826.0.1.3680043.8.498.1", "1.2.826.0.1.3680043.8.498.2"
DIGEST = "sha256:4f1c0a5be7c9a3d2f0b1e6d8c7a9584736251403f2e1d0c9b8a7968574635241"

for kind in ("sr", "sc"):
    print(kind, f"2.25.{derive('object', kind, FILM, DIGEST, 'sensitive', '0.37', '').int}", f"2.25.{derive('series', kind, STUDY, DIGEST).int}")
print(derive("a", "b"))
