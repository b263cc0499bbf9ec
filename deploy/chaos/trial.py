"""What the rows of deploy/test-chaos.sh share beside what those of deploy/test-load.sh and deploy/test-audit.sh do: answers that are
known beforehand, a caller that tells a whole answer from a cut one, and what a server holds."""
import contextlib
import http.client
import json
import os
import random
import re
import shutil
import statistics
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from hashlib import sha256

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[1:1] = [os.path.join(os.path.dirname(HERE), folder) for folder in ("load", "audit")]
from common import BIN, CLEAN, ROOT, SCRATCH, Server, free_port, read_all, row, status  # noqa: E402, F401 - the rows take them from here
from journal import PACE, PICTURES, chain, header, spikeray  # noqa: E402, F401

DATA = {path: open(path, "rb").read() for path in PICTURES}
BROKEN = (OSError, http.client.HTTPException, ValueError)  # what a Caller raises where there is no whole answer


def setting(name, whole):
    """A number that a variable of deploy/test-chaos.sh says, such as a duration in seconds."""
    return type(whole)(os.environ.get(name, whole))


def dcmtk_storescp():
    """The path of dcmtk's storescp, of which pynetdicom has a namesake; None where it is not."""
    for folder in os.get_exec_path():
        path = shutil.which("storescp", path=folder)
        if path and b"dcmtk" in subprocess.run([path, "--version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout:
            return path
    return None


def known(*models, paths=PICTURES):
    """The answers of model files or shipped models, by `spikeray predict`: probabilities by digest of the model and path of the picture."""
    found = {}
    for model in models:
        code, said = spikeray("predict", "--json", "--model", model, *paths)
        if code:
            raise SystemExit(f"spikeray predict ends with {code}: {said[-300:]}")
        for answer in map(json.loads, said.splitlines()):
            found[answer["model"]["digest"], answer["file"]] = answer["probability"]
    return found


def variant(file, version, intercept):
    """A model file in another version and with another calibration, so that its answers differ."""
    n = struct.unpack("<Q", file[:8])[0]
    top = json.loads(file[8:8 + n])
    said = json.loads(top["__metadata__"]["spikeray"])
    said["version"], said["calibration"]["intercept"] = version, intercept

    def encoded(digest):
        said["file_sha256"] = digest
        top["__metadata__"]["spikeray"] = json.dumps(said)
        head = json.dumps(top).encode()
        return struct.pack("<Q", len(head)) + head + file[8 + n:]

    return encoded(sha256(encoded("0" * 64)).hexdigest())


class Caller:
    """Sends pictures on one connection as long as it is kept; kept=False takes a connection for each."""

    def __init__(self, port, headers=None, kept=True, timeout=30, source="127.0.0.1"):
        self.made = lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=timeout, source_address=(source, 0))
        self.headers, self.kept, self.connection, self.fresh = headers or {}, kept, None, True

    def ask(self, body, query="", path="/v1/predictions", headers=None, method="POST"):
        """Status, headers and the whole body of an answer. One of BROKEN is raised where it is cut, late or missing.

        fresh tells afterwards whether the connection was new."""
        more = {**self.headers, **(headers or {})}
        if not self.kept:
            more["Connection"] = "close"
        self.fresh = self.connection is None
        try:
            if self.fresh:
                self.connection = self.made()
                self.connection.connect()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # answered before all was sent
                self.connection.request(method, path + query, body, more)
            answer = self.connection.getresponse()
            whole = answer.read()
            if answer.will_close:
                self.close()
            return answer.status, answer.headers, whole
        except BaseException:
            self.close()
            raise

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Tally:
    """What became of requests: how many ended each way, what each answered one took, receipts, and whose answer was not its own."""

    def __init__(self, answers):
        self.answers, self.ends, self.took, self.receipts, self.mixed, self.untold = answers, {}, [], [], 0, 0
        self.lock = threading.Lock()

    def ask(self, caller, path, query="", headers=None):
        """Have a caller send a picture with an id of its own; its status, or what broke."""
        number = f"{random.getrandbits(64):016x}"
        begun = time.monotonic()
        try:
            end, head, body = caller.ask(DATA[path], query, headers={"X-Request-Id": number, **(headers or {})})
            took = time.monotonic() - begun
            answer = json.loads(body)
        except BROKEN as e:
            end, took, answer, head = type(e).__name__, 0, {}, {}
        with self.lock:
            self.ends[end] = self.ends.get(end, 0) + 1
            if end == 200:
                self.took.append(took)
                self.receipts.append(head.get("X-Audit-Record", ""))
                right = self.answers.get((answer["model"]["digest"], path)) == answer["probability"]
                self.mixed += not right or not answer["id"].startswith(number)
            elif end == 503:
                self.untold += int(head.get("Retry-After", "0")) < 1
        return end

    def count(self, *ends):
        return sum(self.ends.get(end, 0) for end in ends)

    @property
    def sent(self):
        return sum(self.ends.values())

    def said(self):
        return ", ".join(f"{n} {end}" for end, n in sorted(self.ends.items(), key=str)) or "none"

    def percentile(self, p):
        """In seconds, of the answered."""
        ordered = sorted(self.took) or [float("inf")]
        return ordered[min(len(ordered) * p // 100, len(ordered) - 1)]


def crowd(n, work, seconds):
    """Have n threads do work(k) again and again; a function that ends them sooner. Without seconds, until then."""
    stop = threading.Event()
    end = time.monotonic() + seconds if seconds else float("inf")

    def loop(k):
        while not stop.is_set() and time.monotonic() < end:
            work(k)

    threads = [threading.Thread(target=loop, args=(k,), daemon=True) for k in range(n)]
    [t.start() for t in threads]

    def ended(now=False):
        if now:
            stop.set()
        [t.join() for t in threads]

    return ended


class Watch:
    """What a server holds, by its metrics, read again and again: descriptors, goroutines, threads, memory."""

    KINDS = {"descriptors": "process_open_fds", "goroutines": "go_goroutines", "threads": "go_threads",
             "heap": "go_memstats_heap_alloc_bytes", "resident": "process_resident_memory_bytes", "connections": "spikeray_connections",
             "picture memory": "spikeray_picture_memory_bytes", "upload memory": "spikeray_upload_buffer_bytes", "evicted": "spikeray_connections_evicted_total"}

    def __init__(self, port, every=1.0):
        self.port, self.samples, self.stop = port, [], threading.Event()
        self.thread = threading.Thread(target=self.run, args=(every,), daemon=True)
        self.thread.start()

    def run(self, every):
        while not self.stop.wait(every):
            try:
                self.samples.append((time.monotonic(), self.now()))
            except OSError:
                pass

    def now(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        return {kind: float(re.search(rf"^{name} (\S+)", text, re.M)[1]) for kind, name in self.KINDS.items()} | {"buffers": self.buffers()}

    @staticmethod
    def buffers():
        """Bytes in the buffers of the TCP connections of this machine, as far as it tells."""
        with contextlib.suppress(OSError), open("/proc/net/sockstat") as f:
            return int(re.search(r"^TCP:.* mem (\d+)", f.read(), re.M)[1]) * os.sysconf("SC_PAGESIZE")
        return 0

    def end(self):
        self.stop.set()
        self.thread.join()

    def part(self, kind, begin, end):
        """The samples of a part of the time, each a share of it from 0 to 1."""
        n = len(self.samples)
        return [s[kind] for _, s in self.samples[int(n * begin):max(int(n * end), int(n * begin) + 1)]]

    def growth(self, kind, of=statistics.median):
        """What is held in the second sixth of the time and in the last one. The first is for warming up."""
        return of(self.part(kind, 1 / 6, 2 / 6)), of(self.part(kind, 5 / 6, 1))


def settled(read, before, seconds, slack):
    """Whether a server holds again, within some seconds, no more of each kind in slack than before and that much; and what it holds."""
    end = time.monotonic() + seconds
    while True:
        now = read()
        if all(now[kind] <= before[kind] + more for kind, more in slack.items()):
            return True, now
        if time.monotonic() > end:
            return False, now
        time.sleep(0.2)


class Toxiproxy:
    """Toxiproxy with a proxy in front of a port; faults come and go. Shopify's github.com/Shopify/toxiproxy says what each does."""

    FAULTS = {
        "latency of 150±100 ms": [("latency", {"latency": 150, "jitter": 100}, 1)],
        "64 KB a second": [("bandwidth", {"rate": 64}, 1)],
        "pieces of 100 bytes": [("slicer", {"average_size": 100, "size_variation": 50, "delay": 500}, 1)],
        "half of the connections reset after 30 ms": [("reset_peer", {"timeout": 30}, 0.5)],
        "half of the connections cut after 700 bytes": [("limit_data", {"bytes": 700}, 0.5)],
        "half of the connections dead, closed after 2 s": [("timeout", {"timeout": 2000}, 0.5)],
        "away": [],
    }
    GENTLE = 3  # so many of them break nothing

    def __init__(self, upstream):
        self.api, self.port = free_port(), free_port()
        self.process = subprocess.Popen([os.environ["TOXIPROXY"], "-host", "127.0.0.1", "-port", str(self.api)],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while True:
            try:
                self.post("/proxies", name="it", listen=f"127.0.0.1:{self.port}", upstream=f"127.0.0.1:{upstream}", enabled=True)
                return
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise SystemExit("toxiproxy does not start") from None
                time.sleep(0.1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)

    def post(self, path, **document):
        request = urllib.request.Request(f"http://127.0.0.1:{self.api}{path}", json.dumps(document).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()

    @contextlib.contextmanager
    def fault(self, name):
        """Has the fault in both directions as long as the context lasts."""
        for kind, attributes, toxicity in self.FAULTS[name]:
            for stream in ("upstream", "downstream"):
                self.post("/proxies/it/toxics", name=stream, type=kind, stream=stream, toxicity=toxicity, attributes=attributes)
        if not self.FAULTS[name]:
            self.post("/proxies/it", enabled=False)
        try:
            yield
        finally:
            self.post("/reset")
