"""What the rows of deploy/test-load.sh share: a server of their own, requests by hand, and a line of the table."""
import glob
import os
import random
import re
import signal
import socket
import subprocess
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ["SPIKERAY_BIN"]
SCRATCH = os.environ["SPIKERAY_SCRATCH"]
# A server refuses variables of its prefix that it does not know.
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("SPIKERAY_")}


def pictures():
    """The example X-rays, as bytes."""
    found = sorted(glob.glob(os.path.join(ROOT, "examples", "*.png")))
    return [open(path, "rb").read() for path in found]


def row(tried, figure, limit, ok):
    """Print a line of the table; ok is True, False or a word such as "skipped"."""
    verdict = ok if isinstance(ok, str) else ("ok" if ok else "failed")
    print("\t".join(str(x).replace("\t", " ") for x in (tried, figure, limit, verdict)), flush=True)


def free_port():
    """A port that nothing listens on, of those that no outgoing connection takes before it is used."""
    while True:
        port = random.randrange(20000, 32000)
        try:
            socket.create_server(("127.0.0.1", port)).close()
            return port
        except OSError:
            pass


class Server:
    """A server on loopback. port 0 is any that is free; wrap is a command in front; env is added to the environment."""

    def __init__(self, *args, wrap=(), env=None, stderr=None, port=0):
        if not port:
            probe = socket.create_server(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            probe.close()
        self.port = port
        self.log = os.path.join(SCRATCH, f"server-{self.port}.log")
        self.process = subprocess.Popen(
            [*wrap, BIN, "serve", "--addr", f"127.0.0.1:{self.port}", *args],
            stdout=subprocess.DEVNULL, stderr=stderr or open(self.log, "wb"), env={**CLEAN, **(env or {})})
        self.pid = self.process.pid
        end = time.time() + 60
        while True:
            try:
                if self.get("/readyz", timeout=2).startswith(b"HTTP/1.1 200"):
                    return
            except OSError:
                pass
            if self.process.poll() is not None or time.time() > end:
                self.stop(signal.SIGKILL)
                raise SystemExit("the server does not start: " + open(self.log).read()[-1000:])
            time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def connect(self, timeout=10):
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def get(self, path, timeout=10, headers=""):
        return self.raw(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n".encode(), timeout)

    def post(self, picture, timeout=30, headers="", query=""):
        """Send one picture on a connection of its own; the whole answer, or what came of it."""
        return self.raw(f"POST /v1/predictions{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}"
                        f"Content-Length: {len(picture)}\r\n\r\n".encode() + picture, timeout)

    def raw(self, data, timeout=10):
        with self.connect(timeout) as c:
            try:
                c.sendall(data)
            except OSError:
                pass  # answered before all was sent
            return read_all(c)

    def exposition(self):
        """What a Prometheus is given, in bytes."""
        return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=30).read()

    def metrics(self):
        found = {}
        for line in self.exposition().decode().splitlines():
            if line and line[0] != "#":
                name, _, value = line.rpartition(" ")
                found[name] = float(value)
        return found

    def peak(self):
        """The most memory that was resident, in MB."""
        return int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{self.pid}/status").read())[1]) / 1024

    def stop(self, sig=signal.SIGTERM, timeout=60):
        """Ask the server to end; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(sig)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode


def read_all(connection):
    """All that a connection still gives, until it ends or its time-out."""
    out = b""
    try:
        while data := connection.recv(65536):
            out += data
    except OSError:
        pass
    return out


def status(answer):
    """The status of the first answer that is not 100, or 0."""
    found = [int(s) for s in re.findall(rb"HTTP/1\.1 (\d{3})", answer) if s != b"100"]
    return found[0] if found else 0
