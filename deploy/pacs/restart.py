"""The archive is kept down, the server is killed, both come back: nothing is lost and nothing is there twice."""
import signal
import time

from peers import SR, films, row, wait_for, Node, Orthanc

N = 60


def main():
    archive = Orthanc("archive")
    target = f"sr=dicom://{archive.ae}@127.0.0.1:{archive.dicom}"
    paths = films(N)
    with Node(target) as node:
        sent = sum(node.storescu(p)[0] == 0 for p in paths[: N // 2])
        row(f"{N // 2} films while the archive is down", f"{sent} taken, {node.metric('spikeray_outbox_items'):.0f} wait", f"{N // 2}", sent == N // 2 == node.metric("spikeray_outbox_items"))
        node.server.stop(signal.SIGKILL)
        outbox = node.outbox
    with Node(target, outbox=outbox) as node:
        waiting = node.metric("spikeray_outbox_items")
        row("the server killed and started again", f"{waiting:.0f} wait", f"{N // 2}", waiting == N // 2)
        archive.start()
        sent += sum(node.storescu(p)[0] == 0 for p in paths[N // 2:])
        for _ in range(3):  # in the middle of deliveries
            node.server.stop(signal.SIGKILL)
            with Node(target, outbox=outbox) as node:
                time.sleep(0.5)
                node.server.stop(signal.SIGKILL)
    with Node(target, outbox=outbox) as node:
        node.drained(120)
        wait_for(lambda: len(archive.objects(SR)) >= sent, 20, None)
        got = len(archive.objects(SR))
        row("the archive up again, the server killed five times", f"{got} reports of {sent} films, {node.metric('spikeray_outbox_items'):.0f} wait", f"{sent}, 0", got == sent == N and not node.metric("spikeray_outbox_items"))
    archive.stop()


main()
