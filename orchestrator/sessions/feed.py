"""Live envelopes of one session, from memory: publish after commit, subscribe before reading the store."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager

from orchestrator.core.envelope import Envelope
from orchestrator.core.events import Event
from orchestrator.core.ports import EventStore

PAGE = 500
#: A subscriber that is further behind than this reads what it missed from the store.
LONGEST_QUEUE = 2_000


class Feed:
    """Subscribers of one session; each has a queue of its own, so a slow one delays nobody.

    A full queue loses its oldest envelopes, never its newest: its reader sees by `seq` what is missing.
    """

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[Envelope | None]] = set()
        self._ended = False

    def publish(self, envelopes: Sequence[Envelope]) -> None:
        for queue in self._queues:
            for envelope in envelopes:
                _put(queue, envelope)

    def end(self) -> None:
        """No more will come: every subscriber's iteration ends after what it still has."""
        self._ended = True
        for queue in self._queues:
            _put(queue, None)

    @contextmanager
    def subscribed(self) -> Iterator[asyncio.Queue[Envelope | None]]:
        queue: asyncio.Queue[Envelope | None] = asyncio.Queue(LONGEST_QUEUE)
        self._queues.add(queue)
        if self._ended:
            queue.put_nowait(None)
        try:
            yield queue
        finally:
            self._queues.discard(queue)


def _put(queue: asyncio.Queue[Envelope | None], value: Envelope | None) -> None:
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(value)


async def _missed(store: EventStore, session_id: str, seen: int, live: Envelope) -> AsyncIterator[Envelope]:
    """What lies between the last one seen and a live one, from the store; then that one."""
    while live.seq > seen + 1:
        page = await store.read(session_id, seen, min(PAGE, live.seq - seen - 1))
        if not page.envelopes:
            break
        for envelope in page.envelopes:
            seen = envelope.seq
            yield envelope
    yield live


async def follow(
    feed: Feed, store: EventStore, session_id: str, since_seq: int, heartbeat: float
) -> AsyncIterator[Envelope | None]:
    """Every envelope after `since_seq`, each once, then live; None when nothing came for `heartbeat` seconds.

    Registers first, then reads, then drains and drops what it has seen. Ends after `session_stopped`.
    """
    with feed.subscribed() as queue:
        seen = since_seq
        stopped = False
        while True:
            page = await store.read(session_id, seen, PAGE)
            for envelope in page.envelopes:
                seen = envelope.seq
                stopped = ends(envelope, stopped=stopped)
                yield envelope
            if len(page.envelopes) < PAGE:
                break
        while not (stopped and queue.empty()):
            try:
                async with asyncio.timeout(heartbeat):
                    live = await queue.get()
            except TimeoutError:
                yield None
                continue
            if live is None:
                return
            if live.seq <= seen:
                continue
            async for envelope in _missed(store, session_id, seen, live):
                seen = envelope.seq
                stopped = ends(envelope, stopped=stopped)
                yield envelope


def ends(envelope: Envelope, *, stopped: bool) -> bool:
    """Whether the session has stopped, as far as this event tells."""
    if envelope.draft.type == Event.SESSION_STOPPED:
        return True
    return stopped and envelope.draft.type not in {Event.SESSION_RESUMED, Event.SESSION_LAUNCHED}
