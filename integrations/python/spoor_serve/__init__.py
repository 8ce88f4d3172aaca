"""Drives `spoor serve --stdio` (docs/protocol.md): samples in, reports and extracted files out.

    with Spoor() as spoor:
        answer = spoor.analyse(open("sample.wasm", "rb").read())
        print(answer.row["verdict"], len(answer.files))

Each sample is analysed in a confined process of its own; a sample that ends it costs itself. Use one `Spoor`
for many samples, from one thread.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import IO, Any

PROTOCOL = "spoor.serve/1"
# Bytes of a line of the protocol: a row has texts of bounded length.
MAX_LINE = 4 << 20


class SpoorError(Exception):
    """`spoor serve` cannot be started, ended early, or speaks another protocol: no fault of a sample."""


@dataclass
class File:
    """Bytes that were found in a sample, or that its run left behind."""

    kind: str
    name: str | None
    change: str | None
    inside: list[str]
    sha256: str
    data: bytes


@dataclass
class Answer:
    """What is said of a sample."""

    id: str
    #: `analysed`, `unpacked`, `failed`, `not_run`
    result: str = "not_run"
    sha256: str | None = None
    #: Its row in the table `samples` of a scan.
    row: dict[str, Any] | None = None
    failure: dict[str, str] | None = None
    #: The full report as it came, in JSON; None of what is no module.
    report_json: bytes | None = None
    files: list[File] = field(default_factory=list)
    #: What could not be looked into or handed on.
    failures: list[dict[str, Any]] = field(default_factory=list)
    #: Files that were not kept, since all together are too large.
    files_dropped: int = 0
    time_ms: int = 0

    @cached_property
    def report(self) -> dict[str, Any] | None:
        """The full report, read when it is first asked for: it may be large."""
        report: dict[str, Any] | None = None if self.report_json is None else json.loads(self.report_json)
        return report


class Spoor:
    """A running `spoor serve --stdio`."""

    def __init__(
        self,
        program: str = "spoor",
        options: Sequence[str] = (),
        jobs: int = 1,
        max_file_bytes: int = 256 << 20,
    ) -> None:
        command = [program, "serve", "--stdio", f"--jobs={jobs}", *options]
        self.max_file_bytes = max_file_bytes
        try:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        except OSError as error:
            raise SpoorError(f"{program} cannot be started: {error}") from error
        try:
            self.hello = self._line()
            if self.hello.get("protocol") != PROTOCOL:
                raise SpoorError(f"{program} speaks {self.hello.get('protocol')}, not {PROTOCOL}")
        except SpoorError:
            self.close()
            raise

    def __enter__(self) -> Spoor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> None:
        """Ends it, after what is under way."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                try:
                    stream.close()
                except OSError:
                    pass
        self._process.wait()

    def analyse(self, sample: bytes, id: str = "sample") -> Answer:
        """Analyses one sample."""
        for answer in self.analyse_many([(id, sample)]):
            return answer
        raise SpoorError("no answer")

    def analyse_many(self, samples: Iterable[tuple[str, bytes]]) -> Iterator[Answer]:
        """Analyses samples, as many at a time as `jobs` says; answers come as they are ready.

        Identifiers must differ. Samples are taken from the iterable as they are needed. Take all answers.
        """
        answers: dict[str, Answer] = {}
        state = _Feeding()
        feeder = threading.Thread(target=self._feed, args=(samples, answers, state), daemon=True)
        feeder.start()
        while state.wait_for_more():
            answer = self._next(answers)
            state.answered += 1
            yield answer
        feeder.join()
        if state.error:
            raise state.error

    def _feed(
        self, samples: Iterable[tuple[str, bytes]], answers: dict[str, Answer], state: _Feeding
    ) -> None:
        try:
            for id, sample in samples:
                answers[id] = Answer(id)
                state.given_one()
                header = json.dumps({"type": "sample", "id": id, "bytes": len(sample)})
                stdin = _open(self._process.stdin)
                stdin.write(header.encode() + b"\n")
                stdin.write(sample)
                stdin.flush()
        except OSError:
            # It has ended: the reader hears of that.
            pass
        except Exception as error:
            state.error = error
        finally:
            state.end()

    def _next(self, answers: dict[str, Answer]) -> Answer:
        """Reads until a sample is done."""
        while True:
            line = self._line()
            kind, answer = line.get("type"), answers.get(line.get("id", ""))
            # Messages of later versions may have some, too, and are skipped.
            data = self._bytes(line["bytes"]) if "bytes" in line else b""
            if kind == "error":
                raise SpoorError(f"spoor serve: {line.get('text')}")
            if answer is None:
                if kind == "bye":
                    raise SpoorError("spoor serve has ended")
                continue
            if kind == "report":
                answer.report_json = data
            elif kind == "file":
                if sum(len(file.data) for file in answer.files) + len(data) > self.max_file_bytes:
                    answer.files_dropped += 1
                    continue
                name, change = line.get("name"), line.get("change")
                answer.files.append(File(line["kind"], name, change, line["inside"], line["sha256"], data))
            elif kind == "failure":
                answer.failures.append({key: line[key] for key in ("inside", "kind", "text")})
            elif kind == "done":
                answer.result, answer.sha256 = line["result"], line["sha256"]
                answer.row, answer.failure, answer.time_ms = line["row"], line["failure"], line["time_ms"]
                return answers.pop(answer.id)

    def _line(self) -> dict[str, Any]:
        line = _open(self._process.stdout).readline(MAX_LINE)
        if not line.endswith(b"\n"):
            # At the end of its output it ends, too.
            code = self._process.poll() if line else self._process.wait()
            raise SpoorError(f"spoor serve ended with {code}")
        said: dict[str, Any] = json.loads(line)
        return said

    def _bytes(self, count: int) -> bytes:
        data = _open(self._process.stdout).read(count)
        if len(data) != count:
            raise SpoorError("spoor serve ended within an answer")
        return data


class _Feeding:
    """How many samples were given, and whether there will be more."""

    def __init__(self) -> None:
        self.given = self.answered = 0
        self.error: Exception | None = None
        self._is_over = False
        self._changed = threading.Condition()

    def given_one(self) -> None:
        with self._changed:
            self.given += 1
            self._changed.notify()

    def end(self) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify()

    def wait_for_more(self) -> bool:
        """Whether there is an answer to wait for."""
        with self._changed:
            self._changed.wait_for(lambda: self.given > self.answered or self._is_over)
            return self.given > self.answered


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None or stream.closed:
        raise SpoorError("spoor serve is closed")
    return stream
