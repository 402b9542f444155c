"""After any restart: compare registry, engine, tmux and thread, say what was found, and do what is needed."""

import asyncio
from dataclasses import dataclass
from itertools import count

import structlog

from orchestrator.core.errors import OrchestratorError, SessionNotFound
from orchestrator.core.events import Event
from orchestrator.core.ports import Progress
from orchestrator.core.session import Session
from orchestrator.sessions.bring_up import create_and_start, forget, ready_and_attached
from orchestrator.sessions.diagnosis import Action, Diagnosis, diagnose
from orchestrator.sessions.fleet import Fleet, inspected
from orchestrator.sessions.records import missing, rebuild_missing
from orchestrator.sessions.stop import stop_alone
from orchestrator.sessions.supervised import supervised

log = structlog.get_logger()

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
    rebuilt = set() if dry_run else set(await rebuild_missing(fleet, containers.values()))
    known = [s for s in fleet.world.registry.sessions() if s.session_id not in fleet.launching]
    if dry_run:
        known += missing(fleet, containers.values())
        plans = [(s, diagnose(s, containers.get(s.session_id))) for s in known]
        return [_told(session, diagnosis, _would(fleet, session, diagnosis)) for session, diagnosis in plans]
    limit = asyncio.Semaphore(AT_ONCE)
    tasks = [
        asyncio.create_task(_one(fleet, s, limit, progress, rebuilt=s.session_id in rebuilt)) for s in known
    ]
    numbers = count(1)
    for task in tasks:
        task.add_done_callback(lambda _: progress(f"{next(numbers)} of {len(tasks)} seen to"))
    await asyncio.sleep(0)  # each has its session to itself now
    fleet.begun.set()
    return [result for result in await asyncio.gather(*tasks) if result is not None]


def _would(fleet: Fleet, session: Session, diagnosis: Diagnosis) -> str:
    if diagnosis.action is Action.REATTACH and fleet.held(session.session_id):
        return "nothing to do"
    return diagnosis.action


async def _one(
    fleet: Fleet, known: Session, limit: asyncio.Semaphore, progress: Progress, *, rebuilt: bool
) -> Resumed | None:
    """What became of one session; None where it was removed before its turn came."""
    async with fleet.changing(known.session_id), limit:
        found = f"nothing of {known.container_name}"
        try:
            session = fleet.world.registry.get(known.session_id)
            diagnosis = diagnose(session, await inspected(fleet, session))
            if rebuilt:
                found = f"in the engine, not in the registry; {diagnosis.found}; the record is rebuilt"
                diagnosis = Diagnosis(found, diagnosis.action)
            found = diagnosis.found
            progress(f"{session.role} ({session.session_id}): {found}")
            return await _resume_one(fleet, session, diagnosis)
        except SessionNotFound:
            return None
        except OrchestratorError as exc:
            return _failed(known, found, exc.message, exc.hint or await _look_next(fleet, known))
        except Exception as exc:
            log.exception("resume_broke", session_id=known.session_id)
            return _failed(
                known, found, f"{type(exc).__name__}: {exc}", "`orchestrator daemon logs` has more"
            )


async def _look_next(fleet: Fleet, session: Session) -> str:
    """Where to look after a failure that says nothing of it."""
    try:
        container = await inspected(fleet, session)
    except OrchestratorError as exc:
        return exc.hint or "orchestrator doctor"
    if container is None:
        return "there is no container now; `orchestrator resume-all` tries again"
    return f"docker logs {session.container_name}"


def _failed(session: Session, found: str, detail: str, way_on: str) -> Resumed:
    return Resumed(
        session_id=session.session_id,
        role=session.role,
        found=found,
        action="failed",
        ok=False,
        detail=detail,
        next=way_on,
    )


async def _resume_one(fleet: Fleet, session: Session, diagnosis: Diagnosis) -> Resumed:
    if diagnosis.action is Action.LEAVE:
        return _told(session, diagnosis, "left alone")
    if diagnosis.action is Action.REATTACH and fleet.held(session.session_id):
        return _told(session, diagnosis, ATTACHED)
    await _act(fleet, session, diagnosis)
    return _told(session, diagnosis, diagnosis.action)


async def _act(fleet: Fleet, session: Session, diagnosis: Diagnosis) -> None:
    engine, action = fleet.world.engine, diagnosis.action
    if action is Action.FORGET:
        await forget(fleet.world, session)
        return
    if action is Action.FINISH_STOP:
        await stop_alone(fleet, session)
        return
    if action is Action.UNPAUSE:
        await engine.unpause(session.container_name)
        if fleet.held(session.session_id):
            return  # a pause ended nothing: its streams go on
    await fleet.detach(session.session_id, {"why": diagnosis.found})
    before = supervised(fleet.world, session)
    if action is Action.START:
        fleet.world.folders.write_order(session)
        await engine.start(session.container_name)
    elif action is Action.RECREATE:
        await engine.remove(session.container_name)
        session = await create_and_start(fleet, session)
    fresh = action in {Action.START, Action.RECREATE}
    await ready_and_attached(
        fleet,
        session,
        before=before if fresh else None,
        event=Event.SESSION_RESUMED,
        detail={"found": diagnosis.found, "action": action.value},
    )


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
