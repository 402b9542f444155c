"""What becomes of messages, and of those who wait for them, when a session ends or does not answer."""

import asyncio
import itertools
from typing import Any

import pytest

from orchestrator.codex.tokens import usage
from orchestrator.core.envelope import Envelope
from orchestrator.core.errors import (
    SessionNotRunning,
    TimedOut,
)
from orchestrator.core.events import Event
from orchestrator.core.receipt import Delivery
from orchestrator.sessions import waits
from orchestrator.sessions.feed import LONGEST_QUEUE
from orchestrator.sessions.observe import snapshot, view
from orchestrator.sessions.resume import resume_all
from orchestrator.sessions.stop import stop
from orchestrator.testing.examples import a_draft
from orchestrator.testing.waiting import until
from tests.integration.dry_stage import Stage, stage

__all__ = ["stage"]


async def test_messages_of_a_stopped_session_get_an_end_that_is_true(stage: Stage) -> None:
    """What codex has is committed; what waited has failed, and says why. Waiters are told at once."""
    session = await stage.launch()
    stage.codex(session)
    taken, queued = await stage.send(session, "first"), await stage.send(session, "second")
    await waits.committed(stage.fleet, taken.message_id, 10)
    waiting = asyncio.create_task(waits.committed(stage.fleet, queued.message_id, 60))
    turn = asyncio.create_task(waits.turn_of(stage.fleet, await stage.receipt(taken), 60))
    await asyncio.sleep(0)
    await stop(stage.fleet, session)
    assert (await stage.receipt(taken)).state is Delivery.COMMITTED
    failed = await asyncio.wait_for(waiting, 5)
    assert (failed.state, failed.reason) == (Delivery.FAILED, "the session was stopped before it went")
    with pytest.raises(SessionNotRunning):
        await asyncio.wait_for(turn, 5)
    with pytest.raises(SessionNotRunning):
        await stage.send(session, "third")


async def test_a_long_turn_is_told_from_its_beginning(stage: Stage) -> None:
    """Its files and tokens, however much its commands wrote since."""
    session = await stage.launch()
    codex = stage.codex(session)
    sent = await waits.committed(stage.fleet, (await stage.send(session, "work")).message_id, 10)
    held = stage.fleet.held(session.session_id)
    assert held is not None
    here = {"turn_id": sent.turn_id}
    usages = [
        usage({"total": {"inputTokens": total}, "last": {"inputTokens": 100}})
        for total in (1_100, 1_200, 1_300)
    ]
    changed = {"status": "completed", "paths": ["early.py"]}
    await held.journal.write(
        a_draft(event=Event.FILE_CHANGE_COMPLETED, data=changed, **here),
        a_draft(event=Event.TOKEN_USAGE, data=usages[0], **here),
        a_draft(event=Event.TOKEN_USAGE, data=usages[1], **here),
        *(a_draft("line", Event.COMMAND_OUTPUT, **here) for _ in range(6_000)),
        a_draft(event=Event.TOKEN_USAGE, data=usages[2], **here),
    )
    codex.complete(session.thread_id, "")
    done = await waits.turn_of(stage.fleet, sent, 20)
    assert (done.files, done.tokens["total"]) == (("early.py",), 300)


async def test_an_end_that_came_among_too_many_events_is_heard(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fell out of the waiter's full queue while the history was read; the history has it."""
    session = await stage.launch()
    codex = stage.codex(session)
    sent = await waits.committed(stage.fleet, (await stage.send(session, "work")).message_id, 10)
    held = stage.fleet.held(session.session_id)
    assert held is not None
    store, looks = stage.world.store, itertools.count(1)
    read = store.turn

    async def slowly(session_id: str, turn_id: str) -> list[Envelope]:
        found = await read(session_id, turn_id)
        if next(looks) == 2:
            codex.complete(session.thread_id)
            await held.journal.until(lambda: not held.journal.state.activity.in_turn)
            await held.journal.write(*(a_draft("noise") for _ in range(LONGEST_QUEUE + 1)))
        return found

    monkeypatch.setattr(store, "turn", slowly)
    assert (await waits.turn_of(stage.fleet, sent, 5)).status == "completed"


async def test_a_message_on_its_way_when_the_session_ends_is_unknown(stage: Stage) -> None:
    """It may have arrived; the recorder settles it if it ever speaks again."""
    session = await stage.launch()
    codex = stage.codex(session)
    codex._sink = lambda _: None  # the recorder is gone
    sent = await stage.send(session, "lost?")
    held = stage.fleet.held(session.session_id)
    assert held is not None
    await held.journal.until(lambda: any(r.state is not Delivery.QUEUED for r in held.journal.outbox))
    await stop(stage.fleet, session)
    assert (await stage.receipt(sent)).state is Delivery.UNKNOWN


async def test_what_waits_when_a_container_dies_goes_when_it_is_back(stage: Stage) -> None:
    """The session is still wanted, so its queue survives; a wait goes on across the gap."""
    session = await stage.launch()
    codex = stage.codex(session)
    first, second = await stage.send(session, "first"), await stage.send(session, "second")
    await waits.committed(stage.fleet, first.message_id, 10)
    waiting = asyncio.create_task(waits.committed(stage.fleet, second.message_id, 30))
    stage.engine._real.crash(session.container_name)
    await until(lambda: stage.fleet.held(session.session_id) is None)
    assert (await stage.receipt(second)).state is Delivery.QUEUED
    assert (await view(stage.fleet, session)).queued == 1
    with pytest.raises(SessionNotRunning, match="does not run"):
        await waits.committed(stage.fleet, second.message_id, 0.01)
    codex.complete(session.thread_id)
    await resume_all(stage.fleet, print)
    assert (await asyncio.wait_for(waiting, 20)).state is Delivery.COMMITTED


async def test_messages_that_waited_for_a_dead_container_fail_when_it_is_stopped(stage: Stage) -> None:
    """No task holds the session any more; its messages are ended all the same."""
    session = await stage.launch()
    stage.codex(session)
    first, second = await stage.send(session, "first"), await stage.send(session, "second")
    await waits.committed(stage.fleet, first.message_id, 10)
    stage.engine._real.crash(session.container_name)
    await until(lambda: stage.fleet.held(session.session_id) is None)
    await stop(stage.fleet, session)
    assert (await stage.receipt(second)).state is Delivery.FAILED


async def test_a_codex_that_does_not_answer_is_named_as_what_holds_a_message_up(stage: Stage) -> None:
    """Nothing was written, so it is queued, with the reason; the session's view warns of it; both go away."""
    session = await stage.launch()
    codex = stage.codex(session, manual=False)

    async def hangs(_: str) -> Any:
        raise TimedOut("codex did not answer")

    codex.status, real = hangs, codex.status
    sent = await stage.send(session, "hello?")
    held = stage.fleet.held(session.session_id)
    assert held is not None
    await until(lambda: bool(held.deliverer.hindrance))
    waiting = await waits.settled(stage.fleet, sent.message_id, 0.01)
    assert (waiting.state, waiting.reason) == (Delivery.QUEUED, "codex did not answer")
    assert (await view(stage.fleet, session)).warnings == ("messages wait: codex did not answer",)
    codex.status = real
    assert (await waits.committed(stage.fleet, sent.message_id, 10)).state is Delivery.COMMITTED
    assert (await view(stage.fleet, session)).warnings == ()


async def test_a_screen_that_cannot_be_read_leaves_the_history_readable(stage: Stage) -> None:
    """A snapshot says why there is no screen, and has the envelopes."""
    session = await stage.launch()
    screen: Any = stage.world.terminal(session)

    async def hangs(_: int | None) -> str:
        raise TimedOut("tmux did not answer")

    screen.capture = hangs
    seen = await snapshot(stage.fleet, session, lines=4, full=False)
    assert (seen.screen, seen.screen_error) == ("", "tmux did not answer")
    assert len(seen.envelopes) == 4
