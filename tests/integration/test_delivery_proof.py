"""What is said of a message that codex does not show, or that something died under: never sent twice."""

import asyncio
import itertools
from typing import Any

import pytest

from orchestrator.core.errors import (
    CodexRefused,
    ConnectionLost,
    OrchestratorError,
    TimedOut,
)
from orchestrator.core.receipt import Delivery, Route
from orchestrator.testing.terminal import MemoryTerminal
from orchestrator.testing.waiting import until
from tests.integration.delivery_stage import THREAD, Stage, reaches, send, stage

__all__ = ["stage"]


async def test_what_is_not_shown_in_time_is_unknown_and_settled_later(stage: Stage) -> None:
    """It is never sent again; the next message does not wait for it for ever."""
    stage.follow_rules(settle_seconds=0.2, retry_enter_seconds=0.05)
    held = await stage.attach()
    stage.hold()
    receipt = await reaches(held, await send(held, "lost?"), Delivery.UNKNOWN)
    assert "in time" in receipt.reason
    stage.release()
    receipt = await reaches(held, receipt, Delivery.COMMITTED)
    assert (receipt.reason, bool(receipt.turn_id)) == ("", True)
    stage.codex.complete(THREAD)
    await reaches(held, await send(held, "next"), Delivery.COMMITTED)


async def test_enter_that_was_swallowed_is_pressed_again(stage: Stage) -> None:
    """Once, and only where typing is allowed."""
    stage.follow_rules(settle_seconds=5.0, retry_enter_seconds=0.05)
    pasted: list[str] = []
    stage.terminal = MemoryTerminal(pasted.append)
    held = await stage.attach()
    receipt = await send(held, "typed", wish=Route.TMUX)
    await until(lambda: stage.terminal.pressed == ["Enter"])
    assert pasted == ["typed"]
    stage.codex.typed(THREAD, "typed")
    await reaches(held, receipt, Delivery.COMMITTED)
    assert stage.terminal.pressed == ["Enter"]


async def test_a_codex_that_dies_while_a_message_is_proven_blocks_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The typed message is unknown in time, and the next one is sent."""
    stage.follow_rules(settle_seconds=0.3, retry_enter_seconds=0.05)
    stage.terminal = MemoryTerminal(lambda _: None)
    held = await stage.attach()
    status, failing = stage.codex.status, itertools.count()

    async def failing_once(thread_id: str) -> Any:
        if next(failing) == 1:
            raise ConnectionLost("the app-server went")
        return await status(thread_id)

    monkeypatch.setattr(stage.codex, "status", failing_once)
    await reaches(held, await send(held, "typed", wish=Route.TMUX), Delivery.UNKNOWN)
    await reaches(held, await send(held, "next"), Delivery.COMMITTED)


@pytest.mark.parametrize(
    ("failure", "state"),
    [
        (CodexRefused("no"), Delivery.FAILED),
        (ConnectionLost("half way"), Delivery.UNKNOWN),
        (ConnectionLost("not begun", ambiguous=False), Delivery.FAILED),
        (TimedOut("no answer"), Delivery.UNKNOWN),
    ],
)
async def test_a_failed_command_is_told_as_it_is_and_never_repeated(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, failure: OrchestratorError, state: Delivery
) -> None:
    """Failed where it certainly did not arrive, unknown where it may have."""
    held = await stage.attach()
    start_turn, calls = stage.codex.start_turn, list[str]()

    async def failing(thread_id: str, text: str, message_id: str) -> str:
        calls.append(text)
        if text == "bad":
            raise failure
        return await start_turn(thread_id, text, message_id)

    monkeypatch.setattr(stage.codex, "start_turn", failing)
    receipt = await reaches(held, await send(held, "bad"), state)
    assert receipt.reason == failure.message
    await reaches(held, await send(held, "good"), Delivery.COMMITTED)
    assert calls == ["bad", "good"]


async def test_a_message_before_anything_was_written_is_tried_again(stage: Stage) -> None:
    """Nothing went out, so it stays queued until codex answers."""
    held = await stage.attach()
    stage.codex.next_failure = ConnectionLost("not there yet")
    await reaches(held, await send(held, "patient"), Delivery.COMMITTED)


async def test_what_held_a_message_up_is_said_only_while_it_does(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not of a message that was refused after all, nor while a turn is what it waits for."""
    held = await stage.attach()
    status, refusing = stage.codex.status, asyncio.Event()

    async def gone(_: str) -> Any:
        if refusing.is_set():
            raise CodexRefused("no such thread")
        raise ConnectionLost("codex went")

    monkeypatch.setattr(stage.codex, "status", gone)
    first, behind = await send(held, "refused"), await send(held, "behind")
    await until(lambda: held.deliverer.hindrance == "codex went")
    stage.codex.typed(THREAD, "by hand")
    await held.journal.until(lambda: held.journal.state.activity.in_turn)
    assert held.deliverer.hindrance == ""
    refusing.set()
    stage.codex.complete(THREAD)
    await reaches(held, first, Delivery.FAILED)
    await reaches(held, behind, Delivery.FAILED)
    assert held.deliverer.hindrance == ""
    monkeypatch.setattr(stage.codex, "status", status)


@pytest.mark.parametrize("recorded", ["before", "after", "never"])
async def test_a_daemon_that_dies_on_the_way_never_sends_again(stage: Stage, recorded: str) -> None:
    """The next one finds it committed by the recording, or calls it unknown until the recording knows."""
    first = await stage.attach()
    stage.hold()
    receipt = await reaches(first, await send(first, "once"), Delivery.ACCEPTED)
    behind = await send(first, "behind")
    for task in first._tasks:
        task.cancel()
    await asyncio.gather(*first._tasks, return_exceptions=True)
    if recorded == "before":
        stage.release()
    second = await stage.attach()
    if recorded == "before":
        assert (await second.journal.receipt(receipt.message_id)).state is Delivery.COMMITTED
    else:
        found = await second.journal.receipt(receipt.message_id)
        assert found.state is Delivery.UNKNOWN
        assert found.reason == "nobody held the session while it was on its way"
    if recorded == "after":
        stage.release()
        await reaches(second, receipt, Delivery.COMMITTED)
    stage.release()
    stage.codex.complete(THREAD)
    await reaches(second, behind, Delivery.COMMITTED)
    assert stage.took == {"once": 1, "behind": 1}


async def test_a_daemon_that_dies_between_writing_and_sending_sends_nothing_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Marked as written, and not a byte went out: unknown, for good."""
    first = await stage.attach()

    async def never(*_: str) -> str:
        await asyncio.Event().wait()
        raise AssertionError

    with monkeypatch.context() as patch:
        patch.setattr(stage.codex, "start_turn", never)
        receipt = await reaches(first, await send(first, "never"), Delivery.WRITTEN)
        await first.close()
    second = await stage.attach()
    await reaches(second, await send(second, "next"), Delivery.COMMITTED)
    assert (await second.journal.receipt(receipt.message_id)).state is Delivery.UNKNOWN
    assert stage.took == {"next": 1}
