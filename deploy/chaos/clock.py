"""The clock is set by an hour and by ten years, to and fro, under load. What depends on time that passes does not notice; what depends on
the calendar (tokens, certificates, records) follows the clock and comes back with it. The server is the real one with a clock of its own,
for which Go's package time is built with a shift that a file says: no other program's time is touched."""
import base64
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRATCH = os.environ["SPIKERAY_SCRATCH"]
CLOCK = os.path.join(SCRATCH, "clock")


def build():
    """A server whose wall clock is ahead by as many seconds as the file CLOCK says."""
    source = os.path.join(subprocess.check_output(["go", "env", "GOROOT"], text=True).strip(), "src", "time", "time.go")
    with open(source) as f:
        text = f.read()
    now = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
    if text.count(now) != 1 or text.count("import (\n") != 1:
        raise SystemExit(f"{source} is written otherwise than this row knows")
    text = text.replace(now, now + "\tsec += shift.Load()\n").replace("import (\n", 'import (\n\t"sync/atomic"\n')
    ours = {source: text + "\nvar shift atomic.Int64\n\n// SetShift sets the clock.\nfunc SetShift(seconds int64) { shift.Store(seconds) }\n",
            os.path.join(ROOT, "cmd", "server", "zz_shift.go"): """package main

import (
	"os"
	"strconv"
	"time"
)

func init() {
	set := func() {
		data, _ := os.ReadFile(os.Getenv("CLOCK_FILE"))
		if n, err := strconv.ParseInt(string(data), 10, 64); err == nil {
			time.SetShift(n)
		}
	}
	set()
	go func() {
		for ; ; time.Sleep(5 * time.Millisecond) {
			set()
		}
	}()
}
"""}
    places = {}
    for i, (path, text) in enumerate(ours.items()):
        places[path] = os.path.join(SCRATCH, f"overlay{i}.go")
        with open(places[path], "w") as f:
            f.write(text)
    overlay = os.path.join(SCRATCH, "overlay.json")
    with open(overlay, "w") as f:
        json.dump({"Replace": places}, f)
    shifted = os.path.join(SCRATCH, "shifted")
    subprocess.run(["go", "build", "-overlay", overlay, "-o", shifted, "./cmd/server"], cwd=ROOT, check=True, env={**os.environ, "CGO_ENABLED": "0"})
    return shifted


def set_clock(seconds):
    with open(CLOCK + ".new", "w") as f:
        f.write(str(int(seconds)))
    os.replace(CLOCK + ".new", CLOCK)
    time.sleep(0.05)


os.environ["SPIKERAY_BIN"] = os.environ.get("SHIFTED") or build()
os.environ["CLOCK_FILE"] = CLOCK
from trial import HERE, DATA, PICTURES, Caller, Server, Tally, chain, crowd, free_port, known, read_all, row, setting, spikeray, status  # noqa: E402
sys.path.append(os.path.join(os.path.dirname(HERE), "pacs"))
from peers import Target, films, stow  # noqa: E402

HOUR, YEARS = 3600, 10 * 365 * 24 * 3600
JUMPS = {"+1 h": HOUR, "-1 h": -HOUR, "+10 years": YEARS, "-10 years": -YEARS}
SECONDS = setting("CLOCK_SECONDS", 8)  # of load around each jump
AUDIT = os.path.join(SCRATCH, "audit")


def openssl(*words, stdin=None):
    return subprocess.run(["openssl", *words], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, cwd=SCRATCH).stdout


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """Signs tokens as a service for identities does."""

    def __init__(self):
        openssl("genrsa", "-out", "jwt.key", "2048")
        modulus = openssl("rsa", "-in", "jwt.key", "-noout", "-modulus").decode().strip().partition("=")[2]
        self.path = os.path.join(SCRATCH, "jwks.json")
        with open(self.path, "w") as f:
            json.dump({"keys": [{"kty": "RSA", "kid": "one", "alg": "RS256", "use": "sig", "n": b64(bytes.fromhex(modulus)), "e": "AQAB"}]}, f)
        self.flags = ["--jwks", self.path, "--jwt-issuer", "https://issuer.example", "--jwt-audience", "spikeray"]

    def token(self, begin, end):
        claims = {"iss": "https://issuer.example", "aud": "spikeray", "sub": "clock", "scope": "predict", "nbf": int(begin), "exp": int(end)}
        signed = b64(json.dumps({"alg": "RS256", "kid": "one", "typ": "JWT"}).encode()) + "." + b64(json.dumps(claims).encode())
        return signed + "." + b64(openssl("dgst", "-sha256", "-sign", "jwt.key", stdin=signed.encode()))


def under_load():
    """Callers by key while the clock goes to and fro; meanwhile a token, and a caller that has used up its rate."""
    issuer = Issuer()
    keys, lines = {}, []
    for name, more in ("load", []), ("rated", ["--rate", "60/m"]):
        said = spikeray("key", "new", name, "--scope", "predict,operate", *more)[1].split("\n")
        keys[name] = {"Authorization": "Bearer " + said[0]}
        lines.append(said[1])
    path = os.path.join(SCRATCH, "keys")
    with open(path, "w") as f:
        f.write("\n".join(lines) + "\n")
    os.chmod(path, 0o600)
    set_clock(0)
    answers = known("spikeray")
    # Everything that was written an hour ago would be removed, if the clock could be believed.
    with Server("--audit", AUDIT, "--audit-keep", "1h", "--audit-segment-bytes", "64K", "--api-keys", path, *issuer.flags) as s:
        begun = time.time()
        token = {"Authorization": "Bearer " + issuer.token(begun, begun + 900)}
        for name, by in JUMPS.items():
            tally, callers = Tally(answers), [Caller(s.port, keys["load"]) for _ in range(4)]
            one, rated = Caller(s.port, token), Caller(s.port, keys["rated"])
            number = [0]

            def work(k):
                number[0] += 1
                tally.ask(callers[k], PICTURES[number[0] % len(PICTURES)], "?deadline_ms=30000" if number[0] % 2 else "?priority=batch")

            ended = crowd(4, work, 0)
            tokens, after = [], []
            picture = DATA[PICTURES[0]]
            for shift in 0, by, 0:
                while rated.ask(picture)[0] == 200:  # until it has none left
                    pass
                set_clock(shift)
                told = rated.ask(picture)
                if told[0] == 200:  # a second was over just now; a clock that counted would give it all sixty
                    told = rated.ask(picture)
                after.append((told[0], int(told[1].get("Retry-After", "0"))))
                tokens.append(one.ask(picture)[0])
                time.sleep(SECONDS / 3)
            time.sleep(1.1)
            waited = rated.ask(picture)[0]
            ended(now=True)
            slowest = max(tally.took)
            row(f"clock {name} and back, four callers", f"{tally.said()}; {tally.mixed} mixed; slowest {slowest:.2f} s",
                "200, 0 mixed, slowest below 5 s", set(tally.ends) == {200} and tally.mixed == 0 and slowest < 5)
            row("  a token of a quarter of an hour", f"{tokens}", "[200, 401, 200]", tokens == [200, 401, 200])
            row("  a caller that has used up its rate of 60/m", f"{after}, then {waited}", "429 with 1 or 2 s each time, then 200",
                all(a[0] == 429 and 1 <= a[1] <= 2 for a in after) and waited == 200)
    code, said = spikeray("audit", "verify", "--json", AUDIT)
    v = json.loads(said)
    records, _ = chain(AUDIT)
    kinds = [r["kind"] for r in records]
    jumps = sum(1 for r in records if r["kind"] == "clock")
    row("the audit log", f"status {code}, first record {records[0]['seq']}, {kinds.count('answer')} answers, {jumps} clock, {kinds.count('retire')} retire",
        f"status 0, 1, clock {2 * len(JUMPS)}, 0", code == 0 and v["faulty"] == 0 and records[0]["seq"] == 1 and jumps == 2 * len(JUMPS) and "retire" not in kinds)


def other_time():
    """The log goes on where the clock is another at the start."""
    ends = []
    for name, by in JUMPS.items():
        set_clock(by)
        with Server("--audit", AUDIT, "--audit-keep", "1h") as s:
            ends.append(status(s.post(DATA[PICTURES[0]])))
    set_clock(0)
    code, said = spikeray("audit", "verify", "--json", AUDIT)
    row("started while the clock is off, each way", f"{ends}, verify {code}, {json.loads(said)['faulty']} faults", "200 each, 0, 0",
        ends == [200] * len(JUMPS) and code == 0)


def connections():
    """All places are taken by uploads that move, then by clients that have stalled."""
    picture = DATA[PICTURES[0]] + bytes(400_000)  # a PNG ends where it says; what follows is passed over or refused, but read
    for name, by in JUMPS.items():
        set_clock(0)
        with Server("--max-connections", "16") as s:
            head = b"POST /v1/predictions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(picture)
            uploads = [s.connect(60) for _ in range(16)]
            answers = [b""] * 16

            def upload(k, c):
                try:
                    c.sendall(head)
                    for i in range(0, len(picture), 1 + len(picture) // 40):
                        c.sendall(picture[i:i + 1 + len(picture) // 40])
                        time.sleep(0.1)
                except OSError:
                    pass
                answers[k] = read_all(c)

            threads = [threading.Thread(target=upload, args=(k, c)) for k, c in enumerate(uploads)]
            [t.start() for t in threads]
            time.sleep(1)
            set_clock(by)
            turned = []
            for _ in range(20):
                turned.append(status(s.get("/healthz")))
                time.sleep(0.05)
            [t.join() for t in threads]
            whole = sum(status(a) in (200, 400, 415, 422) for a in answers)
            row(f"16 places, 16 uploads that move, clock {name}", f"{whole} of 16 answered, 20 newcomers: {sorted(set(turned))}", "16, [503]",
                whole == 16 and set(turned) == {503})
            set_clock(0)
            stalled = [s.connect(60) for _ in range(16)]
            [c.sendall(head + picture[:1000]) for c in stalled]
            time.sleep(0.3)
            set_clock(by)
            time.sleep(1.5)
            let = [status(s.get("/healthz")) for _ in range(5)]
            row("  then 16 that stalled", f"newcomers a second later: {let}", "200", let == [200] * 5)
            [c.close() for c in stalled]
    set_clock(0)


def certificates():
    """Clients' certificates of a day, and a server's that is renewed while the clock is off."""
    def signed(name, days):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-subj", f"/CN={name}", "-out", f"{name}.csr", "-addext", "subjectAltName=IP:127.0.0.1")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", str(days), "-copy_extensions", "copy", "-out", f"{name}.pem")
        return [os.path.join(SCRATCH, f"{name}.{end}") for end in ("pem", "key")]

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-subj", "/CN=authority", "-days", "36500", "-out", "ca.pem")
    ca = os.path.join(SCRATCH, "ca.pem")
    first, second, client = signed("first", 1), signed("second", 2), signed("client", 1)
    set_clock(0)
    port, operators = free_port(), free_port()
    process = subprocess.Popen([os.environ["SPIKERAY_BIN"], "serve", "--addr", f"127.0.0.1:{port}", "--operator-addr", f"127.0.0.1:{operators}", "--tls-cert", first[0],
                                "--tls-key", first[1], "--tls-client-ca", ca], stdout=subprocess.DEVNULL, stderr=open(os.path.join(SCRATCH, "tls.log"), "wb"),
                               env={n: v for n, v in os.environ.items() if not n.startswith("SPIKERAY_")})
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(*client)

    def shake():
        """The serial number that the server shows, or None if it hangs up."""
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as raw, context.wrap_socket(raw, server_hostname="127.0.0.1") as c:
                c.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                return c.getpeercert()["subject"][0][0][1] if status(read_all(c)) == 200 else None
        except OSError:
            return None

    try:
        end = time.time() + 60
        while shake() is None and time.time() < end:
            time.sleep(0.1)
        for name, by in JUMPS.items():
            seen = []
            for shift in 0, by, 0:
                set_clock(shift)
                seen.append(shake())
            # A certificate holds for a day and is from now: an hour more is within it, an hour less is not.
            want = ["first", "first" if name == "+1 h" else None, "first"]
            row(f"certificates of a day, clock {name} and back", f"{seen}", f"{want}", seen == want)
        set_clock(YEARS)
        for kind in 0, 1:
            os.replace(second[kind], first[kind])
        time.sleep(6)
        set_clock(0)
        begun = time.time()
        while (shown := shake()) != "second" and time.time() < begun + 15:
            time.sleep(0.2)
        row("a certificate that came while the clock was 10 years ahead", f"{shown} is in force {time.time() - begun:.1f} s after the clock is right", "second, within 5 s",
            shown == "second" and time.time() - begun < 5)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def outbox():
    """Results wait for a target that is away while the clock is set, over a restart too."""
    for number, (name, by) in enumerate(JUMPS.items()):
        target = Target(up=False)
        flags = ["--outbox", os.path.join(SCRATCH, f"outbox{number}"), "--send", f"fhir=fhir+http://127.0.0.1:{target.port}/fhir"]
        set_clock(0)
        taken = []
        with Server(*flags) as s:
            taken.append(stow(s.port, films(3, first=1))[0])
            time.sleep(0.5)
            set_clock(by)
            taken.append(stow(s.port, films(3, first=4))[0])
            time.sleep(0.5)
        with Server(*flags) as s:
            set_clock(0)
            taken.append(stow(s.port, films(3, first=7))[0])
            time.sleep(1)
            target.up = True
            begun = time.time()
            while len(target.got) < 9 and time.time() < begun + 60:
                time.sleep(0.1)
            took = time.time() - begun
            time.sleep(1)
        row(f"9 results, the target away, clock {name} and back", f"films {taken}, {len(target.got)} delivered in {took:.1f} s, {target.asked} tries",
            "200 each, 9 in 20 s", taken == [200] * 3 and len(target.got) == 9 and took < 20)
        target.shutdown()


rows = {f.__name__: f for f in (under_load, other_time, connections, certificates, outbox)}
for name in sys.argv[1:] or rows:
    rows[name]()
