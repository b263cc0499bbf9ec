"""A bad network between the server and what it talks to, by toxiproxy: a board's host, a collector of traces, systems that get results of films."""
import hashlib
import http.server
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time

from trial import (BROKEN, PICTURES, ROOT, SCRATCH, Caller, Server, Tally, Toxiproxy, Watch, crowd, dcmtk_storescp, free_port, known, row,
                   setting, settled)

SECONDS = setting("NETWORK_SECONDS", 30.0)
CALLERS = 4
HELD = {"goroutines": 4, "descriptors": 4, "connections": 2, "picture memory": 0, "upload memory": 0}


def ask(server, answers, seconds):
    """What callers get in some seconds."""
    tally, callers = Tally(answers), [Caller(server.port, timeout=40) for _ in range(CALLERS)]

    def call(k):
        tally.ask(callers[k], random.choice(PICTURES))
        time.sleep(0.05)

    crowd(CALLERS, call, seconds)()
    [c.close() for c in callers]
    return tally


def soon(what, seconds):
    """How many seconds it takes until something is so; None if it is not by then."""
    begun = time.monotonic()
    while time.monotonic() < begun + seconds:
        try:
            if what():
                return time.monotonic() - begun
        except BROKEN:
            pass
        time.sleep(0.25)
    return None


def held(name, watch, rest):
    watch.end()
    same, now = settled(watch.now, rest, 60, HELD)
    row(f"{name}: held afterwards", f"{now['goroutines']:.0f} goroutines, {now['descriptors']:.0f} descriptors", f"as before ({rest['goroutines']:.0f}, {rest['descriptors']:.0f})", same)


def board():
    try:
        from boards import BoardHost
    except ImportError as e:
        row("a board's host behind a bad network", f"{e}", "", "skipped")
        return
    answers = known("spikeray-board")
    for fallback in "request", "off":
        with BoardHost() as host, Toxiproxy(int(host.url.rsplit(":", 1)[1])) as proxy, Server(
                "--model", "spikeray-board", "--board", "remote", "--board-option", f"url=http://127.0.0.1:{proxy.port}", "--board-fallback", fallback,
                "--board-timeout", "3s", "--board-retry", "1s", "--log-level", "error") as s:

            def back():
                end, _, body = Caller(s.port, kept=False).ask(open(PICTURES[0], "rb").read())
                return end == 200 and b'"degraded":null' in body

            ask(s, answers, 2)
            watch = Watch(s.port)
            rest = watch.now()
            for name in Toxiproxy.FAULTS:
                with proxy.fault(name):
                    tally = ask(s, answers, SECONDS)
                took = soon(back, 60)
                right = {200} if fallback == "request" else {200, 503}
                row(f"board host, fallback {fallback}: {name}", f"{tally.said()}; {tally.mixed} not its own; {'the board again after %.1f s' % took if took is not None else 'NOT BACK'}",
                    f"only {' and '.join(map(str, sorted(right)))}; 0; within 30 s", set(tally.ends) <= right and not tally.mixed + tally.untold and took is not None and took < 30)
            held(f"board host, fallback {fallback}", watch, rest)


class Sink(http.server.ThreadingHTTPServer):
    """Takes what is posted, and remembers digests of it."""

    daemon_threads = True

    def __init__(self):
        sink = self
        self.came = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def do_POST(self):
                body = self.rfile.read(length := int(self.headers["Content-Length"]))
                if len(body) == length:
                    sink.came.append(hashlib.sha256(body).hexdigest())
                    self.send_response(200)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass  # a connection that was cut


def collector():
    answers, sink = known("spikeray"), Sink()
    with Toxiproxy(sink.server_address[1]) as proxy, Server("--otlp-endpoint", f"http://127.0.0.1:{proxy.port}", "--log-level", "error") as s:
        calm = ask(s, answers, max(3.0, SECONDS / 3))
        watch = Watch(s.port)
        rest = watch.now()
        for name in Toxiproxy.FAULTS:
            with proxy.fault(name):
                tally = ask(s, answers, SECONDS)
            before = len(sink.came)

            def exported():
                ask(s, answers, 0.2)
                return len(sink.came) > before

            took = soon(exported, 90)
            p50, calm50 = tally.percentile(50) * 1e3, calm.percentile(50) * 1e3
            row(f"collector: {name}", f"{tally.said()}; p50 {p50:.1f} ms, without fault {calm50:.1f}; {'spans again after %.1f s' % took if took is not None else 'NO SPANS'}",
                "all 200; at most twice and 5 ms; within 60 s", set(tally.ends) == {200} and not tally.mixed and p50 <= 2 * calm50 + 5 and took is not None and took < 60)
        spans = {re.search(r'"(\w+)"', k)[1]: v for k, v in s.metrics().items() if k.startswith("spikeray_trace_spans_total")}
        row("collector: what became of the spans", ", ".join(f"{v:.0f} {k}" for k, v in sorted(spans.items())), "some exported, none refused",
            spans["exported"] > 0 and not spans["refused"])
        held("collector", watch, rest)
    sink.shutdown()


def stow(caller, film):
    boundary = b"spikeray-trial"
    body = b"--%s\r\nContent-Type: application/dicom\r\n\r\n%s\r\n--%s--\r\n" % (boundary, film, boundary)
    return caller.ask(body, path="/dicom-web/studies", headers={
        "Content-Type": 'multipart/related; type="application/dicom"; boundary=spikeray-trial', "Accept": "application/dicom+json"})[0]


def targets():
    storescp = dcmtk_storescp()
    if not storescp:
        row("systems of the hospital behind a bad network", "no storescp (dcmtk) here", "", "skipped")
        return
    each = max(6, int(SECONDS))
    folder, archive = tempfile.mkdtemp(dir=SCRATCH), tempfile.mkdtemp(dir=SCRATCH)
    subprocess.run([os.environ["FILMS"], f"-n={each * len(Toxiproxy.FAULTS)}", "-o", folder, os.path.join(ROOT, "examples", "synthetic-pneumonia.png")], check=True)
    films = sorted(os.path.join(folder, name) for name in os.listdir(folder))
    sink, port = Sink(), free_port()
    scp = subprocess.Popen([storescp, "--fork", "-od", archive, "-aet", "ARCHIVE", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with Toxiproxy(sink.server_address[1]) as fhir, Toxiproxy(port) as dicom, Server(
                "--outbox", tempfile.mkdtemp(dir=SCRATCH), "--send", f"fhir=fhir+http://127.0.0.1:{fhir.port}/fhir", "--send", f"sr=dicom://ARCHIVE@127.0.0.1:{dicom.port}",
                "--log-level", "error") as s:
            watch, sent = Watch(s.port), 0
            rest = watch.now()

            def waiting():
                return sum(v for k, v in s.metrics().items() if k.startswith("spikeray_outbox_items"))

            for k, name in enumerate(Toxiproxy.FAULTS):
                taken = 0
                with fhir.fault(name), dicom.fault(name):
                    caller = Caller(s.port, timeout=60)
                    for path in films[k * each:(k + 1) * each]:
                        taken += stow(caller, open(path, "rb").read()) == 200
                        time.sleep(SECONDS / each)
                    caller.close()
                    wait = waiting()
                sent += taken
                row(f"FHIR server and archive: {name}", f"{taken} of {each} films taken, {wait:.0f} results wait at its end", "all", taken == each)
            took = soon(lambda: waiting() == 0, 400)
            failed = sum(v for k, v in s.metrics().items() if k.startswith("spikeray_outbox_failed_items"))
            soon(lambda: len(os.listdir(archive)) >= sent, 10)
            bundles, reports = len(set(sink.came)), sorted(os.listdir(archive))
            whole = sum(subprocess.run(["dcmdump", "-q", os.path.join(archive, name)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0 for name in reports)
            row("then left alone", f"{bundles} bundles and {len(reports)} reports ({whole} whole) of {sent} films, {len(sink.came) - bundles} bundles came again; "
                f"{failed:.0f} given up; {'none waits after %.0f s' % took if took is not None else 'SOME WAIT'}", "each of each; 0; within 6 minutes",
                bundles == len(reports) == whole == sent and not failed and took is not None and took < 360)
            held("FHIR server and archive", watch, rest)
    finally:
        scp.terminate()
        scp.wait(20)
        sink.shutdown()


def main():
    if not os.environ.get("TOXIPROXY"):
        row("neighbours behind a bad network", "no toxiproxy here", "", "skipped")
        sys.exit()
    only = os.environ.get("NEIGHBOURS", "board collector targets").split()
    [trial() for name, trial in (("board", board), ("collector", collector), ("targets", targets)) if name in only]


main()
