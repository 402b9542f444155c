"""Following a session: each envelope once, in order, however slowly it is read."""

import pytest

from orchestrator.core.events import Event
from orchestrator.sessions import feed as feeds
from orchestrator.sessions.feed import Feed, follow
from orchestrator.testing.examples import SESSION_ID, a_draft, a_session
from orchestrator.testing.history import InMemoryEventStore


async def test_a_reader_that_sleeps_costs_a_bounded_queue_and_misses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What its queue lost it reads from the store, before what is live."""
    monkeypatch.setattr(feeds, "LONGEST_QUEUE", 10)
    store, feed = InMemoryEventStore(), Feed()

    async def tell(count: int, event: str = "note") -> None:
        for _ in range(count):
            feed.publish(await store.append(a_session(), [a_draft(event=event)]))

    await tell(3)
    stream = follow(feed, store, SESSION_ID, 0, heartbeat=5)
    seen = [await anext(stream)]
    await tell(500)
    [queue] = feed._queues
    assert queue.qsize() <= 10
    await tell(1, Event.SESSION_STOPPED)
    seen += [envelope async for envelope in stream]
    assert [e.seq for e in seen if e] == list(range(1, 505))


async def test_who_subscribes_after_the_end_is_not_kept_waiting() -> None:
    """A hold may end between being found and being subscribed to."""
    feed = Feed()
    feed.end()
    assert [e async for e in follow(feed, InMemoryEventStore(), SESSION_ID, 0, heartbeat=60)] == []
