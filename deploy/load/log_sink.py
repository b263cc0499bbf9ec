"""Standard error that nobody takes: a pipe that is not read, a reader that is gone, a full disk. Nothing may wait for it."""
import os
import time

from common import Server, pictures, row, status

PICTURE = pictures()[0]
ASKED = 1000


def tried(name, sink, broken):
    with Server(stderr=sink) as s:
        answers = []
        for _ in range(ASKED):
            try:
                answers.append(status(s.post(PICTURE, timeout=5)))
            except OSError:
                answers.append(0)
            if answers[-1] == 0:
                break
        dropped = s.metrics()["spikeray_log_records_dropped_total"] if answers[-1] else 0
        begin = time.time()
        code = s.stop(timeout=15)
        right = answers.count(200)
        row(name, f"{right} of {ASKED} answered, {dropped:.0f} records dropped, exit {code} after {time.time() - begin:.1f} s",
            "all answered, counted, exit 0 within 5 s",
            right == ASKED and code == 0 and time.time() - begin < 5 and (dropped > 0 or not broken))


unread, end = os.pipe()
os.set_blocking(end, False)
try:
    while True:
        os.write(end, b"\0" * 65536)  # full before the first record
except BlockingIOError:
    pass
os.set_blocking(end, True)
tried("stderr a pipe that nobody reads", end, False)
os.close(unread)
tried("stderr a pipe whose reader is gone", end, True)
os.close(end)
with open("/dev/full", "wb") as full:
    tried("stderr on a full disk", full, True)
