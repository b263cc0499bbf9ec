"""The Parquet file as pyarrow reads it, page check sums verified, and the ways from NDJSON and CSV that docs/BATCH.md has."""

import duckdb
import pyarrow.json
import pyarrow.parquet
from common import archive, batch, report, scratch

folder, paths = archive(400)
for form in ("ndjson", "parquet"):
    if batch(scratch / f"a.{form}", folder).wait() != 0:
        report(form, "", "status 0", False)
own = pyarrow.parquet.read_table(scratch / "a.parquet", page_checksum_verification=True)
report("Parquet, read by pyarrow", f"{own.num_rows} rows, {own.num_columns} columns", "the archive's, check sums good", own.column("file").to_pylist() == paths)
duckdb.sql(f"copy (select * from '{scratch}/a.ndjson') to '{scratch}/b.parquet' (format parquet)")
other = pyarrow.parquet.read_table(scratch / "b.parquet")
keys = ("index", "file", "input_digest", "probability", "threshold", "label", "steps", "problem", "error")
same = all(own.column(key).to_pylist() == other.column(key).to_pylist() for key in keys)
report("NDJSON to Parquet by DuckDB", f"{other.num_rows} rows, {len(keys)} columns compared", "the same values", same)
