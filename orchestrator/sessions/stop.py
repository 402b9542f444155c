"""The way down: stop a session so that it stays stopped, and remove one for good."""

import asyncio
from dataclasses import replace

import structlog

from orchestrator.core.errors import ContainerGone, EngineRefused, SessionBusy
from orchestrator.core.events import Event
from orchestrator.core.ports import ContainerState
from orchestrator.core.session import Desired, Session
from orchestrator.sessions.fleet import Fleet, note
from orchestrator.sessions.step import Step

log = structlog.get_logger()


def plan_stop(fleet: Fleet, session: Session) -> list[Step]:
    grace = fleet.world.rules.stop_seconds
    return [
        Step("files", f"write desired = stopped for {session.session_id}"),
        Step("engine", f"docker stop -t {grace} {session.container_name}"),
    ]


async def stop(fleet: Fleet, session: Session) -> Session:
    """Stop the session; one that is stopped already stays so. What is wanted is written before it is done."""
    world = fleet.world
    fleet.busy.add(session.session_id)
    try:
        if session.live:
            session = replace(session, desired=Desired.STOPPED)
            world.registry.put(session)
            world.folders.write_order(session)
        held = fleet.held(session.session_id)
        if held is not None:
            held.journal.session = session
            await held.journal.write(note(held.journal, Event.SESSION_STOPPING, {}))
        code = await _stop_container(fleet, session)
        await fleet.detach(session.session_id, {"why": "it was asked to stop", "exit_code": code})
    finally:
        fleet.busy.discard(session.session_id)
    return session


async def _stop_container(fleet: Fleet, session: Session) -> int | None:
    engine = fleet.world.engine
    try:
        if (await engine.inspect(session.container_name)).state is ContainerState.PAUSED:
            await engine.unpause(session.container_name)
        await engine.stop(session.container_name, fleet.world.rules.stop_seconds)
        return (await engine.inspect(session.container_name)).exit_code
    except ContainerGone:
        return None


def plan_remove(session: Session, *, purge: bool) -> list[Step]:
    files = "its whole folder" if purge else "its secrets and codex home; log, transcript and workspace stay"
    return [
        Step("engine", f"docker rm -f {session.container_name}"),
        Step("files", f"remove the record of {session.session_id} and {files}"),
    ]


async def remove(fleet: Fleet, session: Session, *, force: bool, purge: bool) -> None:
    """Remove a session's container, record and stored events.

    Raises:
        SessionBusy: it should be running, and `force` was not given.
    """
    if session.live and not force:
        raise SessionBusy(
            f"{session.role} ({session.session_id}) is running",
            hint="`orchestrator stop` it first, or use `--force`",
        )
    world = fleet.world
    if session.live:
        session = await stop(fleet, session)
    await world.engine.remove(session.container_name)
    await asyncio.to_thread(world.folders.remove if purge else world.folders.retire, session)
    world.registry.remove(session.session_id)
    await world.store.forget(session.session_id)
    if not world.registry.sessions():
        await _leave_engine(fleet)


async def _leave_engine(fleet: Fleet) -> None:
    """With the last session goes the project's network, unless something else is still on it."""
    try:
        await fleet.world.engine.forget_project(fleet.world.registry.project_id())
    except EngineRefused as exc:
        log.info("network_kept", reason=exc.message)
