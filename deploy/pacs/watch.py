"""A watched folder: films are taken, sorted, and their reports sent."""
import os
import tempfile
import time

from peers import SCRATCH, SR, films, row, wait_for, Node, Orthanc


def main():
    archive = Orthanc("archive").start()
    folder = tempfile.mkdtemp(prefix="watch", dir=SCRATCH)
    with Node(f"sr=dicom://{archive.ae}@127.0.0.1:{archive.dicom}", more=["--watch", folder]) as node:
        for path in films(20):
            os.rename(path, os.path.join(folder, os.path.basename(path)))
        slow = films(1, first=100)[0]
        with open(slow, "rb") as source, open(os.path.join(folder, "slow.dcm"), "wb") as target:
            data = source.read()
            for i in range(0, len(data), len(data) // 4):
                target.write(data[i:i + len(data) // 4])
                target.flush()
                time.sleep(0.7)
        os.rename(films(1, first=101, modality="RF")[0], os.path.join(folder, "fluoroscopy.dcm"))
        with open(os.path.join(folder, "broken.dcm"), "wb") as f:
            f.write(data[: len(data) // 2])
        def listed(sub):
            path = os.path.join(folder, sub)
            return sorted(n for n in os.listdir(path) if n.endswith(".dcm")) if os.path.isdir(path) else []
        wait_for(lambda: len(listed("done")) == 21 and len(listed("refused")) == 2, 60, None)
        row("21 films, one of them written slowly; two that are refused", f"{len(listed('done'))} done, refused: {', '.join(listed('refused'))}", "21 done, broken and fluoroscopy refused",
            len(listed("done")) == 21 and listed("refused") == ["broken.dcm", "fluoroscopy.dcm"])
        node.drained()
        wait_for(lambda: len(archive.objects(SR)) == 21, 20, None)
        row("their reports in the archive", f"{len(archive.objects(SR))}", "21", len(archive.objects(SR)) == 21)
    archive.stop()


main()
