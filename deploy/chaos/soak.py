"""An hour of ordinary work in which everything changes that may: models, keys, the audit log's files, a collector that comes and goes, and
callers who send what is no picture. What the server holds must not grow, no answer may be another's, and each must be in the audit log."""
import http.server
import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from hashlib import sha256

from trial import (BIN, BROKEN, CLEAN, DATA, PICTURES, ROOT, SCRATCH, Caller, Server, Tally, Watch, chain, crowd, free_port, known, row,
                   setting, spikeray, variant)

SECONDS = setting("SOAK_SECONDS", 3600.0)
RATE = 60.0  # pictures a second of the callers together, far below what one core does
CALLERS = 6
PHASES = min(120.0, SECONDS / 3)  # of the collector together, in seconds
NAME, VERSIONS = "spikeray", ("7.0.0", "8.0.0")


def replace(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "wb") as f:
        f.write(content)
    os.rename(path + ".new", path)


class Collector(http.server.BaseHTTPRequestHandler):
    """Takes spans for a while, then refuses them for a while."""

    protocol_version, taken, refused = "HTTP/1.1", 0, 0

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        well = time.time() % PHASES < PHASES * 0.6
        Collector.taken += well
        Collector.refused += not well
        self.send_response(200 if well else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Soak:
    def __init__(self):
        self.models, self.keys = os.path.join(SCRATCH, "models"), os.path.join(SCRATCH, "keys")
        with open(os.path.join(ROOT, "models", NAME + ".safetensors"), "rb") as f:
            shipped = f.read()
        self.files = {(version, c): variant(shipped, version, 0.4 * i + 0.2 * j) for i, version in enumerate(VERSIONS) for j, c in enumerate("ab")}
        paths = []
        for (version, c), content in self.files.items():
            paths.append(os.path.join(SCRATCH, f"{version}{c}.safetensors"))
            replace(paths[-1], content)
        self.answers = known(*paths)
        if len(set(self.answers.values())) < len(PICTURES) * 3:
            raise SystemExit("the files of the model answer alike")
        for version in VERSIONS:
            replace(self.at(version), self.files[version, "a"])
        self.key, self.visitor = (self.make_key(name) for name in ("caller", "visitor"))
        self.write_keys(self.key, self.visitor)
        self.collector = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
        threading.Thread(target=self.collector.serve_forever, daemon=True).start()
        self.tally = Tally(self.answers)
        self.did, self.wrong, self.lock = {}, {}, threading.Lock()
        self.turn = 0
        self.now = dict.fromkeys(VERSIONS, "a")
        self.serving = VERSIONS[-1]

    def at(self, version):
        return os.path.join(self.models, NAME, version, "model.safetensors")

    @staticmethod
    def make_key(name):
        """A key and its line for the file."""
        said = subprocess.run([BIN, "key", "new", name, "--scope", "predict,models"], env=CLEAN, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
        return said.stdout.decode().split("\n")[:2]

    def write_keys(self, *keys, more=""):
        replace(self.keys, ("".join(line + "\n" for _, line in keys) + more).encode())

    def note(self, what, right=True):
        with self.lock:
            kind = self.did if right else self.wrong
            kind[what] = kind.get(what, 0) + 1

    # What goes on beside the callers, each in a thread of its own.

    def call(self, k):
        """One of the ordinary callers: half of them keep their connection."""
        begun = time.monotonic()
        caller = self.callers[k]
        self.tally.ask(caller, random.choice(PICTURES))
        time.sleep(max(0, begun + random.uniform(0.5, 1.5) * CALLERS / RATE - time.monotonic()))

    def hang_up(self):
        self.server.process.send_signal(signal.SIGHUP)

    def digest(self):
        end, _, body = Caller(self.port, self.auth, kept=False).ask(None, path="/v1/models/" + NAME, method="GET")
        return json.loads(body)["digest"] if end == 200 else end

    def serves(self, version, c, how):
        want = "sha256:" + sha256(self.files[version, c]).hexdigest()
        end = time.monotonic() + 30
        while self.digest() != want:
            if time.monotonic() > end:
                self.note(f"model not taken: {how}", False)
                return
            time.sleep(0.2)
        self.note("models swapped")

    def reload(self, _):
        """Swap the model, in each way in turn; every fourth time a bad file comes and goes first."""
        other = {**dict(zip(VERSIONS, VERSIONS[::-1])), "a": "b", "b": "a"}
        self.turn += 1
        if self.turn % 4 == 0:
            replace(self.at("9.0.0"), random.randbytes(1000))
            self.hang_up()
            time.sleep(1)
            shutil.rmtree(os.path.dirname(self.at("9.0.0")))
            self.note("bad models")
        if self.turn % 3 == 0:
            self.serving = other[self.serving]
            end, _, body = Caller(self.port, self.auth, kept=False).ask(b"", path=f"/v1/models/{NAME}/load?version={self.serving}")
            if end != 200:
                self.note(f"load: {end} {body[:80]!r}", False)
            replace(os.path.join(self.models, NAME, "current"), self.serving.encode() + b"\n")
            how = "load"
        elif self.turn % 3 == 1:
            self.serving = other[self.serving]
            replace(os.path.join(self.models, NAME, "current"), self.serving.encode() + b"\n")
            self.hang_up()
            how = "current"
        else:
            self.now[self.serving] = other[self.now[self.serving]]
            replace(self.at(self.serving), self.files[self.serving, self.now[self.serving]])
            how = "found by itself"
        self.serves(self.serving, self.now[self.serving], how)
        time.sleep(random.uniform(2, 8))

    def lock_out(self, _):
        """Take the visitor's key away and give it back; between, a file with a mistake changes nothing."""
        for keys, want in (((self.key,), 401), ((self.key, self.visitor), 200)):
            self.write_keys(*keys)
            self.hang_up()
            visitor = Caller(self.port, {"X-API-Key": self.visitor[0]}, kept=False)
            end = time.monotonic() + 20
            while (got := visitor.ask(DATA[PICTURES[0]])[0]) != want and time.monotonic() < end:
                time.sleep(0.1)
            self.note("keys changed" if got == want else f"a visitor got {got}, not {want}", got == want)
            self.write_keys(*keys, more="mistaken sha256:12\n")
            self.hang_up()
            time.sleep(random.uniform(1, 4))
            got = visitor.ask(DATA[PICTURES[0]])[0]
            self.note("bad keys" if got == want else f"with a bad file a visitor got {got}, not {want}", got == want)

    def disturb(self, _):
        """Send what is no picture, no request, nothing whole, by nobody."""
        picture = bytearray(DATA[random.choice(PICTURES)])
        kind = random.choice(("noise", "cut", "flipped", "stranger", "nowhere", "malformed", "half", "options"))
        caller = Caller(self.port, self.auth, kept=False)
        try:
            if kind == "noise":
                got, want = caller.ask(random.randbytes(random.randrange(1, 200_000)))[0], (400, 415, 422)
            elif kind == "cut":
                got, want = caller.ask(bytes(picture[:random.randrange(1, len(picture))]))[0], (200, 400, 415, 422)
            elif kind == "flipped":
                for _ in range(20):
                    picture[random.randrange(len(picture))] ^= 1 << random.randrange(8)
                got, want = caller.ask(bytes(picture))[0], (200, 400, 413, 415, 422)
            elif kind == "stranger":
                got, want = Caller(self.port, {"X-API-Key": "wrong"}, kept=False).ask(bytes(picture))[0], (401,)
            elif kind == "nowhere":
                got, want = caller.ask(None, path=f"/v1/{random.getrandbits(32):x}", method="GET")[0], (404,)
            elif kind == "options":
                got, want = caller.ask(bytes(picture), query=f"?threshold={random.choice(('2', 'x', ''))}")[0], (400,)
            else:
                said = b"POST /v1/predictions HTTP/1.1\r\nHost: x\r\nX-API-Key: %s\r\nContent-Length: %d\r\n\r\n" % (self.key[0].encode(), len(picture))
                whole = b"GET / HTTP/1.1\r\nHost x\r\n\r\n" if kind == "malformed" else said + picture
                with self.server.connect() as c:
                    c.sendall(whole if kind == "malformed" else whole[:random.randrange(1, len(whole))])
                    got = want = "left"
                    if kind == "malformed":
                        got, want = int(c.recv(65536).split()[1]), (400,)
            self.note("bad requests" if got in want else f"{kind}: {got}", got in want)
        except BROKEN as e:
            self.note(f"{kind}: {e!r}", False)
        time.sleep(random.uniform(0.05, 0.25))

    def run(self):
        operators, folder = free_port(), os.path.join(SCRATCH, "audit")
        self.server = Server("--models", self.models, "--default-model", NAME, "--models-poll", "3s", "--models-api", "--api-keys", self.keys,
                             "--audit", folder, "--audit-segment-bytes", "512K", "--audit-segment-age", "5m", "--audit-keep", "1h",
                             "--shadow", "spikeray-board", "--shadow-share", "0.1", "--operator-addr", f"127.0.0.1:{operators}",
                             "--otlp-endpoint", f"http://127.0.0.1:{self.collector.server_address[1]}")
        self.port, self.auth = self.server.port, {"X-API-Key": self.key[0]}
        self.callers = [Caller(self.port, self.auth, kept=k % 2 == 0) for k in range(CALLERS)]
        with self.server as s:
            watch, begun = Watch(operators, every=2.0), time.monotonic()
            ended = [crowd(CALLERS, self.call, SECONDS)] + [crowd(1, work, SECONDS) for work in (self.reload, self.lock_out, self.disturb)]
            [end() for end in ended]
            took = time.monotonic() - begun
            watch.end()
            with open(f"/proc/{s.pid}/stat") as f:
                fields = f.read().rsplit(") ", 1)[1].split()
            busy = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") / took
            code = s.stop()
        self.report(watch, took, busy, code, folder)

    def report(self, watch, took, busy, code, folder):
        t = self.tally
        row(f"soak of {took / 60:.0f} minutes at {t.sent / took:.0f} pictures a second, {busy:.2f} cores",
            f"{t.said()}; {t.mixed} not their own; p50 {t.percentile(50) * 1e3:.0f}, p99 {t.percentile(99) * 1e3:.0f} ms", "200, 503 for at most one in a thousand; 0",
            set(t.ends) <= {200, 503} and t.count(503) <= t.sent / 1000 and not t.mixed and not t.untold)
        row("  meanwhile", ", ".join(f"{n} {what}" for what, n in [*sorted(self.did.items()), *(("NOT SO: " + w, n) for w, n in self.wrong.items())]),
            "five kinds, all as they must be", not self.wrong and len(self.did) == 5)
        for kind, of, more in (("resident", None, 0.1), ("heap", min, 0.1), ("goroutines", None, 0), ("descriptors", None, 0), ("threads", None, 0)):
            early, late = watch.growth(kind) if of is None else watch.growth(kind, of)
            unit, slack = (1 << 20, 4.0) if kind in ("resident", "heap") else (1, 4)
            name = {"resident": "resident memory, MB", "heap": "heap after collections, MB"}.get(kind, kind)
            early, late = early / unit, late / unit
            row(f"  {name}", f"{early:.1f} in the second sixth, {late:.1f} in the last", f"at most {slack + early * more:.0f} more", late <= early + slack + early * more)
        records, receipts = chain(folder)
        verified, _ = spikeray("audit", "verify", folder)
        missing = len(set(t.receipts) - set(receipts)) + len(t.receipts) - len(set(t.receipts))
        files = len([name for name in os.listdir(folder) if name.endswith(".ndjson")])
        row("  its audit log", f"verify {verified}, {len(records)} records in {files} files, {missing} answers without their record, exit {code}",
            "0, several files, 0, exit 0", verified == 0 and missing == 0 and files > 1 and code == 0)
        row("  its collector", f"{Collector.taken} batches taken, {Collector.refused} refused", "both", Collector.taken > 0 and (Collector.refused > 0 or took < 120))


Soak().run()
