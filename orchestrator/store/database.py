"""Events, checkpoints and the outbox in one SQLite file: the `EventStore` port.

WAL with `synchronous=FULL`: what was answered is on the disk. One thread writes, readers do not wait for it.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from orchestrator.core.envelope import Draft, Envelope
from orchestrator.core.errors import ReceiptNotFound, StoreUnwritable
from orchestrator.core.ports import Checkpoint, Page
from orchestrator.core.receipt import Receipt
from orchestrator.core.session import Session
from orchestrator.store.migrations import migrate
from orchestrator.store.rows import envelope_from, envelope_text, receipt_from, receipt_text
from orchestrator.store.writer import Writer

BUSY_SECONDS = 5.0
INGESTION = "ingestion"
_FINAL = ("committed", "failed")
LATEST = """
select envelope from (select seq, envelope from events where session_id = ? order by seq desc limit ?)
order by seq
"""

T = TypeVar("T")


class SqliteEventStore:
    """Opened on its first use; a file of a newer program is refused."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = Writer(self._open)

    async def append(
        self,
        session: Session,
        drafts: Sequence[Draft],
        *,
        checkpoint: Checkpoint | None = None,
        receipts: Sequence[Receipt] = (),
    ) -> list[Envelope]:
        """Store all of it or nothing; nothing, too, where the stored checkpoint is not behind this one."""

        def work(connection: sqlite3.Connection) -> list[Envelope]:
            if checkpoint is not None and not _advance(connection, session.session_id, checkpoint):
                return []
            for receipt in receipts:
                _put_receipt(connection, receipt)
            return _put_events(connection, session, drafts)

        return await self._writer.ask(work)

    async def read(self, session_id: str, since_seq: int, limit: int) -> Page:
        sql = "select envelope from events where session_id = ? and seq > ? order by seq limit ?"
        return await self._page(session_id, sql, (session_id, since_seq, limit), since_seq)

    async def latest(self, session_id: str, limit: int) -> Page:
        return await self._page(session_id, LATEST, (session_id, limit), 0)

    async def _page(self, session_id: str, sql: str, values: tuple[object, ...], since_seq: int) -> Page:
        def work(connection: sqlite3.Connection) -> Page:
            found = tuple(envelope_from(text) for (text,) in connection.execute(sql, values))
            oldest = connection.execute("select min(seq) from events where session_id = ?", (session_id,))
            last = found[-1].seq if found else max(since_seq, 0)
            return Page(envelopes=found, next_seq=last, oldest_seq=oldest.fetchone()[0] or 0)

        return await self._look(work)

    async def checkpoint(self, session_id: str) -> Checkpoint:
        return await self._look(lambda connection: _checkpoint(connection, session_id))

    async def receipt(self, message_id: str) -> Receipt:
        def work(connection: sqlite3.Connection) -> Receipt:
            row = connection.execute(
                "select receipt from outbox where message_id = ?", (message_id,)
            ).fetchone()
            if row is None:
                raise ReceiptNotFound(f"no message has the id {message_id!r}")
            return receipt_from(row[0])

        return await self._look(work)

    async def receipts(self, session_id: str, *, open_only: bool = False) -> list[Receipt]:
        states = " and state not in (?, ?)" if open_only else ""
        sql = f"select receipt from outbox where session_id = ?{states} order by position, message_id"  # noqa: S608 - no value in it
        values = (session_id, *_FINAL) if open_only else (session_id,)
        return await self._look(lambda c: [receipt_from(text) for (text,) in c.execute(sql, values)])

    async def forget(self, session_id: str) -> None:
        def work(connection: sqlite3.Connection) -> None:
            for table in ("events", "last_seq", "codex_event_checkpoints", "outbox"):
                connection.execute(f"delete from {table} where session_id = ?", (session_id,))  # noqa: S608 - our own names

        await self._writer.ask(work)

    async def check(self) -> list[str]:
        def work(connection: sqlite3.Connection) -> list[str]:
            said = [row[0] for row in connection.execute("pragma quick_check")]
            faults = [] if said == ["ok"] else said
            holes = connection.execute(
                "select session_id, count(*), min(seq), max(seq) from events group by session_id"
            )
            return faults + [
                f"{name}: {last - first + 1 - count} events are missing between {first} and {last}"
                for name, count, first, last in holes
                if count != last - first + 1
            ]

        return await self._look(work)

    async def close(self) -> None:
        await self._writer.close()

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        migrate(connection)
        return connection

    async def _look(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.to_thread(self._read_with, work)

    def _read_with(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            with self._reader() as connection:
                return work(connection)
        except sqlite3.Error as exc:
            raise StoreUnwritable(f"the event store cannot be read: {exc}") from exc

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        if not self._path.exists():
            self._open().close()
        connection = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=BUSY_SECONDS)
        try:
            yield connection
        finally:
            connection.close()


def _checkpoint(connection: sqlite3.Connection, session_id: str) -> Checkpoint:
    row = connection.execute(
        "select byte_offset, inode, line from codex_event_checkpoints where consumer = ? and session_id = ?",
        (INGESTION, session_id),
    ).fetchone()
    return Checkpoint(offset=row[0], inode=row[1], line=row[2]) if row else Checkpoint()


def _advance(connection: sqlite3.Connection, session_id: str, new: Checkpoint) -> bool:
    """Whether the checkpoint moved; one that is not ahead of the stored one is an append made twice."""
    old = _checkpoint(connection, session_id)
    if old.inode == new.inode and new.offset <= old.offset and new.line <= old.line:
        return False
    connection.execute(
        "insert or replace into codex_event_checkpoints values (?, ?, ?, ?, ?)",
        (INGESTION, session_id, new.offset, new.inode, new.line),
    )
    return True


def _put_receipt(connection: sqlite3.Connection, receipt: Receipt) -> None:
    connection.execute(
        "insert or replace into outbox values (?, ?, ?, ?, ?)",
        (
            receipt.message_id,
            receipt.session_id,
            receipt.position,
            receipt.state.value,
            receipt_text(receipt),
        ),
    )


def _put_events(connection: sqlite3.Connection, session: Session, drafts: Sequence[Draft]) -> list[Envelope]:
    if not drafts:
        return []
    name = session.session_id
    row = connection.execute("select seq from last_seq where session_id = ?", (name,)).fetchone()
    last = row[0] if row else 0
    envelopes = [
        Envelope(seq=seq, session_id=name, role=session.role, branch=session.branch, draft=draft)
        for seq, draft in enumerate(drafts, last + 1)
    ]
    connection.executemany(
        "insert into events values (?, ?, ?, ?, ?, ?, ?)",
        [
            (name, e.seq, e.draft.timestamp, e.draft.type, e.draft.turn_id, e.draft.item_id, envelope_text(e))
            for e in envelopes
        ],
    )
    connection.execute("insert or replace into last_seq values (?, ?)", (name, envelopes[-1].seq))
    return envelopes
