"""Floods of what is not found, malformed or refused: counted to the last one, logged at a bounded rate."""
import threading
import time

from common import Server, row

SECONDS = 3
INNER = {
    "404": b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n",
    "malformed": b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
}


def flood(server, request, sent):
    end = time.time() + SECONDS
    while time.time() < end:
        with server.connect() as c:
            try:
                c.sendall(request * 20)
                c.recv(1 << 20)
                sent.append(1)
            except OSError:
                pass


for name, request in INNER.items():
    with Server() as s:
        begin, sent = len(open(s.log).readlines()), []
        threads = [threading.Thread(target=flood, args=(s, request, sent)) for _ in range(4)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        m = s.metrics()
        counted = sum(v for k, v in m.items() if k.startswith("spikeray_http_requests_total") and
                      ('code="404"' in k if name == "404" else 'route="unreadable"' in k))
        lines = len(open(s.log).readlines()) - begin
        left = m["spikeray_log_lines_sampled_out_total"]
        row(f"flood of {name}, {SECONDS} s", f"{counted:.0f} counted, {lines} lines logged, {left:.0f} left out",
            "below 50 + 10 a second, all counted", 0 < lines < 50 + 10 * (SECONDS + 3) and counted >= len(sent) and
            counted <= lines + left)
