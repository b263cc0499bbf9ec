"""A server is killed with SIGKILL twenty times while it records answers. Every answer that was sent has its record, and all come out again."""
import json
import os
import random
import re
import signal
import threading
import time

from journal import PICTURES, SCRATCH, Server, chain, header, row, spikeray, status

KILLS = 20
# What is asked, in turn. Each picture is asked with one of them.
QUERIES = ["", "?operating_point=screening", "?threshold=0.25", "?prevalence=0.1", "?steps=1", "?steps=2"]
BOARD = "spikeray-board"


def record_all(folder, *args, kills=0):
    """Have each picture answered once, by a server that is killed in the midst of it. Receipt and answer of each picture."""
    waiting = list(range(len(PICTURES)))
    random.shuffle(waiting)
    answers, lock, killed = {}, threading.Lock(), 0
    marks = [len(PICTURES) * (k + 1) // (kills + 1) for k in range(kills)]

    def send(s, stop):
        while not stop.is_set():
            with lock:
                if not waiting:
                    return
                i = waiting.pop()
            answer = b""
            try:
                with open(PICTURES[i], "rb") as f:
                    answer = s.post(f.read(), query=QUERIES[i % len(QUERIES)])
            except OSError:
                pass
            head, _, body = answer.partition(b"\r\n\r\n")
            whole = status(answer) == 200 and body.endswith(b"\n")
            with lock:
                if whole:
                    answers[i] = (header(head + b"\r\n", "X-Audit-Record"), json.loads(body))
                else:
                    waiting.append(i)
            if not answer:
                time.sleep(0.01)

    while True:
        with Server("--audit", folder, *args) as s:
            stop = threading.Event()
            senders = [threading.Thread(target=send, args=(s, stop)) for _ in range(16)]
            [t.start() for t in senders]
            kill = killed < kills
            if kill:
                while len(answers) < marks[killed]:
                    time.sleep(0.002)
                time.sleep(random.random() * 0.02)
                s.process.send_signal(signal.SIGKILL)
                stop.set()
                killed += 1
            [t.join() for t in senders]
            if not kill:
                return answers
            s.stop(signal.SIGKILL)
            if random.random() < 0.5:
                tear(folder)


def tear(folder):
    """Leave the beginning of a record at the end, as a write does that is broken off. A kill seldom does."""
    last = sorted(name for name in os.listdir(folder) if name.endswith(".ndjson"))[-1]
    with open(os.path.join(folder, last), "ab") as f:
        f.write(b'{"v":1,"seq":1,"prev":"00000000000'[:random.randrange(1, 34)])


def check(name, folder, answers, kills):
    code, said = spikeray("audit", "verify", "--json", folder)
    v = json.loads(said)
    row(f"{name}: audit verify", f"status {code}, {v['faulty']} faults, {v['crashes']} crashes, {v['cuts']} torn ends cut",
        f"status 0, 0 faults, {kills} crashes", code == 0 and v["faulty"] == 0 and v["crashes"] == kills)
    records, receipts = chain(folder)
    there = dict(zip(receipts, records))
    lost = wrong = 0
    for receipt, answer in answers.values():
        record = there.get(receipt)
        if record is None:
            lost += 1
        elif any(record["answer"][k] != answer[k] for k in ("probability", "raw_probability", "threshold")) or record["asked"]["id"] != answer["id"]:
            wrong += 1
    row(f"{name}: answers without their record", f"{lost} lost, {wrong} not as sent, of {len(answers)}; {len(records)} records",
        "0, 0", lost == 0 and wrong == 0)
    every = ", ".join(r for r, _ in answers.values())
    code, said = spikeray("audit", "verify", "--head", receipts[-1], "--receipt", every, folder)
    row(f"{name}: audit verify --receipt", f"status {code}, {len(re.findall('^{', said, re.M))} records", f"status 0, {len(answers)} records",
        code == 0 and len(re.findall("^{", said, re.M)) == len(answers))
    text = b"".join(open(os.path.join(folder, n), "rb").read() for n in os.listdir(folder))
    row(f"{name}: names and UIDs of patients in the log", f"{text.count(b'PLANTED') + text.count(b'2.25.1977')}", "0",
        b"PLANTED" not in text and b"2.25.1977" not in text)
    return len([r for r in records if r["kind"] == "answer"])


def replay(name, folder, n, *args, tier=None):
    begun = time.time()
    code, said = spikeray(*(["--kernel", tier] if tier else []), "replay", *args, folder, os.path.dirname(PICTURES[0]))
    last = said.strip().splitlines()[-1] if said.strip() else ""
    row(f"{name}: replay", f"{last} ({time.time() - begun:.0f} s)", f"{n} equal, 0 different", code == 0 and last.split(", ")[:2] == [f"{n} equal", "0 different"])


def tiers():
    """Those of this machine, the fastest first."""
    code, said = spikeray("--help")
    listed = said.split("Processor tier to compute on:")[1].split(". The default")[0]
    found = [t.strip(" ,\n") for t in listed.replace("\n", " ").split(",")]
    return [t for t in found if t]


def main():
    every = tiers()
    folder = os.path.join(SCRATCH, "audit")
    answers = record_all(folder, "--audit-segment-bytes", "100K", kills=KILLS)
    n = check(f"{KILLS} kills", folder, answers, KILLS)
    for tier in every:
        replay(f"spikeray on {tier}", folder, n, tier=tier)
    board = os.path.join(SCRATCH, "audit-board")
    n = check("the board's model", board, record_all(board, "--model", BOARD), 0)
    for tier in (every[0], every[-1]):
        replay(f"{BOARD} on {tier}", board, n, tier=tier)
    replay(f"{BOARD} on loihi", board, n, "--board", "loihi")
    loihi = os.path.join(SCRATCH, "audit-loihi")
    n = check("recorded on loihi", loihi, record_all(loihi, "--model", BOARD, "--board", "loihi"), 0)
    replay("recorded on loihi, on the simulator", loihi, n)
    # What was changed in the log is found, and so is an answer that is not the model's.
    path = os.path.join(folder, sorted(n for n in os.listdir(folder) if n.endswith(".ndjson"))[0])
    data = open(path, "rb").read()
    with open(path, "wb") as f:
        f.write(data.replace(b'"label":"NORMAL"', b'"label":"NORMAK"', 1))
    code, said = spikeray("audit", "verify", folder)
    row("one letter of the log changed", f"status {code}, {said.splitlines()[0][:50]}", "status 1", code == 1)
    with open(path, "wb") as f:
        f.write(data)


main()
