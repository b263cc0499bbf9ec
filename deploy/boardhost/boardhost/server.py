"""The protocol in front of a board. One run at a time, one owner at a time."""

import base64
import binascii
import hmac
import json
import logging
import re
import select
import socket
import threading
import time
from collections import OrderedDict
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from . import network as networks
from . import wire
from .board import BadInput, Refused

log = logging.getLogger("boardhost")

FILE = "file:1/network.safetensors"
MAX_BODY = networks.MAX_FILE * 4 // 3 + (1 << 20)
KEPT = 16  # networks that stay placed
CONNECTIONS = 32
PATH = re.compile(r"/v2(/health/(?P<health>live|ready)|/(?P<repository>repository/)?models/(?P<model>[A-Za-z0-9._-]{1,128})(/versions/1)?(?P<verb>/\w+)?)?/?")


class Failure(Exception):
    """An answer that is no success."""

    def __init__(self, status, message, **more):
        super().__init__(message)
        self.status, self.body = status, {"error": message, **more}


class Host:
    """A board, the networks placed on it, and its owner."""

    def __init__(self, board, lease=60.0, patience=600.0, clock=time.monotonic):
        self.board, self.lease, self.patience, self.clock = board, lease, patience, clock
        self.turn = threading.Lock()  # held while the board works
        self.since = None  # when it began
        self.lock = threading.Lock()
        self.placed = OrderedDict()
        self.kept = set()  # names that were loaded at the start and stay
        self.owner, self.seen = None, 0.0
        self.key, self.epoch = "", 0  # of the owner; no key if it gave none

    @contextmanager
    def working(self):
        if not self.turn.acquire(timeout=self.patience):
            raise Failure(503, "the board is busy")
        try:
            self.since = self.clock()
            yield
        finally:
            self.since = None
            self.turn.release()

    def health(self):
        """Why nothing can be run, or None. A board that has worked for longer than our patience hangs: start the host again."""
        since = self.since
        if since is not None and self.clock() - since > self.patience:
            return f"the board has been at work for {self.clock() - since:.0f} s"
        return getattr(self.board, "health", lambda: None)()

    def own(self, parameters):
        """Refuses another than the owner, and says whether the owner is new; the board is anyone's after the lease.

        Who has the owner's key, and an epoch that is no older, is the owner come back after a crash: it takes over at once.
        """
        owner, key, epoch = parameters.get("owner", ""), parameters.get("owner_key", ""), parameters.get("owner_epoch", 0)
        for name, text in ("owner", owner), ("owner_key", key):
            if not isinstance(text, str) or len(text) > 128:
                raise Failure(400, f"{name} must be a string of at most 128 characters")
        if type(epoch) is not int or not 0 <= epoch < 1 << 63:
            raise Failure(400, "owner_epoch must be a whole number from 0 to 2^63 - 1")
        with self.lock:
            now = self.clock()
            if self.owner not in (None, owner) and (self.turn.locked() or now - self.seen < self.lease):
                if not self.key or not hmac.compare_digest(*(k.encode(errors="surrogatepass") for k in (key, self.key))):
                    raise Failure(409, "the board has another owner")
                if epoch < self.epoch:
                    raise Failure(409, "a later process of this owner has taken the board over")
                log.info("the board was taken over by a later process of its owner")
            new = self.owner != owner
            self.owner, self.key, self.epoch, self.seen = owner, key, epoch, now
        return new

    def place(self, name, file, keep=False):
        try:
            network = networks.read(file)
        except networks.NetworkError as e:
            raise Failure(400, f"no network: {e}") from None
        with self.working():
            if name not in self.placed or self.placed[name][0].digest != network.digest:
                try:
                    placed = self.board.place(network)
                except Refused as e:
                    raise Failure(400, str(e), reasons=[{"layer": layer, "reason": reason} for layer, reason in e.reasons]) from None
                with self.lock:
                    self.placed[name] = network, placed
            with self.lock:
                self.placed.move_to_end(name)
                if keep:
                    self.kept.add(name)
                old = [n for n in self.placed if n not in self.kept]
                for n in old[:max(0, len(old) - KEPT)]:
                    del self.placed[n]
        log.info("placed %s", name)

    def load(self, name, parameters):
        new = self.own(parameters)
        try:
            self.take(name, parameters)
        except Exception:
            with self.lock:
                if new and self.owner == parameters.get("owner", ""):  # who has nothing here
                    self.owner = None
            raise

    def take(self, name, parameters):
        if name in self.kept:
            raise Failure(400, "the host was started with this network")
        text = parameters.get(FILE)
        if not isinstance(text, str):
            raise Failure(400, f"the parameter {FILE} is missing: the network in base64")
        try:
            file = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as e:
            raise Failure(400, f"parameter {FILE}: {e}") from None
        self.place(name, file)

    def unload(self, name, parameters):
        self.own(parameters)
        with self.lock:
            had = name not in self.kept and self.placed.pop(name, None)
            if not set(self.placed) - self.kept:
                self.owner = None
        if not had:
            raise Failure(404, "no such model")

    def get(self, name):
        with self.lock:
            if name not in self.placed:
                raise Failure(404, "no such model")
            if name not in self.kept:
                self.placed.move_to_end(name)
            return self.placed[name]

    def server_metadata(self):
        parameters = {"board": self.board.name, "capabilities": json.dumps(self.board.capabilities)}
        return {"name": "boardhost", "version": "1", "extensions": ["binary_tensor_data", "model_repository"], "parameters": parameters}

    def metadata(self, name):
        network, placed = self.get(name)
        free = [-1] if network.axis == "steps" else []
        spikes = [("out", network.output)] + [
            ("layer/" + layer.name, shape) for layer, shape in zip(network.layers, network.shapes) if isinstance(layer, networks.Neurons)]
        describe = [{"name": n, "datatype": "UINT8", "shape": free + list(shape)} for n, shape in [("in", network.input), *spikes]]
        return {"name": name, "versions": ["1"], "platform": "spikeray_" + self.board.name, "inputs": describe[:1], "outputs": describe[1:],
                "parameters": {"network": network.digest, "report": json.dumps(placed.report)}}

    def infer(self, name, request, gone=lambda: False):
        """The body of an answer. gone says whether there is nobody left to have it when it is the request's turn."""
        network, placed = self.get(name)
        self.own(request.parameters)
        train = request.inputs.get("in")
        shape = network.input
        if train is None or len(request.inputs) != 1 or train.dtype != np.uint8:
            raise BadInput("there must be exactly one input, in, of datatype UINT8")
        if train.shape[-3:] != shape or train.ndim != 3 + (network.axis == "steps"):
            raise BadInput(f"in has shape {list(train.shape)}, expected {['T'] * (network.axis == 'steps') + list(shape)}")
        if network.axis == "steps" and not 1 <= len(train) <= network.steps:
            raise BadInput(f"{len(train)} steps, must be 1 to {network.steps}")
        limit = network.stages()[0].max_count
        if train.max() > limit:
            raise BadInput(f"{train.max()} spikes at once, the network's source emits at most {limit}")
        with self.working():
            if gone():
                raise Failure(408, "the client did not wait")
            run = placed.run(train)
        with self.lock:
            if self.owner == request.parameters.get("owner", ""):  # who may have given the board back meanwhile
                self.seen = self.clock()
        out, spikes, operations = network.count(train, run)
        tensors = {"out": (out, {})}
        for layer, counts in run.layers.items():
            tensors["layer/" + layer] = counts, {"synaptic_operations": operations[layer]}
        wanted = request.outputs or [(n, request.binary) for n in tensors]
        for n, _ in wanted:
            if n not in tensors:
                raise BadInput(f"no output {n!r}"[:200])
        parameters = {"network": network.digest, "spikes": spikes, "synaptic_operations": sum(operations.values()), "clipped": run.clipped,
                      "board_steps": run.board_steps, "saturated": run.saturated, **run.measured}
        return wire.encode(name, [(n, *tensors[n], binary) for n, binary in wanted], request.id, parameters)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "boardhost", ""
    timeout = 300  # a connection that says nothing for so long is closed; clients close idle ones earlier
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self):
        self.reply()

    do_POST = do_GET

    def reply(self):
        status, headers = 200, {"Content-Type": "application/json"}
        try:
            body = self.route(self.body())
            if isinstance(body, tuple):
                body, headers = body[0], {"Content-Type": "application/octet-stream", wire.HEADER_LENGTH: body[1]}
            else:
                body = json.dumps(body).encode()
        except Failure as e:
            status, body = e.status, json.dumps(e.body).encode()
        except (wire.WireError, BadInput) as e:
            status, body = 400, json.dumps({"error": str(e)}).encode()
        except Exception as e:  # the vendor's code: say so, and live on
            log.exception("%s %s", self.command, self.path)
            status, body = 500, json.dumps({"error": f"{type(e).__name__}: {e}"[:400]}).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()  # raises where the client has gone; the server notes that

    def body(self):
        self.close_connection, keep = True, self.close_connection  # until the body is known to be read
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit() and len(length) < 12):
            raise Failure(411, "Content-Length is missing")
        if int(length) > MAX_BODY:
            raise Failure(413, f"the body must have at most {MAX_BODY} bytes")
        try:
            body = self.rfile.read(int(length))
        except OSError:
            body = b""
        if len(body) < int(length):
            raise Failure(400, "the body ends early")
        self.close_connection = keep
        return body

    def gone(self):
        """Whether the client has closed its connection."""
        try:  # a socket with a time-out waits, whatever recv is told
            readable = select.select([self.connection], [], [], 0)[0]
            return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)
        except (OSError, ValueError):
            return True

    def route(self, body):
        host, at = self.server.host, PATH.fullmatch(self.path.split("?")[0])
        if not at:
            raise Failure(404, "no such path")
        model, verb, post = at["model"], at["verb"], self.command == "POST"
        if model and at["repository"] and verb in ("/load", "/unload") and post:
            try:
                parameters = json.loads(body or b"{}").get("parameters") or {}
                parameters.get
            except (ValueError, AttributeError, RecursionError):
                raise Failure(400, "the body must be a JSON object with parameters") from None
            getattr(host, verb[1:])(model, parameters)
            return {}
        if model and not at["repository"]:
            if verb == "/infer" and post:
                return host.infer(model, wire.decode(body, self.headers.get(wire.HEADER_LENGTH)), self.gone)
            if verb == "/ready" and not post:
                host.get(model)
                return {}
            if verb is None and not post:
                return host.metadata(model)
        elif not model and not post:
            if not at["health"]:
                return host.server_metadata()
            if at["health"] == "ready" and (why := host.health()):
                raise Failure(503, why)
            return {}
        raise Failure(404 if model else 405, "no such request")

    def log_message(self, format, *args):
        log.debug(format, *args)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 16

    def __init__(self, address, host):
        super().__init__(address, Handler)
        self.host = host
        self.room = threading.BoundedSemaphore(CONNECTIONS)

    def process_request(self, request, client_address):
        if not self.room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self.room.release()
            raise

    def process_request_thread(self, request, client_address):
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.room.release()

    def handle_error(self, request, client_address):
        log.debug("connection of %s broke", client_address, exc_info=True)
