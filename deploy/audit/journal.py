"""What the rows of deploy/test-audit.sh share: a second implementation of the audit log's chain, and a server that keeps one."""
import glob
import hashlib
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "load"))
from common import BIN, CLEAN, ROOT, SCRATCH, Server, row, status  # noqa: E402, F401 - the rows take them from here

PICTURES = sorted(glob.glob(os.path.join(os.environ["PICTURES"], "*")))
PACE = os.environ["PACE"]
LINE = re.compile(rb'^(\{.*),"hash":"([0-9a-f]{64})"\}\n$')


def chain(folder):
    """The records of a log and their receipts. Every line's hash is the SHA-256 of the line without it, and names the one before."""
    seq, before, records, receipts = 0, "0" * 64, [], []
    for path in sorted(glob.glob(os.path.join(folder, "*.ndjson"))):
        with open(path, "rb") as f:
            for line in f:
                found = LINE.match(line)
                body = found[1] + b"}"
                digest = hashlib.sha256(body).hexdigest()
                record = json.loads(body)
                seq += 1
                if digest != found[2].decode() or record["prev"] != before or record["seq"] != seq:
                    raise SystemExit(f"{path}: record {seq} is not what the chain says")
                before = digest
                records.append(record)
                receipts.append(f"{seq}:{digest}")
    return records, receipts


def spikeray(*args):
    """Run the program; its status and the output."""
    done = subprocess.run([BIN, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=CLEAN, timeout=1500)
    return done.returncode, done.stdout.decode(errors="replace")


def header(answer, name):
    """A header of an answer, "" where it is not there."""
    found = re.search(rb"\r\n" + name.encode() + rb": ([^\r]*)\r\n", answer)
    return found[1].decode() if found else ""
