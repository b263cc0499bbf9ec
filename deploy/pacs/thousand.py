"""A thousand films through one association, and through eight."""
import os
import time
from concurrent.futures import ThreadPoolExecutor

from peers import SR, films, row, wait_for, Node, Orthanc

N = 1000


def main():
    archive = Orthanc("archive").start()
    with Node(f"sr=dicom://{archive.ae}@127.0.0.1:{archive.dicom}") as node:
        folder = os.path.dirname(films(N)[0])
        begun = time.time()
        status, _ = node.storescu("+sd", folder)
        took = time.time() - begun
        row(f"{N} films through one association", f"storescu ends with {status} after {took:.1f} s ({N / took:.0f}/s)", "0", status == 0)
        arrived(archive, node, N)
        folders = [os.path.dirname(films(N // 8, first=N + 1 + i * (N // 8))[0]) for i in range(8)]
        begun = time.time()
        with ThreadPoolExecutor(8) as pool:
            ends = list(pool.map(lambda f: node.storescu("+sd", f)[0], folders))
        took = time.time() - begun
        row(f"{N} films through eight", f"they end with {sorted(set(ends))} after {took:.1f} s ({N / took:.0f}/s)", "[0]", set(ends) == {0})
        arrived(archive, node, 2 * N)
    archive.stop()


def arrived(archive, node, n):
    wait_for(lambda: node.metric("spikeray_outbox_items") == 0, 240, None)
    got = len(archive.objects(SR))
    row("their reports in the archive", f"{got}, {node.metric('spikeray_outbox_items'):.0f} wait", f"{n}, 0", got == n)


main()
