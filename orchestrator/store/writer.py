"""The one thread that writes to the database: takes what has queued up, and commits it together.

Each request is a savepoint of its own: one that fails is taken back alone. A caller hears of its request
after the commit, never before. Whatever goes wrong, the thread goes on, with a new connection.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from orchestrator.core.errors import InvalidInput, OrchestratorError, StoreUnwritable, TimedOut

LARGEST_GROUP = 256
ANSWER_SECONDS = 30.0
#: Faults of one request's own values; every other one of SQLite is a fault of the file or the disk.
_OWN = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.InterfaceError)

T = TypeVar("T")


@dataclass(slots=True)
class _Request:
    work: Callable[[sqlite3.Connection], Any]
    done: Future[Any] = field(default_factory=Future)


class Writer:
    """Its thread ends with `close`, which lets everything queued be written first."""

    def __init__(
        self, connect: Callable[[], sqlite3.Connection], *, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        self._connect = connect
        self._answer_seconds = answer_seconds
        self._queue: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="event-store-writer", daemon=True)
        self._thread.start()

    async def ask(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What the work returned, once it is committed. A caller that leaves before its turn stores nothing.

        Raises:
            StoreUnwritable: nothing of it was stored.
            InvalidInput: nothing of it was stored, and it never will be.
            TimedOut: the disk has not answered; whether it is stored will be seen.
        """
        request = _Request(work)
        self._put(request)
        try:
            async with asyncio.timeout(self._answer_seconds):
                answer: T = await asyncio.wrap_future(request.done)
        except TimeoutError as exc:
            late = f"the event store did not answer within {self._answer_seconds:g} s"
            if request.done.cancel():
                raise StoreUnwritable(f"{late}; nothing was stored") from exc
            raise TimedOut(late) from exc
        finally:
            request.done.cancel()
        return answer

    def _put(self, request: _Request) -> None:
        with self._gate:
            if self._closed:
                raise StoreUnwritable("the event store is closed")
            self._queue.put(request)

    async def close(self) -> None:
        """Let what is queued be written, and end.

        Raises:
            TimedOut: the disk did not answer; the thread goes on alone.
        """
        with self._gate:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        await asyncio.to_thread(self._thread.join, self._answer_seconds)
        if self._thread.is_alive():
            raise TimedOut(f"the event store did not close within {self._answer_seconds:g} s")

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        while (group := self._next_group()) is not None:
            try:
                connection = connection or self._connect()
                answers = _committed(connection, group)
            except Exception as exc:  # noqa: BLE001 - each caller hears of it, whatever it is, and the thread goes on
                fault = exc if isinstance(exc, OrchestratorError) else _unwritable(exc)
                answers = [fault] * len(group)
                _let_go(connection)
                connection = None
            for request, answer in zip(group, answers, strict=True):
                _settle(request.done, answer)
        _let_go(connection)

    def _next_group(self) -> list[_Request] | None:
        """What has queued up, without what its callers have left; None at the end."""
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
                self._queue.put(None)  # nothing comes behind it any more
                break
            group.append(following)
        return [request for request in group if request.done.set_running_or_notify_cancel()]


def _committed(connection: sqlite3.Connection, group: list[_Request]) -> list[Any]:
    """An answer for each request, the exception that took it back alone included."""
    if not group:
        return []
    connection.execute("begin immediate")
    try:
        answers = [_one(connection, request) for request in group]
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise
    return answers


def _one(connection: sqlite3.Connection, request: _Request) -> Any:
    connection.execute("savepoint request")
    try:
        answer = request.work(connection)
    except Exception as exc:
        if isinstance(exc, sqlite3.Error) and not isinstance(exc, _OWN):
            raise
        connection.execute("rollback to request")
        answer = exc if isinstance(exc, OrchestratorError) else _unstorable(exc)
    connection.execute("release request")
    return answer


def _settle(done: Future[Any], answer: Any) -> None:
    if isinstance(answer, OrchestratorError):
        done.set_exception(answer)
    else:
        done.set_result(answer)


def _let_go(connection: sqlite3.Connection | None) -> None:
    if connection is not None:
        with suppress(sqlite3.Error):  # its callers know already; what was committed stays in the WAL
            connection.close()


def _unwritable(exc: Exception) -> StoreUnwritable:
    fault = StoreUnwritable(
        f"the event store cannot be written: {exc}",
        hint="`orchestrator doctor` looks at the disk and the file",
    )
    fault.__cause__ = exc
    return fault


def _unstorable(exc: Exception) -> InvalidInput:
    fault = InvalidInput(f"the event store cannot hold this: {exc}")
    fault.__cause__ = exc
    return fault
