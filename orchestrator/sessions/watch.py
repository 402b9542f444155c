"""The eye on the engine: a container that ended, or came back, without our doing, or was not stopped."""

import asyncio

import structlog

from orchestrator.core.errors import OrchestratorError, SessionNotFound
from orchestrator.core.events import Event
from orchestrator.core.ports import Container
from orchestrator.core.session import Session
from orchestrator.sessions.diagnosis import UP
from orchestrator.sessions.fleet import Fleet, inspected
from orchestrator.sessions.stop import stop_alone

log = structlog.get_logger()

LOOK_EVERY = 1.0


async def watch(fleet: Fleet) -> None:
    """Look at the engine again and again: let go of what ended, hold what came back."""
    down = False
    async with asyncio.TaskGroup() as looks:
        while True:
            await fleet.world.clock.sleep(LOOK_EVERY)
            try:
                containers = await fleet.containers()
            except OrchestratorError as exc:
                if not down:
                    log.warning("engine_lost", reason=exc.message)
                down = True
                continue
            down = False
            for session in fleet.world.registry.sessions():
                busy = fleet.changes(session.session_id)
                if not busy and _differs(fleet, session, containers.get(session.session_id)):
                    looks.create_task(_look(fleet, session.session_id))


def _differs(fleet: Fleet, session: Session, container: Container | None) -> bool:
    """Whether what is held, or wanted, is not what runs."""
    up = container is not None and container.state in UP
    if up and not session.live:
        return True
    if fleet.held(session.session_id):
        return not up
    return up and bool(session.container_id)


async def _look(fleet: Fleet, session_id: str) -> None:
    """Look again, alone with the session; one that hangs delays no other."""
    try:
        async with fleet.changing(session_id):
            await _follow(fleet, fleet.world.registry.get(session_id))
    except SessionNotFound:
        return  # it was removed meanwhile
    except OrchestratorError as exc:
        log.warning("watch_failed", session_id=session_id, reason=exc.message)
    except Exception:
        log.exception("watch_broke", session_id=session_id)


async def _follow(fleet: Fleet, session: Session) -> None:
    container = await inspected(fleet, session)
    if not _differs(fleet, session, container):
        return
    if container is not None and container.state in UP and not session.live:
        await stop_alone(fleet, session)  # a stop that the engine did not carry out
    elif fleet.held(session.session_id):
        code = container.exit_code if container else None
        await fleet.detach(session.session_id, {"why": "its container ended", "exit_code": code})
    else:
        await fleet.attach(session, Event.SESSION_RESUMED, {"found": "its container came back"})
