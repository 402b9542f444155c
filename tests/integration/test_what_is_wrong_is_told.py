"""An unreadable record and a container that sleeps are told, each once, wherever sessions are listed."""

from pathlib import Path

from fastapi import Response

from orchestrator.api.sessions import UNREADABLE_HEADER, get_sessions
from orchestrator.core.session import Session
from orchestrator.sessions.examine import examine
from orchestrator.sessions.observe import view
from orchestrator.sessions.records import rebuild, verify
from tests.integration.dry_stage import Stage, stage

__all__ = ["stage"]


def record(stage: Stage, session: Session) -> Path:
    return Path(stage.world.home.registry, f"{session.session_id}.json")


def spoil(stage: Stage, session: Session) -> None:
    record(stage, session).write_text("{")


async def test_the_list_tells_how_many_records_cannot_be_read(stage: Stage) -> None:
    """The sessions in it are those that can be."""
    spoil(stage, await stage.launch("builder"))
    await stage.launch("reviewer")
    beside = Response()
    (seen,) = await get_sessions(stage.daemon, beside, every=True)
    assert (seen["role"], beside.headers[UNREADABLE_HEADER]) == ("reviewer", "1")


async def test_a_record_that_cannot_be_read_is_one_fault(stage: Stage) -> None:
    """It is broken, not missing; rebuilding sets it aside and writes it anew, once."""
    session = await stage.launch()
    spoil(stage, session)
    found = await verify(stage.fleet)
    assert (found["sessions"], len(found["broken"]), found["missing"]) == (0, 1, [])
    faults = {check.name: check.status for check in await examine(stage.fleet, asks_model=False)}
    assert (faults["registry"], faults["containers"]) == ("fail", "ok")
    planned = await rebuild(stage.fleet, dry_run=True)
    assert planned["rebuilt"] == [session.session_id]
    assert (await rebuild(stage.fleet, dry_run=False))["rebuilt"] == [session.session_id]
    assert stage.fleet.find("reviewer") == session


async def test_a_missing_record_beside_one_that_cannot_be_read_is_told(stage: Stage) -> None:
    """They are two sessions."""
    spoil(stage, await stage.launch("builder"))
    lost = await stage.launch("reviewer")
    record(stage, lost).unlink()
    found = await verify(stage.fleet)
    assert (len(found["broken"]), found["missing"]) == (1, [lost.session_id])


async def test_a_paused_container_is_told_with_what_wakes_it(stage: Stage) -> None:
    """What codex said last stays beside it; a container that runs has no such warning."""
    session = await stage.launch()
    before = await view(stage.fleet, session)
    stage.engine.pause(session.container_name)
    seen = await view(stage.fleet, session)
    assert (before.warnings, before.container_state) == ((), "running")
    assert (seen.state, seen.container_state) == (before.state, "paused")
    assert f"`docker unpause {session.container_name}`" in seen.warnings[0]
    assert "`orchestrator resume-all`" in seen.warnings[0]
