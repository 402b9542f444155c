"""Launch, stop, remove and resume of one session while each other runs."""

import asyncio
import json
import random
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.core.activity import Activity
from orchestrator.core.errors import (
    LaunchFailed,
    OrchestratorError,
    SessionNotFound,
)
from orchestrator.core.events import Event
from orchestrator.core.ports import ContainerState
from orchestrator.core.receipt import Delivery
from orchestrator.core.session import Desired, Session
from orchestrator.sessions import waits
from orchestrator.sessions.observe import view, views
from orchestrator.sessions.resume import resume_all
from orchestrator.sessions.stop import remove, stop
from orchestrator.testing.files import InMemoryWorkspaces
from orchestrator.testing.waiting import until
from tests.integration.dry_stage import Slow, Stage, spoil_status, stage

__all__ = ["stage"]


async def launching(stage: Stage, gate: Slow, name: str) -> tuple[asyncio.Task[Session], Session]:
    """A launch that waits at this call, and its record."""
    gate.hold_back(name)
    task = asyncio.create_task(stage.launch())
    await gate.arrives(name)
    return task, stage.fleet.find("reviewer")


@pytest.mark.parametrize("phase", ["ensure", "create", "start", "inspect"])
async def test_a_session_that_is_stopped_while_it_is_launched_leaves_nothing(
    stage: Stage, phase: str
) -> None:
    """The stop cuts the launch off, in every phase; the launcher is told so, and the role is free."""
    if phase == "inspect":
        stage.engine._real._started = lambda _: None  # it never gets ready
    task, session = await launching(stage, stage.images if phase == "ensure" else stage.engine, phase)
    assert (await view(stage.fleet, session)).state.activity is Activity.STARTING
    stopped = await stop(stage.fleet, session)
    assert stopped.desired is Desired.STOPPED
    with pytest.raises(LaunchFailed, match="stopped while it was being launched"):
        await task
    await stage.nothing_left(session)


async def test_a_session_can_be_removed_while_it_is_launched(stage: Stage) -> None:
    """As with a stop: nothing stays, and a launch of the role works at once."""
    task, session = await launching(stage, stage.engine, "create")
    await remove(stage.fleet, session, force=True, purge=False)
    with pytest.raises(LaunchFailed):
        await task
    await stage.nothing_left(session)
    stage.engine.go_on("create")
    assert (await stage.launch()).role == "reviewer"


async def test_a_caller_that_leaves_during_a_launch_leaves_nothing(stage: Stage) -> None:
    """Ctrl-C is a cancelled request."""
    task, session = await launching(stage, stage.engine, "start")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await stage.nothing_left(session)


async def test_a_launch_cut_off_while_its_workspace_is_cloned_leaves_nothing(stage: Stage) -> None:
    """A thread cannot be cancelled: what git still writes is removed after git has ended."""
    cloning, go_on = threading.Event(), threading.Event()

    class SlowGit(InMemoryWorkspaces):
        def clone(self, origin: str, target: str, branch: str, agent_uid: int) -> None:
            cloning.set()
            go_on.wait(20)
            (Path(target) / "late").mkdir(parents=True)

    stage.fleet.world = replace(stage.world, workspaces=SlowGit())
    task = asyncio.create_task(stage.launch())
    await asyncio.to_thread(cloning.wait, 10)
    session = stage.fleet.find("reviewer")
    task.cancel()
    over, _ = await asyncio.wait({task}, timeout=0.3)
    assert not over, "it was cleared up under git's hands"
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    await stage.nothing_left(session)
    assert not list(Path(stage.world.home.root).glob("outputs/agents/*/*"))  # noqa: ASYNC240 - a small folder


async def test_a_supervisor_that_refuses_to_start_is_heard_at_once(stage: Stage) -> None:
    """It counts no boot then; its reason is told, not that the time is over."""
    session = await stage.launch()
    stage.engine._real.crash(session.container_name)
    told = {
        "schema": 1,
        "phase": "failed",
        "reason": "thread.json is missing",
        "boot": 0,
        "updated_at": "now",
    }
    stage.engine._real._started = lambda _: spoil_status(stage, session, json.dumps(told))
    await until(lambda: stage.fleet.held(session.session_id) is None)
    [result] = await resume_all(stage.fleet, print)
    assert (result.ok, result.detail) == (False, "the supervisor gave up: thread.json is missing")


async def test_what_is_stopped_while_resuming_looks_elsewhere_stays_stopped(stage: Stage) -> None:
    """The stop is the last word, although resuming had found the session wanted and its container ended."""
    session = await stage.launch()
    stage.engine._real.crash(session.container_name)
    stage.engine.hold_back("start")
    resuming = asyncio.create_task(resume_all(stage.fleet, print))
    await stage.engine.arrives("start")
    stopping = asyncio.create_task(stop(stage.fleet, session))
    stage.engine.go_on("start")
    await resuming
    assert (await stopping).desired is Desired.STOPPED
    assert stage.world.registry.get(session.session_id).desired is Desired.STOPPED
    assert await stage.state(session) is ContainerState.EXITED
    assert stage.fleet.held(session.session_id) is None


async def test_resuming_acts_on_what_is_so_when_its_turn_comes(stage: Stage) -> None:
    """Stopped and removed between the engine's list and the deed: nothing is brought back."""
    stopped, removed = await stage.launch("reviewer"), await stage.launch("builder")
    for session in (stopped, removed):
        stage.engine._real.crash(session.container_name)
    stage.engine.hold_back("containers")
    resuming = asyncio.create_task(resume_all(stage.fleet, print))
    await stage.engine.arrives("containers")
    await stop(stage.fleet, stopped)
    await remove(stage.fleet, removed, force=True, purge=True)
    stage.engine.go_on("containers")
    results = {r.session_id: r.action for r in await resuming}
    assert results.get(stopped.session_id) == "left alone"
    assert await stage.state(stopped) is not ContainerState.RUNNING
    assert removed.session_id not in {s.session_id for s in stage.world.registry.sessions()}
    assert await stage.state(removed) is None


async def test_the_eye_does_not_end_a_session_that_its_list_did_not_have_yet(stage: Stage) -> None:
    """The engine's list is old by the time it is compared; the container itself is asked again."""
    stage.engine.hold_back("containers")
    await stage.engine.arrives("containers")  # the eye, with a list from before the launch
    before: dict[str, Any] = {}
    session = await stage.launch()
    stage.engine.go_on("containers")
    stage.engine._real.containers, real = _answers(list(before.values())), stage.engine._real.containers
    await until(lambda: stage.engine._real.containers.asked >= 2)
    stage.engine._real.containers = real
    assert Event.SESSION_STOPPED not in await stage.story(session)
    assert stage.fleet.held(session.session_id) is not None


def _answers(found: list[Any]) -> Any:
    async def containers(_: str) -> list[Any]:
        containers.asked += 1  # type: ignore[attr-defined]  # counted on itself
        return found

    containers.asked = 0  # type: ignore[attr-defined]
    return containers


async def test_an_unreadable_status_is_one_session_s_trouble(stage: Stage) -> None:
    """It is told as a warning; listing, stopping and resuming go on for all."""
    bad, good = await stage.launch("reviewer"), await stage.launch("builder")
    for content in ("garbage", "[]", '{"boot": "x", "walls": [], "phase": 3}', '{"boot": 1, "walls": null}'):
        spoil_status(stage, bad, content)
        seen = {v.session.role: v for v in await views(stage.fleet, [bad, good])}
        assert seen["builder"].warnings == ()
    assert seen["reviewer"].warnings
    stage.engine._real.crash(bad.container_name)
    spoil_status(stage, bad, '{"boot": "x"}')
    results = {r.role: r for r in await resume_all(stage.fleet, print)}
    assert results["builder"].ok
    assert results["reviewer"].role == "reviewer"


async def test_a_session_whose_folder_is_gone_can_be_stopped_and_removed(stage: Stage) -> None:
    """Its order cannot be written any more; the engine ends it, and nothing stays."""
    session = await stage.launch()
    await asyncio.to_thread(stage.world.folders.remove, session)
    assert (await stop(stage.fleet, session)).desired is Desired.STOPPED
    assert await stage.state(session) is ContainerState.EXITED
    await remove(stage.fleet, session, force=False, purge=True)
    await stage.nothing_left(session)


async def test_a_daemon_that_has_just_started_waits_for_what_it_brings_up(tmp_path: Path) -> None:
    """A message that comes before its session is held again is no "not running"."""
    first = Stage(tmp_path)
    async with first.daemon.running():
        await first.daemon.resumed.wait()
        session = await first.launch()
    again = Stage(tmp_path)
    again.engine.hold_back("start")
    async with again.daemon.running():
        sending = asyncio.create_task(again.send(session, "good morning"))
        await again.engine.arrives("start")
        assert not sending.done()
        again.engine.go_on("start")
        sent = await asyncio.wait_for(sending, 10)
        assert (await waits.committed(again.fleet, sent.message_id, 10)).state is Delivery.COMMITTED


async def test_a_launch_that_died_with_its_daemon_does_not_hold_its_role(tmp_path: Path) -> None:
    """The new daemon removes what is left of it before it decides about the role."""
    first = Stage(tmp_path)
    async with first.daemon.running():
        await first.daemon.resumed.wait()
        _, session = await launching(first, first.engine, "create")
        left = stage_record(first, session)
    again = Stage(tmp_path)
    again.world.registry.put(left)
    async with again.daemon.running():
        new = await again.launch()
        told = await again.daemon.resume(print, dry_run=False)
        assert {r.found for r in told if r.session_id == left.session_id} == {"a launch that was cut off"}
        assert [s.session_id for s in again.world.registry.sessions()] == [new.session_id]


def stage_record(stage: Stage, session: Session) -> Session:
    return stage.world.registry.get(session.session_id)


async def test_a_daemon_that_stops_undoes_the_launches_under_way(tmp_path: Path) -> None:
    """SIGTERM in the middle of a launch: no container, no record, no folder."""
    stage = Stage(tmp_path)
    async with stage.daemon.running():
        await stage.daemon.resumed.wait()
        stage.engine.hold_back("start")
        work = stage.daemon.begin(stage.launch())
        await stage.engine.arrives("start")
        session = stage.fleet.find("reviewer")
    assert work.cancelled()
    await stage.nothing_left(session)


async def test_a_fault_of_our_own_in_one_session_ends_neither_the_eye_nor_resuming(stage: Stage) -> None:
    """Whatever breaks is logged; the others are served."""
    bad, good = await stage.launch("reviewer"), await stage.launch("builder")
    real = stage.engine._real.inspect

    async def broken(name: str) -> Any:
        if name == bad.container_name:
            raise RuntimeError("a bug")
        return await real(name)

    stage.engine._real.inspect = broken
    stage.engine._real.crash(bad.container_name)
    stage.engine._real.crash(good.container_name)
    await until(lambda: stage.fleet.held(good.session_id) is None)
    results = {r.role: r for r in await resume_all(stage.fleet, print)}
    assert (results["builder"].ok, results["reviewer"].ok) == (True, False)
    assert "a bug" in results["reviewer"].detail


async def change(stage: Stage, verb: str) -> None:
    """One random change; what it may not do it says by an error of ours, never by another."""
    with suppress(OrchestratorError):
        match verb:
            case "launch":
                await stage.launch()
            case "resume":
                await resume_all(stage.fleet, print)
            case "crash":
                stage.engine._real.crash(stage.fleet.find("reviewer").container_name)
            case "send":
                await stage.send(stage.fleet.find("reviewer"), "hello")
            case "stop":
                await stop(stage.fleet, stage.fleet.find("reviewer"))
            case "rm":
                await remove(stage.fleet, stage.fleet.find("reviewer"), force=True, purge=True)
            case _:
                await view(stage.fleet, stage.fleet.find("reviewer"))


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_races_the_end_is_consistent(stage: Stage, seed: int) -> None:
    """Random changes of one role at once: none breaks, and record, container, folder and hold agree after."""
    dice = random.Random(seed)  # noqa: S311 - the order of a test

    verbs = ["launch", "launch", "resume", "crash", "send", "send", "stop", "rm", "view"]
    for _ in range(4):
        await asyncio.gather(*(change(stage, verb) for verb in dice.choices(verbs, k=8)))
    await resume_all(stage.fleet, print)
    sessions = {s.session_id: s for s in stage.world.registry.sessions()}
    containers = await stage.fleet.containers()
    assert set(containers) <= set(sessions)
    assert sum(s.live for s in sessions.values()) <= 1
    for session in sessions.values():
        running = await stage.state(session) is ContainerState.RUNNING
        assert running == session.live == (stage.fleet.held(session.session_id) is not None)
    for session in sessions.values():
        await remove(stage.fleet, session, force=True, purge=True)
    with pytest.raises(SessionNotFound):
        stage.fleet.find("reviewer")
    assert await stage.fleet.containers() == {}
