"""A server that does everything at once is killed with SIGKILL at random moments: it answers callers and records that, takes films and
sends their results to four systems, and follows a folder of models that somebody writes. A batch beside it is killed with it."""
import contextlib
import glob
import json
import os
import random
import re
import shutil
import signal
import socketserver
import subprocess
import sys
import threading
import time

from trial import (BIN, BROKEN, CLEAN, DATA, HERE, PICTURES, ROOT, SCRATCH, Caller, Server, chain, dcmtk_storescp, free_port, known, row,
                   setting, spikeray, variant)

sys.path.append(os.path.join(os.path.dirname(HERE), "pacs"))
from peers import Target, films, stow, wait_for  # noqa: E402

KILLS = setting("KILLS", 20)
FILMS = 40 * KILLS
AUDIT, OUTBOX, MODELS, SHARED = (os.path.join(SCRATCH, name) for name in ("audit", "outbox", "models", "shared"))
QUERIES = ["", "?operating_point=screening", "?prevalence=0.1"]
FILM = re.compile(rb"PLANTED(?:ACC|ID)(\d+)")


class MLLP(socketserver.ThreadingTCPServer):
    """A system that takes HL7 messages and keeps them."""

    allow_reuse_address = daemon_threads = True

    def __init__(self):
        self.got = []

        class Handler(socketserver.StreamRequestHandler):
            def handle(handler):
                with contextlib.suppress(ConnectionError):  # the sender was killed
                    handler.take()

            def take(handler):
                held = b""
                while part := handler.request.recv(65536):
                    held += part
                    while b"\x1c\r" in held:
                        message, _, held = held.partition(b"\x1c\r")
                        self.got.append(message)
                        number = message.split(b"\r")[0].split(b"|")[9]
                        handler.request.sendall(b"\x0bMSH|^~\\&|X|X|X|X|20260101||ACK^R01^ACK|1|P|2.5.1\rMSA|AA|" + number + b"\r\x1c\r")

        super().__init__(("127.0.0.1", 0), Handler)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Archive:
    """dcmtk's storescp, and what it keeps."""

    def __init__(self):
        self.port, self.folder = free_port(), os.path.join(SCRATCH, "archive")
        os.mkdir(self.folder)
        self.process = subprocess.Popen([dcmtk_storescp(), "--fork", "-aet", "ARCHIVE", "-od", self.folder, str(self.port)],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def got(self):
        return contents(self.folder)


def contents(folder):
    found = []
    for path in glob.glob(os.path.join(glob.escape(folder), "**"), recursive=True):
        if os.path.isfile(path):
            with open(path, "rb") as f:
                found.append(f.read())
    return found


class Writer(threading.Thread):
    """Writes versions of the model into the folder: renamed, and in place in two halves. It leaves off wherever it is when it is stopped."""

    def __init__(self, files):
        super().__init__(daemon=True)
        self.files, self.stop, self.torn = files, threading.Event(), 0

    def run(self):
        while not self.stop.is_set():
            content = random.choice(self.files)
            path = os.path.join(MODELS, "spikeray", random.choice(("7.0.0", "8.0.0")), "model.safetensors")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path if random.random() < 0.7 else path + ".new", "wb", buffering=0) as f:
                cut = random.randrange(len(content))
                f.write(content[:cut])
                if self.stop.wait(random.random()):
                    self.torn += 1
                    return
                f.write(content[cut:])
            if os.path.exists(path + ".new"):
                os.replace(path + ".new", path)
            self.stop.wait(random.random() * 1.5)


class Trial:
    def __init__(self):
        with open(os.path.join(ROOT, "models", "spikeray.safetensors"), "rb") as f:
            shipped = f.read()
        self.models, paths = [], []
        for version in "7.0.0", "8.0.0":
            for intercept in 0.3, 0.6:
                self.models.append(variant(shipped, version, intercept + int(version[0]) / 100))
                paths.append(os.path.join(SCRATCH, f"{version}-{intercept}.safetensors"))
                with open(paths[-1], "wb") as f:
                    f.write(self.models[-1])
        self.answers = known("spikeray", *paths)
        self.lock, self.kept, self.mixed, self.cut, self.digests = threading.Lock(), [], 0, 0, {}
        folder = os.path.dirname(films(FILMS)[0])
        self.films = [(i + 1, path) for i, path in enumerate(sorted(glob.glob(os.path.join(glob.escape(folder), "*"))))][::-1]
        self.taken, self.again = [], 0
        self.fhir, self.hl7, self.archive = Target(), MLLP(), Archive()
        os.mkdir(SHARED)
        self.flags = ["--audit", AUDIT, "--audit-segment-bytes", "256K", "--outbox", OUTBOX, "--models", MODELS, "--models-poll", "1s", "--default-model", "spikeray"]
        for target in (f"fhir=fhir+http://127.0.0.1:{self.fhir.port}/fhir", f"hl7=mllp://127.0.0.1:{self.hl7.port}", f"sr=dicom://ARCHIVE@127.0.0.1:{self.archive.port}",
                       f"hl7=file://{SHARED}"):
            self.flags += ["--send", target]
        os.makedirs(os.path.join(MODELS, "spikeray"))
        # The batch beside it.
        self.manifest = os.path.join(SCRATCH, "manifest")
        with open(self.manifest, "w") as f:
            f.write("\n".join(PICTURES * 20) + "\n")
        self.out, self.batch_kills = os.path.join(SCRATCH, "killed.ndjson"), 0

    def call(self, s, stop):
        """Ask again and again on one connection. Keep what came whole."""
        caller = Caller(s.port)
        while not stop.is_set():
            path, query = random.choice(PICTURES), random.choice(QUERIES)
            try:
                end, head, body = caller.ask(DATA[path], query)
                answer = json.loads(body)
            except BROKEN:
                with self.lock:
                    self.cut += 1
                stop.wait(0.01)
                continue
            if end != 200:
                continue
            with self.lock:
                digest = answer["model"]["digest"]
                self.digests[digest] = self.digests.get(digest, 0) + 1
                self.kept.append((head.get("X-Audit-Record", ""), answer["id"], answer["probability"], digest))
                # Another prevalence is another probability.
                self.mixed += query != QUERIES[2] and self.answers.get((digest, path)) != answer["probability"]

    def send_films(self, s, stop):
        while not stop.is_set():
            with self.lock:
                if not self.films:
                    return
                number, path = self.films.pop()
            try:
                end = stow(s.port, [path])[0]
            except BROKEN:
                end = 0
            with self.lock:
                if end == 200:
                    self.taken.append(number)
                else:  # as a modality does
                    self.again += 1
                    self.films.append((number, path))
            stop.wait(0.05 if end == 200 else 0.2)

    def batch(self):
        return subprocess.Popen([BIN, "batch", "--out", self.out, "--manifest", self.manifest], env=CLEAN,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def round(self):
        """One life of the server."""
        server = Server(*self.flags)
        stop, writer, batch = threading.Event(), Writer(self.models), self.batch()
        threads = [threading.Thread(target=self.call, args=(server, stop), daemon=True) for _ in range(6)]
        threads += [threading.Thread(target=self.send_films, args=(server, stop), daemon=True) for _ in range(2)]
        [t.start() for t in [*threads, writer]]
        time.sleep(random.uniform(0.3, 6) if random.random() < 0.5 else random.uniform(0.05, 1.5))
        server.process.send_signal(signal.SIGKILL)
        writer.stop.set()
        if batch.poll() is None:
            batch.kill()
            self.batch_kills += 1
        if batch.wait() == 0:  # complete before the kill: again from the start
            os.remove(self.out)
            shutil.rmtree(self.out + ".batch")
        server.process.wait()
        stop.set()
        [t.join() for t in [*threads, writer]]
        return writer.torn

    def end(self):
        """The last life, which takes the films that are left and sends what waits."""
        with Server(*self.flags) as server:
            senders = [threading.Thread(target=self.send_films, args=(server, threading.Event())) for _ in range(4)]
            self.films = self.films[-40:]
            [t.start() for t in senders]
            [t.join() for t in senders]
            drained = wait_for(lambda: sum(v for k, v in server.metrics().items() if k.startswith("spikeray_outbox_items")) == 0, 180, None)
            refused = sum(v for k, v in server.metrics().items() if k.startswith("spikeray_outbox_failed"))
        return drained, refused


def tear():
    """Leave the beginning of a record at the end, as a write does that is broken off. A kill seldom does."""
    last = sorted(glob.glob(os.path.join(AUDIT, "*.ndjson")))[-1]
    with open(last, "ab") as f:
        f.write(b'{"v":1,"seq":1,"prev":"00000000000'[:random.randrange(1, 34)])


def main():
    trial = Trial()
    torn = cuts = 0
    for _ in range(KILLS):
        torn += trial.round()
        if random.random() < 0.5:
            tear()
            cuts += 1
    drained, refused = trial.end()

    code, said = spikeray("audit", "verify", "--json", AUDIT)
    v = json.loads(said)
    row(f"{KILLS} kills under load: audit verify", f"status {code}, {v['faulty']} faults, {v['crashes']} crashes, {v['cuts']} torn ends cut, {len(trial.kept)} answers came whole",
        f"0, 0, {KILLS}, {cuts} or more", code == 0 and v["faulty"] == 0 and v["crashes"] == KILLS and v["cuts"] >= cuts)
    records, receipts = chain(AUDIT)
    there = dict(zip(receipts, records))
    lost = wrong = 0
    for receipt, number, probability, digest in trial.kept:
        record = there.get(receipt)
        if record is None:
            lost += 1
        elif record["asked"]["id"] != number or record["answer"]["probability"] != probability or record["asked"]["model"]["digest"] != digest:
            wrong += 1
    row("  200s without their record", f"{lost} lost, {wrong} not as sent; {trial.cut} answers were cut or missing, of which the client knows", "0, 0",
        lost == 0 and wrong == 0 and trial.cut >= KILLS)
    row("  answers of a model that is half written", f"{trial.mixed} of {len(trial.kept)} not the model's own; {len(trial.digests)} models answered, {torn} kills left half a file",
        "0", trial.mixed == 0)

    taken = set(trial.taken)
    systems = {"FHIR": trial.fhir.got, "HL7 by MLLP": trial.hl7.got, "SR by C-STORE": trial.archive.got(), "HL7 in a folder": contents(SHARED)}
    for name, got in systems.items():
        numbers = [int(found[1]) for found in map(FILM.search, got) if found]
        missing, doubled = taken - set(numbers), len(numbers) - len(set(numbers))
        row(f"  results, {name}", f"{len(missing)} of {len(taken)} films lost, {doubled} came twice, {len(got) - len(numbers)} unreadable",
            "0, at most one for each kill, 0", not missing and doubled <= KILLS and len(numbers) == len(got))
    files = [os.path.relpath(p, OUTBOX) for p in glob.glob(os.path.join(OUTBOX, "*", "*")) if not p.startswith(os.path.join(OUTBOX, "delivered"))]
    row("  the outbox afterwards", f"drained {drained}, {refused:.0f} refused, {len(files)} files left; {trial.again} films were sent again by their modality",
        "True, 0, 0", drained and refused == 0 and not files)

    whole = os.path.join(SCRATCH, "whole.ndjson")
    code = trial.batch().wait()
    subprocess.run([BIN, "batch", "--out", whole, "--manifest", trial.manifest], env=CLEAN, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    with open(trial.out, "rb") as a, open(whole, "rb") as b:
        killed, unkilled = a.read().splitlines(), b.read().splitlines()
    row(f"a batch killed {trial.batch_kills} times", f"status {code}, {len(killed)} rows, {'equal' if killed == unkilled else 'not equal'} to one not killed",
        f"{len(PICTURES) * 20} rows, equal", killed == unkilled and len(killed) == len(PICTURES) * 20 and trial.batch_kills > 0)
    trial.archive.process.kill()
    trial.archive.process.wait()


if dcmtk_storescp():
    main()
else:
    row("SIGKILL of a server that does everything", "no storescp (dcmtk) here", "", "skipped")
