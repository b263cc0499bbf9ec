#!/usr/bin/env python3
"""Sends what attackers send through a proxy, and pictures of callers beside it, and counts the callers who were given
another's answer: another's request id, or another picture's probability.

usage: check.py NAME PROXY_PORT SERVER_PORT SECONDS PICTURE PICTURE"""
import json
import socket
import sys
import threading
import time

NAME, PROXY, SERVER, SECONDS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
PICTURES = [open(path, "rb").read() for path in sys.argv[5:7]]
# Taken for a request, it would be completed by the next caller's.
INNER = b"GET /healthz HTTP/1.1\r\nX-Pad: "
POST = b"POST /v1/predictions?threshold=1 HTTP/1.1\r\nHost: x\r\n"
PAUSE = 4.5  # longer than the server's --read-timeout
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def length(n):
    return b"Content-Length: %d\r\n\r\n" % n


# Each is what is sent, with pauses in seconds between.
ATTACKS = {
    "refused path, the rest late": [b"POST /nothing HTTP/1.1\r\nHost: x\r\n" + length(3 + len(INNER)) + b"abc", PAUSE, INNER],
    "refused method, the rest late": [b"POST /healthz HTTP/1.1\r\nHost: x\r\n" + length(3 + len(INNER)) + b"abc", PAUSE, INNER],
    "refused type, the rest late": [POST + b"Content-Type: text/plain\r\n" + length(3 + len(INNER)) + b"abc", PAUSE, INNER],
    "picture too late": [POST + length(3 + len(INNER)) + b"abc", PAUSE, INNER],
    "the same in chunks": [POST + CHUNKED + b"\r\n3\r\nabc\r\n", PAUSE, b"%x\r\n" % len(INNER) + INNER + b"\r\n0\r\n\r\n"],
    "refused at once, all sent": [b"POST /nothing HTTP/1.1\r\nHost: x\r\n" + length(len(INNER)) + INNER],
    "chunk length that is none": [POST + CHUNKED + b"\r\nzz\r\n" + INNER],
    "chunk extension with LF": [POST + CHUNKED + b"\r\n2;\nxx\r\n50\r\n0\r\n\r\n" + INNER],
    "chunk length with LF": [POST + CHUNKED + b"\r\n0\n\r\n" + INNER],
    "length and chunks": [POST + CHUNKED + length(5) + b"0\r\n\r\n" + INNER],
    "chunks in a folded line": [POST + b"Transfer-Encoding:\r\n chunked\r\n" + length(len(INNER) + 5) + b"0\r\n\r\n" + INNER],
    "field ended by LF": [b"POST /healthz HTTP/1.1\r\nHost: x\nContent-Length: %d\r\n\r\n" % len(INNER) + INNER],
    "asked first, not read": [POST + b"Expect: 100-continue\r\nContent-Type: text/plain\r\n" + length(len(INNER)), 0.3, INNER],
    "given up": [POST + length(100000) + INNER],
    "GET with a body": [b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + length(len(INNER)) + INNER],
    "two in one go": [b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"],
}
stop = threading.Event()
sent = {name: 0 for name in ATTACKS}
lock = threading.Lock()


def attack(name, parts):
    while not stop.is_set():
        try:
            with socket.create_connection(("127.0.0.1", PROXY), timeout=2) as c:
                for part in parts:
                    if isinstance(part, bytes):
                        c.sendall(part)
                    elif stop.wait(part):
                        return
                # Callers get at what is left on a shared connection while the attacker's own stays open.
                stop.wait(0.7)
                c.settimeout(0.1)
                c.recv(65536)
        except OSError:
            pass
        with lock:
            sent[name] += 1
        stop.wait(0.05)


def ask(c, which, ident, keep=True):
    """Post a picture; status, request id, and probability, each None where there is none."""
    body = PICTURES[which]
    c.sendall(b"POST /v1/predictions HTTP/1.1\r\nHost: x\r\nX-Request-Id: %s\r\n%sContent-Length: %d\r\n\r\n"
              % (ident.encode(), b"" if keep else b"Connection: close\r\n", len(body)) + body)
    reader = c.makefile("rb")
    line = reader.readline()
    while line.startswith(b"HTTP/1.1 100"):
        while reader.readline() not in (b"\r\n", b""):
            pass
        line = reader.readline()
    if not line.startswith(b"HTTP/1.1 "):
        raise OSError("no answer")
    status, fields = int(line[9:12]), {}
    while (line := reader.readline().strip()):
        name, _, value = line.partition(b":")
        fields[name.lower()] = value.strip().decode()
    if "chunked" in fields.get(b"transfer-encoding", ""):
        out = b""
        while (n := int(reader.readline().split(b";")[0], 16)):
            out += reader.read(n)
            reader.readline()
        reader.readline()
    elif b"content-length" in fields:
        out = reader.read(int(fields[b"content-length"]))
    else:
        out = reader.read()
    probability = json.loads(out)["probability"] if status == 200 and b"probability" in out else None
    return status, fields.get(b"x-request-id"), probability, fields.get(b"connection", "").lower() == "close"


with socket.create_connection(("127.0.0.1", SERVER), timeout=60) as direct:
    RIGHT = [ask(direct, which, "right")[2] for which in (0, 1)]
assert None not in RIGHT and RIGHT[0] != RIGHT[1], RIGHT
counts = {"right": 0, "wrong": 0, "refused": 0, "lost": 0}
seen = []


def victim(number, keep):
    c, n = None, 0
    while not stop.is_set():
        n += 1
        which, ident = (number + n) % 2, f"victim-{number}-{n}"
        try:
            if c is None:
                c = socket.create_connection(("127.0.0.1", PROXY), timeout=20)
            status, got, probability, closes = ask(c, which, ident, keep)
        except (OSError, ValueError):
            outcome, closes = "lost", True
        else:
            if status == 200:
                outcome = "right" if got == ident and probability == RIGHT[which] else "wrong"
            else:  # the proxy's own refusals have no id; nothing else is wrong with the request
                outcome = "refused" if status in (502, 503, 504) and got in (None, ident) else "wrong"
            if outcome == "wrong":
                seen.append((ident, status, got, probability))
        with lock:
            counts[outcome] += 1
        if closes or not keep:
            if c is not None:
                c.close()
            c = None


threads = [threading.Thread(target=attack, args=item) for item in ATTACKS.items()]
threads += [threading.Thread(target=victim, args=(k, k % 2 == 0)) for k in range(4)]
[t.start() for t in threads]
time.sleep(SECONDS)
stop.set()
[t.join() for t in threads]
print(f"{NAME:24} {sum(sent.values()):6} attacks of {len(ATTACKS)} kinds, {counts['right']} callers answered, "
      f"{counts['refused']} refused, {counts['lost']} without an answer, {counts['wrong']} given another's")
if seen:
    print(*seen[:5], sep="\n")
sys.exit(bool(counts["wrong"]) or counts["right"] < 20 or not all(sent.values()))
