"""Answers an archive on Spark: every file of a folder, a row each, into a Parquet data set.

    spark-submit --py-files examples/archives/spikeray_pipe.py examples/archives/spark_answers.py \
        --spikeray /usr/local/bin/spikeray s3a://archive/films s3a://archive/answers

Flags behind -- go to `spikeray pipe`. The program must be on every executor, for example by --files. Needs PySpark 4 with
pandas and pyarrow, and Java 17.
"""

import argparse
import json
import sys

from pyspark.sql import SparkSession

SCHEMA = """path string, modified timestamp, length long, input_digest string, model string, version string, digest string,
    steps int, threshold double, operating_point string, raw_probability double, probability double, label string,
    gate_accepted boolean, warnings array<string>, problem string, error string, answer string"""

# Files of a batch are in memory at a time, a few times over: the executor's, Python's and the program's.
FILES_A_BATCH = 16


def columns(path, modified, length, line):
    """A row of SCHEMA."""
    row = json.loads(line)
    model, gate, got = row["model"], row.get("gate") or {}, row.get("input") or row
    return {
        "path": path, "modified": modified, "length": length, "input_digest": row["input_digest"],
        "model": model["name"], "version": model["version"], "digest": model["digest"],
        **{key: row.get(key) for key in
           ("steps", "threshold", "operating_point", "raw_probability", "probability", "label", "problem", "error")},
        "gate_accepted": gate.get("accepted"), "warnings": got["warnings"], "answer": line,
    }  # fmt: skip


def answering(command):
    """What mapInPandas is to call: a program for each partition."""

    def answer(batches):
        import pandas
        from spikeray_pipe import Pipe

        with Pipe(command) as pipe:
            for batch in batches:
                lines = pipe.rows(zip(batch["path"], batch["content"]))
                rows = map(columns, batch["path"], batch["modificationTime"], batch["length"], lines)
                yield pandas.DataFrame(list(rows), columns=[c.split()[0] for c in SCHEMA.split(",")], dtype=object)

    return answer


def main():
    own, _, flags = (list(part) for part in partition(sys.argv[1:], "--"))
    parser = argparse.ArgumentParser(usage="%(prog)s [--spikeray PROGRAM] [--partitions N] INPUT OUTPUT [-- FLAG...]")
    parser.add_argument("--spikeray", default="spikeray", help="the program")
    parser.add_argument("--partitions", type=int, default=0, help="parts of the archive, 0 for Spark's choice")
    parser.add_argument("input")
    parser.add_argument("output", help="where Parquet files go; must not exist")
    asked = parser.parse_args(own)

    spark = SparkSession.builder.appName("spikeray").getOrCreate()
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", FILES_A_BATCH)
    files = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(asked.input)
    if asked.partitions:
        files = files.repartition(asked.partitions, "path")
    # One picture at a time: Spark runs as many of these at a time as it has cores.
    answers = files.mapInPandas(answering([asked.spikeray, "pipe", "--workers=1", *flags]), SCHEMA)
    answers.write.parquet(asked.output)
    spark.stop()


def partition(words, at):
    place = words.index(at) if at in words else len(words)
    return words[:place], at, words[place + 1 :]


if __name__ == "__main__":
    main()
