"""Many idle connections where descriptors are short: others are served at once, and nobody is left without a word."""
import time

from common import Server, pictures, row, status

with Server(wrap=("sh", "-c", 'ulimit -n 128; exec "$@"', "sh")) as s:
    picture = pictures()[0]
    s.post(picture)
    idle = [s.connect() for _ in range(300)]
    begin = time.time()
    answers = [status(s.post(picture)) for _ in range(10)]
    took = (time.time() - begin) / 10
    m = s.metrics()
    row("300 idle connections at 128 descriptors", f"{answers.count(200)} of 10 answered, {took:.2f} s each",
        "all, within 1 s", answers.count(200) == 10 and took < 1)
    row("  counted", f"{m['spikeray_connections_evicted_total']:.0f} evicted, {m['spikeray_accept_errors_total']:.0f} "
        f"accept errors, {m['spikeray_connections']:.0f} of {m['spikeray_connections_limit']:.0f} open", "no accept error",
        m["spikeray_accept_errors_total"] == 0 and m["spikeray_connections_evicted_total"] > 0)
    # None of these is idle: each has sent a head and owes its body.
    busy = [s.connect() for _ in range(150)]
    for c in busy:
        try:
            c.sendall(b"POST /v1/predictions HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
        except OSError:
            pass
    time.sleep(0.5)
    answer = s.post(picture)
    row("  and 150 that owe a picture", f"another is answered {status(answer)}", "200 or 503", status(answer) in (200, 503))
    time.sleep(7)
    answer = s.post(picture)
    row("  once these were given up", f"another is answered {status(answer)}", "200", status(answer) == 200)
