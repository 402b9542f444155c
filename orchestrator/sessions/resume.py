"""After any restart: compare registry, engine, tmux and thread, say what was found, and do what is needed."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import structlog

from orchestrator.core.errors import OrchestratorError, SelectorAmbiguous, SessionNotFound
from orchestrator.core.events import Event
from orchestrator.core.identity import resolve
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

    Progress is told of those with which something is to be done.

    Raises:
        EngineUnreachable: nothing was touched, and nothing is marked dead.
    """
    containers = await fleet.containers()
    rebuilt = set() if dry_run else set(await rebuild_missing(fleet, containers.values()))
    known = [s for s in fleet.world.registry.sessions() if s.session_id not in fleet.launching]
    if dry_run:
        known += missing(fleet, containers.values())
        plans = [(s, diagnose(s, containers.get(s.session_id))) for s in known]
        return [_told(s, known, diagnosis, _would(fleet, s, diagnosis)) for s, diagnosis in plans]
    limit = asyncio.Semaphore(AT_ONCE)
    idle = {s.session_id for s in known if _settled(fleet, s, diagnose(s, containers.get(s.session_id)))}
    tasks = {
        s.session_id: asyncio.create_task(
            _one(
                fleet,
                s,
                known,
                limit,
                _silent if s.session_id in idle else progress,
                rebuilt=s.session_id in rebuilt,
            )
        )
        for s in known
    }
    numbers, total = count(1), len(tasks) - len(idle)
    for session_id in tasks.keys() - idle:
        tasks[session_id].add_done_callback(lambda _: progress(f"{next(numbers)} of {total} seen to"))
    await asyncio.sleep(0)  # each has its session to itself now
    fleet.begun.set()
    return [result for result in await asyncio.gather(*tasks.values()) if result is not None]


def _settled(fleet: Fleet, session: Session, diagnosis: Diagnosis) -> bool:
    """Whether there is nothing to do about it."""
    if diagnosis.action is Action.REATTACH:
        return bool(fleet.held(session.session_id))
    return diagnosis.action is Action.LEAVE


def _silent(_: str) -> None:
    """Progress of what makes none."""


def _would(fleet: Fleet, session: Session, diagnosis: Diagnosis) -> str:
    if diagnosis.action is Action.REATTACH and fleet.held(session.session_id):
        return "nothing to do"
    return diagnosis.action


async def _one(
    fleet: Fleet,
    known: Session,
    others: Sequence[Session],
    limit: asyncio.Semaphore,
    progress: Progress,
    *,
    rebuilt: bool,
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
            progress(f"{session.role} {session.session_id}: {found}")
            return await _resume_one(fleet, session, others, diagnosis)
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


async def _resume_one(
    fleet: Fleet, session: Session, known: Sequence[Session], diagnosis: Diagnosis
) -> Resumed:
    if diagnosis.action is Action.LEAVE:
        return _told(session, known, diagnosis, "left alone")
    if diagnosis.action is Action.REATTACH and fleet.held(session.session_id):
        return _told(session, known, diagnosis, ATTACHED)
    await _act(fleet, session, diagnosis)
    return _told(session, known, diagnosis, diagnosis.action)


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


def _told(session: Session, known: Sequence[Session], diagnosis: Diagnosis, action: str) -> Resumed:
    left = diagnosis.action in {Action.LEAVE, Action.FORGET, Action.FINISH_STOP}
    return Resumed(
        session_id=session.session_id,
        role=session.role,
        found=diagnosis.found,
        action=str(action),
        ok=True,
        next="" if left else f"orchestrator attach {_called(session, known)}",
    )


def _called(session: Session, known: Sequence[Session]) -> str:
    """Its role where that means this session alone; else its id."""
    try:
        means = resolve(session.role, known).session_id
    except SelectorAmbiguous:
        means = ""
    return session.role if means == session.session_id else session.session_id
