"""A backfill that is killed in the middle and goes on: check.py SPOOR HERE SCRATCH SAMPLE..."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import duckdb
from datafusion import SessionContext

SPOOR, HERE, SCRATCH, SAMPLES = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]), sys.argv[4:]
# The same work on any machine.
OPTIONS = "--entry-time=600 --time-limit=600 --entry-decisions=100000 --max-decisions=1000000"
PART = 10


def command() -> list[str]:
    return [sys.executable, f"{HERE}/backfill.py", "--list", str(SCRATCH / "list"), "--out", str(SCRATCH / "rows"),
            "--spoor", SPOOR, f"--options={OPTIONS}", "--workers=2", f"--part={PART}"]


def expect(holds: object, what: str) -> None:
    print(("ok: " if holds else "FAILED: ") + what, flush=True)
    if not holds:
        sys.exit(1)


def written() -> list[pathlib.Path]:
    return sorted((SCRATCH / "rows").glob("part-*.parquet"))


def main() -> None:
    listed = [*SAMPLES, "/does/not/exist"]
    (SCRATCH / "list").write_text("".join(f"{path}\n" for path in listed))
    first = subprocess.Popen(command(), start_new_session=True)
    end = time.monotonic() + 300
    while len(written()) < 2 and time.monotonic() < end and first.poll() is None:
        time.sleep(0.05)
    # With the processes of Ray that it started.
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    before = {path: path.stat().st_mtime_ns for path in written()}
    all_parts = -(-len(listed) // PART)
    expect(2 <= len(before) < all_parts, f"killed after {len(before)} of {all_parts} parts")
    subprocess.run(command(), check=True)
    expect(len(written()) == all_parts, "it goes on")
    expect(all(path.stat().st_mtime_ns == time for path, time in before.items()), "what was done stays")

    rows = f"'{SCRATCH}/rows/*.parquet'"
    mine = dict(duckdb.sql(f"SELECT id, coalesce(verdict, failure_kind) FROM {rows}").fetchall())
    ((count,),) = duckdb.sql(f"SELECT count(*) FROM {rows}").fetchall()
    expect(count == len(listed), f"a row for each of {len(listed)}: {count}")
    scan = subprocess.run([SPOOR, "scan", "--json", *OPTIONS.split(), *SAMPLES], stdout=subprocess.PIPE)
    theirs = {row["sha256"]: row["verdict"] for row in map(json.loads, scan.stdout.splitlines()) if "verdict" in row}
    hashes = dict(duckdb.sql(f"SELECT id, sha256 FROM {rows}").fetchall())
    differ = [path for path in SAMPLES if mine[path] != theirs[hashes[path]]]
    expect(not differ, f"verdicts are those of a scan: {differ}")
    expect(mine["/does/not/exist"] == "unreadable", "what cannot be read is a row")

    question = "SELECT verdict, count(*) AS samples FROM {} GROUP BY verdict"
    of_duckdb = sorted(map(str, duckdb.sql(question.format(rows)).fetchall()))
    context = SessionContext()
    context.register_parquet("samples", str(SCRATCH / "rows"))
    answer = context.sql(question.format("samples")).to_pylist()
    of_datafusion = sorted(str((row["verdict"], row["samples"])) for row in answer)
    expect(of_duckdb == of_datafusion, f"DuckDB and DataFusion agree: {of_duckdb}")
    size = sum(path.stat().st_size for path in written())
    print(f"{size // len(listed)} bytes of Parquet for a sample")


main()
