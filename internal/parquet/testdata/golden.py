"""Writes golden.parquet by the package's own test, once pyarrow and DuckDB give every value of it back, and of the same
table gzipped: python golden.py, with Go, pyarrow and duckdb."""

import json
import os
import pathlib
import subprocess
import tempfile

import duckdb
import pyarrow
import pyarrow.parquet

here = pathlib.Path(__file__).parent
kinds = {"text": str, "number": float, "whole": int, "yes_no": lambda cell: cell == "true", "never": str}


def check(file, want):
    table = pyarrow.parquet.read_table(file, page_checksum_verification=True)
    types = [pyarrow.string(), pyarrow.float64(), pyarrow.int64(), pyarrow.bool_(), pyarrow.string()]
    assert table.schema.names == list(kinds) and table.schema.types == types, table.schema
    assert table.to_pylist() == want, "pyarrow"
    assert pyarrow.parquet.ParquetFile(file).num_row_groups == 2
    read = duckdb.sql(f"select * from '{file}'")
    assert read.columns == list(kinds) and [str(t) for t in read.types] == ["VARCHAR", "DOUBLE", "BIGINT", "BOOLEAN", "VARCHAR"]
    assert [dict(zip(kinds, row)) for row in read.fetchall()] == want, "duckdb"


with tempfile.TemporaryDirectory() as scratch:
    file = os.path.join(scratch, "golden.parquet")
    subprocess.run(
        ["go", "test", "-count=1", "-run", "TestTheFileIsTheOneThatOthersRead", ".."],
        cwd=here, env={**os.environ, "SPIKERAY_TEST_PARQUET": file}, check=True,
    )
    rows = json.loads(pathlib.Path(file + ".json").read_text())
    want = [{name: None if cell == "" else kind(cell) for (name, kind), cell in zip(kinds.items(), row)} for row in rows]
    check(file, want)
    check(file + ".gz.parquet", want)
    (here / "golden.parquet").write_bytes(pathlib.Path(file).read_bytes())
    print(f"{len(want)} rows, as pyarrow {pyarrow.__version__} and DuckDB {duckdb.__version__} read them")
