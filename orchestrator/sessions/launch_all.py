"""A whole team at once: every role without a live session is launched; one that fails delays no other."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import structlog

from orchestrator.core.errors import DaemonBroke, OrchestratorError, RoleBusy, SessionNotRunning
from orchestrator.core.ports import ContainerState, Progress
from orchestrator.core.session import Session
from orchestrator.sessions.fleet import Fleet
from orchestrator.sessions.launch import Order, launch, plan_launch
from orchestrator.sessions.launch_plan import live_one
from orchestrator.sessions.observe import View, view
from orchestrator.sessions.step import Step

log = structlog.get_logger()

AT_ONCE = 4

#: The order for a role; to make it may fail as a launch may.
Orders = Callable[[str], Awaitable[Order]]


class Came(StrEnum):
    """What became of a role."""

    LAUNCHED = "launched"
    LIVE = "live already"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Launching:
    """One role's part: its session where it has one, and the failure where it is not up."""

    role: str
    came: Came
    seen: View | None = None
    fault: OrchestratorError | None = None
    warnings: tuple[str, ...] = ()


async def launch_all(
    fleet: Fleet, roles: Sequence[str], orders: Orders, progress: Progress
) -> list[Launching]:
    """Launch the roles that have no live session, some at the same time; progress is told as `ROLE: STEP`.

    To be cancelled undoes what is not up yet.

    Raises:
        EngineUnreachable: nothing was begun.
    """
    await fleet.world.engine.facts()
    limit = asyncio.Semaphore(AT_ONCE)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_one(fleet, role, orders, limit, progress)) for role in roles]
    return [task.result() for task in tasks]


async def plan_all(
    fleet: Fleet, roles: Sequence[str], orders: Orders, inside: Callable[[Session], list[Step]]
) -> list[Step]:
    """The steps of each launch, behind a step that names its role.

    Raises:
        OrchestratorError: roles that could not be launched; each is told with its reason.
    """
    steps: list[Step] = []
    refused: list[str] = []
    for role in roles:
        try:
            steps += await _plan_one(fleet, role, orders, inside)
        except OrchestratorError as exc:
            refused.append(f"{role}: {exc.message}")
    if refused:
        many = f"{len(refused)} of {len(roles)} roles cannot be launched"
        raise OrchestratorError(f"{many}: {'; '.join(refused)}")
    return steps


async def _plan_one(
    fleet: Fleet, role: str, orders: Orders, inside: Callable[[Session], list[Step]]
) -> list[Step]:
    if session := await _live(fleet, role):
        return [Step(role, f"has a live session, {session.session_id}: nothing to do")]
    return [Step(role, "would be launched:"), *await plan_launch(fleet, await orders(role), inside)]


async def _one(
    fleet: Fleet, role: str, orders: Orders, limit: asyncio.Semaphore, progress: Progress
) -> Launching:
    def say(text: str) -> None:
        progress(f"{role}: {text}")

    say("waiting for its turn")
    async with limit:
        try:
            found = await _launch(fleet, role, orders, say)
        except OrchestratorError as exc:
            found = Launching(role=role, came=Came.FAILED, fault=exc)
        except Exception as exc:
            log.exception("launch_broke", role=role)
            bug = DaemonBroke(f"{type(exc).__name__}: {exc}", hint="`orchestrator daemon logs` has more")
            found = Launching(role=role, came=Came.FAILED, fault=bug)
    say(f"{found.came}: {found.fault.message}" if found.fault else found.came)
    return found


async def _launch(fleet: Fleet, role: str, orders: Orders, say: Progress) -> Launching:
    if session := await _live(fleet, role):
        return await _known(fleet, session)
    say("checking what it needs")
    try:
        launched = await launch(fleet, await orders(role), say)
    except RoleBusy:
        if session := await _live(fleet, role):  # somebody else launched it meanwhile
            return await _known(fleet, session)
        raise
    seen = await view(fleet, launched.session)
    return Launching(role=role, came=Came.LAUNCHED, seen=seen, warnings=launched.warnings)


async def _live(fleet: Fleet, role: str) -> Session | None:
    """The role's live session, once whoever brings it up or down is through with it."""
    await fleet.begun.wait()
    for session in fleet.world.registry.sessions():
        if session.role == role:
            await fleet.steady(session.session_id)
    return live_one(role, fleet.world.registry.sessions(), fleet.launching)


async def _known(fleet: Fleet, session: Session) -> Launching:
    seen = await view(fleet, session)
    fault = SessionNotRunning(
        f"its session {session.session_id} should be running, and its container is {seen.container_state}",
        hint="`orchestrator resume-all` brings it back",
    )
    up = seen.container_state == ContainerState.RUNNING
    return Launching(role=session.role, came=Came.LIVE, seen=seen, fault=None if up else fault)
