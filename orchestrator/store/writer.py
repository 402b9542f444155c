"""The one thread that writes to the database: takes what has queued up, and commits it together.

Each request is a savepoint of its own: one that fails is taken back alone. A caller hears of its request
after the commit, never before.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from orchestrator.core.errors import OrchestratorError, StoreUnwritable, TimedOut

LARGEST_GROUP = 256
ANSWER_SECONDS = 30.0

T = TypeVar("T")


@dataclass(slots=True)
class _Request:
    work: Callable[[sqlite3.Connection], Any]
    done: Future[Any] = field(default_factory=Future)


class Writer:
    """Its thread ends with `close`, which lets everything queued be written first."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._queue: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="event-store-writer", daemon=True)
        self._thread.start()

    async def ask(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What the work returned, once it is committed.

        Raises:
            StoreUnwritable: nothing of it was stored.
            TimedOut: the disk has not answered; whether it is stored will be seen.
        """
        request = _Request(work)
        self._queue.put(request)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer: T = await asyncio.wrap_future(request.done)
        except TimeoutError as exc:
            raise TimedOut(f"the event store did not answer within {ANSWER_SECONDS:.0f} s") from exc
        return answer

    async def close(self) -> None:
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join, ANSWER_SECONDS)

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        while (group := self._next_group()) is not None:
            try:
                connection = connection or self._connect()
                self._commit(connection, group)
            except (sqlite3.Error, OSError, OrchestratorError) as exc:
                _fail(group, exc)
                if connection is not None:
                    connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def _next_group(self) -> list[_Request] | None:
        first = self._queue.get()
        if first is None:
            return None
        group = [first]
        while len(group) < LARGEST_GROUP:
            try:
                following = self._queue.get_nowait()
            except queue.Empty:
                break
            if following is None:
                self._queue.put(None)
                break
            group.append(following)
        return group

    def _commit(self, connection: sqlite3.Connection, group: list[_Request]) -> None:
        connection.execute("begin immediate")
        try:
            answers = [(request, _one(connection, request)) for request in group]
            connection.execute("commit")
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise
        for request, answer in answers:
            _settle(request.done, answer)


def _one(connection: sqlite3.Connection, request: _Request) -> Any:
    """The answer, or the exception that took this request alone back."""
    connection.execute("savepoint request")
    try:
        answer = request.work(connection)
    except (OrchestratorError, sqlite3.IntegrityError, ValueError) as exc:
        connection.execute("rollback to request")
        answer = exc if isinstance(exc, OrchestratorError) else _unwritable(exc)
    connection.execute("release request")
    return answer


def _settle(done: Future[Any], answer: Any) -> None:
    if not done.set_running_or_notify_cancel():
        return
    if isinstance(answer, OrchestratorError):
        done.set_exception(answer)
    else:
        done.set_result(answer)


def _fail(group: list[_Request], exc: Exception) -> None:
    fault = exc if isinstance(exc, OrchestratorError) else _unwritable(exc)
    for request in group:
        _settle(request.done, fault)


def _unwritable(exc: Exception) -> StoreUnwritable:
    fault = StoreUnwritable(
        f"the event store cannot be written: {exc}",
        hint="`orchestrator doctor` looks at the disk and the file",
    )
    fault.__cause__ = exc
    return fault
