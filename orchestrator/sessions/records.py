"""Records that the registry has lost: rebuilt from the labels of the containers that carry them."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.core.errors import OrchestratorError
from orchestrator.core.ports import Container
from orchestrator.core.session import Desired, Session
from orchestrator.sessions.diagnosis import UP
from orchestrator.sessions.fleet import Fleet, inspected
from orchestrator.sessions.world import World


def missing(fleet: Fleet, containers: Iterable[Container]) -> list[Session]:
    """The sessions that only the engine knows, as their labels and their folders tell them."""
    world = fleet.world
    known = {s.session_id for s in world.registry.sessions()}
    told = [(world.describe.record(container), container) for container in containers]
    return [
        _as_last_ordered(world, session, container)
        for session, container in told
        if session is not None and session.session_id not in known
    ]


def unrecorded(fleet: Fleet, containers: Iterable[Container]) -> list[Session]:
    """Those of `missing` that have no record at all; one that cannot be read is told by itself."""
    unreadable = {Path(b.path).stem for b in fleet.world.registry.broken()}
    return [s for s in missing(fleet, containers) if s.session_id not in unreadable]


def _as_last_ordered(world: World, session: Session, container: Container) -> Session:
    """The labels are from the launch: what was wanted last stands in the session's folder.

    Where that cannot be read either, what runs is wanted, and what does not run is not started.
    """
    running = Desired.RUNNING if container.state in UP else Desired.STOPPED
    wanted = world.folders.order(session).get("desired")
    return replace(
        session,
        container_id=container.container_id,
        thread_id=_thread(world, session),
        branch=world.workspaces.branch(session.workspace),
        desired=Desired(wanted) if wanted in set(Desired) else running,
    )


def _thread(world: World, session: Session) -> str:
    """As its folder has it; what is wrong with a file that cannot be read is told by the supervisor."""
    try:
        return world.folders.thread_id(session)
    except OrchestratorError:
        return ""


async def rebuild_missing(fleet: Fleet, containers: Iterable[Container]) -> list[str]:
    """Write the missing records; their ids."""
    rebuilt: list[str] = []
    for found in missing(fleet, containers):
        async with fleet.changing(found.session_id):
            rebuilt += await _rebuild(fleet, found)
    return rebuilt


async def _rebuild(fleet: Fleet, found: Session) -> list[str]:
    """Look again, alone with the session: it may have been removed since the engine was asked."""
    registry = fleet.world.registry
    container = await inspected(fleet, found)
    if container is None or not missing(fleet, [container]):
        return []
    for broken in registry.broken():
        if found.session_id in broken.path:
            registry.set_aside(broken.path)
    registry.put(found)
    return [found.session_id]


async def verify(fleet: Fleet) -> dict[str, Any]:
    """What the registry holds, what of it cannot be read, and what has a container and no record."""
    registry = fleet.world.registry
    containers = await fleet.containers()
    return {
        "sessions": len(registry.sessions()),
        "broken": [{"path": b.path, "reason": b.reason} for b in registry.broken()],
        "missing": [s.session_id for s in unrecorded(fleet, containers.values())],
    }


async def rebuild(fleet: Fleet, *, dry_run: bool) -> dict[str, Any]:
    """Set broken records aside and write those that the engine's labels still tell."""
    registry = fleet.world.registry
    containers = (await fleet.containers()).values()
    broken = [b.path for b in registry.broken()]
    if dry_run:
        return {"rebuilt": [s.session_id for s in missing(fleet, containers)], "set_aside": broken}
    rebuilt = await rebuild_missing(fleet, containers)
    aside = [registry.set_aside(b.path) for b in registry.broken()]
    return {"rebuilt": rebuilt, "set_aside": sorted({*aside, *broken})}
