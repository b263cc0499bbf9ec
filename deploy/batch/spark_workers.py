"""Spark, two cores of this machine: examples/archives/spark_answers.py with a Python worker killed in the middle, and with the program
killed in the middle. Every answer is predict's, damaged pictures have rows, and no process is left."""

import json
import os
import subprocess
import sys
import time

import pyarrow.parquet
from common import archive, binary, children, differs, kill, predicted, programs, report, root, scratch

folder, paths = archive(400)
want = predicted(folder)
# Spark's binaryFile leaves out files without a byte (FileSourceScanExec), and knows no files of desktops.
empty = [path for path in paths if os.path.getsize(path) == 0]
strays = [str(folder / "000" / "Thumbs.db")]
paths = sorted({*paths, *strays} - {*empty})
want[strays[0]] = None


def run(name, victim):
    out = scratch / name
    example = root / "examples" / "archives"
    env = {**os.environ, "PYTHONPATH": str(example), "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1",
           "PYSPARK_SUBMIT_ARGS": "--master local[2,4] --driver-memory 1g --conf spark.ui.enabled=false pyspark-shell"}  # fmt: skip
    with open(scratch / f"{name}.log", "w") as log:
        spark = subprocess.Popen([sys.executable, example / "spark_answers.py", "--spikeray", binary, "--partitions", "8", folder, out], env=env, stdout=log, stderr=log)
        killed = 0
        while spark.poll() is None:
            time.sleep(0.2)
            found, parents = children(spark.pid)
            pipes = [pid for pid, exe in found.items() if exe == os.path.realpath(binary)]
            if pipes and killed < 2:
                time.sleep(0.3)  # in the middle of its pictures
                killed += kill(parents[pipes[0]] if victim == "worker" else pipes[0])
    if spark.returncode != 0:
        print(*open(scratch / f"{name}.log").readlines()[-5:], file=sys.stderr)
    rows = pyarrow.parquet.read_table(out).to_pylist() if spark.returncode == 0 else []
    once = sorted(row["path"].removeprefix("file:") for row in rows) == paths
    report(
        f"Spark, {victim} killed in the middle", f"{killed} kills, {len(rows)} rows, {sum(row['error'] is not None for row in rows)} without an answer",
        f"{len(paths)} files that are not empty, each once", once and killed == 2,
    )
    wrong = 0
    for row in rows:
        asked = want[row["path"].removeprefix("file:")]
        if asked is None:
            wrong += row["problem"] != "not-a-picture"
        else:
            wrong += differs(json.loads(row["answer"]), asked) or row["probability"] != asked.get("probability")
    time.sleep(1)
    report("its answers beside predict's, and what is left", f"{wrong} differ, {len(programs())} processes left", "0, 0", wrong == 0 and not programs())


run("spark-worker", "worker")
run("spark-program", "program")
