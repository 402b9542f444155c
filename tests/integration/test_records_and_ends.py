"""What the engine and the folders still know of a session, and ends that do not come at the first try."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from orchestrator.core.errors import EngineRefused, OrchestratorError, SessionNotFound, StoreUnwritable
from orchestrator.core.policies import Policies
from orchestrator.core.ports import ContainerState
from orchestrator.core.receipt import Delivery
from orchestrator.core.session import Desired, Session
from orchestrator.sessions.launch import Order, launch
from orchestrator.sessions.records import verify
from orchestrator.sessions.resume import resume_all
from orchestrator.sessions.stop import remove, stop
from orchestrator.testing.waiting import until
from tests.integration.dry_stage import Stage, stage

__all__ = ["stage"]


def lose_record(stage: Stage, session: Session) -> None:
    (Path(stage.world.home.registry) / f"{session.session_id}.json").unlink()


def lose_order(stage: Stage, session: Session) -> None:
    Path(stage.world.home.folder(session.role, session.session_id).session_file).unlink()


async def test_a_session_that_was_stopped_stays_so_when_its_record_is_rebuilt(stage: Stage) -> None:
    """Its container's labels are from the launch; its folder knows what was wanted last."""
    session = await stage.launch()
    await stop(stage.fleet, session)
    lose_record(stage, session)
    (planned,) = await resume_all(stage.fleet, print, dry_run=True)
    (resumed,) = await resume_all(stage.fleet, print)
    assert "the record is rebuilt" in resumed.found
    assert (planned.action, resumed.action) == ("left alone", "left alone")
    assert stage.fleet.find("reviewer").desired is Desired.STOPPED
    assert await stage.state(session) is ContainerState.EXITED


async def test_what_runs_without_a_record_and_without_an_order_is_kept_running(stage: Stage) -> None:
    """Nobody can say any more what was wanted of it; ending it would be the greater mistake."""
    session = await stage.launch()
    lose_record(stage, session)
    lose_order(stage, session)
    await resume_all(stage.fleet, print)
    rebuilt = stage.fleet.find("reviewer")
    assert rebuilt.desired is Desired.RUNNING
    assert (rebuilt.thread_id, rebuilt.branch) == (session.thread_id, session.branch)
    assert session.thread_id


async def test_a_session_that_is_removed_while_resuming_asks_the_engine_stays_removed(stage: Stage) -> None:
    """The list that resuming has is from before; what is missing is looked at again."""
    session = await stage.launch()
    asked: asyncio.Event = asyncio.Event()
    go_on: asyncio.Event = asyncio.Event()
    real = stage.engine._real.containers

    async def slowly(project: str) -> Any:
        found = await real(project)
        asked.set()
        await go_on.wait()
        return found

    stage.engine._real.containers = slowly
    resuming = asyncio.create_task(resume_all(stage.fleet, print))
    await asked.wait()
    stage.engine._real.containers = real
    await remove(stage.fleet, session, force=True, purge=True)
    go_on.set()
    assert await resuming == []
    assert (await verify(stage.fleet))["sessions"] == 0


async def test_a_stop_that_the_engine_did_not_carry_out_is_finished(stage: Stage) -> None:
    """The order stands, so the eye on the engine sees to it that it is obeyed."""
    session = await stage.launch()
    real = stage.engine._real.stop

    async def refuse(*_: object) -> None:
        stage.engine._real.stop = real
        raise EngineRefused("not now")

    stage.engine._real.stop = refuse
    with pytest.raises(EngineRefused):
        await stop(stage.fleet, session)

    async def told() -> bool:
        return (await stage.story(session))[-1] == "session_stopped"

    await until(told)
    assert await stage.state(session) is ContainerState.EXITED


async def test_a_removal_that_the_store_refused_can_be_repeated(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record goes last, so that there is still something to name."""
    session = await stage.launch()
    await stop(stage.fleet, session)

    async def refuse(_: str) -> None:
        raise StoreUnwritable("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(stage.world.store, "forget", refuse)
        with pytest.raises(StoreUnwritable):
            await remove(stage.fleet, session, force=False, purge=False)
    await remove(stage.fleet, stage.fleet.find("reviewer"), force=False, purge=False)
    with pytest.raises(SessionNotFound):
        stage.fleet.find("reviewer")
    assert await stage.story(session) == []


async def test_an_end_is_told_although_the_recording_cannot_be_read(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is lost there is one thing; that the session stopped is another."""
    session = await stage.launch()
    held = stage.fleet.held(session.session_id)
    assert held is not None

    async def refuse(*_: object) -> None:
        raise OrchestratorError("the recording cannot be read")

    monkeypatch.setattr(held._recording, "read", refuse)
    await stop(stage.fleet, session)
    assert (await stage.story(session))[-1] == "session_stopped"


async def test_a_prompt_is_stored_before_its_session_is_ready(stage: Stage) -> None:
    """So a daemon that dies in between has lost no task."""
    stage.engine.hold_back("start")
    order = Order(role="reviewer", policies=Policies(), prompt="Audit", sender="ana")
    launching = asyncio.create_task(launch(stage.fleet, order, print))
    await stage.engine.arrives("start")
    session = stage.fleet.find("reviewer")
    (waiting,) = await stage.world.store.receipts(session.session_id, open_only=True)
    assert (waiting.text, waiting.sender, waiting.state) == ("Audit", "ana", Delivery.QUEUED)
    stage.engine.go_on("start")
    launched = await launching
    assert launched.message_id == waiting.message_id

    async def committed() -> bool:
        return (await stage.receipt(waiting)).state is Delivery.COMMITTED

    await until(committed)


async def test_a_prompt_that_cannot_be_stored_fails_the_launch(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left of a session that would have had nothing to do."""

    async def refuse(*_: object, **__: object) -> None:
        raise StoreUnwritable("the disk is full")

    order = Order(role="reviewer", policies=Policies(), prompt="Audit", sender="ana")
    with monkeypatch.context() as patch:
        patch.setattr(stage.world.store, "append", refuse)
        with pytest.raises(StoreUnwritable):
            await launch(stage.fleet, order, print)
    assert stage.world.registry.sessions() == []
    assert await stage.fleet.containers() == {}
