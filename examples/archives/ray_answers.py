"""Answers an archive on Ray: every file of a folder, a row each, into Parquet files.

    python examples/archives/ray_answers.py --spikeray /usr/local/bin/spikeray /archive/films /archive/answers

Flags behind -- go to `spikeray pipe`. The program must be on every node. Needs ray[data] with pandas and pyarrow.
"""

import argparse
import sys

import pyarrow
import ray
from spikeray_pipe import Pipe

# Files of a batch are in memory at a time.
FILES_A_BATCH = 16


class Answers:
    """An actor with a program of its own, which it starts again if that ends."""

    def __init__(self, command):
        self.pipe = Pipe(command)

    def __call__(self, batch: pyarrow.Table) -> pyarrow.Table:
        paths = batch.column("path").to_pylist()
        rows = self.pipe.rows(zip(paths, (file.as_buffer() for file in batch.column("bytes"))))
        return pyarrow.table({"path": paths, "answer": rows})


def main():
    words = sys.argv[1:]
    place = words.index("--") if "--" in words else len(words)
    parser = argparse.ArgumentParser(usage="%(prog)s [--spikeray PROGRAM] [--actors N] INPUT OUTPUT [-- FLAG...]")
    parser.add_argument("--spikeray", default="spikeray", help="the program")
    parser.add_argument("--actors", type=int, default=0, help="programs at a time, at most one for each core; 0 for that many")
    parser.add_argument("input")
    parser.add_argument("output", help="where Parquet files go; must not exist")
    asked = parser.parse_args(words[:place])

    ray.init(ignore_reinit_error=True)
    actors = asked.actors or int(ray.cluster_resources()["CPU"])
    files = ray.data.read_binary_files(asked.input, include_paths=True)
    answers = files.map_batches(
        Answers,
        fn_constructor_args=([asked.spikeray, "pipe", "--workers=1", *words[place + 1 :]],),
        batch_size=FILES_A_BATCH,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=actors),
        num_cpus=0.5,  # so that reading finds cores, too, whatever the number of actors
    )
    answers.write_parquet(asked.output)


if __name__ == "__main__":
    main()
