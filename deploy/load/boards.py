"""A board host that hangs, one that answers wrong spikes, and a server that crashed and comes back. Needs NumPy."""
import os
import signal
import sys
import threading
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # threads that wait for each other would make the host slow, not fast

from common import ROOT, Server, pictures, row, status

try:
    sys.path.insert(0, os.path.join(ROOT, "deploy", "boardhost"))
    sys.dont_write_bytecode = True
    from boardhost.boards import simulator
    from boardhost.server import Host, Server as HostServer
except ImportError as e:
    if __name__ != "__main__":
        raise
    row("boards", f"{e}", "", "skipped")
    sys.exit()

PICTURE = pictures()[0]


class Board(simulator.Board):
    """The simulator of deploy/boardhost with a fault that can be switched on."""

    def __init__(self):
        self.fault, self.released = "", threading.Event()

    def place(self, network):
        placed = super().place(network)
        run = placed.run

        def faulty(train):
            if self.fault == "hangs":
                self.released.wait(120)
            answer = run(train)
            if self.fault == "wrong":  # as many spikes as before, of another neuron: nothing about it is impossible
                last = list(answer.layers)[-1]
                answer.layers[last] = answer.layers[last][:, ::-1].copy()
            return answer

        placed.run = faulty
        return placed


class BoardHost:
    def __init__(self, lease=3600.0):
        self.board = Board()
        self.server = HostServer(("127.0.0.1", 0), Host(self.board, lease))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.board.released.set()
        self.server.shutdown()
        self.server.server_close()

    def serve(self, *more):
        return Server("--model", "spikeray-board", "--board", "remote", "--board-option", "url=" + self.url,
                      *more)


def hung():
    for fallback in "off", "request":
        with BoardHost() as host, host.serve(
                "--board-fallback", fallback, "--workers", "2", "--board-retry", "60s", "--board-timeout", "6s", "--board-silence", "7s") as s:
            first = status(s.post(PICTURE))
            host.board.fault = "hangs"
            begin, ended, others = time.time(), [], []

            def ask():
                ended.append((status(s.post(PICTURE)), time.time() - begin))

            waiting = [threading.Thread(target=ask) for _ in range(8)]
            [t.start() for t in waiting]
            time.sleep(0.5)
            while any(t.is_alive() for t in waiting) and len(others) < 400:
                at = time.time()
                others.append((status(s.post(PICTURE, query="?model=cnnxray")), time.time() - at))
                time.sleep(0.02)
            [t.join(30) for t in waiting]
            slowest = max(took for _, took in others)
            late = max((took for _, took in ended), default=99)
            wanted = 503 if fallback == "off" else 200
            good = first == 200 and len(others) > 50 and all(code == 200 for code, _ in others) and slowest < 2
            row(f"a hung board, fallback {fallback}: other models", f"{sum(c == 200 for c, _ in others)} of {len(others)} answered, slowest {slowest:.2f} s",
                "all, within 2 s", good)
            row("  its own callers", f"{sum(c == wanted for c, _ in ended)} of 8 answered {wanted}, the last after {late:.1f} s",
                "all, within 9 s (silence 7 s)", len(ended) == 8 and all(c == wanted for c, _ in ended) and late < 9)


def wrong():
    for fallback in "off", "request":
        with BoardHost() as host, host.serve("--board-fallback", fallback, "--board-canary", "0") as s:
            right = s.post(PICTURE)
            host.board.fault = "wrong"
            given = [s.post(PICTURE) for _ in range(10)]
            if fallback == "off":
                caught = sum(status(a) == 503 for a in given)
            else:
                probability = right.split(b'"probability":')[1].split(b",")[0]
                caught = sum(status(a) == 200 and b'"degraded":null' not in a and probability in a for a in given)
            quarantined = s.metrics()['spikeray_board_state{board="remote",state="quarantined"}']
            row(f"wrong spikes, fallback {fallback}", f"{10 - caught} of 10 given, quarantined: {quarantined == 1}", "none given, quarantine",
                status(right) == 200 and caught == 10 and quarantined == 1)


def crashed():
    with BoardHost() as host:
        with host.serve() as s:
            first = status(s.post(PICTURE))
            s.stop(signal.SIGKILL)
        begin = time.time()
        try:
            again = Server("--model", "spikeray-board", "--board", "remote", "--board-option", "url=" + host.url,
                           port=s.port)
        except SystemExit as e:
            row("a server that crashed and comes back", str(e)[-80:], "has its board within 10 s", False)
            return
        with again:
            answer = again.post(PICTURE)
            took = time.time() - begin
            row("a server that crashed and comes back", f"{first}, then {status(answer)} after {took:.1f} s (lease 3600 s)",
                "has its board within 10 s", first == status(answer) == 200 and b'"degraded":null' in answer and took < 10)


if __name__ == "__main__":
    hung()
    wrong()
    crashed()
