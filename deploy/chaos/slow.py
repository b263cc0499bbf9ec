"""Clients that hold connections by being slow, of every kind, and more of them than there may be connections, from the address of the ordinary
callers: these are answered. slowhttptest is a second implementation of most kinds."""
import os
import re
import resource
import shutil
import socket
import subprocess
import threading
import time

from trial import DATA, PICTURES, SCRATCH, Caller, Server, Tally, Watch, crowd, free_port, known, row, setting, settled

SECONDS = setting("SLOW_SECONDS", 60.0)
SLOW = 1500
ONE = PICTURES[0]
HEAD = b"POST /v1/predictions HTTP/1.1\r\nHost: x\r\n"


class Slow:
    """Connections that each send a beginning, then a piece again and again, and read nothing. One that is closed is made anew."""

    def __init__(self, port, begin, pieces, pause=1.0, window=0):
        self.port, self.begin, self.pieces, self.pause, self.window = port, begin, pieces, pause, window
        self.open, self.made, self.stop = [], 0, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def connect(self):
        c = socket.socket()
        if self.window:
            c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.window)
        c.settimeout(2)
        c.connect(("127.0.0.1", self.port))
        c.setblocking(False)
        self.made += 1
        return c

    def run(self):
        turn = 0
        while not self.stop.is_set():
            begun, kept = time.monotonic(), []
            for c in self.open:
                try:
                    c.send(self.pieces[turn % len(self.pieces)])
                    kept.append(c)
                except BlockingIOError:
                    kept.append(c)
                except OSError:
                    c.close()
            for _ in range(min(SLOW - len(kept), SLOW // 4)):  # not all at once: they would wait in the system's queue with the ordinary callers
                try:
                    c = self.connect()
                    c.send(self.begin)
                    kept.append(c)
                except OSError:
                    pass
            self.open, turn = kept, turn + 1
            self.stop.wait(max(0.05, self.pause - (time.monotonic() - begun)))

    def end(self):
        self.stop.set()
        self.thread.join()
        [c.close() for c in self.open]
        return f"{self.made} connections"


class Tool:
    """slowhttptest, with more connections than there may be."""

    def __init__(self, port, *kind):
        self.process = subprocess.Popen(
            ["slowhttptest", *kind, "-c", str(SLOW), "-r", "400", "-l", str(int(SECONDS)), "-p", "3", "-u", f"http://127.0.0.1:{port}/v1/predictions"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=SCRATCH)

    def end(self):
        said = re.sub(r"\x1b\[[0-9;]*m", "", self.process.communicate()[0].decode(errors="replace"))
        found = re.findall(r"^(closed|connected|error|pending):\s+(\d+)", said, re.M)[-4:]
        return "slowhttptest: " + ", ".join(f"{n} {what}" for what, n in found)


def large(port):
    """The path of an answer that does not fit into a socket's buffers when it is asked for some times."""
    return max(("/openapi.yaml", "/"), key=lambda path: len(Caller(port, kept=False).ask(None, path=path, method="GET")[2]))


KINDS = {
    "silent connections": lambda port: Slow(port, b"", [b""]),
    "heads, a byte a second": lambda port: Slow(port, b"GET /healthz HTTP/1.1\r\nX-A: ", [b"b"]),
    "heads, a field a second": lambda port: Slow(port, HEAD, [b"X-A: b\r\n"]),
    "bodies, 20 bytes a second": lambda port: Slow(port, HEAD + b"Content-Length: 30000\r\n\r\n" + DATA[ONE][:100], [b"x" * 20]),
    "bodies, a chunk of a byte a second": lambda port: Slow(port, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", [b"1\r\nx\r\n"]),
    "forms, a byte a second": lambda port: Slow(
        port, HEAD + b"Content-Type: multipart/form-data; boundary=B\r\nContent-Length: 90000\r\n\r\n--B\r\nContent-Disposition: form-data; name=\"image\"\r\nX: ", [b"y"]),
    "readers that do not read": lambda port: Slow(port, b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % large(port).encode() * 40, [b""], window=1024),
    "slow heads (slowhttptest -H)": lambda port: Tool(port, "-H", "-i", "5", "-t", "POST"),
    "slow bodies (slowhttptest -B)": lambda port: Tool(port, "-B", "-i", "5", "-s", "100000", "-t", "POST"),
    "slow readers (slowhttptest -X)": lambda port: Tool(port, "-X", "-w", "1", "-y", "8", "-n", "5", "-z", "1", "-k", "5", "-t", "GET"),
    "ranges (slowhttptest -R)": lambda port: Tool(port, "-R", "-a", "1", "-b", "2000", "-t", "GET"),
}


def trial(name, kind, answers):
    operators = free_port()
    with Server("--log-level", "error", "--operator-addr", f"127.0.0.1:{operators}") as s:
        warm = Tally(answers)
        [warm.ask(Caller(s.port, kept=False), path) for path in PICTURES[:20]]
        watch = Watch(operators)  # its listener is not what is attacked
        rest = watch.now()
        attack = kind(s.port)
        time.sleep(min(3.0, SECONDS / 3))
        kept, single = Tally(answers), Tally(answers)
        callers = [Caller(s.port, kept=k < 4, timeout=10) for k in range(8)]

        def call(k):
            path = PICTURES[(kept.sent + single.sent) % len(PICTURES)]
            (kept if k < 4 else single).ask(callers[k], path)
            time.sleep(0.25)

        crowd(8, call, SECONDS - 3)()
        evicted = watch.now()["evicted"]
        did = attack.end()
        [c.close() for c in callers]
        watch.end()
        same, now = settled(watch.now, rest, 20, {"goroutines": 4, "descriptors": 4, "connections": 2, "picture memory": 0, "upload memory": 0})
        slowest = max(kept.took + single.took, default=float("inf"))
        row(f"{name}: {did}", f"callers: {kept.said()} on kept connections, {single.said()} on new ones; p99 {max(kept.percentile(99), single.percentile(99)):.2f} s, "
            f"slowest {slowest:.2f} s", "99 of 100 are 200, the rest 503 with Retry-After; their own; within 2 s",
            set(kept.ends) | set(single.ends) <= {200, 503} and not kept.mixed + kept.untold + single.mixed + single.untold and slowest < 2 and
            kept.count(200) + single.count(200) >= 0.99 * (kept.sent + single.sent))
        peak, buffers = (max(sample[kind] for _, sample in watch.samples) / (1 << 20) for kind in ("resident", "buffers"))
        row("  held", f"{max(sample['connections'] for _, sample in watch.samples):.0f} connections, {evicted:.0f} evicted, at most {peak:.0f} MB and {buffers:.0f} MB in the system's buffers; "
            f"afterwards {now['connections']:.0f} connections, {now['goroutines']:.0f} goroutines, {now['descriptors']:.0f} descriptors",
            f"256 MB in buffers; afterwards as before ({rest['connections']:.0f}, {rest['goroutines']:.0f}, {rest['descriptors']:.0f})", same and buffers < 256)


def main():
    only = os.environ.get("SLOW_KINDS", "")
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    answers = known("spikeray")
    for name, kind in KINDS.items():
        if only not in name:
            continue
        if "slowhttptest" in name and not shutil.which("slowhttptest"):
            row(name, "no slowhttptest here", "", "skipped")
            continue
        trial(name, kind, answers)


main()
