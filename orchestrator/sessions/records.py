"""Records that the registry has lost: rebuilt from the labels of the containers that carry them."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from orchestrator.core.ports import Container
from orchestrator.core.session import Session
from orchestrator.sessions.fleet import Fleet


def missing(fleet: Fleet, containers: Iterable[Container]) -> list[Session]:
    """The sessions that only the engine knows, as their labels tell them."""
    world = fleet.world
    known = {s.session_id for s in world.registry.sessions()}
    told = [(world.describe.record(container), container) for container in containers]
    return [
        replace(session, container_id=container.container_id)
        for session, container in told
        if session is not None and session.session_id not in known
    ]


def rebuild_missing(fleet: Fleet, containers: Iterable[Container]) -> list[str]:
    """Write the missing records; their ids."""
    found = missing(fleet, containers)
    world = fleet.world
    for session in found:
        for broken in world.registry.broken():
            if session.session_id in broken.path:
                world.registry.set_aside(broken.path)
        world.registry.put(session)
    return [session.session_id for session in found]


async def verify(fleet: Fleet) -> dict[str, Any]:
    """What the registry holds, what of it cannot be read, and what only the engine knows."""
    registry = fleet.world.registry
    containers = await fleet.containers()
    return {
        "sessions": len(registry.sessions()),
        "broken": [{"path": b.path, "reason": b.reason} for b in registry.broken()],
        "missing": [s.session_id for s in missing(fleet, containers.values())],
    }


async def rebuild(fleet: Fleet, *, dry_run: bool) -> dict[str, Any]:
    """Set broken records aside and write those that the engine's labels still tell."""
    registry = fleet.world.registry
    containers = (await fleet.containers()).values()
    broken = [b.path for b in registry.broken()]
    if dry_run:
        return {"rebuilt": [s.session_id for s in missing(fleet, containers)], "set_aside": broken}
    rebuilt = rebuild_missing(fleet, containers)
    aside = [registry.set_aside(b.path) for b in registry.broken()]
    return {"rebuilt": rebuilt, "set_aside": sorted({*aside, *broken})}
