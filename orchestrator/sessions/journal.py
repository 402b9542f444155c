"""One session's history as it grows: store, then state, feed and transcript, in the order of `seq`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import structlog

from orchestrator.core.activity import FOREIGN, State, advance
from orchestrator.core.envelope import Direction, Draft, Envelope, timestamp
from orchestrator.core.errors import SessionNotRunning, StoreUnwritable
from orchestrator.core.events import Event
from orchestrator.core.ports import Checkpoint
from orchestrator.core.receipt import Delivery, Receipt
from orchestrator.core.session import Session
from orchestrator.sessions.feed import PAGE, Feed
from orchestrator.sessions.settle import announce, settle
from orchestrator.sessions.world import World

log = structlog.get_logger()


class Journal:
    """The only writer of a session's events: whoever wants one stored asks here.

    Whoever asks may be cancelled, or not hear in time whether it was stored. What the store has then is
    read back before the next event, so that this view never differs from it for longer.
    """

    def __init__(self, world: World, session: Session) -> None:
        self._world = world
        self._store = world.store
        self._transcript = world.transcript(session)
        self._lock = asyncio.Lock()
        self._changed = asyncio.Condition()
        self.session = session
        self.state = State()
        #: The session's turn whose end was told last, since this was loaded.
        self.ended_turn = ""
        self.feed = Feed()
        self._open: dict[str, Receipt] = {}
        self._seq = 0
        #: The store may have more than was told here; the transcript may have less.
        self._behind = False
        self._untold = False
        self._closed = False

    async def load(self) -> None:
        """Read back what a former daemon stored, and write what its transcript still lacks."""
        standing = await self._store.standing(self.session.session_id)
        self.state, self._seq = standing.state, standing.seq
        await self._load_outbox()
        lost = await asyncio.to_thread(self._lost_history)
        await self._retell()
        if lost is not None:
            await self.write(lost)
        if self._untold:
            log.error("transcript_behind", session_id=self.session.session_id)

    def _lost_history(self) -> Draft | None:
        """What to declare where the transcript knows more than the store: the store was lost or replaced."""
        try:
            told = self._transcript.last_seq()
            if told <= self._seq:
                return None
            kept = self._transcript.set_aside()
        except StoreUnwritable as exc:
            log.error("transcript_unreadable", session_id=self.session.session_id, reason=exc.message)  # noqa: TRY400 - the reason says it
            return None
        return Draft(
            timestamp=self.now(),
            type=Event.GAP,
            direction=Direction.SYSTEM,
            text="the event store has lost what the transcript tells",
            data={"first_seq": self._seq + 1, "last_seq": told, "kept_in": kept},
        )

    async def _load_outbox(self) -> None:
        found = await self._store.receipts(self.session.session_id, open_only=True)
        self._open = {receipt.message_id: receipt for receipt in found}

    async def _make_up_transcript(self) -> None:
        while True:
            page = await self._store.read(self.session.session_id, self._transcript.last_seq(), PAGE)
            await asyncio.to_thread(self._transcript.append, page.envelopes)
            if len(page.envelopes) < PAGE:
                return

    def now(self) -> str:
        return timestamp(self._world.clock.now())

    @property
    def outbox(self) -> list[Receipt]:
        """The receipts that are not final, in their order."""
        return sorted(self._open.values(), key=lambda r: r.position)

    async def write(self, *drafts: Draft) -> list[Envelope]:
        return await self._commit(drafts)

    async def record(self, drafts: Sequence[Draft], after: Checkpoint, reached: Checkpoint) -> Checkpoint:
        """Store what the recorder said between two checkpoints, with the receipts that it proves.

        Returns the checkpoint to read on from: another one than was reached where `after` was not the
        stored one, so that nothing was stored.
        """
        async with self._writing():
            settled = settle(drafts, self.outbox, self.now())
            envelopes = await self._store.append(
                self.session, settled.drafts, checkpoint=reached, after=after, receipts=settled.receipts
            )
            if envelopes:
                self._publish(envelopes, settled.receipts)
                return reached
            stored = await self._store.checkpoint(self.session.session_id)
            if settled.drafts or stored != reached:
                await self._catch_up()  # it was refused: somebody else has stored these lines
            return stored

    async def refresh(self) -> None:
        """Catch up where a caller left, or gave up, or the transcript could not be written."""
        if self._behind or self._untold:
            async with self._writing():
                return

    async def put(self, receipt: Receipt) -> Receipt:
        """Store a receipt with the event that tells of it, and return it."""
        await self._commit([announce(receipt, self.now())], [receipt])
        return receipt

    async def move(self, message_id: str, state: Delivery, **changes: str) -> Receipt:
        """Move a receipt one step on, unless the recorder's word has settled it already."""
        async with self._writing():
            receipt = self._open.get(message_id)
            if receipt is None:
                return await self._store.receipt(message_id)
            moved = receipt.moved(state, now=self.now(), **changes)
            drafts = [announce(moved, self.now())]
            self._publish(await self._store.append(self.session, drafts, receipts=[moved]), [moved])
        return moved

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something that this journal knows is so.

        Raises:
            SessionNotRunning: the journal was closed first, so it will not come.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: self._closed or holds())
        if not holds():
            raise SessionNotRunning(f"{self.session.role} ({self.session.session_id}) has ended meanwhile")

    async def close(self) -> None:
        """The hold is over: streams end, and whoever waits here is told."""
        self._closed = True
        self.feed.end()
        async with self._changed:
            self._changed.notify_all()

    async def receipt(self, message_id: str) -> Receipt:
        return self._open.get(message_id) or await self._store.receipt(message_id)

    async def _commit(self, drafts: Sequence[Draft], receipts: Sequence[Receipt] = ()) -> list[Envelope]:
        async with self._writing():
            envelopes = await self._store.append(self.session, drafts, receipts=receipts)
            self._publish(envelopes, receipts)
        return envelopes

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[None]:
        """One at a time, each with the store's present view, and everybody who waits looks again."""
        async with self._lock:
            if self._behind:
                await self._catch_up()
            self._behind = True
            yield
            self._behind = False
            if self._untold:
                await self._retell()
        async with self._changed:
            self._changed.notify_all()

    async def _catch_up(self) -> None:
        """Tell what the store has and was not told: of a caller that was cancelled, or that gave up."""
        await self._store.append(self.session, [])  # its turn comes after all that was asked before
        while True:
            page = await self._store.read(self.session.session_id, self._seq, PAGE)
            self._publish(page.envelopes, [])
            if len(page.envelopes) < PAGE:
                break
        await self._load_outbox()

    def _publish(self, envelopes: Sequence[Envelope], receipts: Sequence[Receipt]) -> None:
        for envelope in envelopes:
            self.state = advance(self.state, envelope.draft)
            if envelope.draft.type == Event.TURN_COMPLETED and FOREIGN not in envelope.draft.tags:
                self.ended_turn = envelope.draft.turn_id or self.ended_turn
            self._seq = envelope.seq
        for receipt in receipts:
            if receipt.state.final:
                self._open.pop(receipt.message_id, None)
            else:
                self._open[receipt.message_id] = receipt
        self.feed.publish(envelopes)
        self._tell(envelopes)

    def _tell(self, envelopes: Sequence[Envelope]) -> None:
        """Into the transcript; where it cannot be written, that waits, and nothing else does."""
        if self._untold or not envelopes:
            return
        try:
            if self._transcript.last_seq() + 1 < envelopes[0].seq:
                self._untold = True  # somebody has cut or removed it
            else:
                self._transcript.append(envelopes)
        except StoreUnwritable as exc:
            self._untold = True
            log.error("transcript_behind", session_id=self.session.session_id, reason=exc.message)  # noqa: TRY400 - the reason says it

    async def _retell(self) -> None:
        """Make up for what the transcript lacks; where that cannot be yet, the next event tries again."""
        try:
            await self._make_up_transcript()
        except StoreUnwritable:
            self._untold = True
        else:
            self._untold = False
