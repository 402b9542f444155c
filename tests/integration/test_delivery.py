"""Which message goes when, and into which turn."""

import asyncio
from collections import Counter

import pytest

from orchestrator.core.activity import Activity
from orchestrator.core.errors import (
    RateLimited,
    SessionBusy,
)
from orchestrator.core.events import Event
from orchestrator.core.ports import ThreadStatus
from orchestrator.core.receipt import Delivery, Mode, Receipt, Route
from orchestrator.sessions.attach import Attachment
from orchestrator.testing.codex import MemoryCodex
from orchestrator.testing.examples import SESSION_ID
from orchestrator.testing.waiting import until
from tests.integration.delivery_stage import THREAD, Stage, reaches, send, stage

__all__ = ["stage"]


@pytest.mark.parametrize("wish", [Route.AUTO, Route.APP_SERVER])
async def test_forty_messages_of_eight_senders_arrive_once_and_in_order(stage: Stage, wish: Route) -> None:
    """In the order in which they were accepted, whoever sent them, typed or not."""
    codex = MemoryCodex(stage._record, first_line=4)
    codex._threads = stage.codex._threads
    stage.codex = codex
    held = await stage.attach()

    async def sender(number: int) -> list[Receipt]:
        return [await send(held, f"{number}.{n}", wish=wish) for n in range(5)]

    receipts = [r for mine in await asyncio.gather(*map(sender, range(8))) for r in mine]
    for receipt in receipts:
        await reaches(held, receipt, Delivery.COMMITTED)
    order = [r.text for r in sorted(receipts, key=lambda r: r.position)]
    assert len({r.position for r in receipts}) == 40
    assert await stage.said(Event.USER_MESSAGE) == order
    assert [r.text for r in await stage.store.receipts(SESSION_ID)] == order
    for sender_number in range(8):
        mine = [text for text in order if text.startswith(f"{sender_number}.")]
        assert mine == sorted(mine)
    routes = {r.route for r in await stage.store.receipts(SESSION_ID)}
    assert routes == {Route.TMUX if wish is Route.AUTO else Route.APP_SERVER}
    assert len(stage.terminal.pasted) == (40 if wish is Route.AUTO else 0)


async def test_a_message_waits_for_the_turn_to_end(stage: Stage) -> None:
    """Its sender hears at once that it is queued; then it begins a turn of its own."""
    held = await stage.attach()
    first = await reaches(held, await send(held, "one"), Delivery.COMMITTED)
    second, third = await send(held, "two"), await send(held, "three")
    assert (await held.deliverer.settled(second.message_id)).state is Delivery.QUEUED
    stage.codex.complete(THREAD)
    second = await reaches(held, second, Delivery.COMMITTED)
    assert (await held.journal.receipt(third.message_id)).state is Delivery.QUEUED
    stage.codex.complete(THREAD)
    third = await reaches(held, third, Delivery.COMMITTED)
    assert len({first.turn_id, second.turn_id, third.turn_id}) == 3


async def test_a_message_never_joins_a_turn_that_was_not_recorded_yet(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person began it on the screen, and the recorder is behind: codex's own word counts."""
    held = await stage.attach()
    await held.journal.until(lambda: held.journal.state.activity is Activity.IDLE)
    status, asked = stage.codex.status, list[str]()

    async def counted(thread_id: str) -> ThreadStatus:
        asked.append(thread_id)
        return await status(thread_id)

    monkeypatch.setattr(stage.codex, "status", counted)
    stage.hold()
    stage.codex.typed(THREAD, "by hand")
    receipt = await send(held, "queued")
    await until(lambda: stage.took["queued"] > 0 or len(asked) > 5)
    assert stage.took == {"by hand": 1}
    stage.release()
    stage.codex.complete(THREAD)
    await reaches(held, receipt, Delivery.COMMITTED)
    said = [e.draft for e in await stage.events() if e.draft.type == Event.USER_MESSAGE]
    turns = {draft.text: draft.turn_id for draft in said}
    assert turns["by hand"] != turns["queued"]


async def test_steering_goes_into_the_running_turn(stage: Stage) -> None:
    """Before what is queued; without a turn it begins one."""
    held = await stage.attach()
    first = await reaches(held, await send(held, "one", Mode.STEER), Delivery.COMMITTED)
    queued = await send(held, "queued")
    steered = await reaches(held, await send(held, "two", Mode.STEER), Delivery.COMMITTED)
    assert steered.turn_id == first.turn_id
    assert (await held.journal.receipt(queued.message_id)).state is Delivery.QUEUED
    assert steered.route is Route.APP_SERVER


async def test_steering_a_turn_that_has_just_ended_begins_another(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Codex's refusal is certain, so nothing is sent twice."""
    held = await stage.attach()
    first = await reaches(held, await send(held, "one"), Delivery.COMMITTED)
    steer = stage.codex.steer

    async def too_late(*args: str) -> str:
        stage.codex.complete(THREAD)
        return await steer(*args)

    monkeypatch.setattr(stage.codex, "steer", too_late)
    steered = await reaches(held, await send(held, "two", Mode.STEER), Delivery.COMMITTED)
    assert steered.turn_id != first.turn_id


async def test_interrupting_ends_the_turn_first(stage: Stage) -> None:
    """With what it left running; what is queued goes after it."""
    held = await stage.attach()
    first = await reaches(held, await send(held, "one"), Delivery.COMMITTED)
    queued = await send(held, "queued")
    urgent = await reaches(held, await send(held, "now", Mode.INTERRUPT), Delivery.COMMITTED)
    assert urgent.turn_id != first.turn_id
    assert stage.codex.cleaned == 1
    stage.codex.complete(THREAD)
    await reaches(held, queued, Delivery.COMMITTED)
    assert await stage.said(Event.TURN_COMPLETED) == ["interrupted", "completed"]


async def test_an_interrupting_message_does_not_wait_for_a_steer_behind_a_question(stage: Stage) -> None:
    """The steer is unknown until the record shows it; neither is sent twice."""
    stage.follow_rules(settle_seconds=600.0)
    held = await stage.attach()
    await reaches(held, await send(held, "one"), Delivery.COMMITTED)
    stage.codex.wait_for(THREAD, "waitingOnApproval")
    await held.journal.until(lambda: held.journal.state.activity is Activity.WAITING_PERMISSION)
    stage.hold()
    steer = await reaches(held, await send(held, "steer", Mode.STEER), Delivery.ACCEPTED)
    urgent = await send(held, "now", Mode.INTERRUPT)
    await reaches(held, steer, Delivery.UNKNOWN)
    await until(lambda: stage.codex.cleaned == 1)
    stage.release()
    await reaches(held, urgent, Delivery.COMMITTED)
    await reaches(held, steer, Delivery.COMMITTED)


@pytest.mark.parametrize("flag", ["waitingOnApproval", "waitingOnUserInput"])
async def test_a_steer_behind_a_question_has_as_long_as_the_answer_takes(stage: Stage, flag: str) -> None:
    """Codex shows it after the answer only: no time is counted, and the next steer goes after it."""
    stage.follow_rules(settle_seconds=0.2)
    held = await stage.attach()
    await reaches(held, await send(held, "one"), Delivery.COMMITTED)
    stage.codex.wait_for(THREAD, flag)
    await held.journal.until(lambda: _asking(held))
    stage.hold()
    steer = await reaches(held, await send(held, "steer", Mode.STEER), Delivery.ACCEPTED)
    second = await send(held, "second", Mode.STEER)
    given_up = asyncio.create_task(reaches(held, steer, Delivery.UNKNOWN))
    assert await asyncio.wait([given_up], timeout=0.8) == (set(), {given_up})
    assert (await held.journal.receipt(second.message_id)).state is Delivery.QUEUED
    given_up.cancel()
    stage.release()
    stage.codex.wait_for(THREAD)
    await reaches(held, steer, Delivery.COMMITTED)
    await reaches(held, second, Delivery.COMMITTED)


async def test_a_steer_that_codex_does_not_show_after_the_answer_is_unknown(stage: Stage) -> None:
    """From the answer on its time is counted."""
    stage.follow_rules(settle_seconds=0.2)
    held = await stage.attach()
    await reaches(held, await send(held, "one"), Delivery.COMMITTED)
    stage.codex.wait_for(THREAD, "waitingOnApproval")
    await held.journal.until(lambda: _asking(held))
    sink, stage.codex._sink = stage.codex._sink, lambda _: None
    steer = await reaches(held, await send(held, "steer", Mode.STEER), Delivery.ACCEPTED)
    stage.codex._sink = sink
    stage.codex.wait_for(THREAD)
    await reaches(held, steer, Delivery.UNKNOWN)


def _asking(held: Attachment) -> bool:
    return held.journal.state.activity in {Activity.WAITING_PERMISSION, Activity.WAITING_INPUT}


async def test_if_idle_is_refused_while_anything_is_going_on(stage: Stage) -> None:
    """Nothing of it is stored; of two at the same moment one is taken."""
    held = await stage.attach()
    await held.journal.until(lambda: held.journal.state.activity is Activity.IDLE)
    both = await asyncio.gather(
        send(held, "a", Mode.IF_IDLE), send(held, "b", Mode.IF_IDLE), return_exceptions=True
    )
    assert [type(said) for said in both] == [Receipt, SessionBusy]
    assert isinstance(both[0], Receipt)
    await reaches(held, both[0], Delivery.COMMITTED)
    with pytest.raises(SessionBusy):
        await send(held, "c", Mode.IF_IDLE)
    assert await stage.states() == {"a": Delivery.COMMITTED}


async def test_a_full_queue_takes_no_more(stage: Stage) -> None:
    """Also where many come at the same moment."""
    stage.follow_rules(queue_limit=3)
    held = await stage.attach()
    await reaches(held, await send(held, "running"), Delivery.COMMITTED)
    said = await asyncio.gather(*(send(held, f"{n}") for n in range(8)), return_exceptions=True)
    assert Counter(type(s) for s in said) == {Receipt: 3, RateLimited: 5}
