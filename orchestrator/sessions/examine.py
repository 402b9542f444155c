"""The doctor's checks that the daemon can make: each ok, warn or fail, with what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from shutil import disk_usage

from orchestrator.core.errors import OrchestratorError
from orchestrator.core.session import Session
from orchestrator.sessions.fleet import Fleet
from orchestrator.sessions.records import missing
from orchestrator.sessions.supervised import supervised

LEAST_FREE_BYTES = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """`status` is ok, warn or fail; `fix` is one line, empty when all is well."""

    name: str
    status: str
    detail: str
    fix: str = ""


async def examine(fleet: Fleet) -> list[Check]:
    """Every check, in the order in which one would look for a fault."""
    checks = [await _engine(fleet), _disk(fleet), await _store(fleet), _registry(fleet)]
    checks.append(await _orphans(fleet))
    live = [s for s in fleet.world.registry.sessions() if s.live]
    return [*checks, *(_walls(fleet, session) for session in live)]


async def _engine(fleet: Fleet) -> Check:
    try:
        facts = await fleet.world.engine.facts()
    except OrchestratorError as exc:
        return Check(name="engine", status="fail", detail=exc.message, fix=exc.hint)
    detail = f"{facts.version} (API {facts.api_version}, cgroup v{facts.cgroup_version})"
    return Check(name="engine", status="ok", detail=detail)


def _disk(fleet: Fleet) -> Check:
    free = disk_usage(fleet.world.home.root).free
    detail = f"{free / 1024**3:.1f} GiB free at {fleet.world.home.root}"
    if free < LEAST_FREE_BYTES:
        return Check(name="disk", status="warn", detail=detail, fix="free some space")
    return Check(name="disk", status="ok", detail=detail)


async def _store(fleet: Fleet) -> Check:
    try:
        faults = await fleet.world.store.check()
    except OrchestratorError as exc:
        faults = [exc.message]
    if faults:
        return Check(
            name="event store", status="fail", detail="; ".join(faults[:3]), fix="keep the file; report it"
        )
    return Check(name="event store", status="ok", detail=str(fleet.world.home.database))


def _registry(fleet: Fleet) -> Check:
    registry = fleet.world.registry
    broken = registry.broken()
    if broken:
        detail = "; ".join(f"{b.path}: {b.reason}" for b in broken[:3])
        return Check(name="registry", status="fail", detail=detail, fix="`orchestrator registry rebuild`")
    return Check(name="registry", status="ok", detail=f"{len(registry.sessions())} sessions")


async def _orphans(fleet: Fleet) -> Check:
    try:
        lost = missing(fleet, (await fleet.containers()).values())
    except OrchestratorError as exc:
        return Check(name="containers", status="warn", detail=f"not compared: {exc.message}")
    if lost:
        names = ", ".join(s.container_name for s in lost)
        return Check(
            name="containers",
            status="warn",
            detail=f"not in the registry: {names}",
            fix="`orchestrator resume-all`",
        )
    return Check(name="containers", status="ok", detail="all are in the registry")


def _walls(fleet: Fleet, session: Session) -> Check:
    status = supervised(fleet.world, session)
    walls = status.walls
    name = f"walls of {session.role} ({session.session_id})"
    if not walls:
        return Check(name=name, status="warn", detail=status.fault or "not probed yet")
    own = walls.get("codex_sandbox", "unknown")
    detail = f"container: {container_words(walls.get('container') or {})}; codex's own sandbox: {own}"
    if own == "broken":
        return Check(
            name=name,
            status="fail",
            detail=detail,
            fix="allow user namespaces on the engine's host, or launch with --sandbox danger-full-access",
        )
    return Check(name=name, status="ok", detail=detail)


def container_words(found: Mapping[str, object]) -> str:
    """What the supervisor's probe found of the container, in words; a wall that is missing is in capitals."""
    if not found:
        return "not known"
    powers = str(found.get("capabilities"))
    words = [
        "no new privileges" if found.get("no_new_privileges") else "NEW PRIVILEGES",
        f"CAPABILITIES {powers}" if powers.strip("0") else "no capabilities",
        "a read-only root" if found.get("read_only_root") else "A WRITABLE ROOT",
        "A DOCKER SOCKET" if found.get("docker_socket") else "no Docker socket",
    ]
    return ", ".join(words)
