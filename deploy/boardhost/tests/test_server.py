import base64
import http.client
import json
import logging
import threading
import unittest

import numpy as np

from boardhost import wire
from boardhost.board import BadInput, Refused
from boardhost.boards.simulator import Board
from boardhost.server import FILE, KEPT, MAX_BODY, PATH, Failure, Host, Server as HTTPServer

from .files import small


class Picky(Board):
    """A board whose SDK takes little and breaks."""

    def place(self, network):
        if network.layers[-1].threshold > 50:
            raise Refused(("spike", "too high"))
        return super().place(network)


def request(owner="me", outputs=(), **tensors):
    return wire.Request(tensors or {"in": np.ones((4, 1, 1, 2), np.uint8)}, list(outputs), parameters={"owner": owner})


class Server(unittest.TestCase):
    def setUp(self):
        self.now = 0.0
        self.host = Host(Picky(), lease=60, clock=lambda: self.now)

    def load(self, name="a", owner="me", **more):
        self.host.load(name, {"owner": owner, FILE: base64.b64encode(small(**more)).decode()})

    def fails(self, status, call, *args, **more):
        with self.assertRaises(Failure) as caught:
            call(*args, **more)
        self.assertEqual(caught.exception.status, status)
        return caught.exception

    def test_one_owner(self):
        self.load()
        self.fails(409, self.load, owner="you")
        self.fails(409, self.host.infer, "a", request("you"))
        self.now = 59
        self.host.infer("a", request())  # which renews the lease
        self.now = 118
        self.fails(409, self.load, owner="you")
        self.fails(409, self.host.unload, "a", {"owner": "you"})
        self.now = 120
        self.load(owner="you")
        self.fails(409, self.host.infer, "a", request())

    def own(self, owner, key="k", epoch=1):
        return self.host.own({"owner": owner, "owner_key": key, "owner_epoch": epoch})

    def test_the_owner_comes_back_after_a_crash(self):
        self.own("first", epoch=5)
        for key in ("", "K", "k2", "\u00fc", "\ud800"):
            self.fails(409, self.own, "you", key, 9)  # not the same key
        self.fails(409, self.own, "before", epoch=4)
        self.assertTrue(self.own("again", epoch=5))  # the same process, connected anew
        self.assertTrue(self.own("second", epoch=6))
        self.assertFalse(self.own("second", epoch=6))
        for old in ("first", "again"):
            self.assertIn("later process", str(self.fails(409, self.own, old, epoch=5)))
        self.fails(409, self.host.own, {"owner": "you"})
        with self.host.turn:  # it took over while the board is at work for the one that crashed
            self.assertTrue(self.own("third", epoch=7))
        self.now = 60
        self.assertTrue(self.own("first", epoch=5))  # the lease is over: anyone's

    def test_an_owner_without_a_key_is_not_taken_over_from(self):
        self.host.own({"owner": "me"})
        self.fails(409, self.own, "you", "", 9)
        self.fails(409, self.own, "you", "k", 9)
        for wrong in ({"owner_key": 3}, {"owner_key": "k" * 129}, {"owner_epoch": -1}, {"owner_epoch": True}, {"owner_epoch": 1.5},
                      {"owner_epoch": 1 << 63}, {"owner_epoch": "1"}):
            self.fails(400, self.host.own, {"owner": "me", **wrong})

    def test_given_back(self):
        self.load("a")
        self.load("b", threshold=3)
        self.host.unload("a", {"owner": "me"})
        self.fails(409, self.load, "c", "you")
        self.host.unload("b", {"owner": "me"})
        self.load("c", "you")

    def test_who_was_refused_owns_nothing(self):
        self.fails(400, self.load, threshold=99)
        self.fails(400, self.host.load, "a", {"owner": "me", FILE: "!"})
        self.load("b", "you")
        self.fails(400, self.load, "c", "you", threshold=99)
        self.fails(409, self.load)
        self.host.infer("b", request("you"))

    def test_given_back_during_a_run(self):
        self.load()
        placed = self.host.placed["a"][1]
        run = placed.run

        def slow(train):
            self.host.unload("a", {"owner": "me"})
            return run(train)

        placed.run = slow
        self.host.infer("a", request())
        self.load("b", "you")

    def test_refusal_names_the_layer(self):
        failure = self.fails(400, self.load, threshold=51)
        self.assertEqual(failure.body["reasons"], [{"layer": "spike", "reason": "too high"}])

    def test_old_networks_make_room(self):
        for i in range(KEPT + 2):
            self.load(f"n{i}", threshold=1 + i)
            self.host.get("n0")
        self.host.get("n0")
        self.fails(404, self.host.get, "n1")
        self.assertEqual(len(self.host.placed), KEPT)

    def test_network_of_the_start_stays(self):
        self.host.place("own", small(), keep=True)
        for i in range(KEPT + 2):
            self.load(f"n{i}", threshold=1 + i)
        self.fails(400, self.load, "own")
        self.fails(404, self.host.unload, "own", {"owner": "me"})
        self.host.get("own")

    def test_answer(self):
        self.load()
        body, length = self.host.infer("a", request(outputs=[("out", True), ("layer/spike", False)]))
        head = json.loads(body[:int(length)])
        self.assertEqual(head["outputs"][1]["data"], list(body[int(length):]))
        self.assertEqual(head["outputs"][1]["parameters"]["synaptic_operations"], 8)
        self.assertEqual({k: head["parameters"][k] for k in ("spikes", "synaptic_operations", "board_steps", "saturated")},
                         {"spikes": 4, "synaptic_operations": 8, "board_steps": 4, "saturated": 0})
        self.assertEqual(head["parameters"]["network"], self.host.metadata("a")["parameters"]["network"])
        self.assertNotIn("energy_joules", head["parameters"])

    def test_wrong_input(self):
        self.load()
        for what, r in {
            "name": request(x=np.ones((4, 1, 1, 2), np.uint8)),
            "two": request(**{"in": np.ones((4, 1, 1, 2), np.uint8), "x": np.ones(1, np.uint8)}),
            "datatype": request(**{"in": np.ones((4, 1, 1, 2), np.int32)}),
            "shape": request(**{"in": np.ones((4, 1, 2, 1), np.uint8)}),
            "axes": request(**{"in": np.ones((1, 1, 2), np.uint8)}),
            "steps": request(**{"in": np.ones((5, 1, 1, 2), np.uint8)}),
            "no steps": request(**{"in": np.ones((0, 1, 1, 2), np.uint8)}),
            "spikes at once": request(**{"in": np.full((4, 1, 1, 2), 2, np.uint8)}),
            "output": request(outputs=[("layer/x", True)]),
        }.items():
            with self.subTest(what), self.assertRaises(BadInput):
                self.host.infer("a", r)

    def test_paths(self):
        for path, ok in {
            "/v2": 1, "/v2/": 1, "/v2/health/ready": 1, "/v2/health/live": 1, "/v2/models/a": 1, "/v2/models/a/versions/1/infer": 1,
            "/v2/repository/models/a/load": 1, "/v2/models/a/b/infer": 0, "/v2/models/": 0, "/v2x": 0, "/": 0, "/v2/models/a%20": 0,
        }.items():
            self.assertEqual(bool(PATH.fullmatch(path)), bool(ok), path)


class Breaking(Board):
    """A board whose SDK breaks and hangs."""

    hang = None

    def place(self, network):
        if self.hang:
            self.hang.wait()
        raise OSError("the driver is gone")


class HTTP(unittest.TestCase):
    def setUp(self):
        logging.disable(logging.CRITICAL)
        self.host = Host(Breaking(), patience=0.2)
        self.server = HTTPServer(("127.0.0.1", 0), self.host)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def tearDown(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
        logging.disable(logging.NOTSET)

    def ask(self, method, path, body=None, headers={}):
        connection = http.client.HTTPConnection(*self.server.server_address, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def load(self):
        return self.ask("POST", "/v2/repository/models/a/load", json.dumps({"parameters": {FILE: base64.b64encode(small()).decode()}}))

    def test_host_outlives_its_board(self):
        for _ in range(2):
            status, body = self.load()
            self.assertEqual((status, "driver" in body["error"]), (500, True))
        self.assertEqual(self.ask("GET", "/v2/health/ready"), (200, {}))
        self.assertFalse(self.host.turn.locked())

    def test_board_that_hangs(self):
        self.host.board.hang = threading.Event()
        first = threading.Thread(target=self.load)
        first.start()
        try:
            while not self.host.turn.locked():
                pass
            self.assertEqual(self.load()[0], 503)  # after its patience
            status, body = self.ask("GET", "/v2/health/ready")
            self.assertEqual((status, "at work" in body["error"]), (503, True))
            self.assertEqual(self.ask("GET", "/v2/health/live")[0], 200)
        finally:
            self.host.board.hang.set()
            first.join()
        self.assertEqual(self.ask("GET", "/v2/health/ready")[0], 200)

    def test_client_that_does_not_wait(self):
        self.host.board, self.host.patience = Board(), 60
        self.assertEqual(self.load()[0], 200)
        placed, ran = self.host.placed["a"][1], []
        run = placed.run
        placed.run = lambda train: ran.append(1) or run(train)
        infer = ("POST", "/v2/models/a/infer", json.dumps({"inputs": [{"name": "in", "shape": [1, 1, 1, 2], "datatype": "UINT8", "data": [1, 1]}]}))
        waiting, own = threading.Event(), self.host.infer
        self.host.infer = lambda *args: (waiting.set(), own(*args))[1]
        with self.host.turn:
            connection = http.client.HTTPConnection(*self.server.server_address, timeout=60)
            connection.request(*infer)
            waiting.wait()
            connection.close()
        self.assertEqual(self.ask(*infer)[0], 200)
        self.assertEqual(len(ran), 1)

    def test_bodies(self):
        self.assertEqual(self.ask("POST", "/v2/models/a/infer", iter([b"{}"]), {"Transfer-Encoding": "chunked"})[0], 411)
        self.assertEqual(self.ask("POST", "/v2/models/a/infer", b"", {"Content-Length": str(MAX_BODY + 1)})[0], 413)
        self.assertEqual(self.ask("POST", "/v2/models/a/infer", b"", {"Content-Length": "-1"})[0], 411)
        self.assertEqual(self.ask("GET", "/v2/models/a/infer")[0], 404)
        self.assertEqual(self.ask("POST", "/v2")[0], 405)
