"""What the rows of deploy/test-pacs.sh share: films, Orthanc as the archive, and a spikeray that takes films and sends results to it."""
import http.client
import http.server
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "load"))
from common import ROOT, SCRATCH, Server, free_port, row  # noqa: E402, F401 - the rows take them from here

PLUGINS = "/usr/share/orthanc/plugins"
SR = "1.2.840.10008.5.1.4.1.1.88.34"
SC = "1.2.840.10008.5.1.4.1.1.7"
TITLES = b"SPIKERAY".ljust(16) + b"MODALITY".ljust(16)
PLANTED = re.compile(rb"PLANTED|20210115|20240229|310047233461482150733651893251436147207")


def built():
    """The program that makes films."""
    path = os.path.join(SCRATCH, "make-films")
    subprocess.run(["go", "build", "-o", path, "./deploy/pacs/films"], cwd=ROOT, env={**os.environ, "CGO_ENABLED": "0"}, check=True)
    return path


FILMS = os.environ.get("FILMS") or built()


def run(*command, **options):
    """Run a command; its output and status."""
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=options.pop("timeout", 120), **options)
    return done.returncode, done.stdout.decode(errors="replace")


def films(n, first=1, folder=None, **flags):
    """A folder of n films, each of a patient and a study of its own."""
    folder = folder or tempfile.mkdtemp(dir=SCRATCH)
    more = [f"-{name}={value}" for name, value in flags.items()]
    picture = os.path.join(ROOT, "examples", "synthetic-pneumonia.png")
    subprocess.run([FILMS, f"-n={n}", f"-first={first}", *more, "-o", folder, picture], check=True)
    return sorted(os.path.join(folder, name) for name in os.listdir(folder))


def stow(port, paths):
    """POST films as a DICOMweb client does; status and body."""
    boundary = "spikeray-trial"
    body = b"".join(b"--%s\r\nContent-Type: application/dicom\r\n\r\n%s\r\n" % (boundary.encode(), open(p, "rb").read()) for p in paths)
    body += b"--%s--\r\n" % boundary.encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/dicom-web/studies", body, {
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}', "Accept": "application/dicom+json"})
    answer = connection.getresponse()
    return answer.status, answer.read()


def wait_for(what, seconds, message):
    end = time.time() + seconds
    while time.time() < end:
        try:
            if what():
                return True
        except (OSError, urllib.error.URLError):
            pass
        time.sleep(0.1)
    if message:
        raise SystemExit(message)
    return False


class Orthanc:
    """Orthanc with its DICOMweb plug-in, on loopback, with a store of its own that outlives a stop."""

    def __init__(self, name):
        self.folder = tempfile.mkdtemp(prefix=name, dir=SCRATCH)
        self.http, self.dicom = free_port(), free_port()
        self.ae, self.process = name.upper(), None
        config = {
            "Name": name, "StorageDirectory": self.folder, "IndexDirectory": self.folder, "Plugins": [PLUGINS],
            "HttpPort": self.http, "DicomPort": self.dicom, "DicomAet": self.ae, "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False, "DicomAlwaysAllowStore": True, "DicomCheckCalledAet": True,
            "OverwriteInstances": False, "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }
        self.config = os.path.join(self.folder, "config.json")
        with open(self.config, "w") as f:
            json.dump(config, f)

    def start(self):
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(["Orthanc", "--verbose", self.config], stdout=log, stderr=log)
        wait_for(lambda: self.rest("/system"), 60, "Orthanc does not start")
        return self

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
            self.process = None

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=30) as answer:
            return answer.read()

    def rest(self, path):
        return json.loads(self.get(path))

    def objects(self, sop_class):
        """Orthanc's names of the objects of a class that it keeps."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}/tools/find", method="POST",
                                         data=json.dumps({"Level": "Instance", "Query": {"SOPClassUID": sop_class}, "Limit": 0}).encode())
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def count(self):
        return self.rest("/statistics")["CountInstances"]

    def file(self, instance):
        path = os.path.join(tempfile.mkdtemp(dir=SCRATCH), "object.dcm")
        with open(path, "wb") as f:
            f.write(self.get(f"/instances/{instance}/file"))
        return path

    def again(self):
        """How often an object came that was there already, by Orthanc's log."""
        with open(os.path.join(self.folder, "log"), errors="replace") as log:
            return sum(line.rstrip().endswith("] Already stored") for line in log)


class Node:
    """A spikeray with a DICOM listener that sends its results to the targets."""

    def __init__(self, *targets, outbox=None, more=(), wrap=()):
        self.outbox = outbox or tempfile.mkdtemp(prefix="outbox", dir=SCRATCH)
        self.dicom = free_port()
        send = [f"--send={t}" for t in targets]
        self.server = Server("--dicom-listen", f"127.0.0.1:{self.dicom}", "--outbox", self.outbox, *send, "--log-level", "debug", *more, wrap=wrap)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.stop()

    def storescu(self, *arguments, timeout=600):
        return run("storescu", "-aet", "MODALITY", "-aec", "SPIKERAY", *arguments[:-1], "127.0.0.1", self.dicom, arguments[-1], timeout=timeout)

    def metric(self, name):
        """The sum of a metric over its labels."""
        return sum(value for series, value in self.server.metrics().items() if series.partition("{")[0] == name)

    def drained(self, seconds=60):
        return wait_for(lambda: self.metric("spikeray_outbox_items") == 0, seconds, None)

    def log(self):
        with open(self.server.log, "rb") as f:
            return f.read()


class Target(http.server.ThreadingHTTPServer):
    """A system that takes results over HTTP and keeps them, or answers 503 while it is not up."""

    daemon_threads = True

    def __init__(self, up=True):
        self.got, self.asked, self.up, self.lock = [], 0, up, threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(handler):
                body = handler.rfile.read(int(handler.headers["Content-Length"]))
                with self.lock:
                    self.asked += 1
                    if self.up:
                        self.got.append(body)
                    status = 200 if self.up else 503
                handler.send_response(status)
                handler.send_header("Content-Length", "0")
                handler.end_headers()

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.port = self.server_port
        threading.Thread(target=self.serve_forever, daemon=True).start()


# Of DICOM's messages, what a broken or hostile peer needs (PS3.7 and PS3.8).

def item(kind, body):
    return struct.pack(">BBH", kind, 0, len(body)) + body


def associate(context=1, sop_class=b"1.2.840.10008.5.1.4.1.1.1.1", syntax=b"1.2.840.10008.1.2.1", maximum=16384):
    body = struct.pack(">HH", 1, 0) + TITLES + bytes(32)
    body += item(0x10, b"1.2.840.10008.3.1.1.1")
    body += item(0x20, bytes([context, 0, 0, 0]) + item(0x30, sop_class) + item(0x40, syntax))
    body += item(0x50, item(0x51, struct.pack(">I", maximum)) + item(0x52, b"2.25.1"))
    return struct.pack(">BBI", 1, 0, len(body)) + body


def pdata(fragment, context=1, control=0):
    body = struct.pack(">IBB", len(fragment) + 2, context, control) + fragment
    return struct.pack(">BBI", 4, 0, len(body)) + body


def element(tag, value):
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(value)) + value


def c_store(instance=b"2.25.12"):
    command = element(0x00000002, b"1.2.840.10008.5.1.4.1.1.1.1\0") + element(0x00000100, struct.pack("<H", 1))
    command += element(0x00000110, struct.pack("<H", 1)) + element(0x00000700, struct.pack("<H", 0))
    command += element(0x00000800, struct.pack("<H", 1)) + element(0x00001000, instance + b"\0" * (len(instance) % 2))
    return element(0x00000000, struct.pack("<I", len(command))) + command


def send_film(port, film, address="127.0.0.1"):
    """Send a film's data set by C-STORE as it is, whatever it is; the status of the answer, or what came of it."""
    def uid(number):
        at = film.index(struct.pack("<HH2s", 2, number, b"UI")) + 6
        return film[at + 2:at + 2 + struct.unpack_from("<H", film, at)[0]].rstrip(b"\0")

    syntax, instance, dataset = uid(0x10), uid(3), film[144 + struct.unpack_from("<I", film, 140)[0]:]
    with socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(address, 0)) as c, c.makefile("rb") as answers:
        def pdu():
            head = answers.read(6)
            return (head[0], answers.read(struct.unpack(">I", head[2:])[0])) if len(head) == 6 else (0, b"")

        c.sendall(associate(syntax=syntax))
        kind, body = pdu()
        if kind != 2:
            return f"association {kind}"
        try:
            c.sendall(pdata(c_store(instance), control=3))
            for at in range(0, max(1, len(dataset)), 16000):
                c.sendall(pdata(dataset[at:at + 16000], control=2 * (at + 16000 >= len(dataset))))
        except OSError:
            pass  # answered before all was sent
        kind, body = pdu()
        at = body.find(struct.pack("<HHI", 0, 0x900, 2))
        return f"{struct.unpack_from('<H', body, at + 8)[0]:04X}" if kind == 4 and at >= 0 else f"ended by {kind}"
