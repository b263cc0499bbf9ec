"""The archive is kept down, the server is killed, both come back: nothing is lost and nothing is kept twice."""
import os
import signal
import time

from peers import SR, Node, Orthanc, films, row, wait_for

N = 400
KILLS = 6


def main():
    archive = Orthanc("archive")
    target = f"sr=dicom://{archive.ae}@127.0.0.1:{archive.dicom}"
    folder = os.path.dirname(films(N)[0])
    with Node(target) as node:
        status, _ = node.storescu("+sd", folder)
        waiting = node.metric("spikeray_outbox_items")
        row(f"{N} films while the archive is down", f"storescu ends with {status}, {waiting:.0f} wait", f"0, {N}", (status, waiting) == (0, N))
        node.server.stop(signal.SIGKILL)
        outbox = node.outbox
    archive.start()
    there = []  # reports in the archive at each kill
    for _ in range(KILLS):
        with Node(target, outbox=outbox) as node:
            time.sleep(0.2)
            node.server.stop(signal.SIGKILL)
        there.append(len(archive.objects(SR)))
    row("the archive up, the server killed while it delivers", f"reports there at each kill: {', '.join(map(str, there))}", "some kills between the first and the last report",
        sum(0 < n < N for n in there) >= 2)
    with Node(target, outbox=outbox) as node:
        node.drained(120)
        wait_for(lambda: len(archive.objects(SR)) >= N, 20, None)
        got, left, again = len(archive.objects(SR)), node.metric("spikeray_outbox_items"), archive.again()
        row("then left alone", f"{got} reports of {N} films, {left:.0f} wait, {again} came a second time and were not kept", f"{N}, 0, at most one for each kill",
            got == N == archive.count() and left == 0 and again <= KILLS)
    archive.stop()


main()
