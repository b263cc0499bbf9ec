"""A batch killed with -9 twenty times at random moments, in each format: the file is the one of a batch that nobody killed."""

import json
import random
import shutil
import subprocess
import time

import duckdb
from common import archive, batch, binary, differs, predicted, report, scratch

kills = 20
folder, paths = archive(1000)
want = predicted(folder)
for form in ("ndjson", "csv", "parquet"):
    whole, out = scratch / f"whole.{form}", scratch / f"killed.{form}"
    began = time.monotonic()
    if batch(whole, folder).wait() != 0:
        report(form, "not killed", "status 0", False)
    took = time.monotonic() - began
    done, wholes = 0, 0
    while done < kills:
        running = batch(out, folder)
        try:
            # Rows are safe after a second; the moments are on both sides of that, and the work lasts for most of the kills.
            running.wait(random.uniform(0, max(1.5, 2 * took / kills)))
        except subprocess.TimeoutExpired:
            running.kill()
            done += 1
        if running.wait() == 0:  # complete before the kill: again from the start
            wholes += out.read_bytes() != whole.read_bytes()
            out.unlink()
            shutil.rmtree(f"{out}.batch")
        running.stderr.close()
    status = batch(out, folder).wait()
    rows = duckdb.sql(f"select file from read_{'json_auto' if form == 'ndjson' else 'csv_auto' if form == 'csv' else 'parquet'}('{out}')").fetchall()
    same = wholes == 0 and out.read_bytes() == whole.read_bytes() and [row[0] for row in rows] == paths
    report(
        f"batch killed with -9, {form}", f"{done} kills, {len(rows)} rows, status {status}, {'equal' if same else 'not equal'} to one not killed",
        f"{len(paths)} rows, each once", same and status == 0,
    )
    if form == "ndjson":
        lines = [json.loads(line) for line in open(out)]
        wrong = sum(differs(row, want[row["file"]]) for row in lines)
        failed = sum("error" in row for row in lines)
        report("its answers beside predict's", f"{wrong} of {len(lines)} differ, {failed} without an answer", "0 differ", wrong == 0 and failed > 0)

# The three formats say the same, as DuckDB reads them.
names = duckdb.sql(f"select * from '{scratch}/whole.parquet' limit 0").columns
table = duckdb.sql(f"select {', '.join(names)} from '{scratch}/whole.parquet'").fetchall()
types = {name: str(kind) for name, kind in zip(names, duckdb.sql(f"select * from '{scratch}/whole.parquet' limit 0").types)}
csv = duckdb.sql(f"select {', '.join(names)} from read_csv('{scratch}/whole.csv', header=true, types={types})").fetchall()
report("Parquet beside CSV, read by DuckDB", f"{len(table)} rows, {len(names)} columns", "the same values and types", table == csv and types["probability"] == "DOUBLE")
lines = {row["file"]: row for row in map(json.loads, open(scratch / "whole.ndjson"))}
place = names.index("file"), names.index("probability")
report("Parquet's probabilities beside NDJSON's", f"{len(table)} rows", "bit for bit", all(lines[row[place[0]]].get("probability") == row[place[1]] for row in table))
done = subprocess.run([binary, "batch", "--out", scratch / "whole.ndjson", "--threshold=0.1", folder], capture_output=True, text=True)
report("going on with other options", f"status {done.returncode}", "status 1, refused", done.returncode == 1 and "--threshold" in done.stderr)
