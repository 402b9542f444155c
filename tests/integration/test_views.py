"""What `ps` and `snapshot` say of a session, while its messages are on their way and after."""

import asyncio

import pytest

from orchestrator.core.activity import Activity
from orchestrator.core.receipt import Delivery, Receipt
from orchestrator.sessions import waits
from orchestrator.sessions.observe import snapshot, view
from orchestrator.testing.waiting import until
from tests.integration.dry_stage import Stage, spoil_status, stage

__all__ = ["stage"]


@pytest.mark.parametrize("reached", [Delivery.WRITTEN, Delivery.ACCEPTED])
async def test_a_message_on_its_way_is_still_to_come(stage: Stage, reached: Delivery) -> None:
    """Codex has it, and the recorder has not said so: the session is idle, and not without a message."""
    session = await stage.launch()
    await until(lambda: _activity(stage, session.session_id) is Activity.IDLE)
    assert (await view(stage.fleet, session)).queued == 0
    codex = stage.codex(session)
    behind: list[bytes] = []
    codex._sink, recorder = behind.append, codex._sink
    take, taking = codex.start_turn, asyncio.Event()

    async def slowly(*message: str) -> str:
        await taking.wait()
        return str(await take(*message))

    codex.start_turn = slowly
    if reached is Delivery.ACCEPTED:
        taking.set()
    sent = await stage.send(session, "on its way")
    await until(lambda: _state_is(stage, sent, reached))
    seen = await view(stage.fleet, session)
    assert (seen.state.activity, seen.queued) == (Activity.IDLE, 1)
    codex._sink = recorder
    for line in behind:
        recorder(line)
    taking.set()
    await waits.committed(stage.fleet, sent.message_id, 10)
    seen = await view(stage.fleet, session)
    assert (seen.state.activity.in_turn, seen.queued) == (True, 0)


async def _state_is(stage: Stage, sent: Receipt, state: Delivery) -> bool:
    return (await stage.receipt(sent)).state is state


def _activity(stage: Stage, session_id: str) -> Activity | None:
    held = stage.fleet.held(session_id)
    return held.journal.state.activity if held else None


@pytest.mark.parametrize("lines", [0, 1, 3])
async def test_a_snapshot_gives_the_cursor_behind_the_last_event(stage: Stage, lines: int) -> None:
    """Also where no event was asked for: one can go on from there and misses nothing."""
    session = await stage.launch()
    seen = await snapshot(stage.fleet, session, lines=lines, full=False)
    last = (await stage.world.store.read(session.session_id, 0, 1000)).envelopes[-1].seq
    assert last > 0
    assert (len(seen.envelopes), seen.next_seq) == (lines, last)


async def test_a_part_that_does_not_answer_is_named_with_the_time_since_when(stage: Stage) -> None:
    """The supervisor says so in its status file; a file with anything else there is told as what it is."""
    session = await stage.launch()
    spoil_status(stage, session, '{"boot": 1, "silent": {"app-server": "2026-01-02T03:04:05Z"}}')
    warnings = (await view(stage.fleet, session)).warnings
    assert "app-server does not answer since 2026-01-02T03:04:05Z" in warnings
    spoil_status(stage, session, '{"boot": 1, "silent": ["app-server"]}')
    warnings = (await view(stage.fleet, session)).warnings
    assert "its status file holds values that no supervisor writes" in warnings
