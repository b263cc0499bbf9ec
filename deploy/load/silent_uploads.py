"""Connections that send half of a large picture and fall silent, until all memory for uploads is theirs: others are
served, and the silent ones are told. The one caller has one address, the worst case."""
import time

from common import Server, pictures, read_all, row, status

with Server() as s:
    picture = pictures()[0]
    held = []

    def hold(announced, sent):
        c = s.connect()
        c.sendall(b"POST /v1/predictions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % announced)
        try:
            c.sendall(b"\xff\xd8\xff" + b"\0" * sent)
        except OSError:
            pass
        held.append(c)

    limit = s.metrics()["spikeray_upload_buffer_limit_bytes"]
    most = 0
    for size in [32 << 20] * 8 + [16 << 20] * 4 + [1 << 20] * 12 + [32 << 10] * 40:
        hold(size - 1, size // 2 + 4096)
    most = s.metrics()["spikeray_upload_buffer_bytes"]
    begin, statuses, first = time.time(), [], None
    while time.time() - begin < 12:
        statuses.append(status(s.post(picture, timeout=5)))
        if statuses[-1] == 200 and first is None:
            first = time.time() - begin
        time.sleep(0.2)
    row(f"{len(held)} silent uploads, {most / limit:.0%} of the memory",
        f"{statuses.count(200)} of {len(statuses)} others answered", "95 %", statuses.count(200) >= 0.95 * len(statuses))
    row("  the first of them", f"after {first if first is not None else float('inf'):.1f} s", "within 2 s",
        first is not None and first < 2)
    told = [status(read_all(c)) for c in held]
    [c.close() for c in held]
    row("  the silent ones", f"{sum(t in (408, 503) for t in told)} of {len(told)} told 408 or 503", "all",
        all(t in (408, 503) for t in told))
    row("  memory for uploads afterwards", f"{s.metrics()['spikeray_upload_buffer_bytes']:.0f} bytes", "0",
        s.metrics()["spikeray_upload_buffer_bytes"] == 0)
