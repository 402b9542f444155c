"""The way down: stop a session so that it stays stopped, and remove one for good."""

import asyncio
from dataclasses import replace

import structlog

from orchestrator.core.errors import (
    ContainerGone,
    EngineRefused,
    SessionBusy,
    StoreUnwritable,
    TimedOut,
)
from orchestrator.core.events import Event
from orchestrator.core.session import Desired, Session
from orchestrator.sessions.diagnosis import UP
from orchestrator.sessions.ending import settle_unheld
from orchestrator.sessions.fleet import Fleet, inspected, note
from orchestrator.sessions.journal import Journal
from orchestrator.sessions.launch import cut_off
from orchestrator.sessions.step import Step

log = structlog.get_logger()


async def plan_stop(fleet: Fleet, session: Session) -> list[Step]:
    """The steps; none where it was told to stop and its container is down."""
    if not session.live:
        container = await inspected(fleet, session)
        if container is None or container.state not in UP:
            return []
    grace = fleet.world.rules.stop_seconds
    return [
        Step("files", f"write desired = stopped for {session.session_id}"),
        Step("engine", f"docker stop -t {grace} {session.container_name}"),
    ]


async def stop(fleet: Fleet, session: Session) -> Session:
    """Stop the session; one that is stopped stays so, and one that is being launched leaves nothing."""
    if await cut_off(fleet, session.session_id):
        return replace(session, desired=Desired.STOPPED)
    async with fleet.changing(session.session_id):
        return await stop_alone(fleet, fleet.world.registry.get(session.session_id))


async def stop_alone(fleet: Fleet, session: Session) -> Session:
    """`stop` for a caller that is alone with the session. What is wanted is written before it is done."""
    session = _ordered(fleet, session)
    held = fleet.held(session.session_id)
    if held is not None:
        held.journal.session = session
        await held.deliverer.shut()
        await _announce(held.journal)
    code = await _stop_container(fleet, session)
    await fleet.detach(session.session_id, {"why": "it was asked to stop", "exit_code": code})
    if held is None:
        await settle_unheld(fleet.world, session)
    return session


async def _announce(journal: Journal) -> None:
    """A store that cannot be written keeps no session from being stopped."""
    try:
        await journal.write(note(journal, Event.SESSION_STOPPING, {}))
    except (StoreUnwritable, TimedOut) as exc:
        log.warning("stopping_not_stored", session_id=journal.session.session_id, reason=exc.message)


def _ordered(fleet: Fleet, session: Session) -> Session:
    """The record says what is wanted. One who cannot be told is ended by the engine all the same."""
    if not session.live:
        return session
    session = replace(session, desired=Desired.STOPPED)
    fleet.world.registry.put(session)
    try:
        fleet.world.folders.write_order(session)
    except StoreUnwritable as exc:
        log.warning("order_not_written", session_id=session.session_id, reason=exc.message)
    return session


async def _stop_container(fleet: Fleet, session: Session) -> int | None:
    """Its exit code; None where there was no container."""
    engine = fleet.world.engine
    try:
        await engine.stop(session.container_name, fleet.world.rules.stop_seconds)
        return (await engine.inspect(session.container_name)).exit_code
    except ContainerGone:
        return None


def plan_remove(session: Session, *, force: bool, purge: bool) -> list[Step]:
    """The steps of `remove`; it refuses what that refuses."""
    check_removable(session, force=force)
    files = "its whole folder" if purge else "its secrets and codex home; log, transcript and workspace stay"
    return [
        Step("engine", f"docker rm -f {session.container_name}"),
        Step("files", f"remove the record of {session.session_id} and {files}"),
    ]


def check_removable(session: Session, *, force: bool) -> None:
    """`SessionBusy` where it should be running, and `force` was not given."""
    if session.live and not force:
        raise SessionBusy(
            f"{session.role} ({session.session_id}) is running",
            hint="`orchestrator stop` it first, or use `--force`",
        )


async def remove(fleet: Fleet, session: Session, *, force: bool, purge: bool) -> None:
    """Remove a session's container, record and stored events.

    Raises:
        SessionBusy: it should be running, and `force` was not given.
    """
    if force and await cut_off(fleet, session.session_id):
        return
    async with fleet.changing(session.session_id):
        session = fleet.world.registry.get(session.session_id)
        check_removable(session, force=force)
        if session.live or fleet.held(session.session_id):
            session = await stop_alone(fleet, session)
        await _drop(fleet, session, purge=purge)
    if not fleet.world.registry.sessions():
        await _leave_engine(fleet)


async def _drop(fleet: Fleet, session: Session, *, purge: bool) -> None:
    world = fleet.world
    await world.engine.remove(session.container_name)
    await asyncio.to_thread(world.folders.remove if purge else world.folders.retire, session)
    await world.store.forget(session.session_id)
    world.registry.remove(session.session_id)


async def _leave_engine(fleet: Fleet) -> None:
    """With the last session goes the project's network, unless something else is still on it."""
    try:
        await fleet.world.engine.forget_project(fleet.world.registry.project_id())
    except EngineRefused as exc:
        log.info("network_kept", reason=exc.message)
