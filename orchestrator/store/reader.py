"""The threads that read the database, each with a connection of its own that it keeps.

A connection that met a fault is given up, so the next read opens the file as it is then.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from orchestrator.core.errors import OrchestratorError, StoreUnwritable, TimedOut

THREADS = 4

T = TypeVar("T")


class Reader:
    """Readers never wait for the writer."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="event-store-reader")
        self._here = threading.local()
        self._open: set[sqlite3.Connection] = set()

    async def look(self, work: Callable[[sqlite3.Connection], T], seconds: float) -> T:
        """What the work found.

        Raises:
            StoreUnwritable: the file cannot be read.
            TimedOut: the disk has not answered.
        """
        try:
            found = asyncio.get_running_loop().run_in_executor(self._pool, self._look, work)
        except RuntimeError as exc:
            raise StoreUnwritable("the event store is closed") from exc
        try:
            async with asyncio.timeout(seconds):
                return await found
        except TimeoutError as exc:
            raise TimedOut(f"the event store could not be read within {seconds:g} s") from exc

    def _look(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return work(self._connection())
        except OrchestratorError:
            raise
        except (sqlite3.Error, OSError, ValueError, LookupError, TypeError, ArithmeticError) as exc:
            self._give_up()
            raise StoreUnwritable(
                f"the event store cannot be read: {exc}",
                hint="`orchestrator doctor` looks at the disk and the file",
            ) from exc

    def _connection(self) -> sqlite3.Connection:
        kept: sqlite3.Connection | None = getattr(self._here, "connection", None)
        if kept is None:
            kept = self._here.connection = self._connect()
            self._open.add(kept)
        return kept

    def _give_up(self) -> None:
        kept: sqlite3.Connection | None = getattr(self._here, "connection", None)
        if kept is not None:
            self._here.connection = None
            self._open.discard(kept)
            _close(kept)

    async def close(self) -> None:
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)
        while self._open:
            _close(self._open.pop())


def _close(connection: sqlite3.Connection) -> None:
    with suppress(sqlite3.Error):  # it only read; there is nothing to lose
        connection.close()
