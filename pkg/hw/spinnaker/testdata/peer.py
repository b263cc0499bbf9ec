"""SpiNNMan and sPyNNaker as the other side of this package's tests.

    python peer.py vectors > vectors.json          packets that SpiNNMan writes, for the tests without Python
    python peer.py database SPEC.json > OUT.sqlite3    the database of sPyNNaker for these populations, on its virtual board
    python peer.py mapping DATABASE                what sPyNNaker's own reader finds in a database
    python peer.py tables SEED                     an SQLite database of random rows, and these
    python peer.py parse                           reads a packet in hex a line, answers with what SpiNNMan reads in it
    python peer.py toolchain SPEC.json PORT        announces a network to PORT as sPyNNaker does, run after run
    python peer.py live DATABASE BOARDPORT         the host of sPyNNaker's live spikes, against a board at 127.0.0.1, whose
                                                   address it puts into the database

SPEC.json is {"steps": N, "populations": [{"label": L, "size": N, "injector": true}]}. It wants a Python with sPyNNaker
(`pip install sPyNNaker`; 1!7.4.1 was used) and answers on standard output, in JSON.
"""
import base64
import gzip
import json
import os
import random
import sqlite3
import sys
import tempfile
import threading


def say(value):
    print(json.dumps(value), flush=True)


def describe(message):
    """What SpiNNMan reads in an EIEIO data message."""
    header = message.eieio_header
    events = []
    while message.is_next_element:
        element = message.next_element
        events.append([element.key, getattr(element, "payload", None)])
    return {"type": header.eieio_type.value, "tag": header.tag, "prefix": header.prefix, "upper": header.prefix_type.value,
            "base": header.payload_base, "time": header.is_time, "events": events}


def parse(data):
    from spinnman.messages.eieio import read_eieio_data_message
    from spinnman.messages.eieio.command_messages import EIEIOCommandHeader
    try:
        if int.from_bytes(data[:2], "little") & 0xC000 == 0x4000:
            return {"command": EIEIOCommandHeader.from_bytestring(data, 0).command}
        return describe(read_eieio_data_message(data, 0))
    except Exception as error:  # whatever it makes of bad bytes
        return {"error": type(error).__name__}


def vectors():
    from spinnman.messages.eieio import EIEIOPrefix, EIEIOType
    from spinnman.messages.eieio.command_messages import (
        EIEIOCommandHeader, NotificationProtocolDatabaseLocation, NotificationProtocolPauseStop,
        NotificationProtocolStartResume)
    from spinnman.messages.eieio.data_messages import EIEIODataHeader, EIEIODataMessage
    from spinnman.messages.scp.impl import GetVersion, IPTagSet
    from spinnman.messages.scp.impl.iptag_get import IPTagGet
    from spinnman.messages.sdp import SDPFlag, SDPHeader, SDPMessage
    rng = random.Random(5)
    data = []
    for kind in EIEIOType:
        for prefix in (None, EIEIOPrefix.LOWER_HALF_WORD, EIEIOPrefix.UPPER_HALF_WORD):
            for base in (False, True):
                for time in (False, True):
                    for count in (0, 1, 5):
                        header = EIEIODataHeader(
                            kind, tag=rng.randrange(4), prefix=None if prefix is None else rng.randrange(1 << 16),
                            prefix_type=prefix or EIEIOPrefix.LOWER_HALF_WORD,
                            payload_base=rng.randrange(kind.max_value + 1) if base else None, is_time=time)
                        message = EIEIODataMessage(header)
                        for _ in range(count):
                            key = rng.randrange(kind.max_value + 1)
                            if kind.payload_bytes:
                                message.add_key_and_payload(key, rng.randrange(kind.max_value + 1))
                            else:
                                message.add_key(key)
                        packet = message.bytestring
                        data.append({"hex": packet.hex(), **parse(packet)})
    sdp = []
    for _ in range(20):
        fields = {"reply": rng.random() < 0.5, "tag": rng.randrange(256),
                  "to": [rng.randrange(256), rng.randrange(256), rng.randrange(32), rng.randrange(8)],
                  "from": [rng.randrange(256), rng.randrange(256), rng.randrange(32), rng.randrange(8)]}
        (x, y, p, port), (sx, sy, sp, sport) = fields["to"], fields["from"]
        header = SDPHeader(SDPFlag.REPLY_EXPECTED if fields["reply"] else SDPFlag.REPLY_NOT_EXPECTED, fields["tag"],
                           port, p, x, y, sport, sp, sx, sy)
        sdp.append({"hex": header.bytestring.hex(), **fields})
    scp = []
    for name, request in (("version", GetVersion(2, 3, 0)), ("set", IPTagSet(2, 3, [0, 0, 0, 0], 0, 5, strip=True, use_sender=True)),
                          ("get", IPTagGet(2, 3, 5))):
        request.scp_request_header.sequence = 9
        request.sdp_header.update_for_send(2, 3)
        scp.append({"name": name, "hex": request.bytestring.hex()})
    message = EIEIODataMessage.create(EIEIOType.KEY_16_BIT)
    message.add_key(0x1234)
    inject = SDPMessage(SDPHeader(SDPFlag.REPLY_NOT_EXPECTED, 0, 1, 5, 3, 4, 0, 0, 0, 0), data=message.bytestring)
    json.dump({
        "data": data, "sdp": sdp, "scp": scp, "inject": inject.bytestring.hex(),
        "commands": [{"command": c, "hex": EIEIOCommandHeader(c).bytestring.hex()} for c in (1, 2, 10, 11, 0x3FFF)],
        "database": NotificationProtocolDatabaseLocation("/a/b.sqlite3").bytestring.hex(),
        "start": NotificationProtocolStartResume().bytestring.hex(),
        "stop": NotificationProtocolPauseStop().bytestring.hex()}, sys.stdout, indent=None, separators=(",", ":"))


def build(spec, port):
    """Sets a network of these populations up in sPyNNaker, on a virtual board, in a folder of its own."""
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    os.environ["HOME"] = folder
    config = "[Machine]\nversion = 5\nvirtual_board = True\n[Reports]\nkeep_input_output_database = True\n"
    for name in (".spynnaker.cfg", "spynnaker.cfg"):
        with open(name, "w", encoding="ascii") as f:
            f.write(config)
    out, sys.stdout = sys.stdout, sys.stderr  # its progress bars
    import spynnaker.pyNN as sim
    sim.setup(timestep=1.0)
    before = None
    for p in spec["populations"]:
        kind = sim.external_devices.SpikeInjector() if p.get("injector") else sim.IF_curr_delta()
        population = sim.Population(p["size"], kind, label=p["label"])
        if not p.get("silent"):
            sim.external_devices.activate_live_output_for(population, database_notify_port_num=port)
        if not p.get("injector") and before is not None:
            sim.Projection(before, population, sim.AllToAllConnector(), sim.StaticSynapse(weight=1.0, delay=1.0))
        if p["label"] != "marker":
            before = population
    sys.stdout = out
    return sim


def database(spec):
    sim = build(spec, 1)
    out, sys.stdout = sys.stdout, sys.stderr
    sim.run(spec["steps"])
    from spinn_front_end_common.data import FecDataView
    with open(FecDataView.get_database_file_path(), "rb") as f:
        out.buffer.write(f.read())
    sim.end()


def mapping(path):
    from spinn_front_end_common.utilities.database import DatabaseReader
    found = {}
    with DatabaseReader(path) as reader:
        reader.cursor().execute("SELECT vertex_label FROM Application_vertices")
        labels = [row["vertex_label"] for row in reader.cursor().fetchall()]
        for label in labels:
            keys = reader.get_atom_id_to_key_mapping(label)
            if not keys:
                continue
            _, _, strip, board, tag, x, y = reader.get_live_output_details(label, "LiveSpikeReceiver")
            places = reader.get_placements(label)
            found[label] = {"keys": [keys[i] for i in range(len(keys))], "tag": [tag, x, y], "board": board, "strip": bool(strip),
                            "cores": sorted(places), "through": reader.get_ip_address(*places[0][:2])}
        say({"populations": found, "time_step": reader.get_configuration_parameter_value("machine_time_step"),
             "runtime": reader.get_configuration_parameter_value("runtime")})


def tables(seed):
    rng = random.Random(seed)
    path = os.path.join(tempfile.mkdtemp(), "tables.sqlite3")
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA page_size = {rng.choice([512, 1024, 4096, 65536])}")
    db.execute("CREATE TABLE other (a TEXT PRIMARY KEY, b INTEGER)")
    db.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, 'n' INTEGER, x REAL DEFAULT (1.5), s TEXT, CHECK (1), UNIQUE (number, n))")
    for i in range(rng.randrange(400)):
        n = rng.choice([None, 0, 1, rng.randrange(-1 << 7, 1 << 7), rng.randrange(-1 << 23, 1 << 23), rng.randrange(-1 << 63, 1 << 63)])
        s = None if rng.random() < 0.2 else "ä" * rng.randrange(3) + "x" * int(10 ** rng.uniform(0, 4.2) * (rng.random() < 0.2))
        db.execute("INSERT INTO rows VALUES (?, ?, ?, ?)", (rng.randrange(-1 << 40, 1 << 40), n, rng.choice([None, 2.0, rng.gauss(0, 9)]), s))
        db.execute("INSERT INTO other VALUES (?, ?)", (str(i), i))
    db.execute("DELETE FROM rows WHERE n > 0 AND number % 3 = 0")
    db.commit()
    rows = db.execute("SELECT * FROM rows ORDER BY number").fetchall()
    db.close()
    with open(path, "rb") as f:
        file = base64.b64encode(gzip.compress(f.read(), mtime=0)).decode()
    # Whole numbers as text: JSON's readers round them.
    say({"file": file, "rows": [[str(a), None if b is None else str(b), x, s] for a, b, x, s in rows]})


def toolchain(spec, port):
    """What the toolchain's ApplicationRunner says around a run on real hardware, by its own NotificationProtocol."""
    from spinn_front_end_common.data import FecDataView
    sim = build(spec, port)
    while True:
        out, sys.stdout = sys.stdout, sys.stderr
        sim.run(spec["steps"])  # announces the database
        sys.stdout = out
        protocol = FecDataView.get_notification_protocol()
        protocol.wait_for_confirmation()
        say("started")
        protocol.send_start_resume_notification()
        if sys.stdin.readline().strip() != "again":
            break
        protocol.send_stop_pause_notification()
        sim.reset()
    protocol.send_stop_pause_notification()
    out, sys.stdout = sys.stdout, sys.stderr
    sim.end()


def live(path, board_port):
    """sPyNNaker's LiveEventConnection, told of the database as the toolchain would: sends spikes, says what comes back."""
    import spinn_front_end_common.utilities.connections.live_event_connection as module
    import spinnman.utilities.utility_functions as utility
    from spinnman.connections.udp_packet_connections import EIEIOConnection
    from spinnman.messages.eieio.command_messages import (
        NotificationProtocolDatabaseLocation, NotificationProtocolPauseStop, NotificationProtocolStartResume)
    module.SCP_SCAMP_PORT = utility.SCP_SCAMP_PORT = board_port
    db = sqlite3.connect(path)
    db.execute("UPDATE Machine_chip SET ip_address = '127.0.0.1' WHERE ip_address IS NOT NULL")
    db.execute("UPDATE IP_tags SET board_address = '127.0.0.1'")
    db.commit()
    db.close()
    labels = ["source", "marker", "spike1", "spike2", "spike3"]
    connection = module.LiveEventConnection("LiveSpikeReceiver", labels, ["source", "marker"], local_host="127.0.0.1", local_port=None)
    lock = threading.Lock()

    def receive(label, time, atoms):
        with lock:
            say({"label": label, "time": time, "atoms": sorted(int(a) for a in atoms)})
    for label in labels:
        connection.add_receive_callback(label, receive)
    notifier = EIEIOConnection(local_host="127.0.0.1", remote_host="127.0.0.1", remote_port=connection.local_port)
    notifier.send_eieio_message(NotificationProtocolDatabaseLocation(path))
    notifier.receive_eieio_message(timeout=60)
    notifier.send_eieio_message(NotificationProtocolStartResume())
    with lock:
        say("ready")
    for line in sys.stdin:
        label, atoms = json.loads(line)
        connection.send_events(label, atoms, send_full_keys=True)
    notifier.send_eieio_message(NotificationProtocolPauseStop())
    os._exit(0)  # its listening threads stay otherwise


def main():
    arguments = sys.argv[2:]

    def spec():
        with open(arguments[0], encoding="utf-8") as f:
            return json.load(f)
    if sys.argv[1] == "vectors":
        vectors()
    elif sys.argv[1] == "database":
        database(spec())
    elif sys.argv[1] == "mapping":
        mapping(arguments[0])
    elif sys.argv[1] == "tables":
        tables(int(arguments[0]))
    elif sys.argv[1] == "parse":
        for line in sys.stdin:
            say(parse(bytes.fromhex(line)))
    elif sys.argv[1] == "toolchain":
        toolchain(spec(), int(arguments[1]))
    elif sys.argv[1] == "live":
        live(arguments[0], int(arguments[1]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
