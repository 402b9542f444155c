"""Following a session while the daemon's hold on it comes and goes."""

import json
from contextlib import aclosing
from typing import Any

import pytest

from orchestrator.api.reading import envelopes
from orchestrator.core.errors import EngineUnreachable
from orchestrator.core.session import Session
from orchestrator.sessions.stop import stop
from orchestrator.testing.waiting import until
from tests.integration.dry_stage import Stage, stage

__all__ = ["stage"]


async def let_go(stage: Stage, session: Session) -> None:
    """As a daemon that has just started and whose engine does not answer yet."""
    held = stage.fleet._held.pop(session.session_id)
    await held.close()


async def test_a_follower_waits_for_a_session_that_is_not_held_yet(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is stored comes at once, then heartbeats, then what happens when the engine is back."""

    async def away(*_: object) -> Any:
        raise EngineUnreachable("the engine does not answer")

    session = await stage.launch()
    async with aclosing(envelopes(stage.fleet, session, 0)) as lines:
        with monkeypatch.context() as patch:
            patch.setattr(stage.engine._real, "containers", away)
            await let_go(stage, session)
            while await anext(lines) != b"\n":
                pass
            assert await anext(lines) == b"\n"
        while not (line := await anext(lines)).strip():
            pass
        assert json.loads(line)["type"] == "session_resumed"
        await stop(stage.fleet, stage.fleet.find("reviewer"))
        assert [json.loads(line)["type"] async for line in lines if line.strip()][-1] == "session_stopped"


async def test_following_a_session_that_stopped_ends_behind_its_history(stage: Stage) -> None:
    """There is nothing to wait for."""
    session = await stage.launch()
    await stop(stage.fleet, session)
    told = [json.loads(line)["type"] async for line in envelopes(stage.fleet, session, 0)]
    assert told == await stage.story(session)


async def test_the_branch_is_what_the_agent_left_checked_out(stage: Stage) -> None:
    """An agent changes branches in its turns; the record and the events that follow say so."""
    session = await stage.launch()
    stage.git(session, "checkout", "-q", "-b", "feature/x")
    await stage.send(session, "hello")
    await until(lambda: stage.fleet.find("reviewer").branch == "feature/x")
    await stage.send(session, "again")

    async def told() -> bool:
        page = await stage.world.store.latest(session.session_id, 1)
        return page.envelopes[-1].branch == "feature/x"

    await until(told)
