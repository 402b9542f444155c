"""Launching several roles at once: what fails, comes up meanwhile or is cut off is one role's own affair."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from orchestrator.core.errors import EngineUnreachable, InvalidInput, SessionNotRunning
from orchestrator.core.policies import Policies
from orchestrator.sessions.launch import Order
from orchestrator.sessions.launch_all import AT_ONCE, Came, Launching, launch_all
from orchestrator.testing.waiting import until
from tests.integration.dry_stage import Stage, stage

__all__ = ["stage"]

Orders = Callable[[str], Awaitable[Order]]


async def plain(role: str) -> Order:
    return Order(role=role, policies=Policies())


def came(found: list[Launching]) -> dict[str, str]:
    return {one.role: one.came.value for one in found}


async def test_some_are_launched_at_the_same_time_and_no_more(stage: Stage) -> None:
    """As many as the bound says have begun; each that is through makes place for another."""
    roles = [f"role{number}" for number in range(AT_ONCE + 2)]
    begun: list[str] = []
    gate = asyncio.Event()

    async def slow(role: str) -> Order:
        begun.append(role)
        await gate.wait()
        return await plain(role)

    said: list[str] = []
    task = asyncio.create_task(launch_all(stage.fleet, roles, slow, said.append))
    await until(lambda: len(begun) == AT_ONCE)
    assert [line for line in said if line.endswith(": waiting for its turn")] == [
        f"{role}: waiting for its turn" for role in roles
    ]
    assert len(begun) == AT_ONCE
    gate.set()
    assert came(await task) == dict.fromkeys(roles, Came.LAUNCHED)
    assert f"{roles[-1]}: starting the container" in said


async def test_one_that_fails_keeps_no_other_from_coming_up(stage: Stage) -> None:
    """Neither what is refused nor what is a bug; each is told with its reason."""

    async def some(role: str) -> Order:
        if role == "refused":
            raise InvalidInput("not like this", hint="like that")
        if role == "broken":
            raise RuntimeError("oh")
        return await plain(role)

    found = await launch_all(stage.fleet, ["refused", "broken", "good"], some, print)
    assert came(found) == {"refused": Came.FAILED, "broken": Came.FAILED, "good": Came.LAUNCHED}
    faults = [(one.fault.code, one.fault.message) for one in found if one.fault]
    assert faults == [("invalid_input", "not like this"), ("bug", "RuntimeError: oh")]
    assert [s.role for s in stage.world.registry.sessions()] == ["good"]


async def test_a_role_that_is_live_is_left_alone(stage: Stage) -> None:
    """Also one that somebody else launches in the very moment between the look and the launch."""
    first = await stage.launch("reviewer")

    async def overtaken(role: str) -> Order:
        await stage.launch(role)
        return await plain(role)

    found = await launch_all(stage.fleet, ["reviewer", "builder"], overtaken, print)
    assert came(found) == {"reviewer": Came.LIVE, "builder": Came.LIVE}
    assert [one.fault for one in found] == [None, None]
    assert found[0].seen is not None
    assert found[0].seen.session.session_id == first.session_id
    assert len(stage.world.registry.sessions()) == 2


async def test_one_that_another_launch_is_just_bringing_up_is_waited_for(stage: Stage) -> None:
    """It is up when that is said."""
    stage.engine.hold_back("start")
    other = asyncio.create_task(stage.launch("reviewer"))
    await stage.engine.arrives("start")
    task = asyncio.create_task(launch_all(stage.fleet, ["reviewer"], plain, print))
    for _ in range(100):  # a look that does not wait would be over by then
        await asyncio.sleep(0)
    stage.engine.go_on("start")
    (found,) = await task
    assert (found.came, found.fault) == (Came.LIVE, None)
    assert found.seen is not None
    assert found.seen.session.session_id == (await other).session_id
    assert found.seen.container_state == "running"


async def test_a_live_session_whose_container_is_gone_is_not_up(stage: Stage) -> None:
    """It is no second one that is launched then; the way to bring it back is told."""
    session = await stage.launch("reviewer")
    await stage.engine.remove(session.container_name)
    (found,) = await launch_all(stage.fleet, ["reviewer"], plain, print)
    assert isinstance(found.fault, SessionNotRunning)
    assert "container is gone" in found.fault.message
    assert "resume-all" in found.fault.hint
    assert len(stage.world.registry.sessions()) == 1


async def test_cutting_it_off_undoes_what_is_not_up_yet(stage: Stage) -> None:
    """What is up stays; of the others there is neither a record nor a container."""
    said: list[str] = []

    async def second_hangs(role: str) -> Order:
        if role == "builder":
            await until(lambda: "reviewer: launched" in said)
            stage.engine.hold_back("start")
        return await plain(role)

    task = asyncio.create_task(launch_all(stage.fleet, ["reviewer", "builder"], second_hangs, said.append))
    await stage.engine.arrives("start")
    assert {s.role for s in stage.world.registry.sessions()} == {"reviewer", "builder"}
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (left,) = stage.world.registry.sessions()
    assert left.role == "reviewer"
    assert list(await stage.fleet.containers()) == [left.session_id]
    assert stage.fleet.held(left.session_id) is not None


async def test_without_an_engine_nothing_is_begun(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one failure, not one for each role."""

    async def away() -> None:
        raise EngineUnreachable

    monkeypatch.setattr(stage.engine._real, "facts", away)
    said: list[str] = []
    with pytest.raises(EngineUnreachable):
        await launch_all(stage.fleet, ["reviewer"], plain, said.append)
    assert said == []
