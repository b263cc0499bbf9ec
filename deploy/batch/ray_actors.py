"""Ray on this machine: examples/archives/ray_answers.py with an actor killed in the middle, and then its program."""

import json
import os
import subprocess
import sys
import time

import pyarrow.parquet
from common import archive, binary, differs, kill, predicted, programs, report, root, scratch

folder, paths = archive(400)
want = predicted(folder)
strays = [str(folder / "000" / "Thumbs.db")]  # Ray knows no files of desktops
paths = sorted([*paths, *strays])
out, example = scratch / "ray", root / "examples" / "archives"
env = {**os.environ, "PYTHONPATH": str(example), "RAY_DATA_DISABLE_PROGRESS_BARS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
with open(scratch / "ray.log", "w") as log:
    ray = subprocess.Popen([sys.executable, example / "ray_answers.py", "--spikeray", binary, "--actors", "2", folder, out], env=env, stdout=log, stderr=log)
    killed = []
    while ray.poll() is None:
        time.sleep(0.2)
        # An actor is no child of the one that started Ray, but the program is the actor's.
        pipes = programs()
        if pipes and len(killed) < 2:
            time.sleep(0.3)
            try:
                parent = int(open(f"/proc/{pipes[0]}/stat").read().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if kill(pipes[0] if killed else parent):
                killed.append(pipes[0])
                time.sleep(1)
if ray.returncode != 0:
    print(*open(scratch / "ray.log").readlines()[-5:], file=sys.stderr)
rows = pyarrow.parquet.read_table(out).to_pylist() if ray.returncode == 0 else []
once = sorted(row["path"] for row in rows) == paths
report("Ray, an actor and a program killed in the middle", f"{len(killed)} kills, {len(rows)} rows", f"{len(paths)} pictures, each once", once and len(killed) == 2)
wrong = sum(differs(json.loads(row["answer"]), want[row["path"]]) for row in rows if row["path"] not in strays)
time.sleep(1)
report("its answers beside predict's, and what is left", f"{wrong} differ, {len(programs())} processes left", "0, 0", wrong == 0 and not programs())
