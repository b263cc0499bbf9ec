"""A prediction service as a process: started, waited for, weighed and ended."""

import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

from .contender import KEEP_MEMORY
from .workplace import ROOT


class Service:
    """Started on creation; `started` is the seconds from there to the first 200 of /readyz. Use it in a `with`."""

    def __init__(self, name: str, command: list, port: int, environment=None, patience=60.0):
        self.name, self.port = name, port
        began = time.perf_counter()
        self.process = subprocess.Popen([str(word) for word in command], cwd=ROOT / "bench", start_new_session=True,
                                        env={**os.environ, **(environment or {})},
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not self._ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"{name} ended with {self.process.returncode} before it was ready")
            if time.perf_counter() - began > patience:
                self.close()
                raise RuntimeError(f"{name} was not ready within {patience:.0f} s")
            time.sleep(0.0005)
        self.started = time.perf_counter() - began

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/predictions"

    def ask(self, load: pathlib.Path, files: pathlib.Path, connections: int, requests: int, warmup: int) -> dict:
        """What load/main.go saw."""
        done = subprocess.run([load, "-url", self.url, "-files", files, "-connections", str(connections), "-requests",
                               str(requests), "-warmup", str(warmup)], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{self.name}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def memory(self) -> dict[str, int]:
        """Bytes of all its processes: `VmRSS` resident now, `VmHWM` the sum of their highest, `Pss` with shared pages
        counted once."""
        total = {"VmRSS": 0, "VmHWM": 0, "Pss": 0}
        for pid in self._processes():
            for file, keys in (("status", ("VmRSS", "VmHWM")), ("smaps_rollup", ("Pss",))):
                for line in pathlib.Path(f"/proc/{pid}/{file}").read_text().splitlines():
                    key, _, value = line.partition(":")
                    if key in keys:
                        total[key] += int(value.split()[0]) * 1024
        return total

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _ready(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _processes(self):
        found = [self.process.pid]
        for pid in found:
            for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
                found += map(int, (thread / "children").read_text().split())
        return found


class Watch:
    """Samples a service's memory in a thread; `peak` is the most that was resident."""

    def __init__(self, service: Service):
        self.service, self.peak = service, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _sample(self):
        while not self._stop.wait(0.05):
            self.peak = max(self.peak, self.service.memory()["VmRSS"])


def spikeray(server: pathlib.Path, model: pathlib.Path) -> Service:
    """The server as it comes, answering with a model."""
    port = free_port()
    return Service("spikeray", [server, "serve", "--addr", f"127.0.0.1:{port}", "--model", model], port)


def python(w, twin=None) -> Service:
    """peer_service.py under uvicorn, a worker a core: the article's network in float32, or a twin in int8."""
    port, of = free_port(), twin or w
    return Service("FastAPI + Pillow + ONNX Runtime" + (" int8" if twin else ""), [
        sys.executable, "-m", "uvicorn", "peer_service:app", "--host", "127.0.0.1", "--port", port,
        "--workers", len(w.cores), "--no-access-log", "--log-level", "warning"], port, {
        "PEER_NETWORK": str(of.onnx(1, bool(twin))), "PEER_SIZE": str(of.size), "PEER_SCALE": str(of.scale), "PEER_WINDOWED": "1" if twin else "",
        "PEER_POSITIVE": str(of.positive), "PEER_LABELS": ",".join(of.description["labels"]), "OMP_NUM_THREADS": "1", **KEEP_MEMORY})


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
