"""What happened: the recorder's log, the event store, the transcript."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from orchestrator.core.activity import State
from orchestrator.core.envelope import Draft, Envelope
from orchestrator.core.receipt import Receipt
from orchestrator.core.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """How far a recording has been read: the next byte, the file it was in, and its last line number.

    `time` is when that last line was written, as the line itself says; a recording does not fill it in.
    """

    offset: int = 0
    inode: int = 0
    line: int = 0
    time: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Whole lines of a recording and the checkpoint behind the last of them."""

    lines: tuple[bytes, ...]
    checkpoint: Checkpoint


class Recording(Protocol):
    """The recorder's log of one session, read from outside."""

    async def read(self, after: Checkpoint, limit: int) -> Chunk:
        """At most `limit` whole lines; none where there is nothing new (a torn last line does not count)."""

    def changes(self) -> AsyncGenerator[None, None]:
        """A wake-up for each change of the file, and one at the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Envelopes in order. `oldest_seq` is the first one still kept, `next_seq` the cursor to go on with."""

    envelopes: tuple[Envelope, ...]
    next_seq: int
    oldest_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a session's whole history comes to: the state after its last event, and that event's `seq`."""

    seq: int = 0
    state: State = field(default_factory=State)


class EventStore(Protocol):
    """Events, checkpoints and the outbox: one file, one writer."""

    async def append(
        self,
        session: Session,
        drafts: Sequence[Draft],
        *,
        checkpoint: Checkpoint | None = None,
        after: Checkpoint | None = None,
        receipts: Sequence[Receipt] = (),
    ) -> list[Envelope]:
        """Give each draft its seq and commit all of it at once, with the checkpoint and the receipts.

        Where a checkpoint is given and the stored one is not `after` (None: none is stored yet), somebody
        else has read on from there, and nothing is stored.

        Raises:
            StoreUnwritable: nothing was stored.
            InvalidInput: nothing was stored, and these values never can be.
            TimedOut: whether it was stored will be seen by the next append.
        """

    async def read(self, session_id: str, since_seq: int, limit: int) -> Page: ...
    async def latest(self, session_id: str, limit: int) -> Page:
        """The last `limit` envelopes, oldest first."""

    async def turn(self, session_id: str, turn_id: str) -> list[Envelope]:
        """Everything of one turn but the pieces of its commands' output, in order."""

    async def standing(self, session_id: str) -> Standing:
        """What all the events come to, whatever they are and however many."""

    async def checkpoint(self, session_id: str) -> Checkpoint: ...
    async def receipt(self, message_id: str) -> Receipt: ...
    async def receipts(self, session_id: str, *, open_only: bool = False) -> list[Receipt]:
        """In the order of their positions."""

    async def forget(self, session_id: str) -> None:
        """Drop everything about a session."""

    async def check(self) -> list[str]:
        """What is wrong with the file; empty when nothing is."""

    async def close(self) -> None: ...


class Transcript(Protocol):
    """`transcript.ndjson` of one session: a projection of the stored events, each once."""

    def last_seq(self) -> int:
        """The last seq in the file, after a torn last line was cut off; 0 when it is empty."""

    def append(self, envelopes: Sequence[Envelope]) -> None:
        """Write those that follow `last_seq`, in order; the others are there already."""

    def set_aside(self) -> str:
        """Begin an empty one and keep what there is under another name, which is returned."""
