"""SIGTERM with a slow upload and with half-sent heads: what was begun is answered, exit status 0. deploy/chaos/terminated.py has it under load."""
import signal
import threading
import time

from common import Server, read_all, row, status


def slow_upload():
    with Server("--shutdown-timeout", "6s") as s:
        c = s.connect(20)
        c.sendall(b"POST /v1/predictions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n\xff\xd8\xff")
        stop = threading.Event()

        def drip():
            while not stop.wait(0.05):
                try:
                    c.sendall(b"x" * 600)
                except OSError:
                    return

        threading.Thread(target=drip, daemon=True).start()
        time.sleep(0.3)
        begin = time.time()
        s.process.send_signal(signal.SIGTERM)
        answer = read_all(c)
        stop.set()
        code = s.process.wait(30)
        row("SIGTERM with a slow upload", f"answered {status(answer)}, exit {code} after {time.time() - begin:.1f} s",
            "503, exit 0 within 6 s", status(answer) == 503 and code == 0 and time.time() - begin < 6)


def half_heads():
    with Server("--shutdown-timeout", "6s") as s:
        waiting = [s.connect() for _ in range(5)]
        [c.sendall(b"GET / HTTP/1.1\r\n") for c in waiting]
        time.sleep(0.3)
        begin = time.time()
        code = s.stop()
        row("SIGTERM with five half-sent heads", f"exit {code} after {time.time() - begin:.1f} s", "exit 0 within 4 s",
            code == 0 and time.time() - begin < 4)


slow_upload()
half_heads()
