"""The store's writing and reading threads, and those who ask them."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable

import pytest

from orchestrator.core.errors import OrchestratorError, StoreUnwritable, TimedOut
from orchestrator.store.database import SqliteEventStore
from orchestrator.store.reader import THREADS, Reader
from orchestrator.store.writer import Writer
from orchestrator.testing.examples import SESSION_ID, a_draft, a_session
from orchestrator.testing.waiting import until
from tests.integration.store_stage import opened

__all__ = ["opened"]


async def test_a_caller_that_leaves_before_its_turn_stores_nothing(
    opened: Callable[[], SqliteEventStore],
) -> None:
    """And disturbs nobody; one that leaves later leaves a whole commit."""
    store = opened()
    await store.append(a_session(), [a_draft("first")])
    held, going = threading.Event(), threading.Event()

    def slow(_: sqlite3.Connection) -> None:
        held.set()
        going.wait(20)

    holding = asyncio.create_task(store._writer.ask(slow))
    await asyncio.to_thread(held.wait, 20)
    leaving = asyncio.create_task(store.append(a_session(), [a_draft("left")]))
    staying = asyncio.create_task(store.append(a_session(), [a_draft("stayed")]))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    holding.cancel()
    going.set()
    assert [e.seq for e in await staying] == [2]
    assert [e.draft.text for e in (await store.read(SESSION_ID, 0, 9)).envelopes] == ["first", "stayed"]


async def test_a_disk_that_does_not_answer_ends_in_time() -> None:
    """What waited its turn was not stored, and says so; of what had begun nobody knows."""
    held, going = threading.Event(), threading.Event()
    writer = Writer(lambda: sqlite3.connect(":memory:", isolation_level=None), answer_seconds=0.2)

    def slow(_: sqlite3.Connection) -> None:
        held.set()
        going.wait(20)

    begun = asyncio.create_task(writer.ask(slow))
    await asyncio.to_thread(held.wait, 20)
    done: list[int] = []
    with pytest.raises(StoreUnwritable, match="nothing was stored"):
        await writer.ask(lambda _: done.append(1))
    with pytest.raises(TimedOut):
        await begun
    with pytest.raises(TimedOut):
        await writer.close()
    going.set()
    await until(lambda: not writer._thread.is_alive())
    assert done == []


async def test_a_writer_outlives_whatever_is_thrown_at_it() -> None:
    """A bug in one request, or in opening, ends neither the thread nor the requests beside it."""
    faults = [RuntimeError("opening"), sqlite3.OperationalError("opening"), None]

    def connect() -> sqlite3.Connection:
        fault = faults.pop(0)
        if fault is not None:
            raise fault
        return sqlite3.connect(":memory:", isolation_level=None)

    def buggy(_: sqlite3.Connection) -> int:
        raise RuntimeError("a bug")

    writer = Writer(connect)
    for _ in range(2):
        with pytest.raises(StoreUnwritable, match="opening"):
            await writer.ask(lambda _: 1)
    said = await asyncio.gather(
        writer.ask(lambda _: 1), writer.ask(buggy), writer.ask(lambda _: 2), return_exceptions=True
    )
    assert (said[0], said[2]) == (1, 2)
    assert isinstance(said[1], OrchestratorError)
    await writer.close()


async def test_a_reader_that_met_a_fault_opens_the_file_anew() -> None:
    """And one that did not keeps its connection."""
    opened = 0

    def connect() -> sqlite3.Connection:
        nonlocal opened
        opened += 1
        return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)

    def broken(_: sqlite3.Connection) -> None:
        raise sqlite3.DatabaseError("malformed")

    reader = Reader(connect)
    for _ in range(20):
        await reader.look(lambda c: c.execute("select 1").fetchone(), 20.0)
    kept = opened
    assert kept <= THREADS
    for _ in range(20):
        with pytest.raises(StoreUnwritable, match="malformed"):
            await reader.look(broken, 20.0)
    assert opened >= kept + 15
    await reader.close()
