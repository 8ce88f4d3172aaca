"""Analyses many samples on Ray and writes their rows as Parquet: see README.md."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import ray
from ray.util import ActorPool
from spoor_serve import Answer, Spoor, SpoorError

# Samples of a part: a part that is lost costs minutes.
PART = 1000
SCHEMA = pa.schema([
    ("id", pa.string()), ("result", pa.string()), ("failure_kind", pa.string()), ("failure_text", pa.string()),
    ("modules", pa.int64()), ("sha256", pa.string()), ("size", pa.int64()), ("time_ms", pa.int64()),
    ("verdict", pa.string()), ("score", pa.int32()), ("family", pa.string()), ("confidence", pa.int32()),
    ("status", pa.string()), ("validity", pa.string()), ("imphash", pa.string()), ("code_hash", pa.string()),
    ("behaviour_hash", pa.string()), ("code_sketch", pa.string()), ("behaviour_sketch", pa.string()),
    ("entropy", pa.float64()), ("functions", pa.int64()), ("functions_run", pa.int64()), ("imports", pa.int64()),
    ("exports", pa.int64()), ("instructions_run_percent", pa.float64()), ("instructions", pa.int64()),
    ("attack", pa.list_(pa.string())), ("reasons", pa.list_(pa.string())),
    ("limitations", pa.list_(pa.string())),
])
Sample = dict[str, Any]


@ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=2)
class Analyst:
    """Has one `spoor serve`."""

    def __init__(self, program: str, options: list[str]) -> None:
        self._start = lambda: Spoor(program, options)
        self._spoor: Spoor | None = None

    def part(self, out: str, number: int, samples: list[Sample]) -> int:
        """Analyses the samples of a part, and writes their rows."""
        rows = [self._row(sample) for sample in samples]
        columns = {name: [row.get(name) for row in rows] for name in SCHEMA.names}
        path = part_path(pathlib.Path(out), number)
        made = path.with_suffix(".tmp")
        pq.write_table(pa.Table.from_pydict(columns, SCHEMA), made, compression="zstd")
        os.replace(made, path)
        return len(rows)

    def _row(self, sample: Sample) -> Sample:
        try:
            content = sample["bytes"]
            if content is None:
                content = pathlib.Path(sample["id"]).read_bytes()
        except OSError as error:
            return {"id": sample["id"], "result": "failed", "failure_kind": "unreadable", "failure_text": str(error)}
        answer = self._analyse(content)
        failure = answer.failure or {}
        modules = sum(file.kind == "module" for file in answer.files)
        size = len(content)
        return {
            "size": size, "sha256": answer.sha256, "time_ms": answer.time_ms, **(answer.row or {}),
            "id": sample["id"], "result": answer.result, "failure_kind": failure.get("kind"),
            "failure_text": failure.get("text"), "modules": modules,
        }

    def _analyse(self, content: bytes) -> Answer:
        answer = Answer("sample")
        for _ in range(2):
            try:
                self._spoor = self._spoor or self._start()
                answer = self._spoor.analyse(content)
                if answer.result != "not_run":
                    break
            except SpoorError as error:
                answer = Answer("sample", failure={"kind": "crash", "text": str(error)})
            if self._spoor:
                self._spoor.close()
            self._spoor = None
        return answer


def part_path(out: pathlib.Path, number: int) -> pathlib.Path:
    return out / f"part-{number:05}.parquet"


def samples(path: str) -> Iterator[Sample]:
    """What a list or a Parquet file names or holds."""
    if not path.endswith(".parquet"):
        with open(path, encoding="utf-8", errors="surrogateescape") as lines:
            for line in lines:
                if line.rstrip("\n"):
                    yield {"id": line.rstrip("\n"), "bytes": None}
        return
    for batch in pq.ParquetFile(path).iter_batches(batch_size=100):
        for row in batch.to_pylist():
            if "bytes" in row:
                yield {"id": str(row["id"]), "bytes": row["bytes"]}
            else:
                yield {"id": row["path"], "bytes": None}


def parts(path: str, size: int) -> Iterator[tuple[int, list[Sample]]]:
    """The samples in parts: as many in memory as are under way."""
    part: list[Sample] = []
    number = 0
    for sample in samples(path):
        part.append(sample)
        if len(part) == size:
            yield number, part
            number, part = number + 1, []
    if part:
        yield number, part


def settle(out: pathlib.Path, settings: Sample) -> None:
    """A folder belongs to one backfill: parts of others must not stand beside its own."""
    path = out / "backfill.json"
    out.mkdir(parents=True, exist_ok=True)
    if path.exists() and json.loads(path.read_text()) != settings:
        raise SystemExit(f"{out} belongs to another backfill: {path.read_text()}")
    path.write_text(json.dumps(settings))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", required=True, help="paths, one a line, or a .parquet file")
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--spoor", default="spoor")
    parser.add_argument("--options", default="", help="options of `spoor serve`")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--part", type=int, default=PART)
    given = parser.parse_args()
    settle(given.out, {"list": given.list, "options": given.options, "part": given.part})
    ray.init(log_to_driver=False, include_dashboard=False, num_cpus=given.workers)
    workers = given.workers or int(ray.cluster_resources()["CPU"])
    actors = [Analyst.remote(given.spoor, given.options.split()) for _ in range(workers)]
    pool = ActorPool(actors)
    done = 0
    for number, part in parts(given.list, given.part):
        if part_path(given.out, number).exists():
            continue
        # No more in memory than the actors have.
        if not pool.has_free():
            done += pool.get_next_unordered()
        pool.submit(lambda actor, job: actor.part.remote(str(given.out), *job), (number, part))
    while pool.has_next():
        done += pool.get_next_unordered()
    print(f"{done} samples")
    ray.shutdown()


if __name__ == "__main__":
    main()
