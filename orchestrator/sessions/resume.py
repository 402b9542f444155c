"""After any restart: compare registry, engine, tmux and thread, say what was found, and do what is needed."""

import asyncio
from dataclasses import dataclass

from orchestrator.core.errors import OrchestratorError
from orchestrator.core.events import Event
from orchestrator.core.ports import Progress
from orchestrator.core.session import Session
from orchestrator.sessions.bring_up import create_and_start, ready_and_attached
from orchestrator.sessions.diagnosis import Action, Diagnosis, diagnose
from orchestrator.sessions.fleet import Fleet
from orchestrator.sessions.ready import boot_number
from orchestrator.sessions.records import rebuild_missing
from orchestrator.sessions.stop import stop

AT_ONCE = 4
ATTACHED = "attached already"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """What resuming found of one session and did; `next` is the command to type now."""

    session_id: str
    role: str
    found: str
    action: str
    ok: bool
    detail: str = ""
    next: str = ""


async def resume_all(fleet: Fleet, progress: Progress, *, dry_run: bool = False) -> list[Resumed]:
    """Bring every session back to what is wanted of it; one that fails delays no other.

    Raises:
        EngineUnreachable: nothing was touched, and nothing is marked dead.
    """
    containers = await fleet.containers()
    rebuilt = set() if dry_run else set(rebuild_missing(fleet, containers.values()))
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(session: Session) -> Resumed:
        container = containers.get(session.session_id)
        diagnosis = diagnose(session, container)
        if session.session_id in rebuilt:
            found = f"in the engine, not in the registry; {diagnosis.found}"
            diagnosis = Diagnosis(f"{found}; the record is rebuilt", diagnosis.action)
        if dry_run:
            return _told(session, diagnosis, diagnosis.action)
        async with limit:
            progress(f"{session.role} ({session.session_id}): {diagnosis.found}")
            return await _resume_one(fleet, session, diagnosis)

    return list(await asyncio.gather(*(one(s) for s in fleet.world.registry.sessions())))


async def _resume_one(fleet: Fleet, session: Session, diagnosis: Diagnosis) -> Resumed:
    if diagnosis.action is Action.LEAVE:
        return _told(session, diagnosis, "left alone")
    if diagnosis.action is Action.REATTACH and fleet.held(session.session_id):
        return _told(session, diagnosis, ATTACHED)
    fleet.busy.add(session.session_id)
    try:
        await _act(fleet, session, diagnosis)
    except OrchestratorError as exc:
        return Resumed(
            session_id=session.session_id,
            role=session.role,
            found=diagnosis.found,
            action="failed",
            ok=False,
            detail=exc.message,
            next=exc.hint or f"docker logs {session.container_name}",
        )
    finally:
        fleet.busy.discard(session.session_id)
    return _told(session, diagnosis, diagnosis.action)


async def _act(fleet: Fleet, session: Session, diagnosis: Diagnosis) -> None:
    engine, action = fleet.world.engine, diagnosis.action
    if action is Action.FORGET:
        await _forget(fleet, session)
        return
    if action is Action.FINISH_STOP:
        await stop(fleet, session)
        return
    await fleet.detach(session.session_id, {"why": diagnosis.found})
    boots = boot_number(fleet.world, session)
    if action is Action.UNPAUSE:
        await engine.unpause(session.container_name)
    elif action is Action.START:
        fleet.world.folders.write_order(session)
        await engine.start(session.container_name)
    elif action is Action.RECREATE:
        await engine.remove(session.container_name)
        session = await create_and_start(fleet, session)
    fresh = action in {Action.START, Action.RECREATE}
    await ready_and_attached(
        fleet,
        session,
        after_boot=boots if fresh else boots - 1,
        event=Event.SESSION_RESUMED,
        detail={"found": diagnosis.found, "action": action.value},
    )


async def _forget(fleet: Fleet, session: Session) -> None:
    world = fleet.world
    await world.engine.remove(session.container_name)
    await asyncio.to_thread(world.folders.remove, session)
    world.registry.remove(session.session_id)
    await world.store.forget(session.session_id)


def _told(session: Session, diagnosis: Diagnosis, action: str) -> Resumed:
    left = diagnosis.action in {Action.LEAVE, Action.FORGET, Action.FINISH_STOP}
    return Resumed(
        session_id=session.session_id,
        role=session.role,
        found=diagnosis.found,
        action=str(action),
        ok=True,
        next="" if left else f"orchestrator attach {session.session_id}",
    )
