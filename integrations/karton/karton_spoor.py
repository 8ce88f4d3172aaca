"""A Karton service that analyses WebAssembly, and whatever may hold it, with `spoor serve`.

Karton takes a task from its queue before it is done, so a service that is killed loses it. Here a task is
claimed with a lease that is renewed as long as its consumer lives. What it gives (child tasks, and its own
end) is published in one transaction, and only by who holds the claim. Any consumer that is idle puts tasks
back into the queue that nobody holds. So each task is reported exactly once, whoever dies in between.
"""

from __future__ import annotations

import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Event, Thread
from typing import Any, TypeVar

import redis
from botocore.exceptions import BotoCoreError, ClientError
from karton.core import Config, Karton, Resource, Task
from karton.core.backend import KARTON_TASKS_QUEUE
from karton.core.resource import LocalResource, ResourceBase
from karton.core.task import TaskState
from spoor_serve import Answer, File, Spoor, SpoorError

# Generations of modules within modules that are followed: one that builds itself would have no end.
MAX_DEPTH = 8
# Child tasks of one task: an archive of more is for `spoor scan`.
MAX_CHILDREN = 1000
# Kinds of indicators that make a configuration of a miner or a bot.
CONFIG_KINDS = {
    "url": "urls", "webhook": "urls", "pool_protocol": "pools", "wallet": "wallets", "domain": "domains",
    "onion": "domains", "ipv4": "addresses", "ipv6": "addresses",
}
# Who has this key looks for lost tasks.
SWEEPER = "karton.spoor:sweeper"
T = TypeVar("T")
# A transaction that was begun when Redis went away, or while the lease was renewed, is begun again.
AWAY = (redis.ConnectionError, redis.TimeoutError, redis.WatchError, BotoCoreError, ClientError)


class Lost(Exception):
    """The lease ran out, and somebody else has the task."""


class KartonSpoor(Karton):
    """Analyses WebAssembly modules, and looks for them in archives, pages, scripts and dumps."""

    identity = "karton.spoor"
    version = "0.1.0"
    filters = [
        {"type": "sample", "stage": "recognized", "kind": kind}
        for kind in ("wasm", "archive", "html", "script", "dump", "document")
    ]

    def __init__(self, config: Config | None = None, **keywords: Any) -> None:
        super().__init__(config=config, **keywords)
        options = self.config.get("spoor", "options", "") or ""
        self._program = self.config.get("spoor", "program", "spoor") or "spoor"
        self._options = options.split()
        self.lease = self.config.getint("spoor", "lease", 30) or 30
        self._token = uuid.uuid4().hex
        self._spoor: Spoor | None = None
        self._next_sweep = 0.0
        self._missing: dict[str, float] = {}

    # What a sample gives

    def process(self, task: Task) -> None:
        """Analyses the sample of a task and publishes what came of it."""
        resource = task.get_resource("sample")
        answer = self.analyse(self._until_there(lambda: self._fetch(resource)))
        self._publish(task, [self.report(task, resource, answer), *self.children(task, answer)])

    def analyse(self, sample: bytes) -> Answer:
        """One that ended `spoor serve` itself is tried once more: something else may have killed it."""
        for last in (False, True):
            try:
                self._spoor = self._spoor or Spoor(self._program, self._options)
                answer = self._spoor.analyse(sample)
                if answer.result != "not_run":
                    return answer
                error = SpoorError(f"not run: {answer.failure}")
            except SpoorError as failed:
                error = failed
            self._close()
            if last:
                raise error
        raise AssertionError

    def report(self, task: Task, sample: ResourceBase, answer: Answer) -> Task:
        """The sample with what is known of it, as MWDB's reporter takes it."""
        row = answer.row or {}
        tags = [f"spoor:{answer.result}"]
        if row.get("verdict"):
            tags.append(f"spoor:{row['verdict'].lower()}")
        if row.get("family"):
            tags.append(f"family:{row['family']}")
        if answer.failure:
            tags.append(f"spoor:failure-{answer.failure['kind']}")
        attributes = {
            "spoor-verdict": [row["verdict"]] if row.get("verdict") else [],
            "spoor-score": [row["score"]] if row.get("verdict") else [],
            "attack": row.get("attack", []),
        }
        payload: dict[str, Any] = {
            "sample": sample,
            "tags": tags,
            "attributes": {name: values for name, values in attributes.items() if values},
            "failure": answer.failure,
        }
        if answer.report_json is not None:
            payload["report"] = Resource("report.json", answer.report_json)
        headers = {"type": "sample", "stage": "analyzed", "kind": task.headers.get("kind", "wasm")}
        return Task(headers, payload=payload)

    def children(self, task: Task, answer: Answer) -> Iterator[Task]:
        """Modules and files that were found, and the configuration."""
        depth = int(task.get_payload("spoor_depth", 0))
        seen = {answer.sha256}
        given = 0
        for file in answer.files if depth < MAX_DEPTH else []:
            # Karton has no resources without a byte.
            is_nothing = not file.data or file.kind in ("stdout", "stderr")
            if is_nothing or file.sha256 in seen or given == MAX_CHILDREN:
                continue
            seen.add(file.sha256)
            given += 1
            yield _child(file, depth)
        config = _config(answer)
        if config:
            family = (answer.row or {}).get("family") or "wasm"
            headers = {"type": "config", "kind": "static", "family": family}
            yield Task(headers, payload={"config": config, "sample": task.get_resource("sample")})

    def _fetch(self, resource: ResourceBase) -> bytes:
        if resource.bucket is None:
            raise ValueError("the sample is in no bucket")
        try:
            return self.backend.download_object(resource.bucket, resource.uid)
        except ClientError as error:
            # A store that answers so is not away.
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500) < 500:
                raise ValueError(f"the sample is not in the store: {error}") from error
            raise

    # Leases

    def internal_process(self, task: Task) -> None:
        """In place of Karton's own, which takes what it popped for done."""
        current = self._claim(task)
        if current is None:
            return
        try:
            with self._renewed(task):
                self.process(current)
        except Lost:
            self.log.warning("Task %s was taken over by another consumer", task.uid)
        except AWAY:
            # Nothing was published; when the lease is over, somebody does it again.
            self.log.warning("Redis or the store is away; task %s is left for later", task.uid)
            raise
        except Exception:
            self.log.exception("Task %s has failed", task.uid)
            current.error = traceback.format_exc().splitlines()
            self._publish(current, [], TaskState.CRASHED)

    def _claim(self, task: Task) -> Task | None:
        """The task as it stands, if it is to be done and nobody does it."""
        if not self.backend.redis.set(_claim_key(task), self._token, nx=True, ex=self.lease):
            return None
        current = self.backend.get_task(task.uid)
        if current is None or current.status not in (TaskState.SPAWNED, TaskState.STARTED):
            self.backend.redis.delete(_claim_key(task))
            return None
        self.backend.set_task_status(current, TaskState.STARTED)
        return current

    @contextmanager
    def _renewed(self, task: Task) -> Iterator[None]:
        over = Event()

        def renew() -> None:
            while not over.wait(self.lease / 3):
                try:
                    self.backend.redis.expire(_claim_key(task), self.lease)
                except AWAY:
                    pass

        thread = Thread(target=renew, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _publish(
        self, task: Task, children: list[Task], status: TaskState = TaskState.FINISHED
    ) -> None:
        """Publishes children and the end of a task: all or nothing, and once."""
        for child in children:
            child.set_task_parent(task)
            child.merge_persistent_payload(task)
            child.merge_persistent_headers(task)
            child.priority = task.priority
            child.last_update = time.time()
            child.headers["origin"] = self.identity
            for resource in child.iterate_resources():
                if isinstance(resource, LocalResource):
                    resource.bucket = resource.bucket or self.backend.default_bucket_name
                    self._until_there(partial(resource.upload, self.backend))
        self._until_there(lambda: self._commit(task, children, status))

    def _commit(self, task: Task, children: list[Task], status: TaskState) -> None:
        with self.backend.redis.pipeline(transaction=True) as pipe:
            pipe.watch(_claim_key(task))  # type: ignore[no-untyped-call]
            if pipe.get(_claim_key(task)) != self._token:
                ended = self.backend.get_task(task.uid)
                # It may have been this very transaction, whose answer was lost.
                if ended is not None and ended.status == status and ended.error == task.error:
                    return
                raise Lost
            pipe.multi()
            for child in children:
                self.backend.register_task(child, pipe=pipe)
                pipe.rpush(KARTON_TASKS_QUEUE, child.uid)
            self.backend.set_task_status(task, status, pipe=pipe)
            pipe.delete(_claim_key(task))
            try:
                pipe.execute()
            except AWAY:
                task.status = TaskState.STARTED
                raise

    def _until_there(self, act: Callable[[], T]) -> T:
        """Acts again as long as Redis or the store is away, for two leases at most."""
        until = time.monotonic() + 2 * self.lease
        while True:
            try:
                return act()
            except AWAY:
                if time.monotonic() > until or self.shutdown:
                    raise
                time.sleep(0.5)

    def sweep(self) -> None:
        """Puts tasks back that are in no queue and that nobody has had for a lease."""
        queued = {
            uid
            for queue in self.backend.get_queue_names(self.identity)
            for uid in self.backend.get_task_ids_from_queue(queue)
        }
        now, missing = time.monotonic(), {}
        for task in self.backend.iter_all_tasks(parse_resources=False):
            is_ours = task.headers.get("receiver") == self.identity
            is_open = task.status in (TaskState.SPAWNED, TaskState.STARTED)
            if is_ours and is_open and task.uid not in queued:
                if not self.backend.redis.exists(_claim_key(task)):
                    missing[task.uid] = self._missing.get(task.uid, now)
                    if now - missing[task.uid] >= self.lease / 2:
                        self.log.warning("Task %s was lost, and is queued again", task.uid)
                        self.backend.produce_routed_task(self.identity, task)
                        del missing[task.uid]
        self._missing = missing

    def loop(self) -> None:
        """Karton's loop, which goes on when Redis comes back, and sweeps."""
        self._until_forever(lambda: self.backend.register_bind(self._bind))
        with self.graceful_killer():
            while not self.shutdown:
                self._until_forever(self._turn)
        self._close()

    def _turn(self) -> None:
        if self.backend.get_bind(self.identity) != self._bind:
            self.log.info("Binds changed, shutting down")
            self._shutdown = True
            return
        started = time.monotonic()
        if started > self._next_sweep:
            # It looks at all tasks, so one consumer does it for all, and takes a fiftieth of its time.
            if self.backend.redis.set(SWEEPER, self._token, nx=True, px=int(self.lease * 200)):
                self.sweep()
            took = time.monotonic() - started
            self._next_sweep = started + max(self.lease / 4, 50 * took)
        task = self.backend.consume_routed_task(self.identity, timeout=2)
        if task:
            self.internal_process(task)

    def _until_forever(self, act: Callable[[], Any]) -> None:
        while not self.shutdown:
            try:
                act()
                return
            except AWAY as error:
                self.log.warning("Redis or the store is away: %s", error)
                time.sleep(1)

    def _close(self) -> None:
        if self._spoor:
            self._spoor.close()
        self._spoor = None


def _claim_key(task: Task) -> str:
    return f"karton.spoor:claim:{task.uid}"


def _child(file: File, depth: int) -> Task:
    """A module is analysed in its turn; anything else is for a classifier."""
    headers = {"type": "sample", "kind": "raw"}
    if file.kind == "module":
        headers = {"type": "sample", "stage": "recognized", "kind": "wasm"}
    name = (file.name or "").rsplit("/", 1)[-1] or file.sha256
    where = f"spoor:{file.inside[-1].split(':')[0].split('@')[0]}" if file.inside else f"spoor:{file.kind}"
    payload = {"sample": Resource(name, file.data), "tags": [where], "spoor_depth": depth + 1}
    return Task(headers, payload=payload)


def _config(answer: Answer) -> dict[str, list[str]]:
    """Pools, wallets, addresses of a sample that is malicious."""
    if (answer.row or {}).get("verdict") not in ("MALICIOUS", "SUSPICIOUS", "POTENTIALLY_UNWANTED"):
        return {}
    config: dict[str, list[str]] = {}
    for ioc in (answer.report or {}).get("iocs", []):
        key = CONFIG_KINDS.get(ioc.get("kind"))
        if key and ioc["value"] not in config.setdefault(key, []):
            config[key].append(ioc["value"])
    return {key: values for key, values in config.items() if values}


def main() -> None:
    """What the command `karton-spoor` does."""
    KartonSpoor.main()


if __name__ == "__main__":
    main()
