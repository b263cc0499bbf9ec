"""Peers that mean harm or are broken, at one address: each is tried beside a modality at another that sends films, which must not notice."""
import os
import random
import socket
import struct
import threading
import time

from peers import Node, Orthanc, associate, c_store, element, films, pdata, row, wait_for

def garbage(seed):
    """One broken conversation."""
    r = random.Random(seed)
    whole = associate() + pdata(c_store(), control=3) + pdata(r.randbytes(3000), control=2)
    kind = seed % 8
    if kind == 0:
        return r.randbytes(r.randrange(1, 400))
    if kind == 1:
        return struct.pack(">BBI", r.randrange(256), 0, r.choice([0, 1, 0xFFFFFFFF, 1 << 30])) + r.randbytes(100)
    if kind == 2:
        return whole[: r.randrange(len(whole))]
    if kind == 3:
        return associate() + pdata(c_store(), context=r.randrange(256), control=3)
    if kind == 4:
        return associate() + struct.pack(">BBI", 4, 0, 6) + struct.pack(">IBB", r.choice([0, 1, 0xFFFFFFFF]), 1, 3)
    if kind == 5:
        return associate() + pdata(r.randbytes(200), control=3)
    if kind == 6:
        return associate() + associate()
    broken = bytearray(whole)
    for _ in range(r.randrange(1, 20)):
        broken[r.randrange(len(broken))] = r.randrange(256)
    return bytes(broken)


def connect(port):
    c = socket.create_connection(("127.0.0.1", port), timeout=10, source_address=("127.0.0.2", 0))
    c.settimeout(5)
    return c


class Modality(threading.Thread):
    """Sends a film again and again, and keeps the slowest time and the failures."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.node, self.path, self.on = node, films(1)[0], True
        self.slowest, self.failed, self.sent = 0.0, 0, 0

    def run(self):
        while self.on:
            begun = time.time()
            self.failed += self.node.storescu(self.path)[0] != 0
            self.sent += 1
            self.slowest = max(self.slowest, time.time() - begun)
            time.sleep(0.3)

    def told(self):
        told = f"{self.sent} films beside it, {self.failed} failed, slowest {self.slowest:.2f} s"
        good = self.sent > 0 and not self.failed
        self.slowest, self.failed, self.sent = 0.0, 0, 0
        return told, good


def resident(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) // 1024 for line in f if line.startswith("VmRSS"))


def main():
    archive = Orthanc("archive").start()
    with Node(f"sr=dicom://{archive.ae}@127.0.0.1:{archive.dicom}") as node:
        modality = Modality(node)
        modality.start()
        wait_for(lambda: modality.sent, 30, "no film got through")
        pid = node.server.pid

        begun = time.time()
        for seed in range(6000):
            try:
                with connect(node.dicom) as c:
                    c.sendall(garbage(seed))
                    c.shutdown(socket.SHUT_WR)
                    c.recv(4096)
            except OSError:
                pass
        while time.time() < begun + 3:
            time.sleep(0.1)
        told, good = modality.told()
        row("6000 broken conversations", told, "none failed", good)

        held = []
        for i in range(300):
            try:
                c = connect(node.dicom)
                c.sendall(associate()[: 20 if i % 2 else None])
                held.append(c)
            except OSError:
                break
        time.sleep(5)
        told, good = modality.told()
        row(f"{len(held)} associations begun and left from one address", told, "none failed", good)
        for c in held:
            c.close()
        time.sleep(1)

        modality.told()
        begun, refused = time.time(), 0
        for _ in range(10_000):
            try:
                connect(node.dicom).close()
            except OSError:
                refused += 1
        told, good = modality.told()
        row(f"10,000 connections opened and closed in {time.time() - begun:.0f} s, {refused} refused", told, "none failed", good)

        slow = []
        for _ in range(20):  # never read what they are answered, and ask for more and more of it
            c = connect(node.dicom)
            c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            try:
                c.sendall(associate(sop_class=b"1.2.840.10008.1.1"))
                echo = element(0x00000002, b"1.2.840.10008.1.1\0") + element(0x00000100, struct.pack("<H", 0x30))
                echo += element(0x00000110, struct.pack("<H", 1)) + element(0x00000800, struct.pack("<H", 0x101))
                echo = element(0x00000000, struct.pack("<I", len(echo))) + echo
                c.settimeout(1)
                for _ in range(20_000):
                    c.sendall(pdata(echo, control=3))
            except OSError:
                pass
            slow.append(c)
        told, good = modality.told()
        row("20 peers that never read", told, "none failed", good)
        for c in slow:
            c.close()

        modality.on = False
        modality.join(30)
        wait_for(lambda: node.metric("spikeray_dicom_associations_open") == 0, 90, None)
        count, left = len(os.listdir(f"/proc/{pid}/fd")), node.metric("spikeray_dicom_associations_open")
        row("afterwards", f"{resident(pid)} MiB resident, {count} descriptors, {node.metric('go_goroutines'):.0f} goroutines, {left:.0f} associations",
            "below 300 MiB, 40, 60, 0", resident(pid) < 300 and count < 40 and node.metric("go_goroutines") < 60 and left == 0)
    archive.stop()


main()
