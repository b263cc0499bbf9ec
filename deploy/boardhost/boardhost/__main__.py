"""python -m boardhost --board lava --listen 127.0.0.1:8700"""

import argparse
import importlib
import logging
import signal
import sys

from .server import Failure, Host, Server

BOARDS = ("simulator", "lava", "akida")


def main():
    parser = argparse.ArgumentParser(prog="boardhost", description="Serves a board by the Open Inference Protocol V2.")
    parser.add_argument("--board", choices=BOARDS, default="simulator")
    parser.add_argument("--listen", default="127.0.0.1:8700", help="host:port; port 0 is any that is free")
    parser.add_argument("--lease", type=float, default=60, help="seconds of silence after which another client may own the board")
    parser.add_argument("--patience", type=float, default=600, help="seconds of work after which the board counts as hanging, and the host as not ready")
    parser.add_argument("--network", action="append", default=[], metavar="NAME=FILE", help="load a network at the start, under that name")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="of the board; see its plug-in")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.DEBUG if args.verbose else logging.INFO, format="%(levelname)s %(message)s")
    try:
        plugin = importlib.import_module(f".boards.{args.board}", __package__)
        board = plugin.Board(**dict(option.split("=", 1) for option in args.option))
    except (ImportError, TypeError, ValueError) as e:
        sys.exit(f"boardhost: {args.board}: {e}")
    host = Host(board, args.lease, args.patience)
    for pair in args.network:
        name, _, path = pair.partition("=")
        try:
            with open(path, "rb") as f:
                host.place(name, f.read(), keep=True)
        except (OSError, Failure) as e:
            sys.exit(f"boardhost: --network {pair}: {e}")
    address, _, port = args.listen.rpartition(":")
    server = Server((address, int(port)), host)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"{args.board} on http://{address}:{server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


main()
