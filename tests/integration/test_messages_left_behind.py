"""A message that codex took into a turn and dropped with it: its receipt says so when the turn is over."""

import pytest

from orchestrator.core.activity import Activity
from orchestrator.core.receipt import Delivery, Mode, Receipt
from orchestrator.sessions.attach import Attachment
from orchestrator.sessions.settle import DROPPED, NOT_IN_TURN
from tests.integration.delivery_stage import THREAD, Stage, reaches, send, stage

__all__ = ["stage"]

PATIENT = 600.0


async def _taken_unshown(stage: Stage, held: Attachment, text: str = "steer") -> Receipt:
    """A steered message that codex has accepted behind a person's answer, and has not shown."""
    await reaches(held, await send(held, "one"), Delivery.COMMITTED)
    stage.codex.wait_for(THREAD, "waitingOnApproval")
    await held.journal.until(lambda: held.journal.state.activity is Activity.WAITING_PERMISSION)
    sink, stage.codex._sink = stage.codex._sink, lambda _: None
    steer = await reaches(held, await send(held, text, Mode.STEER), Delivery.ACCEPTED)
    stage.codex._sink = sink
    return steer


async def test_what_an_interrupted_turn_had_taken_and_not_shown_has_failed(stage: Stage) -> None:
    """At once, and what waits behind it goes on."""
    stage.follow_rules(settle_seconds=PATIENT)
    held = await stage.attach()
    steer = await _taken_unshown(stage, held)
    waiting = await send(held, "queued")
    assert await held.deliverer.interrupt() == steer.turn_id
    assert (await reaches(held, steer, Delivery.FAILED)).reason == DROPPED
    await reaches(held, waiting, Delivery.COMMITTED)


async def test_one_that_a_turn_did_not_show_though_it_ran_to_its_end_is_unknown_at_once(stage: Stage) -> None:
    """Codex is not known to do so, so nobody can say what became of it."""
    stage.follow_rules(settle_seconds=PATIENT)
    held = await stage.attach()
    steer = await _taken_unshown(stage, held)
    stage.codex.complete(THREAD)
    assert (await reaches(held, steer, Delivery.UNKNOWN)).reason == NOT_IN_TURN


async def test_one_that_an_interrupting_message_overtook_has_failed_with_its_turn(stage: Stage) -> None:
    """It is unknown only until its turn is over."""
    stage.follow_rules(settle_seconds=PATIENT)
    held = await stage.attach()
    steer = await _taken_unshown(stage, held)
    urgent = await send(held, "now", Mode.INTERRUPT)
    assert (await reaches(held, steer, Delivery.FAILED)).reason == DROPPED
    await reaches(held, urgent, Delivery.COMMITTED)


async def test_an_end_that_is_told_before_codex_answers_counts_too(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recorder and codex's answer come by two ways."""
    stage.follow_rules(settle_seconds=PATIENT)
    held = await stage.attach()
    first = await reaches(held, await send(held, "one"), Delivery.COMMITTED)

    async def interrupted_meanwhile(thread: str, turn: str, _text: str, _message_id: str) -> str:
        await stage.codex.interrupt(thread, turn)
        await held.journal.until(lambda: held.journal.ended_turn == turn)
        return turn

    monkeypatch.setattr(stage.codex, "steer", interrupted_meanwhile)
    steer = await reaches(held, await send(held, "two", Mode.STEER), Delivery.FAILED)
    assert (steer.turn_id, steer.reason) == (first.turn_id, DROPPED)


@pytest.mark.parametrize("mode", [Mode.QUEUE, Mode.STEER])
async def test_a_message_that_began_its_turn_is_unknown_when_that_ends_without_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, mode: Mode
) -> None:
    """Whether it was sent as one or was a steer that came too late: codex is not known to drop these."""
    stage.follow_rules(settle_seconds=PATIENT)
    held = await stage.attach()

    async def unseen(thread: str, text: str, message_id: str) -> str:
        record = stage.codex._item
        monkeypatch.setattr(stage.codex, "_item", lambda *_: None)
        turn = stage.codex._take(thread, text, message_id)
        monkeypatch.setattr(stage.codex, "_item", record)
        await stage.codex.interrupt(thread, turn)
        return turn

    monkeypatch.setattr(stage.codex, "start_turn", unseen)
    receipt = await send(held, "one", mode)
    assert (await reaches(held, receipt, Delivery.UNKNOWN)).reason == NOT_IN_TURN
