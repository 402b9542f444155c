"""A store file that is damaged, replaced, locked, or of another program: errors of ours, and nothing lost."""

import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from orchestrator.core.errors import OrchestratorError, StoreUnwritable
from orchestrator.store.database import SqliteEventStore
from orchestrator.store.migrations import scripts
from orchestrator.testing.examples import SESSION_ID, a_draft, a_receipt, a_session
from tests.integration.store_stage import opened

__all__ = ["opened"]


async def test_garbage_is_never_taken_for_a_store(
    tmp_path: Path, opened: Callable[[], SqliteEventStore]
) -> None:
    """Every call says that it cannot; the garbage is left as it is, and a healed file is taken up again."""
    path = tmp_path / "events.db"
    first = opened()
    await first.append(a_session(), [a_draft("kept")])
    await first.close()
    good, bad = path.read_bytes(), b"this is no database" * 1000
    path.write_bytes(bad)
    store = opened()
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: store.append(a_session(), [a_draft("x")]),
        lambda: store.read(SESSION_ID, 0, 1),
        lambda: store.latest(SESSION_ID, 1),
        lambda: store.turn(SESSION_ID, "t1"),
        lambda: store.standing(SESSION_ID),
        lambda: store.checkpoint(SESSION_ID),
        lambda: store.receipts(SESSION_ID),
        lambda: store.forget(SESSION_ID),
        store.check,
    ]
    for call in calls:
        with pytest.raises(StoreUnwritable, match="not a database"):
            await call()
    assert path.read_bytes() == bad
    path.write_bytes(good)
    assert [e.seq for e in await store.append(a_session(), [a_draft("x")])] == [2]
    assert len((await store.read(SESSION_ID, 0, 9)).envelopes) == 2


@pytest.mark.parametrize("seed", range(8))
async def test_a_store_that_is_overwritten_while_it_is_open_raises_our_errors_only(
    tmp_path: Path, opened: Callable[[], SqliteEventStore], seed: int
) -> None:
    """Whatever of it is damaged, and whatever is asked then."""
    path = tmp_path / "events.db"
    first = opened()
    await first.append(a_session(), [a_draft("x" * 5000) for _ in range(20)], receipts=[a_receipt("m")])
    await first.close()
    store = opened()
    await store.read(SESSION_ID, 0, 1)
    data = bytearray(path.read_bytes())
    for place in range(seed * 512, len(data), 4096):
        data[place : place + 64] = bytes([seed + 1] * 64)
    path.write_bytes(data)
    for call in (store.append(a_session(), [a_draft("y")]), store.read(SESSION_ID, 0, 99), store.check()):
        try:
            await call
        except OrchestratorError as exc:
            assert isinstance(exc, StoreUnwritable)  # noqa: PT017 - not raising is fine as well


async def test_a_row_that_cannot_be_read_is_an_error_of_ours(
    tmp_path: Path, opened: Callable[[], SqliteEventStore]
) -> None:
    """The others still can."""
    store = opened()
    await store.append(a_session(), [a_draft("a"), a_draft("b")], receipts=[a_receipt("m")])
    with sqlite3.connect(tmp_path / "events.db") as other:
        other.execute("update events set envelope = '{}' where seq = 1")
        other.execute("update outbox set receipt = 'x'")
    other.close()
    with pytest.raises(StoreUnwritable, match="cannot be read"):
        await store.read(SESSION_ID, 0, 9)
    with pytest.raises(StoreUnwritable, match="cannot be read"):
        await store.receipt("m")
    assert len((await store.read(SESSION_ID, 1, 9)).envelopes) == 1


async def test_a_missing_event_is_found(tmp_path: Path, opened: Callable[[], SqliteEventStore]) -> None:
    """`check` names the session and the numbers, in the middle and at the end."""
    store = opened()
    for name in ("abc0123456", "xyz0123456"):
        await store.append(a_session(name), [a_draft(t) for t in "abc"])
    with sqlite3.connect(tmp_path / "events.db") as other:
        other.execute("delete from events where session_id = 'abc0123456' and seq = 2")
        other.execute("delete from events where session_id = 'xyz0123456' and seq = 3")
    other.close()
    faults = await store.check()
    assert [fault.split(":")[0] for fault in faults] == ["abc0123456", "xyz0123456"]


async def test_a_store_of_a_newer_program_is_refused(
    tmp_path: Path, opened: Callable[[], SqliteEventStore]
) -> None:
    """For reading and for writing, and nothing in it is changed."""
    with sqlite3.connect(tmp_path / "events.db") as other:
        other.execute(f"pragma user_version = {len(scripts()) + 1}")
    other.close()
    store = opened()
    for call in (store.append(a_session(), [a_draft("x")]), store.read(SESSION_ID, 0, 1)):
        with pytest.raises(StoreUnwritable, match="version") as told:
            await call
        assert "newer" in told.value.hint
    with sqlite3.connect(tmp_path / "events.db") as other:
        assert other.execute("select count(*) from sqlite_master").fetchone() == (0,)
    other.close()


async def test_a_store_that_another_program_locks_says_so_and_goes_on(
    tmp_path: Path, opened: Callable[[], SqliteEventStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading is not disturbed meanwhile."""
    monkeypatch.setattr("orchestrator.store.database.BUSY_SECONDS", 0.1)
    store = opened()
    await store.append(a_session(), [a_draft("a")])
    other = sqlite3.connect(tmp_path / "events.db", isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(StoreUnwritable, match="locked"):
        await store.append(a_session(), [a_draft("b")])
    assert len((await store.read(SESSION_ID, 0, 9)).envelopes) == 1
    other.execute("rollback")
    other.close()
    assert [e.seq for e in await store.append(a_session(), [a_draft("b")])] == [2]


@pytest.mark.parametrize("gone", ["removed", "replaced"])
async def test_a_file_that_went_takes_no_commit(
    tmp_path: Path, opened: Callable[[], SqliteEventStore], gone: str
) -> None:
    """Else all would be answered and nothing kept."""
    store = opened()
    await store.append(a_session(), [a_draft("a")])
    path = tmp_path / "events.db"
    path.rename(tmp_path / "away.db")
    if gone == "replaced":
        path.write_bytes(b"")
    with pytest.raises(StoreUnwritable):
        await store.append(a_session(), [a_draft("b")])
