"""Twice the capacity: who is taken is answered nearly as fast as without load, everybody else is told 503 at once."""
import http.client
import threading
import time

from common import Server, pictures, row

SECONDS = 10
PICTURE = max(pictures(), key=len)


class Client:
    """A connection that is kept, and what it was answered."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self):
        begin = time.perf_counter()
        self.connection.request("POST", "/v1/predictions", PICTURE)
        answer = self.connection.getresponse()
        answer.read()
        return answer.status, time.perf_counter() - begin, answer.getheader("Retry-After")


def p99(answers):
    times = sorted(took for status, took, _ in answers if status == 200)
    return times[len(times) * 99 // 100] if times else float("nan")


def closed(server, clients, seconds):
    """So many clients, each asking again when it was answered."""
    answers, end = [], time.time() + seconds

    def client():
        c = Client(server.port)
        while time.time() < end:
            answers.append(c.ask())

    threads = [threading.Thread(target=client) for _ in range(clients)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    return answers


def paced(server, rate, seconds, clients):
    """So many requests a second whatever becomes of them, as long as clients are free."""
    answers, lost, next_at, lock, begin = [], [], [0], threading.Lock(), time.time()

    def client():
        c = Client(server.port)
        while True:
            with lock:
                n, next_at[0] = next_at[0], next_at[0] + 1
            at = begin + n / rate
            if at > begin + seconds:
                return
            time.sleep(max(0, at - time.time()))
            try:
                answers.append(c.ask())
            except (OSError, http.client.HTTPException) as e:
                lost.append(repr(e))
                c = Client(server.port)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    return answers, lost


with Server("--log-level", "error") as s:
    closed(s, 2, 2)
    unloaded = closed(s, 1, 5)
    workers = int(s.metrics()["spikeray_workers"])
    full = closed(s, workers + 1, 5)
    capacity = sum(status == 200 for status, _, _ in full) / 5
    over, lost = paced(s, 2 * capacity, SECONDS, 64)
    codes = {}
    for status, _, _ in over:
        codes[status] = codes.get(status, 0) + 1
    ratio = p99(over) / p99(unloaded)
    told = all(after and int(after) >= 1 for status, _, after in over if status == 503)
    row(f"twice the capacity of {capacity:.0f}/s, {SECONDS} s", f"{codes}, {len(lost)} lost", "only 200 and 503, each with Retry-After",
        set(codes) <= {200, 503} and not lost and told)
    row("", f"p99 {1e3 * p99(over):.1f} ms, unloaded {1e3 * p99(unloaded):.1f} ms: {ratio:.1f} times", "at most 3 times", ratio <= 3)
    row("", f"{codes.get(200, 0) / SECONDS:.0f} answered a second", "above half of the capacity", codes.get(200, 0) / SECONDS > capacity / 2)
