"""One session's history as it grows: store, then state, feed and transcript, in the order of `seq`."""

import asyncio
from collections.abc import Callable, Sequence

from orchestrator.core.activity import State, advance
from orchestrator.core.envelope import Draft, Envelope, timestamp
from orchestrator.core.ports import Checkpoint
from orchestrator.core.receipt import Delivery, Receipt
from orchestrator.core.session import Session
from orchestrator.sessions.feed import PAGE, Feed
from orchestrator.sessions.settle import announce, settle
from orchestrator.sessions.world import World

#: How far back the state is rebuilt from when a daemon starts.
REMEMBERED = 5_000


class Journal:
    """The only writer of a session's events: whoever wants one stored asks here."""

    def __init__(self, world: World, session: Session) -> None:
        self._world = world
        self._store = world.store
        self._transcript = world.transcript(session)
        self._lock = asyncio.Lock()
        self._changed = asyncio.Condition()
        self.session = session
        self.state = State()
        self.feed = Feed()
        self._open: dict[str, Receipt] = {}

    async def load(self) -> None:
        """Read back what a former daemon stored, and write what its transcript still lacks."""
        page = await self._store.latest(self.session.session_id, REMEMBERED)
        for envelope in page.envelopes:
            self.state = advance(self.state, envelope.draft)
        for receipt in await self._store.receipts(self.session.session_id, open_only=True):
            self._open[receipt.message_id] = receipt
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

    async def record(self, drafts: Sequence[Draft], checkpoint: Checkpoint) -> list[Envelope]:
        """Store what the recorder said, with the checkpoint behind it and the receipts that it proves."""
        async with self._lock:
            settled = settle(drafts, self.outbox, self.now())
            envelopes = await self._store.append(
                self.session, settled.drafts, checkpoint=checkpoint, receipts=settled.receipts
            )
            if envelopes:
                self._publish(envelopes, settled.receipts)
        await self._wake()
        return envelopes

    async def put(self, receipt: Receipt) -> Receipt:
        """Store a receipt with the event that tells of it, and return it."""
        await self._commit([announce(receipt, self.now())], [receipt])
        return receipt

    async def move(self, message_id: str, state: Delivery, **changes: str) -> Receipt:
        """Move a receipt one step on, unless the recorder's word has settled it already."""
        async with self._lock:
            receipt = self._open.get(message_id)
            if receipt is None:
                return await self._store.receipt(message_id)
            moved = receipt.moved(state, now=self.now(), **changes)
            drafts = [announce(moved, self.now())]
            self._publish(await self._store.append(self.session, drafts, receipts=[moved]), [moved])
        await self._wake()
        return moved

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something that this journal knows is so."""
        async with self._changed:
            await self._changed.wait_for(holds)

    async def receipt(self, message_id: str) -> Receipt:
        return self._open.get(message_id) or await self._store.receipt(message_id)

    async def _commit(self, drafts: Sequence[Draft], receipts: Sequence[Receipt] = ()) -> list[Envelope]:
        async with self._lock:
            envelopes = await self._store.append(self.session, drafts, receipts=receipts)
            self._publish(envelopes, receipts)
        await self._wake()
        return envelopes

    def _publish(self, envelopes: Sequence[Envelope], receipts: Sequence[Receipt]) -> None:
        for envelope in envelopes:
            self.state = advance(self.state, envelope.draft)
        for receipt in receipts:
            if receipt.state.final:
                self._open.pop(receipt.message_id, None)
            else:
                self._open[receipt.message_id] = receipt
        self._transcript.append(envelopes)
        self.feed.publish(envelopes)

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()
