"""How the database is opened: no test can cut the power, so what guards against it is looked at."""

import sqlite3
from pathlib import Path

from orchestrator.store.database import SqliteEventStore

FULL = 2


async def test_what_is_answered_is_on_the_disk(tmp_path: Path) -> None:
    """The log in front, synced at every commit; without, a power failure would take answered events."""
    store = SqliteEventStore(tmp_path / "events.db")

    def settings(connection: sqlite3.Connection) -> tuple[str, int]:
        journal = connection.execute("pragma journal_mode").fetchone()[0]
        return journal, connection.execute("pragma synchronous").fetchone()[0]

    assert await store._writer.ask(settings) == ("wal", FULL)
    await store.close()


def modes(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in folder.iterdir()}


async def test_the_database_is_for_its_owners_eyes(tmp_path: Path) -> None:
    """Nobody else of the host may read what was said; the log in front neither."""
    store = SqliteEventStore(tmp_path / "events.db")
    assert await store.check() == []
    assert modes(tmp_path) == {0o600}
    await store.close()
