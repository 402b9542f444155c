"""Delivery while the store refuses, answers late, or is asked by somebody who leaves."""

import asyncio
import itertools
import sqlite3
import threading
from collections.abc import Awaitable
from typing import Any

import pytest

from orchestrator.core.activity import Activity
from orchestrator.core.envelope import Envelope
from orchestrator.core.errors import (
    StoreUnwritable,
    TimedOut,
)
from orchestrator.core.events import Event
from orchestrator.core.receipt import Delivery
from orchestrator.sessions import attach, collect, deliver
from orchestrator.testing.waiting import until
from tests.integration.delivery_stage import THREAD, Append, Stage, reaches, refusing, send, stage

__all__ = ["stage"]


async def test_a_store_that_cannot_be_written_loses_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real lock of another program: collecting tries again until the disk is back."""
    monkeypatch.setattr("orchestrator.store.database.BUSY_SECONDS", 0.05)
    held = await stage.attach()
    await until(lambda: held.journal.state.activity is Activity.IDLE)
    refused: list[str] = []
    monkeypatch.setattr(collect.log, "error", lambda *_, **told: refused.append(told["reason"]))
    other = sqlite3.connect(stage.home.database, isolation_level=None)
    other.execute("begin immediate")
    stage.codex.typed(THREAD, "by hand")
    stage.codex.complete(THREAD, "an answer")
    await until(lambda: len(refused) >= 2)
    with pytest.raises(StoreUnwritable):
        await send(held, "refused")
    other.execute("rollback")
    other.close()
    await reaches(held, await send(held, "later"), Delivery.COMMITTED)
    assert await stage.said(Event.USER_MESSAGE) == ["by hand", "later"]
    assert await stage.said(Event.AGENT_MESSAGE) == ["an answer"]


@pytest.mark.parametrize("state", [Delivery.WRITTEN, Delivery.ACCEPTED])
async def test_a_store_that_fails_on_the_way_blocks_no_delivery(stage: Stage, state: Delivery) -> None:
    """Before the message went out it is sent later; after it, it is proven by the recording."""
    held = await stage.attach()
    stage.store.mishap = refusing(1, lambda told: told["states"] == [state])
    await reaches(held, await send(held, "one"), Delivery.COMMITTED)
    stage.codex.complete(THREAD)
    await reaches(held, await send(held, "two"), Delivery.COMMITTED)


async def test_a_mark_that_was_stored_and_answered_late_blocks_no_delivery(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing went out, so codex never shows it: unknown in time, and the next one goes."""
    monkeypatch.setattr(deliver, "POSTPONED", 0.5)
    stage.follow_rules(settle_seconds=0.3)
    held = await stage.attach()
    stage.store.mishap = answering_late(Delivery.WRITTEN)
    lost, behind = await send(held, "marked"), await send(held, "behind")
    await until(lambda: held.deliverer.hindrance == "the event store did not answer")
    await held.journal.refresh()  # as the collector does at its next look
    assert (await held.journal.receipt(lost.message_id)).state is Delivery.WRITTEN
    assert held.deliverer.hindrance == ""
    await reaches(held, lost, Delivery.UNKNOWN)
    await reaches(held, behind, Delivery.COMMITTED)
    assert stage.took == {"behind": 1}


@pytest.mark.parametrize("state", [Delivery.WRITTEN, Delivery.ACCEPTED, Delivery.UNKNOWN])
async def test_a_step_that_was_stored_and_answered_late_is_not_made_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, state: Delivery
) -> None:
    """Delivery goes on from what the store has; nothing of it breaks."""
    stage.follow_rules(settle_seconds=0.3)
    broke: list[object] = []
    monkeypatch.setattr(attach.log, "exception", lambda *said, **_: broke.append(said))
    held = await stage.attach()
    stage.hold()
    stage.store.mishap = answering_late(state)
    receipt = await send(held, "one")
    await reaches(held, receipt, Delivery.UNKNOWN)
    stage.release()
    if stage.took:
        await reaches(held, receipt, Delivery.COMMITTED)
        stage.codex.complete(THREAD)
    await reaches(held, await send(held, "two"), Delivery.COMMITTED)
    assert broke == []


def answering_late(state: Delivery) -> Any:
    """The next step to that state is stored, and whoever asked does not hear of it."""
    once = itertools.count()

    async def late(really: Append) -> list[Envelope]:
        await really()
        raise TimedOut("the event store did not answer")

    return lambda told, really: late(really) if told["states"] == [state] and next(once) == 0 else None


async def test_an_unknown_that_could_not_be_stored_blocks_no_delivery(stage: Stage) -> None:
    """It is said as soon as the store takes it."""
    stage.follow_rules(settle_seconds=0.1)
    held = await stage.attach()
    stage.hold()
    stage.store.mishap = refusing(2, lambda told: told["states"] == [Delivery.UNKNOWN])
    await reaches(held, await send(held, "one"), Delivery.UNKNOWN)
    stage.release()


@pytest.mark.parametrize("stored", [True, False])
async def test_an_append_of_which_nobody_heard_is_told_once(stage: Stage, *, stored: bool) -> None:
    """The disk answered too late: what it stored after all is read back, and not stored again."""
    held = await stage.attach()
    once = itertools.count()

    async def late(really: Append) -> list[Envelope]:
        if stored:
            await really()
        raise TimedOut("the event store did not answer")

    def mishap(told: dict[str, Any], really: Append) -> Awaitable[list[Envelope]] | None:
        return late(really) if told["checkpoint"] and next(once) == 0 else None

    stage.store.mishap = mishap
    with held.journal.feed.subscribed() as live:
        receipt = await reaches(held, await send(held, "one"), Delivery.COMMITTED)
        stage.codex.complete(THREAD)
        await until(lambda: held.journal.state.activity is Activity.IDLE)
        seqs = [live.get_nowait().seq for _ in range(live.qsize())]  # type: ignore[union-attr]  # no end yet
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    assert await stage.said(Event.USER_MESSAGE) == ["one"]
    assert (await stage.store.receipt(receipt.message_id)).state is Delivery.COMMITTED


async def test_what_lands_late_is_known_before_the_next_step(stage: Stage) -> None:
    """The disk hangs with the proof of a message; whoever would call it unknown waits for the disk."""
    held = await stage.attach()
    stage.hold()
    receipt = await reaches(held, await send(held, "one"), Delivery.ACCEPTED)
    going, landing = threading.Event(), list[asyncio.Future[Any]]()

    async def hanging(really: Append) -> list[Envelope]:
        landing.append(asyncio.create_task(stage.store._writer.ask(lambda _: going.wait(20))))
        landing.append(asyncio.ensure_future(really()))
        await asyncio.sleep(0)
        raise TimedOut("the event store did not answer")

    stage.store.mishap = lambda told, really: hanging(really) if told["checkpoint"] and not landing else None
    stage.release()
    await until(lambda: len(landing) == 2)
    moving = asyncio.create_task(held.journal.move(receipt.message_id, Delivery.UNKNOWN))
    await asyncio.wait([moving], timeout=0.1)
    going.set()
    assert (await moving).state is Delivery.COMMITTED
    assert (await stage.store.receipt(receipt.message_id)).state is Delivery.COMMITTED
    await asyncio.gather(*landing)


async def test_a_sender_that_leaves_while_its_message_is_stored_leaves_a_whole_history(stage: Stage) -> None:
    """The message is delivered, and every subscriber sees every event."""
    held = await stage.attach()
    stored = asyncio.Event()

    async def forever(really: Append) -> list[Envelope]:
        await really()
        stored.set()
        await asyncio.Event().wait()
        raise AssertionError

    stage.store.mishap = lambda told, really: forever(really) if told["states"] else None
    leaving = asyncio.create_task(send(held, "left behind"))
    await stored.wait()
    stage.store.mishap = None
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    await until(lambda: stage.took["left behind"] == 1)
    second = await send(held, "second")
    await until(lambda: held.journal.state.activity is not Activity.IDLE)
    stage.codex.complete(THREAD)
    await reaches(held, second, Delivery.COMMITTED)
