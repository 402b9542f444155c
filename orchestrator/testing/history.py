"""The in-memory twins of what has happened: events, recording, transcript.

They follow the ports' rules and keep nothing.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from orchestrator.core.activity import State, advance
from orchestrator.core.envelope import Draft, Envelope
from orchestrator.core.errors import ReceiptNotFound, StoreUnwritable
from orchestrator.core.events import Event
from orchestrator.core.ports import Checkpoint, Chunk, Page, Standing
from orchestrator.core.receipt import Receipt
from orchestrator.core.session import Session
from orchestrator.testing.failing import Failing


class InMemoryEventStore(Failing):
    """Events, checkpoints and receipts in dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self._events: dict[str, list[Envelope]] = {}
        self._checkpoints: dict[str, Checkpoint] = {}
        self._receipts: dict[str, Receipt] = {}
        self._closed = False

    async def append(
        self,
        session: Session,
        drafts: Sequence[Draft],
        *,
        checkpoint: Checkpoint | None = None,
        after: Checkpoint | None = None,
        receipts: Sequence[Receipt] = (),
    ) -> list[Envelope]:
        self._writable()
        name = session.session_id
        if checkpoint is not None:
            if self._checkpoints.get(name, Checkpoint()) != (after or Checkpoint()):
                return []
            self._checkpoints[name] = checkpoint
        self._receipts |= {receipt.message_id: receipt for receipt in receipts}
        kept = self._events.setdefault(name, [])
        envelopes = [
            Envelope(seq=seq, session_id=name, role=session.role, branch=session.branch, draft=draft)
            for seq, draft in enumerate(drafts, len(kept) + 1)
        ]
        kept += envelopes
        return envelopes

    async def read(self, session_id: str, since_seq: int, limit: int) -> Page:
        kept = self._kept(session_id)
        first = max(since_seq, 0)
        return _page(kept, kept[first : first + max(limit, 0)], first)

    async def latest(self, session_id: str, limit: int) -> Page:
        kept = self._kept(session_id)
        return _page(kept, kept[-limit:] if limit > 0 else [], 0)

    async def turn(self, session_id: str, turn_id: str) -> list[Envelope]:
        mine = [e for e in self._kept(session_id) if e.draft.turn_id == turn_id]
        return [e for e in mine if e.draft.type != Event.COMMAND_OUTPUT]

    async def standing(self, session_id: str) -> Standing:
        state, kept = State(), self._kept(session_id)
        for envelope in kept:
            state = advance(state, envelope.draft)
        return Standing(seq=len(kept), state=state)

    async def checkpoint(self, session_id: str) -> Checkpoint:
        self._kept(session_id)
        return self._checkpoints.get(session_id, Checkpoint())

    async def receipt(self, message_id: str) -> Receipt:
        if message_id not in self._receipts:
            raise ReceiptNotFound(f"no message has the id {message_id!r}")
        return self._receipts[message_id]

    async def receipts(self, session_id: str, *, open_only: bool = False) -> list[Receipt]:
        mine = [r for r in self._receipts.values() if r.session_id == session_id]
        wanted = [r for r in mine if not (open_only and r.state.final)]
        return sorted(wanted, key=lambda r: (r.position, r.message_id))

    async def forget(self, session_id: str) -> None:
        self._writable()
        self._events.pop(session_id, None)
        self._checkpoints.pop(session_id, None)
        self._receipts = {i: r for i, r in self._receipts.items() if r.session_id != session_id}

    async def check(self) -> list[str]:
        return []

    async def close(self) -> None:
        self._closed = True

    def _kept(self, session_id: str) -> list[Envelope]:
        if self._closed:
            raise StoreUnwritable("the event store is closed")
        return self._events.get(session_id, [])

    def _writable(self) -> None:
        self._kept("")
        self._fail()


def _page(kept: list[Envelope], found: list[Envelope], since: int) -> Page:
    return Page(
        envelopes=tuple(found),
        next_seq=found[-1].seq if found else since,
        oldest_seq=kept[0].seq if kept else 0,
    )


class InMemoryRecording:
    """A recorder's log in memory: `write` is its recorder, `renew` and `cut` what may happen to it."""

    def __init__(self) -> None:
        self._data = b""
        self._inode = 1
        self._changes: set[asyncio.Event] = set()

    def write(self, data: bytes) -> None:
        self._data += data
        self._wake()

    def renew(self) -> None:
        """Let the file be another, empty one."""
        self._data, self._inode = b"", self._inode + 1
        self._wake()

    def cut(self, size: int) -> None:
        """Let only the first bytes be left."""
        self._data = self._data[:size]
        self._wake()

    async def read(self, after: Checkpoint, limit: int) -> Chunk:
        start = after if self._continues(after) else Checkpoint(inode=self._inode)
        lines = tuple(self._data[start.offset :].split(b"\n")[:-1][: max(limit, 0)])
        if not lines:
            return Chunk(lines=(), checkpoint=after)
        offset = start.offset + sum(len(line) + 1 for line in lines)
        reached = Checkpoint(offset=offset, inode=self._inode, line=start.line + len(lines))
        return Chunk(lines=lines, checkpoint=reached)

    async def changes(self) -> AsyncGenerator[None, None]:
        changed = asyncio.Event()
        self._changes.add(changed)
        try:
            while True:
                changed.clear()
                yield None
                await changed.wait()
        finally:
            self._changes.discard(changed)

    def _continues(self, after: Checkpoint) -> bool:
        if after.inode != self._inode:
            return False
        return after.offset == 0 or self._data[after.offset - 1 : after.offset] == b"\n"

    def _wake(self) -> None:
        for changed in self._changes:
            changed.set()


class InMemoryTranscript(Failing):
    """The envelopes that were written."""

    def __init__(self) -> None:
        super().__init__()
        self.envelopes: list[Envelope] = []
        self.aside: list[list[Envelope]] = []

    def last_seq(self) -> int:
        return self.envelopes[-1].seq if self.envelopes else 0

    def append(self, envelopes: Sequence[Envelope]) -> None:
        fresh = [e for e in envelopes if e.seq > self.last_seq()]
        if fresh:
            self._fail()
        self.envelopes += fresh

    def set_aside(self) -> str:
        self.aside.append(self.envelopes)
        self.envelopes = []
        return f"aside-{len(self.aside)}"
