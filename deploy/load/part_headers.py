"""Forms whose part headers never end: they must not hold more than kilobytes each."""
import threading

from common import Server, pictures, read_all, row, status

CONNECTIONS, SENT = 80, 9 << 20
HEAD = (b"POST /v1/predictions HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=BB\r\n"
        b"Content-Length: 60000000\r\n\r\n--BB\r\nContent-Disposition: form-data; name=\"image\"\r\nX: ")
statuses = []


def send(server):
    with server.connect(30) as c:
        try:
            c.sendall(HEAD)
            for _ in range(SENT >> 16):
                c.sendall(b"a" * (1 << 16))
        except OSError:
            pass
        statuses.append(status(read_all(c)))


with Server() as s:
    picture = pictures()[0]
    s.post(picture)
    before = s.peak()
    threads = [threading.Thread(target=send, args=(s,)) for _ in range(CONNECTIONS)]
    [t.start() for t in threads]
    other = status(s.post(picture))
    [t.join() for t in threads]
    grown = s.peak() - before
    row(f"{CONNECTIONS} forms with a part header of 9 MB", f"{grown:.0f} MB more at the peak", "at most 64 MB", grown <= 64)
    row("  their answers", f"{statuses.count(400)} of {CONNECTIONS} are 400", "all", statuses.count(400) == CONNECTIONS)
    row("  another caller meanwhile", other, 200, other == 200)
