"""Films by C-STORE and by STOW; results by C-STORE and by STOW, read back with other people's tools."""
import os

from peers import PLANTED, SC, SR, Node, Orthanc, films, row, run, stow, wait_for

PYTHON = os.environ.get("SPIKERAY_DICOM_PYTHON", "python3")


def python(code, path):
    return run(PYTHON, "-c", code, path)


def main():
    by_dimse, by_web = Orthanc("dimse").start(), Orthanc("web").start()
    try:
        with Node(f"sr,sc=dicom://{by_dimse.ae}@127.0.0.1:{by_dimse.dicom}", f"sr=http://127.0.0.1:{by_web.http}/dicom-web") as node:
            status, text = run("echoscu", "-aec", "SPIKERAY", "127.0.0.1", node.dicom)
            row("C-ECHO", f"echoscu ends with {status}", "0", status == 0)
            status, text = run("echoscu", "-aec", "SOMEBODY", "127.0.0.1", node.dicom)
            row("C-ECHO to another title", f"echoscu ends with {status}", "rejected", status != 0 and "Called AE Title Not Recognized" in text)

            one = films(1)
            status, text = node.storescu(one[0])
            row("C-STORE of a film", f"storescu ends with {status}", "0", status == 0)
            wait_for(lambda: by_dimse.objects(SR) and by_dimse.objects(SC) and by_web.objects(SR), 30, None)
            got = len(by_dimse.objects(SR)), len(by_dimse.objects(SC)), len(by_web.objects(SR)), by_web.count()
            row("results in Orthanc", f"SR {got[0]}, SC {got[1]} by C-STORE; SR {got[2]} of {got[3]} by STOW-RS", "one each, and no other", got == (1, 1, 1, 1))
            for name, path in ("SR", by_dimse.file(by_dimse.objects(SR)[0])), ("SC", by_dimse.file(by_dimse.objects(SC)[0])), \
                    ("SR by STOW-RS", by_web.file(by_web.objects(SR)[0])):
                read(name, path)

            status, body = stow(node.server.port, films(3, first=2))
            row("STOW-RS of three films", f"{status}", "200", status == 200)
            status, text = node.storescu(films(1, first=9, modality="MG")[0])
            row("C-STORE of what is no chest film", f"storescu ends with {status}", "refused, and the server goes on", status != 0)
            status, body = stow(node.server.port, films(1, first=9, modality="RF"))
            row("STOW-RS of what is no chest film", f"{status}", "409", status == 409)
            node.drained()
            before = by_dimse.count(), node.metric("spikeray_outbox_deliveries_total")
            node.storescu(one[0])
            stow(node.server.port, one)
            node.drained()
            after = by_dimse.count(), node.metric("spikeray_outbox_deliveries_total")
            row("the same film again, both ways", f"objects {before[0]} -> {after[0]}, deliveries {before[1]:.0f} -> {after[1]:.0f}", "nothing new", before == after)
            found = set(PLANTED.findall(node.log() + node.server.exposition()))
            row("patient data in logs and metrics", f"{len(found)} kinds found", "0", not found)
            names = [n for _, _, files in os.walk(node.outbox) for n in files]
            row("patient data in the outbox's file names", f"{len(PLANTED.findall(' '.join(names).encode()))} in {len(names)} names", "0",
                not PLANTED.search(" ".join(names).encode()))
    finally:
        by_dimse.stop()
        by_web.stop()


def read(name, path):
    """Hold an object against what other programs say of it."""
    status, text = run("dciodvfy", path)
    errors = [line for line in text.splitlines() if line.startswith("Error")]
    row(f"{name}: dciodvfy", f"{len(errors)} errors" + "".join(f"; {e}" for e in errors[:2]), "0", not errors)
    if name.startswith("SR"):
        status, text = run("dsrdump", path)
        complaints = [line for line in text.splitlines() if line.startswith(("W:", "E:", "F:"))]
        row(f"{name}: dsrdump", f"status {status}, {len(complaints)} complaints" + "".join(f"; {c}" for c in complaints[:2]), "0, 0", status == 0 and not complaints)
    else:
        status, text = run("dcmdump", "-q", path)
        row(f"{name}: dcmdump", f"status {status}", "0", status == 0)
    status, text = run("dcm2json", path)
    row(f"{name}: dcm2json", f"status {status}", "0", status == 0)
    if python("import highdicom, pydicom", path)[0]:
        row(f"{name}: pydicom and highdicom", "not installed for SPIKERAY_DICOM_PYTHON", "-", "skipped")
        return
    code = "import sys, pydicom; d = pydicom.dcmread(sys.argv[1]); str(d); "
    if name.startswith("SR"):
        code += "import highdicom; s = highdicom.sr.srread(sys.argv[1]); print(len(s.content.get_image_measurement_groups()), end='')"
    else:
        code += "print(d.pixel_array.shape, end='')"
    status, text = python(code, path)
    text = text.strip().splitlines()[-1] if text.strip() else ""
    row(f"{name}: pydicom, highdicom", f"status {status}: {text[:50]}", "0" + (": 1 group" if name.startswith("SR") else ""),
        status == 0 and (text == "1" or not name.startswith("SR")))


main()
