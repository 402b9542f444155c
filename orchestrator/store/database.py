"""Events with what they come to, checkpoints and the outbox in one SQLite file: the `EventStore` port.

WAL with `synchronous=FULL`: what was answered is on the disk. One thread writes, readers do not wait for it.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from orchestrator.core.envelope import Draft, Envelope
from orchestrator.core.errors import ReceiptNotFound, StoreUnwritable, TimedOut
from orchestrator.core.events import Event
from orchestrator.core.ports import Checkpoint, Page, Standing
from orchestrator.core.receipt import Receipt
from orchestrator.core.session import Session
from orchestrator.store import atomic, standing
from orchestrator.store.migrations import check_current, migrate
from orchestrator.store.reader import Reader
from orchestrator.store.rows import clean, envelope_from, envelope_text, receipt_from, receipt_text
from orchestrator.store.writer import ANSWER_SECONDS, Writer

BUSY_SECONDS = 5.0
CHECK_SECONDS = 300.0
#: SQLite's largest whole number.
LARGEST = 2**63 - 1
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
        self._path = path.absolute()
        self._file = (0, 0)
        self._writer = Writer(self._open)
        self._reader = Reader(self._open_to_read)

    async def append(
        self,
        session: Session,
        drafts: Sequence[Draft],
        *,
        checkpoint: Checkpoint | None = None,
        after: Checkpoint | None = None,
        receipts: Sequence[Receipt] = (),
    ) -> list[Envelope]:
        def work(connection: sqlite3.Connection) -> list[Envelope]:
            self._still_there()
            if checkpoint is not None:
                if _checkpoint(connection, session.session_id) != (after or Checkpoint()):
                    return []
                _put_checkpoint(connection, session.session_id, checkpoint)
            for receipt in receipts:
                _put_receipt(connection, receipt)
            return _put_events(connection, session, drafts)

        return await self._writer.ask(work)

    async def read(self, session_id: str, since_seq: int, limit: int) -> Page:
        sql = "select envelope from events where session_id = ? and seq > ? order by seq limit ?"
        values = (session_id, min(since_seq, LARGEST), max(limit, 0))
        return await self._page(session_id, sql, values, since_seq)

    async def latest(self, session_id: str, limit: int) -> Page:
        return await self._page(session_id, LATEST, (session_id, max(limit, 0)), 0)

    async def turn(self, session_id: str, turn_id: str) -> list[Envelope]:
        sql = "select envelope from events where session_id = ? and turn_id = ? and type <> ? order by seq"
        values = (session_id, clean(turn_id), Event.COMMAND_OUTPUT.value)
        return await self._look(lambda c: [envelope_from(text) for (text,) in c.execute(sql, values)])

    async def standing(self, session_id: str) -> Standing:
        def work(connection: sqlite3.Connection) -> tuple[Standing, bool]:
            seq, state = standing.kept(connection, session_id)
            made = state or standing.made_again(connection, session_id, seq)
            return Standing(seq=seq, state=made), state is not None

        found, known = await self._look(work, CHECK_SECONDS)
        if not known:
            with suppress(StoreUnwritable, TimedOut):  # it is made again by whoever asks next
                await self._writer.ask(lambda connection: standing.keep(connection, session_id, found))
        return found

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
            for table in ("events", "standing", "codex_event_checkpoints", "outbox"):
                connection.execute(f"delete from {table} where session_id = ?", (session_id,))  # noqa: S608 - our own names

        await self._writer.ask(work)

    async def check(self) -> list[str]:
        return await self._look(_faults, CHECK_SECONDS)

    async def close(self) -> None:
        await self._reader.close()
        await self._writer.close()

    def _open(self) -> sqlite3.Connection:
        with atomic.writing(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch(mode=0o600)
            atomic.sync_folder(self._path.parent)
            found = self._path.stat()
        connection = sqlite3.connect(
            self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            with self._alone():
                connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = full")
            migrate(connection)
        except BaseException:
            connection.close()
            raise
        self._file = (found.st_dev, found.st_ino)
        return connection

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """SQLite refuses at once, without its patience, where two switch a new file to WAL."""
        lock = FileLock(self._path.with_name(f".{self._path.name}.lock"), timeout=BUSY_SECONDS, mode=0o600)
        with atomic.writing(self._path):
            try:
                lock.acquire()
            except Timeout as exc:
                raise StoreUnwritable(f"{self._path} is being opened by another program") from exc
        try:
            yield
        finally:
            lock.release()

    def _still_there(self) -> None:
        """A file that was removed or replaced would take every commit and keep none of them."""
        with atomic.writing(self._path):
            found = self._path.stat()
        if (found.st_dev, found.st_ino) != self._file:
            raise StoreUnwritable(f"{self._path} was replaced by another file", hint="restart the daemon")

    def _open_to_read(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self._path.as_uri()}?mode=ro",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            check_current(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    async def _look(self, work: Callable[[sqlite3.Connection], T], seconds: float = ANSWER_SECONDS) -> T:
        if self._file == (0, 0):
            await self._make()
        return await self._reader.look(work, seconds)

    async def _make(self) -> None:
        """Let the writer make the file; what is there can be read also where it cannot be written."""
        try:
            await self._writer.ask(lambda _: None)
        except StoreUnwritable:
            if not self._path.exists():
                raise


def _faults(connection: sqlite3.Connection) -> list[str]:
    said = [row[0] for row in connection.execute("pragma quick_check")]
    holes = connection.execute(
        "select e.session_id, count(*), min(e.seq), max(e.seq), l.seq from events e"
        " left join standing l using (session_id) group by e.session_id"
    )
    return ([] if said == ["ok"] else said) + [
        f"{name}: {count} events between {first} and {last}; the last one given was {given}"
        for name, count, first, last, given in holes
        if count != last - first + 1 or last != given
    ]


def _checkpoint(connection: sqlite3.Connection, session_id: str) -> Checkpoint:
    row = connection.execute(
        "select byte_offset, inode, line, time from codex_event_checkpoints"
        " where consumer = ? and session_id = ?",
        (INGESTION, session_id),
    ).fetchone()
    return Checkpoint(offset=row[0], inode=int(row[1]), line=row[2], time=row[3]) if row else Checkpoint()


def _put_checkpoint(connection: sqlite3.Connection, session_id: str, new: Checkpoint) -> None:
    connection.execute(
        "insert or replace into codex_event_checkpoints values (?, ?, ?, ?, ?, ?)",
        (INGESTION, session_id, new.offset, str(new.inode), new.line, new.time),
    )


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
    last, state = standing.kept(connection, name)
    envelopes = [
        Envelope(seq=seq, session_id=name, role=session.role, branch=session.branch, draft=draft)
        for seq, draft in enumerate(drafts, last + 1)
    ]
    connection.executemany(
        "insert into events values (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                name,
                e.seq,
                e.draft.timestamp,
                e.draft.type,
                clean(e.draft.turn_id),
                clean(e.draft.item_id),
                envelope_text(e),
            )
            for e in envelopes
        ],
    )
    standing.move_on(connection, name, envelopes[-1].seq, state and standing.after(state, drafts))
    return envelopes
