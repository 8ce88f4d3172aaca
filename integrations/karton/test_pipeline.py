"""Two hundred samples through two consumers, while a consumer is killed, the `spoor serve` of another, and
Redis, and the store is away and then slow: each is reported once. Then the throughput of a consumer beside
that of `spoor scan`.

    test_pipeline.py SPOOR REPOSITORY SCRATCH
"""

from __future__ import annotations

import collections
import configparser
import hashlib
import io
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
import zlib
from collections.abc import Callable

import boto3
from karton.core import Config, Producer, Resource, Task
from karton.core.resource import RemoteResource, ResourceBase
from karton.core.task import TaskState

SPOOR, TOP, SCRATCH = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
SAMPLES = int(os.environ.get("SPOOR_SAMPLES", "200"))
LARGEST = 300_000
# Samples whose processor time is measured: many, since what is loaded at first use counts, too.
MEASURED = 120
# The same work on any machine.
OPTIONS = "--entry-time=600 --time-limit=600 --entry-decisions=100000 --max-decisions=1000000"
# Short, so that the test is.
LEASE = 10
IDENTITY = "karton.spoor"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Services:
    """Processes that end with the test."""

    def __init__(self) -> None:
        self.all: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str, log: str) -> subprocess.Popen[bytes]:
        with open(SCRATCH / log, "ab") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out, cwd=SCRATCH)
        self.all.append(process)
        return process

    def end(self) -> None:
        for process in self.all:
            if process.poll() is None:
                process.terminate()
        for process in self.all:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def until(what: str, holds: Callable[[], object], seconds: float = 900) -> None:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            sys.exit(f"FAILED: {what}, not within {seconds} s")
        time.sleep(0.2)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Gate:
    """Stands before the store: lets everything through, slowly, or nothing."""

    def __init__(self, behind: int) -> None:
        self._behind = behind
        self._delay = 0.0
        self._is_open = True
        self._streams: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._is_open = False
        for stream in self._streams:
            try:
                stream.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def open(self, delay: float = 0) -> None:
        """Each answer waits so many seconds."""
        self._delay = delay
        self._is_open = True

    def _accept(self) -> None:
        while True:
            stream, _ = self._listener.accept()
            if not self._is_open:
                stream.close()
                continue
            other = socket.create_connection(("127.0.0.1", self._behind))
            self._streams += [stream, other]
            threading.Thread(target=self._copy, args=(stream, other, False), daemon=True).start()
            threading.Thread(target=self._copy, args=(other, stream, True), daemon=True).start()

    def _copy(self, source: socket.socket, to: socket.socket, is_answer: bool) -> None:
        try:
            while data := source.recv(1 << 16):
                if is_answer:
                    time.sleep(self._delay)
                to.sendall(data)
        except OSError:
            pass
        for stream in (source, to):
            stream.close()


def children(pid: int) -> list[int]:
    """Processes that this one has started."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            words = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(words[1]) == pid:
            found.append(int(path.parent.name))
    return found


def bomb() -> bytes:
    """A gzip of 2 GiB of zeros, in 2 MiB."""
    made = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(1 << 20)
    return b"".join(made.compress(zeros) for _ in range(2048)) + made.flush()


def files() -> list[pathlib.Path]:
    """Samples of the corpus, and of ../shared as many as are missing, from all over it."""
    corpus = sorted((TOP / "corpus").glob("*.wat"))
    shared = [
        path
        for folder in ("samples", "wasi/paper/wasm")
        for path in sorted((TOP.parent / "shared" / folder).rglob("*"))
        if path.is_file() and path.stat().st_size <= LARGEST and path.read_bytes()[:4] == b"\0asm"
    ]
    corpus = corpus[:SAMPLES]
    wanted = min(SAMPLES - len(corpus), len(shared))
    return corpus + [shared[number * len(shared) // wanted] for number in range(wanted)]


def archive(path: pathlib.Path) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(path.name + ".wasm", path.read_bytes())
    return out.getvalue()


def configure(redis: int, s3: int, options: str = OPTIONS, lease: int = LEASE) -> Config:
    parser = configparser.ConfigParser()
    parser.read_dict({
        "redis": {"host": "127.0.0.1", "port": str(redis)},
        "s3": {"address": f"http://127.0.0.1:{s3}", "access_key": "a", "secret_key": "b", "bucket": "karton"},
        "spoor": {"program": SPOOR, "options": options, "lease": str(lease)},
        # Tasks that are done stay, to be counted.
        "system": {"enable_gc": "0"},
    })
    with open(SCRATCH / "karton.ini", "w") as out:
        parser.write(out)
    return Config(str(SCRATCH / "karton.ini"))


class Pipeline:
    def __init__(self, services: Services) -> None:
        self.services = services
        self.redis_port, s3 = free_port(), free_port()
        self.gate = Gate(s3)
        self.s3_port = self.gate.port
        os.environ.update(AWS_EC2_METADATA_DISABLED="true", AWS_DEFAULT_REGION="us-east-1")
        self.redis = self.start_redis()
        services.start("moto_server", "-H", "127.0.0.1", "-p", str(s3), log="s3.log")
        until("the store answers", lambda: answers(s3), 60)
        boto3.client("s3", endpoint_url=f"http://127.0.0.1:{s3}", aws_access_key_id="a",
                     aws_secret_access_key="b").create_bucket(Bucket="karton")
        self.config = configure(self.redis_port, self.s3_port)
        self.start_system()
        self.producer = Producer(self.config, identity="test")
        self.backend = self.producer.backend

    def start_redis(self) -> subprocess.Popen[bytes]:
        redis = self.services.start(
            "redis-server", "--bind", "127.0.0.1", "--port", str(self.redis_port), "--dir", str(SCRATCH),
            "--appendonly", "yes", "--appendfsync", "always", "--save", "", log="redis.log")
        until("Redis answers", lambda: answers(self.redis_port), 60)
        return redis

    def start_system(self) -> None:
        config = str(SCRATCH / "karton.ini")
        self.system = self.services.start("karton-system", "--config-file", config, log="system.log")

    def start_consumer(self) -> subprocess.Popen[bytes]:
        config = str(SCRATCH / "karton.ini")
        return self.services.start("karton-spoor", "--config-file", config, log="consumer.log")

    def send(self, kind: str, name: str, data: bytes | None) -> str:
        return self.send_payload(kind, {} if data is None else {"sample": Resource(name, data)})

    def send_payload(self, kind: str, payload: dict[str, ResourceBase]) -> str:
        task = Task({"type": "sample", "stage": "recognized", "kind": kind}, payload=payload)
        self.producer.send_task(task)
        return str(task.uid)

    def tasks(self) -> list[Task]:
        try:
            return list(self.backend.iter_all_tasks(parse_resources=False))
        except Exception:
            return []

    def ours(self) -> list[Task]:
        """Tasks that were given to consumers."""
        return [task for task in self.tasks() if task.headers.get("receiver") == IDENTITY]

    def reports(self) -> collections.Counter[str]:
        """How often each of these was reported."""
        made = [task for task in self.tasks() if is_report(task)]
        return collections.Counter(str(task.parent_uid) for task in made)

    def is_done(self) -> bool:
        # It does not outlive Redis; whoever runs it starts it again.
        if self.system.poll() is not None:
            self.start_system()
        ended = (TaskState.FINISHED, TaskState.CRASHED)
        queued = self.backend.redis.llen("karton.tasks")
        return not queued and all(task.status in ended for task in self.ours())


def is_report(task: Task) -> bool:
    headers = task.headers
    return headers.get("stage") == "analyzed" and headers.get("origin") == IDENTITY and "receiver" not in headers


def expect(holds: object, what: str) -> None:
    print(("ok: " if holds else "FAILED: ") + what, flush=True)
    if not holds:
        for log in ("consumer.log", "system.log"):
            print("".join((SCRATCH / log).read_text(errors="replace").splitlines(True)[-40:]))
        sys.exit(1)


def each_once(pipeline: Pipeline, chosen: list[pathlib.Path]) -> None:
    consumers = [pipeline.start_consumer() for _ in range(2)]
    until("the service is known", lambda: pipeline.backend.get_bind(IDENTITY) if IDENTITY in {
        bind.identity for bind in pipeline.backend.get_binds()} else None, 60)
    sent = {pipeline.send("wasm", path.name, path.read_bytes()): path for path in chosen}
    page = "<script>m='AGFzbQEAAAABBQFgAAF/AwIBAAcFAQFmAAAKBgEEAEEHCw=='</script>".encode()
    others = [pipeline.send("archive", "a.zip", archive(chosen[-1])), pipeline.send("html", "page", page),
              pipeline.send("wasm", "junk", b"\0asm junk"), pipeline.send("dump", "dump", b"\1\2")]
    endless = pipeline.send("archive", "bomb.gz", bomb())
    others.append(endless)
    gone = RemoteResource("gone", bucket="karton", uid="gone", size=1, sha256="0" * 64)
    bad = [pipeline.send("wasm", "none", None), pipeline.send_payload("wasm", {"sample": gone})]
    until("everything is routed", lambda: not pipeline.backend.redis.llen("karton.tasks"))

    until("a quarter is reported", lambda: len(pipeline.reports()) >= len(sent) // 4)
    os.kill(consumers[0].pid, signal.SIGKILL)
    consumers[0].wait()
    consumers[0] = pipeline.start_consumer()
    until("a half is reported", lambda: len(pipeline.reports()) >= len(sent) // 2)
    pipeline.redis.kill()
    pipeline.redis.wait()
    time.sleep(2)
    pipeline.redis = pipeline.start_redis()
    until("five eighths are reported", lambda: len(pipeline.reports()) >= len(sent) * 5 // 8)
    pipeline.gate.close()
    time.sleep(3)
    pipeline.gate.open(delay=0.5)
    time.sleep(5)
    pipeline.gate.open()
    until("three quarters are reported", lambda: len(pipeline.reports()) >= len(sent) * 3 // 4)
    served = [pid for consumer in consumers for pid in children(consumer.pid)]
    for pid in served:
        os.kill(pid, signal.SIGKILL)
    expect(served, f"the store was away and slow, and children die: {len(served)}")
    until("everything is done", pipeline.is_done)
    until("everything is done, and stays so", pipeline.is_done)

    ours, reports = pipeline.ours(), pipeline.reports()
    crashed = [task for task in ours if task.status == TaskState.CRASHED]
    expect(sorted(task.root_uid for task in crashed) == sorted(pipeline_root(pipeline, uid) for uid in bad),
           f"tasks without a sample fail, and no other: {[(task.error or [''])[-1] for task in crashed]}")
    roots = collections.Counter(
        task.root_uid for task in ours for _ in range(reports[task.uid]) if task.orig_uid in {*sent, *others})
    wrong = {task.uid: reports[task.uid] for task in ours if reports[task.uid] != (task not in crashed)}
    expect(not wrong, f"{len(ours)} tasks, each reported once; not so: {wrong}")
    expect(sorted(roots.values()) == [1] * (len(sent) + len(others)), "and each sample that was sent")
    verdicts_agree(pipeline, sent)
    originals = {task.uid: task.orig_uid for task in ours}
    of_bomb = [task for task in pipeline.tasks()
               if is_report(task) and originals.get(str(task.parent_uid)) == endless]
    expect(of_bomb and any(tag in ("spoor:unpacked", "spoor:failure-cut", "spoor:failure-timeout")
                           for tag in of_bomb[0].get_payload("tags")),
           f"an archive without end has a report: {[task.get_payload('tags') for task in of_bomb]}")
    found = [task for task in pipeline.tasks() if task.headers.get("type") == "config"]
    expect(found, f"configurations were found: {len(found)}")
    for consumer in consumers:
        consumer.terminate()
        consumer.wait(60)
    expect(all(consumer.returncode == 0 for consumer in consumers), "consumers end when they are asked to")


def pipeline_root(pipeline: Pipeline, uid: str) -> str:
    task = pipeline.backend.get_task(uid)
    assert task is not None
    return str(task.root_uid)


def scanned(chosen: list[pathlib.Path], options: str = OPTIONS) -> tuple[dict[str, dict[str, object]], float]:
    """Rows of a scan by SHA-256, and the processor time that it took."""
    command = [SPOOR, "scan", "--json", "--jobs=1", *options.split(), *map(str, chosen)]
    with open(SCRATCH / "scan.jsonl", "wb") as out:
        scan = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
    _, _, usage = os.wait4(scan.pid, 0)
    lines = [json.loads(line) for line in open(SCRATCH / "scan.jsonl")]
    return {line["sha256"]: line for line in lines if line.get("verdict")}, usage.ru_utime + usage.ru_stime


def verdicts_agree(pipeline: Pipeline, sent: dict[str, pathlib.Path]) -> None:
    rows, _ = scanned(sorted(set(sent.values())))
    originals = {task.uid: task.orig_uid for task in pipeline.ours()}
    differ = []
    for task in pipeline.tasks():
        path = sent.get(str(originals.get(task.parent_uid)))
        if is_report(task) and path:
            row = rows[hashlib.sha256(path.read_bytes()).hexdigest()]
            if f"spoor:{str(row['verdict']).lower()}" not in task.get_payload("tags"):
                differ.append((path.name, row["verdict"], task.get_payload("tags")))
    expect(not differ, f"verdicts are those of a scan: {differ}")


def processor_time(process: subprocess.Popen[bytes]) -> float:
    """Of a process that was asked to end, and of all that it started."""
    process.terminate()
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    return usage.ru_utime + usage.ru_stime


def throughput(pipeline: Pipeline, chosen: list[pathlib.Path]) -> None:
    """Processor time of a consumer and all that it starts, beside that of a scan of the same samples.

    With the options that spoor has by default. Starting Python is not counted: a consumer runs for weeks.
    """
    different = list({path.read_bytes(): path for path in chosen}.values())
    chosen = different[:: max(1, len(different) // MEASURED)]
    _, scan = scanned(chosen, "")
    configure(pipeline.redis_port, pipeline.s3_port, "", 30)
    idle = pipeline.start_consumer()
    time.sleep(5)
    start = processor_time(idle)
    before = len(pipeline.reports())
    for path in chosen:
        pipeline.send("wasm", path.name, path.read_bytes())
    until("everything is routed", lambda: not pipeline.backend.redis.llen("karton.tasks"))
    busy = pipeline.start_consumer()
    until("everything is reported",
          lambda: len(pipeline.reports()) >= before + len(chosen) and pipeline.is_done())
    consumer = processor_time(busy) - start
    reported = len(pipeline.reports()) - before
    percent = 100 * (reported / consumer) / (len(chosen) / scan)
    print(f"processor time of {len(chosen)} samples: {scan:.1f} s in a scan, {consumer:.1f} s in Karton "
          f"({reported} tasks, with what was found in them; {start:.1f} s to start left out): "
          f"{percent:.0f} % of the throughput per core")


def main() -> None:
    services = Services()
    try:
        pipeline = Pipeline(services)
        chosen = files()
        print(f"{len(chosen)} samples", flush=True)
        started = time.monotonic()
        each_once(pipeline, chosen)
        print(f"{time.monotonic() - started:.0f} s", flush=True)
        throughput(pipeline, chosen)
    finally:
        services.end()


main()
