"""The recording becomes the history: each line once, its losses told, its thread followed."""

import itertools

import pytest

from orchestrator.codex.recording import Line, Source, encode
from orchestrator.core.activity import Activity
from orchestrator.core.errors import (
    StoreUnwritable,
)
from orchestrator.core.events import Event
from orchestrator.core.receipt import Delivery
from orchestrator.core.session import Session
from orchestrator.sessions import collect
from orchestrator.testing.examples import SESSION_ID
from orchestrator.testing.waiting import until
from tests.integration.delivery_stage import THREAD, Stage, drained, reaches, send, stage

__all__ = ["stage"]


async def test_two_collectors_of_one_session_store_each_line_once(stage: Stage) -> None:
    """As when a hold was dropped and has not noticed yet."""
    first = await stage.attach()
    second = await stage.attach()
    for number in range(20):
        stage.codex.typed(THREAD, f"{number}")
        stage.codex.complete(THREAD)
    await until(lambda: drained(first))
    await until(lambda: first.journal._seq == second.journal._seq == len(stage.transcript_lines()))
    assert first.journal.state == second.journal.state
    assert await stage.said(Event.USER_MESSAGE) == [f"{number}" for number in range(20)]
    assert Event.GAP not in {e.draft.type for e in await stage.events()}


async def test_a_thread_that_a_person_began_is_followed(stage: Stage) -> None:
    """`/new` on the screen: the record knows it, and messages go there."""
    held = await stage.attach()
    await reaches(held, await send(held, "old"), Delivery.COMMITTED)
    stage.codex.complete(THREAD)
    stage.codex.open_thread("thread-2", how="followed")
    await until(lambda: stage.world.registry.get(SESSION_ID).thread_id == "thread-2")
    await until(lambda: held.journal.state.activity is Activity.IDLE)
    await reaches(held, await send(held, "new"), Delivery.COMMITTED)
    assert (await stage.codex.status("thread-2")).kind == "active"
    assert (await stage.codex.status(THREAD)).kind == "idle"


async def test_a_thread_is_followed_also_where_the_registry_failed_first(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line is read again until the record knows the thread."""
    held = await stage.attach()
    put, failing = stage.world.registry.put, itertools.count()

    def refusing_once(session: Session) -> None:
        if next(failing) == 0:
            raise StoreUnwritable("the disk is full")
        put(session)

    monkeypatch.setattr(stage.world.registry, "put", refusing_once)
    stage.codex.open_thread("thread-2", how="followed")
    await until(lambda: stage.world.registry.get(SESSION_ID).thread_id == "thread-2")
    assert held.session.thread_id == "thread-2"


async def test_a_recording_that_a_power_failure_shortened_is_read_on(stage: Stage) -> None:
    """What was read stays read once, and what the recorder writes in its place is new."""
    held = await stage.attach()
    for number in range(3):
        stage.codex.typed(THREAD, f"{number}")
        stage.codex.complete(THREAD)
    await until(lambda: drained(held))
    await held.close()
    lines = stage.recording.read_bytes().splitlines(keepends=True)
    kept = lines[: len(lines) // 2]
    stage.recording.write_bytes(b"".join(kept))
    stage.codex._next_line = len(kept) + 1
    again = await stage.attach()
    stage.codex.typed(THREAD, "after the failure")
    stage.codex.complete(THREAD)
    await until(lambda: drained(again))
    assert await stage.said(Event.USER_MESSAGE) == ["0", "1", "2", "after the failure"]
    assert Event.GAP not in {e.draft.type for e in await stage.events()}


async def test_a_long_shortened_recording_is_read_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the lines that are known come in many pieces."""
    monkeypatch.setattr(collect, "LINES_AT_ONCE", 3)
    await test_a_recording_that_a_power_failure_shortened_is_read_on(stage)


async def test_missing_and_replaced_lines_are_told(stage: Stage) -> None:
    """As gaps; what is there is read."""
    held = await stage.attach()
    await until(lambda: drained(held))
    stage.codex._next_line += 5
    stage.codex.typed(THREAD, "after a hole")
    await until(lambda: drained(held))
    renewed = Line(n=1, t=1, source=Source.LIVE, message={"method": "warning", "params": {"message": "new"}})
    other = stage.recording.with_name("other")
    other.write_bytes(encode(renewed))
    other.rename(stage.recording)
    await until(lambda: drained(held))
    gaps = [e.draft for e in await stage.events() if e.draft.type == Event.GAP]
    assert [gap.text for gap in gaps] == [
        "lines are missing from the recording",
        "the recording was replaced",
    ]
    assert (gaps[0].data["last_line"] - gaps[0].data["first_line"], await stage.said(Event.WARNING)) == (
        4,
        ["new"],
    )
    assert await stage.said(Event.USER_MESSAGE) == ["after a hole"]


async def test_a_line_that_cannot_be_read_is_told_and_passed(stage: Stage) -> None:
    """It counts as one line."""
    held = await stage.attach()
    await until(lambda: drained(held))
    stage._write(b"\xff{not json\n" + b"[" * 100_000 + b"\n")
    stage.codex._next_line += 2
    stage.codex.typed(THREAD, "behind")
    await until(lambda: drained(held))
    assert len(await stage.said(Event.WARNING)) == 2
    assert await stage.said(Event.USER_MESSAGE) == ["behind"]
    assert Event.GAP not in {e.draft.type for e in await stage.events()}
